//! How much there is of what waits: counted where an index, or the table itself, holds only that.

use rusqlite::Connection;
use session::id::Timestamp;

use super::{column::damaged, sessions};
use crate::{Numbers, StoreError};

pub(super) fn of(reader: &Connection, bytes: u64) -> Result<Numbers, StoreError> {
    let (waiting, oldest) = outbox(reader)?;
    Ok(Numbers {
        sessions: sessions::open_counts(reader)?,
        waiting,
        lanes: lanes(reader)?,
        oldest,
        dead_letters: count(reader, "SELECT count(*) FROM dead_letter", "dead_letter")?,
        bytes,
    })
}

/// How many effects wait, and when the first of them was decided: its row is the first.
fn outbox(reader: &Connection) -> Result<(usize, Option<Timestamp>), StoreError> {
    let waiting = count(reader, "SELECT count(*) FROM outbox", "outbox")?;
    let mut statement = reader.prepare_cached("SELECT at FROM outbox ORDER BY id LIMIT 1")?;
    let mut rows = statement.query([])?;
    let oldest = rows.next()?.map(|row| row.get(0)).transpose()?;
    Ok((waiting, oldest.map(Timestamp)))
}

/// Steps from lane to lane in the index: many rows may wait in few lanes.
fn lanes(reader: &Connection) -> Result<usize, StoreError> {
    let sql = "WITH RECURSIVE named (lane) AS (
             SELECT min(lane) FROM outbox
             UNION ALL
             SELECT (SELECT min(o.lane) FROM outbox o WHERE o.lane > named.lane)
             FROM named
             WHERE named.lane IS NOT NULL
         )
         SELECT count(lane) FROM named";
    count(reader, sql, "outbox")
}

fn count(reader: &Connection, sql: &str, table: &'static str) -> Result<usize, StoreError> {
    let count: i64 = reader.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    usize::try_from(count).map_err(|_| damaged(table, "*", "a negative count"))
}
