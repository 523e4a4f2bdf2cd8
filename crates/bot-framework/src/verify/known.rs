//! What was proven a moment ago. A bot presents one token for an hour, and verifying RS256 costs
//! more than storing the message that it comes with.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What was proven, and ends.
pub(super) trait Ends: Clone {
    /// When it ends, in seconds since 1970.
    fn ends_at(&self) -> u64;
}

/// Tokens in each of two halves. A bot has one at a time, or as many as it has processes.
const HALF_MAX: usize = 2_048;

/// Tokens that were proven, by their digest. When the newer half is full, it becomes the older one,
/// whose place is used for what comes: whatever is still in use is found there and moves over.
#[derive(Debug)]
pub(super) struct Known<P>(Mutex<Halves<P>>);

#[derive(Debug)]
struct Halves<P> {
    newer: HashMap<[u8; 32], P>,
    older: HashMap<[u8; 32], P>,
    /// The edition of the keys by which they were proven.
    edition: u64,
}

impl<P> Default for Known<P> {
    fn default() -> Self {
        Self(Mutex::new(Halves::of(0)))
    }
}

impl<P: Ends> Known<P> {
    /// Who presented a token, if it was proven by the same keys and its time is not over.
    pub(super) fn find(&self, digest: &[u8; 32], edition: u64, now_unix_s: u64) -> Option<P> {
        let mut halves = self.halves();
        if halves.edition != edition {
            return None;
        }
        if !halves.newer.contains_key(digest) {
            let proven = halves.older.remove(digest)?;
            halves.put(*digest, proven);
        }
        halves.newer.get(digest).filter(|proven| now_unix_s < proven.ends_at()).cloned()
    }

    /// Remembers a token. What other keys had proven is forgotten: a key that is withdrawn takes
    /// with it what it signed.
    pub(super) fn keep(&self, digest: [u8; 32], edition: u64, proven: P) {
        let mut halves = self.halves();
        if halves.edition < edition {
            *halves = Halves::of(edition);
        }
        if halves.edition == edition {
            halves.put(digest, proven);
        }
    }

    fn halves(&self) -> MutexGuard<'_, Halves<P>> {
        // Every change is complete when it can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P> Halves<P> {
    fn of(edition: u64) -> Self {
        Self { newer: HashMap::new(), older: HashMap::new(), edition }
    }

    fn put(&mut self, digest: [u8; 32], proven: P) {
        if self.newer.len() >= HALF_MAX {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(digest, proven);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Proven;
    use super::*;

    fn digest(of: usize) -> [u8; 32] {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&of.to_le_bytes());
        digest
    }

    fn proven(expires_at: u64) -> Proven {
        Proven { app_id: "app".to_owned(), tenant: None, expires_at }
    }

    #[test]
    fn a_token_is_known_until_it_ends() {
        let known = Known::default();
        known.keep(digest(1), 7, proven(100));
        assert_eq!(known.find(&digest(1), 7, 99), Some(proven(100)));
        assert_eq!(known.find(&digest(1), 7, 100), None);
        assert_eq!(known.find(&digest(2), 7, 99), None);
    }

    #[test]
    fn other_keys_know_nothing_of_it() {
        let known = Known::default();
        known.keep(digest(1), 7, proven(100));
        assert_eq!(known.find(&digest(1), 8, 0), None);
        known.keep(digest(2), 8, proven(100));
        known.keep(digest(3), 7, proven(100));
        for (of, edition, is_known) in [
            (1, 7, false),
            (1, 8, false),
            (2, 7, false),
            (2, 8, true),
            (3, 7, false),
            (3, 8, false),
        ] {
            let found = known.find(&digest(of), edition, 0);
            assert_eq!(found.is_some(), is_known, "{of} {edition}");
        }
    }

    #[test]
    fn what_is_in_use_stays_and_the_rest_is_bounded() {
        let known = Known::default();
        known.keep(digest(0), 0, proven(100));
        for of in 1..10 * HALF_MAX {
            known.keep(digest(of), 0, proven(100));
            assert!(known.find(&digest(0), 0, 0).is_some(), "{of}");
            let halves = known.halves();
            assert!(halves.newer.len() <= HALF_MAX && halves.older.len() <= HALF_MAX);
        }
        assert_eq!(known.find(&digest(1), 0, 0), None);
    }
}
