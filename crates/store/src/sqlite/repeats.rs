//! Repeats: what the first of several equal requests was told.

use rusqlite::{Connection, params};
use session::id::{Number, Timestamp};

use super::column::{Columns, damaged, limited, signed};
use super::journal::Answers;
use super::recent::{self, RECENT_MAX, Remembered};
use super::standing;
use crate::{Answer, ConversationId, NewRepeat, RepeatKey, StoreError};

const TABLE: &str = "repeat";

/// Which row: the primary key.
type Key = (i64, i64);

/// The repeats of one conversation, as its row has them.
#[derive(Debug, Clone)]
pub(super) struct Repeats {
    conversation: ConversationId,
    /// Whether answers ever went to the table.
    pub(super) spilled: bool,
    /// The newest answers; see `recent`.
    pub(super) recent: Vec<u8>,
    /// The same, ready to be searched; made when it is needed first.
    index: Option<Index>,
}

/// The newest answers' keys, oldest first.
#[derive(Debug, Clone, Default)]
struct Index {
    keys: Vec<i64>,
    /// When the newest was first seen.
    newest_at: i64,
}

/// The engine asks before it saves, so this is a mistake of its own.
#[derive(Debug, thiserror::Error)]
#[error("this key of conversation {} was answered before", conversation.0)]
struct AnsweredBefore {
    conversation: ConversationId,
}

impl Repeats {
    /// None yet.
    pub(super) fn new(conversation: ConversationId) -> Self {
        Self::with(conversation, false, Vec::new())
    }

    /// As a row has them.
    pub(super) fn with(conversation: ConversationId, spilled: bool, recent: Vec<u8>) -> Self {
        Self { conversation, spilled, recent, index: None }
    }

    /// From a row that has the columns `spilled` and `recent`.
    pub(super) fn of(
        conversation: ConversationId,
        columns: Columns<'_, '_>,
    ) -> Result<Self, StoreError> {
        Ok(Self::with(conversation, columns.get("spilled")?, columns.get("recent")?))
    }

    /// The first answer to this key: from the row, or, if answers ever went there, from the table.
    pub(super) fn find(
        &mut self,
        connection: &Connection,
        key: RepeatKey,
    ) -> Result<Option<Answer>, StoreError> {
        let place = self.index()?.keys.iter().position(|known| *known == key.0);
        let Some(place) = place else { return self.find_in_table(connection, key) };
        let answer = recent::answers(&self.recent).nth(place).transpose();
        let answer = answer.map_err(|torn| self.damaged(torn))?;
        Ok(answer.map(|answer| Answer(Number(answer.number))))
    }

    fn index(&mut self) -> Result<&mut Index, StoreError> {
        let index = match self.index.take() {
            Some(index) => index,
            None => recent::answers(&self.recent)
                .try_fold(Index::default(), |mut index, answer| {
                    let answer = answer?;
                    index.keys.push(answer.key);
                    index.newest_at = answer.at;
                    Ok(index)
                })
                .map_err(|torn| self.damaged(torn))?,
        };
        Ok(self.index.insert(index))
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

    /// Refuses a key that has an answer: the engine asked first.
    pub(super) fn refuse_known(
        &mut self,
        connection: &Connection,
        key: RepeatKey,
    ) -> Result<(), StoreError> {
        if self.find(connection, key)?.is_some() {
            let conversation = self.conversation;
            return Err(StoreError::Database(Box::new(AnsweredBefore { conversation })));
        }
        Ok(())
    }

    /// Remembers an answer to a key that has none.
    pub(super) fn remember(
        &mut self,
        connection: &Connection,
        repeat: &NewRepeat,
        change: &mut Answers,
    ) -> Result<(), StoreError> {
        let (key, number, at) = (repeat.key.0, repeat.answer.0.0, repeat.at.0);
        // Refused now: what the table cannot hold would be in the way of every later spill.
        signed(number, TABLE, key)?;
        if self.index()?.keys.len() >= RECENT_MAX {
            self.spill(connection, change)?;
        }
        let answer = Remembered { key, number, at };
        let index = self.index()?;
        let newest_at = std::mem::replace(&mut index.newest_at, at);
        index.keys.push(key);
        recent::add(&mut self.recent, newest_at, answer);
        change.new.push(answer);
        Ok(())
    }

    /// Moves the older half to the table.
    fn spill(&mut self, connection: &Connection, change: &mut Answers) -> Result<(), StoreError> {
        let mut kept = recent::answers(&self.recent)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|torn| self.damaged(torn))?;
        let mut old: Vec<Remembered> = kept.drain(..RECENT_MAX / 2).collect();
        self.recent = recent::column(&kept);
        self.index = None;
        old.sort_unstable_by_key(|answer| answer.key);
        let mut statement = connection.prepare_cached(
            "INSERT INTO repeat (conversation, key, number, at)
             VALUES (?1, ?2, ?3, ?4)",
        )?;
        for Remembered { key, number, at } in &old {
            let number = signed(*number, TABLE, key)?;
            statement.execute(params![self.conversation.0, key, number, at])?;
        }
        self.spilled = true;
        change.gone += old.len();
        Ok(())
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
