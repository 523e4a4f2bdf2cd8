//! What a desk is told beside its lane: who types, and what became of an agent's words.

use serde_json::{Value, json};
use session::{Event, News, Said};
use store::Target;

use super::*;
use crate::{
    bed::{agent_said, key},
    desk::signal::ToDesk,
    engine::Arrival,
};

/// A chat with an agent, and the teller at work.
async fn talking() -> (Desk, Arc<Dispatcher>) {
    let mut desk = Desk::new().await;
    desk.connected("c").await;
    let other = Desk::on(Bed::new(), Instance::start().await).dispatcher;
    let teller = Arc::new(std::mem::replace(&mut desk.dispatcher, other));
    let (telling, stop) = (desk.bed.wakes.desks(), CancellationToken::new());
    tokio::spawn(Arc::clone(&teller).tell_desks(telling, stop));
    (desk, teller)
}

fn said(text: &str, id: Option<&str>) -> News {
    match agent_said(text) {
        News::AgentSaid { agent, said, key } => {
            let said = Said { desk_id: id.map(str::to_owned), ..said };
            News::AgentSaid { agent, said, key }
        }
        other => other,
    }
}

fn happens(event: Event) -> Arrival {
    Arrival::event(Target::Key(key("c")), event)
}

async fn requests(desk: &Desk, count: usize) -> Vec<Value> {
    loop {
        let requests = desk.instance.requests();
        if requests.len() >= count {
            return requests;
        }
        desk.instance.called().await;
    }
}

#[tokio::test]
async fn an_agent_sees_that_the_user_types_and_that_they_stopped() {
    let (desk, _teller) = talking().await;
    desk.bed.wakes.tell_desk(ToDesk::Types(key("c")));
    desk.bed.wakes.tell_desk(ToDesk::Types(key("c")));
    desk.bed.wakes.tell_desk(ToDesk::Spoke(key("c")));
    let told = requests(&desk, 2).await;
    let actions: Vec<_> = told.iter().map(|request| request["action"].clone()).collect();
    assert_eq!(actions, ["TYPING", "VIEWING"]);
    assert_eq!(told[0]["userId"], "c");
    assert_eq!(told[0]["message"], Value::Null);
    let id = told[0]["requestId"].as_str().unwrap();
    assert!(crate::desk::request::parse_request_id(id).is_some(), "a callback may repeat {id}");
}

#[tokio::test]
async fn nobody_is_told_that_a_user_types_who_waits_or_talks_to_the_bot() {
    let (desk, _teller) = talking().await;
    desk.bed.says("bot/2", "hello").await;
    desk.bed.says("waits", "agent").await;
    for name in ["bot/2", "waits", "nobody", "c"] {
        desk.bed.wakes.tell_desk(ToDesk::Types(key(name)));
    }
    requests(&desk, 1).await;
    let users: Vec<_> = desk.instance.requests().iter().map(|one| one["userId"].clone()).collect();
    assert_eq!(users, ["c"]);
}

#[tokio::test]
async fn an_agent_sees_what_was_shown_in_one_request_without_its_text() {
    let (desk, _teller) = talking().await;
    let lines = vec![said("one", Some("id1")), said("two", None), said("three", Some("id3"))];
    desk.bed.hears("c", lines).await;
    let told = requests(&desk, 1).await;
    assert_eq!(told[0]["action"], "UPDATE_MESSAGES");
    let got = |id: &str| json!({ "id": id, "status": "sent_to_user" });
    assert_eq!(told[0]["message"], json!([got("id1"), got("id3")]));
}

#[tokio::test]
async fn what_a_user_who_is_away_may_never_see_is_not_reported() {
    let (desk, _teller) = talking().await;
    desk.bed.take(happens(Event::UserAway)).await;
    desk.bed.hears("c", vec![said("one", Some("id1"))]).await;
    desk.bed.take(happens(Event::UserBack)).await;
    desk.bed.hears("c", vec![said("two", Some("id2"))]).await;
    let told = requests(&desk, 1).await;
    assert_eq!(told[0]["message"], json!([{ "id": "id2", "status": "sent_to_user" }]));
}

#[tokio::test]
async fn a_desk_that_refuses_receipts_is_left_alone_and_keeps_its_breaker() {
    let (desk, teller) = talking().await;
    desk.instance.answers(400, r#"{"error":{"message":"unknown action"}}"#);
    desk.bed.hears("c", vec![said("one", Some("id1"))]).await;
    requests(&desk, 1).await;
    for n in 0..3 {
        desk.bed.hears("c", vec![said("more", Some(&format!("id{n}x")))]).await;
    }
    // What comes after them in the same queue is told.
    desk.bed.wakes.tell_desk(ToDesk::Types(key("c")));
    let told = requests(&desk, 2).await;
    assert_eq!(told[1]["action"], "TYPING");
    let gate = teller.gate(&Destination::Desk(tenant(), crate::bed::desk())).unwrap();
    assert!(gate.breaker.admit(desk.bed.clock.now()).is_ok());
}
