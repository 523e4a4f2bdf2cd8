//! Deadlines: which is next, and what happens then.

use std::time::Duration;

use super::given::{
    Given, STAGES, agent, agent_said, ago, check, desk_said, live, news, stage, talk, user_says,
};
use crate::{
    Content, EndReason, Event, News, Notice, Phase, Policy, Stage, Talk, Wake, id::Timestamp,
};

/// The conversation at the moment of its deadline, and the event that names it.
fn due(given: Given) -> (Given, Event) {
    let (at, _) = given.conversation.deadline(&given.policy).expect("there is a deadline");
    (given.at(at), Event::Deadline { due: at })
}

#[test]
fn every_open_session_has_a_deadline_and_no_other_conversation_has() {
    let by_default = Policy::new(super::given::desk());
    let hasty = Policy { longest_wait: Duration::from_secs(50), ..by_default.clone() };
    let curt = Policy { quiet: Duration::from_secs(100), ..by_default.clone() };
    let watchful = Policy { agent_idle: Some(Duration::from_mins(2)), ..by_default.clone() };
    let idle = Some((ago(20).after(Duration::from_mins(2)), Wake::AgentIdle));
    let longest = Some((ago(30).after(Duration::from_mins(30)), Wake::LongestWait));
    let warning = Some((ago(20).after(Duration::from_secs(150)), Wake::IdleWarning));
    let rows = [
        ("bot", &by_default, None),
        ("requested", &by_default, longest),
        ("accepted", &by_default, Some((ago(5).after(Duration::from_mins(1)), Wake::Silence))),
        ("accepted", &hasty, Some((ago(30).after(Duration::from_secs(50)), Wake::LongestWait))),
        ("queued", &by_default, longest),
        ("connected", &by_default, warning),
        ("active", &by_default, warning),
        ("active", &curt, Some((ago(10).after(Duration::from_secs(100)), Wake::Quiet))),
        ("connected", &watchful, idle),
        ("active", &watchful, idle),
        ("queued", &watchful, longest),
        ("transferring", &by_default, warning),
        ("transferring", &watchful, warning),
        ("completed", &by_default, None),
        ("failed", &by_default, None),
        ("cancelled", &by_default, None),
    ];
    for (name, policy, expected) in rows {
        assert_eq!(stage(name).conversation.deadline(policy), expected, "{name}");
    }
    assert!(STAGES.iter().all(|name| rows.iter().any(|(row, ..)| row == name)));
}

#[test]
fn silence_after_the_request_was_taken_is_a_failure() {
    let (given, event) = due(stage("accepted"));
    check(
        &given,
        event,
        "bot; tell failed silence; tell back_with_bot; -> end ses_1; \
         -> tell bot ses_1 failed silence 8..12; strike ses_1 <6; row ses_1 fail silence",
    );
}

#[test]
fn nobody_waits_longer_than_the_longest_wait() {
    for name in ["requested", "queued"] {
        let (given, event) = due(stage(name));
        check(
            &given,
            event,
            "bot; tell failed waited_too_long; tell back_with_bot; -> end ses_1; \
             -> tell bot ses_1 failed waited_too_long 8..12; strike ses_1 <6; \
             row ses_1 fail waited_too_long",
        );
    }
}

#[test]
fn the_user_is_warned_once_before_the_desk_cuts_them_off() {
    for (name, warned) in [
        ("connected", "connected Ola warned; tell idle_warning"),
        ("active", "active Ola warned; tell idle_warning"),
        ("transferring", "active Ola transferring warned; tell idle_warning"),
    ] {
        let (given, event) = due(stage(name));
        check(&given, event.clone(), warned);
        let given = given.then(event.clone());
        check(&given, event, "nothing");
        let (_, why) = given.conversation.deadline(&given.policy).expect("still open");
        assert_eq!(why, Wake::Quiet);
    }
}

/// Talks under a policy that tells of idle agents after two minutes and warns nobody.
fn watched(name: &str) -> Given {
    stage(name).with_policy(|policy| {
        policy.agent_idle = Some(Duration::from_mins(2));
        policy.idle_warning = Duration::from_hours(2);
    })
}

#[test]
fn a_user_whom_the_agent_does_not_answer_is_told_once() {
    for (name, told) in [
        ("connected", "connected Ola unanswered; tell agent_idle Ola"),
        ("active", "active Ola unanswered; tell agent_idle Ola"),
    ] {
        let (given, event) = due(watched(name));
        check(&given, event.clone(), told);
        let given = given.then(event.clone());
        check(&given, event, "nothing");
        let given = given.then(user_says("hello?"));
        let (_, why) = given.conversation.deadline(&given.policy).expect("still open");
        assert_ne!(why, Wake::AgentIdle, "not again before the agent spoke");
    }
}

#[test]
fn an_agent_owes_an_answer_from_their_arrival_and_from_the_users_last_word() {
    let idle = Duration::from_mins(2);
    let next = |given: &Given| given.conversation.deadline(&given.policy).expect("still open");
    let given = watched("queued").then(news(vec![News::Active]));
    assert_eq!(next(&given), (given.now.after(idle), Wake::AgentIdle));
    let given = given.at(ago(-60)).then(user_says("anybody?"));
    assert_eq!(next(&given), (ago(-60).after(idle), Wake::AgentIdle), "the last word counts");
    let given = given.then(news(vec![agent_said("Ola", "yes", None)]));
    assert_ne!(next(&given).1, Wake::AgentIdle, "answered");
    let given = given.then(user_says("good"));
    assert_eq!(next(&given).1, Wake::AgentIdle);
}

#[test]
fn an_agents_word_after_the_notice_makes_the_next_silence_news_again() {
    let (given, event) = due(watched("active"));
    let given = given.then(event).then(news(vec![agent_said("Ola", "sorry", None)]));
    let (given, event) = due(given.then(user_says("no matter")));
    check(&given, event, "active Ola unanswered; tell agent_idle Ola");
}

#[test]
fn between_two_agents_nobody_owes_an_answer_and_the_next_one_does() {
    let next = |given: &Given| given.conversation.deadline(&given.policy).expect("still open").1;
    let given = watched("transferring");
    assert_ne!(next(&given), Wake::AgentIdle);
    let given = given.then(news(vec![News::AgentHere(agent("Bo"))]));
    assert_eq!(next(&given), Wake::AgentIdle);
}

#[test]
fn the_desks_own_words_are_no_answer() {
    let given = watched("active").then(news(vec![desk_said("still there?", true)]));
    let (given, event) = due(given);
    check(&given, event, "active Ola unanswered; tell agent_idle Ola");
}

#[test]
fn a_talk_that_nobody_is_heard_in_is_lost_at_last() {
    let given = live(Stage::Active(Talk { warned: true, ..talk() }));
    let (given, event) = due(given);
    assert_eq!(given.now, ago(10).after(given.policy.quiet), "the desk was heard last");
    check(
        &given,
        event,
        "bot; tell failed lost; tell back_with_bot; -> end ses_1; \
         -> tell bot ses_1 failed lost 8..12; strike ses_1 <6; row ses_1 fail lost",
    );
}

#[test]
fn a_deadline_that_something_overtook_has_no_effect() {
    let overtaken = [
        ("accepted", news(vec![News::Queued])),
        ("queued", news(vec![News::AgentHere(super::given::agent("Ola"))])),
        ("active", user_says("still here")),
        ("active", Event::UserEnds),
        ("requested", user_says("cancel")),
    ];
    for (name, event) in overtaken {
        let (given, stale) = due(stage(name));
        let now = given.now;
        let given = given.at(ago(0)).then(event).at(now);
        check(&given, stale, "nothing");
    }
}

#[test]
fn a_deadline_that_names_another_moment_or_comes_early_has_no_effect() {
    for name in STAGES {
        let given = stage(name);
        for due in [Timestamp(0), given.now, Timestamp(i64::MAX)] {
            check(&given, Event::Deadline { due }, "nothing");
        }
    }
    let (given, event) = due(stage("queued"));
    let early = Timestamp(given.now.0 - 1);
    check(&given.at(early), event, "nothing");
}

#[test]
fn a_clock_that_ran_backwards_harms_nobody() {
    let given = stage("requested").at(Timestamp(0));
    let given = given.then(Event::Sent { effect: super::given::effect("ask") });
    let (at, why) = given.conversation.deadline(&given.policy).expect("still open");
    assert_eq!((at, why), (Timestamp(60_000), Wake::Silence));
    let phase = Phase::Accepted { at: Timestamp(0) };
    let expected = super::given::waiting(phase).conversation;
    assert_eq!(given.conversation, expected);
}

#[test]
fn after_a_long_downtime_the_end_is_told_and_no_warning_before_it() {
    let (given, event) = due(stage("active"));
    let hours_later = given.now.after(Duration::from_hours(4));
    let step = given.at(hours_later).after(event);
    assert_eq!(step.records.last().and_then(|record| record.reason), Some(EndReason::Lost));
    let warned = |message: &crate::Message| message.content == Content::Notice(Notice::IdleWarning);
    assert!(!step.messages.iter().any(warned));
}
