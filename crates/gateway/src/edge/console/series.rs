//! Throughput and latency over the last minutes, for the plots: small counts in a ring.

use std::{collections::VecDeque, sync::Arc};

use axum::{
    Json,
    extract::{Extension, Query, State, rejection::QueryRejection},
};
use serde::Deserialize;
use serde_json::{Value, json};
use session::id::Timestamp;

use super::{closed, members::not_of_tenants, seats::Operator, view::bad_query};
use crate::{
    edge::{Edge, answer::Refusal},
    observe::Totals,
};

/// How long a step is, in milliseconds.
const STEP_MS: i64 = 5_000;

/// Steps kept: fifteen minutes.
const STEPS_MAX: usize = 180;

/// How many steps are kept, to count with.
fn span() -> i64 {
    i64::try_from(STEPS_MAX).unwrap_or(i64::MAX)
}

/// The last fifteen minutes: what the gateway's counters rose by in each step.
#[derive(Debug, Default)]
pub(super) struct Series {
    /// The number of the newest step: its time divided by its length.
    newest: i64,
    /// Oldest first; without gaps.
    steps: VecDeque<Totals>,
    /// How the counters stood when they were last looked at.
    seen: Totals,
}

impl Series {
    /// What was counted since the last look belongs to the step of this moment.
    pub(super) fn look(&mut self, now: Timestamp, totals: Totals) {
        let more = totals.minus(&self.seen);
        self.seen = totals;
        let step = self.step(now);
        *step = step.plus(&more);
    }

    /// The step of a moment. After a long silence, or a clock that was set far back, all begins anew.
    fn step(&mut self, at: Timestamp) -> &mut Totals {
        let number = at.0.div_euclid(STEP_MS);
        if self.steps.is_empty() || (number - self.newest).abs() >= span() {
            self.steps.clear();
            self.newest = number - 1;
        }
        while self.newest < number {
            self.newest += 1;
            self.steps.push_back(Totals::default());
            if self.steps.len() > STEPS_MAX {
                self.steps.pop_front();
            }
        }
        // What is older than all that is kept counts as the oldest.
        let back = usize::try_from(self.newest - number).unwrap_or(usize::MAX);
        let at = self.steps.len().saturating_sub(back.saturating_add(1));
        &mut self.steps[at]
    }

    /// The steps from `since` on, up to the one that lasts now; those before the first passage are
    /// zero.
    pub(super) fn shown(&self, now: Timestamp, since: Option<i64>) -> Value {
        let last = now.0.div_euclid(STEP_MS);
        let oldest = last - span() + 1;
        let first = since.map_or(oldest, |since| since.div_euclid(STEP_MS)).clamp(oldest, last);
        let nothing = Totals::default();
        let kept = |number: i64| {
            let back = usize::try_from(self.newest - number).ok()?;
            self.steps.get(self.steps.len().checked_sub(back + 1)?)
        };
        let steps: Vec<&Totals> =
            (first..=last).map(|number| kept(number).unwrap_or(&nothing)).collect();
        let each = |of: fn(&Totals) -> u64| steps.iter().map(|step| of(step)).collect::<Vec<_>>();
        let took = |share| {
            steps.iter().map(|step| step.took.quantile_ms(share)).collect::<Vec<Option<f64>>>()
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
    Extension(operator): Extension<Operator>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let Query(wanted) =
        wanted.map_err(|_| bad_query("the query may have since, milliseconds since 1970"))?;
    // The counters tell no tenants apart.
    if !operator.sight.is_whole() {
        return Err(not_of_tenants());
    }
    let console = edge.console.as_ref().ok_or_else(closed)?;
    let now = edge.clock.now();
    Ok(Json(console.recorder.series(|series| series.shown(now, wanted.since))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_767_225_600_000;

    /// The counters after so many requests.
    fn totals(requests: u64) -> Totals {
        Totals { requests, ..Totals::default() }
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
        for (ms, count) in [(0, 1), (1, 2), (4_999, 300), (5_000, 301), (20_000, 302)] {
            series.look(Timestamp(START + ms), totals(count));
        }
        assert_eq!(requests(&series, 21_000, Some(START)), [300, 1, 0, 0, 1]);
        assert_eq!(requests(&series, 31_000, Some(START + 20_000)), [1, 0, 0]);
        let later = STEP_MS * span() + 4_000;
        series.look(Timestamp(START + later), totals(310));
        let shown = requests(&series, later, None);
        assert_eq!((shown.len(), shown[0], shown[STEPS_MAX - 1]), (STEPS_MAX, 1, 8));
        series.look(Timestamp(START + later * 100), totals(311));
        assert_eq!(series.steps.len(), 1, "after a long silence it begins anew");
        series.look(Timestamp(START), totals(312));
        assert_eq!(requests(&series, 0, Some(START)), [1], "a clock that was set back");
    }
}
