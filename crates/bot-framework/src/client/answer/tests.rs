use proptest::prelude::*;

use super::*;

fn read_replies(body: &str) -> Result<Answer, PostError> {
    replies(body.as_bytes(), StatusCode::OK)
}

fn texts(body: &str) -> Vec<String> {
    match read_replies(body) {
        Ok(Answer::Replies(replies)) => {
            replies.iter().map(|reply| reply.text().unwrap_or_default().into_owned()).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn replies_come_in_order_and_are_read_leniently() {
    let body = r#" {"activities": [
        {"type":"typing"},
        {"type":"message","text":"one","id":null,"locale":null},
        {"type":"message","text":"two","_channelId":"msteams","value":1.0},
        null, "odd", {"text":"without a type"}, {"type":"message","text":7},
        {"type":"message","text":"three","unheard":{"of":[1e400]}}
    ], "activities2": []}"#;
    assert_eq!(texts(body), ["", "one", "two", "three"]);
    let Ok(Answer::Replies(replies)) = read_replies(body) else { panic!() };
    assert_eq!(replies[2].channel_id().as_deref(), Some("msteams"));
    assert!(replies[3].to_json().contains("1e400"), "nothing is lost");
}

#[test]
fn a_bot_that_has_nothing_to_say_says_so_in_many_ways() {
    for body in [r#"{"activities":[]}"#, r#"{"activities":null}"#] {
        assert_eq!(texts(body), [""; 0], "{body}");
    }
    for body in ["", "  ", "OK", "{}", r#"{"id":"1"}"#, "[]", "null", "\"ok\""] {
        assert_eq!(read_replies(body), Ok(Answer::Accepted), "{body}");
    }
}

#[test]
fn replies_that_cannot_be_read_are_a_failure_of_the_bot() {
    for body in
        ["{", r#"{"activities":"#, r#"{"activities":{}}"#, r#"{"activities":"none"}"#, "{} {}"]
    {
        assert_eq!(read_replies(body).unwrap_err().code(), "bad_answer", "{body}");
    }
    let many =
        |count| format!(r#"{{"activities":[{}]}}"#, vec![r#"{"type":"a"}"#; count].join(","));
    assert_eq!(texts(&many(REPLIES_MAX)).len(), REPLIES_MAX);
    assert_eq!(read_replies(&many(REPLIES_MAX + 1)).unwrap_err().code(), "answer_too_large");
}

#[test]
fn an_invokes_body_is_json_or_becomes_it() {
    for (body, expected) in [
        ("", None),
        (" \n", None),
        (r#" {"a": 1.0} "#, Some(r#"{"a": 1.0}"#)),
        ("null", Some("null")),
        ("7", Some("7")),
        ("\"text\"", Some("\"text\"")),
        ("not \"JSON\"", Some(r#""not \"JSON\"""#)),
    ] {
        let answer = invoke(body.as_bytes(), StatusCode::NOT_IMPLEMENTED).unwrap();
        let expected = Answer::Invoke { status: 501, body: expected.map(str::to_owned) };
        assert!(answer == expected, "{body}");
    }
    assert_eq!(invoke(b"\xff", StatusCode::OK).unwrap_err().code(), "bad_answer");
}

#[test]
fn debug_output_of_an_answer_shows_no_words() {
    let body = r#"{"activities":[{"type":"message","text":"my pay is wrong"}]}"#;
    let replies = format!("{:?}", read_replies(body));
    let invoke = format!("{:?}", invoke(b"my pay is wrong", StatusCode::OK));
    assert!(!replies.contains("my pay") && !invoke.contains("my pay"), "{replies} {invoke}");
}

/// Any JSON, not very deep.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    let name = prop_oneof![Just("activities".to_owned()), Just("type".to_owned()), any::<String>()];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            proptest::collection::btree_map(name.clone(), inner, 0..6)
                .prop_map(|members| members.into_iter().collect::<serde_json::Value>()),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_make_reading_panic(body in any::<Vec<u8>>()) {
        let _ = replies(&body, StatusCode::OK);
        let _ = invoke(&body, StatusCode::OK);
    }

    #[test]
    fn no_json_makes_reading_panic_and_every_reply_is_an_activity(body in json()) {
        for body in [body.to_string(), serde_json::json!({"activities": [body, {"type": "message"}]}).to_string()] {
            if let Ok(Answer::Replies(replies)) = read_replies(&body) {
                prop_assert!(replies.iter().all(|reply| !reply.kind().is_empty()));
            }
        }
    }

    #[test]
    fn cut_replies_are_never_taken_for_whole_ones(texts in proptest::collection::vec(any::<String>(), 1..4), cut in any::<proptest::sample::Index>()) {
        let activities: Vec<_> = texts.iter().map(|text| serde_json::json!({"type": "message", "text": text})).collect();
        let body = serde_json::json!({"activities": activities}).to_string();
        let cut = cut.index(body.len() - 1) + 1;
        if let Some(cut) = body.as_bytes().get(..cut) {
            prop_assert_eq!(replies(cut, StatusCode::OK).unwrap_err().code(), "bad_answer");
        }
    }
}
