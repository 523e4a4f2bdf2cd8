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

/// How long a fetch holds up callbacks, however many: most are done by then, and what comes after need
/// not stand behind the gap. ServiceNow gives up after 5 s (reference 6), those included that a caller
/// waited for a start of ours, and may then abandon the chat.
pub(super) const HOLD_FOR: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) desk: DeskKey,
    pub(super) conversation: ConversationId,
    pub(super) stage: Stage,
    /// Fetches that began so far.
    pub(super) began: u64,
    /// Who waits for the fetch that is queued or under way.
    pub(super) current: Option<Arc<Fetch>>,
    /// When it stops to settle; known once it was filled.
    pub(super) settled_at: Option<Instant>,
    /// What it was filled with last.
    pub(super) shown: Option<Arc<Shown>>,
    /// Since when news stands behind it.
    pub(super) behind_since: Option<Instant>,
    /// News stands behind it that whoever fills it may not have seen.
    pub(super) again: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// In its desk's queue.
    Queued,
    /// It is being fetched.
    Filling,
    /// It is fetched, and being compared and told.
    Comparing,
    /// Filled; callbacks with what it was filled with may still come.
    Settled,
}

/// What a fetch has shown.
#[derive(Debug)]
pub(super) struct Shown {
    /// Which fetch of its gap this was, counted from one.
    pub(super) fetch: u64,
    /// All words of agents in it, hashed.
    pub(super) words: HashSet<u64>,
}

/// A fetch that callbacks wait for.
#[derive(Debug)]
pub(super) struct Fetch {
    done: CancellationToken,
    /// Known once all of it was told.
    shown: OnceLock<Arc<Shown>>,
    /// Nobody waits longer.
    until: Instant,
}

/// What came of waiting for a fetch.
pub(super) enum Waited {
    /// This is shown.
    Shown(Arc<Shown>),
    /// It was given up.
    Released,
    /// Its time ran out.
    InVain,
}

impl Entry {
    /// A gap that waits to be filled.
    pub(super) fn queued(desk: DeskKey, conversation: ConversationId) -> Self {
        Self {
            desk,
            conversation,
            stage: Stage::Queued,
            began: 0,
            current: None,
            settled_at: None,
            shown: None,
            behind_since: None,
            again: false,
        }
    }

    /// Its fetch begins.
    pub(super) fn begin(&mut self) {
        self.stage = Stage::Filling;
        self.began += 1;
    }

    /// Whether somebody is to close it.
    pub(super) fn is_being_filled(&self) -> bool {
        matches!(self.stage, Stage::Filling | Stage::Comparing)
    }

    /// The fetch that is queued or under way.
    pub(super) fn current(&mut self) -> Arc<Fetch> {
        Arc::clone(self.current.get_or_insert_with(|| Fetch::until(Instant::now() + HOLD_FOR)))
    }

    /// The fetch under way has shown these words of agents, hashed.
    pub(super) fn told(&mut self, words: HashSet<u64>) {
        let shown = Arc::new(Shown { fetch: self.began, words });
        if let Some(fetch) = self.current.take() {
            // Only this sets it, and once.
            fetch.shown.set(Arc::clone(&shown)).ok();
            fetch.done.cancel();
        }
        self.shown = Some(shown);
    }

    /// Whether what it was filled with has none of these words.
    pub(super) fn has_none_of(&self, words: &[u64]) -> bool {
        self.shown.as_ref().is_none_or(|shown| !shown.has_any(words))
    }

    /// Whoever waits goes on.
    pub(super) fn release(&mut self) {
        if let Some(fetch) = self.current.take() {
            fetch.done.cancel();
        }
    }
}

impl Shown {
    /// Whether it has one of these words.
    pub(super) fn has_any(&self, words: &[u64]) -> bool {
        words.iter().any(|words| self.words.contains(words))
    }
}

impl Fetch {
    fn until(until: Instant) -> Arc<Self> {
        Arc::new(Self { done: CancellationToken::new(), shown: OnceLock::new(), until })
    }

    /// Whether nobody waits for it any more.
    pub(super) fn is_overdue(&self) -> bool {
        self.until <= Instant::now()
    }

    /// Waits until what is in it is shown, but no longer than this.
    pub(super) async fn shown(&self, no_longer_than: Instant) -> Waited {
        let until = self.until.min(no_longer_than);
        if tokio::time::timeout_at(until, self.done.cancelled()).await.is_err() {
            return Waited::InVain;
        }
        self.shown.get().map_or(Waited::Released, |shown| Waited::Shown(Arc::clone(shown)))
    }
}
