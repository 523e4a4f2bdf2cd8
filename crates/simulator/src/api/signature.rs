//! Message authentication by hash: `x-b2b-signature` (reference 7.2).
//!
//! Owns the form of the body that is signed: what `JSON.stringify(JSON.parse(body))` yields, so
//! white space, `\/`, `\u00e9` and `1.0` in what was sent do not survive.

use aws_lc_rs::hmac;
use secrecy::{ExposeSecret, SecretString};

/// Whether the header is the lower-case hexadecimal HMAC-SHA1 of the compact body.
pub(super) fn is_right(presented: &str, secret: &SecretString, body: &[u8]) -> bool {
    let Some(compact) = std::str::from_utf8(body).ok().and_then(compact) else { return false };
    let Some(tag) = unhex(presented) else { return false };
    let key = secret.expose_secret().as_bytes();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    hmac::verify(&key, compact.as_bytes(), &tag).is_ok()
}

/// Reads lower-case hexadecimal digits.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}

/// Valid JSON as a script engine would write it again. Members keep their order.
fn compact(json: &str) -> Option<String> {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => {
                let end = end_of_string(rest)?;
                let text: String = serde_json::from_str(rest.get(..end)?).ok()?;
                out.push_str(&serde_json::to_string(&text).ok()?);
                end
            }
            '-' | '0'..='9' => {
                let of_number = |c: char| matches!(c, '-' | '+' | '.' | 'e' | 'E' | '0'..='9');
                let end = rest.find(|c| !of_number(c)).unwrap_or(rest.len());
                out.push_str(&number(rest.get(..end)?)?);
                end
            }
            ' ' | '\t' | '\n' | '\r' => 1,
            other => {
                out.push(other);
                other.len_utf8()
            }
        };
        rest = rest.get(length..)?;
    }
    Some(out)
}

/// Where the string that opens here is over, its quotation mark included.
fn end_of_string(text: &str) -> Option<usize> {
    let mut escaped = false;
    let ends = |(index, c): (usize, char)| {
        let closes = index > 0 && c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes.then_some(index + 1)
    };
    text.char_indices().find_map(ends)
}

/// A number as a script engine writes it, for all that it writes without an exponent.
fn number(text: &str) -> Option<String> {
    let value: f64 = text.parse().ok()?;
    // Zero has no sign there.
    Some(if value == 0.0 { "0".to_owned() } else { value.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_signed_as_a_script_engine_would_write_it_again() {
        for (sent, signed) in [
            (
                "{ \"b\" : 1.0,\n\t\"a\": [ -0, 2.50, 1767225605000 ] }",
                r#"{"b":1,"a":[0,2.5,1767225605000]}"#,
            ),
            (r#"{"u":"https:\/\/e.org","e":"\u00e9\u000a"}"#, r#"{"u":"https://e.org","e":"é\n"}"#),
            (
                r#"{"q":"say \"hi\" \\","t":true,"n":null}"#,
                r#"{"q":"say \"hi\" \\","t":true,"n":null}"#,
            ),
            (r#"{"spaces":"a  b"}"#, r#"{"spaces":"a  b"}"#),
        ] {
            assert_eq!(compact(sent).as_deref(), Some(signed));
        }
        assert_eq!(compact("\"open"), None);
    }

    #[test]
    fn a_signature_is_that_of_these_bytes_with_this_secret() {
        // As `openssl dgst -sha1 -hmac secret` has it for {"userId":"u"}.
        let hex = "eb8c874ec0460898fd48e369b0689d1235aed625";
        let secret = SecretString::from("secret");
        assert!(is_right(hex, &secret, b"{ \"userId\": \"u\" }"));
        assert!(!is_right(hex, &secret, b"{\"userId\":\"v\"}"));
        assert!(!is_right(hex, &"other".into(), br#"{"userId":"u"}"#));
        assert!(!is_right(&hex.to_uppercase(), &secret, br#"{"userId":"u"}"#));
        assert!(!is_right("", &secret, b"{}"));
        assert!(!is_right("0", &secret, b"{}"));
    }
}
