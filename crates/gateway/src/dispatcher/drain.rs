//! What a worker does in its lane: claim, perform, record, and again until nothing is left.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use session::{
    Effect, Event, Failure, What,
    id::{Number, Timestamp},
};
use store::{Claim, ConversationId, LaneKey, Reschedule, StoreError, Target, Work};
use tokio_util::sync::CancellationToken;

use crate::{
    dispatcher::{
        Away, Dispatcher, LaneEnd, Leave, PAUSE, Start,
        attempt::{self, Attempt},
        channel_lane::PART_MISSING,
    },
    engine::{Arrival, EngineError, Happening, Outcome, Settled, settled_event},
    keeping::{Keeping, KeepingError},
    observe::Attempted,
    trace::{Context, Delivery},
};

/// A user whose words wait longer than this is told so.
pub(super) const DELAY_TOLD_AFTER: Duration = Duration::from_secs(3);

/// A conversation as an attempt needs it.
pub(super) struct Opened {
    pub(super) key: Arc<session::id::ConversationKey>,
    pub(super) keeping: Arc<Keeping>,
}

/// Conversations that were opened last: what they are found by and the keys that follow from it never
/// change, so a chat that talks needs them read and derived once.
#[derive(Default)]
pub(crate) struct Openings(Mutex<HashMap<ConversationId, Arc<Opened>>>);

/// Conversations kept open, about a kilobyte each.
const OPENINGS_MAX: usize = 8_192;

impl Openings {
    fn of(&self, id: ConversationId) -> Option<Arc<Opened>> {
        self.lock().get(&id).cloned()
    }

    fn keep(&self, id: ConversationId, opened: &Arc<Opened>) {
        let mut openings = self.lock();
        if openings.len() >= OPENINGS_MAX {
            // Rare: then few are met again.
            openings.clear();
        }
        openings.insert(id, Arc::clone(opened));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConversationId, Arc<Opened>>> {
        // Nothing in here can be left half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why an effect cannot be opened.
#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error("its conversation cannot be read")]
    Store(#[from] StoreError),
    #[error("its conversation is gone")]
    Gone,
    #[error(transparent)]
    Keeping(#[from] KeepingError),
}

/// What followed from an attempt.
enum Carried {
    /// To be told to the engine, which takes the effect out of the outbox.
    Report(Box<Arrival>),
    /// Nobody can read it; it leaves the outbox without an event.
    Unreadable(Box<Settled>),
    /// To be attempted again, not before this moment; whether an attempt was made that may have
    /// arrived.
    Again { at: Timestamp, made: bool },
    /// Not attempted: its desk's breaker gave no leave.
    Held(Away),
}

impl Dispatcher {
    /// Carries out a lane's effects, one after the other, until nothing can be done there now.
    pub(super) async fn drain(
        &self,
        lane: &LaneKey,
        with: Start,
        stop: &CancellationToken,
    ) -> LaneEnd {
        let Start { mut leave, place } = with;
        let _place = match place {
            Some(place) => place,
            None => match self.places(lane).acquire_owned().await {
                Ok(place) => place,
                Err(_) => return LaneEnd::Idle,
            },
        };
        if stop.is_cancelled() {
            return LaneEnd::Idle;
        }
        if matches!(leave, Leave::Errand) {
            leave = self.leave(lane).unwrap_or(Leave::Errand);
        }
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
            let errand = matches!(leave, Leave::Errand);
            let next = || self.leave(lane).or_else(|| errand.then_some(Leave::Errand));
            match self.carry_out(&work, leave).await {
                Carried::Report(arrival) if stop.is_cancelled() => {
                    reported(self.engine.submit(*arrival).await);
                    return LaneEnd::Idle;
                }
                // Leave for what follows is asked for before it is leased.
                Carried::Report(arrival) => {
                    let Some(next) = next() else {
                        self.report_only(*arrival, stop).await;
                        return LaneEnd::Away(Away::default());
                    };
                    leave = next;
                    claim = self.report(*arrival, lane, stop).await;
                }
                Carried::Unreadable(settled) => {
                    if self.engine.bury(*settled).await.is_err() {
                        return LaneEnd::At(self.clock.now().after(PAUSE));
                    }
                    let Some(next) = next() else {
                        return LaneEnd::Away(Away::default());
                    };
                    leave = next;
                    claim = self.engine.claim(lane.clone()).await;
                }
                Carried::Again { at, made } => {
                    self.reschedule(&work, at, made, stop).await;
                    return LaneEnd::At(at);
                }
                Carried::Held(away) => {
                    self.reschedule(&work, self.clock.now(), false, stop).await;
                    return LaneEnd::Away(away);
                }
            }
        }
    }

    /// Reports what was carried out and leaves the lane alone. A report that is dropped makes the effect
    /// happen twice, so an engine in trouble is asked until it takes it.
    async fn report_only(&self, arrival: Arrival, stop: &CancellationToken) {
        reported(self.engine.submit_at_last(arrival, stop).await);
    }

    /// Reports what was carried out and leases what follows.
    async fn report(
        &self,
        arrival: Arrival,
        lane: &LaneKey,
        stop: &CancellationToken,
    ) -> Result<Claim, EngineError> {
        let (told, next) = self.engine.report_and_claim(arrival.clone(), lane.clone()).await;
        if told.as_ref().is_err_and(EngineError::passes) {
            self.report_only(arrival, stop).await;
            return self.engine.claim(lane.clone()).await;
        }
        reported(told);
        next
    }

    async fn reschedule(
        &self,
        work: &Work,
        not_before: Timestamp,
        made: bool,
        stop: &CancellationToken,
    ) {
        let again = Reschedule { effect: work.effect, not_before, made };
        loop {
            match self.engine.reschedule(again).await {
                Err(EngineError::Busy) if !stop.is_cancelled() => tokio::time::sleep(PAUSE).await,
                Ok(()) => return,
                Err(error) => {
                    return tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        "an attempt could not be rescheduled; its lease will end"
                    );
                }
            }
        }
    }

    /// One attempt at one effect, and what follows for the outbox.
    async fn carry_out(&self, work: &Work, leave: Leave) -> Carried {
        let began = tokio::time::Instant::now();
        let (opened, effect) = match self.open(work).await {
            Ok(opened) => opened,
            Err(error) => return self.unopened(work, &error),
        };
        let mut trace = self.tracing.delivery(work, effect.what.kind());
        let attempt = match attempt::without_sending(work, self.clock.now()) {
            Some(attempt) => {
                trace.iter_mut().for_each(Delivery::without_attempt);
                attempt
            }
            None => self.attempt(work, &opened, &effect, leave, trace.as_ref()).await,
        };
        let attempt = attempt::within_budget(attempt, work, self.clock.now());
        self.observer.attempted(&Attempted {
            work,
            what: &effect.what,
            tenant: &opened.key.tenant,
            bot: &opened.key.bot,
            outcome: attempt.outcome(),
            code: attempt.code(),
            took: began.elapsed(),
        });
        match &attempt {
            Attempt::Done | Attempt::Placed { .. } => {
                self.acknowledge(work, &opened, &effect.what, None).await;
            }
            Attempt::Failed { failure, .. } => {
                self.acknowledge(work, &opened, &effect.what, Some(failure)).await;
            }
            Attempt::NotYet { .. } | Attempt::Again { .. } => {}
        }
        let whence = trace.as_ref().map(Delivery::context);
        if let Some(trace) = trace {
            trace.ended(attempt.code(), &attempt.came());
        }
        match attempt {
            Attempt::Done => settled(work, effect, (None, None), whence, None),
            Attempt::Placed { number, placed_as } => {
                settled(work, effect, (None, None), whence, Some((number, placed_as)))
            }
            // A user may lack it: somebody has to be able to find out.
            Attempt::Failed { failure: failure @ Failure::Unanswered, code }
                if matches!(effect.what, What::Show { .. }) =>
            {
                settled(work, effect, (Some(failure), Some(code)), whence, None)
            }
            // Whoever sends again what was given up before it sends this again, too.
            Attempt::Failed { failure: failure @ Failure::Struck, code: PART_MISSING } => {
                settled(work, effect, (Some(failure), Some(PART_MISSING)), whence, None)
            }
            // No dead letters: nobody wants them sent.
            Attempt::Failed {
                failure: failure @ (Failure::Struck | Failure::Unanswered), ..
            } => settled(work, effect, (Some(failure), None), whence, None),
            Attempt::Failed { failure, code } => {
                settled(work, effect, (Some(failure), Some(code)), whence, None)
            }
            Attempt::Again { at, made: true, .. } => {
                self.tell_delay(work, effect, at, whence).await;
                Carried::Again { at, made: true }
            }
            Attempt::NotYet { at, .. } => Carried::Again { at, made: false },
            Attempt::Again { at, made: false, .. } => {
                let told = self.tell_delay(work, effect, at, whence).await.then_some(work.effect);
                Carried::Held(Away { told })
            }
        }
    }

    /// The user hears that their words wait, once it is clear that they will have waited noticeably
    /// when they are attempted again. The session tells them once, however often it hears of it. Says
    /// whether that is done with.
    async fn tell_delay(
        &self,
        work: &Work,
        effect: Effect,
        again: Timestamp,
        trace: Option<Context>,
    ) -> bool {
        match effect.what {
            What::Ask { .. }
            | What::Say { .. }
            | What::ToBot { .. }
            | What::TellBot { .. }
            | What::Greet => {}
            What::End { .. } | What::Show { .. } => return true,
        }
        if again.since(work.at) < DELAY_TOLD_AFTER {
            return false;
        }
        let target = Target::Conversation(work.conversation);
        let arrival = Arrival::event(target, Event::Delayed { effect }).traced(trace);
        let told = self.engine.submit(arrival).await.inspect_err(|error| {
            tracing::debug!(error = error as &dyn std::error::Error, "a delay was not told");
        });
        told.is_ok()
    }

    /// An attempt that is never reported, as by a process that is killed after it.
    #[cfg(test)]
    pub(super) async fn attempt_unreported(&self, work: &Work) {
        assert!(matches!(self.carry_out(work, Leave::Free).await, Carried::Report(_)));
    }

    async fn open(&self, work: &Work) -> Result<(Arc<Opened>, Effect), OpenError> {
        let opened = match self.openings.of(work.conversation) {
            Some(opened) => opened,
            None => self.open_conversation(work.conversation).await?,
        };
        let effect = opened.keeping.read_effect(work.number, &work.body)?;
        Ok((opened, effect))
    }

    async fn open_conversation(&self, id: ConversationId) -> Result<Arc<Opened>, OpenError> {
        let row = crate::blocking(&self.store, move |store| store.conversation_by_id(id)).await?;
        let key = row.ok_or(OpenError::Gone)?.key;
        let keeping = Arc::new(Keeping::new(&self.vault, &key)?);
        let opened = Arc::new(Opened { key, keeping });
        self.openings.keep(id, &opened);
        Ok(opened)
    }

    /// A store in trouble loses nothing: the effect comes again. What cannot be read within its budget,
    /// or ever, is given up.
    fn unopened(&self, work: &Work, error: &OpenError) -> Carried {
        tracing::error!(
            error = error as &dyn std::error::Error,
            effect.row = work.effect.0,
            "an effect cannot be read"
        );
        let now = self.clock.now();
        match error {
            OpenError::Store(_) if now < work.expires_at => {
                Carried::Again { at: attempt::next(work, now, None), made: true }
            }
            OpenError::Store(_) | OpenError::Gone | OpenError::Keeping(_) => {
                let settled =
                    Settled { work: work.clone(), dead: Some("unreadable"), placed: None };
                Carried::Unreadable(Box::new(settled))
            }
        }
    }
}

fn settled(
    work: &Work,
    effect: Effect,
    (failure, dead): (Option<Failure>, Option<&'static str>),
    trace: Option<Context>,
    placed: Option<(Number, Box<str>)>,
) -> Carried {
    Carried::Report(Box::new(Arrival {
        target: Target::Conversation(work.conversation),
        happening: Happening::Event(settled_event(effect, failure)),
        settles: Some(Settled { work: work.clone(), dead, placed }),
        placed_as: None,
        masked: false,
        trace,
    }))
}

fn reported(told: Result<Outcome, EngineError>) {
    if let Err(error) = told {
        // Not lost: either it was set aside as a dead letter, or the lease ends and the effect is
        // carried out once more.
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "a delivery could not be reported"
        );
    }
}
