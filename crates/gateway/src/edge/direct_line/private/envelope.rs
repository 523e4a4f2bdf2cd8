//! How sealed activities are written. The words and lengths here are a contract with every client:
//! docs/message-encryption.md has them, and what changes gets another version.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use vault::{ENCAPSULATED_BYTES, PUBLIC_KEY_BYTES};

/// The version of envelopes, and of what they are bound to.
pub(super) const VERSION: u8 = 1;

/// What HPKE is told of messages of a page's.
pub(super) const TO_GATEWAY: &str = "warmline message 1 to gateway";

/// What HPKE is told of messages to a reader.
pub(super) const TO_READER: &str = "warmline message 1 to reader";

/// Plain text is filled up with blanks to a multiple of this many bytes, so that the length of a short
/// answer does not give it away.
pub(super) const PADDED_BYTES: usize = 256;

/// The suite: the numbers of RFC 9180 for X25519 with HKDF-SHA256, HKDF-SHA256, and AES-256-GCM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Suite {
    kem: u16,
    kdf: u16,
    aead: u16,
}

/// The one that there is.
pub(super) const SUITE: Suite = Suite { kem: 0x0020, kdf: 0x0001, aead: 0x0002 };

/// What a page posts in `channelData.warmline.sealed`.
#[derive(Debug, Deserialize)]
pub(super) struct Posted {
    pub(super) v: u8,
    /// Which of the gateway's keys it is sealed to.
    pub(super) kid: String,
    pub(super) enc: String,
    /// When it was sealed, by the gateway's clock.
    pub(super) at: String,
    pub(super) ct: String,
}

/// What a reader gets in the same place, and with the answer to an invoke.
#[derive(Debug, Serialize)]
pub(in crate::edge::direct_line) struct Sealed {
    v: u8,
    /// Which of the gateway's keys vouches for it.
    kid: String,
    enc: String,
    /// Its place in the order of what was sealed with this `enc`.
    seq: u64,
    ct: String,
}

impl Sealed {
    pub(super) fn new(kid: &str, enc: &str, seq: u64, sealed: &[u8]) -> Self {
        let (kid, enc) = (kid.to_owned(), enc.to_owned());
        Self { v: VERSION, kid, enc, seq, ct: encoded(sealed) }
    }
}

/// What an envelope is bound to: each part with its length before it, so that no two lists of parts
/// are alike.
pub(super) fn bound_to(parts: &[&str]) -> Vec<u8> {
    let mut bound = Vec::new();
    for part in parts {
        bound.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        bound.extend_from_slice(part.as_bytes());
    }
    bound
}

/// Base64 for addresses, without filling: what all bytes of the format are written in.
pub(super) fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// A public key, or what is encapsulated: both are 32 bytes.
pub(super) fn decoded_key(text: &str) -> Option<[u8; PUBLIC_KEY_BYTES]> {
    const { assert!(PUBLIC_KEY_BYTES == ENCAPSULATED_BYTES) };
    decoded(text)?.try_into().ok()
}
