//! What only this store promises: its files, its lock, its versions, its set-up. What every store
//! promises is in `contract`.

pub(crate) mod crashing;
mod due;
mod killed;

use rusqlite::Connection;

use super::{SqliteStore, connect};
use crate::contract::segment;
use crate::{Answer, Changes, ConversationId, NewRepeat, RepeatKey, Sight, Store, StoreError};

#[test]
fn a_second_open_of_the_same_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    let refused = SqliteStore::open(dir.path()).err().unwrap();
    assert!(
        matches!(&refused, StoreError::InUse { path } if *path == dir.path().display().to_string())
    );
    store.ping().unwrap();
    drop(store);
    SqliteStore::open(dir.path()).unwrap().ping().unwrap();
}

#[test]
fn a_newer_database_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(SqliteStore::open(dir.path()).unwrap());
    let file = dir.path().join("warmline.db");
    let version = |connection: &Connection| -> i64 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    };
    let connection = Connection::open(&file).unwrap();
    let known = version(&connection);
    connection.pragma_update(None, "user_version", known + 1).unwrap();
    connection.close().unwrap();

    let refused = SqliteStore::open(dir.path()).err().unwrap();
    assert!(
        matches!(refused, StoreError::FromTheFuture { found, known: ours } if found == known + 1 && ours == known)
    );
    assert_eq!(version(&Connection::open(&file).unwrap()), known + 1);
}

#[test]
fn a_database_of_the_first_version_is_brought_up_to_date_with_all_that_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let connection = Connection::open(dir.path().join("warmline.db")).unwrap();
    connection.execute_batch(include_str!("../../migrations/sqlite/0001_start.sql")).unwrap();
    connection
        .execute_batch(
            "INSERT INTO conversation (id) VALUES (1);
             INSERT INTO session
                 (id, conversation, tenant, desk, user, status, reason, opened_at, ended_at)
             VALUES ('ses_1', 1, 't', 'd', 'u', 'active', '', 7, NULL),
                    ('ses_2', 1, 't', 'd', 'u', 'completed', 'agent_ended', 7, 8);",
        )
        .unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    connection.close().unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    let open = store.open_sessions(&Sight::ALL, None, 9).unwrap();
    assert_eq!(open.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["ses_1"]);
}

#[test]
fn open_sessions_are_read_off_their_index() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer_in(&dir);
    let plan: String = writer
        .query_row(
            "EXPLAIN QUERY PLAN
             SELECT id FROM session WHERE ended_at IS NULL AND id > '' ORDER BY id LIMIT 9",
            [],
            |row| row.get("detail"),
        )
        .unwrap();
    assert!(plan.contains("session_open"), "{plan}");
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("warmline.db"),
        "no database at all, but long enough".repeat(99),
    )
    .unwrap();
    assert!(matches!(SqliteStore::open(dir.path()), Err(StoreError::Database(_))));
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error_of_files() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(matches!(SqliteStore::open(&file.join("inside")), Err(StoreError::Files(_))));
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;

    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("deep").join("data");
    let store = SqliteStore::open(&data).unwrap();
    store.keep_setting("name", b"value").unwrap();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for name in ["warmline.db", "warmline.db-wal", "warmline.db-shm", "warmline.lock"] {
        assert_eq!(mode(&data.join(name)), 0o600, "{name}");
    }
}

#[test]
fn the_log_is_folded_into_the_file_when_the_store_closes() {
    let dir = tempfile::tempdir().unwrap();
    drop(SqliteStore::open(dir.path()).unwrap());
    assert!(!dir.path().join("warmline.db-wal").exists());
}

/// Nobody waits for it: the pages appear in the file while the log is still far from its bound.
#[test]
fn the_log_is_folded_into_the_file_beside_the_writer() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    let bytes = || dir.path().join("warmline.db").metadata().unwrap().len();
    let before = bytes();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let mut commits = 0;
    while bytes() == before {
        assert!(std::time::Instant::now() < deadline, "{commits} commits and nothing folded in");
        let named = Changes::default();
        store
            .transact(&mut |transaction| {
                let key = format!("c{commits}");
                transaction.resolve(&[&crate::Target::Key(crashing::named(&key))])?;
                transaction.save(&named)
            })
            .unwrap();
        commits += 1;
    }
    let log = dir.path().join("warmline.db-wal").metadata().unwrap().len();
    assert!(log < 4_000 * 4_096, "{log} bytes after {commits} commits");
}

#[test]
fn the_writer_syncs_every_commit_and_checks_what_it_writes() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer_in(&dir);
    let pragma = |name: &str| -> String {
        let value =
            writer.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
        match value.unwrap() {
            rusqlite::types::Value::Integer(number) => number.to_string(),
            rusqlite::types::Value::Text(text) => text,
            other => panic!("{name} is {other:?}"),
        }
    };
    for (name, value) in [
        ("journal_mode", "wal"),
        ("page_size", "4096"),
        ("synchronous", "2"),
        ("foreign_keys", "1"),
        ("wal_autocheckpoint", "4000"),
        ("journal_size_limit", "67108864"),
        ("secure_delete", "2"),
        ("busy_timeout", "5000"),
    ] {
        assert_eq!(pragma(name), value, "{name}");
    }
}

#[test]
fn a_reader_cannot_write() {
    let dir = tempfile::tempdir().unwrap();
    let file = file_in(&dir);
    let _writer = writer_in(&dir);
    let reader = connect::reader(&file).unwrap();
    assert!(reader.execute("DELETE FROM setting", []).is_err());
}

#[test]
fn more_readers_than_connections_wait_for_their_turn() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    store.keep_setting("name", b"value").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert_eq!(
                        store.setting("name").unwrap().as_deref(),
                        Some(b"value".as_slice())
                    );
                }
            });
        }
    });
}

#[test]
fn a_missing_log_row_is_an_error_and_not_a_shorter_answer() {
    let (dir, id) = with_log(200);
    for sql in [
        "DELETE FROM log WHERE number = 130",
        "UPDATE log SET number = 131 WHERE number = 130",
        "UPDATE log SET conversation = 2 WHERE number = 130",
    ] {
        let copy = tempfile::tempdir().unwrap();
        std::fs::copy(file_in(&dir), file_in(&copy)).unwrap();
        let connection = Connection::open(file_in(&copy)).unwrap();
        connection.pragma_update(None, "foreign_keys", false).unwrap();
        assert_eq!(connection.execute(sql, []).unwrap(), 1);
        connection.close().unwrap();
        let store = SqliteStore::open(copy.path()).unwrap();
        let read = |after| store.entries_after(id, session::id::Number(after), 10);
        assert!(matches!(read(125), Err(StoreError::Damaged { table: "log", .. })), "{sql}");
        assert_eq!(read(150).unwrap().len(), 10);
        // The way to earlier entries skips over the damage.
        assert_eq!(read(100).unwrap().len(), 10);
    }
}

#[test]
fn answers_go_to_the_table_half_a_row_at_a_time() {
    let (dir, id) = with_log(1);
    // So many remembered, so many in the table.
    for (remembered, in_table) in [(511, 0), (512, 0), (513, 256), (768, 256), (769, 512)] {
        let copy = tempfile::tempdir().unwrap();
        std::fs::copy(file_in(&dir), file_in(&copy)).unwrap();
        let store = SqliteStore::open(copy.path()).unwrap();
        for key in 0..remembered {
            remember(&store, id, key).unwrap();
        }
        drop(store);
        let oldest = (0..in_table).collect::<Vec<i64>>();
        assert_eq!(keys_in_table(&copy), oldest, "{remembered} remembered");
        // One more in a new process: it goes on where the other one stopped.
        let store = SqliteStore::open(copy.path()).unwrap();
        for key in 0..remembered {
            assert!(remember(&store, id, key).is_err(), "{key} of {remembered}");
        }
        remember(&store, id, remembered).unwrap();
    }
}

#[test]
fn a_torn_column_of_answers_is_damage_and_not_an_unknown_key() {
    let (dir, id) = with_log(1);
    let connection = Connection::open(file_in(&dir)).unwrap();
    connection.execute("UPDATE conversation SET recent = x'0102'", []).unwrap();
    connection.close().unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    let refused = remember(&store, id, 1);
    assert!(matches!(refused, Err(StoreError::Damaged { table: "conversation", .. })));
    let asked =
        store.transact(&mut |transaction| transaction.repeats(&[(id, RepeatKey(1))]).map(|_| ()));
    assert!(matches!(asked, Err(StoreError::Damaged { table: "conversation", .. })));
}

fn remember(store: &SqliteStore, conversation: ConversationId, key: i64) -> Result<(), StoreError> {
    let repeat = NewRepeat {
        conversation,
        key: RepeatKey(key),
        answer: Answer(session::id::Number(1)),
        at: session::id::Timestamp(0),
    };
    let changes = Changes { repeats: vec![repeat], ..Changes::default() };
    store.transact(&mut |transaction| transaction.save(&changes))
}

fn keys_in_table(dir: &tempfile::TempDir) -> Vec<i64> {
    let connection = Connection::open(file_in(dir)).unwrap();
    let mut statement = connection.prepare("SELECT key FROM repeat ORDER BY key").unwrap();
    let keys = statement.query_map([], |row| row.get(0)).unwrap();
    keys.collect::<Result<_, _>>().unwrap()
}

/// The writing connection of the files in a directory.
fn writer_in(dir: &tempfile::TempDir) -> Connection {
    let keys = dir.path().join("keys.db");
    std::fs::File::create(&keys).unwrap();
    let file = file_in(dir);
    connect::writer(&file, &super::keys::Keys::open(&keys).unwrap()).unwrap()
}

fn file_in(dir: &tempfile::TempDir) -> std::path::PathBuf {
    let file = dir.path().join("warmline.db");
    if !file.exists() {
        std::fs::write(&file, "").unwrap();
    }
    file
}

/// A closed store with one conversation and this many entries.
fn with_log(newest: u64) -> (tempfile::TempDir, crate::ConversationId) {
    use session::id::{BotId, ChannelId, ConversationKey, Number, TenantId, Timestamp};

    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    let key = ConversationKey {
        tenant: TenantId::new("acme").unwrap(),
        channel: ChannelId::new("directline").unwrap(),
        bot: BotId::new("default").unwrap(),
        conversation: "c1".into(),
        user: "zoe".into(),
    };
    let mut id = None;
    store
        .transact(&mut |transaction| {
            let made = transaction.resolve(&[&crate::Target::Key(key.clone())])?.remove(0).unwrap();
            let entry = |number| crate::NewEntry {
                number: Number(number),
                at: Timestamp(0),
                sealed: b"sealed".to_vec(),
            };
            let change = crate::ConversationChange {
                id: made.conversation.id,
                state: None,
                deadline: None,
                new_segment: Some(segment(b"key")),
                entries: (1..=newest).map(entry).collect(),
            };
            id = Some(change.id);
            transaction
                .save(&crate::Changes { conversations: vec![change], ..crate::Changes::default() })
        })
        .unwrap();
    (dir, id.unwrap())
}

#[test]
fn records_of_the_audit_trail_can_be_neither_changed_nor_removed_by_sql() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    let row = |number| crate::AuditRow {
        number,
        at: session::id::Timestamp(1),
        tenant: None,
        deed: "started".into(),
        sealed: vec![1],
    };
    let mark = |number| crate::AuditMark { number, link: vec![1], sealed: vec![2] };
    store.append_audit(&[row(1), row(2)], &mark(2)).unwrap();
    store.cut_audit(&mark(1)).unwrap();
    let writer = store.writer();
    for (sql, why) in [
        ("UPDATE audit SET deed = 'stopped'", "never changed"),
        ("UPDATE audit SET sealed = x'00' WHERE number = 2", "never changed"),
        ("DELETE FROM audit", "cut at its mark"),
        ("DELETE FROM audit WHERE number = 2", "cut at its mark"),
        ("UPDATE audit_mark SET number = 0", "never goes back"),
        ("DELETE FROM audit_mark", "never removed"),
        ("INSERT INTO audit VALUES (9, 1, NULL, 'stopped', x'00')", "no gaps"),
        ("INSERT OR REPLACE INTO audit VALUES (2, 1, NULL, 'stopped', x'00')", "no gaps"),
    ] {
        let refused = writer.execute(sql, []).unwrap_err().to_string();
        assert!(refused.contains(why), "{sql}: {refused}");
    }
    drop(writer);
    assert_eq!(crate::AuditSource::audit_after(&store, 0, 9).unwrap(), [row(2)]);
}
