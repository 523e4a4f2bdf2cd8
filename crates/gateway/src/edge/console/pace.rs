//! How fast passwords may be tried: slowly by strangers, and never so that they lock the operator out.
//!
//! Every attempt costs its address, and all addresses together, a little time; what was no failure
//! costs nothing. A browser that has signed in before carries a mark and has a measure of its own, so
//! that whatever strangers do, from wherever, its owner gets in. Sessions that are open are not
//! concerned at all. Pure: time is an argument.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use tokio::time::Instant;

/// Failures in a row at which nobody is kept waiting: people mistype.
const FAILURES_AT_ONCE: u32 = 5;

/// From then on, one attempt of an address, or of a marked browser, in this time.
const ATTEMPT_EVERY: Duration = Duration::from_secs(2);

/// Failures of all strangers together at which nobody is kept waiting.
const STRANGERS_AT_ONCE: u32 = 20;

/// From then on, one attempt of all strangers in this time: what a hash costs, many times over.
const STRANGERS_EVERY: Duration = Duration::from_millis(500);

/// Addresses and browsers remembered at a time. Beyond it the one that failed longest ago is
/// forgotten; the measure of all strangers holds whatever is forgotten.
const SOURCES_MAX: usize = 1_024;

/// Who tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Source {
    /// A stranger, by address; of IPv6 the first half, which is what one customer has.
    Address(IpAddr),
    /// A browser that has signed in before.
    Browser([u8; 16]),
}

impl Source {
    pub(super) fn of(address: IpAddr) -> Self {
        Self::Address(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(v6) => {
                if let Some(v4) = v6.to_ipv4_mapped() {
                    IpAddr::V4(v4)
                } else {
                    let [a, b, c, d, ..] = v6.segments();
                    IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
                }
            }
        })
    }
}

/// A measure that fills with attempts and empties with time: the moment at which it is empty.
#[derive(Debug, Clone, Copy)]
struct Measure(Instant);

impl Measure {
    /// Takes an attempt, or says how long until one fits.
    fn take(&mut self, now: Instant, every: Duration, at_once: u32) -> Result<(), Duration> {
        let empty = self.0.max(now);
        let ahead = empty - now;
        let room = every * (at_once - 1);
        if let Some(wait) = ahead.checked_sub(room).filter(|wait| !wait.is_zero()) {
            return Err(wait);
        }
        self.0 = empty + every;
        Ok(())
    }

    /// Gives an attempt back that was none.
    fn give_back(&mut self, every: Duration) {
        self.0 = self.0.checked_sub(every).unwrap_or(self.0);
    }
}

/// All measures.
#[derive(Debug)]
pub(super) struct Pace {
    sources: HashMap<Source, Measure>,
    strangers: Measure,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { sources: HashMap::new(), strangers: Measure(now) }
    }

    /// Takes an attempt, or says how long until this source may try again.
    pub(super) fn attempt(&mut self, source: Source, now: Instant) -> Result<(), Duration> {
        self.make_room(source, now);
        let own = self.sources.entry(source).or_insert(Measure(now));
        own.take(now, ATTEMPT_EVERY, FAILURES_AT_ONCE)?;
        if matches!(source, Source::Browser(_)) {
            return Ok(());
        }
        let taken = self.strangers.take(now, STRANGERS_EVERY, STRANGERS_AT_ONCE);
        // What did not come to be an attempt does not count as the source's.
        taken.inspect_err(|_| own.give_back(ATTEMPT_EVERY))
    }

    /// The attempt was right: it and the failures before it are forgotten.
    pub(super) fn succeeded(&mut self, source: Source) {
        self.sources.remove(&source);
        if matches!(source, Source::Address(_)) {
            self.strangers.give_back(STRANGERS_EVERY);
        }
    }

    /// The attempt was none: the password was not looked at.
    pub(super) fn undo(&mut self, source: Source) {
        if let Some(own) = self.sources.get_mut(&source) {
            own.give_back(ATTEMPT_EVERY);
        }
        if matches!(source, Source::Address(_)) {
            self.strangers.give_back(STRANGERS_EVERY);
        }
    }

    fn make_room(&mut self, source: Source, now: Instant) {
        if self.sources.len() < SOURCES_MAX || self.sources.contains_key(&source) {
            return;
        }
        self.sources.retain(|_, measure| measure.0 > now);
        while self.sources.len() >= SOURCES_MAX {
            let oldest = self.sources.iter().min_by_key(|(_, measure)| measure.0);
            let Some(oldest) = oldest.map(|(source, _)| *source) else { return };
            self.sources.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u16) -> Source {
        Source::of(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, last, 0, 0, 0, 1)))
    }

    #[test]
    fn a_stranger_is_slowed_down_and_never_shut_out() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        for _ in 0..FAILURES_AT_ONCE {
            assert_eq!(pace.attempt(address(1), start), Ok(()));
        }
        assert_eq!(pace.attempt(address(1), start), Err(ATTEMPT_EVERY));
        assert_eq!(pace.attempt(address(2), start), Ok(()), "another address is not concerned");
        let later = start + ATTEMPT_EVERY;
        assert_eq!(pace.attempt(address(1), later), Ok(()));
        assert!(pace.attempt(address(1), later).is_err());
    }

    #[test]
    fn many_strangers_share_one_measure_and_a_known_browser_has_its_own() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let flood: Vec<_> =
            (0..100).map(|last| pace.attempt(address(last), start).is_ok()).collect();
        let taken = flood.iter().filter(|taken| **taken).count();
        assert_eq!(taken, STRANGERS_AT_ONCE as usize);
        assert_eq!(pace.attempt(Source::Browser([7; 16]), start), Ok(()));
        assert_eq!(pace.attempt(address(200), start + STRANGERS_EVERY), Ok(()));
    }

    #[test]
    fn whoever_was_right_starts_anew() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        for _ in 0..1_000 {
            assert_eq!(pace.attempt(address(1), start), Ok(()));
            pace.succeeded(address(1));
        }
    }

    #[test]
    fn what_was_no_attempt_costs_nothing_and_forgives_nothing() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        for _ in 0..1_000 {
            assert_eq!(pace.attempt(address(1), start), Ok(()));
            pace.undo(address(1));
        }
        for _ in 0..FAILURES_AT_ONCE {
            assert_eq!(pace.attempt(address(1), start), Ok(()));
        }
        pace.undo(address(1));
        assert_eq!(pace.attempt(address(1), start), Ok(()));
        assert!(pace.attempt(address(1), start).is_err());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        for n in 0_u16..3_000 {
            let now = start + STRANGERS_EVERY * u32::from(n);
            pace.attempt(address(n), now).unwrap();
            assert!(pace.sources.len() <= SOURCES_MAX);
        }
        for n in 0..2_000 {
            let mut id = [0; 16];
            id[..2].copy_from_slice(&u16::to_be_bytes(n));
            pace.attempt(Source::Browser(id), start).unwrap();
        }
        assert_eq!(pace.sources.len(), SOURCES_MAX);
    }

    #[test]
    fn an_address_is_an_ipv4_address_or_half_of_an_ipv6_one() {
        let of = |text: &str| Source::of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.7"), of("192.0.2.7"));
        assert_ne!(of("192.0.2.7"), of("192.0.2.8"));
    }
}
