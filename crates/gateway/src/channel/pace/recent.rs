//! A table that forgets whoever was not asked for, and never grows past a bound.
//!
//! Two halves: what is asked for is in the young one or moves there. When that one is full or has grown
//! old, it becomes the old one and what still lay there is forgotten. So nothing is ever searched for
//! what to forget.

use std::{
    collections::HashMap,
    hash::Hash,
    time::{Duration, Instant},
};

pub(crate) struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    half_max: usize,
    /// Whoever was asked for within this time is not forgotten, unless there are too many.
    remembered_for: Duration,
    turned_at: Instant,
}

impl<K: Hash + Eq + Clone, V: Default> Recent<K, V> {
    pub(crate) fn new(half_max: usize, remembered_for: Duration, now: Instant) -> Self {
        let (young, old) = (HashMap::new(), HashMap::new());
        Self { young, old, half_max, remembered_for, turned_at: now }
    }

    /// What is remembered under this key, or something new.
    pub(crate) fn entry(&mut self, key: &K, now: Instant) -> &mut V {
        let is_old = now.saturating_duration_since(self.turned_at) > self.remembered_for;
        let is_full = self.young.len() >= self.half_max && !self.young.contains_key(key);
        // Before it turns, so that the one who is asked for is not forgotten by it.
        let kept = self.old.remove(key);
        if is_old || is_full {
            self.old = std::mem::take(&mut self.young);
            self.turned_at = now;
        }
        let kept = kept.or_else(|| self.old.remove(key));
        let young = self.young.entry(key.clone());
        match kept {
            Some(kept) => young.insert_entry(kept).into_mut(),
            None => young.or_default(),
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn whoever_is_asked_for_is_remembered_and_the_silent_are_forgotten() {
        let now = Instant::now();
        let mut recent: Recent<u32, u32> = Recent::new(10, HOUR, now);
        *recent.entry(&1, now) = 7;
        *recent.entry(&2, now) = 8;
        for half_hours in 1..10 {
            let now = now + HOUR / 2 * half_hours;
            assert_eq!(*recent.entry(&1, now), 7);
        }
        assert_eq!(recent.len(), 1);
        assert_eq!(*recent.entry(&2, now + 5 * HOUR), 0);
        assert_eq!(*recent.entry(&1, now + 5 * HOUR), 7);
    }

    #[test]
    fn nobody_is_forgotten_within_the_time() {
        let now = Instant::now();
        for minutes in 0..=60 {
            let mut recent: Recent<u32, u32> = Recent::new(10, HOUR, now);
            let asked = now + Duration::from_mins(minutes);
            *recent.entry(&1, asked) = 7;
            recent.entry(&2, asked + HOUR / 2);
            assert_eq!(*recent.entry(&1, asked + HOUR), 7, "{minutes}");
        }
    }

    #[test]
    fn it_never_grows_past_its_two_halves() {
        let now = Instant::now();
        let mut recent: Recent<u32, u32> = Recent::new(10, HOUR, now);
        for key in 0..1_000 {
            *recent.entry(&key, now) = key;
            assert!(recent.len() <= 20);
            assert_eq!(
                *recent.entry(&(key / 10 * 10), now),
                key / 10 * 10,
                "the one asked for stays"
            );
        }
    }
}
