//! A gateway that starts or stops: pages are told to come back, and never that they are nobody.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::Door;
use crate::{
    house::DIRECT_LINE_SECRET,
    page::eventually,
    process::{Process, WITHIN},
};

#[tokio::test]
async fn who_calls_while_the_gateway_starts_is_answered_when_it_has() {
    let mut door = Door::open().await;
    let given = door.page.request(Method::GET, "?watermark=").send().await.unwrap();
    let given: Value = given.json().await.unwrap();
    let stream = given["streamUrl"].as_str().unwrap().to_owned();
    door.house.hides(given["token"].as_str().unwrap());
    door.house.hides(stream.split_once("&t=").unwrap().1);
    door.page.goes_offline().await;
    door.house.terminate().await;
    // Somebody has the data, so the start takes its time.
    let lock = std::fs::File::open(door.house.data_dir().join("warmline.lock")).unwrap();
    lock.lock().unwrap();
    let log = door.house.data_dir().join("../starting.log");
    let calls = async {
        let waits = || async {
            let log = std::fs::read_to_string(&log).unwrap_or_default();
            log.contains("the data is in use by another process").then_some(())
        };
        eventually("it waits for the data", waits).await;
        let status = |path: &str| {
            let ask = door.house.http.get(format!("{}{path}", door.house.origin()));
            async move { ask.send().await.unwrap() }
        };
        assert_eq!(status("/healthz").await.status(), StatusCode::OK, "it lives");
        let ready = status("/readyz").await;
        assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE, "and is not ready");
        assert_eq!(ready.headers()["retry-after"], "1");
        assert_eq!(ready.json::<Value>().await.unwrap()["error"]["code"], "starting");
        let refresh = door.call(Method::POST, "tokens/refresh").bearer_auth(&door.page.token);
        let release = async {
            lock.unlock().unwrap();
            refresh.send().await.unwrap()
        };
        let (read, refreshed, reconnected, mut stream) = tokio::join!(
            door.page.request(Method::GET, "/activities").send(),
            release,
            door.page.request(Method::GET, "?watermark=1").send(),
            crate::page::Reader::open(&stream),
        );
        assert!(!stream.next_set().await.is_empty(), "a stream is opened as well");
        for answer in [read.unwrap(), refreshed, reconnected.unwrap()] {
            assert_eq!(answer.status(), StatusCode::OK, "{}", answer.url().path());
            let body: Value = answer.json().await.unwrap();
            body["token"].as_str().iter().for_each(|token| door.house.hides(token));
        }
    };
    let (gateway, ()) = tokio::join!(Process::start(&door.house.environment, &log), calls);
    assert!(gateway.terminate().await.success());
    door.house.begin().await;
}

#[tokio::test]
async fn who_calls_a_gateway_that_does_not_get_to_its_data_is_told_to_come_back() {
    let mut door = Door::open().await;
    door.page.goes_offline().await;
    door.house.terminate().await;
    let lock = std::fs::File::open(door.house.data_dir().join("warmline.lock")).unwrap();
    lock.lock().unwrap();
    let mut gateway = crate::process::serve(&door.house.environment);
    gateway.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut gateway = gateway.spawn().unwrap();
    let callback =
        door.house.http.post(format!("{}/api/v1/snowBot/receiveMessage", door.house.origin()));
    let told = eventually("somebody answers", async || callback.try_clone()?.send().await.ok());
    let told = told.await;
    assert_eq!(told.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(told.headers()["retry-after"], "1");
    assert_eq!(told.json::<Value>().await.unwrap()["error"]["code"], "starting");
    // It gives up after five seconds, and with it everybody who still waits.
    let waits = door.page.request(Method::GET, "/activities").send().await;
    if let Ok(told) = waits {
        assert_eq!(told.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    let ended = timeout(WITHIN, gateway.wait()).await.expect("it ends").unwrap();
    assert_eq!(ended.code(), Some(1));
    lock.unlock().unwrap();
    door.house.begin().await;
}

const SLOW: &str = r#"{"type":"message","text":"a slow one kolibri"}"#;

/// A request whose end does not come, so that the gateway cannot stop yet.
async fn slow_caller(door: &Door) -> TcpStream {
    let mut slow = TcpStream::connect(&door.house.environment["WARMLINE_LISTEN"]).await.unwrap();
    let head = format!(
        "POST /v3/directline/conversations/{}/activities HTTP/1.1\r\nHost: x\r\n\
         Authorization: Bearer {}\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        door.page.conversation,
        door.page.token,
        SLOW.len()
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 25];
    timeout(WITHIN, slow.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n", "it waits for the rest");
    slow
}

/// Waits until the gateway has begun to stop.
async fn stops(door: &Door) {
    let not_ready = || async {
        let ready = door.house.http.get(format!("{}/readyz", door.house.origin())).send().await;
        (ready.ok()?.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(())
    };
    eventually("it is stopping", not_ready).await;
}

#[tokio::test]
async fn a_gateway_that_stops_answers_pages_to_its_last_moment_and_opens_no_stream() {
    let mut door = Door::open().await;
    let given = door.page.request(Method::GET, "?watermark=").send().await.unwrap();
    let given: Value = given.json().await.unwrap();
    let stream = given["streamUrl"].as_str().unwrap().to_owned();
    door.house.hides(given["token"].as_str().unwrap());
    door.house.hides(stream.split_once("&t=").unwrap().1);
    door.page.goes_offline().await;
    let mut slow = slow_caller(&door).await;
    door.house.gateway().signal("TERM").await;
    stops(&door).await;
    let say = json!({"type": "message", "text": "said to one who leaves kolibri"});
    let page = &door.page;
    for (what, call) in [
        ("refresh", door.call(Method::POST, "tokens/refresh").bearer_auth(&page.token)),
        ("generate", door.call(Method::POST, "tokens/generate").bearer_auth(DIRECT_LINE_SECRET)),
        ("start", door.call(Method::POST, "conversations").bearer_auth(&page.token)),
        ("reconnect", page.request(Method::GET, "?watermark=1")),
        ("read", page.request(Method::GET, "/activities")),
        ("say", page.request(Method::POST, "/activities").json(&say)),
        ("session", door.call(Method::GET, "session/getsessionid").bearer_auth(&page.token)),
    ] {
        let answer = call.send().await.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(answer.status(), StatusCode::OK, "{what}");
        assert_eq!(answer.headers()["connection"], "close", "{what}: one answer, then elsewhere");
        let body: Value = answer.json().await.unwrap();
        body["token"].as_str().iter().for_each(|token| door.house.hides(token));
    }
    let refused = tokio_tungstenite::connect_async(&stream).await.unwrap_err();
    let tokio_tungstenite::tungstenite::Error::Http(refused) = refused else { panic!("{refused}") };
    assert_eq!(refused.status().as_u16(), 503);
    assert_eq!(refused.headers()["retry-after"], "1");
    // What was asked before the stop is answered, too.
    slow.write_all(SLOW.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(WITHIN, slow.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(door.house.ended().await.code(), Some(0));
    door.house.begin().await;
    let log = crate::page::gists(&door.page.log().await);
    for said in ["user: said to one who leaves kolibri", "user: a slow one kolibri"] {
        assert_eq!(log.iter().filter(|gist| *gist == said).count(), 1, "{log:#?}");
    }
}

#[tokio::test]
async fn a_caller_whose_connection_was_idle_is_answered_once_more() {
    let mut door = Door::open().await;
    let mut idle = TcpStream::connect(&door.house.environment["WARMLINE_LISTEN"]).await.unwrap();
    let mut ask = async |path: &str| {
        let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        idle.write_all(head.as_bytes()).await.unwrap();
        let mut answer = vec![0; 4096];
        let read = timeout(WITHIN, idle.read(&mut answer)).await.unwrap().unwrap();
        String::from_utf8_lossy(&answer[..read]).to_ascii_lowercase()
    };
    let before = ask("/healthz").await;
    assert!(before.starts_with("http/1.1 200") && !before.contains("connection: close"));
    let mut slow = slow_caller(&door).await;
    door.house.gateway().signal("TERM").await;
    stops(&door).await;
    let after = ask("/healthz").await;
    assert!(after.starts_with("http/1.1 200") && after.contains("connection: close"), "{after}");
    slow.write_all(SLOW.as_bytes()).await.unwrap();
    assert_eq!(door.house.ended().await.code(), Some(0));
    door.house.begin().await;
}

#[tokio::test]
async fn callers_who_say_nothing_do_not_hold_a_stop_up() {
    let mut door = Door::open().await;
    let address = door.house.environment["WARMLINE_LISTEN"].clone();
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(&address).await.unwrap());
    }
    let began = Instant::now();
    door.house.terminate().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    door.house.begin().await;
}
