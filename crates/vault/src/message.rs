//! Messages between a browser and the gateway: HPKE (RFC 9180) with X25519, HKDF-SHA256 and
//! AES-256-GCM.
//!
//! A page seals each activity to the gateway's public key, in base mode: who writes is proven by a
//! token, not by a key. The gateway seals to the key of one reader, in authenticated mode: whoever has
//! the reader's public key, as a proxy that saw it has, still cannot speak as the gateway.
//! A reader's sealing is one context for many messages, which open in the order of their sealing only.

use std::fmt;

use hpke::{
    Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _,
    aead::{AeadCtxS, AesGcm256},
    kdf::HkdfSha256,
    kem::X25519HkdfSha256 as Kem,
};
use zeroize::Zeroizing;

use crate::{
    record::RecordKey,
    sealed::{Opened, SealError},
};

type PrivateKey = <Kem as hpke::Kem>::PrivateKey;
type PublicKey = <Kem as hpke::Kem>::PublicKey;

/// The length of a public key.
pub const PUBLIC_KEY_BYTES: usize = 32;

/// The length of what a sender encapsulates: a public key, made for the occasion.
pub const ENCAPSULATED_BYTES: usize = 32;

/// By how many bytes a sealed message is longer than what is in it.
pub const MESSAGE_MORE_BYTES: usize = 16;

/// Why a message was not sealed or opened, or a key is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Not 32 bytes, or a point with which no secret can be agreed.
    #[error("this is no X25519 public key")]
    BadKey,
    /// Sealed to another key, with another suite, for another place, or changed since.
    #[error("the message does not open: another key or suite, another place, or changed")]
    Refused,
    /// The library would not seal.
    #[error("the message could not be sealed")]
    NotSealed,
}

/// A key pair of the gateway's. Wiped from memory when dropped, and never printed.
pub struct MessageKey {
    private: PrivateKey,
    public: PublicKey,
}

/// The public key of somebody who reads.
#[derive(Clone)]
pub struct ReaderKey(PublicKey);

/// What one reader is sent, one message after the other.
pub struct ReaderSealing {
    context: AeadCtxS<AesGcm256, HkdfSha256, Kem>,
    encapsulated: [u8; ENCAPSULATED_BYTES],
    next: u64,
}

impl MessageKey {
    /// A fresh pair.
    pub fn fresh() -> Self {
        let (private, public) = Kem::gen_keypair();
        Self { private, public }
    }

    /// The pair, sealed under a key of the vault's for keeping in `place`.
    pub fn sealed(&self, key: &RecordKey, place: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut raw = self.private.to_bytes();
        let plain = Zeroizing::new(raw.to_vec());
        zeroize::Zeroize::zeroize(raw.as_mut_slice());
        key.seal(place, &plain)
    }

    /// A pair that was kept.
    pub fn open(key: &RecordKey, place: &[u8], sealed: &[u8]) -> Result<Self, SealError> {
        let raw = key.open(place, sealed)?;
        let private = PrivateKey::from_bytes(&raw).map_err(|_| SealError::Malformed)?;
        let public = Kem::sk_to_pk(&private);
        Ok(Self { private, public })
    }

    /// What everybody may know.
    pub fn public(&self) -> [u8; PUBLIC_KEY_BYTES] {
        self.public.to_bytes().into()
    }

    /// Opens what a page sealed to this key.
    pub fn open_message(
        &self,
        encapsulated: &[u8],
        info: &[u8],
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Opened, MessageError> {
        let encapsulated = <Kem as hpke::Kem>::EncappedKey::from_bytes(encapsulated)
            .map_err(|_| MessageError::Refused)?;
        let mut context = hpke::setup_receiver::<AesGcm256, HkdfSha256, Kem>(
            &OpModeR::Base,
            &self.private,
            &encapsulated,
            info,
        )
        .map_err(|_| MessageError::Refused)?;
        context.open(sealed, aad).map(Zeroizing::new).map_err(|_| MessageError::Refused)
    }

    /// Begins what one reader is sent, who sees that it is from this key.
    pub fn sealing(&self, reader: &ReaderKey, info: &[u8]) -> Result<ReaderSealing, MessageError> {
        let own = (self.private.clone(), self.public.clone());
        let (encapsulated, context) = hpke::setup_sender(&OpModeS::Auth(own), &reader.0, info)
            .map_err(|_| MessageError::BadKey)?;
        Ok(ReaderSealing { context, encapsulated: encapsulated.to_bytes().into(), next: 0 })
    }
}

impl ReaderKey {
    /// A key as it came.
    pub fn new(bytes: &[u8]) -> Result<Self, MessageError> {
        // Some points agree on nothing; the library says so when it is asked to.
        let key = Self::proven(bytes)?;
        MessageKey::fresh().sealing(&key, b"")?;
        Ok(key)
    }

    /// A key that [`ReaderKey::new`] took before. One that it would not have taken is found out when
    /// something is sealed to it.
    pub fn proven(bytes: &[u8]) -> Result<Self, MessageError> {
        PublicKey::from_bytes(bytes).map(Self).map_err(|_| MessageError::BadKey)
    }

    /// The key as it goes.
    pub fn to_bytes(&self) -> [u8; PUBLIC_KEY_BYTES] {
        self.0.to_bytes().into()
    }
}

impl ReaderSealing {
    /// What the reader needs to open any of it.
    pub fn encapsulated(&self) -> &[u8; ENCAPSULATED_BYTES] {
        &self.encapsulated
    }

    /// Seals the next message; gives its place in the order, from 0.
    pub fn seal(&mut self, aad: &[u8], plain: &[u8]) -> Result<(u64, Vec<u8>), MessageError> {
        let sealed = self.context.seal(plain, aad).map_err(|_| MessageError::NotSealed)?;
        let place = self.next;
        self.next = self.next.saturating_add(1);
        Ok((place, sealed))
    }
}

impl fmt::Debug for MessageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MessageKey(…)")
    }
}

impl fmt::Debug for ReaderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReaderKey(…)")
    }
}

impl fmt::Debug for ReaderSealing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReaderSealing(…)")
    }
}

#[cfg(test)]
mod tests {
    use hpke::aead::AeadCtxR;

    use super::*;
    use crate::{MasterKey, Vault};

    const INFO: &[u8] = b"test";

    fn reader() -> (PrivateKey, ReaderKey) {
        let (private, public) = Kem::gen_keypair();
        (private, ReaderKey::new(&public.to_bytes()).unwrap())
    }

    fn opener(
        private: &PrivateKey,
        from: &MessageKey,
        sealing: &ReaderSealing,
    ) -> AeadCtxR<AesGcm256, HkdfSha256, Kem> {
        let from = PublicKey::from_bytes(&from.public()).unwrap();
        let enc = <Kem as hpke::Kem>::EncappedKey::from_bytes(sealing.encapsulated()).unwrap();
        hpke::setup_receiver(&OpModeR::Auth(from), private, &enc, INFO).unwrap()
    }

    #[test]
    fn what_is_sealed_to_a_key_opens_with_it_and_in_its_place_only() {
        let (key, other) = (MessageKey::fresh(), MessageKey::fresh());
        let public = PublicKey::from_bytes(&key.public()).unwrap();
        let (enc, sealed) = hpke::single_shot_seal::<AesGcm256, HkdfSha256, Kem>(
            &OpModeS::Base,
            &public,
            INFO,
            b"my pay is wrong",
            b"here",
        )
        .unwrap();
        let enc = enc.to_bytes();
        let opened = key.open_message(&enc, INFO, b"here", &sealed).unwrap();
        assert_eq!(&opened[..], b"my pay is wrong");
        assert_eq!(sealed.len(), opened.len() + MESSAGE_MORE_BYTES);
        let mut changed = sealed.clone();
        changed[3] ^= 1;
        for (key, enc, info, aad, sealed) in [
            (&other, &enc[..], INFO, &b"here"[..], &sealed),
            (&key, &enc[..31], INFO, b"here", &sealed),
            (&key, &[0; 32], INFO, b"here", &sealed),
            (&key, &enc[..], b"other", b"here", &sealed),
            (&key, &enc[..], INFO, b"there", &sealed),
            (&key, &enc[..], INFO, b"here", &changed),
            (&key, &enc[..], INFO, b"here", &Vec::new()),
        ] {
            assert_eq!(key.open_message(enc, info, aad, sealed), Err(MessageError::Refused));
        }
    }

    #[test]
    fn a_reader_opens_in_order_what_this_key_sealed_and_nobody_else_does() {
        let key = MessageKey::fresh();
        let (private, public) = reader();
        let mut sealing = key.sealing(&public, INFO).unwrap();
        let mut opening = opener(&private, &key, &sealing);
        let (first, second) =
            (sealing.seal(b"a", b"one").unwrap(), sealing.seal(b"a", b"two").unwrap());
        assert_eq!((first.0, second.0), (0, 1));
        assert!(opening.open(&second.1, b"a").is_err(), "not before the first");
        assert_eq!(opening.open(&first.1, b"a").unwrap(), b"one");
        assert!(opening.open(&second.1, b"b").is_err(), "not in another place");
        assert_eq!(opening.open(&second.1, b"a").unwrap(), b"two");
        let (stranger, _) = reader();
        assert!(opener(&stranger, &key, &sealing).open(&first.1, b"a").is_err());
        assert!(opener(&private, &MessageKey::fresh(), &sealing).open(&first.1, b"a").is_err());
    }

    #[test]
    fn a_kept_pair_opens_under_its_own_vault_and_in_its_place_only() {
        let vault = |digits: &str| Vault::new(&MasterKey::from_hex(&digits.repeat(32)).unwrap());
        let record = |digits| vault(digits).unwrap().record_key(b"keys").unwrap();
        let key = MessageKey::fresh();
        let sealed = key.sealed(&record("11"), b"1").unwrap();
        let public = key.public();
        assert!(!sealed.windows(32).any(|window| window == key.private.to_bytes().as_slice()));
        let kept = MessageKey::open(&record("11"), b"1", &sealed).unwrap();
        assert_eq!(kept.public(), public);
        assert!(MessageKey::open(&record("22"), b"1", &sealed).is_err());
        assert!(MessageKey::open(&record("11"), b"2", &sealed).is_err());
        assert_eq!(format!("{key:?}"), "MessageKey(…)");
    }

    #[test]
    fn a_point_that_agrees_on_nothing_is_no_readers_key() {
        for bad in [&[0; 32][..], &[1; 31], &[1; 33], &[]] {
            assert_eq!(ReaderKey::new(bad).unwrap_err(), MessageError::BadKey);
        }
    }
}
