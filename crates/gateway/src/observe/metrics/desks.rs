//! The numbers of each desk: its sessions, what is delivered to it, how it is.

mod families;

use std::{collections::HashMap, time::Duration};

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use session::{
    EndReason, Reached, Status,
    id::{DeskId, TenantId},
};
use store::OpenCount;

use crate::observe::{
    codes::ByCode,
    histogram::{DELIVERY, Histogram, Spread},
    metrics::{Histograms, Labels, Totals, counters, desks::families::Families, histograms},
    words::{BreakerState, CatchUp, EffectName, Outcome},
};

/// Under which name a desk is counted that is not configured any more while its chats still end.
const ANOTHER: &str = "not_configured";

/// How sessions end: each reason with the statuses it comes with. The pairs that cannot be are left
/// out.
const ENDS: [(Status, EndReason); 18] = [
    (Status::Completed, EndReason::AgentEnded),
    (Status::Completed, EndReason::UserEnded),
    (Status::Completed, EndReason::UserLeft),
    (Status::Completed, EndReason::OperatorEnded),
    (Status::Cancelled, EndReason::OperatorEnded),
    (Status::Completed, EndReason::BotEnded),
    (Status::Cancelled, EndReason::BotEnded),
    (Status::Cancelled, EndReason::UserCancelled),
    (Status::Cancelled, EndReason::DeskCancelled),
    (Status::Cancelled, EndReason::UserLeft),
    (Status::Fail, EndReason::NoAgent),
    (Status::Fail, EndReason::NotRouted),
    (Status::Fail, EndReason::Refused),
    (Status::Fail, EndReason::Rejected),
    (Status::Fail, EndReason::Unreachable),
    (Status::Fail, EndReason::Silence),
    (Status::Fail, EndReason::WaitedTooLong),
    (Status::Fail, EndReason::Lost),
];

/// The statuses of an open session.
const OPEN: [Status; 3] = [Status::Waiting, Status::Connected, Status::Active];

/// What goes to a desk.
const TO_DESK: [EffectName; 3] = [EffectName::Ask, EffectName::Say, EffectName::End];

/// What goes to a bot.
const TO_BOT: [EffectName; 3] = [EffectName::Greet, EffectName::ToBot, EffectName::TellBot];

/// What can come of an attempt.
const ATTEMPT_OUTCOMES: [Outcome; 6] = [
    Outcome::Done,
    Outcome::Retry,
    Outcome::Failed,
    Outcome::Struck,
    Outcome::Held,
    Outcome::Unanswered,
];

/// All desks there are.
#[derive(Debug)]
pub(crate) struct Desks {
    configured: HashMap<TenantId, HashMap<DeskId, OfDesk>>,
    another: OfDesk,
    bots: Attempts,
    /// By kind of effect.
    given_up: Box<[Counter]>,
}

/// Attempts at what goes one way.
#[derive(Debug)]
struct Attempts {
    kinds: [EffectName; 3],
    counters: [[Counter; ATTEMPT_OUTCOMES.len()]; 3],
    latency: [Histogram; 3],
}

/// An attempt as it is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted<'a> {
    pub(crate) kind: EffectName,
    pub(crate) outcome: Outcome,
    pub(crate) code: &'a str,
    pub(crate) took: Duration,
    /// Since the effect was decided.
    pub(crate) waited: Duration,
}

/// The numbers of one desk.
#[derive(Debug)]
pub(crate) struct OfDesk {
    open: [Gauge; OPEN.len()],
    started: Counter,
    ended: [Counter; ENDS.len()],
    /// A way to end that is not in [`ENDS`].
    ended_otherwise: Counter,
    queue_wait: Histogram,
    first_word: Histogram,
    handle: Histogram,
    attempts: Attempts,
    attempt: Histogram,
    failures: ByCode,
    breaker: Box<[Gauge]>,
    breaker_changes: Box<[Counter]>,
    catch_ups: Box<[Counter]>,
    fetched: Counter,
    tokens_granted: Counter,
    tokens_failed: ByCode,
}

impl Desks {
    pub(super) fn new(registry: &mut Registry, desks: &[(TenantId, DeskId)]) -> Self {
        let families = Families::register(registry);
        let bot_attempts = counters(
            registry,
            "bot_attempts",
            "Attempts at effects for bots, by what came of them",
        );
        let bot_latency = histograms(
            registry,
            "bot_latency_seconds",
            "From the commit that decided an effect for a bot until it was carried out",
            || Histogram::new(DELIVERY),
        );
        let given_up =
            counters(registry, "dead_letters_made", "Effects that were given up, by kind");
        let given_up = |kind: &EffectName| {
            given_up.get_or_create_owned(&vec![("kind", kind.as_str().to_owned())])
        };
        let mut configured = HashMap::<TenantId, HashMap<DeskId, OfDesk>>::new();
        for (tenant, desk) in desks {
            let numbers = families.of(tenant.as_str(), desk.as_str());
            configured.entry(tenant.clone()).or_default().insert(desk.clone(), numbers);
        }
        Self {
            configured,
            another: families.of(ANOTHER, ANOTHER),
            bots: Attempts::new(TO_BOT, &bot_attempts, &bot_latency, &[]),
            given_up: EffectName::ALL.iter().map(given_up).collect(),
        }
    }

    pub(super) fn of(&self, tenant: &TenantId, desk: &DeskId) -> &OfDesk {
        let configured = self.configured.get(tenant).and_then(|desks| desks.get(desk));
        configured.unwrap_or(&self.another)
    }

    /// An attempt at an effect for a desk, or for a bot.
    pub(crate) fn attempted(&self, at: Option<(&TenantId, &DeskId)>, attempt: Counted<'_>) {
        match at {
            Some((tenant, desk)) => self.of(tenant, desk).attempted(attempt),
            None => self.bots.count(attempt),
        }
        if let (Outcome::Failed, Some(counter)) =
            (attempt.outcome, self.given_up.get(attempt.kind as usize))
        {
            counter.inc();
        }
    }

    /// What was done so far, at whichever desk and bot.
    pub(super) fn add_to(&self, totals: &mut Totals) {
        let all = self.configured.values().flat_map(HashMap::values).chain([&self.another]);
        for desk in all {
            desk.attempts.add_to(totals);
            totals.took.add(&desk.attempt);
        }
        self.bots.add_to(totals);
    }

    /// How many sessions are open, as the store says; none where it says nothing.
    pub(super) fn set_sessions(&self, open: &[OpenCount]) {
        let all = self.configured.values().flat_map(HashMap::values).chain([&self.another]);
        // Each gauge is set once: two who scrape at a time both see a whole number.
        for desk in all {
            for (status, gauge) in OPEN.iter().zip(&desk.open) {
                let of_desk = |count: &&OpenCount| {
                    std::ptr::eq(self.of(&count.tenant, &count.desk), desk)
                        && &*count.status == status.as_str()
                };
                let sessions: u64 = open.iter().filter(of_desk).map(|count| count.sessions).sum();
                gauge.set(i64::try_from(sessions).unwrap_or(i64::MAX));
            }
        }
    }
}

impl Attempts {
    fn new(
        kinds: [EffectName; 3],
        counters: &Family<Labels, Counter>,
        latency: &Histograms,
        own: &[(&'static str, String)],
    ) -> Self {
        let of = |kind: EffectName, outcome: Option<Outcome>| -> Labels {
            let kind = ("kind", kind.as_str().to_owned());
            let outcome = outcome.map(|outcome| ("outcome", outcome.as_str().to_owned()));
            own.iter().cloned().chain([kind]).chain(outcome).collect()
        };
        Self {
            kinds,
            counters: kinds.map(|kind| {
                ATTEMPT_OUTCOMES
                    .map(|outcome| counters.get_or_create_owned(&of(kind, Some(outcome))))
            }),
            latency: kinds.map(|kind| latency.get_or_create_owned(&of(kind, None))),
        }
    }

    fn add_to(&self, totals: &mut Totals) {
        for counters in &self.counters {
            for (outcome, counter) in ATTEMPT_OUTCOMES.iter().zip(counters) {
                match outcome {
                    Outcome::Done => totals.deliveries += counter.get(),
                    Outcome::Retry | Outcome::Failed | Outcome::Unanswered => {
                        totals.failures += counter.get();
                    }
                    // Nothing was sent.
                    Outcome::Ok
                    | Outcome::Repeat
                    | Outcome::Refused
                    | Outcome::Struck
                    | Outcome::Held => {}
                }
            }
        }
    }

    fn count(&self, attempt: Counted<'_>) {
        let Some(kind) = self.kinds.iter().position(|kind| *kind == attempt.kind) else { return };
        let outcome = ATTEMPT_OUTCOMES.iter().position(|known| *known == attempt.outcome);
        if let Some(counter) = outcome.and_then(|outcome| self.counters.get(kind)?.get(outcome)) {
            counter.inc();
        }
        if let (Outcome::Done, Some(latency)) = (attempt.outcome, self.latency.get(kind)) {
            latency.took(attempt.waited);
        }
    }
}

impl OfDesk {
    pub(super) fn reached(&self, reached: Reached) {
        match reached {
            Reached::Waiting => {
                self.started.inc();
            }
            Reached::Connected { waited } => self.queue_wait.took(waited),
            Reached::Active => {}
            Reached::AgentSpoke { after } => self.first_word.took(after),
            Reached::Ended { status, reason, handled } => {
                let place = ENDS.iter().position(|end| *end == (status, reason));
                place.and_then(|at| self.ended.get(at)).unwrap_or(&self.ended_otherwise).inc();
                if let Some(handled) = handled {
                    self.handle.took(handled);
                }
            }
        }
    }

    fn attempted(&self, attempt: Counted<'_>) {
        self.attempts.count(attempt);
        match attempt.outcome {
            Outcome::Done => self.attempt.took(attempt.took),
            Outcome::Retry | Outcome::Failed | Outcome::Unanswered => {
                self.attempt.took(attempt.took);
                self.failures.of(attempt.code).inc();
            }
            Outcome::Ok | Outcome::Repeat | Outcome::Refused | Outcome::Struck | Outcome::Held => {}
        }
    }

    /// How long attempts took that were made.
    pub(crate) fn took(&self) -> Spread {
        let mut took = Spread::default();
        took.add(&self.attempt);
        took
    }

    pub(crate) fn breaker(&self, state: BreakerState) {
        for (known, gauge) in BreakerState::ALL.iter().zip(&self.breaker) {
            gauge.set(i64::from(*known == state));
        }
        if let Some(changes) = self.breaker_changes.get(state as usize) {
            changes.inc();
        }
    }

    /// A gap was looked into.
    pub(crate) fn caught_up(&self, came: CatchUp, rows: usize) {
        if let Some(counter) = self.catch_ups.get(came as usize) {
            counter.inc();
        }
        self.fetched.inc_by(u64::try_from(rows).unwrap_or(u64::MAX));
    }

    /// A token was granted, or not for this reason.
    pub(crate) fn token(&self, refused: Option<&str>) {
        match refused {
            None => self.tokens_granted.inc(),
            Some(code) => self.tokens_failed.of(code).inc(),
        };
    }
}
