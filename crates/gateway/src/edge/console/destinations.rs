//! Where things are delivered to: whether it takes them, how many are on their way, how quick it is.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde_json::{Value, json};
use session::id::{DeskId, TenantId};
use tokio::sync::Semaphore;

use super::closed;
use crate::{
    clock::rfc3339,
    dispatcher::{ATTEMPTS_MAX, BreakerSeen, SharedBreaker},
    edge::{Edge, answer::Refusal},
};

/// A desk, as the dispatcher reaches it.
pub(crate) struct Destination {
    pub(crate) tenant: TenantId,
    pub(crate) desk: DeskId,
    pub(crate) breaker: Arc<SharedBreaker>,
    /// Room for attempts; what is taken is on its way.
    pub(crate) places: Arc<Semaphore>,
}

impl Destination {
    /// Whether nothing but a probe goes there.
    pub(super) fn is_down(&self) -> bool {
        matches!(self.breaker.seen(), BreakerSeen::Open { .. })
    }
}

/// `GET /console/api/destinations`
pub(super) async fn destinations(State(edge): State<Arc<Edge>>) -> Result<Json<Value>, Refusal> {
    let console = edge.console.as_ref().ok_or_else(closed)?;
    let shown: Vec<Value> = console
        .destinations
        .iter()
        .map(|one| {
            let (state, failures, probe_at) = match one.breaker.seen() {
                BreakerSeen::Closed { failures } => ("closed", Some(failures), None),
                BreakerSeen::Open { probe_at } => ("open", None, Some(rfc3339(probe_at))),
                BreakerSeen::Recovering => ("recovering", None, None),
            };
            let seen = console.recorder.desk(&one.tenant, &one.desk);
            json!({
                "kind": "desk",
                "tenant": one.tenant.as_str(),
                "desk": one.desk.as_str(),
                "breaker": state,
                "failures_in_a_row": failures,
                "probe_at": probe_at,
                "in_flight": ATTEMPTS_MAX.saturating_sub(one.places.available_permits()),
                "in_flight_max": ATTEMPTS_MAX,
                "last_success_at": seen.last_success_at.map(rfc3339),
                "last_failure_at": seen.last_failure_at.map(rfc3339),
                "last_failure": seen.last_failure,
                "attempts": seen.attempts,
                "p50_ms": seen.p50_ms,
                "p99_ms": seen.p99_ms,
            })
        })
        .collect();
    Ok(Json(json!({ "destinations": shown })))
}
