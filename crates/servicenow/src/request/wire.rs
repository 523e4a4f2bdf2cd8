//! The JSON of a [`Request`]: how it is written and how it is read.
//!
//! Writing is exact; reading is lenient (everything optional, numbers and flags as text accepted,
//! unknown fields ignored), because the reader is a test double that should see what a client meant
//! and judge it itself.

use secrecy::{ExposeSecret, SecretString};
use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::{
    Action, Attachment, ClientVariables, HistoryEntry, Message, MessageStatus, MessageUpdate,
    Request,
};
use crate::loose::{Loose, Shape};

impl Serialize for Request {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RequestOut::from(self).serialize(serializer)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestOut<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    client_session_id: &'a str,
    silent_message: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    now_bot_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<MessageOut<'a>>,
    #[serde(skip_serializing_if = "Context::is_empty")]
    context_variables: Context<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_variables: Option<VariablesOut<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    user_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    history: Vec<HistoryOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timezone: Option<&'a str>,
}

impl<'a> From<&'a Request> for RequestOut<'a> {
    fn from(request: &'a Request) -> Self {
        Self {
            request_id: &request.request_id,
            action: request.action.as_ref().map(Action::as_str),
            token: request.token.as_ref().map(SecretString::expose_secret),
            client_session_id: &request.client_session_id,
            silent_message: request.silent_message,
            now_bot_id: request.now_bot_id.as_deref(),
            message: MessageOut::of(request),
            context_variables: Context(&request.context_variables),
            client_variables: request.client_variables.as_ref().map(|ours| VariablesOut {
                tenant_id: &ours.tenant_id,
                bot_id: &ours.bot_id,
                conversation_id: &ours.conversation_id,
                traceparent: ours.traceparent.as_deref(),
            }),
            user_id: &request.user_id,
            email_id: request.email_id.as_deref(),
            history: request.history.iter().map(HistoryOut::from).collect(),
            timestamp: request.timestamp,
            timezone: request.timezone.as_deref(),
        }
    }
}

/// Context variables without the members that are `null`.
struct Context<'a>(&'a Map<String, Value>);

impl Context<'_> {
    fn is_empty(&self) -> bool {
        self.0.values().all(Value::is_null)
    }
}

impl Serialize for Context<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.0.iter().filter(|(_, value)| !value.is_null()) {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VariablesOut<'a> {
    tenant_id: &'a str,
    bot_id: &'a str,
    conversation_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum MessageOut<'a> {
    Said(SaidOut<'a>),
    Updates(Vec<UpdateOut<'a>>),
}

impl<'a> MessageOut<'a> {
    fn of(request: &'a Request) -> Option<Self> {
        if !request.updates.is_empty() {
            let updates = request.updates.iter();
            return Some(Self::Updates(
                updates
                    .map(|update| UpdateOut { id: &update.id, status: update.status.as_str() })
                    .collect(),
            ));
        }
        let attachment = AttachmentOut::of(&request.attachments);
        match &request.message {
            Some(said) => Some(Self::Said(SaidOut {
                text: &said.text,
                typed: said.typed,
                client_message_id: said.client_message_id.as_deref(),
                attachment,
            })),
            // A file without words is still a message; reference 3.8 sends it with an empty text.
            None if attachment.is_some() => Some(Self::Said(SaidOut {
                text: "",
                typed: true,
                client_message_id: None,
                attachment,
            })),
            None => None,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SaidOut<'a> {
    text: &'a str,
    typed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_message_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attachment: Option<AttachmentOut<'a>>,
}

#[derive(Serialize)]
struct UpdateOut<'a> {
    id: &'a str,
    status: &'a str,
}

/// One file is an object, as all documented examples have it; only several are an array, which
/// older apps do not know (reference 3.3).
#[derive(Serialize)]
#[serde(untagged)]
enum AttachmentOut<'a> {
    One(FileOut<'a>),
    Several(Vec<FileOut<'a>>),
}

impl<'a> AttachmentOut<'a> {
    fn of(files: &'a [Attachment]) -> Option<Self> {
        match files {
            [] => None,
            [one] => Some(Self::One(FileOut::from(one))),
            several => Some(Self::Several(several.iter().map(FileOut::from).collect())),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FileOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    client_attachment_id: Option<&'a str>,
    content_type: &'a str,
    file_name: &'a str,
    url: &'a str,
}

impl<'a> From<&'a Attachment> for FileOut<'a> {
    fn from(file: &'a Attachment) -> Self {
        Self {
            client_attachment_id: file.client_attachment_id.as_deref(),
            content_type: &file.content_type,
            file_name: &file.file_name,
            url: &file.url,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HistoryOut<'a> {
    display_name: &'a str,
    is_bot_message: bool,
    timestamp: String,
    r#type: &'static str,
    value: &'a str,
}

impl<'a> From<&'a HistoryEntry> for HistoryOut<'a> {
    fn from(entry: &'a HistoryEntry) -> Self {
        Self {
            display_name: &entry.display_name,
            is_bot_message: entry.is_bot_message,
            timestamp: format!("{:013}", entry.timestamp),
            r#type: "text",
            value: &entry.value,
        }
    }
}

impl MessageStatus {
    /// The spelling on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SentToUser => "sent_to_user",
            Self::ExternalError => "external_error",
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RequestIn<'a> {
    #[serde(borrow)]
    request_id: Loose<'a>,
    #[serde(borrow)]
    action: Loose<'a>,
    #[serde(borrow)]
    token: Loose<'a>,
    #[serde(borrow)]
    client_session_id: Loose<'a>,
    #[serde(borrow)]
    silent_message: Loose<'a>,
    #[serde(borrow)]
    now_bot_id: Loose<'a>,
    message: Option<Value>,
    context_variables: Option<Map<String, Value>>,
    #[serde(borrow)]
    client_variables: Shape<VariablesIn<'a>>,
    #[serde(borrow)]
    user_id: Loose<'a>,
    #[serde(borrow)]
    email_id: Loose<'a>,
    #[serde(borrow)]
    history: Option<Vec<Shape<HistoryIn<'a>>>>,
    #[serde(borrow)]
    timestamp: Loose<'a>,
    #[serde(borrow)]
    timezone: Loose<'a>,
}

/// What came of our client variables; callbacks carry the same.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct VariablesIn<'a> {
    #[serde(borrow)]
    pub(crate) tenant_id: Loose<'a>,
    #[serde(borrow)]
    pub(crate) bot_id: Loose<'a>,
    #[serde(borrow)]
    pub(crate) conversation_id: Loose<'a>,
    #[serde(borrow)]
    pub(crate) traceparent: Loose<'a>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct HistoryIn<'a> {
    #[serde(borrow)]
    display_name: Loose<'a>,
    #[serde(borrow)]
    is_bot_message: Loose<'a>,
    #[serde(borrow)]
    timestamp: Loose<'a>,
    #[serde(borrow)]
    value: Loose<'a>,
}

fn owned(value: &Loose<'_>) -> Option<String> {
    value.text().map(str::to_owned)
}

fn owned_or_empty(value: &Loose<'_>) -> String {
    owned(value).unwrap_or_default()
}

fn number(value: &Loose<'_>) -> Option<i64> {
    value.text().and_then(|digits| digits.trim().parse().ok())
}

impl<'de> Deserialize<'de> for Request {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Shape::Object(read) = Shape::<RequestIn<'de>>::deserialize(deserializer)? else {
            return Err(D::Error::custom("a request is a JSON object"));
        };
        let mut request = Self {
            request_id: owned_or_empty(&read.request_id),
            action: owned(&read.action).map(Action::from),
            token: owned(&read.token).map(SecretString::from),
            client_session_id: owned_or_empty(&read.client_session_id),
            silent_message: read.silent_message.flag(),
            now_bot_id: owned(&read.now_bot_id),
            context_variables: read.context_variables.unwrap_or_default(),
            client_variables: read.client_variables.object().map(|theirs| ClientVariables {
                tenant_id: owned_or_empty(&theirs.tenant_id),
                bot_id: owned_or_empty(&theirs.bot_id),
                conversation_id: owned_or_empty(&theirs.conversation_id),
                traceparent: owned(&theirs.traceparent),
            }),
            user_id: owned_or_empty(&read.user_id),
            email_id: owned(&read.email_id),
            history: history(read.history.as_deref().unwrap_or_default()),
            timestamp: number(&read.timestamp),
            timezone: owned(&read.timezone),
            ..Self::default()
        };
        match read.message {
            Some(Value::Array(updates)) => {
                request.updates = updates.iter().filter_map(update).collect();
            }
            Some(Value::Object(said)) => {
                request.attachments = attachments(said.get("attachment"));
                request.message = Some(message(&said));
            }
            _ => {}
        }
        Ok(request)
    }
}

fn history(entries: &[Shape<HistoryIn<'_>>]) -> Vec<HistoryEntry> {
    let entries = entries.iter().filter_map(Shape::object);
    entries
        .map(|entry| HistoryEntry {
            display_name: owned_or_empty(&entry.display_name),
            is_bot_message: entry.is_bot_message.flag(),
            timestamp: number(&entry.timestamp).unwrap_or_default(),
            value: owned_or_empty(&entry.value),
        })
        .collect()
}

fn text_of(map: &Map<String, Value>, name: &str) -> Option<String> {
    map.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn message(said: &Map<String, Value>) -> Message {
    Message {
        text: text_of(said, "text").unwrap_or_default(),
        typed: said.get("typed").is_some_and(|typed| *typed == true || *typed == "true"),
        client_message_id: text_of(said, "clientMessageId"),
    }
}

fn attachments(value: Option<&Value>) -> Vec<Attachment> {
    let files = match value {
        Some(Value::Array(files)) => files.as_slice(),
        Some(file @ Value::Object(_)) => std::slice::from_ref(file),
        _ => &[],
    };
    let files = files.iter().filter_map(Value::as_object);
    files
        .map(|file| Attachment {
            url: text_of(file, "url").unwrap_or_default(),
            content_type: text_of(file, "contentType").unwrap_or_default(),
            file_name: text_of(file, "fileName").unwrap_or_default(),
            client_attachment_id: text_of(file, "clientAttachmentId"),
        })
        .collect()
}

fn update(value: &Value) -> Option<MessageUpdate> {
    let status = match value.get("status")?.as_str()? {
        "sent_to_user" => MessageStatus::SentToUser,
        "external_error" => MessageStatus::ExternalError,
        _ => return None,
    };
    Some(MessageUpdate { id: value.get("id")?.as_str()?.to_owned(), status })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn escalation() -> Request {
        let mut context = Map::new();
        context.insert("request_on_behalf_of".to_owned(), json!("username@contoso.com"));
        context.insert("request_topic".to_owned(), json!("Pay"));
        context.insert("unknown_yet".to_owned(), Value::Null);
        Request {
            request_id: "string".to_owned(),
            action: Some(Action::Agent),
            token: Some("1234".into()),
            client_session_id: "string".to_owned(),
            now_bot_id: Some("A85PWLERF".to_owned()),
            message: Some(Message {
                text: "Live Agent Support.".to_owned(),
                typed: true,
                client_message_id: Some("ABC-123".to_owned()),
            }),
            context_variables: context,
            user_id: "username@contoso.com".to_owned(),
            email_id: Some("username@contoso.com".to_owned()),
            ..Request::default()
        }
    }

    #[test]
    fn an_escalation_is_the_specifications_example() {
        // The specification, "Connect to Agent", word for word.
        let expected = json!({
            "requestId": "string",
            "action": "AGENT",
            "token": "1234",
            "clientSessionId": "string",
            "silentMessage": false,
            "nowBotId": "A85PWLERF",
            "message": {
                "text": "Live Agent Support.", "typed": true, "clientMessageId": "ABC-123"
            },
            "contextVariables": {
                "request_on_behalf_of": "username@contoso.com", "request_topic": "Pay"
            },
            "userId": "username@contoso.com",
            "emailId": "username@contoso.com"
        });
        assert_eq!(serde_json::to_value(escalation()).unwrap(), expected);
    }

    #[test]
    fn a_full_request_has_the_documented_spelling() {
        let request = Request {
            client_variables: Some(ClientVariables {
                tenant_id: "t-1".to_owned(),
                bot_id: "b-1".to_owned(),
                conversation_id: "c-9".to_owned(),
                traceparent: Some("00-a-b-01".to_owned()),
            }),
            history: vec![HistoryEntry {
                display_name: "Kim".to_owned(),
                is_bot_message: false,
                timestamp: 1_767_225_600_000,
                value: "My pay is wrong".to_owned(),
            }],
            timestamp: Some(1_767_225_605_000),
            timezone: Some("Europe/Oslo".to_owned()),
            user_id: "u-42".to_owned(),
            ..Request::default()
        };
        let text = String::from_utf8(request.to_bytes()).unwrap();
        assert_eq!(
            text,
            r#"{"silentMessage":false,"clientVariables":{"tenantId":"t-1","botId":"b-1","conversationId":"c-9","traceparent":"00-a-b-01"},"userId":"u-42","history":[{"displayName":"Kim","isBotMessage":false,"timestamp":"1767225600000","type":"text","value":"My pay is wrong"}],"timestamp":1767225605000,"timezone":"Europe/Oslo"}"#
        );
    }

    #[test]
    fn an_end_carries_an_empty_text_and_no_attachment_key() {
        let request = Request {
            action: Some(Action::EndConversation),
            message: Some(Message { typed: true, ..Message::default() }),
            ..Request::default()
        };
        let text = String::from_utf8(request.to_bytes()).unwrap();
        assert_eq!(
            text,
            r#"{"action":"END_CONVERSATION","silentMessage":false,"message":{"text":"","typed":true}}"#
        );
    }

    #[test]
    fn receipts_take_the_place_of_the_message() {
        let request = Request {
            action: Some(Action::UpdateMessages),
            updates: vec![
                MessageUpdate { id: "0a1b".to_owned(), status: MessageStatus::SentToUser },
                MessageUpdate { id: "2c3d".to_owned(), status: MessageStatus::ExternalError },
            ],
            ..Request::default()
        };
        let written = serde_json::to_value(&request).unwrap();
        let expected = json!([
            {"id": "0a1b", "status": "sent_to_user"}, {"id": "2c3d", "status": "external_error"}
        ]);
        assert_eq!(written["message"], expected);
        let read: Request = serde_json::from_value(written).unwrap();
        assert_eq!(read.updates, request.updates);
        assert_eq!(read.message, None);
    }

    #[test]
    fn one_file_is_an_object_and_several_are_an_array() {
        let file = Attachment {
            url: "https://files.example.org/d/9c1".to_owned(),
            content_type: "application/pdf".to_owned(),
            file_name: "slip.pdf".to_owned(),
            client_attachment_id: Some("a-1".to_owned()),
        };
        let mut request = Request { attachments: vec![file.clone()], ..Request::default() };
        let expected = json!({
            "clientAttachmentId": "a-1", "contentType": "application/pdf",
            "fileName": "slip.pdf", "url": "https://files.example.org/d/9c1"
        });
        let written = serde_json::to_value(&request).unwrap();
        assert_eq!(written["message"]["attachment"], expected);

        request.attachments.push(file);
        let written = serde_json::to_value(&request).unwrap();
        assert_eq!(written["message"]["attachment"], json!([expected, expected]));
        let read: Request = serde_json::from_value(written).unwrap();
        assert_eq!(read.attachments, request.attachments);
    }

    #[test]
    fn what_was_written_is_read_back() {
        let bytes = escalation().to_bytes();
        let read: Request = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(read.to_bytes(), bytes);
        assert_eq!(read.action, Some(Action::Agent));
    }

    #[test]
    fn a_request_of_a_careless_client_is_still_read() {
        let read: Request = serde_json::from_str(
            r#"{"requestId":null,"action":"SWITCH","silentMessage":"true","botToBot":true,
                "message":{"text":"hi","attachment":null},"clientVariables":"x",
                "timestamp":1767225605,"history":[{"timestamp":1767225600000,"value":"a"},7]}"#,
        )
        .unwrap();
        assert_eq!(read.action, Some(Action::Other("SWITCH".to_owned())));
        assert!(read.silent_message);
        assert_eq!(read.message.unwrap().text, "hi");
        assert_eq!(read.history.len(), 1);
        assert_eq!(read.history[0].timestamp, 1_767_225_600_000);
        assert_eq!(read.timestamp, Some(1_767_225_605));
        assert!(serde_json::from_str::<Request>("[]").is_err());
    }

    #[test]
    fn debug_output_shows_neither_the_token_nor_the_words() {
        let mut request = escalation();
        request.token = Some("t0ken-value".into());
        let shown = format!("{request:?}");
        assert!(!shown.contains("t0ken-value"), "{shown}");
        assert!(!shown.contains("Live Agent Support"), "{shown}");
    }
}
