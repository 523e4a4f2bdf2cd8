//! The instance's clock: the system's time, unless a test has stopped it or moved it on.
//!
//! Owns the one look at the system clock, and every wait that is the instance's own. What is
//! measured against another process, such as the time-out of a callback's attempt, does not go by
//! this clock: a test that moves it on must not cut off a receiver that is answering.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

/// Wall time that moves with Tokio's clock, so that tests can pause both.
pub(crate) struct Clock {
    hands: Mutex<Hands>,
    moved: watch::Sender<u64>,
}

/// Where the hands stood, and since when they have been moving; frozen ones do not.
#[derive(Clone, Copy)]
struct Hands {
    at: u64,
    since: Option<Instant>,
}

impl Hands {
    fn now(self) -> u64 {
        let passed = self.since.map_or(Duration::ZERO, |since| since.elapsed());
        self.at.saturating_add(crate::script::millis(passed))
    }
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the simulator's one look at the system clock")]
    pub(crate) fn start() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let at = since.map_or(0, crate::script::millis);
        let hands = Hands { at, since: Some(Instant::now()) };
        Self { hands: Mutex::new(hands), moved: watch::Sender::new(0) }
    }

    /// Milliseconds since the epoch.
    pub(crate) fn now(&self) -> u64 {
        self.hands().now()
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.hands().since.is_none()
    }

    /// Stops the hands, or lets them go on from where they stand.
    pub(crate) fn freeze(&self, frozen: bool) {
        let mut hands = self.hands();
        if frozen != hands.since.is_none() {
            let since = (!frozen).then(Instant::now);
            *hands = Hands { at: hands.now(), since };
        }
        drop(hands);
        self.tell();
    }

    /// Moves the hands on, frozen or not.
    pub(crate) fn advance(&self, ms: u64) {
        let mut hands = self.hands();
        hands.at = hands.at.saturating_add(ms);
        drop(hands);
        self.tell();
    }

    /// The moment at which it will be `at`; none while the hands stand still before it.
    pub(crate) fn moment(&self, at: u64) -> Option<Instant> {
        let hands = *self.hands();
        if at <= hands.at {
            return Some(hands.since.unwrap_or_else(Instant::now));
        }
        Some(hands.since? + Duration::from_millis(at - hands.at))
    }

    /// Waits until it is `at`, however that comes about.
    pub(crate) async fn sleep_until(&self, at: u64) {
        let mut moved = self.moved.subscribe();
        while self.now() < at {
            let moment = self.moment(at);
            let arrives = async {
                match moment {
                    Some(moment) => tokio::time::sleep_until(moment).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = arrives => {}
                // The sender is this clock, so this ends only when somebody moves it.
                _ = moved.changed() => {}
            }
        }
    }

    pub(crate) async fn sleep(&self, span: Duration) {
        self.sleep_until(self.now().saturating_add(crate::script::millis(span))).await;
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.moved.send_modify(|version| *version += 1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn frozen_hands_stand_still_and_go_on_from_there() {
        let clock = Clock::start();
        let start = clock.now();
        clock.freeze(true);
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(clock.now(), start);
        clock.advance(1_000);
        assert_eq!(clock.now(), start + 1_000);
        clock.freeze(true);
        clock.freeze(false);
        tokio::time::advance(Duration::from_millis(5)).await;
        assert_eq!(clock.now(), start + 1_005);
    }

    #[tokio::test(start_paused = true)]
    async fn who_sleeps_wakes_when_the_hands_are_moved_on() {
        let clock = Arc::new(Clock::start());
        clock.freeze(true);
        let due = clock.now() + 60_000;
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(due).await }
        });
        tokio::time::sleep(Duration::from_hours(1)).await;
        clock.advance(59_999);
        tokio::time::sleep(Duration::from_hours(1)).await;
        assert!(!sleeper.is_finished());
        clock.advance(1);
        sleeper.await.unwrap();
        clock.freeze(false);
        let before = Instant::now();
        clock.sleep(Duration::from_secs(3)).await;
        assert_eq!(before.elapsed(), Duration::from_secs(3));
    }
}
