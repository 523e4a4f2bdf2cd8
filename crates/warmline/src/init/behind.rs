//! What is asked about a bot of the team's own.

use anyhow::Context;
use gateway::{BotConfig, Cloud, Credential, Registration};

use super::{Options, ask::Questions, registration::Entra};

/// The options about it.
#[derive(Debug, clap::Args)]
pub(super) struct BotOptions {
    /// The messaging endpoint of a bot of your own; without it the built-in one answers.
    #[arg(long, value_name = "URL")]
    bot_endpoint: Option<String>,
    /// The app id that the bot runs with; without it, it must run without one, near by.
    #[arg(long, value_name = "ID", requires = "bot_endpoint")]
    bot_app_id: Option<String>,
}

/// A bot of the team's own.
pub(super) struct Bot {
    pub(super) endpoint: String,
    /// `None` for a bot that runs without an app id.
    pub(super) app_id: Option<String>,
}

impl Bot {
    /// `None` where the built-in bot answers.
    pub(super) fn asked(ask: &mut Questions, options: &Options) -> anyhow::Result<Option<Self>> {
        let options = &options.bot;
        let endpoint = ask.optional(
            "bot.endpoint",
            "Does a bot of your own answer first? Then what is its messaging endpoint, such as \
             https://bot.example.org/api/messages (empty: the built-in bot)?",
            "--bot-endpoint",
            options.bot_endpoint.as_deref(),
        )?;
        let Some(endpoint) = endpoint else { return Ok(None) };
        let app_id = ask.optional(
            "bot.endpoint_app_id",
            "The app id that it runs with (empty: none; then it is on this machine or a private \
             network)?",
            "--bot-app-id",
            options.bot_app_id.as_deref(),
        )?;
        Ok(Some(Self { endpoint, app_id }))
    }

    /// Whether a gateway with this registration would start with it. What a secret is, this need not
    /// know.
    pub(super) fn check(&self, entra: Option<&Entra>) -> anyhow::Result<()> {
        let credential = match (&self.app_id, entra) {
            (Some(bot_app_id), Some(entra)) => {
                let cloud = entra.cloud.and_then(Cloud::named).unwrap_or_default();
                let single = entra.tenant.as_deref().filter(|_| !entra.is_multi_tenant);
                let login = cloud.login_of(single);
                let login = login.context("this cloud has no login for many tenants")?;
                let (app_id, secret) = (entra.app_id.clone(), "unknown".into());
                let registration = Registration { app_id, secret, login };
                Credential::Skill { registration, bot_app_id: bot_app_id.clone() }
            }
            (_, None) | (None, _) => Credential::Anonymous,
        };
        let endpoint = self.endpoint.parse().context("the bot's endpoint must be a URL")?;
        Ok(BotConfig { endpoint, credential }.check()?)
    }
}
