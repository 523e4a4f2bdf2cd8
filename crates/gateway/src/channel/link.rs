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

use super::pace::{Account, Pace};
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
}

impl ChannelLink {
    /// Whether users of this Entra tenant may come. Only some channels name one.
    pub(crate) fn takes(&self, tenant: Option<&str>) -> bool {
        let tenants = &self.setup.tenants;
        let Some(tenant) = tenant else { return true };
        tenants.is_empty() || tenants.iter().any(|ours| ours.eq_ignore_ascii_case(tenant))
    }
}

impl ChannelLink {
    /// Whether a message may leave for this conversation now; else after which time to ask again.
    pub(crate) fn may_leave(
        &self,
        conversation: ConversationId,
        tenant: Option<&str>,
    ) -> Result<(), Duration> {
        let registration = self.setup.connector.registration.app_id.as_str().into();
        let account = Account { registration, tenant: tenant.unwrap_or_default().into() };
        // Nothing in it is left half done.
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.ask(conversation, &account, Instant::now())
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
