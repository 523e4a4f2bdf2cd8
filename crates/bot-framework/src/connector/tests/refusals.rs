//! A row for each status and code of reference 2.5, in each of the three shapes.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{advance, pause, resume};

use super::*;

/// What kind of failure it is, and its code.
fn sorted<T: std::fmt::Debug>(sent: Result<T, ConnectorError>) -> (&'static str, &'static str) {
    let error = sent.unwrap_err();
    assert!(ConnectorError::CODES.contains(&error.code()), "{}", error.code());
    let kind = match &error {
        ConnectorError::NotTaken { .. } => "not taken",
        ConnectorError::Ambiguous { .. } => "ambiguous",
        ConnectorError::Gone { .. } => "gone",
        ConnectorError::TooLarge { .. } => "too large",
        ConnectorError::Refused { .. } => "refused",
    };
    (kind, error.code())
}

/// The shape of the documents.
fn error_of(code: &str) -> String {
    format!(r#"{{"error":{{"code":"{code}","message":"about: my pay is wrong"}}}}"#)
}

/// The shape of Teams, JSON in a string of JSON.
fn sub_code(code: &str) -> String {
    let inner =
        format!("{{\r\n \"subCode\": \"{code}\",\r\n \"details\": \"my pay is wrong\"\r\n}}");
    serde_json::json!({"errorCode": 209, "message": inner}).to_string()
}

#[tokio::test]
async fn a_refusal_is_sorted_by_whether_the_user_may_have_the_message() {
    const DENIED: &str = r#"{"message":"Authorization has been denied for this request."}"#;
    let channel = Bot::start().await;
    for (status, body, kind, code) in [
        (400, error_of("Bad Argument"), "refused", "bad_argument"),
        (400, error_of("BadArgument"), "refused", "bad_argument"),
        (400, error_of("BadSyntax"), "refused", "bad_argument"),
        (400, error_of("MessageSizeTooBig"), "too large", "message_too_large"),
        (401, error_of("BotNotRegistered"), "refused", "unauthorized"),
        (401, DENIED.to_owned(), "refused", "unauthorized"),
        (403, error_of("ConversationBlockedByUser"), "gone", "blocked_by_user"),
        (403, error_of("BotNotInConversationRoster"), "gone", "not_in_roster"),
        (403, error_of("BotDisabledByAdmin"), "gone", "disabled_by_admin"),
        (403, error_of("ForbiddenOperationException"), "gone", "never_installed"),
        (403, sub_code("MessageWritesBlocked"), "gone", "writes_blocked"),
        (403, error_of("MessageWritesBlocked"), "gone", "writes_blocked"),
        (403, sub_code("ConversationBlockedByUser"), "gone", "blocked_by_user"),
        (403, error_of("InvalidBotApiHost"), "refused", "other_cloud"),
        (403, error_of("NotEnoughPermissions"), "refused", "not_permitted"),
        (403, error_of("SomethingNew"), "refused", "forbidden"),
        (403, DENIED.to_owned(), "refused", "forbidden"),
        (403, String::new(), "refused", "forbidden"),
        (404, error_of("ConversationNotFound"), "gone", "conversation_not_found"),
        (404, error_of("conversationNotFound"), "gone", "conversation_not_found"),
        (404, error_of("ActivityNotFoundInConversation"), "refused", "activity_not_found"),
        (404, error_of("MemberNotFoundInConversation"), "refused", "member_not_found"),
        (404, String::new(), "refused", "not_found"),
        (405, String::new(), "refused", "not_supported"),
        (408, String::new(), "ambiguous", "channel_timeout"),
        (412, error_of("PreconditionFailed"), "not taken", "busy_conversation"),
        (413, error_of("MessageSizeTooBig"), "too large", "message_too_large"),
        (413, "<html>".to_owned(), "too large", "message_too_large"),
        (425, String::new(), "not taken", "not_ready"),
        (429, error_of("Throttled"), "not taken", "throttled"),
        (500, error_of("ServiceError"), "ambiguous", "channel_failed"),
        // What is failing does not tell who is there.
        (500, error_of("ConversationNotFound"), "ambiguous", "channel_failed"),
        (501, String::new(), "refused", "not_supported"),
        (502, error_of("ServiceError"), "ambiguous", "channel_failed"),
        (503, "<html>".to_owned(), "ambiguous", "channel_failed"),
        (504, String::new(), "ambiguous", "channel_failed"),
        (409, String::new(), "refused", "refused"),
        (302, String::new(), "refused", "redirected"),
    ] {
        channel.answers(says(status, "application/json", &body));
        // Each with a token that has not been refused yet.
        let fresh = || connector(&channel);
        let sent = send(&fresh(), &channel).await;
        let sentence = sent.as_ref().unwrap_err().to_string();
        assert_eq!(sorted(sent), (kind, code), "{status} {body}");
        assert!(sentence.len() > 30 && !sentence.contains("my pay"), "{sentence}");
        // The same of what is changed or withdrawn.
        let to = url(&fresh(), &channel);
        let updated = fresh().update(&to, CONVERSATION, "1", HELLO.to_owned(), AMPLE).await;
        assert_eq!(sorted(updated), (kind, code), "{status} {body}");
        let withdrawn = fresh().delete(&to, CONVERSATION, "1", AMPLE).await;
        assert_eq!(sorted(withdrawn), (kind, code), "{status} {body}");
        // A read has been noticed by nobody.
        let kind = if kind == "ambiguous" { "not taken" } else { kind };
        let read = fresh().member(&to, CONVERSATION, "29:x", AMPLE).await;
        assert_eq!(sorted(read), (kind, code), "{status} {body}");
    }
}

#[tokio::test]
async fn the_channel_says_how_long_to_leave_it_alone() {
    let channel = Bot::start().await;
    let connector = connector(&channel);
    let now = ("date", "Sun, 06 Nov 1994 08:49:37 GMT".to_owned());
    let at = |text: &str| ("retry-after", text.to_owned());
    for (status, headers, expected_s) in [
        (429, vec![at("7")], Some(7)),
        (429, vec![at("Sun, 06 Nov 1994 08:50:07 GMT"), now.clone()], Some(30)),
        (429, vec![at("soon")], None),
        (429, vec![], None),
        (412, vec![at("1")], Some(1)),
        (503, vec![at("20")], Some(20)),
        (408, vec![], None),
        (403, vec![at("20")], None),
    ] {
        channel.answers(Says { status, headers, body: String::new() });
        let error = send(&connector, &channel).await.unwrap_err();
        assert_eq!(error.not_before(), expected_s.map(Duration::from_secs), "{status}");
    }
}

#[tokio::test]
async fn a_conversation_of_the_governments_part_is_spoken_into_there_once() {
    let channel = Bot::start().await;
    let connector = connector(&channel);
    let elsewhere = says(403, "application/json", &error_of("InvalidBotApiHost"));
    channel.answers(elsewhere.clone());
    channel.answers_below("/gcc/", says(201, "application/json", r#"{"id":"7"}"#));
    assert_eq!(send(&connector, &channel).await, Ok(placed("7")));
    let paths: Vec<_> = channel.posts().into_iter().map(|call| call.path).collect();
    let there = format!("{}/activities", PATH.replace("/amer/", "/gcc/"));
    assert_eq!(paths, [format!("{PATH}/activities"), there]);
    assert_eq!(channel.posts()[0].body, channel.posts()[1].body);
    // Nor there: once is enough, and from there not again.
    channel.answers_below("/gcc/", elsewhere);
    assert_eq!(sorted(send(&connector, &channel).await), ("refused", "other_cloud"));
    assert_eq!(channel.posts().len(), 4);
    let there = connector.may_call(&format!("{}/gcc", channel.origin())).unwrap();
    let sent = connector.send(&there, "c", HELLO.to_owned(), AMPLE).await;
    assert_eq!(sorted(sent), ("refused", "other_cloud"));
    assert_eq!(channel.posts().len(), 5);
}

#[tokio::test]
async fn a_token_does_not_follow_to_another_host() {
    let (channel, stranger) = (Bot::start().await, Bot::start().await);
    let elsewhere = format!("{}/amer/v3/conversations/c/activities", stranger.origin());
    for status in [301, 302, 303, 307, 308] {
        let mut answer = says(status, "", "");
        answer.headers.push(("location", elsewhere.clone()));
        channel.answers(answer);
        let connector = connector(&channel);
        assert_eq!(sorted(send(&connector, &channel).await), ("refused", "redirected"));
    }
    assert!(stranger.posts().is_empty());
    // And not to the other part of the cloud, unless that is on the list as well.
    let mut config = config(&channel);
    config.cloud.other_teams = Some("https://gcc.example.org/gcc".parse().unwrap());
    channel.answers(says(403, "application/json", &error_of("InvalidBotApiHost")));
    let connector = Connector::new(config).unwrap();
    assert_eq!(sorted(send(&connector, &channel).await), ("refused", "other_cloud"));
}

#[tokio::test]
async fn a_page_is_no_channel() {
    let channel = Bot::start().await;
    channel.answers(says(200, "text/html", "<html>log in to the guest network</html>"));
    let connector = connector(&channel);
    assert_eq!(sorted(send(&connector, &channel).await), ("refused", "not_a_connector"));
}

#[tokio::test]
async fn nobody_there_has_heard_nothing() {
    let (channel, login) = (Bot::start().await, Bot::start().await);
    let connector = connector(&login);
    let to = url(&connector, &channel);
    channel.stop().await;
    let sent = connector.send(&to, "c", HELLO.to_owned(), AMPLE).await;
    assert_eq!(sorted(sent), ("not taken", "unreachable"));
}

#[tokio::test]
async fn a_silent_channel_may_have_shown_it() {
    let channel = Bot::start().await;
    let connector = connector(&channel);
    send(&connector, &channel).await.unwrap();
    let _held = channel.holds_posts();
    let to = url(&connector, &channel);
    let waits = async |posts| {
        channel.posts_reach(posts).await;
        pause();
        advance(AMPLE).await;
        resume();
    };
    let (sent, ()) = tokio::join!(send(&connector, &channel), waits(2));
    assert_eq!(sorted(sent), ("ambiguous", "timeout"));
    let read = connector.member(&to, CONVERSATION, "29:x", AMPLE);
    let (read, ()) = tokio::join!(read, waits(3));
    assert_eq!(sorted(read), ("not taken", "timeout"));
}

#[tokio::test]
async fn a_silent_login_leaves_the_message_unsent() {
    let channel = Bot::start().await;
    let connector = connector(&channel);
    let _held = channel.holds_logins();
    let waits = async {
        channel.logins_reach(1).await;
        pause();
        advance(AMPLE).await;
        resume();
    };
    let (sent, ()) = tokio::join!(send(&connector, &channel), waits);
    assert_eq!(sorted(sent), ("not taken", "login_timeout"));
    assert!(channel.posts().is_empty());
}

/// A channel that takes a whole request, writes this, and hangs up.
async fn abrupt(does: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
            while !read.ends_with(HELLO.as_bytes()) {
                let bytes = stream.read(&mut buffer).await.unwrap();
                read.extend_from_slice(&buffer[..bytes]);
            }
            stream.write_all(does).await.unwrap();
        }
    });
    origin
}

#[tokio::test]
async fn a_channel_that_hangs_up_may_have_shown_it() {
    let login = Bot::start().await;
    let connector = connector(&login);
    for (does, expected) in [
        (b"".as_slice(), Err(("ambiguous", "interrupted"))),
        (b"SSH-2.0-channel\r\n", Err(("ambiguous", "interrupted"))),
        (b"HTTP/1.1 503 Busy\r\ncontent-length: 99\r\n\r\n{", Err(("ambiguous", "channel_failed"))),
        (b"HTTP/1.1 403 No\r\ncontent-length: 99\r\n\r\n{", Err(("refused", "forbidden"))),
        // The status has said it: it is there.
        (b"HTTP/1.1 201 Created\r\ncontent-length: 99\r\n\r\n{\"id\":", Ok(Placed { id: None })),
    ] {
        let to = connector.may_call(&abrupt(does).await).unwrap();
        let sent = connector.send(&to, "c", HELLO.to_owned(), AMPLE).await;
        match expected {
            Ok(expected) => assert_eq!(sent, Ok(expected)),
            Err(expected) => assert_eq!(sorted(sent), expected),
        }
    }
}
