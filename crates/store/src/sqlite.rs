//! The store in two SQLite files: the keys of segments are in one of their own (`keys`).
//!
//! One connection writes, behind a lock; one folds the write-ahead log in beside it; a few others
//! only read. A commit is on the disk when `transact` returns: the write-ahead log is synced each
//! time, and one transaction per batch makes that cheap.
//!
//! A data directory belongs to one process: a lock on a file of its own keeps a second one out, and
//! the kernel releases it however the process ends. Leases therefore never outlive their process,
//! and [`Store::take_over`](crate::Store::take_over) voids them all.
//!
//! What the store can do is in `use_cases`, `retention` (shredding and forgetting), `scrubbing` (what was deleted is
//! gone from the files), `resealing` and `audit`. The
//! SQL stands beside the functions that use it: `conversations`, `standing`, `log`, `sessions`, `repeats`,
//! `outbox`, `placed`, `dead_letters`, `settings`, `audit`, `retention`, `forgetting`, `resealing`. The tables are
//! described in `migrations/sqlite`.
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
mod scrubbing;
mod sessions;
mod settings;
mod standing;
mod transaction;
mod use_cases;
mod varint;

#[cfg(test)]
pub(crate) mod tests;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rusqlite::Connection;

use crate::{ConversationId, ConversationRow, SegmentId, StoreError};
pub use audit::AuditBeside;
pub use files::{close_to_others, open_to_others};
pub use peek::{Peek, peek};

use checkpointer::Checkpointer;
use files::Both;
use hot::{Hot, JOURNAL_RECORDS_MAX};
use keys::Keys;
use log::End;
use readers::{Reader, Readers};
use repeats::Round;
use standing::Standing;

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
    /// Held by who scrubs.
    scrubbing: Mutex<()>,
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
            scrubbing: Mutex::new(()),
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

/// The newest segment that the database knows; zero if there is none.
fn newest_segment(writer: &Connection) -> Result<i64, StoreError> {
    Ok(writer.query_row("SELECT ifnull(max(id), 0) FROM segment", [], |row| row.get(0))?)
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
