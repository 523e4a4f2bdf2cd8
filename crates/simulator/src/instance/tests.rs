//! The instance without network or clock: rules and planned moments.

mod clocks;
mod commands;
mod routing;
mod topics;
mod transfer;
mod virtual_agent;

use serde_json::{Value, json};

use super::*;
use crate::request::Request;

fn instance(config: &Config) -> Instance {
    Instance::new(Setup::new(config), config.users.clone(), 7)
}

fn receive(instance: &mut Instance, body: &Value, now: u64) -> (Fate, Vec<Callback>) {
    let (request, action) = Request::read(body, true).unwrap();
    instance.receive(&request, action, now)
}

fn agent(user: &str) -> Value {
    json!({"requestId": "r-1", "action": "AGENT", "userId": user, "message": {"text": "help"}})
}

fn says(request: &str, text: &str) -> Value {
    let message = json!({"text": text, "typed": true, "clientMessageId": format!("m-{request}")});
    json!({"requestId": request, "userId": "u", "message": message})
}

/// The only chat there is.
fn chat(instance: &Instance) -> ChatView {
    let views: Vec<_> = instance.conversations().filter_map(Conversation::view).collect();
    assert_eq!(views.len(), 1);
    views[0].clone()
}

fn number(instance: &Instance) -> u64 {
    ChatView::number_of(&chat(instance).id).unwrap()
}

fn agent_lines(instance: &Instance) -> Vec<String> {
    let lines = chat(instance).lines.into_iter();
    lines.filter(|line| line.from == Speaker::Agent).map(|line| line.text).collect()
}

/// Callbacks in short: the action or the text of each item, and the flags that are true.
fn gists(told: &[Callback]) -> Vec<String> {
    let gist = |callback: &Callback| {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let items = callback.body["body"].as_array().unwrap().iter().map(|item| {
            let words = text(&item["value"]).or(text(&item["message"]));
            let kind = text(&item["actionType"]).or(text(&item["uiType"])).unwrap();
            match words.filter(|_| item.get("spinnerType").is_none()) {
                Some(words) => format!("{kind}: {words}"),
                None => kind,
            }
        });
        let flags = ["agentChat", "completed", "takeControl"];
        let flags = flags.into_iter().filter(|flag| callback.body[*flag] == true);
        let flags = flags.map(|flag| format!(" {flag}")).collect::<Vec<_>>().concat();
        format!("{}{flags}", items.collect::<Vec<_>>().join(", "))
    };
    told.iter().map(gist).collect()
}

/// Runs what is planned up to `until`, moment by moment.
fn run(instance: &mut Instance, until: u64) -> Vec<Callback> {
    let mut told = Vec::new();
    while let Some(due) = instance.next_due().filter(|due| *due <= until) {
        told.extend(instance.tick(due));
    }
    told
}

#[test]
fn the_scripted_agent_accepts_greets_answers_and_ends() {
    let config = Config { agent: AgentMode::Scripted(Script::default()), ..Config::default() };
    let mut instance = instance(&config);
    receive(&mut instance, &agent("u"), 0);
    run(&mut instance, 999);
    assert_eq!(chat(&instance).state, ChatState::Offered);
    run(&mut instance, 1_000);
    assert_eq!(chat(&instance).state, ChatState::Live);
    run(&mut instance, 1_799);
    assert!(agent_lines(&instance).is_empty());
    run(&mut instance, 1_800);
    assert_eq!(agent_lines(&instance), ["Hello, this is Dana. How can I help?"]);

    // Two lines at once are answered one after the other.
    receive(&mut instance, &says("r-2", "my pay is wrong"), 5_000);
    receive(&mut instance, &says("r-3", "in March"), 5_000);
    run(&mut instance, 5_800);
    assert_eq!(agent_lines(&instance).len(), 2);
    run(&mut instance, 6_600);
    assert_eq!(agent_lines(&instance).len(), 3);

    receive(&mut instance, &says("r-4", "Thanks!"), 9_000);
    let told = run(&mut instance, 9_800);
    assert_eq!(chat(&instance).ended_by, Some(EndedBy::Agent));
    assert_eq!(told.last().unwrap().body["completed"], true);
}

#[test]
fn a_repeated_line_is_shown_and_answered_once_and_an_equal_one_twice() {
    let config = Config { agent: AgentMode::Scripted(Script::default()), ..Config::default() };
    let mut instance = instance(&config);
    receive(&mut instance, &agent("u"), 0);
    run(&mut instance, 2_000);
    for body in [says("r-2", "hello"), says("r-2", "hello"), says("r-3", "hello")] {
        assert_eq!(receive(&mut instance, &body, 3_000).0, Fate::Taken);
    }
    let lines = chat(&instance).lines;
    assert_eq!(lines.iter().filter(|line| line.text == "hello").count(), 2);
    run(&mut instance, 60_000);
    assert_eq!(agent_lines(&instance).len(), 3);
}

#[test]
fn a_person_who_takes_the_desk_over_stops_the_script() {
    let config = Config { agent: AgentMode::Scripted(Script::default()), ..Config::default() };
    let mut instance = instance(&config);
    receive(&mut instance, &agent("u"), 0);
    instance.set_agent(AgentMode::Person, 1);
    run(&mut instance, 10_000);
    assert_eq!(chat(&instance).state, ChatState::Offered);
    instance.set_agent(AgentMode::Scripted(Script::default()), 20_000);
    run(&mut instance, 21_000);
    assert_eq!(chat(&instance).state, ChatState::Live);
}

#[test]
fn the_wait_estimate_is_told_each_minute_until_an_agent_comes() {
    let mut instance = instance(&Config { idle: None, ..Config::default() });
    receive(&mut instance, &agent("u"), 0);
    let told = run(&mut instance, 180_000);
    assert_eq!(told.len(), 3);
    for callback in &told {
        assert_eq!(callback.body["body"][0]["spinnerType"], "wait_time");
        assert_eq!(callback.body["agentChat"], true);
    }
    let number = number(&instance);
    instance.accept(number, None, 181_000).unwrap();
    assert!(run(&mut instance, 600_000).is_empty());
    assert_eq!(instance.next_due(), None);
}

#[test]
fn without_a_wait_status_no_estimate_is_told() {
    let mut instance = instance(&Config { wait_status: WaitStatus::Off, ..Config::default() });
    let (_, told) = receive(&mut instance, &agent("u"), 0);
    assert!(told.iter().all(|callback| callback.body["body"][0]["spinnerType"] != "wait_time"));
    assert!(run(&mut instance, 120_000).is_empty());
}

#[test]
fn while_queued_everything_but_the_end_is_ignored() {
    let mut instance = instance(&Config::default());
    receive(&mut instance, &agent("u"), 0);
    let typing = json!({"requestId": "r", "userId": "u", "action": "TYPING"});
    for body in [says("r-2", "hello?"), agent("u"), typing] {
        let (fate, told) = receive(&mut instance, &body, 1);
        assert!(matches!(fate, Fate::Ignored(_)), "{body}");
        assert!(told.is_empty());
    }
    let end = json!({"requestId": "r-9", "userId": "u", "action": "END_CONVERSATION"});
    let (fate, told) = receive(&mut instance, &end, 2);
    assert_eq!((fate, told.len()), (Fate::Taken, 1));
    assert_eq!(chat(&instance).end_reason, Some("left before engagement"));
}

#[test]
fn users_and_applications_have_conversations_of_their_own() {
    let mut instance = instance(&Config::default());
    let mut other_application = agent("u");
    other_application["appInboundId"] = "second".into();
    for body in [agent("u"), agent("v"), other_application] {
        assert_eq!(receive(&mut instance, &body, 0).0, Fate::Taken);
    }
    assert_eq!(instance.conversations().count(), 3);
}

#[test]
fn the_second_input_that_is_not_understood_gives_the_conversation_back() {
    let mut instance = instance(&Config::default());
    let (_, first) = receive(&mut instance, &says("r-1", "blue"), 0);
    let (_, second) = receive(&mut instance, &says("r-2", "green"), 1);
    let gist = |told: &[Callback]| -> Vec<_> {
        let bodies = told.iter().map(|callback| &callback.body);
        bodies.map(|body| (body["score"].clone(), body["takeControl"].clone())).collect()
    };
    assert_eq!(gist(&first), [(Value::Null, Value::Null), (0.into(), Value::Null)]);
    assert_eq!(first[1].body["body"][1]["uiType"], "TopicPickerControl");
    assert_eq!(gist(&second), [(0.into(), Value::Null), (0.into(), true.into())]);
    assert!(second[1].body["body"].as_array().unwrap().is_empty());
}

#[test]
fn a_muted_virtual_agent_says_nothing() {
    let mut instance = instance(&Config::default());
    let mut muted = says("r-1", "blue");
    muted["silentMessage"] = "true".into();
    let (_, told) = receive(&mut instance, &muted, 0);
    assert!(told.iter().all(|callback| callback.body["body"][0]["uiType"] == "ActionMsg"));
}

#[test]
fn an_acceptance_after_the_user_left_is_told_and_leaves_the_next_conversation_alone() {
    let mut instance = instance(&Config::default());
    receive(&mut instance, &agent("u"), 0);
    let ghost = number(&instance);
    assert_eq!(instance.accept_late(ghost, 1).unwrap_err(), DeskError::NotCancelled);
    let end = json!({"requestId": "r-2", "userId": "u", "action": "END_CONVERSATION"});
    receive(&mut instance, &end, 2);
    assert_eq!(instance.accept(ghost, None, 3).unwrap_err(), DeskError::NotOffered);
    let told = instance.accept_late(ghost, 3).unwrap();
    assert!(told.iter().any(|c| c.body["body"][0]["actionType"] == "SwitchToLiveAgent"));

    let (fate, _) = receive(&mut instance, &agent("u"), 4);
    assert_eq!(fate, Fate::Taken);
    instance.end(ghost, 5).unwrap();
    let (fate, _) = receive(&mut instance, &says("r-3", "still waiting"), 6);
    assert!(matches!(fate, Fate::Ignored(_)), "the new chat is still in the queue: {fate:?}");
}

#[test]
fn a_fault_closes_the_chat_without_a_word() {
    let mut instance = instance(&Config::default());
    receive(&mut instance, &agent("u"), 0);
    let number = number(&instance);
    instance.fault(number, 1);
    let chat = chat(&instance);
    assert_eq!((chat.state, chat.ended_by), (ChatState::Ended, None));
    assert_eq!(instance.accept(number, None, 2).unwrap_err(), DeskError::NotOffered);
    assert!(instance.is_faulted(number));
}

#[test]
fn only_the_oldest_ended_conversation_makes_room() {
    let mut instance = instance(&Config::default());
    for user in 0..CONVERSATIONS_MAX {
        receive(&mut instance, &agent(&user.to_string()), 0);
    }
    let (fate, _) = receive(&mut instance, &agent("late"), 1);
    assert_eq!(fate, Fate::Ignored("the instance is full"));
    let end = json!({"requestId": "r", "userId": "17", "action": "END_CONVERSATION"});
    receive(&mut instance, &end, 2);
    assert_eq!(receive(&mut instance, &agent("late"), 3).0, Fate::Taken);
    assert_eq!(instance.conversations().count(), CONVERSATIONS_MAX);
}

#[test]
fn history_and_context_reach_the_desk() {
    let mut instance = instance(&Config::default());
    let line = |kind: &str, text: &str, bot: bool| {
        json!({"displayName": if bot { "Bot" } else { "Kim" }, "isBotMessage": bot,
               "timestamp": "1767225600000", "type": kind, "value": text})
    };
    let mut body = agent("u");
    body["history"] =
        json!([line("text", "hi", false), line("Text", "lost", true), line("text", "yes?", true)]);
    body["contextVariables"] = json!({"Request_Topic": "Pay"});
    receive(&mut instance, &body, 9);
    let chat = chat(&instance);
    let lines: Vec<_> =
        chat.lines.iter().map(|line| (line.from, line.text.as_str(), line.at)).collect();
    assert_eq!(
        lines,
        [
            (Speaker::User, "hi", 1_767_225_600_000),
            (Speaker::Bot, "yes?", 1_767_225_600_000),
            (Speaker::User, "help", 9),
        ]
    );
    assert_eq!(chat.context["request_topic"], "Pay");
}

#[test]
fn actions_with_nothing_open_have_no_effect_and_open_nothing() {
    let mut instance = instance(&Config::default());
    for action in ["END_CONVERSATION", "TYPING", "VIEWING", "FAULT_CONVERSATION"] {
        let body = json!({"requestId": "r", "userId": "u", "action": action});
        let (fate, told) = receive(&mut instance, &body, 0);
        assert!(matches!(fate, Fate::Ignored(_)) && told.is_empty(), "{action}");
    }
    assert_eq!(instance.conversations().count(), 0);
    assert!(matches!(receive(&mut instance, &json!({}), 0).0, Fate::Ignored(_)));
}

#[test]
fn a_failed_switch_closes_the_conversation() {
    let mut instance = instance(&Config::default());
    let body = json!({"requestId": "r", "userId": "u", "action": "SWITCH", "topic": {"name": "x"}});
    let (_, told) = receive(&mut instance, &body, 0);
    assert_eq!(told.last().unwrap().body["takeControl"], true);
    assert!(instance.open.is_empty());
}
