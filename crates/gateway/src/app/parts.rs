//! From settings to the parts that run: who may call, how desks are reached, what edges work with.

use std::{collections::HashMap, sync::Arc};

use bot_framework::direct_line::token::TokenKey;
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    app::{DeskSetup, Parts, Settings, StartError},
    desk::{news::Wording, refresh_token::KeptRefreshToken, request::Dress},
    dispatcher::{ATTEMPTS_MAX, DeskLink, Dispatcher, Openings, SharedBreaker},
    edge::{
        Edge,
        callers::{Callers, Owner},
        direct_line::DirectLine,
    },
};

/// Words an instance obeys when they are the whole message (reference 3.7).
const COMMANDS: [&str; 9] = [
    "hi",
    "agent",
    "bye",
    "restart",
    "help",
    "logout",
    "notification",
    "notifications",
    "show notification",
];

impl Parts {
    pub(super) fn callers(&self, settings: &Settings) -> Result<Callers, StartError> {
        let mut callers = Callers::new(self.vault.mac_key("callers")?);
        for desk in &settings.desks {
            let owner = Owner::Desk(desk.tenant.clone(), desk.desk.clone());
            callers.add(&desk.webhook_secret, owner)?;
        }
        for bot in &settings.bots {
            if let Some(secret) = &bot.direct_line_secret {
                callers.add(secret, Owner::Site(bot.tenant.clone(), bot.bot.clone()))?;
            }
        }
        Ok(callers)
    }

    pub(super) fn dispatcher(
        &self,
        settings: &Settings,
        stop: CancellationToken,
    ) -> Result<Dispatcher, StartError> {
        let mut desks = HashMap::new();
        for desk in &settings.desks {
            let link = self.desk_link(desk, settings.wording.clone())?;
            desks.insert((desk.tenant.clone(), desk.desk.clone()), link);
        }
        Ok(Dispatcher {
            store: Arc::clone(&self.store),
            vault: Arc::clone(&self.vault),
            engine: self.engine.clone(),
            clock: self.clock.clone(),
            desks,
            bot: settings.built_in_bot.clone(),
            gaps: Arc::clone(&self.gaps),
            openings: Openings::default(),
            stop,
            tracing: settings.tracing.clone(),
            places: Arc::new(Semaphore::new(ATTEMPTS_MAX)),
        })
    }

    fn desk_link(&self, setup: &DeskSetup, wording: Wording) -> Result<DeskLink, StartError> {
        let (tenant, desk) = (&setup.tenant, &setup.desk);
        let store = Arc::clone(&self.store);
        let kept = KeptRefreshToken::new(store, &self.vault, tenant, desk)?;
        let config = setup.client.clone().with_keeper(Arc::new(kept));
        let client = servicenow::Client::new(config).map_err(|source| {
            let (tenant, desk) = (tenant.clone(), desk.clone());
            StartError::Desk { tenant, desk, source }
        })?;
        let dress = Dress {
            token: setup.message_token.clone(),
            commands: COMMANDS.iter().map(|&word| word.to_owned()).collect(),
        };
        Ok(DeskLink {
            desk: desk.clone(),
            client,
            dress,
            wording,
            breaker: SharedBreaker::new(tenant, desk),
            places: Arc::new(Semaphore::new(ATTEMPTS_MAX)),
        })
    }

    pub(super) fn edge(
        self,
        settings: Settings,
        callers: Callers,
        stopping: CancellationToken,
    ) -> Result<Edge, StartError> {
        let direct_line = DirectLine {
            key: TokenKey::new(self.vault.derive("direct line tokens")?.expose()),
            sites: settings
                .bots
                .iter()
                .filter(|bot| bot.direct_line_secret.is_some())
                .map(|bot| (bot.tenant.clone(), bot.bot.clone()))
                .collect(),
            public_url: settings.public_url,
            streams: Arc::default(),
        };
        Ok(Edge {
            engine: self.engine,
            store: self.store,
            vault: self.vault,
            clock: self.clock,
            wakes: self.wakes,
            gaps: self.gaps,
            callers,
            wording: settings.wording,
            direct_line,
            presence: self.presence,
            tracing: settings.tracing,
            stopping,
            open_streams: TaskTracker::new(),
        })
    }
}
