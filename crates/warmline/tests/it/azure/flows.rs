//! The flows of a live chat with the user in Teams: calm, and with the gateway killed after each step.

use simulator::{AgentMode, ChatState, EndedBy, Fault, Speaker, Times};

use super::rig::{Rig, User};
use crate::{
    desk,
    house::{Life, Setting},
    page::eventually,
    process::WITHIN,
};

const GREETING: &str = "Hello! I am the help desk's assistant.…";
const FALLBACK: &str = "I do not know that one.…";
const ASKED: &str = "I am looking for a person to talk to you.…";
const STAND_BY: &str = "Please stand by while I connect you to a live agent.";
const WAITING: &str = "You are in the queue. Estimated waiting time: …";
const CONNECTED: &str = "You are now talking to Dana.…";
const BACK: &str = "You are back with the assistant.";

/// A test of each flow in each life.
macro_rules! flows {
    ($($flow:ident,)*) => {$(
        mod $flow {
            use crate::house::{Life, Setting};

            #[tokio::test]
            async fn in_teams() {
                super::$flow(Setting::default()).await;
            }

            #[tokio::test]
            async fn in_teams_killed_after_each_step() {
                super::$flow(Setting { life: Life::Killed, ..Setting::default() }).await;
            }
        }
    )*};
}

flows! {
    escalation_to_an_agent,
    escalation_with_nobody_there,
    message_both_ways,
    disconnection_by_the_user,
    disconnection_by_the_agent,
    cancellation,
    transfer,
    fallback_while_the_desk_is_down,
}

/// Somebody whom the bot has greeted.
async fn arrive(rig: &mut Rig) -> User {
    let mut user = rig.user("Kim Example").await;
    user.shows(&[GREETING]).await;
    rig.step().await;
    user
}

/// The user asks for a person; the chat waits at the desk.
async fn ask(rig: &mut Rig, user: &mut User) -> String {
    user.says("agent").await;
    let chat = rig.offered(&user.id()).await;
    user.shows(&[ASKED, STAND_BY, WAITING]).await;
    rig.step().await;
    chat
}

/// An agent takes the chat.
async fn accept(rig: &mut Rig, user: &mut User, chat: &str) {
    rig.desk.accept(chat).unwrap();
    user.shows(&[CONNECTED]).await;
    rig.step().await;
}

/// A live chat in which both have said something.
async fn connect(rig: &mut Rig) -> (User, String) {
    let mut user = arrive(rig).await;
    let chat = ask(rig, &mut user).await;
    accept(rig, &mut user, &chat).await;
    rig.desk.write(&chat, "how can I help? kolibri").unwrap();
    user.shows(&["Dana: how can I help? kolibri"]).await;
    rig.step().await;
    user.says("it is dark kolibri").await;
    desk::until_sent(&rig.desk, &user.id(), &["AGENT", "says it is dark kolibri"]).await;
    rig.step().await;
    (user, chat)
}

/// The bot answers what the user says: the conversation is with it.
async fn is_with_the_bot(rig: &mut Rig, user: &mut User) {
    let sent = desk::sent(&rig.desk, &user.id());
    user.says("and now? kolibri").await;
    user.shows(&[FALLBACK]).await;
    assert_eq!(desk::sent(&rig.desk, &user.id()), sent, "the desk hears nothing of it");
    rig.step().await;
}

/// The bot has it again, and a second live chat can be had like the first.
async fn starts_over(rig: &mut Rig, user: &mut User) {
    is_with_the_bot(rig, user).await;
    let chat = ask(rig, user).await;
    accept(rig, user, &chat).await;
    user.says("once more kolibri").await;
    reads(rig, &chat, "once more kolibri").await;
    rig.settles().await;
    user.shows_nothing_more();
    are_well_formed(rig, user);
}

/// The agent reads this last.
async fn reads(rig: &Rig, chat: &str, text: &str) {
    let heard = |seen: &simulator::Snapshot<'_>| {
        let chats = seen.chats();
        let chat = chats.iter().find(|view| view.id == chat).expect("the chat is there");
        chat.lines.last().is_some_and(|line| line.text == text)
    };
    rig.desk.wait_until(heard, WITHIN).await.expect("the agent reads it");
}

/// Everything was taken at its first attempt, and is made as Teams wants it.
fn are_well_formed(rig: &Rig, user: &User) {
    for request in rig.requests(user) {
        assert!(request.taken.is_some() || request.method == "GET", "{request:?}");
        if request.method == "GET" || request.body["type"] != "message" {
            continue;
        }
        let body = &request.body;
        assert_eq!(body["from"]["id"], format!("28:{}", user.chat.app_id), "{body}");
        assert_eq!(body["recipient"]["id"], user.person.id_for(&user.chat.app_id), "{body}");
        assert_eq!(body["conversation"]["id"], user.chat.id, "{body}");
        assert!(body["channelData"]["warmline"].is_null(), "{body}");
        if body["text"].as_str().is_some_and(|text| text.starts_with("Dana: ")) {
            assert_eq!(body["textFormat"], "plain", "an agent's words are nobody's markup");
        }
    }
}

async fn escalation_to_an_agent(setting: Setting) {
    let mut rig = Rig::start(setting).await;
    let mut user = arrive(&mut rig).await;
    user.says("my screen is dark kolibri").await;
    user.shows(&[FALLBACK]).await;
    let chat = ask(&mut rig, &mut user).await;
    user.says("first kolibri").await;
    user.says("second kolibri").await;
    rig.step().await;
    assert_eq!(desk::sent(&rig.desk, &user.id()), ["AGENT"], "words wait for an agent");
    accept(&mut rig, &mut user, &chat).await;
    let expected = ["AGENT", "says first kolibri", "says second kolibri"];
    desk::until_sent(&rig.desk, &user.id(), &expected).await;
    let view = desk::chat(&rig.desk, &chat);
    assert_eq!(view.state, ChatState::Live);
    let request = &desk::requests(&rig.desk, &user.id())[0];
    assert_eq!(request["userId"], user.person.aad_object_id, "the account in the directory");
    assert_eq!(request["emailId"], user.person.email, "as the roster has it");
    let history = request["history"].as_array().unwrap();
    assert!(history.iter().any(|entry| entry["value"] == "my screen is dark kolibri"));
    rig.settles().await;
    user.shows_nothing_more();
    are_well_formed(&rig, &user);
}

async fn escalation_with_nobody_there(setting: Setting) {
    let setting = Setting { agent: AgentMode::Nobody, ..setting };
    let mut rig = Rig::start(setting).await;
    let mut user = arrive(&mut rig).await;
    user.says("agent").await;
    user.shows(&[ASKED]).await;
    user.comes_to_see("Nobody is available to talk to you right now.").await;
    user.comes_to_see("You did not get to talk to anybody").await;
    rig.settles().await;
    user.shows_nothing_more();
    rig.step().await;
    rig.desk.set_agent_mode(AgentMode::Person);
    starts_over(&mut rig, &mut user).await;
}

async fn message_both_ways(setting: Setting) {
    /// As many as Teams takes without a pause of half a minute, and after how many of them the gateway
    /// is killed where life is hard.
    const LINES: usize = 24;
    const BATCH: usize = 8;
    let mut rig = Rig::start(setting).await;
    let (mut user, chat) = connect(&mut rig).await;
    let line = |who: &str, n: usize| format!("{who} {n:03} kolibri");
    for batch in (0..LINES).step_by(BATCH) {
        for n in batch..batch + BATCH {
            rig.desk.write(&chat, &line("agent", n)).unwrap();
            user.says(&line("user", n)).await;
        }
        let lines: Vec<_> =
            (batch..batch + BATCH).map(|n| format!("Dana: {}", line("agent", n))).collect();
        user.shows(&lines.iter().map(String::as_str).collect::<Vec<_>>()).await;
        reads(&rig, &chat, &line("user", batch + BATCH - 1)).await;
        rig.step().await;
    }
    let all: Vec<_> = (0..LINES).map(|n| line("user", n)).collect();
    let view = desk::chat(&rig.desk, &chat);
    assert!(desk::lines(&view, Speaker::User).ends_with(&all), "in order, each once");
    rig.settles().await;
    user.shows_nothing_more();
    are_well_formed(&rig, &user);
}

async fn disconnection_by_the_user(setting: Setting) {
    let mut rig = Rig::start(setting).await;
    let (mut user, chat) = connect(&mut rig).await;
    user.says("one last thing kolibri").await;
    user.says("end chat").await;
    user.shows(&["You ended the chat.", BACK, "I hope Dana could help.…"]).await;
    rig.step().await;
    let expected =
        ["AGENT", "says it is dark kolibri", "says one last thing kolibri", "END_CONVERSATION"];
    desk::until_sent(&rig.desk, &user.id(), &expected).await;
    let view = desk::until_ended(&rig.desk, &chat).await;
    assert_eq!(view.ended_by, Some(EndedBy::User));
    starts_over(&mut rig, &mut user).await;
}

async fn disconnection_by_the_agent(setting: Setting) {
    let mut rig = Rig::start(setting).await;
    let (mut user, chat) = connect(&mut rig).await;
    rig.desk.end(&chat).unwrap();
    user.shows(&["Dana ended the chat.", BACK, "I hope Dana could help.…"]).await;
    rig.step().await;
    assert_eq!(
        desk::sent(&rig.desk, &user.id()),
        ["AGENT", "says it is dark kolibri"],
        "whoever ended it needs not be told"
    );
    starts_over(&mut rig, &mut user).await;
}

async fn cancellation(setting: Setting) {
    let mut rig = Rig::start(setting).await;
    let mut user = arrive(&mut rig).await;
    let chat = ask(&mut rig, &mut user).await;
    user.says("hello? kolibri").await;
    user.says("Cancel.").await;
    user.shows(&["Your request for a person was withdrawn.", BACK, "All right, no agent then.…"])
        .await;
    rig.step().await;
    desk::until_sent(&rig.desk, &user.id(), &["AGENT", "END_CONVERSATION"]).await;
    let view = desk::until_ended(&rig.desk, &chat).await;
    assert_eq!(view.end_reason, Some("left before engagement"));
    // An agent who accepts in the same moment is a ghost: nothing of it is shown.
    rig.desk.accept_late(&chat).unwrap();
    rig.desk.write(&chat, "are you there? kolibri").unwrap();
    rig.desk.wait_until(|seen| !seen.is_sending(), WITHIN).await.unwrap();
    rig.desk.end(&chat).unwrap();
    rig.step().await;
    starts_over(&mut rig, &mut user).await;
}

async fn transfer(setting: Setting) {
    let mut rig = Rig::start(setting).await;
    let (mut user, chat) = connect(&mut rig).await;
    rig.desk.transfer(&chat, "Robin").unwrap();
    user.comes_to_see("You are now talking to Robin.").await;
    rig.step().await;
    rig.desk.write(&chat, "I take over kolibri").unwrap();
    user.comes_to_see("Robin: I take over kolibri").await;
    rig.step().await;
    user.says("good kolibri").await;
    reads(&rig, &chat, "good kolibri").await;
    rig.desk.end(&chat).unwrap();
    user.comes_to_see("Robin ended the chat.").await;
    user.comes_to_see("I hope").await;
    rig.step().await;
    starts_over(&mut rig, &mut user).await;
}

async fn fallback_while_the_desk_is_down(setting: Setting) {
    let mut rig = Rig::start(setting).await;
    let (mut user, chat) = connect(&mut rig).await;
    rig.desk.set_down(true);
    user.says("are you there? kolibri").await;
    user.comes_to_see("The service desk cannot be reached at the moment.").await;
    if rig.setting.life == Life::Killed {
        rig.restart().await;
    }
    rig.desk.set_down(false);
    reads(&rig, &chat, "are you there? kolibri").await;
    user.comes_to_see("The service desk can be reached again").await;
    rig.desk.write(&chat, "I am back kolibri").unwrap();
    user.comes_to_see("Dana: I am back kolibri").await;
    rig.settles().await;
    user.shows_nothing_more();
}

#[tokio::test]
async fn a_chat_that_the_instance_loses_is_given_back_to_the_bot() {
    let mut rig = Rig::start(Setting::default()).await;
    let (user, _) = connect(&mut rig).await;
    rig.desk.restart(false);
    user.says("still there? kolibri").await;
    // The instance knows of no chat and says so in its own way, or not at all; what it says is shown.
    eventually("the chat is over for the user", || async {
        let over = ["ended the chat", "was lost", "did not answer", BACK];
        user.sees().iter().any(|seen| over.iter().any(|over| seen.contains(over))).then_some(())
    })
    .await;
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
    rig.azure.set_standing(&user.chat.id, simulator::azure::Standing::Uninstalled);
    user.delivers(&rig.azure.installation(&user.chat, &user.person, "remove")).await;
    desk::until_ended(&rig.desk, &chat).await;
    rig.settles().await;
    user.shows_nothing_more();
    // Back again, they are greeted or at least answered.
    rig.azure.set_standing(&user.chat.id, simulator::azure::Standing::Installed);
    user.delivers(&rig.azure.installation(&user.chat, &user.person, "add")).await;
    user.says("hello again kolibri").await;
    user.comes_to_see("I do not know that one.").await;
}

#[tokio::test]
async fn who_blocks_the_bot_in_a_live_chat_ends_it_for_the_agent() {
    let mut rig = Rig::start(Setting::default()).await;
    let (user, chat) = connect(&mut rig).await;
    rig.azure.set_standing(&user.chat.id, simulator::azure::Standing::Blocked);
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
    let group = rig.azure.group_chat(simulator::azure::APP_ID, &[kim, alex.clone()]);
    let activity = rig.azure.message(&group, &alex, "agent");
    assert_eq!(rig.azure.deliver(&activity).await.unwrap().status, 200);
    eventually("they are told", || async {
        let told = rig.azure.texts(&group.id);
        told.iter().any(|text| text.contains("Please write to me directly")).then_some(())
    })
    .await;
    assert_eq!(rig.desk.ledger().len(), 0, "the desk hears nothing of it");
}
