//! One gap: where it stands, and the fetches that callbacks wait for.

use std::{
    collections::HashSet,
    sync::{Arc, OnceLock},
    time::Duration,
};

use store::ConversationId;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::gaps::DeskKey;

/// How long a fetch holds up callbacks, however many: ServiceNow gives up after 5 s (reference 6)
/// and may then abandon the chat, and a gap that cannot be filled must not slow down a talk.
pub(super) const HOLD_FOR: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) desk: DeskKey,
    pub(super) conversation: ConversationId,
    pub(super) stage: Stage,
    /// Who waits for the fetch that is queued or under way.
    pub(super) current: Option<Arc<Fetch>>,
    /// Who waits for the one after it.
    pub(super) next: Option<Arc<Fetch>>,
    /// When it stops to settle; known once it was filled.
    pub(super) settled_at: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// In its desk's queue.
    Queued,
    Filling,
    /// Filled; callbacks with what it was filled with may still come.
    Settled,
}

/// A fetch that callbacks wait for.
#[derive(Debug)]
pub(super) struct Fetch {
    done: CancellationToken,
    /// The agents' words in it, hashed, once they were all told.
    words: OnceLock<HashSet<u64>>,
    /// Nobody waits longer.
    until: Instant,
}

/// What came of waiting for a fetch.
pub(super) enum Waited<'a> {
    /// These words of agents are shown, hashed.
    Shown(&'a HashSet<u64>),
    /// It was given up.
    Released,
    /// Its time ran out.
    InVain,
}

impl Entry {
    /// A gap that waits to be filled.
    pub(super) fn queued(desk: DeskKey, conversation: ConversationId) -> Self {
        let (current, next, settled_at) = (None, None, None);
        Self { desk, conversation, stage: Stage::Queued, current, next, settled_at }
    }

    /// The fetch that is queued or under way.
    pub(super) fn current(&mut self) -> Arc<Fetch> {
        Arc::clone(self.current.get_or_insert_with(|| Fetch::until(Instant::now() + HOLD_FOR)))
    }

    /// The fetch after the one that is under way. It holds up nobody longer than that one.
    pub(super) fn next(&mut self) -> Arc<Fetch> {
        let until = self.current().until;
        Arc::clone(self.next.get_or_insert_with(|| Fetch::until(until)))
    }

    /// Whoever waits goes on.
    pub(super) fn release(&self) {
        for fetch in self.current.iter().chain(&self.next) {
            fetch.done.cancel();
        }
    }
}

impl Fetch {
    fn until(until: Instant) -> Arc<Self> {
        Arc::new(Self { done: CancellationToken::new(), words: OnceLock::new(), until })
    }

    /// It was told to the session, with these words of agents, hashed.
    pub(super) fn told(&self, words: HashSet<u64>) {
        // Only this sets it, and once.
        self.words.set(words).ok();
        self.done.cancel();
    }

    /// Waits until the words of agents in it are shown.
    pub(super) async fn shown(&self) -> Waited<'_> {
        if tokio::time::timeout_at(self.until, self.done.cancelled()).await.is_err() {
            return Waited::InVain;
        }
        self.words.get().map_or(Waited::Released, Waited::Shown)
    }
}
