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
    /// Reads and checks a body.
    pub(crate) fn read(body: &Value) -> Result<(Self, Action), Malformed> {
        let request = Self::deserialize(body).map_err(Malformed::Json)?;
        let action = request.action()?;
        match &request.message {
            None => {}
            // Before app 3.14.2 the mere key hid the user's message from the agent; a client that
            // sends it is told so here.
            Some(Value::Object(message))
                if message.get("attachment").is_some_and(Value::is_null) =>
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

    fn action(&self) -> Result<Action, Malformed> {
        Ok(match self.action.as_deref() {
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
            // The real one may well take these in silence; refusing is a teaching aid.
            Some(_) => return Err(Malformed::Action),
        })
    }

    /// The text of the message, empty when there is none.
    pub(crate) fn text(&self) -> &str {
        self.member("text").unwrap_or_default()
    }

    /// The message's own id, when the caller gave one.
    pub(crate) fn client_message_id(&self) -> Option<&str> {
        self.member("clientMessageId")
    }

    /// What the desk shows for this request: the text, and the names of the files.
    pub(crate) fn shown(&self) -> String {
        let attachment = self.message.as_ref().and_then(|message| message.get("attachment"));
        let files = match attachment {
            Some(Value::Array(files)) => files.iter().collect(),
            Some(file) => vec![file],
            None => Vec::new(),
        };
        let names = files.iter().map(|file| {
            let name = file.get("fileName").and_then(Value::as_str).unwrap_or("unnamed");
            format!("(file: {name})")
        });
        let text = Some(self.text()).filter(|text| !text.is_empty()).map(str::to_owned);
        text.into_iter().chain(names).collect::<Vec<_>>().join(" ")
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
            assert_eq!(Request::read(&body).is_err(), refused, "{body}");
        }
    }

    #[test]
    fn a_file_is_shown_by_its_name() {
        let body = json!({"message": {"text": "here", "attachment": {"fileName": "slip.pdf"}}});
        let (request, _) = Request::read(&body).unwrap();
        assert_eq!(request.shown(), "here (file: slip.pdf)");
    }
}
