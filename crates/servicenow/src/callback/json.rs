//! From bytes to JSON text that can be parsed: encoding, shape, depth.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::Value;

use super::{NESTING_MAX, ReadError};

/// The body as JSON text: one object, not too deep, without byte order mark and with every half of a
/// surrogate pair mended.
pub(super) fn text(body: &[u8]) -> Result<Cow<'_, str>, ReadError> {
    let text = std::str::from_utf8(body).map_err(|_| ReadError::NotJson)?;
    let text = text.trim_start_matches('\u{feff}').trim();
    if nests_deeper_than(NESTING_MAX, text) {
        return Err(ReadError::TooDeep);
    }
    if !text.starts_with('{') {
        let is_json = serde_json::from_str::<IgnoredAny>(text).is_ok();
        return Err(if is_json { ReadError::NotAnObject } else { ReadError::NotJson });
    }
    Ok(mended(text))
}

/// The same JSON with the last of every doubled key.
pub(super) fn without_doubled_keys(text: &str) -> Result<String, ReadError> {
    let value: Value = serde_json::from_str(text).map_err(|_| ReadError::NotJson)?;
    Ok(value.to_string())
}

/// Counted here and not by the parser: what is skipped or kept raw is never parsed in depth, and
/// would trip over its depth wherever it is read later.
fn nests_deeper_than(levels_max: usize, text: &str) -> bool {
    // Nearly every callback has fewer brackets than may nest, and to count them is quick.
    let opening = text.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count();
    if opening <= levels_max {
        return false;
    }
    let (mut levels, mut in_string) = (0_usize, false);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => {
                bytes.next();
            }
            b'{' | b'[' if !in_string => {
                levels += 1;
                if levels > levels_max {
                    return true;
                }
            }
            b'}' | b']' if !in_string => levels = levels.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// Replaces every `\uD800`–`\uDFFF` that has no partner by `\uFFFD`. Software that cuts texts at a
/// number of UTF-16 units cuts emoji in half, and one half character must not cost the message.
fn mended(text: &str) -> Cow<'_, str> {
    let mut mended: Option<String> = None;
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = text[at..].find('\\') {
        at += found;
        match (unit(text, at), unit(text, at + UNIT_BYTES)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => at += 2 * UNIT_BYTES,
            (Some(0xD800..=0xDFFF), _) => {
                let out = mended.get_or_insert_with(|| String::with_capacity(text.len()));
                out.push_str(&text[copied..at]);
                out.push_str("\\uFFFD");
                at += UNIT_BYTES;
                copied = at;
            }
            (Some(_), _) => at += UNIT_BYTES,
            // Another escape, such as `\\` or `\"`: one character, of whatever width.
            (None, _) => at += 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
        }
    }
    match mended {
        None => Cow::Borrowed(text),
        Some(mut out) => {
            out.push_str(&text[copied..]);
            Cow::Owned(out)
        }
    }
}

/// The length of `\uXXXX`.
const UNIT_BYTES: usize = 6;

/// The UTF-16 unit that is written as `\uXXXX` at a place.
fn unit(text: &str, at: usize) -> Option<u16> {
    let digits = text.get(at..at + UNIT_BYTES)?.strip_prefix("\\u")?;
    u16::from_str_radix(digits, 16).ok()
}
