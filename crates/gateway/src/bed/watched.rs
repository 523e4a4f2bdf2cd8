//! A real store that is watched, and made to fail on demand.

mod passing;

use std::sync::{
    Condvar, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use session::id::{ConversationKey, Number, SessionId, Timestamp};
use store::{
    Answer, AuditMark, AuditRow, BootId, Changes, Claim, ConversationId, ConversationRow,
    DeadLetter, EntryRow, LaneKey, LaneReady, Leftovers, Numbers, OutboxId, Person, RepeatKey,
    Resolved, SessionRow, Sight, Store, StoreError, Target, Transaction, Waiting,
    sqlite::SqliteStore,
};
use tempfile::TempDir;
use tokio::sync::Notify;

/// What the watched store does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// Refuses every transaction, as on a full disk.
    Full,
    /// Panics where this conversation is saved.
    PanicsAt(ConversationId),
    /// Cannot read conversations and their logs.
    Unreadable,
    /// Whoever looks for lanes finds none.
    NoLanes,
    /// Keeps records of the audit trail and says that it did not.
    KeepsAndFails,
}

/// A store that counts what it commits, fails on demand and can be made to wait before a commit.
pub(crate) struct Watched {
    pub(super) inner: SqliteStore,
    commits: AtomicUsize,
    refusals: AtomicUsize,
    looks: AtomicUsize,
    counts: AtomicUsize,
    fault: Mutex<Fault>,
    held: Mutex<bool>,
    released: Condvar,
    arrived: Notify,
}

impl Watched {
    pub(crate) fn open(dir: &TempDir) -> Self {
        Self {
            inner: SqliteStore::open(dir.path()).unwrap(),
            commits: AtomicUsize::new(0),
            refusals: AtomicUsize::new(0),
            looks: AtomicUsize::new(0),
            counts: AtomicUsize::new(0),
            fault: Mutex::new(Fault::None),
            held: Mutex::new(false),
            released: Condvar::new(),
            arrived: Notify::new(),
        }
    }

    pub(crate) fn commits(&self) -> usize {
        self.commits.load(Ordering::SeqCst)
    }

    /// How often somebody looked for lanes with work.
    pub(crate) fn looks(&self) -> usize {
        self.looks.load(Ordering::SeqCst)
    }

    /// How often somebody counted what waits.
    pub(crate) fn counts(&self) -> usize {
        self.counts.load(Ordering::SeqCst)
    }

    /// How often a full disk refused a transaction.
    pub(crate) fn refusals(&self) -> usize {
        self.refusals.load(Ordering::SeqCst)
    }

    pub(crate) fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    fn fault(&self) -> Fault {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn readable(&self) -> Result<(), StoreError> {
        match self.fault() {
            Fault::Unreadable => Err(StoreError::Database("disk error".into())),
            Fault::None
            | Fault::Full
            | Fault::PanicsAt(_)
            | Fault::NoLanes
            | Fault::KeepsAndFails => Ok(()),
        }
    }

    /// From now on commits wait until [`Watched::release`].
    pub(crate) fn hold(&self) {
        *self.held.lock().unwrap() = true;
    }

    /// Waits until a transaction stands before its commit.
    pub(crate) async fn stands_before_commit(&self) {
        self.arrived.notified().await;
    }

    pub(crate) fn release(&self) {
        *self.held.lock().unwrap() = false;
        self.released.notify_all();
    }

    fn before_commit(&self) {
        let held = self.held.lock().unwrap();
        if *held {
            self.arrived.notify_one();
            drop(self.released.wait_while(held, |held| *held).unwrap());
        }
    }
}

impl Store for Watched {
    fn transact(
        &self,
        work: &mut dyn FnMut(&mut dyn Transaction) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let fault = self.fault();
        self.inner.transact(&mut |tx| {
            work(&mut WatchedTransaction { inner: tx, fault })?;
            self.before_commit();
            if fault == Fault::Full {
                self.refusals.fetch_add(1, Ordering::SeqCst);
                Err(StoreError::Database("disk full".into()))
            } else {
                Ok(())
            }
        })?;
        self.commits.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn begin_audit(&self, key: (&str, &[u8]), head: &AuditMark) -> Result<(), StoreError> {
        self.before_commit();
        if self.fault() == Fault::Full {
            return Err(StoreError::Database("disk full".into()));
        }
        self.inner.begin_audit(key, head)
    }

    fn append_audit(&self, rows: &[AuditRow], head: &AuditMark) -> Result<(), StoreError> {
        self.before_commit();
        if self.fault() == Fault::Full {
            return Err(StoreError::Database("disk full".into()));
        }
        self.inner.append_audit(rows, head)?;
        match self.fault() {
            Fault::KeepsAndFails => Err(StoreError::Database("disk error".into())),
            Fault::None | Fault::Full | Fault::PanicsAt(_) | Fault::Unreadable | Fault::NoLanes => {
                Ok(())
            }
        }
    }

    fn cut_audit(&self, mark: &AuditMark) -> Result<usize, StoreError> {
        self.inner.cut_audit(mark)
    }

    fn count_dead_letters(&self, sight: &Sight) -> Result<usize, StoreError> {
        self.inner.count_dead_letters(sight)
    }

    fn dead_letter(
        &self,
        effect: OutboxId,
        sight: &Sight,
    ) -> Result<Option<DeadLetter>, StoreError> {
        self.inner.dead_letter(effect, sight)
    }

    fn take_over(&self, boot: BootId) -> Result<(), StoreError> {
        self.inner.take_over(boot)
    }

    fn conversation(&self, key: &ConversationKey) -> Result<Option<ConversationRow>, StoreError> {
        self.inner.conversation(key)
    }

    fn is_taken(&self, key: &ConversationKey) -> Result<bool, StoreError> {
        self.inner.is_taken(key)
    }

    fn conversation_by_id(
        &self,
        id: ConversationId,
    ) -> Result<Option<ConversationRow>, StoreError> {
        self.readable()?;
        self.inner.conversation_by_id(id)
    }

    fn entries_after(
        &self,
        conversation: ConversationId,
        after: Number,
        limit: usize,
    ) -> Result<Vec<EntryRow>, StoreError> {
        self.readable()?;
        self.inner.entries_after(conversation, after, limit)
    }

    fn entries_upto(
        &self,
        conversation: ConversationId,
        upto: Number,
        limit: usize,
    ) -> Result<Vec<EntryRow>, StoreError> {
        self.readable()?;
        self.inner.entries_upto(conversation, upto, limit)
    }

    fn session(&self, id: &SessionId, sight: &Sight) -> Result<Option<SessionRow>, StoreError> {
        self.inner.session(id, sight)
    }

    fn open_sessions(
        &self,
        sight: &Sight,
        after: Option<&SessionId>,
        limit: usize,
    ) -> Result<Vec<SessionRow>, StoreError> {
        self.inner.open_sessions(sight, after, limit)
    }

    fn waiting_effects(
        &self,
        conversation: ConversationId,
        session: &SessionId,
        limit: usize,
    ) -> Result<Vec<Waiting>, StoreError> {
        self.inner.waiting_effects(conversation, session, limit)
    }

    fn lanes(&self, limit: usize) -> Result<Vec<LaneReady>, StoreError> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        if self.fault() == Fault::NoLanes { Ok(Vec::new()) } else { self.inner.lanes(limit) }
    }

    fn due(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(ConversationId, Timestamp)>, StoreError> {
        self.inner.due(now, limit)
    }

    fn next_deadline(&self) -> Result<Option<Timestamp>, StoreError> {
        self.inner.next_deadline()
    }

    fn dead_letters(&self, sight: &Sight, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        self.inner.dead_letters(sight, limit)
    }

    fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.setting(name)
    }

    fn keep_setting(&self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        self.inner.keep_setting(name, value)
    }

    fn supersede(&self, name: &str, value: &[u8], what: Leftovers) -> Result<(), StoreError> {
        self.inner.supersede(name, value, what)
    }

    fn settings(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.inner.settings(prefix)
    }

    fn replace_setting(&self, name: &str, before: &[u8], value: &[u8]) -> Result<bool, StoreError> {
        self.inner.replace_setting(name, before, value)
    }

    fn sweep(&self, repeats_before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.inner.sweep(repeats_before, limit)
    }

    fn placed_as(
        &self,
        conversation: ConversationId,
        number: Number,
    ) -> Result<Option<Box<str>>, StoreError> {
        self.inner.placed_as(conversation, number)
    }

    fn placed_entry(
        &self,
        conversation: ConversationId,
        placed_as: &str,
    ) -> Result<Option<Number>, StoreError> {
        self.inner.placed_entry(conversation, placed_as)
    }

    fn forget_placed(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.inner.forget_placed(before, limit)
    }

    fn numbers(&self) -> Result<Numbers, StoreError> {
        self.counts.fetch_add(1, Ordering::SeqCst);
        self.readable()?;
        self.inner.numbers()
    }

    fn ping(&self) -> Result<(), StoreError> {
        self.inner.ping()
    }
}

struct WatchedTransaction<'a> {
    inner: &'a mut dyn Transaction,
    fault: Fault,
}

impl Transaction for WatchedTransaction<'_> {
    fn resolve(&mut self, targets: &[&Target]) -> Result<Vec<Option<Resolved>>, StoreError> {
        self.inner.resolve(targets)
    }

    fn repeats(
        &mut self,
        keys: &[(ConversationId, RepeatKey)],
    ) -> Result<Vec<Option<Answer>>, StoreError> {
        self.inner.repeats(keys)
    }

    fn holder(&mut self, person: &Person) -> Result<Option<SessionId>, StoreError> {
        self.inner.holder(person)
    }

    fn waiting(&mut self, lane: &LaneKey, limit: usize) -> Result<usize, StoreError> {
        self.inner.waiting(lane, limit)
    }

    fn save(&mut self, changes: &Changes) -> Result<(), StoreError> {
        if let Fault::PanicsAt(id) = self.fault {
            let touched = changes.conversations.iter().any(|change| change.id == id);
            assert!(!touched, "the test's own panic");
        }
        self.inner.save(changes)
    }

    fn claim(
        &mut self,
        lanes: &[LaneKey],
        boot: BootId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Claim>, StoreError> {
        self.inner.claim(lanes, boot, now, until)
    }
}
