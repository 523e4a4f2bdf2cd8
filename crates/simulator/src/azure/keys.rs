//! Who signs: the key pairs of the two issuers, what of them is published, and both directions of
//! RS256.
//!
//! Keys are made at the start and never leave the process.

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// Base64 as tokens have it.
pub(super) fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// One key pair.
pub(super) struct Signer {
    pub(super) kid: String,
    pair: RsaKeyPair,
    /// The channels that its tokens may speak for; the login's keys have none.
    pub(super) endorsements: Vec<String>,
    /// Whether it is in the published set; one that is not can still sign, for tests.
    pub(super) published: bool,
}

impl Signer {
    fn new(kid: String, endorsements: Vec<String>) -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("the system has randomness");
        Self { kid, pair, endorsements, published: true }
    }

    /// A signature by RS256.
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .expect("the buffer is as long as the modulus");
        signature
    }

    /// HMAC with the public key for a secret: what a careless verifier takes for RS256.
    pub(super) fn confuse(&self, message: &[u8]) -> Vec<u8> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.pair.public_key().as_ref());
        hmac::sign(&key, message).as_ref().to_vec()
    }

    fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = self.pair.public_key().as_ref();
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
        key.verify(message, signature).is_ok()
    }

    /// The public key as it is published.
    pub(super) fn jwk(&self) -> Value {
        let (modulus, exponent) = integers(self.pair.public_key().as_ref());
        let mut jwk = json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "x5t": self.kid,
            "n": b64(modulus), "e": b64(exponent),
        });
        if !self.endorsements.is_empty() {
            jwk["endorsements"] = json!(self.endorsements);
        }
        jwk
    }
}

/// The keys of one issuer, newest last.
pub(super) struct KeySet {
    name: &'static str,
    signers: Vec<Signer>,
    made: usize,
    /// What is published beside them: keys that cannot sign, say.
    pub(super) extra: Vec<Value>,
}

impl KeySet {
    pub(super) fn new(name: &'static str, endorsements: Vec<String>) -> Self {
        let mut set = Self { name, signers: Vec::new(), made: 0, extra: Vec::new() };
        set.rotate(false, endorsements);
        set
    }

    /// A new key that signs from now on. The old ones stay published if they are kept.
    pub(super) fn rotate(&mut self, keeps_old: bool, endorsements: Vec<String>) {
        for signer in &mut self.signers {
            signer.published &= keeps_old;
        }
        self.made += 1;
        let kid = format!("{}-{}", self.name, self.made);
        self.signers.push(Signer::new(kid, endorsements));
    }

    /// The key that signs.
    pub(super) fn newest(&self) -> &Signer {
        self.signers.last().expect("one is made with the set")
    }

    pub(super) fn newest_mut(&mut self) -> &mut Signer {
        self.signers.last_mut().expect("one is made with the set")
    }

    /// The published document.
    pub(super) fn document(&self) -> Value {
        let keys = self.signers.iter().filter(|signer| signer.published).map(Signer::jwk);
        json!({"keys": keys.chain(self.extra.iter().cloned()).collect::<Vec<_>>()})
    }

    /// Whether a key of this name, published or not, has signed this.
    pub(super) fn has_signed(&self, kid: &str, message: &[u8], signature: &[u8]) -> bool {
        let known = self.signers.iter().find(|signer| signer.kid == kid);
        known.is_some_and(|signer| signer.has_signed(message, signature))
    }
}

/// The two integers of a public key in DER (RFC 8017, A.1.1), without their leading zeros.
fn integers(der: &[u8]) -> (&[u8], &[u8]) {
    fn element(der: &[u8]) -> (&[u8], &[u8]) {
        let (length, start) = match der[1] {
            short @ 0..0x80 => (usize::from(short), 2),
            long => {
                let bytes = usize::from(long & 0x7f);
                let digits = &der[2..2 + bytes];
                let length = digits.iter().fold(0, |sum, byte| sum * 256 + usize::from(*byte));
                (length, 2 + bytes)
            }
        };
        der[start..].split_at(length)
    }
    let (sequence, _) = element(der);
    let (modulus, rest) = element(sequence);
    let (exponent, _) = element(rest);
    (trimmed(modulus), trimmed(exponent))
}

fn trimmed(integer: &[u8]) -> &[u8] {
    let zeros = integer.iter().take_while(|byte| **byte == 0).count();
    &integer[zeros..]
}
