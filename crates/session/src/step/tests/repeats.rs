//! Repeats get the first answer; equal words are not repeats.

use super::given::{
    STAGES, agent_said, bot_asked, check, news, sender, stage, user_said, user_says,
};
use crate::{Event, FileRefusal, News, Said, id::Number};

fn keyed() -> Vec<Event> {
    vec![
        user_said(Said::words("hello"), Some("k")),
        user_said(Said::words("agent"), Some("k")),
        user_said(Said::words("end chat"), Some("k")),
        Event::BotSaid { said: Said::words("hello"), answers: None, key: Some(sender("k")) },
        bot_asked(Some("k")),
        Event::FileNotPassedOn {
            shown_in: Number(9),
            by_agent: true,
            name: None,
            why: FileRefusal::Infected,
            key: Some(sender("k")),
        },
        Event::FileLost {
            name: "a.txt".to_owned(),
            why: FileRefusal::NotNow,
            key: Some(sender("k")),
        },
        Event::FileLinked {
            name: "a.txt".to_owned(),
            address: "https://chat.example/files/x".to_owned(),
            key: Some(sender("k")),
        },
    ]
}

#[test]
fn a_repeat_gets_the_first_answer_and_does_nothing_more() {
    for name in STAGES {
        for event in keyed() {
            let given = stage(name).having_seen("k", 3);
            let step = given.after(event.clone());
            assert_eq!(step.answer, Number(3), "{name} {event:?}");
            assert_eq!(step.conversation, given.conversation, "{name} {event:?}");
            let extra = step.messages.len() + step.effects.len() + step.remember.len();
            assert_eq!(extra, 0, "{name} {event:?}");
        }
    }
}

#[test]
fn the_second_delivery_of_each_keyed_event_is_a_repeat_of_the_first() {
    for name in STAGES {
        for event in keyed() {
            let given = stage(name);
            let first = given.after(event.clone());
            let again = given.then(event.clone()).after(event.clone());
            assert_eq!(again.answer, first.answer, "{name} {event:?}");
            assert_eq!((again.messages, again.effects), (vec![], vec![]), "{name} {event:?}");
        }
    }
}

#[test]
fn two_messages_that_merely_say_the_same_are_two() {
    let given = stage("active").then(user_says("hello"));
    check(&given, user_says("hello"), "active Ola; user \"hello\"; -> say 12; = 12");
    let given = stage("active").then(user_said(Said::words("hello"), Some("k1")));
    let other = user_said(Said::words("hello"), Some("k2"));
    check(&given, other, "active Ola; user \"hello\"; -> say 12; key k2 12; = 12");
    let twice = vec![agent_said("Ola", "ok", None), agent_said("Ola", "ok", None)];
    check(&stage("active"), news(twice), "active Ola; agent Ola \"ok\"; agent Ola \"ok\"");
}

#[test]
fn an_item_repeated_within_one_callback_is_shown_once() {
    let desk =
        || News::DeskSaid { said: Said::words("hm"), key: Some(sender("m2")), with_agents: true };
    let agent = || agent_said("Ola", "ok", Some("m1"));
    check(
        &stage("active"),
        news(vec![agent(), agent(), desk(), desk(), agent()]),
        "active Ola; agent Ola \"ok\"; desk \"hm\"; key m1 11; key m2 12",
    );
}

#[test]
fn a_redelivered_item_is_shown_once_even_across_the_end() {
    let word = || news(vec![agent_said("Ola", "bye", Some("m1"))]);
    check(&stage("active").then(word()), word(), "nothing");
    check(&stage("active").then(word()).then(news(vec![News::Ended])), word(), "nothing");
    let late = stage("completed").then(word());
    check(&late, word(), "nothing");
}

#[test]
fn a_redelivered_word_of_the_last_chat_connects_nobody() {
    let given = || stage("accepted").having_seen("m1", 4);
    check(&given(), news(vec![agent_said("Ola", "bye", Some("m1"))]), "nothing");
    let desk = News::DeskSaid {
        said: Said::words("How was it?"),
        key: Some(sender("m1")),
        with_agents: false,
    };
    check(&given(), news(vec![desk]), "nothing");
}
