use std::time::Duration;

use serde_json::json;

use super::PATH;
use super::instance::{Instance, says};
use crate::client::{
    FetchError, MISSED_MAX, MissedFrom, MissedMessage, MissedQuery, NotASysId, missed,
};

const CONVERSATION: &str = "0123456789abcdef0123456789abcdef";

/// 2026-03-12 10:00:00.750 in UTC.
const SINCE_MS: i64 = 1_773_309_600_750;

fn query() -> MissedQuery {
    MissedQuery::new(CONVERSATION, SINCE_MS).unwrap()
}

/// What comes of an answer with these rows, of the conversation asked for unless they say otherwise.
async fn fetched(mut rows: serde_json::Value) -> Result<Vec<MissedMessage>, FetchError> {
    for row in rows.as_array_mut().unwrap().iter_mut().filter_map(|row| row.as_object_mut()) {
        row.entry("conversation").or_insert_with(|| CONVERSATION.into());
    }
    let instance = Instance::start().await;
    instance.answers(200, &json!({"result": rows}).to_string());
    instance.client().messages_since(&query()).await
}

#[tokio::test]
async fn the_table_is_asked_for_agents_words_and_system_texts_of_one_conversation_in_order() {
    let instance = Instance::start().await;
    instance.answers(200, r#"{"result":[]}"#);
    assert_eq!(instance.client().messages_since(&query()).await, Ok(Vec::new()));

    let calls = instance.api_calls();
    assert_eq!((calls.len(), calls[0].path.as_str()), (1, missed::PATH));
    assert_ne!(calls[0].path, PATH);
    assert!(calls[0].body.is_empty());
    assert_eq!(calls[0].header("authorization"), "Bearer token-1");
    assert_eq!(calls[0].header("accept"), "application/json");
    let asked: Vec<_> = form_urlencoded::parse(calls[0].query.as_bytes()).into_owned().collect();
    let filter = format!(
        "conversation={CONVERSATION}^direction=outbound^is_agent=true\
         ^ORq_data_message_type=systemTextMessage^send_time>2026-03-12 09:59:59^ORDERBYsend_time"
    );
    let limit = MISSED_MAX.to_string();
    let expected = [
        ("sysparm_query", filter.as_str()),
        ("sysparm_fields", "sys_id,conversation,payload,send_time,is_agent,q_data_message_type"),
        ("sysparm_limit", limit.as_str()),
    ];
    assert_eq!(asked, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn only_an_id_gets_into_a_query() {
    for wrong in [
        "",
        "0123456789abcdef0123456789abcde",
        "0123456789abcdef0123456789abcdef0",
        "0123456789abcdef^NQactive=true01",
        "0123456789abcdef0123456789abcde^",
        "0123456789abcdef0123456789abcde&",
        "0123456789abcdef0123456789abcdeg",
        " 123456789abcdef0123456789abcdef",
        "javascript:gs.getUserID()0123456",
    ] {
        assert_eq!(MissedQuery::new(wrong, 0), Err(NotASysId), "{wrong}");
    }
    let shouted = CONVERSATION.to_ascii_uppercase();
    assert_eq!(MissedQuery::new(&shouted, SINCE_MS), Ok(query()));
}

#[tokio::test]
async fn a_moment_outside_of_the_calendar_is_moved_to_its_edge() {
    for (since_ms, expected) in [
        (i64::MIN, "send_time%3E1970-01-01+00%3A00%3A00%5E"),
        (0, "send_time%3E1970-01-01+00%3A00%3A00%5E"),
        (i64::MAX, "send_time%3E9999-12-30+21%3A59%3A59%5E"),
    ] {
        let instance = Instance::start().await;
        instance.answers(200, r#"{"result":[]}"#);
        let query = MissedQuery::new(CONVERSATION, since_ms).unwrap();
        instance.client().messages_since(&query).await.unwrap();
        let asked = &instance.api_calls()[0].query;
        assert!(asked.contains(expected), "{asked}");
    }
}

#[tokio::test]
async fn the_words_are_found_in_every_form_of_a_payload() {
    for (payload, expected) in [
        (json!("Hello, how can I help?"), "Hello, how can I help?"),
        (json!("  as typed \n"), "  as typed \n"),
        (json!(""), ""),
        (json!(null), ""),
        (json!(r#"{"uiType":"OutputText","group":"DefaultText","value":"Hi"}"#), "Hi"),
        (json!(r#" {"text":"Hi"}"#), "Hi"),
        (json!({"message": "Hi"}), "Hi"),
        (json!({"value": "", "label": "Hi"}), "Hi"),
        (json!({"value": {"text": "Hi"}}), "Hi"),
        (json!({"display_value": "x", "value": r#"{"value":"Hi"}"#}), "Hi"),
        (json!(r#"{"value":"one"} and two"#), r#"{"value":"one"} and two"#),
        (json!("{not json"), "{not json"),
        (json!(r#"{"url":"https://e.org"}"#), r#"{"url":"https://e.org"}"#),
        (json!({"n": 1}), r#"{"n":1}"#),
        (json!([1, 2]), "[1,2]"),
        (json!(r#""quoted""#), r#""quoted""#),
        (
            json!({"value": {"value": {"value": {"value": {"value": "deep"}}}}}),
            r#"{"value":{"value":{"value":{"value":{"value":"deep"}}}}}"#,
        ),
    ] {
        let shown = payload.to_string();
        let rows = json!([{"sys_id": "m1", "payload": payload, "send_time": ""}]);
        assert_eq!(fetched(rows).await.unwrap()[0].text, expected, "{shown}");
    }
}

#[tokio::test]
async fn moments_are_read_as_utc_and_the_order_is_kept() {
    let row =
        |id: &str, send_time: &str| json!({"sys_id": id, "payload": "x", "send_time": send_time});
    let messages = fetched(json!([
        row("b", "2026-03-12 10:00:00"),
        row("a", "2026-03-12 10:00:05"),
        row("c", "yesterday"),
        {"sys_id": {"display_value": "d", "value": "d"}, "payload": "x"},
    ]))
    .await
    .unwrap();
    let read: Vec<_> =
        messages.iter().map(|message| (message.id.as_str(), message.sent_at_ms)).collect();
    let expected =
        [("b", Some(1_773_309_600_000)), ("a", Some(1_773_309_605_000)), ("c", None), ("d", None)];
    assert_eq!(read, expected);
}

#[tokio::test]
async fn agents_words_are_told_from_system_texts_and_from_what_is_neither() {
    use MissedFrom::{Agent, System, Unclear};
    let system = "systemTextMessage";
    for (is_agent, kind, expected) in [
        (json!("true"), json!(""), Agent),
        (json!("true"), json!("textMessage"), Agent),
        (json!({"display_value": "true", "value": "true"}), json!(null), Agent),
        (json!("false"), json!(system), System),
        (json!("true"), json!(system), System),
        (json!(null), json!({"display_value": "System", "value": system}), System),
        (json!("false"), json!(""), Unclear),
        (json!(null), json!(null), Unclear),
        (json!(""), json!("richControlMessage"), Unclear),
    ] {
        let shown = format!("{is_agent} {kind}");
        let rows = json!([{
            "sys_id": "m1", "payload": "x", "send_time": "",
            "is_agent": is_agent, "q_data_message_type": kind,
        }]);
        assert_eq!(fetched(rows).await.unwrap()[0].from, expected, "{shown}");
    }
}

#[tokio::test]
async fn rows_that_say_nothing_are_left_out_unless_all_do() {
    let good = json!({"sys_id": "m1", "payload": "x", "send_time": ""});
    let bad = [json!({"payload": "x"}), json!({"sys_id": "m2"}), json!({"sys_id": ""})];
    let mut rows = bad.to_vec();
    rows.push(good);
    assert_eq!(fetched(json!(rows)).await.unwrap().len(), 1);
    assert_eq!(fetched(json!(bad)).await.unwrap_err().code(), "unreadable");
}

#[tokio::test]
async fn one_row_that_may_be_anothers_makes_all_unreadable() {
    let row = |conversation: serde_json::Value| json!({"sys_id": "m1", "payload": "x", "conversation": conversation});
    let ours = row(json!(CONVERSATION));
    for fine in [
        json!(CONVERSATION.to_ascii_uppercase()),
        json!({"link": "https://dev.example/api/now/table/sys_cs_conversation/0", "value": CONVERSATION}),
    ] {
        assert_eq!(fetched(json!([ours, row(fine)])).await.unwrap().len(), 2);
    }
    for foreign in [
        json!("fedcba9876543210fedcba9876543210"),
        json!({"value": "fedcba9876543210fedcba9876543210", "display_value": CONVERSATION}),
        json!(""),
        json!(null),
        json!({}),
        json!([CONVERSATION]),
    ] {
        let shown = foreign.to_string();
        let error = fetched(json!([ours, row(foreign)])).await.unwrap_err();
        assert_eq!(error.code(), "unreadable", "{shown}");
        assert!(error.to_string().contains("the column conversation of sys_cs_message"));
    }
    assert_eq!(fetched(json!([ours, 7])).await.unwrap_err().code(), "unreadable");
}

#[tokio::test]
async fn answers_are_sorted_by_what_to_do_next() {
    let denied = r#"{"error":{"message":"Operation Failed","detail":"ACL"},"status":"failure"}"#;
    let html = "<html><title>Instance Hibernating page</title></html>";
    for (status, content_type, body, expected) in [
        (401, "application/json", denied, "not_allowed"),
        (403, "application/json", denied, "not_allowed"),
        (404, "application/json", denied, "not_allowed"),
        (404, "text/html", "", "not_allowed"),
        (400, "application/json", r#"{"error":{"message":"Invalid table"}}"#, "unreadable"),
        (302, "text/html", "", "unreadable"),
        (200, "application/json", "{", "unreadable"),
        (200, "application/json", "{}", "unreadable"),
        (200, "application/json", r#"{"result":{}}"#, "unreadable"),
        (200, "application/json", r#"{"result":null}"#, "unreadable"),
        (200, "text/html", "<html>", "not_success_json"),
        (200, "text/html", html, "hibernating"),
        (503, "text/html", html, "hibernating"),
        (503, "text/html", "", "busy"),
        (500, "application/json", denied, "server_error"),
    ] {
        let instance = Instance::start().await;
        instance.answers_with(says(status, content_type, body));
        let error = instance.client().messages_since(&query()).await.unwrap_err();
        assert_eq!(error.code(), expected, "{status} {body}");
    }
}

#[tokio::test]
async fn missing_rights_name_the_roles_that_would_help() {
    let instance = Instance::start().await;
    instance.answers(403, "{}");
    let error = instance.client().messages_since(&query()).await.unwrap_err();
    assert_eq!(error, FetchError::NotAllowed { status: 403 });
    for role in ["virtual_agent_admin", "interaction_agent"] {
        assert!(error.to_string().contains(role), "{error}");
    }
}

#[tokio::test]
async fn an_empty_list_is_nothing_missed_unless_rows_were_kept_back() {
    for (count, expected) in [
        (None, Ok(Vec::new())),
        (Some("0"), Ok(Vec::new())),
        (Some("3"), Err(FetchError::NotAllowed { status: 200 })),
    ] {
        let instance = Instance::start().await;
        let mut empty = says(200, "application/json", r#"{"result":[]}"#);
        empty.headers.extend(count.map(|count| ("x-total-count", count.to_owned())));
        instance.answers_with(empty);
        assert_eq!(instance.client().messages_since(&query()).await, expected, "{count:?}");
    }
    let instance = Instance::start().await;
    instance.answers(404, r#"{"error":{"message":"No Record found"},"status":"failure"}"#);
    assert_eq!(instance.client().messages_since(&query()).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_refused_token_is_replaced_for_this_call_too() {
    let instance = Instance::start().await;
    instance.answers(200, r#"{"result":[]}"#);
    instance.refuses_token_once();
    instance.client().messages_since(&query()).await.unwrap();
    let calls = instance.api_calls();
    assert_eq!(calls[0].query, calls[1].query);
    assert_eq!(calls[1].header("authorization"), "Bearer token-2");
}

#[tokio::test]
async fn no_token_and_too_many_requests_are_worth_a_repeat() {
    let instance = Instance::start().await;
    let mut limited = says(429, "application/json", "{}");
    limited.headers.push(("retry-after", "7".to_owned()));
    instance.answers_with(limited);
    match instance.client().messages_since(&query()).await {
        Err(FetchError::Retry { not_before, reason: "rate_limited", .. }) => {
            assert_eq!(not_before, Some(Duration::from_secs(7)));
        }
        other => panic!("should be repeated: {other:?}"),
    }
    instance.answers_token_calls(says(401, "application/json", "{}"));
    let error = instance.client().messages_since(&query()).await.unwrap_err();
    assert_eq!(error.code(), "credentials_refused");
}

#[tokio::test]
async fn a_full_page_of_long_messages_fits() {
    let long = "x".repeat(8 * 1024);
    let row = json!({"sys_id": "m", "conversation": {"link": "", "value": CONVERSATION}, "payload": long, "send_time": "2026-03-12 10:00:00"});
    let messages = fetched(json!(vec![row; MISSED_MAX])).await.unwrap();
    assert_eq!(messages.len(), MISSED_MAX);
}

#[tokio::test]
async fn debug_output_shows_no_words() {
    let rows = json!([{"sys_id": "m1", "payload": "my pay is wrong", "send_time": ""}]);
    let shown = format!("{:?}", fetched(rows).await);
    assert!(shown.contains("m1") && !shown.contains("pay"), "{shown}");
}
