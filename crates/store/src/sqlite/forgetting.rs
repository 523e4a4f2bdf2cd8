//! Forgetting conversations altogether: what stands in the clear, too.
//!
//! ```text
//!   one transaction: nobody finds it any more; sessions, holds, effects, letters, ids and state are gone;
//!                    its segments are marked, and it stands in `forgotten`
//!   ──► the keys of its segments ──► (its files, by the gateway) ──► log, piece by piece ──► its row
//! ```
//!
//! Killed at any line, what is left is in `forgotten`, and goes on with the next sweep. A user who comes back
//! meanwhile begins a conversation of their own.

use rusqlite::{Connection, OptionalExtension, params};
use session::id::SessionId;

use super::column::{damaged, limited};
use super::hot::Hot;
use super::retention::walk::{On, Walk};
use super::scrubbing::Overwriting;
use super::{journal, outbox};
use crate::{ConversationId, Forgotten, OutboxId, SegmentId, StoreError, Whose};

/// While this lives nobody looks through the whole log for rows that refer to one that is deleted (there is
/// none: they went first), and what is deleted is overwritten.
pub(super) struct Thorough<'w> {
    writer: &'w Connection,
    _overwriting: Overwriting<'w>,
}

impl<'w> Thorough<'w> {
    pub(super) fn begin(writer: &'w Connection) -> Result<Self, StoreError> {
        let thorough = Self { writer, _overwriting: Overwriting::begin(writer)? };
        writer.pragma_update(None, "foreign_keys", false)?;
        Ok(thorough)
    }
}

impl Drop for Thorough<'_> {
    fn drop(&mut self) {
        // It only changes this connection's memory.
        self.writer.pragma_update(None, "foreign_keys", true).ok();
    }
}

pub(super) const OF_PERSON: &str =
    "SELECT id FROM conversation_key WHERE tenant = ?1 AND user = ?2 AND id > ?3
     UNION
     SELECT conversation FROM session WHERE tenant = ?1 AND user = ?2 AND conversation > ?3
     ORDER BY 1
     LIMIT ?4";

/// The conversations of a person, in the order of their rows.
pub(super) fn of_person(
    reader: &Connection,
    whose: &Whose,
    after: ConversationId,
    limit: usize,
) -> Result<Vec<ConversationId>, StoreError> {
    let mut select = reader.prepare_cached(OF_PERSON)?;
    let bounds = params![whose.tenant.as_str(), whose.user, after.0, limited(limit)];
    let found = select.query_map(bounds, |row| row.get(0).map(ConversationId))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// The session of this conversation that has not ended.
pub(super) fn open_session(
    reader: &Connection,
    id: ConversationId,
) -> Result<Option<SessionId>, StoreError> {
    let mut select = reader.prepare_cached(
        "SELECT id FROM session WHERE conversation = ?1 AND ended_at IS NULL LIMIT 1",
    )?;
    let open: Option<String> = select.query_row([id.0], |row| row.get(0)).optional()?;
    open.map(|id| SessionId::new(&id).map_err(|error| damaged("session", "?", error.to_string())))
        .transpose()
}

/// The first transaction: everything but the log and its segments. Says how much there was, and which keys
/// are to go.
pub(super) fn begin(
    transaction: &Connection,
    hot: &Hot,
    id: ConversationId,
) -> Result<(Forgotten, Vec<SegmentId>), StoreError> {
    let delete = |sql: &str| -> Result<u64, StoreError> {
        Ok(transaction.prepare_cached(sql)?.execute([id.0])? as u64)
    };
    let there: bool = transaction
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM conversation_key WHERE id = ?1)")?
        .query_row([id.0], |row| row.get(0))?;
    // Whoever is in a live chat is left alone: its end would reach neither side.
    if !there || open_session(transaction, id)?.is_some() {
        return Ok((Forgotten::default(), Vec::new()));
    }
    let head = match hot.standing(id) {
        Some(standing) => standing.end.head.map(|head| head.row),
        None => transaction
            .prepare_cached("SELECT head FROM conversation WHERE id = ?1")?
            .query_row([id.0], |row| row.get(0))?,
    };
    transaction
        .prepare_cached("UPDATE segment SET last = ?2 WHERE conversation = ?1 AND last IS NULL")?
        .execute(params![id.0, head])?;
    let mut select =
        transaction.prepare_cached("SELECT id FROM segment WHERE conversation = ?1")?;
    let segments = select.query_map([id.0], |row| row.get(0).map(SegmentId))?;
    let segments = segments.collect::<Result<Vec<_>, _>>()?;
    let marked =
        delete("UPDATE segment SET shredded = 1 WHERE conversation = ?1 AND shredded = 0")?;
    delete("DELETE FROM hold WHERE session IN (SELECT id FROM session WHERE conversation = ?1)")?;
    let effects = effects_of(transaction, id)?;
    outbox::settle(transaction, &effects)?;
    let forgotten = Forgotten {
        conversations: 1,
        sessions: delete("DELETE FROM session WHERE conversation = ?1")?,
        segments: marked,
        entries: 0,
        effects: effects.len() as u64,
        dead_letters: delete("DELETE FROM dead_letter WHERE conversation = ?1")?,
    };
    delete("DELETE FROM placed WHERE conversation = ?1")?;
    delete("DELETE FROM conversation_key WHERE id = ?1")?;
    delete(
        "UPDATE conversation
         SET head = NULL, head_number = 0, anchor = NULL, segment = NULL, deadline = NULL,
             set_aside = 0, spilled = 0, recent = x'', state = NULL
         WHERE id = ?1",
    )?;
    delete("INSERT INTO forgotten (conversation) VALUES (?1) ON CONFLICT DO NOTHING")?;
    Ok((forgotten, segments))
}

fn effects_of(connection: &Connection, id: ConversationId) -> Result<Vec<OutboxId>, StoreError> {
    let mut select = connection.prepare_cached("SELECT id FROM outbox WHERE conversation = ?1")?;
    let effects = select.query_map([id.0], |row| row.get(0).map(OutboxId))?;
    Ok(effects.collect::<Result<_, _>>()?)
}

/// What the journal holds is in the rows by now; its newest row stays without what it said.
pub(super) fn empty_journal(transaction: &Connection) -> Result<(), StoreError> {
    let newest = journal::newest(transaction)?;
    journal::forget_before(transaction, newest)?;
    transaction
        .prepare_cached("UPDATE journal SET rows = ?1 WHERE id = ?2")?
        .execute(params![journal::EMPTIED, newest])?;
    Ok(())
}

/// Conversations that are being forgotten and have something left, in the order of their rows.
pub(super) fn begun(
    reader: &Connection,
    after: ConversationId,
    limit: usize,
) -> Result<Vec<ConversationId>, StoreError> {
    let mut select = reader.prepare_cached(
        "SELECT conversation FROM forgotten
         WHERE conversation > ?1 AND (
             conversation < (SELECT max(id) FROM conversation)
             OR EXISTS (SELECT 1 FROM segment s WHERE s.conversation = forgotten.conversation)
             OR EXISTS (SELECT 1 FROM repeat r WHERE r.conversation = forgotten.conversation)
         )
         ORDER BY conversation LIMIT ?2",
    )?;
    let bounds = params![after.0, limited(limit)];
    let begun = select.query_map(bounds, |row| row.get(0).map(ConversationId))?;
    Ok(begun.collect::<Result<_, _>>()?)
}

/// The segments that one of them still has, newest first: a walk through one ends at the newest entry of the
/// segment before it, which must still be there.
pub(super) fn segments_of(
    reader: &Connection,
    id: ConversationId,
) -> Result<Vec<SegmentId>, StoreError> {
    let mut select =
        reader.prepare_cached("SELECT id FROM segment WHERE conversation = ?1 ORDER BY id DESC")?;
    let segments = select.query_map([id.0], |row| row.get(0).map(SegmentId))?;
    Ok(segments.collect::<Result<_, _>>()?)
}

/// A piece of what is left of one of them: how many entries, and whether that was all.
pub(super) fn piece(
    transaction: &Connection,
    hot: &Hot,
    id: ConversationId,
    limit: usize,
) -> Result<(u64, bool), StoreError> {
    let mut entries = 0;
    for segment in segments_of(transaction, id)? {
        let mut walk = Walk::through(transaction, hot, segment, On::ItsEnd)?;
        while entries < limit
            && let Some(row) = walk.next(transaction)?
        {
            transaction.prepare_cached("DELETE FROM log WHERE id = ?1")?.execute([row])?;
            entries += 1;
        }
        if entries >= limit && !walk.is_over() {
            walk.cut(transaction)?;
            return Ok((entries as u64, false));
        }
        transaction.prepare_cached("DELETE FROM segment WHERE id = ?1")?.execute([segment.0])?;
    }
    let repeats = transaction
        .prepare_cached(
            "DELETE FROM repeat
             WHERE conversation = ?1
                 AND key IN (SELECT key FROM repeat WHERE conversation = ?1 LIMIT ?2)",
        )?
        .execute(params![id.0, limited(limit)])?;
    if repeats >= limit {
        return Ok((entries as u64, false));
    }
    // The newest row stays, with nothing in it, so that no id is given twice; until there is a newer one.
    let gone = transaction
        .prepare_cached(
            "DELETE FROM conversation
             WHERE id = ?1 AND id < (SELECT max(id) FROM conversation)",
        )?
        .execute([id.0])?;
    if gone == 1 {
        transaction
            .prepare_cached("DELETE FROM forgotten WHERE conversation = ?1")?
            .execute([id.0])?;
    }
    Ok((entries as u64, true))
}
