//! What the Connector answers: ids, members, and refusals in three shapes (reference 2.4).

use std::fmt;

use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use outbound::Answer;
use serde::Deserialize;
use serde_json::Value;

use super::ConnectorError;
use super::refusal::bad_answer;

/// A refusal's code longer than this is none. The longest known has 34 characters.
const CODE_CHARS_MAX: usize = 64;

/// The id of an activity or a conversation that a channel gave, bytes. What is longer could not be
/// put into a path again.
const GIVEN_ID_BYTES_MAX: usize = 2_048;

/// The code of a conversation that is at home in another part of the cloud.
const ELSEWHERE: &str = "invalidbotapihost";

/// The channel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The channel's id of the activity; not every channel gives one.
    pub id: Option<String>,
}

/// A conversation was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The channel's id of the conversation.
    pub id: String,
    /// The channel's id of its first activity, where there was one.
    pub activity_id: Option<String>,
    /// Where the conversation is at home, if elsewhere than it was asked for. To be looked at by
    /// [`may_call`](super::Connector::may_call) like any other.
    pub service_url: Option<String>,
}

/// A member of a conversation, as the channel knows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Member {
    /// The id at the channel.
    pub id: String,
    /// The name that is shown.
    pub name: Option<String>,
    /// The person's id in Entra.
    pub aad_object_id: Option<String>,
    /// The address.
    pub email: Option<String>,
    /// The name that the person signs in with.
    pub user_principal_name: Option<String>,
    /// The person's tenant in Entra.
    pub tenant_id: Option<String>,
}

/// Who somebody is must not reach a log by way of `{:?}`.
impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What a channel answered to a read of a bot's.
#[derive(Clone, PartialEq, Eq)]
pub struct Relayed {
    /// The HTTP status.
    pub status: u16,
    /// What the body is.
    pub content_type: Option<String>,
    /// The body as it came.
    pub body: Bytes,
}

impl fmt::Debug for Relayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relayed").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Placed {
    /// A body that cannot be read, or half of one, names no id; the status has said that it is there.
    pub(super) fn read(answer: &Answer) -> Self {
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        Self { id: given_id(&said["id"]) }
    }
}

impl Created {
    /// Without an id nobody can speak there, though the conversation may have begun.
    pub(super) fn read(answer: &Answer) -> Result<Self, ConnectorError> {
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let id = given_id(&said["id"]).ok_or_else(|| bad_answer(answer.status))?;
        let service_url = said["serviceUrl"].as_str().filter(|url| !url.is_empty());
        Ok(Self {
            id,
            activity_id: given_id(&said["activityId"]),
            service_url: service_url.map(str::to_owned),
        })
    }
}

impl Member {
    pub(super) fn read(answer: &Answer) -> Result<Self, ConnectorError> {
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let text = |name: &str| {
            let text = said[name].as_str().map(str::trim).filter(|text| !text.is_empty());
            text.map(str::to_owned)
        };
        Ok(Self {
            id: text("id").ok_or_else(|| bad_answer(answer.status))?,
            name: text("name"),
            // Teams has called it both.
            aad_object_id: text("aadObjectId").or_else(|| text("objectId")),
            email: text("email"),
            user_principal_name: text("userPrincipalName"),
            tenant_id: text("tenantId"),
        })
    }
}

impl Relayed {
    pub(super) fn read(answer: Answer) -> Self {
        let content_type = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Self {
            status: answer.status.as_u16(),
            content_type: content_type.map(str::to_owned),
            body: answer.body,
        }
    }
}

fn given_id(value: &Value) -> Option<String> {
    let id = match value {
        Value::String(id) => id.clone(),
        Value::Number(id) => id.to_string(),
        _ => return None,
    };
    (1..=GIVEN_ID_BYTES_MAX).contains(&id.len()).then_some(id)
}

/// What a refusal says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// The code as it was written: letters and digits.
    pub(super) code: Option<String>,
}

impl Said {
    /// For comparing: without case, and without the blank that some codes have in one channel and
    /// not in another.
    pub(super) fn key(&self) -> String {
        self.code.as_deref().unwrap_or_default().to_ascii_lowercase()
    }
}

/// The members of the three shapes that a code can be in.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Body {
    error: Value,
    #[serde(rename = "subCode")]
    sub_code: Value,
    #[serde(rename = "errorCode")]
    error_code: Value,
    code: Value,
    message: Value,
}

/// Reads a refusal. Of its words, only the code is kept: messages may repeat what a user was to be
/// told.
pub(super) fn said(answer: &Answer) -> Said {
    let text = answer.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&answer.body);
    let body: Body = serde_json::from_slice(text).unwrap_or_default();
    let error = &body.error;
    // `{"errorCode":209,"message":"{\r\n \"subCode\": \"MessageWritesBlocked\" …}"}`: JSON inside.
    let inner = [&body.message, &error["message"]].into_iter().find_map(|message| {
        let text = message.as_str().filter(|text| text.trim_start().starts_with('{'))?;
        serde_json::from_str::<Body>(text).ok()
    });
    let inner = inner.unwrap_or_default();
    let candidates = [
        &inner.sub_code,
        &inner.error["code"],
        &inner.code,
        &body.sub_code,
        &error["subCode"],
        &error["code"],
        error,
        &error["innerHttpError"]["body"]["error"]["code"],
        &body.code,
        &body.error_code,
    ];
    Said { code: candidates.into_iter().find_map(code) }
}

fn code(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let is_sign = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.');
    let is_code = (1..=CODE_CHARS_MAX).contains(&text.len()) && text.chars().all(is_sign);
    let code: String = text.chars().filter(|c| *c != ' ').collect();
    (is_code && !code.is_empty()).then_some(code)
}

/// Whether the conversation is at home in another part of the cloud.
pub(super) fn is_elsewhere(answer: &Answer) -> bool {
    answer.status == StatusCode::FORBIDDEN && said(answer).key() == ELSEWHERE
}

#[cfg(test)]
mod tests;
