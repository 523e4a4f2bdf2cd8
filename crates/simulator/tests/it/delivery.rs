//! One attempt per callback, and what its outcome does (reference 6).

use std::{sync::atomic::Ordering, time::Duration};

use simulator::{ChatState, Config, Outcome, Webhook};
use tokio::sync::Barrier;

use crate::rig::{Manner, agent, rig, rig_with};

#[tokio::test]
async fn callbacks_present_the_configured_authorization() {
    let rig = rig(Config::default()).await;
    rig.play(&agent(), 6).await;
    let seen = rig.receiver.authorizations.lock().unwrap().clone();
    assert_eq!(seen, ["Bearer hook-secret"; 6]);
}

#[tokio::test]
async fn with_ordering_each_callback_waits_for_the_one_before() {
    let rig = rig_with(Config::default(), Manner::Lingering).await;
    rig.send(&agent()).await;
    rig.until(|seen| seen.delivered().len() == 6).await;
    assert_eq!(rig.receiver.in_flight_most.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn without_ordering_callbacks_are_sent_side_by_side() {
    let config = Config { maintain_ordering: false, ..Config::default() };
    let rig = rig_with(config, Manner::Together(Barrier::new(6))).await;
    rig.send(&agent()).await;
    rig.until(|seen| seen.delivered().len() == 6).await;
    assert_eq!(rig.receiver.in_flight_most.load(Ordering::SeqCst), 6);
}

#[tokio::test]
async fn a_server_error_faults_the_conversation_and_nothing_is_retried() {
    for status in [500, 503] {
        let rig = rig(Config::default()).await;
        rig.receiver.status.store(status, Ordering::SeqCst);
        rig.send(&agent()).await;
        rig.until(|seen| seen.delivered().len() == 6).await;
        let sent = rig.desk.delivered();
        assert_eq!(sent[0].outcome, Outcome::Answered(status));
        assert!(sent[1..].iter().all(|sent| sent.outcome == Outcome::Dropped));
        assert_eq!(rig.receiver.bodies.lock().unwrap().len(), 1);
        let chat = rig.chat();
        assert_eq!((chat.state, chat.ended_by), (ChatState::Ended, None));
        assert_eq!(chat.end_reason, Some("closed abandoned: error"));
    }
}

#[tokio::test]
async fn other_refusals_lose_the_callback_and_keep_the_chat() {
    for status in [400, 401, 403, 404] {
        let rig = rig(Config::default()).await;
        rig.receiver.status.store(status, Ordering::SeqCst);
        rig.send(&agent()).await;
        rig.until(|seen| seen.delivered().len() == 6).await;
        let sent = rig.desk.delivered();
        assert!(sent.iter().all(|sent| sent.status() == Some(status)), "{status}");
        assert_eq!(rig.receiver.bodies.lock().unwrap().len(), 6);
        assert_eq!(rig.chat().state, ChatState::Offered);
    }
}

#[tokio::test]
async fn a_receiver_that_hangs_for_five_seconds_faults_the_conversation() {
    let rig = rig_with(Config::default(), Manner::Hanging).await;
    rig.desk.hold_callbacks(true);
    rig.send(&agent()).await;
    rig.until(|seen| !seen.chats().is_empty()).await;
    tokio::time::pause();
    let released = tokio::time::Instant::now();
    rig.desk.hold_callbacks(false);
    rig.until(|seen| seen.delivered().len() == 6).await;
    let waited = released.elapsed();
    assert!(waited >= Duration::from_secs(5) && waited < Duration::from_secs(6), "{waited:?}");
    let sent = rig.desk.delivered();
    assert_eq!(sent[0].outcome, Outcome::TimedOut);
    assert!(sent[1..].iter().all(|sent| sent.outcome == Outcome::Dropped));
    assert_eq!(rig.chat().end_reason, Some("closed abandoned: error"));
}

#[tokio::test]
async fn an_unreachable_receiver_misses_callbacks_and_the_chat_goes_on() {
    let rig = rig(Config::default()).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    drop(listener);
    for url in [url, String::new()] {
        rig.desk.set_webhook(Webhook { url, authorization: "Bearer x".into() });
        let before = rig.desk.delivered().len();
        let mut body = agent();
        body["userId"] = format!("u-{before}").into();
        rig.send(&body).await;
        rig.until(|seen| seen.delivered().len() == before + 6).await;
        let sent = rig.desk.delivered().split_off(before);
        assert!(sent.iter().all(|sent| sent.outcome == Outcome::Unreachable));
        assert_eq!(rig.chat().state, ChatState::Offered);
    }
}
