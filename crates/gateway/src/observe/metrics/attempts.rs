//! Attempts at effects, as they are counted for a desk, for a bot or for its channels.

use std::time::Duration;

use prometheus_client::metrics::{counter::Counter, family::Family};

use crate::observe::{
    codes::ByCode,
    histogram::Histogram,
    metrics::{Histograms, Labels, Totals},
    words::{EffectName, Outcome},
};

/// What goes to a desk.
pub(super) const TO_DESK: &[EffectName] = &[EffectName::Ask, EffectName::Say, EffectName::End];

/// What goes to a bot.
pub(super) const TO_BOT: &[EffectName] =
    &[EffectName::Greet, EffectName::ToBot, EffectName::TellBot];

/// What goes to users on channels that are brought it.
pub(super) const TO_CHANNEL: &[EffectName] = &[EffectName::Show];

/// What can come of an attempt at a desk: it answers, or is asked again.
pub(super) const DESK_OUTCOMES: &[Outcome] =
    &[Outcome::Done, Outcome::Retry, Outcome::Failed, Outcome::Struck, Outcome::Held];

/// What can come of an attempt at a bot: a turn that may have run is not asked for again.
pub(super) const BOT_OUTCOMES: &[Outcome] = &[
    Outcome::Done,
    Outcome::Retry,
    Outcome::Failed,
    Outcome::Struck,
    Outcome::Held,
    Outcome::Unanswered,
];

/// Attempts at what goes one way.
#[derive(Debug)]
pub(super) struct Attempts {
    kinds: &'static [EffectName],
    outcomes: &'static [Outcome],
    /// By kind, then by outcome.
    counters: Box<[Box<[Counter]>]>,
    latency: Box<[Histogram]>,
}

/// An attempt as it is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted<'a> {
    pub(crate) kind: EffectName,
    pub(crate) outcome: Outcome,
    pub(crate) code: &'a str,
    pub(crate) took: Duration,
    /// Since the effect was decided.
    pub(crate) waited: Duration,
}

impl Counted<'_> {
    /// Counts what was really attempted: how long it took, and why it failed.
    pub(super) fn made(&self, attempt: &Histogram, failures: &ByCode) {
        match self.outcome {
            Outcome::Done => attempt.took(self.took),
            Outcome::Retry | Outcome::Failed | Outcome::Unanswered => {
                attempt.took(self.took);
                failures.of(self.code).inc();
            }
            Outcome::Ok | Outcome::Repeat | Outcome::Refused | Outcome::Struck | Outcome::Held => {}
        }
    }
}

impl Attempts {
    pub(super) fn new(
        kinds: &'static [EffectName],
        outcomes: &'static [Outcome],
        counters: &Family<Labels, Counter>,
        latency: &Histograms,
        own: &[(&'static str, String)],
    ) -> Self {
        let of = |kind: EffectName, outcome: Option<Outcome>| -> Labels {
            let kind = ("kind", kind.as_str().to_owned());
            let outcome = outcome.map(|outcome| ("outcome", outcome.as_str().to_owned()));
            own.iter().cloned().chain([kind]).chain(outcome).collect()
        };
        let by_outcome = |kind| {
            let of = |outcome: &Outcome| of(kind, Some(*outcome));
            outcomes.iter().map(|outcome| counters.get_or_create_owned(&of(outcome))).collect()
        };
        Self {
            kinds,
            outcomes,
            counters: kinds.iter().map(|kind| by_outcome(*kind)).collect(),
            latency: kinds
                .iter()
                .map(|kind| latency.get_or_create_owned(&of(*kind, None)))
                .collect(),
        }
    }

    pub(super) fn add_to(&self, totals: &mut Totals) {
        for counters in &self.counters {
            for (outcome, counter) in self.outcomes.iter().zip(counters) {
                match outcome {
                    Outcome::Done => totals.deliveries += counter.get(),
                    Outcome::Retry | Outcome::Failed | Outcome::Unanswered => {
                        totals.failures += counter.get();
                    }
                    // Nothing was sent.
                    Outcome::Ok
                    | Outcome::Repeat
                    | Outcome::Refused
                    | Outcome::Struck
                    | Outcome::Held => {}
                }
            }
        }
    }

    pub(super) fn count(&self, attempt: Counted<'_>) {
        let Some(kind) = self.kinds.iter().position(|kind| *kind == attempt.kind) else { return };
        let outcome = self.outcomes.iter().position(|known| *known == attempt.outcome);
        if let Some(counter) = outcome.and_then(|outcome| self.counters.get(kind)?.get(outcome)) {
            counter.inc();
        }
        if let (Outcome::Done, Some(latency)) = (attempt.outcome, self.latency.get(kind)) {
            latency.took(attempt.waited);
        }
    }
}
