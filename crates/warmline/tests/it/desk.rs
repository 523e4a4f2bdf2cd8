//! What arrived at the desk, read off the simulated instance.

use serde_json::Value;
use simulator::{ChatState, ChatView, Desk, Line, Speaker};

use crate::process::WITHIN;

/// Whether a request went beside the lane: that somebody types, and receipts. These carry the id of a
/// request of the lane, and come when they come.
fn is_signal(request: &Value) -> bool {
    ["TYPING", "VIEWING", "UPDATE_MESSAGES"].iter().any(|action| request["action"] == *action)
}

/// Everything the gateway sent for a user in its lane, in the order of first arrival. A request that came
/// again after a crash is the same request, to the letter.
pub(crate) fn requests(desk: &Desk, user: &str) -> Vec<Value> {
    let mut requests: Vec<Value> = Vec::new();
    for entry in desk.ledger() {
        if entry.body["userId"] != user || is_signal(&entry.body) {
            continue;
        }
        assert_eq!(entry.status, 200, "{}", entry.body);
        let first = requests.iter().find(|first| first["requestId"] == entry.body["requestId"]);
        match first {
            Some(first) => assert_eq!(*first, entry.body, "a repeat is the same to the letter"),
            None => requests.push(entry.body),
        }
    }
    let ids: Vec<_> = requests.iter().map(|r| r["message"]["clientMessageId"].clone()).collect();
    let distinct = ids.iter().enumerate().all(|(at, id)| !ids[..at].contains(id));
    assert!(distinct, "every request has a message id of its own: {ids:?}");
    requests
}

/// The requests in one line each.
pub(crate) fn sent(desk: &Desk, user: &str) -> Vec<String> {
    requests(desk, user).iter().map(gist).collect()
}

fn gist(request: &Value) -> String {
    match request["action"].as_str() {
        Some(action) => action.to_owned(),
        None => format!("says {}", request["message"]["text"].as_str().unwrap()),
    }
}

/// Waits until the instance has taken exactly this for a user, where it refuses some attempts; then
/// nothing was taken twice under two ids, and nothing out of turn.
pub(crate) async fn until_taken(desk: &Desk, user: &str, expected: &[&str]) {
    let taken = |seen: &simulator::Snapshot<'_>| {
        let mut ids = std::collections::BTreeSet::new();
        let of_user = seen.ledger().iter().filter(|entry| entry.body["userId"] == user);
        let of_user = of_user.filter(|entry| !is_signal(&entry.body));
        let taken =
            of_user.filter(|entry| entry.status == 200 && entry.answer["status"] != "failure");
        let first = taken.filter(|entry| ids.insert(entry.body["requestId"].to_string()));
        first.map(|entry| gist(&entry.body)).collect::<Vec<_>>()
    };
    let enough = desk.wait_until(|seen| taken(seen).len() >= expected.len(), WITHIN).await;
    let mut now = Vec::new();
    desk.wait_until(
        |seen| {
            now = taken(seen);
            true
        },
        WITHIN,
    )
    .await
    .expect("it is looked at");
    assert_eq!(now, expected, "{enough:?}");
}

/// Waits until exactly this was sent for a user.
pub(crate) async fn until_sent(desk: &Desk, user: &str, expected: &[&str]) {
    let of_user = |seen: &simulator::Snapshot<'_>| {
        let ids: std::collections::BTreeSet<_> = seen
            .ledger()
            .iter()
            .filter(|entry| entry.body["userId"] == user && !is_signal(&entry.body))
            .map(|entry| entry.body["requestId"].to_string())
            .collect();
        ids.len() >= expected.len()
    };
    let arrived = desk.wait_until(of_user, WITHIN).await;
    assert_eq!(sent(desk, user), expected, "{arrived:?}");
}

pub(crate) fn chat(desk: &Desk, id: &str) -> ChatView {
    desk.chats().into_iter().find(|chat| chat.id == id).expect("the chat is there")
}

/// What the agent sees of the user's own words.
pub(crate) fn lines(chat: &ChatView, from: Speaker) -> Vec<String> {
    let of = |line: &&Line| line.from == from;
    chat.lines.iter().filter(of).map(|line| line.text.clone()).collect()
}

/// Waits until the chat is over.
pub(crate) async fn until_ended(desk: &Desk, id: &str) -> ChatView {
    let over = |seen: &simulator::Snapshot<'_>| {
        seen.chats().iter().any(|chat| chat.id == id && chat.state == ChatState::Ended)
    };
    desk.wait_until(over, WITHIN).await.expect("the chat ends at the desk");
    chat(desk, id)
}
