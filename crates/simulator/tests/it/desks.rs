//! Several agents over the desk's API, and what a restart takes with it.

use serde_json::{Value, json};
use simulator::{
    AgentProfile, ChatState, Config, DeskError, Fate, Fault, Outcome, QueueProfile, Schedule, Times,
};

use crate::rig::{Rig, agent, does, rig, says};

async fn order(rig: &Rig, path: &str, body: Value) -> (u16, Value) {
    let url = format!("{}/desk/api/{path}", rig.origin);
    let answer = rig.http.post(url).json(&body).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or_default())
}

async fn state(rig: &Rig, query: &str) -> Value {
    let url = format!("{}/desk/api/state{query}", rig.origin);
    rig.http.get(url).send().await.unwrap().json().await.unwrap()
}

/// Dana with room for one chat and Robin with room for two, who also has a queue alone.
fn config() -> Config {
    let agents = vec![
        AgentProfile {
            capacity: 1,
            queues: vec!["it".to_owned()],
            ..AgentProfile::new("dana", "Dana")
        },
        AgentProfile {
            capacity: 2,
            skills: vec!["payroll".to_owned()],
            ..AgentProfile::new("robin", "Robin")
        },
    ];
    let queues = vec![
        QueueProfile::new("pay", "Payroll").when("request_topic", "Pay"),
        QueueProfile::new("it", "IT support"),
    ];
    Config { agents, queues, ..Config::default() }
}

/// AGENT of one user, worked off.
async fn asks(rig: &Rig, user: &str) -> String {
    let mut body = agent();
    body["userId"] = user.into();
    rig.send(&body).await;
    rig.until(|seen| seen.chats().iter().any(|chat| chat.user_id == user)).await;
    rig.chat().id
}

#[tokio::test]
async fn the_state_has_agents_queues_and_offers() {
    let rig = rig(config()).await;
    let chat = asks(&rig, "u-1").await;
    let seen = state(&rig, "").await;
    assert_eq!(
        seen["agents"],
        json!([
            {"id": "dana", "name": "Dana", "state": "available", "capacity": 1, "active": 0,
             "skills": [], "queues": ["it"]},
            {"id": "robin", "name": "Robin", "state": "available", "capacity": 2, "active": 0,
             "skills": ["payroll"], "queues": ["pay", "it"]},
        ])
    );
    assert_eq!(
        seen["queues"],
        json!([
            {"id": "pay", "name": "Payroll", "open": true, "waiting": 0, "waitTime": "8 Seconds"},
            {"id": "it", "name": "IT support", "open": true, "waiting": 1,
             "waitTime": "16 Seconds"},
        ])
    );
    let shown = &seen["chats"][0];
    assert_eq!((&shown["queue"], &shown["agent"]), (&json!("it"), &Value::Null));
    assert_eq!(shown["offer"], json!({"agent": "dana", "endsAt": null}));
    let canned = seen["cannedReplies"].as_array().unwrap();
    assert!(
        canned.iter().all(|reply| ["id", "title", "text"].iter().all(|k| reply[*k].is_string()))
    );
    assert!(!canned.is_empty());

    assert_eq!(order(&rig, &format!("chats/{chat}/accept"), json!({})).await.0, 204);
    let seen = state(&rig, "").await;
    assert_eq!(seen["agents"][0]["state"], "busy");
    assert_eq!(seen["agents"][0]["active"], 1);
    assert_eq!(seen["queues"][1]["waiting"], 0);
    let shown = &seen["chats"][0];
    assert_eq!(shown["agent"], json!({"id": "dana", "name": "Dana"}));
    assert_eq!(shown["offer"], Value::Null);
}

#[tokio::test]
async fn orders_name_who_does_it_and_change_agents_and_queues() {
    let rig = rig(config()).await;
    let chat = asks(&rig, "u-1").await;
    let path = format!("chats/{chat}");
    for (path, body, status, code) in [
        (format!("{path}/accept"), json!({"agent": "kim"}), 404, "unknown_agent"),
        (format!("{path}/accept"), json!({"agent": "robin"}), 409, "offered_to_other"),
        (format!("{path}/reject"), json!({"agent": "dana"}), 204, ""),
        (format!("{path}/accept"), json!({"agent": "robin"}), 204, ""),
        (format!("{path}/transfer"), json!({"to": "robin"}), 409, "already_theirs"),
        (format!("{path}/transfer"), json!({"to": "kim"}), 404, "unknown_agent"),
        (format!("{path}/transfer"), json!({"to": "dana", "queue": "it"}), 400, "bad_body"),
        (format!("{path}/transfer"), json!({}), 400, "bad_body"),
        (format!("{path}/transfer"), json!({"queue": "hr"}), 404, "unknown_queue"),
        (format!("{path}/transfer"), json!({"queue": "pay"}), 409, "nobody_there"),
        ("agents/kim".to_owned(), json!({"available": false}), 404, "unknown_agent"),
        ("agents/dana".to_owned(), json!({"available": false}), 204, ""),
        (format!("{path}/transfer"), json!({"to": "dana"}), 409, "agent_away"),
        ("agents/dana".to_owned(), json!({"available": true, "capacity": 3}), 204, ""),
        ("agents/dana".to_owned(), json!({"capacity": -1}), 400, "bad_body"),
        ("queues/hr".to_owned(), json!({"open": false}), 404, "unknown_queue"),
        ("queues/pay".to_owned(), json!({"open": false}), 204, ""),
        (format!("{path}/transfer"), json!({"queue": "it"}), 204, ""),
        (format!("{path}/accept"), json!({}), 204, ""),
    ] {
        let (answered, answer) = order(&rig, &path, body.clone()).await;
        assert_eq!(answered, status, "{path} {body}: {answer}");
        if status != 204 {
            assert_eq!(answer["error"]["code"], code, "{path} {body}");
        }
    }
    let seen = state(&rig, "").await;
    assert_eq!(seen["agents"][0]["capacity"], 3);
    assert_eq!(seen["queues"][0]["open"], false);
    assert_eq!(seen["chats"][0]["agent"]["id"], "dana");
}

#[tokio::test]
async fn each_agent_has_a_desk_of_their_own() {
    let rig = rig(config()).await;
    let dana = asks(&rig, "u-1").await;
    let robin = asks(&rig, "u-2").await;
    rig.desk.accept_as(&robin, "robin").unwrap();
    rig.desk.end(&robin).unwrap();
    for (who, name, chat) in [("dana", "Dana", &dana), ("robin", "Robin", &robin)] {
        let seen = state(&rig, &format!("?agent={who}")).await;
        assert_eq!(seen["agent"]["name"], name);
        let ids: Vec<_> = seen["chats"].as_array().unwrap().iter().map(|c| &c["id"]).collect();
        assert_eq!(ids, [chat], "{who}");
    }
    assert_eq!(state(&rig, "").await["chats"].as_array().unwrap().len(), 2);
    for path in ["state", "events"] {
        let url = format!("{}/desk/api/{path}?agent=kim", rig.origin);
        let answer = rig.http.get(url).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["error"]["code"], "unknown_agent");
    }
    let url = format!("{}/desk/api/events?agent=robin", rig.origin);
    let mut events = rig.http.get(url).send().await.unwrap();
    let first = events.chunk().await.unwrap().unwrap();
    assert!(std::str::from_utf8(&first).unwrap().contains(r#""name":"Robin","mode":"person""#));
}

#[tokio::test]
async fn the_handle_steers_agents_and_queues() {
    let rig = rig(config()).await;
    rig.desk.set_available("dana", false).unwrap();
    let chat = asks(&rig, "u-1").await;
    assert_eq!(rig.chat().offer.unwrap().agent, "robin");
    rig.desk.set_capacity("robin", 0).unwrap();
    assert_eq!(rig.chat().offer.unwrap().agent, "robin", "what was offered stays");
    assert_eq!(rig.desk.accept_as(&chat, "dana"), Err(DeskError::OfferedToOther));
    rig.desk.accept_as(&chat, "robin").unwrap();
    assert_eq!(rig.desk.agents()[1].active, 1);
    rig.desk.set_available("dana", true).unwrap();
    rig.desk.transfer_to_queue(&chat, "it").unwrap();
    assert_eq!(rig.desk.queues()[1].waiting, 1);
    rig.desk.set_schedule("it", Schedule::Never).unwrap();
    assert!(!rig.desk.queues()[1].open);
    rig.desk.accept(&chat).unwrap();
    assert_eq!(rig.chat().agent.unwrap().name, "Dana");
}

#[tokio::test]
async fn a_restart_loses_what_was_taken_and_keeps_or_loses_open_chats() {
    for (fault, kept) in [(Fault::Restart, true), (Fault::RestartLosingChats, false)] {
        let rig = rig(Config::default()).await;
        let chat = rig.connect(6, 4).await;
        rig.desk.inject(fault, Times::Once);
        rig.send(&says("r-2", "lost")).await;
        rig.until(|seen| seen.ledger().back().unwrap().fate != Fate::Pending).await;
        let lost = Fate::Ignored("the instance restarted before it was worked off");
        assert_eq!(rig.desk.ledger().last().unwrap().fate, lost, "{fault:?}");
        let seen = rig.chat();
        assert!(seen.lines.iter().all(|line| line.text != "lost"), "{fault:?}");
        assert_eq!(seen.state == ChatState::Live, kept, "{fault:?}");
        assert_eq!(rig.desk.write(&chat, "hello?").is_ok(), kept, "{fault:?}");
        let token = rig.post().bearer_auth(&rig.token).json(&does("r", "TYPING"));
        assert_eq!(token.send().await.unwrap().status(), 200, "tokens outlive it: {fault:?}");
    }
}

#[tokio::test]
async fn a_restart_loses_callbacks_that_wait_for_their_turn() {
    let rig = rig(Config::default()).await;
    let chat = rig.connect(6, 4).await;
    let told = rig.desk.delivered().len();
    rig.desk.hold_callbacks(true);
    rig.desk.write(&chat, "never heard").unwrap();
    rig.desk.restart(true);
    rig.desk.hold_callbacks(false);
    rig.desk.write(&chat, "heard").unwrap();
    assert_eq!(rig.take(1).await, ["OutputText[heard] agentChat"]);
    assert_eq!(rig.desk.delivered()[told].outcome, Outcome::Dropped);
}

#[tokio::test]
async fn an_acceptance_can_cross_a_cancellation_on_demand() {
    let rig = rig(Config::default()).await;
    rig.connect(6, 4).await;
    rig.desk.inject(Fault::AcceptedAtCancellation, Times::Once);
    rig.play(&does("r-2", "END_CONVERSATION"), 1).await;
    assert_eq!(rig.desk.faults().len(), 1, "a live chat that ends is no cancellation");
    rig.play(&agent(), 6).await;
    let told = rig.play(&does("r-4", "END_CONVERSATION"), 5).await;
    assert_eq!(told[0], "OutputText[The conversation has ended.] completed");
    assert!(told.contains(&"SwitchToLiveAgent agentChat".to_owned()), "{told:?}");
    assert_eq!(rig.chat().state, ChatState::Live, "the agent sits there alone");
    assert!(rig.desk.faults().is_empty());
    assert_eq!(rig.play(&agent(), 6).await.len(), 6, "the user is free");
}

#[tokio::test]
async fn presence_and_capacity_can_be_read_before_anybody_asks() {
    let rig = rig(config()).await;
    let read = async |query: &[(&str, &str)]| {
        let url = format!("{}/api/now/table/awa_agent_presence_capacity", rig.origin);
        let answer = rig.http.get(url).query(query).bearer_auth(&rig.token).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let total = answer.headers()["x-total-count"].to_str().unwrap().to_owned();
        (total, answer.json::<Value>().await.unwrap()["result"].clone())
    };
    asks(&rig, "u-1").await;
    rig.desk.set_available("robin", false).unwrap();
    let (total, rows) = read(&[]).await;
    assert_eq!((total.as_str(), rows[0].get("ap_agent.name")), ("2", None));
    let link = rows[0]["ap_agent"]["link"].as_str().unwrap();
    assert!(link.contains("/api/now/table/sys_user/"), "{link}");
    let (_, rows) = read(&[
        ("sysparm_query", "aca_available=true"),
        (
            "sysparm_fields",
            "ap_agent.name,ap_current_presence_state.name,ac_workload,ac_applied_max_capacity",
        ),
    ])
    .await;
    let dana = json!({"ap_agent.name": "Dana", "ap_current_presence_state.name": "Available",
                      "ac_workload": "1", "ac_applied_max_capacity": "1"});
    assert_eq!(rows, json!([dana]), "an offer is work already");
    let (_, rows) = read(&[
        ("sysparm_query", "ap_current_presence_state.name=Away"),
        ("sysparm_fields", "ap_agent.name"),
    ])
    .await;
    assert_eq!(rows, json!([{"ap_agent.name": "Robin"}]));
    // Callbacks name agents by the same ids.
    rig.desk.accept(&rig.chat().id).unwrap();
    rig.desk.write(&rig.chat().id, "Hello").unwrap();
    let told = rig.take_bodies(11).await;
    let (_, rows) =
        read(&[("sysparm_query", "ac_workload=1"), ("sysparm_exclude_reference_link", "true")])
            .await;
    assert_eq!(rows[0]["ap_agent"], told.last().unwrap()["body"][0]["agentInfo"]["agentId"]);
}

#[tokio::test]
async fn presence_is_closed_without_token_or_right() {
    let rig = rig(Config { may_read_presence: false, ..config() }).await;
    let url = format!("{}/api/now/table/awa_agent_presence_capacity", rig.origin);
    let answer = rig.http.get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    let answer = rig.http.get(&url).bearer_auth(&rig.token).send().await.unwrap();
    assert_eq!(answer.status(), 403);
    rig.desk.set_down(true);
    let answer = rig.http.get(&url).bearer_auth(&rig.token).send().await.unwrap();
    assert_eq!(answer.status(), 503);
}
