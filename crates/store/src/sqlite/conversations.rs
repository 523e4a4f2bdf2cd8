//! Conversations: finding and making them, and what the clock asks about them.

use rusqlite::{Connection, params};
use session::id::{ConversationKey, Timestamp};

use super::hot::Hot;
use crate::{ConversationId, StoreError};

/// The conversation of this key.
pub(super) fn id_of(
    connection: &Connection,
    key: &ConversationKey,
) -> Result<Option<ConversationId>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id
         FROM conversation_key
         WHERE tenant = ?1 AND channel = ?2 AND bot = ?3 AND conversation = ?4 AND user = ?5",
    )?;
    let mut rows = statement.query(params![
        key.tenant.as_str(),
        key.channel.as_str(),
        key.bot.as_str(),
        &*key.conversation,
        &*key.user,
    ])?;
    rows.next()?.map(|row| Ok(ConversationId(row.get(0)?))).transpose()
}

/// Whether there is a conversation of this key with any user.
pub(super) fn is_taken(connection: &Connection, key: &ConversationKey) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT 1
         FROM conversation_key
         WHERE tenant = ?1 AND channel = ?2 AND bot = ?3 AND conversation = ?4
         LIMIT 1",
    )?;
    Ok(statement.exists(params![
        key.tenant.as_str(),
        key.channel.as_str(),
        key.bot.as_str(),
        &*key.conversation,
    ])?)
}

/// Makes the conversation of a key that has none.
pub(super) fn make(
    connection: &Connection,
    key: &ConversationKey,
) -> Result<ConversationId, StoreError> {
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
    Ok(ConversationId(id))
}

/// Gives every conversation that was set aside another try: the program may be a mended one.
pub(super) fn take_up_again(connection: &Connection) -> Result<(), StoreError> {
    connection.execute("UPDATE conversation SET set_aside = 0 WHERE set_aside = 1", [])?;
    Ok(())
}

/// The earliest deadlines until `upto`, at most `limit`: those of the table, but for conversations
/// of which memory knows better, and those of memory.
pub(super) fn due(
    connection: &Connection,
    hot: &Hot,
    upto: Timestamp,
    limit: usize,
) -> Result<Vec<(ConversationId, Timestamp)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT deadline, id
         FROM conversation
         WHERE deadline <= ?1 AND set_aside = 0
         ORDER BY deadline, id",
    )?;
    let mut rows = statement.query([upto.0])?;
    let mut due: Vec<_> = hot.deadlines().take_while(|(at, _)| *at <= upto.0).take(limit).collect();
    let mut stored = 0;
    while stored < limit
        && let Some(row) = rows.next()?
    {
        let id = ConversationId(row.get(1)?);
        if !hot.lags(id) {
            due.push((row.get(0)?, id));
            stored += 1;
        }
    }
    due.sort_unstable();
    due.truncate(limit);
    Ok(due.into_iter().map(|(at, id)| (id, Timestamp(at))).collect())
}
