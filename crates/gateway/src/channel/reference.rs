//! What is needed to speak into a conversation of a channel's at any later time: kept in the
//! conversation's state, and replaced by each activity that the channel has proven (reference 6).
//!
//! It owns which members of an activity these are and how long they may be. It never judges whether the
//! activity was proven, nor whether the `serviceUrl` may be called.

use std::fmt;

use bot_framework::{
    Activity,
    activity::{ChannelAccount, ConversationAccount, Role},
};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use session::id::FOREIGN_ID_BYTES_MAX;

use crate::plain::plain;

/// The longest `serviceUrl`, in bytes. Teams' newer ones, with a tenant in the path, have a hundred.
const SERVICE_URL_BYTES_MAX: usize = 512;

/// The longest name of a person or bot that is kept, in characters: it only dresses up what is sent.
const NAME_CHARS_MAX: usize = 100;

/// The longest locale, in bytes: BCP 47 asks readers for 35.
const LOCALE_BYTES_MAX: usize = 64;

/// Up to how many bytes a conversation's account is kept whole, so that members which nobody here
/// knows go back to the channel. A state is to stay small: of a larger one only the known members are.
const CONVERSATION_BYTES_MAX: usize = 1_024;

/// How a conversation is spoken into.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reference {
    pub(crate) service_url: String,
    /// As the channel gave it.
    conversation: Box<RawValue>,
    pub(crate) bot: Account,
    /// Whoever spoke last.
    pub(crate) user: Account,
    /// The user's tenant in Entra.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) locale: Option<String>,
}

/// A person or a bot as the channel knows them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Account {
    pub(crate) id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) aad_object_id: Option<String>,
}

impl Account {
    /// The same in an activity, as what it is to the conversation.
    pub(crate) fn as_role(&self, role: Role) -> ChannelAccount {
        let Self { id, name, aad_object_id } = self.clone();
        ChannelAccount { id: Some(id), name, role: Some(role), aad_object_id }
    }
}

/// Why an activity tells no reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReferenceError {
    /// Without it, nobody could be answered.
    #[error("the activity needs `{what}`")]
    Missing { what: &'static str },
    /// Longer than any channel's.
    #[error("`{what}` may have {max} bytes at most")]
    TooLong { what: &'static str, max: usize },
    /// Control characters would corrupt logs and headers.
    #[error("`{what}` holds a control character")]
    ControlCharacter { what: &'static str },
}

impl ReferenceError {
    /// A stable code for machines.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing_member",
            Self::TooLong { .. } => "member_too_long",
            Self::ControlCharacter { .. } => "control_character",
        }
    }
}

impl Reference {
    /// The reference that an activity of the channel's tells.
    pub(crate) fn of(activity: &Activity) -> Result<Self, ReferenceError> {
        let url = activity.service_url();
        let service_url = checked("serviceUrl", url.as_deref(), SERVICE_URL_BYTES_MAX)?;
        let conversation = activity.conversation().unwrap_or_default();
        checked("conversation.id", conversation.id.as_deref(), FOREIGN_ID_BYTES_MAX)?;
        let bot = Account::of("recipient.id", activity.recipient())?;
        let user = Account::of("from.id", activity.from())?;
        let tenant = tenant_of(activity).or_else(|| conversation.tenant_id.clone());
        let tenant = tenant.as_deref();
        let tenant =
            tenant.map(|id| checked("channelData.tenant.id", Some(id), FOREIGN_ID_BYTES_MAX));
        let locale = activity.locale().filter(|locale| {
            locale.len() <= LOCALE_BYTES_MAX && !locale.chars().any(char::is_control)
        });
        Ok(Self {
            service_url,
            conversation: as_received(activity, conversation),
            bot,
            user,
            tenant: tenant.transpose()?,
            locale: locale.map(std::borrow::Cow::into_owned),
        })
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    pub(crate) fn from_json(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// As it is kept in the state.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts and checked JSON can be JSON")
    }

    /// The conversation's account, as the channel gave it.
    pub(crate) fn conversation(&self) -> &RawValue {
        &self.conversation
    }

    /// The conversation's id in its channel.
    pub(crate) fn conversation_id(&self) -> String {
        self.told().id.unwrap_or_default()
    }

    /// Whether one person and the bot talk here, and nobody listens.
    pub(crate) fn is_personal(&self) -> bool {
        let conversation = self.told();
        conversation.is_group != Some(true)
            && conversation.conversation_type.is_none_or(|kind| kind == "personal")
    }

    fn told(&self) -> Told {
        serde_json::from_str(self.conversation.get()).unwrap_or_default()
    }
}

/// The few members of a conversation that matter here. What has another shape counts as absent.
#[derive(Default)]
struct Told {
    id: Option<String>,
    is_group: Option<bool>,
    conversation_type: Option<String>,
}

impl<'de> Deserialize<'de> for Told {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
        Ok(Self {
            id: text("id"),
            is_group: value.get("isGroup").and_then(serde_json::Value::as_bool),
            conversation_type: text("conversationType").filter(|kind| !kind.is_empty()),
        })
    }
}

impl Account {
    fn of(what: &'static str, account: Option<ChannelAccount>) -> Result<Self, ReferenceError> {
        let account = account.unwrap_or_default();
        let id = checked(what, account.id.as_deref(), FOREIGN_ID_BYTES_MAX)?;
        let aad_object_id = account.aad_object_id.as_deref();
        let aad_object_id = aad_object_id.map(|id| checked(what, Some(id), FOREIGN_ID_BYTES_MAX));
        let name = account.name.map(|name| plain(&name, NAME_CHARS_MAX));
        Ok(Self {
            id,
            name: name.filter(|name| !name.trim().is_empty()),
            aad_object_id: aad_object_id.transpose()?,
        })
    }
}

fn checked(what: &'static str, text: Option<&str>, max: usize) -> Result<String, ReferenceError> {
    let text = text.ok_or(ReferenceError::Missing { what })?;
    if text.len() > max {
        return Err(ReferenceError::TooLong { what, max });
    }
    if text.chars().any(char::is_control) {
        return Err(ReferenceError::ControlCharacter { what });
    }
    Ok(text.to_owned())
}

fn as_received(activity: &Activity, known: ConversationAccount) -> Box<RawValue> {
    match activity.raw("conversation") {
        Some(raw) if raw.get().len() <= CONVERSATION_BYTES_MAX => raw.to_owned(),
        Some(_) | None => {
            // A name is for people; the ids were checked.
            let known = ConversationAccount {
                name: None,
                conversation_type: known.conversation_type.filter(|kind| kind.len() < 64),
                role: None,
                ..known
            };
            to_raw_value(&known).expect("a conversation's account can be JSON")
        }
    }
}

/// Every tenant in Entra that an activity names as its conversation's.
pub(crate) fn tenants_named(activity: &Activity) -> Vec<String> {
    let conversation = activity.conversation().and_then(|conversation| conversation.tenant_id);
    tenant_of(activity).into_iter().chain(conversation).collect()
}

/// The tenant in Entra: Teams tells it with every activity (reference 6).
pub(crate) fn tenant_of(activity: &Activity) -> Option<String> {
    let data: serde_json::Value = serde_json::from_str(activity.channel_data()?.get()).ok()?;
    let id = data.get("tenant")?.get("id")?.as_str()?;
    (!id.is_empty()).then(|| id.to_owned())
}

impl PartialEq for Reference {
    fn eq(&self, other: &Self) -> bool {
        self.service_url == other.service_url
            && self.conversation.get() == other.conversation.get()
            && self.bot == other.bot
            && self.user == other.user
            && self.tenant == other.tenant
            && self.locale == other.locale
    }
}

/// Names people, so it does not print.
impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reference").field("service_url", &self.service_url).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What a person says to a bot in Teams.
    pub(crate) const PERSONAL: &str = r#"{"type":"message","id":"1700","channelId":"msteams","serviceUrl":"https://smba.example/amer/","from":{"id":"29:kim","name":"Kim","aadObjectId":"6f1b"},"recipient":{"id":"28:bot","name":"Helper"},"conversation":{"id":"a:1","conversationType":"personal","tenantId":"t-1","x":1.0},"channelData":{"tenant":{"id":"t-1"}},"locale":"de-DE","text":"hi"}"#;

    pub(crate) fn reference(json: &str) -> Reference {
        Reference::of(&Activity::parse(json.as_bytes()).unwrap()).unwrap()
    }

    fn fault(json: &str) -> ReferenceError {
        Reference::of(&Activity::parse(json.as_bytes()).unwrap()).unwrap_err()
    }

    #[test]
    fn a_reference_survives_being_kept_whole() {
        let told = reference(PERSONAL);
        let json = told.to_json();
        assert_eq!(
            json,
            r#"{"serviceUrl":"https://smba.example/amer/","conversation":{"id":"a:1","conversationType":"personal","tenantId":"t-1","x":1.0},"bot":{"id":"28:bot","name":"Helper"},"user":{"id":"29:kim","name":"Kim","aadObjectId":"6f1b"},"tenant":"t-1","locale":"de-DE"}"#
        );
        assert_eq!(Reference::from_json(&json).unwrap(), told);
        assert_eq!(told.conversation_id(), "a:1");
        assert!(!format!("{told:?}").contains("Kim"));
    }

    #[test]
    fn a_chat_is_personal_unless_its_channel_says_otherwise() {
        let group = |more: &str| PERSONAL.replace(r#""conversationType":"personal""#, more);
        for (json, is_personal) in [
            (PERSONAL.to_owned(), true),
            (group(r#""y":1"#), true),
            (group(r#""isGroup":false"#), true),
            (group(r#""isGroup":true"#), false),
            (group(r#""conversationType":"groupChat""#), false),
            (group(r#""conversationType":"channel","isGroup":true"#), false),
            (group(r#""conversationType":"personal","isGroup":true"#), false),
            (group(r#""conversationType":"brandNew""#), false),
        ] {
            assert_eq!(reference(&json).is_personal(), is_personal, "{json}");
        }
    }

    #[test]
    fn the_tenant_is_the_channels_datas_or_else_the_conversations() {
        for (from, to, tenant) in [
            ("x", "x", Some("t-1")),
            (
                r#""channelData":{"tenant":{"id":"t-1"}}"#,
                r#""channelData":{"tenant":{"id":"t-2"}}"#,
                Some("t-2"),
            ),
            (r#""channelData":{"tenant":{"id":"t-1"}}"#, r#""channelData":7"#, Some("t-1")),
            (r#","tenantId":"t-1""#, "", Some("t-1")),
        ] {
            assert_eq!(reference(&PERSONAL.replacen(from, to, 1)).tenant.as_deref(), tenant);
        }
        let slack = r#"{"type":"message","serviceUrl":"https://slack.example","from":{"id":"u"},"recipient":{"id":"b"},"conversation":{"id":"c"}}"#;
        assert_eq!(reference(slack).tenant, None);
    }

    #[test]
    fn whatever_cannot_be_answered_is_refused_in_words() {
        let without = |member: &str| {
            let mut activity = Activity::parse(PERSONAL.as_bytes()).unwrap();
            activity.remove(member);
            activity.to_json()
        };
        for (member, what) in [
            ("serviceUrl", "serviceUrl"),
            ("from", "from.id"),
            ("recipient", "recipient.id"),
            ("conversation", "conversation.id"),
        ] {
            assert_eq!(fault(&without(member)), ReferenceError::Missing { what });
        }
        for (from, to, code) in [
            ("a:1", "a".repeat(513), "member_too_long"),
            ("29:kim", "2".repeat(513), "member_too_long"),
            ("6f1b", "2".repeat(513), "member_too_long"),
            ("amer", "2".repeat(513), "member_too_long"),
            ("a:1", r"a\u0000".to_owned(), "control_character"),
            ("28:bot", r"a\n".to_owned(), "control_character"),
            ("28:bot", String::new(), "missing_member"),
        ] {
            let fault = fault(&PERSONAL.replacen(from, &to, 1));
            assert_eq!(fault.code(), code);
            assert!(fault.to_string().contains('`'), "{fault}");
        }
    }

    #[test]
    fn a_state_stays_small_whatever_a_channel_writes() {
        let long = "n".repeat(10_000);
        let conversation = format!(
            r#""conversation":{{"id":"a:1","isGroup":true,"name":"{long}","y":"{long}","conversationType":"{long}","role":"{long}""#
        );
        let json = PERSONAL
            .replace(r#""conversation":{"id":"a:1","conversationType":"personal""#, &conversation)
            .replace("Kim", &long)
            .replace("de-DE", &long);
        let told = reference(&json);
        assert!(told.to_json().len() < 1_000, "{}", told.to_json());
        assert_eq!(told.conversation_id(), "a:1");
        assert!(!told.is_personal());
    }
}
