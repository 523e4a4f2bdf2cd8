//! What a gateway is started with. Where it comes from is its caller's business.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use bot_framework::direct_line::Origin;
use secrecy::SecretString;
use servicenow::ClientConfig;
use session::{
    Policy,
    id::{BotId, DeskId, TenantId},
};

use axum::http::HeaderName;

use crate::{
    behind::BehindSetup,
    bot::BuiltInBot,
    channel::ChannelSetup,
    console::OperatorSetup,
    desk::{media::FilesBy, news::Wording},
    edge::rates::Rates,
    files::FileSetup,
    masking::Masks,
    network::{Network, Proxies},
    notices::Language,
    retention::Retention,
    trace::Tracing,
};

/// Words an instance obeys as it is delivered (reference 3.7).
pub const COMMAND_WORDS: [&str; 9] = [
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

/// Everything a gateway is started with.
#[derive(Clone)]
pub struct Settings {
    /// Where the embedded store keeps its files.
    pub data_dir: PathBuf,
    /// What is taken out of what users say, by tenant.
    pub masks: HashMap<TenantId, Masks>,
    /// How fast callers may be, by tenant.
    pub rates: HashMap<TenantId, Rates>,
    /// The desks.
    pub desks: Vec<DeskSetup>,
    /// The bots.
    pub bots: Vec<BotSetup>,
    /// How clients reach this service, without a trailing slash; `None` takes each request's `Host`.
    pub public_url: Option<String>,
    /// The proxies before this service, which alone are believed where callers are.
    pub proxies: Proxies,
    /// The built-in bot of bots that have none of their own.
    pub built_in_bot: BuiltInBot,
    /// The argon2id hash (PHC string) of the password of the operator `admin`. Without it and other
    /// operators the console is closed.
    pub console_password_hash: Option<SecretString>,
    /// Operators by name, besides that one, who is called `admin` and may do everything.
    pub operators: Vec<OperatorSetup>,
    /// What opens `/metrics`, as a bearer credential; `None` leaves it closed.
    pub metrics_token: Option<SecretString>,
    /// How long records of the audit trail are kept.
    pub audit_keep: Duration,
    /// What users are spoken to in, by notices and by the built-in bot. The phrases that they can
    /// type are the policies': [`Language::phrases`].
    pub language: Language,
    /// How files are kept.
    pub files: FileSetup,
    /// How long each tenant keeps what was said; the usual time where it is not named.
    pub retention: Vec<(TenantId, Retention)>,
    /// Where traces go.
    pub tracing: Tracing,
}

/// One ServiceNow instance of one tenant.
#[derive(Clone)]
pub struct DeskSetup {
    /// Its owner.
    pub tenant: TenantId,
    /// Its name in the configuration.
    pub desk: DeskId,
    /// How it is reached.
    pub client: ClientConfig,
    /// What it presents on the webhook.
    pub webhook_secret: SecretString,
    /// In which other ways, and from where.
    pub webhook: WebhookRules,
    /// The message-auth token; without it every user is a guest.
    pub message_token: Option<SecretString>,
    /// Words that the instance obeys when they are the whole message (reference 3.7); as words of a
    /// user they get a full stop, so that an agent reads them. Lower case.
    pub command_words: Vec<String>,
    /// Whether agents are to see what became of what they said (reference 9.4).
    pub receipts: bool,
    /// How users' files come to it.
    pub files: FilesBy,
    /// How it tells things in words.
    pub wording: Wording,
}

/// How an instance may present its secret on the webhook, besides as a bearer credential.
#[derive(Debug, Clone, Default)]
pub struct WebhookRules {
    /// The secret of before, good as well while the instance is given the new one.
    pub previous: Option<SecretString>,
    /// The name that it presents beside the secret (Basic); `None` if it may not.
    pub user: Option<String>,
    /// The header that it may present the secret alone in.
    pub header: Option<HeaderName>,
    /// Where it calls from; empty for anywhere.
    pub from: Vec<Network>,
}

/// One bot of one tenant.
#[derive(Clone)]
pub struct BotSetup {
    /// Its owner.
    pub tenant: TenantId,
    /// Its id.
    pub bot: BotId,
    /// The rules of its conversations.
    pub policy: Policy,
    /// What opens Direct Line for it; `None` leaves it closed.
    pub direct_line_secret: Option<SecretString>,
    /// The bot of the team's own; `None` leaves the built-in one to answer.
    pub behind: Option<BehindSetup>,
    /// The registration by which channels lead to it; `None` leaves `/api/messages` closed for it.
    pub channel: Option<ChannelSetup>,
    /// What holds for its web pages.
    pub pages: PageRules,
    /// The built-in bot that stands in for it; `None` takes the common one.
    pub built_in_bot: Option<BuiltInBot>,
}

/// What holds for the web pages of a bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRules {
    /// The pages whose browsers may call; empty for any, or those that a token is bound to.
    pub trusted_origins: Vec<Origin>,
    /// How long a token past its end goes on opening its own conversation; zero for not at all.
    pub token_grace: Duration,
    /// What a page that comes back gets if it does not say how far it has read.
    pub replay: Replay,
    /// By which pages of trusted origins get tokens themselves; `None` gives them none.
    pub widget_key: Option<WidgetKey>,
    /// Whether their messages must be sealed between browser and gateway.
    pub message_encryption: MessageEncryption,
}

/// Whether messages between a page and the gateway are sealed besides TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MessageEncryption {
    /// Pages that can, do; what comes in the clear passes.
    #[default]
    Offered,
    /// What comes in the clear is refused, and nothing is shown in the clear.
    Required,
}

impl Default for PageRules {
    fn default() -> Self {
        // Longer than a night with the lid closed.
        let token_grace = Duration::from_hours(12);
        Self {
            trusted_origins: Vec::new(),
            token_grace,
            replay: Replay::All,
            widget_key: None,
            message_encryption: MessageEncryption::Offered,
        }
    }
}

/// The shortest public key, in characters; long enough that two sites do not choose the same.
const WIDGET_KEY_CHARS_MIN: usize = 8;

/// The longest, in characters; it stands in pages.
const WIDGET_KEY_CHARS_MAX: usize = 64;

/// The public key of a site, with which pages of its trusted origins get tokens for strangers. It
/// stands in those pages for all to read, and opens nothing from anywhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WidgetKey(String);

/// A text is no public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must have {WIDGET_KEY_CHARS_MIN} to {WIDGET_KEY_CHARS_MAX} letters, digits, hyphens and underscores"
)]
pub struct WidgetKeyError;

impl WidgetKey {
    /// Takes a text that can be one.
    pub fn new(text: &str) -> Result<Self, WidgetKeyError> {
        let length = (WIDGET_KEY_CHARS_MIN..=WIDGET_KEY_CHARS_MAX).contains(&text.len());
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if length && plain { Ok(Self(text.to_owned())) } else { Err(WidgetKeyError) }
    }

    /// The key itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a page that comes back without a watermark gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// Everything from the start, which loses nothing.
    All,
    /// What comes after it came back.
    New,
}
