//! What a gateway is started with. Where it comes from is its caller's business.

use std::path::PathBuf;

use secrecy::SecretString;
use servicenow::ClientConfig;
use session::{
    Policy,
    id::{BotId, DeskId, TenantId},
};

use crate::{bot::BuiltInBot, desk::news::Wording, trace::Tracing};

/// Everything a gateway is started with.
pub struct Settings {
    /// Where the embedded store keeps its files.
    pub data_dir: PathBuf,
    /// The desks.
    pub desks: Vec<DeskSetup>,
    /// The bots.
    pub bots: Vec<BotSetup>,
    /// How clients reach this service, without a trailing slash; `None` takes each request's `Host`.
    pub public_url: Option<String>,
    /// The built-in bot.
    pub built_in_bot: BuiltInBot,
    /// How desks tell things in words.
    pub wording: Wording,
    /// Where traces go.
    pub tracing: Tracing,
}

/// One ServiceNow instance of one tenant.
pub struct DeskSetup {
    /// Its owner.
    pub tenant: TenantId,
    /// Its name in the configuration.
    pub desk: DeskId,
    /// How it is reached.
    pub client: ClientConfig,
    /// What it presents on the webhook.
    pub webhook_secret: SecretString,
    /// The message-auth token; without it every user is a guest.
    pub message_token: Option<SecretString>,
}

/// One bot of one tenant.
pub struct BotSetup {
    /// Its owner.
    pub tenant: TenantId,
    /// Its id.
    pub bot: BotId,
    /// The rules of its conversations.
    pub policy: Policy,
    /// What opens Direct Line for it; `None` leaves it closed.
    pub direct_line_secret: Option<SecretString>,
}
