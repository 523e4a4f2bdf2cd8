//! In Teams.

use serde_json::Value;
use simulator::{Control, azure::Message};

use super::{ROUND_TRIPS, SHOWN, TYPED, cards, is_taken, next_answer};
use crate::{
    azure::{rig::Rig, whole::Talk},
    desk,
    house::Setting,
    process::WITHIN,
};

/// The bot's messages in a chat.
fn by_bot(rig: &Rig, talk: &Talk) -> Vec<Message> {
    let shown = rig.azure.shown(&talk.user.chat.id);
    shown.into_iter().filter(|message| message.by_bot && !message.deleted).collect()
}

/// Shows a control; gives the message by which Teams shows it last.
async fn shown(rig: &Rig, talk: &Talk, control: Control) -> Message {
    let quiet = rig.desk.wait_until(|seen| !seen.is_sending(), WITHIN).await;
    assert!(quiet.is_ok(), "a callback is under way for ever");
    rig.settles().await;
    let before = by_bot(rig, talk).len();
    rig.desk.show(&talk.chat, &[control]).unwrap();
    let more = |_: &simulator::azure::Azure| by_bot(rig, talk).len() > before;
    assert!(rig.azure.wait_until(more, WITHIN).await, "in vain: {control}");
    rig.settles().await;
    by_bot(rig, talk).pop().unwrap()
}

async fn finishes(rig: &Rig, talk: &Talk, control: Control) {
    let mut turn = 0;
    while desk::chat(&rig.desk, &talk.chat).asked.is_some() {
        let answers = desk::chat(&rig.desk, &talk.chat).answers.len();
        turn += 1;
        assert!(turn < 5, "{control} never ends");
        talk.user.says("Show more").await;
        next_answer(&rig.desk, &talk.chat, answers).await;
    }
}

/// Without the counts of Teams, which would slow so many messages down.
async fn rig() -> Rig {
    let azure = Rig::azure_without_limits().await;
    Rig::start_at(azure, Setting::default(), |_| {}).await
}

#[tokio::test]
async fn each_control_is_answered_with_what_is_shown_of_it() {
    let mut rig = rig().await;
    let talk = Talk::connect(&mut rig).await;
    for (control, does, expected) in ROUND_TRIPS {
        let asked = shown(&rig, &talk, control).await;
        let answers = desk::chat(&rig.desk, &talk.chat).answers.len();
        let posted = cards::posted(&asked.activity, does);
        let posted = posted
            .unwrap_or_else(|| panic!("{control}: nothing to {does:?}: {:#}", asked.activity));
        let user = &talk.user;
        let activity = match &posted["value"] {
            Value::Null => {
                let words = posted["text"].as_str().unwrap();
                rig.azure.message(&user.chat, &user.person, words)
            }
            value => rig.azure.submit(&user.chat, &user.person, &asked.id, value.clone()),
        };
        user.delivers(&activity).await;
        is_taken(&next_answer(&rig.desk, &talk.chat, answers).await, control, expected);
        finishes(&rig, &talk, control).await;
    }
}

#[tokio::test]
async fn each_control_is_answered_with_typed_words() {
    let mut rig = rig().await;
    let talk = Talk::connect(&mut rig).await;
    for (control, words, expected) in TYPED {
        shown(&rig, &talk, control).await;
        let answers = desk::chat(&rig.desk, &talk.chat).answers.len();
        talk.user.says(words).await;
        is_taken(&next_answer(&rig.desk, &talk.chat, answers).await, control, expected);
        finishes(&rig, &talk, control).await;
    }
}

#[tokio::test]
async fn what_is_shown_is_legible() {
    let mut rig = rig().await;
    let talk = Talk::connect(&mut rig).await;
    for (control, words) in SHOWN {
        rig.desk.show(&talk.chat, &[control]).unwrap();
        let legible = |_: &simulator::azure::Azure| {
            let all = by_bot(&rig, &talk).into_iter().map(|one| cards::legible(&one.activity));
            let all: Vec<_> = all.collect();
            words.iter().all(|words| all.iter().any(|one| one.contains(words)))
        };
        let there = rig.azure.wait_until(legible, WITHIN).await;
        assert!(there, "{control}: {words:?} in {:#?}", by_bot(&rig, &talk));
        finishes(&rig, &talk, control).await;
    }
}
