//! One bot's way to its channels.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bot_framework::{
    connector::{Connector, ConnectorConfig},
    verify::{ChannelVerifier, ChannelVerifyConfig},
};
use session::id::{BotId, TenantId};
use store::ConversationId;

use super::pace::{Account, Pace, Recent};
use crate::dispatcher::Gate;

/// The registration by which a bot is reached from channels, and reaches their users.
#[derive(Debug, Clone)]
pub struct ChannelSetup {
    /// How the Connector is reached.
    pub connector: ConnectorConfig,
    /// How calls to `/api/messages` are proven.
    pub verify: ChannelVerifyConfig,
    /// Entra tenants whose users may come, by their ids; empty for all.
    pub tenants: Vec<String>,
    /// Whether users of Teams are asked to take an agent's file into their own store, instead of a link.
    pub consent: bool,
}

/// The same as the gateway works with it.
pub(crate) struct ChannelLink {
    pub(crate) tenant: TenantId,
    pub(crate) bot: BotId,
    pub(crate) setup: ChannelSetup,
    pub(crate) connector: Connector,
    pub(crate) verifier: Arc<ChannelVerifier>,
    pub(crate) gate: Gate,
    pub(crate) pace: Arc<Mutex<Pace>>,
    /// Where files that a bot shows are opened, without a trailing slash.
    pub(crate) base: String,
    pub(crate) homes: Arc<Homes>,
    pub(crate) people: Arc<People>,
}

/// The addresses of those who talk to a person of the desk, as their channel's roster has them: the desk
/// knows people by them, with each word. Asked for again when it is not remembered.
pub(crate) struct People(Mutex<Recent<ConversationId, Option<Address>>>);

/// The answer of a roster: an address, or that there is none to be had now.
type Address = Option<Box<str>>;

/// How many are remembered, in each of two halves.
const PEOPLE_MAX: usize = 10_000;

/// How long one who says nothing is remembered at least.
const PEOPLE_FOR: Duration = Duration::from_hours(1);

impl People {
    pub(crate) fn new(now: Instant) -> Self {
        Self(Mutex::new(Recent::new(PEOPLE_MAX, PEOPLE_FOR, now)))
    }

    pub(crate) fn keep(&self, conversation: ConversationId, address: Address, now: Instant) {
        // Nothing in it is left half done.
        let mut people = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *people.entry(&conversation, now) = Some(address);
    }

    pub(crate) fn of(&self, conversation: ConversationId, now: Instant) -> Option<Address> {
        let mut people = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        people.entry(&conversation, now).clone()
    }
}

/// Where the people of each Entra tenant were last heard from, in Teams: the nearest address for a
/// conversation that a bot begins with one of them. Nothing is lost with it: a cloud has an address
/// for all.
pub(crate) struct Homes(Mutex<Recent<Box<str>, Option<Box<str>>>>);

/// How many tenants are remembered, in each of two halves.
const HOMES_MAX: usize = 1_000;

/// How long a tenant that is not heard of is remembered at least.
const HOMES_FOR: Duration = Duration::from_hours(24);

impl Homes {
    pub(crate) fn new(now: Instant) -> Self {
        Self(Mutex::new(Recent::new(HOMES_MAX, HOMES_FOR, now)))
    }

    pub(crate) fn heard(&self, tenant: &str, service_url: &str, now: Instant) {
        // Nothing in it is left half done.
        let mut homes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let home = homes.entry(&tenant.into(), now);
        if home.as_deref() != Some(service_url) {
            *home = Some(service_url.into());
        }
    }

    pub(crate) fn of(&self, tenant: &str, now: Instant) -> Option<Box<str>> {
        let mut homes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        homes.entry(&tenant.into(), now).clone()
    }
}

impl ChannelLink {
    /// Whether users of these Entra tenants may come, as an activity names them. Teams always names one;
    /// other channels have none.
    pub(crate) fn takes(&self, is_teams: bool, named: &[String]) -> bool {
        let tenants = &self.setup.tenants;
        let is_ours =
            |tenant: &String| tenants.iter().any(|ours| ours.eq_ignore_ascii_case(tenant));
        tenants.is_empty() || named.iter().all(is_ours) && (!named.is_empty() || !is_teams)
    }
}

impl ChannelLink {
    /// Whether a message may leave for this conversation now; else after which time to ask again.
    pub(crate) fn may_leave(
        &self,
        conversation: ConversationId,
        tenant: Option<&str>,
    ) -> Result<(), Duration> {
        let account = self.account(tenant);
        // Nothing in it is left half done.
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.ask(conversation, &account, Instant::now())
    }

    /// Whether there is so much room that what nobody would miss may leave for this conversation now.
    pub(crate) fn has_spare(&self, conversation: ConversationId, tenant: Option<&str>) -> bool {
        let account = self.account(tenant);
        // Nothing in it is left half done.
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.spare(conversation, &account, Instant::now())
    }

    fn account(&self, tenant: Option<&str>) -> Account {
        let registration = self.setup.connector.registration.app_id.as_str().into();
        Account { registration, tenant: tenant.unwrap_or_default().into() }
    }
}

impl fmt::Debug for ChannelLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelLink")
            .field("tenant", &self.tenant)
            .field("bot", &self.bot)
            .finish_non_exhaustive()
    }
}

/// All of them, looked up by whose conversation it is.
#[derive(Debug, Default)]
pub(crate) struct Channels(HashMap<(TenantId, BotId), Arc<ChannelLink>>);

impl Channels {
    pub(crate) fn add(&mut self, link: ChannelLink) {
        self.0.insert((link.tenant.clone(), link.bot.clone()), Arc::new(link));
    }

    pub(crate) fn of(&self, tenant: &TenantId, bot: &BotId) -> Option<&Arc<ChannelLink>> {
        self.0.get(&(tenant.clone(), bot.clone()))
    }

    pub(crate) fn links(&self) -> impl Iterator<Item = &Arc<ChannelLink>> {
        self.0.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_people_of_a_tenant_are_at_home_where_they_were_last_heard_from() {
        let now = Instant::now();
        let homes = Homes::new(now);
        assert_eq!(homes.of("t-1", now), None);
        homes.heard("t-1", "https://smba.example/amer/", now);
        homes.heard("t-1", "https://smba.example/emea/", now);
        homes.heard("t-2", "https://smba.example/in/", now);
        assert_eq!(homes.of("t-1", now).as_deref(), Some("https://smba.example/emea/"));
        assert_eq!(homes.of("t-2", now).as_deref(), Some("https://smba.example/in/"));
    }
}
