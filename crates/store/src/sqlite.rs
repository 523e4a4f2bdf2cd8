//! The store in two SQLite files: the keys of segments are in one of their own (`keys`).
//!
//! One connection writes, behind a lock; one folds the write-ahead log in beside it; a few others
//! only read. A commit is on the disk when `transact` returns: the write-ahead log is synced each
//! time, and one transaction per batch makes that cheap.
//!
//! A data directory belongs to one process: a lock on a file of its own keeps a second one out, and
//! the kernel releases it however the process ends. Leases therefore never outlive their process,
//! and [`Store::take_over`] voids them all.
//!
//! The SQL stands beside the functions that use it: `conversations`, `standing`, `log`, `sessions`,
//! `repeats`, `outbox`, `placed`, `dead_letters`, `settings`, `audit`, `retention`, `forgetting`. The tables are described in `migrations/sqlite`.
//! Where a conversation stands is in memory (`hot`) and in a journal before it is in its row.

mod audit;
mod checkpointer;
mod column;
mod connect;
mod conversations;
mod dead_letters;
mod files;
mod folding;
mod forgetting;
mod hot;
mod journal;
mod keys;
mod log;
mod migrate;
mod numbers;
mod outbox;
mod peek;
mod placed;
mod readers;
mod recent;
mod repeats;
mod resealing;
mod retention;
mod sessions;
mod settings;
mod standing;
mod transaction;
mod varint;

#[cfg(test)]
pub(crate) mod tests;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rusqlite::{Connection, TransactionBehavior};
use session::id::{ConversationKey, Number, SessionId, TenantId, Timestamp};

use crate::{
    AuditMark, AuditRow, AuditSource, Began, BootId, ConversationId, ConversationRow, DeadLetter,
    EntryRow, Forgotten, LaneReady, Numbers, OldSegment, OutboxId, Resealed, SealedKind,
    SealedPage, SegmentId, SessionRow, Store, StoreError, Transaction, Waiting, Whose, Words,
};
pub use audit::AuditBeside;
pub use files::{close_to_others, open_to_others};
pub use peek::{Peek, peek};

use checkpointer::Checkpointer;
use files::Both;
use forgetting::Thorough;
use hot::{Hot, JOURNAL_RECORDS_MAX};
use keys::Keys;
use log::End;
use readers::{Reader, Readers};
use repeats::Round;
use standing::Standing;
use transaction::SqliteTransaction;

/// The named values of the installation whose names begin with `prefix`, in the order of their names:
/// read beside whoever has the store in `dir` open, without its lock. Nothing where there is no
/// store. Blocks.
pub fn settings_beside(dir: &Path, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    connect::require_safe_sqlite()?;
    match files::database_in(dir) {
        Some(file) => settings::beginning(&connect::reader(&file)?, prefix),
        None => Ok(Vec::new()),
    }
}

/// Segments whose entries are emptied in one go; each is found by its key.
const SEGMENTS_EMPTIED_AT_ONCE: usize = 64;

/// A store in SQLite files; see the module's page.
// The fields are dropped in this order: the writer must be the last connection to close, because
// only then does SQLite fold the write-ahead log into the file; the lock goes last of all.
pub struct SqliteStore {
    checkpointer: Checkpointer,
    readers: Readers,
    writer: Mutex<Connection>,
    keys: Keys,
    /// Changed by whoever holds the writer, and after the commit only.
    hot: RwLock<Hot>,
    sweeping: Mutex<Round>,
    /// The key that was looked at last.
    keys_swept: Mutex<SegmentId>,
    files: Both,
    _lock: files::Lock,
}

impl SqliteStore {
    /// Opens the store in `dir`, which is made (mode 0700) if it does not exist, and brings its
    /// tables up to date.
    ///
    /// Errors: [`StoreError::InUse`] when it is open already, in this process or another;
    /// [`StoreError::UnsafeSqlite`], [`StoreError::FromTheFuture`], [`StoreError::Files`] and
    /// [`StoreError::Database`] as their names say.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Self::open_with(dir, JOURNAL_RECORDS_MAX)
    }

    fn open_with(dir: &Path, journal_records_max: usize) -> Result<Self, StoreError> {
        connect::require_safe_sqlite()?;
        let (files, lock) = files::claim(dir)?;
        let keys = Keys::open(&files.keys).map_err(|error| keys::told(&files.keys, error))?;
        let mut writer = connect::writer(&files.database, &keys)?;
        keys.begin_after(newest_segment(&writer)?)?;
        let mut hot = Hot::new(journal_records_max);
        hot.folded(folding::fold_journal(&mut writer, &keys)?);
        let readers = Readers::open(&files)?;
        Ok(Self {
            checkpointer: Checkpointer::start(&files.database)?,
            readers,
            writer: Mutex::new(writer),
            keys,
            hot: RwLock::new(hot),
            sweeping: Mutex::new(Round::default()),
            keys_swept: Mutex::new(SegmentId(0)),
            files,
            _lock: lock,
        })
    }

    /// How many of the newest segments were not shredded and have no key: what was said in them is gaps, because
    /// the file of keys was lost, emptied or is another's. Counts so many at most. Blocks.
    pub fn segments_without_key(&self) -> Result<u64, StoreError> {
        self.read(|reader| keys::missing(reader, &reader.keys))
    }

    /// The writing connection. A poisoned lock is fine: whoever panicked was rolled back on the
    /// way out, so the connection is as clean as before.
    fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing in it can be left half done, so a poisoned lock is fine.
    fn hot(&self) -> RwLockReadGuard<'_, Hot> {
        self.hot.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn hot_mut(&self) -> RwLockWriteGuard<'_, Hot> {
        self.hot.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings every row to where its conversation stands.
    fn fold(&self, writer: &mut Connection) -> Result<(), StoreError> {
        let newest = folding::fold_memory(writer, &self.hot())?;
        self.hot_mut().folded(newest);
        Ok(())
    }

    /// The end of a conversation's log, where memory knows it. To be asked before the read begins:
    /// what memory has was committed, so the read sees it.
    fn end(&self, conversation: ConversationId) -> Option<End> {
        self.hot().standing(conversation).map(|standing| standing.end)
    }

    fn standing(
        &self,
        reader: &Reader,
        id: ConversationId,
    ) -> Result<Option<ConversationRow>, StoreError> {
        if let Some(standing) = self.hot().standing(id) {
            return Ok(Some(standing.row()));
        }
        Ok(Standing::load(reader, &reader.keys, id)?.as_ref().map(Standing::row))
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&Reader) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        work(&self.readers.borrow())
    }
}

impl AuditSource for SqliteStore {
    fn audit_after(&self, after: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError> {
        self.read(|reader| audit::after(reader, after, limit))
    }

    fn audit_upto(&self, upto: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError> {
        self.read(|reader| audit::upto(reader, upto, limit))
    }

    fn audit_head(&self) -> Result<Option<AuditMark>, StoreError> {
        self.read(|reader| audit::head(reader))
    }

    fn audit_cut(&self) -> Result<Option<AuditMark>, StoreError> {
        self.read(|reader| audit::cut_mark(reader))
    }
}

impl SqliteStore {
    /// Nobody writes to these segments any more; their keys are still there.
    fn mark_shredded(&self, segments: &[SegmentId]) -> Result<usize, StoreError> {
        let mut writer = self.writer();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let marked = retention::mark(&transaction, segments)?;
        transaction.commit()?;
        self.hot_mut().shredded(segments);
        Ok(marked)
    }

    /// Nobody finds these conversations any more; the keys of their segments are still there.
    fn begin_forgetting(
        &self,
        conversations: &[ConversationId],
        dead_before: Option<Timestamp>,
    ) -> Result<(Forgotten, Vec<SegmentId>), StoreError> {
        let mut writer = self.writer();
        // What the journal says of them is to go as well, so it is folded in first.
        self.fold(&mut writer)?;
        let thorough = Thorough::begin(&writer)?;
        let transaction = writer.unchecked_transaction()?;
        let (mut forgotten, mut segments) = (Forgotten::default(), Vec::new());
        let mut begun = Vec::new();
        for id in conversations {
            if let Some(before) = dead_before
                && !retention::is_dead(&transaction, &self.hot(), *id, before)?
            {
                continue;
            }
            let (more, theirs) = forgetting::begin(&transaction, &self.hot(), *id)?;
            begun.extend((more.conversations == 1).then_some(*id));
            forgotten += more;
            segments.extend(theirs);
        }
        forgetting::empty_journal(&transaction)?;
        transaction.commit()?;
        drop(thorough);
        self.hot_mut().forget(&begun);
        self.checkpointer.committed();
        Ok((forgotten, segments))
    }

    /// One short transaction of its own.
    fn in_short<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut writer = self.writer();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        self.checkpointer.committed();
        Ok(done)
    }
}

/// The newest segment that the database knows; zero if there is none.
fn newest_segment(writer: &Connection) -> Result<i64, StoreError> {
    Ok(writer.query_row("SELECT ifnull(max(id), 0) FROM segment", [], |row| row.get(0))?)
}

impl Store for SqliteStore {
    fn transact(
        &self,
        work: &mut dyn FnMut(&mut dyn Transaction) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut writer = self.writer();
        // Dropped without a commit, by an error or a panic, it rolls back.
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut steps = SqliteTransaction::new(&transaction, &self.keys, self.hot());
        work(&mut steps)?;
        let (handover, added) = steps.finish()?;
        transaction.commit().inspect_err(|_| keys::unused(&self.keys, &added))?;
        self.hot_mut().take(handover);
        self.checkpointer.committed();
        Ok(())
    }

    fn take_over(&self, _boot: BootId) -> Result<(), StoreError> {
        let mut writer = self.writer();
        self.fold(&mut writer)?;
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        outbox::void_leases(&transaction)?;
        conversations::take_up_again(&transaction)?;
        Ok(transaction.commit()?)
    }

    fn conversation(&self, key: &ConversationKey) -> Result<Option<ConversationRow>, StoreError> {
        self.read(|reader| match conversations::id_of(reader, key)? {
            Some(id) => self.standing(reader, id),
            None => Ok(None),
        })
    }

    fn is_taken(&self, key: &ConversationKey) -> Result<bool, StoreError> {
        self.read(|reader| conversations::is_taken(reader, key))
    }

    fn conversation_by_id(
        &self,
        id: ConversationId,
    ) -> Result<Option<ConversationRow>, StoreError> {
        self.read(|reader| self.standing(reader, id))
    }

    fn entries_after(
        &self,
        conversation: ConversationId,
        after: Number,
        limit: usize,
    ) -> Result<Vec<EntryRow>, StoreError> {
        let end = self.end(conversation);
        self.read(|reader| log::entries_after(reader, conversation, end, after, limit))
    }

    fn entries_upto(
        &self,
        conversation: ConversationId,
        upto: Number,
        limit: usize,
    ) -> Result<Vec<EntryRow>, StoreError> {
        let end = self.end(conversation);
        self.read(|reader| log::entries_upto(reader, conversation, end, upto, limit))
    }

    fn session(&self, id: &SessionId) -> Result<Option<SessionRow>, StoreError> {
        if let Some(session) = self.hot().session(id) {
            return Ok(Some((**session).clone()));
        }
        self.read(|reader| sessions::by_id(reader, id))
    }

    fn open_sessions(
        &self,
        after: Option<&SessionId>,
        limit: usize,
    ) -> Result<Vec<SessionRow>, StoreError> {
        self.read(|reader| sessions::open(reader, after, limit))
    }

    fn waiting_effects(
        &self,
        conversation: ConversationId,
        session: &SessionId,
        limit: usize,
    ) -> Result<Vec<Waiting>, StoreError> {
        self.read(|reader| outbox::of_session(reader, conversation, session, limit))
    }

    fn lanes(&self, limit: usize) -> Result<Vec<LaneReady>, StoreError> {
        self.read(|reader| outbox::lanes(reader, limit))
    }

    fn due(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(ConversationId, Timestamp)>, StoreError> {
        self.read(|reader| conversations::due(reader, &self.hot(), now, limit))
    }

    fn next_deadline(&self) -> Result<Option<Timestamp>, StoreError> {
        let earliest = Timestamp(i64::MAX);
        let next = self.read(|reader| conversations::due(reader, &self.hot(), earliest, 1))?;
        Ok(next.first().map(|(_, at)| *at))
    }

    fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        self.read(|reader| dead_letters::newest(reader, limit))
    }

    fn dead_letters_of(
        &self,
        tenants: &[TenantId],
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        self.read(|reader| dead_letters::newest_of(reader, tenants, limit))
    }

    fn count_dead_letters_of(&self, tenants: &[TenantId]) -> Result<usize, StoreError> {
        self.read(|reader| dead_letters::count_of(reader, tenants))
    }

    fn dead_letter(&self, effect: OutboxId) -> Result<Option<DeadLetter>, StoreError> {
        self.read(|reader| dead_letters::by_effect(reader, effect))
    }

    fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|reader| settings::find(reader, name))
    }

    fn keep_setting(&self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        settings::keep(&self.writer(), name, value)
    }

    fn settings(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.read(|reader| settings::beginning(reader, prefix))
    }

    fn replace_setting(&self, name: &str, before: &[u8], value: &[u8]) -> Result<bool, StoreError> {
        settings::replace(&self.writer(), name, before, value)
    }

    fn sealed_unlike(
        &self,
        kind: SealedKind,
        head: &[u8],
        after: i64,
        limit: usize,
    ) -> Result<SealedPage, StoreError> {
        let hot = |id| self.hot().standing(id).cloned();
        self.read(|reader| match resealing::Table::of(kind) {
            None if kind == SealedKind::SegmentKey => {
                resealing::segment_keys(reader, head, after, limit)
            }
            Some(table) => table.page(reader, head, after, limit),
            None => resealing::states(reader, hot, head, after, limit),
        })
    }

    fn count_unlike(&self, kind: SealedKind, head: &[u8]) -> Result<u64, StoreError> {
        self.read(|reader| match resealing::Table::of(kind) {
            None if kind == SealedKind::SegmentKey => keys::count_unlike(&reader.keys, head),
            Some(table) => table.count(reader, head),
            None => {
                let rows = resealing::rows_of_states(reader, head)?;
                // Not before: nobody may commit while memory is looked at.
                Ok(resealing::count_states(&self.hot(), &rows, head))
            }
        })
    }

    fn reseal(&self, kind: SealedKind, resealed: &[Resealed]) -> Result<usize, StoreError> {
        let mut writer = self.writer();
        if kind == SealedKind::SegmentKey {
            let replaced = self.keys.replace(resealed)?;
            resealing::rewrapped(&mut self.hot_mut(), &replaced);
            return Ok(replaced.len());
        }
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let Some(table) = resealing::Table::of(kind) else {
            let mut steps = SqliteTransaction::new(&transaction, &self.keys, self.hot());
            let mut replaced = 0;
            for one in resealed {
                replaced += usize::from(steps.reseal(one)?);
            }
            let (handover, _) = steps.finish()?;
            transaction.commit()?;
            self.hot_mut().take(handover);
            self.checkpointer.committed();
            return Ok(replaced);
        };
        let replaced = table.replace(&transaction, resealed)?;
        transaction.commit()?;
        self.checkpointer.committed();
        Ok(replaced.len())
    }

    fn append_audit(&self, rows: &[AuditRow], head: &AuditMark) -> Result<(), StoreError> {
        audit::append(&mut self.writer(), rows, head)
    }

    fn cut_audit(&self, mark: &AuditMark) -> Result<usize, StoreError> {
        audit::cut(&mut self.writer(), mark)
    }

    fn old_segments(
        &self,
        tenant: &TenantId,
        words: Words,
        before: Timestamp,
        after: Began,
        limit: usize,
    ) -> Result<Vec<OldSegment>, StoreError> {
        let of = (tenant, words);
        self.read(|reader| retention::old_segments(reader, &self.hot(), of, before, after, limit))
    }

    fn shred(&self, segments: &[SegmentId]) -> Result<usize, StoreError> {
        let marked = self.mark_shredded(segments)?;
        self.keys.forget(segments)?;
        Ok(marked)
    }

    fn empty_shredded(&self, limit: usize) -> Result<usize, StoreError> {
        let segments = self.read(|reader| retention::marked(reader, SEGMENTS_EMPTIED_AT_ONCE))?;
        if segments.is_empty() {
            return Ok(0);
        }
        // Whoever marked them may have been killed before their keys went.
        self.keys.forget(&segments)?;
        let mut writer = self.writer();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let emptied = retention::empty(&transaction, &self.hot(), &segments, limit)?;
        transaction.commit()?;
        self.checkpointer.committed();
        Ok(emptied.max(1))
    }

    fn forget_ended(
        &self,
        tenant: &TenantId,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let mut writer = self.writer();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (sessions, letters) = retention::forget_ended(&transaction, tenant, before, limit)?;
        transaction.commit()?;
        self.hot_mut().forget_sessions(&sessions);
        Ok(sessions.len() + letters)
    }

    fn dead_conversations(
        &self,
        before: Timestamp,
        after: Began,
        limit: usize,
    ) -> Result<(Vec<ConversationId>, Option<Began>), StoreError> {
        self.read(|reader| retention::dead_conversations(reader, &self.hot(), before, after, limit))
    }

    fn conversations_of(
        &self,
        whose: &Whose,
        after: ConversationId,
        limit: usize,
    ) -> Result<Vec<ConversationRow>, StoreError> {
        self.read(|reader| {
            let ids = forgetting::of_person(reader, whose, after, limit)?;
            let rows = ids.into_iter().map(|id| self.standing(reader, id));
            Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
        })
    }

    fn sessions_of(
        &self,
        id: ConversationId,
        after: Option<&SessionId>,
        limit: usize,
    ) -> Result<Vec<SessionRow>, StoreError> {
        self.read(|reader| sessions::of_conversation(reader, id, after, limit))
    }

    fn open_session_of(&self, id: ConversationId) -> Result<Option<SessionId>, StoreError> {
        self.read(|reader| forgetting::open_session(reader, id))
    }

    fn forget(
        &self,
        conversations: &[ConversationId],
        dead_before: Option<Timestamp>,
    ) -> Result<Forgotten, StoreError> {
        let (forgotten, segments) = self.begin_forgetting(conversations, dead_before)?;
        self.keys.forget(&segments)?;
        Ok(forgotten)
    }

    fn forgetting(&self, limit: usize) -> Result<Vec<ConversationId>, StoreError> {
        self.read(|reader| forgetting::begun(reader, limit))
    }

    fn forget_rest(&self, id: ConversationId, limit: usize) -> Result<(u64, bool), StoreError> {
        // Whoever began may have been killed before the keys went.
        self.keys.forget(&self.read(|reader| forgetting::segments_of(reader, id))?)?;
        let writer = self.writer();
        let thorough = Thorough::begin(&writer)?;
        let transaction = writer.unchecked_transaction()?;
        let piece = forgetting::piece(&transaction, &self.hot(), id, limit)?;
        transaction.commit()?;
        drop(thorough);
        self.checkpointer.committed();
        Ok(piece)
    }

    fn scrub(&self) -> Result<bool, StoreError> {
        // Each piece holds the writer up for some milliseconds.
        while self.in_short(forgetting::fill)? {}
        while self.in_short(forgetting::unfill)? {}
        forgetting::empty_log(&self.writer())
    }

    fn sweep_keys(&self, limit: usize) -> Result<(usize, bool), StoreError> {
        let mut swept = self.keys_swept.lock().unwrap_or_else(PoisonError::into_inner);
        let (page, mut unused) = self.read(|reader| {
            let page = keys::page(&reader.keys, *swept, limit)?;
            let unused = retention::without_entries(reader, &page)?;
            Ok((page, unused))
        })?;
        if !unused.is_empty() {
            // A key is durable before its segment is; while we have the writer, nobody is in between. Ids are
            // never given twice, so what is not in use now never will be.
            unused = retention::without_entries(&self.writer(), &unused)?;
            self.keys.forget(&unused)?;
        }
        let over = page.len() < limit;
        *swept = page.last().copied().filter(|_| !over).unwrap_or(SegmentId(0));
        Ok((unused.len(), over))
    }

    fn sweep(&self, repeats_before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let mut round = self.sweeping.lock().unwrap_or_else(PoisonError::into_inner);
        let (old, next) = self.read(|reader| round.find(reader, repeats_before, limit))?;
        if !old.is_empty() {
            let mut writer = self.writer();
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            repeats::forget(&transaction, &old, repeats_before)?;
            transaction.commit()?;
        }
        *round = next;
        Ok(old.len())
    }

    fn placed_as(
        &self,
        conversation: ConversationId,
        number: Number,
    ) -> Result<Option<Box<str>>, StoreError> {
        self.read(|reader| placed::of(reader, conversation, number))
    }

    fn placed_entry(
        &self,
        conversation: ConversationId,
        placed_as: &str,
    ) -> Result<Option<Number>, StoreError> {
        self.read(|reader| placed::entry(reader, conversation, placed_as))
    }

    fn forget_placed(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        placed::forget(&self.writer(), before, limit)
    }

    fn numbers(&self) -> Result<Numbers, StoreError> {
        let bytes = files::bytes(&self.files).map_err(StoreError::Files)?;
        self.read(|reader| numbers::of(reader, bytes))
    }

    fn ping(&self) -> Result<(), StoreError> {
        self.read(|reader| migrate::version(reader).map(|_| ()))
    }
}

impl Drop for SqliteStore {
    /// A file that was closed has everything in its rows: whoever copies it or looks into it finds
    /// them right. If that fails, the next open does it.
    fn drop(&mut self) {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let hot = self.hot.read().unwrap_or_else(PoisonError::into_inner);
        drop(folding::fold_memory(&mut writer, &hot));
    }
}
