//! What is left when words are gone: sessions, dead letters, and conversations of which nothing is left.

use rusqlite::{Connection, OptionalExtension, params};
use session::id::{SessionId, TenantId, Timestamp};

use super::segments::waiting;
use crate::{
    Began, ConversationId, SegmentId, Silent, StoreError,
    sqlite::{
        column::{Columns, limited},
        hot::Hot,
    },
};

pub(in crate::sqlite) const ENDED: &str = "SELECT s.id
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

pub(in crate::sqlite) const FORGET_LETTERS: &str = "DELETE FROM dead_letter
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

/// Whether nothing was said in conversation `c` since `?1`, or ever, and nothing is left of it.
macro_rules! is_dead {
    () => {
        "c.deadline IS NULL
         AND coalesce((SELECT at FROM log WHERE id = c.head), c.silent_since) < ?1
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
pub(in crate::sqlite) const DEAD: &str = concat!(
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

/// Those that fell silent before they said anything: each is in its tenant's part of an index in which nobody is who
/// ever said something.
pub(in crate::sqlite) const SILENT: &str = "SELECT silent_since, id
     FROM conversation INDEXED BY conversation_silent
     WHERE silent_of = ?1 AND silent_since < ?2 AND (silent_since, id) > (?3, ?4)
     ORDER BY silent_since, id";

/// A tenant's conversations that are silent since before then: those of the table, but for those of which memory
/// knows better, and those of memory.
pub(super) fn silent_conversations(
    reader: &Connection,
    hot: &Hot,
    tenant: &TenantId,
    before: Timestamp,
    after: Silent,
    limit: usize,
) -> Result<Vec<Silent>, StoreError> {
    let place = |(since, conversation)| Silent { since: Timestamp(since), conversation };
    let remembered = hot.silent(tenant, (after.since.0, after.conversation), before.0);
    let mut found: Vec<_> = remembered.map(place).take(limit).collect();
    let mut select = reader.prepare_cached(SILENT)?;
    let bounds = params![tenant.as_str(), before.0, after.since.0, after.conversation.0];
    let mut rows = select.query(bounds)?;
    let mut stored = 0;
    while stored < limit
        && let Some(row) = rows.next()?
    {
        let id = ConversationId(row.get("id")?);
        if !hot.lags(id) {
            found.push(place((row.get("silent_since")?, id)));
            stored += 1;
        }
    }
    found.sort_unstable();
    found.truncate(limit);
    Ok(found)
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
