//! Bringing the rows of conversations to where the conversations stand: at every open, from the
//! journal that the process before left; and when the files are closed, from memory.

use std::collections::BTreeMap;

use rusqlite::{Connection, TransactionBehavior};

use super::column::damaged;
use super::hot::Hot;
use super::journal::{self, Record};
use super::log::End;
use super::repeats::Repeats;
use super::standing::{self, Clock, Standing, absent};
use crate::{ConversationId, Segment, SegmentId, StoreError};

/// Folds in whatever the journal holds, and tells the id of its newest row.
pub(super) fn fold_journal(writer: &mut Connection) -> Result<i64, StoreError> {
    let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut standings: BTreeMap<ConversationId, Standing> = BTreeMap::new();
    for (page, bytes) in journal::pages(&transaction)? {
        for record in journal::records(page, &bytes)? {
            let standing = match standings.entry(record.id) {
                std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::btree_map::Entry::Vacant(free) => {
                    let stored = Standing::load(&transaction, record.id)?;
                    free.insert(stored.ok_or_else(|| absent(record.id))?)
                }
            };
            if page > standing.folded {
                follow(standing, &record)?;
            }
        }
    }
    let newest = fold_all(&transaction, standings.values())?;
    transaction.commit()?;
    Ok(newest)
}

/// Writes whatever lags behind to its row, and tells the id of the journal's newest row.
pub(super) fn fold_memory(writer: &mut Connection, hot: &Hot) -> Result<i64, StoreError> {
    let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let newest = fold_all(&transaction, hot.lagging())?;
    transaction.commit()?;
    Ok(newest)
}

fn fold_all<'s>(
    connection: &Connection,
    standings: impl Iterator<Item = &'s Standing>,
) -> Result<i64, StoreError> {
    let newest = journal::newest(connection)?;
    for standing in standings {
        standing.fold(connection, newest)?;
    }
    journal::forget_before(connection, newest)?;
    Ok(newest)
}

/// Brings a conversation to where a record says that it stood.
fn follow(standing: &mut Standing, record: &Record<'_>) -> Result<(), StoreError> {
    let torn = |torn: super::recent::Torn| damaged(standing::TABLE, record.id.0, torn.to_string());
    standing.end = End::at(record.head, record.newest, record.anchor);
    // Its key is looked up by whoever loads the row next.
    standing.segment = record
        .segment
        .map(|id| Segment { id: SegmentId(id), wrapped_key: std::sync::Arc::default() });
    standing.clock =
        Clock { deadline: record.deadline.map(|moment| moment.0), set_aside: record.set_aside };
    let recent = record.answers.applied_to(&standing.repeats.column()).map_err(torn)?;
    standing.repeats = Repeats::with(record.id, record.spilled, recent);
    standing.state = record.state.map(std::sync::Arc::from);
    Ok(())
}
