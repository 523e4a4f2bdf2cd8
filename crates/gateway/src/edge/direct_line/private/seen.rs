//! Envelopes that must not count twice.
//!
//! A message that comes again is recognised by its `clientActivityID`, as any message is, and gets the
//! first answer. What has no such memory, an end of the chat and an invoke, is remembered here for as
//! long as its envelope is young enough to be taken.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, PoisonError},
};

use session::id::Timestamp;
use vault::ENCAPSULATED_BYTES;

/// So many are remembered: a few megabytes. Where more come while they are young, the oldest are
/// forgotten, and with them all that is as old becomes too old.
const SEEN_MAX: usize = 16_384;

type Mark = [u8; ENCAPSULATED_BYTES];

/// What was seen of late.
pub(super) struct Seen(Mutex<Inner>);

struct Inner {
    /// Nothing that was sealed before is taken: it may have been seen.
    floor: Timestamp,
    order: VecDeque<(Timestamp, Mark)>,
    marks: HashSet<Mark>,
}

impl Seen {
    /// What came before the process did is not known.
    pub(super) fn since(start: Timestamp) -> Self {
        let inner = Inner { floor: start, order: VecDeque::new(), marks: HashSet::new() };
        Self(Mutex::new(inner))
    }

    /// Remembers an envelope that was sealed at `at`; false if it was seen, or may have been.
    pub(super) fn is_first(&self, mark: Mark, at: Timestamp) -> bool {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if at < inner.floor || !inner.marks.insert(mark) {
            return false;
        }
        inner.order.push_back((at, mark));
        if inner.order.len() > SEEN_MAX
            && let Some((at, mark)) = inner.order.pop_front()
        {
            inner.marks.remove(&mark);
            inner.floor = inner.floor.max(Timestamp(at.0.saturating_add(1)));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(number: usize) -> Mark {
        let mut mark = [0; ENCAPSULATED_BYTES];
        mark[..8].copy_from_slice(&number.to_be_bytes());
        mark
    }

    #[test]
    fn an_envelope_counts_once_and_not_if_it_is_older_than_what_is_remembered() {
        let seen = Seen::since(Timestamp(1_000));
        let first = |number, at| seen.is_first(mark(number), Timestamp(at));
        assert!(first(0, 2_000));
        assert!(!first(0, 2_000));
        assert!(!first(1, 999), "sealed before the process began");
        for number in 1..=SEEN_MAX {
            assert!(first(number, 3_000));
        }
        // The first was forgotten, and nothing as old as it is taken again.
        assert!(!first(0, 2_000));
        assert!(!first(SEEN_MAX, 3_000));
        assert!(first(SEEN_MAX + 1, 3_001));
    }
}
