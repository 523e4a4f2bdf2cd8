//! The first look: how many chats, what is stuck, since when.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Extension, State},
};
use serde_json::{Value, json};
use store::Store;

use super::{
    closed,
    seats::Operator,
    view::{store_unavailable, unreadable},
};
use crate::{
    clock::rfc3339,
    edge::{Edge, answer::Refusal},
};

/// Dead letters are told up to here; more are "more".
const LETTERS_TOLD_MAX: usize = 1_000;

/// `GET /console/api/overview`
pub(super) async fn overview(
    State(edge): State<Arc<Edge>>,
    Extension(operator): Extension<Operator>,
) -> Result<Json<Value>, Refusal> {
    let console = edge.console.as_ref().ok_or_else(closed)?;
    // What failed is in the log; what was known before is not shown as if it were so now.
    let (Some(counted), true) = edge.observer.numbers(&edge.store).await else {
        return Err(store_unavailable());
    };
    let sight = &operator.sight;
    let sessions: Vec<_> =
        counted.sessions.iter().filter(|count| sight.of(count.tenant.as_str())).collect();
    let sum = |status: &str| -> u64 {
        let of = sessions.iter().filter(|count| *count.status == *status);
        of.map(|count| count.sessions).sum()
    };
    let waiting = sessions.iter().filter(|count| &*count.status == "waiting");
    let oldest = waiting.map(|count| count.oldest).min();
    let down = console.destinations.down(sight);
    let own = sight.clone();
    let count = move |store: &dyn Store| store.count_dead_letters(&own);
    let all = crate::blocking(&edge.store, count).await.map_err(|error| unreadable(&error))?;
    let letters = all.min(LETTERS_TOLD_MAX);
    Ok(Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "now": rfc3339(edge.clock.now()),
        "started_at": rfc3339(console.started_at),
        "sessions": {
            "waiting": sum("waiting"),
            "connected": sum("connected"),
            "active": sum("active"),
            "oldest_waiting_at": oldest.map(rfc3339),
        },
        "dead_letters": {
            "count": letters,
            "more": all > LETTERS_TOLD_MAX,
        },
        "desks_down": down.desks,
        "bots_down": down.bots,
        "channels_down": down.channels,
        "operator": {
            "name": operator.name,
            "member": operator.member,
            "role": operator.role.as_str(),
            "tenants": sight.tenants().map(|own| {
                own.iter().map(|tenant| tenant.as_str().to_owned()).collect::<Vec<_>>()
            }),
            "until": rfc3339(operator.until),
        },
    })))
}
