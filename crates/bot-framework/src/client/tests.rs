use super::*;
use bot::{Bot, Says, says};

pub(crate) mod bot;
mod refusals;
pub(crate) mod tokens;

/// Longer than anything here takes.
const AMPLE: Duration = Duration::from_secs(20);

const HELLO: &str = r#"{"type":"message","text":"my pay is wrong","value":1.0}"#;

fn post(expects: Expects) -> Post<'static> {
    Post {
        activity: HELLO.to_owned(),
        conversation: "conv-1",
        traceparent: None,
        within: AMPLE,
        expects,
    }
}

async fn hello(client: &BotClient) -> Result<Answer, PostError> {
    client.post(post(Expects::Nothing)).await
}

#[tokio::test]
async fn an_activity_arrives_as_it_was_written() {
    let bot = Bot::start().await;
    let sent = Post { traceparent: Some("00-a-b-01"), ..post(Expects::Nothing) };
    assert_eq!(bot.client().post(sent).await, Ok(Answer::Accepted));
    let calls = bot.posts();
    assert_eq!(calls.len(), 1);
    assert_eq!(
        (calls[0].path.as_str(), calls[0].body.as_slice()),
        ("/api/messages", HELLO.as_bytes())
    );
    for (name, expected) in [
        ("authorization", "Bearer token-1"),
        ("content-type", "application/json"),
        ("x-ms-conversation-id", "conv-1"),
        ("traceparent", "00-a-b-01"),
        ("user-agent", AGENT_NAME),
    ] {
        assert_eq!(calls[0].header(name), expected, "{name}");
    }
}

#[tokio::test]
async fn a_bot_without_an_app_id_gets_no_token() {
    let bot = Bot::start().await;
    assert_eq!(hello(&bot.anonymous()).await, Ok(Answer::Accepted));
    assert_eq!(bot.posts()[0].header("authorization"), "");
    assert!(bot.logins().is_empty());
}

#[tokio::test]
async fn what_no_header_can_carry_is_left_out() {
    let bot = Bot::start().await;
    let sent = Post { traceparent: Some("line\nend"), ..post(Expects::Nothing) };
    bot.client().post(sent).await.unwrap();
    assert_eq!(bot.posts()[0].header("traceparent"), "");
}

#[tokio::test]
async fn a_bot_accepts_in_whatever_way_its_sdk_does() {
    let bot = Bot::start().await;
    for answer in [
        says(200, "", ""),
        says(201, "", ""),
        says(202, "application/json", "{}"),
        says(204, "", ""),
        says(200, "text/plain", "OK"),
        says(200, "text/html; charset=utf-8", "ok"),
        says(200, "application/json", r#"{"id":"1"}"#),
        says(200, "application/json", &"x".repeat(5 * 1024 * 1024)),
    ] {
        bot.answers(answer);
        assert_eq!(hello(&bot.client()).await, Ok(Answer::Accepted));
    }
}

#[tokio::test]
async fn replies_come_in_the_answer_where_they_were_asked_for() {
    let bot = Bot::start().await;
    let body = r#"{"activities":[{"type":"message","text":"one","id":null},{"type":"message","text":"two"}]}"#;
    bot.answers(says(200, "application/json; charset=utf-8", body));
    let answer = bot.client().post(post(Expects::Replies)).await;
    let Ok(Answer::Replies(replies)) = answer else { panic!("{answer:?}") };
    let texts: Vec<_> = replies.iter().map(|reply| reply.text().unwrap().into_owned()).collect();
    assert_eq!(texts, ["one", "two"]);
    // Not where they were not: they would be shown twice.
    assert_eq!(hello(&bot.client()).await, Ok(Answer::Accepted));

    for body in ["", "OK"] {
        bot.answers(says(202, "text/plain", body));
        assert_eq!(bot.client().post(post(Expects::Replies)).await, Ok(Answer::Accepted));
    }
}

#[tokio::test]
async fn an_invoke_is_answered_by_any_status_of_the_bots_own() {
    let bot = Bot::start().await;
    for status in [200, 201, 400, 404, 409, 412, 500, 501] {
        bot.answers(says(status, "application/json", r#"{"value":1.0}"#));
        let answer = bot.client().post(post(Expects::InvokeResponse)).await;
        let body = Some(r#"{"value":1.0}"#.to_owned());
        assert_eq!(answer, Ok(Answer::Invoke { status, body }));
    }
    bot.answers(says(501, "", ""));
    let answer = bot.client().post(post(Expects::InvokeResponse)).await;
    assert_eq!(answer, Ok(Answer::Invoke { status: 501, body: None }));
    for (status, code) in [
        (401, "unauthorized"),
        (403, "forbidden"),
        (502, "bad_gateway"),
        (503, "busy"),
        (504, "gateway_timeout"),
        (302, "redirected"),
    ] {
        bot.answers(says(status, "application/json", "{}"));
        let error = bot.client().post(post(Expects::InvokeResponse)).await.unwrap_err();
        assert_eq!(error.code(), code, "{status}");
    }
}

#[tokio::test]
async fn clones_share_the_token() {
    let bot = Bot::start().await;
    let client = bot.client();
    hello(&client.clone()).await.unwrap();
    hello(&client).await.unwrap();
    assert_eq!(bot.logins().len(), 1);
    assert!(client.is_as(&bot.config()));
    let other = BotConfig { credential: Credential::Anonymous, ..bot.config() };
    assert!(!client.is_as(&other));
}

#[tokio::test]
async fn nothing_that_is_shown_of_a_client_is_secret() {
    let bot = Bot::start().await;
    let client = bot.client();
    hello(&client).await.unwrap();
    let shown = format!("{client:?}");
    assert!(!shown.contains("s3cret") && !shown.contains("token-1"), "{shown}");
}

#[tokio::test]
async fn a_whole_answer_of_a_slow_bot_is_waited_for() {
    let bot = Bot::start().await;
    let release = bot.holds_posts();
    let client = bot.client();
    let answered = async {
        bot.posts_reach(1).await;
        release.send(true).unwrap();
    };
    let (answer, ()) = tokio::join!(hello(&client), answered);
    assert_eq!(answer, Ok(Answer::Accepted));
}
