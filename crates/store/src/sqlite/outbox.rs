//! The outbox: effects that wait, lane by lane.

use rusqlite::{Connection, params};
use session::id::{EffectNumber, SessionId, Timestamp};

use super::column::{Columns, damaged, limited, signed};
use crate::{
    AHEAD_MAX, BootId, Claim, ConversationId, LaneKey, LaneReady, NewEffect, OutboxId, Reschedule,
    StoreError, Strike, Waiting, Work,
};

const TABLE: &str = "outbox";

/// Puts effects into their lanes, in the order given.
pub(super) fn put(connection: &Connection, effects: &[NewEffect]) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO outbox (conversation, number, lane, session, at, expires_at, body, trace)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for effect in effects {
        statement.execute(params![
            effect.conversation.0,
            signed(effect.number.0, TABLE, effect.number)?,
            effect.lane.0,
            effect.session.as_ref().map(SessionId::as_str),
            effect.at.0,
            effect.expires_at.0,
            effect.body,
            effect.trace,
        ])?;
    }
    Ok(())
}

/// Marks what must no longer be sent. What was attempted may have arrived and is left alone; what is
/// leased for its first attempt is struck if that attempt is given back.
pub(super) fn strike(connection: &Connection, strikes: &[Strike]) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "UPDATE outbox
         SET struck = max(struck, attempts = 0), strike_wanted = attempts
         WHERE conversation = ?1 AND session = ?2 AND number < ?3
             AND (attempts = 0 OR (attempts = 1 AND lease_until IS NOT NULL))",
    )?;
    for strike in strikes {
        // Whoever means "all of them" may say so with the largest number there is.
        let below = i64::try_from(strike.below.0).unwrap_or(i64::MAX);
        statement.execute(params![strike.conversation.0, strike.session.as_str(), below])?;
    }
    Ok(())
}

/// Lets settled effects leave. One that has left already is fine: a late report of an old attempt.
pub(super) fn settle(connection: &Connection, settled: &[OutboxId]) -> Result<(), StoreError> {
    let mut sorted = settled.to_vec();
    sorted.sort_unstable();
    let mut statement = connection.prepare_cached("DELETE FROM outbox WHERE id = ?1")?;
    for effect in sorted {
        statement.execute([effect.0])?;
    }
    Ok(())
}

/// Ends the leases and says when the next attempt may begin. What was leased and not attempted gets
/// its attempt back, and the strike it would have met without it; a struck effect had none.
pub(super) fn reschedule(
    connection: &Connection,
    reschedules: &[Reschedule],
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "UPDATE outbox
         SET not_before = ?2, attempts = max(attempts - ?3, 0),
             struck = max(struck, ?3 = 1 AND attempts = 1 AND strike_wanted = 1),
             strike_wanted = 0, lease_boot = NULL, lease_until = NULL
         WHERE id = ?1",
    )?;
    for again in reschedules {
        let given_back = i64::from(!again.made);
        statement.execute([again.effect.0, again.not_before.0, given_back])?;
    }
    Ok(())
}

/// Voids every lease: whoever had one was another process on these files, and is gone.
pub(super) fn void_leases(connection: &Connection) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "UPDATE outbox
         SET lease_boot = NULL, lease_until = NULL
         WHERE lease_until IS NOT NULL",
    )?;
    statement.execute([])?;
    Ok(())
}

/// Whether a moment is still to come, and not merely left over from before the clock was set back.
fn is_ahead(moment: i64, now: Timestamp) -> bool {
    moment > now.0 && moment <= now.after(AHEAD_MAX).0
}

/// Leases the head of a lane for one attempt, if it may be attempted.
pub(super) fn claim(
    connection: &Connection,
    lane: &LaneKey,
    boot: BootId,
    now: Timestamp,
    until: Timestamp,
) -> Result<Claim, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT id, conversation, number, session, at, expires_at, attempts, not_before,
                lease_until, struck, body, trace
         FROM outbox
         WHERE lane = ?1
         ORDER BY id
         LIMIT 1",
    )?;
    let mut rows = select.query([&lane.0])?;
    let Some(row) = rows.next()? else { return Ok(Claim::Empty) };
    let id: i64 = row.get("id")?;
    let columns = Columns { row, table: TABLE, key: &id };
    let leased: Option<i64> = columns.get("lease_until")?;
    // Also if the lease is our own: one in flight per lane.
    if let Some(leased) = leased.filter(|leased| is_ahead(*leased, now)) {
        return Ok(Claim::Elsewhere(Timestamp(leased)));
    }
    let not_before: i64 = columns.get("not_before")?;
    if is_ahead(not_before, now) {
        return Ok(Claim::Later(Timestamp(not_before)));
    }
    let mut work = work(columns, lane)?;
    drop(rows);
    if !work.struck {
        work.attempts = work.attempts.saturating_add(1);
    }
    let mut update = connection.prepare_cached(
        "UPDATE outbox
         SET attempts = ?2, lease_boot = ?3, lease_until = ?4
         WHERE id = ?1",
    )?;
    update.execute(params![id, work.attempts, boot.0, until.0])?;
    Ok(Claim::Leased(Box::new(work)))
}

/// Lanes with waiting effects. Steps from lane to lane in the index instead of reading every row:
/// when a desk is away there are many rows and few lanes.
pub(super) fn lanes(reader: &Connection, limit: usize) -> Result<Vec<LaneReady>, StoreError> {
    let mut statement = reader.prepare_cached(
        "WITH RECURSIVE named (lane) AS (
             SELECT min(lane) FROM outbox
             UNION ALL
             SELECT (SELECT min(o.lane) FROM outbox o WHERE o.lane > named.lane)
             FROM named
             WHERE named.lane IS NOT NULL
         )
         SELECT head.lane, max(head.not_before, ifnull(head.lease_until, 0)) AS ready,
                head.id, head.at, head.expires_at, head.struck
         FROM named
         JOIN outbox head ON head.id = (SELECT min(o.id) FROM outbox o WHERE o.lane = named.lane)
         WHERE named.lane IS NOT NULL
         ORDER BY ready, head.id
         LIMIT ?1",
    )?;
    let lanes = statement.query_map([limited(limit)], |row| {
        let lane: String = row.get(0)?;
        Ok(LaneReady {
            lane: LaneKey(lane.into()),
            at: Timestamp(row.get(1)?),
            head: OutboxId(row.get(2)?),
            decided_at: Timestamp(row.get(3)?),
            expires_at: Timestamp(row.get(4)?),
            struck: row.get(5)?,
        })
    })?;
    Ok(lanes.collect::<Result<_, _>>()?)
}

/// How many effects wait in a lane, counted up to `limit`.
pub(super) fn waiting(
    connection: &Connection,
    lane: &LaneKey,
    limit: usize,
) -> Result<usize, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT count(*) AS waiting
         FROM (SELECT 1 FROM outbox WHERE lane = ?1 LIMIT ?2)",
    )?;
    let waiting: i64 =
        statement.query_row(params![lane.0, limited(limit)], |row| row.get("waiting"))?;
    usize::try_from(waiting).map_err(|_| damaged(TABLE, "*", "a negative count"))
}

/// What waits for a session, oldest first.
pub(super) fn of_session(
    reader: &Connection,
    conversation: ConversationId,
    session: &SessionId,
    limit: usize,
) -> Result<Vec<Waiting>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT id, number, attempts, at, not_before, expires_at, lease_until, struck, body
         FROM outbox
         WHERE conversation = ?1 AND session = ?2
         ORDER BY id
         LIMIT ?3",
    )?;
    let mut rows = statement.query(params![conversation.0, session.as_str(), limited(limit)])?;
    let mut waiting = Vec::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get("id")?;
        let columns = Columns { row, table: TABLE, key: &id };
        waiting.push(Waiting {
            effect: OutboxId(id),
            number: EffectNumber(columns.unsigned("number")?),
            attempts: columns.unsigned("attempts")?,
            at: Timestamp(columns.get("at")?),
            not_before: Timestamp(columns.get("not_before")?),
            expires_at: Timestamp(columns.get("expires_at")?),
            leased: columns.get::<Option<i64>>("lease_until")?.is_some(),
            struck: columns.get("struck")?,
            body: columns.get("body")?,
        });
    }
    Ok(waiting)
}

fn work(columns: Columns<'_, '_>, lane: &LaneKey) -> Result<Work, StoreError> {
    Ok(Work {
        effect: OutboxId(columns.get("id")?),
        conversation: ConversationId(columns.get("conversation")?),
        number: EffectNumber(columns.unsigned("number")?),
        lane: lane.clone(),
        session: columns.optional_id("session", SessionId::new)?,
        body: columns.get("body")?,
        attempts: columns.unsigned("attempts")?,
        at: Timestamp(columns.get("at")?),
        expires_at: Timestamp(columns.get("expires_at")?),
        struck: columns.get("struck")?,
        trace: columns.get::<Option<Vec<u8>>>("trace")?.map(Vec::into_boxed_slice),
    })
}
