use super::*;
use crate::SEALED_MORE_BYTES;

fn vault(byte: &str) -> Vault {
    Vault::new(&MasterKey::from_hex(&byte.repeat(32)).unwrap()).unwrap()
}

#[test]
fn what_is_sealed_opens_in_its_own_place_only() {
    let key = vault("11").record_key(b"conversation 7").unwrap();
    let sealed = key.seal(b"entry 3", b"my pay is wrong").unwrap();
    assert_eq!(&key.open(b"entry 3", &sealed).unwrap()[..], b"my pay is wrong");
    assert_eq!(key.open(b"entry 4", &sealed).unwrap_err(), SealError::Refused);
}

#[test]
fn sealing_twice_gives_two_different_blobs_that_show_nothing() {
    let key = vault("11").record_key(b"r").unwrap();
    let (one, two) =
        (key.seal(b"p", b"same words").unwrap(), key.seal(b"p", b"same words").unwrap());
    assert_ne!(one, two);
    assert_eq!(one.len(), b"same words".len() + SEALED_MORE_BYTES + ID_BYTES);
    assert!(!one.windows(4).any(|window| window == b"same"));
}

#[test]
fn every_changed_bit_is_noticed() {
    let key = vault("11").record_key(b"r").unwrap();
    let sealed = key.seal(b"p", b"words").unwrap();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(key.open(b"p", &changed).is_err(), "byte {at}");
    }
    for length in 0..sealed.len() {
        assert!(key.open(b"p", &sealed[..length]).is_err(), "length {length}");
    }
}

#[test]
fn a_data_key_comes_back_from_its_wrapping() {
    let vault = vault("11");
    let (key, wrapped) = vault.new_data_key(b"segment").unwrap();
    let sealed = key.seal(b"p", b"words").unwrap();
    let again = vault.open_data_key(b"segment", &wrapped).unwrap();
    assert_eq!(&again.open(b"p", &sealed).unwrap()[..], b"words");
    assert_eq!(vault.open_data_key(b"other", &wrapped).unwrap_err(), SealError::Refused);
    assert_eq!(vault.open_data_key(b"segment", &wrapped[..3]).unwrap_err(), SealError::Malformed);
}

#[test]
fn another_master_key_opens_nothing_and_is_told_apart() {
    let (mine, theirs) = (vault("11"), vault("22"));
    let (_, wrapped) = mine.new_data_key(b"s").unwrap();
    assert_eq!(theirs.open_data_key(b"s", &wrapped).unwrap_err(), SealError::UnknownRoot);
    let sealed = mine.record_key(b"r").unwrap().seal(b"p", b"words").unwrap();
    let foreign = theirs.record_key(b"r").unwrap();
    assert_eq!(foreign.open(b"p", &sealed).unwrap_err(), SealError::UnknownRoot);
    assert_ne!(mine.check_value().unwrap(), theirs.check_value().unwrap());
    assert_eq!(mine.check_value().unwrap(), vault("11").check_value().unwrap());
}

#[test]
fn purposes_and_records_have_keys_of_their_own() {
    let vault = vault("11");
    let tag = |purpose| vault.signing_texts(purpose).unwrap().tag(&[b"text"]);
    assert_eq!(tag("direct line"), tag("direct line"));
    assert_ne!(tag("direct line"), tag("repeats"));
    let mac = vault.mac_key("repeats").unwrap();
    assert_eq!(mac.tag(&[b"ab", b"c"]), mac.tag(&[b"ab", b"c"]));
    assert_ne!(mac.tag(&[b"ab", b"c"]), mac.tag(&[b"a", b"bc"]));
    let sealed = vault.record_key(b"a").unwrap().seal(b"p", b"w").unwrap();
    assert!(vault.record_key(b"b").unwrap().open(b"p", &sealed).is_err());
}

/// The vault of this master key with the ring that was kept.
fn opened(byte: &str, kept: &RingChange) -> Result<Vault, SealError> {
    let vault = vault(byte);
    vault.open_ring(kept.sealed()).map(|()| vault)
}

/// Makes a change of the ring and works with it, as whoever keeps it does.
fn take(vault: &Vault, change: RingChange) -> RingChange {
    let kept = RingChange { ring: Arc::clone(&change.ring), sealed: change.sealed.clone() };
    vault.take(change);
    kept
}

#[test]
fn a_ring_opens_with_its_master_key_only_and_shows_nothing() {
    let mine = vault("11");
    let kept = take(&mine, mine.fresh_ring(5).unwrap());
    let sealed = mine.record_key(b"r").unwrap().seal(b"p", b"words").unwrap();
    let again = opened("11", &kept).unwrap();
    assert_eq!(&again.record_key(b"r").unwrap().open(b"p", &sealed).unwrap()[..], b"words");
    assert_eq!(opened("22", &kept).unwrap_err(), SealError::OtherMasterKey);
    assert!(
        vault("11").opens(kept.sealed()).unwrap() && !vault("22").opens(kept.sealed()).unwrap()
    );
    // Nobody derives what is in it from the master key.
    let derived = vault("11").record_key(b"r").unwrap();
    assert_eq!(derived.open(b"p", &sealed).unwrap_err(), SealError::UnknownRoot);
    for length in 0..kept.sealed().len() {
        assert!(vault("11").open_ring(&kept.sealed()[..length]).is_err(), "length {length}");
    }
}

#[test]
fn data_of_an_earlier_version_open_and_what_is_sealed_now_names_its_key() {
    let before = vault("11");
    let record = expand::<KEY_BYTES>(&before.shared.get().current().prk, &[b"record r"]).unwrap();
    let old = DataKey::new(record.as_slice()).unwrap().seal(b"p", b"words").unwrap();
    let (handles, tokens) = (before.mac_key("bots").unwrap(), before.signing_texts("t").unwrap());
    let (handle, token) = (handles.tag(&[b"7"]), tokens.tag(&[b"7"]));
    let now = vault("11");
    take(&now, now.adopted_ring().unwrap());
    let key = now.record_key(b"r").unwrap();
    assert_eq!(&key.open(b"p", &old).unwrap()[..], b"words");
    assert!(key.seal(b"p", b"words").unwrap().starts_with(&now.record_head()));
    assert_eq!(now.mac_key("bots").unwrap().tag(&[b"7"]), handle);
    assert_eq!(now.signing_texts("t").unwrap().tag(&[b"7"]), token);
    // What only an earlier version's key opens goes with it; what recognises stays.
    let first = now.roots()[0].id;
    take(&now, now.with_new_root(9).unwrap().unwrap());
    take(&now, now.without_root(first).unwrap());
    assert_eq!(now.record_key(b"r").unwrap().open(b"p", &old).unwrap_err(), SealError::UnknownRoot);
    assert_eq!(now.mac_key("bots").unwrap().tag(&[b"7"]), handle);
    let signs = |key: &MacKey| (key.tag(&[b"7"]) == token).then_some(());
    assert!(now.signing_texts("t").unwrap().find(signs).is_none());
}

#[test]
fn a_new_root_key_seals_at_once_and_the_old_one_opens_until_it_is_retired() {
    let vault = vault("11");
    take(&vault, vault.fresh_ring(5).unwrap());
    let (key, tokens) = (vault.record_key(b"r").unwrap(), vault.signing_texts("t").unwrap());
    let sealed = key.seal(b"p", b"words").unwrap();
    let (data, wrapped) = vault.new_data_key(b"s").unwrap();
    let entry = data.seal(b"e", b"entry").unwrap();
    let token = tokens.tag(&[b"page"]);
    take(&vault, vault.with_new_root(8).unwrap().unwrap());
    // Keys that somebody holds go on, under the new one.
    assert!(!key.is_current() && vault.record_key(b"r").unwrap().is_current());
    let anew = key.seal(b"p", &key.open(b"p", &sealed).unwrap()).unwrap();
    assert!(anew.starts_with(&vault.record_head()) && !sealed.starts_with(&vault.record_head()));
    let rewrapped = vault.rewrapped(b"s", &wrapped).unwrap();
    assert!(rewrapped.starts_with(&vault.data_key_head()));
    assert_eq!(rewrapped.len(), wrapped.len());
    let proves = |key: &MacKey| (key.tag(&[b"page"]) == token).then_some(());
    assert!(tokens.find(proves).is_some() && tokens.tag(&[b"page"]) != token);
    let roots = vault.roots();
    assert_eq!([roots[0].retiring_since, roots[1].retiring_since], [Some(8), None]);
    // The current one cannot be taken out.
    take(&vault, vault.without_root(roots[1].id).unwrap());
    take(&vault, vault.without_root(roots[0].id).unwrap());
    assert_eq!(vault.roots().len(), 1);
    assert_eq!(key.open(b"p", &sealed).unwrap_err(), SealError::UnknownRoot);
    assert_eq!(vault.open_data_key(b"s", &wrapped).unwrap_err(), SealError::UnknownRoot);
    assert!(tokens.find(proves).is_none(), "a retired key ends what it signed");
    assert_eq!(&key.open(b"p", &anew).unwrap()[..], b"words");
    let data = vault.open_data_key(b"s", &rewrapped).unwrap();
    assert_eq!(&data.open(b"e", &entry).unwrap()[..], b"entry");
}

#[test]
fn a_ring_holds_so_many_root_keys_and_no_more() {
    let vault = vault("11");
    take(&vault, vault.fresh_ring(0).unwrap());
    for now in (1..).take(crate::ROOTS_MAX - 1) {
        take(&vault, vault.with_new_root(now).unwrap().unwrap());
    }
    assert!(vault.with_new_root(99).unwrap().is_none());
    let kept = vault.newest_master_only().unwrap();
    assert_eq!(opened("11", &kept).unwrap().roots(), vault.roots());
}

#[test]
fn the_master_key_changes_without_a_moment_in_which_none_works() {
    let key = |byte: &str| MasterKey::from_hex(&byte.repeat(32)).unwrap();
    let running = vault("11");
    let first = take(&running, running.fresh_ring(5).unwrap());
    let sealed = running.record_key(b"r").unwrap().seal(b"p", b"words").unwrap();
    let wrong = running.with_master(&key("33"), &key("22"), 7);
    assert_eq!(wrong.unwrap_err(), SealError::OtherMasterKey);
    let both = take(&running, running.with_master(&key("11"), &key("22"), 7).unwrap());
    let (old, new) = (opened("11", &both).unwrap(), opened("22", &both).unwrap());
    assert!(old.master_changes() && !old.has_newest_master() && new.has_newest_master());
    // A root key that is made meanwhile is for both.
    let rotated = take(&old, old.with_new_root(6).unwrap().unwrap());
    assert_eq!(opened("22", &rotated).unwrap().roots(), old.roots());
    // Another try replaces what did not come to its end.
    let other = take(&running, running.with_master(&key("11"), &key("33"), 7).unwrap());
    assert_eq!(opened("22", &other).unwrap_err(), SealError::OtherMasterKey);
    // And the key that one that was cut short left in its place goes on as the one in use.
    let third = take(&running, running.with_master(&key("33"), &key("44"), 7).unwrap());
    assert!(opened("33", &third).is_ok() && opened("44", &third).is_ok());
    let last = take(&running, running.newest_master_only().unwrap());
    assert!(running.is_newest_master(&key("44")).unwrap() && !running.master_changes());
    for gone in ["11", "22", "33"] {
        assert_eq!(opened(gone, &last).unwrap_err(), SealError::OtherMasterKey, "{gone}");
    }
    let now = opened("44", &last).unwrap();
    assert_eq!(&now.record_key(b"r").unwrap().open(b"p", &sealed).unwrap()[..], b"words");
    assert_ne!(first.sealed(), last.sealed());
    assert_eq!(now.roots().len(), 1, "a root key of its own stays current");
}

#[test]
fn a_root_key_that_comes_from_the_master_key_gives_way_with_it() {
    let key = |byte: &str| MasterKey::from_hex(&byte.repeat(32)).unwrap();
    let running = vault("11");
    take(&running, running.adopted_ring().unwrap());
    let (holder, first) = (running.record_key(b"r").unwrap(), running.current());
    let sealed = holder.seal(b"p", b"words").unwrap();
    let both = take(&running, running.with_master(&key("11"), &key("22"), 7).unwrap());
    for byte in ["11", "22"] {
        let now = opened(byte, &both).unwrap();
        assert_eq!(now.roots().len(), 2, "one write makes it and lets both open it");
        assert_ne!(now.current(), first);
    }
    // Whoever knows the old master key makes the root key that came from it, and no other.
    let thief = vault("11").record_key(b"r").unwrap();
    assert_eq!(&thief.open(b"p", &sealed).unwrap()[..], b"words");
    let anew = holder.seal(b"p", b"words").unwrap();
    assert_eq!(thief.open(b"p", &anew).unwrap_err(), SealError::UnknownRoot);
    // A try that is repeated makes no other.
    let again = take(&running, running.with_master(&key("11"), &key("22"), 8).unwrap());
    assert_eq!(opened("22", &again).unwrap().roots(), opened("22", &both).unwrap().roots());
}

#[test]
fn nothing_of_a_ring_is_printed() {
    let vault = vault("11");
    let change = vault.fresh_ring(1).unwrap();
    let key = vault.record_key(b"r").unwrap();
    let signing = vault.signing_texts("t").unwrap();
    let shown = format!("{vault:?} {change:?} {key:?} {signing:?}");
    assert_eq!(shown, "Vault(…) RingChange(…) RecordKey(…) Signing(…)");
}
