//! Envelopes that must not count twice.
//!
//! A message that comes again is recognised by its `clientActivityID`, as any message is, and gets the
//! first answer. What has no such memory, an end of the chat and an invoke, is remembered here for as
//! long as its envelope is young enough to be taken.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Mutex, PoisonError},
};

use session::id::{TenantId, Timestamp};
use vault::ENCAPSULATED_BYTES;

/// So many of a tenant's are remembered: a few megabytes. Where more come while they are young, the
/// oldest are forgotten, and with them all that is as old becomes too old, for this tenant's pages.
const SEEN_MAX: usize = 16_384;

type Mark = [u8; ENCAPSULATED_BYTES];

/// What was seen of late, by tenant: whose strangers flood it does not shut the others out. There are
/// no more tenants than the configuration has.
pub(super) struct Seen {
    start: Timestamp,
    tenants: Mutex<HashMap<TenantId, Table>>,
}

struct Table {
    /// Nothing that was sealed before is taken: it may have been seen.
    floor: Timestamp,
    order: VecDeque<(Timestamp, Mark)>,
    marks: HashSet<Mark>,
}

impl Seen {
    /// What came before the process did is not known.
    pub(super) fn since(start: Timestamp) -> Self {
        Self { start, tenants: Mutex::default() }
    }

    /// Remembers an envelope that was sealed at `at`; false if it was seen, or may have been.
    pub(super) fn is_first(&self, tenant: &TenantId, mark: Mark, at: Timestamp) -> bool {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if !tenants.contains_key(tenant) {
            tenants.insert(tenant.clone(), Table::since(self.start));
        }
        tenants.get_mut(tenant).is_some_and(|table| table.is_first(mark, at))
    }
}

impl Table {
    fn since(start: Timestamp) -> Self {
        Self { floor: start, order: VecDeque::new(), marks: HashSet::new() }
    }

    fn is_first(&mut self, mark: Mark, at: Timestamp) -> bool {
        if at < self.floor || !self.marks.insert(mark) {
            return false;
        }
        self.order.push_back((at, mark));
        if self.order.len() > SEEN_MAX
            && let Some((at, mark)) = self.order.pop_front()
        {
            self.marks.remove(&mark);
            self.floor = self.floor.max(Timestamp(at.0.saturating_add(1)));
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
        let tenant = TenantId::new("acme").unwrap();
        let first = |number, at| seen.is_first(&tenant, mark(number), Timestamp(at));
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

    #[test]
    fn a_tenant_whose_strangers_flood_it_shuts_nobody_elses_pages_out() {
        let seen = Seen::since(Timestamp(1_000));
        let [flooded, other] = ["acme", "other"].map(|name| TenantId::new(name).unwrap());
        assert!(seen.is_first(&other, mark(0), Timestamp(2_000)));
        // As far ahead as an envelope may be.
        for number in 1..=SEEN_MAX * 2 {
            let first = seen.is_first(&flooded, mark(number), Timestamp(32_000));
            assert_eq!(first, number <= SEEN_MAX + 1, "{number}");
        }
        assert!(!seen.is_first(&flooded, mark(usize::MAX), Timestamp(2_000)));
        assert!(seen.is_first(&other, mark(usize::MAX), Timestamp(2_000)));
        assert!(!seen.is_first(&other, mark(0), Timestamp(2_000)), "and it forgot nothing");
    }
}
