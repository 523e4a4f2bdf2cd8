//! Hash message auth (reference 7.2): a signature over exactly the bytes that are sent.
//!
//! The instance reads the body and writes it out anew before it compares, without blanks and with no
//! more escapes than JSON needs; that is how requests are written here.

use std::fmt::{self, Write as _};

use aws_lc_rs::hmac;
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

/// Where it stands.
pub(super) const HEADER: &str = "x-b2b-signature";

/// Signs what is sent. SHA-1 is the instance's choice; as an HMAC it is still sound.
pub(super) struct Signer(hmac::Key);

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(…)")
    }
}

impl Signer {
    pub(super) fn new(secret: &SecretString) -> Self {
        let secret = secret.expose_secret().as_bytes();
        Self(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret))
    }

    /// The signature of these bytes, in lower-case hexadecimal digits.
    pub(super) fn sign(&self, body: &[u8]) -> Option<HeaderValue> {
        let tag = hmac::sign(&self.0, body);
        let digits = tag.as_ref().iter().fold(String::with_capacity(40), |mut text, byte| {
            // Writing to a text cannot fail.
            write!(text, "{byte:02x}").ok();
            text
        });
        HeaderValue::try_from(digits).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_of_rfc_2202() {
        let signature = Signer::new(&"Jefe".into()).sign(b"what do ya want for nothing?");
        assert_eq!(signature.unwrap(), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
        assert!(!format!("{:?}", Signer::new(&"Jefe".into())).contains("Jefe"));
    }
}
