//! Where a conversation stands: the one row that every message writes.
//!
//! A save reads the row once, lets the log and the repeats work on it in memory, and writes it once.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::column::{Columns, damaged, signed};
use super::log::{self, End};
use super::repeats::Repeats;
use crate::{Changes, ConversationChange, ConversationId, NewRepeat, StoreError};

pub(super) const TABLE: &str = "conversation";

/// Writes the row; with the columns that the clock looks for, if they are new.
macro_rules! update_conversation {
    ($clock:literal) => {
        concat!(
            "UPDATE conversation
             SET head = ?2, head_number = ?3, anchor = ?4, spilled = ?5, recent = ?6,
                 state = ifnull(?7, state)",
            $clock,
            " WHERE id = ?1"
        )
    };
}

/// What a batch changes in one conversation.
#[derive(Default)]
struct News<'a> {
    changes: Vec<&'a ConversationChange>,
    repeats: Vec<&'a NewRepeat>,
}

/// Saves states, segments, entries and repeats, conversation by conversation: neighbours in the
/// tree one after the other, and what concerns one conversation in the order given.
pub(super) fn save(connection: &Connection, changes: &Changes) -> Result<(), StoreError> {
    let mut all: BTreeMap<ConversationId, News<'_>> = BTreeMap::new();
    for change in &changes.conversations {
        all.entry(change.id).or_default().changes.push(change);
    }
    for repeat in &changes.repeats {
        all.entry(repeat.conversation).or_default().repeats.push(repeat);
    }
    all.into_iter().try_for_each(|(id, news)| {
        let mut standing = Standing::load(connection, id)?;
        for change in news.changes {
            log::append(connection, id, &mut standing.end, change)?;
            standing.take_state(change);
        }
        for repeat in news.repeats {
            standing.repeats.remember(connection, repeat)?;
        }
        standing.store(connection)
    })
}

/// The row, as far as a save works on it.
struct Standing<'a> {
    id: ConversationId,
    end: End,
    repeats: Repeats,
    clock: Clock,
    /// The clock's columns as they are in the row.
    clock_before: Clock,
    /// The new state, if there is one.
    state: Option<&'a [u8]>,
}

/// The columns that the clock looks for.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Clock {
    deadline: Option<i64>,
    set_aside: bool,
}

impl<'a> Standing<'a> {
    fn load(connection: &Connection, id: ConversationId) -> Result<Self, StoreError> {
        let mut statement = connection.prepare_cached(
            "SELECT c.head, c.head_number, c.anchor, c.deadline, c.set_aside, c.spilled, c.recent,
                    s.id AS segment
             FROM conversation c
             LEFT JOIN segment s ON s.id = c.segment AND s.wrapped_key IS NOT NULL
             WHERE c.id = ?1",
        )?;
        let mut rows = statement.query([id.0])?;
        let Some(row) = rows.next()? else { return Err(absent(id)) };
        let columns = Columns { row, table: TABLE, key: &id.0 };
        let clock =
            Clock { deadline: columns.get("deadline")?, set_aside: columns.get("set_aside")? };
        Ok(Self {
            id,
            end: End::of(columns)?,
            repeats: Repeats::of(id, columns)?,
            clock,
            clock_before: clock,
            state: None,
        })
    }

    fn take_state(&mut self, change: &'a ConversationChange) {
        let Some(state) = &change.state else { return };
        self.state = Some(state);
        self.clock = Clock { deadline: change.deadline.map(|moment| moment.0), set_aside: false };
    }

    fn store(self, connection: &Connection) -> Result<(), StoreError> {
        // SQLite does not look whether a value that is set is a new one: to name a column of an
        // index is to write the index.
        let sql = if self.clock == self.clock_before {
            update_conversation!("")
        } else {
            update_conversation!(", deadline = ?8, set_aside = ?9")
        };
        let mut statement = connection.prepare_cached(sql)?;
        let row = params![
            self.id.0,
            self.end.head.map(|head| head.row),
            signed(self.end.newest(), TABLE, self.id.0)?,
            self.end.anchor.map(|anchor| anchor.row),
            self.repeats.spilled,
            self.repeats.recent,
            self.state,
            self.clock.deadline,
            self.clock.set_aside,
        ];
        let named = statement.parameter_count();
        let stored = statement.execute(&row[..named])?;
        expect_one(stored, self.id)
    }
}

/// A change names a conversation that was resolved, so it must be there.
pub(super) fn expect_one(rows: usize, id: ConversationId) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(absent(id)) }
}

fn absent(id: ConversationId) -> StoreError {
    damaged(TABLE, id.0, "there is no such row")
}
