//! A full queue, and the end.

use tokio::time::Instant;

use super::*;
use crate::bed::{finish, says};

#[tokio::test(start_paused = true)]
async fn a_caller_waits_a_second_for_room_and_is_then_told_to_come_back() {
    let bed = Bed::new();
    bed.store.hold();
    let engine = bed.engine.clone();
    let first = tokio::spawn(async move { engine.submit(opened("in front")).await });
    bed.store.stands_before_commit().await;
    let mut queued = 0;
    loop {
        let (reply, _) = oneshot::channel();
        let job = Job::Event(Box::new(opened("in the queue")), reply);
        if bed.engine.calls.try_send(Call::Job(job)).is_err() {
            break;
        }
        queued += 1;
    }
    assert_eq!(queued, QUEUE_MAX);
    let began = Instant::now();
    let refused = bed.submit(says("c", "hi")).await;
    assert!(matches!(refused, Err(EngineError::Busy)));
    assert!(began.elapsed() >= ROOM_WITHIN);
    // What queued takes the engine real time, in which virtual time would run on.
    tokio::time::resume();
    bed.store.release();
    first.await.unwrap().unwrap();
    assert_eq!(bed.says("c", "hi").await.number.0, 1, "the refused one left nothing behind");
}

#[tokio::test]
async fn what_queued_before_the_end_is_committed_and_later_callers_are_turned_away() {
    let bed = Bed::new();
    bed.store.hold();
    let engine = bed.engine.clone();
    let first = tokio::spawn(async move { engine.submit(opened("in front")).await });
    bed.store.stands_before_commit().await;
    let mut last = pin!(bed.engine.submit(says("c", "last words")));
    assert!(poll_fn(|context| Poll::Ready(last.as_mut().poll(context).is_pending())).await);
    let mut finished = pin!(finish(bed.engine.clone()));
    assert!(poll_fn(|context| Poll::Ready(finished.as_mut().poll(context).is_pending())).await);
    bed.store.release();
    finished.await;
    bed.engine.closed().await;
    first.await.unwrap().unwrap();
    assert_eq!(number(&last.await), 1);
    assert_eq!(bed.told("c"), ["last words"]);
    assert!(matches!(bed.submit(says("c", "too late")).await, Err(EngineError::Stopping)));
}
