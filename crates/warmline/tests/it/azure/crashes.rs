//! `kill -9` while sends to the Connector are in flight: what nobody knows the end of is sent once more at
//! most, everything else exactly once, and the order is kept.

use std::{collections::BTreeMap, time::Duration};

use simulator::{
    Speaker, Times,
    azure::{Azure, Door, Outcome, Strike, Trouble},
};

use super::{
    rig::Rig,
    whole::{Talk, line},
};
use crate::{desk, house::Setting, process::WITHIN};

/// How often each line was seen.
fn counts(lines: &[String]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for line in lines {
        *counts.entry(line.as_str()).or_default() += 1;
    }
    counts
}

/// The lines in the order in which each was first seen.
fn firsts(lines: &[String]) -> Vec<String> {
    let mut firsts: Vec<String> = Vec::new();
    for line in lines {
        if !firsts.contains(line) {
            firsts.push(line.clone());
        }
    }
    firsts
}

#[tokio::test]
async fn killed_while_a_send_is_in_flight_only_that_one_is_sent_again() {
    for taken in [true, false] {
        let mut rig = Rig::start(Setting::default()).await;
        let talk = Talk::connect(&mut rig).await;
        rig.azure.strike(
            Strike::at(Door::Connector, Trouble::Hang { taken }).containing(&line("agent", 2)),
        );
        for n in 0..5 {
            rig.desk.write(&talk.chat, &line("agent", n)).unwrap();
        }
        // All of it is the gateway's, and the third is on its way.
        let hangs = |azure: &Azure| {
            azure.received().iter().any(|one| one.text().ends_with(&line("agent", 2)))
        };
        assert!(rig.azure.wait_until(hangs, WITHIN).await, "it is sent");
        rig.desk.wait_until(|seen| !seen.is_sending(), WITHIN).await.unwrap();
        rig.restart().await;
        talk.sees_last(&line("agent", 4)).await;
        rig.settles().await;
        let lines = talk.agents_lines();
        let mut expected: Vec<_> = (0..5).map(|n| line("agent", n)).collect();
        if taken {
            expected.insert(2, line("agent", 2));
        }
        assert_eq!(lines, expected, "taken: {taken}");
        // A gateway that has just started does not know how much was sent before; that it was told
        // to wait is no send.
        let mut sends = rig.requests(&talk.user);
        sends.retain(|one| one.outcome != Outcome::Answered(429));
        for n in 0..5 {
            let times = sends.iter().filter(|one| one.text().ends_with(&line("agent", n))).count();
            assert_eq!(times, if n == 2 { 2 } else { 1 }, "line {n}");
        }
    }
}

#[tokio::test]
async fn killed_twice_over_the_same_send_it_is_not_sent_a_third_time() {
    let mut rig = Rig::start(Setting::default()).await;
    let talk = Talk::connect(&mut rig).await;
    let hang = Trouble::Hang { taken: false };
    let text = line("agent", 0);
    rig.azure.strike(Strike::at(Door::Connector, hang).times(Times::Next(3)).containing(&text));
    rig.desk.write(&talk.chat, &text).unwrap();
    for times in 1..=2 {
        let sent = |azure: &Azure| {
            let all = azure.received();
            all.iter().filter(|one| one.text().ends_with(&text)).count() >= times
        };
        assert!(rig.azure.wait_until(sent, WITHIN).await, "attempt {times}");
        rig.desk.wait_until(|seen| !seen.is_sending(), WITHIN).await.unwrap();
        rig.restart().await;
    }
    rig.desk.write(&talk.chat, &line("agent", 1)).unwrap();
    talk.sees_last(&line("agent", 1)).await;
    assert_eq!(talk.agents_lines(), [line("agent", 1)]);
    let sends = rig.requests(&talk.user);
    assert_eq!(sends.iter().filter(|one| one.text().ends_with(&text)).count(), 2);
}

#[tokio::test]
async fn killed_again_and_again_under_two_way_traffic() {
    const LINES: usize = 40;
    const KILLS: usize = 4;
    let mut rig = Rig::start(Setting::default()).await;
    let mut talk = Talk::connect(&mut rig).await;
    let mut killed = 0;
    for n in 0..LINES {
        talk.user.says(&line("user", n)).await;
        rig.desk.write(&talk.chat, &line("agent", n)).unwrap();
        // The instance never repeats: what it tells has to meet somebody.
        rig.desk.wait_until(|seen| !seen.is_sending(), WITHIN).await.unwrap();
        if n % (LINES / KILLS) == 3 {
            // In the middle of it: its answer is slow enough to be met by the kill.
            let slow = Trouble::Slow(Duration::from_millis(400));
            rig.azure.strike(Strike::at(Door::Connector, slow));
            rig.restart().await;
            killed += 1;
        }
    }
    talk.sees_last(&line("agent", LINES - 1)).await;
    rig.settles().await;
    let lines = talk.agents_lines();
    let all: Vec<_> = (0..LINES).map(|n| line("agent", n)).collect();
    assert_eq!(firsts(&lines), all, "nothing is lost, and in order");
    let repeated = counts(&lines);
    assert!(repeated.values().all(|times| *times <= 2), "once more at most: {repeated:?}");
    let twice = repeated.values().filter(|times| **times == 2).count();
    assert!(twice <= killed, "only what was in flight: {twice} of {killed}");
    // Each repeat comes right after its first, so the order as read is kept too.
    assert!(lines.is_sorted(), "{lines:?}");
    let said: Vec<_> = (0..LINES).map(|n| line("user", n)).collect();
    // What was killed twice may not have arrived, for all anybody knows, and its agent is told so.
    let of_user = |lines: &[String]| -> Vec<String> {
        lines.iter().filter(|line| line.starts_with("user ")).cloned().collect()
    };
    let all_read = |seen: &simulator::Snapshot<'_>| {
        let chats = seen.chats();
        let chat = chats.iter().find(|view| view.id == talk.chat).expect("the chat is there");
        of_user(&desk::lines(chat, Speaker::User)).ends_with(&said)
    };
    let reads = rig.desk.wait_until(all_read, WITHIN).await;
    let heard = desk::lines(&desk::chat(&rig.desk, &talk.chat), Speaker::User);
    assert!(reads.is_ok(), "the agent reads all of it, once: {heard:#?}");
    // And the chat goes on.
    talk.user.says("end chat").await;
    talk.user.comes_to_see("You ended the chat.").await;
}
