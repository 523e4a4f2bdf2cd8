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
    assert_eq!(foreign.open(b"p", &sealed).unwrap_err(), SealError::Refused);
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
