//! What a version of the app can do, and the check boxes beside it (reference 3.4, 5.5, 9.4, 12).

use std::time::Duration;

use serde_json::{Value, json};
use simulator::{AppVersion, Config, Delivery, Dialect, Fate, Profile, Speaker};

use crate::rig::{Rig, agent, does, gist, rig, says};

fn of(profile: Profile) -> Config {
    Config { profile, ..Config::default() }
}

fn last_fate(rig: &Rig) -> Fate {
    rig.desk.ledger().last().unwrap().fate
}

/// The `messageId` of the last line that an agent wrote.
async fn said(rig: &Rig, chat: &str, text: &str) -> String {
    rig.desk.write(chat, text).unwrap();
    let told = rig.take_bodies(1).await;
    told[0]["body"][0]["messageId"].as_str().unwrap().to_owned()
}

fn update(updates: Value) -> Value {
    json!({"requestId": "r-9", "userId": "u-1", "action": "UPDATE_MESSAGES", "message": updates})
}

#[tokio::test]
async fn an_update_is_worked_off_before_it_is_answered_in_plain_text() {
    let rig = rig(Config::default()).await;
    let chat = rig.connect(6, 4).await;
    let first = said(&rig, &chat, "one").await;
    let second = said(&rig, &chat, "two").await;
    let third = said(&rig, &chat, "three").await;
    let updates = json!([
        {"id": first, "status": "sent_to_user"},
        {"id": second, "status": "external_error"},
        {"id": third, "status": "sent_to_user", "text": "drei"},
        {"id": "nobody's", "status": "sent_to_user"},
    ]);
    let answer = rig.try_send(&update(updates)).await.unwrap();
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/plain"));
    assert_eq!(answer.text().await.unwrap(), "Message Processed Successfully");
    let lines = rig.chat().lines;
    let seen: Vec<_> = lines
        .iter()
        .filter(|line| line.from == Speaker::Agent)
        .map(|line| (line.text.as_str(), line.delivery))
        .collect();
    assert_eq!(
        seen,
        [
            ("one", Some(Delivery::SentToUser)),
            ("two", Some(Delivery::ExternalError)),
            ("drei", Some(Delivery::Updated)),
        ]
    );
    assert_eq!(last_fate(&rig), Fate::Taken);
    rig.try_send(&update(json!([{"id": "nobody's", "status": "sent_to_user"}]))).await.unwrap();
    assert_eq!(last_fate(&rig), Fate::Ignored("no message of this user has such an id"));
    assert!(rig.receiver.bodies.lock().unwrap().is_empty(), "nothing comes back");
}

#[tokio::test]
async fn a_replaced_text_comes_back_where_that_defect_is_switched_on() {
    let rig = rig(of(Profile { echoes_updates: true, ..Profile::default() })).await;
    let chat = rig.connect(6, 4).await;
    let id = said(&rig, &chat, "one").await;
    rig.try_send(&update(json!([{"id": id, "text": "eins"}]))).await.unwrap();
    assert_eq!(rig.take(1).await, ["OutputText[eins] agentChat"]);
}

#[tokio::test]
async fn updates_need_the_version_and_the_property() {
    let off = Profile { third_party_chat: false, ..Profile::default() };
    for profile in [Profile::of(AppVersion::V3), off] {
        let rig = rig(of(profile)).await;
        rig.send(&update(json!([{"id": "x", "status": "sent_to_user"}]))).await;
        rig.take(0).await;
        assert!(matches!(last_fate(&rig), Fate::Ignored(_)));
    }
}

#[tokio::test]
async fn actions_of_4_0_have_no_effect_before_it() {
    for action in ["CREATE_CONVERSATION", "SEND_HISTORY"] {
        for (version, taken) in [(AppVersion::V3, false), (AppVersion::V4_0, true)] {
            let rig = rig(of(Profile::of(version))).await;
            rig.send(&does("r-1", action)).await;
            rig.take(0).await;
            assert_eq!(last_fate(&rig) == Fate::Taken, taken, "{action} {version}");
        }
    }
}

#[tokio::test]
async fn history_that_is_sent_later_is_for_the_agent_and_told_to_nobody() {
    let rig = rig(Config::default()).await;
    let chat = rig.connect(6, 4).await;
    let mut history = does("r-2", "SEND_HISTORY");
    history["history"] = json!([
        {"displayName": "Kim", "isBotMessage": false, "timestamp": "1767225600000", "type": "text",
         "value": "earlier"},
        {"displayName": "Bot", "isBotMessage": true, "timestamp": "x", "type": "TEXT", "value": "no"},
    ]);
    rig.play(&history, 0).await;
    let lines = rig.chat().lines;
    let last = lines.last().unwrap();
    assert_eq!((last.text.as_str(), last.at), ("earlier", 1_767_225_600_000));
    assert_eq!(rig.chat().id, chat);
    assert!(rig.receiver.bodies.lock().unwrap().is_empty());
}

#[tokio::test]
async fn starting_twice_fails_before_4_0() {
    let start = |id| does(id, "START_CONVERSATION");
    for (version, again) in [(AppVersion::V3, 0), (AppVersion::V4_0, 1)] {
        let rig = rig(of(Profile::of(version))).await;
        assert_eq!(rig.play(&start("r-1"), 2).await.len(), 2, "{version}");
        assert_eq!(rig.play(&start("r-2"), again).await.len(), again, "{version}");
        assert_eq!(last_fate(&rig) == Fate::Taken, again == 1, "{version}");
    }
}

#[tokio::test]
async fn a_mere_attachment_key_hides_the_words_before_3_14_2() {
    for (version, shown) in [(AppVersion::new(3, 14, 1), false), (AppVersion::new(3, 14, 2), true)]
    {
        let rig = rig(of(Profile { strict: false, ..Profile::of(version) })).await;
        rig.connect(6, 4).await;
        let mut words = says("r-2", "do you see me");
        words["message"]["attachment"] = Value::Null;
        rig.play(&words, 0).await;
        let seen = rig.chat().lines.iter().any(|line| line.text == "do you see me");
        assert_eq!(seen, shown, "{version}");
        assert_eq!(last_fate(&rig) == Fate::Taken, shown, "{version}");
    }
}

#[tokio::test]
async fn an_unknown_action_is_refused_as_a_teaching_aid_and_else_dropped_in_silence() {
    for (strict, status) in [(true, 400), (false, 200)] {
        let rig = rig(of(Profile { strict, ..Profile::default() })).await;
        let answer = rig.try_send(&does("r-1", "TOPIC")).await.unwrap();
        assert_eq!(answer.status(), status);
        rig.take(0).await;
        let silent = Fate::Ignored("there is no such action");
        assert_eq!(last_fate(&rig), if strict { Fate::Refused } else { silent });
    }
}

#[tokio::test]
async fn from_4_1_the_virtual_agents_answers_are_streamed_and_the_agents_are_not() {
    let rig = rig(of(Profile::of(AppVersion::V4_1))).await;
    rig.send(&does("r-1", "START_CONVERSATION")).await;
    let told = rig.take_bodies(6).await;
    let states: Vec<_> = told.iter().map(|body| body["streamState"].as_str()).collect();
    let (start, piece, end) = (Some("START"), Some("INPROGRESS"), Some("END"));
    assert_eq!(states, [None, start, piece, piece, piece, end]);
    let pieces = told[2..5].iter().map(|body| body["body"][0]["value"].as_str().unwrap());
    let whole = &told[5]["body"][0];
    assert_eq!(pieces.collect::<String>(), whole["value"].as_str().unwrap());
    for body in &told[1..5] {
        assert_eq!(body["body"][0]["streamId"], whole["streamId"]);
        assert_eq!(body["streamActive"], true);
        for absent in [&body["score"], &body["interactionId"], &body["body"][0]["messageId"]] {
            assert!(absent.is_null(), "{body}");
        }
    }
    assert_eq!((&told[5]["streamActive"], &told[5]["score"]), (&json!(false), &json!(0)));
    assert!(told[5]["interactionId"].is_string() && whole["messageId"].is_string());
    // After the conversation was started, five more for AGENT; then the agent.
    let chat = rig.connect(5, 4).await;
    rig.desk.write(&chat, "one two three").unwrap();
    assert_eq!(rig.take(1).await, ["OutputText[one two three] agentChat"]);
}

#[tokio::test]
async fn another_application_is_named_in_callbacks_from_4_1_2() {
    for (version, named) in [(AppVersion::V4_1, false), (AppVersion::new(4, 1, 2), true)] {
        let rig = rig(of(Profile::of(version))).await;
        let mut ask = agent();
        ask["appInboundId"] = "second".into();
        rig.send(&ask).await;
        let told = rig.take_bodies(6).await;
        assert_eq!(told[0]["appInboundId"] == "second", named, "{version}");
    }
}

#[tokio::test]
async fn agents_have_ids_from_3_14_3() {
    for (version, id) in [(AppVersion::new(3, 14, 2), false), (AppVersion::new(3, 14, 3), true)] {
        let rig = rig(of(Profile::of(version))).await;
        let chat = rig.connect(6, 4).await;
        rig.desk.write(&chat, "hello").unwrap();
        let info = rig.take_bodies(1).await[0]["body"][0]["agentInfo"].clone();
        assert_eq!(info["agentId"].is_string(), id, "{version}");
        assert!(info["agentName"].is_string());
    }
}

#[tokio::test]
async fn while_the_virtual_agent_works_on_one_request_the_next_is_ignored() {
    let profile = Profile { bot_takes: Duration::from_secs(2), ..Profile::default() };
    let rig = rig(of(profile)).await;
    rig.desk.freeze(true);
    rig.play(&says("r-1", "what is my pay"), 0).await;
    rig.play(&says("r-2", "hello?"), 0).await;
    assert_eq!(last_fate(&rig), Fate::Ignored("the user's previous request is still in work"));
    assert!(rig.receiver.bodies.lock().unwrap().is_empty());
    rig.desk.advance(Duration::from_secs(2));
    assert_eq!(rig.take(2).await.len(), 2);
    // A message that it has seen is no new one, and an agent's chat knows no such wait.
    rig.play(&says("r-1", "what is my pay"), 0).await;
    assert_eq!(last_fate(&rig), Fate::Ignored("the virtual agent has seen this message"));
    let chat = rig.connect(5, 4).await;
    rig.play(&says("r-3", "one"), 0).await;
    rig.play(&says("r-4", "two"), 0).await;
    assert_eq!(last_fate(&rig), Fate::Taken);
    assert_eq!(rig.chat().id, chat);
}

#[tokio::test]
async fn a_synchronous_channel_answers_with_the_envelope_in_each_dialect() {
    for dialect in [Dialect::ServiceNow, Dialect::Spec] {
        let profile = Profile { synchronous: true, ..Profile::default() };
        let rig = rig(Config { dialect, ..of(profile) }).await;
        for turn in ["r-1", "r-2"] {
            let answer: Value =
                rig.try_send(&says(turn, "hi")).await.unwrap().json().await.unwrap();
            assert!(gist(&answer).contains("TopicPickerControl"), "{answer}");
        }
        assert!(rig.receiver.bodies.lock().unwrap().is_empty());
    }
}
