//! What is refused, and that it changes nothing.

use super::given::{
    STAGES, agent_said, check, holding, key, session_id, stage, user_said, user_says,
};
use crate::{
    Callback, Claims, Event, HELD_WORDS_MAX, News, Rejected, Said,
    id::{EffectNumber, Number},
};

fn callback(request: Option<u64>, claims: Claims) -> Event {
    Event::Desk(Callback {
        session: session_id("ses_1"),
        request: request.map(EffectNumber),
        claims,
        news: vec![agent_said("Ola", "hi", None), News::Ended],
        behind_gap: false,
    })
}

#[test]
fn a_request_number_that_was_never_sent_is_refused() {
    for name in STAGES {
        for never in [0, 6, u64::MAX] {
            check(
                &stage(name),
                callback(Some(never), Claims::default()),
                "rejected unknown_request",
            );
        }
        for sent in [Some(1), Some(5), None] {
            assert!(stage(name).step(callback(sent, Claims::default())).is_ok(), "{name} {sent:?}");
        }
    }
}

#[test]
fn variables_of_somebody_else_are_refused_member_by_member() {
    let text = |text: &str| Some(text.to_owned());
    let own = Claims { tenant: text("acme"), bot: text("helper"), conversation: text("c-1") };
    let key = key();
    assert_eq!(own.tenant.as_deref(), Some(key.tenant.as_str()));
    let foreign = [
        Claims { tenant: text("evil"), ..Claims::default() },
        Claims { bot: text("evil"), ..Claims::default() },
        Claims { conversation: text("c-2"), ..Claims::default() },
        Claims { tenant: text("evil"), ..own.clone() },
        Claims { bot: text("Helper"), ..own.clone() },
        Claims { conversation: text(""), ..own.clone() },
    ];
    for claims in foreign {
        for name in STAGES {
            check(&stage(name), callback(None, claims.clone()), "rejected foreign_variables");
        }
    }
    let absent = [
        own.clone(),
        Claims::default(),
        Claims { tenant: None, ..own.clone() },
        Claims { bot: None, ..own.clone() },
        Claims { conversation: None, ..own },
    ];
    for claims in absent {
        assert!(stage("active").step(callback(None, claims.clone())).is_ok(), "{claims:?}");
    }
}

#[test]
fn a_word_too_many_while_waiting_is_announced_and_refused_and_the_way_out_stays_open() {
    let mut given = holding();
    let held = |count: usize| (0..count).map(|n| Number(n as u64 + 9)).collect();
    given.waiting().held = held(HELD_WORDS_MAX - 2);
    check(&given, user_says("one"), "queued holding 99; user \"one\"; = 11");
    given.waiting().held = held(HELD_WORDS_MAX - 1);
    check(&given, user_says("one"), "queued holding 100; user \"one\"; tell no_more_held; = 11");
    given.waiting().held = held(HELD_WORDS_MAX);
    check(&given, user_says("two"), "rejected too_many_held");
    check(&given, user_said(Said::words("two"), Some("k")), "rejected too_many_held");
    assert!(given.after(user_says("cancel")).conversation.live().is_none());
    let given = given.then(super::given::news(vec![News::Active]));
    check(&given, user_says("two"), "active; user \"two\"; -> say 12; row ses_1 active; = 12");
}

#[test]
fn words_for_a_full_lane_are_refused_and_what_needs_no_room_is_not() {
    let full = |name: &str, waiting| {
        stage(name).with_policy(|policy| policy.lane_max = 3).with_waiting(waiting)
    };
    for name in ["bot", "connected", "active", "transferring", "completed", "failed", "cancelled"] {
        assert!(full(name, 2).step(user_says("hi")).is_ok(), "{name}");
        for waiting in [3, 4] {
            check(&full(name, waiting), user_says("hi"), "rejected too_many_waiting");
        }
    }
    // Words that are held join no lane, and the way out and the way to a person stay open.
    for (name, words) in [
        ("requested", "hi"),
        ("queued", "hi"),
        ("queued", "cancel"),
        ("active", "end chat"),
        ("bot", "agent"),
    ] {
        assert!(full(name, 3).step(user_says(words)).is_ok(), "{name} {words}");
    }
    let repeat = full("active", 3).having_seen("k", 9);
    assert_eq!(repeat.after(user_said(Said::words("hi"), Some("k"))).answer, Number(9));
}

#[test]
fn a_repeat_is_answered_even_where_a_new_word_would_be_refused() {
    let mut given = holding().having_seen("k", 9);
    given.waiting().held = vec![Number(9); HELD_WORDS_MAX];
    check(&given, user_said(Said::words("one"), Some("k")), "queued holding 100; = 9");
}

#[test]
fn each_refusal_has_a_code_and_a_sentence_of_its_own() {
    let all = [
        Rejected::UnknownRequest,
        Rejected::ForeignVariables,
        Rejected::TooManyHeld,
        Rejected::TooManyWaiting,
    ];
    for (index, rejected) in all.into_iter().enumerate() {
        let sentence = rejected.to_string();
        assert!(
            !sentence.ends_with('.') && sentence.contains("; "),
            "{sentence:?} says what to do"
        );
        for other in &all[index + 1..] {
            assert_ne!((rejected.code(), sentence.as_str()), (other.code(), &*other.to_string()));
        }
    }
}
