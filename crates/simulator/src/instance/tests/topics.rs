//! What is shown and asked inside a live chat.

use serde_json::{Value, json};

use super::*;
use crate::control::Control;

/// A chat that an agent has.
fn live() -> (Instance, u64) {
    let mut instance = instance(&Config { idle: None, ..Config::default() });
    receive(&mut instance, &agent("u"), 0);
    let number = number(&instance);
    instance.accept(number, None, 1).unwrap();
    (instance, number)
}

fn show(instance: &mut Instance, number: u64, controls: &[Control]) -> Vec<Callback> {
    let order = ShowOrder::Controls(controls.to_vec(), None);
    instance.show(number, order, "http://h", 2).unwrap()
}

fn chooses(request: &str, text: &str) -> Value {
    let message = json!({"text": text, "typed": false, "clientMessageId": format!("m-{request}")});
    json!({"requestId": request, "userId": "u", "message": message})
}

#[test]
fn every_control_is_told_while_the_chat_goes_on_and_has_an_id() {
    for control in Control::ALL {
        let (mut instance, number) = live();
        let told = show(&mut instance, number, &[control]);
        assert!(!told.is_empty(), "{control}");
        for callback in &told {
            let item = &callback.body["body"][0];
            let streams = callback.body["streamState"] != json!("END")
                && callback.body.get("streamState").is_some();
            assert!(streams || item["messageId"].is_string(), "{control}: {item}");
            let by_agent = item["agentInfo"]["sentFromAgent"] == true;
            assert_eq!(by_agent, control.is_agents(), "{control}");
        }
        let whole = told.last().unwrap();
        assert_eq!(whole.body["agentChat"], true, "{control}");
        assert_eq!(chat(&instance).state, ChatState::Live);
    }
}

#[test]
fn what_stands_behind_a_question_is_shown_when_it_was_answered() {
    let (mut instance, number) = live();
    let told = show(&mut instance, number, &[Control::PickerList, Control::Date, Control::Text]);
    assert_eq!(told.len(), 1);
    let asked = chat(&instance).asked.unwrap();
    assert_eq!((asked.control, asked.kind.as_str()), (Some(Control::PickerList), "Picker"));
    assert_eq!(asked.message_id.as_deref(), told[0].body["body"][0]["messageId"].as_str());

    let (fate, told) = receive(&mut instance, &chooses("r-2", "laptop"), 3);
    assert_eq!((fate, told.len()), (Fate::Taken, 1));
    assert_eq!(told[0].body["body"][0]["uiType"], "Date");

    let (_, told) = receive(&mut instance, &says("r-3", "2026-03-04"), 4);
    assert_eq!(gists(&told)[0].split(':').next(), Some("OutputText"));
    let chat = chat(&instance);
    assert_eq!(chat.asked, None);
    let taken = |answer: &AnswerView| (answer.text.clone(), answer.typed, answer.refused);
    assert_eq!(
        chat.answers.iter().map(taken).collect::<Vec<_>>(),
        [("laptop".into(), Some(false), None), ("2026-03-04".into(), Some(true), None)]
    );
}

#[test]
fn an_unfit_answer_is_asked_again_and_a_second_one_ends_the_topic() {
    let (mut instance, number) = live();
    show(&mut instance, number, &[Control::PickerList, Control::Date]);
    let (_, told) = receive(&mut instance, &says("r-2", "laptop"), 3);
    assert_eq!(told.len(), 2, "{:?}", gists(&told));
    assert_eq!(told[1].body["body"][0]["uiType"], "Picker");
    assert!(chat(&instance).answers[0].refused.unwrap().contains("typed:false"));

    let (_, told) = receive(&mut instance, &chooses("r-3", "desktop"), 4);
    assert_eq!(told.len(), 1, "{:?}", gists(&told));
    assert!(chat(&instance).asked.is_none());
    // From here on words are words again.
    receive(&mut instance, &says("r-4", "are you there"), 5);
    assert_eq!(chat(&instance).answers.len(), 2);
}

#[test]
fn a_repeated_answer_counts_once() {
    let (mut instance, number) = live();
    show(&mut instance, number, &[Control::Boolean, Control::Boolean]);
    receive(&mut instance, &chooses("r-2", "yes"), 3);
    receive(&mut instance, &chooses("r-2", "yes"), 3);
    assert_eq!(chat(&instance).answers.len(), 1);
    assert!(chat(&instance).asked.is_some());
}

#[test]
fn parts_come_one_by_one_when_more_is_asked_for() {
    let (mut instance, number) = live();
    show(&mut instance, number, &[Control::MultiPart]);
    for (request, last) in [("r-2", "MultiPartOutput"), ("r-3", "OutputText")] {
        let (_, told) = receive(&mut instance, &chooses(request, "click_for_more"), 3);
        assert_eq!(told[0].body["body"][0]["uiType"], last);
    }
    assert_eq!(chat(&instance).asked, None);
    show(&mut instance, number, &[Control::Table]);
    let (_, told) = receive(&mut instance, &chooses("r-4", "DONE"), 3);
    assert_eq!(told[0].body["body"][0]["uiType"], "OutputText");
}

#[test]
fn the_agent_sees_a_mask_where_the_question_is_secret() {
    let (mut instance, number) = live();
    show(&mut instance, number, &[Control::InputTextSecure]);
    receive(&mut instance, &says("r-2", "hunter2"), 3);
    let chat = chat(&instance);
    assert!(chat.lines.iter().all(|line| !line.text.contains("hunter2")));
    assert_eq!((chat.answers[0].text.as_str(), chat.answers[0].refused), ("hunter2", None));
}

#[test]
fn the_loader_comes_twice_under_one_id_and_the_stream_in_pieces() {
    let (mut instance, number) = live();
    let told = show(&mut instance, number, &[Control::DynamicLoader]);
    let id = |callback: &Callback| callback.body["body"][0]["messageId"].clone();
    assert_eq!(told.len(), 2);
    assert_eq!(id(&told[0]), id(&told[1]));
    let told = show(&mut instance, number, &[Control::Stream]);
    let states: Vec<_> = told.iter().map(|told| told.body["streamState"].clone()).collect();
    assert_eq!((&states[0], states.last().unwrap()), (&json!("START"), &json!("END")));
    assert!(told.last().unwrap().body["body"][0]["citations"].is_array());
}

#[test]
fn what_became_of_a_control_is_shown_beside_it() {
    let (mut instance, number) = live();
    let told = show(&mut instance, number, &[Control::Card]);
    let id = told[0].body["body"][0]["messageId"].clone();
    let update = json!({"requestId": "r-2", "userId": "u", "action": "UPDATE_MESSAGES",
                        "message": [{"id": id, "status": "sent_to_user"}]});
    assert_eq!(receive(&mut instance, &update, 3).0, Fate::Taken);
    let lines = chat(&instance).lines;
    assert_eq!(lines.last().unwrap().delivery, Some(Delivery::SentToUser));
}

#[test]
fn nothing_is_shown_before_an_agent_is_there_or_after_the_end() {
    let mut instance = instance(&Config { idle: None, ..Config::default() });
    receive(&mut instance, &agent("u"), 0);
    let number = number(&instance);
    let order = || ShowOrder::Controls(vec![Control::Text], None);
    assert_eq!(instance.show(number, order(), "", 1).unwrap_err(), DeskError::NotLive);
    instance.accept(number, None, 1).unwrap();
    let many = ShowOrder::Controls(vec![Control::Date; 501], None);
    assert_eq!(instance.show(number, many, "", 2).unwrap_err(), DeskError::TooMuch);
    instance.end(number, 2).unwrap();
    assert_eq!(instance.show(number, order(), "", 3).unwrap_err(), DeskError::NotLive);
}
