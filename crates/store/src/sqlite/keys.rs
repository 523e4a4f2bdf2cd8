//! The wrapped keys of segments, in a file of their own.
//!
//! Who copies `warmline.db` for a backup copies nothing that was shredded later: without its key an entry
//! opens for nobody. So the keys are not in that file, and this one is left out of ordinary backups.
//!
//! Two files cannot be committed at once, so their order matters:
//!
//! ```text
//!   a new segment:  key durable here ──► entries durable there ──► answered
//!   shredding:      marked there ──► key gone here, and from its write-ahead log ──► bytes emptied there
//! ```
//!
//! Killed in between, there is a key that nobody needs, or a segment that nobody writes to any more and whose
//! shredding goes on with the next sweep; never an entry that was acknowledged and cannot be read. A new segment costs one more fsync, once for
//! a live chat or a day of talk.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::column::limited;
use super::{connect, scrubbing};
use crate::{Resealed, Segment, SegmentId, StoreError};

/// The version of this file's tables.
const VERSION: i64 = 1;

/// Keys copied in one transaction when an older store's come here.
const COPIED_AT_ONCE: i64 = 10_000;

/// A row that could not be cleared out of the write-ahead log because somebody read.
#[derive(Debug, thiserror::Error)]
#[error("readers keep the write-ahead log of the keys from being emptied; it is tried again")]
struct Unemptied;

/// Segments that are looked at for their keys at a start: some milliseconds.
const LOOKED_AT_MAX: i64 = 10_000;

/// It is a database of something else, for instance a copy of `warmline.db`.
#[derive(Debug, thiserror::Error)]
#[error("it is a database, but not one of keys")]
struct AnotherDatabase;

/// The connection that writes keys. Whoever holds the store's writer may ask for it, never the other way
/// round.
pub(super) struct Keys(Mutex<Connection>);

impl Keys {
    /// Opens the file, which must exist.
    pub(super) fn open(file: &Path) -> Result<Self, StoreError> {
        let connection = connect::keys_writer(file)?;
        let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found > 0 && !connection.table_exists(None, "segment_key")? {
            return Err(StoreError::Database(Box::new(AnotherDatabase)));
        }
        if found > VERSION {
            return Err(StoreError::FromTheFuture { found, known: VERSION });
        }
        if found < VERSION {
            connection.execute_batch(&format!(
                "BEGIN IMMEDIATE; {} PRAGMA user_version = {VERSION}; COMMIT;",
                include_str!("../../migrations/keys/0001_start.sql")
            ))?;
        }
        empty_log(&connection)?;
        Ok(Self(Mutex::new(connection)))
    }

    /// A poisoned lock is fine: what was begun is rolled back by whoever begins next.
    pub(super) fn lock(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over the keys of a database that still has its own. Begun again, it does the same.
    pub(super) fn take_over(&self, database: &Connection) -> Result<(), StoreError> {
        let mut keys = self.lock();
        let mut select = database.prepare(
            "SELECT id, wrapped_key FROM segment WHERE wrapped_key IS NOT NULL AND id > ?1
             ORDER BY id LIMIT ?2",
        )?;
        let mut after = i64::MIN;
        loop {
            let rows = select.query_map([after, COPIED_AT_ONCE], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
            })?;
            let rows = rows.collect::<Result<Vec<_>, _>>()?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = *last;
            let transaction = keys.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for (id, wrapped) in &rows {
                transaction
                    .prepare_cached(
                        "INSERT INTO segment_key (id, wrapped) VALUES (?1, ?2)
                         ON CONFLICT (id) DO UPDATE SET wrapped = excluded.wrapped",
                    )?
                    .execute(params![id, wrapped])?;
            }
            transaction.commit()?;
        }
    }

    /// Sees to it that no id up to this one is given: the file may be a new one beside an old database.
    pub(super) fn begin_after(&self, newest: i64) -> Result<(), StoreError> {
        let keys = self.lock();
        let given: Option<i64> = keys
            .query_row("SELECT seq FROM sqlite_sequence WHERE name = 'segment_key'", [], |row| {
                row.get(0)
            })
            .optional()?;
        if given.is_some_and(|given| given >= newest) || newest <= 0 {
            return Ok(());
        }
        // The table of sequences takes values, but SQLite makes the row itself: a row that comes and goes.
        keys.execute_batch(&format!(
            "BEGIN IMMEDIATE;
             INSERT INTO segment_key (id, wrapped) VALUES ({newest}, x'')
                 ON CONFLICT (id) DO NOTHING;
             DELETE FROM segment_key WHERE id = {newest} AND wrapped = x'';
             COMMIT;"
        ))?;
        Ok(())
    }

    /// Replaces keys that still are what they were, and tells which.
    pub(super) fn replace<'r>(
        &self,
        resealed: &'r [Resealed],
    ) -> Result<Vec<&'r Resealed>, StoreError> {
        let mut keys = self.lock();
        let transaction = keys.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut replaced = Vec::with_capacity(resealed.len());
        for one in resealed {
            let done = transaction
                .prepare_cached(
                    "UPDATE segment_key SET wrapped = ?3 WHERE id = ?1 AND wrapped = ?2",
                )?
                .execute(params![one.row, one.before, one.after])?;
            replaced.extend((done == 1).then_some(one));
        }
        transaction.commit()?;
        Ok(replaced)
    }

    /// What was replaced is not in the write-ahead log any more; false if somebody read for so long.
    pub(super) fn empty_log(&self, within: Duration) -> Result<bool, StoreError> {
        scrubbing::empty_log(&self.lock(), within)
    }

    /// Forgets keys: when this returns they are neither in the file nor in its write-ahead log.
    pub(super) fn forget(&self, segments: &[SegmentId]) -> Result<(), StoreError> {
        let mut keys = self.lock();
        let transaction = keys.transaction_with_behavior(TransactionBehavior::Immediate)?;
        delete(&transaction, segments)?;
        transaction.commit()?;
        empty_log(&keys)
    }
}

/// The keys as a transaction of the store uses them: locked when it first needs them, and until it ends. Keys
/// that it adds are undone unless they are committed.
pub(super) struct KeysInUse<'k> {
    keys: &'k Keys,
    locked: Option<MutexGuard<'k, Connection>>,
    added: Vec<SegmentId>,
}

impl<'k> KeysInUse<'k> {
    pub(super) fn new(keys: &'k Keys) -> Self {
        Self { keys, locked: None, added: Vec::new() }
    }

    /// To look keys up.
    pub(super) fn connection(&mut self) -> &Connection {
        self.locked.get_or_insert_with(|| self.keys.lock())
    }

    /// Adds a key, and says which segment it is for.
    pub(super) fn add(&mut self, wrapped: &[u8]) -> Result<Segment, StoreError> {
        if self.added.is_empty() {
            self.connection().execute_batch("BEGIN IMMEDIATE")?;
        }
        let mut insert =
            self.connection().prepare_cached("INSERT INTO segment_key (wrapped) VALUES (?1)")?;
        let id = SegmentId(insert.insert([wrapped])?);
        drop(insert);
        self.added.push(id);
        Ok(Segment { id, wrapped_key: Arc::from(wrapped) })
    }

    /// Makes what was added durable, and names it: to be forgotten again should the store not commit.
    pub(super) fn commit(mut self) -> Result<Vec<SegmentId>, StoreError> {
        if !self.added.is_empty() {
            self.connection().execute_batch("COMMIT")?;
        }
        Ok(std::mem::take(&mut self.added))
    }

    fn undo(&self) {
        if let Some(keys) = &self.locked
            && !keys.is_autocommit()
        {
            // If it fails, the next begin on this connection does, and says so.
            keys.execute_batch("ROLLBACK").ok();
        }
    }
}

impl Drop for KeysInUse<'_> {
    fn drop(&mut self) {
        self.undo();
    }
}

/// Forgets keys that a transaction added and whose entries were never committed. Left behind they would
/// only be of no use, so trouble is nobody's.
pub(super) fn unused(keys: &Keys, added: &[SegmentId]) {
    delete(&keys.lock(), added).ok();
}

fn delete(keys: &Connection, segments: &[SegmentId]) -> Result<(), StoreError> {
    let mut delete = keys.prepare_cached("DELETE FROM segment_key WHERE id = ?1")?;
    for segment in segments {
        delete.execute([segment.0])?;
    }
    Ok(())
}

/// An error of opening the file, with its name and what to do where the file itself is what is wrong.
pub(super) fn told(file: &Path, error: StoreError) -> StoreError {
    match error {
        StoreError::Database(source) if is_no_file_of_keys(&*source) => {
            StoreError::Keys { path: file.display().to_string(), source }
        }
        error => error,
    }
}

fn is_no_file_of_keys(error: &(dyn std::error::Error + 'static)) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    let broken = |error: &rusqlite::Error| {
        matches!(error.sqlite_error_code(), Some(NotADatabase | DatabaseCorrupt))
    };
    error.is::<AnotherDatabase>() || error.downcast_ref().is_some_and(broken)
}

/// How many of the newest segments that were not shredded have no key.
pub(super) fn missing(database: &Connection, keys: &Connection) -> Result<u64, StoreError> {
    let mut select = database
        .prepare_cached("SELECT id FROM segment WHERE shredded = 0 ORDER BY id DESC LIMIT ?1")?;
    let mut find = keys.prepare_cached("SELECT 1 FROM segment_key WHERE id = ?1")?;
    let mut rows = select.query([LOOKED_AT_MAX])?;
    let mut missing = 0;
    while let Some(row) = rows.next()? {
        missing += u64::from(!find.exists([row.get::<_, i64>(0)?])?);
    }
    Ok(missing)
}

/// The same of the files in a directory, beside whoever has them open.
pub(super) fn missing_beside(database: &Connection, file: &Path) -> Result<u64, StoreError> {
    if file.metadata().is_ok_and(|file| file.len() > 0) {
        let looked = connect::reader(file).and_then(|keys| {
            // It is written with its first key.
            if keys.table_exists(None, "segment_key")? {
                return missing(database, &keys);
            }
            Err(StoreError::Database(Box::new(AnotherDatabase)))
        });
        return looked.map_err(|error| told(file, error));
    }
    let none = Connection::open_in_memory()?;
    none.execute_batch("CREATE TABLE segment_key (id INTEGER PRIMARY KEY)")?;
    missing(database, &none)
}

/// The key of a segment; none if it was shredded.
pub(super) fn find(keys: &Connection, id: SegmentId) -> Result<Option<Segment>, StoreError> {
    let mut select = keys.prepare_cached("SELECT wrapped FROM segment_key WHERE id = ?1")?;
    let wrapped: Option<Vec<u8>> = select.query_row([id.0], |row| row.get(0)).optional()?;
    Ok(wrapped.map(|wrapped| Segment { id, wrapped_key: Arc::from(wrapped) }))
}

/// The segments of the next keys after this one, in their order.
pub(super) fn page(
    keys: &Connection,
    after: SegmentId,
    limit: usize,
) -> Result<Vec<SegmentId>, StoreError> {
    let mut select =
        keys.prepare_cached("SELECT id FROM segment_key WHERE id > ?1 ORDER BY id LIMIT ?2")?;
    let found =
        select.query_map(params![after.0, limited(limit)], |row| row.get(0).map(SegmentId))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Keys that do not begin with `head`, in the order of their segments after `after`.
pub(super) fn unlike(
    keys: &Connection,
    head: &[u8],
    after: i64,
    limit: usize,
) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
    let mut select = keys.prepare_cached(
        "SELECT id, wrapped
         FROM segment_key
         WHERE id > ?1 AND substr(wrapped, 1, length(?2)) <> ?2
         ORDER BY id
         LIMIT ?3",
    )?;
    let found = select
        .query_map(params![after, head, limited(limit)], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// How many there are.
pub(super) fn count_unlike(keys: &Connection, head: &[u8]) -> Result<u64, StoreError> {
    let mut count = keys.prepare_cached(
        "SELECT count(*) FROM segment_key WHERE substr(wrapped, 1, length(?1)) <> ?1",
    )?;
    let count: i64 = count.query_row([head], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

/// Writes everything into the file and cuts the write-ahead log to nothing: what was deleted is in
/// neither then.
fn empty_log(keys: &Connection) -> Result<(), StoreError> {
    let busy: i64 = keys.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy == 0 { Ok(()) } else { Err(StoreError::Database(Box::new(Unemptied))) }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::os::unix::fs::PermissionsExt;

    use crate::StoreError;
    use crate::sqlite::{SqliteStore, close_to_others, open_to_others, peek};

    #[test]
    fn a_file_that_is_none_of_keys_is_named_with_what_to_do() {
        type Spoil = fn(&std::path::Path);
        let spoils: [Spoil; 3] = [
            |dir| std::fs::write(dir.join("keys.db"), "no database".repeat(400)).unwrap(),
            |dir| {
                std::fs::copy(dir.join("warmline.db"), dir.join("keys.db")).unwrap();
            },
            |dir| {
                std::fs::remove_file(dir.join("keys.db")).unwrap();
                std::fs::create_dir(dir.join("keys.db")).unwrap();
            },
        ];
        for (at, spoil) in spoils.iter().enumerate() {
            let dir = tempfile::tempdir().unwrap();
            drop(SqliteStore::open(dir.path()).unwrap());
            spoil(dir.path());
            let refused = SqliteStore::open(dir.path()).err().unwrap();
            assert!(matches!(refused, StoreError::Keys { .. }), "{at}: {refused:?}");
            let words = refused.to_string();
            assert!(words.contains("keys.db cannot") && words.contains("newest copy"), "{words}");
            assert!(refused.source().is_some());
            // As it says: moved away, all is well.
            std::fs::rename(dir.path().join("keys.db"), dir.path().join("away")).unwrap();
            SqliteStore::open(dir.path()).unwrap();
        }
    }

    #[test]
    fn segments_whose_keys_are_gone_are_counted() {
        let dir = tempfile::tempdir().unwrap();
        drop(SqliteStore::open(dir.path()).unwrap());
        let without = || peek(dir.path(), "").unwrap().unwrap().without_key;
        assert_eq!(without(), 0);
        let database = rusqlite::Connection::open(dir.path().join("warmline.db")).unwrap();
        database
            .execute_batch(
                "INSERT INTO conversation (id) VALUES (1);
                 INSERT INTO segment (id, conversation, shredded)
                 VALUES (1, 1, 0), (2, 1, 0), (3, 1, 1), (4, 1, 2);",
            )
            .unwrap();
        drop(database);
        let keys = rusqlite::Connection::open(dir.path().join("keys.db")).unwrap();
        keys.execute_batch("INSERT INTO segment_key (id, wrapped) VALUES (1, x'00')").unwrap();
        drop(keys);
        assert_eq!(without(), 1);
        let store = SqliteStore::open(dir.path()).unwrap();
        assert_eq!(store.segments_without_key().unwrap(), 1);
        drop(store);
        std::fs::remove_file(dir.path().join("keys.db")).unwrap();
        assert_eq!(without(), 2, "gone");
        std::fs::write(dir.path().join("keys.db"), "").unwrap();
        assert_eq!(without(), 2, "emptied");
        let store = SqliteStore::open(dir.path()).unwrap();
        assert_eq!(store.segments_without_key().unwrap(), 2);
    }

    #[test]
    fn files_that_others_may_read_are_closed_to_them() {
        let dir = tempfile::tempdir().unwrap();
        let _store = SqliteStore::open(dir.path()).unwrap();
        assert!(open_to_others(dir.path()).is_empty());
        for name in ["warmline.db", "keys.db", "warmline.db-wal"] {
            let open = std::fs::Permissions::from_mode(0o644);
            std::fs::set_permissions(dir.path().join(name), open).unwrap();
        }
        assert_eq!(open_to_others(dir.path()).len(), 3);
        assert!(close_to_others(dir.path()).is_empty());
        assert!(open_to_others(dir.path()).is_empty());
    }
}
