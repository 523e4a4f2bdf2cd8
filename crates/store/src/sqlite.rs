//! The store in one SQLite file.
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
//! `repeats`, `outbox`, `placed`, `dead_letters`, `settings`, `audit`. The tables are described in `migrations/sqlite`.
//! Where a conversation stands is in memory (`hot`) and in a journal before it is in its row.

mod audit;
mod checkpointer;
mod column;
mod connect;
mod conversations;
mod dead_letters;
mod files;
mod folding;
mod hot;
mod journal;
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
mod sessions;
mod settings;
mod standing;
mod transaction;
mod varint;

#[cfg(test)]
pub(crate) mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rusqlite::{Connection, TransactionBehavior};
use session::id::{ConversationKey, Number, SessionId, TenantId, Timestamp};

use crate::{
    AuditMark, AuditRow, AuditSource, BootId, ConversationId, ConversationRow, DeadLetter,
    EntryRow, LaneReady, Numbers, OutboxId, Resealed, SealedKind, SealedPage, SegmentId,
    SessionRow, Store, StoreError, Transaction, Waiting,
};
pub use audit::AuditBeside;
pub use peek::{Peek, peek};

use checkpointer::Checkpointer;
use hot::{Hot, JOURNAL_RECORDS_MAX};
use log::End;
use readers::Readers;
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

/// A store in one SQLite file; see the module's page.
// The fields are dropped in this order: the writer must be the last connection to close, because
// only then does SQLite fold the write-ahead log into the file; the lock goes last of all.
pub struct SqliteStore {
    checkpointer: Checkpointer,
    readers: Readers,
    writer: Mutex<Connection>,
    /// Changed by whoever holds the writer, and after the commit only.
    hot: RwLock<Hot>,
    sweeping: Mutex<Round>,
    file: PathBuf,
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
        let (file, lock) = files::claim(dir)?;
        let mut writer = connect::writer(&file)?;
        let mut hot = Hot::new(journal_records_max);
        hot.folded(folding::fold_journal(&mut writer)?);
        let readers = Readers::open(&file)?;
        Ok(Self {
            checkpointer: Checkpointer::start(&file)?,
            readers,
            writer: Mutex::new(writer),
            hot: RwLock::new(hot),
            sweeping: Mutex::new(Round::default()),
            file,
            _lock: lock,
        })
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
        reader: &Connection,
        id: ConversationId,
    ) -> Result<Option<ConversationRow>, StoreError> {
        if let Some(standing) = self.hot().standing(id) {
            return Ok(Some(standing.row()));
        }
        Ok(Standing::load(reader, id)?.as_ref().map(Standing::row))
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        work(&self.readers.borrow())
    }
}

impl AuditSource for SqliteStore {
    fn audit_after(&self, after: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError> {
        self.read(|reader| audit::after(reader, after, limit))
    }

    fn audit_head(&self) -> Result<Option<AuditMark>, StoreError> {
        self.read(audit::head)
    }

    fn audit_cut(&self) -> Result<Option<AuditMark>, StoreError> {
        self.read(audit::cut_mark)
    }
}

impl Store for SqliteStore {
    fn transact(
        &self,
        work: &mut dyn FnMut(&mut dyn Transaction) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut writer = self.writer();
        // Dropped without a commit, by an error or a panic, it rolls back.
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut steps = SqliteTransaction::new(&transaction, self.hot());
        work(&mut steps)?;
        let handover = steps.finish()?;
        transaction.commit()?;
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
            Some(table) => table.page(reader, head, after, limit),
            None => resealing::states(reader, hot, head, after, limit),
        })
    }

    fn count_unlike(&self, kind: SealedKind, head: &[u8]) -> Result<u64, StoreError> {
        self.read(|reader| match resealing::Table::of(kind) {
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
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let Some(table) = resealing::Table::of(kind) else {
            let mut steps = SqliteTransaction::new(&transaction, self.hot());
            let mut replaced = 0;
            for one in resealed {
                replaced += usize::from(steps.reseal(one)?);
            }
            let handover = steps.finish()?;
            transaction.commit()?;
            self.hot_mut().take(handover);
            self.checkpointer.committed();
            return Ok(replaced);
        };
        let replaced = table.replace(&transaction, resealed)?;
        transaction.commit()?;
        if kind == SealedKind::SegmentKey {
            resealing::rewrapped(&mut self.hot_mut(), &replaced);
        }
        self.checkpointer.committed();
        Ok(replaced.len())
    }

    fn append_audit(&self, rows: &[AuditRow], head: &AuditMark) -> Result<(), StoreError> {
        audit::append(&mut self.writer(), rows, head)
    }

    fn cut_audit(&self, mark: &AuditMark) -> Result<usize, StoreError> {
        audit::cut(&mut self.writer(), mark)
    }

    fn shred(&self, segment: SegmentId) -> Result<(), StoreError> {
        let writer = self.writer();
        log::shred(&writer, segment)?;
        self.hot_mut().shredded(segment);
        Ok(())
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
        let bytes = files::bytes(&self.file).map_err(StoreError::Files)?;
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
