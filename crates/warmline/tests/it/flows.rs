//! The flows of the specification, one test each and named so: in both dialects, calm, and with the
//! gateway killed after each acknowledged step.

use serde_json::{Value, json};
use simulator::{AgentMode, ChatState, Dialect, EndedBy, Speaker};

use crate::{
    desk,
    house::{House, Life, Setting},
    page::{Page, gists},
    process::WITHIN,
};

pub(crate) const USER: &str = "dl_kim";
const GREETING: &str = "bot: Hello! I am the help desk's assistant.…";
const FALLBACK: &str = "bot: I do not know that one.…";
const STAND_BY: &str = "desk: Please stand by while I connect you to a live agent.";

/// A test of each flow in each dialect and each life.
macro_rules! flows {
    ($($flow:ident,)*) => {$(
        mod $flow {
            use simulator::Dialect;
            use crate::house::{Life, Setting};

            async fn flow(dialect: Dialect, life: Life) {
                super::$flow(Setting { dialect, life, ..Setting::default() }).await;
            }

            #[tokio::test]
            async fn as_the_product_speaks() {
                flow(Dialect::ServiceNow, Life::Calm).await;
            }

            #[tokio::test]
            async fn as_the_specification_speaks() {
                flow(Dialect::Spec, Life::Calm).await;
            }

            #[tokio::test]
            async fn as_the_product_speaks_killed_after_each_step() {
                flow(Dialect::ServiceNow, Life::Killed).await;
            }

            #[tokio::test]
            async fn as_the_specification_speaks_killed_after_each_step() {
                flow(Dialect::Spec, Life::Killed).await;
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
    cancellation_with_a_late_acceptance,
}

/// A page that was greeted.
async fn arrive(house: &mut House) -> Page {
    let mut page = house.page(USER).await;
    house.step().await;
    page.shows(&[GREETING]).await;
    page
}

/// The user asks for a person; the chat waits at the desk.
async fn ask(house: &mut House, page: &mut Page) -> String {
    house.says(page, "agent").await;
    let chat = house.offered(&page.user).await;
    house.hears(house.callbacks().queued).await;
    house.step().await;
    page.shows(&["user: agent", "notice asked", STAND_BY]).await;
    if house.setting.dialect == Dialect::ServiceNow {
        page.shows(&["notice waiting"]).await;
    }
    chat
}

/// An agent takes the chat.
async fn accept(house: &mut House, page: &mut Page, chat: &str) {
    house.desk.accept(chat).unwrap();
    house.hears(house.callbacks().accepted).await;
    house.step().await;
    page.shows(&["notice connected"]).await;
}

/// A live chat in which both have said something.
pub(crate) async fn connect(house: &mut House) -> (Page, String) {
    let mut page = arrive(house).await;
    let chat = ask(house, &mut page).await;
    accept(house, &mut page, &chat).await;
    house.desk.write(&chat, "how can I help? kolibri").unwrap();
    house.hears(1).await;
    house.step().await;
    page.shows(&["agent: Dana: how can I help? kolibri"]).await;
    house.says(&page, "it is dark kolibri").await;
    page.shows(&["user: it is dark kolibri"]).await;
    desk::until_sent(&house.desk, USER, &["AGENT", "says it is dark kolibri"]).await;
    (page, chat)
}

/// The bot answers what the user says: the conversation is with it.
async fn is_with_the_bot(house: &mut House, page: &mut Page) {
    let sent = desk::sent(&house.desk, USER);
    house.says(page, "and now? kolibri").await;
    page.shows(&["user: and now? kolibri", FALLBACK]).await;
    assert_eq!(desk::sent(&house.desk, USER), sent, "the desk hears nothing of it");
}

/// The bot has it again, and a second live chat can be had like the first.
async fn starts_over(house: &mut House, mut page: Page) {
    is_with_the_bot(house, &mut page).await;
    let chat = ask(house, &mut page).await;
    accept(house, &mut page, &chat).await;
    house.says(&page, "once more kolibri").await;
    page.shows(&["user: once more kolibri"]).await;
    let heard = |seen: &simulator::Snapshot<'_>| {
        let chats = seen.chats();
        let chat = chats.iter().find(|view| view.id == chat).expect("the chat is there");
        chat.lines.last().is_some_and(|line| line.text == "once more kolibri")
    };
    house.desk.wait_until(heard, WITHIN).await.expect("the agent reads it");
    page.shows_nothing_more().await;
}

async fn escalation_to_an_agent(setting: Setting) {
    let mut house = House::start(setting).await;
    let mut page = arrive(&mut house).await;
    house.says(&page, "my screen is dark kolibri").await;
    page.shows(&["user: my screen is dark kolibri", FALLBACK]).await;
    let chat = ask(&mut house, &mut page).await;
    house.says(&page, "first kolibri").await;
    house.says(&page, "second kolibri").await;
    page.shows(&["user: first kolibri", "user: second kolibri"]).await;
    assert_eq!(desk::sent(&house.desk, USER), ["AGENT"], "words wait for an agent");

    accept(&mut house, &mut page, &chat).await;
    let expected = ["AGENT", "says first kolibri", "says second kolibri"];
    desk::until_sent(&house.desk, USER, &expected).await;
    let view = desk::chat(&house.desk, &chat);
    assert_eq!(view.state, ChatState::Live);
    let heard = desk::lines(&view, Speaker::User);
    let history = ["my screen is dark kolibri", "agent"];
    assert_eq!(
        heard,
        [&history[..], &["Live Agent Support.", "first kolibri", "second kolibri"]].concat()
    );
    asks_as_specified(&desk::requests(&house.desk, USER)[0], &page);
    says_as_specified(&desk::requests(&house.desk, USER)[..3], &page);
    page.shows_nothing_more().await;
}

/// The request for an agent is the specification's example, with what the product documents beside
/// it.
fn asks_as_specified(request: &Value, page: &Page) {
    let session = request["clientSessionId"].as_str().unwrap();
    assert!(session.starts_with("ses_"), "{session}");
    assert_eq!(request["requestId"].as_str().unwrap().rsplit_once('.').unwrap().0, session);
    assert_eq!(request["action"], "AGENT");
    assert_eq!(request["token"], "masked", "the message-auth token is sent; the ledger hides it");
    assert_eq!(request["silentMessage"], false);
    assert_eq!(request["nowBotId"], "default");
    assert_eq!(request["message"]["text"], "Live Agent Support.");
    assert_eq!(request["message"]["typed"], true);
    assert!(request["message"]["clientMessageId"].as_str().unwrap().starts_with(session));
    assert_eq!(request["userId"], USER);
    // A page proves no address, and the built-in bot hands nothing over.
    for absent in ["emailId", "contextVariables"] {
        assert_eq!(request.get(absent), None, "{absent}");
    }
    let variables =
        json!({"tenantId": "default", "botId": "default", "conversationId": page.conversation});
    assert_eq!(request["clientVariables"], variables);
    assert!(request["timestamp"].as_i64().unwrap() > 1_600_000_000_000, "in milliseconds");
    let history = request["history"].as_array().unwrap();
    let told: Vec<_> = history
        .iter()
        .map(|entry| {
            assert_eq!(entry["type"], "text");
            assert_eq!(entry["timestamp"].as_str().unwrap().len(), 13, "13 digits");
            (entry["isBotMessage"].as_bool().unwrap(), entry["value"].as_str().unwrap())
        })
        .collect();
    let [(true, greeting), (false, "my screen is dark kolibri"), (true, answer), (false, "agent")] =
        told[..]
    else {
        panic!("{told:?}")
    };
    assert!(greeting.starts_with("Hello!") && answer.starts_with("I do not know"));
}

/// Words carry the ids of their session and a time, in the order in which they were said.
fn says_as_specified(requests: &[Value], page: &Page) {
    let session = requests[0]["clientSessionId"].clone();
    let mut before = 0;
    for request in &requests[1..] {
        assert_eq!(request["clientSessionId"], session);
        assert_eq!(request["userId"], USER);
        assert_eq!(request["message"]["typed"], true);
        assert_eq!(request["clientVariables"]["conversationId"], page.conversation);
        assert_eq!(request["message"].get("attachment"), None);
        let said_at = request["timestamp"].as_i64().unwrap();
        assert!(said_at > before, "later words, later times");
        before = said_at;
    }
}

async fn escalation_with_nobody_there(setting: Setting) {
    let mut house = House::start(Setting { agent: AgentMode::Nobody, ..setting }).await;
    let mut page = arrive(&mut house).await;
    house.says(&page, "Talk to a human!").await;
    house.hears(house.callbacks().nobody).await;
    house.step().await;
    page.shows(&[
        "user: Talk to a human!",
        "notice asked",
        "desk: No agents are available at the moment. Please try again later.",
        "notice nobody_there",
        "notice back_with_bot",
        "bot: You did not get to talk to anybody, I am sorry.…",
    ])
    .await;
    desk::until_sent(&house.desk, USER, &["AGENT", "END_CONVERSATION"]).await;
    house.desk.set_agent_mode(AgentMode::Person);
    starts_over(&mut house, page).await;
}

async fn message_both_ways(setting: Setting) {
    /// Lines each way, and after how many of them the gateway is killed where life is hard.
    const LINES: usize = 100;
    const BATCH: usize = 25;
    let mut house = House::start(setting).await;
    let (mut page, chat) = connect(&mut house).await;
    let line = |who: &str, n: usize| format!("{who} {n:03} kolibri");
    for batch in (0..LINES).step_by(BATCH) {
        let posting = async {
            for n in batch..batch + BATCH {
                page.post(&line("user", n)).await;
            }
        };
        let writing = async {
            for n in batch..batch + BATCH {
                house.desk.write(&chat, &line("agent", n)).unwrap();
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(posting, writing);
        house.hears(BATCH).await;
        house.step().await;
    }
    let all = |who: &str| (0..LINES).map(|n| line(who, n)).collect::<Vec<_>>();
    let said: Vec<_> = all("user").iter().map(|line| format!("says {line}")).collect();
    let before = ["AGENT".to_owned(), "says it is dark kolibri".to_owned()];
    let expected = [&before[..], &said].concat();
    desk::until_sent(&house.desk, USER, &expected.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    let view = desk::chat(&house.desk, &chat);
    assert!(desk::lines(&view, Speaker::User).ends_with(&all("user")), "in order, each once");

    let log = page.log().await;
    page.shows_its_log(&log).await;
    let shown = gists(&log);
    for (who, prefix) in [("user", "user: "), ("agent", "agent: Dana: ")] {
        let lines: Vec<_> = shown.iter().filter_map(|shown| shown.strip_prefix(prefix)).collect();
        assert_eq!(lines[lines.len() - LINES..], all(who), "in order, each once");
        assert_eq!(lines.iter().filter(|shown| shown.starts_with(who)).count(), LINES);
    }
    if house.setting.life == Life::Calm {
        // Typing is never stored: only a stream that is open shows it.
        house.desk.typing(&chat, true).unwrap();
        house.hears(1).await;
        let typing = |heard: &crate::page::Heard| {
            heard.activities.iter().any(|activity| activity["type"] == "typing")
        };
        page.until("the agent types", typing).await;
        assert_eq!(page.log().await, log);
    }
    // Two messages that say the same are two; one that is sent twice is one.
    let first = page.post_as("again kolibri", "same-1").await;
    assert_eq!(page.post_as("again kolibri", "same-1").await, first);
    assert_ne!(page.post_as("again kolibri", "same-2").await, first);
    page.until("both", |heard| crate::page::distinct(&heard.activities).len() == log.len() + 2)
        .await;
    let mut expected = expected;
    expected.extend(["says again kolibri".to_owned(), "says again kolibri".to_owned()]);
    desk::until_sent(&house.desk, USER, &expected.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    page.shows_its_log(&page.log().await).await;
    page.skip_what_was_shown();
    page.shows_nothing_more().await;
}

async fn disconnection_by_the_user(setting: Setting) {
    let mut house = House::start(setting).await;
    let (mut page, chat) = connect(&mut house).await;
    house.says(&page, "one last thing kolibri").await;
    house.says(&page, "end chat").await;
    house.hears(1).await;
    house.step().await;
    page.shows(&[
        "user: one last thing kolibri",
        "user: end chat",
        "notice ended",
        "notice back_with_bot",
        "bot: I hope Dana could help.…",
    ])
    .await;
    let expected =
        ["AGENT", "says it is dark kolibri", "says one last thing kolibri", "END_CONVERSATION"];
    desk::until_sent(&house.desk, USER, &expected).await;
    let view = desk::until_ended(&house.desk, &chat).await;
    assert_eq!(view.ended_by, Some(EndedBy::User));
    assert_eq!(ended_by(&page).await, json!("user"));
    starts_over(&mut house, page).await;
}

async fn disconnection_by_the_agent(setting: Setting) {
    let mut house = House::start(setting).await;
    let (mut page, chat) = connect(&mut house).await;
    house.desk.end(&chat).unwrap();
    house.hears(house.callbacks().ended_by_agent).await;
    house.step().await;
    page.shows(&["notice ended", "notice back_with_bot", "bot: I hope Dana could help.…"]).await;
    assert_eq!(ended_by(&page).await, json!({"agent": "Dana"}));
    is_with_the_bot(&mut house, &mut page).await;
    assert_eq!(
        desk::sent(&house.desk, USER),
        ["AGENT", "says it is dark kolibri"],
        "whoever ended it needs not be told"
    );
    starts_over(&mut house, page).await;
}

/// By whom the user was told that the chat was ended.
async fn ended_by(page: &Page) -> Value {
    let log = page.log().await;
    let mut notices = log.iter().map(|activity| &activity["channelData"]["warmline"]["notice"]);
    let ended = notices.rfind(|notice| notice["key"] == "ended");
    ended.expect("the end was told")["by"].clone()
}

async fn cancellation(setting: Setting) {
    let mut house = House::start(setting).await;
    let (page, _) = cancel(&mut house).await;
    starts_over(&mut house, page).await;
}

/// The user asks and takes it back before anybody is there.
async fn cancel(house: &mut House) -> (Page, String) {
    let mut page = arrive(house).await;
    let chat = ask(house, &mut page).await;
    house.says(&page, "hello? kolibri").await;
    house.says(&page, "Cancel.").await;
    house.hears(1).await;
    house.step().await;
    page.shows(&[
        "user: hello? kolibri",
        "user: Cancel.",
        "notice cancelled",
        "notice back_with_bot",
        "bot: All right, no agent then.…",
    ])
    .await;
    desk::until_sent(&house.desk, USER, &["AGENT", "END_CONVERSATION"]).await;
    let view = desk::until_ended(&house.desk, &chat).await;
    assert_eq!(view.ended_by, Some(EndedBy::User));
    assert_eq!(view.end_reason, Some("left before engagement"));
    (page, chat)
}

async fn cancellation_with_a_late_acceptance(setting: Setting) {
    let mut house = House::start(setting).await;
    let (mut page, ghost) = cancel(&mut house).await;
    house.desk.accept_late(&ghost).unwrap();
    house.desk.write(&ghost, "are you there? kolibri").unwrap();
    house.hears(house.callbacks().accepted + 1).await;
    house.step().await;
    // The next thing shown is the user's own: nothing of the ghost was.
    is_with_the_bot(&mut house, &mut page).await;
    house.desk.end(&ghost).unwrap();
    house.hears(house.callbacks().ended_by_agent).await;
    house.step().await;
    starts_over(&mut house, page).await;
}

#[tokio::test]
async fn a_request_that_is_repeated_is_the_same_to_the_letter() {
    let mut house = House::start(Setting::default()).await;
    // The first chat leaves the gateway with a token for the second.
    let (page, _) = cancel(&mut house).await;
    house.desk.set_down(true);
    page.post("agent").await;
    let newest = |seen: &simulator::Snapshot<'_>, status: u16| {
        let asks =
            seen.ledger().iter().skip_while(|entry| entry.body["action"] != "END_CONVERSATION");
        let asks = asks.filter(|entry| entry.body["action"] == "AGENT");
        asks.filter(|entry| entry.status == status).count()
    };
    let refused = house.desk.wait_until(|seen| newest(seen, 503) >= 2, WITHIN).await;
    refused.expect("it is tried again while the instance is down");
    house.restart().await;
    house.desk.set_down(false);
    let taken = house.desk.wait_until(|seen| newest(seen, 200) == 1, WITHIN).await;
    taken.expect("it is taken at last");
    let ledger = house.desk.ledger();
    let last = &ledger.last().expect("it was taken").body;
    let same = ledger.iter().filter(|entry| entry.body["requestId"] == last["requestId"]);
    let bodies: Vec<_> = same.map(|entry| &entry.body).collect();
    assert!(bodies.len() >= 3 && bodies.iter().all(|body| *body == last), "{bodies:#?}");
}
