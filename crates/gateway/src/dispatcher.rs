//! The dispatcher: carries out effects, lane by lane, and reports back with events.
//!
//! It works from the outbox. A wake-up from the engine is only a hint: the dispatcher also looks at
//! the store regularly and at start, and whichever way a lane comes up, the same worker drains it:
//!
//! ```text
//!   claim (leases the head of the lane, counts the attempt, durably)
//!     └► perform (one attempt, bounded in time)
//!          ├► done or final failure: report to the engine, which takes it out of the outbox
//!          └► to be repeated: give the lease back with the moment of the next attempt
//! ```
//!
//! Killed between any two of these, the effect is attempted again after the lease ends (with SQLite
//! at the next start): at least once, with the same ids. A lane has one effect in flight; different
//! lanes go in parallel up to [`ATTEMPTS_MAX`]. This file starts workers, [`drain`] is what they do.
//!
//! It decides nothing about sessions: what a failure means is the session's business.

mod attempt;
mod backoff;
mod bot_lane;
mod breaker;
mod desk_lane;
mod drain;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

pub(crate) use breaker::SharedBreaker;
use futures_util::FutureExt;
use session::id::{DeskId, TenantId, Timestamp};
use store::{LaneKey, LaneReady, Store};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use vault::Vault;

use crate::{
    bot::BuiltInBot,
    clock::Clock,
    desk::{news::Wording, request::Dress},
    dispatcher::drain::Opened,
    engine::Engine,
};

/// Attempts in flight at a time, over all lanes. Each holds a connection and a few kilobytes.
const ATTEMPTS_MAX: usize = 256;

/// Lanes taken from the store at one look.
const LANES_PER_LOOK_MAX: usize = 10_000;

/// How often the store is looked at without a hint.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// When the engine cannot take a report or a claim, or a worker panicked: how long until it is tried
/// again.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a stopping dispatcher waits for attempts in flight before it lets go of them.
const FINISH_WITHIN: Duration = Duration::from_secs(12);

/// One desk as the dispatcher reaches it.
pub(crate) struct DeskLink {
    pub(crate) client: servicenow::Client,
    pub(crate) dress: Dress,
    pub(crate) wording: Wording,
    pub(crate) breaker: SharedBreaker,
}

/// What the dispatcher works with.
pub(crate) struct Dispatcher {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) engine: Engine,
    pub(crate) clock: Clock,
    pub(crate) desks: HashMap<(TenantId, DeskId), DeskLink>,
    pub(crate) bot: BuiltInBot,
}

/// How a worker left its lane.
#[derive(Debug, PartialEq, Eq)]
enum LaneEnd {
    /// Nothing waits there.
    Idle,
    /// The head may not be attempted before this moment.
    At(Timestamp),
}

/// Lanes that a worker drains now; `true` when a hint came meanwhile.
type Active = HashMap<LaneKey, bool>;

/// Lanes whose head may be attempted later, soonest first.
type Later = BTreeSet<(Timestamp, LaneKey)>;

impl Dispatcher {
    /// Drains lanes until told to stop; then lets attempts in flight finish.
    pub(crate) async fn run(self, mut hints: mpsc::Receiver<LaneKey>, stop: CancellationToken) {
        let this = Arc::new(self);
        let places = Arc::new(Semaphore::new(ATTEMPTS_MAX));
        let mut workers: JoinSet<(LaneKey, LaneEnd)> = JoinSet::new();
        let mut active = Active::new();
        let mut later = Later::new();
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let due = later.first().map(|(at, _)| at.since(this.clock.now()));
            let mut start = Vec::new();
            tokio::select! {
                () = stop.cancelled() => break,
                hint = hints.recv() => match hint {
                    Some(lane) => start.push(lane),
                    None => break,
                },
                Some(Ok((lane, end))) = workers.join_next() => {
                    match (active.remove(&lane), end) {
                        (Some(true), _) => start.push(lane),
                        (_, LaneEnd::At(at)) => drop(later.insert((at, lane))),
                        (_, LaneEnd::Idle) => {}
                    }
                }
                _ = look.tick() => start = this.look(&mut later).await,
                () = tokio::time::sleep(due.unwrap_or(LOOK_EVERY)), if due.is_some() => {
                    let now = this.clock.now();
                    while later.first().is_some_and(|(at, _)| *at <= now) {
                        start.extend(later.pop_first().map(|(_, lane)| lane));
                    }
                }
            }
            for lane in start {
                if let Some(again) = active.get_mut(&lane) {
                    *again = true;
                    continue;
                }
                active.insert(lane.clone(), false);
                workers.spawn(Arc::clone(&this).work(lane, Arc::clone(&places), stop.clone()));
            }
        }
        let finished = async { while workers.join_next().await.is_some() {} };
        if tokio::time::timeout(FINISH_WITHIN, finished).await.is_err() {
            tracing::warn!("attempts in flight did not finish in time; they are made again later");
        }
    }

    /// A worker's life. It always comes back with its lane, also from a panic: a lane that is
    /// forgotten in the table of active ones would never be drained again.
    async fn work(
        self: Arc<Self>,
        lane: LaneKey,
        places: Arc<Semaphore>,
        stop: CancellationToken,
    ) -> (LaneKey, LaneEnd) {
        let drained = AssertUnwindSafe(self.drain(&lane, &places, &stop)).catch_unwind().await;
        let end = drained.unwrap_or_else(|_| {
            // Its lease ends by itself, and its budget too.
            tracing::error!("an attempt panicked");
            LaneEnd::At(self.clock.now().after(PAUSE))
        });
        (lane, end)
    }

    /// Lanes that the store says have work now. Those that are ready later go to the timers.
    async fn look(&self, later: &mut Later) -> Vec<LaneKey> {
        let lanes = crate::blocking(&self.store, |store| store.lanes(LANES_PER_LOOK_MAX)).await;
        let lanes = match lanes {
            Ok(lanes) => lanes,
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the outbox cannot be looked at"
                );
                return Vec::new();
            }
        };
        let now = self.clock.now();
        let (ready, waiting): (Vec<_>, Vec<_>) =
            lanes.into_iter().partition(|LaneReady { at, .. }| *at <= now);
        // The store is the truth: what it does not list needs no timer, or is not among the first
        // and comes up at a later look.
        *later = waiting.into_iter().map(|LaneReady { lane, at }| (at, lane)).collect();
        ready.into_iter().map(|ready| ready.lane).collect()
    }
}
