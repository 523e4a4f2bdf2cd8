//! Connections and how they are set up.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::keys::Keys;
use super::migrate;
use crate::StoreError;

/// Before this version a checkpoint that raced a commit could lose what was acknowledged.
const SAFE_SQLITE: (i32, &str) = (3_051_003, "3.51.3");

/// Nobody else writes, so nothing is ever busy for long: only a checkpoint that meets a reader.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// More than there are statements, so that none is ever prepared twice.
const STATEMENTS_KEPT: usize = 64;

/// What the writer may keep of the file in memory, in KiB: the inner pages of every tree and the
/// leaves of the conversations that talk, with room to spare.
const WRITER_CACHE_KIB: i64 = 32 * 1024;

/// What each reader may keep, in KiB. The operating system has the rest.
const READER_CACHE_KIB: i64 = 4 * 1024;

/// A page is written whole for each row that changes. Pages of 2 KiB would spare the disk, which works
/// in 4 KiB anyway, a tenth of the bytes, but need a third more calls; 8 KiB writes half as much again
/// (measured with 1,000 chats when every message still wrote its conversation's row).
const PAGE_BYTES: i64 = 4_096;

/// The checkpointer copies from file to file; it reads no rows.
const CHECKPOINTER_CACHE_KIB: i64 = 256;

/// With so many pages (16 MiB) in the write-ahead log, the writer folds in what the checkpointer has
/// not folded in yet, and the log begins anew. The checkpointer alone never gets there while the
/// writer goes on.
const CHECKPOINT_PAGES: i64 = 4_000;

/// A write-ahead log that grew, because a long read was in its way, is cut back to this many bytes.
const LEFT_OVER_LOG_BYTES: i64 = 64 * 1024 * 1024;

/// The file system cannot do it; reads and writes would block each other.
#[derive(Debug, thiserror::Error)]
#[error("no write-ahead log on this file system: the journal mode stays {found}")]
struct NoWriteAheadLog {
    found: String,
}

/// Refuses a SQLite that can lose acknowledged writes.
pub(super) fn require_safe_sqlite() -> Result<(), StoreError> {
    require_safe(rusqlite::version_number(), rusqlite::version())
}

fn require_safe(number: i32, found: &str) -> Result<(), StoreError> {
    let (least, needed) = SAFE_SQLITE;
    if number < least {
        return Err(StoreError::UnsafeSqlite { found: found.to_owned(), needed });
    }
    Ok(())
}

/// The one connection that writes. Brings the tables up to date; keys that are still among them go to the
/// keys first.
pub(super) fn writer(file: &Path, keys: &Keys) -> Result<Connection, StoreError> {
    let mut writer = open(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    migrate::refuse_the_future(&writer)?;
    // Only a new file takes it, and only before anything else is written.
    writer.pragma_update(None, "page_size", PAGE_BYTES)?;
    use_write_ahead_log(&writer)?;
    writer.pragma_update(None, "synchronous", "full")?;
    writer.pragma_update(None, "foreign_keys", true)?;
    writer.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    writer.pragma_update(None, "journal_size_limit", LEFT_OVER_LOG_BYTES)?;
    writer.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    // An older version's keys are deleted from its tables.
    secure_delete(&writer, true)?;
    migrate::up_to_date(&mut writer, keys)?;
    secure_delete(&writer, false)?;
    Ok(writer)
}

/// Whether what is deleted is overwritten with zeros also where that costs writes of its own; else wherever
/// it costs none. The keys make deleted words unreadable, so this is for what stands in the clear, and for
/// those who ask for it.
pub(super) fn secure_delete(writer: &Connection, always: bool) -> Result<(), StoreError> {
    let how = if always { "on" } else { "fast" };
    Ok(writer.pragma_update_and_check(None, "secure_delete", how, |_| Ok(()))?)
}

/// The one connection that writes keys. What is deleted there is overwritten.
pub(super) fn keys_writer(file: &Path) -> Result<Connection, StoreError> {
    let keys = open(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    keys.pragma_update(None, "page_size", PAGE_BYTES)?;
    use_write_ahead_log(&keys)?;
    // A key is on the disk before the entries that need it.
    keys.pragma_update(None, "synchronous", "full")?;
    secure_delete(&keys, true)?;
    keys.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    Ok(keys)
}

fn use_write_ahead_log(writer: &Connection) -> Result<(), StoreError> {
    let mode: String =
        writer.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode == "wal" {
        return Ok(());
    }
    Err(StoreError::Database(Box::new(NoWriteAheadLog { found: mode })))
}

/// The connection that folds the write-ahead log in, and does nothing else.
pub(super) fn checkpointer(file: &Path) -> Result<Connection, StoreError> {
    let checkpointer = open(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // As the writer: the log is synced before its pages go into the file, and the file after it.
    checkpointer.pragma_update(None, "synchronous", "full")?;
    checkpointer.pragma_update(None, "cache_size", -CHECKPOINTER_CACHE_KIB)?;
    Ok(checkpointer)
}

/// A connection that cannot write.
pub(super) fn reader(file: &Path) -> Result<Connection, StoreError> {
    let reader = open(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    reader.pragma_update(None, "query_only", true)?;
    reader.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    Ok(reader)
}

/// As every connection does.
pub(super) fn wait_for_others(connection: &Connection) -> Result<(), StoreError> {
    Ok(connection.busy_timeout(BUSY_TIMEOUT)?)
}

fn open(file: &Path, access: OpenFlags) -> Result<Connection, StoreError> {
    // A connection is never used by two threads at once: the pool and the writer's lock see to it.
    let connection = Connection::open_with_flags(file, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    wait_for_others(&connection)?;
    // Without it a plan may depend on the values bound, and SQLite compiles some statements again
    // whenever those change (measured: almost half of all work).
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sqlite_that_can_lose_writes_is_refused() {
        for (number, found, safe) in [
            (3_050_004, "3.50.4", false),
            (3_051_002, "3.51.2", false),
            (3_051_003, "3.51.3", true),
            (3_052_000, "3.52.0", true),
        ] {
            assert_eq!(require_safe(number, found).is_ok(), safe, "{found}");
        }
        let refused = require_safe(3_051_002, "3.51.2").unwrap_err().to_string();
        assert_eq!(refused, "the linked SQLite is 3.51.2; at least 3.51.3 is needed");
    }

    #[test]
    fn the_linked_sqlite_is_safe() {
        require_safe_sqlite().unwrap();
    }
}
