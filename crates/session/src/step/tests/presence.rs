//! A user who goes away, and comes back or does not.

use std::time::Duration;

use super::given::{
    Given, STAGES, agent, ago, bot, check, news, stage, table, user_said, user_says, visitor,
};
use crate::{Event, News, Said, Wake, id::Timestamp};

#[test]
fn only_an_open_session_knows_that_the_user_is_away() {
    table(
        &Event::UserAway,
        &[
            ("bot completed failed cancelled", "nothing"),
            ("requested", "requested (user away)"),
            ("accepted", "accepted (user away)"),
            ("queued", "queued (user away)"),
            ("connected", "connected Ola (user away)"),
            ("active", "active Ola (user away)"),
            ("transferring", "active Ola transferring (user away)"),
        ],
    );
}

#[test]
fn that_the_user_is_there_is_no_news_unless_they_were_away() {
    table(
        &Event::UserBack,
        &[(
            "bot requested accepted queued connected active transferring completed failed \
             cancelled",
            "nothing",
        )],
    );
    for name in STAGES {
        let before = stage(name).conversation;
        let back = stage(name).then(Event::UserAway).then(Event::UserBack);
        assert_eq!(back.conversation, before, "{name}");
    }
}

/// The conversation of a user who went a minute ago, now that their grace is over.
fn left(name: &str) -> (Given, Event) {
    let given = stage(name).at(ago(-60)).then(Event::UserAway);
    let due = ago(-60).after(given.policy.away_grace);
    (given.at(due), Event::Deadline { due })
}

/// As [`left`], where nobody is warned meanwhile.
fn left_unwarned(name: &str) -> (Given, Event) {
    let (given, event) = left(name);
    (given.with_policy(|policy| policy.idle_warning = Duration::from_hours(1)), event)
}

#[test]
fn who_does_not_come_back_in_time_waits_no_more_and_no_agent_meets_a_ghost() {
    for name in ["requested", "queued"] {
        let (given, event) = left(name);
        check(
            &given,
            event,
            "bot; tell user_left; tell back_with_bot; -> end ses_1; \
             -> tell bot ses_1 failed user_left 8..12; strike ses_1 <6; \
             row ses_1 cancelled user_left",
        );
    }
}

#[test]
fn a_talk_whose_user_does_not_come_back_is_completed_behind_their_last_words() {
    for name in ["connected", "active", "transferring"] {
        let (given, event) = left_unwarned(name);
        check(
            &given,
            event,
            "bot; tell user_left; tell back_with_bot; -> end ses_1; \
             -> tell bot ses_1 completed Ola user_left 8..12; row ses_1 completed user_left",
        );
    }
}

#[test]
fn the_grace_is_counted_from_when_they_went_and_waiting_has_its_other_ends_too() {
    let next = |given: &Given| given.conversation.deadline(&given.policy).expect("still open");
    let went = stage("queued").at(ago(-60)).then(Event::UserAway);
    let expected = (ago(-60).after(Duration::from_mins(10)), Wake::UserLeft);
    assert_eq!(next(&went), expected);
    let told_again = went.at(ago(-120)).then(Event::UserAway);
    assert_eq!(next(&told_again), expected, "away is away");
    let silent = stage("accepted").then(Event::UserAway);
    assert_eq!(next(&silent).1, Wake::Silence, "what comes first");
    let late = stage("queued").at(ago(-29 * 60)).then(Event::UserAway);
    assert_eq!(next(&late).1, Wake::LongestWait);
    let warned = stage("active").then(Event::UserAway);
    assert_eq!(next(&warned).1, Wake::IdleWarning);
}

#[test]
fn the_grace_goes_on_when_an_agent_comes_meanwhile() {
    let (given, event) = left_unwarned("queued");
    let given = given.then(news(vec![News::AgentHere(agent("Ola"))]));
    check(
        &given,
        event,
        "bot; tell user_left; tell back_with_bot; -> end ses_1; \
         -> tell bot ses_1 completed Ola user_left 8..13; row ses_1 completed user_left",
    );
}

#[test]
fn every_sign_of_life_keeps_the_place_and_makes_the_deadline_stale() {
    let signs = [
        Event::UserBack,
        Event::Opened { visitor: visitor() },
        user_says("I am here"),
        user_said(Said::words("I am here"), Some("k")),
    ];
    for name in ["requested", "queued", "connected", "active", "transferring"] {
        for sign in signs.clone() {
            let (given, stale) = left(name);
            let now = given.now;
            let given = given.at(Timestamp(now.0 - 1)).then(sign.clone()).at(now);
            assert!(given.conversation.live().is_some_and(|live| live.user_away_since.is_none()));
            check(&given, stale, "nothing");
        }
    }
}

#[test]
fn what_others_say_is_no_sign_of_the_user() {
    let given = stage("active").then(Event::UserAway);
    let given = given.then(news(vec![super::given::agent_said("Ola", "hello?", None)]));
    let given = given.then(super::given::bot_says("hi"));
    assert!(given.conversation.live().is_some_and(|live| live.user_away_since.is_some()));
}

#[test]
fn a_session_begins_with_its_user_there() {
    let given = bot().then(Event::UserAway).then(user_says("agent"));
    assert!(given.conversation.live().is_some_and(|live| live.user_away_since.is_none()));
}

#[test]
fn an_agent_who_accepts_after_the_user_left_is_not_shown() {
    let (given, event) = left("queued");
    let given = given.then(event);
    let late = vec![News::AgentHere(agent("Ola")), super::given::agent_said("Ola", "hi", None)];
    check(&given, news(late), "nothing");
}
