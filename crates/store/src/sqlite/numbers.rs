//! How much there is of what waits: counted where an index, or the table itself, holds only that.

use rusqlite::Connection;
use session::id::{DeskId, TenantId, Timestamp};

use super::column::{Columns, damaged};
use crate::{Numbers, OpenSessions, StoreError};

pub(super) fn of(reader: &Connection, bytes: u64) -> Result<Numbers, StoreError> {
    let (waiting, oldest) = outbox(reader)?;
    Ok(Numbers {
        sessions: sessions(reader)?,
        waiting,
        lanes: lanes(reader)?,
        oldest,
        dead_letters: count(reader, "SELECT count(*) FROM dead_letter", "dead_letter")?,
        bytes,
    })
}

/// Those that are open have an index of their own; the ended ones, which are many, are not read.
fn sessions(reader: &Connection) -> Result<Vec<OpenSessions>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT tenant, desk, status, count(*) AS open
         FROM session INDEXED BY session_open
         WHERE ended_at IS NULL
         GROUP BY tenant, desk, status",
    )?;
    let mut rows = statement.query([])?;
    let mut sessions = Vec::new();
    while let Some(row) = rows.next()? {
        let columns = Columns { row, table: "session", key: &"*" };
        sessions.push(OpenSessions {
            tenant: columns.id("tenant", TenantId::new)?,
            desk: columns.id("desk", DeskId::new)?,
            status: columns.text("status")?,
            count: columns.unsigned("open")?,
        });
    }
    Ok(sessions)
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
