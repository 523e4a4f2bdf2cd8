//! Settings that are read anew while the gateway runs.
//!
//! What can change is held in a few cells ([`Current`]), one for each part that reads it; new settings
//! are turned into values first, which may fail, and only then are all cells filled, which cannot. So
//! settings that are wrong change nothing. What hangs on a socket, a directory or a task of its own
//! needs a restart; it is named and stays as it was.

mod deadlines;

use std::{collections::HashMap, sync::Arc};

use secrecy::{ExposeSecret, SecretString};
use session::id::{BotId, DeskId, TenantId};
use store::Store;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use vault::Vault;

use crate::{
    app::{BotSetup, DeskSetup, Parts, Settings, StartError, doors, links},
    behind::{Bots, Handles},
    channel::Channels,
    current::Current,
    desk::media::DeskMedia,
    dispatcher::Reach,
    edge::doors::Doors,
    engine::{Engine, Policies},
    gaps::DeskKey,
    notices::Language,
    observe::Observer,
    retention::Rules,
    trace::Tracing,
};

/// What new settings change only after a restart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NeedsRestart {
    /// Where the data is.
    #[error("the data directory")]
    DataDir,
    /// The console's password.
    #[error("the console's password")]
    ConsolePassword,
    /// Who may use the console.
    #[error("the operators of the console")]
    Operators,
    /// What opens the metrics.
    #[error("the token of /metrics")]
    MetricsToken,
    /// The language of notices.
    #[error("the language")]
    Language,
    /// How files are kept.
    #[error("the settings of files")]
    Files,
    /// A desk that is new; bots that use it wait for the restart as well.
    #[error("the new desk {desk} of tenant {tenant}")]
    NewDesk {
        /// Whose.
        tenant: TenantId,
        /// Which.
        desk: DeskId,
    },
    /// A bot that uses a desk that is new; it stays as it was.
    #[error("the bot {bot} of tenant {tenant}, whose desk is new,")]
    BotOfNewDesk {
        /// Whose.
        tenant: TenantId,
        /// Which.
        bot: BotId,
    },
    /// A bot that is gone from the settings; until the restart it goes on as it was.
    #[error("the removal of bot {bot} of tenant {tenant}")]
    GoneBot {
        /// Whose.
        tenant: TenantId,
        /// Which.
        bot: BotId,
    },
    /// A desk that is gone from the settings; until the restart it goes on as it was.
    #[error("the removal of desk {desk} of tenant {tenant}")]
    GoneDesk {
        /// Whose.
        tenant: TenantId,
        /// Which.
        desk: DeskId,
    },
}

/// The settings in force, and the cells through which the parts see them.
pub(super) struct Live {
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
    engine: Engine,
    observer: Arc<Observer>,
    doors: Arc<Current<Doors>>,
    policies: Arc<Current<Policies>>,
    bots: Arc<Current<Bots>>,
    channels: Arc<Current<Channels>>,
    /// The ids by which bots know conversations.
    pub(super) handles: Handles,
    own_address: String,
    reaches: HashMap<DeskKey, Arc<Current<Reach>>>,
    media: Arc<DeskMedia>,
    retention: Arc<Current<Rules>>,
    /// A change of it needs a restart.
    pub(super) language: Language,
    /// The same.
    pub(super) tracing: Tracing,
    in_force: Mutex<Settings>,
}

impl Live {
    /// The cells, filled from the settings that the gateway starts with.
    pub(super) fn new(
        parts: &Parts,
        policies: Arc<Current<Policies>>,
        settings: Settings,
        own_address: String,
    ) -> Result<Self, StartError> {
        let handles = Handles::of(&parts.vault)?;
        let bots = links::bots(&settings, None, &handles, &parts.observer, &own_address)?;
        let channels = links::channels(&settings, None, &parts.observer, &own_address)?;
        parts.observer.bots(&links::named(&settings.bots));
        let mut reaches = HashMap::new();
        for desk in &settings.desks {
            let handing = links::handing(&settings, &own_address, desk);
            let reach = links::reach(&parts.store, &parts.vault, &parts.observer, desk, handing)?;
            reaches.insert(key_of(desk), Current::new(reach));
        }
        let media = parts.media(&policies, &reaches)?;
        Ok(Self {
            store: Arc::clone(&parts.store),
            vault: Arc::clone(&parts.vault),
            engine: parts.engine.clone(),
            observer: Arc::clone(&parts.observer),
            doors: Current::new(doors::doors(&parts.vault, &settings)?),
            policies,
            bots: Current::new(bots),
            channels: Current::new(channels),
            handles,
            own_address,
            reaches,
            media,
            retention: Current::new(Rules::new(settings.retention.clone())),
            language: settings.language,
            tracing: settings.tracing.clone(),
            in_force: Mutex::new(settings),
        })
    }

    pub(super) fn doors(&self) -> Arc<Current<Doors>> {
        Arc::clone(&self.doors)
    }

    pub(super) fn bots(&self) -> Arc<Current<Bots>> {
        Arc::clone(&self.bots)
    }

    pub(super) fn channels(&self) -> Arc<Current<Channels>> {
        Arc::clone(&self.channels)
    }

    pub(super) fn retention(&self) -> Arc<Current<Rules>> {
        Arc::clone(&self.retention)
    }

    pub(super) fn media(&self) -> Arc<DeskMedia> {
        Arc::clone(&self.media)
    }

    pub(super) fn reaches(&self) -> impl Iterator<Item = (&DeskKey, &Arc<Current<Reach>>)> {
        self.reaches.iter()
    }

    /// Takes over what can change now and names the rest. On an error nothing has changed.
    pub(super) async fn reload(
        &self,
        new: Settings,
        stop: &CancellationToken,
    ) -> Result<Vec<NeedsRestart>, StartError> {
        let mut in_force = self.in_force.lock().await;
        let (new, rest) = applicable(&in_force, new);
        let doors = doors::doors(&self.vault, &new)?;
        let before = self.bots.get();
        let bots =
            links::bots(&new, Some(&before), &self.handles, &self.observer, &self.own_address)?;
        let channels = {
            let before = self.channels.get();
            links::channels(&new, Some(&before), &self.observer, &self.own_address)?
        };
        let mut reaches = Vec::new();
        for desk in &new.desks {
            let Some(cell) = self.reaches.get(&key_of(desk)) else { continue };
            reaches.push((cell, self.reach(cell, desk, &in_force, &new)?));
        }
        // From here on nothing fails.
        let rules_changed = !same_rules(&in_force.bots, &new.bots);
        self.doors.replace(doors);
        self.policies.replace(links::policies(&new.bots));
        self.retention.replace(Rules::new(new.retention.clone()));
        self.observer.bots(&links::named(&new.bots));
        self.bots.replace(bots);
        self.channels.replace(channels);
        for (cell, reach) in reaches {
            cell.replace(reach);
        }
        *in_force = new;
        if rules_changed {
            deadlines::set_anew(&self.store, &self.engine, stop).await;
        }
        Ok(rest)
    }

    /// A client whose credentials stay keeps its token and its connections.
    fn reach(
        &self,
        cell: &Current<Reach>,
        desk: &DeskSetup,
        in_force: &Settings,
        new: &Settings,
    ) -> Result<Reach, StartError> {
        let handing = links::handing(new, &self.own_address, desk);
        let before = in_force.desks.iter().find(|before| key_of(before) == key_of(desk));
        if before.is_some_and(|before| before.client.is_as(&desk.client)) {
            let client = Arc::clone(&cell.get().client);
            let (dress, wording) = (links::dress(desk), desk.wording.clone());
            return Ok(Reach { client, dress, wording, handing });
        }
        links::reach(&self.store, &self.vault, &self.observer, desk, handing)
    }
}

fn key_of(desk: &DeskSetup) -> DeskKey {
    (desk.tenant.clone(), desk.desk.clone())
}

/// The new settings as far as a running gateway can have them, and what it cannot.
fn applicable(in_force: &Settings, mut new: Settings) -> (Settings, Vec<NeedsRestart>) {
    let mut rest = Vec::new();
    if new.data_dir != in_force.data_dir {
        rest.push(NeedsRestart::DataDir);
        new.data_dir.clone_from(&in_force.data_dir);
    }
    if !same_secret(new.console_password_hash.as_ref(), in_force.console_password_hash.as_ref()) {
        rest.push(NeedsRestart::ConsolePassword);
        new.console_password_hash.clone_from(&in_force.console_password_hash);
    }
    if new.operators != in_force.operators {
        rest.push(NeedsRestart::Operators);
        new.operators.clone_from(&in_force.operators);
    }
    if !same_secret(new.metrics_token.as_ref(), in_force.metrics_token.as_ref()) {
        rest.push(NeedsRestart::MetricsToken);
        new.metrics_token.clone_from(&in_force.metrics_token);
    }
    if new.language != in_force.language {
        rest.push(NeedsRestart::Language);
        new.language = in_force.language;
    }
    if !new.files.is_as(&in_force.files) {
        rest.push(NeedsRestart::Files);
        new.files = in_force.files.clone();
    }
    // Whoever starts the gateway knows where traces go, and tells of a change.
    new.tracing = in_force.tracing.clone();
    let runs = |tenant: &TenantId, desk: &DeskId| {
        in_force.desks.iter().any(|before| before.tenant == *tenant && before.desk == *desk)
    };
    let (desks, new_desks): (Vec<_>, Vec<_>) =
        new.desks.into_iter().partition(|desk| runs(&desk.tenant, &desk.desk));
    new.desks = desks;
    rest.extend(new_desks.into_iter().map(|desk| {
        let DeskSetup { tenant, desk, .. } = desk;
        NeedsRestart::NewDesk { tenant, desk }
    }));
    let mut gone = Vec::new();
    for before in &in_force.desks {
        if !new.desks.iter().any(|desk| key_of(desk) == key_of(before)) {
            let (tenant, desk) = key_of(before);
            gone.push((tenant.clone(), desk.clone()));
            rest.push(NeedsRestart::GoneDesk { tenant, desk });
            new.desks.push(before.clone());
        }
    }
    let (mut bots, waiting): (Vec<_>, Vec<_>) =
        new.bots.into_iter().partition(|bot| runs(&bot.tenant, &bot.policy.desk));
    for BotSetup { tenant, bot, .. } in waiting {
        let of = |before: &&BotSetup| before.tenant == tenant && before.bot == bot;
        bots.extend(in_force.bots.iter().find(of).cloned());
        rest.push(NeedsRestart::BotOfNewDesk { tenant, bot });
    }
    // A bot that is gone goes on until the restart: without its rules no chat of its users can end, and
    // what waits for it is for nobody else.
    for before in &in_force.bots {
        let stays = |bot: &BotSetup| bot.tenant == before.tenant && bot.bot == before.bot;
        if bots.iter().any(stays) {
            continue;
        }
        let (tenant, bot) = (before.tenant.clone(), before.bot.clone());
        if !gone.contains(&(tenant.clone(), before.policy.desk.clone())) {
            rest.push(NeedsRestart::GoneBot { tenant, bot });
        }
        bots.push(before.clone());
    }
    new.bots = bots;
    (new, rest)
}

fn same_secret(one: Option<&SecretString>, other: Option<&SecretString>) -> bool {
    one.map(ExposeSecret::expose_secret) == other.map(ExposeSecret::expose_secret)
}

fn same_rules(before: &[BotSetup], now: &[BotSetup]) -> bool {
    before.len() == now.len()
        && before.iter().zip(now).all(|(before, now)| {
            before.tenant == now.tenant && before.bot == now.bot && before.policy == now.policy
        })
}

#[cfg(test)]
mod tests;
