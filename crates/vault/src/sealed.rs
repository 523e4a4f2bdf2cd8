//! Sealing and unsealing.
//!
//! A sealed blob is `version (1) ‖ nonce (12) ‖ ciphertext ‖ tag (16)`. A wrapped data key is a
//! sealed blob with the master key's id (4) between version and nonce, so that a key ring can tell
//! which master key opens it.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hkdf, hmac, rand,
};
use zeroize::Zeroizing;

use crate::master::{KEY_BYTES, MasterKey};

const VERSION: u8 = 1;
const KEY_ID_BYTES: usize = 4;
const TAG_BYTES: usize = 16;

/// By how many bytes a sealed blob is longer than what is in it.
pub const SEALED_MORE_BYTES: usize = 1 + NONCE_LEN + TAG_BYTES;

/// An opened blob; wiped when dropped.
pub type Opened = Zeroizing<Vec<u8>>;

/// Why a blob was not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Too short, or of a version this program does not know.
    #[error("the sealed data is not in a form this version knows")]
    Malformed,
    /// Wrong key, wrong place, or changed since it was sealed.
    #[error("the sealed data does not open here: wrong key, moved, or changed")]
    Refused,
    /// Wrapped under another master key.
    #[error("the data key is wrapped under another master key")]
    OtherMasterKey,
    /// The cryptographic library would not work at all.
    #[error("the cryptographic library refused")]
    Library,
}

/// Derives, wraps and unwraps keys.
pub struct Vault {
    root: hkdf::Prk,
    wrapping: DataKey,
    id: [u8; KEY_ID_BYTES],
}

/// A key that seals and opens.
pub struct DataKey(RandomizedNonceKey);

/// A key for a named purpose outside this crate (signing, hashing). Wiped when dropped.
pub struct DerivedKey(Zeroizing<[u8; KEY_BYTES]>);

/// A key that recognises texts: equal texts have equal tags, and nobody without the key can make or
/// guess one.
pub struct MacKey(hmac::Key);

struct Bytes(usize);

impl hkdf::KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand<const N: usize>(
    root: &hkdf::Prk,
    info: &[&[u8]],
) -> Result<Zeroizing<[u8; N]>, SealError> {
    let mut out = Zeroizing::new([0; N]);
    let derived = root.expand(info, Bytes(N)).map_err(|_| SealError::Library)?;
    derived.fill(out.as_mut_slice()).map_err(|_| SealError::Library)?;
    Ok(out)
}

impl Vault {
    /// A vault over this master key.
    pub fn new(master: &MasterKey) -> Result<Self, SealError> {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"warmline vault 1");
        let root = salt.extract(master.0.as_slice());
        let wrapping = DataKey::new(expand::<KEY_BYTES>(&root, &[b"wrap data keys"])?.as_slice())?;
        let id = *expand::<KEY_ID_BYTES>(&root, &[b"key id"])?;
        Ok(Self { root, wrapping, id })
    }

    /// A value that tells whether another vault has the same master key, and nothing about the key.
    pub fn check_value(&self) -> Result<[u8; 16], SealError> {
        expand::<16>(&self.root, &[b"check value"]).map(|value| *value)
    }

    /// The key for a named purpose; always the same for the same master key.
    pub fn derive(&self, purpose: &str) -> Result<DerivedKey, SealError> {
        expand(&self.root, &[b"purpose ", purpose.as_bytes()]).map(DerivedKey)
    }

    /// The key that recognises texts for a named purpose.
    pub fn mac_key(&self, purpose: &str) -> Result<MacKey, SealError> {
        let key = self.derive(purpose)?;
        Ok(MacKey(hmac::Key::new(hmac::HMAC_SHA256, key.expose())))
    }

    /// The key that seals what belongs to one record (a conversation's state and effects); always
    /// the same for the same record.
    pub fn record_key(&self, record: &[u8]) -> Result<DataKey, SealError> {
        DataKey::new(expand::<KEY_BYTES>(&self.root, &[b"record ", record])?.as_slice())
    }

    /// A fresh data key, and the same wrapped for keeping. Bound to `place`.
    pub fn new_data_key(&self, place: &[u8]) -> Result<(DataKey, Vec<u8>), SealError> {
        let mut raw = Zeroizing::new([0; KEY_BYTES]);
        rand::fill(raw.as_mut_slice()).map_err(|_| SealError::Library)?;
        let sealed = self.wrapping.seal(place, raw.as_slice())?;
        let mut wrapped = Vec::with_capacity(sealed.len() + KEY_ID_BYTES);
        wrapped.push(VERSION);
        wrapped.extend_from_slice(&self.id);
        wrapped.extend_from_slice(&sealed[1..]);
        Ok((DataKey::new(raw.as_slice())?, wrapped))
    }

    /// A kept data key, unwrapped for the same `place`.
    pub fn open_data_key(&self, place: &[u8], wrapped: &[u8]) -> Result<DataKey, SealError> {
        let (head, body) =
            wrapped.split_at_checked(1 + KEY_ID_BYTES).ok_or(SealError::Malformed)?;
        if head[0] != VERSION {
            return Err(SealError::Malformed);
        }
        if head[1..] != self.id {
            return Err(SealError::OtherMasterKey);
        }
        let raw = self.wrapping.open_body(place, body)?;
        DataKey::new(&raw)
    }
}

impl DataKey {
    fn new(raw: &[u8]) -> Result<Self, SealError> {
        RandomizedNonceKey::new(&AES_256_GCM, raw).map(Self).map_err(|_| SealError::Library)
    }

    /// Seals `plain`, bound to `place`: it opens with the same place only.
    pub fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut blob = Vec::with_capacity(plain.len() + SEALED_MORE_BYTES);
        blob.push(VERSION);
        blob.extend_from_slice(&[0; NONCE_LEN]);
        blob.extend_from_slice(plain);
        let (nonce, tag) = self
            .0
            .seal_in_place_separate_tag(Aad::from(place), &mut blob[1 + NONCE_LEN..])
            .map_err(|_| SealError::Library)?;
        blob[1..=NONCE_LEN].copy_from_slice(nonce.as_ref());
        blob.extend_from_slice(tag.as_ref());
        Ok(blob)
    }

    /// Opens what was sealed for this `place`.
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Opened, SealError> {
        match sealed.split_first() {
            Some((&VERSION, body)) => self.open_body(place, body),
            Some(_) | None => Err(SealError::Malformed),
        }
    }

    fn open_body(&self, place: &[u8], body: &[u8]) -> Result<Opened, SealError> {
        let (nonce, rest) = body.split_at_checked(NONCE_LEN).ok_or(SealError::Malformed)?;
        if rest.len() < TAG_BYTES {
            return Err(SealError::Malformed);
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Malformed)?;
        let mut opened = Zeroizing::new(rest.to_vec());
        let plain = self
            .0
            .open_in_place(nonce, Aad::from(place), &mut opened)
            .map_err(|_| SealError::Refused)?
            .len();
        opened.truncate(plain);
        Ok(opened)
    }
}

impl DerivedKey {
    /// The key's bytes, for the library that uses it.
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl MacKey {
    /// The tag of these parts, each taken with its length, so that no two lists of parts collide.
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut tag = [0; 32];
        tag.copy_from_slice(context.sign().as_ref());
        tag
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(…)")
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(…)")
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(…)")
    }
}

impl fmt::Debug for DerivedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DerivedKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(one.len(), b"same words".len() + SEALED_MORE_BYTES);
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
        assert_eq!(
            vault.open_data_key(b"segment", &wrapped[..3]).unwrap_err(),
            SealError::Malformed
        );
    }

    #[test]
    fn another_master_key_opens_nothing_and_is_told_apart() {
        let (mine, theirs) = (vault("11"), vault("22"));
        let (_, wrapped) = mine.new_data_key(b"s").unwrap();
        assert_eq!(theirs.open_data_key(b"s", &wrapped).unwrap_err(), SealError::OtherMasterKey);
        let sealed = mine.record_key(b"r").unwrap().seal(b"p", b"words").unwrap();
        let foreign = theirs.record_key(b"r").unwrap();
        assert_eq!(foreign.open(b"p", &sealed).unwrap_err(), SealError::Refused);
        assert_ne!(mine.check_value().unwrap(), theirs.check_value().unwrap());
        assert_eq!(mine.check_value().unwrap(), vault("11").check_value().unwrap());
    }

    #[test]
    fn purposes_and_records_have_keys_of_their_own() {
        let vault = vault("11");
        let key = |purpose| *vault.derive(purpose).unwrap().expose();
        assert_eq!(key("direct line"), key("direct line"));
        assert_ne!(key("direct line"), key("repeats"));
        let mac = vault.mac_key("repeats").unwrap();
        assert_eq!(mac.tag(&[b"ab", b"c"]), mac.tag(&[b"ab", b"c"]));
        assert_ne!(mac.tag(&[b"ab", b"c"]), mac.tag(&[b"a", b"bc"]));
        let sealed = vault.record_key(b"a").unwrap().seal(b"p", b"w").unwrap();
        assert!(vault.record_key(b"b").unwrap().open(b"p", &sealed).is_err());
    }
}
