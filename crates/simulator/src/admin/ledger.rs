//! What came in and what went out, over HTTP.
//!
//! ```text
//! GET /admin/api/requests?from=0&limit=100    {"entries":[…],"next":n}
//! GET /admin/api/callbacks?from=0&limit=100
//! ```
//!
//! `next` is the `from` of the next call; entries that have made room for newer ones are passed
//! over.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Query, State},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    instance::Fate,
    ledger::{FileFate, Received, Sent},
    shared::Shared,
};

/// How many entries one call gives at most; each may be a megabyte.
const ENTRIES_MAX: usize = 100;

#[derive(Deserialize)]
pub(super) struct Page {
    from: Option<u64>,
    limit: Option<usize>,
}

impl Page {
    fn answer<'a, T: 'a>(
        &self,
        entries: impl Iterator<Item = (u64, &'a T)>,
        show: impl Fn(&T) -> Value,
    ) -> Json<Value> {
        let limit = self.limit.unwrap_or(ENTRIES_MAX).min(ENTRIES_MAX);
        let mut next = self.from.unwrap_or_default();
        let mut shown = Vec::new();
        for (number, entry) in entries.take(limit) {
            let mut entry = show(entry);
            entry["n"] = number.into();
            shown.push(entry);
            next = number + 1;
        }
        Json(json!({"entries": shown, "next": next}))
    }
}

pub(super) async fn requests(
    State(shared): State<Arc<Shared>>,
    Query(page): Query<Page>,
) -> Json<Value> {
    let world = shared.lock();
    page.answer(world.ledger.received_from(page.from.unwrap_or_default()), received)
}

pub(super) async fn callbacks(
    State(shared): State<Arc<Shared>>,
    Query(page): Query<Page>,
) -> Json<Value> {
    let world = shared.lock();
    page.answer(world.ledger.sent_from(page.from.unwrap_or_default()), sent)
}

fn received(entry: &Received) -> Value {
    let (fate, reason) = match entry.fate {
        Fate::Pending => ("pending", None),
        Fate::Refused => ("refused", None),
        Fate::Taken => ("taken", None),
        Fate::Ignored(reason) => ("ignored", Some(reason)),
    };
    let files = entry.files.iter().map(|file| match file {
        FileFate::Pending => json!({"fate": "pending"}),
        FileFate::Shown => json!({"fate": "shown"}),
        FileFate::Dropped(reason) => json!({"fate": "dropped", "reason": reason}),
    });
    json!({
        "at": entry.at, "body": entry.body, "status": entry.status, "answer": entry.answer,
        "fate": fate, "reason": reason, "files": files.collect::<Vec<_>>(),
    })
}

fn sent(entry: &Sent) -> Value {
    json!({
        "at": entry.at, "body": entry.body,
        "outcome": entry.outcome.name(), "status": entry.status(),
    })
}
