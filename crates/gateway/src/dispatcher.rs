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
//! A destination's breaker is asked before a lane that leads there is claimed; without its leave the
//! lane waits in memory ([`parking`]), so a desk or a bot that is away costs nothing durable and
//! delays nobody else.
//!
//! What is for users on channels that do not read the log goes through the Connector:
//! [`channel_lane`].
//!
//! Beside the lanes it tells desks who types and what became of agents' words: [`signals`]; and fetches what agents said while nobody could hear it: [`catch_up`].
//!
//! It decides nothing about sessions: what a failure means is the session's business.

mod attempt;
mod backoff;
mod behind_lane;
mod bot_lane;
mod breaker;
mod catch_up;
mod channel_lane;
mod consent;
mod desk_lane;
mod drain;
mod parking;
mod passing;
mod pictures;
mod schedule;
mod signals;
#[cfg(test)]
mod tests;
mod words;

use std::{collections::HashMap, sync::Arc, time::Duration};

pub(crate) use breaker::{BreakerSeen, SharedBreaker};
pub(crate) use drain::Openings;
use session::id::{DeskId, TenantId, Timestamp};
use store::{LaneKey, LaneReady, OutboxId, Store};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use vault::Vault;

use crate::{
    behind::{Bots, Handles},
    channel::Channels,
    clock::Clock,
    current::Current,
    desk::{
        media::{DeskMedia, Handing},
        news::Wording,
        request::Dress,
    },
    dispatcher::{
        breaker::Permit,
        drain::Opened,
        parking::Parking,
        schedule::{Back, Schedule},
    },
    engine::Engine,
    files::Files,
    gaps::Gaps,
    lane::{self, Destination},
    notices::Language,
    observe::Observer,
    trace::Tracing,
    wakes::Wakes,
};

/// Attempts in flight at a time to one desk, to one bot, and to all built-in bots together. Each
/// holds a connection and a few kilobytes. Counted by destination, so that one that hangs delays none
/// but its own.
pub(crate) const ATTEMPTS_MAX: usize = 256;

/// Lanes taken from the store at one look.
const LANES_PER_LOOK_MAX: usize = 10_000;

/// How often the store is looked at without a hint.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// When the engine cannot take a report or a claim, or a worker panicked: how long until it is tried
/// again.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a stopping dispatcher waits for attempts in flight before it lets go of them: longer than
/// the longest turn of a bot (25 s), which would run twice.
const FINISH_WITHIN: Duration = Duration::from_secs(26);

/// One desk as the dispatcher reaches it.
pub(crate) struct DeskLink {
    pub(crate) desk: DeskId,
    pub(crate) reach: Arc<Current<Reach>>,
    pub(crate) gate: Gate,
}

/// What stands before the attempts at one destination. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    pub(crate) breaker: Arc<SharedBreaker>,
    /// Room for [`ATTEMPTS_MAX`] attempts.
    pub(crate) places: Arc<Semaphore>,
}

impl Gate {
    /// An open one.
    pub(crate) fn new(before: Destination, observer: &Arc<Observer>) -> Self {
        let breaker = SharedBreaker::new(before, observer);
        Self { breaker, places: Arc::new(Semaphore::new(ATTEMPTS_MAX)) }
    }
}

/// How a desk is spoken to; settings that are read anew replace it.
pub(crate) struct Reach {
    pub(crate) client: Arc<servicenow::Client>,
    pub(crate) dress: Dress,
    pub(crate) wording: Wording,
    /// How users' files come to it.
    pub(crate) handing: Handing,
}

/// What the dispatcher works with.
pub(crate) struct Dispatcher {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) engine: Engine,
    pub(crate) clock: Clock,
    pub(crate) desks: HashMap<(TenantId, DeskId), DeskLink>,
    pub(crate) bots: Arc<Current<Bots>>,
    pub(crate) channels: Arc<Current<Channels>>,
    pub(crate) handles: Handles,
    pub(crate) files: Arc<Files>,
    pub(crate) media: Arc<DeskMedia>,
    pub(crate) wakes: Arc<Wakes>,
    pub(crate) language: Language,
    /// What the desks may have told unheard.
    pub(crate) gaps: Arc<Gaps>,
    /// The conversations that were opened last.
    pub(crate) openings: Openings,
    pub(crate) observer: Arc<Observer>,
    /// Stops it; nobody insists on anything any more then.
    pub(crate) stop: CancellationToken,
    pub(crate) tracing: Tracing,
    /// Room for [`ATTEMPTS_MAX`] attempts at built-in bots, and where nothing is configured any more.
    pub(crate) places: Arc<Semaphore>,
}

/// With what a worker goes into its lane.
#[derive(Debug)]
struct Start {
    leave: Leave,
    /// Its place among the attempts, if it has one already.
    place: Option<OwnedSemaphorePermit>,
}

impl Start {
    /// For a worker that waits for its place in turn.
    fn in_turn(leave: Leave) -> Self {
        Self { leave, place: None }
    }
}

/// What a worker may do with the head of its lane.
#[derive(Debug)]
enum Leave {
    /// No breaker stands before the lane.
    Free,
    /// The desk's breaker lets one attempt go.
    Attempt(Permit),
    /// Nothing may be sent unless the breaker has come to let it: to report what is struck or out of
    /// time, and to tell the user that their words wait.
    Errand,
}

/// A lane whose desk's breaker gave no leave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Away {
    /// The head of which the user was told that it waits, or need not be.
    told: Option<OutboxId>,
}

/// How a worker left its lane.
#[derive(Debug, PartialEq, Eq)]
enum LaneEnd {
    /// Nothing waits there.
    Idle,
    /// The head may not be attempted before this moment.
    At(Timestamp),
    /// The head may be attempted when its desk's breaker gives leave.
    Away(Away),
}

impl Dispatcher {
    /// Drains lanes until told to stop; then lets attempts in flight finish.
    pub(crate) async fn run(self, mut hints: mpsc::Receiver<LaneKey>) {
        let stop = self.stop.clone();
        let this = Arc::new(self);
        for desk in this.desks.keys() {
            tokio::spawn(Arc::clone(&this).catch_up(desk.clone(), stop.clone()));
        }
        let stops_passing = stop.child_token();
        let passing = Arc::clone(&this).bring_passing(this.wakes.carry(), stops_passing.clone());
        let passing = tokio::spawn(passing);
        tokio::spawn(Arc::clone(&this).tell_desks(this.wakes.desks(), stop.clone()));
        let (mut schedule, mut parking) = (Schedule::default(), Parking::default());
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let now = this.clock.now();
            let next = schedule.next_in(now).into_iter().chain(parking.next_in(now)).min();
            let (mut come, mut start) = (Vec::new(), Vec::new());
            tokio::select! {
                () = stop.cancelled() => break,
                hint = hints.recv() => match hint {
                    Some(lane) => come.push(lane),
                    None => break,
                },
                ended = schedule.ended() => match schedule.take_back(ended, this.clock.now()) {
                    Some(Back::Again(lane)) => come.push(lane),
                    Some(Back::Away(lane, away)) => {
                        start.extend(this.park(lane, away, &mut parking));
                    }
                    None => {}
                },
                _ = look.tick() => {
                    for ready in this.look(&mut schedule).await {
                        if parking.take_for_errand(&ready, this.clock.now()) {
                            start.push((ready.lane, Start::in_turn(Leave::Errand)));
                        } else {
                            come.push(ready.lane);
                        }
                    }
                }
                () = tokio::time::sleep(next.unwrap_or(LOOK_EVERY)), if next.is_some() => {}
            }
            come.extend(schedule.due(this.clock.now()));
            for lane in come {
                if !schedule.is_active(&lane) {
                    start.extend(this.park(lane, Away::default(), &mut parking));
                }
            }
            start.extend(parking.leave(|desk| this.ask(desk)));
            for (lane, with) in start {
                let (this, stop) = (Arc::clone(&this), stop.clone());
                schedule.start(lane, |lane| async move { this.drain(&lane, with, &stop).await });
            }
        }
        stops_passing.cancel();
        let finish = async { tokio::join!(schedule.finish(), passing) };
        if tokio::time::timeout(FINISH_WITHIN, finish).await.is_err() {
            tracing::warn!("attempts in flight did not finish in time; they are made again later");
        }
    }

    /// Lets a lane wait for leave; gives a lane back that needs none.
    fn park(&self, lane: LaneKey, away: Away, parking: &mut Parking) -> Option<(LaneKey, Start)> {
        match lane::destination(&lane).filter(|to| self.gate(to).is_some()) {
            Some(to) => {
                parking.park(to, lane, away);
                None
            }
            None => Some((lane, Start::in_turn(Leave::Free))),
        }
    }

    /// A place and leave for one attempt there, or the moment before which it makes no sense to ask
    /// again. The place first: leave is good for now and not for after a queue.
    fn ask(&self, to: &Destination) -> Result<Start, Timestamp> {
        let Some(gate) = self.gate(to) else { return Ok(Start::in_turn(Leave::Free)) };
        let now = self.clock.now();
        // Whoever gives a place back is noticed at once; this is for the case that nobody does.
        let place = gate.places.try_acquire_owned().map_err(|_| now.after(PAUSE))?;
        let permit = gate.breaker.admit(now)?;
        Ok(Start { leave: Leave::Attempt(permit), place: Some(place) })
    }

    /// Leave for one more attempt in this lane by a worker that has its place, if it is to be had now.
    fn leave(&self, lane: &LaneKey) -> Option<Leave> {
        match lane::destination(lane).and_then(|to| self.gate(&to)) {
            Some(gate) => gate.breaker.admit(self.clock.now()).map(Leave::Attempt).ok(),
            None => Some(Leave::Free),
        }
    }

    /// What stands before a destination; nothing before a built-in bot, or what is not configured.
    fn gate(&self, to: &Destination) -> Option<Gate> {
        match to {
            Destination::Desk(tenant, desk) => {
                self.desks.get(&(tenant.clone(), desk.clone())).map(|link| link.gate.clone())
            }
            Destination::Channel(tenant, bot) => {
                self.channels.get().of(tenant, bot).map(|link| link.gate.clone())
            }
            Destination::Bot(tenant, bot) => {
                self.bots.get().behind(tenant, bot).map(|link| link.gate.clone())
            }
        }
    }

    /// The room for attempts where this lane leads.
    fn places(&self, lane: &LaneKey) -> Arc<Semaphore> {
        let gate = lane::destination(lane).and_then(|to| self.gate(&to));
        gate.map_or_else(|| Arc::clone(&self.places), |gate| gate.places)
    }

    /// Lanes that the store says have work now. Those that are ready later come up by themselves.
    async fn look(&self, schedule: &mut Schedule) -> Vec<LaneReady> {
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
