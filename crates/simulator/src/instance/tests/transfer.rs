//! A chat that goes from one agent to another (reference 9.5).

use super::*;
use crate::config::Schedule;

const STAND_BY: &str = "OutputText: Please stand by while I connect you to a live agent. agentChat";
const WAITING: &str = "StartSpinner agentChat";
const COMES: [&str; 2] = ["EndSpinner agentChat", "System: Robin has entered the chat. agentChat"];

fn live(config: &Config) -> (Instance, u64) {
    let mut config = Config { idle: None, ..config.clone() };
    config.agents.push(AgentProfile::new("kim", "Kim"));
    let mut instance = instance(&config);
    receive(&mut instance, &agent("u"), 0);
    let number = number(&instance);
    instance.accept(number, None, 0).unwrap();
    (instance, number)
}

fn agent_info(told: &[Callback]) -> Value {
    told.last().unwrap().body["body"][0]["agentInfo"].clone()
}

#[test]
fn the_user_waits_again_and_then_talks_to_somebody_else() {
    let (mut instance, number) = live(&Config::default());
    let before = agent_info(&instance.write(number, "I will hand you over", 1).unwrap());
    let told = instance.transfer(number, "Robin", 2).unwrap();
    assert_eq!(gists(&told), [STAND_BY, WAITING, COMES[0], COMES[1]]);
    let after = agent_info(&instance.write(number, "Hello", 3).unwrap());
    assert_eq!((&before["agentName"], &after["agentName"]), (&json!("Dana"), &json!("Robin")));
    assert_ne!(before["agentId"], after["agentId"]);
    let chat = chat(&instance);
    assert_eq!((chat.agent.unwrap().name.as_str(), chat.state), ("Robin", ChatState::Live));
    assert_eq!(chat.lines.last().unwrap().name, "Robin");
    let told = instance.end(number, 4).unwrap();
    assert_eq!(gists(&told)[0], "System: Robin has closed the support session. agentChat");
}

#[test]
fn between_two_agents_nobody_writes_and_the_user_may_leave() {
    let config = Config { transfer_delay: Duration::from_secs(5), ..Config::default() };
    let (mut instance, number) = live(&config);
    instance.typing(number, true).unwrap();
    let told = instance.transfer(number, "Robin", 0).unwrap();
    assert_eq!(gists(&told), ["EndTypingIndicator agentChat", STAND_BY, WAITING]);
    assert_eq!(instance.write(number, "x", 1).unwrap_err(), DeskError::NotLive);
    assert_eq!(instance.typing(number, true).unwrap_err(), DeskError::NotLive);
    assert_eq!(instance.transfer(number, "Kim", 1).unwrap_err(), DeskError::NotLive);
    assert_eq!(receive(&mut instance, &says("r-2", "hello?"), 2).0, Fate::Taken);
    assert!(run(&mut instance, 4_999).is_empty());
    assert_eq!(gists(&run(&mut instance, 5_000)), COMES);
    assert!(instance.write(number, "x", 5_001).is_ok());

    instance.transfer(number, "Kim", 6_000).unwrap();
    let end = json!({"requestId": "r-9", "userId": "u", "action": "END_CONVERSATION"});
    assert_eq!(receive(&mut instance, &end, 7_000).0, Fate::Taken);
    assert!(run(&mut instance, 20_000).is_empty(), "nobody comes to a chat that is over");
}

#[test]
fn only_a_live_chat_goes_to_somebody_with_a_name() {
    let (mut instance, number) = live(&Config::default());
    assert_eq!(instance.transfer(number, "  ", 1).unwrap_err(), DeskError::EmptyText);
    instance.end(number, 2).unwrap();
    assert_eq!(instance.transfer(number, "Robin", 3).unwrap_err(), DeskError::NotLive);
    assert_eq!(instance.transfer(999, "Robin", 3).unwrap_err(), DeskError::UnknownChat);
}

#[test]
fn the_specification_knows_only_that_somebody_has_taken_over() {
    let (mut instance, number) = live(&Config { dialect: Dialect::Spec, ..Config::default() });
    instance.write(number, "one moment", 1).unwrap();
    let told = instance.transfer(number, "Robin", 2).unwrap();
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|callback| callback.body["status"] == "active"), "no step back");
    assert_eq!(told[1].body["body"][0]["actionType"], "AgentControl");
}

#[test]
fn names_stay_hidden_where_they_are_off() {
    let (mut instance, number) = live(&Config { names_shown: false, ..Config::default() });
    let told = instance.transfer(number, "Robin", 1).unwrap();
    assert_eq!(gists(&told)[3], "System: The agent has entered the chat. agentChat");
}

#[test]
fn a_chat_goes_to_an_agent_by_id_or_name_who_is_there_and_does_not_have_it() {
    let (mut instance, number) = live(&Config::default());
    instance.set_available("kim", false, 1).unwrap();
    for (to, error) in [
        ("dana", DeskError::AlreadyTheirs),
        ("Kim", DeskError::AgentAway),
        ("Nobody", DeskError::UnknownAgent),
        ("", DeskError::EmptyText),
    ] {
        assert_eq!(instance.transfer(number, to, 2).unwrap_err(), error, "{to}");
    }
    instance.transfer(number, "robin", 3).unwrap();
    let active: Vec<_> = instance.agents().map(|agent| agent.active).collect();
    assert_eq!(active, [0, 1, 0]);
}

#[test]
fn in_a_queue_the_chat_waits_until_another_agent_accepts_it() {
    let mut config = Config::default();
    config.queues.push(QueueProfile::new("pay", "Payroll").when("never", "met"));
    let (mut instance, number) = live(&config);
    instance.write(number, "payroll knows that", 1).unwrap();
    let told = instance.transfer_to_queue(number, "pay", 1_000).unwrap();
    assert_eq!(gists(&told), [STAND_BY, WAITING]);
    let waiting = chat(&instance);
    assert_eq!((waiting.state, waiting.queue.as_deref()), (ChatState::Offered, Some("pay")));
    assert_eq!((waiting.agent, waiting.waiting_since), (None, 1_000));
    assert_eq!(waiting.offer.unwrap().agent, "robin", "not the one who handed it over");
    assert_eq!(instance.write(number, "x", 2_000).unwrap_err(), DeskError::NotLive);
    assert_eq!(receive(&mut instance, &says("r-2", "hello?"), 2_000).0, Fate::Taken);
    assert_eq!(gists(&run(&mut instance, 61_000)), [WAITING]);
    let told = instance.accept(number, None, 70_000).unwrap();
    assert_eq!(gists(&told), COMES);
    assert!(run(&mut instance, 500_000).is_empty(), "the wait is over");
    let live = chat(&instance);
    assert_eq!((live.state, live.agent.unwrap().id.as_str()), (ChatState::Live, "robin"));
    assert!(live.lines.iter().any(|line| line.text == "hello?"), "nothing was missed");
}

#[test]
fn a_user_who_waits_for_the_next_agent_may_leave_and_everybody_may_reject() {
    let (mut instance, number) = live(&Config::default());
    instance.transfer_to_queue(number, "it", 1).unwrap();
    let end = json!({"requestId": "r-9", "userId": "u", "action": "END_CONVERSATION"});
    assert_eq!(
        gists(&receive(&mut instance, &end, 2).1),
        ["OutputText: The conversation has ended. completed"]
    );
    assert_eq!(instance.accept(number, None, 3).unwrap_err(), DeskError::NotOffered);

    let (mut instance, number) = live(&Config::default());
    instance.transfer_to_queue(number, "it", 1).unwrap();
    assert!(instance.reject(number, None, 2).unwrap().is_empty());
    let told = instance.reject(number, None, 3).unwrap();
    assert_eq!(told.last().unwrap().body["takeControl"], true);
    assert_eq!(chat(&instance).state, ChatState::Ended);
}

#[test]
fn a_queue_without_anybody_else_takes_no_transfer() {
    let (mut instance, number) = live(&Config::default());
    assert_eq!(instance.transfer_to_queue(number, "x", 1).unwrap_err(), DeskError::UnknownQueue);
    instance.set_schedule("it", Schedule::Never).unwrap();
    assert_eq!(instance.transfer_to_queue(number, "it", 1).unwrap_err(), DeskError::NobodyThere);
    instance.set_schedule("it", Schedule::Always).unwrap();
    for agent in ["robin", "kim"] {
        instance.set_available(agent, false, 2).unwrap();
    }
    assert_eq!(instance.transfer_to_queue(number, "it", 3).unwrap_err(), DeskError::NobodyThere);
    assert!(instance.write(number, "so I stay", 4).is_ok());
}

#[test]
fn waiting_for_the_next_agent_is_no_step_back_in_either_dialect() {
    for dialect in [Dialect::Spec, Dialect::Both] {
        let (mut instance, number) = live(&Config { dialect, ..Config::default() });
        let mut told = instance.transfer_to_queue(number, "it", 1).unwrap();
        told.extend(run(&mut instance, 60_001));
        assert!(told.iter().all(|callback| callback.body["status"] == "connected"), "{dialect:?}");
    }
}
