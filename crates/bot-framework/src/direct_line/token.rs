//! Direct Line's tokens: what a page may do, for which conversation, until when.
//!
//! A token is a JSON Web Token, signed with HS256, because clients look inside for the claim `user`
//! and take the user's id from there (reference 4.2). Nothing is stored: whoever has the key can
//! check any token, after a restart as well as on another machine.
//!
//! It never reads a clock (the moment is an argument, the library's own check is off) and never
//! invents ids. It checks what a token *is*; what it may do is for the caller to compare with the
//! request.

use std::fmt;

use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode, errors::ErrorKind,
};
use serde::{Deserialize, Serialize};

/// What a token says. The names on the wire are in brackets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The conversation it opens (`conv`).
    #[serde(rename = "conv")]
    pub conversation: String,
    /// The user it binds (`user`). Without one, the page's own claim is all there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What the site calls that user (`name`); shown, and no proof of anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The origins whose pages may use it (`origins`), each as a digest that only who gave it out can
    /// make; empty for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
    /// Which configured site, and so which bot and tenant, gave it out (`site`).
    pub site: String,
    /// The public key of the page that reads (`reader`): all that it reads is sealed to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<String>,
    /// What it is good for (`use`).
    #[serde(rename = "use")]
    pub purpose: Purpose,
    /// When it was given out (`iat`), in seconds since 1970.
    #[serde(rename = "iat")]
    pub issued_at: u64,
    /// The first second in which it is no longer good (`exp`), in seconds since 1970.
    #[serde(rename = "exp")]
    pub expires_at: u64,
    /// Its own id (`jti`), fresh and random, so that no two tokens are alike and one can be named.
    #[serde(rename = "jti")]
    pub id: String,
}

/// What a token is good for. The two never stand in for one another: a stream's ticket travels in
/// an address, where proxies write it down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// `token`: the bearer token of the REST calls.
    Token,
    /// `stream`: the ticket in a stream's address.
    Stream,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token of ours: no JSON Web Token, another algorithm, or claims we never write.
    #[error("the token is malformed")]
    Malformed,
    /// Signed with another key, or changed.
    #[error("the token's signature does not match")]
    BadSignature,
    /// Ours, but for another use.
    #[error("the token is not meant for this use")]
    WrongPurpose,
    /// Ours, and past its end. The claims are proven, so that a grace period can be granted.
    #[error("the token has expired")]
    Expired {
        /// What it said.
        claims: Box<Claims>,
    },
}

/// The key that signs and checks tokens. Its debug form shows nothing, and it is wiped from memory
/// when dropped.
pub struct TokenKey {
    signing: EncodingKey,
    checking: DecodingKey,
    validation: Validation,
}

impl TokenKey {
    /// A key from 32 secret bytes. The same bytes make a key that accepts the same tokens.
    pub fn new(secret: &[u8; 32]) -> TokenKey {
        // One algorithm, whatever a token's header claims.
        let mut validation = Validation::new(Algorithm::HS256);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        TokenKey {
            signing: EncodingKey::from_secret(secret),
            checking: DecodingKey::from_secret(secret),
            validation,
        }
    }

    /// Signs the claims.
    #[expect(clippy::missing_panics_doc, reason = "signing strings and numbers cannot fail")]
    pub fn mint(&self, claims: &Claims) -> String {
        encode(&Header::new(Algorithm::HS256), claims, &self.signing)
            .expect("claims are strings and numbers, and HMAC takes a key of any length")
    }

    /// Checks a token for one use, at `now` in seconds since 1970. The order is: form and
    /// signature, use, time; so what comes back with [`TokenError::Expired`] is proven and was
    /// meant for this use.
    pub fn verify(&self, token: &str, purpose: Purpose, now: u64) -> Result<Claims, TokenError> {
        let claims = decode::<Claims>(token, &self.checking, &self.validation)
            .map_err(|error| match error.kind() {
                ErrorKind::InvalidSignature => TokenError::BadSignature,
                _ => TokenError::Malformed,
            })?
            .claims;
        if claims.purpose != purpose {
            return Err(TokenError::WrongPurpose);
        }
        if now >= claims.expires_at {
            return Err(TokenError::Expired { claims: Box::new(claims) });
        }
        Ok(claims)
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(..)")
    }
}

#[cfg(test)]
mod tests;
