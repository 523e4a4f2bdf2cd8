//! The instance's clock over HTTP.
//!
//! ```text
//! GET  /admin/api/clock    {"now":1767225600000,"frozen":false}
//! POST /admin/api/clock    {"frozen"?:true,"advanceMs"?:180000} → the same
//! GET  /admin/api/settled?within_ms=5000    {"settled":true}
//! ```
//!
//! When an advance is answered, everything that was due has happened, in the order in which it was
//! due; callbacks may still be on their way.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Bytes,
    extract::{Query, State},
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{read, refused};
use crate::{desk::Refusal, shared::Shared};

/// How far the clock may be wound on at once: past the life of a refresh token, 100 days.
const ADVANCE_MAX: Duration = Duration::from_hours(101 * 24);

/// How long a caller may wait for quiet at most; longer than any attempt takes.
const SETTLED_WITHIN_MAX: Duration = Duration::from_secs(30);

pub(super) async fn show(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(seen(&shared))
}

fn seen(shared: &Shared) -> Value {
    json!({"now": shared.clock.now(), "frozen": shared.clock.is_frozen()})
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Order {
    frozen: Option<bool>,
    advance_ms: Option<u64>,
}

pub(super) async fn set(
    State(shared): State<Arc<Shared>>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let order: Order = read(&body)?;
    let ms = order.advance_ms.unwrap_or_default();
    if Duration::from_millis(ms) > ADVANCE_MAX {
        let message = "the clock is wound on by 101 days at most";
        return Err(refused(StatusCode::BAD_REQUEST, "bad_body", message));
    }
    if let Some(frozen) = order.frozen {
        shared.clock.freeze(frozen);
    }
    shared.advance(ms);
    Ok(Json(seen(&shared)))
}

impl Shared {
    /// Winds the clock on, and does what was due.
    pub(crate) fn advance(self: &Arc<Self>, ms: u64) {
        self.clock.advance(ms);
        self.act(|world, now| ((), world.instance.tick(now)));
    }
}

#[derive(Deserialize)]
pub(super) struct Patience {
    within_ms: Option<u64>,
}

pub(super) async fn settled(
    State(shared): State<Arc<Shared>>,
    Query(patience): Query<Patience>,
) -> Json<Value> {
    let within = patience.within_ms.map_or(SETTLED_WITHIN_MAX, Duration::from_millis);
    let mut changes = shared.changed.subscribe();
    let quiet = async {
        while !shared.is_settled() {
            // The sender lives as long as the instance.
            if changes.changed().await.is_err() {
                break;
            }
        }
    };
    let settled = tokio::time::timeout(within.min(SETTLED_WITHIN_MAX), quiet).await.is_ok();
    Json(json!({"settled": settled}))
}
