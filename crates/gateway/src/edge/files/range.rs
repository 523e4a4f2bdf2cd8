//! Which part of a file is asked for (RFC 9110, 13 and 14). One part at most: who asks for several gets
//! all of it, which the protocol allows.

use std::ops::Range;

use axum::http::{HeaderMap, HeaderName, header};

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    Whole,
    /// From the first byte to before the second.
    Part(Range<u64>),
    /// What begins beyond the end.
    Beyond,
    /// The asker has it already.
    Unchanged,
}

/// What is asked for of something of this size that is called so.
pub(super) fn asked(headers: &HeaderMap, tag: &str, size: u64) -> Asked {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if text(header::IF_NONE_MATCH).is_some_and(|known| names(known, tag)) {
        return Asked::Unchanged;
    }
    // Of another file there is no part that would fit to what the asker has; a date is never the tag.
    if text(header::IF_RANGE).is_some_and(|known| known.trim() != tag) {
        return Asked::Whole;
    }
    text(header::RANGE).map_or(Asked::Whole, |range| part(range, size))
}

fn names(known: &str, tag: &str) -> bool {
    known.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

fn part(range: &str, size: u64) -> Asked {
    let Some((unit, parts)) = range.split_once('=') else { return Asked::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") || parts.contains(',') {
        return Asked::Whole;
    }
    let Some((first, last)) = parts.trim().split_once('-') else { return Asked::Whole };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // Too many digits are more than any file has.
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    match (number(first), number(last)) {
        (Some(first), Some(last)) if last < first => Asked::Whole,
        (Some(first), _) if first >= size => Asked::Beyond,
        (Some(first), Some(last)) => Asked::Part(first..last.saturating_add(1).min(size)),
        (Some(first), None) if last.is_empty() => Asked::Part(first..size),
        (None, Some(0)) => Asked::Beyond,
        (None, Some(length)) if first.is_empty() => Asked::Part(size.saturating_sub(length)..size),
        (_, None) | (None, Some(_)) => Asked::Whole,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(headers: &[(HeaderName, &'static str)]) -> Asked {
        let headers =
            headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        asked(&headers.collect(), "\"t\"", 100)
    }

    #[test]
    fn one_part_is_that_part_and_everything_else_the_whole() {
        for (range, expected) in [
            ("bytes=0-0", Asked::Part(0..1)),
            ("bytes=0-99", Asked::Part(0..100)),
            ("bytes=10-", Asked::Part(10..100)),
            ("Bytes =10-19", Asked::Part(10..20)),
            ("Bytes=10-19", Asked::Part(10..20)),
            ("bytes=90-1000", Asked::Part(90..100)),
            ("bytes=90-99999999999999999999999", Asked::Part(90..100)),
            ("bytes=-10", Asked::Part(90..100)),
            ("bytes=-1000", Asked::Part(0..100)),
            ("bytes=-0", Asked::Beyond),
            ("bytes=100-", Asked::Beyond),
            ("bytes=99999999999999999999999-", Asked::Beyond),
            ("bytes=20-10", Asked::Whole),
            ("bytes=0-1,5-6", Asked::Whole),
            ("bytes=", Asked::Whole),
            ("bytes=-", Asked::Whole),
            ("bytes=a-b", Asked::Whole),
            ("bytes=1-b", Asked::Whole),
            ("pages=1-2", Asked::Whole),
        ] {
            let same = [(header::RANGE, range), (header::IF_RANGE, "\"t\"")];
            assert_eq!(of(&same), expected, "{range}");
            let other = [(header::RANGE, range), (header::IF_RANGE, "\"other\"")];
            assert_eq!(of(&other), Asked::Whole, "{range} of another");
        }
        assert_eq!(of(&[]), Asked::Whole);
    }

    #[test]
    fn who_has_it_already_is_told_so() {
        for known in ["\"t\"", "\"x\", W/\"t\"", "*"] {
            assert_eq!(of(&[(header::IF_NONE_MATCH, known)]), Asked::Unchanged, "{known}");
        }
        assert_eq!(of(&[(header::IF_NONE_MATCH, "\"x\"")]), Asked::Whole);
    }
}
