//! What a configuration shows to everybody: no secret is looked up, and none is needed, so that it
//! can be read on any machine.

use gateway::{Language, Phrases};

use super::{
    ConfigError, Environment, bots,
    draft::{Draft, Owner},
    network,
};

/// What is shown of an installation.
pub(crate) struct Presented {
    pub(crate) public_url: Option<String>,
    pub(crate) language: Language,
    pub(crate) bots: Vec<PresentedBot>,
    /// How `public_url` could be set.
    pub(crate) public_url_way: String,
}

/// What is shown of a bot.
pub(crate) struct PresentedBot {
    pub(crate) tenant: String,
    /// Its name in the configuration.
    pub(crate) name: String,
    pub(crate) app_id: Option<String>,
    pub(crate) phrases: Phrases,
    /// The built-in bot answers.
    pub(crate) built_in: bool,
}

impl Presented {
    pub(crate) fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let draft = Draft::read(environment)?;
        let bot = |owner: &Owner| {
            let Owner::Bot { tenant, name } = owner else { return Ok(None) };
            let setup = bots::setup(&draft, None, owner)?;
            Ok(Some(PresentedBot {
                tenant: tenant.clone(),
                name: name.clone(),
                app_id: draft.text(owner, "bot.app_id"),
                phrases: setup.policy.phrases,
                built_in: draft.found(owner, "bot.endpoint").is_none(),
            }))
        };
        let bots: Result<Vec<_>, ConfigError> = draft.bots().map(bot).collect();
        Ok(Self {
            public_url: network::public_url(&draft)?,
            language: super::language(&draft),
            bots: bots?.into_iter().flatten().collect(),
            public_url_way: draft.ways(&Owner::House, "public_url"),
        })
    }
}
