//! When words go, and when they stay.

use bytes::Bytes;
use session::{Event, File, News, Said, Visitor, id::Number};
use store::{Changes, ConversationId, DeadLetter, EntryRow, Forgetting, OutboxId, Target};

use super::*;
use crate::{
    bed::{Bed, agent_said, key, session, tenant, visitor},
    engine::Arrival,
    files::{Bringer, FileId, NewFile},
    keeping::Keeping,
};

const DAY: Duration = Duration::from_hours(24);
const MS: Duration = Duration::from_millis(1);

/// More than the entries of a test take: each is at least a millisecond after the one before it.
const SOON: Duration = Duration::from_mins(2);

fn less(span: Duration, by: Duration) -> Duration {
    span.checked_sub(by).unwrap()
}

fn shredder(bed: &Bed, rules: Retention) -> Shredder {
    Shredder {
        store: Arc::clone(&bed.store) as Arc<dyn Store>,
        files: bed.files(),
        vault: Arc::clone(&bed.vault),
        clock: bed.clock.clone(),
        observer: Arc::clone(&bed.observer),
        rules: Current::new(Rules::new(vec![(tenant(), rules)])),
        erasing: Arc::default(),
        wakes: Arc::clone(&bed.wakes),
    }
}

async fn round(bed: &Bed) -> Done {
    let (done, error) = shredder(bed, Retention::default()).round().await;
    assert!(error.is_none(), "{error:?}");
    done
}

/// A live chat that was and is over, with nothing left to do.
async fn chat(bed: &Bed, name: &str) {
    bed.connected(name).await;
    bed.hears(name, vec![agent_said("hello")]).await;
    bed.hears(name, vec![News::Ended]).await;
    bed.settle_all();
}

fn rows(bed: &Bed, name: &str) -> Vec<EntryRow> {
    bed.store.entries_after(bed.row(name).id, Number(0), 1_000).unwrap()
}

#[tokio::test(start_paused = true)]
async fn bot_talk_goes_a_day_after_its_last_words_and_not_sooner() {
    let bed = Bed::new();
    bed.says("c", "first").await;
    bed.advance(DAY / 2);
    bed.says("c", "last").await;
    bed.settle_all();
    bed.advance(less(DAY, MS));
    assert_eq!(round(&bed).await, Done::default());
    assert_eq!(bed.told("c"), ["first", "last"]);
    bed.advance(MS);
    let done = round(&bed).await;
    assert_eq!((done.segments, done.entries), (1, 2));
    assert_eq!(bed.told("c"), Vec::<String>::new());
    let gaps = rows(&bed, "c");
    assert!(gaps.iter().all(|row| row.segment.is_none() && row.sealed.is_empty()), "{gaps:?}");
    bed.says("c", "again").await;
    assert_eq!((bed.told("c"), rows(&bed, "c").len()), (vec!["again".to_owned()], 3));
    assert_eq!(round(&bed).await, Done::default(), "what is gone is not looked for again");
}

#[tokio::test(start_paused = true)]
async fn a_live_chat_is_kept_longer_than_the_talk_around_it() {
    let bed = Bed::new();
    bed.says("c", "hi").await;
    chat(&bed, "c").await;
    bed.says("c", "bye").await;
    bed.settle_all();
    bed.advance(DAY + SOON);
    assert_eq!(round(&bed).await.segments, 2);
    assert_eq!(bed.told("c"), ["<connected>", "hello", "<ended>", "<back_with_bot>"]);
    assert!(bed.session("c").is_some());
    bed.advance(less(29 * DAY, 2 * SOON));
    assert_eq!(round(&bed).await, Done::default());
    bed.advance(2 * SOON);
    let done = round(&bed).await;
    assert_eq!((done.segments, done.rows), (1, 1), "its words and its session");
    assert_eq!((bed.told("c"), bed.session("c")), (Vec::new(), None));
}

#[tokio::test(start_paused = true)]
async fn nothing_goes_while_a_chat_is_open_or_an_effect_waits() {
    let bed = Bed::new();
    bed.says("open", "hi").await;
    bed.connected("open").await;
    bed.settle_all();
    bed.says("waits", "agent").await;
    bed.advance(40 * DAY);
    assert_eq!(round(&bed).await.segments, 0);
    assert!(bed.told("open").contains(&"hi".to_owned()));
    bed.hears("open", vec![News::Ended]).await;
    bed.settle_all();
    assert!(round(&bed).await.segments > 0);
    assert!(!bed.told("open").contains(&"hi".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_keeps_words_until_it_is_as_old_as_a_chat_may_be() {
    let bed = Bed::new();
    let conversation = bed.says("c", "hi").await.conversation;
    let lane = bed.waiting().remove(0);
    let head = bed.store.lanes(10).unwrap().remove(0).head;
    let letter = DeadLetter {
        effect: head,
        conversation,
        number: session::id::EffectNumber(1),
        lane,
        session: None,
        body: Vec::new(),
        attempts: 1,
        reason: "refused".into(),
        at: bed.clock.now(),
    };
    bed.save(&Changes { dead: vec![letter], ..Changes::default() });
    bed.settle_all();
    bed.advance(less(30 * DAY, MS));
    assert_eq!(round(&bed).await.segments, 0);
    assert_eq!(bed.told("c"), ["hi"]);
    bed.advance(2 * MS);
    let done = round(&bed).await;
    assert_eq!((done.segments, done.rows), (1, 1));
    assert!(bed.store.dead_letter(OutboxId(head.0), &store::Sight::ALL).unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn each_tenant_has_its_rules_and_for_ever_is_one() {
    let bed = Bed::new();
    chat(&bed, "c").await;
    let for_ever = Retention { keep_chats: None, keep_bot_talk: None };
    bed.advance(1_000 * DAY);
    let (done, _) = shredder(&bed, for_ever).round().await;
    assert_eq!((done, bed.told("c").len()), (Done::default(), 6));
    let hour = Some(KEPT_MIN);
    let (done, _) =
        shredder(&bed, Retention { keep_chats: hour, keep_bot_talk: None }).round().await;
    assert_eq!((done.segments, bed.told("c")), (1, vec!["agent".to_owned(), "<asked>".to_owned()]));
}

/// The user of this conversation says something and shows a file.
async fn shows(bed: &Bed, files: &Arc<Files>, name: &str) -> (Keeping, FileId) {
    bed.says(name, "hi").await;
    let row = bed.row(name);
    let keeping = Keeping::new(&bed.vault, &row.key).unwrap();
    let new = NewFile {
        by: Bringer::Page,
        name: "a.txt".to_owned(),
        kind: "text/plain".to_owned(),
        thumbnail: None,
    };
    let mut intake = files.intake(row.id, &keeping, new).await.unwrap();
    intake.write(Bytes::from_static(b"words in a file")).await.unwrap();
    let file = intake.finish().await.unwrap();
    let shown = File {
        id: file.id.to_string(),
        name: "a.txt".to_owned(),
        kind: "text/plain".to_owned(),
        bytes: file.bytes,
    };
    let said = Said { files: vec![shown], ..Said::words("look") };
    let event = Event::UserSaid { visitor: visitor(name), said, key: None, fresh: session(name) };
    bed.take(Arrival::event(Target::Key(key(name)), event)).await;
    (keeping, file.id)
}

#[tokio::test(start_paused = true)]
async fn files_go_with_the_words_that_name_them() {
    let bed = Bed::new();
    let files = bed.files();
    let mut kept = Vec::new();
    for name in ["old", "new"] {
        kept.push(shows(&bed, &files, name).await);
        bed.advance(DAY / 2);
    }
    bed.settle_all();
    bed.advance(DAY / 2);
    let mut shredder = shredder(&bed, Retention::default());
    shredder.files = Arc::clone(&files);
    let (done, error) = shredder.round().await;
    assert!(error.is_none());
    assert_eq!((done.segments, done.files), (1, 1));
    assert!(matches!(files.read(&kept[0].0, kept[0].1).await, Err(FileError::Gone)));
    assert!(files.read(&kept[1].0, kept[1].1).await.is_ok());
}

/// Does this to the data beside whoever has them open.
fn meddle(bed: &Bed, sql: &str) {
    let beside = rusqlite::Connection::open(bed.dir().join("warmline.db")).unwrap();
    beside.execute_batch(sql).unwrap();
}

#[tokio::test(start_paused = true)]
async fn words_that_cannot_be_looked_through_keep_no_younger_ones() {
    let bed = Bed::new();
    let files = bed.files();
    for name in ["broken", "younger"] {
        shows(&bed, &files, name).await;
        bed.settle_all();
        bed.advance(SOON);
    }
    let broken = bed.row("broken").id;
    meddle(&bed, &format!("UPDATE log SET sealed = x'00' WHERE conversation = {}", broken.0));
    bed.advance(DAY);
    let mut shredder = shredder(&bed, Retention::default());
    shredder.files = files;
    for (segments, removed) in [(1, 1), (0, 0)] {
        let (done, error) = shredder.round().await;
        assert!(matches!(error, Some(RetentionError::Keeping(_))), "{error:?}");
        assert_eq!((done.segments, done.files), (segments, removed));
    }
    assert_eq!(bed.told("younger"), Vec::<String>::new());
    assert!(shredder.files.may_have_some(broken), "nobody would find its file again");
}

#[tokio::test(start_paused = true)]
async fn a_conversation_that_cannot_be_forgotten_keeps_no_other() {
    let bed = Bed::new();
    for name in ["broken", "other", "newest"] {
        bed.says(name, "hi").await;
    }
    bed.settle_all();
    let [broken, other] = ["broken", "other"].map(|name| bed.row(name).id);
    bed.store.keep_setting("persons erased", &[0, 0, 0, 0, 0, 0, 0, 1, 1]).unwrap();
    bed.store.forget(&[broken, other], None).unwrap();
    meddle(
        &bed,
        &format!(
            "CREATE TRIGGER broken BEFORE DELETE ON log WHEN old.conversation = {}
             BEGIN SELECT RAISE(ABORT, 'on purpose'); END",
            broken.0
        ),
    );
    let (done, error) = shredder(&bed, Retention::default()).round().await;
    assert!(matches!(error, Some(RetentionError::Store(_))), "{error:?}");
    assert_eq!(done.entries, 3, "both are emptied, and the other one's is removed");
    assert_eq!(bed.store.forgetting(ConversationId(0), 10).unwrap(), [broken]);
    let kept = bed.store.setting("persons erased").unwrap().unwrap();
    assert_eq!(kept, [0, 0, 0, 0, 0, 0, 0, 1], "what stood in the clear is overwritten");
    meddle(&bed, "DROP TRIGGER broken");
    assert_eq!(round(&bed).await.entries, 1);
    assert_eq!(bed.store.forgetting(ConversationId(0), 10).unwrap(), []);
}

/// What nobody said anything in: a page opened it.
async fn opens(bed: &Bed, name: &str) -> ConversationId {
    let event = Event::Opened { visitor: visitor(name) };
    bed.take(Arrival::event(Target::Key(key(name)), event)).await.conversation
}

/// A shredded stretch that goes through a row that is not there. The others are given back, those before it and
/// those after it, and the broken one is told of in each round.
#[tokio::test(start_paused = true)]
async fn a_damaged_stretch_keeps_the_room_of_no_other() {
    let bed = Bed::new();
    let names = ["before", "broken", "after"];
    for name in names {
        bed.says(name, "one").await;
        bed.says(name, "two").await;
    }
    bed.settle_all();
    let broken = bed.row("broken").id;
    meddle(
        &bed,
        &format!(
            "PRAGMA foreign_keys = OFF; DELETE FROM log WHERE conversation = {} AND number = 1",
            broken.0
        ),
    );
    bed.advance(DAY + SOON);
    let shredder = shredder(&bed, Retention::default());
    // Nobody has a file, and that is known.
    shredder.files.look().await.unwrap();
    for entries in [4, 0] {
        let (done, error) = shredder.round().await;
        let error = error.unwrap();
        let RetentionError::Store(StoreError::Damaged { table: "log", .. }) = error else {
            panic!("{error:?}")
        };
        assert_eq!((done.entries, done.stuck), (entries, 1));
    }
    let store = Arc::clone(&bed.store) as Arc<dyn Store>;
    let counted = bed.observer.metrics(&store, 0, 0).await;
    assert!(counted.contains("warmline_segments_stuck_total 2\n"), "{counted}");
    let kept = |name| bed.store.entries_upto(bed.row(name).id, Number(2), 1).unwrap().remove(0);
    let is_empty = names.map(|name| kept(name).sealed.is_empty());
    assert_eq!(is_empty, [true, false, true]);
}

#[tokio::test(start_paused = true)]
async fn a_conversation_in_which_nothing_was_said_goes_like_the_others_by_its_tenants_rule() {
    let bed = Bed::new();
    let silent = opens(&bed, "silent").await;
    opens(&bed, "came back").await;
    opens(&bed, "spoke").await;
    bed.settle_all();
    bed.advance(60 * DAY);
    // Its page has another name for its user now.
    let visitor = Visitor { name: Some("Kim".to_owned()), ..visitor("came back") };
    let event = Event::Opened { visitor };
    bed.take(Arrival::event(Target::Key(key("came back")), event)).await;
    bed.says("spoke", "hi").await;
    bed.settle_all();
    bed.advance(less(30 * DAY, SOON));
    assert_eq!(round(&bed).await.conversations, 0);
    bed.advance(2 * SOON);
    for kept in [None, Some(91 * DAY)] {
        let rules = Retention { keep_bot_talk: kept, ..Retention::default() };
        let (done, error) = shredder(&bed, rules).round().await;
        assert!(error.is_none(), "{error:?}");
        assert_eq!(done.conversations, 0, "{kept:?}: its tenant keeps talk for longer");
    }
    let mut page = bed.wakes.subscribe(silent);
    assert_eq!(round(&bed).await.conversations, 1);
    assert!(bed.store.conversation(&key("silent")).unwrap().is_none());
    assert!(bed.store.conversation(&key("came back")).unwrap().is_some());
    assert_eq!(
        page.try_recv(),
        Err(tokio::sync::broadcast::error::TryRecvError::Closed),
        "a page that is open comes back"
    );
    let again = bed.says("silent", "here I am").await;
    assert_eq!((again.number, again.conversation == silent), (Number(1), false));
    assert_eq!(round(&bed).await.conversations, 0);
}

#[tokio::test(start_paused = true)]
async fn a_conversation_of_which_nothing_is_left_goes_and_its_user_may_begin_another() {
    let bed = Bed::new();
    chat(&bed, "gone").await;
    bed.says("newest", "hi").await;
    bed.settle_all();
    let id = bed.row("gone").id;
    bed.advance(30 * DAY + MS);
    round(&bed).await;
    bed.advance(59 * DAY);
    assert_eq!(round(&bed).await.conversations, 0);
    bed.advance(DAY + SOON);
    // What was written last is in memory first, and goes once it is in its row.
    let bed = bed.restarted(crate::bed::policy()).await;
    assert_eq!(round(&bed).await.conversations, 2);
    assert!(bed.store.conversation(&key("gone")).unwrap().is_none());
    assert!(bed.store.forgetting(ConversationId(0), 10).unwrap().is_empty());
    let again = bed.says("gone", "back").await;
    assert_eq!((again.number, again.conversation == id), (Number(1), false));
}

#[tokio::test(start_paused = true)]
async fn a_chat_that_is_written_to_is_never_shredded_however_short_its_time_is() {
    let bed = Bed::new();
    let hour = Retention { keep_chats: Some(KEPT_MIN), keep_bot_talk: Some(KEPT_MIN) };
    let shredder = shredder(&bed, hour);
    let mut said = Vec::new();
    for nth in 0..60 {
        let words = format!("words {nth}");
        bed.says("c", &words).await;
        said.push(words);
        bed.settle_all();
        // Exactly when it may go, and when it may not be written to any more.
        bed.advance(Duration::from_hours(1));
        let (_, error) = shredder.round().await;
        assert!(error.is_none());
        assert_eq!(rows(&bed, "c").len(), nth + 1);
    }
    let left = bed.told("c");
    assert_eq!(left, said[said.len() - left.len()..], "what is left is the newest, without a gap");
    assert!((1..=24).contains(&left.len()), "{}", left.len());
}
