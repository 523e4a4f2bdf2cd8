//! What was deleted or replaced is gone from the files: from free pages, from behind the rows that are there,
//! and from the write-ahead logs.
//!
//! Pages are overwritten while the writer goes on, in short transactions, and only once nobody reads from the log:
//! whoever reads for long, as a backup does, would keep each copy of the pages in it. A log is cut to nothing only in a moment
//! in which nobody reads from it; that is tried for some seconds, and never holds the writer up for longer than
//! it may wait for a disk.

use std::sync::PoisonError;
use std::time::Duration;

use rusqlite::Connection;

use super::{SqliteStore, connect, forgetting, settings};
use crate::{Leftovers, StoreError};

/// The setting that tells what is to be scrubbed: a byte for how much, and how often that was noted.
const DUE: &str = "scrub due";

/// Free pages that are overwritten in one transaction: 4 MiB of the write-ahead log.
const FILLED_AT_ONCE: i64 = 1_000;

/// With so few free pages the rest are overwritten in one transaction, in which nobody makes others.
const FREE_PAGES_FEW: i64 = 32;

/// What a page of 4 KiB holds of a long value.
const FILL_BYTES: i64 = 4_092;

/// What is left of such a value beside its row, so that the last page that it fills is filled to its end: SQLite
/// clears no page that it takes, and leaves what is behind a value as it was.
const FILL_BESIDE_BYTES: i64 = 1_000;

/// How often it is tried to cut a log to nothing.
pub(super) const EMPTY_TRIES_MAX: usize = 30;

/// How long readers are waited for each time, while nobody can write.
const EMPTY_WITHIN: Duration = Duration::from_millis(50);

/// Between two tries everybody goes on.
const EMPTY_AGAIN: Duration = Duration::from_millis(100);

/// Between two pieces that are overwritten, so that whoever waits to write has a turn.
const BREATH: Duration = Duration::from_millis(2);

impl SqliteStore {
    /// See [`Forgetting::scrub`](crate::Forgetting::scrub). Tries so often to cut a log to nothing.
    pub(super) fn scrub_files(&self, what: Leftovers, tries: usize) -> Result<bool, StoreError> {
        let _one = self.scrubbing.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = self.read(|reader| settings::find(reader, DUE))?;
        let log = || empty_log(&self.writer(), EMPTY_WITHIN);
        if !patiently(tries, log)? {
            return Ok(false);
        }
        if what == Leftovers::All {
            self.scrub_journal()?;
            self.piece_by_piece(fill)?;
            self.piece_by_piece(unfill)?;
        }
        self.in_overwriting(settings::rewrite)?;
        let keys = || self.keys.empty_log(EMPTY_WITHIN);
        let is_done =
            patiently(tries, log)? && (what == Leftovers::Settings || patiently(tries, keys)?);
        if let Some(noted) = noted
            && is_done
            && kind_of(&noted) <= what
        {
            self.in_overwriting(|transaction| settings::forget(transaction, DUE, &noted))?;
        }
        Ok(is_done)
    }

    fn piece_by_piece(
        &self,
        piece: fn(&Connection) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        while self.in_short(piece)? {
            std::thread::sleep(BREATH);
        }
        Ok(())
    }

    /// States of before are not in the journal any more; they are in their rows, as they stand now.
    fn scrub_journal(&self) -> Result<(), StoreError> {
        let mut writer = self.writer();
        self.fold(&mut writer)?;
        let _overwriting = Overwriting::begin(&writer)?;
        let transaction = writer.unchecked_transaction()?;
        forgetting::empty_journal(&transaction)?;
        Ok(transaction.commit()?)
    }

    fn in_overwriting(
        &self,
        work: impl FnOnce(&Connection) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let writer = self.writer();
        let _overwriting = Overwriting::begin(&writer)?;
        let transaction = writer.unchecked_transaction()?;
        work(&transaction)?;
        Ok(transaction.commit()?)
    }
}

/// While this lives whatever is deleted is overwritten.
pub(super) struct Overwriting<'w>(&'w Connection);

impl<'w> Overwriting<'w> {
    pub(super) fn begin(writer: &'w Connection) -> Result<Self, StoreError> {
        connect::secure_delete(writer, true)?;
        Ok(Self(writer))
    }
}

impl Drop for Overwriting<'_> {
    fn drop(&mut self) {
        // It only changes this connection's memory. Were it left, it would cost time and no safety.
        connect::secure_delete(self.0, false).ok();
    }
}

/// Notes that a scrub is due.
pub(super) fn note(transaction: &Connection, what: Leftovers) -> Result<(), StoreError> {
    let noted = settings::find(transaction, DUE)?;
    let (mut what, mut times) = (what, 0_u64);
    if let Some(noted) = noted {
        what = what.max(kind_of(&noted));
        let counted = noted.get(1..).and_then(|rest| rest.try_into().ok());
        times = counted.map_or(0, u64::from_be_bytes);
    }
    let mut value = vec![u8::from(what == Leftovers::All)];
    value.extend(times.wrapping_add(1).to_be_bytes());
    settings::keep(transaction, DUE, &value)
}

/// What is due.
pub(super) fn due(reader: &Connection) -> Result<Option<Leftovers>, StoreError> {
    Ok(settings::find(reader, DUE)?.as_deref().map(kind_of))
}

fn kind_of(noted: &[u8]) -> Leftovers {
    if noted.first() == Some(&0) { Leftovers::Settings } else { Leftovers::All }
}

/// Overwrites a few of the free pages of the file with zeros, and says whether there are more. What was
/// deleted in the ordinary course may have left something in them.
fn fill(transaction: &Connection) -> Result<bool, StoreError> {
    let free = || -> Result<i64, StoreError> {
        Ok(transaction.pragma_query_value(None, "freelist_count", |row| row.get(0))?)
    };
    let mut insert =
        transaction.prepare_cached("INSERT INTO filler (zeros) VALUES (zeroblob(?1))")?;
    let mut left = free()?;
    if left > FREE_PAGES_FEW {
        insert.execute([zeros_of((left - FREE_PAGES_FEW).min(FILLED_AT_ONCE))])?;
        return Ok(true);
    }
    // SQLite's own bookkeeping takes one now and then, so what is left is counted again.
    while left > 0 {
        insert.execute([zeros_of(left)])?;
        left = free()?;
    }
    Ok(false)
}

fn zeros_of(pages: i64) -> i64 {
    pages * FILL_BYTES + FILL_BESIDE_BYTES
}

/// Gives the pages back, one piece at a time; whether there are more.
fn unfill(transaction: &Connection) -> Result<bool, StoreError> {
    let gone = transaction
        .prepare_cached("DELETE FROM filler WHERE id = (SELECT max(id) FROM filler)")?
        .execute([])?;
    Ok(gone > 0)
}

/// Moves everything from the write-ahead log into the file and cuts it to nothing; false if somebody read for
/// so long.
pub(super) fn empty_log(writer: &Connection, within: Duration) -> Result<bool, StoreError> {
    writer.busy_timeout(within)?;
    let emptied =
        writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    connect::wait_for_others(writer)?;
    Ok(emptied? == 0)
}

fn patiently(
    tries: usize,
    mut empty: impl FnMut() -> Result<bool, StoreError>,
) -> Result<bool, StoreError> {
    for _ in 1..tries {
        if empty()? {
            return Ok(true);
        }
        std::thread::sleep(EMPTY_AGAIN);
    }
    empty()
}

#[cfg(test)]
mod tests;
