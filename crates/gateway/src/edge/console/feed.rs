//! The feed as server-sent events: what passes, as it passes.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{
        Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::{Stream, stream};
use serde_json::json;
use tokio::{sync::OwnedSemaphorePermit, time::Interval};

use super::closed;
use crate::{
    edge::{Edge, answer::Refusal},
    observe::{Feed, Heard},
};

/// Those who follow the feed at a time: a few operators, a few pages each.
pub(super) const READERS_MAX: usize = 32;

/// How often a reader that hears nothing is sent a comment, so that no proxy takes it for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How often it is looked whether the reader's session still lasts.
const SESSION_LOOKED_AT_EVERY: Duration = Duration::from_secs(5);

struct Reader {
    edge: Arc<Edge>,
    headers: HeaderMap,
    feed: Feed,
    look: Interval,
    _place: OwnedSemaphorePermit,
}

/// `GET /console/api/feed`: events named `passage`, and `missed` with how many a slow reader did not
/// get.
pub(super) async fn feed(
    State(edge): State<Arc<Edge>>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refusal> {
    let console = edge.console.as_ref().ok_or_else(closed)?;
    let place = Arc::clone(&console.readers).try_acquire_owned().map_err(|_| {
        Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_many_readers",
            format!("{READERS_MAX} pages follow the feed already; close one of them"),
        )
    })?;
    let reader = Reader {
        feed: console.recorder.listen(),
        look: tokio::time::interval(SESSION_LOOKED_AT_EVERY),
        headers,
        _place: place,
        edge: Arc::clone(&edge),
    };
    let events = stream::unfold(reader, |mut reader| async move {
        let event = reader.next().await?;
        Some((Ok(event), reader))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

impl Reader {
    /// The next event; `None` when the gateway stops or the session is over.
    async fn next(&mut self) -> Option<Event> {
        loop {
            tokio::select! {
                () = self.edge.stopping.cancelled() => return None,
                _ = self.look.tick() => {
                    let access = self.edge.console.as_ref().map(|console| &console.access);
                    if !access.is_some_and(|access| access.lasts(&self.headers, &self.edge)) {
                        return None;
                    }
                }
                heard = self.feed.next() => {
                    let event = match heard? {
                        Heard::Passage(passage) => {
                            Event::default().event("passage").json_data(&passage)
                        }
                        Heard::Missed(passages) => {
                            Event::default().event("missed").json_data(json!({ "passages": passages }))
                        }
                    };
                    // Numbers and codes under fixed names can always be written.
                    if let Ok(event) = event {
                        return Some(event);
                    }
                }
            }
        }
    }
}
