//! What a gateway tells of itself, over a real engine.

use session::{Agent, Event, News, Said};
use store::Target;

use crate::{
    bed::{Bed, Fault, key, says},
    engine::Arrival,
    observe::{Feed, Heard, Outcome, Passage, PassageKind},
};

/// The next passage; none may be missed.
async fn next(feed: &mut Feed) -> Passage {
    match feed.next().await {
        Some(Heard::Passage(passage)) => passage,
        other => panic!("{other:?}"),
    }
}

/// The next passages, as `kind name outcome`.
async fn heard(feed: &mut Feed, count: usize) -> Vec<String> {
    let mut heard = Vec::new();
    for _ in 0..count {
        let passage = next(feed).await;
        let (kind, outcome) = (passage.kind.as_str(), passage.outcome.as_str());
        heard.push(format!("{kind} {} {outcome}", passage.name));
    }
    heard
}

#[tokio::test]
async fn a_chat_is_heard_from_the_question_to_the_end() {
    let bed = Bed::new();
    let mut feed = bed.observer.listen();
    bed.says("c1", "agent").await;
    let agent = Agent { name: Some("Ola".to_owned()), id: None, avatar: None };
    let said = News::AgentSaid { agent: agent.clone(), said: Said::words("hi"), key: None };
    bed.hears("c1", vec![News::Queued, News::AgentHere(agent)]).await;
    bed.hears("c1", vec![said]).await;
    bed.hears("c1", vec![News::Ended]).await;
    assert_eq!(
        heard(&mut feed, 9).await,
        [
            "event user_said ok",
            "session waiting ok",
            "event agent_here ok",
            "session connected ok",
            "event agent_said ok",
            "session active ok",
            "session agent_spoke ok",
            "event desk_ended ok",
            "session completed ok",
        ]
    );
}

#[tokio::test]
async fn an_event_says_whose_it_is_and_how_long_it_took() {
    let bed = Bed::new();
    let mut feed = bed.observer.listen();
    let outcome = bed.says("c1", "agent").await;
    let asked = next(&mut feed).await;
    assert_eq!(asked.conversation, Some(outcome.conversation.0));
    assert_eq!(asked.session, Some(crate::bed::session("c1")), "the chat it began");
    assert_eq!(asked.desk, Some(crate::bed::desk()));
    assert!(asked.ms.is_some_and(|ms| ms > 0.0));
    next(&mut feed).await;
    bed.hears("c1", vec![News::Ended]).await;
    let ended = next(&mut feed).await;
    assert_eq!(ended.session, Some(crate::bed::session("c1")), "the chat it ended");
}

#[tokio::test]
async fn a_repeat_and_a_refusal_are_told_apart_from_what_was_taken() {
    let bed = Bed::new();
    let mut feed = bed.observer.listen();
    let said = || {
        let sender = session::id::SenderKey::new("k1").ok();
        let event = Event::BotSaid { said: Said::words("hello"), answers: None, key: sender };
        Arrival::event(Target::Key(key("c1")), event)
    };
    bed.take(said()).await;
    bed.take(said()).await;
    let outcomes = [next(&mut feed).await.outcome, next(&mut feed).await.outcome];
    assert_eq!(outcomes, [Outcome::Ok, Outcome::Repeat]);
}

#[tokio::test]
async fn nothing_is_told_of_what_was_not_committed() {
    let bed = Bed::new();
    let mut feed = bed.observer.listen();
    bed.store.set(Fault::Full);
    assert!(bed.submit(says("c1", "agent")).await.is_err());
    bed.store.set(Fault::None);
    bed.says("c2", "hello").await;
    let first = next(&mut feed).await;
    assert_eq!((first.kind, first.name), (PassageKind::Event, "user_said"));
    assert_eq!(first.session, None, "it is the second one's");
}
