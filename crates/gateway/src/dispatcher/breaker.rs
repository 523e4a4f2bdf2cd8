//! The breaker of one destination: whether an attempt makes sense now.
//!
//! ```text
//!            10 failures in a row               probe succeeds
//!   closed ───────────────────────► open ──────────────────────► recovering ──► closed
//!                                    ▲  one probe every 2 s          │ failure
//!                                    └───────────────────────────────┘
//! ```
//!
//! While it recovers only a few attempts run at a time, one more for each that succeeds: an
//! instance that just came back is not met by everything that waited. Pure: time is an argument.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use session::id::Timestamp;
use tokio::sync::Notify;

use crate::{
    lane::Destination,
    observe::{BreakerState, Observer},
};

/// Failures in a row after which a destination counts as down.
const FAILURES_MAX: u32 = 10;

/// How often a destination that is down is tried.
const PROBE_EVERY: Duration = Duration::from_secs(2);

/// A probe that was never reported (its worker died) is forgotten after this; longer than any
/// attempt takes.
const PROBE_LOST_AFTER: Duration = Duration::from_secs(30);

/// How soon an attempt that found no room while recovering may ask again.
const ROOM_AFTER: Duration = Duration::from_millis(100);

/// Attempts at a time right after the first success.
const RECOVERING_AT_FIRST: u32 = 2;

/// With this many attempts at a time a destination has recovered.
const RECOVERED: u32 = 64;

/// The state of one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Breaker {
    /// Attempts go through.
    Closed {
        /// Failures since the last success.
        failures: u32,
    },
    /// Nothing goes through but a probe now and then.
    Open {
        /// When the next probe may go.
        probe_at: Timestamp,
    },
    /// A few go through.
    Recovering {
        /// How many at a time.
        room: u32,
        /// How many now.
        in_flight: u32,
    },
}

/// A breaker as an operator sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BreakerSeen {
    /// Attempts go through.
    Closed {
        /// Failures since the last success.
        failures: u32,
    },
    /// Nothing goes through but a probe now and then.
    Open {
        /// When the next probe may go.
        probe_at: Timestamp,
    },
    /// A few go through.
    Recovering,
}

/// The breaker of a destination as its lanes share it; tells when it changes.
#[derive(Debug)]
pub(crate) struct SharedBreaker {
    breaker: Mutex<Breaker>,
    /// Told when the destination answers after it did not.
    answered: Notify,
    whose: Destination,
    observer: Arc<Observer>,
}

impl SharedBreaker {
    /// A closed one.
    pub(crate) fn new(whose: Destination, observer: &Arc<Observer>) -> Arc<Self> {
        Arc::new(Self {
            breaker: Mutex::new(Breaker::default()),
            answered: Notify::new(),
            whose,
            observer: Arc::clone(observer),
        })
    }

    /// Asks for an attempt; otherwise gives the moment before which it makes no sense to ask again.
    pub(crate) fn admit(self: &Arc<Self>, now: Timestamp) -> Result<Permit, Timestamp> {
        match self.lock().admit(now) {
            Admission::Go => {
                Ok(Permit { breaker: Arc::clone(self), admitted_at: now, reported: false })
            }
            Admission::Wait(until) => Err(until),
        }
    }

    /// Waits until the destination answers after it did not; once for each time, or for several. Only one
    /// may wait.
    pub(super) async fn answers_again(&self) {
        self.answered.notified().await;
    }

    /// How it stands now, for an operator.
    pub(crate) fn seen(&self) -> BreakerSeen {
        match *self.lock() {
            Breaker::Closed { failures } => BreakerSeen::Closed { failures },
            Breaker::Open { probe_at } => BreakerSeen::Open { probe_at },
            Breaker::Recovering { .. } => BreakerSeen::Recovering,
        }
    }

    fn tell(&self, change: Option<Change>) {
        let state = match change {
            None => return,
            Some(Change::Opened) => BreakerState::Open,
            Some(Change::Answered) => {
                self.answered.notify_one();
                BreakerState::Recovering
            }
            Some(Change::Closed) => BreakerState::Closed,
        };
        self.observer.breaker(&self.whose, state);
    }

    fn lock(&self) -> MutexGuard<'_, Breaker> {
        // Nothing in here can be left half done.
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leave for one attempt. Its outcome is reported; an attempt that ends without a word gives its
/// place back.
#[derive(Debug)]
pub(crate) struct Permit {
    breaker: Arc<SharedBreaker>,
    admitted_at: Timestamp,
    reported: bool,
}

impl Permit {
    /// The destination answered, whatever it said.
    pub(crate) fn answered(mut self) {
        self.reported = true;
        let change = self.breaker.lock().answered();
        self.breaker.tell(change);
    }

    /// The destination did not answer as it should.
    pub(crate) fn failed(mut self, now: Timestamp) {
        self.reported = true;
        let change = self.breaker.lock().failed(now);
        self.breaker.tell(change);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.reported {
            self.breaker.lock().given_back(self.admitted_at);
        }
    }
}

/// Whether an attempt may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// Yes; its outcome must be reported.
    Go,
    /// Not before this moment.
    Wait(Timestamp),
}

/// A change worth telling an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// The destination counts as down from now on.
    Opened,
    /// The destination answers again.
    Answered,
    /// Everything goes through again.
    Closed,
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Breaker {
    /// Asks for an attempt.
    pub(super) fn admit(&mut self, now: Timestamp) -> Admission {
        match self {
            Self::Closed { .. } => Admission::Go,
            // Further away than any wait we set: the clock was set back, and must not keep a
            // destination closed.
            Self::Open { probe_at }
                if *probe_at <= now || *probe_at > now.after(PROBE_LOST_AFTER) =>
            {
                *probe_at = now.after(PROBE_LOST_AFTER);
                Admission::Go
            }
            // Nobody waits for the outcome of a probe under way longer than for a probe.
            Self::Open { probe_at } => Admission::Wait((*probe_at).min(now.after(PROBE_EVERY))),
            Self::Recovering { room, in_flight } if *in_flight < *room => {
                *in_flight += 1;
                Admission::Go
            }
            Self::Recovering { .. } => Admission::Wait(now.after(ROOM_AFTER)),
        }
    }

    /// The destination answered an attempt, whatever it said: it is there.
    pub(super) fn answered(&mut self) -> Option<Change> {
        match self {
            Self::Closed { failures } => {
                *failures = 0;
                None
            }
            Self::Open { .. } => {
                *self = Self::Recovering { room: RECOVERING_AT_FIRST, in_flight: 0 };
                Some(Change::Answered)
            }
            Self::Recovering { room, in_flight } => {
                *in_flight = in_flight.saturating_sub(1);
                *room += 1;
                if *room < RECOVERED {
                    return None;
                }
                *self = Self::default();
                Some(Change::Closed)
            }
        }
    }

    /// An attempt that was admitted at this moment ended without a word about the destination: none
    /// was made, as a rule, because nothing was left to send. If it was the probe, another may go.
    pub(super) fn given_back(&mut self, admitted_at: Timestamp) {
        match self {
            // Only the probe: an attempt that was admitted before it opened is none.
            Self::Open { probe_at } if *probe_at == admitted_at.after(PROBE_LOST_AFTER) => {
                *probe_at = admitted_at;
            }
            Self::Closed { .. } | Self::Open { .. } => {}
            Self::Recovering { in_flight, .. } => *in_flight = in_flight.saturating_sub(1),
        }
    }

    /// An attempt failed in a way that says the destination is away or overwhelmed.
    pub(super) fn failed(&mut self, now: Timestamp) -> Option<Change> {
        let open = Self::Open { probe_at: now.after(PROBE_EVERY) };
        match self {
            Self::Closed { failures } if *failures + 1 < FAILURES_MAX => {
                *failures += 1;
                None
            }
            Self::Closed { .. } | Self::Recovering { .. } => {
                *self = open;
                Some(Change::Opened)
            }
            // The probe, or an attempt that was under way when it opened.
            Self::Open { .. } => {
                *self = open;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn observer() -> Arc<Observer> {
        Observer::new(crate::clock::Clock::manual(NOW), &[])
    }

    fn whose() -> Destination {
        let tenant = session::id::TenantId::new("t").unwrap();
        Destination::Desk(tenant, session::id::DeskId::new("d").unwrap())
    }

    fn down() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES_MAX {
            assert_eq!(breaker.admit(NOW), Admission::Go);
            breaker.failed(NOW);
        }
        breaker
    }

    #[test]
    fn ten_failures_in_a_row_open_it_and_a_success_between_starts_over() {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES_MAX - 1 {
            assert_eq!(breaker.failed(NOW), None);
        }
        assert_eq!(breaker.answered(), None);
        for _ in 0..FAILURES_MAX - 1 {
            assert_eq!(breaker.failed(NOW), None);
        }
        assert_eq!(breaker.admit(NOW), Admission::Go);
        assert_eq!(breaker.failed(NOW), Some(Change::Opened));
        assert_eq!(breaker.admit(NOW), Admission::Wait(NOW.after(PROBE_EVERY)));
    }

    #[test]
    fn while_open_one_probe_goes_every_two_seconds() {
        let mut breaker = down();
        let mut now = NOW;
        for _ in 0..3 {
            now = now.after(PROBE_EVERY);
            assert_eq!(breaker.admit(now), Admission::Go, "the probe");
            assert!(matches!(breaker.admit(now), Admission::Wait(_)), "nobody else");
            assert_eq!(breaker.failed(now), None);
        }
    }

    #[test]
    fn a_probe_that_is_never_reported_is_forgotten() {
        let mut breaker = down();
        let probe = NOW.after(PROBE_EVERY);
        assert_eq!(breaker.admit(probe), Admission::Go);
        assert_eq!(breaker.admit(probe.after(PROBE_LOST_AFTER)), Admission::Go);
    }

    #[test]
    fn what_waited_drains_at_a_pace() {
        let mut breaker = down();
        let now = NOW.after(PROBE_EVERY);
        assert_eq!(breaker.admit(now), Admission::Go);
        assert_eq!(breaker.answered(), Some(Change::Answered));
        let mut went = Vec::new();
        while breaker != Breaker::default() {
            let mut together = 0;
            while breaker.admit(now) == Admission::Go {
                together += 1;
            }
            went.push(together);
            for _ in 0..together {
                breaker.answered();
            }
        }
        assert_eq!(went, [2, 4, 8, 16, 32]);
    }

    #[test]
    fn a_failure_while_recovering_opens_it_again() {
        let mut breaker = down();
        breaker.answered();
        assert_eq!(breaker.admit(NOW), Admission::Go);
        assert_eq!(breaker.failed(NOW), Some(Change::Opened));
    }

    #[test]
    fn an_attempt_that_ends_without_a_word_keeps_no_place() {
        let shared = SharedBreaker::new(whose(), &observer());
        *shared.lock() = Breaker::Recovering { room: 2, in_flight: 0 };
        for _ in 0..5 {
            drop(shared.admit(NOW).unwrap());
        }
        let (one, two) = (shared.admit(NOW).unwrap(), shared.admit(NOW).unwrap());
        assert!(shared.admit(NOW).is_err());
        one.answered();
        two.failed(NOW);
        assert_eq!(shared.admit(NOW).unwrap_err(), NOW.after(PROBE_EVERY));
    }

    #[test]
    fn a_probe_that_found_nothing_to_send_makes_room_for_the_next_at_once() {
        let shared = SharedBreaker::new(whose(), &observer());
        *shared.lock() = down();
        let now = NOW.after(PROBE_EVERY);
        drop(shared.admit(now).unwrap());
        let probe = shared.admit(now).unwrap();
        assert!(shared.admit(now).is_err(), "one at a time");
        probe.failed(now);
        assert_eq!(shared.admit(now).unwrap_err(), now.after(PROBE_EVERY));
    }

    #[test]
    fn an_attempt_given_back_that_was_let_go_before_it_opened_makes_no_probe() {
        let shared = SharedBreaker::new(whose(), &observer());
        let before = shared.admit(NOW).unwrap();
        *shared.lock() = down();
        drop(before);
        assert_eq!(shared.admit(NOW).unwrap_err(), NOW.after(PROBE_EVERY));
    }

    #[test]
    fn a_clock_set_back_does_not_keep_it_open() {
        let mut breaker = down();
        let before = Timestamp(NOW.0 - 3_600_000);
        assert_eq!(breaker.admit(before), Admission::Go);
        assert_eq!(breaker.admit(before), Admission::Wait(before.after(PROBE_EVERY)));
    }
}
