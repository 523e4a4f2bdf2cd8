//! Repeats: what the first of several equal requests was told.

use rusqlite::{Connection, params};
use session::id::{Number, Timestamp};

use super::column::{Columns, damaged, limited, signed};
use super::recent::{self, RECENT_MAX, Remembered};
use super::standing;
use crate::{Answer, ConversationId, NewRepeat, RepeatKey, StoreError};

const TABLE: &str = "repeat";

/// Which row: the primary key.
type Key = (i64, i64);

/// The first answers to these keys: from the conversation's row, or, if answers ever went there,
/// from the table.
pub(super) fn find(
    connection: &Connection,
    keys: &[(ConversationId, RepeatKey)],
) -> Result<Vec<Option<Answer>>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT spilled, recent FROM conversation WHERE id = ?1")?;
    let answers = keys.iter().map(|(conversation, key)| {
        let mut rows = statement.query([conversation.0])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let columns = Columns { row, table: standing::TABLE, key: &conversation.0 };
        Repeats::of(*conversation, columns)?.find(connection, *key)
    });
    answers.collect()
}

/// The repeats of one conversation, as its row has them.
pub(super) struct Repeats {
    conversation: ConversationId,
    /// Whether answers ever went to the table.
    pub(super) spilled: bool,
    /// The newest answers; see `recent`.
    pub(super) recent: Vec<u8>,
}

/// The engine asks before it saves, so this is a mistake of its own.
#[derive(Debug, thiserror::Error)]
#[error("this key of conversation {} was answered before", conversation.0)]
struct AnsweredBefore {
    conversation: ConversationId,
}

impl Repeats {
    /// From a row that has the columns `spilled` and `recent`.
    pub(super) fn of(
        conversation: ConversationId,
        columns: Columns<'_, '_>,
    ) -> Result<Self, StoreError> {
        let (spilled, recent) = (columns.get("spilled")?, columns.get("recent")?);
        Ok(Self { conversation, spilled, recent })
    }

    fn find(&self, connection: &Connection, key: RepeatKey) -> Result<Option<Answer>, StoreError> {
        for answer in recent::answers(&self.recent) {
            let answer = answer.map_err(|torn| self.damaged(torn))?;
            if answer.key == key.0 {
                return Ok(Some(Answer(Number(answer.number))));
            }
        }
        self.find_in_table(connection, key)
    }

    fn find_in_table(
        &self,
        connection: &Connection,
        key: RepeatKey,
    ) -> Result<Option<Answer>, StoreError> {
        if !self.spilled {
            return Ok(None);
        }
        let mut statement = connection
            .prepare_cached("SELECT number FROM repeat WHERE conversation = ?1 AND key = ?2")?;
        let mut rows = statement.query([self.conversation.0, key.0])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let columns = Columns { row, table: TABLE, key: &key.0 };
        Ok(Some(Answer(Number(columns.unsigned("number")?))))
    }

    /// Remembers an answer. A second one to the same key is refused: the engine asked first.
    pub(super) fn remember(
        &mut self,
        connection: &Connection,
        repeat: &NewRepeat,
    ) -> Result<(), StoreError> {
        let (key, number, at) = (repeat.key.0, repeat.answer.0.0, repeat.at.0);
        // Refused now: what the table cannot hold would be in the way of every later spill.
        signed(number, TABLE, key)?;
        let mut kept = self.answers()?;
        let in_row = kept.iter().any(|answer| answer.key == key);
        if in_row || self.find_in_table(connection, repeat.key)?.is_some() {
            let conversation = self.conversation;
            return Err(StoreError::Database(Box::new(AnsweredBefore { conversation })));
        }
        if kept.len() >= RECENT_MAX {
            self.spill(connection, &kept[..RECENT_MAX / 2])?;
            kept.drain(..RECENT_MAX / 2);
            self.recent = recent::column(&kept);
        }
        let newest_at = kept.last().map_or(0, |newest| newest.at);
        recent::add(&mut self.recent, newest_at, Remembered { key, number, at });
        Ok(())
    }

    /// Moves these to the table.
    fn spill(&mut self, connection: &Connection, old: &[Remembered]) -> Result<(), StoreError> {
        let mut sorted = old.to_vec();
        sorted.sort_unstable_by_key(|answer| answer.key);
        let mut statement = connection.prepare_cached(
            "INSERT INTO repeat (conversation, key, number, at)
             VALUES (?1, ?2, ?3, ?4)",
        )?;
        for Remembered { key, number, at } in sorted {
            let number = signed(number, TABLE, key)?;
            statement.execute(params![self.conversation.0, key, number, at])?;
        }
        self.spilled = true;
        Ok(())
    }

    fn answers(&self) -> Result<Vec<Remembered>, StoreError> {
        recent::answers(&self.recent).collect::<Result<_, _>>().map_err(|torn| self.damaged(torn))
    }

    fn damaged(&self, torn: recent::Torn) -> StoreError {
        damaged(standing::TABLE, self.conversation.0, torn.to_string())
    }
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
