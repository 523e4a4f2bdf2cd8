//! From settings to those that are spoken to: bots, channels and desks. What stays as it was keeps what was
//! opened for it.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use bot_framework::{
    client::BotClient,
    connector::Connector,
    verify::{ChannelVerifier, Verifier},
};
use store::Store;
use vault::Vault;

use crate::{
    app::{
        BotSetup, DeskSetup, Settings, StartError,
        failure::{BotFault, ChannelFault},
    },
    behind::{BotLink, Bots, Handles},
    bot::BuiltInBots,
    channel::{ChannelLink, Channels, Homes, Pace, People},
    desk::{media::Handing, refresh_token::KeptRefreshToken, request::Dress},
    dispatcher::{Gate, Reach},
    engine::Policies,
    lane,
    observe::{BotNamed, Observer},
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
        let base = base.unwrap_or(own_address).trim_end_matches('/').to_owned();
        let gate = match before {
            Some(before) => before.gate.clone(),
            None => Gate::new(lane::Destination::Bot(tenant.clone(), bot.clone()), observer),
        };
        let (tenant, bot, setup) = (tenant.clone(), bot.clone(), setup.clone());
        let handles = handles.clone();
        bots.add(BotLink { tenant, bot, setup, client, verifier, base, handles, gate });
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
