//! How fast one conversation, one user and one tenant may call, and how fast one site's secret may begin
//! conversations. Whoever calls faster is told to come back; nobody is locked out, and no address is counted:
//! whole companies have one, and a site's own server calls from one for all of its users.
//!
//! Each is a measure that a call takes a drop of and that time fills again. What is full need not be
//! remembered, so the table stays small; when it is at its limit all the same, calls are let through:
//! the tenant's own measure still holds. Pure: time is an argument.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use session::id::{BotId, TenantId};
use tokio::time::Instant;

/// Calls of one conversation in a second that no setting can forbid: a page whose user presses keys and
/// whose scripts poll needs a few.
pub const RATE_MIN: u32 = 50;

/// How many seconds' worth of calls may come at once: what a page had kept while it was offline.
const SECONDS_AT_ONCE: u32 = 4;

/// Measures that are remembered at a time.
const MEASURES_MAX: usize = 100_000;

/// How fast a tenant's callers may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Calls of one conversation in a second.
    pub conversation: u32,
    /// Calls of one user in a second, in all of their conversations.
    pub user: u32,
    /// Calls of all users of the tenant in a second; `None` for any number.
    pub tenant: Option<u32>,
    /// Conversations, and tokens for such, that the secret of one site begins in a second.
    pub starts: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self { conversation: 100, user: 200, tenant: None, starts: 100 }
    }
}

/// Whose calls are measured.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Whose {
    Tenant(TenantId),
    User(TenantId, Box<str>),
    Conversation(TenantId, Box<str>),
    Site(TenantId, BotId),
}

impl Whose {
    /// Whether there are never more of them than are configured.
    fn are_few(&self) -> bool {
        matches!(self, Self::Tenant(_) | Self::Site(..))
    }
}

/// Too fast. How long until there is a drop again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooFast;

/// When each measure will be full again.
#[derive(Debug, Default)]
pub(crate) struct Measures(Mutex<HashMap<Whose, Instant>>);

impl Measures {
    /// Takes a call of a user in a conversation, or refuses it. What is refused costs nothing.
    pub(crate) fn take(
        &self,
        rates: &Rates,
        tenant: &TenantId,
        (conversation, user): (&str, Option<&str>),
        now: Instant,
    ) -> Result<(), TooFast> {
        let of_conversation = Whose::Conversation(tenant.clone(), conversation.into());
        let mut wanted = vec![(of_conversation, rates.conversation.max(RATE_MIN))];
        if let Some(user) = user {
            wanted.push((Whose::User(tenant.clone(), user.into()), rates.user.max(RATE_MIN)));
        }
        if let Some(rate) = rates.tenant {
            wanted.push((Whose::Tenant(tenant.clone()), rate.max(RATE_MIN)));
        }
        self.take_all(wanted, now)
    }

    /// Takes a conversation, or a token for one, that a site's secret begins, or refuses it. What is refused
    /// costs nothing.
    pub(crate) fn take_start(
        &self,
        rates: &Rates,
        (tenant, bot): (&TenantId, &BotId),
        now: Instant,
    ) -> Result<(), TooFast> {
        self.take_all(vec![(Whose::Site(tenant.clone(), bot.clone()), rates.starts.max(1))], now)
    }

    /// Takes a drop of each, or none of any.
    fn take_all(&self, wanted: Vec<(Whose, u32)>, now: Instant) -> Result<(), TooFast> {
        let mut full_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = Vec::with_capacity(wanted.len());
        for (whose, rate) in wanted {
            let drop = Duration::from_secs(1) / rate;
            let at = full_at.get(&whose).map_or(now, |at| (*at).max(now)) + drop;
            if at.duration_since(now) > Duration::from_secs(SECONDS_AT_ONCE.into()) {
                return Err(TooFast);
            }
            taken.push((whose, at));
        }
        if full_at.len() + taken.len() > MEASURES_MAX {
            full_at.retain(|_, at| *at > now);
        }
        for (whose, at) in taken {
            let has_room = full_at.len() < MEASURES_MAX || full_at.contains_key(&whose);
            if has_room || whose.are_few() {
                full_at.insert(whose, at);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> TenantId {
        TenantId::new(name).unwrap()
    }

    /// How many calls are taken at one moment.
    fn at_once(
        measures: &Measures,
        rates: &Rates,
        of: (&str, &str, Option<&str>),
        now: Instant,
    ) -> usize {
        let (whose, conversation, user) = of;
        let whose = tenant(whose);
        let take = || measures.take(rates, &whose, (conversation, user), now).ok();
        std::iter::from_fn(take).take(10_000).count()
    }

    #[test]
    fn a_conversation_has_what_the_house_promises_and_time_gives_it_back() {
        let (measures, now) = (Measures::default(), Instant::now());
        let rates = Rates { conversation: 1, user: 1, ..Rates::default() };
        assert_eq!(at_once(&measures, &rates, ("t", "c", Some("kim")), now), 200);
        assert_eq!(at_once(&measures, &rates, ("t", "other", None), now), 200, "its own measure");
        assert_eq!(at_once(&measures, &rates, ("u", "c", Some("kim")), now), 200, "its own tenant");
        let later = now + Duration::from_secs(1);
        assert_eq!(at_once(&measures, &rates, ("t", "c", Some("kim")), later), 50);
    }

    #[test]
    fn a_user_and_a_tenant_have_measures_over_all_conversations() {
        let (measures, now) = (Measures::default(), Instant::now());
        let rates = Rates { conversation: 100, user: 150, tenant: Some(200), ..Rates::default() };
        assert_eq!(at_once(&measures, &rates, ("t", "a", Some("kim")), now), 400);
        assert_eq!(
            at_once(&measures, &rates, ("t", "b", Some("kim")), now),
            200,
            "600 of the user"
        );
        assert_eq!(at_once(&measures, &rates, ("t", "c", Some("lee")), now), 200, "800 of all");
        assert_eq!(at_once(&measures, &rates, ("t", "d", None), now), 0);
        assert!(at_once(&measures, &rates, ("u", "d", None), now) > 0);
    }

    #[test]
    fn a_sites_secret_begins_so_many_conversations_at_once_and_time_gives_them_back() {
        let (measures, now) = (Measures::default(), Instant::now());
        let begun = |of: (&str, &str), starts, now| {
            let of = (tenant(of.0), BotId::new(of.1).unwrap());
            let rates = Rates { starts, ..Rates::default() };
            let take = || measures.take_start(&rates, (&of.0, &of.1), now).ok();
            std::iter::from_fn(take).take(10_000).count()
        };
        let usual = Rates::default().starts;
        assert_eq!(begun(("t", "b"), usual, now), 400);
        assert_eq!(begun(("t", "b"), usual, now), 0);
        assert_eq!(begun(("t", "other"), usual, now), 400, "each secret has its own measure");
        assert_eq!(begun(("u", "b"), 1, now), 4, "an operator may want fewer");
        let rates = Rates { tenant: Some(RATE_MIN), ..Rates::default() };
        assert_eq!(at_once(&measures, &rates, ("t", "c", None), now), 200, "users have theirs");
        let later = now + Duration::from_secs(1);
        assert_eq!(begun(("t", "b"), usual, later), 100);
    }

    #[test]
    fn however_many_call_the_table_stays_bounded() {
        let (measures, now) = (Measures::default(), Instant::now());
        let rates = Rates::default();
        for conversation in 0..MEASURES_MAX + 10 {
            let name = conversation.to_string();
            assert_eq!(measures.take(&rates, &tenant("t"), (&name, None), now), Ok(()));
        }
        assert!(measures.0.lock().unwrap().len() <= MEASURES_MAX);
        let later = now + Duration::from_secs(1);
        measures.take(&rates, &tenant("t"), ("new", None), later).unwrap();
        assert_eq!(measures.0.lock().unwrap().len(), 1, "what is full again is forgotten");
    }
}
