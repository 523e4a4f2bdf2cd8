//! Sessions for look-up, and who holds which person.

use rusqlite::{Connection, OptionalExtension, Row, params};
use session::id::{DeskId, SessionId, TenantId, Timestamp, UserId};

use super::column::{Columns, damaged};
use crate::{ConversationId, Hold, OpenCount, Person, SessionRow, Sight, StoreError};

const TABLE: &str = "session";

/// Whether a row of `hold` is void: its session has ended and has nothing left to do at the desk. An
/// end that left the outbox without an event never frees its hold; the person must not stay locked
/// out for that.
macro_rules! is_void {
    () => {
        "EXISTS (
             SELECT 1
             FROM session s
             WHERE s.id = hold.session AND s.ended_at IS NOT NULL
                 AND NOT EXISTS (
                     SELECT 1
                     FROM outbox o
                     WHERE o.conversation = s.conversation AND o.session = s.id
                 )
         )"
    };
}

pub(super) fn by_id(
    connection: &Connection,
    id: &SessionId,
) -> Result<Option<SessionRow>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, conversation, tenant, desk, user, status, reason, opened_at, ended_at
         FROM session
         WHERE id = ?1",
    )?;
    let mut rows = statement.query([id.as_str()])?;
    rows.next()?.map(session).transpose()
}

/// Sessions that have not ended, as far as whoever looks may see them, by their ids.
pub(super) fn open(
    connection: &Connection,
    sight: &Sight,
    after: Option<&SessionId>,
    limit: usize,
) -> Result<Vec<SessionRow>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, conversation, tenant, desk, user, status, reason, opened_at, ended_at
         FROM session
         WHERE ended_at IS NULL AND id > ?1
             AND (?3 IS NULL OR tenant IN (SELECT value FROM json_each(?3)))
         ORDER BY id
         LIMIT ?2",
    )?;
    let own = sight.tenants().map(json_list);
    // An id is never empty.
    let after = after.map_or("", SessionId::as_str);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![after, limit, own])?;
    let mut open = Vec::new();
    while let Some(row) = rows.next()? {
        open.push(session(row)?);
    }
    Ok(open)
}

/// For SQLite to take apart. Ids hold no control characters.
fn json_list(tenants: &[TenantId]) -> String {
    let text = |tenant: &TenantId| {
        format!("\"{}\"", tenant.as_str().replace('\\', "\\\\").replace('"', "\\\""))
    };
    format!("[{}]", tenants.iter().map(text).collect::<Vec<_>>().join(","))
}

/// All sessions of a conversation, by their ids.
pub(super) fn of_conversation(
    connection: &Connection,
    id: ConversationId,
    after: Option<&SessionId>,
    limit: usize,
) -> Result<Vec<SessionRow>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, conversation, tenant, desk, user, status, reason, opened_at, ended_at
         FROM session
         WHERE conversation = ?1 AND id > ?2
         ORDER BY id
         LIMIT ?3",
    )?;
    let after = after.map_or("", SessionId::as_str);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![id.0, after, limit])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(session(row)?);
    }
    Ok(all)
}

/// How many sessions have not ended, and since when.
pub(super) fn open_counts(connection: &Connection) -> Result<Vec<OpenCount>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT tenant, desk, status, count(*) AS sessions, min(opened_at) AS oldest
         FROM session INDEXED BY session_open
         WHERE ended_at IS NULL
         GROUP BY tenant, desk, status
         ORDER BY tenant, desk, status",
    )?;
    let mut rows = statement.query([])?;
    let mut counts = Vec::new();
    while let Some(row) = rows.next()? {
        let columns = Columns { row, table: TABLE, key: &"*" };
        counts.push(OpenCount {
            tenant: columns.id("tenant", TenantId::new)?,
            desk: columns.id("desk", DeskId::new)?,
            status: columns.text("status")?,
            sessions: columns.unsigned("sessions")?,
            oldest: Timestamp(columns.get("oldest")?),
        });
    }
    Ok(counts)
}

/// Inserts or replaces a session. It never moves to another conversation.
pub(super) fn save(connection: &Connection, session: &SessionRow) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO session
             (id, conversation, tenant, desk, user, status, reason, opened_at, ended_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (id) DO UPDATE
         SET tenant = excluded.tenant, desk = excluded.desk, user = excluded.user,
             status = excluded.status, reason = excluded.reason,
             opened_at = excluded.opened_at, ended_at = excluded.ended_at
         WHERE session.conversation = excluded.conversation",
    )?;
    let saved = statement.execute(params![
        session.id.as_str(),
        session.conversation.0,
        session.person.tenant.as_str(),
        session.person.desk.as_str(),
        session.person.user.as_str(),
        session.status,
        session.reason,
        session.opened_at.0,
        session.ended_at.map(|moment| moment.0),
    ])?;
    if saved == 1 {
        return Ok(());
    }
    Err(damaged(TABLE, &session.id, "it belongs to another conversation"))
}

/// The session that holds this person; a void hold is none.
pub(super) fn holder(
    connection: &Connection,
    person: &Person,
) -> Result<Option<SessionId>, StoreError> {
    let mut statement = connection.prepare_cached(concat!(
        "SELECT session
         FROM hold
         WHERE tenant = ?1 AND desk = ?2 AND user = ?3 AND NOT ",
        is_void!()
    ))?;
    let key = [person.tenant.as_str(), person.desk.as_str(), person.user.as_str()];
    let mut rows = statement.query(key)?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let columns = Columns { row, table: "hold", key: &person.desk };
    columns.id("session", SessionId::new).map(Some)
}

/// Takes or frees a person.
pub(super) fn apply(connection: &Connection, hold: &Hold) -> Result<(), StoreError> {
    match hold {
        Hold::Take(person, session) => take(connection, person, session),
        Hold::Free(person, session) => free(connection, person, session),
    }
}

fn take(connection: &Connection, person: &Person, session: &SessionId) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(concat!(
        "INSERT INTO hold (tenant, desk, user, session)
         VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (tenant, desk, user) DO UPDATE
         SET session = excluded.session
         WHERE hold.session = excluded.session OR ",
        is_void!(),
        " RETURNING 1"
    ))?;
    let key = [person.tenant.as_str(), person.desk.as_str(), person.user.as_str()];
    let taken = statement
        .query_row(params![key[0], key[1], key[2], session.as_str()], |_| Ok(()))
        .optional()?;
    // The error names the desk and the session: who the person is belongs in no log.
    taken.ok_or_else(|| {
        damaged("hold", &person.desk, format!("held by another session than {session}"))
    })
}

fn free(connection: &Connection, person: &Person, session: &SessionId) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "DELETE FROM hold
         WHERE tenant = ?1 AND desk = ?2 AND user = ?3 AND session = ?4",
    )?;
    statement.execute([
        person.tenant.as_str(),
        person.desk.as_str(),
        person.user.as_str(),
        session.as_str(),
    ])?;
    Ok(())
}

fn session(row: &Row<'_>) -> Result<SessionRow, StoreError> {
    let unknown = Columns { row, table: TABLE, key: &"?" };
    let id = unknown.id("id", SessionId::new)?;
    let columns = Columns { row, table: TABLE, key: &id };
    Ok(SessionRow {
        conversation: ConversationId(columns.get("conversation")?),
        person: Person {
            tenant: columns.id("tenant", TenantId::new)?,
            desk: columns.id("desk", DeskId::new)?,
            user: columns.id("user", UserId::new)?,
        },
        status: columns.text("status")?,
        reason: columns.text("reason")?,
        opened_at: Timestamp(columns.get("opened_at")?),
        ended_at: columns.get::<Option<i64>>("ended_at")?.map(Timestamp),
        id,
    })
}
