//! How fast strangers get tokens by a site's public key. A token costs nothing, but each may begin a
//! conversation that is kept. Counted by site and not by address: whole companies and proxies have
//! one. Pure: time is an argument.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Tokens that one site's strangers get at once: a crowd that a mail brought to a page.
const STRANGERS_MAX: u32 = 60;

/// From then on, one in this time: more than 170,000 a day, and no flood.
const STRANGER_EVERY: Duration = Duration::from_millis(500);

/// When each site's measure will be full again. There are never more of them than sites that were
/// configured.
#[derive(Default)]
pub(crate) struct Pace(Mutex<HashMap<String, Instant>>);

impl Pace {
    /// Takes one for a site; `false` if there is none left at the moment.
    pub(super) fn take(&self, site: &str, now: Instant) -> bool {
        let mut full_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = full_at.entry(site.to_owned()).or_insert(now);
        let taken = (*at).max(now) + STRANGER_EVERY;
        if taken.duration_since(now) > STRANGER_EVERY * STRANGERS_MAX {
            return false;
        }
        *at = taken;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_gets_in_and_a_flood_is_slowed_down_for_its_site_alone() {
        let (pace, now) = (Pace::default(), Instant::now());
        for _ in 0..STRANGERS_MAX {
            assert!(pace.take("a", now));
        }
        assert!(!pace.take("a", now) && pace.take("b", now));
        let later = now + STRANGER_EVERY;
        assert!(pace.take("a", later) && !pace.take("a", later));
    }

    #[test]
    fn what_was_refused_costs_nothing_and_a_pause_fills_it_again() {
        let (pace, now) = (Pace::default(), Instant::now());
        while pace.take("a", now) {}
        let later = now + STRANGER_EVERY * STRANGERS_MAX;
        let taken = std::iter::from_fn(|| pace.take("a", later).then_some(())).count();
        assert_eq!(u32::try_from(taken), Ok(STRANGERS_MAX));
    }
}
