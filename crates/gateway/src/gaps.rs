//! Live chats that may have missed something an agent said: their gaps.
//!
//! ```text
//!                        gateway starts, desk answers again
//!   no gap ──────────────────────────────────────────────────► open ──► being filled ──► no gap
//!                                                               ▲
//!                          a callback waits: this one is next ──┘
//! ```
//!
//! The dispatcher fills gaps (`dispatcher/catch_up.rs`). Until a gap is filled the edge lets
//! callbacks of that chat wait for a moment, so that what was missed is shown before what came
//! after it. Chats without a gap pay one look at a counter.
//!
//! In memory only: a start opens the gap of every chat again. Nothing is decided here but who waits
//! and who is next.

use std::{
    collections::{HashMap, VecDeque, hash_map::RandomState},
    hash::BuildHasher,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use session::{
    News,
    id::{DeskId, SessionId, TenantId},
};
use store::{ConversationId, SessionRow, Store, StoreError};
use tokio::{
    sync::{Notify, Semaphore},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// Gaps at a time. An entry has about 200 bytes; chats beyond are not caught up.
const GAPS_MAX: usize = 100_000;

/// Sessions read from the store at a time.
const SESSIONS_PER_READ: usize = 1_000;

/// How long a gap holds up callbacks, in all: ServiceNow gives up after 5 s (reference 6) and may
/// then abandon the chat, and a gap that cannot be filled must not slow down a talk.
const HOLD_FOR: Duration = Duration::from_secs(2);

/// Callbacks that wait at a time, over all gaps; each holds its body. Others go ahead.
const WAITING_MAX: usize = 4_096;

/// A desk, by its tenant.
pub(crate) type DeskKey = (TenantId, DeskId);

/// A gap to fill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) session: SessionId,
    pub(crate) conversation: ConversationId,
}

/// All gaps.
#[derive(Debug)]
pub(crate) struct Gaps {
    /// How many entries there are. Whoever finds none need not look further.
    count: AtomicUsize,
    inner: Mutex<Inner>,
    waiting: Semaphore,
    /// For words, which are not kept in the clear longer than they must be.
    hashing: RandomState,
}

#[derive(Debug)]
struct Inner {
    entries: HashMap<SessionId, Entry>,
    desks: HashMap<DeskKey, Desk>,
}

#[derive(Debug)]
struct Entry {
    desk: DeskKey,
    conversation: ConversationId,
    stage: Stage,
    /// Since a callback waits: what it waits for, and until when.
    held: Option<(CancellationToken, Instant)>,
}

#[derive(Debug)]
enum Stage {
    /// In its desk's queue.
    Queued,
    Filling,
    /// Filled with words whose callbacks, which carry no ids, may still be under way: hashed.
    Echoing(Vec<u64>),
}

/// What is to be filled from one desk. A session may stand in both queues; who is not
/// [`Stage::Queued`] any more is passed over.
#[derive(Debug, Default)]
struct Desk {
    urgent: VecDeque<SessionId>,
    queue: VecDeque<SessionId>,
    ready: Arc<Notify>,
    /// It does not let us read what was missed.
    refused: bool,
}

impl Gaps {
    /// No gaps, of these desks.
    pub(crate) fn new(desks: impl IntoIterator<Item = DeskKey>) -> Self {
        let desks = desks.into_iter().map(|desk| (desk, Desk::default())).collect();
        Self {
            count: AtomicUsize::new(0),
            inner: Mutex::new(Inner { entries: HashMap::new(), desks }),
            waiting: Semaphore::new(WAITING_MAX),
            hashing: RandomState::new(),
        }
    }

    /// Opens the gaps of all chats that are open: of one desk, or of all. A desk that refused is
    /// asked again. Blocks.
    pub(crate) fn open_all(
        &self,
        store: &dyn Store,
        desk: Option<&DeskKey>,
    ) -> Result<(), StoreError> {
        self.allow(desk);
        let mut after = None;
        loop {
            let page = store.open_sessions(after.as_ref(), SESSIONS_PER_READ)?;
            let of_desk = |row: &&SessionRow| {
                desk.is_none_or(|(tenant, desk)| {
                    row.person.tenant == *tenant && row.person.desk == *desk
                })
            };
            if !page.iter().filter(of_desk).all(|row| self.open(row)) {
                tracing::warn!(limit = GAPS_MAX, "more chats are open than can be caught up");
                return Ok(());
            }
            match page.last() {
                Some(last) if page.len() == SESSIONS_PER_READ => after = Some(last.id.clone()),
                Some(_) | None => return Ok(()),
            }
        }
    }

    fn allow(&self, only: Option<&DeskKey>) {
        let mut inner = self.lock();
        let desks = inner.desks.iter_mut().filter(|(key, _)| only.is_none_or(|only| *key == only));
        desks.for_each(|(_, desk)| desk.refused = false);
    }

    /// Opens the gap of a chat; false if there is no room.
    fn open(&self, row: &SessionRow) -> bool {
        let mut inner = self.lock();
        let Inner { entries, desks } = &mut *inner;
        let key = (row.person.tenant.clone(), row.person.desk.clone());
        // A desk that is not configured can neither be asked nor call.
        let Some(desk) = desks.get_mut(&key) else { return true };
        match entries.get(&row.id).map(|entry| &entry.stage) {
            Some(Stage::Queued | Stage::Filling) => return true,
            None if entries.len() >= GAPS_MAX => return false,
            Some(Stage::Echoing(_)) | None => {}
        }
        let (conversation, stage) = (row.conversation, Stage::Queued);
        entries.insert(row.id.clone(), Entry { desk: key, conversation, stage, held: None });
        desk.queue.push_back(row.id.clone());
        desk.ready.notify_one();
        self.count.store(entries.len(), Ordering::Relaxed);
        true
    }

    /// Waits for the next gap of this desk; those that callbacks wait for come first.
    pub(crate) async fn next(&self, desk: &DeskKey) -> Gap {
        loop {
            let ready = {
                let mut inner = self.lock();
                match inner.pop(desk) {
                    Ok(gap) => return gap,
                    Err(ready) => ready,
                }
            };
            match ready {
                // Only one waits: the hint is kept until then.
                Some(ready) => ready.notified().await,
                None => std::future::pending().await,
            }
        }
    }

    /// A gap is filled, or given up. `told` are the words it was filled with whose callbacks may
    /// still come, without ids; then the caller also calls [`Gaps::forget`], in a while.
    pub(crate) fn close<'a>(&self, gap: &Gap, told: impl IntoIterator<Item = &'a str>) {
        let echoes: Vec<u64> = told.into_iter().map(|words| self.hashed(words)).collect();
        let mut inner = self.lock();
        let Some(entry) = inner.entries.get_mut(&gap.session) else { return };
        if !matches!(entry.stage, Stage::Filling) {
            // Opened anew meanwhile, to be filled anew.
            return;
        }
        entry.release();
        if echoes.is_empty() {
            inner.entries.remove(&gap.session);
        } else {
            entry.stage = Stage::Echoing(echoes);
        }
        self.count.store(inner.entries.len(), Ordering::Relaxed);
    }

    /// No callback with the words that a gap was filled with comes any more.
    pub(crate) fn forget(&self, gap: &Gap) {
        let mut inner = self.lock();
        let echoing = inner.entries.get(&gap.session).map(|entry| &entry.stage);
        if matches!(echoing, Some(Stage::Echoing(_))) {
            inner.entries.remove(&gap.session);
        }
        self.count.store(inner.entries.len(), Ordering::Relaxed);
    }

    /// The desk lets nobody read what was missed: all its gaps are given up. Says whether that is
    /// new.
    pub(crate) fn refuse(&self, desk: &DeskKey) -> bool {
        let mut inner = self.lock();
        let Some(refused) = inner.desks.get_mut(desk) else { return false };
        let new = !std::mem::replace(&mut refused.refused, true);
        refused.queue.clear();
        refused.urgent.clear();
        inner.entries.retain(|_, entry| {
            if entry.desk == *desk {
                entry.release();
            }
            entry.desk != *desk
        });
        self.count.store(inner.entries.len(), Ordering::Relaxed);
        new
    }

    /// Whether this desk was found to refuse.
    pub(crate) fn is_refused(&self, desk: &DeskKey) -> bool {
        self.lock().desks.get(desk).is_some_and(|desk| desk.refused)
    }

    /// Lets a callback wait until the gap of its chat is filled, if it has one, but no longer than
    /// [`HOLD_FOR`]. Gives back its news without what the gap was just filled with.
    pub(crate) async fn pass(&self, session: &SessionId, news: Vec<News>) -> Vec<News> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return news;
        }
        if let Some((filled, until)) = self.hurry(session)
            && let Ok(_place) = self.waiting.try_acquire()
        {
            // Not filled in time: it goes ahead.
            tokio::time::timeout_at(until, filled.cancelled()).await.ok();
        }
        self.without_echoes(session, news)
    }

    /// Puts a gap in front; tells what to wait for.
    fn hurry(&self, session: &SessionId) -> Option<(CancellationToken, Instant)> {
        let mut inner = self.lock();
        let Inner { entries, desks } = &mut *inner;
        let entry = entries.get_mut(session)?;
        match entry.stage {
            Stage::Queued | Stage::Filling => {}
            Stage::Echoing(_) => return None,
        }
        if entry.held.is_none() {
            entry.held = Some((CancellationToken::new(), Instant::now() + HOLD_FOR));
            let desk = desks.get_mut(&entry.desk)?;
            desk.urgent.push_back(session.clone());
            desk.ready.notify_one();
        }
        entry.held.clone().filter(|(_, until)| Instant::now() < *until)
    }

    fn without_echoes(&self, session: &SessionId, mut news: Vec<News>) -> Vec<News> {
        let mut inner = self.lock();
        let stage = inner.entries.get_mut(session).map(|entry| &mut entry.stage);
        let Some(Stage::Echoing(echoes)) = stage else { return news };
        news.retain(|news| {
            // What has an id is recognised by it.
            let News::AgentSaid { said, key: None, .. } = news else { return true };
            let hashed = self.hashed(&said.text);
            let echo = echoes.iter().position(|echo| *echo == hashed);
            echo.map(|place| echoes.swap_remove(place)).is_none()
        });
        news
    }

    fn hashed(&self, words: &str) -> u64 {
        self.hashing.hash_one(words.trim())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change is made whole by code that does not panic half-way.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The next gap of a desk, or what to wait for.
    fn pop(&mut self, desk: &DeskKey) -> Result<Gap, Option<Arc<Notify>>> {
        let desk = self.desks.get_mut(desk).ok_or(None)?;
        while let Some(session) = desk.urgent.pop_front().or_else(|| desk.queue.pop_front()) {
            if let Some(entry) = self.entries.get_mut(&session)
                && matches!(entry.stage, Stage::Queued)
            {
                entry.stage = Stage::Filling;
                return Ok(Gap { session, conversation: entry.conversation });
            }
        }
        Err(Some(Arc::clone(&desk.ready)))
    }
}

impl Entry {
    /// Whoever waits goes on.
    fn release(&self) {
        if let Some((filled, _)) = &self.held {
            filled.cancel();
        }
    }
}

#[cfg(test)]
mod tests;
