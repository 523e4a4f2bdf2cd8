//! Repeats: what the first of several equal requests was told.

use std::sync::Arc;

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

/// Keys in the table that are remembered of one conversation, 32 KiB. Where there are more, the table
/// is asked for every key.
const TABLE_KEYS_MAX: usize = 4_096;

/// The repeats of one conversation, as its row has them. A transaction works on a copy; most of it is
/// shared with the original.
#[derive(Debug, Clone)]
pub(super) struct Repeats {
    conversation: ConversationId,
    /// Whether answers ever went to the table.
    pub(super) spilled: bool,
    recent: Recent,
    /// The keys that are in the table, in order, and perhaps some that no longer are; as far as
    /// anybody asked.
    in_table: Option<InTable>,
}

/// The newest answers; see `recent`.
#[derive(Debug, Clone)]
enum Recent {
    /// As the row has them; nobody looked inside yet.
    Stored(Arc<[u8]>),
    /// Ready to be searched.
    Open {
        old: Arc<Lot>,
        /// At most [`LOT`] that came since.
        new: Lot,
    },
}

/// How many answers are copied with every transaction, at most.
const LOT: usize = 32;

/// Some answers, oldest first.
#[derive(Debug, Clone, Default)]
struct Lot {
    keys: Vec<i64>,
    column: Vec<u8>,
    /// When the newest was first seen.
    newest_at: i64,
}

#[derive(Debug, Clone)]
enum InTable {
    These(Arc<[i64]>),
    TooMany,
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
        let recent = Recent::Stored(recent.into());
        Self { conversation, spilled, recent, in_table: None }
    }

    /// From a row that has the columns `spilled` and `recent`.
    pub(super) fn of(
        conversation: ConversationId,
        columns: Columns<'_, '_>,
    ) -> Result<Self, StoreError> {
        Ok(Self::with(conversation, columns.get("spilled")?, columns.get("recent")?))
    }

    /// The column `recent`.
    pub(super) fn column(&self) -> Vec<u8> {
        match &self.recent {
            Recent::Stored(column) => column.to_vec(),
            Recent::Open { old, new } => [old.column.as_slice(), &new.column].concat(),
        }
    }

    /// The first answer to this key: from the row, or, if answers ever went there, from the table.
    pub(super) fn find(
        &mut self,
        connection: &Connection,
        key: RepeatKey,
    ) -> Result<Option<Answer>, StoreError> {
        let (old, new) = self.open()?;
        let place = |lot: &Lot| lot.keys.iter().position(|known| *known == key.0);
        let place = place(old).or_else(|| place(new).map(|place| old.keys.len() + place));
        let Some(place) = place else { return self.find_in_table(connection, key) };
        let column = self.column();
        let answer = recent::answers(&column).nth(place).transpose();
        let answer = answer.map_err(|torn| self.damaged(torn))?;
        Ok(answer.map(|answer| Answer(Number(answer.number))))
    }

    /// The newest answers, ready to be searched.
    fn open(&mut self) -> Result<(&mut Arc<Lot>, &mut Lot), StoreError> {
        if let Recent::Stored(column) = &self.recent {
            let old = Lot::of(column).map_err(|torn| self.damaged(torn))?;
            self.recent = Recent::Open { old: Arc::new(old), new: Lot::default() };
        }
        match &mut self.recent {
            Recent::Open { old, new } => Ok((old, new)),
            Recent::Stored(_) => Err(damaged(standing::TABLE, self.conversation.0, "not opened")),
        }
    }

    fn find_in_table(
        &mut self,
        connection: &Connection,
        key: RepeatKey,
    ) -> Result<Option<Answer>, StoreError> {
        if !self.spilled || !self.may_be_in_table(connection, key)? {
            return Ok(None);
        }
        let mut statement = connection
            .prepare_cached("SELECT number FROM repeat WHERE conversation = ?1 AND key = ?2")?;
        let mut rows = statement.query([self.conversation.0, key.0])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let columns = Columns { row, table: TABLE, key: &key.0 };
        Ok(Some(Answer(Number(columns.unsigned("number")?))))
    }

    /// Nearly every key is new, and to look for it in the table costs a walk through its tree.
    fn may_be_in_table(
        &mut self,
        connection: &Connection,
        key: RepeatKey,
    ) -> Result<bool, StoreError> {
        let in_table = match self.in_table.take() {
            Some(in_table) => in_table,
            None => InTable::of(connection, self.conversation)?,
        };
        Ok(match self.in_table.insert(in_table) {
            InTable::These(keys) => keys.binary_search(&key.0).is_ok(),
            InTable::TooMany => true,
        })
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
        let (old, new) = self.open()?;
        if old.keys.len() + new.keys.len() >= RECENT_MAX {
            self.spill(connection, change)?;
        }
        let (old, new) = self.open()?;
        if new.keys.len() == LOT {
            let full = std::mem::take(new);
            let whole = Arc::make_mut(old);
            whole.keys.extend(full.keys);
            whole.column.extend(full.column);
            whole.newest_at = full.newest_at;
        }
        if new.keys.is_empty() {
            new.newest_at = old.newest_at;
        }
        let answer = Remembered { key, number, at };
        new.add(answer);
        change.new.push(answer);
        Ok(())
    }

    /// Moves the older half to the table.
    fn spill(&mut self, connection: &Connection, change: &mut Answers) -> Result<(), StoreError> {
        let mut kept = recent::answers(&self.column())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|torn| self.damaged(torn))?;
        let mut old: Vec<Remembered> = kept.drain(..RECENT_MAX / 2).collect();
        self.recent = Recent::Stored(recent::column(&kept).into());
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
        // Read anew when it is needed.
        self.in_table = None;
        change.gone += old.len();
        Ok(())
    }

    fn damaged(&self, torn: recent::Torn) -> StoreError {
        damaged(standing::TABLE, self.conversation.0, torn.to_string())
    }
}

impl Lot {
    fn of(column: &[u8]) -> Result<Self, recent::Torn> {
        let mut lot = Self { column: column.to_vec(), ..Self::default() };
        for answer in recent::answers(column) {
            let answer = answer?;
            lot.keys.push(answer.key);
            lot.newest_at = answer.at;
        }
        Ok(lot)
    }

    fn add(&mut self, answer: Remembered) {
        recent::add(&mut self.column, self.newest_at, answer);
        self.keys.push(answer.key);
        self.newest_at = answer.at;
    }
}

impl InTable {
    fn of(connection: &Connection, conversation: ConversationId) -> Result<Self, StoreError> {
        let mut statement = connection.prepare_cached(
            "SELECT key FROM repeat WHERE conversation = ?1 ORDER BY key LIMIT ?2",
        )?;
        let limit = limited(TABLE_KEYS_MAX + 1);
        let keys = statement.query_map([conversation.0, limit], |row| row.get(0))?;
        let keys = keys.collect::<Result<Vec<i64>, _>>()?;
        Ok(if keys.len() > TABLE_KEYS_MAX { Self::TooMany } else { Self::These(keys.into()) })
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
