//! Messages that never arrived, fetched from `sys_cs_message` (reference 6).

use serde_json::Value;
use simulator::{AppVersion, Config, Dialect, EndTold, Fault, Profile, Times};

use crate::rig::{Rig, agent, does, rig};

async fn ask(rig: &Rig, query: &[(&str, &str)]) -> reqwest::Response {
    let url = format!("{}/api/now/table/sys_cs_message", rig.origin);
    rig.http.get(url).bearer_auth(&rig.token).query(query).send().await.unwrap()
}

async fn fetch(rig: &Rig, query: &[(&str, &str)]) -> Vec<Value> {
    let answer = ask(rig, query).await;
    assert_eq!(answer.status(), 200);
    let mut body: Value = answer.json().await.unwrap();
    body["result"].as_array_mut().map(std::mem::take).unwrap()
}

fn reading() -> Config {
    Config { may_read_messages: true, ..Config::default() }
}

#[tokio::test]
async fn a_lost_message_is_found_by_the_conversation_that_was_told() {
    let rig = rig(Config { initial_response: Some("Hello there".to_owned()), ..reading() }).await;
    rig.send(&agent()).await;
    let started = rig.take_bodies(6).await.remove(0);
    let conversation = started["body"][0]["conversationId"].as_str().unwrap().to_owned();
    let chat = rig.chat().id;
    rig.desk.accept(&chat).unwrap();
    rig.take(5).await;
    rig.desk.write(&chat, "first").unwrap();
    let arrived = rig.take_bodies(1).await.remove(0);
    rig.desk.inject(Fault::Lost, Times::Once);
    rig.desk.write(&chat, "second").unwrap();

    let query =
        format!("conversation={conversation}^direction=outbound^is_agent=true^ORDERBYsend_time");
    let plain = ("sysparm_exclude_reference_link", "true");
    let rows = fetch(&rig, &[("sysparm_query", query.as_str()), plain]).await;
    let said = rows.iter().map(|row| {
        assert_eq!(row["conversation"], conversation.as_str());
        assert_eq!((&row["direction"], &row["is_agent"]), (&"outbound".into(), &"true".into()));
        let payload: Value = serde_json::from_str(row["payload"].as_str().unwrap()).unwrap();
        assert_eq!(payload["agentInfo"]["sentFromAgent"], true);
        payload["value"].as_str().unwrap().to_owned()
    });
    assert_eq!(said.collect::<Vec<_>>(), ["Hello there", "first", "second"]);
    assert_eq!(rows[1]["sys_id"], arrived["body"][0]["messageId"]);
    let time = rows[2]["send_time"].as_str().unwrap();
    assert_eq!(time.len(), "2026-01-01 00:00:00".len());

    let later = format!("conversation={conversation}^send_time>{time}");
    assert!(fetch(&rig, &[("sysparm_query", later.as_str())]).await.is_empty());
    let other = [("sysparm_query", "conversation=0123")];
    assert!(fetch(&rig, &other).await.is_empty());
}

#[tokio::test]
async fn pages_fields_and_references_follow_the_parameters() {
    let rig = rig(reading()).await;
    let chat = rig.connect(6, 4).await;
    for line in ["one", "two", "three"] {
        rig.desk.write(&chat, line).unwrap();
    }
    let query = [
        ("sysparm_query", "is_agent=true^ORDERBYsend_time"),
        ("sysparm_limit", "1"),
        ("sysparm_offset", "1"),
        ("sysparm_fields", "payload,conversation"),
    ];
    let answer = ask(&rig, &query).await;
    assert_eq!(answer.headers()["x-total-count"], "3");
    let body: Value = answer.json().await.unwrap();
    let row = &body["result"][0];
    assert!(row["payload"].as_str().unwrap().contains("two"), "{row}");
    assert_eq!(row.as_object().unwrap().len(), 2);
    let id = row["conversation"]["value"].as_str().unwrap();
    assert!(row["conversation"]["link"].as_str().unwrap().ends_with(id));
}

#[tokio::test]
async fn messages_are_kept_where_callbacks_carry_no_ids_and_in_the_other_dialect() {
    let rig = rig(Config {
        dialect: Dialect::Spec,
        profile: Profile::of(AppVersion::V3),
        names_shown: false,
        ..reading()
    })
    .await;
    let chat = rig.connect(1, 1).await;
    rig.desk.write(&chat, "hello").unwrap();
    let rows = fetch(&rig, &[("sysparm_query", "is_agent=true")]).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["sys_id"].as_str().unwrap().len(), 32);
}

#[tokio::test]
async fn the_table_is_closed_without_token_role_or_sense() {
    let reader = rig(reading()).await;
    let url = format!("{}/api/now/table/sys_cs_message", reader.origin);
    assert_eq!(reader.http.get(&url).send().await.unwrap().status(), 401);
    assert_eq!(ask(&reader, &[("sysparm_query", "color=red")]).await.status(), 400);
    assert_eq!(reader.http.post(&url).send().await.unwrap().status(), 405);
    reader.desk.set_down(true);
    assert_eq!(ask(&reader, &[]).await.status(), 503);

    let ordinary = rig(Config::default()).await;
    let answer = ask(&ordinary, &[]).await;
    assert_eq!(answer.status(), 403);
    let body: Value = answer.json().await.unwrap();
    assert_eq!(
        (&body["status"], &body["error"]["message"]),
        (&"failure".into(), &"User Not Authorized".into())
    );
}

#[tokio::test]
async fn what_the_user_and_the_instance_say_is_not_an_agents_message() {
    let rig = rig(reading()).await;
    rig.connect(6, 4).await;
    rig.play(&does("r-2", "END_CONVERSATION"), 1).await;
    assert!(fetch(&rig, &[("sysparm_query", "is_agent=true")]).await.is_empty());
}

/// What the rows of this kind say.
async fn texts(rig: &Rig, kind: &str) -> Vec<String> {
    let query = format!("q_data_message_type={kind}^ORDERBYsend_time");
    let rows = fetch(rig, &[("sysparm_query", query.as_str())]).await;
    let said = rows.iter().map(|row| {
        let payload: Value = serde_json::from_str(row["payload"].as_str().unwrap()).unwrap();
        let words = if kind == "textMessage" { &payload["value"] } else { &payload["message"] };
        words.as_str().unwrap().to_owned()
    });
    said.collect()
}

#[tokio::test]
async fn the_instances_own_texts_are_rows_told_or_not() {
    for end_told in [EndTold::ThreeTimes, EndTold::Once] {
        let rig = rig(Config { end_told, ..reading() }).await;
        let chat = rig.connect(6, 4).await;
        rig.desk.inject(Fault::Lost, Times::UntilCleared);
        rig.desk.write(&chat, "nobody hears this").unwrap();
        rig.desk.end(&chat).unwrap();
        assert_eq!(texts(&rig, "textMessage").await, ["nobody hears this"]);
        let expected = ["Dana has entered the chat.", "Dana has closed the support session."];
        assert_eq!(texts(&rig, "systemTextMessage").await, expected, "{end_told:?}");
    }
}
