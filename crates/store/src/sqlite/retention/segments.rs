//! Segments: those that are old, and what is left of those that were shredded.

use std::collections::HashSet;

use rusqlite::{Connection, params};
use session::id::{Number, SessionId, TenantId, Timestamp};

use super::walk::{On, Walk};
use crate::{
    Began, ConversationId, OldSegment, SegmentId, StoreError, Words,
    sqlite::{
        column::{Columns, limited},
        hot::Hot,
    },
};

const TABLE: &str = "segment";

/// Segments of a tenant that were not shredded and began before then, oldest first. Each kind of words has an
/// index of its own, so nothing that began later is read.
macro_rules! select_old {
    ($index:literal, $holds:literal) => {
        concat!(
            "SELECT s.id, s.conversation, s.session, s.since, s.last, c.head,
                    EXISTS (
                        SELECT 1
                        FROM session o
                        WHERE o.conversation = s.conversation AND o.ended_at IS NULL
                    ) AS open,
                    (SELECT max(d.at) FROM dead_letter d WHERE d.conversation = s.conversation) AS letter
             FROM segment s INDEXED BY ",
            $index,
            " JOIN conversation c ON c.id = s.conversation
             WHERE s.tenant = ?1 AND s.shredded = 0 AND ",
            $holds,
            " AND (s.since, s.id) > (?2, ?3) AND s.since < ?4
             ORDER BY s.since, s.id
             LIMIT ?5"
        )
    };
}

pub(in crate::sqlite) fn select_old(words: Words) -> &'static str {
    match words {
        Words::BotTalk => select_old!("segment_talk", "s.session IS NULL"),
        Words::Chat => select_old!("segment_chat", "s.session IS NOT NULL"),
    }
}

/// Segments of a tenant that were not shredded and began before then.
pub(super) fn old_segments(
    reader: &Connection,
    hot: &Hot,
    (tenant, words): (&TenantId, Words),
    before: Timestamp,
    after: Began,
    limit: usize,
) -> Result<Vec<OldSegment>, StoreError> {
    let mut select = reader.prepare_cached(select_old(words))?;
    let bounds = params![tenant.as_str(), after.at.0, after.segment.0, before.0, limited(limit)];
    let mut rows = select.query(bounds)?;
    let mut old = Vec::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get("id")?;
        let columns = Columns { row, table: TABLE, key: &id };
        let conversation = ConversationId(columns.get("conversation")?);
        let since = Timestamp(columns.get("since")?);
        let last: Option<i64> = columns.get("last")?;
        let last = match last {
            Some(last) => Some(last),
            None => head(hot, conversation, columns.get("head")?),
        };
        let newest = match last {
            Some(last) => taken_in(reader, last)?,
            None => None,
        };
        let (newest, last) = newest.unwrap_or((since, Number(0)));
        old.push(OldSegment {
            id: SegmentId(id),
            conversation,
            tenant: tenant.clone(),
            session: columns.optional_id("session", SessionId::new)?,
            since,
            newest,
            last,
            busy: columns.get("open")?,
            letter: columns.get::<Option<i64>>("letter")?.map(Timestamp),
        });
    }
    if !old.is_empty() {
        let waiting = waiting(reader)?;
        for segment in &mut old {
            segment.busy |= waiting.contains(&segment.conversation.0);
        }
    }
    Ok(old)
}

/// Where a conversation's log ends: memory knows better than the row.
pub(super) fn head(hot: &Hot, conversation: ConversationId, stored: Option<i64>) -> Option<i64> {
    match hot.standing(conversation) {
        Some(standing) => standing.end.head.map(|head| head.row),
        None => stored,
    }
}

fn taken_in(reader: &Connection, row: i64) -> Result<Option<(Timestamp, Number)>, StoreError> {
    let mut select = reader.prepare_cached("SELECT at, number FROM log WHERE id = ?1")?;
    let mut rows = select.query([row])?;
    let Some(found) = rows.next()? else { return Ok(None) };
    let columns = Columns { row: found, table: "log", key: &row };
    Ok(Some((Timestamp(columns.get("at")?), Number(columns.unsigned("number")?))))
}

/// The conversations for which something waits. There is no index for it, and none is needed: the outbox has
/// only what waits.
pub(super) fn waiting(reader: &Connection) -> Result<HashSet<i64>, StoreError> {
    let mut select = reader.prepare_cached("SELECT DISTINCT conversation FROM outbox")?;
    let waiting = select.query_map([], |row| row.get(0))?;
    Ok(waiting.collect::<Result<_, _>>()?)
}

/// Marks segments as shredded, so that nobody writes to them any more. Says which were not before.
pub(super) fn mark(writer: &Connection, segments: &[SegmentId]) -> Result<usize, StoreError> {
    let mut mark =
        writer.prepare_cached("UPDATE segment SET shredded = 1 WHERE id = ?1 AND shredded = 0")?;
    let mut marked = 0;
    for segment in segments {
        marked += mark.execute([segment.0])?;
    }
    Ok(marked)
}

/// Segments that were marked and whose entries still have their bytes, in the order of their rows.
pub(super) fn marked(
    reader: &Connection,
    after: SegmentId,
    limit: usize,
) -> Result<Vec<SegmentId>, StoreError> {
    let mut select = reader.prepare_cached(
        "SELECT id
         FROM segment INDEXED BY segment_shredded
         WHERE shredded = 1 AND id > ?1
         ORDER BY id
         LIMIT ?2",
    )?;
    let bounds = params![after.0, limited(limit)];
    let marked = select.query_map(bounds, |row| row.get(0).map(SegmentId))?;
    Ok(marked.collect::<Result<_, _>>()?)
}

/// Those of these segments that are.
pub(super) fn marked_of(
    reader: &Connection,
    segments: &[SegmentId],
) -> Result<Vec<SegmentId>, StoreError> {
    let mut select = reader
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM segment WHERE id = ?1 AND shredded = 1)")?;
    let mut marked = Vec::new();
    for segment in segments {
        let is_marked: bool = select.query_row([segment.0], |row| row.get(0))?;
        marked.extend(is_marked.then_some(*segment));
    }
    Ok(marked)
}

/// Empties at most `limit` entries of these segments, whose keys are gone; the rows stay as links of their
/// chains. How many there were, and whether that was the rest.
pub(super) fn empty(
    writer: &Connection,
    hot: &Hot,
    segments: &[SegmentId],
    limit: usize,
) -> Result<(usize, bool), StoreError> {
    let mut emptied = 0;
    for segment in segments {
        if emptied >= limit {
            return Ok((emptied, false));
        }
        let mut walk = Walk::through(writer, hot, *segment, On::WhereItRested)?;
        while emptied < limit
            && let Some(row) = walk.next(writer)?
        {
            writer.prepare_cached("UPDATE log SET sealed = x'' WHERE id = ?1")?.execute([row])?;
            emptied += 1;
        }
        if walk.is_over() {
            writer
                .prepare_cached("UPDATE segment SET shredded = 2, rest = NULL WHERE id = ?1")?
                .execute([segment.0])?;
        } else {
            walk.rest(writer)?;
            return Ok((emptied, false));
        }
    }
    Ok((emptied, true))
}

/// Those of these segments that are not there, or were shredded: their keys open nothing.
pub(super) fn without_entries(
    connection: &Connection,
    segments: &[SegmentId],
) -> Result<Vec<SegmentId>, StoreError> {
    let mut select = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM segment WHERE id = ?1 AND shredded = 0)")?;
    let mut without = Vec::new();
    for segment in segments {
        let is_used: bool = select.query_row([segment.0], |row| row.get(0))?;
        without.extend((!is_used).then_some(*segment));
    }
    Ok(without)
}
