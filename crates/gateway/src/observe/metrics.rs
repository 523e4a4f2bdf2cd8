//! All the numbers there are, found once at the start.
//!
//! Their names, labels and meaning are a contract: docs/observability.md. Labels hold what is
//! configured (tenant, desk, bot) and closed lists, never what strangers send.

mod attempts;
mod bots;
mod breaker;
mod desks;
mod doors;
mod files;

use std::time::Duration;

use prometheus_client::{
    encoding::prometheus_text,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use session::{
    Milestone,
    id::{BotId, DeskId, TenantId, Timestamp},
};
use store::Numbers;

pub(super) use attempts::Counted;
pub(crate) use bots::BotNamed;
pub(crate) use files::FileNumbers;

use crate::observe::{
    histogram::{Histogram, JOBS, QUICK, Scale, Spread},
    metrics::{
        bots::{Bots, Way},
        desks::{Desks, OfDesk},
        doors::Doors,
    },
    scrape::Standing,
    words::{EffectName, EventName, Outcome, Unnamed},
};

/// Names and values.
type Labels = Vec<(&'static str, String)>;

/// Histograms of one name, whose buckets are the same.
type Histograms = Family<Labels, Histogram, fn() -> Histogram>;

/// What came of events, in the order of the counters.
const EVENT_OUTCOMES: [Outcome; 3] = [Outcome::Ok, Outcome::Repeat, Outcome::Refused];

/// What a batch counts of its events: by name, then by outcome.
pub(super) type EventCounts = [[u16; EVENT_OUTCOMES.len()]; EventName::ALL.len()];

/// Where an outcome of an event is counted.
pub(super) fn place_of(outcome: Outcome) -> usize {
    EVENT_OUTCOMES.iter().position(|known| *known == outcome).unwrap_or(0)
}

/// The numbers, and how they are written down.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    pub(super) doors: Doors,
    pub(super) desks: Desks,
    pub(super) bots: Bots,
    /// The same bots' users on channels that are brought what is for them.
    pub(super) channels: Bots,
    /// By kind of effect.
    given_up: Box<[Counter]>,
    pub(super) streamed: Histogram,
    pub(super) swept: Counter,
    pub(super) shredded: Counter,
    pub(super) stuck: Counter,
    pub(super) forgotten: Counter,
    pub(super) under_old_keys: Gauge,
    /// By what has no name.
    unnamed: Box<[Counter]>,
    pub(super) files: FileNumbers,
    events: Box<[[Counter; EVENT_OUTCOMES.len()]]>,
    commit: Histogram,
    jobs: Histogram,
    failed_batches: Counter,
    standing: StandingGauges,
}

/// Counts since the start, summed up, for whoever shows what came in between.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Requests that were answered, the console's own left out.
    pub(crate) requests: u64,
    /// Of them, those that were refused or failed.
    pub(crate) refused: u64,
    /// Effects that were carried out.
    pub(crate) deliveries: u64,
    /// Attempts that failed, whether repeated or given up.
    pub(crate) failures: u64,
    /// How long attempts at desks took.
    pub(crate) took: Spread,
}

impl Totals {
    pub(crate) fn plus(&self, more: &Self) -> Self {
        Self {
            requests: self.requests + more.requests,
            refused: self.refused + more.refused,
            deliveries: self.deliveries + more.deliveries,
            failures: self.failures + more.failures,
            took: self.took.plus(&more.took),
        }
    }

    /// What came since.
    pub(crate) fn minus(&self, before: &Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(before.requests),
            refused: self.refused.saturating_sub(before.refused),
            deliveries: self.deliveries.saturating_sub(before.deliveries),
            failures: self.failures.saturating_sub(before.failures),
            took: self.took.minus(&before.took),
        }
    }
}

/// What is read when somebody asks.
#[derive(Debug)]
struct StandingGauges {
    streams: Gauge,
    queue: Gauge,
    store_up: Gauge,
    effects: Gauge,
    lanes: Gauge,
    oldest: Gauge<f64, std::sync::atomic::AtomicU64>,
    dead_letters: Gauge,
    bytes: Gauge,
}

impl Metrics {
    /// The numbers of a gateway with these desks.
    pub(super) fn new(desks: &[(TenantId, DeskId)], started: Timestamp) -> Self {
        let mut registry = Registry::with_prefix("warmline");
        about(&mut registry, started);
        let doors = Doors::new(&mut registry);
        let desks = Desks::new(&mut registry, desks);
        let bots = Bots::new(&mut registry, Way::ToBot);
        let channels = Bots::new(&mut registry, Way::ToChannel);
        let given_up = given_up(&mut registry);
        let events = events(&mut registry);
        let commit = histogram(
            &mut registry,
            "commit_seconds",
            "Time of one transaction of the engine: stepping its events and the commit with its sync",
            QUICK,
        );
        let jobs = histogram(
            &mut registry,
            "batch_jobs",
            "Jobs of one transaction: events, claims and reschedules",
            JOBS,
        );
        let failed_batches = counter(
            &mut registry,
            "commit_failures",
            "Transactions that failed; their halves run again, a single culprit is refused",
        );
        let streamed = histogram(
            &mut registry,
            "stream_latency_seconds",
            "From an entry's commit to the frame that carries it to an open stream",
            QUICK,
        );
        let swept = counter(&mut registry, "swept_repeats", "Old repeats that were forgotten");
        let [shredded, stuck, forgotten] = Self::of_retention(&mut registry);
        let under_old_keys = gauge(
            &mut registry,
            "sealed_under_old_keys",
            "Things that are still sealed under a root key that retires; sealed anew in the background",
        );
        let unnamed = unnamed(&mut registry);
        let files = FileNumbers::new(&mut registry);
        let standing = StandingGauges::new(&mut registry);
        Self {
            registry,
            doors,
            desks,
            bots,
            channels,
            given_up,
            streamed,
            swept,
            shredded,
            stuck,
            forgotten,
            under_old_keys,
            unnamed,
            files,
            events,
            commit,
            jobs,
            failed_batches,
            standing,
        }
    }

    /// A batch was committed.
    pub(super) fn committed(&self, jobs: usize, took: Duration, events: &EventCounts) {
        self.commit.took(took);
        self.jobs.count(u64::try_from(jobs).unwrap_or(u64::MAX));
        for (counters, counts) in self.events.iter().zip(events) {
            for (counter, count) in counters.iter().zip(counts) {
                if *count > 0 {
                    counter.inc_by(u64::from(*count));
                }
            }
        }
    }

    /// An attempt at an effect for a desk, or else for the bot whose conversation it is.
    pub(super) fn attempted(
        &self,
        tenant: &TenantId,
        desk: Option<&DeskId>,
        bot: &BotId,
        attempt: Counted<'_>,
    ) {
        match desk {
            Some(desk) => self.desks.of(tenant, desk).attempted(attempt),
            None if attempt.kind == EffectName::Show => {
                self.channels.attempted(tenant, bot, attempt);
            }
            None => self.bots.attempted(tenant, bot, attempt),
        }
        if let (Outcome::Failed, Some(counter)) =
            (attempt.outcome, self.given_up.get(attempt.kind as usize))
        {
            counter.inc();
        }
    }

    /// What is shredded and forgotten, and what cannot be.
    fn of_retention(registry: &mut Registry) -> [Counter; 3] {
        let shredded = counter(
            registry,
            "segments_shredded",
            "Stretches of logs whose keys were deleted, so that nobody can read them any more",
        );
        let stuck = counter(
            registry,
            "segments_stuck",
            "Attempts in vain to give back the room of a shredded stretch; each round tries again",
        );
        let forgotten = counter(
            registry,
            "conversations_forgotten",
            "Conversations that were removed with all that was kept of them",
        );
        [shredded, stuck, forgotten]
    }

    /// A callback had something that has no name here.
    pub(super) fn unnamed(&self, what: Unnamed) {
        if let Some(counter) = self.unnamed.get(what as usize) {
            counter.inc();
        }
    }

    /// A transaction failed.
    pub(super) fn batch_failed(&self) {
        self.failed_batches.inc();
    }

    /// A session came further.
    pub(super) fn reached(&self, tenant: &TenantId, milestone: &Milestone) {
        self.desks.of(tenant, &milestone.desk).reached(milestone.reached);
    }

    /// The numbers of one desk.
    pub(super) fn desk(&self, tenant: &TenantId, desk: &DeskId) -> &OfDesk {
        self.desks.of(tenant, desk)
    }

    /// Everything that was counted so far, summed up.
    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        self.doors.add_to(&mut totals);
        self.desks.add_to(&mut totals);
        self.bots.add_to(&mut totals);
        self.channels.add_to(&mut totals);
        totals
    }

    /// Everything in Prometheus' text form, with what was just looked at.
    pub(super) fn text(&self, standing: &Standing, now: Timestamp) -> String {
        self.standing.set(standing, now);
        if let Some(numbers) = &standing.store {
            self.desks.set_sessions(&numbers.sessions);
        }
        let mut text = String::new();
        // Writing into a string does not fail.
        prometheus_text::encode(&mut text, &self.registry).ok();
        text
    }
}

/// Which version this is, and since when it runs.
fn about(registry: &mut Registry, started: Timestamp) {
    let info = Family::<Labels, Gauge>::default();
    info.get_or_create(&vec![("version", env!("CARGO_PKG_VERSION").to_owned())]).set(1);
    registry.register("build_info", "Which Warmline this is; always 1", info);
    let since: Gauge = Gauge::default();
    since.set(crate::clock::unix_seconds(started));
    registry.register("start_time_seconds", "When it started, in seconds since 1970", since);
}

fn events(registry: &mut Registry) -> Box<[[Counter; EVENT_OUTCOMES.len()]]> {
    let family = Family::<Labels, Counter>::default();
    registry.register("events", "Events that were stepped, by what came of them", family.clone());
    let of = |name: EventName, outcome: Outcome| {
        let labels =
            vec![("event", name.as_str().to_owned()), ("outcome", outcome.as_str().to_owned())];
        family.get_or_create_owned(&labels)
    };
    EventName::ALL.iter().map(|name| EVENT_OUTCOMES.map(|outcome| of(*name, outcome))).collect()
}

fn given_up(registry: &mut Registry) -> Box<[Counter]> {
    let family = counters(registry, "dead_letters_made", "Effects that were given up, by kind");
    let of =
        |kind: &EffectName| family.get_or_create_owned(&vec![("kind", kind.as_str().to_owned())]);
    EffectName::ALL.iter().map(of).collect()
}

fn unnamed(registry: &mut Registry) -> Box<[Counter]> {
    let help = "Items, actions and statuses in callbacks that have no name here";
    let family = counters(registry, "unknown_signals", help);
    let of = |what: &Unnamed| family.get_or_create_owned(&vec![("kind", what.as_str().to_owned())]);
    Unnamed::ALL.iter().map(of).collect()
}

/// Registers a counter without labels; `_total` is added to its name.
fn counter(registry: &mut Registry, name: &str, help: &str) -> Counter {
    let counter = Counter::default();
    registry.register(name, help, counter.clone());
    counter
}

fn gauge(registry: &mut Registry, name: &str, help: &str) -> Gauge {
    let gauge = Gauge::default();
    registry.register(name, help, gauge.clone());
    gauge
}

fn histogram(registry: &mut Registry, name: &str, help: &str, scale: Scale) -> Histogram {
    let histogram = Histogram::new(scale);
    registry.register(name, help, histogram.clone());
    histogram
}

/// Registers histograms with labels.
fn histograms(
    registry: &mut Registry,
    name: &str,
    help: &str,
    make: fn() -> Histogram,
) -> Histograms {
    let family = Histograms::new_with_constructor(make);
    registry.register(name, help, family.clone());
    family
}

/// Registers counters with labels; `_total` is added to their name.
fn counters(registry: &mut Registry, name: &str, help: &str) -> Family<Labels, Counter> {
    let family = Family::default();
    registry.register(name, help, family.clone());
    family
}

impl StandingGauges {
    fn new(registry: &mut Registry) -> Self {
        let oldest = Gauge::default();
        registry.register(
            "backlog_oldest_seconds",
            "How long the oldest waiting effect has waited; 0 if none waits",
            oldest.clone(),
        );
        Self {
            oldest,
            streams: gauge(registry, "streams_open", "Streams to web pages that are open"),
            queue: gauge(registry, "engine_queue_jobs", "Jobs that wait for the engine"),
            store_up: gauge(
                registry,
                "store_up",
                "1 if the store could be read for this answer; 0: what it tells is older",
            ),
            effects: gauge(registry, "backlog_effects", "Effects that wait or are being attempted"),
            lanes: gauge(registry, "backlog_lanes", "Lanes that have waiting effects"),
            dead_letters: gauge(
                registry,
                "dead_letters",
                "Effects that were given up and wait for a person",
            ),
            bytes: gauge(registry, "store_bytes", "Size of the store's files on disk"),
        }
    }

    fn set(&self, standing: &Standing, now: Timestamp) {
        let counted = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.streams.set(counted(standing.streams));
        self.queue.set(counted(standing.queue));
        self.store_up.set(i64::from(standing.store_read));
        let Some(Numbers { waiting, lanes, oldest, dead_letters, bytes, sessions: _ }) =
            standing.store.as_deref()
        else {
            return;
        };
        self.effects.set(counted(*waiting));
        self.lanes.set(counted(*lanes));
        self.oldest.set(oldest.map_or(0.0, |at| now.since(at).as_secs_f64()));
        self.dead_letters.set(counted(*dead_letters));
        self.bytes.set(i64::try_from(*bytes).unwrap_or(i64::MAX));
    }
}
