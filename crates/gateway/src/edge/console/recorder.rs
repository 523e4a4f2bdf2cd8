//! What the console remembers: how the gateway's counters rose, for the plots; how each desk and
//! bot did last; and the newest passages, for the timelines. In memory, bounded, and gone with the process.
//!
//! It counts nothing itself: of what passes it hears only as much as it can keep up with.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use session::id::{SessionId, Timestamp};
use tokio_util::sync::CancellationToken;

use super::series::Series;
use crate::{
    clock::Clock,
    lane::Destination,
    observe::{EffectName, Feed, Heard, Observer, Outcome, Passage, PassageKind},
};

/// How often the counters are looked at; so late may something be counted.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Passages kept for timelines: a few hundred bytes each.
const PASSAGES_KEPT_MAX: usize = 10_000;

/// Passages of one chat that are shown, the newest.
const PASSAGES_SHOWN_MAX: usize = 200;

/// Remembers what the observer tells.
pub(crate) struct Recorder {
    observer: Arc<Observer>,
    clock: Clock,
    /// Opened before the first request comes, so that nothing of the start is missed.
    feed: Mutex<Option<Feed>>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    series: Series,
    destinations: BTreeMap<Destination, DestinationSeen>,
    passages: VecDeque<Passage>,
}

/// How a desk or a bot did last.
#[derive(Debug, Clone, Default)]
struct DestinationSeen {
    success_at: Option<Timestamp>,
    failure_at: Option<Timestamp>,
    failure: Option<&'static str>,
}

/// How a desk or a bot does, for the page.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct DestinationShown {
    pub(super) last_success_at: Option<Timestamp>,
    pub(super) last_failure_at: Option<Timestamp>,
    /// Its machine code.
    pub(super) last_failure: Option<&'static str>,
    pub(super) attempts: u64,
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
}

impl Recorder {
    pub(crate) fn new(observer: Arc<Observer>, clock: Clock) -> Arc<Self> {
        let feed = Mutex::new(Some(observer.listen()));
        Arc::new(Self { observer, clock, feed, seen: Mutex::default() })
    }

    /// Listens until told to stop.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let opened = self.feed.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut feed = opened.unwrap_or_else(|| self.observer.listen());
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let heard = tokio::select! {
                () = stop.cancelled() => return,
                _ = look.tick() => {
                    self.series(|_| ());
                    continue;
                }
                heard = feed.next() => heard,
            };
            match heard {
                Some(Heard::Passage(passage)) => self.take(passage),
                // Nothing is counted here; a timeline lacks them.
                Some(Heard::Missed(_)) => {}
                None => return stop.cancelled().await,
            }
        }
    }

    /// For a reader of the feed: what passes from now on, or what has greater numbers than `after`.
    pub(super) fn listen(&self, after: Option<u64>) -> Feed {
        after.map_or_else(|| self.observer.listen(), |seq| self.observer.listen_after(seq))
    }

    /// The series, up to this moment.
    pub(super) fn series<T>(&self, look: impl FnOnce(&Series) -> T) -> T {
        let mut seen = self.lock();
        // Under the lock, so that two who look do not see the counters fall.
        seen.series.look(self.clock.now(), self.observer.totals());
        look(&seen.series)
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

    /// How a desk or a bot does.
    pub(super) fn destination(&self, to: &Destination) -> DestinationShown {
        let took = self.observer.took(to);
        let last = self.lock().destinations.get(to).cloned();
        let last = last.unwrap_or_default();
        DestinationShown {
            last_success_at: last.success_at,
            last_failure_at: last.failure_at,
            last_failure: last.failure,
            attempts: took.count(),
            p50_ms: took.quantile_ms(0.5),
            p99_ms: took.quantile_ms(0.99),
        }
    }

    fn take(&self, passage: Passage) {
        let mut seen = self.lock();
        seen.attempted(&passage);
        // Requests belong to no session, and there are many.
        if passage.session.is_some() {
            if seen.passages.len() == PASSAGES_KEPT_MAX {
                seen.passages.pop_front();
            }
            seen.passages.push_back(passage);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        // Nothing in here can be left half done.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// Tenants, desks and bots are those of the configuration, so there are few.
    fn attempted(&mut self, passage: &Passage) {
        let (PassageKind::Effect, Some(tenant)) = (passage.kind, &passage.tenant) else { return };
        let to = match (&passage.desk, &passage.bot) {
            (Some(desk), _) => Destination::Desk(tenant.clone(), desk.clone()),
            // What goes to a bot's users is no matter of the bot's.
            (None, Some(bot)) if passage.name == EffectName::Show.as_str() => {
                Destination::Channel(tenant.clone(), bot.clone())
            }
            (None, Some(bot)) => Destination::Bot(tenant.clone(), bot.clone()),
            (None, None) => return,
        };
        let seen = self.destinations.entry(to).or_default();
        match passage.outcome {
            Outcome::Done => seen.success_at = Some(passage.at),
            Outcome::Retry | Outcome::Failed | Outcome::Unanswered => {
                seen.failure_at = Some(passage.at);
                seen.failure = passage.code;
            }
            // Nothing was sent.
            Outcome::Ok | Outcome::Repeat | Outcome::Refused | Outcome::Struck | Outcome::Held => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::*;
    use crate::observe::Answered;

    #[tokio::test]
    async fn the_plots_count_what_passes_too_quickly_to_be_heard() {
        let observer = Observer::new(Clock::System, &[]);
        let recorder = Recorder::new(Arc::clone(&observer), Clock::System);
        let (stop, began) = (CancellationToken::new(), Clock::System.now());
        let running = tokio::spawn(Arc::clone(&recorder).run(stop.clone()));
        tokio::task::yield_now().await;
        // More at once than the feed holds for who is slow.
        for _ in 0..5_000 {
            let (method, route) = (&Method::POST, Some("/v3/directline/conversations"));
            let (code, took) = (None, Duration::from_millis(1));
            observer.answered(&Answered { method, route, status: 201, code, took });
        }
        let shown = recorder.series(|series| series.shown(Clock::System.now(), Some(began.0)));
        let counts = shown["requests"].as_array().unwrap().iter();
        assert_eq!(counts.filter_map(serde_json::Value::as_u64).sum::<u64>(), 5_000);
        stop.cancel();
        running.await.unwrap();
    }
}
