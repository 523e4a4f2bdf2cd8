//! The numbers of each desk: its sessions, what is delivered to it, how it is.

mod families;

use std::{
    collections::HashMap,
    sync::atomic::{AtomicI64, Ordering},
};

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};
use session::{
    EndReason, Reached, Status,
    id::{DeskId, TenantId},
};
use store::OpenCount;

use crate::edge::callers::SecretAge;
use crate::observe::{
    codes::ByCode,
    histogram::{Histogram, Spread},
    metrics::{
        Totals,
        attempts::{Attempts, Counted},
        breaker::OfBreaker,
        desks::families::Families,
    },
    words::{BreakerState, CatchUp},
};

/// Under which name a desk, or a bot, is counted that is not configured any more while its chats still
/// end.
pub(super) const ANOTHER: &str = "not_configured";

/// How sessions end: each reason with the statuses it comes with. The pairs that cannot be are left
/// out.
const ENDS: [(Status, EndReason); 20] = [
    (Status::Completed, EndReason::AgentEnded),
    (Status::Completed, EndReason::UserEnded),
    (Status::Completed, EndReason::UserLeft),
    (Status::Completed, EndReason::OperatorEnded),
    (Status::Cancelled, EndReason::OperatorEnded),
    (Status::Completed, EndReason::BotEnded),
    (Status::Cancelled, EndReason::BotEnded),
    (Status::Completed, EndReason::UserUnreachable),
    (Status::Cancelled, EndReason::UserUnreachable),
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

/// How often the log is told of what happens with every callback, in seconds: often enough for whoever
/// waits for the end of it, and no flood.
const TOLD_EVERY_S: i64 = 60 * 60;

/// The statuses of an open session.
const OPEN: [Status; 3] = [Status::Waiting, Status::Connected, Status::Active];

/// All desks there are.
#[derive(Debug)]
pub(crate) struct Desks {
    configured: HashMap<TenantId, HashMap<DeskId, OfDesk>>,
    another: OfDesk,
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
    breaker: OfBreaker,
    catch_ups: Box<[Counter]>,
    fetched: Counter,
    tokens_granted: Counter,
    tokens_failed: ByCode,
    /// When each webhook secret was last presented, in seconds since 1970; by age.
    presented: [Gauge; SecretAge::ALL.len()],
    elsewhere: Counter,
    /// When the log was last told of that, in seconds since 1970.
    elsewhere_told: AtomicI64,
}

impl Desks {
    pub(super) fn new(registry: &mut Registry, desks: &[(TenantId, DeskId)]) -> Self {
        let families = Families::register(registry);
        let mut configured = HashMap::<TenantId, HashMap<DeskId, OfDesk>>::new();
        for (tenant, desk) in desks {
            let numbers = families.of(tenant.as_str(), desk.as_str());
            configured.entry(tenant.clone()).or_default().insert(desk.clone(), numbers);
        }
        Self { configured, another: families.of(ANOTHER, ANOTHER) }
    }

    pub(super) fn of(&self, tenant: &TenantId, desk: &DeskId) -> &OfDesk {
        let configured = self.configured.get(tenant).and_then(|desks| desks.get(desk));
        configured.unwrap_or(&self.another)
    }

    /// What was done so far, at whichever desk.
    pub(super) fn add_to(&self, totals: &mut Totals) {
        let all = self.configured.values().flat_map(HashMap::values).chain([&self.another]);
        for desk in all {
            desk.attempts.add_to(totals);
            totals.took.add(&desk.attempt);
        }
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

    pub(super) fn attempted(&self, attempt: Counted<'_>) {
        self.attempts.count(attempt);
        attempt.made(&self.attempt, &self.failures);
    }

    /// How long attempts took that were made.
    pub(crate) fn took(&self) -> Spread {
        let mut took = Spread::default();
        took.add(&self.attempt);
        took
    }

    pub(crate) fn breaker(&self, state: BreakerState) {
        self.breaker.is(state);
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

    /// One of the webhook's secrets was presented. Says whether the log is to hear of it: the first
    /// time, and the first in an hour.
    pub(crate) fn presented(&self, age: SecretAge, now_s: i64) -> bool {
        let before = self.presented.get(age as usize).map_or(now_s, |gauge| gauge.set(now_s));
        now_s - before >= TOLD_EVERY_S
    }

    /// The secret was right and the address was not. Says whether the log is to hear of it.
    pub(crate) fn called_from_elsewhere(&self, now_s: i64) -> bool {
        self.elsewhere.inc();
        let before = self.elsewhere_told.load(Ordering::Relaxed);
        now_s - before >= TOLD_EVERY_S
            && self
                .elsewhere_told
                .compare_exchange(before, now_s, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}
