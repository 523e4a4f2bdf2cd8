//! What time does: clocks that jump, and patience that runs out. The gateway's clock is moved; its
//! pauses keep their length.

use simulator::{Fault, Times};

use super::{Chat, USER, notice};
use crate::{
    desk,
    house::{House, Setting},
    moved_clock::MovedClock,
    page::{Heard, eventually},
    process::WITHIN,
};

/// A house whose gateway has a clock of its own.
async fn house_with_clock() -> (House, MovedClock, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut clock = None;
    let house = House::start_with(Setting::default(), |environment| {
        clock = Some(MovedClock::of(environment, folder.path(), 0));
    })
    .await;
    (house, clock.unwrap(), folder)
}

/// In milliseconds.
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// The machine sleeps, and the gateway begins anew: a running one looks at its deadlines every half
/// minute, one that starts does at once. The page's token has expired meanwhile; it gets another.
async fn sleeps(chat: &mut Chat, clock: &MovedClock, milliseconds: i64) {
    chat.page.goes_offline().await;
    chat.house.kill().await;
    clock.set(milliseconds);
    chat.house.begin().await;
    let shown = chat.page.shown();
    chat.page = chat.house.page_again(USER, &chat.page.conversation).await;
    chat.page.skip(shown);
}

fn told(key: &'static str) -> impl Fn(&Heard) -> bool {
    move |heard| heard.activities.iter().any(|activity| notice(activity)["key"] == key)
}

#[tokio::test]
async fn a_clock_that_is_set_back_delivers_everything_in_order() {
    let (house, clock, _folder) = house_with_clock().await;
    let mut chat = Chat::live_at(house).await;
    chat.house.desk.set_down(true);
    chat.says().await;
    let tried = |seen: &simulator::Snapshot<'_>| {
        seen.ledger().iter().filter(|entry| entry.status == 503).count() >= 2
    };
    chat.house.desk.wait_until(tried, WITHIN).await.expect("it waits for another attempt");
    clock.set(-HOUR);
    chat.says().await;
    chat.house.desk.set_down(false);
    chat.agent_has_read_all().await;
    chat.page.skip_what_was_shown();
    let log = chat.page.log().await;
    let times: Vec<_> = log.iter().map(|a| a["timestamp"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "times never go back: {times:?}");
    chat.goes_on().await;
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_twenty_minutes_costs_a_live_chat_nothing() {
    let (house, clock, _folder) = house_with_clock().await;
    let mut chat = Chat::live_at(house).await;
    clock.set(20 * MINUTE);
    chat.says().await;
    chat.agent_has_read_all().await;
    let answer = chat.writes();
    chat.page
        .until("the answer", |heard| {
            heard.activities.iter().any(|a| a["text"] == format!("Dana: {answer}"))
        })
        .await;
    chat.page.skip_what_was_shown();
    chat.goes_on().await;
    assert_eq!(chat.status(), "active ");
}

#[tokio::test]
async fn a_machine_that_slept_for_an_hour_ends_the_waiting_in_words() {
    let (house, clock, _folder) = house_with_clock().await;
    let mut chat = Chat::waiting_at(house).await;
    chat.page.post("still here kolibri").await;
    chat.page.shows(&["user: still here kolibri"]).await;
    sleeps(&mut chat, &clock, HOUR).await;
    let told = ["notice failed", "notice back_with_bot", "bot: …"];
    chat.page.shows(&told).await;
    assert_eq!(chat.status(), "fail waited_too_long");
    let log = chat.page.log().await;
    assert!(log.iter().any(|a| notice(a)["reason"] == "waited_too_long"));
    desk::until_ended(&chat.house.desk, &chat.id).await;
    chat.is_over(&[]).await;
}

#[tokio::test]
async fn an_instance_that_stays_away_past_the_budget_gives_the_conversation_back() {
    let (house, clock, _folder) = house_with_clock().await;
    let chat = Chat::live_at(house).await;
    chat.house.desk.set_down(true);
    for words in ["never arrives kolibri", "nor does this kolibri"] {
        chat.page.post(words).await;
    }
    chat.page.until("the words wait", told("held")).await;
    // Fifteen minutes are the budget of a word.
    clock.set(16 * MINUTE);
    chat.page.until("the bot has it again", told("back_with_bot")).await;
    chat.page.until("what was lost is told", told("undelivered")).await;
    assert_eq!(chat.status(), "fail unreachable");
    chat.house.desk.set_down(false);
    let view = desk::until_ended(&chat.house.desk, &chat.id).await;
    assert!(!view.lines.iter().any(|line| line.text.contains("nor does this")), "no late words");
    let log = chat.page.log().await;
    let count = |key: &str| log.iter().filter(|a| notice(a)["key"] == key).count();
    assert_eq!((count("undelivered"), count("failed"), count("held")), (1, 1, 1));
}

#[tokio::test]
async fn a_desk_that_takes_a_request_and_says_nothing_is_given_up_after_a_minute() {
    let (house, clock, _folder) = house_with_clock().await;
    let mut page = house.page(USER).await;
    page.shows(&["bot: Hello!…"]).await;
    house.desk.inject(Fault::Lost, Times::UntilCleared);
    page.post("agent").await;
    let id = house.offered(USER).await;
    page.shows(&["user: agent", "notice asked"]).await;
    let mut chat =
        Chat { house, page, id, lines: 0, from_user: Vec::new(), from_agent: Vec::new() };
    // The answer to the request is not only here but written down.
    let settled = || async { (chat.waiting_effects() == 0).then_some(()) };
    eventually("the request is settled", settled).await;
    sleeps(&mut chat, &clock, 2 * MINUTE).await;
    chat.page.shows(&["notice failed", "notice back_with_bot", "bot: …"]).await;
    assert_eq!(chat.status(), "fail silence");
    desk::until_sent(&chat.house.desk, USER, &["AGENT", "END_CONVERSATION"]).await;
    desk::until_ended(&chat.house.desk, &chat.id).await;
    chat.is_over(&[]).await;
}

#[tokio::test]
async fn a_chat_whose_end_was_never_told_is_given_up_after_three_hours() {
    let (house, clock, _folder) = house_with_clock().await;
    let mut chat = Chat::live_at(house).await;
    chat.strikes(Fault::EndMissing);
    chat.house.desk.end(&chat.id).unwrap();
    chat.was_struck().await;
    sleeps(&mut chat, &clock, 3 * HOUR + MINUTE).await;
    chat.page.until("the bot has it again", told("back_with_bot")).await;
    assert_eq!(chat.status(), "fail lost");
    let ended = |seen: &simulator::Snapshot<'_>| {
        seen.ledger().iter().any(|entry| entry.body["action"] == "END_CONVERSATION")
    };
    chat.house.desk.wait_until(ended, WITHIN).await.expect("the desk hears of it");
}
