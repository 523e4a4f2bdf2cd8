//! What goes wrong in the gateway's own house.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::Chat;
use crate::{house::WEBHOOK_SECRET, page::gists};

/// Nothing was taken, and the caller is told when to come back, in a code and in words.
async fn assert_is_503(answer: reqwest::Response, code: &str) {
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["retry-after"], "1");
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["error"]["code"], code, "{body}");
    assert!(body["error"]["message"].as_str().is_some_and(|text| text.len() > 20), "{body}");
}

fn word(chat: &Chat, text: &str) -> reqwest::RequestBuilder {
    let activity = json!({"type": "message", "text": text});
    chat.page.request(Method::POST, "/activities").json(&activity)
}

/// An agent's words, as the instance would post them.
fn callback(chat: &Chat, words: &str) -> reqwest::RequestBuilder {
    let mut body = chat.house.desk.delivered().pop().expect("the agent wrote").body;
    body["body"] = json!([{
        "uiType": "OutputText", "value": words, "messageId": words,
        "agentInfo": {"agentName": "Dana", "sentFromAgent": true},
    }]);
    let address = format!("{}/api/v1/snowBot/receiveMessage", chat.house.origin());
    chat.house.http.post(address).bearer_auth(WEBHOOK_SECRET).json(&body)
}

#[tokio::test]
async fn a_full_disk_takes_nothing_in_says_so_and_heals_without_a_restart() {
    let mut chat = Chat::live().await;
    chat.house.provokes("could not be carried out");
    let wal = chat.house.data_dir().join("warmline.db-wal");
    let full = std::fs::metadata(&wal).unwrap().len();
    chat.house.gateway().limit_files(Some(full)).await;
    assert_is_503(word(&chat, "lost? kolibri").send().await.unwrap(), "ServiceUnavailable").await;
    assert_is_503(callback(&chat, "lost? kolibri").send().await.unwrap(), "store_unavailable")
        .await;
    chat.operator_sees("the store failed").await;
    // What is there can still be read.
    let before = gists(&chat.page.log().await);
    assert!(!before.iter().any(|gist| gist.contains("lost?")), "{before:#?}");
    chat.house.gateway().limit_files(None).await;
    chat.goes_on().await;
    chat.page.shows_nothing_more().await;
    chat.house.restart().await;
    chat.goes_on().await;
}

#[tokio::test]
async fn a_database_that_somebody_else_locks_is_waited_for() {
    let mut chat = Chat::live().await;
    let other = Connection::open(chat.house.data_dir().join("warmline.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let request = word(&chat, "waits kolibri").send();
    let release = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        other.execute_batch("ROLLBACK").unwrap();
    };
    let (answer, ()) = tokio::join!(request, release);
    assert_eq!(answer.unwrap().status(), StatusCode::OK);
    chat.page.shows(&["user: waits kolibri"]).await;
    chat.goes_on().await;
}

#[tokio::test]
async fn a_database_that_somebody_else_keeps_locked_is_answered_503_after_five_seconds() {
    let mut chat = Chat::live().await;
    chat.house.provokes("could not be carried out");
    let other = Connection::open(chat.house.data_dir().join("warmline.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began = Instant::now();
    let answer = word(&chat, "lost? kolibri").send().await.unwrap();
    assert_is_503(answer, "ServiceUnavailable").await;
    assert!((4..9).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    let ready = format!("{}/readyz", chat.house.origin());
    assert_eq!(chat.house.http.get(ready).send().await.unwrap().status(), StatusCode::OK);
    other.execute_batch("ROLLBACK").unwrap();
    chat.goes_on().await;
    chat.page.shows_nothing_more().await;
}
