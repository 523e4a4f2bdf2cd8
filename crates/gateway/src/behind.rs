//! The bot of a team's own, which stands behind Warmline: how it is reached, what it is told and what
//! its activities mean.
//!
//! To the bot Warmline is the channel (reference 3): it gets the user's activities with Warmline's own
//! addresses and ids in them, and answers through the Connector's routes. [`handles`] are the ids by
//! which it knows conversations, [`outgoing`] is what it is sent, [`intake`] what comes from it,
//! [`links`] what its attachments are to a page, and [`handoff`] the two events by which it asks for a
//! person and hears what became of it.
//!
//! It deliberately does not know: HTTP, the outbox, and the rules of a session.

pub(crate) mod cards;
pub(crate) mod handles;
mod handoff;
mod intake;
mod links;
mod outgoing;

use std::{collections::HashMap, sync::Arc, time::Duration};

use bot_framework::{
    client::{BotClient, BotConfig, Credential},
    verify::{Verifier, VerifyConfig},
};
use session::id::{BotId, TenantId};

pub(crate) use handles::{Handles, hex};
pub(crate) use intake::{Intake, Move, brought, said};
pub(crate) use links::Links;
pub(crate) use outgoing::{Names, Outgoing, user_id};

use crate::{bot::BuiltInBots, dispatcher::Gate};
use handles::CAPABILITY_PREFIX;

/// A bot of a team's own.
#[derive(Debug, Clone)]
pub struct BehindSetup {
    /// Where it is, and as whom Warmline comes.
    pub reach: BotConfig,
    /// How its own calls are proven; `None` for a bot without tokens, which calls below an address
    /// that only it knows.
    pub verify: Option<VerifyConfig>,
    /// How it reaches this gateway, without a trailing slash; `None` takes the public URL, or else the
    /// address that is listened on.
    pub service_url: Option<String>,
    /// How its answers come.
    pub answers: Answers,
    /// How long one activity may take it.
    pub within: Duration,
    /// Names of events by which it asks for a person, besides `handoff.initiate`.
    pub handoff_events: Vec<String>,
}

/// How a bot's answers come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// It calls back, while or after it takes an activity.
    ByCall,
    /// With its answer to the activity (`expectReplies`), for a bot that cannot reach the gateway.
    WithAnswer,
}

/// A bot of a team's own as the gateway works with it.
pub(crate) struct BotLink {
    pub(crate) tenant: TenantId,
    pub(crate) bot: BotId,
    pub(crate) setup: BehindSetup,
    pub(crate) client: BotClient,
    pub(crate) verifier: Option<Arc<Verifier>>,
    /// How it reaches this gateway, without a trailing slash.
    pub(crate) base: String,
    pub(crate) handles: Handles,
    pub(crate) gate: Gate,
}

impl BotLink {
    /// The base of the addresses by which it calls; without tokens, one that only it knows, and that is
    /// another one when the root key is.
    pub(crate) fn service_url(&self) -> String {
        if self.verifier.is_some() {
            return self.base.clone();
        }
        let capability = self.handles.capability(&self.tenant, &self.bot);
        format!("{}{CAPABILITY_PREFIX}/{capability}", self.base)
    }

    /// The bot's own id in Entra; `None` for a bot without tokens.
    pub(crate) fn app_id(&self) -> Option<&str> {
        match &self.setup.reach.credential {
            Credential::Anonymous => None,
            Credential::Skill { bot_app_id, .. } => Some(bot_app_id),
        }
    }
}

/// What answers while nobody is live, looked up by whose conversation it is.
pub(crate) struct Bots {
    pub(crate) built_in: BuiltInBots,
    behind: HashMap<(TenantId, BotId), Arc<BotLink>>,
}

impl Bots {
    pub(crate) fn new(built_in: BuiltInBots) -> Self {
        Self { built_in, behind: HashMap::new() }
    }

    pub(crate) fn add(&mut self, link: BotLink) {
        self.behind.insert((link.tenant.clone(), link.bot.clone()), Arc::new(link));
    }

    /// The bot of the team's own, if this one is.
    pub(crate) fn behind(&self, tenant: &TenantId, bot: &BotId) -> Option<&Arc<BotLink>> {
        self.behind.get(&(tenant.clone(), bot.clone()))
    }

    /// All bots of teams' own.
    pub(crate) fn links(&self) -> impl Iterator<Item = &Arc<BotLink>> {
        self.behind.values()
    }
}

#[cfg(test)]
mod tests;
