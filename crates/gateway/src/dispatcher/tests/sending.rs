//! What is sent, in which order, and what it carries.

use std::time::Duration;

use std::collections::BTreeSet;

use super::*;
use session::{Event, Said};
use store::Target;

use crate::{
    bed::{Fault, key, says, visitor},
    engine::Arrival,
};

#[tokio::test]
async fn a_request_for_an_agent_carries_the_last_200_entries_of_a_day() {
    let desk = Desk::new().await;
    for n in 0..5 {
        desk.bed.says("c", &format!("old {n}")).await;
    }
    desk.bed.advance(Duration::from_hours(25));
    for n in 0..50 {
        desk.bed.says("c", &format!("new {n}")).await;
    }
    for n in 0..250 {
        desk.bed.says("many", &format!("word {n}")).await;
    }
    for name in ["c", "many"] {
        desk.bed.says(name, "agent").await;
        assert_eq!(desk.drain(name).await, LaneEnd::Idle);
    }
    let requests = desk.instance.requests();
    let history = |n: usize| requests[n]["history"].as_array().unwrap().clone();
    assert_eq!(requests[0]["action"], "AGENT");
    assert_eq!(history(0).len(), 51);
    assert_eq!(history(0)[0]["value"], "new 0");
    assert_eq!(history(0)[50]["value"], "agent");
    assert_eq!(history(1).len(), 200);
    assert_eq!(history(1)[0]["value"], "word 51");
}

#[tokio::test]
async fn a_quoted_reply_stands_below_its_quote_and_hides_no_phrase() {
    let desk = Desk::new().await;
    desk.bed.connected("c").await;
    for word in ["Bye", "end chat"] {
        let said = Said { quoted: Some("Ola: Sure?".to_owned()), ..Said::words(word) };
        let (visitor, fresh) = (visitor("c"), session("c"));
        let event = Event::UserSaid { visitor, said, key: None, fresh };
        desk.bed.take(Arrival::event(Target::Key(key("c")), event)).await;
    }
    assert_eq!(desk.drain("c").await, LaneEnd::Idle);
    assert_eq!(desk.instance.texts(), ["AGENT", "> Ola: Sure?\nBye.", "END_CONVERSATION"]);
}

#[tokio::test]
async fn words_go_out_in_order_with_ids_that_are_all_different() {
    let desk = Desk::new().await;
    desk.bed.connected("c").await;
    for word in ["one", "Bye", "bye for now"] {
        desk.bed.says("c", word).await;
    }
    desk.bed.says("c", "end chat").await;
    assert_eq!(desk.drain("c").await, LaneEnd::Idle);
    let expected = ["AGENT", "one", "Bye.", "bye for now", "end chat", "END_CONVERSATION"];
    let expected: Vec<_> = expected.iter().filter(|text| **text != "end chat").collect();
    assert_eq!(desk.instance.texts().iter().collect::<Vec<_>>(), expected);
    for id in ["/requestId", "/message/clientMessageId"] {
        let ids: BTreeSet<_> = desk
            .instance
            .requests()
            .iter()
            .map(|request| request.pointer(id).unwrap().as_str().unwrap().to_owned())
            .collect();
        assert_eq!(ids.len(), 5, "{id}: {ids:?}");
    }
}

#[tokio::test]
async fn words_said_while_waiting_arrive_first_when_an_agent_is_there() {
    let desk = Desk::new().await;
    desk.bed.says("c", "agent").await;
    desk.bed.says("c", "early").await;
    assert_eq!(desk.drain("c").await, LaneEnd::Idle);
    assert_eq!(desk.instance.texts(), ["AGENT"]);
    desk.bed.hears("c", vec![session::News::Active]).await;
    desk.bed.says("c", "late").await;
    desk.drain("c").await;
    assert_eq!(desk.instance.texts(), ["AGENT", "early", "late"]);
}

#[tokio::test]
async fn an_answer_that_is_a_callback_is_taken_in() {
    let desk = Desk::new().await;
    desk.instance.answers(
        200,
        r#"{"status":"success","agentChat":true,"body":[{"uiType":"OutputText","message":"Hello",
            "sentFromAgent":true,"agentInfo":{"sentFromAgent":true,"agentName":"Ola"}}]}"#,
    );
    desk.bed.says("c", "agent").await;
    assert_eq!(desk.drain("c").await, LaneEnd::Idle);
    assert_eq!(desk.bed.told("c"), ["agent", "<asked>", "<connected>", "Hello"]);
    assert_eq!(desk.bed.status("c"), "active");
}

#[tokio::test]
async fn an_effect_leased_by_a_dead_process_is_sent_by_the_next_with_the_same_ids() {
    let desk = Desk::new().await;
    desk.bed.says("c", "agent").await;
    let work = desk.lease(desk.bed.waiting().pop().unwrap()).await;
    assert!(matches!(desk.drain("c").await, LaneEnd::At(_)), "leased until the lease ends");
    let Desk { bed, instance, dispatcher } = desk.restarted().await;
    let (_hints, hints) = mpsc::channel(1);
    let stop = CancellationToken::new();
    let running = tokio::spawn(Dispatcher { stop: stop.clone(), ..dispatcher }.run(hints));
    instance.called().await;
    stop.cancel();
    running.await.unwrap();
    let expected = format!("{}.{}", session("c"), EffectNumber(work.number.0));
    assert_eq!(instance.requests()[0]["requestId"], expected);
    assert!(bed.waiting().is_empty(), "a stopping dispatcher still reports what it sent");
}

#[tokio::test]
async fn a_hint_starts_a_lane_that_no_look_has_found() {
    let Desk { bed, instance, dispatcher } = Desk::new().await;
    let (hints, receiver) = mpsc::channel(1);
    let stop = CancellationToken::new();
    bed.says("c", "agent").await;
    let lane = bed.waiting().pop().unwrap();
    bed.store.set(Fault::NoLanes);
    let running = tokio::spawn(Dispatcher { stop: stop.clone(), ..dispatcher }.run(receiver));
    hints.send(lane).await.unwrap();
    instance.called().await;
    stop.cancel();
    running.await.unwrap();
    assert_eq!(instance.texts(), ["AGENT"]);
}

#[tokio::test]
async fn a_stopping_dispatcher_begins_nothing() {
    let desk = Desk::new().await;
    desk.bed.says("c", "agent").await;
    let stop = CancellationToken::new();
    stop.cancel();
    let lane = desk.bed.waiting().pop().unwrap();
    assert_eq!(
        desk.dispatcher.drain(&lane, Start::in_turn(Leave::Free), &stop).await,
        LaneEnd::Idle
    );
    assert!(desk.instance.requests().is_empty());
    assert!(desk.bed.waiting().contains(&lane));
}

#[tokio::test]
async fn the_bot_answers_each_word_once_even_if_an_attempt_is_made_twice() {
    let desk = Desk::new().await;
    desk.bed.take(says("c", "hello")).await;
    let lane = lane::bot_lane(&tenant(), &bot(), desk.bed.row("c").id);
    let work = desk.lease(lane).await;
    // Killed between the bot's answer and the report.
    desk.dispatcher.attempt_unreported(&work).await;
    assert_eq!(desk.bed.told("c"), ["hello", "what?"]);
    let desk = desk.restarted().await;
    assert_eq!(desk.drain_bot("c").await, LaneEnd::Idle);
    assert_eq!(desk.bed.told("c"), ["hello", "what?"]);
    assert!(desk.bed.waiting().is_empty());
}

#[tokio::test]
async fn the_bot_takes_up_what_was_said_in_a_chat_that_failed() {
    let desk = Desk::new().await;
    let topics =
        r#"{"greeting":"hi","fallback":"what?","topics":[{"words":["vpn"],"answer":"Quit."}]}"#;
    let bots = BuiltInBots::new(BuiltInBot::from_json(topics).unwrap());
    desk.dispatcher.bots.replace(Bots::new(bots));
    for name in ["held", "silent", "lost"] {
        desk.bed.says(name, "the vpn is slow").await;
        desk.bed.says(name, "agent").await;
    }
    desk.bed.says("held", "the VPN, still").await;
    desk.bed.hears("lost", vec![session::News::Active]).await;
    desk.bed.says("lost", "my cat").await;
    for (name, expected) in [
        ("held", "About what you wrote meanwhile: Quit."),
        ("silent", "I can try to help"),
        ("lost", "I am sorry that your chat broke off. I have what you wrote meanwhile"),
    ] {
        desk.bed.hears(name, vec![session::News::Failed]).await;
        assert_eq!(desk.drain_bot(name).await, LaneEnd::Idle);
        let last = desk.bed.told(name).pop().unwrap();
        assert!(last.contains(expected), "{name}: {last}");
    }
}
