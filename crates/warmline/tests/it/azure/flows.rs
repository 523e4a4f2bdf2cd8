//! The flows of a live chat with the user in Teams: calm, and with the gateway killed after each step.

use simulator::{AgentMode, ChatState, EndedBy, Speaker, azure::Outcome};

use super::rig::{Rig, User};
use crate::{
    desk,
    house::{Life, Setting},
    process::WITHIN,
};

const GREETING: &str = "Hello! I am the help desk's assistant.…";
const FALLBACK: &str = "I do not know that one.…";
const ASKED: &str = "I am looking for a person to talk to you.…";
const STAND_BY: &str = "Please stand by while I connect you to a live agent.";
const WAITING: &str = "You are in the queue. Estimated waiting time: …";
const CONNECTED: &str = "You are now talking to a person.…";
pub(super) const BACK: &str = "You are back with the assistant.";

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
pub(super) async fn connect(rig: &mut Rig) -> (User, String) {
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
pub(super) async fn is_with_the_bot(rig: &mut Rig, user: &mut User) {
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
pub(super) async fn reads(rig: &Rig, chat: &str, text: &str) {
    let heard = |seen: &simulator::Snapshot<'_>| {
        let chats = seen.chats();
        let chat = chats.iter().find(|view| view.id == chat).expect("the chat is there");
        chat.lines.last().is_some_and(|line| line.text == text)
    };
    rig.desk.wait_until(heard, WITHIN).await.expect("the agent reads it");
}

/// Everything was taken at its first attempt, and is made as Teams wants it. Only a gateway that was
/// killed has forgotten how much it has sent, and may be told to wait.
fn are_well_formed(rig: &Rig, user: &User) {
    for request in rig.requests(user) {
        let too_soon =
            rig.setting.life == Life::Killed && request.outcome == Outcome::Answered(429);
        if too_soon {
            continue;
        }
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
    let requests = desk::requests(&rig.desk, &user.id());
    for request in &requests {
        assert_eq!(request["userId"], user.person.aad_object_id, "the account in the directory");
        assert_eq!(request["emailId"], user.person.email, "as the roster has it, with each word");
    }
    let request = &requests[0];
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
    user.shows(&[STAND_BY]).await;
    rig.step().await;
    // Who has taken over, the instance tells with their first words.
    rig.desk.write(&chat, "I take over kolibri").unwrap();
    user.comes_to_see("You are now talking to Robin.").await;
    user.shows(&["Robin: I take over kolibri"]).await;
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
