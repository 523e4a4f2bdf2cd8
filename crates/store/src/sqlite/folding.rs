//! Bringing the rows of conversations to where the conversations stand: at every open, from the
//! journal that the process before left; and when the files are closed, from memory.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

use rusqlite::{Connection, TransactionBehavior};

use super::column::damaged;
use super::hot::Hot;
use super::journal::{self, Record};
use super::keys::Keys;
use super::log::End;
use super::repeats::Repeats;
use super::standing::{self, Clock, Standing};
use crate::{ConversationId, Segment, SegmentId, StoreError};

/// Conversations folded in one transaction: the write-ahead log needs room for their pages, and a disk
/// that is nearly full has little.
const SLICE: usize = 1_000;

/// Folds in whatever the journal holds, and tells the id of its newest row.
pub(super) fn fold_journal(writer: &mut Connection, keys: &Keys) -> Result<i64, StoreError> {
    let mut standings: BTreeMap<ConversationId, Standing> = BTreeMap::new();
    let mut behind = BTreeSet::new();
    for (page, bytes) in journal::pages(writer)? {
        for record in journal::records(page, &bytes)? {
            let standing = match standings.entry(record.id) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(free) => {
                    match Standing::load(writer, &keys.lock(), record.id)? {
                        Some(stored) => free.insert(stored),
                        // It was forgotten since.
                        None => continue,
                    }
                }
            };
            if page > standing.folded {
                follow(standing, &record)?;
                behind.insert(record.id);
            }
        }
    }
    let behind: Vec<_> = standings.values().filter(|known| behind.contains(&known.id)).collect();
    fold_all(writer, &behind)
}

/// Writes whatever lags behind to its row, and tells the id of the journal's newest row.
pub(super) fn fold_memory(writer: &mut Connection, hot: &Hot) -> Result<i64, StoreError> {
    fold_all(writer, &hot.lagging().collect::<Vec<_>>())
}

/// Slice by slice: each row says how far it has been brought, so what is done is done, and whoever is
/// interrupted begins again with the rest.
fn fold_all(writer: &mut Connection, standings: &[&Standing]) -> Result<i64, StoreError> {
    let newest = journal::newest(writer)?;
    for slice in standings.chunks(SLICE) {
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        slice.iter().try_for_each(|standing| standing.fold(&transaction, newest))?;
        transaction.commit()?;
    }
    journal::forget_before(writer, newest)?;
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
    standing.touch(record.silent);
    Ok(())
}
