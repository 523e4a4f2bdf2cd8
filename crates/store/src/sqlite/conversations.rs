//! Conversations: finding and making them, and what the clock asks about them.

use rusqlite::{Connection, Row, params};
use session::id::{BotId, ChannelId, ConversationKey, TenantId, Timestamp};

use super::column::{Columns, limited};
use super::standing::{TABLE, expect_one};
use crate::{ConversationId, ConversationRow, Segment, SegmentId, StoreError};

/// A conversation with the segment it writes to, found by a condition.
macro_rules! select_conversation {
    ($condition:literal) => {
        concat!(
            "SELECT k.id, k.tenant, k.channel, k.bot, k.conversation, k.user, c.state,
                    c.segment, s.wrapped_key
             FROM conversation_key k
             JOIN conversation c ON c.id = k.id
             LEFT JOIN segment s ON s.id = c.segment
             WHERE ",
            $condition
        )
    };
}

pub(super) fn by_key(
    connection: &Connection,
    key: &ConversationKey,
) -> Result<Option<ConversationRow>, StoreError> {
    let mut statement = connection.prepare_cached(select_conversation!(
        "k.tenant = ?1 AND k.channel = ?2 AND k.bot = ?3 AND k.conversation = ?4 AND k.user = ?5"
    ))?;
    let mut rows = statement.query(params![
        key.tenant.as_str(),
        key.channel.as_str(),
        key.bot.as_str(),
        &*key.conversation,
        &*key.user,
    ])?;
    rows.next()?.map(conversation).transpose()
}

pub(super) fn by_id(
    connection: &Connection,
    id: ConversationId,
) -> Result<Option<ConversationRow>, StoreError> {
    let mut statement = connection.prepare_cached(select_conversation!("k.id = ?1"))?;
    let mut rows = statement.query([id.0])?;
    rows.next()?.map(conversation).transpose()
}

/// The conversation of this key; made if it does not exist. The one writer needs no "on conflict":
/// nobody can make it between the two statements.
pub(super) fn found_or_made(
    connection: &Connection,
    key: &ConversationKey,
) -> Result<ConversationRow, StoreError> {
    if let Some(found) = by_key(connection, key)? {
        return Ok(found);
    }
    let id = connection.prepare_cached("INSERT INTO conversation DEFAULT VALUES")?.insert([])?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO conversation_key (id, tenant, channel, bot, conversation, user)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    statement.execute(params![
        id,
        key.tenant.as_str(),
        key.channel.as_str(),
        key.bot.as_str(),
        &*key.conversation,
        &*key.user,
    ])?;
    Ok(ConversationRow { id: ConversationId(id), key: key.clone(), state: None, segment: None })
}

/// Hides these conversations from the clock until their next state.
pub(super) fn set_aside(
    connection: &Connection,
    conversations: &[ConversationId],
) -> Result<(), StoreError> {
    let mut statement =
        connection.prepare_cached("UPDATE conversation SET set_aside = 1 WHERE id = ?1")?;
    conversations.iter().try_for_each(|id| expect_one(statement.execute([id.0])?, *id))
}

/// Gives every conversation that was set aside another try: the program may be a mended one.
pub(super) fn take_up_again(connection: &Connection) -> Result<(), StoreError> {
    connection.execute("UPDATE conversation SET set_aside = 0 WHERE set_aside = 1", [])?;
    Ok(())
}

pub(super) fn due(
    connection: &Connection,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<(ConversationId, Timestamp)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, deadline
         FROM conversation
         WHERE deadline <= ?1 AND set_aside = 0
         ORDER BY deadline, id
         LIMIT ?2",
    )?;
    let due = statement.query_map([now.0, limited(limit)], |row| {
        Ok((ConversationId(row.get(0)?), Timestamp(row.get(1)?)))
    })?;
    Ok(due.collect::<Result<_, _>>()?)
}

/// Leaves out what was set aside: nothing will happen then.
pub(super) fn next_deadline(connection: &Connection) -> Result<Option<Timestamp>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT min(deadline)
         FROM conversation
         WHERE deadline IS NOT NULL AND set_aside = 0",
    )?;
    let earliest: Option<i64> = statement.query_row([], |row| row.get(0))?;
    Ok(earliest.map(Timestamp))
}

fn conversation(row: &Row<'_>) -> Result<ConversationRow, StoreError> {
    let id: i64 = row.get("id")?;
    let columns = Columns { row, table: TABLE, key: &id };
    Ok(ConversationRow {
        id: ConversationId(id),
        key: ConversationKey {
            tenant: columns.id("tenant", TenantId::new)?,
            channel: columns.id("channel", ChannelId::new)?,
            bot: columns.id("bot", BotId::new)?,
            conversation: columns.text("conversation")?,
            user: columns.text("user")?,
        },
        state: columns.get("state")?,
        segment: segment(columns)?,
    })
}

/// The segment of a row that has the columns `segment` and `wrapped_key`; none if it was shredded.
pub(super) fn segment(columns: Columns<'_, '_>) -> Result<Option<Segment>, StoreError> {
    let id: Option<i64> = columns.get("segment")?;
    let wrapped_key: Option<Vec<u8>> = columns.get("wrapped_key")?;
    Ok(id.zip(wrapped_key).map(|(id, wrapped_key)| Segment { id: SegmentId(id), wrapped_key }))
}
