//! What Azure is refused, said to the operator: the answer goes to Azure, which shows it to nobody.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How often one kind of refusal is said: strangers can cause them.
const SAID_EVERY: Duration = Duration::from_mins(1);

/// When each kind was said last. The codes are our own, so there are few.
#[derive(Debug, Default)]
pub(crate) struct Complaints(Mutex<HashMap<&'static str, Instant>>);

impl Complaints {
    /// Says it, unless the same was said a moment ago.
    pub(super) fn say(&self, code: &'static str, message: &str) {
        if self.is_due(code, Instant::now()) {
            tracing::warn!(code, "an activity of a channel's was refused: {message}");
        }
    }

    fn is_due(&self, code: &'static str, now: Instant) -> bool {
        // Nothing in it is left half done.
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match said.get(code) {
            Some(last) if now.duration_since(*last) < SAID_EVERY => false,
            Some(_) | None => {
                said.insert(code, now);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_said_once_a_minute() {
        let (complaints, now) = (Complaints::default(), Instant::now());
        assert!(complaints.is_due("a", now) && complaints.is_due("b", now));
        assert!(!complaints.is_due("a", now + SAID_EVERY / 2));
        assert!(complaints.is_due("a", now + SAID_EVERY));
    }
}
