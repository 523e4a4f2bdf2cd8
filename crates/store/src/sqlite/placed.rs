//! Under which ids a channel shows what is in the log.

use rusqlite::{Connection, OptionalExtension, params};
use session::id::{Number, Timestamp};

use super::column::{damaged, limited, signed};
use crate::{ConversationId, Placed, StoreError};

const TABLE: &str = "placed";

/// Keeps them; an entry that was placed again is found under its newest id.
pub(super) fn keep(connection: &Connection, placed: &[Placed]) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO placed (conversation, number, placed_as, at)
         VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (conversation, number) DO UPDATE
         SET placed_as = excluded.placed_as",
    )?;
    for Placed { conversation, number, placed_as, at } in placed {
        let number = signed(number.0, TABLE, number)?;
        statement.execute(params![conversation.0, number, placed_as, at.0])?;
    }
    Ok(())
}

pub(super) fn of(
    reader: &Connection,
    conversation: ConversationId,
    number: Number,
) -> Result<Option<Box<str>>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT placed_as
         FROM placed
         WHERE conversation = ?1 AND number = ?2",
    )?;
    let number = signed(number.0, TABLE, number)?;
    Ok(statement.query_row([conversation.0, number], |row| row.get(0)).optional()?)
}

pub(super) fn entry(
    reader: &Connection,
    conversation: ConversationId,
    placed_as: &str,
) -> Result<Option<Number>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT number
         FROM placed
         WHERE conversation = ?1 AND placed_as = ?2
         ORDER BY id DESC
         LIMIT 1",
    )?;
    let found: Option<i64> =
        statement.query_row(params![conversation.0, placed_as], |row| row.get(0)).optional()?;
    found
        .map(|number| {
            let number = u64::try_from(number);
            number.map(Number).map_err(|_| damaged(TABLE, placed_as, "a number below zero"))
        })
        .transpose()
}

/// Forgets the oldest, up to those of `before`. They came in the order of their rows, so that the first
/// that is young enough ends it.
pub(super) fn forget(
    connection: &Connection,
    before: Timestamp,
    limit: usize,
) -> Result<usize, StoreError> {
    let mut oldest = connection.prepare_cached("SELECT id, at FROM placed ORDER BY id LIMIT ?1")?;
    let mut rows = oldest.query([limited(limit)])?;
    let (mut last, mut count) = (None, 0);
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>("at")? >= before.0 {
            break;
        }
        last = Some(row.get::<_, i64>("id")?);
        count += 1;
    }
    if let Some(last) = last {
        connection.prepare_cached("DELETE FROM placed WHERE id <= ?1")?.execute([last])?;
    }
    Ok(count)
}
