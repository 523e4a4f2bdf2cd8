//! Dead letters: effects that finally failed, for a person to see, remove or send again.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Row, params};
use session::id::{EffectNumber, SessionId, TenantId, Timestamp};

use super::column::{Columns, damaged, limited, signed};
use super::outbox;
use crate::{ConversationId, DeadLetter, LaneKey, OutboxId, Resend, Sight, StoreError};

const TABLE: &str = "dead_letter";

/// A dead letter's columns, found by a condition.
macro_rules! select_dead_letter {
    ($condition:literal) => {
        concat!(
            "SELECT effect, conversation, number, lane, session, attempts, reason, at, body
             FROM dead_letter
             ",
            $condition
        )
    };
}

/// Keeps failed effects and lets them leave the outbox. The first report counts: what has left the
/// outbox was settled, or is kept already, or was dealt with by a person. The body is the outbox's own:
/// it may have been sealed anew since it was read.
pub(super) fn keep(connection: &Connection, dead: &[DeadLetter]) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO dead_letter
             (effect, conversation, number, lane, session, attempts, reason, decided_at, at, body)
         SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, at, ?8, body
         FROM outbox
         WHERE id = ?1
         ON CONFLICT (effect) DO NOTHING",
    )?;
    for letter in dead {
        statement.execute(params![
            letter.effect.0,
            letter.conversation.0,
            signed(letter.number.0, TABLE, letter.effect.0)?,
            letter.lane.0,
            letter.session.as_ref().map(SessionId::as_str),
            letter.attempts,
            letter.reason,
            letter.at.0,
        ])?;
    }
    let effects: Vec<OutboxId> = dead.iter().map(|letter| letter.effect).collect();
    outbox::settle(connection, &effects)
}

/// Forgets dead letters. One that is gone already is fine.
pub(super) fn remove(connection: &Connection, effects: &[OutboxId]) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached("DELETE FROM dead_letter WHERE effect = ?1")?;
    for effect in effects {
        statement.execute([effect.0])?;
    }
    Ok(())
}

/// Puts dead letters back into the outbox, as if they were new. One that is gone already is fine:
/// asked for twice, it is sent once.
pub(super) fn resend(connection: &Connection, resent: &[Resend]) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO outbox (conversation, number, lane, session, at, expires_at, body)
         SELECT conversation, number, lane, session, decided_at, ?2, body
         FROM dead_letter
         WHERE effect = ?1",
    )?;
    for again in resent {
        statement.execute([again.effect.0, again.expires_at.0])?;
        remove(connection, &[again.effect])?;
    }
    Ok(())
}

pub(super) fn newest(reader: &Connection, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
    let mut statement = reader.prepare_cached(select_dead_letter!("ORDER BY id DESC LIMIT ?1"))?;
    let mut rows = statement.query([limited(limit)])?;
    let mut letters = Vec::new();
    while let Some(row) = rows.next()? {
        letters.push(dead_letter(row)?);
    }
    Ok(letters)
}

/// The same of some tenants.
pub(super) fn newest_of(
    reader: &Connection,
    tenants: &[TenantId],
    limit: usize,
) -> Result<Vec<DeadLetter>, StoreError> {
    let mut statement = reader.prepare_cached(select_dead_letter!(
        "WHERE conversation IN (SELECT id FROM conversation_key WHERE tenant = ?1)
             ORDER BY id DESC LIMIT ?2"
    ))?;
    let mut letters = Vec::new();
    for tenant in tenants {
        let mut rows = statement.query(params![tenant.as_str(), limited(limit)])?;
        while let Some(row) = rows.next()? {
            letters.push(dead_letter(row)?);
        }
    }
    letters.sort_by_key(|letter| std::cmp::Reverse(letter.at));
    letters.truncate(limit);
    Ok(letters)
}

/// Looks at each letter, of which there are few, and not at each conversation of the tenants.
pub(super) fn count_of(reader: &Connection, tenants: &[TenantId]) -> Result<usize, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT count(*)
         FROM dead_letter
         CROSS JOIN conversation_key ON conversation_key.id = dead_letter.conversation
         WHERE conversation_key.tenant = ?1",
    )?;
    let mut all = 0;
    for tenant in tenants.iter().collect::<BTreeSet<_>>() {
        let count: i64 = statement.query_row([tenant.as_str()], |row| row.get(0))?;
        all += usize::try_from(count).map_err(|_| damaged(TABLE, "*", "a negative count"))?;
    }
    Ok(all)
}

/// All of them.
pub(super) fn count(reader: &Connection) -> Result<usize, StoreError> {
    let count: i64 = reader
        .prepare_cached("SELECT count(*) FROM dead_letter")?
        .query_row([], |row| row.get(0))?;
    usize::try_from(count).map_err(|_| damaged(TABLE, "*", "a negative count"))
}

/// One whose conversation is gone is there only for who sees everything.
pub(super) fn by_effect(
    reader: &Connection,
    effect: OutboxId,
    sight: &Sight,
) -> Result<Option<DeadLetter>, StoreError> {
    let mut statement = reader.prepare_cached(select_dead_letter!("WHERE effect = ?1"))?;
    let mut rows = statement.query([effect.0])?;
    let found = rows.next()?.map(dead_letter).transpose()?;
    if sight.is_whole() {
        return Ok(found);
    }
    let Some(letter) = found else { return Ok(None) };
    let mut owner = reader.prepare_cached("SELECT tenant FROM conversation_key WHERE id = ?1")?;
    let tenant: Option<String> =
        owner.query_row([letter.conversation.0], |row| row.get(0)).optional()?;
    Ok(tenant.is_some_and(|tenant| sight.of(&tenant)).then_some(letter))
}

fn dead_letter(row: &Row<'_>) -> Result<DeadLetter, StoreError> {
    let effect: i64 = row.get("effect")?;
    let columns = Columns { row, table: TABLE, key: &effect };
    Ok(DeadLetter {
        effect: OutboxId(effect),
        conversation: ConversationId(columns.get("conversation")?),
        number: EffectNumber(columns.unsigned("number")?),
        lane: LaneKey(columns.text("lane")?),
        session: columns.optional_id("session", SessionId::new)?,
        body: columns.get("body")?,
        attempts: columns.unsigned("attempts")?,
        reason: columns.text("reason")?,
        at: Timestamp(columns.get("at")?),
    })
}
