//! From settings to the parts that run: who may call, how desks are reached, what edges work with.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bot_framework::{
    client::BotClient,
    connector::Connector,
    direct_line::TOKEN_LIFETIME_S,
    verify::{ChannelVerifier, Verifier},
};
use secrecy::{ExposeSecret, SecretString};
use store::Store;
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use vault::Vault;

use crate::{
    app::{
        BotSetup, DeskSetup, Parts, Settings, StartError,
        failure::{BotFault, ChannelFault},
        live::Live,
    },
    behind::{BotLink, Bots, Handles},
    bot::BuiltInBots,
    channel::{ChannelLink, Channels, Homes, Pace, People},
    console::{ADMIN, OperatorSetup, PasswordHash, Role},
    control::{Letters, UnderWay},
    current::Current,
    desk::{
        media::{DeskMedia, Handing, With},
        refresh_token::KeptRefreshToken,
        request::Dress,
    },
    dispatcher::{ATTEMPTS_MAX, DeskLink, Dispatcher, Gate, Openings, Reach},
    edge::{
        Edge,
        callers::{Callers, Owner},
        connector::CAPABILITY_PREFIX,
        console::{Console, Destination, Destinations, Member, Members, Recorder},
        direct_line::DirectLine,
        doors::{Doors, Site},
        messages::{Besides, Complaints},
        rates::Measures,
    },
    engine::Policies,
    files::Files,
    gaps::DeskKey,
    keys::{Ring, resealing::Keys},
    lane,
    observe::{BotNamed, Observer},
    person::{Persons, Remembering},
    retention::Shredder,
};

/// The rules of every bot.
pub(super) fn policies(bots: &[BotSetup]) -> Policies {
    let mut policies = Policies::default();
    for bot in bots {
        policies.add(bot.tenant.clone(), bot.bot.clone(), bot.policy.clone());
    }
    policies
}

/// The bots by name, for whoever counts what is done for each.
pub(super) fn named(bots: &[BotSetup]) -> Vec<BotNamed> {
    let name = |setup: &BotSetup| BotNamed {
        tenant: setup.tenant.clone(),
        bot: setup.bot.clone(),
        is_behind: setup.behind.is_some(),
        is_on_channels: setup.channel.is_some(),
    };
    bots.iter().map(name).collect()
}

/// What answers while nobody is live. A bot that stays where it was keeps its connections, its token
/// and its breaker.
pub(super) fn bots(
    settings: &Settings,
    before: Option<&Bots>,
    handles: &Handles,
    observer: &Arc<Observer>,
    own_address: &str,
) -> Result<Bots, StartError> {
    let mut built_in = BuiltInBots::new(settings.built_in_bot.clone());
    for bot in &settings.bots {
        if let Some(own) = &bot.built_in_bot {
            built_in.add(bot.tenant.clone(), bot.bot.clone(), own.clone());
        }
    }
    let mut bots = Bots::new(built_in);
    for BotSetup { tenant, bot, behind, .. } in &settings.bots {
        let Some(setup) = behind else { continue };
        let before = before.and_then(|before| before.behind(tenant, bot));
        let wrong = |source| {
            let (tenant, bot) = (tenant.clone(), bot.clone());
            StartError::Bot { tenant, bot, source }
        };
        let client = match before.filter(|before| before.client.is_as(&setup.reach)) {
            Some(before) => before.client.clone(),
            None => BotClient::new(setup.reach.clone())
                .map_err(|error| wrong(BotFault::Reach(error)))?,
        };
        let verifier = match &setup.verify {
            None => None,
            Some(verify) => {
                let before = before.and_then(|before| before.verifier.as_ref());
                match before.filter(|before| before.is_as(verify)) {
                    Some(before) => Some(Arc::clone(before)),
                    None => Some(Arc::new(
                        Verifier::new(verify.clone())
                            .map_err(|error| wrong(BotFault::Verify(error)))?,
                    )),
                }
            }
        };
        let base = setup.service_url.as_deref().or(settings.public_url.as_deref());
        let base = base.unwrap_or(own_address).trim_end_matches('/');
        let service_url = match verifier {
            Some(_) => base.to_owned(),
            None => format!("{base}{CAPABILITY_PREFIX}/{}", handles.capability(tenant, bot)),
        };
        let gate = match before {
            Some(before) => before.gate.clone(),
            None => Gate::new(lane::Destination::Bot(tenant.clone(), bot.clone()), observer),
        };
        let (tenant, bot, setup) = (tenant.clone(), bot.clone(), setup.clone());
        bots.add(BotLink { tenant, bot, setup, client, verifier, service_url, gate });
    }
    Ok(bots)
}

/// Ways to channels whose users are brought things. One that stays as it was keeps its token, its keys,
/// its breaker and its pace.
pub(super) fn channels(
    settings: &Settings,
    before: Option<&Channels>,
    observer: &Arc<Observer>,
    own_address: &str,
) -> Result<Channels, StartError> {
    let mut channels = Channels::default();
    for BotSetup { tenant, bot, channel, .. } in &settings.bots {
        let Some(setup) = channel else { continue };
        let before = before.and_then(|before| before.of(tenant, bot));
        let wrong = |source| {
            let (tenant, bot) = (tenant.clone(), bot.clone());
            StartError::Channel { tenant, bot, source }
        };
        let connector = match before.filter(|before| before.connector.is_as(&setup.connector)) {
            Some(before) => before.connector.clone(),
            None => Connector::new(setup.connector.clone())
                .map_err(|error| wrong(ChannelFault::Reach(error)))?,
        };
        let verifier = match before.filter(|before| before.verifier.is_as(&setup.verify)) {
            Some(before) => Arc::clone(&before.verifier),
            None => Arc::new(
                ChannelVerifier::new(setup.verify.clone())
                    .map_err(|error| wrong(ChannelFault::Verify(error)))?,
            ),
        };
        let (gate, pace, homes, people) = if let Some(before) = before {
            let (pace, homes) = (Arc::clone(&before.pace), Arc::clone(&before.homes));
            (before.gate.clone(), pace, homes, Arc::clone(&before.people))
        } else {
            let to = lane::Destination::Channel(tenant.clone(), bot.clone());
            let now = Instant::now();
            let pace = Arc::new(Mutex::new(Pace::new(now)));
            let people = Arc::new(People::new(now));
            (Gate::new(to, observer), pace, Arc::new(Homes::new(now)), people)
        };
        let (tenant, bot, setup) = (tenant.clone(), bot.clone(), setup.clone());
        let base = settings.public_url.as_deref().unwrap_or(own_address);
        let base = base.trim_end_matches('/').to_owned();
        channels.add(ChannelLink {
            tenant,
            bot,
            setup,
            connector,
            verifier,
            gate,
            pace,
            base,
            homes,
            people,
        });
    }
    Ok(channels)
}

impl Parts {
    /// The keys, for whoever rotates them.
    pub(super) fn keys(&self, live: &Live) -> Arc<Keys> {
        let (store, vault) = (Arc::clone(&self.store), Arc::clone(&self.vault));
        let ring = Ring::new(store, vault, self.clock.clone());
        let (doors, files) = (live.doors(), Arc::clone(&self.files));
        let grace = move || signed_for(&doors.get(), &files);
        Arc::new(Keys::new(
            Arc::new(ring),
            Arc::clone(&self.files),
            self.engine.clone(),
            self.clock.clone(),
            Arc::clone(&self.observer),
            Box::new(grace),
        ))
    }
}

/// How long what a root key signs can be good: tokens with their grace, addresses of files, cookies.
fn signed_for(doors: &Doors, files: &Files) -> Duration {
    let tokens = doors.sites.iter().map(|site| site.pages.token_grace).max().unwrap_or_default();
    let tokens = tokens.saturating_add(Duration::from_secs(TOKEN_LIFETIME_S.into()));
    // Cookies live for a day, and so does the shortest time of files.
    tokens.max(files.kept_for_at_most())
}

/// Who may use the console.
pub(super) fn members(settings: &Settings) -> Result<Vec<Member>, StartError> {
    let parse = |hash: &SecretString| {
        PasswordHash::parse(hash.expose_secret()).map_err(StartError::ConsolePassword)
    };
    let mut members = Vec::new();
    if let Some(hash) = &settings.console_password_hash {
        let (name, role) = (ADMIN.into(), Role::Admin);
        members.push(Member { name, hash: parse(hash)?, role, tenants: None });
    }
    for OperatorSetup { name, password_hash, role, tenants } in &settings.operators {
        let tenants = tenants.clone().map(Into::into);
        let hash = parse(password_hash)?;
        members.push(Member { name: name.clone(), hash, role: *role, tenants });
    }
    Ok(members)
}

/// Who may come in.
pub(super) fn doors(vault: &Vault, settings: &Settings) -> Result<Doors, StartError> {
    let mut callers = Callers::new(vault.mac_key("callers")?);
    let (mut wordings, mut sites) = (Vec::new(), Vec::new());
    for desk in &settings.desks {
        callers.add_desk(desk)?;
        let wording = Arc::new(desk.wording.clone());
        wordings.push((desk.tenant.clone(), desk.desk.clone(), wording));
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
    let (public_url, proxies) = (settings.public_url.clone(), settings.proxies.clone());
    let masks =
        settings.masks.iter().map(|(tenant, masks)| (tenant.clone(), Arc::new(masks.clone())));
    let (masks, rates) = (masks.collect(), settings.rates.clone());
    Ok(Doors { callers, wordings, sites, public_url, masks, rates, proxies })
}

/// How a desk is spoken to.
pub(super) fn reach(
    store: &Arc<dyn Store>,
    vault: &Vault,
    observer: &Arc<Observer>,
    setup: &DeskSetup,
    handing: Handing,
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
    let wording = setup.wording.clone();
    Ok(Reach { client: Arc::new(client), dress: dress(setup), wording, handing })
}

/// How users' files come to a desk.
pub(super) fn handing(settings: &Settings, own_address: &str, setup: &DeskSetup) -> Handing {
    Handing::of(setup.files, settings.public_url.as_deref().unwrap_or(own_address))
}

pub(super) fn dress(setup: &DeskSetup) -> Dress {
    Dress {
        token: setup.message_token.clone(),
        commands: setup.command_words.clone(),
        receipts: setup.receipts,
    }
}

impl Parts {
    /// What moves files between conversations and desks.
    pub(super) fn media(
        &self,
        policies: &Arc<Current<Policies>>,
        reaches: &HashMap<DeskKey, Arc<Current<Reach>>>,
    ) -> Result<Arc<DeskMedia>, StartError> {
        Ok(DeskMedia::new(With {
            files: Arc::clone(&self.files),
            store: Arc::clone(&self.store),
            vault: Arc::clone(&self.vault),
            clock: self.clock.clone(),
            reaches: reaches.clone(),
            policies: Arc::clone(policies),
        })?)
    }

    pub(super) fn dispatcher(&self, live: &Live, stop: CancellationToken) -> Dispatcher {
        let link = |key: &crate::gaps::DeskKey, reach| {
            let (tenant, desk) = key;
            let to = lane::Destination::Desk(tenant.clone(), desk.clone());
            let gate = Gate::new(to, &self.observer);
            (key.clone(), DeskLink { desk: desk.clone(), reach, gate })
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
            channels: live.channels(),
            handles: live.handles.clone(),
            files: Arc::clone(&self.files),
            media: live.media(),
            wakes: Arc::clone(&self.wakes),
            language: live.language,
            gaps: Arc::clone(&self.gaps),
            openings: Openings::default(),
            observer: Arc::clone(&self.observer),
            stop,
            tracing: live.tracing.clone(),
            places: Arc::new(Semaphore::new(ATTEMPTS_MAX)),
        }
    }

    /// What deals with persons' data.
    pub(super) fn persons(&self, shredder: &Shredder) -> Arc<Persons> {
        let (engine, wakes) = (self.engine.clone(), Arc::clone(&self.wakes));
        Arc::new(Persons {
            store: Arc::clone(&self.store),
            vault: Arc::clone(&self.vault),
            files: Arc::clone(&self.files),
            observer: Arc::clone(&self.observer),
            audit: self.audit.clone(),
            erasing: Arc::clone(&shredder.erasing),
            remembering: Some(Remembering { engine, wakes }),
        })
    }

    /// The console, if it is open.
    pub(super) fn console(
        &self,
        members: Vec<Member>,
        dispatcher: &Dispatcher,
        persons: &Arc<Persons>,
        under_way: &UnderWay,
    ) -> Result<Option<Console>, StartError> {
        let Some(members) = Members::new(members) else { return Ok(None) };
        let desk = |((tenant, desk), link): (&crate::gaps::DeskKey, &DeskLink)| Destination {
            to: lane::Destination::Desk(tenant.clone(), desk.clone()),
            gate: link.gate.clone(),
        };
        let mut desks: Vec<_> = dispatcher.desks.iter().map(desk).collect();
        desks.sort_by(|a, b| a.to.cmp(&b.to));
        let (bots, channels) = (Arc::clone(&dispatcher.bots), Arc::clone(&dispatcher.channels));
        let destinations = Destinations { desks, bots, channels };
        let (letters, now) =
            (Letters::new(self.engine.clone(), self.audit.clone()), self.clock.now());
        let recorder = Recorder::new(Arc::clone(&self.observer), self.clock.clone());
        let orders = (letters, Arc::clone(persons), under_way.clone());
        let console = Console::new(members, &self.vault, orders, destinations, recorder, now)?;
        Ok(Some(console))
    }

    pub(super) fn edge(
        self,
        live: &Live,
        console: Option<Console>,
        stopping: CancellationToken,
    ) -> Result<Edge, StartError> {
        let direct_line = DirectLine::new(&self.vault, self.clock.now())?;
        Ok(Edge {
            engine: self.engine,
            store: self.store,
            files: self.files,
            media: live.media(),
            vault: self.vault,
            clock: self.clock,
            wakes: self.wakes,
            gaps: self.gaps,
            doors: live.doors(),
            language: live.language,
            direct_line,
            bots: live.bots(),
            channels: live.channels(),
            handles: live.handles.clone(),
            presence: self.presence,
            measures: Measures::default(),
            complaints: Complaints::default(),
            besides: Besides::default(),
            console,
            audit: self.audit,
            observer: self.observer,
            tracing: live.tracing.clone(),
            stopping,
            open_streams: TaskTracker::new(),
        })
    }
}
