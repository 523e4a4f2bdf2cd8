//! The watermark: how far a client has read.

use std::fmt;

/// A place in a conversation's log: everything up to and including the message of this number was
/// read.
///
/// Opaque to clients, never going backwards within a conversation (reference 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Watermark(u64);

/// A watermark that we never gave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the watermark is not one that this service has given out")]
pub struct WatermarkError;

impl Watermark {
    /// Before the first message.
    pub const START: Watermark = Watermark(0);

    /// After the message with this number.
    pub fn new(number: u64) -> Watermark {
        Watermark(number)
    }

    /// The number of the last message read; 0 for none.
    pub fn number(self) -> u64 {
        self.0
    }

    /// Reads the query's `watermark`.
    ///
    /// `None` means that the client names no place (no parameter, or an empty one). Whether it then
    /// gets everything is the server's choice, with [`START`](Watermark::START) as the one that
    /// loses nothing. `-`, the mark of a stream just started, is the start: a client posts before
    /// its socket is open and must not miss the echo.
    pub fn parse(given: Option<&str>) -> Result<Option<Watermark>, WatermarkError> {
        match given {
            None | Some("") => Ok(None),
            Some("-") => Ok(Some(Watermark::START)),
            // The integer's own parser would also take a plus sign, which a query turns into a
            // space.
            Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().map(|number| Some(Watermark(number))).map_err(|_| WatermarkError)
            }
            Some(_) => Err(WatermarkError),
        }
    }
}

impl fmt::Display for Watermark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watermark_is_a_number_the_start_or_nothing() {
        for (given, expected) in [
            (None, Ok(None)),
            (Some(""), Ok(None)),
            (Some("-"), Ok(Some(0))),
            (Some("0"), Ok(Some(0))),
            (Some("42"), Ok(Some(42))),
            (Some("18446744073709551615"), Ok(Some(u64::MAX))),
            (Some("18446744073709551616"), Err(WatermarkError)),
            (Some("+1"), Err(WatermarkError)),
            (Some("-1"), Err(WatermarkError)),
            (Some(" 1"), Err(WatermarkError)),
            (Some("1.0"), Err(WatermarkError)),
            (Some("abc"), Err(WatermarkError)),
            (Some("١"), Err(WatermarkError)),
        ] {
            let read = Watermark::parse(given).map(|mark| mark.map(Watermark::number));
            assert_eq!(read, expected, "{given:?}");
        }
    }

    #[test]
    fn what_is_given_out_is_read_back() {
        for number in [0, 1, 9_007_199_254_740_993, u64::MAX] {
            let mark = Watermark::new(number);
            assert_eq!(Watermark::parse(Some(&mark.to_string())), Ok(Some(mark)));
        }
    }
}
