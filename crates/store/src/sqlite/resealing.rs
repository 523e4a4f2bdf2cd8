//! What is sealed outside the log: finding what was sealed under another key, and replacing it by the
//! same under the current one.
//!
//! Nothing here knows what the bytes mean; whoever asks says how right ones begin.

use std::{collections::HashMap, sync::Arc};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use session::id::ConversationKey;

use super::column::{Columns, limited};
use super::hot::Hot;
use super::keys;
use super::readers::Reader;
use super::standing::{Standing, absent};
use super::{SqliteStore, transaction::SqliteTransaction};
use crate::{
    ConversationId, Resealed, Resealing, SealedKind, SealedPage, SealedRow, SegmentId, StoreError,
};

/// Rows of a kind with the columns that go into a [`SealedRow`], of which `$sealed` begins otherwise.
macro_rules! select_unlike {
    ($table:literal, $sealed:literal, $number:literal) => {
        concat!(
            "SELECT id, conversation, ",
            $number,
            " AS number, ",
            $sealed,
            " AS sealed FROM ",
            $table,
            " WHERE id > ?1 AND substr(",
            $sealed,
            ", 1, length(?2)) <> ?2 ORDER BY id LIMIT ?3"
        )
    };
}

macro_rules! count_unlike {
    ($table:literal, $sealed:literal) => {
        concat!(
            "SELECT count(*) FROM ",
            $table,
            " WHERE substr(",
            $sealed,
            ", 1, length(?1)) <> ?1"
        )
    };
}

macro_rules! replace {
    ($table:literal, $sealed:literal) => {
        concat!("UPDATE ", $table, " SET ", $sealed, " = ?3 WHERE id = ?1 AND ", $sealed, " = ?2")
    };
}

/// A table whose rows are as they stand; a conversation's are not, memory may know better.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    name: &'static str,
    page: &'static str,
    count: &'static str,
    replace: &'static str,
}

impl Table {
    /// Where blobs of this kind are; `None` for states, and for the keys of segments, which are in
    /// another file.
    pub(super) fn of(kind: SealedKind) -> Option<Self> {
        match kind {
            SealedKind::State | SealedKind::SegmentKey => None,
            SealedKind::Effect => Some(Self {
                name: "outbox",
                page: select_unlike!("outbox", "body", "number"),
                count: count_unlike!("outbox", "body"),
                replace: replace!("outbox", "body"),
            }),
            SealedKind::DeadLetter => Some(Self {
                name: "dead_letter",
                page: select_unlike!("dead_letter", "body", "number"),
                count: count_unlike!("dead_letter", "body"),
                replace: replace!("dead_letter", "body"),
            }),
        }
    }

    /// Some of those that begin otherwise.
    pub(super) fn page(
        self,
        reader: &Reader,
        head: &[u8],
        after: i64,
        limit: usize,
    ) -> Result<SealedPage, StoreError> {
        let mut statement = reader.prepare_cached(self.page)?;
        let mut found = statement.query(params![after, head, limited(limit)])?;
        let (mut rows, mut owners) = (Vec::new(), HashMap::new());
        while let Some(row) = found.next()? {
            let id: i64 = row.get("id")?;
            let columns = Columns { row, table: self.name, key: &id };
            let conversation = ConversationId(columns.get("conversation")?);
            let key = owner(reader, &mut owners, conversation)?;
            let (number, sealed) = (columns.unsigned("number")?, columns.get("sealed")?);
            rows.push(SealedRow { row: id, conversation, key, number, sealed });
        }
        let upto = rows.last().map(|row| row.row).filter(|_| rows.len() >= limit);
        Ok(SealedPage { rows, upto })
    }

    /// How many there are.
    pub(super) fn count(self, reader: &Connection, head: &[u8]) -> Result<u64, StoreError> {
        let count: i64 = reader.prepare_cached(self.count)?.query_row([head], |row| row.get(0))?;
        Ok(count.cast_unsigned())
    }

    /// Replaces what still is what it was, and tells which.
    pub(super) fn replace<'r>(
        self,
        connection: &Connection,
        resealed: &'r [Resealed],
    ) -> Result<Vec<&'r Resealed>, StoreError> {
        let mut statement = connection.prepare_cached(self.replace)?;
        let mut replaced = Vec::with_capacity(resealed.len());
        for one in resealed {
            if statement.execute(params![one.row, one.before, one.after])? == 1 {
                replaced.push(one);
            }
        }
        Ok(replaced)
    }
}

/// The conversations whose rows have a state that begins otherwise.
pub(super) fn rows_of_states(
    reader: &Connection,
    head: &[u8],
) -> Result<Vec<ConversationId>, StoreError> {
    let mut statement = reader
        .prepare_cached("SELECT id FROM conversation WHERE substr(state, 1, length(?1)) <> ?1")?;
    let rows = statement.query_map([head], |row| Ok(ConversationId(row.get(0)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How many states begin otherwise: of these rows, as memory has them where it knows better.
pub(super) fn count_states(hot: &Hot, rows: &[ConversationId], head: &[u8]) -> u64 {
    let unlike = |standing: &&Standing| {
        standing.state.as_ref().is_some_and(|state| !state.starts_with(head))
    };
    let stored = rows.iter().filter(|id| !hot.lags(**id)).count();
    (stored + hot.lagging().filter(unlike).count()) as u64
}

/// Wrapped keys of segments that begin otherwise. One that no segment has (its entries were never committed)
/// is passed over: nobody needs it.
pub(super) fn segment_keys(
    reader: &Reader,
    head: &[u8],
    after: i64,
    limit: usize,
) -> Result<SealedPage, StoreError> {
    let found = keys::unlike(&reader.keys, head, after, limit)?;
    let upto = found.last().map(|(id, _)| *id).filter(|_| found.len() >= limit);
    let mut of = reader.prepare_cached("SELECT conversation FROM segment WHERE id = ?1")?;
    let (mut rows, mut owners) = (Vec::new(), HashMap::new());
    for (row, sealed) in found {
        let conversation: Option<i64> = of.query_row([row], |row| row.get(0)).optional()?;
        let Some(conversation) = conversation.map(ConversationId) else { continue };
        // Of a conversation that is being forgotten the key goes, too.
        let Ok(key) = owner(reader, &mut owners, conversation) else { continue };
        rows.push(SealedRow { row, conversation, key, number: 0, sealed });
    }
    Ok(SealedPage { rows, upto })
}

fn owner(
    reader: &Reader,
    owners: &mut HashMap<ConversationId, Arc<ConversationKey>>,
    id: ConversationId,
) -> Result<Arc<ConversationKey>, StoreError> {
    if let Some(known) = owners.get(&id) {
        return Ok(Arc::clone(known));
    }
    let key = Standing::load(reader, &reader.keys, id)?.ok_or_else(|| absent(id))?.row().key;
    owners.insert(id, Arc::clone(&key));
    Ok(key)
}

/// A page of states: as memory has them where it has them, else as their rows have them. So many rows
/// are looked at, however few begin otherwise.
pub(super) fn states(
    reader: &Reader,
    hot: impl Fn(ConversationId) -> Option<Standing>,
    head: &[u8],
    after: i64,
    limit: usize,
) -> Result<SealedPage, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT id, ifnull(substr(state, 1, length(?2)) <> ?2, 0) AS unlike
         FROM conversation
         WHERE id > ?1
         ORDER BY id
         LIMIT ?3",
    )?;
    let looked_at = statement.query_map(params![after, head, limited(limit)], |row| {
        Ok((ConversationId(row.get(0)?), row.get::<_, bool>(1)?))
    })?;
    let looked_at = looked_at.collect::<Result<Vec<_>, _>>()?;
    let mut rows = Vec::new();
    for (id, unlike) in &looked_at {
        let standing = match hot(*id) {
            Some(standing) => Some(standing),
            None if *unlike => Standing::load(reader, &reader.keys, *id)?,
            None => None,
        };
        let Some(standing) = standing.map(|standing| standing.row()) else { continue };
        if let Some(state) = standing.state.filter(|state| !state.starts_with(head)) {
            let sealed = state.to_vec();
            rows.push(SealedRow {
                row: id.0,
                conversation: *id,
                key: standing.key,
                number: 0,
                sealed,
            });
        }
    }
    let upto = looked_at.last().map(|(id, _)| id.0).filter(|_| looked_at.len() >= limit);
    Ok(SealedPage { rows, upto })
}

/// Memory learns what the keys of open segments are wrapped in now.
pub(super) fn rewrapped(hot: &mut Hot, replaced: &[&Resealed]) {
    for one in replaced {
        hot.rewrapped(one.conversation, SegmentId(one.row), &one.after);
    }
}

impl Resealing for SqliteStore {
    fn sealed_unlike(
        &self,
        kind: SealedKind,
        head: &[u8],
        after: i64,
        limit: usize,
    ) -> Result<SealedPage, StoreError> {
        let hot = |id| self.hot().standing(id).cloned();
        self.read(|reader| match Table::of(kind) {
            None if kind == SealedKind::SegmentKey => segment_keys(reader, head, after, limit),
            Some(table) => table.page(reader, head, after, limit),
            None => states(reader, hot, head, after, limit),
        })
    }

    fn count_unlike(&self, kind: SealedKind, head: &[u8]) -> Result<u64, StoreError> {
        self.read(|reader| match Table::of(kind) {
            None if kind == SealedKind::SegmentKey => keys::count_unlike(&reader.keys, head),
            Some(table) => table.count(reader, head),
            None => {
                let rows = rows_of_states(reader, head)?;
                // Not before: nobody may commit while memory is looked at.
                Ok(count_states(&self.hot(), &rows, head))
            }
        })
    }

    fn reseal(&self, kind: SealedKind, resealed: &[Resealed]) -> Result<usize, StoreError> {
        let mut writer = self.writer();
        if kind == SealedKind::SegmentKey {
            let replaced = self.keys.replace(resealed)?;
            rewrapped(&mut self.hot_mut(), &replaced);
            return Ok(replaced.len());
        }
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let Some(table) = Table::of(kind) else {
            let mut steps = SqliteTransaction::new(&transaction, &self.keys, self.hot());
            let mut replaced = 0;
            for one in resealed {
                replaced += usize::from(steps.reseal(one)?);
            }
            let (handover, _) = steps.finish()?;
            transaction.commit()?;
            self.hot_mut().take(handover);
            self.checkpointer.committed();
            return Ok(replaced);
        };
        let replaced = table.replace(&transaction, resealed)?;
        transaction.commit()?;
        self.checkpointer.committed();
        Ok(replaced.len())
    }
}
