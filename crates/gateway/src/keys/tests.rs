//! What is rotated, and what is left of it when nobody is killed and when somebody is.

use std::time::Duration;

use store::{Store, sqlite::SqliteStore};

use super::{opening::CHECK_VALUE, resealing::Keys, *};
use crate::{
    app::StartError,
    bed::Bed,
    engine::Arrival,
    files::{Bringer, NewFile, Reader, Side},
    secrets,
};

fn master(digits: &str) -> MasterKey {
    MasterKey::from_hex(&digits.repeat(32)).unwrap()
}

fn vault(digits: &str) -> Vault {
    Vault::new(&master(digits)).unwrap()
}

/// A bed with something of every kind: a bot talk, a live chat, a secret.
async fn bed() -> (Bed, Arc<Keys>) {
    let bed = Bed::new();
    bed.says("bot", "hello").await;
    bed.connected("live").await;
    bed.says("live", "it is dark").await;
    secrets::keep(&*bed.store, &bed.vault, "webhook", Some(&"kolibri".into())).unwrap();
    let keys = bed.keys();
    (bed, keys)
}

async fn seen(keys: &Keys) -> KeysSeen {
    keys.seen().await.unwrap()
}

#[tokio::test]
async fn everything_is_sealed_anew_and_reads_as_before() {
    let (bed, keys) = bed().await;
    let (bot, live) = (bed.told("bot"), bed.told("live"));
    assert_eq!(seen(&keys).await.left, Left::default());
    keys.rotate().await.unwrap();
    let before = seen(&keys).await;
    assert!(before.left.states >= 2 && before.left.segment_keys >= 2, "{before:?}");
    // A secret and the audit trail's key.
    assert!(before.left.effects >= 1 && before.left.settings == 2, "{before:?}");
    keys.work().await.unwrap();
    let after = seen(&keys).await;
    assert_eq!((after.left, after.percent, after.unreadable), (Left::default(), 100, 0));
    // In its own time the old key stays: what it signed is good for an hour.
    assert_eq!(after.roots.len(), 2);
    assert_eq!((bed.told("bot"), bed.told("live")), (bot, live));
    bed.says("live", "and now").await;
    assert_eq!(seen(&keys).await.left, Left::default(), "what is new is under the new key");
    bed.advance(Duration::from_hours(1));
    keys.work().await.unwrap();
    assert_eq!(seen(&keys).await.roots.len(), 1);
    assert!(bed.told("live").iter().any(|told| told.contains("and now")));
    let place = "secret\u{1f}webhook";
    let sealed = bed.store.setting(place).unwrap().unwrap();
    let key = bed.vault.record_key(place.as_bytes()).unwrap();
    assert_eq!(&key.open(place.as_bytes(), &sealed).unwrap()[..], b"kolibri");
}

#[tokio::test]
async fn the_keys_that_pages_seal_to_are_sealed_anew() {
    let (bed, keys) = bed().await;
    crate::edge::direct_line::private::ring::keep_one(&*bed.store, &bed.vault);
    let old = keys.ring.current().to_string();
    keys.rotate().await.unwrap();
    assert_eq!(seen(&keys).await.left.settings, 3);
    keys.retire(&old).await.unwrap();
    assert_eq!(seen(&keys).await.left.settings, 0);
    assert!(!message_keys::is_under_old_key(&*bed.store, &bed.vault).unwrap());
    assert_eq!(crate::edge::direct_line::private::ring::readable(&*bed.store, &bed.vault), 1);
}

#[tokio::test]
async fn a_root_key_is_retired_by_order_when_nothing_is_under_it() {
    let (_bed, keys) = bed().await;
    let old = keys.ring.roots()[0].id.to_string();
    assert!(matches!(keys.retire(&old).await, Err(KeysError::NoSuchRoot)), "it is current");
    keys.rotate().await.unwrap();
    // The order seals anew what is left.
    keys.retire(&old).await.unwrap();
    assert!(!seen(&keys).await.in_files);
    assert_eq!(seen(&keys).await.roots.len(), 1);
    assert!(matches!(keys.retire(&old).await, Err(KeysError::NoSuchRoot)));
}

#[tokio::test]
async fn files_go_along_and_the_old_root_key_is_retired_when_none_is_left() {
    let bed = bed().await.0;
    let files = bed.files();
    let keys = bed.keys_of(Arc::clone(&files));
    let row = bed.row("live");
    let keeping = crate::keeping::Keeping::new(&bed.vault, &row.key).unwrap();
    let new = NewFile {
        by: Bringer::Desk,
        name: "night.txt".to_owned(),
        kind: "text/plain".to_owned(),
        thumbnail: None,
    };
    let mut intake = files.intake(row.id, &keeping, new).await.unwrap();
    intake.write("it is dark".into()).await.unwrap();
    let id = intake.finish().await.unwrap().id;
    let old = keys.ring.current().to_string();
    assert_eq!(seen(&keys).await.files, Some(0));
    keys.rotate().await.unwrap();
    assert_eq!(seen(&keys).await.files, Some(1));
    assert!(matches!(keys.retire(&old).await, Err(KeysError::FilesLeft { left: 1 })));
    let before = seen(&keys).await;
    assert_eq!((before.left, before.files_stuck), (Left::default(), Some(0)));
    assert!(before.percent < 100, "a file is left: {before:?}");
    keys.work().await.unwrap();
    let after = seen(&keys).await;
    assert_eq!((after.files, after.percent), (Some(0), 100));
    // It is kept for thirty days more, and needs no old key for that.
    keys.retire(&old).await.unwrap();
    assert!(!seen(&keys).await.in_files, "what is done is not said to be due");
    let read = files.read(&keeping, id).await.unwrap();
    let mut chunks = read.side(Side::Original, Reader::Page).await.unwrap();
    assert_eq!(&chunks.next().await.unwrap().unwrap()[..], b"it is dark");
}

#[tokio::test]
async fn a_blob_that_opens_under_no_key_holds_nothing_up() {
    let (bed, keys) = bed().await;
    let state = bed.row("bot").state.unwrap();
    let mut damaged = state.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    bed.overwrite("bot", damaged.clone(), None);
    keys.rotate().await.unwrap();
    keys.work().await.unwrap();
    let after = seen(&keys).await;
    assert_eq!((after.left.all(), after.unreadable, after.percent), (1, 1, 100));
    assert_eq!(bed.row("bot").state.as_deref(), Some(&damaged[..]), "it is left as it is");
}

#[test]
fn a_first_start_makes_a_ring_and_the_next_ones_open_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    assert_eq!(fits(folder.path(), &vault("ab")).unwrap(), None);
    let first = vault("ab");
    open(&store, &first).unwrap();
    let again = vault("ab");
    open(&store, &again).unwrap();
    assert_eq!(first.roots(), again.roots());
    assert!(matches!(open(&store, &vault("cd")), Err(StartError::WrongMasterKey)));
    assert_eq!(fits(folder.path(), &vault("ab")).unwrap(), Some(true));
    assert_eq!(fits(folder.path(), &vault("cd")).unwrap(), Some(false));
}

#[test]
fn data_of_an_earlier_version_get_a_ring_with_their_own_key() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    store.keep_setting(CHECK_VALUE, &vault("ab").check_value().unwrap()).unwrap();
    assert_eq!(fits(folder.path(), &vault("ab")).unwrap(), Some(true));
    assert!(matches!(open(&store, &vault("cd")), Err(StartError::WrongMasterKey)));
    assert!(store.setting(RING).unwrap().is_none(), "a wrong key changes nothing");
    let opened = vault("ab");
    open(&store, &opened).unwrap();
    assert_eq!(opened.current(), vault("ab").current());
    assert!(store.setting(RING).unwrap().is_some());
}

#[test]
fn a_master_key_that_was_cut_short_in_its_change_ends_with_the_start_under_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(folder.path()).unwrap());
    let running = Arc::new(vault("ab"));
    open(&*store, &running).unwrap();
    let ring = Ring::new(Arc::clone(&store), Arc::clone(&running), Clock::System);
    let begin = |in_use: &str, next: &str| ring.begin_master(&master(in_use), &master(next));
    assert!(matches!(begin("ef", "cd"), Err(KeysError::WrongMasterKey)));
    begin("ab", "cd").unwrap();
    assert!(matches!(ring.finish_master(&master("ab")), Err(KeysError::WrongMasterKey)));
    // Killed here, the old one still works, and goes on to be one of two.
    let old = vault("ab");
    assert!(!open(&*store, &old).unwrap());
    assert!(old.master_changes());
    let new = vault("cd");
    assert!(open(&*store, &new).unwrap(), "it ends here, which goes into the audit trail");
    assert!(!new.master_changes());
    assert!(matches!(open(&*store, &vault("ab")), Err(StartError::WrongMasterKey)));
}

/// The bed's data are of an earlier version, whose root key comes from the master key.
#[tokio::test]
async fn a_new_master_key_leaves_nothing_that_the_old_one_opens() {
    let (bed, keys) = bed().await;
    let state = |name| bed.row(name).state.unwrap();
    let (old, told) = (keys.ring.current(), bed.told("live"));
    let in_use = crate::bed::master_key();
    let thief = Vault::new(&in_use).unwrap();
    let opens = |sealed: &[u8]| {
        let keeping = crate::keeping::Keeping::new(&thief, &bed.row("live").key).unwrap();
        keeping.state_anew(sealed).is_ok()
    };
    assert!(opens(&state("live")), "before");
    keys.change_master(move |ring| ring.begin_master(&in_use, &master("cd"))).await.unwrap();
    keys.ring.finish_master(&master("cd")).unwrap();
    assert_ne!(keys.ring.current(), old);
    keys.work().await.unwrap();
    assert_eq!(seen(&keys).await.left, Left::default());
    assert!(!opens(&state("live")) && !opens(&state("bot")));
    assert_eq!(bed.told("live"), told);
    keys.retire(&old.to_string()).await.unwrap();
}

#[tokio::test]
async fn a_root_key_that_goes_by_itself_is_in_the_audit_trail() {
    let (bed, keys) = bed().await;
    let old = keys.ring.current().to_string();
    keys.rotate().await.unwrap();
    keys.work().await.unwrap();
    let retired = async || {
        let deed = Some(audit::DeedName::KeyRetired);
        bed.audit().find(audit::Query { deed, ..audit::Query::default() }).await.unwrap()
    };
    assert!(retired().await.is_empty(), "what it signed is good for an hour");
    bed.advance(Duration::from_hours(1));
    keys.work().await.unwrap();
    keys.work().await.unwrap();
    let found = retired().await;
    let [one] = found.as_slice() else { panic!("{} records", found.len()) };
    assert_eq!(
        (one.about(), one.outcome(), one.who()),
        (Some(&*old), "done", "gateway".to_owned())
    );
}

/// Whoever seals while the key is rotated seals under the one or the other, and nothing is missed.
#[tokio::test]
async fn what_is_said_while_keys_are_rotated_again_and_again_is_all_there() {
    let (bed, keys) = bed().await;
    for n in 0..4 {
        keys.rotate().await.unwrap();
        let say = |text: String| {
            let arrival: Arrival = crate::bed::says("live", &text);
            bed.submit(arrival)
        };
        let (worked, said) = tokio::join!(keys.work(), say(format!("line {n}")));
        worked.unwrap();
        said.unwrap();
    }
    keys.work().await.unwrap();
    assert_eq!(seen(&keys).await.left, Left::default());
    let told = bed.told("live").join("\n");
    assert!((0..4).all(|n| told.contains(&format!("line {n}"))), "{told}");
}
