//! This machine's clock against another's, as an answer's head tells it.

use std::time::Duration;

use super::finding::Finding;

/// Clocks that differ by more than this, in milliseconds, are worth a word: what was missed is asked
/// for by time.
const SKEW_SEEN_MS: i64 = 30_000;

/// Clocks that differ by more than this, in milliseconds, break things: tokens are taken with five
/// minutes' grace.
const SKEW_BAD_MS: i64 = 5 * 60_000;

/// The clock in an answer has seconds, and is read while it is on its way: smaller differences are
/// none, in milliseconds.
const SKEW_NONE_MS: i64 = 2_000;

/// Whose clock was seen, and what breaks if it is far from ours.
pub(super) struct Other<'a> {
    pub(super) check: &'static str,
    /// As a possessive: "the instance's".
    pub(super) whose: &'a str,
    pub(super) breaks: &'a str,
}

impl Other<'_> {
    /// What it means that an answer to a question of this moment, which took so long, said that.
    pub(super) fn judged(&self, theirs_ms: i64, asked_ms: i64, took: Duration) -> Finding {
        let Self { check, whose, breaks } = self;
        // It looked at its clock at some time between the call and the answer, and cut the seconds
        // off.
        let took = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
        let ahead = if theirs_ms > asked_ms.saturating_add(took) {
            theirs_ms - asked_ms - took
        } else {
            (theirs_ms + 999 - asked_ms).min(0)
        };
        let words = |what: &str| {
            let (by, side) = (ahead.abs() / 1_000, if ahead < 0 { "ahead of" } else { "behind" });
            format!("this machine's clock is {by} s {side} {whose}{what}")
        };
        let fix = "set this machine's clock by NTP";
        let apart = ahead.abs();
        if apart <= SKEW_NONE_MS {
            Finding::ok(check, "same", "this machine's clock agrees with it")
        } else if apart <= SKEW_SEEN_MS {
            Finding::ok(check, "near", words(""))
        } else if apart <= SKEW_BAD_MS {
            Finding::warn(check, "skewed", words("")).fix(fix)
        } else {
            Finding::fail(check, "skewed", words(&format!(": {breaks}"))).fix(fix)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_difference_is_judged_by_its_size() {
        let other = Other { check: "x.clock", whose: "the other's", breaks: "tokens are refused" };
        let asked = 1_000_000_000_000;
        for (theirs, took, code, part) in [
            (asked, 0, "same", ""),
            (asked - 999, 5_000, "same", ""),
            (asked + 5_000, 5_000, "same", ""),
            (asked + 10_000, 0, "near", "10 s behind the other's"),
            (asked - 60_999, 0, "skewed", "60 s ahead of the other's"),
            (asked + 301_000, 0, "skewed", "301 s behind the other's: tokens are refused"),
        ] {
            let finding = other.judged(theirs, asked, Duration::from_millis(took));
            assert_eq!(finding.code, code, "{theirs}");
            assert!(finding.found.contains(part), "{part} in {}", finding.found);
        }
    }
}
