//! Who waits for a gap and who is next. Tokio's clock is paused: waiting costs no time.

use std::sync::Arc;

use session::{Agent, Said, id::SenderKey};

use super::*;
use crate::bed::{Bed, agent_said, desk, session, tenant};

fn key() -> DeskKey {
    (tenant(), desk())
}

/// A bed with open chats of these names, and their gaps.
async fn opened(names: &[&str]) -> (Bed, Arc<Gaps>) {
    let bed = Bed::new();
    for name in names {
        bed.says(name, "agent").await;
    }
    let gaps = Arc::new(Gaps::new([key()]));
    gaps.open_all(&*bed.store, None).unwrap();
    (bed, gaps)
}

fn count(gaps: &Gaps) -> usize {
    gaps.count.load(Ordering::Relaxed)
}

/// The next gap, which must be there.
async fn next(gaps: &Gaps) -> Gap {
    tokio::time::timeout(Duration::from_millis(1), gaps.next(&key())).await.expect("one is open")
}

/// A callback of this chat, on its way.
fn passes(gaps: &Arc<Gaps>, name: &str) -> tokio::task::JoinHandle<Vec<News>> {
    let (gaps, session) = (Arc::clone(gaps), session(name));
    tokio::spawn(async move { gaps.pass(&session, vec![agent_said("hi")]).await })
}

fn words(news: &[News]) -> Vec<&str> {
    let mut words = Vec::new();
    for news in news {
        match news {
            News::AgentSaid { said, .. } => words.push(said.text.as_str()),
            other => panic!("{other:?}"),
        }
    }
    words
}

#[tokio::test]
async fn every_open_chat_has_a_gap_and_no_other_has() {
    let (bed, gaps) = opened(&["a", "b", "c"]).await;
    assert_eq!(count(&gaps), 3);
    bed.says("b", "cancel").await;
    let again = Gaps::new([key()]);
    again.open_all(&*bed.store, Some(&key())).unwrap();
    assert_eq!(count(&again), 2);
    let elsewhere = Gaps::new([(TenantId::new("other").unwrap(), desk())]);
    elsewhere.open_all(&*bed.store, None).unwrap();
    assert_eq!(count(&elsewhere), 0, "nobody would ever fill it");
}

#[tokio::test]
async fn gaps_come_in_turn_and_each_once() {
    let (bed, gaps) = opened(&["a", "b"]).await;
    gaps.open_all(&*bed.store, None).unwrap();
    let (first, second) = (next(&gaps).await, next(&gaps).await);
    assert_eq!([&first.session, &second.session], [&session("a"), &session("b")]);
    assert_eq!(first.conversation, bed.row("a").id);
    let third = tokio::time::timeout(Duration::from_millis(1), gaps.next(&key())).await;
    assert!(third.is_err(), "there are no more");
    gaps.close(&first, []);
    gaps.open_all(&*bed.store, None).unwrap();
    assert_eq!(next(&gaps).await, first, "opened again; the other is still being filled");
    assert_eq!(count(&gaps), 2);
}

#[tokio::test(start_paused = true)]
async fn a_callback_waits_for_its_gap_and_moves_it_to_the_front() {
    let (_bed, gaps) = opened(&["a", "b", "c"]).await;
    let callback = passes(&gaps, "c");
    tokio::task::yield_now().await;
    let gap = next(&gaps).await;
    assert_eq!(gap.session, session("c"));
    assert!(!callback.is_finished());
    let began = Instant::now();
    gaps.close(&gap, []);
    assert_eq!(words(&callback.await.unwrap()), ["hi"]);
    assert_eq!(Instant::now(), began, "at once");
    assert_eq!(next(&gaps).await.session, session("a"));
    assert_eq!(next(&gaps).await.session, session("b"));
}

#[tokio::test(start_paused = true)]
async fn callbacks_of_one_chat_wait_two_seconds_in_all() {
    let (_bed, gaps) = opened(&["a"]).await;
    assert_eq!(HOLD_FOR, Duration::from_secs(2));
    let began = Instant::now();
    for _ in 0..3 {
        assert_eq!(words(&passes(&gaps, "a").await.unwrap()), ["hi"]);
        assert_eq!(began.elapsed(), HOLD_FOR);
    }
}

#[tokio::test(start_paused = true)]
async fn a_callback_of_a_chat_without_a_gap_does_not_wait() {
    let (_bed, gaps) = opened(&["a"]).await;
    let began = Instant::now();
    assert_eq!(words(&passes(&gaps, "b").await.unwrap()), ["hi"]);
    gaps.close(&next(&gaps).await, []);
    assert_eq!(words(&passes(&gaps, "a").await.unwrap()), ["hi"]);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_desk_that_refuses_closes_all_gaps_until_it_is_asked_again() {
    let (bed, gaps) = opened(&["a", "b"]).await;
    let callback = passes(&gaps, "b");
    tokio::task::yield_now().await;
    assert!(gaps.refuse(&key()), "it is new");
    assert!(!gaps.refuse(&key()), "it is known");
    callback.await.unwrap();
    assert_eq!(count(&gaps), 0);
    assert!(gaps.is_refused(&key()));
    gaps.open_all(&*bed.store, Some(&key())).unwrap();
    assert!(!gaps.is_refused(&key()));
    assert_eq!(count(&gaps), 2);
    // A fetch of before that ends only now closes nothing that was opened since.
    gaps.close(&Gap { session: session("a"), conversation: bed.row("a").id }, []);
    assert_eq!(next(&gaps).await.session, session("a"));
}

#[tokio::test(start_paused = true)]
async fn a_callback_without_ids_does_not_repeat_what_the_gap_was_filled_with() {
    let (_bed, gaps) = opened(&["a"]).await;
    let said = |text: &str, id: Option<&str>| News::AgentSaid {
        agent: Agent::default(),
        said: Said::words(text),
        key: id.map(|id| SenderKey::new(id).unwrap()),
    };
    let held = vec![said("ok", None), said("ok", None), said("ok", Some("m1")), said("x", None)];
    let callback = {
        let gaps = Arc::clone(&gaps);
        tokio::spawn(async move { gaps.pass(&session("a"), held).await })
    };
    tokio::task::yield_now().await;
    let gap = next(&gaps).await;
    gaps.close(&gap, ["ok", "later"]);
    let passed = callback.await.unwrap();
    assert_eq!(words(&passed), ["ok", "ok", "x"], "one of the two, none with an id");
    let late = gaps.pass(&session("a"), vec![said("later", None)]).await;
    assert!(late.is_empty(), "it comes once more");
    let again = gaps.pass(&session("a"), vec![said("later", None)]).await;
    assert_eq!(words(&again), ["later"], "and not twice");
    gaps.forget(&gap);
    assert_eq!(count(&gaps), 0);
}
