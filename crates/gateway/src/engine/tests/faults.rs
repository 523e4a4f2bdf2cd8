//! What goes wrong costs its culprit and nobody else.

use std::time::Duration;

use serde_json::json;
use session::News;

use super::*;
use crate::{
    bed::{Fault, START, key, news_for, says, says_again},
    keeping::{Keeping, KeepingError, Kept},
};

fn eight() -> Vec<Arrival> {
    (0..8).map(|n| says_again(&format!("c{n}"), "hi", "dl:1")).collect()
}

fn deadline(bed: &Bed, name: &str) -> Arrival {
    let due = bed.store.next_deadline().unwrap().unwrap();
    Arrival::event(Target::Conversation(bed.row(name).id), Event::Deadline { due })
}

/// Checks that the answer to this one of eight is a failure and the others are taken in.
fn assert_only_failed(answers: &[Answered], culprit: usize) {
    for (at, answer) in answers.iter().enumerate() {
        assert_eq!(is_failed(answer), at == culprit, "{at}: {answer:?}");
    }
}

#[tokio::test]
async fn a_failing_store_takes_nothing_in() {
    let bed = Bed::new();
    bed.store.set(Fault::Full);
    for arrival in eight() {
        assert!(is_failed(&bed.submit(arrival).await));
    }
    assert_eq!(bed.store.commits(), 0);
    assert!(bed.told("c0").is_empty());
    bed.store.set(Fault::None);
    let answers = all_at_once(&bed, eight()).await;
    assert!(answers.iter().all(|answer| number(answer) == 1), "a repeat of nothing is no repeat");
}

/// The row id of what was undone is given out again.
#[tokio::test]
async fn a_conversation_made_after_a_failed_commit_is_sealed_under_its_own_keys() {
    let bed = Bed::new();
    bed.store.set(Fault::Full);
    assert!(is_failed(&bed.submit(says("a", "hello")).await));
    bed.store.set(Fault::None);
    assert_eq!(bed.says("b", "hello").await.number.0, 1);
    let row = bed.row("b");
    let keeping = Keeping::new(&bed.vault, &row.key).unwrap();
    keeping.read_state(row.state.as_deref().unwrap()).unwrap();
    assert_eq!(bed.told("b"), ["hello"]);
}

#[tokio::test]
async fn a_panic_costs_only_the_event_that_caused_it() {
    let bed = Bed::new();
    all_at_once(&bed, eight()).await;
    bed.store.set(Fault::PanicsAt(bed.row("c5").id));
    let answers = all_at_once(&bed, (0..8).map(|n| says(&format!("c{n}"), "and")).collect()).await;
    assert_only_failed(&answers, 5);
    assert_eq!(bed.told("c4"), ["hi", "and"]);
    assert_eq!(bed.told("c5"), ["hi"]);
    assert_eq!(bed.told("c6"), ["hi", "and"]);
    bed.store.set(Fault::None);
    assert_eq!(bed.says("c5", "again").await.number.0, 2, "the engine goes on");
}

#[tokio::test]
async fn a_culprit_among_many_is_found_by_halves() {
    let bed = Bed::new();
    let names: Vec<_> = (0..64).map(|n| format!("c{n}")).collect();
    all_at_once(&bed, names.iter().map(|name| says(name, "hi")).collect()).await;
    bed.store.set(Fault::PanicsAt(bed.row("c17").id));
    let before = bed.store.commits();
    let answers = all_at_once(&bed, names.iter().map(|name| says(name, "and")).collect()).await;
    assert_only_failed(&answers, 17);
    assert_eq!(bed.store.commits() - before, 1 + 6, "one in front, then a half at each turn");
}

#[tokio::test]
async fn an_unreadable_state_costs_only_its_conversation_and_its_deadline_sleeps() {
    let bed = Bed::new();
    all_at_once(&bed, eight()).await;
    bed.overwrite("c2", b"not sealed by anybody".to_vec(), Some(START));
    assert_eq!(bed.store.due(START, 9).unwrap().len(), 1);
    let mut arrivals: Vec<_> = (0..8).map(|n| says(&format!("c{n}"), "and")).collect();
    arrivals[2] = deadline(&bed, "c2");
    let answers = all_at_once(&bed, arrivals).await;
    assert_only_failed(&answers, 2);
    assert_eq!(bed.store.due(START, 9).unwrap(), []);
    assert_eq!(bed.store.next_deadline().unwrap(), None);
    assert!(is_failed(&bed.submit(says("c2", "hello?")).await));
}

#[tokio::test]
async fn a_state_of_a_newer_version_is_refused_for_its_conversation_only() {
    let bed = Bed::new();
    all_at_once(&bed, eight()).await;
    let newer: Kept = serde_json::from_value(json!({
        "v": 3, "newest_at": 0,
        "conversation": { "numbered": 1, "effects": 1, "route": "bot" },
    }))
    .unwrap();
    let keeping = Keeping::new(&bed.vault, &key("c1")).unwrap();
    bed.overwrite("c1", keeping.write_state(&newer).unwrap(), None);
    let answers = all_at_once(&bed, (0..8).map(|n| says(&format!("c{n}"), "and")).collect()).await;
    assert_only_failed(&answers, 1);
    let Err(EngineError::Failed(why)) = &answers[1] else { unreachable!() };
    assert!(matches!(**why, BatchError::Keeping(KeepingError::FromTheFuture { found: 3 })));
}

#[tokio::test]
async fn a_report_that_cannot_be_stepped_becomes_a_dead_letter() {
    let bed = Bed::new();
    bed.says("c", "hi").await;
    let lane = bed.waiting().remove(0);
    let Claim::Leased(work) = bed.engine.claim(lane.clone()).await.unwrap() else {
        panic!("there is an effect")
    };
    let effect = Keeping::new(&bed.vault, &key("c")).unwrap();
    let effect = effect.read_effect(work.number, &work.body).unwrap();
    bed.overwrite("c", b"not sealed by anybody".to_vec(), None);
    let report = Arrival {
        target: Target::Conversation(work.conversation),
        happening: Happening::Event(settled_event(effect, None)),
        settles: Some(Settled { work: *work, dead: None, placed: None }),
        placed_as: None,
        masked: false,
        trace: None,
    };
    assert!(is_failed(&bed.submit(report).await));
    let dead = bed.store.dead_letters(&store::Sight::ALL, 9).unwrap();
    assert_eq!(dead.iter().map(|letter| &*letter.reason).collect::<Vec<_>>(), ["not_reported"]);
    assert_eq!(bed.engine.claim(lane).await.unwrap(), Claim::Empty);
}

#[tokio::test]
async fn a_store_that_refuses_is_no_reason_to_set_anything_aside() {
    let bed = Bed::new();
    bed.says("c", "agent").await;
    bed.advance(Duration::from_mins(30));
    let fires = deadline(&bed, "c");
    bed.store.set(Fault::Full);
    assert!(is_failed(&bed.submit(fires.clone()).await));
    bed.store.set(Fault::None);
    assert_eq!(bed.store.due(bed.clock.now(), 9).unwrap().len(), 1, "it is still due");
    bed.take(fires).await;
    assert_eq!(bed.status("c"), "fail waited_too_long");
}

#[tokio::test]
async fn a_tenant_without_rules_is_refused_alone() {
    let bed = Bed::new();
    let mut stranger = says("c1", "hi");
    if let Target::Key(key) = &mut stranger.target {
        key.tenant = TenantId::new("taken out of the configuration").unwrap();
    }
    let answers = all_at_once(&bed, vec![says("c0", "hi"), stranger, says("c2", "hi")]).await;
    assert_only_failed(&answers, 1);
}

#[tokio::test]
async fn news_of_a_session_in_a_broken_conversation_are_not_taken() {
    let bed = Bed::new();
    bed.says("c", "agent").await;
    bed.overwrite("c", b"not sealed by anybody".to_vec(), None);
    assert!(is_failed(&bed.submit(news_for("c", vec![News::Ended])).await));
    assert_eq!(bed.status("c"), "waiting");
}
