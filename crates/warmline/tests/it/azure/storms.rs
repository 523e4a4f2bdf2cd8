//! A Connector that throttles, is busy, fails or hangs up: everything arrives, in order; what surely was
//! not taken is shown once, and only what may have been taken is sent a second time, and never a third.

use std::time::Duration;

use simulator::{
    Times,
    azure::{Door, Outcome, Refusal, Strike, Trouble},
};

use super::{
    rig::Rig,
    whole::{Talk, line},
};
use crate::{desk, house::Setting, process::WITHIN};

/// Ten lines of an agent's meet this trouble, so often.
async fn agent_meets(trouble: Trouble, times: u32) -> (Rig, Talk) {
    let mut rig = Rig::start(Setting::default()).await;
    let talk = Talk::connect(&mut rig).await;
    rig.azure.strike(
        Strike::at(Door::Connector, trouble)
            .times(Times::Next(times))
            .in_conversation(&talk.user.chat.id),
    );
    for n in 0..10 {
        rig.desk.write(&talk.chat, &line("agent", n)).unwrap();
    }
    talk.sees_last(&line("agent", 9)).await;
    rig.settles().await;
    assert_eq!(rig.azure.armed(), 0, "the trouble struck as often as it was told to");
    (rig, talk)
}

async fn nothing_is_lost_or_repeated(trouble: Trouble, times: u32) {
    let (rig, talk) = agent_meets(trouble, times).await;
    assert_eq!(talk.agents_lines(), (0..10).map(|n| line("agent", n)).collect::<Vec<_>>());
    assert_eq!(rig.rows()["dead_letter"], 0);
}

#[tokio::test]
async fn throttled_with_a_time_to_wait_words_come_late_in_order_and_once() {
    let pause = Trouble::Throttled(Some(Duration::from_secs(1)));
    let began = std::time::Instant::now();
    nothing_is_lost_or_repeated(pause, 3).await;
    assert!(began.elapsed() >= Duration::from_secs(3), "it waited as it was asked to");
}

#[tokio::test]
async fn throttled_without_a_time_words_come_late_in_order_and_once() {
    nothing_is_lost_or_repeated(Trouble::Throttled(None), 4).await;
}

#[tokio::test]
async fn in_a_conversation_that_is_busy_words_come_late_in_order_and_once() {
    nothing_is_lost_or_repeated(Trouble::Precondition, 4).await;
}

#[tokio::test]
async fn a_token_that_is_not_taken_is_asked_for_anew_once() {
    let (rig, talk) = agent_meets(Trouble::Refused(Refusal::AuthorizationDenied), 1).await;
    assert_eq!(talk.agents_lines(), (0..10).map(|n| line("agent", n)).collect::<Vec<_>>());
    assert_eq!(rig.azure.grants().len(), 2);
}

/// Of what may have been taken, the first line is sent once more.
async fn sent_once_more(trouble: Trouble, is_shown_twice: bool) {
    let (rig, talk) = agent_meets(trouble, 1).await;
    let lines = talk.agents_lines();
    let mut expected: Vec<_> = (0..10).map(|n| line("agent", n)).collect();
    if is_shown_twice {
        expected.insert(0, line("agent", 0));
    }
    assert_eq!(lines, expected, "in order, and nothing else is repeated");
    let sends = rig.requests(&talk.user);
    let first = sends.iter().filter(|one| one.text().ends_with(&line("agent", 0))).count();
    assert_eq!(first, 2);
}

#[tokio::test]
async fn what_met_502_and_was_not_taken_is_sent_once_more() {
    sent_once_more(Trouble::Status { status: 502, taken: false }, false).await;
}

#[tokio::test]
async fn what_met_502_and_was_taken_is_sent_once_more() {
    sent_once_more(Trouble::Status { status: 502, taken: true }, true).await;
}

#[tokio::test]
async fn what_met_504_is_sent_once_more() {
    sent_once_more(Trouble::Status { status: 504, taken: true }, true).await;
}

#[tokio::test]
async fn what_met_a_reset_is_sent_once_more() {
    sent_once_more(Trouble::Reset { taken: true }, true).await;
}

#[tokio::test]
async fn what_may_have_been_taken_twice_is_not_sent_a_third_time() {
    let mut rig = Rig::start(Setting::default()).await;
    let talk = Talk::connect(&mut rig).await;
    let lost = Trouble::Reset { taken: false };
    let unlucky = line("agent", 0);
    rig.azure
        .strike(Strike::at(Door::Connector, lost).times(Times::UntilCleared).containing(&unlucky));
    for n in 0..3 {
        rig.desk.write(&talk.chat, &line("agent", n)).unwrap();
    }
    talk.sees_last(&line("agent", 2)).await;
    rig.settles().await;
    assert_eq!(talk.agents_lines(), [line("agent", 1), line("agent", 2)], "what follows goes on");
    let sends = rig.requests(&talk.user);
    assert_eq!(sends.iter().filter(|one| one.text().ends_with(&unlucky)).count(), 2);
    assert!(
        sends
            .iter()
            .filter(|one| one.text().ends_with(&unlucky))
            .all(|one| one.outcome == Outcome::Reset)
    );
    // It is not lost without a word: the agent reads that it may not have arrived.
    let told = |seen: &simulator::Snapshot<'_>| {
        let chats = seen.chats();
        let chat = chats.iter().find(|view| view.id == talk.chat).expect("the chat is there");
        chat.lines.iter().any(|line| line.text.contains("may not have reached the user"))
    };
    rig.desk.wait_until(told, WITHIN).await.expect("the agent is told");
}

#[tokio::test]
async fn a_message_that_is_refused_does_not_hold_up_the_next() {
    let mut rig = Rig::start(Setting::default()).await;
    let talk = Talk::connect(&mut rig).await;
    let refused = Trouble::Refused(Refusal::BadSyntax);
    rig.azure.strike(Strike::at(Door::Connector, refused).containing(&line("agent", 1)));
    for n in 0..3 {
        rig.desk.write(&talk.chat, &line("agent", n)).unwrap();
    }
    talk.sees_last(&line("agent", 2)).await;
    rig.settles().await;
    assert_eq!(talk.agents_lines(), [line("agent", 0), line("agent", 2)]);
}

/// Words that are told in four messages, of which the second is refused.
#[tokio::test]
async fn words_of_which_a_part_is_refused_end_there_and_are_read_without_a_hole() {
    let mut rig = Rig::start(Setting::default()).await;
    let talk = Talk::connect(&mut rig).await;
    let part = |n: u32| format!("part {n} {}", "kolibri ".repeat(450));
    let long = (1..=4).map(part).collect::<Vec<_>>().join("\n\n");
    let refused = Trouble::Refused(Refusal::BadSyntax);
    rig.azure.strike(Strike::at(Door::Connector, refused).containing("part 2 "));
    rig.desk.write(&talk.chat, &long).unwrap();
    rig.desk.write(&talk.chat, &line("agent", 1)).unwrap();
    talk.sees_last(&line("agent", 1)).await;
    rig.settles().await;
    let seen = |n| talk.user.sees().iter().any(|text| text.contains(&format!("part {n} ")));
    assert_eq!([1, 2, 3, 4].map(seen), [true, false, false, false], "and what follows goes on");
    assert_eq!(rig.rows()["dead_letter"], 3, "whoever sends them again sends all of them");
    let told = |seen: &simulator::Snapshot<'_>| {
        let chats = seen.chats();
        let chat = chats.iter().find(|view| view.id == talk.chat).expect("the chat is there");
        let notes = chat.lines.iter().filter(|line| line.text.contains("may not have reached"));
        notes.count() == 1
    };
    rig.desk.wait_until(told, WITHIN).await.expect("the agent is told, once");
}

#[tokio::test]
async fn one_conversation_in_trouble_holds_up_no_other() {
    let mut rig = Rig::start(Setting::default()).await;
    let stuck = Talk::connect_as(&mut rig, "Kim Example").await;
    let free = Talk::connect_as(&mut rig, "Alex Example").await;
    let throttled = Trouble::Throttled(Some(Duration::from_mins(10)));
    rig.azure.strike(Strike::at(Door::Connector, throttled).in_conversation(&stuck.user.chat.id));
    rig.desk.write(&stuck.chat, &line("agent", 0)).unwrap();
    rig.desk.write(&free.chat, &line("agent", 1)).unwrap();
    free.sees_last(&line("agent", 1)).await;
    assert_eq!(stuck.agents_lines(), Vec::<String>::new());
    // Both ways: the user who sees nothing is still heard.
    stuck.user.says("I am here kolibri").await;
    desk::until_sent(&rig.desk, &stuck.user.id(), &["AGENT", "says I am here kolibri"]).await;
}

#[tokio::test]
async fn an_agent_who_writes_faster_than_teams_takes_is_paced_and_never_throttled() {
    let mut rig = Rig::start(Setting::default()).await;
    let talk = Talk::connect(&mut rig).await;
    // The connection took some of the sixty within thirty seconds.
    for n in 0..40 {
        rig.desk.write(&talk.chat, &line("agent", n)).unwrap();
    }
    talk.sees_last(&line("agent", 39)).await;
    assert_eq!(talk.agents_lines(), (0..40).map(|n| line("agent", n)).collect::<Vec<_>>());
    let throttled = rig
        .requests(&talk.user)
        .into_iter()
        .filter(|one| one.outcome == Outcome::Answered(429))
        .count();
    assert_eq!(throttled, 0, "Teams was never asked too much");
}
