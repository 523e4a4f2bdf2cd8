//! What an operator may do, and what may come over the socket.

mod places;

use std::os::unix::fs::PermissionsExt;

use session::{Agent, Event, News, Said, Visitor, id::UserId};
use store::{Claim, LaneKey, OutboxId, Store, Target};

use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

use super::{
    conversation::{CONNECTIONS_MAX, LINE_WITHIN},
    *,
};
use crate::{
    audit::Who,
    bed::{Bed, START, key, session},
    clock::rfc3339,
    engine::{Arrival, Settled},
    files::{Bringer, FileId, Files, NewFile},
    keeping::Keeping,
};

fn who() -> Who {
    Who::Command { uid: Some(7) }
}

/// Leases the head of this person's lane and gives it up.
async fn buried(bed: &Bed, person: &str, reason: &'static str) -> i64 {
    let lane = LaneKey(format!("desk\u{1f}t\u{1f}d\u{1f}{person}").into());
    let Claim::Leased(work) = bed.engine.claim(lane).await.unwrap() else { panic!("it waits") };
    let id = work.effect.0;
    bed.engine.bury(Settled { work: *work, dead: Some(reason), placed: None }).await.unwrap();
    id
}

/// Takes the head of this person's lane as sent.
async fn sent(bed: &Bed, person: &str) {
    buried(bed, person, "expired").await;
    let id = bed.store.dead_letters(&store::Sight::ALL, 1).unwrap()[0].effect;
    bed.save(&store::Changes { buried: vec![id], ..store::Changes::default() });
}

async fn order(bed: &Bed, order: OneLetter) -> Outcome<Letter> {
    Letters::new(bed.engine.clone(), bed.audit()).carry_out(order, who()).await
}

async fn list(bed: &Bed, limit: usize) -> Vec<Letter> {
    let letters = Letters::new(bed.engine.clone(), bed.audit());
    letters.list(ListLetters { limit }).await.unwrap()
}

fn code<T: std::fmt::Debug>(outcome: Outcome<T>) -> String {
    outcome.unwrap_err().code
}

fn waiting(bed: &Bed, person: &str) -> usize {
    bed.waiting().iter().filter(|lane| lane.0.ends_with(person)).count()
}

#[tokio::test]
async fn a_letter_is_resent_once_however_many_ask_for_it() {
    let bed = Bed::new();
    bed.says("c", "agent").await;
    let id = buried(&bed, "c", "unreadable").await;
    assert_eq!(waiting(&bed, "c"), 0);
    let letters = Letters::new(bed.engine.clone(), bed.audit());
    let resend = || letters.carry_out(OneLetter::Resend { id }, who());
    let (one, two) = tokio::join!(resend(), resend());
    assert_eq!(one.unwrap().effect, "ask");
    assert_eq!(code(two), "no_such_letter");
    let lane = bed.waiting().into_iter().find(|lane| lane.0.ends_with('c')).unwrap();
    let Claim::Leased(work) = bed.engine.claim(lane).await.unwrap() else { panic!("it waits") };
    assert_eq!(work.expires_at, bed.clock.now().after(crate::bed::policy().ask_within));
    assert_eq!(code(order(&bed, OneLetter::Show { id }).await), "no_such_letter");
}

#[tokio::test]
async fn an_order_whose_giver_hangs_up_is_put_down_all_the_same() {
    let bed = Bed::new();
    bed.says("c", "agent").await;
    let id = buried(&bed, "c", "unreadable").await;
    let (letters, audit) = (Letters::new(bed.engine.clone(), bed.audit()), bed.audit());
    let under_way = UnderWay::default();
    bed.store.hold();
    let dropping =
        async move { letters.ask(OneLetter::Drop { id }, who(), store::Sight::ALL).await };
    let giver = tokio::spawn({
        let under_way = under_way.clone();
        async move { under_way.carried_out(dropping).await }
    });
    bed.store.stands_before_commit().await;
    giver.abort();
    assert!(giver.await.unwrap_err().is_cancelled());
    bed.store.release();
    under_way.ended().await;
    let found = audit.find(crate::audit::Query::default()).await.unwrap();
    assert_eq!((found[0].deed.as_str(), found[0].outcome()), ("letter_dropped", "done"));
    assert_eq!(found[0].about(), Some(id.to_string().as_str()));
}

#[tokio::test]
async fn words_are_not_sent_after_their_chat_and_can_be_dropped() {
    let bed = Bed::new();
    bed.connected("c").await;
    sent(&bed, "c").await;
    bed.says("c", "kolibri").await;
    let id = buried(&bed, "c", "forbidden").await;
    bed.hears("c", vec![News::Ended]).await;
    for _ in 0..2 {
        assert_eq!(code(order(&bed, OneLetter::Resend { id }).await), "session_over");
    }
    let shown = order(&bed, OneLetter::Show { id }).await.unwrap();
    assert_eq!(shown.unsendable.unwrap().code, "session_over");
    assert!(shown.meaning.contains("sn_va_as_service.integration_user"), "{}", shown.meaning);
    let dropped = order(&bed, OneLetter::Drop { id }).await.unwrap();
    assert_eq!((dropped.id, dropped.effect.as_str()), (id, "say"));
    assert_eq!(code(order(&bed, OneLetter::Drop { id }).await), "no_such_letter");
    assert!(bed.waiting().iter().all(|lane| lane.0.starts_with("bot")));
}

#[tokio::test]
async fn an_end_is_not_resent_into_another_chat_of_the_same_person() {
    let bed = Bed::new();
    bed.connected("c").await;
    sent(&bed, "c").await;
    bed.says("c", "end chat").await;
    let id = buried(&bed, "c", "forbidden").await;
    // Of an end that died unreported the person is still held; another conversation of theirs.
    bed.save(&store::Changes {
        holds: vec![store::Hold::Free(
            store::Person {
                tenant: crate::bed::tenant(),
                desk: crate::bed::desk(),
                user: UserId::new("c").unwrap(),
            },
            session("c"),
        )],
        ..store::Changes::default()
    });
    bed.says("c/other", "agent").await;
    assert_eq!(code(order(&bed, OneLetter::Resend { id }).await), "other_chat");
    bed.says("c/other", "cancel").await;
    sent(&bed, "c").await;
    sent(&bed, "c").await;
    assert_eq!(order(&bed, OneLetter::Resend { id }).await.unwrap().effect, "end");
}

#[tokio::test]
async fn what_nobody_can_read_can_only_be_dropped() {
    let bed = Bed::new();
    bed.says("c", "agent").await;
    let lane = LaneKey("desk\u{1f}t\u{1f}d\u{1f}c".into());
    let Claim::Leased(work) = bed.engine.claim(lane).await.unwrap() else { panic!() };
    let id = work.effect.0;
    let damaged = store::Resealed {
        row: id,
        conversation: work.conversation,
        before: work.body.clone(),
        after: b"not sealed by anybody".to_vec(),
    };
    let bodies = store::SealedKind::Effect;
    assert_eq!(store::Resealing::reseal(&*bed.store, bodies, &[damaged]).unwrap(), 1);
    bed.engine.bury(Settled { work: *work, dead: Some("unreadable"), placed: None }).await.unwrap();
    assert_eq!(code(order(&bed, OneLetter::Resend { id }).await), "unreadable");
    assert_eq!(order(&bed, OneLetter::Drop { id }).await.unwrap().effect, "unreadable");
}

#[tokio::test]
async fn a_list_is_newest_first_and_tells_neither_words_nor_persons() {
    let bed = Bed::new();
    let person = "29:1abcdefghijkl-person";
    let visitor = Visitor {
        user: UserId::new(person).unwrap(),
        email: Some("kim@example.org".to_owned()),
        name: Some("Kim Kolibri".to_owned()),
        timezone: Some("Europe/Kolibri".to_owned()),
        in_group: false,
        reference: None,
    };
    for said in ["hello kolibri", "agent"] {
        let (visitor, said) = (visitor.clone(), Said::words(said));
        let event = Event::UserSaid { visitor, said, key: None, fresh: session("c") };
        bed.take(Arrival::event(Target::Key(key("c")), event)).await;
    }
    let agent = Agent { name: Some("Ola Kolibri".to_owned()), id: None, avatar: None };
    bed.take(crate::bed::news_for("c", vec![News::AgentHere(agent)])).await;
    let event = Event::UserSaid {
        visitor,
        said: Said::words("my pay is wrong kolibri"),
        key: None,
        fresh: session("d"),
    };
    bed.take(Arrival::event(Target::Key(key("c")), event)).await;
    let ids = [buried(&bed, person, "server_error").await, buried(&bed, person, "expired").await];
    let letters = list(&bed, 9).await;
    let line = String::from_utf8(answer_line(&Ok(letters.clone()))).unwrap();
    for hidden in ["olibri", "kim@", person, "Kim", "Ola"] {
        assert!(!line.contains(hidden), "{hidden} in {line}");
    }
    assert_eq!(letters.iter().map(|l| l.id).collect::<Vec<_>>(), [ids[1], ids[0]]);
    assert_eq!(letters[1].request_id.as_deref(), Some(&*format!("{}.2", session("c"))));
    assert_eq!(list(&bed, 1).await, letters[..1]);
    assert_eq!(read_answer(line.as_bytes()), Some(Ok(letters)));
}

/// A served socket in a folder of its own.
struct Served {
    bed: Bed,
    files: Arc<Files>,
    persons: Arc<Persons>,
    folder: tempfile::TempDir,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

impl Served {
    fn new() -> Self {
        let (bed, folder) = (Bed::new(), tempfile::tempdir().unwrap());
        let socket = ControlSocket::open(folder.path()).unwrap();
        let (stop, audit) = (CancellationToken::new(), bed.audit());
        let letters = Letters::new(bed.engine.clone(), audit.clone());
        let sealed = Sealed {
            audit: audit.clone(),
            store: Arc::clone(&bed.store) as Arc<dyn Store>,
            vault: Arc::clone(&bed.vault),
        };
        let files = bed.files();
        let storeroom = Storeroom { files: Arc::clone(&files), audit: audit.clone() };
        let (keys, persons) = (bed.keys(), Arc::new(bed.persons()));
        let under_way = UnderWay::default();
        let orders = Orders {
            letters,
            sealed,
            keys,
            messages: bed.message_keys(),
            audit,
            persons: Arc::clone(&persons),
            files: storeroom,
            under_way,
        };
        let serving = tokio::spawn(socket.serve(orders, stop.clone()));
        Self { bed, files, persons, folder, stop, serving }
    }

    async fn connect(&self) -> UnixStream {
        UnixStream::connect(self.folder.path().join(SOCKET)).await.unwrap()
    }

    /// What a line is answered.
    async fn told(&self, line: &[u8]) -> Vec<u8> {
        let mut stream = self.connect().await;
        // It may answer, and close, before it has everything.
        stream.write_all(line).await.ok();
        stream.shutdown().await.ok();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        answer
    }

    async fn ask<O: Order>(&self, order: &O) -> Outcome<O::Done> {
        read_answer(&self.told(&order.to_line()).await).unwrap()
    }

    /// The code with which a line is refused.
    async fn refused(&self, line: &[u8]) -> String {
        code(read_answer::<Letter>(&self.told(line).await).unwrap())
    }
}

#[tokio::test]
async fn the_socket_is_its_owners_replaces_what_a_crash_left_and_goes_with_the_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(SOCKET);
    let crashed = ControlSocket::open(folder.path()).unwrap();
    std::mem::forget(crashed);
    std::fs::write(folder.path().join(SOCKET_NEW), "left half made").unwrap();
    let socket = ControlSocket::open(folder.path()).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!folder.path().join(SOCKET_NEW).exists());
    drop(socket);
    assert!(!path.exists());
}

#[tokio::test]
async fn one_line_is_answered_by_one_line() {
    let served = Served::new();
    served.bed.says("c", "agent").await;
    let id = buried(&served.bed, "c", "unreadable").await;
    let line = format!("{{\"v\":1,\"do\":\"show\",\"id\":{id}}}\n");
    assert_eq!(*OneLetter::Show { id }.to_line(), line.as_bytes());
    assert_eq!(served.ask(&OneLetter::Show { id }).await.unwrap().id, id);
    served.stop.cancel();
    served.serving.await.unwrap();
    assert!(!served.folder.path().join(SOCKET).exists());
}

#[tokio::test]
async fn what_is_no_order_is_refused_and_changes_nothing() {
    let served = Served::new();
    served.bed.says("c", "agent").await;
    let id = buried(&served.bed, "c", "unreadable").await;
    for (line, expected) in [
        (&b"hello\n"[..], "bad_request"),
        (b"", "bad_request"),
        (b"{\"v\":1,\"do\":\"drop\",\"id\":1}", "bad_request"),
        (b"{\"v\":1,\"do\":\"burn\",\"id\":1}\n", "bad_request"),
        (b"{\"v\":1,\"do\":\"drop\"}\n", "bad_request"),
        (b"{\"v\":2,\"do\":\"drop\",\"id\":1}\n", "other_version"),
        (b"{\"do\":\"drop\",\"id\":1}\n", "bad_request"),
        (&[b' '; 4_096], "bad_request"),
    ] {
        assert_eq!(served.refused(line).await, expected, "{}", String::from_utf8_lossy(line));
    }
    // One that is much too long is heard out, so that the answer arrives.
    let mut long = served.connect().await;
    long.write_all(&vec![b'x'; 500_000]).await.unwrap();
    long.shutdown().await.unwrap();
    let mut answer = Vec::new();
    long.read_to_end(&mut answer).await.unwrap();
    assert_eq!(code(read_answer::<Letter>(&answer).unwrap()), "bad_request");
    // A line without an end is cut off, perhaps before its answer is read.
    let mut endless = served.connect().await;
    while endless.write_all(&[b' '; 4_096]).await.is_ok() {}
    assert!(served.bed.store.dead_letter(OutboxId(id), &store::Sight::ALL).unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn clients_that_say_nothing_hold_nobody_up_for_long() {
    let served = Served::new();
    let mut silent = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        silent.push(served.connect().await);
    }
    let began = tokio::time::Instant::now();
    assert_eq!(served.ask(&ListLetters { limit: 1 }).await, Ok(Vec::new()));
    assert!(began.elapsed() < 2 * LINE_WITHIN);
}

#[tokio::test]
async fn a_secret_is_kept_and_forgotten_over_the_socket_and_never_comes_back() {
    let served = Served::new();
    let kept = served.ask(&keeps("snow", "kolibri")).await;
    assert_eq!(kept, Ok(SecretName("snow".to_owned())));
    let store = &served.bed.store;
    let sealed = store.setting("secret\u{1f}snow").unwrap().unwrap();
    assert!(!sealed.windows(7).any(|window| window == b"kolibri"));
    assert_eq!(code(served.ask(&keeps("snow", "two\nlines")).await), "bad_value");
    assert_eq!(code(served.ask(&keeps("a/b", "x")).await), "bad_name");
    assert_eq!(served.ask(&forgets("snow")).await, Ok(SecretName("snow".to_owned())));
    assert_eq!(code(served.ask(&forgets("snow")).await), "no_such_secret");
    let shown = format!("{:?}", wire::read(&keeps("snow", "kolibri").to_line()));
    assert!(shown.contains("snow") && !shown.contains("kolibri"), "{shown}");
}

fn keeps(name: &str, value: &str) -> SecretOrder {
    SecretOrder::KeepSecret { name: name.to_owned(), value: value.into() }
}

fn forgets(name: &str) -> SecretOrder {
    SecretOrder::ForgetSecret { name: name.to_owned() }
}

/// What the trail has, oldest first: deed, about what, what came of it.
async fn trail(served: &Served) -> Vec<(String, String, String)> {
    let found = served.bed.audit().find(crate::audit::Query::default()).await.unwrap();
    let text = |record: &crate::audit::Record| {
        let about = record.about().unwrap_or_default().to_owned();
        (record.deed.clone(), about, record.outcome().to_owned())
    };
    found.iter().map(text).collect()
}

fn recorded(deed: &str, about: &str, outcome: &str) -> (String, String, String) {
    (deed.to_owned(), about.to_owned(), outcome.to_owned())
}

#[tokio::test]
async fn an_order_about_a_secret_is_put_down_whatever_came_of_it_and_nothing_in_the_place_of_a_name()
 {
    let served = Served::new();
    for (name, value) in [
        ("kolibri", None),
        ("kolibri", Some("two\nlines")),
        ("a/b", Some("x")),
        ("snow", Some("x")),
        ("snow", Some("two\nlines")),
        ("snow", Some("y")),
        ("snow", None),
    ] {
        let order = value.map_or_else(|| forgets(name), |value| keeps(name, value));
        served.ask(&order).await.ok();
    }
    let expected = [
        recorded("secret_forgotten", "?", "no_such_secret"),
        recorded("secret_kept", "?", "bad_value"),
        recorded("secret_kept", "?", "bad_name"),
        recorded("secret_kept", "snow", "done"),
        recorded("secret_rotated", "snow", "bad_value"),
        recorded("secret_rotated", "snow", "done"),
        recorded("secret_forgotten", "snow", "done"),
    ];
    assert_eq!(trail(&served).await, expected);
}

#[tokio::test]
async fn an_order_about_keys_is_put_down_whatever_came_of_it() {
    let served = Served::new();
    let vault = Arc::clone(&served.bed.vault);
    crate::keys::open(&*served.bed.store, &vault).unwrap();
    let old = vault.current().to_string();
    served.ask(&KeysOrder::KeysStatus).await.unwrap();
    served.ask(&KeysOrder::RotateKeys).await.unwrap();
    let new = vault.current().to_string();
    for root in ["kolibri", &new, &old] {
        served.ask(&KeysOrder::RetireKey { root: root.to_owned() }).await.ok();
    }
    let messages = served.ask(&KeysOrder::RotateMessages).await.unwrap().messages;
    let [message] = messages.as_slice() else { panic!("{messages:?}") };
    let other = secrecy::SecretString::from("ef".repeat(32));
    let begin = MasterOrder::BeginMaster { in_use: other.clone(), next: other.clone() };
    assert_eq!(code(served.ask(&begin).await), "wrong_master_key");
    let finish = MasterOrder::FinishMaster { newest: other };
    assert_eq!(code(served.ask(&finish).await), "wrong_master_key");
    let expected = [
        recorded("key_rotated", &format!("data {new}"), "done"),
        recorded("key_retired", "?", "no_such_key"),
        recorded("key_retired", &new, "no_such_key"),
        recorded("key_retired", &old, "done"),
        recorded("key_rotated", &format!("message {}", message.id), "done"),
        recorded("key_rotated", "master new", "wrong_master_key"),
        recorded("key_rotated", "master new", "wrong_master_key"),
    ];
    assert_eq!(trail(&served).await, expected);
}

/// On data of an earlier version, whose root key comes from the master key.
#[tokio::test]
async fn a_change_of_the_master_key_that_makes_a_root_key_puts_down_both() {
    let served = Served::new();
    let (in_use, next) = (crate::bed::master_key(), vault::MasterKey::generate().unwrap());
    let text = |key: &vault::MasterKey| secrecy::SecretString::from(key.to_hex().as_str());
    let begin = MasterOrder::BeginMaster { in_use: text(&in_use), next: text(&next) };
    served.ask(&begin).await.unwrap();
    let root = served.bed.vault.current().to_string();
    // A try that is repeated makes none.
    served.ask(&begin).await.unwrap();
    served.ask(&MasterOrder::FinishMaster { newest: text(&next) }).await.unwrap();
    let expected = [
        recorded("key_rotated", "master new", "begun"),
        recorded("key_rotated", &format!("data {root}"), "done"),
        recorded("key_rotated", "master new", "begun"),
        recorded("key_rotated", "master new", "done"),
    ];
    assert_eq!(trail(&served).await, expected);
}

/// A file of somebody's in this conversation.
async fn brought(served: &Served, name: &str, by: Bringer) -> FileId {
    served.bed.says(name, "hi").await;
    let row = served.bed.row(name);
    let keeping = Keeping::new(&served.bed.vault, &row.key).unwrap();
    let (name, kind) = ("a.txt".to_owned(), "text/plain".to_owned());
    let new = NewFile { by, name, kind, thumbnail: None };
    let mut intake = served.files.intake(row.id, &keeping, new).await.unwrap();
    intake.write(bytes::Bytes::from_static(b"kolibri")).await.unwrap();
    intake.finish().await.unwrap().id
}

#[tokio::test]
async fn an_operator_sees_what_files_take_and_drops_those_of_strangers_or_of_a_time() {
    let served = Served::new();
    let taken = || async { served.ask(&ListFiles {}).await.unwrap() };
    let dropped = async |strangers, before: Option<&str>| {
        let (tenant, before) =
            (crate::bed::tenant().as_str().to_owned(), before.map(str::to_owned));
        served.ask(&DropFiles { tenant, strangers, before }).await
    };
    let count = |outcome: Outcome<FilesDropped>| {
        let dropped = outcome.unwrap();
        (dropped.files, dropped.left)
    };
    assert_eq!((taken().await.bytes, taken().await.tenants.len()), (0, 0));
    assert_eq!(code(dropped(true, None).await), "no_files");
    brought(&served, "c1", Bringer::Stranger).await;
    brought(&served, "c2", Bringer::Page).await;
    served.bed.advance(Duration::from_hours(1));
    brought(&served, "c3", Bringer::Desk).await;
    let before = taken().await;
    assert_eq!(before.tenants[0].bytes, before.bytes);
    assert!(0 < before.of_strangers && before.of_strangers < before.bytes, "{before:?}");
    assert_eq!(code(dropped(true, Some("yesterday")).await), "bad_time");
    assert_eq!(count(dropped(true, None).await), (1, 0));
    assert_eq!((taken().await.of_strangers, taken().await.bytes < before.bytes), (0, true));
    let start = rfc3339(START);
    assert_eq!(count(dropped(false, Some(&start)).await), (0, 0), "none came before");
    let half = rfc3339(START.after(Duration::from_mins(30)));
    assert_eq!(count(dropped(false, Some(&half)).await), (1, 0));
    assert_eq!(count(dropped(false, None).await), (1, 0));
    assert_eq!((taken().await.bytes, taken().await.tenants.len()), (0, 0));
}
