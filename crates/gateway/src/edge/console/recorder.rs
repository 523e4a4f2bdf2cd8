//! What the console remembers of what passes: counts for the plots, how each desk does, and the
//! newest passages for the timelines. In memory, bounded, and gone with the process.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use session::id::{DeskId, SessionId, TenantId, Timestamp};
use tokio_util::sync::CancellationToken;

use super::series::{Histogram, Series};
use crate::observe::{Feed, Heard, Observer, Outcome, Passage, PassageKind};

/// Passages kept for timelines: a few hundred bytes each.
const PASSAGES_KEPT_MAX: usize = 10_000;

/// Passages of one chat that are shown, the newest.
const PASSAGES_SHOWN_MAX: usize = 200;

/// Remembers what the observer tells.
pub(crate) struct Recorder {
    observer: Arc<Observer>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    series: Series,
    desks: BTreeMap<(TenantId, DeskId), DeskSeen>,
    passages: VecDeque<Passage>,
}

/// How a desk does.
#[derive(Debug, Clone, Default)]
struct DeskSeen {
    last_success_at: Option<Timestamp>,
    last_failure_at: Option<Timestamp>,
    last_failure: Option<&'static str>,
    attempts: u64,
    took: Histogram,
}

/// The same for the page.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct DeskShown {
    pub(super) last_success_at: Option<Timestamp>,
    pub(super) last_failure_at: Option<Timestamp>,
    /// Its machine code.
    pub(super) last_failure: Option<&'static str>,
    pub(super) attempts: u64,
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
}

impl Recorder {
    pub(crate) fn new(observer: Arc<Observer>) -> Arc<Self> {
        Arc::new(Self { observer, seen: Mutex::default() })
    }

    /// Listens until told to stop.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut feed = self.observer.listen();
        loop {
            let heard = tokio::select! {
                () = stop.cancelled() => return,
                heard = feed.next() => heard,
            };
            match heard {
                Some(Heard::Passage(passage)) => self.take(passage),
                Some(Heard::Missed(passages)) => self.lock().series.missed(passages),
                None => return stop.cancelled().await,
            }
        }
    }

    /// For a reader of the feed.
    pub(super) fn listen(&self) -> Feed {
        self.observer.listen()
    }

    /// The series, up to this moment.
    pub(super) fn series<T>(&self, look: impl FnOnce(&Series) -> T) -> T {
        look(&self.lock().series)
    }

    /// What passed lately for a session, oldest first.
    pub(super) fn passages(&self, session: &SessionId) -> Vec<Passage> {
        let seen = self.lock();
        let of = |passage: &&Passage| passage.session.as_ref() == Some(session);
        let mut newest: Vec<_> =
            seen.passages.iter().rev().filter(of).take(PASSAGES_SHOWN_MAX).cloned().collect();
        newest.reverse();
        newest
    }

    /// How a desk does.
    pub(super) fn desk(&self, tenant: &TenantId, desk: &DeskId) -> DeskShown {
        let seen = self.lock();
        let Some(desk) = seen.desks.get(&(tenant.clone(), desk.clone())) else {
            return DeskShown::default();
        };
        DeskShown {
            last_success_at: desk.last_success_at,
            last_failure_at: desk.last_failure_at,
            last_failure: desk.last_failure,
            attempts: desk.attempts,
            p50_ms: desk.took.quantile(0.5),
            p99_ms: desk.took.quantile(0.99),
        }
    }

    fn take(&self, passage: Passage) {
        let mut seen = self.lock();
        seen.series.take(&passage);
        seen.desk(&passage);
        // Requests belong to no session, and there are many.
        if passage.session.is_some() {
            if seen.passages.len() == PASSAGES_KEPT_MAX {
                seen.passages.pop_front();
            }
            seen.passages.push_back(passage);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        // At worst a passage is half counted.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// Tenants and desks are those of the configuration, so there are few.
    fn desk(&mut self, passage: &Passage) {
        let (PassageKind::Effect, Some(tenant), Some(desk)) =
            (passage.kind, &passage.tenant, &passage.desk)
        else {
            return;
        };
        let seen = self.desks.entry((tenant.clone(), desk.clone())).or_default();
        match passage.outcome {
            Outcome::Done => seen.last_success_at = Some(passage.at),
            Outcome::Retry | Outcome::Failed => {
                seen.last_failure_at = Some(passage.at);
                seen.last_failure = passage.code;
            }
            // Nothing was sent.
            _ => return,
        }
        seen.attempts += 1;
        if let Some(ms) = passage.ms {
            seen.took.add(ms);
        }
    }
}
