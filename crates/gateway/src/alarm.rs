//! The alarm: turns deadlines that have come into events.
//!
//! Deadlines are data; the store knows them. The alarm sleeps until the earliest one or until the
//! engine saved an earlier one, and asks again. Firing one twice, or late, does no harm: the event names
//! the deadline it saw, and a stale one has no effect.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use session::{Event, id::Timestamp};
use store::{ConversationId, Store, StoreError, Target};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    engine::{Arrival, Engine, EngineError},
};

/// Deadlines fired at a time.
const DUE_MAX: usize = 256;

/// The longest sleep: a wall clock that jumps is noticed within it.
const SLEEP_MAX: Duration = Duration::from_secs(30);

/// The shortest sleep: a deadline that cannot be fired does not spin.
const SLEEP_MIN: Duration = Duration::from_millis(20);

/// After the store failed, or a deadline could not be carried out.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct Alarm {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) engine: Engine,
    pub(crate) clock: Clock,
    pub(crate) hint: Arc<Wakeup>,
}

/// How the engine wakes a sleeping alarm: only for a deadline that comes before it would wake by
/// itself, because most commits move a deadline and hardly any makes one earlier.
#[derive(Debug)]
pub(crate) struct Wakeup {
    /// The moment the alarm sleeps until, in milliseconds since 1970; the end of time while it is
    /// awake, so that what is committed behind its back is looked at before it sleeps.
    until: AtomicI64,
    notify: Notify,
}

impl Wakeup {
    /// For an alarm that is awake.
    pub(crate) fn new() -> Self {
        Self { until: AtomicI64::new(i64::MAX), notify: Notify::new() }
    }

    /// A deadline was committed.
    pub(crate) fn deadline(&self, at: Timestamp) {
        if at.0 < self.until.load(Ordering::SeqCst) {
            self.notify.notify_one();
        }
    }

    /// The alarm looks at the store: before the look, or else a deadline that is committed during it
    /// would be measured by the sleep before.
    fn awake(&self) {
        self.until.store(i64::MAX, Ordering::SeqCst);
    }

    /// Waits until there is an earlier deadline than `until`, or one was committed since
    /// [`Wakeup::awake`].
    pub(crate) async fn earlier_than(&self, until: Timestamp) {
        self.until.store(until.0, Ordering::SeqCst);
        self.notify.notified().await;
    }
}

/// What became of a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fired {
    /// The engine took it.
    Taken,
    /// It may come up again; not at once.
    NotYet,
}

impl Alarm {
    pub(crate) async fn run(self, stop: CancellationToken) {
        loop {
            self.hint.awake();
            let sleep = match self.fire().await {
                Ok(sleep) => sleep,
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "deadlines cannot be read"
                    );
                    PAUSE
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.hint.earlier_than(self.clock.now().after(sleep)) => {}
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }

    /// Fires what is due and tells how long to sleep.
    async fn fire(&self) -> Result<Duration, StoreError> {
        let now = self.clock.now();
        let due = self.read(move |store| store.due(now, DUE_MAX)).await?;
        let all = due.len() < DUE_MAX;
        let fired = join_all(due.into_iter().map(|(id, at)| self.fire_one(id, at))).await;
        if fired.contains(&Fired::NotYet) {
            return Ok(PAUSE);
        }
        if !all {
            return Ok(SLEEP_MIN);
        }
        let next = self.read(<dyn Store>::next_deadline).await?;
        let sleep = next.map_or(SLEEP_MAX, |next| next.since(self.clock.now()));
        Ok(sleep.clamp(SLEEP_MIN, SLEEP_MAX))
    }

    async fn fire_one(&self, conversation: ConversationId, due: Timestamp) -> Fired {
        let event = Event::Deadline { due };
        let arrival = Arrival::event(Target::Conversation(conversation), event);
        match self.engine.submit(arrival).await {
            Ok(_) => Fired::Taken,
            // What can never be stepped was set aside; the rest is still due at the next look.
            Err(EngineError::Busy | EngineError::Stopping | EngineError::Failed(_)) => {
                Fired::NotYet
            }
            // Erased meanwhile, it has none any more.
            Err(EngineError::NotFound) => Fired::Taken,
            Err(error @ EngineError::Rejected(_)) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    conversation.row = conversation.0,
                    "a deadline was refused"
                );
                Fired::NotYet
            }
        }
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        crate::blocking(&self.store, read).await
    }
}

#[cfg(test)]
mod tests;
