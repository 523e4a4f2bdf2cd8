//! What the page is told as it happens: what passes through the gateway, how the gateway stands, and
//! whether it can be watched. Bounded: a page that is too slow is told how much it missed.

use std::sync::{Arc, Mutex, PoisonError};

use axum::response::sse::Event;
use serde::Serialize;
use serde_json::json;
use tokio::sync::broadcast::{self, error::RecvError};

use super::gateway::Standing;

/// What a page may fall behind by before it misses something: seconds of a busy demo.
const TOLD_WAITING_MAX: usize = 512;

/// Whether what passes through the gateway can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Link {
    /// It is being read.
    Open,
    /// The gateway is away; it is tried again.
    Waiting,
    /// The gateway has no console, or does not let us in.
    Closed,
}

/// One thing that a page is told.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Told {
    /// The gateway's own JSON, as it came.
    Passage(Arc<str>),
    Gateway(Standing),
    Link(Link),
    /// So many things were too many for this page.
    Missed(u64),
}

impl Told {
    /// As a server-sent event.
    pub(super) fn event(&self) -> Event {
        match self {
            Self::Passage(json) => Event::default().event("passage").data(json.as_ref()),
            Self::Gateway(standing) => of("gateway", &json!(standing)),
            Self::Link(link) => of("link", &json!({ "state": link })),
            Self::Missed(count) => of("missed", &json!({ "count": count })),
        }
    }
}

fn of(name: &str, value: &serde_json::Value) -> Event {
    Event::default().event(name).data(value.to_string())
}

#[derive(Clone, Copy)]
struct Now {
    gateway: Standing,
    link: Link,
}

pub(super) struct Feed {
    told: broadcast::Sender<Told>,
    /// Locked while it changes and is told, so that who begins to listen misses no change.
    now: Mutex<Now>,
}

/// A page's end.
pub(super) struct Listener {
    first: Vec<Told>,
    told: broadcast::Receiver<Told>,
}

impl Feed {
    pub(super) fn new() -> Self {
        let now = Now { gateway: Standing::Starting, link: Link::Waiting };
        Self { told: broadcast::channel(TOLD_WAITING_MAX).0, now: Mutex::new(now) }
    }

    /// Begins with how things stand now.
    pub(super) fn listen(&self) -> Listener {
        // Nothing in it can be left half done, here and below.
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let first = vec![Told::Link(now.link), Told::Gateway(now.gateway)];
        Listener { first, told: self.told.subscribe() }
    }

    pub(super) fn passes(&self, passage: &str) {
        // Fails only when no page listens.
        self.told.send(Told::Passage(passage.into())).ok();
    }

    pub(super) fn stands(&self, standing: Standing) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.gateway = standing;
        self.told.send(Told::Gateway(standing)).ok();
    }

    pub(super) fn links(&self, link: Link) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if now.link != link {
            now.link = link;
            self.told.send(Told::Link(link)).ok();
        }
    }
}

impl Listener {
    /// The next thing; `None` when the demo is over.
    pub(super) async fn next(&mut self) -> Option<Told> {
        if let Some(first) = self.first.pop() {
            return Some(first);
        }
        match self.told.recv().await {
            Ok(told) => Some(told),
            Err(RecvError::Lagged(missed)) => Some(Told::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_page_hears_first_how_things_stand_and_then_what_happens() {
        let feed = Feed::new();
        feed.stands(Standing::Up { process: 7, back_after_ms: None });
        feed.links(Link::Open);
        feed.passes("before");
        let mut page = feed.listen();
        feed.links(Link::Open);
        feed.passes("{}");
        feed.stands(Standing::Down { killed: true });
        for expected in [
            Told::Gateway(Standing::Up { process: 7, back_after_ms: None }),
            Told::Link(Link::Open),
            Told::Passage("{}".into()),
            Told::Gateway(Standing::Down { killed: true }),
        ] {
            assert_eq!(page.next().await, Some(expected));
        }
        drop(feed);
        assert_eq!(page.next().await, None);
    }

    #[tokio::test]
    async fn a_slow_page_is_told_how_much_it_missed() {
        let feed = Feed::new();
        let mut page = feed.listen();
        (0..TOLD_WAITING_MAX + 3).for_each(|_| feed.passes("{}"));
        page.first.clear();
        assert_eq!(page.next().await, Some(Told::Missed(3)));
        assert_eq!(page.next().await, Some(Told::Passage("{}".into())));
    }

    #[test]
    fn how_the_gateway_stands_is_the_json_that_the_page_reads() {
        for (standing, json) in [
            (Standing::Starting, r#"{"state":"starting"}"#),
            (
                Standing::Up { process: 7, back_after_ms: Some(512) },
                r#"{"state":"up","process":7,"backAfterMs":512}"#,
            ),
            (Standing::Down { killed: true }, r#"{"state":"down","killed":true}"#),
        ] {
            assert_eq!(serde_json::to_string(&standing).unwrap(), json);
        }
    }
}
