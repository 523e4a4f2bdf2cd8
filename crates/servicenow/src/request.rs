//! Requests to the instance: `POST /api/sn_va_as_service/bot/integration` (reference 3).
//!
//! Owns the fields a handoff uses and their spelling, for both ends: the gateway writes requests, the
//! simulator reads them. It never sends, and it has no way to put credentials into what the
//! instance echoes back (reference 5.1): an [`Attachment`] has no headers, [`ClientVariables`] no
//! free fields.
//!
//! What is absent is left out, never `null`: instances before app 3.14.2 hide the user's words from
//! the agent when so much as an empty `attachment` key is there (reference 3.3).

use std::fmt;

use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::loose::Hidden;

pub(crate) mod wire;

/// Where requests go, below the instance's origin (reference 3.1).
pub const PATH: &str = "/api/sn_va_as_service/bot/integration";

/// The status texts that [`MessageUpdate`] may carry (reference 3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageStatus {
    /// `sent_to_user`: the agent sees a double tick.
    SentToUser,
    /// `external_error`: the agent sees "Failed".
    ExternalError,
}

/// One request. Build it with `..Request::default()` and name what it says.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Id of this request, echoed in callbacks until the next one replaces it.
    pub request_id: String,
    /// What to do; `None` delivers `message`.
    pub action: Option<Action>,
    /// The message-auth token. Without a valid one every user stays a guest (reference 7.2).
    pub token: Option<SecretString>,
    /// Our label of the live chat, echoed.
    pub client_session_id: String,
    /// Mutes all output of the bot until a request with `false`.
    pub silent_message: bool,
    /// Documented as unused; the specification sends one.
    pub now_bot_id: Option<String>,
    /// What the user says. Actions such as TYPING go without.
    pub message: Option<Message>,
    /// Files that go with `message`, as addresses the instance fetches. On the wire they are
    /// `message.attachment`.
    pub attachments: Vec<Attachment>,
    /// Receipts for messages of the agent, for [`Action::UpdateMessages`]. On the wire they take
    /// the place of `message`, as an array; when there are any, `message` is not written.
    pub updates: Vec<MessageUpdate>,
    /// What queue conditions are evaluated on (reference 3.5). Members that are `null` are left out.
    pub context_variables: Map<String, Value>,
    /// What callbacks return to us.
    pub client_variables: Option<ClientVariables>,
    /// The end user in our words; the instance finds the conversation by it.
    pub user_id: String,
    /// Links the user to a ServiceNow account. Only from a verified source.
    pub email_id: Option<String>,
    /// What was said to the bot before, oldest first (reference 3.6).
    pub history: Vec<HistoryEntry>,
    /// When the user said it, in milliseconds since 1970.
    pub timestamp: Option<i64>,
    /// The user's zone, an IANA name.
    pub timezone: Option<String>,
}

impl Request {
    #[expect(
        clippy::missing_panics_doc,
        reason = "serialising cannot fail: there are no foreign types and no keys but text"
    )]
    /// The bytes to send. Serialise once and keep them: a repeat must be the same to the byte.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a request holds only text, numbers and JSON objects")
    }
}

/// What the user says.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The words; empty for `END_CONVERSATION`. For a chosen option, the option's value.
    pub text: String,
    /// `true` when typed, `false` when an option was chosen.
    pub typed: bool,
    /// Our id of the message, echoed.
    pub client_message_id: Option<String>,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("text", &Hidden(&self.text))
            .field("typed", &self.typed)
            .field("client_message_id", &self.client_message_id)
            .finish()
    }
}

/// A file for the agent. The instance fetches `url`, whose host its admin must trust; otherwise the
/// file is dropped in silence (reference 9.8).
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Where the instance fetches the file: a capability URL, never one that needs credentials.
    pub url: String,
    /// The media type.
    pub content_type: String,
    /// The name the agent sees.
    pub file_name: String,
    /// Our id of the file.
    pub client_attachment_id: Option<String>,
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachment")
            .field("url", &Hidden(&self.url))
            .field("content_type", &self.content_type)
            .finish_non_exhaustive()
    }
}

/// A receipt for one message of the agent (reference 3.3). It has no text: on some releases a
/// replaced text comes back to the user (PRB1920178).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageUpdate {
    /// The `messageId` of the item.
    pub id: String,
    /// What became of it.
    pub status: MessageStatus,
}

/// What the instance echoes in every callback of the conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientVariables {
    /// The tenant.
    pub tenant_id: String,
    /// The bot.
    pub bot_id: String,
    /// The conversation.
    pub conversation_id: String,
    /// Where the trace of this request goes on (W3C Trace Context): ids, and nothing secret.
    pub traceparent: Option<String>,
}

/// One line of the talk with the bot, for the agent to read.
#[derive(Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The user's name, or the bot's.
    pub display_name: String,
    /// Whether the bot said it.
    pub is_bot_message: bool,
    /// When, in milliseconds since 1970. The wire wants it as text of 13 digits (reference 3.6).
    pub timestamp: i64,
    /// The text. The wire knows no other `type` than `text`.
    pub value: String,
}

impl fmt::Debug for HistoryEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HistoryEntry")
            .field("is_bot_message", &self.is_bot_message)
            .field("timestamp", &self.timestamp)
            .field("value", &Hidden(&self.value))
            .finish_non_exhaustive()
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $wire:literal,)*) => {
        /// What a request asks for (reference 3.4).
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Action {
            $($(#[$doc])* $name,)*
            /// One this crate has no name for, spelled as on the wire.
            Other(String),
        }

        impl Action {
            /// The spelling on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $wire,)*
                    Self::Other(name) => name,
                }
            }
        }

        impl From<String> for Action {
            fn from(name: String) -> Self {
                match name.as_str() {
                    $($wire => Self::$name,)*
                    _ => Self::Other(name),
                }
            }
        }
    };
}

actions! {
    /// Hand the conversation to a live agent.
    Agent = "AGENT",
    /// Begin with the virtual agent's greeting.
    StartConversation = "START_CONVERSATION",
    /// End the chat, or withdraw a request that no agent took yet.
    EndConversation = "END_CONVERSATION",
    /// The user is typing.
    Typing = "TYPING",
    /// The user stopped typing.
    Viewing = "VIEWING",
    /// Use `timezone` from now on.
    SetUserTimezone = "SET_USER_TIMEZONE",
    /// Make the interaction only (app 4.0.0).
    CreateConversation = "CREATE_CONVERSATION",
    /// Start the one that was made (app 4.0.0).
    StartCreatedConversation = "START_CREATED_CONVERSATION",
    /// Add `history` only (app 4.0.0).
    SendHistory = "SEND_HISTORY",
    /// Receipts for the agent's messages (app 4.0.0, with `third_party_chat`).
    UpdateMessages = "UPDATE_MESSAGES",
}
