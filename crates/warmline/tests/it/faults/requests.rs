//! What goes wrong with requests to the instance.

use std::time::Duration;

use simulator::{Fate, Fault, Times};

use super::{Chat, USER, notice, shows_all};
use crate::{desk, page::gists, process::WITHIN};

/// The user's next word meets a fault, is sent again with the same ids, and nobody notices anything
/// but the operator: the log has this outcome of the attempt.
async fn a_word_meets(fault: Fault, outcome: &str) {
    let mut chat = Chat::live().await;
    chat.strikes(fault);
    chat.goes_on().await;
    chat.was_struck().await;
    chat.operator_sees(&format!("delivery.kind=\"say\" delivery.outcome=\"{outcome}\"")).await;
    chat.goes_on().await;
    chat.page.shows_nothing_more().await;
}

#[tokio::test]
async fn a_word_survives_500() {
    a_word_meets(Fault::InternalError, "server_error").await;
}

#[tokio::test]
async fn a_word_survives_503() {
    a_word_meets(Fault::Unavailable, "busy").await;
}

#[tokio::test]
async fn a_word_waits_as_long_as_429_asks() {
    let began = std::time::Instant::now();
    a_word_meets(Fault::RateLimited(Duration::from_secs(1)), "rate_limited").await;
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_word_survives_a_sleeping_instance_that_answers_200() {
    a_word_meets(Fault::HibernatingOk, "hibernating").await;
}

#[tokio::test]
async fn a_word_survives_a_sleeping_instance_that_answers_503() {
    a_word_meets(Fault::HibernatingUnavailable, "hibernating").await;
}

/// Taken, and taken again: the agent sees it once because the instance knows its ids. On an instance
/// that does not look at them it would be there twice; nothing on our side can tell.
#[tokio::test]
async fn a_word_whose_answer_was_cut_off_is_sent_again_with_the_same_ids() {
    let mut chat = Chat::live().await;
    chat.strikes(Fault::ResetAfterAcceptance);
    chat.goes_on().await;
    chat.was_struck().await;
    is_sent_twice(&chat).await;
    chat.operator_sees("delivery.kind=\"say\" delivery.outcome=\"interrupted\"").await;
    chat.goes_on().await;
    chat.page.shows_nothing_more().await;
}

/// The user's last word reaches the instance again, to the letter.
async fn is_sent_twice(chat: &Chat) {
    let said = chat.from_user.last().unwrap();
    let mut bodies = Vec::new();
    let twice = |seen: &simulator::Snapshot<'_>| {
        let of_word = seen.ledger().iter().filter(|entry| entry.body["message"]["text"] == *said);
        bodies = of_word.map(|entry| entry.body.clone()).collect();
        bodies.len() == 2
    };
    chat.house.desk.wait_until(twice, WITHIN).await.expect("it is sent twice");
    assert_eq!(bodies[0], bodies[1], "to the letter");
}

#[tokio::test]
async fn a_word_whose_answer_takes_longer_than_an_attempt_is_sent_again_with_the_same_ids() {
    let mut chat = Chat::live().await;
    chat.strikes(Fault::SlowAnswer(Duration::from_secs(12)));
    chat.goes_on().await;
    // For ten seconds nobody knows whether the word was taken; so the user is told that it may wait.
    chat.page.shows(&["notice held", "notice went_through"]).await;
    chat.operator_sees("delivery.kind=\"say\" delivery.outcome=\"timeout\"").await;
    is_sent_twice(&chat).await;
    chat.goes_on().await;
    chat.page.shows_nothing_more().await;
}

#[tokio::test]
async fn a_request_that_is_forbidden_gives_the_conversation_back_at_once() {
    let chat = Chat::waiting().await;
    let mut page = chat.house.page("dl_other").await;
    page.shows(&["bot: Hello!…"]).await;
    chat.strikes(Fault::Forbidden);
    page.post("agent").await;
    page.shows(&["user: agent", "notice asked", "notice failed", "notice back_with_bot"]).await;
    page.shows(&["bot: The service desk did not take it…"]).await;
    let log = page.log().await;
    assert!(log.iter().any(|a| notice(a)["reason"] == "rejected"));
    chat.operator_sees("sn_va_as_service.integration_user").await;
    page.post("and now? kolibri").await;
    page.shows(&["user: and now? kolibri", "bot: I do not know…"]).await;
}

/// A word that is refused for good ends the chat: the agent would answer half a conversation.
async fn a_word_is_refused(fault: Fault, code: &str) {
    let mut chat = Chat::live().await;
    chat.strikes(fault);
    chat.page.post("refused kolibri").await;
    let told = ["user: refused kolibri", "notice undelivered", "notice failed"];
    chat.page.shows(&told).await;
    chat.page.shows(&["notice back_with_bot", "bot: The service desk did not take it…"]).await;
    chat.operator_sees(&format!("delivery.kind=\"say\" delivery.outcome=\"{code}\"")).await;
    assert_eq!(chat.status(), "fail rejected");
    let view = desk::until_ended(&chat.house.desk, &chat.id).await;
    assert!(view.ended_by.is_some(), "no agent is left with a ghost");
    chat.is_over(&[]).await;
}

#[tokio::test]
async fn a_word_that_is_forbidden_ends_the_chat_in_words() {
    a_word_is_refused(Fault::Forbidden, "forbidden").await;
}

#[tokio::test]
async fn a_word_that_is_answered_200_with_failure_ends_the_chat_in_words() {
    a_word_is_refused(Fault::StatusFailure, "refused").await;
}

#[tokio::test]
async fn an_instance_that_is_away_holds_words_and_the_user_is_told_once_and_again() {
    let mut chat = Chat::live().await;
    chat.house.desk.set_down(true);
    let first = chat.says().await;
    chat.page.shows(&[&format!("user: {first}"), "notice held"]).await;
    let second = chat.says().await;
    // What the agent says still arrives: only one way is cut.
    let answer = chat.writes();
    let shown = [&format!("user: {second}"), &format!("agent: Dana: {answer}")];
    chat.page.shows(&shown.map(String::as_str)).await;
    chat.operator_sees("the desk did not take a request").await;
    let ready = format!("{}/readyz", chat.house.origin());
    assert_eq!(chat.house.http.get(ready).send().await.unwrap().status(), 200, "it is well itself");
    chat.house.desk.set_down(false);
    chat.page.shows(&["notice went_through"]).await;
    chat.agent_has_read_all().await;
    chat.goes_on().await;
    chat.page.shows_nothing_more().await;
}

#[tokio::test]
async fn a_request_made_while_the_instance_is_away_is_kept_and_reaches_an_agent_later() {
    let chat = Chat::waiting().await;
    chat.house.desk.set_down(true);
    let mut page = chat.house.page("dl_other").await;
    page.shows(&["bot: Hello!…"]).await;
    page.post("agent").await;
    page.shows(&["user: agent", "notice asked", "notice held"]).await;
    page.post("my word kolibri").await;
    chat.house.desk.set_down(false);
    let id = chat.house.offered("dl_other").await;
    chat.house.desk.accept(&id).unwrap();
    desk::until_taken(&chat.house.desk, "dl_other", &["AGENT", "says my word kolibri"]).await;
    let told = gists(&page.log().await);
    let count = |what: &str| told.iter().filter(|gist| *gist == what).count();
    assert_eq!((count("notice held"), count("notice went_through")), (1, 1), "{told:#?}");
    assert_eq!(count("notice connected"), 1);
    chat.page.shows_nothing_more().await;
}

#[tokio::test]
async fn a_request_withdrawn_while_the_instance_is_away_reaches_no_agent() {
    let chat = Chat::waiting().await;
    chat.house.desk.set_down(true);
    let mut page = chat.house.page("dl_other").await;
    page.shows(&["bot: Hello!…"]).await;
    page.post("agent").await;
    page.post("cancel").await;
    page.until("withdrawn", |heard| {
        heard.activities.iter().any(|a| notice(a)["key"] == "cancelled")
    })
    .await;
    chat.house.desk.set_down(false);
    let ended = |seen: &simulator::Snapshot<'_>| {
        let mut of_user = seen.ledger().iter().filter(|entry| entry.body["userId"] == "dl_other");
        of_user.any(|entry| {
            entry.body["action"] == "END_CONVERSATION"
                && matches!(entry.fate, Fate::Taken | Fate::Ignored(_))
        })
    };
    chat.house.desk.wait_until(ended, WITHIN).await.expect("the desk hears of the end");
    let open = chat.house.desk.chats();
    let open = open.iter().filter(|view| view.user_id == "dl_other");
    assert_eq!(open.filter(|view| view.state != simulator::ChatState::Ended).count(), 0);
    chat.page.shows_nothing_more().await;
}

#[tokio::test]
async fn callbacks_that_overtake_the_answer_to_agent_count() {
    let chat = Chat::waiting().await;
    let mut page = chat.house.page("dl_other").await;
    page.shows(&["bot: Hello!…"]).await;
    chat.strikes(Fault::Overtaking);
    page.post("agent").await;
    let id = chat.house.offered("dl_other").await;
    let told = ["user: agent", "notice asked", "desk: Please stand by…", "notice waiting"];
    page.shows(&told).await;
    chat.was_struck().await;
    chat.house.desk.accept(&id).unwrap();
    page.shows(&["notice connected"]).await;
    page.post("hello kolibri").await;
    desk::until_sent(&chat.house.desk, "dl_other", &["AGENT", "says hello kolibri"]).await;
    page.shows(&["user: hello kolibri"]).await;
    page.shows_nothing_more().await;
}

#[tokio::test]
async fn an_instance_in_synchronous_mode_is_understood() {
    let chat = Chat::waiting().await;
    chat.house.desk.inject(Fault::Synchronous, Times::UntilCleared);
    let mut page = chat.house.page("dl_other").await;
    page.shows(&["bot: Hello!…"]).await;
    page.post("agent").await;
    let id = chat.house.offered("dl_other").await;
    page.shows(&["user: agent", "notice asked"]).await;
    shows_all(&mut page, &["desk: Please stand by…", "notice waiting"]).await;
    chat.house.desk.accept(&id).unwrap();
    page.shows(&["notice connected"]).await;
    page.post("hello kolibri").await;
    chat.house.desk.write(&id, "good day kolibri").unwrap();
    page.until("the answer", |heard| {
        heard.activities.iter().any(|a| a["text"] == "Dana: good day kolibri")
    })
    .await;
    page.post("end chat").await;
    let sent = ["AGENT", "says hello kolibri", "END_CONVERSATION"];
    desk::until_sent(&chat.house.desk, "dl_other", &sent).await;
    let told = |heard: &crate::page::Heard| {
        heard.activities.iter().filter(|a| notice(a)["key"] == "ended").count() == 1
    };
    page.until("the end", told).await;
    assert!(!desk::requests(&chat.house.desk, USER).is_empty());
}

#[tokio::test]
async fn a_word_that_the_instance_took_and_lost_in_a_restart_costs_nothing_else() {
    let mut chat = Chat::live().await;
    chat.strikes(Fault::Restart);
    chat.page.post("lost by the instance kolibri").await;
    chat.was_struck().await;
    chat.page.shows(&["user: lost by the instance kolibri"]).await;
    chat.goes_on().await;
    chat.page.shows_nothing_more().await;
}

#[tokio::test]
async fn a_chat_that_the_instance_lost_in_a_restart_ends_with_the_users_end() {
    let mut chat = Chat::live().await;
    chat.strikes(Fault::RestartLosingChats);
    chat.page.post("lost by the instance kolibri").await;
    chat.was_struck().await;
    desk::until_ended(&chat.house.desk, &chat.id).await;
    chat.page.post("are you there? kolibri").await;
    // It is a new conversation there, and the virtual agent has it.
    chat.page
        .shows(&[
            "user: lost by the instance kolibri",
            "user: are you there? kolibri",
            "desk: I'm sorry, I didn't understand that.",
            "desk: You can choose one of these topics…",
        ])
        .await;
    chat.page.post("end chat").await;
    chat.is_over(&["user: end chat", "notice ended", "notice back_with_bot", "bot: I hope…"]).await;
}
