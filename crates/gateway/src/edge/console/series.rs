//! Throughput and latency over the last minutes, for the plots: small counts in a ring.

use std::{collections::VecDeque, sync::Arc};

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use serde::Deserialize;
use serde_json::{Value, json};
use session::id::Timestamp;

use super::{closed, view::bad_query};
use crate::{
    edge::{Edge, answer::Refusal},
    observe::{Outcome, Passage, PassageKind, RouteName},
};

/// How long a step is, in milliseconds.
const STEP_MS: i64 = 5_000;

/// Steps kept: fifteen minutes.
const STEPS_MAX: usize = 180;

/// Buckets of a histogram: each is a quarter wider than the one before, from 0.1 ms to a minute.
const BUCKETS: usize = 61;

/// The upper bound of the first bucket, in milliseconds.
const FIRST_MS: f64 = 0.1;

/// How much wider each bucket is than the one before.
const WIDER: f64 = 1.25;

/// How long things took, to within an eighth.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    buckets: [u32; BUCKETS],
    count: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: [0; BUCKETS], count: 0 }
    }
}

impl Histogram {
    /// Takes in how long something took.
    pub(super) fn add(&mut self, ms: f64) {
        let mut bound = FIRST_MS;
        let mut at = 0;
        while at + 1 < BUCKETS && ms > bound {
            bound *= WIDER;
            at += 1;
        }
        self.buckets[at] = self.buckets[at].saturating_add(1);
        self.count += 1;
    }

    /// The time below which this share of all things were done; the middle of its bucket.
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "a rank, not an amount")]
        let rank = share * self.count as f64;
        let (mut below, mut bound) = (0.0, FIRST_MS);
        for bucket in self.buckets {
            below += f64::from(bucket);
            if bucket > 0 && below >= rank {
                break;
            }
            bound *= WIDER;
        }
        let middle = bound / WIDER.sqrt();
        Some((middle * 100.0).round() / 100.0)
    }
}

/// How many steps are kept, to count with.
fn span() -> i64 {
    i64::try_from(STEPS_MAX).unwrap_or(i64::MAX)
}

/// Five seconds.
#[derive(Debug, Clone, Default)]
struct Step {
    requests: u32,
    refused: u32,
    deliveries: u32,
    failures: u32,
    took: Histogram,
}

/// The last fifteen minutes.
#[derive(Debug, Default)]
pub(super) struct Series {
    /// The number of the newest step: its time divided by its length.
    newest: i64,
    /// Oldest first; without gaps.
    steps: VecDeque<Step>,
    missed: u64,
}

impl Series {
    /// Counts a passage.
    pub(super) fn take(&mut self, passage: &Passage) {
        let Some(step) = self.step(passage.at) else { return };
        match (passage.kind, passage.outcome) {
            // The console's own page asks all the time, and is not what is looked at.
            (PassageKind::Request, _) if passage.name == RouteName::Console.as_str() => {}
            (PassageKind::Request, outcome) => {
                step.requests += 1;
                step.refused += u32::from(outcome != Outcome::Ok);
            }
            (PassageKind::Effect, Outcome::Done) => {
                step.deliveries += 1;
                passage.ms.into_iter().for_each(|ms| step.took.add(ms));
            }
            (PassageKind::Effect, Outcome::Retry | Outcome::Failed) => step.failures += 1,
            _ => {}
        }
    }

    /// So many were not counted.
    pub(super) fn missed(&mut self, passages: u64) {
        self.missed += passages;
    }

    /// The step of a moment; none for one that lies before all that is kept.
    fn step(&mut self, at: Timestamp) -> Option<&mut Step> {
        let number = at.0.div_euclid(STEP_MS);
        let ahead = number - self.newest;
        if self.steps.is_empty() || ahead >= span() {
            self.steps.clear();
            self.steps.push_back(Step::default());
            self.newest = number;
        }
        while self.newest < number {
            self.newest += 1;
            self.steps.push_back(Step::default());
            if self.steps.len() > STEPS_MAX {
                self.steps.pop_front();
            }
        }
        let back = usize::try_from(self.newest - number).ok()?;
        let at = self.steps.len().checked_sub(back + 1)?;
        self.steps.get_mut(at)
    }

    /// The steps from `since` on, up to the one that lasts now; those before the first passage are
    /// zero.
    fn shown(&self, now: Timestamp, since: Option<i64>) -> Value {
        let last = now.0.div_euclid(STEP_MS);
        let oldest = last - span() + 1;
        let first = since.map_or(oldest, |since| since.div_euclid(STEP_MS)).clamp(oldest, last);
        let nothing = Step::default();
        let kept = |number: i64| {
            let back = usize::try_from(self.newest - number).ok()?;
            self.steps.get(self.steps.len().checked_sub(back + 1)?)
        };
        let steps: Vec<&Step> =
            (first..=last).map(|number| kept(number).unwrap_or(&nothing)).collect();
        let each = |of: fn(&Step) -> u32| steps.iter().map(|step| of(step)).collect::<Vec<_>>();
        let took = |share| {
            steps.iter().map(|step| step.took.quantile(share)).collect::<Vec<Option<f64>>>()
        };
        json!({
            "step_ms": STEP_MS,
            "from_ms": first * STEP_MS,
            "now_ms": now.0,
            "requests": each(|step| step.requests),
            "refused": each(|step| step.refused),
            "deliveries": each(|step| step.deliveries),
            "failures": each(|step| step.failures),
            "p50_ms": took(0.5),
            "p99_ms": took(0.99),
            "missed": self.missed,
        })
    }
}

/// What may be asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Milliseconds since 1970: the steps from then on.
    since: Option<i64>,
}

/// `GET /console/api/series`
pub(super) async fn series(
    State(edge): State<Arc<Edge>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let Query(wanted) =
        wanted.map_err(|_| bad_query("the query may have since, milliseconds since 1970"))?;
    let console = edge.console.as_ref().ok_or_else(closed)?;
    let now = edge.clock.now();
    Ok(Json(console.recorder.series(|series| series.shown(now, wanted.since))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_767_225_600_000;

    fn step_at(series: &mut Series, ms: i64) -> bool {
        series.step(Timestamp(START + ms)).is_some_and(|step| {
            step.requests += 1;
            true
        })
    }

    fn requests(series: &Series, ms: i64, since: Option<i64>) -> Vec<u64> {
        let shown = series.shown(Timestamp(START + ms), since);
        let list = shown["requests"].as_array().unwrap();
        list.iter().map(|one| one.as_u64().unwrap()).collect()
    }

    #[test]
    fn fifteen_minutes_are_kept_and_quiet_ones_are_zero() {
        let mut series = Series::default();
        assert_eq!(requests(&series, 0, None), vec![0; STEPS_MAX]);
        for ms in [0, 1, 4_999, 5_000, 20_000] {
            assert!(step_at(&mut series, ms));
        }
        assert_eq!(requests(&series, 21_000, Some(START)), [3, 1, 0, 0, 1]);
        assert_eq!(requests(&series, 31_000, Some(START + 20_000)), [1, 0, 0]);
        assert!(step_at(&mut series, 4_000), "a late one counts in its own time");
        assert_eq!(requests(&series, 21_000, Some(START))[0], 4);
        let later = STEP_MS * span() + 4_000;
        assert!(step_at(&mut series, later));
        assert!(!step_at(&mut series, 4_000), "what is older than all that is kept");
        assert_eq!(requests(&series, later, None).len(), STEPS_MAX);
        assert!(step_at(&mut series, later * 100));
        assert_eq!(series.steps.len(), 1, "after a long silence it begins anew");
    }

    #[test]
    fn a_quantile_is_right_to_within_an_eighth() {
        let mut took = Histogram::default();
        assert_eq!(took.quantile(0.5), None);
        for ms in 1..=1_000 {
            took.add(f64::from(ms));
        }
        for (share, expected) in [(0.5, 500.0), (0.99, 990.0), (0.01, 10.0)] {
            let found = took.quantile(share).unwrap();
            assert!((found / expected - 1.0_f64).abs() < 0.13, "{share}: {found}");
        }
        took.add(1e12);
        assert!(took.quantile(1.0).unwrap() > 50_000.0, "what is longer than all counts as long");
    }
}
