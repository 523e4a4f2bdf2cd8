//! The names under which the numbers of desks are shown, registered once; each desk has its own
//! labels.

use std::sync::atomic::AtomicI64;

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::edge::callers::SecretAge;
use crate::observe::{
    codes::{self, ByCode},
    histogram::{DELIVERY, Histogram, PEOPLE, QUICK},
    metrics::{
        Histograms, Labels,
        attempts::{Attempts, DESK_OUTCOMES, TO_DESK},
        breaker::OfBreaker,
        counters,
        desks::{ENDS, OPEN, OfDesk},
        histograms,
    },
    words::CatchUp,
};

/// What is registered, to be asked for each desk.
pub(super) struct Families {
    people: People,
    attempts: Family<Labels, Counter>,
    latency: Histograms,
    attempt: Histograms,
    failures: Family<Labels, Counter>,
    breaker: Family<Labels, Gauge>,
    breaker_changes: Family<Labels, Counter>,
    catch_ups: Family<Labels, Counter>,
    fetched: Family<Labels, Counter>,
    tokens: Family<Labels, Counter>,
    token_failures: Family<Labels, Counter>,
    presented: Family<Labels, Gauge>,
    elsewhere: Family<Labels, Counter>,
}

/// Those about people and their chats.
struct People {
    open: Family<Labels, Gauge>,
    started: Family<Labels, Counter>,
    ended: Family<Labels, Counter>,
    queue_wait: Histograms,
    first_word: Histograms,
    handle: Histograms,
}

impl People {
    fn register(to: &mut Registry) -> Self {
        let people = || Histogram::new(PEOPLE);
        let open = Family::default();
        to.register(
            "sessions",
            "Live chats that are open, by status, from the store",
            open.clone(),
        );
        Self {
            open,
            started: counters(to, "sessions_started", "Live chats that were asked for"),
            ended: counters(to, "sessions_ended", "Live chats that ended, by status and reason"),
            queue_wait: histograms(
                to,
                "queue_wait_seconds",
                "From a user's asking to the arrival of the first agent",
                people,
            ),
            first_word: histograms(
                to,
                "first_agent_word_seconds",
                "From a user's asking to the first thing an agent says",
                people,
            ),
            handle: histograms(
                to,
                "handle_seconds",
                "From the arrival of the first agent to the end of the chat",
                people,
            ),
        }
    }
}

impl Families {
    pub(super) fn register(to: &mut Registry) -> Self {
        let (breaker, presented) = (Family::default(), Family::default());
        to.register(
            "webhook_secret_used_timestamp_seconds",
            "When each secret of the webhook was last presented, as seconds since 1970; 0 for never",
            presented.clone(),
        );
        to.register(
            "breaker_state",
            "1 for the state that the desk's breaker is in",
            breaker.clone(),
        );
        Self {
            people: People::register(to),
            breaker,
            attempts: counters(
                to,
                "delivery_attempts",
                "Attempts at effects, by what came of them; held and struck ones were not sent",
            ),
            latency: histograms(
                to,
                "delivery_latency_seconds",
                "From the commit that decided an effect to its acceptance, retries included",
                || Histogram::new(DELIVERY),
            ),
            attempt: histograms(to, "attempt_seconds", "Time of one attempt that was made", || {
                Histogram::new(QUICK)
            }),
            failures: counters(
                to,
                "delivery_failures",
                "Attempts that failed, by machine code, whether repeated or given up",
            ),
            breaker_changes: counters(
                to,
                "breaker_changes",
                "Times that the desk's breaker came into a state",
            ),
            catch_ups: counters(
                to,
                "catch_ups",
                "Chats whose missed messages were looked for, by what came of it",
            ),
            fetched: counters(
                to,
                "caught_up_messages",
                "Messages that were fetched for that, known ones among them",
            ),
            tokens: counters(to, "tokens_granted", "OAuth tokens that the desk granted"),
            token_failures: counters(
                to,
                "token_failures",
                "OAuth tokens that were asked for in vain, by machine code",
            ),
            presented,
            elsewhere: counters(
                to,
                "webhook_foreign_addresses",
                "Callbacks that were refused although their secret is right, for their address",
            ),
        }
    }

    pub(super) fn of(&self, tenant: &str, desk: &str) -> OfDesk {
        let labels = |more: &[(&'static str, &str)]| -> Labels {
            let own = [("tenant", tenant), ("desk", desk)];
            own.iter().chain(more).map(|(name, value)| (*name, (*value).to_owned())).collect()
        };
        let own = labels(&[]);
        let ended = |status: &str, reason: &str| {
            self.people
                .ended
                .get_or_create_owned(&labels(&[("status", status), ("reason", reason)]))
        };
        let catch_up = |came: &CatchUp| {
            self.catch_ups.get_or_create_owned(&labels(&[("outcome", came.as_str())]))
        };
        OfDesk {
            open: OPEN.map(|status| {
                self.people.open.get_or_create_owned(&labels(&[("status", status.as_str())]))
            }),
            started: self.people.started.get_or_create_owned(&own),
            ended: ENDS.map(|(status, reason)| ended(status.as_str(), reason.code())),
            ended_otherwise: ended(codes::OTHER, codes::OTHER),
            queue_wait: self.people.queue_wait.get_or_create_owned(&own),
            first_word: self.people.first_word.get_or_create_owned(&own),
            handle: self.people.handle.get_or_create_owned(&own),
            attempts: Attempts::new(TO_DESK, DESK_OUTCOMES, &self.attempts, &self.latency, &own),
            attempt: self.attempt.get_or_create_owned(&own),
            failures: ByCode::new(codes::DELIVERY, |code| {
                self.failures.get_or_create_owned(&labels(&[("code", code)]))
            }),
            breaker: OfBreaker::new(&self.breaker, &self.breaker_changes, &own),
            catch_ups: CatchUp::ALL.iter().map(catch_up).collect(),
            fetched: self.fetched.get_or_create_owned(&own),
            tokens_granted: self.tokens.get_or_create_owned(&own),
            tokens_failed: ByCode::new(codes::DELIVERY, |code| {
                self.token_failures.get_or_create_owned(&labels(&[("code", code)]))
            }),
            presented: SecretAge::ALL.map(|age| {
                self.presented.get_or_create_owned(&labels(&[("secret", age.as_str())]))
            }),
            elsewhere: self.elsewhere.get_or_create_owned(&own),
            elsewhere_told: AtomicI64::new(0),
        }
    }
}
