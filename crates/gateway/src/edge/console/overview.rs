//! The first look: how many chats, what is stuck, since when.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use axum::{
    Json,
    extract::{Extension, State},
};
use serde_json::{Value, json};
use store::OpenCount;
use tokio::time::Instant;

use super::{Console, closed, seats::Operator, view::unreadable};
use crate::{
    clock::rfc3339,
    edge::{Edge, answer::Refusal},
};

/// How long counts are good for. Counting goes through every open chat; however many pages ask, it is
/// done this often.
const COUNTED_EVERY: Duration = Duration::from_secs(2);

/// Dead letters are counted up to here; more are "more".
const LETTERS_COUNTED_MAX: usize = 1_000;

/// What was counted last.
#[derive(Debug, Default)]
pub(super) struct Counts(Option<Counted>);

#[derive(Debug, Clone)]
struct Counted {
    at: Instant,
    open: Arc<[OpenCount]>,
    letters: usize,
}

/// `GET /console/api/overview`
pub(super) async fn overview(
    State(edge): State<Arc<Edge>>,
    Extension(operator): Extension<Operator>,
) -> Result<Json<Value>, Refusal> {
    let console = edge.console.as_ref().ok_or_else(closed)?;
    let counted = counted(&edge, console).await?;
    let sum = |status: &str| -> u64 {
        let of = counted.open.iter().filter(|count| *count.status == *status);
        of.map(|count| count.sessions).sum()
    };
    let waiting = counted.open.iter().filter(|count| &*count.status == "waiting");
    let oldest = waiting.map(|count| count.oldest).min();
    let letters = counted.letters.min(LETTERS_COUNTED_MAX);
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
            "more": counted.letters > LETTERS_COUNTED_MAX,
        },
        "destinations_down": console.destinations.iter().filter(|one| one.is_down()).count(),
        "operator": { "name": operator.name, "until": rfc3339(operator.until) },
    })))
}

/// Counts, or what was counted a moment ago.
async fn counted(edge: &Edge, console: &Console) -> Result<Counted, Refusal> {
    let last = || console.counts.lock().unwrap_or_else(PoisonError::into_inner);
    let fresh = last().0.clone().filter(|counted| counted.at.elapsed() < COUNTED_EVERY);
    if let Some(counted) = fresh {
        return Ok(counted);
    }
    let count = |store: &dyn store::Store| {
        Ok((store.open_counts()?, store.dead_letter_count(LETTERS_COUNTED_MAX + 1)?))
    };
    let read = crate::blocking(&edge.store, count).await;
    let (open, letters) = read.map_err(|error| unreadable(&error))?;
    let counted = Counted { at: Instant::now(), open: open.into(), letters };
    last().0 = Some(counted.clone());
    Ok(counted)
}
