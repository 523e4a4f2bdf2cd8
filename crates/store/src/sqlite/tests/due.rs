//! A look for what is due costs what is due, however much is kept.

use rusqlite::{Connection, StatementStatus, types::Value};
use session::id::{Number, TenantId, Timestamp};

use super::{file_in, writer_in};
use crate::contract::emptied;
use crate::sqlite::{
    SqliteStore, forgetting,
    retention::{ended, segments},
};
use crate::{Began, ConversationId, Forgetting, SegmentId, Whose, Words};

/// Conversations of two tenants with bot talk and a live chat each, said at 1,000; as many of which nothing can be
/// read any more; and as many as all of these in which nothing was ever said. Everybody has an id of their own.
fn keep(writer: &Connection, conversations: i64) {
    writer
        .execute_batch(&format!(
            "PRAGMA foreign_keys = OFF;
             BEGIN;
             CREATE TEMP TABLE n AS
             WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {conversations})
             SELECT n FROM n;
             INSERT INTO conversation (id, head, head_number) SELECT n, n, 1 FROM n;
             INSERT INTO conversation_key
             SELECT n, iif(n % 2, 'acme', 'other'), 'directline', 'b', 'c' || n, 'u' || n FROM n;
             INSERT INTO segment (conversation, tenant, session, since, last, shredded)
             SELECT n, iif(n % 2, 'acme', 'other'), NULL, 1000, n, iif(n % 4 < 2, 0, 2) FROM n
             UNION ALL
             SELECT n, iif(n % 2, 'acme', 'other'), 's' || n, 1000, NULL, iif(n % 4 < 2, 0, 2) FROM n;
             INSERT INTO session
             SELECT 's' || n, n, iif(n % 2, 'acme', 'other'), 'd', 'p' || n, 'completed', '', 1000, 1000
             FROM n;
             INSERT INTO dead_letter
                 (effect, conversation, number, lane, attempts, reason, decided_at, at, body)
             SELECT n, n, 1, 'l', 1, 'x', 1000, 1000, x'' FROM n;
             INSERT INTO log (id, conversation, number, at, segment, sealed)
             SELECT n, n, 1, 1000, n, x'61' FROM n;
             INSERT INTO conversation (id, silent_of, silent_since)
             SELECT n + 1000000, iif(n % 2, 'acme', 'other'), 1000 FROM n;
             DROP TABLE n;
             COMMIT;
             PRAGMA foreign_keys = ON;"
        ))
        .unwrap();
}

/// A look, with bounds that nothing is old enough for.
struct Look {
    index: &'static str,
    sql: &'static str,
    bounds: Vec<Value>,
}

fn looks() -> [Look; 7] {
    let old = || [text("acme"), number(i64::MIN), number(0), number(1_000), number(200)];
    let due = || [text("acme"), number(1_000), number(500)];
    let dead = [number(1_000), number(i64::MIN), number(0), number(500)];
    let nobody = [text("acme"), text("nobody"), number(0), number(100)];
    let silent = [text("acme"), number(1_000), number(i64::MIN), number(0)];
    let (talk, chats) = (segments::select_old(Words::BotTalk), segments::select_old(Words::Chat));
    [
        Look { index: "segment_talk", sql: talk, bounds: old().into() },
        Look { index: "segment_chat", sql: chats, bounds: old().into() },
        Look { index: "segment_over", sql: ended::DEAD, bounds: dead.into() },
        Look { index: "conversation_silent", sql: ended::SILENT, bounds: silent.into() },
        Look { index: "session_ended", sql: ended::ENDED, bounds: due().into() },
        Look { index: "dead_letter_at", sql: ended::FORGET_LETTERS, bounds: due().into() },
        Look { index: "conversation_key_user", sql: forgetting::OF_PERSON, bounds: nobody.into() },
    ]
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn number(number: i64) -> Value {
    Value::Integer(number)
}

#[test]
fn a_look_for_what_is_due_goes_by_an_index() {
    let dir = tempfile::tempdir().unwrap();
    let writer = writer_in(&dir);
    for Look { index, sql, bounds } in looks() {
        let mut explained = writer.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let bounds = rusqlite::params_from_iter(&bounds);
        let plan = explained.query_map(bounds, |row| row.get::<_, String>("detail")).unwrap();
        let plan = plan.collect::<Result<Vec<_>, _>>().unwrap().join("\n");
        assert!(plan.contains(&format!("INDEX {index} (")), "{plan}");
        assert!(!plan.contains("USE TEMP B-TREE FOR ORDER BY"), "{plan}");
        // Whole tables are looked through of nothing. (What is due is a list that the plan scans.)
        for table in ["s", "c", "n", "d", "k", "segment", "conversation", "session"] {
            let scan = format!("SCAN {table}");
            assert!(plan.lines().all(|line| line != scan), "{plan}");
        }
    }
}

#[test]
fn a_look_that_finds_nothing_takes_as_many_steps_however_much_is_kept() {
    let steps = |kept| -> Vec<i32> {
        let dir = tempfile::tempdir().unwrap();
        let writer = writer_in(&dir);
        keep(&writer, kept);
        let looks = looks();
        looks
            .iter()
            .map(|Look { sql, bounds, .. }| {
                let mut look = writer.prepare(sql).unwrap();
                let bounds = rusqlite::params_from_iter(bounds);
                assert!(look.query(bounds).unwrap().next().unwrap().is_none(), "{sql}");
                look.get_status(StatementStatus::VmStep)
            })
            .collect()
    };
    let few = steps(100);
    assert_eq!(few, steps(10_000));
    assert!(few.iter().all(|steps| (1..200).contains(steps)), "{few:?}");
}

/// How many entries there are, whoever's they are.
fn entries(dir: &tempfile::TempDir) -> i64 {
    let database = Connection::open(file_in(dir)).unwrap();
    database.query_row("SELECT count(*) FROM log", [], |row| row.get(0)).unwrap()
}

#[test]
fn what_was_emptied_in_pieces_is_forgotten_whole() {
    let (dir, id) = super::with_log(70);
    let store = SqliteStore::open(dir.path()).unwrap();
    assert_eq!(store.shred(&[SegmentId(1)]).unwrap(), 1);
    assert_eq!(emptied(&store, 50), 50);
    assert_eq!(emptied(&store, 50), 20);
    assert_eq!(store.forget(&[id], None).unwrap().conversations, 1);
    assert_eq!(store.forget_rest(id, 100).unwrap(), (70, true));
    assert_eq!(entries(&dir), 0);
}

/// Gives a file the tables of version 7.
const BACK_TO_7: &str = "DROP INDEX conversation_silent;
     ALTER TABLE conversation DROP COLUMN silent_of;
     ALTER TABLE conversation DROP COLUMN silent_since;
     DROP INDEX segment_talk; DROP INDEX segment_chat; DROP INDEX segment_over;
     DROP INDEX dead_letter_at; DROP INDEX conversation_key_user; DROP INDEX session_user;
     ALTER TABLE segment DROP COLUMN tenant; ALTER TABLE segment DROP COLUMN rest;
     PRAGMA user_version = 7;
     PRAGMA foreign_keys = OFF;";

/// A conversation of version 7 whose first segment was emptied in pieces, and what was left of another one.
#[test]
fn what_an_earlier_version_emptied_in_pieces_is_put_right() {
    let (dir, id) = super::with_log(70);
    let old = Connection::open(file_in(&dir)).unwrap();
    old.execute_batch(BACK_TO_7).unwrap();
    old.execute_batch(
        "UPDATE segment SET shredded = 2, last = 20;
         UPDATE log SET sealed = x'';
         INSERT INTO log (conversation, number, prev, at, segment, sealed) VALUES (9, 2, 1, 5, 9, x'');",
    )
    .unwrap();
    drop(old);
    let store = SqliteStore::open(dir.path()).unwrap();
    assert_eq!(entries(&dir), 70, "what nobody could find is gone");
    let late = Timestamp(i64::MAX);
    assert_eq!(store.dead_conversations(late, Began::FIRST, 9).unwrap().0, [id]);
    assert_eq!(store.forget(&[id], Some(late)).unwrap().conversations, 1);
    assert_eq!(store.forget_rest(id, 100).unwrap(), (70, true));
    assert_eq!(entries(&dir), 0);
}

/// Version 7 was killed in the middle of forgetting a conversation of two segments, both emptied in pieces: the
/// older one (1 to 40) is whole, of the newer one (41 to 70) rows 50 to 46 are gone, which lay below those that
/// emptying had passed.
#[test]
fn what_an_earlier_version_had_begun_to_forget_is_forgotten_whole() {
    let (dir, id) = super::with_log(70);
    let old = Connection::open(file_in(&dir)).unwrap();
    old.execute_batch(BACK_TO_7).unwrap();
    old.execute_batch(
        "INSERT INTO segment (id, conversation, since, last, shredded) VALUES (2, 1, 5, 45, 2);
         UPDATE segment SET shredded = 2, last = 20 WHERE id = 1;
         UPDATE log SET sealed = x'';
         UPDATE log SET segment = 2 WHERE id > 40;
         DELETE FROM log WHERE id BETWEEN 46 AND 50;
         DELETE FROM conversation_key;
         UPDATE conversation
         SET head = NULL, head_number = 0, anchor = NULL, segment = NULL, recent = x'', state = NULL;
         INSERT INTO conversation (id) VALUES (2);
         INSERT INTO forgotten VALUES (1);",
    )
    .unwrap();
    drop(old);
    let store = SqliteStore::open(dir.path()).unwrap();
    assert_eq!(id, ConversationId(1));
    assert_eq!(entries(&dir), 45, "what nobody could find is gone");
    assert_eq!(store.forgetting(ConversationId(0), 9).unwrap(), [id]);
    assert_eq!(store.forget_rest(id, 30).unwrap(), (30, false));
    assert_eq!(store.forget_rest(id, 30).unwrap(), (15, true));
    assert_eq!((entries(&dir), store.forgetting(ConversationId(0), 9).unwrap()), (0, vec![]));
}

/// Segments know their tenant from then on, also those that were there before.
#[test]
fn what_an_earlier_version_kept_is_found_by_its_tenant() {
    let (dir, _) = super::with_log(3);
    let old = Connection::open(file_in(&dir)).unwrap();
    old.execute_batch(BACK_TO_7).unwrap();
    drop(old);
    let store = SqliteStore::open(dir.path()).unwrap();
    let (acme, late) = (TenantId::new("acme").unwrap(), Timestamp(i64::MAX));
    let found = store.old_segments(&acme, Words::BotTalk, late, Began::FIRST, 9).unwrap();
    let found: Vec<_> = found.iter().map(|it| (it.id, it.last)).collect();
    assert_eq!(found, [(SegmentId(1), Number(3))]);
}

#[test]
fn a_persons_conversations_are_found_by_either_id() {
    let dir = tempfile::tempdir().unwrap();
    keep(&writer_in(&dir), 100);
    let store = SqliteStore::open(dir.path()).unwrap();
    let of = |tenant: &str, user: &str| -> Vec<_> {
        let whose = Whose { tenant: TenantId::new(tenant).unwrap(), user: user.into() };
        let rows = store.conversations_of(&whose, ConversationId(0), 9).unwrap();
        rows.into_iter().map(|row| row.id.0).collect()
    };
    assert_eq!([of("acme", "u7"), of("acme", "p7"), of("other", "u7")], [vec![7], vec![7], vec![]]);
}
