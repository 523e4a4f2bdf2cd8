//! What the page is told as it happens: what passes through the gateway, how the gateway stands, and
//! whether it can be watched. Bounded: a page that is too slow is told how much it missed.
//!
//! What happens has marks; a page that comes again (reloaded, in another language, after a broken
//! connection) is told what happened after the mark that it names.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ::gateway::Clock;
use axum::response::sse::Event;
use serde::Serialize;
use serde_json::json;
use tokio::sync::broadcast::{self, error::RecvError};

use super::gateway::Standing;

/// What a page may fall behind by before it misses something: seconds of a busy demo.
const TOLD_WAITING_MAX: usize = 512;

/// What is kept for a page that comes again: more than it shows.
const TOLD_KEPT_MAX: usize = 1_024;

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
    /// How the gateway stands, since when in milliseconds since 1970.
    Gateway(Standing, i64),
    Link(Link),
    /// So many things were too many for this page.
    Missed(u64),
}

impl Told {
    /// As a server-sent event.
    pub(super) fn event(&self) -> Event {
        match self {
            Self::Passage(json) => Event::default().event("passage").data(json.as_ref()),
            Self::Gateway(standing, at) => {
                let mut value = json!(standing);
                value["at"] = json!(at);
                of("gateway", &value)
            }
            Self::Link(link) => of("link", &json!({ "state": link })),
            Self::Missed(count) => of("missed", &json!({ "count": count })),
        }
    }
}

fn of(name: &str, value: &serde_json::Value) -> Event {
    Event::default().event(name).data(value.to_string())
}

/// A place in what happened: of which demo, since each counts from one, and the number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    run: u32,
    number: u64,
}

impl Mark {
    /// Reads what a page sends back.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (run, number) = text.split_once('-')?;
        Some(Self { run: u32::from_str_radix(run, 16).ok()?, number: number.parse().ok()? })
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", self.run, self.number)
    }
}

/// What a page is told, with its mark where it happened rather than is so.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Marked {
    pub(super) mark: Option<Mark>,
    pub(super) told: Told,
}

impl Marked {
    /// As a server-sent event.
    pub(super) fn event(&self) -> Event {
        let event = self.told.event();
        match self.mark {
            Some(mark) => event.id(mark.to_string()),
            None => event,
        }
    }
}

struct Now {
    gateway: Told,
    link: Link,
    last: Mark,
    /// What happened, oldest first.
    kept: VecDeque<Marked>,
}

pub(super) struct Feed {
    told: broadcast::Sender<Marked>,
    /// Locked while it changes and is told, so that who begins to listen misses no change.
    now: Mutex<Now>,
}

/// A page's end.
pub(super) struct Listener {
    first: VecDeque<Marked>,
    told: broadcast::Receiver<Marked>,
}

impl Feed {
    pub(super) fn new() -> Self {
        let now = Now {
            gateway: Told::Gateway(Standing::Starting, Clock::System.now().0),
            link: Link::Waiting,
            last: Mark { run: fastrand::u32(..), number: 0 },
            kept: VecDeque::new(),
        };
        Self { told: broadcast::channel(TOLD_WAITING_MAX).0, now: Mutex::new(now) }
    }

    /// Begins with how things stand now; before that comes what happened after a mark. Of another demo's
    /// mark nothing is known, so that is all that is kept.
    pub(super) fn listen(&self, after: Option<Mark>) -> Listener {
        let now = self.lock();
        let missed = |one: &&Marked| match (after, one.mark) {
            (Some(after), Some(mark)) => mark.run != after.run || mark.number > after.number,
            _ => false,
        };
        let mut first: VecDeque<_> = now.kept.iter().filter(missed).cloned().collect();
        first.push_back(Marked { mark: Some(now.last), told: now.gateway.clone() });
        first.push_back(Marked { mark: None, told: Told::Link(now.link) });
        Listener { first, told: self.told.subscribe() }
    }

    pub(super) fn passes(&self, passage: &str) {
        self.lock().happens(&self.told, Told::Passage(passage.into()));
    }

    pub(super) fn stands(&self, standing: Standing) {
        let mut now = self.lock();
        let told = Told::Gateway(standing, Clock::System.now().0);
        now.gateway = told.clone();
        now.happens(&self.told, told);
    }

    pub(super) fn links(&self, link: Link) {
        let mut now = self.lock();
        if now.link != link {
            now.link = link;
            self.told.send(Marked { mark: None, told: Told::Link(link) }).ok();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        // Nothing in it can be left half done.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Now {
    fn happens(&mut self, pages: &broadcast::Sender<Marked>, told: Told) {
        self.last.number += 1;
        let marked = Marked { mark: Some(self.last), told };
        if self.kept.len() == TOLD_KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(marked.clone());
        // Fails only when no page listens.
        pages.send(marked).ok();
    }
}

impl Listener {
    /// The next thing; `None` when the demo is over.
    pub(super) async fn next(&mut self) -> Option<Marked> {
        if let Some(first) = self.first.pop_front() {
            return Some(first);
        }
        match self.told.recv().await {
            Ok(marked) => Some(marked),
            Err(RecvError::Lagged(missed)) => {
                Some(Marked { mark: None, told: Told::Missed(missed) })
            }
            Err(RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a page is told next, without mark and time.
    async fn told(page: &mut Listener) -> Option<Told> {
        match page.next().await?.told {
            Told::Gateway(standing, _) => Some(Told::Gateway(standing, 0)),
            other => Some(other),
        }
    }

    fn up() -> Standing {
        Standing::Up { process: 7, back_after_ms: None }
    }

    #[tokio::test]
    async fn a_page_hears_first_how_things_stand_and_then_what_happens() {
        let feed = Feed::new();
        feed.stands(up());
        feed.links(Link::Open);
        feed.passes("before");
        let mut page = feed.listen(None);
        feed.links(Link::Open);
        feed.passes("{}");
        feed.stands(Standing::Down { killed: true });
        for expected in [
            Told::Gateway(up(), 0),
            Told::Link(Link::Open),
            Told::Passage("{}".into()),
            Told::Gateway(Standing::Down { killed: true }, 0),
        ] {
            assert_eq!(told(&mut page).await, Some(expected));
        }
        drop(feed);
        assert_eq!(page.next().await, None);
    }

    #[tokio::test]
    async fn a_page_that_comes_again_hears_what_happened_since_its_mark_and_no_more() {
        let feed = Feed::new();
        feed.passes("before");
        let began = feed.listen(None).next().await.unwrap().mark.unwrap();
        feed.passes("one");
        feed.stands(up());
        feed.links(Link::Open);
        let mut again = feed.listen(Mark::read(&began.to_string()));
        feed.passes("two");
        let passage = |json: &str| Told::Passage(json.into());
        let (stands, link) = (Told::Gateway(up(), 0), Told::Link(Link::Open));
        for expected in [passage("one"), stands.clone(), stands, link, passage("two")] {
            assert_eq!(told(&mut again).await, Some(expected));
        }
        let mut another = feed.listen(Some(Mark { run: began.run ^ 1, number: 9 }));
        assert_eq!(told(&mut another).await, Some(passage("before")), "of another demo");
        for text in ["", "7", "x-1", "00000001-", "00000001--1"] {
            assert_eq!(Mark::read(text), None, "{text:?}");
        }
        (0..TOLD_KEPT_MAX + 3).for_each(|_| feed.passes("{}"));
        assert_eq!(feed.listen(Some(began)).first.len(), TOLD_KEPT_MAX + 2);
    }

    #[tokio::test]
    async fn a_slow_page_is_told_how_much_it_missed() {
        let feed = Feed::new();
        let mut page = feed.listen(None);
        (0..TOLD_WAITING_MAX + 3).for_each(|_| feed.passes("{}"));
        page.first.clear();
        assert_eq!(told(&mut page).await, Some(Told::Missed(3)));
        assert_eq!(told(&mut page).await, Some(Told::Passage("{}".into())));
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
