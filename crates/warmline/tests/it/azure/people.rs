//! What people do besides talking: leave, come back, change what they said, and talk among others; and
//! what becomes of them when an instance or a gateway restarts.

use simulator::{
    Control, EndedBy, Fault, Speaker, Times,
    azure::{APP_ID, Standing},
};

use super::{
    flows::{BACK, connect, is_with_the_bot, reads},
    rig::Rig,
};
use crate::{desk, house::Setting, page::eventually, process::WITHIN};

#[tokio::test]
async fn a_chat_that_the_instance_loses_is_given_back_to_the_bot() {
    let mut rig = Rig::start(Setting::default()).await;
    let (mut user, chat) = connect(&mut rig).await;
    rig.desk.inject(Fault::RestartLosingChats, Times::Once);
    user.says("lost by the instance kolibri").await;
    desk::until_ended(&rig.desk, &chat).await;
    user.says("still there? kolibri").await;
    // It is a new conversation there, and the virtual agent has it.
    user.comes_to_see("I'm sorry, I didn't understand that.").await;
    user.says("end chat").await;
    user.comes_to_see("You ended the chat.").await;
    user.comes_to_see(BACK).await;
    user.comes_to_see("I hope").await;
    is_with_the_bot(&mut rig, &mut user).await;
}

#[tokio::test]
async fn a_bot_speaks_to_a_user_after_a_restart_though_the_user_says_nothing() {
    let mut rig = Rig::start(Setting::default()).await;
    let (mut user, chat) = connect(&mut rig).await;
    rig.settles().await;
    rig.terminate().await;
    rig.begin().await;
    let before = rig.azure.grants().len();
    rig.desk.write(&chat, "proactively kolibri").unwrap();
    user.shows(&["Dana: proactively kolibri"]).await;
    assert!(rig.azure.grants().len() > before, "with a fresh token");
    rig.desk.inject(Fault::Duplicated, Times::Once);
    rig.desk.write(&chat, "told twice kolibri").unwrap();
    user.shows(&["Dana: told twice kolibri"]).await;
    rig.settles().await;
    user.shows_nothing_more();
}

#[tokio::test]
async fn what_a_user_changes_takes_back_or_likes_is_told_to_the_agent() {
    let mut rig = Rig::start(Setting::default()).await;
    let (user, chat) = connect(&mut rig).await;
    let (azure, own, person) = (&rig.azure, &user.chat, &user.person);
    let said = user.says("it is blue kolibri").await;
    user.delivers(&azure.edit(own, person, &said, "it is red kolibri")).await;
    let line = "[Changed “it is blue kolibri” to:] it is red kolibri";
    eventually("the agent reads of the change", || async {
        let lines = desk::lines(&desk::chat(&rig.desk, &chat), Speaker::User);
        lines.iter().any(|text| text == line || text.ends_with("it is red kolibri")).then_some(())
    })
    .await;
    user.delivers(&azure.deletion(own, person, &said)).await;
    let shown = azure.shown(&own.id).into_iter().rfind(|message| message.by_bot).unwrap().id;
    user.delivers(&azure.reaction(own, person, &shown, "like")).await;
    for part in ["[Deleted", "[Reacted"] {
        eventually(part, || async {
            let lines = desk::lines(&desk::chat(&rig.desk, &chat), Speaker::User);
            lines.iter().any(|text| text.starts_with(part)).then_some(())
        })
        .await;
    }
    // A receipt concerns nobody at the desk.
    let lines = desk::chat(&rig.desk, &chat).lines.len();
    user.delivers(&azure.receipt(own, person, &shown)).await;
    user.says("well? kolibri").await;
    reads(&rig, &chat, "well? kolibri").await;
    assert_eq!(desk::chat(&rig.desk, &chat).lines.len(), lines + 1);
}

#[tokio::test]
async fn who_takes_the_app_away_ends_their_chat_and_is_spoken_to_no_more() {
    let mut rig = Rig::start(Setting::default()).await;
    let (mut user, chat) = connect(&mut rig).await;
    rig.settles().await;
    rig.azure.set_standing(&user.chat.id, Standing::Uninstalled);
    user.delivers(&rig.azure.installation(&user.chat, &user.person, "remove")).await;
    desk::until_ended(&rig.desk, &chat).await;
    rig.settles().await;
    user.shows_nothing_more();
    // Back again, they are greeted or at least answered.
    rig.azure.set_standing(&user.chat.id, Standing::Installed);
    user.delivers(&rig.azure.installation(&user.chat, &user.person, "add")).await;
    user.says("my screen is dark kolibri").await;
    user.comes_to_see("I do not know that one.").await;
}

#[tokio::test]
async fn who_blocks_the_bot_in_a_live_chat_ends_it_for_the_agent() {
    let mut rig = Rig::start(Setting::default()).await;
    let (user, chat) = connect(&mut rig).await;
    rig.azure.set_standing(&user.chat.id, Standing::Blocked);
    rig.desk.write(&chat, "can you read this? kolibri").unwrap();
    let view = desk::until_ended(&rig.desk, &chat).await;
    assert_eq!(view.ended_by, Some(EndedBy::User));
    rig.settles().await;
    let refused = rig.requests(&user).iter().filter(|one| one.taken.is_none()).count();
    assert!(refused <= 2, "nobody is told again and again: {refused}");
}

#[tokio::test]
async fn among_others_the_bot_answers_and_a_person_is_to_be_had_in_a_chat_of_ones_own() {
    let rig = Rig::start(Setting::default()).await;
    let kim = rig.stranger("Kim Example").person;
    let alex = rig.stranger("Alex Example").person;
    let group = rig.azure.group_chat(APP_ID, &[kim, alex.clone()]);
    let activity = rig.azure.message(&group, &alex, "agent");
    assert_eq!(rig.azure.deliver(&activity).await.unwrap().status, 200);
    eventually("they are told", || async {
        let told = rig.azure.texts(&group.id);
        told.iter().any(|text| text.contains("Please write to me directly")).then_some(())
    })
    .await;
    assert_eq!(rig.desk.ledger().len(), 0, "the desk hears nothing of it");
}

#[tokio::test]
async fn a_secret_that_a_user_types_anew_stays_one() {
    let mut rig = Rig::start(Setting::default()).await;
    let (user, chat) = connect(&mut rig).await;
    rig.desk.show(&chat, &[Control::InputTextSecure]).unwrap();
    let asks = || async { desk::chat(&rig.desk, &chat).asked.is_some().then_some(()) };
    eventually("the desk asks", asks).await;
    // Words that come before the question are no answer to it.
    rig.desk.wait_until(|seen| !seen.is_sending(), WITHIN).await.unwrap();
    rig.settles().await;
    let said = user.says("hummingbird 4711").await;
    eventually("the desk has it", || async {
        let answers = desk::chat(&rig.desk, &chat).answers;
        answers.iter().any(|answer| answer.text == "hummingbird 4711").then_some(())
    })
    .await;
    let (azure, own, person) = (&rig.azure, &user.chat, &user.person);
    user.delivers(&azure.edit(own, person, &said, "hummingbird 4712")).await;
    eventually("the agent reads that it was changed", || async {
        let lines = desk::lines(&desk::chat(&rig.desk, &chat), Speaker::User);
        lines.iter().any(|text| text == "[Changed “••••••” to:] ••••••").then_some(())
    })
    .await;
    let lines = desk::lines(&desk::chat(&rig.desk, &chat), Speaker::User);
    assert!(lines.iter().all(|text| !text.contains("4712")), "{lines:?}");
}
