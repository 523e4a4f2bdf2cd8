use std::collections::HashSet;

use super::*;
use crate::{config::Config, fault::Times, instance::Setup};

fn instance() -> Instance {
    Instance::new(Setup::new(&Config::default()), Vec::new(), 7)
}

fn callback(conversation: u64, items: &[&str]) -> Callback {
    let items = items.iter().map(
        |words| json!({"uiType": "OutputText", "value": words, "messageId": format!("id-{words}")}),
    );
    let body = json!({
        "requestId": "r", "clientSessionId": "s", "clientVariables": {"a": 1},
        "body": items.collect::<Vec<_>>(),
    });
    Callback { conversation, body, ends: false }
}

fn struck_by(faults: &[(Fault, Times)], told: Vec<Callback>) -> Struck {
    let mut armed = Faults::default();
    for (fault, times) in faults {
        armed.inject(*fault, *times);
    }
    strike(&mut armed, &mut Parked::default(), &mut instance(), told, 0)
}

fn words(callback: &Callback) -> String {
    let items = callback.body["body"].as_array().unwrap().iter();
    items.filter_map(|item| item["value"].as_str()).collect::<Vec<_>>().join("+")
}

fn posted(struck: &Struck) -> Vec<String> {
    struck.posted.iter().map(|parcel| words(&parcel.callback)).collect()
}

fn one_by_one(words: &[&str]) -> Vec<Callback> {
    words.iter().map(|words| callback(1, &[words])).collect()
}

#[test]
fn without_faults_callbacks_go_out_as_they_are() {
    let told = one_by_one(&["a", "b"]);
    let struck = struck_by(&[], told.clone());
    for (parcel, told) in struck.posted.iter().zip(&told) {
        assert_eq!(parcel.callback.body, told.body);
        assert_eq!((parcel.content_type, parcel.wait), ("application/json", Duration::ZERO));
    }
    assert_eq!((struck.posted.len(), struck.lost.len(), struck.parked), (2, 0, false));
}

#[test]
fn faults_of_the_post_decide_how_often_and_in_which_order() {
    for (fault, times, expected, lost, parked) in [
        (Fault::Lost, Times::Once, vec!["b", "c"], 1, false),
        (Fault::Lost, Times::Next(2), vec!["c"], 2, false),
        (Fault::Duplicated, Times::Once, vec!["a", "a", "b", "c"], 0, false),
        (Fault::Duplicated, Times::UntilCleared, vec!["a", "a", "b", "b", "c", "c"], 0, false),
        (Fault::Reordered, Times::Once, vec!["b", "a", "c"], 0, true),
        (Fault::Reordered, Times::UntilCleared, vec!["b", "a"], 0, true),
        (Fault::Joined, Times::Once, vec!["a+b+c"], 0, false),
        (Fault::Split, Times::Once, vec!["a", "b", "c"], 0, false),
    ] {
        let struck = struck_by(&[(fault, times)], one_by_one(&["a", "b", "c"]));
        assert_eq!(posted(&struck), expected, "{fault:?} {times:?}");
        assert_eq!((struck.lost.len(), struck.parked), (lost, parked), "{fault:?} {times:?}");
    }
}

#[test]
fn duplicates_are_equal_to_the_byte() {
    let struck = struck_by(&[(Fault::Duplicated, Times::Once)], one_by_one(&["a"]));
    let bodies: HashSet<_> =
        struck.posted.iter().map(|parcel| parcel.callback.body.to_string()).collect();
    assert_eq!((struck.posted.len(), bodies.len()), (2, 1));
}

#[test]
fn a_typing_signal_uses_up_no_fault_that_nobody_would_notice() {
    let mut typing = callback(1, &["x"]);
    typing.body["body"] = json!([{"uiType": "ActionMsg", "actionType": "StartTypingIndicator"}]);
    for (fault, expected) in [(Fault::Lost, vec![""]), (Fault::Duplicated, vec!["", "a", "a"])] {
        let told = vec![typing.clone(), callback(1, &["a"])];
        assert_eq!(posted(&struck_by(&[(fault, Times::Once)], told)), expected, "{fault:?}");
    }
}

#[test]
fn a_parked_callback_waits_for_its_own_conversation() {
    let (mut faults, mut parked) = (Faults::default(), Parked::default());
    faults.inject(Fault::Reordered, Times::Once);
    let mut go = |told| posted(&strike(&mut faults, &mut parked, &mut instance(), told, 0));
    assert!(go(vec![callback(1, &["a"])]).is_empty());
    assert_eq!(go(vec![callback(2, &["x"])]), ["x"]);
    assert_eq!(go(vec![callback(1, &["b"])]), ["b", "a"]);
    assert_eq!(go(vec![callback(1, &["c"])]), ["c"]);
    assert!(parked.release().is_empty());
}

#[test]
fn a_delayed_callback_says_for_how_long() {
    let span = Duration::from_secs(3);
    let struck = struck_by(&[(Fault::Delayed(span), Times::Once)], one_by_one(&["a", "b"]));
    let waits: Vec<_> = struck.posted.iter().map(|parcel| parcel.wait).collect();
    assert_eq!(waits, [span, Duration::ZERO]);
}

#[test]
fn shapes_are_spoiled_as_named() {
    let plain = callback(1, &["a"]).body;
    let spoiled = |fault| {
        let mut struck = struck_by(&[(fault, Times::Once)], one_by_one(&["a"]));
        struck.posted.remove(0)
    };
    for (fault, pointer, expected) in [
        (Fault::BodyAsObject, "/body", Some(plain["body"][0].clone())),
        (Fault::LabelForValue, "/body/0/label", Some("a".into())),
        (Fault::LabelForValue, "/body/0/value", None),
        (Fault::ScoreAsString, "/score", Some("0.92".into())),
        (Fault::UnknownUiType, "/body/1/uiType", Some("OutputHologram".into())),
        (Fault::UnknownActionType, "/body/1/actionType", Some("DimTheLights".into())),
        (Fault::UnknownActionType, "/body/0", Some(plain["body"][0].clone())),
        (Fault::NoClientVariables, "/clientVariables", None),
        (Fault::EmptyClientSessionId, "/clientSessionId", Some("".into())),
    ] {
        let body = spoiled(fault).callback.body;
        assert_eq!(body.pointer(pointer), expected.as_ref(), "{fault:?}");
        assert_eq!(body["requestId"], "r");
    }
    let added = spoiled(Fault::UnknownUiType).callback.body;
    assert!(added["body"][1]["messageId"].is_string(), "it has an id like every other item");
    assert_eq!(spoiled(Fault::WrongContentType).content_type, "application/octet-stream");
}

#[test]
fn a_score_that_is_there_keeps_its_value_as_a_string() {
    let mut told = callback(1, &["a"]);
    told.body["score"] = 0.into();
    let struck = struck_by(&[(Fault::ScoreAsString, Times::Once)], vec![told]);
    assert_eq!(struck.posted[0].callback.body["score"], "0");
}

#[test]
fn a_fault_waits_for_a_callback_that_it_fits() {
    let bare = Callback { conversation: 1, body: json!({"body": []}), ends: false };
    for fault in [
        Fault::BodyAsObject,
        Fault::LabelForValue,
        Fault::NoClientVariables,
        Fault::EmptyClientSessionId,
        Fault::Split,
        Fault::Joined,
        Fault::EndMissing,
        Fault::EndTwice,
        Fault::MessageAfterEnd,
    ] {
        let mut faults = Faults::default();
        faults.inject(fault, Times::Once);
        let told = vec![bare.clone()];
        let struck = strike(&mut faults, &mut Parked::default(), &mut instance(), told, 0);
        assert_eq!(struck.posted[0].callback.body, bare.body, "{fault:?}");
        assert!(faults.has(fault), "{fault:?}");
    }
}

#[test]
fn several_faults_strike_the_same_callback() {
    let faults = [Fault::LabelForValue, Fault::BodyAsObject, Fault::NoClientVariables];
    let struck = struck_by(&faults.map(|fault| (fault, Times::Once)), one_by_one(&["a"]));
    let body = &struck.posted[0].callback.body;
    assert_eq!(body["body"]["label"], "a");
    assert_eq!(body.get("clientVariables"), None);
}

#[test]
fn pieces_share_the_labels_and_the_last_one_has_the_closing_flags() {
    let mut told = callback(1, &["a", "b"]);
    told.body["agentChat"] = true.into();
    told.body["completed"] = true.into();
    let struck = struck_by(&[(Fault::Split, Times::Once)], vec![told]);
    let flags: Vec<_> = struck
        .posted
        .iter()
        .map(|parcel| {
            let body = &parcel.callback.body;
            (body["requestId"] == "r", body["agentChat"] == true, body["completed"] == true)
        })
        .collect();
    assert_eq!(posted(&struck), ["a", "b"]);
    assert_eq!(flags, [(true, true, false), (true, true, true)]);
}

#[test]
fn joined_callbacks_have_all_items_and_every_flag_of_one_conversation() {
    let mut first = callback(1, &["a"]);
    first.body["agentChat"] = true.into();
    let mut last = callback(1, &["b"]);
    last.body["completed"] = true.into();
    let told = vec![first, last, callback(2, &["x"])];
    let struck = struck_by(&[(Fault::Joined, Times::UntilCleared)], told);
    assert_eq!(posted(&struck), ["a+b", "x"]);
    let body = &struck.posted[0].callback.body;
    assert_eq!((&body["agentChat"], &body["completed"]), (&json!(true), &json!(true)));
}
