//! What kind of instance this is: its dialect, its agent, its credentials and its habits.
//!
//! Owns the settings and their defaults, and never acts on them.

use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::script::Script;

/// Which language the callbacks speak (reference 2 and 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// What the product documentation describes: no `status`, many `ActionMsg` items.
    #[default]
    ServiceNow,
    /// What the vendor's specification describes: `status`, `AgentControl`, `EndConversation`,
    /// texts in `message`.
    Spec,
    /// The product's envelope with `status` and `error_message` added to it.
    Both,
}

/// Who sits at the desk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AgentMode {
    /// A person or a test, through the desk page or [`crate::Desk`].
    #[default]
    Person,
    /// The scripted agent, who accepts and answers alone.
    Scripted(Script),
    /// No agent is available: every AGENT is refused.
    Nobody,
}

/// What the OAuth registry entry and the integration user are called on this instance.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The client id of the registry entry.
    pub client_id: String,
    /// The client secret of the registry entry.
    pub client_secret: SecretString,
    /// The integration user's name; also accepted with Basic.
    pub username: String,
    /// The integration user's password.
    pub password: SecretString,
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            client_id: "simulator-client".to_owned(),
            client_secret: "simulator-client-secret".into(),
            username: "simulator.user".to_owned(),
            password: "simulator-password".into(),
        }
    }
}

/// Where callbacks go and what they present there (reference 7.3).
#[derive(Debug, Clone, Default)]
pub struct Webhook {
    /// The full URL, plain http. Empty means that the REST message points nowhere: callbacks are
    /// lost, as on an instance that nobody has configured.
    pub url: String,
    /// The whole value of the `Authorization` header, such as `Bearer x`. Empty sends none.
    pub authorization: SecretString,
}

/// How often the end of a chat that an agent closed is told (reference 5.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EndTold {
    /// Only the closing text with `completed`.
    Once,
    /// System text, `SwitchToVirtualAgent`, then the closing text with `completed`.
    #[default]
    ThreeTimes,
}

/// Everything that can be chosen about an instance.
#[derive(Debug, Clone)]
pub struct Config {
    /// The language of the callbacks.
    pub dialect: Dialect,
    /// Who sits at the desk.
    pub agent: AgentMode,
    /// The agent's display name.
    pub agent_name: String,
    /// What callers of the token endpoint and of the API must present.
    pub credentials: Credentials,
    /// The static message-auth token (reference 7.2); absent means that none is asked for.
    pub message_token: Option<SecretString>,
    /// The receiver of callbacks.
    pub webhook: Webhook,
    /// How long an access token lives, in seconds.
    pub access_token_seconds: u64,
    /// "Agent names and avatars" is on: callbacks name the agent.
    pub names_shown: bool,
    /// App 4.0 or later: items carry `messageId`, envelopes `interactionId`, and
    /// `UPDATE_MESSAGES` is understood.
    pub message_ids: bool,
    /// "Maintain message ordering": each callback of a conversation waits for the one before it.
    pub maintain_ordering: bool,
    /// The wait estimate as an instance words it, such as `8 Seconds`; absent when "Live chat
    /// wait status" is off.
    pub wait_time: Option<String>,
    /// How often the end is told.
    pub end_told: EndTold,
    /// The queue's "Initial agent response", sent at acceptance; absent when the field is empty.
    pub initial_response: Option<String>,
    /// How long the scripted agent lets a chat wait before accepting it.
    pub accept_delay: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dialect: Dialect::default(),
            agent: AgentMode::default(),
            agent_name: "Dana".to_owned(),
            credentials: Credentials::default(),
            message_token: None,
            webhook: Webhook::default(),
            access_token_seconds: 1_799,
            names_shown: true,
            message_ids: true,
            maintain_ordering: true,
            wait_time: Some("8 Seconds".to_owned()),
            end_told: EndTold::default(),
            initial_response: None,
            accept_delay: Duration::from_secs(1),
        }
    }
}
