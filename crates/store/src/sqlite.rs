//! The store in one SQLite file.
//!
//! One connection writes and checkpoints, behind a lock; a few others only read. A commit is on the
//! disk when `transact` returns: the write-ahead log is synced each time, and one transaction per
//! batch makes that cheap.
//!
//! A data directory belongs to one process: a lock on a file of its own keeps a second one out, and
//! the kernel releases it however the process ends. Leases therefore never outlive their process,
//! and [`Store::take_over`] voids them all.
//!
//! The SQL stands beside the functions that use it: `conversations`, `standing`, `log`, `sessions`,
//! `repeats`, `outbox`, `dead_letters`, `settings`. The tables are described in `migrations/sqlite`.

mod column;
mod connect;
mod conversations;
mod dead_letters;
mod files;
mod log;
mod migrate;
mod outbox;
mod readers;
mod recent;
mod repeats;
mod sessions;
mod settings;
mod standing;
mod transaction;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, TransactionBehavior};
use session::id::{ConversationKey, Number, SessionId, Timestamp};

use crate::{
    BootId, ConversationId, ConversationRow, DeadLetter, EntryRow, LaneReady, OutboxId, SegmentId,
    SessionRow, Store, StoreError, Transaction,
};
use readers::Readers;
use repeats::Round;
use transaction::SqliteTransaction;

/// A store in one SQLite file; see the module's page.
// The fields are dropped in this order: the writer must be the last connection to close, because
// only then does SQLite fold the write-ahead log into the file; the lock goes last of all.
pub struct SqliteStore {
    readers: Readers,
    writer: Mutex<Connection>,
    sweeping: Mutex<Round>,
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
        connect::require_safe_sqlite()?;
        let (file, lock) = files::claim(dir)?;
        let writer = connect::writer(&file)?;
        let readers = Readers::open(&file)?;
        Ok(Self {
            readers,
            writer: Mutex::new(writer),
            sweeping: Mutex::new(Round::default()),
            _lock: lock,
        })
    }

    /// The writing connection. A poisoned lock is fine: whoever panicked was rolled back on the
    /// way out, so the connection is as clean as before.
    fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        work(&self.readers.borrow())
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
        let mut steps = SqliteTransaction::new(&transaction);
        work(&mut steps)?;
        steps.finish()?;
        Ok(transaction.commit()?)
    }

    fn take_over(&self, _boot: BootId) -> Result<(), StoreError> {
        let mut writer = self.writer();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        outbox::void_leases(&transaction)?;
        conversations::take_up_again(&transaction)?;
        Ok(transaction.commit()?)
    }

    fn conversation(&self, key: &ConversationKey) -> Result<Option<ConversationRow>, StoreError> {
        self.read(|reader| conversations::by_key(reader, key))
    }

    fn conversation_by_id(
        &self,
        id: ConversationId,
    ) -> Result<Option<ConversationRow>, StoreError> {
        self.read(|reader| conversations::by_id(reader, id))
    }

    fn entries_after(
        &self,
        conversation: ConversationId,
        after: Number,
        limit: usize,
    ) -> Result<Vec<EntryRow>, StoreError> {
        self.read(|reader| log::entries_after(reader, conversation, after, limit))
    }

    fn entries_upto(
        &self,
        conversation: ConversationId,
        upto: Number,
        limit: usize,
    ) -> Result<Vec<EntryRow>, StoreError> {
        self.read(|reader| log::entries_upto(reader, conversation, upto, limit))
    }

    fn session(&self, id: &SessionId) -> Result<Option<SessionRow>, StoreError> {
        self.read(|reader| sessions::by_id(reader, id))
    }

    fn open_sessions(
        &self,
        after: Option<&SessionId>,
        limit: usize,
    ) -> Result<Vec<SessionRow>, StoreError> {
        self.read(|reader| sessions::open(reader, after, limit))
    }

    fn lanes(&self, limit: usize) -> Result<Vec<LaneReady>, StoreError> {
        self.read(|reader| outbox::lanes(reader, limit))
    }

    fn due(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(ConversationId, Timestamp)>, StoreError> {
        self.read(|reader| conversations::due(reader, now, limit))
    }

    fn next_deadline(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(conversations::next_deadline)
    }

    fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        self.read(|reader| dead_letters::newest(reader, limit))
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

    fn shred(&self, segment: SegmentId) -> Result<(), StoreError> {
        log::shred(&self.writer(), segment)
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

    fn ping(&self) -> Result<(), StoreError> {
        self.read(|reader| migrate::version(reader).map(|_| ()))
    }
}
