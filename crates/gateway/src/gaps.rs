//! Live chats that may have missed something an agent said: their gaps.
//!
//! ```text
//!            gateway starts, desk answers again         callback with words that were just shown
//!   no gap ────────────────────────────────────► queued ◄─────────────────────┐
//!      ▲                                           │                          │
//!      │                                        filling ── words by callback ─┴► settled ──► no gap
//!      └── nothing was fetched, or given up ───────┘      may still come                 5 s
//! ```
//!
//! The dispatcher fills gaps (`dispatcher/catch_up.rs`). Until a gap is filled what a callback of that
//! chat tells is shown after what was missed, and theirs is the next gap to be filled. A short wait at
//! the edge is enough as a rule. A callback that cannot wait longer is taken in all the same, and its
//! news stands behind the gap in the session ([`session::BehindGap`]) until the fetch is told there, or
//! until it stood there for too long. Chats without a gap pay one look at a counter.
//!
//! Words that come without an id cannot be recognised by one. The instance writes a message down
//! before it calls back (reference 5.2), so once a fetch that began after the callback arrived was
//! told to the session, all of it is shown, and the callback's words must not be shown again. One
//! that began before it settles the matter only if it does not have these words: then they are new.
//! If it has them, they may be new or not, and the next fetch tells.
//!
//! A callback with such words that is let go is under way until it is committed. Nothing is compared
//! before those of its chat are ([`Gaps::compares`]), and none is let go from then on until the gap is
//! closed: what comes meanwhile stands behind the gap, where the next comparison finds it.
//!
//! In memory only: a start opens the gap of every chat again, and what stands behind it is in its
//! session.

mod entry;
mod passing;
mod under_way;

use std::{
    collections::{HashMap, HashSet, VecDeque, hash_map::RandomState},
    hash::BuildHasher,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use session::id::{DeskId, SessionId, TenantId};
use store::{ConversationId, SessionRow, Store, StoreError};
use tokio::{
    sync::{Notify, Semaphore},
    time::Instant,
};

pub(crate) use passing::Passed;

use entry::{Entry, Stage};
use under_way::UnderWay;

/// Gaps at a time. An entry has about 300 bytes; chats beyond are not caught up.
const GAPS_MAX: usize = 100_000;

/// Sessions read from the store at a time.
const SESSIONS_PER_READ: usize = 1_000;

/// How long after a gap was filled callbacks still come with what it was filled with: as long as
/// ServiceNow tries (reference 6).
const SETTLES_FOR: Duration = Duration::from_secs(5);

/// Callbacks that wait at a time, over all gaps; each holds its body. News of others stands behind
/// the gap at once.
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
    /// Counted in with `inner` locked.
    under_way: Arc<UnderWay>,
    /// For words, which are not kept in the clear longer than they must be.
    hashing: RandomState,
}

#[derive(Debug)]
struct Inner {
    entries: HashMap<SessionId, Entry>,
    desks: HashMap<DeskKey, Desk>,
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
    /// Since when a callback waited in vain and no gap was filled. Then no others wait, because an
    /// instance that keeps its messages in order sends the next one only after the answer to this
    /// one, so that every chat's wait would be one of all.
    slow: Option<Instant>,
}

impl Gaps {
    /// No gaps, of these desks.
    pub(crate) fn new(desks: impl IntoIterator<Item = DeskKey>) -> Self {
        let desks = desks.into_iter().map(|desk| (desk, Desk::default())).collect();
        Self {
            count: AtomicUsize::new(0),
            inner: Mutex::new(Inner { entries: HashMap::new(), desks }),
            waiting: Semaphore::new(WAITING_MAX),
            under_way: Arc::default(),
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
            let page =
                store.open_sessions(&store::Sight::ALL, after.as_ref(), SESSIONS_PER_READ)?;
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
        desks.for_each(|(_, desk)| {
            desk.refused = false;
            desk.slow = None;
        });
    }

    /// Opens the gap of a chat; false if there is no room.
    fn open(&self, row: &SessionRow) -> bool {
        let mut inner = self.lock();
        let Inner { entries, desks } = &mut *inner;
        let key = (row.person.tenant.clone(), row.person.desk.clone());
        // A desk that is not configured can neither be asked nor call.
        let Some(desk) = desks.get_mut(&key) else { return true };
        if let Some(entry) = entries.get_mut(&row.id) {
            if entry.stage != Stage::Settled {
                return true;
            }
            entry.stage = Stage::Queued;
            entry.settled_at = None;
        } else if entries.len() >= GAPS_MAX {
            return false;
        } else {
            entries.insert(row.id.clone(), Entry::queued(key, row.conversation));
        }
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

    /// The chat's messages are about to be fetched anew, because words came during the fetch: from now
    /// on callbacks wait for it, also where that was in vain before. Otherwise those of an agent who
    /// speaks without a break would come during this one too.
    pub(crate) fn fetches_anew(&self, gap: &Gap) {
        let mut inner = self.lock();
        let Inner { entries, desks } = &mut *inner;
        let entry = entries.get_mut(&gap.session).filter(|entry| entry.stage == Stage::Comparing);
        let Some(entry) = entry else { return };
        entry.stage = Stage::Filling;
        entry.current.take_if(|fetch| fetch.is_overdue());
        if let Some(desk) = desks.get_mut(&entry.desk) {
            desk.slow = None;
        }
    }

    /// What was fetched is about to be compared with what was shown: from now on no callback whose words
    /// may be in it is let go. Waits for those that were, until they are committed or refused.
    pub(crate) async fn compares(&self, gap: &Gap) {
        if let Some(entry) = self.lock().entries.get_mut(&gap.session)
            && entry.stage == Stage::Filling
        {
            entry.stage = Stage::Comparing;
        }
        self.under_way.none_of(&gap.session).await;
    }

    /// The dispatcher is about to look at what stands behind a gap that it fills: what was put there
    /// before, it sees.
    pub(crate) fn look(&self, gap: &Gap) {
        if let Some(entry) = self.lock().entries.get_mut(&gap.session) {
            entry.again = false;
        }
    }

    /// Once it is closed it is the next to be filled again: nobody could say whether all was told.
    pub(crate) fn again(&self, gap: &Gap) {
        if let Some(entry) = self.lock().entries.get_mut(&gap.session) {
            entry.again = true;
        }
    }

    /// A gap is filled, or given up. `words` are all that agents said in it, now shown; `None` if
    /// nothing was shown. What was put behind it since the last [`Gaps::look`] makes it the next to be
    /// filled again. Gives the moment at which the caller is to [`Gaps::forget`] it, if it is still
    /// needed until then.
    pub(crate) fn close<'a>(
        &self,
        gap: &Gap,
        words: Option<impl IntoIterator<Item = &'a str>>,
    ) -> Option<Instant> {
        let words: Option<HashSet<u64>> =
            words.map(|words| words.into_iter().map(|words| self.hashed(words)).collect());
        let mut inner = self.lock();
        let Inner { entries, desks } = &mut *inner;
        // Otherwise it was opened anew meanwhile, to be filled anew.
        let entry = entries.get_mut(&gap.session).filter(|entry| entry.is_being_filled())?;
        let desk = desks.get_mut(&entry.desk);
        let again = std::mem::take(&mut entry.again);
        let settled_at = match words {
            None => {
                entry.release();
                None
            }
            Some(words) => {
                entry.told(words);
                entry.behind_since = None;
                Some(*entry.settled_at.get_or_insert_with(|| Instant::now() + SETTLES_FOR))
            }
        };
        entry.stage = if again { Stage::Queued } else { Stage::Settled };
        if let Some(desk) = desk {
            if settled_at.is_some() {
                desk.slow = None;
            }
            if again {
                desk.hurry(&gap.session);
            }
        }
        if settled_at.is_none() && !again {
            entries.remove(&gap.session);
            self.count.store(entries.len(), Ordering::Relaxed);
        }
        settled_at
    }

    /// No callback with the words that a gap was filled with comes any more.
    pub(crate) fn forget(&self, gap: &Gap) {
        let mut inner = self.lock();
        let stage = inner.entries.get(&gap.session).map(|entry| entry.stage);
        if stage == Some(Stage::Settled) {
            inner.entries.remove(&gap.session);
        }
        self.count.store(inner.entries.len(), Ordering::Relaxed);
    }

    /// The desk lets nobody read what was missed: all its gaps are given up; those behind which
    /// something stands as soon as they come up. Says whether that is new.
    pub(crate) fn refuse(&self, desk: &DeskKey) -> bool {
        let mut inner = self.lock();
        let Inner { entries, desks } = &mut *inner;
        let Some(refused) = desks.get_mut(desk) else { return false };
        let new = !std::mem::replace(&mut refused.refused, true);
        refused.queue.clear();
        refused.urgent.clear();
        entries.retain(|session, entry| {
            // What is fetched is told all the same.
            if entry.desk != *desk || entry.stage == Stage::Comparing {
                return true;
            }
            entry.release();
            // What stands behind it must be let go of.
            let holds = entry.stage == Stage::Queued && entry.behind_since.is_some();
            if holds {
                refused.hurry(session);
            }
            holds
        });
        self.count.store(entries.len(), Ordering::Relaxed);
        new
    }

    /// Whether this desk was found to refuse.
    pub(crate) fn is_refused(&self, desk: &DeskKey) -> bool {
        self.lock().desks.get(desk).is_some_and(|desk| desk.refused)
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
                && entry.stage == Stage::Queued
            {
                entry.begin();
                return Ok(Gap { session, conversation: entry.conversation });
            }
        }
        Err(Some(Arc::clone(&desk.ready)))
    }
}

impl Desk {
    /// This gap is the next to be filled.
    fn hurry(&mut self, session: &SessionId) {
        self.urgent.push_back(session.clone());
        self.ready.notify_one();
    }
}

#[cfg(test)]
mod tests;
