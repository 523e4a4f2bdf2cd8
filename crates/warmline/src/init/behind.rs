//! What is asked about a bot of the team's own.

use anyhow::Context;
use gateway::{BotConfig, Credential, Registration};

use super::{Options, ask::Questions, reference};

/// The options about it.
#[derive(Debug, clap::Args)]
pub(super) struct BotOptions {
    /// The messaging endpoint of a bot of your own; without it the built-in one answers.
    #[arg(long, value_name = "URL")]
    bot_endpoint: Option<String>,
    /// The app id that the bot runs with; without it, it must run without one, near by.
    #[arg(long, value_name = "ID", requires = "bot_endpoint")]
    bot_app_id: Option<String>,
    /// The app id of Warmline's own registration in Entra.
    #[arg(long, value_name = "ID", requires = "bot_app_id")]
    app_id: Option<String>,
    /// Where its client secret is.
    #[arg(long, value_name = "REFERENCE", value_parser = reference, requires = "bot_app_id")]
    app_password: Option<String>,
    /// The tenant of both registrations.
    #[arg(long, value_name = "ID", requires = "bot_app_id")]
    app_tenant: Option<String>,
}

/// A bot of the team's own.
pub(super) struct Bot {
    pub(super) endpoint: String,
    /// `None` for a bot that runs without an app id.
    pub(super) entra: Option<Entra>,
}

/// The two registrations.
pub(super) struct Entra {
    pub(super) bot_app_id: String,
    pub(super) app_id: String,
    pub(super) app_password: String,
    pub(super) tenant: String,
}

impl Bot {
    /// `None` where the built-in bot answers.
    pub(super) fn asked(ask: &mut Questions, options: &Options) -> anyhow::Result<Option<Self>> {
        let options = &options.bot;
        let endpoint = ask.optional(
            "bot.endpoint",
            "Does a bot of your own answer first? Then what is its messaging endpoint, such as \
             https://bot.example.org/api/messages (empty: the built-in bot)?",
            options.bot_endpoint.as_deref(),
        )?;
        let Some(endpoint) = endpoint else { return Ok(None) };
        let bot_app_id = ask.optional(
            "bot.endpoint_app_id",
            "The app id that it runs with (empty: none; then it is on this machine or a private \
             network)?",
            options.bot_app_id.as_deref(),
        )?;
        let entra = match bot_app_id {
            None => None,
            Some(bot_app_id) => Some(Entra {
                bot_app_id,
                app_id: ask.required(
                    "bot.app_id",
                    "The app id of Warmline's own registration in Entra, which is another one?",
                    "--app-id",
                    options.app_id.as_deref(),
                )?,
                app_password: ask.secret(
                    "Its client secret (typed unseen, or a reference)?",
                    options.app_password.as_deref(),
                    "env:MicrosoftAppPassword",
                )?,
                tenant: ask.required(
                    "bot.app_tenant",
                    "The id of the tenant of both registrations?",
                    "--app-tenant",
                    options.app_tenant.as_deref(),
                )?,
            }),
        };
        let bot = Self { endpoint, entra };
        bot.check()?;
        Ok(Some(bot))
    }

    /// Whether a gateway would start with it. What a secret is, this need not know.
    fn check(&self) -> anyhow::Result<()> {
        let credential = match &self.entra {
            None => Credential::Anonymous,
            Some(entra) => {
                let login = format!("https://login.microsoftonline.com/{}", entra.tenant);
                let login = login.parse().context("the tenant must be an id")?;
                let (app_id, secret) = (entra.app_id.clone(), "unknown".into());
                let registration = Registration { app_id, secret, login };
                Credential::Skill { registration, bot_app_id: entra.bot_app_id.clone() }
            }
        };
        let endpoint = self.endpoint.parse().context("the bot's endpoint must be a URL")?;
        Ok(BotConfig { endpoint, credential }.check()?)
    }
}
