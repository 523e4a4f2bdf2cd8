//! What is old: segments that may be shredded, what is left of those that were, and the rows of sessions
//! and dead letters that nobody needs any more.
//!
//! What may go is judged by the gateway, which knows each tenant's rules; here stands what it must know, and
//! how it goes: in pieces, each a short transaction.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, params};
use session::id::{Number, SessionId, TenantId, Timestamp};

use super::column::{Columns, damaged, limited};
use super::hot::Hot;
use crate::{Began, ConversationId, OldSegment, SegmentId, StoreError, Words};

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

pub(super) fn select_old(words: Words) -> &'static str {
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
fn head(hot: &Hot, conversation: ConversationId, stored: Option<i64>) -> Option<i64> {
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
fn waiting(reader: &Connection) -> Result<HashSet<i64>, StoreError> {
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

/// Segments that were marked and whose entries still have their bytes, oldest first.
pub(super) fn marked(reader: &Connection, limit: usize) -> Result<Vec<SegmentId>, StoreError> {
    let mut select = reader.prepare_cached(
        "SELECT id FROM segment INDEXED BY segment_shredded WHERE shredded = 1 ORDER BY id LIMIT ?1",
    )?;
    let marked = select.query_map([limited(limit)], |row| row.get(0).map(SegmentId))?;
    Ok(marked.collect::<Result<_, _>>()?)
}

/// Empties at most `limit` entries of these segments, whose keys are gone; the rows stay as links of their
/// chains. How many there were.
pub(super) fn empty(
    writer: &Connection,
    hot: &Hot,
    segments: &[SegmentId],
    limit: usize,
) -> Result<usize, StoreError> {
    let mut emptied = 0;
    for segment in segments {
        if emptied >= limit {
            break;
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
        }
    }
    Ok(emptied)
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

/// Where a walk begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum On {
    /// At the segment's newest entry.
    ItsEnd,
    /// Where the last one rested, if one did.
    WhereItRested,
}

/// A walk back through the entries of one segment, which goes on where it was left.
pub(super) struct Walk {
    segment: SegmentId,
    at: Option<i64>,
}

impl Walk {
    pub(super) fn through(
        writer: &Connection,
        hot: &Hot,
        segment: SegmentId,
        on: On,
    ) -> Result<Self, StoreError> {
        let mut select = writer.prepare_cached(
            "SELECT s.conversation, s.rest, s.last, c.head
             FROM segment s
             JOIN conversation c ON c.id = s.conversation
             WHERE s.id = ?1",
        )?;
        let ends: Option<(i64, Option<i64>, Option<i64>, Option<i64>)> = select
            .query_row([segment.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .optional()?;
        let Some((conversation, rest, last, stored)) = ends else {
            return Ok(Self { segment, at: None });
        };
        let at = match rest.filter(|_| on == On::WhereItRested).or(last) {
            Some(row) => Some(row),
            None => head(hot, ConversationId(conversation), stored),
        };
        Ok(Self { segment, at })
    }

    /// The next entry's row.
    pub(super) fn next(&mut self, writer: &Connection) -> Result<Option<i64>, StoreError> {
        let Some(row) = self.at else { return Ok(None) };
        let mut select = writer.prepare_cached("SELECT segment, prev FROM log WHERE id = ?1")?;
        let found: Option<(i64, Option<i64>)> =
            select.query_row([row], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some((segment, prev)) = found else {
            return Err(damaged("log", row, "there is no such row, and a segment goes through it"));
        };
        if segment != self.segment.0 {
            self.at = None;
            return Ok(None);
        }
        self.at = prev;
        Ok(Some(row))
    }

    /// Whether there is nothing more.
    pub(super) fn is_over(&self) -> bool {
        self.at.is_none()
    }

    /// Remembers where to go on; what was passed is still there.
    pub(super) fn rest(&self, writer: &Connection) -> Result<(), StoreError> {
        writer
            .prepare_cached("UPDATE segment SET rest = ?2 WHERE id = ?1")?
            .execute(params![self.segment.0, self.at])?;
        Ok(())
    }

    /// The segment ends here now; what was passed is gone.
    pub(super) fn cut(&self, writer: &Connection) -> Result<(), StoreError> {
        writer
            .prepare_cached("UPDATE segment SET last = ?2 WHERE id = ?1")?
            .execute(params![self.segment.0, self.at])?;
        Ok(())
    }
}

pub(super) const ENDED: &str = "SELECT s.id
     FROM session s INDEXED BY session_ended
     WHERE s.tenant = ?1 AND s.ended_at < ?2
         AND NOT EXISTS (
             SELECT 1
             FROM segment g
             WHERE g.conversation = s.conversation AND g.session = s.id AND g.shredded = 0
         )
         AND NOT EXISTS (
             SELECT 1
             FROM outbox o
             WHERE o.conversation = s.conversation AND o.session = s.id
         )
         AND NOT EXISTS (
             SELECT 1
             FROM dead_letter d
             WHERE d.conversation = s.conversation AND d.session = s.id AND d.at >= ?2
         )
     LIMIT ?3";

pub(super) const FORGET_LETTERS: &str = "DELETE FROM dead_letter
     WHERE id IN (
         SELECT d.id
         FROM dead_letter d INDEXED BY dead_letter_at
         CROSS JOIN conversation_key k ON k.id = d.conversation
         WHERE d.at < ?2 AND k.tenant = ?1
         LIMIT ?3
     )";

/// Forgets a tenant's sessions that ended before then, and the holds they left behind, once nothing of theirs
/// can be read or waits; and its dead letters that were given up before then. At most `limit` of each.
pub(super) fn forget_ended(
    writer: &Connection,
    tenant: &TenantId,
    before: Timestamp,
    limit: usize,
) -> Result<(Vec<SessionId>, usize), StoreError> {
    let mut select = writer.prepare_cached(ENDED)?;
    let mut rows = select.query(params![tenant.as_str(), before.0, limited(limit)])?;
    let mut sessions = Vec::new();
    while let Some(row) = rows.next()? {
        let columns = Columns { row, table: "session", key: &"?" };
        sessions.push(columns.id("id", SessionId::new)?);
    }
    for session in &sessions {
        writer
            .prepare_cached("DELETE FROM hold WHERE session = ?1")?
            .execute([session.as_str()])?;
        writer.prepare_cached("DELETE FROM session WHERE id = ?1")?.execute([session.as_str()])?;
    }
    let letters = writer.prepare_cached(FORGET_LETTERS)?.execute(params![
        tenant.as_str(),
        before.0,
        limited(limit)
    ])?;
    Ok((sessions, letters))
}

/// Whether nothing was said in conversation `c` since `?1`, and nothing is left of it.
macro_rules! is_dead {
    () => {
        "c.deadline IS NULL
         AND (SELECT at FROM log WHERE id = c.head) < ?1
         AND EXISTS (SELECT 1 FROM conversation_key k WHERE k.id = c.id)
         AND NOT EXISTS (
             SELECT 1 FROM segment s WHERE s.conversation = c.id AND s.shredded <> 2
         )
         AND NOT EXISTS (SELECT 1 FROM session s WHERE s.conversation = c.id)
         AND NOT EXISTS (SELECT 1 FROM dead_letter d WHERE d.conversation = c.id)"
    };
}

/// A conversation that is dead has a newest segment, which began before its last words and is emptied; those
/// that began later are not read.
pub(super) const DEAD: &str = concat!(
    "SELECT n.id, n.since, c.id AS conversation, ",
    is_dead!(),
    " AS dead
     FROM segment n INDEXED BY segment_over
     JOIN conversation c ON c.id = n.conversation
     WHERE n.shredded = 2 AND n.last IS NULL AND n.since < ?1 AND (n.since, n.id) > (?2, ?3)
     ORDER BY n.since, n.id
     LIMIT ?4"
);

/// Of the next `limit` conversations of which nothing can be read, those in which nothing was said since
/// `before` and of which nothing is left; and the last that was looked at, `None` at the end.
pub(super) fn dead_conversations(
    reader: &Connection,
    hot: &Hot,
    before: Timestamp,
    after: Began,
    limit: usize,
) -> Result<(Vec<ConversationId>, Option<Began>), StoreError> {
    let mut select = reader.prepare_cached(DEAD)?;
    let bounds = params![before.0, after.at.0, after.segment.0, limited(limit)];
    let mut rows = select.query(bounds)?;
    let (mut dead, mut last) = (Vec::new(), None);
    while let Some(row) = rows.next()? {
        last = Some(Began { at: Timestamp(row.get("since")?), segment: SegmentId(row.get("id")?) });
        let id = ConversationId(row.get("conversation")?);
        if row.get::<_, Option<bool>>("dead")? == Some(true) && !hot.lags(id) {
            dead.push(id);
        }
    }
    if !dead.is_empty() {
        let waiting = waiting(reader)?;
        dead.retain(|id| !waiting.contains(&id.0));
    }
    Ok((dead, last))
}

/// Whether this one is, as of now.
pub(super) fn is_dead(
    connection: &Connection,
    hot: &Hot,
    id: ConversationId,
    before: Timestamp,
) -> Result<bool, StoreError> {
    let mut select = connection.prepare_cached(concat!(
        "SELECT ",
        is_dead!(),
        " AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.conversation = c.id)
         FROM conversation c
         WHERE c.id = ?2"
    ))?;
    let dead: Option<Option<bool>> =
        select.query_row([before.0, id.0], |row| row.get(0)).optional()?;
    Ok(dead.flatten() == Some(true) && !hot.lags(id))
}
