//! Killed between every two steps of shredding and forgetting, and restored from copies: what the files then
//! hold, byte by byte.

use std::path::Path;

use session::id::{BotId, ChannelId, ConversationKey, Number, TenantId, Timestamp};

use super::crashing::files_as_they_are;
use crate::contract::segment;
use crate::sqlite::SqliteStore;
use crate::{
    Began, Changes, ConversationChange, ConversationId, Forgetting, Leftovers, NewEntry, SegmentId,
    Store, Target, Transaction, Words,
};

const KEY: &[u8] = b"wrapped-key-canary";
const USER: &str = "user-canary";

/// A store with one person's conversation of many entries, and another's after it.
fn talked(dir: &Path) -> (SqliteStore, [ConversationId; 2], SegmentId) {
    let store = SqliteStore::open(dir).unwrap();
    let mut ids = Vec::new();
    for (user, wrapped) in [(USER, KEY), ("another", b"another key".as_slice())] {
        let key = ConversationKey {
            tenant: TenantId::new("t").unwrap(),
            channel: ChannelId::new("directline").unwrap(),
            bot: BotId::new("b").unwrap(),
            conversation: user.into(),
            user: user.into(),
        };
        store
            .transact(&mut |tx: &mut dyn Transaction| {
                let made = tx.resolve(&[&Target::Key(key.clone())])?.remove(0).unwrap();
                let entry = |number| NewEntry {
                    number: Number(number),
                    at: Timestamp(0),
                    sealed: b"sealed".to_vec(),
                };
                let change = ConversationChange {
                    id: made.conversation.id,
                    state: Some(format!("state of {user}").into_bytes().as_slice().into()),
                    deadline: None,
                    new_segment: Some(segment(wrapped)),
                    entries: (1..=100).map(entry).collect(),
                };
                ids.push(change.id);
                tx.save(&Changes { conversations: vec![change], ..Changes::default() })
            })
            .unwrap();
    }
    let segment = store.entries_after(ids[0], Number(0), 1).unwrap().remove(0).segment.unwrap().id;
    (store, [ids[0], ids[1]], segment)
}

fn holds(dir: &Path, needle: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if std::fs::read(&path).unwrap().windows(needle.len()).any(|bytes| bytes == needle) {
            found.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    found
}

/// Whether every entry of a conversation is a gap.
fn is_gone(store: &SqliteStore, id: ConversationId) -> bool {
    let rows = store.entries_after(id, Number(0), 1_000).unwrap();
    rows.iter().all(|row| row.segment.is_none())
}

#[test]
fn a_key_is_in_its_file_alone_and_in_none_once_it_is_shredded() {
    let dir = tempfile::tempdir().unwrap();
    let (store, [id, other], segment) = talked(dir.path());
    assert!(holds(dir.path(), KEY).iter().all(|file| file.starts_with("keys.db")));
    assert!(!holds(dir.path(), KEY).is_empty());
    store.shred(&[segment]).unwrap();
    assert_eq!(holds(dir.path(), KEY), Vec::<String>::new());
    assert!(is_gone(&store, id) && !is_gone(&store, other));
}

#[test]
fn a_shredding_that_was_killed_anywhere_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (store, [id, other], segment) = talked(dir.path());
    let mut killed = vec![files_as_they_are(dir.path())];
    store.mark_shredded(&[segment]).unwrap();
    killed.push(files_as_they_are(dir.path()));
    store.keys.forget(&[segment]).unwrap();
    killed.push(files_as_they_are(dir.path()));
    store.empty_shredded(30).unwrap();
    killed.push(files_as_they_are(dir.path()));
    while store.empty_shredded(30).unwrap() > 0 {}
    killed.push(files_as_they_are(dir.path()));
    for (step, killed) in killed.iter().enumerate() {
        let store = SqliteStore::open(killed.path()).unwrap();
        assert_eq!(is_gone(&store, id), step >= 2, "after step {step}");
        // Nobody writes to what is marked.
        let open = store.conversation_by_id(id).unwrap().unwrap().segment;
        assert_eq!(open.is_none(), step >= 1, "after step {step}");
        store.shred(&[segment]).unwrap();
        while store.empty_shredded(30).unwrap() > 0 {}
        assert!(is_gone(&store, id) && !is_gone(&store, other), "after step {step}");
        let rows = store.entries_after(id, Number(0), 1_000).unwrap();
        assert!(rows.iter().all(|row| row.sealed.is_empty()), "after step {step}");
        assert_eq!(holds(killed.path(), KEY), Vec::<String>::new(), "after step {step}");
    }
}

#[test]
fn a_forgetting_that_was_killed_anywhere_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (store, [id, other], _) = talked(dir.path());
    let mut killed = vec![files_as_they_are(dir.path())];
    let (_, segments) = store.begin_forgetting(&[id], None).unwrap();
    killed.push(files_as_they_are(dir.path()));
    store.keys.forget(&segments).unwrap();
    killed.push(files_as_they_are(dir.path()));
    store.forget_rest(id, 30).unwrap();
    killed.push(files_as_they_are(dir.path()));
    while !store.forget_rest(id, 30).unwrap().1 {}
    killed.push(files_as_they_are(dir.path()));
    for (step, killed) in killed.iter().enumerate() {
        let store = SqliteStore::open(killed.path()).unwrap();
        assert_eq!(store.conversation_by_id(id).unwrap().is_none(), step >= 1, "after step {step}");
        store.forget(&[id], None).unwrap();
        for left in store.forgetting(ConversationId(0), 10).unwrap() {
            while !store.forget_rest(left, 30).unwrap().1 {}
        }
        assert!(store.scrub(Leftovers::All).unwrap());
        for needle in [KEY, USER.as_bytes()] {
            assert_eq!(holds(killed.path(), needle), Vec::<String>::new(), "after step {step}");
        }
        assert_eq!(store.entries_after(other, Number(0), 1_000).unwrap().len(), 100);
        assert!(!is_gone(&store, other));
    }
}

/// Keys in the file, as many as there are.
fn keys_kept(store: &SqliteStore) -> i64 {
    store.keys.lock().query_row("SELECT count(*) FROM segment_key", [], |row| row.get(0)).unwrap()
}

/// Goes through all keys, a few at a time; how many went.
fn swept(store: &SqliteStore) -> usize {
    let mut all = 0;
    loop {
        let (gone, over) = store.sweep_keys(2).unwrap();
        all += gone;
        if over {
            return all;
        }
    }
}

#[test]
fn a_key_whose_entries_were_never_committed_is_swept_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let (store, ids, segment) = talked(dir.path());
    for lost in [b"lost-key-canary-1", b"lost-key-canary-2", b"lost-key-canary-3"] {
        let mut keys = crate::sqlite::keys::KeysInUse::new(&store.keys);
        keys.add(lost).unwrap();
        keys.commit().unwrap();
    }
    // Killed here: the keys are durable, their entries are not.
    let killed = files_as_they_are(dir.path());
    let store = SqliteStore::open(killed.path()).unwrap();
    assert!(!holds(killed.path(), b"lost-key-canary").is_empty());
    assert_eq!((swept(&store), swept(&store), keys_kept(&store)), (3, 0, 2));
    assert_eq!(holds(killed.path(), b"lost-key-canary"), Vec::<String>::new());
    assert!(ids.iter().all(|id| !is_gone(&store, *id)));
    // A copy of the keys of before is put back: what was shredded since goes from it, too.
    let before = std::fs::read(killed.path().join("keys.db")).unwrap();
    store.shred(&[segment]).unwrap();
    while store.empty_shredded(30).unwrap() > 0 {}
    drop(store);
    std::fs::write(killed.path().join("keys.db"), before).unwrap();
    let store = SqliteStore::open(killed.path()).unwrap();
    assert!(!holds(killed.path(), KEY).is_empty());
    assert_eq!((swept(&store), keys_kept(&store)), (1, 1));
    assert_eq!(holds(killed.path(), KEY), Vec::<String>::new());
}

#[test]
fn a_key_that_is_just_being_made_is_not_swept() {
    let dir = tempfile::tempdir().unwrap();
    let (store, [id, _], _) = talked(dir.path());
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            for number in 101..=200 {
                let entry =
                    NewEntry { number: Number(number), at: Timestamp(0), sealed: b"s".to_vec() };
                let change = ConversationChange {
                    id,
                    state: None,
                    deadline: None,
                    new_segment: Some(segment(b"new")),
                    entries: vec![entry],
                };
                store
                    .transact(&mut |tx: &mut dyn Transaction| {
                        let conversations = vec![change.clone()];
                        tx.save(&Changes { conversations, ..Changes::default() })
                    })
                    .unwrap();
            }
        });
        while !writing.is_finished() {
            assert_eq!(store.sweep_keys(1_000).unwrap().0, 0);
        }
        writing.join().unwrap();
    });
    assert_eq!((swept(&store), keys_kept(&store)), (0, 102));
    assert!(!is_gone(&store, id));
    let rows = store.entries_after(id, Number(0), 1_000).unwrap();
    assert!(rows.iter().all(|row| row.segment.is_some()) && rows.len() == 200);
}

#[test]
fn an_old_copy_of_the_database_brings_nothing_back() {
    let dir = tempfile::tempdir().unwrap();
    let (store, [id, other], segment) = talked(dir.path());
    drop(store);
    let copy = std::fs::read(dir.path().join("warmline.db")).unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    store.shred(&[segment]).unwrap();
    drop(store);
    // Beside the keys of today, and beside none.
    for keys in [true, false] {
        std::fs::write(dir.path().join("warmline.db"), &copy).unwrap();
        if !keys {
            std::fs::remove_file(dir.path().join("keys.db")).unwrap();
        }
        let store = SqliteStore::open(dir.path()).unwrap();
        assert!(is_gone(&store, id), "{keys}");
        assert_eq!(is_gone(&store, other), !keys);
        // And what is said from now on can be read, under an id that no segment had.
        let change = ConversationChange {
            id,
            state: None,
            deadline: None,
            new_segment: Some(crate::contract::segment(b"new")),
            entries: vec![NewEntry {
                number: Number(101),
                at: Timestamp(1),
                sealed: b"sealed".to_vec(),
            }],
        };
        store
            .transact(&mut |tx: &mut dyn Transaction| {
                tx.resolve(&[&Target::Conversation(id)])?;
                let conversations = vec![change.clone()];
                tx.save(&Changes { conversations, ..Changes::default() })
            })
            .unwrap();
        let new = store.entries_after(id, Number(100), 9).unwrap().remove(0).segment.unwrap();
        assert!(new.id.0 > segment.0 && new.wrapped_key[..] == *b"new");
    }
}

#[test]
fn the_keys_of_an_older_version_move_however_often_it_is_begun() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("warmline.db");
    let old = rusqlite::Connection::open(&file).unwrap();
    for sql in [
        include_str!("../../../migrations/sqlite/0001_start.sql"),
        include_str!("../../../migrations/sqlite/0002_journal.sql"),
        include_str!("../../../migrations/sqlite/0003_open_sessions.sql"),
        include_str!("../../../migrations/sqlite/0004_traces.sql"),
        include_str!("../../../migrations/sqlite/0005_placed.sql"),
    ] {
        old.execute_batch(sql).unwrap();
    }
    old.execute_batch(
        "INSERT INTO conversation (id) VALUES (1);
         INSERT INTO conversation_key VALUES (1, 't', 'directline', 'b', 'c', 'u');
         INSERT INTO segment VALUES (1, 1, CAST('talk-key-canary' AS BLOB)), (2, 1, NULL),
                (3, 1, CAST('chat-key-canary' AS BLOB));
         INSERT INTO log (id, conversation, number, prev, at, segment, sealed)
         VALUES (1, 1, 1, NULL, 10, 1, x'61'), (2, 1, 2, 1, 20, 2, x'62'), (3, 1, 3, 2, 30, 3, x'63');
         UPDATE conversation SET head = 3, head_number = 3, segment = 3 WHERE id = 1;
         INSERT INTO session VALUES ('ses_1', 1, 't', 'd', 'u', 'completed', 'x', 29, 31);
         PRAGMA user_version = 5;",
    )
    .unwrap();
    old.close().unwrap();
    // Killed when the keys were copied, and before they were gone from where they were.
    std::fs::write(dir.path().join("keys.db"), "").unwrap();
    let keys = crate::sqlite::keys::Keys::open(&dir.path().join("keys.db")).unwrap();
    keys.take_over(&rusqlite::Connection::open(&file).unwrap()).unwrap();
    drop(keys);
    let store = SqliteStore::open(dir.path()).unwrap();
    let rows = store.entries_after(ConversationId(1), Number(0), 9).unwrap();
    let keys: Vec<_> = rows
        .iter()
        .map(|row| row.segment.as_ref().map(|it| String::from_utf8_lossy(&it.wrapped_key)))
        .collect();
    assert_eq!(keys, [Some("talk-key-canary".into()), None, Some("chat-key-canary".into())]);
    let (tenant, late) = (TenantId::new("t").unwrap(), Timestamp(i64::MAX));
    for (words, facts) in [(Words::BotTalk, (1, 10, 10)), (Words::Chat, (3, 30, 30))] {
        let old = store.old_segments(&tenant, words, late, Began::FIRST, 9).unwrap();
        let old: Vec<_> = old.iter().map(|it| (it.id.0, it.since.0, it.newest.0)).collect();
        assert_eq!(old, [facts]);
    }
    for canary in ["talk-key-canary", "chat-key-canary"] {
        let found = holds(dir.path(), canary.as_bytes());
        assert!(found.iter().all(|file| file.starts_with("keys.db")), "{found:?}");
    }
}
