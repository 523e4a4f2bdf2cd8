//! The admin API, as a test in any language uses it.

use serde_json::{Value, json};
use simulator::{ChatState, Config, Fault};

use crate::rig::{Rig, agent, does, gist, password_form, rig, says};

async fn call(rig: &Rig, method: &str, path: &str, body: &str) -> (u16, Value) {
    let url = format!("{}/admin/api/{path}", rig.origin);
    let method = method.parse().unwrap();
    let answer = rig.http.request(method, url).body(body.to_owned()).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

async fn post(rig: &Rig, path: &str, body: Value) -> (u16, Value) {
    call(rig, "POST", path, &body.to_string()).await
}

async fn fetch(rig: &Rig, path: &str) -> Value {
    let (status, body) = call(rig, "GET", path, "").await;
    assert_eq!(status, 200, "{path}");
    body
}

#[tokio::test]
async fn a_silent_user_is_given_up_as_fast_as_the_clock_is_wound_on() {
    let rig = rig(Config::default()).await;
    let frozen = post(&rig, "clock", json!({"frozen": true})).await.1;
    assert_eq!(frozen["frozen"], true);
    rig.connect(6, 4).await;
    // The job looks each two minutes, so the reminder comes within five and the end within eight.
    post(&rig, "clock", json!({"advanceMs": 300_000})).await;
    assert_eq!(rig.take(1).await.len(), 1);
    let (_, now) = post(&rig, "clock", json!({"advanceMs": 180_000})).await;
    assert_eq!(now["now"].as_u64().unwrap() - frozen["now"].as_u64().unwrap(), 480_000);
    assert!(rig.take(2).await[1].ends_with("completed"));
    assert_eq!(rig.chat().state, ChatState::Ended);
    assert_eq!(fetch(&rig, "settled").await, json!({"settled": true}));
    let far = post(&rig, "clock", json!({"advanceMs": 10_000_000_000_u64})).await;
    assert_eq!((far.0, &far.1["error"]["code"]), (400, &json!("bad_body")));
}

#[tokio::test]
async fn tokens_expire_by_the_clock() {
    let rig = rig(Config::default()).await;
    post(&rig, "clock", json!({"frozen": true, "advanceMs": 1_798_000})).await;
    assert_eq!(rig.try_send(&agent()).await.unwrap().status(), 200);
    post(&rig, "clock", json!({"advanceMs": 2_000})).await;
    assert_eq!(rig.try_send(&agent()).await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_delayed_callback_and_a_slow_answer_follow_the_clock() {
    let rig = rig(Config::default()).await;
    post(&rig, "clock", json!({"frozen": true})).await;
    post(&rig, "faults", json!({"fault": "delayed", "ms": 60_000})).await;
    rig.send(&does("r-1", "START_CONVERSATION")).await;
    assert_eq!(fetch(&rig, "settled?within_ms=50").await, json!({"settled": false}));
    assert!(rig.receiver.bodies.lock().unwrap().is_empty());
    post(&rig, "clock", json!({"advanceMs": 60_000})).await;
    assert_eq!(rig.take(2).await.len(), 2);
}

#[tokio::test]
async fn a_restart_closes_every_door_for_its_span_and_loses_nothing() {
    let rig = rig(Config::default()).await;
    post(&rig, "clock", json!({"frozen": true})).await;
    let chat = rig.connect(6, 4).await;
    post(&rig, "faults", json!({"fault": "instance_restart", "ms": 5_000})).await;
    let answer = rig.try_send(&says("r-2", "hello")).await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert_eq!(rig.ask_token(&password_form()).await.status(), 503);
    let media = rig.http.get(format!("{}/api/now/v1/cs/media/x", rig.origin));
    assert_eq!(media.send().await.unwrap().status(), 503);
    rig.desk.write(&chat, "while it was away").unwrap();
    post(&rig, "clock", json!({"advanceMs": 4_999})).await;
    assert!(rig.receiver.bodies.lock().unwrap().is_empty());
    post(&rig, "clock", json!({"advanceMs": 1})).await;
    assert_eq!(rig.take(1).await, ["OutputText[while it was away] agentChat"]);
    assert_eq!(rig.try_send(&says("r-2", "hello")).await.unwrap().status(), 200);
}

#[tokio::test]
async fn settings_change_what_they_name_all_or_nothing() {
    let rig = rig(Config::default()).await;
    let before = fetch(&rig, "settings").await;
    assert_eq!(before["profile"]["version"], "4.0.0");
    assert_eq!(before["webhookAuthorization"], Value::Null, "it is never shown");
    let order = json!({
        "dialect": "spec", "idle": null, "endTold": "once",
        "gates": {"clientCredentials": true}, "profile": {"version": "3.x", "mediaScanMs": 5},
    });
    let (status, after) = post(&rig, "settings", order).await;
    assert_eq!(status, 200);
    assert_eq!((&after["dialect"], &after["idle"]), (&json!("spec"), &Value::Null));
    assert_eq!(after["profile"]["version"], "3.15.0");
    assert_eq!(after["profile"]["strict"], before["profile"]["strict"]);
    assert_eq!(after["webhookUrl"], before["webhookUrl"]);
    let mut form = password_form();
    form[0].1 = "client_credentials";
    assert_eq!(rig.ask_token(&form).await.status(), 200);
    for wrong in [
        json!({"profile": {"version": "new"}}),
        json!({"profile": {"sparkle": true}}),
        json!({"dialect": "servicenow", "nonsense": 1}),
        json!([]),
    ] {
        let (status, body) = post(&rig, "settings", wrong.clone()).await;
        assert_eq!((status, &body["error"]["code"]), (400, &json!("bad_body")), "{wrong}");
        assert_eq!(fetch(&rig, "settings").await, after, "{wrong}");
    }
    rig.play(&agent(), 1).await;
    assert_eq!(rig.chat().state, ChatState::Offered);
}

#[tokio::test]
async fn the_ledger_says_what_became_of_each_request_and_callback() {
    let rig = rig(Config::default()).await;
    rig.play(&agent(), 6).await;
    rig.play(&says("r-2", "too early"), 0).await;
    rig.try_send(&does("r-3", "NONSENSE")).await.unwrap();
    let seen = fetch(&rig, "requests").await;
    let entries = seen["entries"].as_array().unwrap();
    let fates: Vec<_> = entries.iter().map(|entry| entry["fate"].as_str().unwrap()).collect();
    assert_eq!(fates, ["taken", "ignored", "refused"]);
    assert_eq!(entries[1]["reason"], "the user's previous request is still in work");
    assert_eq!(
        (&entries[2]["status"], &entries[0]["body"]["requestId"]),
        (&json!(400), &json!("r-1"))
    );
    assert_eq!(fetch(&rig, "settled").await, json!({"settled": true}));
    let first = fetch(&rig, "callbacks?limit=4").await;
    let rest = fetch(&rig, &format!("callbacks?from={}", first["next"])).await;
    let count = |page: &Value| page["entries"].as_array().unwrap().len();
    assert_eq!((count(&first), count(&rest)), (4, 2));
    let last = &rest["entries"][1];
    assert_eq!(
        (&last["outcome"], &last["status"], &last["n"]),
        (&json!("answered"), &json!(200), &json!(5))
    );
}

#[tokio::test]
async fn users_are_set_and_those_who_are_linked_are_listed() {
    let rig = rig(Config { message_token: Some("t".into()), ..Config::default() }).await;
    let table = json!([{"name": "Jo", "email": "jo@example.org"}]);
    assert_eq!(call(&rig, "PUT", "users", &table.to_string()).await.0, 204);
    let mut ask = agent();
    (ask["token"], ask["emailId"]) = ("t".into(), "jo@example.org".into());
    rig.play(&ask, 6).await;
    let seen = fetch(&rig, "users").await;
    let row =
        json!([{"name": "Jo", "email": "jo@example.org", "active": true, "lockedOut": false}]);
    assert_eq!(seen["users"], row);
    assert_eq!(seen["linked"], json!([{"userId": "u-1", "linkedTo": "Jo", "blocked": false}]));
    assert_eq!(call(&rig, "PUT", "users", r#"[{"name": "Jo"}]"#).await.0, 400);
}

#[tokio::test]
async fn a_reset_forgets_all_but_the_settings() {
    let rig = rig(Config::default()).await;
    post(&rig, "settings", json!({"profile": {"version": "4.1"}})).await;
    post(&rig, "clock", json!({"frozen": true})).await;
    rig.connect(6, 4).await;
    rig.desk.inject(Fault::Lost, simulator::Times::UntilCleared);
    assert_eq!(post(&rig, "reset", Value::Null).await.0, 204);
    assert!(rig.desk.chats().is_empty() && rig.desk.ledger().is_empty());
    assert!(rig.desk.faults().is_empty());
    assert_eq!(fetch(&rig, "clock").await["frozen"], false);
    assert_eq!(fetch(&rig, "settings").await["profile"]["version"], "4.1.1");
    assert_eq!(rig.try_send(&agent()).await.unwrap().status(), 401, "tokens are gone too");
    let token: Value = rig.ask_token(&password_form()).await.json().await.unwrap();
    let again = rig.post().bearer_auth(token["access_token"].as_str().unwrap()).json(&agent());
    assert_eq!(again.send().await.unwrap().status(), 200);
    assert_eq!(rig.take(6).await.len(), 6);
}

#[tokio::test]
async fn an_agent_can_take_what_its_user_has_just_left() {
    let rig = rig(Config::default()).await;
    rig.play(&agent(), 6).await;
    let chat = rig.chat().id;
    let late = format!("chats/{chat}/accept_late");
    assert_eq!(post(&rig, &late, Value::Null).await.0, 409);
    rig.play(&does("r-2", "END_CONVERSATION"), 1).await;
    assert_eq!(post(&rig, &late, Value::Null).await.0, 204);
    assert_eq!(rig.chat().state, ChatState::Live);
}

#[tokio::test]
async fn strangers_are_turned_away() {
    let rig = rig(Config::default()).await;
    let url = format!("{}/admin/api/reset", rig.origin);
    let foreign =
        rig.http.post(&url).header("origin", "https://evil.example").send().await.unwrap();
    assert_eq!(foreign.status(), 403);
    let rebound = rig.http.post(&url).header("host", "evil.example").send().await.unwrap();
    assert_eq!(rebound.status(), 403);
}

/// A chat of one user, recorded; gives the lines.
async fn recorded(rig: &Rig) -> String {
    assert_eq!(post(rig, "recording", json!({"userId": "u-1"})).await.1["on"], true);
    let chat = rig.connect(6, 4).await;
    let mut other = agent();
    other["userId"] = "u-2".into();
    rig.play(&other, 6).await;
    rig.desk.write(&chat, "I am real").unwrap();
    rig.desk.end(&chat).unwrap();
    rig.take(4).await;
    fetch(rig, "settled").await;
    assert_eq!(post(rig, "recording", json!({"on": false})).await.1["lines"], 15);
    let url = format!("{}/admin/api/recording", rig.origin);
    rig.http.get(url).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_recording_is_played_to_another_session_as_it_was_with_that_sessions_ids() {
    let rig = rig(Config::default()).await;
    let lines = recorded(&rig).await;
    let original: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["way"] == "out")
        .map(|line| line["body"].clone())
        .collect();
    assert_eq!(original.len(), 14);

    let (status, waiting) = call(&rig, "POST", "replay?user=u-9&speed=0", &lines).await;
    assert_eq!((status, &waiting["state"]), (202, &json!("waiting")));
    let mut ask = agent();
    (ask["userId"], ask["requestId"], ask["clientSessionId"]) =
        ("u-9".into(), "r-9".into(), "s-9".into());
    rig.send(&ask).await;
    let played = rig.take_bodies(14).await;
    assert_eq!(
        played.iter().map(gist).collect::<Vec<_>>(),
        original.iter().map(gist).collect::<Vec<_>>()
    );
    let conversation = &played[0]["body"][0]["conversationId"];
    assert!(conversation.is_string() && *conversation != original[0]["body"][0]["conversationId"]);
    for (played, original) in played.iter().zip(&original) {
        assert_eq!((&played["userId"], &played["clientSessionId"]), (&json!("u-9"), &json!("s-9")));
        assert_eq!(played["requestId"], "r-9");
        assert_ne!(played["interactionId"], original["interactionId"]);
        assert_ne!(played["body"][0]["messageId"], original["body"][0]["messageId"]);
    }
    assert_eq!(fetch(&rig, "replay").await, json!({"state": "done", "played": 14, "left": 0}));
    assert_eq!(rig.chat().id.is_empty(), false);
}

#[tokio::test]
async fn a_replay_keeps_the_pauses_and_takes_requests_without_effect() {
    let rig = rig(Config::default()).await;
    post(&rig, "clock", json!({"frozen": true})).await;
    rig.connect(6, 4).await;
    let line = |ms: u64, text: &str| {
        let body = json!({"body": [{"uiType": "OutputText", "value": text}], "agentChat": true});
        json!({"ms": ms, "way": "out", "body": body}).to_string()
    };
    let lines = [line(0, "one"), line(4_000, "two")].join("\n");
    let (_, state) = call(&rig, "POST", "replay?user=u-1&speed=2", &lines).await;
    assert_eq!(state["state"], "playing");
    assert_eq!(rig.take(1).await, ["OutputText[one] agentChat"]);
    rig.desk.write(&rig.chat().id, "nobody hears the desk").unwrap();
    rig.play(&says("r-7", "and the user"), 0).await;
    post(&rig, "clock", json!({"advanceMs": 1_999})).await;
    assert_eq!(fetch(&rig, "replay").await["left"], 1);
    post(&rig, "clock", json!({"advanceMs": 1})).await;
    let told = rig.take_bodies(1).await;
    assert_eq!(
        (gist(&told[0]).as_str(), &told[0]["requestId"]),
        ("OutputText[two] agentChat", &json!("r-7"))
    );
    assert_eq!(rig.chat().state, ChatState::Ended);
    for (path, body) in [("replay", ""), ("replay?speed=-1", lines.as_str()), ("replay", "x")] {
        let (status, answer) = call(&rig, "POST", path, body).await;
        assert_eq!((status, &answer["error"]["code"]), (400, &json!("bad_recording")));
    }
    assert_eq!(call(&rig, "DELETE", "replay", "").await.0, 204);
    assert_eq!(fetch(&rig, "replay").await["state"], "none");
}
