//! What a caller may send, how much of it, how fast; and what every answer tells browsers.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::file_with;
use crate::{
    house::{DIRECT_LINE_SECRET, House, Setting, WEBHOOK_SECRET},
    page::{Heard, Page, eventually, gists},
    process::WITHIN,
};

const WEBHOOK: &str = "/api/v1/snowBot/receiveMessage";

/// Calls in a row, the most: many times what a conversation has at once.
const CALLS: usize = 4_000;

/// Calls until one is refused, and gives that back.
async fn flooded(page: &Page) -> reqwest::Response {
    for _ in 0..CALLS {
        let asked = page.request(Method::GET, "");
        let answer = asked.send().await.unwrap();
        if answer.status() != StatusCode::OK {
            return answer;
        }
    }
    panic!("{CALLS} calls and no end");
}

/// What a callback that is none is answered to whom the door is open.
async fn knocks(house: &House, body: String) -> (u16, String) {
    let post = house.http.post(format!("{}{WEBHOOK}", house.origin()));
    let answer = post.bearer_auth(WEBHOOK_SECRET).body(body).send().await.unwrap();
    let status = answer.status().as_u16();
    let said: Value = answer.json().await.unwrap();
    (status, said["error"]["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_page_that_calls_too_fast_is_told_when_to_come_back_and_servicenow_never_is() {
    let rates = "[tenants.default]\nconversation_rate = 50\nuser_rate = 50\nrate = 50\n\
                 [tenants.default.desks.default]\n";
    let mut house = House::start_with(Setting::default(), file_with(rates)).await;
    let mut page = house.page("dl_kim").await;
    page.post("agent").await;
    let chat = house.offered("dl_kim").await;
    house.hears(house.callbacks().queued).await;
    house.desk.accept(&chat).unwrap();
    house.hears(house.callbacks().accepted).await;
    // By the stream, which may come after ServiceNow's answer.
    let connected = |heard: &Heard| gists(&heard.activities).contains(&"notice connected".into());
    page.until("an agent is there", connected).await;
    page.skip_what_was_shown();

    let refused = flooded(&page).await;
    // A page that polls would give up on 429: it is told the same with an empty set.
    let polled = page.request(Method::GET, "/activities?watermark=0").send().await.unwrap();
    assert_eq!(polled.status(), StatusCode::OK);
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["retry-after"], "1");
    let said: Value = refused.json().await.unwrap();
    assert_eq!(said["error"]["code"], "TooManyRequests");

    // As much again from the instance, while there is nothing left for the tenant's users.
    for _ in 0..300 {
        assert_eq!(knocks(&house, "no event".to_owned()).await, (400, "not_json".to_owned()));
    }
    flooded(&page).await;
    // Nor is any other door of the page's wider.
    for (method, path) in [
        (Method::POST, "tokens/refresh"),
        (Method::POST, "conversations"),
        (Method::GET, "session/getsessionid"),
    ] {
        let address = format!("{}/v3/directline/{path}", house.origin());
        let mut calls = 0;
        let refused = loop {
            let asked = house.http.request(method.clone(), &address).bearer_auth(&page.token);
            let answer = asked.send().await.unwrap();
            calls += 1;
            assert!(calls < CALLS, "{path}: no end");
            if !answer.status().is_success() {
                break answer;
            }
        };
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS, "{path}");
        assert_eq!(refused.headers()["retry-after"], "1", "{path}");
    }
    house.desk.write(&chat, "still here kolibri").unwrap();
    page.shows(&["agent: Dana: still here kolibri"]).await;

    // And it passes.
    eventually("the page may call again", async || {
        let asked = page.request(Method::GET, "");
        (asked.send().await.unwrap().status() == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_secret_that_begins_conversations_too_fast_is_told_when_to_come_back_and_pages_go_on() {
    let rates = "[tenants.default]\nstart_rate = 1\n[tenants.default.desks.default]\n";
    let house = House::start_with(Setting::default(), file_with(rates)).await;
    let mut page = house.page("dl_kim").await;
    page.shows(&["bot: Hello!…"]).await;
    for path in ["tokens/generate", "conversations"] {
        let address = format!("{}/v3/directline/{path}", house.origin());
        let mut calls = 0;
        let refused = loop {
            let asked = house.http.post(&address).bearer_auth(DIRECT_LINE_SECRET);
            let answer = asked.send().await.unwrap();
            calls += 1;
            assert!(calls < CALLS, "{path}: no end");
            if !answer.status().is_success() {
                break answer;
            }
        };
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS, "{path}");
        assert_eq!(refused.headers()["retry-after"], "1", "{path}");
        let said: Value = refused.json().await.unwrap();
        assert_eq!(said["error"]["code"], "TooManyRequests", "{path}");
    }
    // Whoever has a token is not measured by it.
    page.post("still here").await;
    page.shows(&["user: still here", "bot: I do not know…"]).await;
    // And it passes.
    let address = format!("{}/v3/directline/tokens/generate", house.origin());
    eventually("the secret may begin another", async || {
        let asked = house.http.post(&address).bearer_auth(DIRECT_LINE_SECRET);
        (asked.send().await.unwrap().status() == StatusCode::OK).then_some(())
    })
    .await;
}

/// Sends this and gives back the answer's first line; empty if there is none.
async fn first_line(house: &House, request: &str) -> String {
    let mut socket = TcpStream::connect(&house.environment["WARMLINE_LISTEN"]).await.unwrap();
    // It may hang up before it has read everything.
    socket.write_all(request.as_bytes()).await.ok();
    let mut answer = Vec::new();
    timeout(WITHIN, socket.read_to_end(&mut answer)).await.expect("it ends").ok();
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_head_that_is_too_long_or_has_too_many_lines_is_refused_at_every_door() {
    let house = House::start(Setting::default()).await;
    for door in [WEBHOOK, "/v3/directline/conversations", "/api/messages", "/healthz", "/none"] {
        let head = |more: &str| {
            format!(
                "POST {door} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                 Authorization: Bearer {WEBHOOK_SECRET}\r\nContent-Length: 0\r\n{more}\r\n"
            )
        };
        // Four of the hundred stand there already.
        let most = first_line(&house, &head(&"X-One: 1\r\n".repeat(96))).await;
        assert!(most.starts_with("HTTP/1.1 ") && !most.contains("431"), "{door}: {most}");
        let more = first_line(&house, &head(&"X-One: 1\r\n".repeat(97))).await;
        assert_eq!(more, "HTTP/1.1 431 Request Header Fields Too Large", "{door}");
        let long = first_line(&house, &head(&format!("X-Long: {}\r\n", "x".repeat(200_000)))).await;
        // Who is cut off while they still send may not get to read it.
        assert!(long.is_empty() || long.contains("431"), "{door}: {long}");
    }
    assert_eq!(knocks(&house, "no event".to_owned()).await.0, 400, "the house stands");
}

#[tokio::test]
async fn what_is_too_large_too_deep_or_too_much_is_refused_for_what_it_is() {
    let house = House::start(Setting::default()).await;
    let page = house.page("dl_kim").await;
    let items = |count: usize| {
        let item = json!({ "uiType": "OutputText", "value": "x" });
        json!({ "userId": "dl_kim", "body": vec![item; count] }).to_string()
    };
    let deep = |count: usize| format!("{{\"body\":{}{}}}", "[".repeat(count), "]".repeat(count));
    for (body, expected) in [
        (" ".repeat(1024 * 1024 + 1), (413, "too_large")),
        (deep(64), (400, "too_deep")),
        (items(201), (400, "too_many_items")),
        // As many as may be, of nobody's chat.
        (items(200), (400, "unknown_session")),
    ] {
        let (status, code) = knocks(&house, body).await;
        assert_eq!((status, code.as_str()), expected);
    }

    let post = async |body: String| {
        let post = page.request(Method::POST, "/activities");
        let post = post.header("content-type", "application/json").body(body);
        let answer = post.send().await.unwrap();
        let status = answer.status().as_u16();
        let said: Value = answer.json().await.unwrap();
        (status, said["error"]["code"].as_str().unwrap_or_default().to_owned())
    };
    let value = |value: &str| {
        format!(
            "{{\"type\":\"message\",\"text\":\"kolibri\",\"from\":{{\"id\":\"dl_kim\"}},\"value\":{value}}}"
        )
    };
    let list = |count: usize| format!("[{}0]", "0,".repeat(count));
    let names = |count: usize| {
        let members: Vec<_> = (0..count).map(|n| format!("\"n{n}\":0")).collect();
        format!("{{{}}}", members.join(","))
    };
    let ok = || (200, String::new());
    for (body, expected) in [
        // The activity itself is the first level.
        (value(&format!("{}{}", "[".repeat(64), "]".repeat(64))), (400, "BadArgument".to_owned())),
        (value(&format!("{}{}", "[".repeat(63), "]".repeat(63))), ok()),
        // A list is as long as its bytes let it be: none of it is taken apart.
        (value(&list(100_000)), ok()),
        (value(&names(15_000)), ok()),
        (value(&list(200_000)), (413, "TooLarge".to_owned())),
    ] {
        let length = body.len();
        assert_eq!(post(body).await, expected, "{length} bytes");
    }
    page.post("still here kolibri").await;
    page.until("it is shown", |heard| {
        heard.activities.iter().any(|shown| shown["text"] == "still here kolibri")
    })
    .await;
}

#[tokio::test]
async fn behind_https_every_answer_says_that_there_is_no_other_way_in() {
    let secure = |environment: &mut crate::process::Environment| {
        environment.insert("WARMLINE_PUBLIC_URL".to_owned(), "https://chat.example.org".to_owned());
    };
    let https = House::start_with(Setting::default(), secure).await;
    let plain = House::start(Setting::default()).await;
    for (method, path, status) in [
        (Method::GET, "/healthz", 200),
        (Method::GET, "/openapi.json", 200),
        (Method::GET, "/widget.js", 200),
        (Method::GET, "/none", 404),
        (Method::POST, WEBHOOK, 401),
        (Method::POST, "/v3/directline/conversations", 401),
        (Method::GET, "/metrics", 404),
    ] {
        for (house, expected) in [(&https, Some("max-age=31536000")), (&plain, None)] {
            let asked = house.http.request(method.clone(), format!("{}{path}", house.origin()));
            let answer = asked.send().await.unwrap();
            assert_eq!(answer.status().as_u16(), status, "{path}");
            let said = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap());
            assert_eq!(said("strict-transport-security"), expected, "{path}");
            assert_eq!(said("x-content-type-options"), Some("nosniff"), "{path}");
            assert_eq!(said("referrer-policy"), Some("no-referrer"), "{path}");
            assert!(said("content-security-policy").is_some(), "{path}");
        }
    }
}
