//! Who may call the API, and the headers that say so.
//!
//! Owns the check of credentials; what the caller gets when it fails is the door's business.

use axum::http::{HeaderMap, header};
use secrecy::{ExposeSecret, SecretString};

use super::signature;
use crate::{request::Request, shared::Shared};

/// Whether a request's message-auth credential is right, or none is asked for (reference 7.2). The
/// header `token` beats the body's.
pub(super) fn is_trusted(
    shared: &Shared,
    headers: &HeaderMap,
    request: &Request,
    body: &[u8],
) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let by_token = |known: &SecretString| {
        let presented = text("token").or(request.token.as_deref()).unwrap_or_default();
        is_same(presented, known)
    };
    let by_hash = |secret: &SecretString| {
        text("x-b2b-signature").is_some_and(|given| signature::is_right(given, secret, body))
    };
    match (&shared.message_token, &shared.message_hash) {
        (None, None) => true,
        (token, hash) => token.as_ref().is_some_and(by_token) || hash.as_ref().is_some_and(by_hash),
    }
}

/// Compares in a time that tells nothing of where they differ.
fn is_same(presented: &str, known: &SecretString) -> bool {
    let known = known.expose_secret().as_bytes();
    aws_lc_rs::constant_time::verify_slices_are_equal(presented.as_bytes(), known).is_ok()
}

pub(super) fn is_authenticated(shared: &Shared, headers: &HeaderMap) -> bool {
    let Some((scheme, value)) = authorization(headers) else { return false };
    if scheme.eq_ignore_ascii_case("bearer") {
        shared.lock().registry.admits(value, shared.clock.now())
    } else {
        let credentials = &shared.credentials;
        let known = format!("{}:{}", credentials.username, credentials.password.expose_secret());
        scheme.eq_ignore_ascii_case("basic") && value == base64(known.as_bytes())
    }
}

/// The access token that was presented, if it was one.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, value) = authorization(headers)?;
    scheme.eq_ignore_ascii_case("bearer").then_some(value)
}

fn authorization(headers: &HeaderMap) -> Option<(&str, &str)> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')
}

pub(super) fn has_type(headers: &HeaderMap, expected: &str) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = given.and_then(|given| given.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(expected)
}

pub(super) fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
}

/// Standard Base64 with padding, for comparing Basic credentials without decoding a stranger's.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let padded = [0, 1, 2].map(|i| u32::from(chunk.get(i).copied().unwrap_or(0)));
        let group = padded[0] << 16 | padded[1] << 8 | padded[2];
        for digit in 0..4 {
            let index = (group >> (18 - 6 * digit) & 63) as usize;
            text.push(if digit <= chunk.len() { char::from(ALPHABET[index]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_pads_as_the_standard_says() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ] {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }
}
