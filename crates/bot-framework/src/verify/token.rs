//! A JSON Web Token's three parts, and the proof of its signature.
//!
//! Owns the reading, which believes nothing, and the one family of algorithms that is verified. What
//! the claims must say is for the rules of its kind.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::VerifyError;

/// The longest token looked at. Entra's have two or three kilobytes, with many roles perhaps five.
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// The longest header part looked at: an algorithm, a key's name and its print. A certificate chain,
/// which we would pass over, fits too.
const HEADER_BYTES_MAX: usize = 8 * 1024;

/// The longest name of a key. Entra's have 27 characters, and 43 in another cloud.
const KID_BYTES_MAX: usize = 256;

/// A token that was read and not yet proven.
pub(super) struct Token<'a> {
    text: &'a str,
    /// What is signed: header and claims as they came.
    message: &'a str,
    signature: &'a str,
    algorithm: Algorithm,
    kid: String,
    claims: Claims,
}

/// Of a header, what is looked at. Whatever it says about where keys are is not.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Members that must be understood (RFC 7515, 4.1.11). We understand none.
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

/// Of the claims, what is looked at. A member twice is refused, or two readers would see two tokens.
#[derive(Deserialize)]
pub(super) struct Claims {
    pub(super) iss: Option<String>,
    pub(super) aud: Option<Audience>,
    pub(super) exp: Option<f64>,
    pub(super) nbf: Option<f64>,
    pub(super) tid: Option<String>,
    pub(super) ver: Option<String>,
    pub(super) appid: Option<String>,
    pub(super) azp: Option<String>,
    /// Where a channel wants to be answered; by this spelling only.
    pub(super) serviceurl: Option<String>,
    /// What a user allowed the app to do; absent where the app acts by itself.
    #[serde(default, deserialize_with = "present")]
    pub(super) scp: bool,
}

/// `aud` may be one or several (RFC 7519, 4.1.3).
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    pub(super) fn as_slice(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several,
        }
    }
}

impl<'a> Token<'a> {
    /// Takes a token apart.
    pub(super) fn read(text: &'a str) -> Result<Self, VerifyError> {
        if text.len() > TOKEN_BYTES_MAX {
            return Err(VerifyError::Malformed);
        }
        let (message, signature) = text.rsplit_once('.').ok_or(VerifyError::Malformed)?;
        let (header, claims) = message.split_once('.').ok_or(VerifyError::Malformed)?;
        if claims.contains('.') || header.len() > HEADER_BYTES_MAX {
            return Err(VerifyError::Malformed);
        }
        let header: Header = part(header)?;
        let algorithm = match header.alg.as_str() {
            "RS256" => Algorithm::RS256,
            "RS384" => Algorithm::RS384,
            "RS512" => Algorithm::RS512,
            _ => return Err(VerifyError::BadAlgorithm),
        };
        let kid = header.kid.filter(|kid| (1..=KID_BYTES_MAX).contains(&kid.len()));
        match kid {
            Some(kid) if !header.crit => {
                Ok(Self { text, message, signature, algorithm, kid, claims: part(claims)? })
            }
            _ => Err(VerifyError::Malformed),
        }
    }

    /// What tells this token from every other.
    pub(super) fn digest(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, self.text.as_bytes()).as_ref());
        bytes
    }

    /// The name of the key it is said to be signed with.
    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    /// What it says. Nothing of it is so before [`prove`](Self::prove) has said so.
    pub(super) fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Whether the key has signed it.
    pub(super) fn prove(&self, key: &DecodingKey) -> Result<(), VerifyError> {
        let (signature, message) = (self.signature, self.message.as_bytes());
        match crypto::verify(signature, message, key, self.algorithm) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(VerifyError::BadSignature),
        }
    }
}

fn part<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, VerifyError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| VerifyError::Malformed)?;
    // A derived struct would take an array for itself, field by field.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(VerifyError::Malformed);
    }
    serde_json::from_slice(&bytes).map_err(|_| VerifyError::Malformed)
}

/// Whether a member is there, whatever it is.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

#[cfg(test)]
mod tests;
