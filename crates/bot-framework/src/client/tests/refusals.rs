use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{advance, pause, resume};

use super::*;

/// The variant, the code and the pause asked for.
fn sorted(answer: Result<Answer, PostError>) -> (&'static str, &'static str, Option<u64>) {
    match answer.unwrap_err() {
        PostError::Retry { code, not_before, .. } => {
            ("retry", code, not_before.map(|pause| pause.as_secs()))
        }
        PostError::Unanswered { code, .. } => ("unanswered", code, None),
        PostError::Refused { code, .. } => ("refused", code, None),
    }
}

#[tokio::test]
async fn a_status_says_whether_the_turn_may_have_run() {
    let bot = Bot::start().await;
    for (status, expected) in [
        (408, ("retry", "timeout")),
        (425, ("retry", "busy")),
        (429, ("retry", "rate_limited")),
        (502, ("retry", "bad_gateway")),
        (503, ("retry", "busy")),
        (504, ("unanswered", "gateway_timeout")),
        (400, ("refused", "bad_request")),
        (401, ("refused", "unauthorized")),
        (403, ("refused", "forbidden")),
        (404, ("refused", "not_found")),
        (405, ("refused", "method_not_allowed")),
        (409, ("refused", "refused")),
        (413, ("refused", "too_large")),
        (415, ("refused", "not_json")),
        (500, ("refused", "bot_failed")),
        (501, ("refused", "bot_failed")),
        (507, ("refused", "bot_failed")),
        (301, ("refused", "redirected")),
    ] {
        for client in [bot.client(), bot.anonymous()] {
            for expects in [Expects::Nothing, Expects::Replies] {
                bot.answers(says(status, "application/json", r#"{"error":"my pay is wrong"}"#));
                let answer = client.post(post(expects)).await;
                let sentence = answer.clone().unwrap_err().to_string();
                assert!(!sentence.contains("my pay"), "{sentence}");
                assert!(sentence.contains(&status.to_string()), "{sentence}");
                let (variant, code, _) = sorted(answer);
                assert_eq!((variant, code), expected, "{status}");
            }
        }
    }
}

#[tokio::test]
async fn a_bot_says_for_how_long_it_wants_to_be_left_alone() {
    let bot = Bot::start().await;
    for (status, retry_after, expected) in
        [(429, "7", Some(7)), (503, "120", Some(120)), (503, "soon", None)]
    {
        let mut answer = says(status, "", "");
        answer.headers.push(("retry-after", retry_after.to_owned()));
        bot.answers(answer);
        assert_eq!(sorted(hello(&bot.client()).await).2, expected, "{status} {retry_after}");
    }
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let bot = Bot::start().await;
    for status in [301, 302, 303, 307, 308] {
        let mut answer = says(status, "text/html", "<html>");
        answer.headers.push(("location", format!("{}/elsewhere", bot.origin())));
        bot.answers(answer);
        assert_eq!(sorted(hello(&bot.client()).await), ("refused", "redirected", None), "{status}");
    }
    assert!(bot.posts().iter().all(|call| call.path == "/api/messages"));
}

#[tokio::test]
async fn a_page_in_place_of_a_bot_has_taken_nothing() {
    let bot = Bot::start().await;
    let page = "\u{feff}\n<!doctype html><title>Welcome</title>";
    for expects in [Expects::Nothing, Expects::Replies, Expects::InvokeResponse] {
        bot.answers(says(200, "text/html; charset=utf-8", page));
        assert_eq!(sorted(bot.client().post(post(expects)).await).1, "not_a_bot", "{expects:?}");
        bot.answers(says(404, "text/html", page));
        assert_eq!(sorted(bot.client().post(post(expects)).await).1, "not_found", "{expects:?}");
    }
}

#[tokio::test]
async fn an_answer_without_an_end_is_cut() {
    let bot = Bot::start().await;
    let huge =
        format!(r#"{{"activities":[{{"type":"message","text":"{}"}}]}}"#, "x".repeat(5 << 20));
    bot.answers(says(200, "application/json", &huge));
    for expects in [Expects::Replies, Expects::InvokeResponse] {
        let answer = bot.client().post(post(expects)).await;
        assert_eq!(sorted(answer), ("refused", "answer_too_large", None));
    }
    bot.answers(says(500, "application/json", &huge));
    assert_eq!(sorted(hello(&bot.client()).await), ("refused", "bot_failed", None));
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_taken() {
    let bot = Bot::start().await;
    let anonymous = bot.anonymous();
    bot.stop().await;
    let answer = hello(&anonymous).await;
    let sentence = answer.clone().unwrap_err().to_string();
    assert!(sentence.contains("BOT_ENDPOINT") && sentence.contains("refused"), "{sentence}");
    assert_eq!(sorted(answer), ("retry", "unreachable", None));
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_worth_a_repeat() {
    let endpoint = "https://bot.invalid/api/messages".parse().unwrap();
    let bot = Bot::start().await;
    let client = BotClient::new(BotConfig { endpoint, ..bot.config() }).unwrap();
    assert_eq!(sorted(hello(&client).await), ("retry", "unreachable", None));
}

#[tokio::test]
async fn a_bot_that_is_silent_may_have_heard() {
    let bot = Bot::start().await;
    let _held = bot.holds_posts();
    let client = bot.client();
    let passes = async {
        bot.posts_reach(1).await;
        pause();
        advance(AMPLE).await;
        resume();
    };
    let (answer, ()) = tokio::join!(hello(&client), passes);
    assert_eq!(sorted(answer), ("unanswered", "timeout", None));
    assert_eq!(bot.posts().len(), 1, "and hears it once");
}

/// A bot that reads a whole post and then does the same each time.
async fn abrupt(does: &'static [u8]) -> BotClient {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut read, mut buffer) = (Vec::new(), [0; 1024]);
            while !read.ends_with(HELLO.as_bytes()) {
                let bytes = stream.read(&mut buffer).await.unwrap();
                read.extend_from_slice(&buffer[..bytes]);
            }
            stream.write_all(does).await.unwrap();
        }
    });
    BotClient::new(BotConfig { endpoint, credential: Credential::Anonymous }).unwrap()
}

#[tokio::test]
async fn a_bot_that_hangs_up_may_have_heard() {
    let client = abrupt(b"").await;
    for expects in [Expects::Nothing, Expects::Replies, Expects::InvokeResponse] {
        let answer = client.post(post(expects)).await;
        assert_eq!(sorted(answer), ("unanswered", "interrupted", None));
    }
}

#[tokio::test]
async fn half_an_answer_is_an_answer_where_the_status_says_it_all() {
    let client = abrupt(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"activities\":[").await;
    assert_eq!(hello(&client).await, Ok(Answer::Accepted));
    for expects in [Expects::Replies, Expects::InvokeResponse] {
        let answer = client.post(post(expects)).await;
        assert_eq!(sorted(answer), ("unanswered", "interrupted", None));
    }
    let client =
        abrupt(b"HTTP/1.1 503 Busy\r\ncontent-length: 100\r\nretry-after: 3\r\n\r\n").await;
    assert_eq!(sorted(hello(&client).await), ("retry", "busy", Some(3)));
}

#[tokio::test]
async fn what_is_no_http_may_have_heard_too() {
    let client = abrupt(b"SSH-2.0-bot\r\n").await;
    assert_eq!(sorted(hello(&client).await).0, "unanswered");
}
