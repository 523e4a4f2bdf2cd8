//! What pages ask for: whom tokens bind, from which origins, how a stream goes on; and bad calls,
//! each of which gets the status and the code that clients know (reference 4.1).

mod attacks;
mod clamd;
mod leaving;
mod origins;
pub(crate) mod private;
mod streams;
mod tokens;
mod upload;
mod widget;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::{
    house::{DIRECT_LINE_SECRET, House, Setting, WEBHOOK_SECRET},
    openapi,
    page::{Page, eventually},
};

const BAD: &str = "bad kolibri";

struct Door {
    house: House,
    page: Page,
}

impl Door {
    async fn open() -> Self {
        Self::of(House::start(Setting::default()).await).await
    }

    async fn of(house: House) -> Self {
        let mut page = house.page("dl_kim").await;
        page.shows(&["bot: Hello!…"]).await;
        Self { house, page }
    }

    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.house.http.request(method, format!("{}/v3/directline/{path}", self.house.origin()))
    }

    fn own(&self, path: &str) -> String {
        format!("conversations/{}{path}", self.page.conversation)
    }

    /// A post to the page's own conversation.
    fn post(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.page.request(Method::POST, "/activities").body(body)
    }

    fn ticket(&self) -> &str {
        self.page.stream_url.split_once("&t=").expect("the address holds a ticket").1
    }

    async fn refuses(&self, what: &str, request: RequestBuilder, expected: (u16, &str)) {
        let (answer, method, path) = openapi::sent(request, what).await;
        let status = answer.status().as_u16();
        let body = answer.text().await.unwrap();
        assert!(!body.contains(BAD) && !body.contains(DIRECT_LINE_SECRET), "{what}: {body}");
        let body: Value =
            serde_json::from_str(&body).unwrap_or_else(|_| panic!("{what}: JSON, not {body:?}"));
        let code = body["error"]["code"].as_str().unwrap_or_default();
        assert_eq!((status, code), expected, "{what}: {body}");
        openapi::describes(&method, &path, status, code);
        assert!(body["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{what}");
    }
}

#[tokio::test]
async fn direct_line_refusals_of_credentials() {
    let door = Door::open().await;
    let other = door.house.page("dl_mallory").await;
    let (secret, token, ticket) = (DIRECT_LINE_SECRET, door.page.token.as_str(), door.ticket());
    let generate = || door.call(Method::POST, "tokens/generate");
    let refresh = || door.call(Method::POST, "tokens/refresh");
    let start = || door.call(Method::POST, "conversations");
    let reconnect = || door.call(Method::GET, &door.own(""));
    let read = || door.call(Method::GET, &door.own("/activities"));
    let say = || {
        let activity = json!({"type": "message", "text": BAD});
        door.call(Method::POST, &door.own("/activities")).json(&activity)
    };
    let stream = |query: &str| door.call(Method::GET, &door.own(&format!("/stream{query}")));
    let changed = |token: &str| {
        let middle = token.len() / 2;
        let letter = if token.as_bytes()[middle] == b'A' { "B" } else { "A" };
        format!("{}{letter}{}", &token[..middle], &token[middle + 1..])
    };
    let unsigned = format!("{}.", token.rsplit_once('.').expect("a JWT has three parts").0);
    let (none, wrong) = ((401, "NotAuthorized"), (403, "Forbidden"));
    let cases = vec![
        ("generate without a credential", generate(), none),
        ("refresh without a credential", refresh(), none),
        ("start without a credential", start(), none),
        ("reconnect without a credential", reconnect(), none),
        ("read without a credential", read(), none),
        ("say without a credential", say(), none),
        ("Basic", start().basic_auth("x", Some(secret)), none),
        ("the secret without its scheme", start().header("authorization", secret), none),
        (
            "generate with a wrong secret",
            generate().bearer_auth("direct-line-secret-77d1e1"),
            wrong,
        ),
        ("generate with the webhook's secret", generate().bearer_auth(WEBHOOK_SECRET), wrong),
        ("generate with a token", generate().bearer_auth(token), wrong),
        ("refresh with the secret", refresh().bearer_auth(secret), wrong),
        ("refresh with a ticket", refresh().bearer_auth(ticket), wrong),
        ("start with garbage", start().bearer_auth("a.b.c"), wrong),
        ("start with a ticket", start().bearer_auth(ticket), wrong),
        ("a token that was changed", read().bearer_auth(changed(token)), wrong),
        ("a token without a signature", read().bearer_auth(&unsigned), wrong),
        ("a very long token", read().bearer_auth("x".repeat(4_000)), wrong),
        ("read with another's token", read().bearer_auth(&other.token), wrong),
        ("say with another's token", say().bearer_auth(&other.token), wrong),
        ("reconnect with another's token", reconnect().bearer_auth(&other.token), wrong),
        ("read with a ticket", read().bearer_auth(ticket), wrong),
        ("say with a ticket", say().bearer_auth(ticket), wrong),
        ("read with the secret", read().bearer_auth(secret), wrong),
        ("a stream without a ticket", stream(""), none),
        ("a stream with a token", stream(&format!("?t={token}")), wrong),
        ("a stream with garbage", stream("?t=garbage"), wrong),
        (
            "another's stream",
            stream(&format!("?t={}", other.stream_url.split_once("&t=").unwrap().1)),
            wrong,
        ),
    ];
    for (what, request, expected) in cases {
        door.refuses(what, request, expected).await;
    }
    door.page.shows_nothing_more().await;
}

#[tokio::test]
async fn direct_line_refusals_of_what_is_asked() {
    let mut door = Door::open().await;
    let read = |query: &str| door.page.request(Method::GET, &format!("/activities{query}"));
    let reconnect = |query: &str| door.page.request(Method::GET, query);
    let start = |body: &'static str| {
        door.call(Method::POST, "conversations").bearer_auth(DIRECT_LINE_SECRET).body(body)
    };
    let ticket = door.ticket();
    let stream =
        |query: &str| door.call(Method::GET, &door.own(&format!("/stream?t={ticket}{query}")));
    let message = |text: &str| json!({"type": "message", "text": text}).to_string();
    let secret = |method, path| door.call(method, path).bearer_auth(DIRECT_LINE_SECRET);
    let deep = format!("{{\"type\":\"message\",\"value\":{}{}}}", "[".repeat(200), "]".repeat(200));
    let long_id = json!({
        "type": "message", "text": BAD, "channelData": {"clientActivityID": "x".repeat(1_000)},
    });
    let (bad, missing) = ((400, "BadArgument"), (400, "MissingProperty"));
    let (nowhere, method) = ((404, "NotFound"), (405, "MethodNotAllowed"));
    let cases = vec![
        ("a watermark that is no number", read("?watermark=abc"), bad),
        ("a watermark below zero", read("?watermark=-1"), bad),
        ("a watermark with a sign", read("?watermark=%2B1"), bad),
        ("an endless watermark", read(&format!("?watermark={}", "9".repeat(30))), bad),
        ("a bad watermark at reconnect", reconnect("?watermark=1.5"), bad),
        ("a bad watermark at a stream", stream("&watermark=x"), bad),
        ("a stream that is no WebSocket", stream("&watermark=0"), bad),
        ("nothing", door.post(""), bad),
        ("no JSON", door.post("text=hello"), bad),
        ("half an activity", door.post("{\"type\":\"message\",\"te"), bad),
        ("an array", door.post(format!("[{}]", message(BAD))), bad),
        ("a text", door.post("\"hello\""), bad),
        ("not UTF-8", door.post(&b"{\"type\":\"message\",\"text\":\"\xff\"}"[..]), bad),
        ("no type", door.post(json!({"text": BAD}).to_string()), bad),
        ("an empty type", door.post(json!({"type": "", "text": BAD}).to_string()), bad),
        ("a type that is a number", door.post(json!({"type": 1, "text": BAD}).to_string()), bad),
        ("a text that is a number", door.post("{\"type\":\"message\",\"text\":5}"), bad),
        ("nested too deep", door.post(deep), bad),
        ("an endless clientActivityID", door.post(long_id.to_string()), bad),
        ("no text", door.post("{\"type\":\"message\"}"), missing),
        ("an empty text", door.post(message("")), missing),
        ("a blank text", door.post(message(" \n ")), missing),
        ("too large", door.post(message(&"x".repeat(256 * 1024))), (413, "TooLarge")),
        ("a start that is no JSON", start("user=kim"), bad),
        ("a start that is an array", start("[]"), bad),
        ("a user that is a text", start("{\"user\":\"kim\"}"), bad),
        ("a user id that is a number", start("{\"user\":{\"id\":7}}"), bad),
        ("no such route", secret(Method::GET, "tokens"), nowhere),
        ("no such route at all", secret(Method::POST, "conversations/x/y/z"), nowhere),
        ("generate by GET", secret(Method::GET, "tokens/generate"), method),
        ("refresh by GET", secret(Method::GET, "tokens/refresh"), method),
        ("start by GET", secret(Method::GET, "conversations"), method),
        ("start by DELETE", secret(Method::DELETE, "conversations"), method),
        ("say by PUT", door.page.request(Method::PUT, "/activities"), method),
        ("reconnect by POST", door.page.request(Method::POST, ""), method),
    ];
    for (what, request, expected) in cases {
        door.refuses(what, request, expected).await;
    }
    door.page.post("all is well kolibri").await;
    door.page.shows(&["user: all is well kolibri", "bot: I do not know…"]).await;
    door.page.shows_nothing_more().await;
}

#[tokio::test]
async fn a_page_of_another_origin_is_let_in_and_can_read_the_answers() {
    let door = Door::open().await;
    let asked = "authorization,content-type,x-ms-bot-agent,x-requested-with";
    for (path, method) in [
        ("tokens/refresh".to_owned(), "POST"),
        ("conversations".to_owned(), "POST"),
        (door.own("?watermark=1"), "GET"),
        (door.own("/activities"), "POST"),
        (door.own("/activities?watermark=1"), "GET"),
    ] {
        let preflight = door
            .call(Method::OPTIONS, &path)
            .header("origin", "https://shop.example.org")
            .header("access-control-request-method", method)
            .header("access-control-request-headers", asked);
        let answer = preflight.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        let header = |name: &str| {
            let value = answer.headers().get(name).unwrap_or_else(|| panic!("{path}: {name}"));
            value.to_str().unwrap().to_ascii_lowercase()
        };
        assert_eq!(header("access-control-allow-origin"), "*");
        assert!(header("access-control-allow-methods").contains(&method.to_ascii_lowercase()));
        let allowed = header("access-control-allow-headers");
        assert!(asked.split(',').all(|name| allowed.contains(name)), "{path}: {allowed}");
        assert!(header("access-control-max-age").parse::<u32>().unwrap() > 0);
    }
    // Who asks for too much is granted nothing of it.
    let endless = door
        .call(Method::OPTIONS, "conversations")
        .header("origin", "https://shop.example.org")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "x-a,".repeat(1_000));
    let endless = endless.send().await.unwrap();
    assert!(endless.headers().get("access-control-allow-headers").is_none());
    // Refusals, too, or else a page could not tell why.
    let refused =
        door.call(Method::POST, "conversations").header("origin", "https://a.example.org");
    let refused = refused.send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(refused.headers()["access-control-allow-origin"], "*");
    let exposed = refused.headers()["access-control-expose-headers"].to_str().unwrap();
    assert!(exposed.contains("retry-after") && exposed.contains("etag"), "{exposed}");
}

#[tokio::test]
async fn a_conversation_is_started_once_and_its_token_is_renewed() {
    let door = Door::open().await;
    let again = door.call(Method::POST, "conversations").bearer_auth(&door.page.token);
    let again = again.json(&json!({"user": {}, "locale": "en-US"})).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::OK, "started before");
    assert_eq!(again.json::<Value>().await.unwrap()["conversationId"], door.page.conversation);
    let renewed = door.call(Method::POST, "tokens/refresh").bearer_auth(&door.page.token);
    let renewed: Value = renewed.send().await.unwrap().json().await.unwrap();
    assert_eq!(renewed["conversationId"], door.page.conversation);
    assert_eq!(renewed["expires_in"], 1800);
    assert_ne!(renewed["token"], door.page.token);
    for token in [renewed["token"].as_str().unwrap(), &door.page.token] {
        let read = door.call(Method::GET, &door.own("/activities")).bearer_auth(token);
        assert_eq!(read.send().await.unwrap().status(), StatusCode::OK, "both are good");
    }
}

#[tokio::test]
async fn a_page_that_comes_is_told_to_its_session_once_in_each_life_of_the_gateway() {
    let mut house = House::start_with(Setting::default(), |environment| {
        environment.insert("RUST_LOG".to_owned(), "info,gateway::presence=debug".to_owned());
    })
    .await;
    let told = |house: &House| {
        house.logged().lines().filter(|line| line.contains("told whether a user is there")).count()
    };
    let mut page = house.page("dl_kim").await;
    page.shows(&["bot: Hello!…"]).await;
    for life in 1..=3 {
        eventually("that they are there", async || (told(&house) >= life).then_some(())).await;
        house.says(&page, "still kolibri").await;
        page.log().await;
        assert_eq!(told(&house), life, "what is known is not told again");
        house.kill().await;
        house.begin().await;
    }
}
