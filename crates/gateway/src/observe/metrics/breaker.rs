//! How the breaker before a desk or a bot stands, and how often it changed.

use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge};

use crate::observe::{metrics::Labels, words::BreakerState};

/// The numbers of one breaker.
#[derive(Debug)]
pub(super) struct OfBreaker {
    /// By state; 1 for the one it is in.
    states: Box<[Gauge]>,
    changes: Box<[Counter]>,
}

impl OfBreaker {
    /// Of a closed one.
    pub(super) fn new(
        states: &Family<Labels, Gauge>,
        changes: &Family<Labels, Counter>,
        own: &Labels,
    ) -> Self {
        let state = |state: &BreakerState| {
            let gauge = states.get_or_create_owned(&labels(own, *state));
            gauge.set(i64::from(*state == BreakerState::Closed));
            gauge
        };
        let change = |state: &BreakerState| changes.get_or_create_owned(&labels(own, *state));
        Self {
            states: BreakerState::ALL.iter().map(state).collect(),
            changes: BreakerState::ALL.iter().map(change).collect(),
        }
    }

    /// It came into this state.
    pub(super) fn is(&self, state: BreakerState) {
        for (known, gauge) in BreakerState::ALL.iter().zip(&self.states) {
            gauge.set(i64::from(*known == state));
        }
        if let Some(changes) = self.changes.get(state as usize) {
            changes.inc();
        }
    }
}

/// There is no such breaker any more: whoever waits for it to close would wait for ever.
pub(super) fn forget(states: &Family<Labels, Gauge>, own: &Labels) {
    for state in BreakerState::ALL {
        states.remove(&labels(own, *state));
    }
}

fn labels(own: &Labels, state: BreakerState) -> Labels {
    own.iter().cloned().chain([("state", state.as_str().to_owned())]).collect()
}
