//! Sealing and unsealing.
//!
//! What is sealed under a data key is `1 ‖ nonce (12) ‖ ciphertext ‖ tag (16)`. What is sealed for a
//! record has the root key's id (4) between version and nonce, and is version 2; so has a wrapped data
//! key, in version 1. An earlier version sealed for records without an id.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hkdf, hmac,
};
use zeroize::Zeroizing;

use crate::master::KEY_BYTES;

pub(crate) const VERSION: u8 = 1;
const TAG_BYTES: usize = 16;

/// By how many bytes what is sealed under a data key is longer than what is in it.
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
    /// The key ring is sealed for another master key.
    #[error("the key ring is sealed for another master key")]
    OtherMasterKey,
    /// Sealed under a root key that is not on the ring, or not any more.
    #[error("the sealed data is under a root key that is not on the ring")]
    UnknownRoot,
    /// The cryptographic library would not work at all.
    #[error("the cryptographic library refused")]
    Library,
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

pub(crate) fn expand<const N: usize>(
    root: &hkdf::Prk,
    info: &[&[u8]],
) -> Result<Zeroizing<[u8; N]>, SealError> {
    let mut out = Zeroizing::new([0; N]);
    let derived = root.expand(info, Bytes(N)).map_err(|_| SealError::Library)?;
    derived.fill(out.as_mut_slice()).map_err(|_| SealError::Library)?;
    Ok(out)
}

impl DataKey {
    pub(crate) fn new(raw: &[u8]) -> Result<Self, SealError> {
        RandomizedNonceKey::new(&AES_256_GCM, raw).map(Self).map_err(|_| SealError::Library)
    }

    /// Seals `plain`, bound to `place`: it opens with the same place only.
    pub fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        self.seal_behind(&[VERSION], place, plain)
    }

    /// The same with another head before the nonce.
    pub(crate) fn seal_behind(
        &self,
        head: &[u8],
        place: &[u8],
        plain: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        let nonce_at = head.len();
        let plain_at = nonce_at + NONCE_LEN;
        let mut blob = Vec::with_capacity(plain_at + plain.len() + TAG_BYTES);
        blob.extend_from_slice(head);
        blob.extend_from_slice(&[0; NONCE_LEN]);
        blob.extend_from_slice(plain);
        let (nonce, tag) = self
            .0
            .seal_in_place_separate_tag(Aad::from(place), &mut blob[plain_at..])
            .map_err(|_| SealError::Library)?;
        blob[nonce_at..plain_at].copy_from_slice(nonce.as_ref());
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

    pub(crate) fn open_body(&self, place: &[u8], body: &[u8]) -> Result<Opened, SealError> {
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
    pub(crate) fn new(raw: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        Self(raw)
    }

    /// The key's bytes, for the library that uses it.
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl MacKey {
    pub(crate) fn new(raw: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, raw))
    }

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
