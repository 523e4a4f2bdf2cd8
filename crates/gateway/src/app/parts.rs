//! From settings to the parts that run: who may call, how desks are reached, what edges work with.

use std::{collections::HashMap, sync::Arc};

use secrecy::{ExposeSecret, SecretString};
use store::Store;
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use vault::Vault;

use crate::{
    app::{BotSetup, DeskSetup, Parts, Settings, StartError, live::Live},
    bot::BuiltInBots,
    console::PasswordHash,
    desk::{refresh_token::KeptRefreshToken, request::Dress},
    dispatcher::{ATTEMPTS_MAX, DeskLink, Dispatcher, Openings, Reach, SharedBreaker},
    edge::{
        Edge,
        callers::{Callers, Owner},
        console::{Console, Destination, Recorder},
        direct_line::DirectLine,
        doors::{Doors, Site},
    },
    engine::Policies,
    observe::Observer,
};

/// The rules of every bot.
pub(super) fn policies(bots: &[BotSetup]) -> Policies {
    let mut policies = Policies::default();
    for bot in bots {
        policies.add(bot.tenant.clone(), bot.bot.clone(), bot.policy.clone());
    }
    policies
}

/// What answers while nobody is live.
pub(super) fn built_in_bots(settings: &Settings) -> BuiltInBots {
    let mut bots = BuiltInBots::new(settings.built_in_bot.clone());
    for bot in &settings.bots {
        if let Some(own) = &bot.built_in_bot {
            bots.add(bot.tenant.clone(), bot.bot.clone(), own.clone());
        }
    }
    bots
}

/// Who may come in.
pub(super) fn doors(vault: &Vault, settings: &Settings) -> Result<Doors, StartError> {
    let mut callers = Callers::new(vault.mac_key("callers")?);
    let (mut wordings, mut sites) = (Vec::new(), Vec::new());
    for desk in &settings.desks {
        let owner = Owner::Desk(desk.tenant.clone(), desk.desk.clone());
        callers.add(&desk.webhook_secret, owner)?;
        wordings.push((desk.tenant.clone(), desk.desk.clone(), desk.wording.clone()));
    }
    if let Some(token) = &settings.metrics_token {
        callers.add(token, Owner::Scraper)?;
    }
    for bot in &settings.bots {
        if let Some(secret) = &bot.direct_line_secret {
            callers.add(secret, Owner::Site(bot.tenant.clone(), bot.bot.clone()))?;
            let (tenant, of) = (bot.tenant.clone(), bot.bot.clone());
            sites.push(Site { tenant, bot: of, pages: bot.pages.clone() });
        }
    }
    Ok(Doors { callers, wordings, sites, public_url: settings.public_url.clone() })
}

/// How a desk is spoken to.
pub(super) fn reach(
    store: &Arc<dyn Store>,
    vault: &Vault,
    observer: &Arc<Observer>,
    setup: &DeskSetup,
) -> Result<Reach, StartError> {
    let (tenant, desk) = (&setup.tenant, &setup.desk);
    let kept =
        KeptRefreshToken::new(Arc::clone(store), vault, tenant, desk, &setup.client.identity())?;
    let watch = observer.tokens(tenant, desk);
    let config = setup.client.clone().with_keeper(Arc::new(kept)).with_watch(Arc::new(watch));
    let client = servicenow::Client::new(config).map_err(|source| {
        let (tenant, desk) = (tenant.clone(), desk.clone());
        StartError::Desk { tenant, desk, source }
    })?;
    Ok(Reach { client: Arc::new(client), dress: dress(setup), wording: setup.wording.clone() })
}

pub(super) fn dress(setup: &DeskSetup) -> Dress {
    Dress { token: setup.message_token.clone(), commands: setup.command_words.clone() }
}

impl Parts {
    pub(super) fn dispatcher(&self, live: &Live, stop: CancellationToken) -> Dispatcher {
        let link = |key: &crate::gaps::DeskKey, reach| {
            let (tenant, desk) = key;
            let breaker = SharedBreaker::new(tenant, desk, &self.observer);
            let places = Arc::new(Semaphore::new(ATTEMPTS_MAX));
            (key.clone(), DeskLink { desk: desk.clone(), reach, breaker, places })
        };
        let desks: HashMap<_, _> =
            live.reaches().map(|(key, reach)| link(key, Arc::clone(reach))).collect();
        Dispatcher {
            store: Arc::clone(&self.store),
            vault: Arc::clone(&self.vault),
            engine: self.engine.clone(),
            clock: self.clock.clone(),
            desks,
            bots: live.bots(),
            language: live.language,
            gaps: Arc::clone(&self.gaps),
            openings: Openings::default(),
            observer: Arc::clone(&self.observer),
            stop,
            tracing: live.tracing.clone(),
            places: Arc::new(Semaphore::new(ATTEMPTS_MAX)),
        }
    }

    /// The console, if it is open.
    pub(super) fn console(
        &self,
        password_hash: Option<&SecretString>,
        dispatcher: &Dispatcher,
    ) -> Result<Option<Console>, StartError> {
        let Some(hash) = password_hash else { return Ok(None) };
        let password = PasswordHash::parse(hash.expose_secret());
        let password = password.map_err(StartError::ConsolePassword)?;
        let mut destinations: Vec<_> = dispatcher
            .desks
            .iter()
            .map(|((tenant, desk), link)| Destination {
                tenant: tenant.clone(),
                desk: desk.clone(),
                breaker: Arc::clone(&link.breaker),
                places: Arc::clone(&link.places),
            })
            .collect();
        destinations.sort_by(|a, b| (&a.tenant, &a.desk).cmp(&(&b.tenant, &b.desk)));
        let (engine, now) = (self.engine.clone(), self.clock.now());
        let recorder = Recorder::new(Arc::clone(&self.observer));
        let console = Console::new(password, &self.vault, engine, destinations, recorder, now)?;
        Ok(Some(console))
    }

    pub(super) fn edge(
        self,
        live: &Live,
        console: Option<Console>,
        stopping: CancellationToken,
    ) -> Result<Edge, StartError> {
        let direct_line = DirectLine::new(&self.vault)?;
        Ok(Edge {
            engine: self.engine,
            store: self.store,
            vault: self.vault,
            clock: self.clock,
            wakes: self.wakes,
            gaps: self.gaps,
            doors: live.doors(),
            language: live.language,
            direct_line,
            presence: self.presence,
            console,
            observer: self.observer,
            tracing: live.tracing.clone(),
            stopping,
            open_streams: TaskTracker::new(),
        })
    }
}
