//! What a caller of the Bot Integration endpoint may send (reference 3.2), read independently of
//! Warmline's own client so that a mistake there is not repeated here.
//!
//! Owns the shape and the few checks an instance makes before it answers. What a request *does* is
//! the instance's business.

use serde::Deserialize;
use serde_json::{Map, Value};

/// One request. Everything is optional, because an instance finds out what is missing only in its
/// worker, and then says nothing (reference 4.2).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Request {
    #[serde(rename = "requestId")]
    pub(crate) id: Option<String>,
    pub(crate) action: Option<String>,
    pub(crate) user_id: Option<String>,
    pub(crate) email_id: Option<String>,
    pub(crate) client_session_id: Option<String>,
    pub(crate) message: Option<Value>,
    pub(crate) token: Option<String>,
    pub(crate) app_inbound_id: Option<String>,
    pub(crate) client_variables: Option<Map<String, Value>>,
    pub(crate) context_variables: Option<Map<String, Value>>,
    pub(crate) history: Option<Vec<History>>,
    pub(crate) topic: Option<Value>,
    pub(crate) silent_message: Option<Flag>,
    pub(crate) now_bot_id: Option<String>,
    pub(crate) now_session_id: Option<String>,
    pub(crate) enterprise_id: Option<String>,
}

/// One line of the primary bot's transcript (reference 3.6).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct History {
    pub(crate) display_name: String,
    pub(crate) is_bot_message: bool,
    pub(crate) timestamp: String,
    pub(crate) r#type: String,
    pub(crate) value: String,
}

/// A boolean that some documented examples spell as a string.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Flag {
    Plain(bool),
    Text(String),
}

impl Flag {
    pub(crate) fn is_on(&self) -> bool {
        match self {
            Self::Plain(on) => *on,
            Self::Text(text) => text == "true",
        }
    }
}

/// What a request asks for (reference 3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Message,
    Agent,
    Start,
    End,
    Switch,
    Typing,
    Viewing,
    Timezone,
    Create,
    StartCreated,
    SendHistory,
    Fault,
    UpdateMessages,
    /// One that nobody knows.
    Unknown,
}

impl Action {
    /// Whether it came with app 4.0.
    pub(crate) fn is_new(self) -> bool {
        match self {
            Self::Create
            | Self::StartCreated
            | Self::SendHistory
            | Self::Fault
            | Self::UpdateMessages => true,
            Self::Message
            | Self::Agent
            | Self::Start
            | Self::End
            | Self::Switch
            | Self::Typing
            | Self::Viewing
            | Self::Timezone
            | Self::Unknown => false,
        }
    }
}

/// How many files of one message are looked at; the rest is dropped.
pub(crate) const ATTACHMENTS_MAX: usize = 10;

/// A file that a message names (reference 9.8).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Attachment {
    pub(crate) url: String,
    pub(crate) content_type: String,
    pub(crate) file_name: Option<String>,
    /// Sent along when the file is fetched.
    pub(crate) headers: Map<String, Value>,
}

/// Why a request is answered 400.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("the body is not the JSON this resource expects")]
    Json(#[source] serde_json::Error),
    #[error("message must be an object, or an array for UPDATE_MESSAGES")]
    Message,
    #[error("leave attachment out instead of sending null")]
    NullAttachment,
    #[error("there is no such action")]
    Action,
}

impl Request {
    /// Reads and checks a body. A strict instance refuses what a real one takes and drops in
    /// silence.
    pub(crate) fn read(body: &Value, strict: bool) -> Result<(Self, Action), Malformed> {
        let request = Self::deserialize(body).map_err(Malformed::Json)?;
        let action = request.action();
        if strict && action == Action::Unknown {
            return Err(Malformed::Action);
        }
        match &request.message {
            None => {}
            // Before app 3.14.2 the mere key hid the user's message from the agent; a client that
            // sends it is told so here.
            Some(Value::Object(message))
                if strict && message.get("attachment").is_some_and(Value::is_null) =>
            {
                return Err(Malformed::NullAttachment);
            }
            Some(Value::Object(message)) => {
                let text = message.get("text").is_none_or(Value::is_string);
                let typed = message.get("typed").is_none_or(Value::is_boolean);
                if !text || !typed {
                    return Err(Malformed::Message);
                }
            }
            Some(Value::Array(_)) if action == Action::UpdateMessages => {}
            Some(_) => return Err(Malformed::Message),
        }
        Ok((request, action))
    }

    fn action(&self) -> Action {
        match self.action.as_deref() {
            None => Action::Message,
            Some("AGENT") => Action::Agent,
            Some("START_CONVERSATION") => Action::Start,
            Some("END_CONVERSATION") => Action::End,
            Some("SWITCH") => Action::Switch,
            Some("TYPING") => Action::Typing,
            Some("VIEWING") => Action::Viewing,
            Some("SET_USER_TIMEZONE" | "SET_TIMEZONE") => Action::Timezone,
            Some("CREATE_CONVERSATION") => Action::Create,
            Some("START_CREATED_CONVERSATION") => Action::StartCreated,
            Some("SEND_HISTORY") => Action::SendHistory,
            Some("FAULT_CONVERSATION") => Action::Fault,
            Some("UPDATE_MESSAGES") => Action::UpdateMessages,
            Some(_) => Action::Unknown,
        }
    }

    /// The text of the message, empty when there is none.
    pub(crate) fn text(&self) -> &str {
        self.member("text").unwrap_or_default()
    }

    /// Whether the text was typed, or chosen; absent where the caller does not say.
    pub(crate) fn typed(&self) -> Option<bool> {
        self.message.as_ref()?.get("typed")?.as_bool()
    }

    /// The message's own id, when the caller gave one.
    pub(crate) fn client_message_id(&self) -> Option<&str> {
        self.member("clientMessageId")
    }

    /// The message has the key `attachment`, whatever is in it.
    pub(crate) fn has_attachment_key(&self) -> bool {
        self.message.as_ref().is_some_and(|message| message.get("attachment").is_some())
    }

    /// The files that the message names; what does not look like one is passed over.
    pub(crate) fn attachments(&self) -> Vec<Attachment> {
        let named = self.message.as_ref().and_then(|message| message.get("attachment"));
        let files = match named {
            Some(Value::Array(files)) => files.as_slice(),
            Some(file) => std::slice::from_ref(file),
            None => &[],
        };
        files.iter().filter_map(|file| Attachment::deserialize(file).ok()).collect()
    }

    /// Neither words nor files.
    pub(crate) fn is_empty(&self) -> bool {
        self.text().is_empty() && self.attachments().is_empty()
    }

    fn member(&self, name: &str) -> Option<&str> {
        self.message.as_ref()?.get(name)?.as_str()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn malformed_requests_are_told_from_merely_incomplete_ones() {
        for (body, refused) in [
            (json!({}), false),
            (json!({"userId": "u", "message": {"text": "hi"}}), false),
            (json!({"silentMessage": "true"}), false),
            (json!({"somethingNew": [1]}), false),
            (json!([1]), true),
            (json!({"userId": 7}), true),
            (json!({"message": "hi"}), true),
            (json!({"message": [{"id": "x"}]}), true),
            (json!({"action": "UPDATE_MESSAGES", "message": [{"id": "x"}]}), false),
            (json!({"message": {"text": 1}}), true),
            (json!({"message": {"text": "", "attachment": null}}), true),
            (json!({"action": "TOPIC"}), true),
        ] {
            assert_eq!(Request::read(&body, true).is_err(), refused, "{body}");
        }
    }

    #[test]
    fn without_strictness_only_what_cannot_be_read_is_refused() {
        for (body, refused) in [
            (json!({"message": {"text": "", "attachment": null}}), false),
            (json!({"action": "TOPIC"}), false),
            (json!({"message": "hi"}), true),
            (json!([1]), true),
        ] {
            assert_eq!(Request::read(&body, false).is_err(), refused, "{body}");
        }
    }

    #[test]
    fn one_file_and_a_list_of_them_are_both_read() {
        for (attachment, names) in [
            (json!({"fileName": "slip.pdf", "url": "u"}), vec!["slip.pdf"]),
            (json!([{"fileName": "a"}, "nonsense", {"fileName": "b"}]), vec!["a", "b"]),
            (json!(null), vec![]),
        ] {
            let body = json!({"message": {"text": "here", "attachment": attachment}});
            let (request, _) = Request::read(&body, false).unwrap();
            let files = request.attachments();
            let found = files.iter().map(|file| file.file_name.as_deref().unwrap());
            assert_eq!(found.collect::<Vec<_>>(), names);
            assert!(request.has_attachment_key());
        }
    }
}
