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
//! lanes go in parallel up to [`ATTEMPTS_MAX`].
//!
//! It decides nothing about sessions: what a failure means is the session's business.

mod attempt;
mod backoff;
mod bot_lane;
mod desk_lane;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use session::{
    Failure,
    id::{DeskId, TenantId, Timestamp},
};
use store::{Claim, LaneKey, LaneReady, Store, Target, Work};
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
    dispatcher::attempt::Attempt,
    engine::{Arrival, Engine, EngineError, Happening, Settled, settled_event},
    keeping::Keeping,
};

/// Attempts in flight at a time, over all lanes. Each holds a connection and a few kilobytes.
const ATTEMPTS_MAX: usize = 256;

/// Lanes taken from the store at one look.
const LANES_PER_LOOK_MAX: usize = 10_000;

/// How often the store is looked at without a hint.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// When the engine cannot take a report or a claim: how long until the lane is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a stopping dispatcher waits for attempts in flight before it lets go of them.
const FINISH_WITHIN: Duration = Duration::from_secs(12);

/// One desk as the dispatcher reaches it.
pub(crate) struct DeskLink {
    pub(crate) client: servicenow::Client,
    pub(crate) dress: Dress,
    pub(crate) wording: Wording,
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
enum LaneEnd {
    /// Nothing waits there.
    Idle,
    /// The head may not be attempted before this moment.
    At(Timestamp),
}

/// Lanes that a worker drains now; `true` when a hint came meanwhile.
type Active = HashMap<LaneKey, bool>;

impl Dispatcher {
    /// Drains lanes until told to stop; then lets attempts in flight finish.
    pub(crate) async fn run(self, mut hints: mpsc::Receiver<LaneKey>, stop: CancellationToken) {
        let this = Arc::new(self);
        let places = Arc::new(Semaphore::new(ATTEMPTS_MAX));
        let mut workers: JoinSet<(LaneKey, LaneEnd)> = JoinSet::new();
        let mut active = Active::new();
        let mut later: BTreeMap<(Timestamp, LaneKey), ()> = BTreeMap::new();
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let due = later.first_key_value().map(|((at, _), ())| at.since(this.clock.now()));
            let mut start = Vec::new();
            tokio::select! {
                () = stop.cancelled() => break,
                hint = hints.recv() => match hint {
                    Some(lane) => start.push(lane),
                    None => break,
                },
                Some(ended) = workers.join_next() => {
                    if let Some((lane, end)) = this.ended(ended) {
                        match (active.remove(&lane), end) {
                            (Some(true), _) => start.push(lane),
                            (_, LaneEnd::At(at)) => drop(later.insert((at, lane), ())),
                            (_, LaneEnd::Idle) => {}
                        }
                    } else {
                        // A worker panicked; which lane it had is not known. The next look, after
                        // its lease, brings it back.
                        active.clear();
                    }
                }
                _ = look.tick() => start = this.look(&mut later).await,
                () = tokio::time::sleep(due.unwrap_or(LOOK_EVERY)), if due.is_some() => {
                    let now = this.clock.now();
                    while let Some(first) = later.first_entry().filter(|e| e.key().0 <= now) {
                        start.push(first.remove_entry().0.1);
                    }
                }
            }
            for lane in start {
                if let Some(again) = active.get_mut(&lane) {
                    *again = true;
                    continue;
                }
                active.insert(lane.clone(), false);
                let (this, places) = (Arc::clone(&this), Arc::clone(&places));
                let stop = stop.clone();
                workers.spawn(async move {
                    let end = this.drain(&lane, &places, &stop).await;
                    (lane, end)
                });
            }
        }
        let finished = async { while workers.join_next().await.is_some() {} };
        if tokio::time::timeout(FINISH_WITHIN, finished).await.is_err() {
            tracing::warn!("attempts in flight did not finish in time; they are made again later");
        }
    }

    fn ended(
        &self,
        ended: Result<(LaneKey, LaneEnd), tokio::task::JoinError>,
    ) -> Option<(LaneKey, LaneEnd)> {
        ended
            .inspect_err(|error| {
                tracing::error!(error = error as &dyn std::error::Error, "a lane's worker ended");
            })
            .ok()
    }

    /// Lanes that the store says have work now. Those that are ready later go to the timers.
    async fn look(&self, later: &mut BTreeMap<(Timestamp, LaneKey), ()>) -> Vec<LaneKey> {
        let lanes = crate::blocking(&self.store, |store| store.lanes(LANES_PER_LOOK_MAX)).await;
        let lanes = lanes.unwrap_or_else(|error| {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the outbox cannot be looked at"
            );
            Vec::new()
        });
        let now = self.clock.now();
        let (ready, waiting): (Vec<_>, Vec<_>) =
            lanes.into_iter().partition(|LaneReady { at, .. }| *at <= now);
        // The store is the truth: what it does not list needs no timer.
        *later = waiting.into_iter().map(|LaneReady { lane, at }| ((at, lane), ())).collect();
        ready.into_iter().map(|ready| ready.lane).collect()
    }

    /// Carries out a lane's effects, one after the other, until nothing can be done there now.
    async fn drain(
        &self,
        lane: &LaneKey,
        places: &Semaphore,
        stop: &CancellationToken,
    ) -> LaneEnd {
        let Ok(_place) = places.acquire().await else { return LaneEnd::Idle };
        let mut claim = self.engine.claim(lane.clone()).await;
        loop {
            let work = match claim {
                Ok(Claim::Empty) => return LaneEnd::Idle,
                Ok(Claim::Later(at) | Claim::Elsewhere(at)) => return LaneEnd::At(at),
                Ok(Claim::Leased(work)) => work,
                Err(error) => {
                    tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        "a lane could not be leased"
                    );
                    return LaneEnd::At(self.clock.now().after(PAUSE));
                }
            };
            match self.carry_out(&work).await {
                Carried::Report(arrival) if stop.is_cancelled() => {
                    self.report(self.engine.submit(*arrival).await);
                    return LaneEnd::Idle;
                }
                Carried::Report(arrival) => {
                    let (reported, next) =
                        self.engine.report_and_claim(*arrival, lane.clone()).await;
                    self.report(reported);
                    claim = next;
                }
                Carried::Buried => claim = self.engine.claim(lane.clone()).await,
                Carried::Again(at) => {
                    if let Err(error) = self.engine.reschedule(work.effect, at).await {
                        tracing::debug!(
                            error = &error as &dyn std::error::Error,
                            "an attempt could not be rescheduled; its lease will end"
                        );
                    }
                    return LaneEnd::At(at);
                }
            }
        }
    }

    fn report(&self, reported: Result<crate::engine::Outcome, EngineError>) {
        if let Err(error) = reported {
            // Not lost: either it was set aside as a dead letter, or the lease ends and the effect
            // is carried out once more.
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a delivery could not be reported"
            );
        }
    }

    /// One attempt at one effect, and what follows for the outbox.
    async fn carry_out(&self, work: &Work) -> Carried {
        let began = tokio::time::Instant::now();
        let effect = match self.open(work).await {
            Ok((keeping, effect)) => (keeping, effect),
            Err(error) => {
                tracing::error!(
                    error = &*error,
                    effect.row = work.effect.0,
                    "an effect cannot be read and is given up"
                );
                let settled = Settled { work: work.clone(), dead: Some("unreadable") };
                drop(self.engine.bury(settled).await);
                return Carried::Buried;
            }
        };
        let (opened, effect) = effect;
        let attempt = if work.struck {
            Attempt::Failed { failure: Failure::Struck, code: "struck" }
        } else {
            self.attempt(work, &opened, &effect).await
        };
        let attempt = attempt::within_budget(attempt, work, self.clock.now());
        tracing::info!(
            delivery.kind = effect.what.kind(),
            delivery.outcome = attempt.code(),
            delivery.row = work.effect.0,
            conversation.row = work.conversation.0,
            session.id = work.session.as_ref().map(session::id::SessionId::as_str),
            attempt = work.attempts,
            duration_ms = began.elapsed().as_millis(),
            "an effect was attempted"
        );
        match attempt {
            Attempt::Done => self.settled(work, effect, None, None),
            Attempt::Failed { failure: Failure::Struck, .. } => {
                self.settled(work, effect, Some(Failure::Struck), None)
            }
            Attempt::Failed { failure, code } => {
                self.settled(work, effect, Some(failure), Some(code))
            }
            Attempt::Again { at, .. } => Carried::Again(at),
        }
    }

    fn settled(
        &self,
        work: &Work,
        effect: session::Effect,
        failure: Option<Failure>,
        dead: Option<&'static str>,
    ) -> Carried {
        Carried::Report(Box::new(Arrival {
            target: Target::Conversation(work.conversation),
            happening: Happening::Event(settled_event(effect, failure)),
            settles: Some(Settled { work: work.clone(), dead }),
        }))
    }

    async fn open(
        &self,
        work: &Work,
    ) -> Result<(Opened, session::Effect), Box<dyn std::error::Error + Send + Sync>> {
        let id = work.conversation;
        let row = crate::blocking(&self.store, move |store| store.conversation_by_id(id)).await?;
        let key = row.ok_or("its conversation is gone")?.key;
        let keeping = Keeping::new(&self.vault, &key)?;
        let effect = keeping.read_effect(work.number, &work.body)?;
        Ok((Opened { key, keeping }, effect))
    }
}

/// A conversation as an attempt needs it.
struct Opened {
    key: session::id::ConversationKey,
    keeping: Keeping,
}

/// What followed from an attempt.
enum Carried {
    /// To be told to the engine, which takes the effect out of the outbox.
    Report(Box<Arrival>),
    /// It left the outbox already.
    Buried,
    /// To be attempted again, not before this moment.
    Again(Timestamp),
}
