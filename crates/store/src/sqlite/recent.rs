//! The newest answers to repeats, packed into one column of their conversation's row.
//!
//! Where a conversation stands changes with every message anyway, so remembering an answer there
//! costs no page of its own; a row per key, in a table ordered by a hash, cost one for nearly every
//! message. When the column is full, its older half goes to the table `repeat` at once: rows of one
//! conversation, which share pages.
//!
//! ```text
//! oldest │ key: 8 bytes │ number: 1..10 │ at, after the one before it: 1..10 │ … │ newest
//! ```
//!
//! Nothing here knows SQL; `repeats` looks up, `standing` saves.

use super::varint::{self, Reader};

/// How many answers a row keeps: a dozen bytes each. Rows are written seldom (`hot`), so their size
/// costs little; what goes to the table costs a write for each answer and a look for each question.
/// A human chat seldom has more messages in a day.
pub(super) const RECENT_MAX: usize = 512;

/// One answer: what a row of `repeat` holds, without the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Remembered {
    pub(super) key: i64,
    pub(super) number: u64,
    pub(super) at: i64,
}

/// The column ends in the middle of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the recent answers are torn")]
pub(super) struct Torn;

/// The answers in a column, oldest first.
pub(super) fn answers(column: &[u8]) -> Answers<'_> {
    Answers { rest: Reader(column), at: 0 }
}

/// A column with these answers.
pub(super) fn column(answers: &[Remembered]) -> Vec<u8> {
    let mut column = Vec::new();
    let mut newest_at = 0;
    for answer in answers {
        add(&mut column, newest_at, *answer);
        newest_at = answer.at;
    }
    column
}

/// Adds an answer to a column whose newest answer was first seen at `newest_at` (zero if it is
/// empty).
pub(super) fn add(column: &mut Vec<u8>, newest_at: i64, answer: Remembered) {
    column.extend_from_slice(&answer.key.to_le_bytes());
    varint::put(column, answer.number);
    // The clock may go back between two messages; close to zero either way is short.
    varint::put(column, zigzag(answer.at.wrapping_sub(newest_at)));
}

/// Reads a column; ends after the first thing that is torn.
#[derive(Debug, Clone)]
pub(super) struct Answers<'a> {
    rest: Reader<'a>,
    at: i64,
}

impl Answers<'_> {
    fn read(&mut self) -> Option<Remembered> {
        let (key, number) = (self.rest.fixed()?, self.rest.number()?);
        self.at = self.at.wrapping_add(unzigzag(self.rest.number()?));
        Some(Remembered { key, number, at: self.at })
    }
}

impl Iterator for Answers<'_> {
    type Item = Result<Remembered, Torn>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.0.is_empty() {
            return None;
        }
        let answer = self.read();
        if answer.is_none() {
            self.rest = Reader(&[]);
        }
        Some(answer.ok_or(Torn))
    }
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every kind of neighbour: the ends of each type, a clock that stands still, jumps and goes
    /// back.
    const EVERYTHING: [Remembered; 6] = [
        Remembered { key: i64::MIN, number: 0, at: 0 },
        Remembered { key: -1, number: 127, at: 1_700_000_000_000 },
        Remembered { key: 0, number: 128, at: 1_700_000_000_000 },
        Remembered { key: 1, number: 1 << 35, at: 1_699_999_999_999 },
        Remembered { key: i64::MAX, number: u64::MAX, at: i64::MAX },
        Remembered { key: 2, number: 3, at: i64::MIN },
    ];

    #[test]
    fn what_was_added_comes_out_again_in_order() {
        for first in 0..EVERYTHING.len() {
            let packed = &EVERYTHING[first..];
            let read: Vec<_> = answers(&column(packed)).collect::<Result<_, _>>().unwrap();
            assert_eq!(read, packed);
        }
        assert_eq!(answers(&[]).next(), None);
    }

    #[test]
    fn a_torn_column_is_an_error_wherever_it_ends() {
        let whole = column(&EVERYTHING);
        let ends: Vec<usize> =
            (1..=EVERYTHING.len()).map(|count| column(&EVERYTHING[..count]).len()).collect();
        for end in 1..whole.len() {
            let read: Result<Vec<_>, _> = answers(&whole[..end]).collect();
            assert_eq!(read.is_err(), !ends.contains(&end), "{end} bytes");
        }
        let endless = [&[0; 8][..], &[0xff; 40]].concat();
        assert_eq!(answers(&endless).collect::<Vec<_>>(), [Err(Torn)]);
    }

    #[test]
    fn a_full_column_leaves_room_for_the_state() {
        // A message every minute, in the ten thousands: wider than what a chat comes to.
        let chat: Vec<_> = (0..RECENT_MAX as u64)
            .map(|nth| Remembered {
                key: i64::MAX,
                number: 90_000 + nth,
                at: 1_700_000_000_000 + 60_000 * i64::try_from(nth).unwrap(),
            })
            .collect();
        assert!(column(&chat).len() <= 14 * RECENT_MAX + 4, "{}", column(&chat).len());
    }
}
