//! Callbacks: what the instance posts to our webhook, or answers in synchronous mode (reference 4.3
//! and 5), read into [`Signal`]s.
//!
//! Owns every tolerance that real instances need: both dialects and mixtures of them, text for
//! numbers and flags, one item in place of a list, a byte order mark, halves of surrogate pairs,
//! doubled keys. It refuses only what is no event, and ids of the wrong type, because an id decides
//! whose words these are. A refused callback is lost to ServiceNow and may end the chat (reference 6).
//!
//! The echo of our last message (`message`, with whatever attachment headers were sent) is never
//! read: it may hold credentials.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::loose::{Loose, Shape};
use crate::signal::Signal;

mod body;
mod envelope;
mod json;

use envelope::Envelope;

/// The deepest nesting of a callback. Documented callbacks nest six levels.
pub const NESTING_MAX: usize = 64;

/// The most items in one callback. Documented ones have a handful.
pub const BODY_ITEMS_MAX: usize = 200;

/// One callback, read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Callback {
    /// The last request of the conversation, not an id of this callback.
    pub request_id: Option<String>,
    /// Our label of the live chat.
    pub client_session_id: Option<String>,
    /// The end user in our words.
    pub user_id: Option<String>,
    /// What we asked to have echoed; instances return it only if we sent it.
    pub client_variables: Option<ClientVariablesIn>,
    /// The conversation is with, or queued for, a live agent.
    pub agent_chat: bool,
    /// The interaction record, from app 4.0.0.
    pub interaction_id: Option<String>,
    /// What the callback says: signs of queue and agent first, then items in their order, then
    /// endings, the most specific first and none of them twice.
    pub signals: Vec<Signal>,
}

/// The echoed client variables, as far as they are there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientVariablesIn {
    /// The tenant.
    pub tenant_id: Option<String>,
    /// The bot.
    pub bot_id: Option<String>,
    /// The conversation.
    pub conversation_id: Option<String>,
    /// Where the trace of the request goes on. Nothing depends on it, so whatever is no text is none.
    pub traceparent: Option<String>,
}

/// Why a body is not a callback. Nothing of the body is quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Not JSON, or not UTF-8.
    #[error(
        "the body is not JSON in UTF-8; post the event as a JSON object, whatever the Content-Type"
    )]
    NotJson,
    /// JSON, but not an object.
    #[error("the body is JSON but not an object; post one event per request, as an object")]
    NotAnObject,
    /// More than [`NESTING_MAX`] levels.
    #[error("the body nests deeper than {NESTING_MAX} levels; post a flatter event")]
    TooDeep,
    /// More than [`BODY_ITEMS_MAX`] items.
    #[error("the event has more than {BODY_ITEMS_MAX} items in body; split it into several events")]
    TooManyItems,
    /// An id that is not text.
    #[error("the field {field} must be a string; send the value that was received, unchanged")]
    BadField {
        /// The field's path.
        field: &'static str,
    },
    /// An object without status, flag or body.
    #[error(
        "the object says nothing: no status, flag or body; send at least one of status, agentChat, completed, takeControl, body"
    )]
    NoEvent,
}

impl ReadError {
    /// The stable machine code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::NotAnObject => "not_an_object",
            Self::TooDeep => "too_deep",
            Self::TooManyItems => "too_many_items",
            Self::BadField { .. } => "bad_field",
            Self::NoEvent => "no_event",
        }
    }
}

/// Reads a callback, whatever its Content-Type said.
pub fn read(body: &[u8]) -> Result<Callback, ReadError> {
    let text = json::text(body)?;
    match Envelope::parse(&text) {
        Ok(envelope) => envelope.read(),
        // Doubled keys are the one thing that strict structs refuse and JSON does not; then the last
        // one wins, as it does everywhere else.
        Err(_) => Envelope::parse(&json::without_doubled_keys(&text)?)
            .map_err(|_| ReadError::NotJson)?
            .read(),
    }
}

/// A name from outside, short and clean enough for logs and metrics.
pub(crate) fn short(name: &str) -> String {
    const NAME_CHARS_MAX: usize = 64;
    name.trim().chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;
