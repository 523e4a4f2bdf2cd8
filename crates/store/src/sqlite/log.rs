//! The log: appending to it and walking back through it.
//!
//! ```text
//! conversation.head ──► 131 ─prev─► 130 ─prev─► 129 ─prev─► 128 ─prev─► 127 … 64 … 1
//! conversation.anchor ─────────────────────────────────────► │ ─────skip─────► │
//! ```
//!
//! An entry is found from the end of its conversation's log: along `skip`, 64 at a time, then along
//! `prev`. What is new costs what is new; a page far back costs one step for every 64 entries after
//! it. Every step is checked against the number expected, so a gap is an error and never a shorter
//! answer.

use rusqlite::{CachedStatement, Connection, params};
use session::id::{Number, SessionId, Timestamp};

use super::column::{Columns, damaged, signed};
use super::keys;
use super::readers::Reader;
use super::standing::{self, Standing};
use crate::{
    ConversationChange, ConversationId, ENTRIES_PER_READ_MAX, EntryRow, NewSegment, Segment,
    SegmentId, StoreError,
};

const TABLE: &str = "log";

/// How many entries apart those are that name each other in `skip`. The schema knows it too.
const SKIP: u64 = 64;

/// The end of a conversation's log.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct End {
    /// The newest entry.
    pub(super) head: Option<Place>,
    /// The newest entry with a number that is a multiple of [`SKIP`].
    pub(super) anchor: Option<Place>,
}

/// An entry's row and what its number must be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) row: i64,
    number: u64,
}

impl End {
    /// From a row that has the columns `head`, `head_number` and `anchor`.
    pub(super) fn of(columns: Columns<'_, '_>) -> Result<Self, StoreError> {
        let number: u64 = columns.unsigned("head_number")?;
        Ok(Self::at(columns.get("head")?, number, columns.get("anchor")?))
    }

    /// At these rows, the newest entry having this number.
    pub(super) fn at(head: Option<i64>, number: u64, anchor: Option<i64>) -> Self {
        Self {
            head: head.map(|row| Place { row, number }),
            anchor: anchor.map(|row| Place { row, number: number / SKIP * SKIP }),
        }
    }

    /// The number of the newest entry; zero if there is none.
    pub(super) fn newest(&self) -> u64 {
        self.head.map_or(0, |head| head.number)
    }
}

/// Appends to logs. Made once for a batch: looking a statement up costs as much as binding it.
pub(super) struct Appender<'c> {
    connection: &'c Connection,
    insert: CachedStatement<'c>,
}

impl<'c> Appender<'c> {
    pub(super) fn new(connection: &'c Connection) -> Result<Self, StoreError> {
        let insert = connection.prepare_cached(
            "INSERT INTO log (conversation, number, prev, skip, at, segment, sealed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        Ok(Self { connection, insert })
    }

    /// Opens the new segment of a change, whose key has given it its id, and appends its entries; the end
    /// moves with them.
    pub(super) fn append(
        &mut self,
        standing: &mut Standing,
        change: &ConversationChange,
        segment: Option<Segment>,
    ) -> Result<(), StoreError> {
        if let (Some(new), Some(segment)) = (&change.new_segment, segment) {
            open_segment(self.connection, standing, new, segment.id)?;
            standing.segment = Some(segment);
        }
        append_entries(&mut self.insert, standing, change)
    }
}

fn append_entries(
    insert: &mut CachedStatement<'_>,
    standing: &mut Standing,
    change: &ConversationChange,
) -> Result<(), StoreError> {
    let end = &mut standing.end;
    for entry in &change.entries {
        let newest = end.newest();
        let key = || format!("{} of conversation {}", entry.number, standing.id.0);
        if entry.number != Number(newest).next() {
            return Err(damaged(TABLE, key(), format!("the entry before it is {newest}")));
        }
        let Some(segment) = &standing.segment else {
            return Err(damaged(TABLE, key(), "no segment is open"));
        };
        let anchors = entry.number.0.is_multiple_of(SKIP);
        let row = insert.insert(params![
            standing.id.0,
            signed(entry.number.0, TABLE, entry.number)?,
            end.head.map(|head| head.row),
            end.anchor.filter(|_| anchors).map(|anchor| anchor.row),
            entry.at.0,
            segment.id.0,
            entry.sealed,
        ])?;
        let place = Place { row, number: entry.number.0 };
        end.head = Some(place);
        if anchors {
            end.anchor = Some(place);
        }
    }
    Ok(())
}

/// The entries with numbers greater than `after`, oldest first. `end` is the end of the log, where
/// memory knows it; then it was known before this read began.
pub(super) fn entries_after(
    reader: &Reader,
    conversation: ConversationId,
    end: Option<End>,
    after: Number,
    limit: usize,
) -> Result<Vec<EntryRow>, StoreError> {
    between(reader, conversation, end, |newest| {
        (after.0, newest.min(after.0.saturating_add(page(limit))))
    })
}

/// The newest entries with numbers up to `upto`, oldest first; `end` as above.
pub(super) fn entries_upto(
    reader: &Reader,
    conversation: ConversationId,
    end: Option<End>,
    upto: Number,
    limit: usize,
) -> Result<Vec<EntryRow>, StoreError> {
    between(reader, conversation, end, |newest| {
        let last = newest.min(upto.0);
        (last.saturating_sub(page(limit)), last)
    })
}

fn page(limit: usize) -> u64 {
    limit.min(ENTRIES_PER_READ_MAX) as u64
}

/// The entries after one number and up to another, which `bounds` chooses when it has seen the
/// number of the newest.
fn between(
    reader: &Reader,
    conversation: ConversationId,
    end: Option<End>,
    bounds: impl FnOnce(u64) -> (u64, u64),
) -> Result<Vec<EntryRow>, StoreError> {
    // One transaction, so that the many small steps lock the file once and see one state of it.
    let snapshot = reader.unchecked_transaction()?;
    let end = match end {
        Some(end) => Some(end),
        None => stored_end(&snapshot, conversation)?,
    };
    let Some(End { head: Some(head), anchor }) = end else { return Ok(Vec::new()) };
    let (after, upto) = bounds(head.number);
    if after >= upto {
        return Ok(Vec::new());
    }
    let mut walk = Walk::new(&snapshot, &reader.keys, conversation)?;
    let mut place = walk.nearest(head, anchor, upto)?;
    while place.number > upto {
        place = walk.before(place)?;
    }
    let mut entries = Vec::with_capacity(usize::try_from(upto - after).unwrap_or(0));
    loop {
        let (entry, prev) = walk.read(place)?;
        entries.push(entry);
        if place.number == after + 1 {
            break;
        }
        place = step(place, 1, prev)?;
    }
    entries.reverse();
    Ok(entries)
}

/// A walk back through one conversation's log.
struct Walk<'c> {
    conversation: ConversationId,
    links: CachedStatement<'c>,
    entries: CachedStatement<'c>,
    keys: &'c Connection,
    /// The segment met last, and its key.
    met: Option<(i64, Option<Segment>)>,
}

impl<'c> Walk<'c> {
    fn new(
        reader: &'c Connection,
        keys: &'c Connection,
        conversation: ConversationId,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            conversation,
            links: reader
                .prepare_cached("SELECT conversation, number, prev, skip FROM log WHERE id = ?1")?,
            entries: reader.prepare_cached(
                "SELECT conversation, number, prev, at, segment, sealed FROM log WHERE id = ?1",
            )?,
            keys,
            met: None,
        })
    }

    /// The place from which the entry `upto` is reached soonest: the head, or the oldest anchor
    /// that does not lie before it.
    fn nearest(
        &mut self,
        head: Place,
        anchor: Option<Place>,
        upto: u64,
    ) -> Result<Place, StoreError> {
        let Some(mut place) = anchor.filter(|anchor| anchor.number >= upto) else {
            return Ok(head);
        };
        while place.number - SKIP >= upto {
            let (_, skip) = self.links(place)?;
            place = step(place, SKIP, skip)?;
        }
        Ok(place)
    }

    fn before(&mut self, place: Place) -> Result<Place, StoreError> {
        let (prev, _) = self.links(place)?;
        step(place, 1, prev)
    }

    fn links(&mut self, place: Place) -> Result<(Option<i64>, Option<i64>), StoreError> {
        let mut rows = self.links.query([place.row])?;
        let Some(row) = rows.next()? else { return Err(missing(place)) };
        let columns = Columns { row, table: TABLE, key: &place.row };
        expect(columns, self.conversation, place.number)?;
        Ok((columns.get("prev")?, columns.get("skip")?))
    }

    fn read(&mut self, place: Place) -> Result<(EntryRow, Option<i64>), StoreError> {
        let mut rows = self.entries.query([place.row])?;
        let Some(row) = rows.next()? else { return Err(missing(place)) };
        let columns = Columns { row, table: TABLE, key: &place.row };
        expect(columns, self.conversation, place.number)?;
        let (at, sealed, prev) =
            (Timestamp(columns.get("at")?), columns.get("sealed")?, columns.get("prev")?);
        let of: i64 = columns.get("segment")?;
        drop(rows);
        let segment = self.segment(of)?;
        Ok((EntryRow { number: Number(place.number), at, sealed, segment }, prev))
    }

    /// Entries that stand side by side are of one segment as a rule.
    fn segment(&mut self, id: i64) -> Result<Option<Segment>, StoreError> {
        if let Some((met, segment)) = &self.met
            && *met == id
        {
            return Ok(segment.clone());
        }
        // Entries were committed after their key, and this read began after that; so a key that is not
        // there was shredded.
        let segment = keys::find(self.keys, SegmentId(id))?;
        self.met = Some((id, segment.clone()));
        Ok(segment)
    }
}

fn step(from: Place, back: u64, row: Option<i64>) -> Result<Place, StoreError> {
    match row {
        Some(row) => Ok(Place { row, number: from.number - back }),
        None => Err(damaged(TABLE, from.row, format!("no way to the entry {back} before it"))),
    }
}

fn expect(
    columns: Columns<'_, '_>,
    conversation: ConversationId,
    number: u64,
) -> Result<(), StoreError> {
    let found: u64 = columns.unsigned("number")?;
    let whose: i64 = columns.get("conversation")?;
    if found == number && whose == conversation.0 {
        return Ok(());
    }
    let what = format!(
        "it is {found} of conversation {whose}, where {number} of conversation {} belongs",
        conversation.0
    );
    Err(damaged(TABLE, columns.key, what))
}

fn missing(place: Place) -> StoreError {
    damaged(TABLE, place.row, format!("there is no such row; it would be entry {}", place.number))
}

fn stored_end(connection: &Connection, id: ConversationId) -> Result<Option<End>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT head, head_number, anchor FROM conversation WHERE id = ?1")?;
    let mut rows = statement.query([id.0])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    End::of(Columns { row, table: standing::TABLE, key: &id.0 }).map(Some)
}

/// Opens a segment; the one before it ends with the newest entry.
fn open_segment(
    connection: &Connection,
    standing: &Standing,
    new: &NewSegment,
    id: SegmentId,
) -> Result<(), StoreError> {
    if let Some(head) = standing.end.head {
        let mut end = connection.prepare_cached(
            "UPDATE segment SET last = ?2 WHERE conversation = ?1 AND last IS NULL",
        )?;
        end.execute([standing.id.0, head.row])?;
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO segment (id, conversation, tenant, session, since) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let session = new.session.as_ref().map(SessionId::as_str);
    let tenant = standing.key.tenant.as_str();
    insert.execute(params![id.0, standing.id.0, tenant, session, new.since.0])?;
    Ok(())
}
