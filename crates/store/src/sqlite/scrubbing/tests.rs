use std::path::Path;

use rusqlite::Connection;

use super::*;
use crate::sqlite::tests::crashing::{Dice, files_as_they_are};
use crate::{Forgetting, Resealed, Resealing, SealedKind, SegmentId, Store};

const OLD: &[u8] = b"old-canary";

/// Which of the store's files have these bytes.
fn holds(dir: &Path, needle: &[u8]) -> Vec<String> {
    let copy = files_as_they_are(dir);
    let has = |path: &Path| {
        std::fs::read(path).unwrap().windows(needle.len()).any(|window| window == needle)
    };
    let files = std::fs::read_dir(copy.path()).unwrap().map(|file| file.unwrap());
    let found = files.filter(|file| has(&file.path()));
    found.map(|file| file.file_name().to_string_lossy().into_owned()).collect()
}

/// A value of this length with a canary at every tenth byte.
fn value(canary: &[u8], bytes: u64) -> Vec<u8> {
    canary.iter().copied().cycle().take(usize::try_from(bytes).unwrap()).collect()
}

/// Values of all lengths come, grow, shrink and go, so that SQLite moves them from page to page.
fn churned(store: &SqliteStore, dice: &mut Dice) {
    for _ in 0..300 {
        let name = format!("name {}", dice.roll(40));
        let bytes = 11 + dice.roll(2_500);
        match dice.roll(8) {
            0 => store.in_short(|writer| {
                writer.execute("DELETE FROM setting WHERE name = ?1", [&name])?;
                Ok(())
            }),
            _ => store.keep_setting(&name, &value(OLD, bytes)),
        }
        .unwrap();
    }
}

#[test]
fn what_was_superseded_is_in_none_of_the_files_of_an_open_store_once_it_is_scrubbed() {
    for what in [Leftovers::Settings, Leftovers::All] {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(dir.path()).unwrap();
        churned(&store, &mut Dice(7));
        assert!(!holds(dir.path(), OLD).is_empty());
        for n in 0..40 {
            store.supersede(&format!("name {n}"), &value(b"now-canary", 300), what).unwrap();
        }
        assert_eq!(store.scrub_due().unwrap(), Some(what));
        assert!(store.scrub(what).unwrap());
        assert_eq!(holds(dir.path(), OLD), Vec::<String>::new());
        assert_eq!(store.scrub_due().unwrap(), None);
        for n in 0..40 {
            let kept = store.setting(&format!("name {n}")).unwrap().unwrap();
            assert_eq!(kept, value(b"now-canary", 300), "{n}");
        }
    }
}

#[test]
fn free_pages_that_an_earlier_version_left_are_overwritten_to_the_last() {
    for bytes in [3_000, 20_000, 600_000] {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(dir.path()).unwrap();
        // As it was: without overwriting what costs a write of its own.
        let plain = |value: &[u8]| settings::keep(&store.writer(), "ring", value).unwrap();
        plain(&value(OLD, bytes));
        plain(b"new");
        assert!(store.scrub(Leftovers::All).unwrap());
        assert_eq!(holds(dir.path(), OLD), Vec::<String>::new(), "{bytes}");
    }
}

#[test]
fn keys_that_were_replaced_or_forgotten_are_in_none_of_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    let mut dice = Dice(11);
    let mut there = Vec::new();
    store.keys.lock().execute_batch("BEGIN").unwrap();
    for _ in 0..3_000 {
        let (wrapped, keys) = (value(OLD, 70 + dice.roll(3)), store.keys.lock());
        keys.execute("INSERT INTO segment_key (wrapped) VALUES (?1)", [&wrapped]).unwrap();
        there.push((SegmentId(keys.last_insert_rowid()), wrapped));
        if dice.roll(3) == 0 {
            let gone = usize::try_from(dice.roll(there.len() as u64)).unwrap();
            let (id, _) = there.swap_remove(gone);
            keys.execute("DELETE FROM segment_key WHERE id = ?1", [id.0]).unwrap();
        }
    }
    store.keys.lock().execute_batch("COMMIT").unwrap();
    assert!(!holds(dir.path(), OLD).is_empty());
    let anew = |(id, before): &(SegmentId, Vec<u8>)| Resealed {
        row: id.0,
        conversation: crate::ConversationId(1),
        before: before.clone(),
        after: value(b"now-canary", before.len() as u64),
    };
    let anew: Vec<_> = there.iter().map(anew).collect();
    assert_eq!(store.reseal(SealedKind::SegmentKey, &anew).unwrap(), there.len());
    assert!(store.scrub(Leftovers::All).unwrap());
    assert_eq!(holds(dir.path(), OLD), Vec::<String>::new());
}

#[test]
fn while_somebody_reads_it_is_said_that_something_is_left_and_the_note_stays() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    store.keep_setting("name", OLD).unwrap();
    let reader = Connection::open(dir.path().join("warmline.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT * FROM setting;").unwrap();
    store.supersede("name", b"new", Leftovers::All).unwrap();
    let log = || std::fs::metadata(dir.path().join("warmline.db-wal")).unwrap().len();
    let before = log();
    for _ in 0..3 {
        assert!(!store.scrub_files(Leftovers::All, 1).unwrap());
    }
    assert_eq!(log(), before, "what is tried in vain writes nothing");
    assert!(!holds(dir.path(), OLD).is_empty());
    // A smaller one does not do for it.
    store.supersede("another", b"new", Leftovers::Settings).unwrap();
    assert_eq!(store.scrub_due().unwrap(), Some(Leftovers::All));
    drop(reader);
    assert!(store.scrub(Leftovers::Settings).unwrap());
    assert_eq!(store.scrub_due().unwrap(), Some(Leftovers::All));
    assert!(store.scrub(Leftovers::All).unwrap());
    assert_eq!(store.scrub_due().unwrap(), None);
    assert_eq!(holds(dir.path(), OLD), Vec::<String>::new());
}
