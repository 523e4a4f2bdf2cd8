//! Repeats: what the first of several equal requests was told.

use rusqlite::{Connection, params};
use session::id::{Number, Timestamp};

use super::column::{Columns, limited, signed};
use crate::{Answer, ConversationId, NewRepeat, RepeatKey, StoreError};

const TABLE: &str = "repeat";

/// Which row: the primary key.
type Key = (i64, i64);

pub(super) fn find(
    connection: &Connection,
    keys: &[(ConversationId, RepeatKey)],
) -> Result<Vec<Option<Answer>>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT number FROM repeat WHERE conversation = ?1 AND key = ?2")?;
    let answers = keys.iter().map(|(conversation, key)| {
        let mut rows = statement.query([conversation.0, key.0])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let columns = Columns { row, table: TABLE, key: &key.0 };
        Ok(Some(Answer(Number(columns.unsigned("number")?))))
    });
    answers.collect()
}

/// Remembers answers. A second answer to a key is refused: the engine asked first.
pub(super) fn remember(connection: &Connection, repeats: &[NewRepeat]) -> Result<(), StoreError> {
    let mut sorted: Vec<&NewRepeat> = repeats.iter().collect();
    sorted.sort_by_key(|repeat| (repeat.conversation, repeat.key));
    let mut statement = connection.prepare_cached(
        "INSERT INTO repeat (conversation, key, number, at)
         VALUES (?1, ?2, ?3, ?4)",
    )?;
    for repeat in sorted {
        statement.execute(params![
            repeat.conversation.0,
            repeat.key.0,
            signed(repeat.answer.0.0, TABLE, repeat.key.0)?,
            repeat.at.0,
        ])?;
    }
    Ok(())
}

/// How far the sweeper's round has come: up to and including this row. Not stored: after a
/// restart a new round begins, which costs one more look at rows that were seen before.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Round(Option<Key>);

impl Round {
    /// The next old rows, and where the round then stands: at its beginning again if these were
    /// the last. Reads only, so that looking for old rows keeps no writer waiting.
    pub(super) fn find(
        self,
        reader: &Connection,
        before: Timestamp,
        limit: usize,
    ) -> Result<(Vec<Key>, Self), StoreError> {
        let (conversation, key) = self.0.unwrap_or((i64::MIN, i64::MIN));
        let mut statement = reader.prepare_cached(
            "SELECT conversation, key
             FROM repeat
             WHERE (conversation, key) > (?1, ?2) AND at < ?3
             ORDER BY conversation, key
             LIMIT ?4",
        )?;
        let rows = statement.query_map([conversation, key, before.0, limited(limit)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        let old = rows.collect::<Result<Vec<Key>, _>>()?;
        let reached = if old.len() < limit { None } else { old.last().copied().or(self.0) };
        Ok((old, Self(reached)))
    }
}

/// Deletes rows that [`Round::find`] found.
pub(super) fn forget(
    connection: &Connection,
    old: &[Key],
    before: Timestamp,
) -> Result<(), StoreError> {
    let mut statement = connection
        .prepare_cached("DELETE FROM repeat WHERE conversation = ?1 AND key = ?2 AND at < ?3")?;
    for (conversation, key) in old {
        statement.execute([*conversation, *key, before.0])?;
    }
    Ok(())
}
