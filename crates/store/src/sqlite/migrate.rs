//! The schema's versions: numbered, forward only, each in one transaction.
//!
//! The version stands in the file's `user_version` and is written together with what it describes,
//! so a process that dies in between leaves the version before.

use rusqlite::{Connection, TransactionBehavior};

use super::keys::Keys;
use crate::StoreError;

/// The version since which the keys of segments are in a file of their own.
pub(super) const KEYS_LEAVE: i64 = 6;

/// The version that each one leads to. A released one is never edited.
const MIGRATIONS: [(i64, &str); 9] = [
    (1, include_str!("../../migrations/sqlite/0001_start.sql")),
    (2, include_str!("../../migrations/sqlite/0002_journal.sql")),
    (3, include_str!("../../migrations/sqlite/0003_open_sessions.sql")),
    (4, include_str!("../../migrations/sqlite/0004_traces.sql")),
    (5, include_str!("../../migrations/sqlite/0005_placed.sql")),
    (KEYS_LEAVE, include_str!("../../migrations/sqlite/0006_retention.sql")),
    (7, include_str!("../../migrations/sqlite/0007_audit.sql")),
    (8, include_str!("../../migrations/sqlite/0008_due.sql")),
    (9, include_str!("../../migrations/sqlite/0009_silent.sql")),
];

/// The version this program reads and writes.
pub(super) const KNOWN: i64 = MIGRATIONS[MIGRATIONS.len() - 1].0;

/// The version of the file.
pub(super) fn version(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// Refuses a file that a newer program wrote, before anything in it is touched.
pub(super) fn refuse_the_future(connection: &Connection) -> Result<(), StoreError> {
    let found = version(connection)?;
    if found > KNOWN {
        return Err(StoreError::FromTheFuture { found, known: KNOWN });
    }
    Ok(())
}

/// Applies what is missing.
pub(super) fn up_to_date(connection: &mut Connection, keys: &Keys) -> Result<(), StoreError> {
    let found = version(connection)?;
    let mut from = found;
    for (version, sql) in MIGRATIONS.iter().filter(|(version, _)| *version > found) {
        // A new file has no version, and nothing that takes time.
        if found > 0 {
            tracing::info!(
                from,
                to = version,
                "an earlier version's data are taken over; where there is much this takes minutes"
            );
        }
        from = *version;
        if *version == KEYS_LEAVE {
            // Durable there before they are gone from here; killed in between, it begins again.
            keys.take_over(connection)?;
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    if found < KEYS_LEAVE {
        // Nobody reads yet, so nothing is in the way of it: the old keys leave the write-ahead log, too.
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    }
    Ok(())
}
