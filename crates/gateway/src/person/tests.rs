//! One person's data: all of it, and nobody else's.

use bytes::Bytes;
use session::{Event, File, News, Said, id::Number};
use store::{ConversationId, Forgetting, Target};

use super::*;
use crate::{
    bed::{Bed, agent_said, key, session, visitor},
    engine::Arrival,
    files::{Bringer, NewFile},
    keeping::Keeping,
};

/// The user of this conversation shows a file.
async fn shows(bed: &Bed, persons: &Persons, name: &str, bytes: &'static [u8]) {
    bed.says(name, "look").await;
    let row = bed.row(name);
    let keeping = Keeping::new(&bed.vault, &row.key).unwrap();
    let new = NewFile {
        by: Bringer::Page,
        name: format!("{name}.txt").replace('/', "-"),
        kind: "text/plain".to_owned(),
        thumbnail: None,
    };
    let mut intake = persons.files.intake(row.id, &keeping, new).await.unwrap();
    intake.write(Bytes::from_static(bytes)).await.unwrap();
    let kept = intake.finish().await.unwrap();
    let file = File {
        id: kept.id.to_string(),
        name: "f.txt".to_owned(),
        kind: "text/plain".to_owned(),
        bytes: kept.bytes,
    };
    let said = Said { files: vec![file], ..Said::words("here it is") };
    let event = Event::UserSaid { visitor: visitor(name), said, key: None, fresh: session(name) };
    bed.take(Arrival::event(Target::Key(key(name)), event)).await;
}

/// Zoe talks in two places, with an agent in one of them; Yan in another.
async fn talked(bed: &Bed) -> Persons {
    let persons = bed.persons();
    bed.connected("zoe-canary/1").await;
    bed.hears("zoe-canary/1", vec![agent_said("answer for zoe")]).await;
    bed.hears("zoe-canary/1", vec![News::Ended]).await;
    shows(bed, &persons, "zoe-canary/2", b"bytes of zoe").await;
    bed.says("yan", "words of yan").await;
    shows(bed, &persons, "yan", b"bytes of yan").await;
    persons
}

async fn exported(persons: &Persons, user: &str) -> (Vec<serde_json::Value>, String) {
    let mut out = Vec::new();
    persons.export(("t", user), Who::Gateway, &mut out).await.unwrap();
    let text = String::from_utf8(out).unwrap();
    (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), text)
}

#[tokio::test]
async fn an_export_has_everything_of_one_person_and_nothing_of_another() {
    let bed = Bed::new();
    let persons = talked(&bed).await;
    let (lines, text) = exported(&persons, "zoe-canary").await;
    let last = &lines.last().unwrap()["exported"];
    assert_eq!(
        (&last["conversations"], &last["sessions"], &last["files"]),
        (&2.into(), &1.into(), &1.into())
    );
    let entries: Vec<_> = lines.iter().filter(|line| line.get("entry").is_some()).collect();
    assert_eq!(entries.len() as u64, last["entries"].as_u64().unwrap());
    let said = |by: &str, text: &str| {
        let mut entries = entries.iter().map(|line| &line["entry"]);
        entries.any(|entry| entry["by"] == by && entry["text"] == text && entry["at"].is_string())
    };
    assert!(said("user", "agent") && said("agent", "answer for zoe") && said("user", "here it is"));
    let piece = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, b"bytes of zoe");
    assert!(lines.iter().any(|line| line["piece"] == *piece));
    assert!(!text.contains("yan"), "{text}");
}

/// A file that no entry names: an agent's, which its entry has as an address at the instance.
async fn is_shown(bed: &Bed, persons: &Persons, name: &str, by: Bringer, bytes: &'static [u8]) {
    let row = bed.row(name);
    let keeping = Keeping::new(&bed.vault, &row.key).unwrap();
    let new = NewFile { by, name: "dana.txt".to_owned(), kind: String::new(), thumbnail: None };
    let mut intake = persons.files.intake(row.id, &keeping, new).await.unwrap();
    intake.write(Bytes::from_static(bytes)).await.unwrap();
    intake.finish().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn as_many_files_are_exported_as_an_erasure_removes() {
    let bed = Bed::new();
    let persons = talked(&bed).await;
    shows(&bed, &persons, "zoe-canary/1", b"more of zoe").await;
    is_shown(&bed, &persons, "zoe-canary/1", Bringer::Desk, b"the picture of dana").await;
    is_shown(&bed, &persons, "zoe-canary/2", Bringer::Bot, b"a plan of the bot").await;
    is_shown(&bed, &persons, "yan", Bringer::Desk, b"for yan").await;
    let (lines, _) = exported(&persons, "zoe-canary").await;
    let files: Vec<_> = lines.iter().filter(|line| line.get("file").is_some()).collect();
    assert_eq!(files.len(), 4, "{files:?}");
    let named = files.iter().filter(|line| line["file"]["name"] == "dana.txt").count();
    assert_eq!(named, 2, "{files:?}");
    for bytes in
        [&b"bytes of zoe"[..], b"more of zoe", b"the picture of dana", b"a plan of the bot"]
    {
        let piece = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
        assert_eq!(lines.iter().filter(|line| line["piece"] == *piece).count(), 1);
    }
    let last = &lines.last().unwrap()["exported"];
    assert_eq!((&last["files"], &last["files_gone"]), (&4.into(), &0.into()));
    let Ok(erased) = persons.erase(("t", "zoe-canary"), Who::Gateway).await else { panic!() };
    assert_eq!(erased.files, 4);
}

#[tokio::test]
async fn a_damaged_file_is_named_and_everything_else_is_exported() {
    let bed = Bed::new();
    let persons = bed.persons();
    shows(&bed, &persons, "zoe-canary/1", b"bytes of zoe").await;
    let folder = std::fs::read_dir(bed.dir().join("files")).unwrap();
    let path = folder
        .map(|entry| entry.unwrap().path())
        .find(|path| !path.ends_with("warmline-files-place"))
        .unwrap();
    let whole = std::fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    flipped[100] ^= 1;
    for damaged in [Vec::new(), whole[..whole.len() / 2].to_vec(), vec![7; whole.len()], flipped] {
        std::fs::write(&path, damaged).unwrap();
        let (lines, text) = exported(&persons, "zoe-canary").await;
        let last = &lines.last().unwrap()["exported"];
        assert_eq!((&last["files"], &last["files_damaged"]), (&0.into(), &1.into()), "{text}");
        let named = lines.iter().find_map(|line| line["damaged"]["id"].as_str());
        assert_eq!(named, path.file_name().unwrap().to_str(), "{text}");
        assert!(text.contains("here it is"), "{text}");
    }
    std::fs::write(&path, whole).unwrap();
    let (lines, _) = exported(&persons, "zoe-canary").await;
    assert_eq!(lines.last().unwrap()["exported"]["files"], 1);
}

#[tokio::test]
async fn nobody_of_another_tenant_or_name_has_anything() {
    let bed = Bed::new();
    let persons = talked(&bed).await;
    for (tenant, user) in [("other", "zoe-canary"), ("t", "zoe"), ("t", "zoe-canary/1"), ("t", "%")]
    {
        let mut out = Vec::new();
        persons.export((tenant, user), Who::Gateway, &mut out).await.unwrap();
        let last: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(last["exported"]["conversations"], 0, "{tenant} {user}");
        let Ok(erased) = persons.erase((tenant, user), Who::Gateway).await else { panic!() };
        assert_eq!(erased.conversations, 0, "{tenant} {user}");
    }
    for user in ["", &"x".repeat(USER_BYTES_MAX + 1)] {
        assert!(
            matches!(persons.erase(("t", user), Who::Gateway).await, Err(why) if why.code == "bad_person")
        );
    }
    assert_eq!(bed.told("yan")[0], "words of yan");
}

/// Every file below a folder that has these bytes in it.
fn holding(dir: &std::path::Path, needle: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, needle));
        } else if path.to_string_lossy().contains(needle)
            || std::fs::read(&path)
                .unwrap()
                .windows(needle.len())
                .any(|bytes| bytes == needle.as_bytes())
        {
            found.push(path);
        }
    }
    found
}

#[tokio::test(start_paused = true)]
async fn an_erased_person_is_nowhere_on_the_disk_and_others_are_as_they_were() {
    let bed = Bed::new();
    let persons = talked(&bed).await;
    // Much comes and goes meanwhile, with the id in lanes of the outbox.
    for _ in 0..40 {
        bed.says("zoe-canary/2", "more").await;
        bed.says("yan", "more").await;
    }
    bed.settle_all();
    let yan = bed.told("yan");
    assert!(!holding(bed.dir(), "zoe-canary").is_empty());
    let outcome = persons.erase(("t", "zoe-canary"), Who::Gateway).await;
    let Ok(erased) = outcome else { panic!("{outcome:?}") };
    assert_eq!((erased.conversations, erased.sessions, erased.files), (2, 1, 1));
    assert!(erased.entries > 40 && erased.segments > 2 && erased.scrubbed, "{erased:?}");
    assert_eq!(erased.erasures, 1);
    assert_eq!(holding(bed.dir(), "zoe-canary"), Vec::<std::path::PathBuf>::new());
    assert_eq!(bed.told("yan"), yan);
    let Ok(again) = persons.erase(("t", "zoe-canary"), Who::Gateway).await else { panic!() };
    assert_eq!((again.conversations, again.entries, again.erasures), (0, 0, 1), "done once");
    // Who comes back begins anew, and so does the process.
    assert_eq!(bed.says("zoe-canary/2", "hi").await.number, Number(1));
    let bed = bed.restarted(crate::bed::policy()).await;
    assert_eq!((bed.told("zoe-canary/2"), bed.told("yan")), (vec!["hi".to_owned()], yan));
}

/// What was under way when its conversation was forgotten is reported after it; and who comes back does so in
/// the same process, which had their state in memory.
#[tokio::test]
async fn what_is_reported_later_brings_nothing_of_an_erased_person_back() {
    let bed = Bed::new();
    let persons = talked(&bed).await;
    let old = bed.row("zoe-canary/1").id;
    bed.says("zoe-canary/1", "words that are under way").await;
    let mut work = None;
    for lane in bed.waiting() {
        if let store::Claim::Leased(leased) = bed.engine.claim(lane).await.unwrap()
            && leased.conversation == old
        {
            work = Some(*leased);
        }
    }
    let work = work.expect("something of theirs waits");
    let mut page = bed.wakes.subscribe(old);
    let outcome = persons.erase(("t", "zoe-canary"), Who::Gateway).await;
    assert!(matches!(outcome, Ok(erased) if erased.conversations == 2));
    loop {
        match page.recv().await {
            Ok(_) => {}
            Err(error) => {
                break assert_eq!(error, tokio::sync::broadcast::error::RecvError::Closed);
            }
        }
    }
    let settled = crate::engine::Settled { work, dead: Some("refused"), placed: None };
    bed.engine.bury(settled).await.unwrap();
    for target in [Target::Conversation(old), Target::Existing(key("zoe-canary/1"))] {
        let late = bed.engine.submit(Arrival::event(target, Event::UserGone)).await;
        assert!(matches!(late, Err(crate::engine::EngineError::NotFound)), "{late:?}");
    }
    assert_eq!(holding(bed.dir(), "zoe-canary"), Vec::<std::path::PathBuf>::new());
    assert!(bed.store.dead_letters(&store::Sight::ALL, 10).unwrap().is_empty());
    let again = bed.says("zoe-canary/1", "hi").await;
    assert_eq!((again.number, again.conversation == old), (Number(1), false));
    assert_eq!(bed.told("zoe-canary/1"), ["hi"]);
    let bed = bed.restarted(crate::bed::policy()).await;
    assert_eq!(bed.told("zoe-canary/1"), ["hi"]);
}

#[tokio::test(start_paused = true)]
async fn an_erasure_that_was_interrupted_is_brought_to_its_end_by_the_shredder() {
    let bed = Bed::new();
    let persons = talked(&bed).await;
    bed.settle_all();
    // Killed after each step: nobody does the same again.
    persons.store.keep_setting("persons erased", &[0, 0, 0, 0, 0, 0, 0, 1, 1]).unwrap();
    let ids = ["zoe-canary/1", "zoe-canary/2"].map(|name| bed.row(name).id);
    persons.store.forget(&ids, None).unwrap();
    let yan = bed.told("yan");
    drop(persons);
    let bed = bed.restarted(crate::bed::policy()).await;
    assert!(!holding(bed.dir(), "zoe-canary").is_empty(), "not overwritten yet");
    let shredder = crate::retention::Shredder {
        store: Arc::clone(&bed.store) as Arc<dyn Store>,
        files: bed.files(),
        vault: Arc::clone(&bed.vault),
        clock: bed.clock.clone(),
        observer: Arc::clone(&bed.observer),
        rules: crate::current::Current::new(crate::retention::Rules::default()),
        erasing: Arc::default(),
        wakes: Arc::clone(&bed.wakes),
    };
    let held = shredder.erasing.try_lock().unwrap();
    assert!(shredder.round().await.1.is_none());
    assert!(!holding(bed.dir(), "zoe-canary").is_empty(), "while one goes on it is left alone");
    drop(held);
    let (done, error) = shredder.round().await;
    assert!(error.is_none(), "{done:?} {error:?}");
    assert_eq!(holding(bed.dir(), "zoe-canary"), Vec::<std::path::PathBuf>::new());
    assert_eq!(bed.told("yan"), yan);
    let persons = bed.persons();
    let Ok(again) = persons.erase(("t", "zoe-canary"), Who::Gateway).await else { panic!() };
    assert_eq!((again.conversations, again.entries, again.erasures), (0, 0, 1), "counted once");
}

#[tokio::test]
async fn a_live_chat_is_not_cut_by_an_erasure() {
    let bed = Bed::new();
    let persons = bed.persons();
    bed.connected("zoe").await;
    bed.settle_all();
    let before = bed.told("zoe");
    let Err(refusal) = persons.erase(("t", "zoe"), Who::Gateway).await else { panic!() };
    assert_eq!(refusal.code, "live_chat");
    assert!(!refusal.message.contains("zoe") || refusal.message.contains("ses_zoe"));
    assert_eq!(persons.store.forget(&[bed.row("zoe").id], None).unwrap().conversations, 0);
    assert_eq!(bed.told("zoe"), before);
    bed.hears("zoe", vec![News::Ended]).await;
    assert!(
        matches!(persons.erase(("t", "zoe"), Who::Gateway).await, Ok(erased) if erased.conversations == 1)
    );
}

/// The first of their conversations cannot be begun with, an earlier one of somebody else's cannot be finished.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_erased_keeps_nothing_else() {
    let bed = Bed::new();
    bed.says("earlier", "words of an earlier one").await;
    let persons = talked(&bed).await;
    bed.settle_all();
    let [earlier, first, second] =
        ["earlier", "zoe-canary/1", "zoe-canary/2"].map(|name| bed.row(name).id);
    persons.store.forget(&[earlier], None).unwrap();
    let beside = rusqlite::Connection::open(bed.dir().join("warmline.db")).unwrap();
    let broken = |table: &str, id: ConversationId| {
        let sql = format!(
            "CREATE TRIGGER broken_{table} BEFORE DELETE ON {table} WHEN old.conversation = {}
             BEGIN SELECT RAISE(ABORT, 'on purpose'); END",
            id.0
        );
        beside.execute_batch(&sql).unwrap();
    };
    broken("log", earlier);
    broken("session", first);
    let yan = bed.told("yan");
    let Err(refusal) = persons.erase(("t", "zoe-canary"), Who::Gateway).await else { panic!() };
    assert_eq!(refusal.code, "failed");
    assert!(bed.store.conversation(&key("zoe-canary/1")).unwrap().is_some());
    assert!(bed.store.conversation(&key("zoe-canary/2")).unwrap().is_none());
    assert_eq!(bed.store.forgetting(ConversationId(0), 9).unwrap(), [earlier]);
    let left = |id: ConversationId| -> i64 {
        let count = "SELECT count(*) FROM log WHERE conversation = ?1";
        beside.query_row(count, [id.0], |row| row.get(0)).unwrap()
    };
    assert!(left(first) > 0 && left(second) == 0);
    beside.execute_batch("DROP TRIGGER broken_log; DROP TRIGGER broken_session").unwrap();
    let Ok(again) = persons.erase(("t", "zoe-canary"), Who::Gateway).await else { panic!() };
    assert_eq!((again.conversations, left(first), left(earlier)), (1, 0, 0));
    assert_eq!(bed.told("yan"), yan);
}
