//! The feed as server-sent events: what passes, as it passes.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    extract::{Extension, Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
    response::{
        Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::{Stream, stream};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Interval;

use store::Sight;

use super::{closed, seats::Operator, view::bad_query};
use crate::{
    edge::{Edge, answer::Refusal},
    observe::{Feed, Heard},
};

/// Those who follow the feed at a time: a few operators, a few pages each.
const READERS_MAX: usize = 32;

/// Of them, those of one who is signed in: a page on each of some screens, so that whoever leaves
/// pages open does not shut the others out.
const READERS_PER_OPERATOR_MAX: usize = 8;

/// How often a reader that hears nothing is sent a comment, so that no proxy takes it for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How often it is looked whether the reader's session still lasts.
const SESSION_LOOKED_AT_EVERY: Duration = Duration::from_secs(5);

/// Those who follow the feed now, by the name of their session.
#[derive(Debug, Default)]
pub(super) struct Readers(Mutex<Vec<Box<str>>>);

/// A place among them, left when it is dropped.
#[derive(Debug)]
struct Place {
    readers: Arc<Readers>,
    name: Box<str>,
}

impl Readers {
    fn enter(self: &Arc<Self>, name: &str) -> Result<Place, Refusal> {
        let mut names = self.lock();
        let own = names.iter().filter(|taken| ***taken == *name).count();
        let words = if own >= READERS_PER_OPERATOR_MAX {
            format!("{own} pages of this session follow the feed already; close one of them")
        } else if names.len() >= READERS_MAX {
            format!("{READERS_MAX} pages follow the feed already; close one of them")
        } else {
            names.push(name.into());
            return Ok(Place { readers: Arc::clone(self), name: name.into() });
        };
        Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_readers", words))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Box<str>>> {
        // Nothing in here can be left half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut names = self.readers.lock();
        if let Some(at) = names.iter().position(|name| *name == self.name) {
            names.swap_remove(at);
        }
    }
}

/// What may be asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Passages with greater numbers, also those that passed before, as far as they are held.
    after: Option<u64>,
}

struct Reader {
    edge: Arc<Edge>,
    headers: HeaderMap,
    feed: Feed,
    look: Interval,
    sight: Sight,
    _place: Place,
}

/// `GET /console/api/feed`: events named `passage`, and `missed` with how many a slow reader did not
/// get. With `after`, a number, what passed since then comes first, as far as it is held.
pub(super) async fn feed(
    State(edge): State<Arc<Edge>>,
    Extension(operator): Extension<Operator>,
    wanted: Result<Query<Wanted>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refusal> {
    let Query(wanted) =
        wanted.map_err(|_| bad_query("the query may have after, the number of a passage"))?;
    let console = edge.console.as_ref().ok_or_else(closed)?;
    let place = console.readers.enter(&operator.name)?;
    let reader = Reader {
        feed: console.recorder.listen(wanted.after),
        look: tokio::time::interval(SESSION_LOOKED_AT_EVERY),
        headers,
        sight: operator.sight,
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
                        // What is nobody's is for those who see everything.
                        Heard::Passage(passage) if !passage.tenant.as_ref().map_or_else(
                            || self.sight.is_whole(),
                            |tenant| self.sight.of(tenant.as_str()),
                        ) => continue,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_all_places_and_a_page_that_is_closed_leaves_its_own() {
        let readers = Arc::new(Readers::default());
        let mut ours: Vec<_> =
            (0..READERS_PER_OPERATOR_MAX).map(|_| readers.enter("one").unwrap()).collect();
        let refused = readers.enter("one").unwrap_err();
        assert_eq!(refused.code, "too_many_readers");
        let rest = READERS_MAX - READERS_PER_OPERATOR_MAX;
        let others: Vec<_> =
            (0..rest).map(|n| readers.enter(&format!("other {}", n / 8)).unwrap()).collect();
        assert_eq!(readers.enter("somebody").unwrap_err().code, "too_many_readers");
        ours.pop();
        let again = readers.enter("one").unwrap();
        drop((ours, others, again));
        assert!(readers.lock().is_empty());
    }
}
