//! How long words are kept, and the shredder that sees to it.
//!
//! Log entries are sealed under the key of their segment: a live chat, or the bot talk between two, cut at a
//! day. What is old enough by its tenant's rules is shredded: its files are removed, its key is deleted, and
//! nobody can read it any more, whoever has the master key and whatever copy of the database. Its bytes, the
//! rows of sessions that ended and conversations of which nothing is left go later.
//!
//! ```text
//!   old and needed by nobody ──► its files ──► its key ──► its bytes ──► its session ──► its conversation
//! ```
//!
//! Everything goes in pieces, each a short transaction with a breath after it, beside what users wait for.
//! Killed at any line, the next round goes on: what is gone is gone, what is marked is found again.

mod dead;
mod rest;
mod room;
mod rules;
mod segments;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use session::id::Timestamp;
use store::{Store, StoreError};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use vault::Vault;

pub(crate) use rest::forget_rest;
pub(crate) use rules::Rules;
pub use rules::{KEPT_MIN, Retention};

use crate::{
    clock::Clock,
    current::Current,
    files::{FileError, Files},
    keeping::KeepingError,
    observe::Observer,
    person,
    wakes::Wakes,
};

/// How often a round begins. Words are gone this much later than they may be, at most.
const SHRED_EVERY: Duration = Duration::from_mins(15);

/// Entries whose bytes are given back in one transaction: a few milliseconds.
const ENTRIES_AT_ONCE_MAX: usize = 500;

/// Rows of ended sessions, or of conversations looked at, in one transaction.
const ROWS_AT_ONCE_MAX: usize = 500;

/// Data keys looked at in one go: some milliseconds of reading.
const KEYS_AT_ONCE_MAX: usize = 1_000;

/// Data keys looked at in one round; the next one goes on. Only a kill at the wrong moment, or a copy of the
/// keys that was put back, leaves some that nobody needs.
const KEYS_PER_ROUND_MAX: usize = 50_000;

/// Between two pieces the engine has the store to itself.
const BREATH: Duration = Duration::from_millis(50);

/// Why a piece of a round failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RetentionError {
    /// The store did.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// An entry cannot be read, so what files it has is not known.
    #[error("what is to be shredded cannot be looked through")]
    Keeping(#[from] KeepingError),
    /// A file cannot be removed.
    #[error("a file cannot be removed")]
    Files(#[from] FileError),
}

/// What a round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) segments: usize,
    pub(crate) files: u64,
    pub(crate) entries: usize,
    /// Segments whose entries' room cannot be given back.
    pub(crate) stuck: usize,
    pub(crate) rows: usize,
    pub(crate) conversations: u64,
    /// Keys that opened nothing.
    pub(crate) keys: usize,
}

/// Shreds what is old.
pub(crate) struct Shredder {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) files: Arc<Files>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) clock: Clock,
    pub(crate) observer: Arc<Observer>,
    pub(crate) rules: Arc<Current<Rules>>,
    /// Held while a person is erased.
    pub(crate) erasing: Arc<Mutex<()>>,
    /// Who waits for something in a conversation.
    pub(crate) wakes: Arc<Wakes>,
}

impl Shredder {
    /// Begins a round every quarter of an hour until told to stop; the first soon after the start, which may
    /// have been a long time coming.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut pause = SHRED_EVERY / 15;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            pause = SHRED_EVERY;
            // A piece is never cut; what comes after it may wait for the next start.
            tokio::select! {
                () = stop.cancelled() => return,
                done = self.round() => tell(done),
            }
        }
    }

    /// One round.
    pub(crate) async fn round(&self) -> (Done, Option<RetentionError>) {
        let mut done = Done::default();
        let error = self.pieces(&mut done).await.err();
        (done, error)
    }

    async fn pieces(&self, done: &mut Done) -> Result<(), RetentionError> {
        // Trouble with one part must not keep the others.
        let shredded = self.segments(done).await;
        let emptied = self.room(done).await;
        let ended = self.ended(done).await;
        let dead = self.dead(done).await;
        let silent = self.silent(done).await;
        let rest = self.rest(done).await;
        let keys = self.keys(done).await;
        shredded.and(emptied).and(ended).and(dead).and(silent).and(rest).and(keys)
    }

    /// Forgets sessions and dead letters that are as old as live chats may be.
    async fn ended(&self, done: &mut Done) -> Result<(), RetentionError> {
        for (tenant, retention) in self.rules.get().tenants() {
            let Some(before) = retention.chats_before(self.clock.now()) else { continue };
            loop {
                let tenant = tenant.clone();
                let forget =
                    move |store: &dyn Store| store.forget_ended(&tenant, before, ROWS_AT_ONCE_MAX);
                let forgotten = crate::blocking(&self.store, forget).await?;
                done.rows += forgotten;
                if forgotten < ROWS_AT_ONCE_MAX {
                    break;
                }
                tokio::time::sleep(BREATH).await;
            }
        }
        Ok(())
    }

    /// Forgets keys that nobody needs.
    async fn keys(&self, done: &mut Done) -> Result<(), RetentionError> {
        for _ in 0..KEYS_PER_ROUND_MAX / KEYS_AT_ONCE_MAX {
            let sweep = |store: &dyn Store| store.sweep_keys(KEYS_AT_ONCE_MAX);
            let (forgotten, over) = crate::blocking(&self.store, sweep).await?;
            done.keys += forgotten;
            if over {
                break;
            }
            tokio::time::sleep(BREATH).await;
        }
        Ok(())
    }

    /// Goes on with what was begun to be forgotten, here or by somebody who was killed.
    async fn rest(&self, done: &mut Done) -> Result<(), RetentionError> {
        let (removed, rest) = forget_rest(&self.store, &self.files).await;
        done.entries += usize::try_from(removed.entries).unwrap_or(usize::MAX);
        done.files += removed.files;
        rest.and(person::finish(&self.store, &self.erasing).await)
    }
}

fn tell((done, error): (Done, Option<RetentionError>)) {
    if done != Done::default() {
        tracing::info!(
            retention.segments = done.segments,
            retention.entries = done.entries,
            retention.stuck = done.stuck,
            retention.files = done.files,
            retention.rows = done.rows,
            retention.conversations = done.conversations,
            retention.keys = done.keys,
            "what was kept long enough is shredded"
        );
    }
    if let Some(error) = error {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "what was kept long enough cannot be shredded; it is tried again"
        );
    }
}

impl Retention {
    fn chats_before(&self, now: Timestamp) -> Option<Timestamp> {
        self.keep_chats.map(|kept| before(now, kept))
    }
}

fn before(now: Timestamp, span: Duration) -> Timestamp {
    Timestamp(now.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
}
