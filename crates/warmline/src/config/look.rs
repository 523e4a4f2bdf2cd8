//! The configuration for somebody who only looks: everything that is wrong at once, and no file made.

use std::{collections::BTreeSet, net::SocketAddr};

use gateway::{BotSetup, DeskSetup, Settings};
use vault::MasterKey;

use super::{
    Called, Config, ConfigError, Draft, Environment, Owner, Read, References, Remark, Telemetry,
    bots, desk_id, desks, master, network, refuse_unsupported, tenant_id,
};

/// What somebody who looks is shown.
pub(crate) struct Look {
    pub(crate) listen: SocketAddr,
    pub(crate) settings: Settings,
    /// The master key, if there is one already.
    pub(crate) master_key: Result<Option<MasterKey>, ConfigError>,
    pub(crate) remarks: Vec<Remark>,
    /// What was read.
    draft: Draft,
}

impl Look {
    /// What the installation's settings are called.
    pub(crate) fn called(&self) -> Called<'_> {
        Called::new(&self.draft, &Owner::House)
    }

    /// The desks, each with what its settings are called.
    pub(crate) fn desks(&self) -> impl Iterator<Item = (&DeskSetup, Called<'_>)> {
        let called = self.draft.desks().map(|owner| Called::new(&self.draft, owner));
        self.settings.desks.iter().zip(called)
    }

    /// The same of bots.
    pub(crate) fn bots(&self) -> impl Iterator<Item = (&BotSetup, Called<'_>)> {
        let called = self.draft.bots().map(|owner| Called::new(&self.draft, owner));
        self.settings.bots.iter().zip(called)
    }
}

impl ConfigError {
    /// The stable machine code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "missing",
            Self::Empty(_) => "empty",
            Self::Wrong { .. } => "wrong",
            Self::File { .. } => "file",
            Self::Unreadable { .. } => "unreadable",
            Self::Exposed { .. } => "exposed",
            Self::SecretFile { .. } => "secret_file",
            Self::Sealed { .. } => "sealed",
            Self::KeyLost { .. } => "key_lost",
            Self::NoData { .. } => "no_data",
            Self::Closed { .. } => "closed",
            Self::OtherUser { .. } => "other_user",
            Self::NotText { .. } => "not_text",
            Self::Instance { .. } => "instance",
            Self::MasterKey { .. } => "master_key",
            Self::WeakMasterKey { .. } => "weak_master_key",
            Self::Bot(_) => "bot",
            Self::Behind { .. } => "bot_endpoint",
            Self::BotTokens { .. } => "bot_tokens",
            Self::Certificate { .. } => "app_certificate",
            Self::Answers { .. } => "answers",
            Self::DataDir { .. } => "data_dir",
        }
    }
}

impl Config {
    /// Reads the configuration and makes nothing. Answers all that is wrong, as far as one fault
    /// does not hide another.
    pub(crate) fn look(environment: &Environment) -> Result<Look, Vec<ConfigError>> {
        let draft = Draft::read(environment).map_err(|error| vec![error])?;
        let read = match Read::from(&draft, environment, None) {
            Ok(read) => read,
            Err(first) => return Err(all(&draft, environment, first)),
        };
        let master_key = master::existing(&draft, &read.references, &read.settings.data_dir)
            .and_then(|key| master::filled_in(&draft, key));
        let alone = master::alone(&draft, &read.settings.data_dir);
        let Read { listen, settings, mut remarks, references, .. } = read;
        remarks.extend(alone);
        if let Ok(Some(key)) = &master_key {
            remarks.extend(master::remark(&draft, key));
        }
        remarks.extend(references.remarks.into_inner());
        Ok(Look { listen, settings, master_key, remarks, draft })
    }
}

/// Everything that is wrong by itself; if that is nothing, what does not fit together.
fn all(draft: &Draft, environment: &Environment, first: ConfigError) -> Vec<ConfigError> {
    let mut problems = Vec::new();
    let missing = desks::missing(draft);
    let complete = missing.is_empty();
    if !complete {
        problems.push(ConfigError::Missing(missing));
    }
    problems.extend(refuse_unsupported(environment).err());
    match network::public_url(draft) {
        Ok(public_url) => problems.extend(network::listen(draft, public_url.as_deref()).err()),
        Err(error) => problems.push(error),
    }
    let references = References::new(draft, environment, master::data_dir(draft));
    // What is missing was said already.
    for owner in draft.desks().filter(|_| complete) {
        let Owner::Desk { tenant, name } = owner else { continue };
        let made = tenant_id(tenant).and_then(|tenant| Ok((tenant, desk_id(name)?)));
        let made = made.and_then(|ids| desks::setup(draft, &references, owner, ids));
        problems.extend(made.err());
    }
    let made = draft.bots().map(|owner| bots::setup(draft, Some(&references), owner));
    problems.extend(made.filter_map(Result::err));
    problems.extend(Telemetry::of(draft).err());
    // A setting of the installation that is wrong is so for each desk and bot.
    let mut said = BTreeSet::new();
    problems.retain(|problem| said.insert(problem.to_string()));
    if problems.is_empty() {
        problems.push(first);
    }
    problems
}
