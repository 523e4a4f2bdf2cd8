//! The journal: where conversations stand after the newest transactions, side by side.
//!
//! A transaction appends one row with a record for each conversation that it changed:
//!
//! ```text
//! id │ flags │ head │ anchor │ segment │ deadline │ silent │ number │ answers gone │ answers new │ state
//! ```
//!
//! All numbers are variable in length; `flags` says which of the optional ones are there. Of the
//! answers to repeats only the change is in it, the rest of a record replaces what was before.
//! Nothing here knows what is in memory; see `hot`.

use rusqlite::{Connection, params};
use session::id::Timestamp;

use super::column::damaged;
use super::recent::{self, Remembered};
use super::standing::Standing;
use super::varint::{Reader, put};
use crate::{ConversationId, StoreError};

const TABLE: &str = "journal";

/// What a row says whose records were taken out: no conversation has the id zero.
pub(super) const EMPTIED: [u8; 1] = [0];

const HEAD: u64 = 1;
const ANCHOR: u64 = 2;
const SEGMENT: u64 = 4;
const DEADLINE: u64 = 8;
const SET_ASIDE: u64 = 16;
const SPILLED: u64 = 32;
const STATE: u64 = 64;
const SILENT: u64 = 128;

/// What a transaction did to the answers in a conversation's row.
#[derive(Debug, Clone, Default)]
pub(super) struct Answers {
    /// So many of the oldest went to the table.
    pub(super) gone: usize,
    /// These were added.
    pub(super) new: Vec<Remembered>,
}

/// A row of the journal in the making.
#[derive(Debug, Default)]
pub(super) struct Page {
    bytes: Vec<u8>,
    pub(super) records: usize,
}

impl Page {
    /// Adds where a conversation stands now.
    pub(super) fn add(&mut self, id: ConversationId, standing: &Standing, answers: &Answers) {
        let out = &mut self.bytes;
        let (head, anchor) = (standing.end.head, standing.end.anchor);
        let segment = standing.segment.as_ref().map(|segment| segment.id.0);
        let flag = |there: bool, flag| if there { flag } else { 0 };
        put(out, id.0.cast_unsigned());
        put(
            out,
            flag(head.is_some(), HEAD)
                | flag(anchor.is_some(), ANCHOR)
                | flag(segment.is_some(), SEGMENT)
                | flag(standing.clock.deadline.is_some(), DEADLINE)
                | flag(standing.clock.set_aside, SET_ASIDE)
                | flag(standing.repeats.spilled, SPILLED)
                | flag(standing.state.is_some(), STATE)
                | flag(standing.silent.is_some(), SILENT),
        );
        let rows = [head.map(|head| head.row), anchor.map(|anchor| anchor.row), segment];
        let times = [standing.clock.deadline, standing.silent];
        for number in rows.into_iter().chain(times).flatten() {
            put(out, number.cast_unsigned());
        }
        put(out, standing.end.newest());
        put(out, answers.gone as u64);
        put(out, answers.new.len() as u64);
        for Remembered { key, number, at } in &answers.new {
            out.extend_from_slice(&key.to_le_bytes());
            put(out, *number);
            put(out, at.cast_unsigned());
        }
        if let Some(state) = &standing.state {
            put(out, state.len() as u64);
            out.extend_from_slice(state);
        }
        self.records += 1;
    }

    /// Writes the row and tells its id.
    pub(super) fn append(&self, connection: &Connection) -> Result<i64, StoreError> {
        let mut insert = connection.prepare_cached("INSERT INTO journal (rows) VALUES (?1)")?;
        Ok(insert.insert([&self.bytes])?)
    }
}

/// One record, read back.
#[derive(Debug)]
pub(super) struct Record<'p> {
    pub(super) id: ConversationId,
    pub(super) head: Option<i64>,
    pub(super) anchor: Option<i64>,
    pub(super) segment: Option<i64>,
    pub(super) deadline: Option<Timestamp>,
    pub(super) set_aside: bool,
    pub(super) spilled: bool,
    /// Version 8 said nothing of it.
    pub(super) silent: Option<Timestamp>,
    pub(super) newest: u64,
    pub(super) answers: Answers,
    pub(super) state: Option<&'p [u8]>,
}

/// The records of a row.
pub(super) fn records(id: i64, bytes: &[u8]) -> Result<Vec<Record<'_>>, StoreError> {
    if bytes.is_empty() {
        return Err(damaged(TABLE, id, "it is empty"));
    }
    if bytes == EMPTIED {
        return Ok(Vec::new());
    }
    let mut reader = Reader(bytes);
    let mut records = Vec::new();
    while !reader.0.is_empty() {
        records.push(record(&mut reader).ok_or_else(|| damaged(TABLE, id, "it is torn"))?);
    }
    Ok(records)
}

fn record<'p>(reader: &mut Reader<'p>) -> Option<Record<'p>> {
    let id = ConversationId(reader.number()?.cast_signed());
    let flags = reader.number()?;
    let mut optional = |flag| {
        if flags & flag == 0 {
            return Some(None);
        }
        reader.number().map(|number| Some(number.cast_signed()))
    };
    let (head, anchor, segment) = (optional(HEAD)?, optional(ANCHOR)?, optional(SEGMENT)?);
    let deadline = optional(DEADLINE)?.map(Timestamp);
    let silent = optional(SILENT)?.map(Timestamp);
    let newest = reader.number()?;
    let gone = usize::try_from(reader.number()?).ok()?;
    let mut new = Vec::new();
    for _ in 0..reader.number()? {
        let (key, number) = (reader.fixed()?, reader.number()?);
        new.push(Remembered { key, number, at: reader.number()?.cast_signed() });
    }
    let state = if flags & STATE == 0 {
        None
    } else {
        let bytes = usize::try_from(reader.number()?).ok()?;
        Some(reader.bytes(bytes)?)
    };
    let (set_aside, spilled) = (flags & SET_ASIDE != 0, flags & SPILLED != 0);
    let answers = Answers { gone, new };
    Some(Record {
        id,
        head,
        anchor,
        segment,
        deadline,
        set_aside,
        spilled,
        silent,
        newest,
        answers,
        state,
    })
}

impl Answers {
    /// The answers as they are after this change.
    pub(super) fn applied_to(&self, column: &[u8]) -> Result<Vec<u8>, recent::Torn> {
        let mut kept = recent::answers(column).collect::<Result<Vec<_>, _>>()?;
        kept.extend_from_slice(&self.new);
        // The oldest of both: a transaction may add more than a row keeps.
        kept.drain(..self.gone.min(kept.len()));
        Ok(recent::column(&kept))
    }
}

/// The ids and contents of all rows, oldest first.
pub(super) fn pages(connection: &Connection) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
    let mut select = connection.prepare_cached("SELECT id, rows FROM journal ORDER BY id")?;
    let pages = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(pages.collect::<Result<_, _>>()?)
}

/// The newest row's id; zero before the first.
pub(super) fn newest(connection: &Connection) -> Result<i64, StoreError> {
    let mut select = connection.prepare_cached("SELECT ifnull(max(id), 0) FROM journal")?;
    Ok(select.query_row([], |row| row.get(0))?)
}

/// Deletes the rows before this one.
pub(super) fn forget_before(connection: &Connection, id: i64) -> Result<(), StoreError> {
    connection.prepare_cached("DELETE FROM journal WHERE id < ?1")?.execute(params![id])?;
    Ok(())
}
