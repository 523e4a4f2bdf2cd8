//! The small structures inside an activity: who, where, and what is attached.
//!
//! These are views for reading and pieces for building. An account that is only passed on stays in
//! its activity, which keeps the members that are not listed here.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::json::Object;

/// What an account is to its conversation: the values of `role` (reference 1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// `user`: the person.
    User,
    /// `bot`: a bot, and on the wire to a web page also a human agent (reference 4.6).
    Bot,
    /// `skill`: a bot called by a bot.
    Skill,
    /// `channel`: the channel itself, for notices; known to Web Chat only.
    Channel,
    /// `agenticAppInstance`.
    AgenticAppInstance,
    /// `agenticUser`.
    AgenticUser,
    /// `connectoruser`.
    ConnectorUser,
    /// A value that we do not know, kept.
    Other(String),
}

impl Role {
    /// The value on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Role::User => "user",
            Role::Bot => "bot",
            Role::Skill => "skill",
            Role::Channel => "channel",
            Role::AgenticAppInstance => "agenticAppInstance",
            Role::AgenticUser => "agenticUser",
            Role::ConnectorUser => "connectoruser",
            Role::Other(value) => value,
        }
    }
}

impl From<&str> for Role {
    fn from(value: &str) -> Role {
        match value {
            "user" => Role::User,
            "bot" => Role::Bot,
            "skill" => Role::Skill,
            "channel" => Role::Channel,
            "agenticAppInstance" => Role::AgenticAppInstance,
            "agenticUser" => Role::AgenticUser,
            "connectoruser" => Role::ConnectorUser,
            other => Role::Other(other.to_owned()),
        }
    }
}

impl Serialize for Role {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A user, bot or channel: `from` and `recipient`. Empty strings count as absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelAccount {
    /// The account's id in its channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the account is to the conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The person's object id in Entra, where the channel knows it. Proven only by an authenticated
    /// channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aad_object_id: Option<String>,
}

impl ChannelAccount {
    /// An account with an id and a role.
    pub fn new(id: impl Into<String>, role: Role) -> ChannelAccount {
        ChannelAccount { id: Some(id.into()), role: Some(role), ..ChannelAccount::default() }
    }

    /// The same with a name to show.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> ChannelAccount {
        ChannelAccount { name: Some(name.into()), ..self }
    }

    pub(super) fn read(object: &Object) -> ChannelAccount {
        ChannelAccount {
            id: word(object, "id"),
            name: word(object, "name"),
            role: word(object, "role").map(|value| Role::from(value.as_str())),
            aad_object_id: word(object, "aadObjectId"),
        }
    }
}

/// A conversation: `conversation`. Empty strings count as absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConversationAccount {
    /// The conversation's id in its channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether more than two take part; channels leave it out for "no".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_group: Option<bool>,
    /// `personal`, `groupChat` or `channel` on Teams; absent on most other channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_type: Option<String>,
    /// The Entra tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// The Entra object id of the person in a personal conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aad_object_id: Option<String>,
    /// What the conversation's other side is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

impl ConversationAccount {
    /// A conversation of which only the id matters.
    pub fn new(id: impl Into<String>) -> ConversationAccount {
        ConversationAccount { id: Some(id.into()), ..ConversationAccount::default() }
    }

    pub(super) fn read(object: &Object) -> ConversationAccount {
        ConversationAccount {
            id: word(object, "id"),
            name: word(object, "name"),
            is_group: object.get("isGroup").and_then(|value| value.parse().ok()),
            conversation_type: word(object, "conversationType"),
            tenant_id: word(object, "tenantId"),
            aad_object_id: word(object, "aadObjectId"),
            role: word(object, "role").map(|value| Role::from(value.as_str())),
        }
    }
}

/// One of an activity's `attachments`, to be read. The debug form shows no content and no address.
pub struct Attachment {
    object: Object,
}

impl Attachment {
    pub(super) fn read(object: Object) -> Attachment {
        Attachment { object }
    }

    /// `contentType`, a media type or the name of a card's form; required by the protocol, yet
    /// sometimes absent.
    pub fn content_type(&self) -> Option<String> {
        word(&self.object, "contentType")
    }

    /// `contentUrl`: `http`, `https` or `data`.
    pub fn content_url(&self) -> Option<String> {
        word(&self.object, "contentUrl")
    }

    /// `name`, usually the file's.
    pub fn name(&self) -> Option<String> {
        word(&self.object, "name")
    }

    /// `content`, for cards and transcripts: any JSON; `null` counts as absent.
    pub fn content(&self) -> Option<&RawValue> {
        self.object.raw("content").filter(|raw| raw.get() != "null")
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachment")
            .field("content_type", &self.content_type())
            .finish_non_exhaustive()
    }
}

fn word(object: &Object, name: &str) -> Option<String> {
    object.string(name).filter(|word| !word.is_empty()).map(std::borrow::Cow::into_owned)
}
