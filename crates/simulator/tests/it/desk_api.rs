//! The desk page's API, as a page uses it.

use serde_json::{Value, json};
use simulator::Config;

use crate::rig::{Rig, agent, rig};

async fn order(rig: &Rig, path: &str, body: Value) -> (u16, Value) {
    let url = format!("{}/desk/api/{path}", rig.origin);
    let answer = rig.http.post(url).json(&body).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or_default())
}

async fn state(rig: &Rig) -> Value {
    let url = format!("{}/desk/api/state", rig.origin);
    rig.http.get(url).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn a_person_takes_a_chat_from_offer_to_end() {
    let rig = rig(Config::default()).await;
    rig.play(&agent(), 6).await;
    let seen = state(&rig).await;
    assert_eq!(seen["agent"], json!({"name": "Dana", "mode": "person"}));
    assert_eq!((&seen["dialect"], &seen["down"]), (&json!("servicenow"), &json!(false)));
    let chat = &seen["chats"][0];
    assert_eq!(chat["userId"], "u-1");
    assert_eq!(chat["emailId"], "kim@example.org");
    assert_eq!((&chat["state"], &chat["endedBy"]), (&json!("offered"), &Value::Null));
    assert_eq!(chat["userTyping"], false);
    assert!(chat["waitingSince"].is_u64());
    assert_eq!(chat["lines"][0]["from"], "user");
    assert_eq!(chat["lines"][0]["text"], "Live Agent Support.");

    let path = format!("chats/{}", chat["id"].as_str().unwrap());
    for (what, body) in [
        ("accept", json!({})),
        ("typing", json!({"on": true})),
        ("write", json!({"text": "Hello"})),
        ("end", json!({})),
    ] {
        assert_eq!(order(&rig, &format!("{path}/{what}"), body).await.0, 204, "{what}");
    }
    let seen = state(&rig).await;
    let chat = &seen["chats"][0];
    assert_eq!((&chat["state"], &chat["endedBy"]), (&json!("ended"), &json!("agent")));
    assert_eq!(rig.take(4 + 3 + 3).await.len(), 10);
}

#[tokio::test]
async fn wrong_orders_get_a_code_and_a_sentence() {
    let rig = rig(Config::default()).await;
    rig.play(&agent(), 6).await;
    let id = rig.chat().id;
    for (path, body, status, code) in [
        ("chats/chat-999/accept".to_owned(), json!({}), 404, "unknown_chat"),
        ("chats/nonsense/accept".to_owned(), json!({}), 404, "unknown_chat"),
        (format!("chats/{id}/write"), json!({"text": "x"}), 409, "not_live"),
        (format!("chats/{id}/write"), json!({"words": "x"}), 400, "bad_body"),
        (format!("chats/{id}/typing"), json!({}), 400, "bad_body"),
        (format!("chats/{id}/dance"), json!({}), 404, "unknown_order"),
        ("settings".to_owned(), json!({"mode": "asleep"}), 400, "bad_body"),
        (format!("chats/{id}/accept"), json!({}), 204, ""),
        (format!("chats/{id}/accept"), json!({}), 409, "not_offered"),
        (format!("chats/{id}/write"), json!({"text": " "}), 400, "empty_text"),
    ] {
        let (answered, body) = order(&rig, &path, body).await;
        assert_eq!(answered, status, "{path}");
        if status != 204 {
            assert_eq!(body["error"]["code"], code, "{path}");
            assert!(body["error"]["message"].is_string());
        }
    }
}

#[tokio::test]
async fn settings_change_what_they_name_and_nothing_else() {
    let rig = rig(Config::default()).await;
    for (body, expected) in [
        (json!({"mode": "nobody"}), ("nobody", "servicenow", false)),
        (json!({"dialect": "spec"}), ("nobody", "spec", false)),
        (json!({"mode": "scripted", "dialect": "both", "down": true}), ("scripted", "both", true)),
        (json!({}), ("scripted", "both", true)),
    ] {
        assert_eq!(order(&rig, "settings", body).await.0, 204);
        let seen = state(&rig).await;
        let now = (
            seen["agent"]["mode"].as_str().unwrap(),
            seen["dialect"].as_str().unwrap(),
            seen["down"].as_bool().unwrap(),
        );
        assert_eq!(now, expected);
    }
}

#[tokio::test]
async fn events_begin_with_the_state_and_follow_changes() {
    let rig = rig(Config::default()).await;
    let url = format!("{}/desk/api/events", rig.origin);
    let mut stream = rig.http.get(url).send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut seen = String::new();
    let mut until = async |what: &str| {
        while !seen.contains(what) {
            let chunk = stream.chunk().await.unwrap().expect("the stream goes on");
            seen.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        assert!(seen.starts_with("event: state\n"), "{seen}");
    };
    until(r#""chats":[]"#).await;
    rig.play(&agent(), 6).await;
    until(r#""state":"offered""#).await;
}

#[tokio::test]
async fn strangers_are_refused() {
    let rig = rig(Config::default()).await;
    let url = format!("{}/desk/api/settings", rig.origin);
    let post = || rig.http.post(&url).json(&json!({}));
    for (case, call, status) in [
        ("own page", post().header("origin", &rig.origin), 204),
        ("other site", post().header("origin", "https://evil.example"), 403),
        ("fetch metadata", post().header("sec-fetch-site", "cross-site"), 403),
        ("rebound name", post().header("host", "evil.example"), 403),
    ] {
        assert_eq!(call.send().await.unwrap().status(), status, "{case}");
    }
    let page = rig.http.get(format!("{}/desk", rig.origin)).header("host", "evil.example");
    assert_eq!(page.send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn the_desk_page_is_there_with_or_without_the_built_pages() {
    let rig = rig(Config::default()).await;
    let answer = rig.http.get(format!("{}/desk", rig.origin)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let page = answer.text().await.unwrap();
    match simulator::page("desk.html") {
        Some((kind, bytes)) => {
            assert_eq!(kind, "text/html");
            assert_eq!(page.as_bytes(), &*bytes);
        }
        None => assert!(page.contains("cargo xtask demo"), "{page}"),
    }
    let missing = rig.http.get(format!("{}/assets/none.js", rig.origin));
    assert_eq!(missing.send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn waiting_for_what_never_comes_ends_at_its_deadline() {
    let rig = rig(Config::default()).await;
    let desk = rig.desk.clone();
    tokio::time::pause();
    let waiting = tokio::spawn(async move {
        desk.wait_until(|seen| !seen.chats().is_empty(), std::time::Duration::from_secs(9)).await
    });
    assert_eq!(waiting.await.unwrap(), Err(simulator::TimedOut));
}
