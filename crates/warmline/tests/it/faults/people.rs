//! What people do at the wrong moment.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use simulator::ChatState;

use super::{Chat, USER};
use crate::{
    desk,
    page::{Page, eventually, gists},
    process::WITHIN,
};

#[tokio::test]
async fn a_page_that_was_offline_reads_what_it_missed_in_order() {
    let mut chat = Chat::live().await;
    chat.page.goes_offline().await;
    let told = chat.house.desk.delivered().len();
    let missed = [chat.writes(), chat.writes(), chat.writes()];
    let all = |seen: &simulator::Snapshot<'_>| seen.delivered().len() == told + missed.len();
    chat.house.desk.wait_until(all, WITHIN).await.expect("nobody waits for a page");
    chat.page.comes_online();
    let shown = missed.map(|line| format!("agent: Dana: {line}"));
    chat.page.shows(&shown.each_ref().map(String::as_str)).await;
    chat.goes_on().await;
    chat.page.shows_nothing_more().await;
}

#[tokio::test]
async fn two_pages_of_one_conversation_show_the_same() {
    let mut chat = Chat::live().await;
    let token = chat.page.token.clone();
    let second = chat.house.page_of(USER, &chat.page.conversation, token).await;
    second.post("from the second page kolibri").await;
    chat.page.shows(&["user: from the second page kolibri"]).await;
    chat.goes_on().await;
    let log = chat.page.log().await;
    chat.page.shows_its_log(&log).await;
    second.shows_its_log(&log).await;
}

#[tokio::test]
async fn a_second_chat_of_the_same_person_elsewhere_is_refused_in_words() {
    let mut chat = Chat::live().await;
    let mut elsewhere = chat.house.page(USER).await;
    elsewhere.shows(&["bot: Hello!…"]).await;
    elsewhere.post("agent").await;
    elsewhere.shows(&["user: agent", "notice busy_elsewhere"]).await;
    elsewhere.shows(&["bot: You did not get to talk to anybody…"]).await;
    chat.goes_on().await;
    chat.page.post("end chat").await;
    chat.page
        .shows(&["user: end chat", "notice ended", "notice back_with_bot", "bot: I hope…"])
        .await;
    desk::until_ended(&chat.house.desk, &chat.id).await;
    // Free as soon as the desk has heard of the end.
    chat.operator_sees("delivery.kind=\"end\" delivery.outcome=\"done\"").await;
    elsewhere.post("agent").await;
    elsewhere.shows(&["user: agent", "notice asked"]).await;
    chat.house.offered(USER).await;
}

/// The acceptance is on its way when the user withdraws.
#[tokio::test]
async fn a_user_who_withdraws_while_an_agent_accepts_is_with_the_bot_and_the_agent_hears_the_end() {
    let mut chat = Chat::waiting().await;
    let quiet = |seen: &simulator::Snapshot<'_>| !seen.is_sending();
    chat.house.desk.hold_callbacks(true);
    chat.house.desk.wait_until(quiet, WITHIN).await.unwrap();
    chat.house.desk.accept(&chat.id).unwrap();
    chat.page.post("cancel").await;
    let told = ["user: cancel", "notice cancelled", "notice back_with_bot", "bot: All right…"];
    chat.page.shows(&told).await;
    desk::until_sent(&chat.house.desk, USER, &["AGENT", "END_CONVERSATION"]).await;
    chat.house.desk.hold_callbacks(false);
    let view = desk::until_ended(&chat.house.desk, &chat.id).await;
    assert_eq!(view.state, ChatState::Ended, "no agent is left alone");
    chat.is_over(&[]).await;
    assert_eq!(chat.status(), "cancelled user_cancelled");
}

/// Posts a word, no faster than a conversation may call; the answer may be a refusal.
async fn post(page: &Page, text: &str) -> (StatusCode, Option<String>, Value) {
    let activity = json!({"type": "message", "text": text});
    eventually("the word is taken or refused for itself", || async {
        let request = page.request(Method::POST, "/activities").json(&activity);
        let answer = request.send().await.unwrap();
        let retry = answer.headers().get("retry-after").map(|v| v.to_str().unwrap().to_owned());
        let (status, body) = (answer.status(), answer.json::<Value>().await.unwrap());
        let too_fast = body["error"]["message"].as_str().is_some_and(|t| t.contains("in a second"));
        (!too_fast).then_some((status, retry, body))
    })
    .await
}

fn assert_is_429((status, retry, body): (StatusCode, Option<String>, Value)) {
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{body}");
    assert_eq!(retry.as_deref(), Some("1"));
    assert_eq!(body["error"]["code"], "TooManyRequests");
    assert!(body["error"]["message"].as_str().is_some_and(|text| text.len() > 20), "{body}");
}

#[tokio::test]
async fn a_hundred_words_are_held_for_an_agent_and_the_next_is_refused_with_429() {
    let mut chat = Chat::waiting().await;
    for _ in 0..100 {
        chat.says().await;
    }
    assert_is_429(post(&chat.page, "one too many kolibri").await);
    chat.house.desk.accept(&chat.id).unwrap();
    chat.agent_has_read_all().await;
    chat.page
        .until("connected", |heard| {
            heard.activities.iter().any(|a| super::notice(a)["key"] == "connected")
        })
        .await;
    chat.page.skip_what_was_shown();
    chat.goes_on().await;
    assert!(!gists(&chat.page.log().await).contains(&"user: one too many kolibri".to_owned()));
}

#[tokio::test]
async fn a_thousand_words_wait_for_an_instance_that_is_away_and_the_next_is_refused_with_429() {
    let mut chat = Chat::live().await;
    chat.house.desk.set_down(true);
    for _ in 0..1_000 {
        chat.says().await;
    }
    assert_is_429(post(&chat.page, "one too many kolibri").await);
    chat.house.desk.set_down(false);
    chat.agent_has_read_all().await;
    let log = chat.page.log().await;
    chat.page.shows_its_log(&log).await;
    chat.page.skip_what_was_shown();
    assert!(!gists(&log).contains(&"user: one too many kolibri".to_owned()));
    chat.goes_on().await;
}
