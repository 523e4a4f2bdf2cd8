//! When keys come and go, and what is left of them in the store.

use store::{Forgetting as _, sqlite::SqliteStore};
use vault::MasterKey;

use super::{kept::rows, *};
use crate::clock::rfc3339;

const HOUR: i64 = 3_600_000;

fn vault(digits: &str) -> Vault {
    Vault::new(&MasterKey::from_hex(&digits.repeat(32)).unwrap()).unwrap()
}

fn ids(keys: &[Kept]) -> Vec<&str> {
    keys.iter().map(|kept| kept.id.as_str()).collect()
}

#[test]
fn keys_take_turns_after_a_week_and_the_old_one_opens_for_a_day_more() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    let vault = vault("ab");
    let turn = |hours| turned(&store, &vault, Timestamp(hours * HOUR), Turn::WhenDue).unwrap();
    let at = |hours: i64| turn(hours).keys;
    let begun = turn(0);
    assert!(!begun.is_followed && begun.ended.is_empty(), "the first of all");
    let first = begun.keys;
    assert_eq!(first.len(), 1);
    assert_eq!(ids(&at(167)), ids(&first), "the same, read back");
    let followed = turn(168);
    assert!(followed.is_followed && followed.ended.is_empty());
    let both = followed.keys;
    assert_eq!(both.len(), 2);
    assert_eq!(both[1].id, first[0].id, "the new one stands in front");
    assert_eq!(both[1].key.public(), first[0].key.public());
    assert_eq!(ids(&at(191)), ids(&both));
    let over = turn(192);
    assert!(!over.is_followed);
    assert_eq!(over.ended, [&*both[1].id]);
    assert_eq!(store.scrub_due().unwrap(), Some(Leftovers::Settings));
    let second = over.keys;
    assert_eq!(ids(&second), [&*both[0].id], "its day is over");
    let kept = store.setting(SETTING).unwrap().unwrap();
    assert!(!String::from_utf8(kept).unwrap().contains("\"made_at\":0"), "and it is forgotten");
    assert_eq!(at(24 * 365).len(), 1);
}

#[test]
fn under_another_master_key_there_are_other_keys() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    let now = Timestamp(HOUR);
    let first = turned(&store, &vault("ab"), now, Turn::WhenDue).unwrap().keys;
    let other = turned(&store, &vault("cd"), now, Turn::WhenDue).unwrap().keys;
    assert_eq!(other.len(), 1);
    assert_ne!(ids(&first), ids(&other));
}

#[test]
fn by_order_a_new_key_is_the_only_one_and_nothing_of_those_before_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    let vault = vault("ab");
    let at = |hours: i64| Timestamp(hours * HOUR);
    let both = turned(&store, &vault, at(0), Turn::WhenDue)
        .and_then(|_| turned(&store, &vault, at(168), Turn::WhenDue))
        .unwrap()
        .keys;
    let before = rows(&store).unwrap();
    let id = rotate_alone(&store, &vault, at(169)).unwrap();
    assert!(!ids(&both).contains(&id.as_str()));
    let seen = seen(&store, &vault).unwrap();
    assert_eq!(seen.iter().map(|line| &*line.id).collect::<Vec<_>>(), [&id]);
    assert_eq!(seen[0].ends_at, rfc3339(at(169 + 192)));
    for row in before {
        for name in ["warmline.db", "warmline.db-wal"] {
            let bytes = std::fs::read(folder.path().join(name)).unwrap();
            let sealed = row.sealed.as_bytes();
            assert!(!bytes.windows(sealed.len()).any(|window| window == sealed), "{name}");
        }
    }
    assert_eq!(store.scrub_due().unwrap(), None);
}
