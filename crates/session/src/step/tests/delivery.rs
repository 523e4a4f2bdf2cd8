//! What became of effects.

use super::given::{
    active, bot, bot_asks, bot_says, check, effect, ended, stage, table, user_says,
};
use crate::{
    Behind, Effect, EndReason, Event, Failure, Said, Status, What,
    id::{EffectNumber, Number},
};

/// Every way in which an effect is not carried out.
const FAILURES: [Failure; 4] =
    [Failure::Struck, Failure::Refused, Failure::Expired, Failure::Unanswered];

#[test]
fn a_delivered_request_is_accepted_unless_the_desk_said_more_already() {
    table(
        &Event::Sent { effect: effect("ask") },
        &[
            (
                "bot accepted queued connected active transferring completed failed cancelled",
                "nothing",
            ),
            ("requested", "accepted"),
        ],
    );
}

#[test]
fn a_refused_request_ends_the_session_unless_the_desk_has_spoken() {
    table(
        &Event::NotSent { effect: effect("ask"), failure: Failure::Refused },
        &[
            (
                "bot accepted queued connected active transferring completed failed cancelled",
                "nothing",
            ),
            (
                "requested",
                "bot; tell failed rejected; tell back_with_bot; \
                 -> tell bot ses_1 failed rejected 8..12; strike ses_1 <6; free ses_1; \
                 row ses_1 fail rejected",
            ),
        ],
    );
}

#[test]
fn an_expired_request_ends_the_session_unless_the_desk_has_spoken() {
    table(
        &Event::NotSent { effect: effect("ask"), failure: Failure::Expired },
        &[
            (
                "bot accepted queued connected active transferring completed failed cancelled",
                "nothing",
            ),
            (
                "requested",
                "bot; tell failed unreachable; tell back_with_bot; -> end ses_1; \
                 -> tell bot ses_1 failed unreachable 8..12; strike ses_1 <6; \
                 row ses_1 fail unreachable",
            ),
        ],
    );
}

#[test]
fn a_struck_request_ends_the_session_unless_the_desk_has_spoken() {
    table(
        &Event::NotSent { effect: effect("ask"), failure: Failure::Struck },
        &[
            (
                "bot accepted queued connected active transferring completed failed cancelled",
                "nothing",
            ),
            (
                "requested",
                "bot; tell failed unreachable; tell back_with_bot; -> end ses_1; \
                 -> tell bot ses_1 failed unreachable 8..12; strike ses_1 <6; \
                 row ses_1 fail unreachable",
            ),
        ],
    );
}

#[test]
fn a_delivered_word_is_no_news() {
    table(
        &Event::Sent { effect: effect("say") },
        &[(
            "bot requested accepted queued connected active transferring completed failed cancelled",
            "nothing",
        )],
    );
}

#[test]
fn a_word_that_never_arrives_is_told_and_ends_the_session() {
    for failure in [Failure::Struck, Failure::Expired] {
        table(
            &Event::NotSent { effect: effect("say"), failure },
            &[
                ("bot completed failed cancelled", "bot; tell undelivered"),
                (
                    "requested accepted queued connected active transferring",
                    "bot; tell undelivered; tell failed unreachable; tell back_with_bot; \
                 -> end ses_1; -> tell bot ses_1 failed unreachable 8..13; strike ses_1 <6; \
                 row ses_1 fail unreachable",
                ),
            ],
        );
    }
}

#[test]
fn a_word_that_is_refused_ends_the_session_for_that_reason_and_the_desk_hears_of_it() {
    table(
        &Event::NotSent { effect: effect("say"), failure: Failure::Refused },
        &[
            ("bot completed failed cancelled", "bot; tell undelivered"),
            (
                "requested",
                "bot; tell undelivered; tell failed rejected; tell back_with_bot; \
                 -> tell bot ses_1 failed rejected 8..13; strike ses_1 <6; free ses_1; \
                 row ses_1 fail rejected",
            ),
            (
                "accepted queued connected active transferring",
                "bot; tell undelivered; tell failed rejected; tell back_with_bot; \
                 -> end ses_1; -> tell bot ses_1 failed rejected 8..13; strike ses_1 <6; \
                 row ses_1 fail rejected",
            ),
        ],
    );
}

#[test]
fn that_the_desk_is_away_is_told_once_and_that_it_is_back_too() {
    for word in ["ask", "say"] {
        table(
            &Event::Delayed { effect: effect(word) },
            &[
                ("bot completed failed cancelled", "nothing"),
                ("requested", "requested away; tell held"),
                ("accepted", "accepted away; tell held"),
                ("queued", "queued away; tell held"),
                ("connected", "connected Ola away; tell held"),
                ("active", "active Ola away; tell held"),
                ("transferring", "active Ola transferring away; tell held"),
            ],
        );
    }
    let away = || active().then(Event::Delayed { effect: effect("say") });
    check(&away(), Event::Delayed { effect: effect("say") }, "nothing");
    check(&away(), Event::Sent { effect: effect("end") }, "active Ola away; free ses_1");
    check(&away(), Event::Sent { effect: effect("say") }, "active Ola; tell went_through");
    let back = away().then(Event::Sent { effect: effect("say") });
    check(&back, Event::Sent { effect: effect("say") }, "nothing");
    check(&back, Event::Delayed { effect: effect("say") }, "active Ola away; tell held");
}

#[test]
fn a_bot_that_takes_nothing_for_a_while_is_away() {
    for kind in ["greet", "to_bot"] {
        a_bot_is_away(&Event::Delayed { effect: effect(kind) });
    }
}

#[test]
fn an_end_that_is_delayed_is_no_news_to_the_user() {
    table(
        &Event::Delayed { effect: effect("end") },
        &[(
            "bot requested accepted queued connected active transferring completed failed cancelled",
            "nothing",
        )],
    );
}

/// Only how far the bot has come is written down.
fn changes_nothing_to_be_seen(event: &Event) {
    table(
        event,
        &[
            ("bot completed failed cancelled", "bot"),
            ("requested", "requested"),
            ("accepted", "accepted"),
            ("queued", "queued"),
            ("connected", "connected Ola"),
            ("active", "active Ola"),
            ("transferring", "active Ola transferring"),
        ],
    );
}

/// The user is told, unless they have a person to talk to.
fn a_bot_is_away(event: &Event) {
    table(
        event,
        &[
            ("bot completed failed cancelled", "bot (bot away); tell bot_away"),
            ("requested", "requested (bot away)"),
            ("accepted", "accepted (bot away)"),
            ("queued", "queued (bot away)"),
            ("connected", "connected Ola (bot away)"),
            ("active", "active Ola (bot away)"),
            ("transferring", "active Ola transferring (bot away)"),
        ],
    );
}

#[test]
fn a_delivered_end_frees_the_person() {
    table(
        &Event::Sent { effect: effect("end") },
        &[
            ("bot completed failed cancelled", "bot; free ses_1"),
            ("requested", "requested; free ses_1"),
            ("accepted", "accepted; free ses_1"),
            ("queued", "queued; free ses_1"),
            ("connected", "connected Ola; free ses_1"),
            ("active", "active Ola; free ses_1"),
            ("transferring", "active Ola transferring; free ses_1"),
        ],
    );
}

#[test]
fn an_undeliverable_end_frees_the_person_too() {
    for failure in [Failure::Struck, Failure::Refused, Failure::Expired] {
        table(
            &Event::NotSent { effect: effect("end"), failure },
            &[
                ("bot completed failed cancelled", "bot; free ses_1"),
                ("requested", "requested; free ses_1"),
                ("accepted", "accepted; free ses_1"),
                ("queued", "queued; free ses_1"),
                ("connected", "connected Ola; free ses_1"),
                ("active", "active Ola; free ses_1"),
                ("transferring", "active Ola transferring; free ses_1"),
            ],
        );
    }
}

#[test]
fn a_greeted_bot_is_no_news() {
    changes_nothing_to_be_seen(&Event::Sent { effect: effect("greet") });
}

#[test]
fn a_bot_that_cannot_be_greeted_is_away() {
    for failure in FAILURES {
        a_bot_is_away(&Event::NotSent { effect: effect("greet"), failure });
    }
}

#[test]
fn a_word_the_bot_got_is_no_news() {
    changes_nothing_to_be_seen(&Event::Sent { effect: effect("to_bot") });
}

#[test]
fn a_word_the_bot_never_got_is_told() {
    for failure in FAILURES {
        a_bot_is_away(&Event::NotSent { effect: effect("to_bot"), failure });
    }
}

#[test]
fn that_the_bot_is_away_is_told_once_for_what_was_said_before() {
    let delayed = || Event::Delayed { effect: effect("to_bot") };
    let told = bot().then(delayed());
    check(&told, delayed(), "nothing");
    check(&told, Event::NotSent { effect: effect("to_bot"), failure: Failure::Expired }, "nothing");
    let mut again = told.then(user_says("hello?"));
    let newer = again.conversation.numbered;
    let what = What::ToBot { message: newer };
    again.conversation.bot_away = true;
    let effect = Effect { what, ..effect("to_bot") };
    check(&again, Event::Delayed { effect }, "bot (bot away); tell bot_away");
}

#[test]
fn what_answers_something_else_is_no_answer() {
    // The greeting is answered while the first word waits behind it in the lane.
    let given = bot().then(user_says("hello?"));
    let word = given.conversation.numbered;
    let given = given.then(bot_says("welcome")).then(Event::Sent { effect: effect("greet") });
    let what = What::ToBot { message: word };
    let effect = Effect { what, ..effect("to_bot") };
    let late = Event::NotSent { effect: effect.clone(), failure: Failure::Unanswered };
    check(&given, late.clone(), "bot (bot away); tell bot_away");
    let given = given.then(bot_says("hello!"));
    check(&given, late, "nothing");
}

#[test]
fn a_bot_that_hears_of_no_chat_is_away_and_the_next_word_says_so() {
    for event in [
        Event::Delayed { effect: effect("tell_bot") },
        Event::NotSent { effect: effect("tell_bot"), failure: Failure::Expired },
    ] {
        let given = bot().with_policy(|policy| policy.behind = Behind::Bot).then(event);
        assert!(given.conversation.bot_away, "the phrases work");
        let word = "bot (bot away); user \"hello?\"; tell bot_away; -> to bot 11; = 11";
        check(&given, user_says("hello?"), word);
        let given = given.then(user_says("hello?"));
        let again = "bot (bot away); user \"hello?\"; -> to bot 13; = 13";
        check(&given, user_says("hello?"), again);
        assert!(given.after(user_says("agent")).conversation.live().is_some());
        let back = given.then(Event::Sent { effect: effect("tell_bot") });
        assert!(!back.conversation.bot_away);
    }
}

#[test]
fn only_an_answer_to_it_answers_a_word() {
    let given = bot().then(user_says("hello?"));
    let word = given.conversation.numbered;
    let what = What::ToBot { message: word };
    let late = Event::NotSent {
        effect: Effect { what, ..effect("to_bot") },
        failure: Failure::Unanswered,
    };
    let answers =
        |entry| Event::BotSaid { said: Said::words("hi"), answers: Some(entry), key: None };
    let given = given.then(answers(Number(word.0 - 1)));
    check(&given, late.clone(), "bot (bot away); tell bot_away");
    check(&given.then(answers(word)), late, "nothing");
}

#[test]
fn a_bot_that_spoke_after_all_has_heard() {
    for event in [bot_says("hi"), bot_asks()] {
        let given = bot().then(event);
        let late = Event::NotSent { effect: effect("to_bot"), failure: Failure::Unanswered };
        check(&given, late, "nothing");
    }
}

#[test]
fn news_the_bot_got_is_no_news() {
    table(
        &Event::Sent { effect: effect("tell_bot") },
        &[(
            "bot requested accepted queued connected active transferring completed failed cancelled",
            "nothing",
        )],
    );
}

#[test]
fn news_the_bot_never_got_is_no_news() {
    let not_sent = |failure| Event::NotSent { effect: effect("tell_bot"), failure };
    for failure in [Failure::Struck, Failure::Refused] {
        table(
            &not_sent(failure),
            &[(
                "bot requested accepted queued connected active transferring completed failed cancelled",
                "nothing",
            )],
        );
    }
    for failure in [Failure::Expired, Failure::Unanswered] {
        table(
            &not_sent(failure),
            &[
                ("bot completed failed cancelled", "bot (bot away)"),
                ("requested", "requested (bot away)"),
                ("accepted", "accepted (bot away)"),
                ("queued", "queued (bot away)"),
                ("connected", "connected Ola (bot away)"),
                ("active", "active Ola (bot away)"),
                ("transferring", "active Ola transferring (bot away)"),
            ],
        );
    }
}

#[test]
fn a_request_that_timed_out_but_arrived_costs_nobody_their_chat() {
    // AGENT was taken, its answer got lost, an agent came; then the attempts run out.
    let given = active();
    let late = Event::NotSent { effect: effect("ask"), failure: Failure::Expired };
    check(&given, late, "nothing");
}

#[test]
fn that_something_did_not_arrive_is_told_once_for_all_words_of_a_session() {
    let lost = || Event::NotSent { effect: effect("say"), failure: Failure::Struck };
    let given = ended(Status::Completed, EndReason::AgentEnded).then(lost());
    check(&given, lost(), "nothing");
    let given = active().then(lost());
    check(&given, lost(), "nothing");
}

#[test]
fn a_lost_word_of_a_session_long_past_is_told_all_the_same() {
    let mut given = ended(Status::Completed, EndReason::AgentEnded);
    given.conversation.past.as_mut().expect("it ended").id = super::given::session_id("ses_9");
    let lost = Event::NotSent { effect: effect("say"), failure: Failure::Expired };
    check(&given, lost.clone(), "bot; tell undelivered");
    given.conversation.past = None;
    check(&given, lost, "bot; tell undelivered");
}

#[test]
fn only_the_users_own_end_waits_for_their_last_words() {
    let strikes = |name: &str, event: Event| stage(name).after(event).strikes;
    assert_eq!(strikes("active", Event::UserEnds), []);
    let others = [
        ("queued", Event::UserEnds),
        ("active", super::given::news(vec![crate::News::Ended])),
        ("active", super::given::news(vec![crate::News::Failed])),
    ];
    for (name, event) in others {
        let step = stage(name).after(event);
        let [strike] = step.strikes.as_slice() else { panic!("{:?}", step.strikes) };
        assert_eq!(strike.below, EffectNumber(6), "everything before this step");
        assert!(step.effects.iter().all(|effect| effect.number >= strike.below));
    }
}

#[test]
fn what_is_to_be_done_has_its_time() {
    let given = active();
    let ended = given.after(Event::UserEnds);
    let expiries: Vec<_> =
        ended.effects.iter().map(|effect| (effect.what.kind(), effect.expires_at)).collect();
    assert_eq!(
        expiries,
        [
            ("end", given.now.after(given.policy.end_within)),
            ("tell_bot", given.now.after(given.policy.say_within)),
        ]
    );
}

#[test]
fn what_becomes_of_the_last_sessions_effects_never_touches_the_next() {
    let next = || stage("completed").then(super::given::bot_asks());
    let outcomes = [Failure::Struck, Failure::Refused, Failure::Expired];
    check(&next(), Event::Sent { effect: effect("ask") }, "nothing");
    for failure in outcomes {
        check(&next(), Event::NotSent { effect: effect("ask"), failure }, "nothing");
    }
    let lost = Event::NotSent { effect: effect("say"), failure: Failure::Expired };
    check(&next(), lost, "requested; tell undelivered");
    check(&next(), Event::Sent { effect: effect("end") }, "requested; free ses_1");
}
