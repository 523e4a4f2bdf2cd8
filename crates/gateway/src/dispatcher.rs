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
//! Beside the lanes it fetches what agents said while nobody could hear it: [`catch_up`].
//!
//! It decides nothing about sessions: what a failure means is the session's business.

mod attempt;
mod backoff;
mod bot_lane;
mod breaker;
mod catch_up;
mod desk_lane;
mod drain;
mod schedule;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc, time::Duration};

pub(crate) use breaker::SharedBreaker;
use session::id::{DeskId, TenantId, Timestamp};
use store::{LaneKey, Store};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use vault::Vault;

use crate::{
    bot::BuiltInBot,
    clock::Clock,
    desk::{news::Wording, request::Dress},
    dispatcher::{drain::Opened, schedule::Schedule},
    engine::Engine,
    gaps::Gaps,
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
    /// What the desks may have told unheard.
    pub(crate) gaps: Arc<Gaps>,
}

/// How a worker left its lane.
#[derive(Debug, PartialEq, Eq)]
enum LaneEnd {
    /// Nothing waits there.
    Idle,
    /// The head may not be attempted before this moment.
    At(Timestamp),
}

impl Dispatcher {
    /// Drains lanes until told to stop; then lets attempts in flight finish.
    pub(crate) async fn run(self, mut hints: mpsc::Receiver<LaneKey>, stop: CancellationToken) {
        let this = Arc::new(self);
        for desk in this.desks.keys() {
            tokio::spawn(Arc::clone(&this).catch_up(desk.clone(), stop.clone()));
        }
        let places = Arc::new(Semaphore::new(ATTEMPTS_MAX));
        let mut schedule = Schedule::default();
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let next = schedule.next_in(this.clock.now());
            let mut start = Vec::new();
            tokio::select! {
                () = stop.cancelled() => break,
                hint = hints.recv() => match hint {
                    Some(lane) => start.push(lane),
                    None => break,
                },
                ended = schedule.ended() => {
                    start.extend(schedule.take_back(ended, this.clock.now()));
                }
                _ = look.tick() => start = this.look(&mut schedule).await,
                () = tokio::time::sleep(next.unwrap_or(LOOK_EVERY)), if next.is_some() => {
                    start = schedule.due(this.clock.now());
                }
            }
            for lane in start {
                let (this, places, stop) = (Arc::clone(&this), Arc::clone(&places), stop.clone());
                schedule.start(lane, |lane| async move { this.drain(&lane, &places, &stop).await });
            }
        }
        if tokio::time::timeout(FINISH_WITHIN, schedule.finish()).await.is_err() {
            tracing::warn!("attempts in flight did not finish in time; they are made again later");
        }
    }

    /// Lanes that the store says have work now. Those that are ready later come up by themselves.
    async fn look(&self, schedule: &mut Schedule) -> Vec<LaneKey> {
        match crate::blocking(&self.store, |store| store.lanes(LANES_PER_LOOK_MAX)).await {
            Ok(lanes) => schedule.look(lanes, self.clock.now()),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the outbox cannot be looked at"
                );
                Vec::new()
            }
        }
    }
}
