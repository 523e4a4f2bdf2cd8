//! What strangers and neighbours try: tokens that are none, other sites' conversations, floods.

use bot_framework::direct_line::token::{Claims, Purpose, TokenKey};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::Door;
use crate::{
    house::{DIRECT_LINE_SECRET, House, Setting},
    process::WITHIN,
};

const OTHER_SECRET: &str = "direct-line-secret-of-another-tenant-3d41";

/// Two tenants in one house; gives the second one's page: its conversation and its token.
async fn neighbours() -> (Door, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("warmline.toml");
    let text = r#"
[tenants.default.desks.default]
[tenants.default.bots.default]
[tenants.other.desks.it]
instance = "dev99999"
client_id = "other"
client_secret = "env:OTHER_CLIENT_SECRET"
grant_type = "client_credentials"
webhook_secret = "env:OTHER_WEBHOOK_SECRET"
[tenants.other.bots.help]
direct_line_secret = "env:OTHER_DIRECT_LINE_SECRET"
"#;
    std::fs::write(&file, text).unwrap();
    let house = House::start_with(Setting::default(), |environment| {
        for (name, value) in [
            ("WARMLINE_CONFIG", file.display().to_string().as_str()),
            ("OTHER_CLIENT_SECRET", "other-client-secret-19fe"),
            ("OTHER_WEBHOOK_SECRET", "other-webhook-secret-77ab"),
            ("OTHER_DIRECT_LINE_SECRET", OTHER_SECRET),
        ] {
            environment.insert(name.to_owned(), value.to_owned());
        }
    })
    .await;
    let door = Door::of(house).await;
    let ask = door.call(Method::POST, "conversations").bearer_auth(OTHER_SECRET);
    let given = ask.json(&json!({"user": {"id": "dl_kim"}})).send().await.unwrap();
    assert_eq!(given.status(), StatusCode::CREATED);
    let given: Value = given.json().await.unwrap();
    let text = |name: &str| given[name].as_str().unwrap().to_owned();
    door.house.hides(&text("token"));
    door.house.hides(text("streamUrl").split_once("&t=").unwrap().1);
    (door, text("conversationId"), text("token"))
}

#[tokio::test]
async fn a_site_reaches_its_own_conversations_only() {
    let (door, theirs, their_token) = neighbours().await;
    let user = json!({"user": {"id": "dl_kim"}});
    let of = |conversation: &str, rest: &str| format!("conversations/{conversation}{rest}");
    let ask = |conversation: &str, secret: &str| {
        door.call(Method::POST, &of(conversation, "/tokens")).bearer_auth(secret).json(&user)
    };
    let own = &door.page.conversation;
    let (nowhere, wrong) = ((404, "NotFound"), (403, "Forbidden"));
    let read = |conversation: &str| door.call(Method::GET, &of(conversation, "/activities"));
    for (what, request, expected) in [
        ("their conversation, our secret", ask(&theirs, DIRECT_LINE_SECRET), nowhere),
        ("our conversation, their secret", ask(own, OTHER_SECRET), nowhere),
        ("our conversation, their token", read(own).bearer_auth(&their_token), wrong),
        ("their conversation, our token", read(&theirs).bearer_auth(&door.page.token), wrong),
    ] {
        door.refuses(what, request, expected).await;
    }
    for (conversation, secret) in [(&theirs, OTHER_SECRET), (own, DIRECT_LINE_SECRET)] {
        let given = ask(conversation, secret).send().await.unwrap();
        assert_eq!(given.status(), StatusCode::OK);
        let given: Value = given.json().await.unwrap();
        door.house.hides(given["token"].as_str().unwrap());
    }
}

#[tokio::test]
async fn a_token_that_this_gateway_did_not_sign_opens_nothing() {
    let door = Door::open().await;
    let claims = Claims {
        conversation: door.page.conversation.clone(),
        user: Some("dl_kim".to_owned()),
        name: None,
        origins: Vec::new(),
        site: "default/default".to_owned(),
        reader: None,
        purpose: Purpose::Token,
        issued_at: 0,
        expires_at: u64::from(u32::MAX),
        id: "forged".to_owned(),
    };
    let foreign = TokenKey::new(&[7; 32]).mint(&claims);
    let (head, rest) = door.page.token.split_once('.').unwrap();
    let (body, signature) = rest.split_once('.').unwrap();
    let (foreign_head, foreign_rest) = foreign.split_once('.').unwrap();
    let foreign_body = foreign_rest.split_once('.').unwrap().0;
    assert_eq!(head, foreign_head);
    // {"typ":"JWT","alg":"none"} and {"typ":"JWT","alg":"RS256","jku":"https://evil.example.org"}
    let none = "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0";
    let jku = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiIsImprdSI6Imh0dHBzOi8vZXZpbC5leGFtcGxlLm9yZyJ9";
    let forged = [
        foreign.clone(),
        format!("{head}.{foreign_body}.{signature}"),
        format!("{none}.{foreign_body}."),
        format!("{none}.{body}.{signature}"),
        format!("{jku}.{body}.{signature}"),
        format!("{head}.{body}."),
        format!("{head}.{body}"),
        format!("{}.", door.page.token),
        "..".to_owned(),
    ];
    for token in &forged {
        for (what, call) in [
            ("refresh", door.call(Method::POST, "tokens/refresh")),
            ("read", door.call(Method::GET, &door.own("/activities"))),
            ("reconnect", door.call(Method::GET, &door.own("?watermark="))),
            ("session", door.call(Method::GET, "session/getsessionid")),
        ] {
            door.refuses(what, call.bearer_auth(token), (403, "Forbidden")).await;
        }
        let stream = door.call(Method::GET, &door.own(&format!("/stream?t={token}")));
        door.refuses("stream", stream, (403, "Forbidden")).await;
    }
    door.page.shows_nothing_more().await;
}

/// Sends this and gives back the first line of the answer; empty if there is none.
async fn first_line(door: &Door, request: &str) -> String {
    let mut socket = TcpStream::connect(&door.house.environment["WARMLINE_LISTEN"]).await.unwrap();
    // It may hang up before it has read everything.
    drop(socket.write_all(request.as_bytes()).await);
    let mut answer = Vec::new();
    drop(timeout(WITHIN, socket.read_to_end(&mut answer)).await.expect("it ends"));
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

/// Calls that a conversation has at once, before it is held to its rate.
const AT_ONCE: usize = 400;

#[tokio::test]
async fn floods_of_headers_and_of_origins_are_turned_away() {
    let mut door = Door::open().await;
    let path = format!("/v3/directline/{}", door.own("/activities"));
    let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
    let many = format!("{head}{}\r\n", "X-Flood: 1\r\n".repeat(1_000));
    assert_eq!(first_line(&door, &many).await, "HTTP/1.1 431 Request Header Fields Too Large");
    let long = format!("{head}X-Flood: {}\r\n\r\n", "x".repeat(2 * 1024 * 1024));
    let refused = first_line(&door, &long).await;
    assert!(refused.is_empty() || refused.contains("431"), "{refused}");
    for n in 0..1_000 {
        let asked = door.page.request(Method::GET, "/activities?watermark=1");
        let answer = asked.header("origin", format!("https://{n}.example.org")).send().await;
        let status = answer.unwrap().status();
        // Beyond the rate of one conversation whoever calls is asked to wait.
        let too_fast = n >= AT_ONCE && status == StatusCode::TOO_MANY_REQUESTS;
        assert!(status == StatusCode::OK || too_fast, "{n}: {status}");
    }
    crate::page::eventually("where every page may call, this one may", || async {
        let endless = door.page.request(Method::GET, "/activities?watermark=1");
        let endless = endless.header("origin", format!("https://{}", "a".repeat(10_000)));
        (endless.send().await.unwrap().status() == StatusCode::OK).then_some(())
    })
    .await;
    door.page.post("still here kolibri").await;
    door.page.shows(&["user: still here kolibri", "bot: …"]).await;
}
