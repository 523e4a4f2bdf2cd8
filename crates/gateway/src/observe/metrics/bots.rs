//! The numbers of each bot: what is delivered to it and how one of a team's own is; and the same of its
//! channels, for users who are brought what is for them.
//!
//! Bots come and go with settings that are read anew. One that stays keeps its numbers; one that is
//! gone keeps what was counted, and has no breaker any more.

use std::{collections::HashMap, sync::Arc};

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use session::id::{BotId, TenantId};

use crate::{
    current::Current,
    observe::{
        codes::{self, ByCode},
        histogram::{DELIVERY, Histogram, QUICK, Spread},
        metrics::{
            Histograms, Labels, Totals,
            attempts::{Attempts, BOT_OUTCOMES, Counted, TO_BOT, TO_CHANNEL},
            breaker::{self, OfBreaker},
            counters,
            desks::ANOTHER,
            histograms,
        },
        words::BreakerState,
    },
};

type Key = (TenantId, BotId);

/// A bot that is configured.
#[derive(Debug, Clone)]
pub(crate) struct BotNamed {
    pub(crate) tenant: TenantId,
    pub(crate) bot: BotId,
    /// Of the team's own; else the built-in one, before which no breaker stands.
    pub(crate) is_behind: bool,
    /// It has users on channels that are brought what is for them.
    pub(crate) is_on_channels: bool,
}

/// What is counted of a bot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// What is delivered to it.
    ToBot,
    /// What is brought to its users.
    ToChannel,
}

impl Way {
    /// Whether there is anything to count, and whether a breaker stands before it.
    fn of(self, named: &BotNamed) -> (bool, bool) {
        match self {
            Self::ToBot => (true, named.is_behind),
            Self::ToChannel => (named.is_on_channels, true),
        }
    }
}

/// All bots there are.
#[derive(Debug)]
pub(crate) struct Bots {
    way: Way,
    families: Families,
    configured: Arc<Current<HashMap<Key, Arc<OfBot>>>>,
    another: OfBot,
}

#[derive(Debug)]
struct Families {
    way: Way,
    attempts: Family<Labels, Counter>,
    latency: Histograms,
    attempt: Histograms,
    failures: Family<Labels, Counter>,
    breaker: Family<Labels, Gauge>,
    breaker_changes: Family<Labels, Counter>,
}

/// The numbers of one bot.
#[derive(Debug)]
struct OfBot {
    attempts: Attempts,
    attempt: Histogram,
    failures: ByCode,
    breaker: Option<OfBreaker>,
}

impl Bots {
    pub(super) fn new(registry: &mut Registry, way: Way) -> Self {
        let families = match way {
            Way::ToBot => Families::of_bots(registry),
            Way::ToChannel => Families::of_channels(registry),
        };
        let another = families.of(ANOTHER, ANOTHER, false);
        Self { way, families, configured: Current::new(HashMap::new()), another }
    }

    /// These are configured from now on.
    pub(crate) fn set(&self, bots: &[BotNamed]) {
        let before = self.configured.get();
        let mut now = HashMap::new();
        for named @ BotNamed { tenant, bot, .. } in bots {
            let (is_counted, has_breaker) = self.way.of(named);
            if !is_counted {
                continue;
            }
            let key = (tenant.clone(), bot.clone());
            let same = |of: &&Arc<OfBot>| of.breaker.is_some() == has_breaker;
            let of = before.get(&key).filter(same).map_or_else(
                || Arc::new(self.families.of(tenant.as_str(), bot.as_str(), has_breaker)),
                Arc::clone,
            );
            now.insert(key, of);
        }
        for (key, of) in &*before {
            let has_breaker = |of: &Arc<OfBot>| of.breaker.is_some();
            if has_breaker(of) && !now.get(key).is_some_and(has_breaker) {
                breaker::forget(&self.families.breaker, &own(key.0.as_str(), key.1.as_str()));
            }
        }
        self.configured.replace(now);
    }

    /// An attempt at an effect for this bot.
    pub(crate) fn attempted(&self, tenant: &TenantId, bot: &BotId, attempt: Counted<'_>) {
        let known = self.known(tenant, bot);
        let of = known.as_deref().unwrap_or(&self.another);
        of.attempts.count(attempt);
        attempt.made(&of.attempt, &of.failures);
    }

    /// Its breaker came to another state.
    pub(crate) fn breaker(&self, tenant: &TenantId, bot: &BotId, state: BreakerState) {
        let known = self.known(tenant, bot);
        if let Some(breaker) = known.as_ref().and_then(|of| of.breaker.as_ref()) {
            breaker.is(state);
        }
    }

    /// How long attempts at it took that were made.
    pub(crate) fn took(&self, tenant: &TenantId, bot: &BotId) -> Spread {
        let mut took = Spread::default();
        if let Some(of) = self.known(tenant, bot) {
            took.add(&of.attempt);
        }
        took
    }

    /// What was done so far, at whichever bot that is configured now.
    pub(super) fn add_to(&self, totals: &mut Totals) {
        for of in self.configured.get().values() {
            of.attempts.add_to(totals);
        }
        self.another.attempts.add_to(totals);
    }

    fn known(&self, tenant: &TenantId, bot: &BotId) -> Option<Arc<OfBot>> {
        self.configured.get().get(&(tenant.clone(), bot.clone())).cloned()
    }
}

impl Families {
    fn of_channels(to: &mut Registry) -> Self {
        let breaker = Family::default();
        to.register(
            "channel_breaker_state",
            "1 for the state that the breaker before the Connector of a bot is in",
            breaker.clone(),
        );
        Self {
            way: Way::ToChannel,
            attempts: counters(
                to,
                "channel_attempts",
                "Attempts to bring users what is for them, by what came of them; held ones were not sent",
            ),
            latency: histograms(
                to,
                "channel_latency_seconds",
                "From the commit of what is for a user until their channel took it",
                || Histogram::new(DELIVERY),
            ),
            attempt: histograms(
                to,
                "channel_attempt_seconds",
                "Time of one attempt at the Connector that was made",
                || Histogram::new(QUICK),
            ),
            failures: counters(
                to,
                "channel_failures",
                "Attempts at the Connector that failed, by machine code, whether repeated or given up",
            ),
            breaker,
            breaker_changes: counters(
                to,
                "channel_breaker_changes",
                "Times that the breaker before the Connector of a bot came into a state",
            ),
        }
    }

    fn of_bots(to: &mut Registry) -> Self {
        let breaker = Family::default();
        to.register(
            "bot_breaker_state",
            "1 for the state that the breaker before a bot of one's own is in",
            breaker.clone(),
        );
        Self {
            way: Way::ToBot,
            attempts: counters(
                to,
                "bot_attempts",
                "Attempts at effects for bots, by what came of them; held and struck ones were not sent",
            ),
            latency: histograms(
                to,
                "bot_latency_seconds",
                "From the commit that decided an effect for a bot until it was carried out",
                || Histogram::new(DELIVERY),
            ),
            attempt: histograms(
                to,
                "bot_attempt_seconds",
                "Time of one attempt at a bot that was made: its turn, where it answers after it",
                || Histogram::new(QUICK),
            ),
            failures: counters(
                to,
                "bot_failures",
                "Attempts at bots that failed, by machine code, whether repeated or given up",
            ),
            breaker,
            breaker_changes: counters(
                to,
                "bot_breaker_changes",
                "Times that the breaker before a bot of one's own came into a state",
            ),
        }
    }

    fn of(&self, tenant: &str, bot: &str, is_behind: bool) -> OfBot {
        let own = own(tenant, bot);
        let code = |code: &str| -> Labels {
            own.iter().cloned().chain([("code", code.to_owned())]).collect()
        };
        let (kinds, codes) = match self.way {
            Way::ToBot => (TO_BOT, codes::BOT.to_vec()),
            Way::ToChannel => (TO_CHANNEL, codes::of_channel()),
        };
        OfBot {
            attempts: Attempts::new(kinds, BOT_OUTCOMES, &self.attempts, &self.latency, &own),
            attempt: self.attempt.get_or_create_owned(&own),
            failures: ByCode::new(&codes, |named| self.failures.get_or_create_owned(&code(named))),
            breaker: is_behind.then(|| OfBreaker::new(&self.breaker, &self.breaker_changes, &own)),
        }
    }
}

fn own(tenant: &str, bot: &str) -> Labels {
    vec![("tenant", tenant.to_owned()), ("bot", bot.to_owned())]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prometheus_client::encoding::prometheus_text;

    use super::*;
    use crate::observe::words::{EffectName, Outcome};

    fn named(bot: &str, is_behind: bool) -> BotNamed {
        let tenant = TenantId::new("t").unwrap();
        let bot = BotId::new(bot).unwrap();
        BotNamed { tenant, bot, is_behind, is_on_channels: false }
    }

    fn failed(code: &str) -> Counted<'_> {
        let (took, waited) = (Duration::from_millis(1), Duration::from_millis(2));
        Counted { kind: EffectName::ToBot, outcome: Outcome::Retry, code, took, waited }
    }

    struct Told {
        registry: Registry,
        bots: Bots,
    }

    impl Told {
        fn new() -> Self {
            let mut registry = Registry::default();
            let bots = Bots::new(&mut registry, Way::ToBot);
            Self { registry, bots }
        }

        fn attempted(&self, of: &BotNamed, code: &str) {
            self.bots.attempted(&of.tenant, &of.bot, failed(code));
        }

        /// The values of a bot's series that begin so, zeros left out.
        fn says(&self, series: &str) -> Vec<String> {
            let mut text = String::new();
            prometheus_text::encode(&mut text, &self.registry).unwrap();
            let of = |line: &&str| line.starts_with(series) && !line.ends_with(" 0");
            text.lines().filter(of).map(str::to_owned).collect()
        }
    }

    #[test]
    fn a_bot_that_stays_keeps_its_numbers_and_a_new_one_begins() {
        let told = Told::new();
        let (one, two) = (named("one", true), named("two", true));
        told.bots.set(std::slice::from_ref(&one));
        told.attempted(&one, "unreachable");
        told.bots.breaker(&one.tenant, &one.bot, BreakerState::Open);
        told.attempted(&two, "busy");
        told.bots.set(&[one.clone(), two.clone()]);
        told.attempted(&one, "unreachable");
        told.attempted(&two, "made up");
        let mut failures = told.says("bot_failures_total");
        failures.sort_unstable();
        assert_eq!(
            failures,
            [
                r#"bot_failures_total{tenant="not_configured",bot="not_configured",code="busy"} 1"#,
                r#"bot_failures_total{tenant="t",bot="one",code="unreachable"} 2"#,
                r#"bot_failures_total{tenant="t",bot="two",code="other"} 1"#,
            ]
        );
        assert!(
            told.says("bot_breaker_state")
                .contains(&r#"bot_breaker_state{tenant="t",bot="one",state="open"} 1"#.to_owned())
        );
    }

    #[test]
    fn a_bot_that_is_gone_or_built_in_has_no_breaker_that_could_stay_open() {
        let told = Told::new();
        let one = named("one", true);
        for after in [vec![], vec![named("one", false)]] {
            told.bots.set(std::slice::from_ref(&one));
            told.bots.breaker(&one.tenant, &one.bot, BreakerState::Open);
            assert_eq!(told.says("bot_breaker_state").len(), 1);
            told.bots.set(&after);
            assert_eq!(told.says("bot_breaker_state"), Vec::<String>::new());
            // Its last lane may still be drained.
            told.bots.breaker(&one.tenant, &one.bot, BreakerState::Closed);
        }
        assert_eq!(told.says("bot_breaker_changes_total").len(), 1);
    }
}
