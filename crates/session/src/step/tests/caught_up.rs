//! What was missed and is fetched afterwards.

use std::time::Duration;

use super::given::{agent, agent_said, check, news, sender, session_id, stage, table, user_says};
use crate::{
    Compared, Event, LATE_WORDS_FOR, Missed, News, Said,
    id::{Number, SessionId},
};

/// Fetched for `ses_1`, when its log had ten entries.
fn caught_up(missed: Vec<Missed>) -> Event {
    caught_up_at(10, missed)
}

fn caught_up_at(as_of: u64, missed: Vec<Missed>) -> Event {
    let as_of = Compared { numbered: Number(as_of), behind_gap: 0, shown: Vec::new() };
    Event::CaughtUp { session: session_id("ses_1"), as_of: Some(as_of), missed }
}

fn word(text: &str, key: &str) -> Missed {
    Missed::AgentSaid { said: Said::words(text), key: sender(key) }
}

fn started(conversation: &str) -> Event {
    news(vec![News::Started { conversation: conversation.to_owned() }])
}

#[test]
fn missed_words_are_shown_and_connect_who_waits() {
    table(
        &caught_up(vec![word("hi", "m1"), word("there", "m2")]),
        &[
            ("bot cancelled", "bot; = 10"),
            (
                "requested accepted queued",
                "active; tell connected; agent \"hi\"; agent \"there\"; \
                 -> tell bot ses_1 accepted 8..11; row ses_1 connected; row ses_1 active; \
                 key m1 12; key m2 13; = 13",
            ),
            (
                "connected",
                "active Ola; agent Ola \"hi\"; agent Ola \"there\"; row ses_1 active; \
                 key m1 11; key m2 12; = 12",
            ),
            (
                "active",
                "active Ola; agent Ola \"hi\"; agent Ola \"there\"; key m1 11; key m2 12; = 12",
            ),
            (
                "transferring",
                "active; tell transferred; agent \"hi\"; agent \"there\"; \
                 key m1 12; key m2 13; = 13",
            ),
            ("completed failed", "bot; agent \"hi\"; agent \"there\"; key m1 11; key m2 12; = 12"),
        ],
    );
}

#[test]
fn a_missed_end_ends_as_an_end_does() {
    table(
        &caught_up(vec![Missed::Ended]),
        &[
            ("bot", "bot; = 10"),
            ("completed failed cancelled", "bot; free ses_1; = 10"),
            (
                "requested accepted queued",
                "bot; tell failed refused; tell back_with_bot; -> end ses_1; \
                 -> tell bot ses_1 failed refused 8..12; strike ses_1 <6; \
                 row ses_1 fail refused; = 12",
            ),
            (
                "connected active transferring",
                "bot; tell ended by agent Ola; tell back_with_bot; \
                 -> tell bot ses_1 completed Ola agent_ended 8..12; strike ses_1 <6; free ses_1; \
                 row ses_1 completed agent_ended; = 12",
            ),
        ],
    );
}

#[test]
fn a_chat_that_was_missed_as_a_whole_is_told_as_a_whole() {
    check(
        &stage("queued"),
        caught_up(vec![word("hello", "m1"), Missed::Ended, word("bye", "m2")]),
        "bot; tell connected; agent \"hello\"; tell ended by agent; tell back_with_bot; \
         agent \"bye\"; -> tell bot ses_1 accepted 8..11; \
         -> tell bot ses_1 completed agent_ended 8..14; strike ses_1 <7; free ses_1; \
         row ses_1 connected; row ses_1 active; row ses_1 completed agent_ended; \
         key m1 12; key m2 15; = 15",
    );
}

#[test]
fn words_known_by_their_key_are_shown_once_whichever_way_comes_first() {
    let callback = || news(vec![agent_said("Ola", "hi", Some("m1"))]);
    let fetched = |as_of| caught_up_at(as_of, vec![word("hi", "m1"), word("hi", "m2")]);
    let second = "active Ola; agent Ola \"hi\"; key m2 12; = 12";
    check(&stage("active").then(callback()), fetched(11), second);
    check(&stage("active").then(fetched(10)), callback(), "nothing");
    check(&stage("active").then(fetched(10)), fetched(12), "active Ola; = 12");
    check(
        &stage("connected").having_seen("m1", 3),
        caught_up(vec![word("hi", "m1")]),
        "connected Ola; = 10",
    );
}

#[test]
fn nothing_happens_if_the_log_grew_since_it_was_compared() {
    let given = stage("active").then(user_says("are you there?"));
    let words = || vec![word("hi", "m1")];
    check(&given, caught_up_at(10, words()), "nothing");
    check(&given, caught_up_at(11, words()), "active Ola; agent Ola \"hi\"; key m1 12; = 12");
}

#[test]
fn without_ids_nothing_happens_unless_the_words_were_compared() {
    let uncompared = |missed| Event::CaughtUp { session: session_id("ses_1"), as_of: None, missed };
    let words = || vec![word("hi", "m1")];
    let shown = "active Ola; agent Ola \"hi\"; key m1 12; = 12";
    let given = || stage("active").then(news(vec![agent_said("Ola", "hm", Some("m0"))]));
    check(&given(), uncompared(words()), shown);
    let given = || stage("active").then(news(vec![agent_said("Ola", "hm", None)]));
    assert!(given().conversation.live().expect("it is open").without_ids);
    check(&given(), uncompared(words()), "nothing");
    check(&given(), caught_up_at(11, words()), shown);
}

#[test]
fn missed_words_are_late_like_others_and_revive_nothing() {
    for (ago, shown) in [(LATE_WORDS_FOR, true), (LATE_WORDS_FOR + Duration::from_secs(1), false)] {
        let given = stage("completed");
        let at = given.conversation.past.as_ref().expect("it ended").at;
        let step = given.at(at.after(ago)).after(caught_up(vec![word("bye", "m1")]));
        assert_eq!(step.messages.len() == 1, shown, "{ago:?}");
        assert!(step.conversation.live().is_none());
    }
}

#[test]
fn what_was_missed_of_another_session_touches_nothing() {
    let given = stage("active");
    let session: SessionId = session_id("ses_9");
    let missed = vec![word("hi", "m1"), Missed::Ended];
    let step = given.after(Event::CaughtUp { session, as_of: None, missed });
    assert_eq!(step.conversation, given.conversation);
    assert!(step.messages.is_empty() && step.effects.is_empty() && step.remember.is_empty());
}

#[test]
fn the_record_at_the_desk_is_remembered_and_nothing_follows_from_it() {
    for name in ["requested", "accepted", "queued", "connected", "active", "transferring"] {
        let given = stage(name);
        let step = given.after(started("c1"));
        let live = step.conversation.live().expect("it goes on");
        assert_eq!(live.desk_conversation.as_deref(), Some("c1"), "{name}");
        assert_eq!(live.status(), given.conversation.live().expect("it is open").status());
        assert!(step.messages.is_empty() && step.effects.is_empty(), "{name}");
        let given = given.then(started("c1")).then(news(vec![News::AgentHere(agent("Ola"))]));
        let live = given.conversation.live().expect("it goes on");
        assert_eq!(live.desk_conversation.as_deref(), Some("c1"), "{name}");
    }
    for name in ["bot", "completed", "failed", "cancelled"] {
        check(&stage(name), started("c1"), "nothing");
    }
}
