//! What the bot does.

use super::given::{
    NOW, bot, bot_asked, bot_asks, bot_says, check, sender, stage, table, user_says, visitor,
};
use crate::{
    AskedBy, Author, Behind, Content, EndReason, Event, Line, Payload, Rejected, Route, Said,
    Status, What, id::Number,
};

#[test]
fn what_the_bot_says_always_reaches_the_user() {
    table(
        &bot_says("hi"),
        &[
            ("bot completed failed cancelled", "bot; bot \"hi\"; = 11"),
            ("requested", "requested; bot \"hi\"; = 11"),
            ("accepted", "accepted; bot \"hi\"; = 11"),
            ("queued", "queued; bot \"hi\"; = 11"),
            ("connected", "connected Ola; bot \"hi\"; = 11"),
            ("active", "active Ola; bot \"hi\"; = 11"),
            ("transferring", "active Ola transferring; bot \"hi\"; = 11"),
        ],
    );
}

#[test]
fn the_bot_gets_one_session_however_often_it_asks() {
    table(
        &bot_asks(),
        &[
            (
                "bot completed failed cancelled",
                "requested; bot hands over 1; tell asked; -> ask ses_2 upto 11 with 11; \
                 take ses_2; row ses_2 waiting; = 11",
            ),
            ("requested accepted queued connected active transferring", "nothing"),
        ],
    );
}

#[test]
fn a_bot_that_speaks_or_asks_is_back() {
    for event in [bot_says("hi"), bot_asks()] {
        let mut given = bot().with_policy(|policy| policy.behind = Behind::Bot);
        given.conversation.bot_away = true;
        assert!(!given.after(event).conversation.bot_away);
    }
    let mut given = stage("active");
    given.conversation.bot_away = true;
    assert!(!given.after(bot_asks()).conversation.bot_away);
}

#[test]
fn a_bot_that_is_reached_again_is_back() {
    for kind in ["to_bot", "greet"] {
        let mut given = bot();
        given.conversation.bot_away = true;
        check(&given, Event::Sent { effect: super::given::effect(kind) }, "bot");
    }
}

#[test]
fn a_bot_asking_for_a_user_who_was_never_heard_of_is_refused() {
    let mut given = bot();
    given.conversation.visitor = None;
    check(
        &given,
        bot_asks(),
        "bot; bot hands over 1; -> tell bot ses_2 failed rejected 10..11; = 11",
    );
}

#[test]
fn a_bot_asking_for_who_is_busy_elsewhere_is_refused_and_the_user_is_told() {
    check(
        &bot().held_by("ses_of_another_conversation"),
        bot_asks(),
        "bot; bot hands over 1; tell busy_elsewhere; \
         -> tell bot ses_2 failed refused 10..12; = 11",
    );
}

#[test]
fn a_bots_second_request_retried_after_the_end_opens_nothing() {
    let second = bot_asked(Some("k2"));
    let given = stage("queued").then(second.clone());
    assert_eq!(given.seen.get(&sender("k2")), Some(&Number(0)), "remembered, without an entry");
    let given = given.then(Event::UserEnds);
    check(&given, second, "nothing");
}

#[test]
fn what_the_bot_says_is_never_a_phrase() {
    let said = |text| Event::BotSaid { said: Said::words(text), answers: None, key: None };
    check(&bot(), said("agent"), "bot; bot \"agent\"; = 11");
    check(&stage("active"), said("end chat"), "active Ola; bot \"end chat\"; = 11");
    // The counter-proof.
    assert!(bot().after(user_says("agent")).conversation.live().is_some());
}

#[test]
fn what_the_bot_does_or_changes_is_kept_in_its_place() {
    let payload = || Payload("{}".to_owned());
    let revised = |of| Event::BotRevised { of: Number(of), at: NOW, said: Said::words("new") };
    for name in ["bot", "queued", "active"] {
        let given = stage(name);
        let seen = |event| given.after(event);
        let did = seen(Event::BotDid { payload: payload(), answers: None, key: None });
        assert_eq!((did.messages.len(), did.answer), (1, Number(11)), "{name}");
        let changed = seen(revised(9));
        assert!(matches!(changed.messages[0].content, Content::Revised { of: Number(9), .. }));
        assert_eq!(changed.answer, Number(9), "an update answers with the id that it changes");
        let gone = seen(Event::BotWithdrew { of: Number(9), at: NOW });
        assert!(matches!(gone.messages[0].content, Content::Withdrawn { of: Number(9), .. }));
        for step in [did, changed, gone] {
            assert!(step.effects.is_empty(), "nobody else is told");
        }
        check(&given, revised(12), "nothing");
    }
}

#[test]
fn a_bot_of_ones_own_gets_what_its_user_does_also_while_a_person_is_there() {
    let does = || Event::UserDid {
        visitor: visitor(),
        payload: Payload("{}".to_owned()),
        words: false,
        told: None,
        key: Some(sender("k")),
    };
    for name in ["bot", "queued", "active", "completed"] {
        let given = stage(name).with_policy(|policy| policy.behind = Behind::Bot);
        let step = given.after(does());
        let effects: Vec<_> = step.effects.iter().map(|effect| &effect.what).collect();
        assert!(matches!(effects[..], [What::ToBot { message: Number(11) }]), "{name}");
        assert_eq!(given.then(does()).after(does()).effects.len(), 0, "{name}: a repeat");
        let full = stage(name).with_policy(|policy| policy.behind = Behind::Bot);
        let full = full.with_waiting(1_000).step(does());
        assert_eq!(full.unwrap_err(), Rejected::TooManyWaiting, "{name}");
    }
    let built_in = stage("bot").after(does());
    assert!(built_in.effects.is_empty() && built_in.messages.len() == 1, "seen and no more");
}

/// The stage of this name, of a chat that the bot asked for.
fn by_bot(name: &str) -> super::given::Given {
    let mut given = stage(name);
    if let Route::Live(session) = &mut given.conversation.route {
        session.asked_by = AskedBy::Bot;
    }
    given
}

#[test]
fn an_edit_of_what_a_person_was_told_is_nothing_for_the_bot() {
    let edit = || Event::UserDid {
        visitor: visitor(),
        payload: Payload("{}".to_owned()),
        words: true,
        told: None,
        key: None,
    };
    for (name, orders) in [("bot", 1), ("queued", 0), ("active", 0), ("completed", 1)] {
        let given = stage(name).with_policy(|policy| policy.behind = Behind::Bot);
        assert_eq!(given.after(edit()).effects.len(), orders, "{name}");
    }
}

#[test]
fn a_bot_of_ones_own_is_told_who_is_there_before_the_first_word() {
    let mut given = bot().with_policy(|policy| policy.behind = Behind::Bot);
    given.conversation.opened = false;
    check(&given, user_says("hi"), "bot; user \"hi\"; -> greet; -> to bot 11; = 11");
    let given = given.then(user_says("hi"));
    check(&given, Event::Opened { visitor: visitor() }, "nothing");
}

#[test]
fn a_bot_ends_the_chat_that_it_asked_for() {
    let ends = || Event::BotEnds { said: None };
    check(&bot(), ends(), "nothing");
    check(&stage("active"), ends(), "nothing");
    let bye = Event::BotEnds { said: Some(Said::words("bye")) };
    check(&stage("active"), bye, "active Ola; bot \"bye\"; = 11");
    for (name, status) in [("queued", Status::Cancelled), ("active", Status::Completed)] {
        let step = by_bot(name).after(ends());
        let last = step.records.last().unwrap();
        assert_eq!((last.status, last.reason), (status, Some(EndReason::BotEnded)), "{name}");
        assert!(step.effects.iter().any(|effect| matches!(effect.what, What::End { .. })));
    }
}

#[test]
fn what_the_bot_brings_along_is_seen_and_goes_nowhere() {
    let lines = vec![(Author::User, Said::words("before")), (Author::Bot, Said::words("indeed"))];
    let step = stage("active").after(Event::BotBrought { lines });
    assert_eq!((step.messages.len(), step.effects.len(), step.answer), (2, 0, Number(12)));
    assert_eq!(stage("active").after(Event::BotBrought { lines: Vec::new() }).messages.len(), 0);
}

#[test]
fn a_transcript_that_comes_along_is_kept_before_what_is_handed_over() {
    let line = Line { by_user: true, text: "hello".to_owned() };
    let Event::BotAsked { context, key, fresh, .. } = bot_asks() else { unreachable!() };
    let said = Some(Said::words("one moment"));
    let event = Event::BotAsked { said, context, transcript: vec![line], key, fresh };
    check(
        &bot(),
        event,
        "requested; bot \"one moment\"; bot brings 1 lines; bot hands over 1; tell asked; \
         -> ask ses_2 upto 13 with 13; take ses_2; row ses_2 waiting; = 13",
    );
}
