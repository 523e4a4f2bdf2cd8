//! What users see of everything that is told without being shown: action messages and the pieces of a
//! stream, taken in by the engine and carried to each surface.

use super::*;
use crate::{
    bed::Bed,
    desk::news::{self, Wording},
    render::View,
};

/// What is told at which stage, and the activities that follow from it.
const SIGNALS: &str = include_str!("signals.json");

/// What reference 5.4 and 5.5 can send.
const ACTIONS: [&str; 18] = [
    "StartConversation",
    "CreateConversation",
    "SubscribeToSupportQueue",
    "StartSpinner",
    "EndSpinner",
    "SubscribeToChatPresence",
    "SwitchToLiveAgent",
    "SwitchToVirtualAgent",
    "System",
    "StartTypingIndicator",
    "EndTypingIndicator",
    "ChatSubHeader",
    "SwitchConversation",
    "DynamicLoader",
    "Separator",
    "TopicFinished",
    "AgentControl",
    "EndConversation",
];

fn signals() -> Vec<Value> {
    from_str(SIGNALS).unwrap()
}

/// What there is to see of an activity.
fn seen(activity: &str) -> Value {
    let mut seen: Value = from_str(activity).unwrap();
    seen.as_object_mut().unwrap().retain(|name, _| SHOWING.contains(&name.as_str()));
    seen
}

fn on_page(view: &View<'_>, told: &[Entry], typing: &[news::Typing]) -> Vec<Value> {
    let said = told.iter().filter_map(|entry| view.activity(entry));
    let typing = typing.iter().filter(|typing| typing.on).map(|typing| view.typing(&typing.who));
    said.chain(typing).map(|activity| seen(&activity)).collect()
}

fn brought(place: &Place<'_>, told: &[Entry], typing: &[news::Typing]) -> Vec<Value> {
    let said = told.iter().filter_map(|entry| match place.sending(entry, 0, |_| None) {
        Sending::Send(activity) => Some(activity),
        _ => None,
    });
    let typing = typing.iter().filter(|typing| typing.on).map(|_| place.typing());
    said.chain(typing).map(|activity| seen(&activity)).collect()
}

#[tokio::test]
async fn every_action_and_each_piece_of_a_stream_looks_as_it_should_wherever_the_user_is() {
    let bed = Bed::new();
    let (reference, language) = (reference(PERSONAL), Language::English);
    let pictures = &*NO_PICTURES;
    let links: Option<&dyn Addresses> = Some(&Kept);
    let place = |channel| Place { reference: &reference, channel, language, links, pictures };
    let view = View { conversation: "c", user: "kim", language, links: None, first: Number(0) };
    let mut differing = Vec::new();
    for (number, case) in signals().into_iter().enumerate() {
        let name = format!("c{number}");
        if case["stage"] == "talking" {
            bed.connected(&name).await;
        } else {
            bed.says(&name, "agent").await;
        }
        let before = bed.log(&name).len();
        let body = format!(r#"{{"agentChat":true,"body":[{}]}}"#, case["item"]);
        let callback = servicenow::read(body.as_bytes()).unwrap();
        let (news, typing) = news::read(callback, &Wording::default());
        bed.hears(&name, news).await;
        let told = bed.log(&name).split_off(before);
        let actual = json!({
            "stage": case["stage"],
            "item": case["item"],
            "page": on_page(&view, &told, &typing),
            "teams": brought(&place(crate::channel::TEAMS), &told, &typing),
            "text": brought(&place("line"), &told, &typing),
        });
        if actual != case {
            differing.push(actual.to_string());
        }
    }
    assert!(differing.is_empty(), "these look otherwise now:\n{}", differing.join("\n"));
}

#[test]
fn every_action_of_the_reference_and_every_piece_of_a_stream_has_a_case() {
    let all = signals();
    let has = |member: &str, value: &str| all.iter().any(|case| case["item"][member] == value);
    for action in ACTIONS {
        assert!(has("actionType", action), "{action}");
    }
    for spinner in ["wait_time", "processing", "none"] {
        assert!(has("spinnerType", spinner), "{spinner}");
    }
    for piece in ["StreamStart", "StreamChunk", "OutputText"] {
        assert!(has("uiType", piece), "{piece}");
    }
}
