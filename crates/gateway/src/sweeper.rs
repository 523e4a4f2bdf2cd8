//! The sweeper: forgets repeats that are too old to come again, channels' ids of what was said long
//! ago, and files that were kept long enough.
//!
//! The table of repeats is the one that grows with every message, and nobody else shrinks it. It is
//! swept in slices, each a short transaction of its own, so that the engine waits for none of them
//! for long. Killed at any line, the next round begins again; what is forgotten twice is forgotten.

use std::{sync::Arc, time::Duration};

use store::{Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::{clock::Clock, files::Files, observe::Observer};

/// How long a repeat is recognised. The channels repeat for minutes; a page that slept over night
/// may still send again what it had on its hands.
const REPEATS_FOR: Duration = Duration::from_hours(24);

/// How long a channel's ids for what it shows are known: as long as bots change what they said and
/// users answer a card, and then some.
const PLACED_FOR: Duration = Duration::from_hours(30 * 24);

/// Repeats, or ids of a channel, forgotten in one transaction: a few milliseconds.
const SLICE_MAX: usize = 1_000;

/// How often a round begins.
const SWEEP_EVERY: Duration = Duration::from_mins(5);

/// Between two slices the engine has the store to itself.
const BREATH: Duration = Duration::from_millis(50);

/// Forgets what is too old.
pub(crate) struct Sweeper {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) files: Arc<Files>,
    pub(crate) clock: Clock,
    pub(crate) observer: Arc<Observer>,
}

impl Sweeper {
    /// Sweeps in rounds until told to stop.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut pause = SWEEP_EVERY;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            // Between the slices of one round they are as they were.
            if pause == SWEEP_EVERY {
                self.files().await;
            }
            let full = [self.placed().await, self.repeats().await];
            pause = if full.contains(&true) { BREATH } else { SWEEP_EVERY };
        }
    }

    /// Forgets one slice of repeats; whether there may be more.
    async fn repeats(&self) -> bool {
        match self.slice().await {
            Ok(forgotten) => forgotten >= SLICE_MAX,
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "old repeats cannot be forgotten"
                );
                false
            }
        }
    }

    /// Removes files that were kept long enough.
    async fn files(&self) {
        match self.files.sweep().await {
            Ok(0) => {}
            Ok(files) => tracing::debug!(files, "files were kept long enough"),
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "old files cannot be removed"
            ),
        }
    }

    /// Forgets one slice of channels' ids; whether there may be more.
    async fn placed(&self) -> bool {
        let before = self.before(PLACED_FOR);
        let forget = move |store: &dyn Store| store.forget_placed(before, SLICE_MAX);
        match crate::blocking(&self.store, forget).await {
            Ok(forgotten) => forgotten >= SLICE_MAX,
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a channel's old ids cannot be forgotten"
                );
                false
            }
        }
    }

    fn before(&self, span: Duration) -> session::id::Timestamp {
        let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        session::id::Timestamp(self.clock.now().0.saturating_sub(span))
    }

    /// Forgets one slice and tells how many repeats it had.
    async fn slice(&self) -> Result<usize, StoreError> {
        let before = self.before(REPEATS_FOR);
        let sweep = move |store: &dyn Store| store.sweep(before, SLICE_MAX);
        let forgotten = crate::blocking(&self.store, sweep).await?;
        self.observer.swept(forgotten);
        Ok(forgotten)
    }
}

#[cfg(test)]
mod tests;
