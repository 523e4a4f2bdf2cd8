//! What an answer's headers say, whoever sent it.
//!
//! Dates are compared with the answer's own, so no clock of ours is needed and clocks need not
//! agree.

use std::time::Duration;

use ::http::HeaderMap;
use ::http::header::{CONTENT_TYPE, DATE, RETRY_AFTER};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// The longest `Retry-After` believed. Rate limits are counted by the hour at most.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);

/// Whether the answer claims to be JSON. One that claims nothing may be.
pub fn says_json(headers: &HeaderMap) -> bool {
    let Some(said) = media_type(headers) else { return true };
    said == "application/json" || said == "text/json" || said.ends_with("+json")
}

/// Whether the answer claims to be a page.
pub fn says_html(headers: &HeaderMap) -> bool {
    media_type(headers).is_some_and(|said| said == "text/html" || said == "application/xhtml+xml")
}

/// `Retry-After` in seconds, or as a date; a date in the past means at once.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let wait = if is_number {
        // One that is no number any more is long all the same.
        value.parse().map_or(RETRY_AFTER_MAX, Duration::from_secs)
    } else {
        let until = moment(value)?;
        let now = date(headers)?;
        Duration::try_from(until.duration_since(now)).unwrap_or_default()
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

/// The sender's clock, in milliseconds since 1970; it has seconds.
pub fn date_ms(headers: &HeaderMap) -> Option<i64> {
    Some(date(headers)?.as_millisecond())
}

/// In lower case, without its parameters.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().unwrap_or_default();
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    moment(headers.get(DATE)?.to_str().ok()?)
}

fn moment(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use ::http::HeaderValue;

    use super::*;

    fn headers(of: &[(&'static str, &'static str)]) -> HeaderMap {
        of.iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn a_wait_is_told_in_seconds_or_as_a_date_and_believed_up_to_an_hour() {
        let now = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        for (given, expected_s) in [
            (vec![("retry-after", "7")], Some(7)),
            (vec![("retry-after", " 0 ")], Some(0)),
            (vec![("retry-after", "99999999")], Some(3600)),
            (vec![("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT"), now], Some(30)),
            (vec![("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT"), now], Some(0)),
            (vec![("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")], None),
            (vec![("retry-after", "soon"), now], None),
            (vec![("retry-after", "-1"), now], None),
            (vec![now], None),
        ] {
            let expected = expected_s.map(Duration::from_secs);
            assert_eq!(retry_after(&headers(&given)), expected, "{given:?}");
        }
    }

    #[test]
    fn an_answer_says_what_it_is_or_may_be_json() {
        for (content_type, json, html) in [
            ("application/json", true, false),
            ("Application/JSON; charset=utf-8", true, false),
            ("application/problem+json", true, false),
            ("text/json", true, false),
            ("text/html; charset=utf-8", false, true),
            ("application/xhtml+xml", false, true),
            ("text/plain", false, false),
            ("", false, false),
        ] {
            let headers = headers(&[("content-type", content_type)]);
            assert_eq!((says_json(&headers), says_html(&headers)), (json, html), "{content_type}");
        }
        assert!(says_json(&HeaderMap::new()) && !says_html(&HeaderMap::new()));
    }
}
