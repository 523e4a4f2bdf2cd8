//! What the bot does.

use super::given::{bot, bot_asked, bot_asks, bot_says, check, sender, stage, table, user_says};
use crate::{Behind, Event, Said, id::Number};

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
    let said = |text| Event::BotSaid { said: Said::words(text), key: None };
    check(&bot(), said("agent"), "bot; bot \"agent\"; = 11");
    check(&stage("active"), said("end chat"), "active Ola; bot \"end chat\"; = 11");
    // The counter-proof.
    assert!(bot().after(user_says("agent")).conversation.live().is_some());
}
