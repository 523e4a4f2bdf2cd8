//! How long what was refused, or did not work, is left alone.
//!
//! Owns the pause and its growth. Who waits for it, and what else may be tried meanwhile, is for
//! whoever counts the refusals.

use std::time::Duration;

use tokio::time::Instant;

/// After the first refusal. Every lane wants a token, and without a pause each would spend one of
/// the few attempts before a user is locked out.
const PAUSE_FIRST: Duration = Duration::from_secs(2);

/// However many the refusals: so long may corrected credentials go unnoticed.
const PAUSE_MAX: Duration = Duration::from_mins(5);

/// The refusals since it last worked. The pause doubles with each, because each may count towards a
/// lock-out.
#[derive(Debug, Default)]
pub struct Refusals {
    /// The last of them: how long a pause it caused, and when that is over.
    last: Option<(Duration, Instant)>,
}

impl Refusals {
    /// Counts another refusal and answers the pause after it.
    pub fn another(&mut self, now: Instant) -> Duration {
        self.another_up_to(PAUSE_MAX, now)
    }

    /// The same where the longest pause is another.
    pub fn another_up_to(&mut self, pause_max: Duration, now: Instant) -> Duration {
        let pause = self.last.map_or(PAUSE_FIRST, |(pause, _)| pause * 2).min(pause_max);
        self.last = Some((pause, now + pause));
        pause
    }

    /// How much of the pause is left; nothing when that way may be tried.
    pub fn pause_left(&self, now: Instant) -> Option<Duration> {
        let (_, until) = self.last?;
        until.checked_duration_since(now).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_five_minutes() {
        let mut refusals = Refusals::default();
        let mut now = Instant::now();
        assert_eq!(refusals.pause_left(now), None);
        for expected_s in [2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            let expected = Duration::from_secs(expected_s);
            assert_eq!(refusals.another(now), expected);
            assert_eq!(refusals.pause_left(now), Some(expected));
            let last_moment = now + expected.checked_sub(Duration::from_millis(1)).unwrap();
            assert_eq!(refusals.pause_left(last_moment), Some(Duration::from_millis(1)));
            now += expected;
            assert_eq!(refusals.pause_left(now), None, "{expected_s}");
        }
    }

    #[test]
    fn the_pause_may_stop_growing_earlier() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        for expected_s in [2, 4, 5, 5] {
            let pause = refusals.another_up_to(Duration::from_secs(5), now);
            assert_eq!(pause, Duration::from_secs(expected_s));
        }
    }
}
