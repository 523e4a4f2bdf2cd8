//! Conversations in which nothing was ever said: what finding them costs those who talk, what a kill leaves of
//! them, and those of before.

use std::path::Path;

use rusqlite::Connection;
use session::id::{Number, TenantId, Timestamp};

use super::{crashing, file_in};
use crate::contract::segment;
use crate::sqlite::SqliteStore;
use crate::{
    Changes, ConversationChange, ConversationId, Forgetting, NewEntry, Silent, Store, Target,
};

const LATE: Timestamp = Timestamp(i64::MAX);

/// A batch at that moment: the conversations of these names are looked for, made if need be, and changed. Each of
/// them says this entry, if it says anything.
fn batch(store: &SqliteStore, at: i64, names: &[&str], says: Option<u64>) -> Vec<ConversationId> {
    let targets: Vec<_> = names.iter().map(|name| Target::Key(crashing::named(name))).collect();
    let targets: Vec<_> = targets.iter().collect();
    let mut ids = Vec::new();
    store
        .transact(&mut |tx| {
            let found = tx.resolve(&targets, Timestamp(at))?;
            ids = found.into_iter().map(|found| found.unwrap().conversation.id).collect();
            let entry = |number| NewEntry {
                number: Number(number),
                at: Timestamp(at),
                sealed: b"sealed".to_vec(),
            };
            let change = |id: &ConversationId| ConversationChange {
                id: *id,
                state: Some(format!("state of {at}").into_bytes().as_slice().into()),
                deadline: None,
                new_segment: (says == Some(1)).then(|| segment(b"key")),
                entries: says.into_iter().map(entry).collect(),
            };
            let conversations = ids.iter().map(change).collect();
            tx.save(&Changes { conversations, ..Changes::default() })
        })
        .unwrap();
    ids
}

fn silent(store: &SqliteStore) -> Vec<(i64, ConversationId)> {
    let tenant = TenantId::new("acme").unwrap();
    let found = store.silent_conversations(&tenant, LATE, Silent::FIRST, 100).unwrap();
    found.into_iter().map(|it| (it.since.0, it.conversation)).collect()
}

/// The pages that these batches write.
fn written(dir: &Path, store: &SqliteStore, batches: &[(&[&str], Option<u64>)]) -> u64 {
    // Behind a head of 32 bytes, each page has one of 24.
    let log = || dir.join("warmline.db-wal").metadata().unwrap().len() / (4_096 + 24);
    let before = log();
    for (at, (names, says)) in batches.iter().enumerate() {
        batch(store, i64::try_from(at).unwrap(), names, *says);
    }
    log() - before
}

/// Whoever talks pays nothing for the index: neither in the batch that makes the conversation, nor later, whether it
/// is written to its row at once or stays in the journal.
#[test]
fn what_talks_writes_as_many_pages_as_without_the_index() {
    let at_once: Vec<(&[&str], _)> = (1..=10)
        .flat_map(|number| {
            [&["a", "b"][..], &["c"], &["d", "e"]].map(|names| (names, Some(number)))
        })
        .collect();
    let opened_before: &[(&[&str], _)] =
        &[(&["a", "b"], None), (&["a"], Some(1)), (&["b"], Some(1))];
    for (in_rows, batches) in [(true, &at_once[..]), (false, &at_once), (false, opened_before)] {
        let pages = [true, false].map(|indexed| {
            let dir = tempfile::tempdir().unwrap();
            let store = if in_rows {
                crashing::open(dir.path())
            } else {
                SqliteStore::open(dir.path()).unwrap()
            };
            if !indexed {
                store.writer().execute_batch("DROP INDEX conversation_silent").unwrap();
            }
            written(dir.path(), &store, batches)
        });
        assert!(pages[0] > batches.len() as u64, "they are counted: {pages:?}");
        assert_eq!(pages[0], pages[1]);
    }
}

#[test]
fn what_is_silent_and_what_has_spoken_are_told_apart_after_a_kill_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    let ids = batch(&store, 10, &["a", "b", "c"], None);
    let mut killed = vec![(files(dir.path()), vec![(10, ids[0]), (10, ids[1]), (10, ids[2])])];
    batch(&store, 20, &["a"], None);
    killed.push((files(dir.path()), vec![(10, ids[1]), (10, ids[2]), (20, ids[0])]));
    batch(&store, 30, &["b"], Some(1));
    killed.push((files(dir.path()), vec![(10, ids[2]), (20, ids[0])]));
    assert_eq!(store.forget(&[ids[2]], Some(Timestamp(10))).unwrap().conversations, 0);
    assert_eq!(store.forget(&[ids[2], ids[1]], Some(Timestamp(11))).unwrap().conversations, 1);
    killed.push((files(dir.path()), vec![(20, ids[0])]));
    assert_eq!(store.forget_rest(ids[2], 9).unwrap(), (0, true));
    killed.push((files(dir.path()), vec![(20, ids[0])]));
    for (step, (killed, left)) in killed.iter().enumerate() {
        for nth in 0..2 {
            // Once with what the journal says, and once with all of it in the rows.
            let store = SqliteStore::open(killed.path()).unwrap();
            assert_eq!(silent(&store), *left, "after step {step}, open {nth}");
            assert!(store.conversation_by_id(ids[1]).unwrap().is_some());
        }
    }
}

fn files(dir: &Path) -> tempfile::TempDir {
    crashing::files_as_they_are(dir)
}

/// Gives a file the tables of version 8.
pub(super) const BACK_TO_8: &str = "DROP INDEX conversation_silent;
     ALTER TABLE conversation DROP COLUMN silent_of;
     ALTER TABLE conversation DROP COLUMN silent_since;
     PRAGMA user_version = 8;";

/// Version 8 was killed: of one that has spoken the journal knows, and the row does not yet.
#[test]
fn what_version_8_left_silent_is_silent_from_the_migration_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    let mut ids = batch(&store, 10, &["silent", "spoke"], None);
    ids.extend(batch(&store, 20, &["forgotten"], None));
    drop(store);
    let old = Connection::open(file_in(&dir)).unwrap();
    old.execute_batch(BACK_TO_8).unwrap();
    let folded = old.query_row("SELECT max(id) FROM journal", [], |row| row.get(0));
    let (folded, spoke): (i64, i64) = (folded.unwrap(), ids[1].0);
    // The record of one entry, as version 8 wrote it: id, flags (a head), head, number, no answers.
    let record = [u8::try_from(spoke).unwrap(), 1, 7, 1, 0, 0];
    old.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    old.execute("INSERT INTO journal VALUES (?1, ?2)", (folded + 1, &record[..])).unwrap();
    old.execute("DELETE FROM conversation_key WHERE id = ?1", [ids[2].0]).unwrap();
    let now: i64 = old.query_row("SELECT unixepoch() * 1000", [], |row| row.get(0)).unwrap();
    drop(old);
    for _ in 0..2 {
        let store = SqliteStore::open(dir.path()).unwrap();
        let [(since, id)] = silent(&store)[..] else { panic!("{:?}", silent(&store)) };
        assert_eq!(id, ids[0], "what has spoken is not silent, and what is forgotten is nobody's");
        assert!((now - 2_000..now + 60_000).contains(&since), "{since} is not about {now}");
    }
}
