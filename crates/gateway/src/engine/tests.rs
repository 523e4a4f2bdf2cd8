//! The engine on a real store.

mod batches;
mod faults;
mod segments;
mod stopping;

use std::{future::poll_fn, pin::pin, task::Poll};

use futures_util::future::join_all;
use session::Event;
use store::Target;

use super::*;
use crate::bed::{Bed, key, visitor};

type Answered = Result<Outcome, EngineError>;

/// Has all of these queue up behind one transaction, so that they share the next.
async fn all_at_once(bed: &Bed, arrivals: Vec<Arrival>) -> Vec<Answered> {
    bed.store.hold();
    let before = tokio::spawn({
        let engine = bed.engine.clone();
        async move { engine.submit(opened("in front")).await }
    });
    bed.store.stands_before_commit().await;
    let mut all = pin!(join_all(arrivals.into_iter().map(|arrival| bed.engine.submit(arrival))));
    // The first look at each puts its job into the queue.
    let waiting = poll_fn(|context| Poll::Ready(all.as_mut().poll(context).is_pending())).await;
    assert!(waiting, "something was answered before its commit");
    bed.store.release();
    before.await.unwrap().unwrap();
    all.await
}

fn opened(name: &str) -> Arrival {
    Arrival::event(Target::Key(key(name)), Event::Opened { visitor: visitor(name) })
}

fn number(answer: &Answered) -> u64 {
    answer.as_ref().unwrap().number.0
}

fn is_failed(answer: &Answered) -> bool {
    matches!(answer, Err(EngineError::Failed(_)))
}
