//! What agents and the instance itself said while we were away, read from the instance's own table of messages.
//!
//! Owns the query to the Table API and the reading of its answer (reference 6, last but two). This
//! is the only remedy for a missed callback, and it needs rights that many integration users do not
//! have, so [`FetchError::NotAllowed`] is an ordinary outcome. Which messages are known already is
//! the caller's to tell.

use std::fmt;
use std::time::Duration;

use form_urlencoded::Serializer;
use http::{HeaderMap, StatusCode, Uri};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use outbound::Answer;
use outbound::headers::says_json;
use serde_json::{Map, Value};

use super::{SendError, answer};
use crate::loose::Hidden;

/// The table of messages, below the instance's origin.
pub(super) const PATH: &str = "/api/now/table/sys_cs_message";

/// The most messages that one query brings. People type perhaps twenty messages in a minute; this
/// is what a restart can miss, with room.
pub const MISSED_MAX: usize = 200;

/// The largest answer read: as many messages as may come, each a long one in a rich control.
pub(super) const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The columns that are read.
const FIELDS: &str = "sys_id,conversation,payload,send_time,is_agent,q_data_message_type";

/// How a moment is written, always in UTC: as text, outside of `javascript:`, the instance takes no
/// account of the user's time zone.
const TIME_FORMAT: &str = "%Y-%m-%d %H:%M:%S";

/// Marks the instance's own texts in the column `q_data_message_type` (reference 6).
const SYSTEM_TEXT: &str = "systemTextMessage";

/// How deep the words may hide in a payload.
const PAYLOAD_DEPTH_MAX: u8 = 4;

/// Which messages are wanted: those of one conversation from one moment on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissedQuery {
    conversation: String,
    since: Timestamp,
}

/// The id of a conversation is none: it must be 32 hexadecimal digits. Anything else could be a
/// piece of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a conversation's id at the instance has 32 hexadecimal digits")]
pub struct NotASysId;

/// Who said something that was missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissedFrom {
    /// An agent; the table does not say which.
    Agent,
    /// The instance, in one of its system texts (reference 5.6).
    System,
    /// Nobody of these, as far as the row tells: not to be taken for an agent's.
    Unclear,
}

/// What was said.
#[derive(Clone, PartialEq, Eq)]
pub struct MissedMessage {
    /// The message's `sys_id`; what callbacks call `messageId` (reference 5.2).
    pub id: String,
    /// By whom.
    pub from: MissedFrom,
    /// The words, unescaped and untrimmed; a payload of an unknown shape as it is. May be empty.
    pub text: String,
    /// When it was sent, in milliseconds since 1970 (whole seconds, by the instance's clock);
    /// absent when the instance named no moment.
    pub sent_at_ms: Option<i64>,
}

impl fmt::Debug for MissedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MissedMessage")
            .field("id", &self.id)
            .field("from", &self.from)
            .field("text", &Hidden(&self.text))
            .field("sent_at_ms", &self.sent_at_ms)
            .finish()
    }
}

/// Why missed messages could not be fetched, sorted by what to do next. Neither secrets nor words
/// of users are in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The integration user may not read messages, and asking again will not change that.
    #[error(
        "the integration user may not read sys_cs_message (status {status}); the role \
         virtual_agent_admin or interaction_agent would allow it"
    )]
    NotAllowed {
        /// The HTTP status. It is 200 where the instance let us ask and kept every row back.
        status: u16,
    },
    /// Ask again later.
    #[error("not answered for now ({reason}): {detail}")]
    Retry {
        /// The instance asked to be left alone for this long (`Retry-After`).
        not_before: Option<Duration>,
        /// The machine code, as in [`SendError::code`].
        reason: &'static str,
        /// What happened, for an operator.
        detail: String,
    },
    /// The answer is not one of the Table API. Asking again would end the same way.
    #[error("not an answer with messages: {detail}")]
    Unreadable {
        /// What is wrong with it, for an operator.
        detail: String,
    },
}

impl FetchError {
    /// The stable machine code: `not_allowed`, `unreadable`, or that of the [`SendError`] which
    /// stood in the way.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAllowed { .. } => "not_allowed",
            Self::Retry { reason, .. } => reason,
            Self::Unreadable { .. } => "unreadable",
        }
    }
}

impl From<SendError> for FetchError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Retry { not_before, reason, detail } => {
                Self::Retry { not_before, reason, detail }
            }
            SendError::Refused { detail, .. } => Self::Unreadable { detail },
        }
    }
}

impl MissedQuery {
    /// Asks for a conversation by the `conversationId` of its callbacks (a `sys_id`), from a moment
    /// in milliseconds since 1970 on. A moment outside of the calendar is moved to its edge.
    pub fn new(conversation: &str, since_ms: i64) -> Result<Self, NotASysId> {
        let digits = conversation.bytes().all(|byte| byte.is_ascii_hexdigit());
        if conversation.len() != 32 || !digits {
            return Err(NotASysId);
        }
        let since = Timestamp::from_millisecond(since_ms.max(0)).unwrap_or(Timestamp::MAX);
        Ok(Self { conversation: conversation.to_ascii_lowercase(), since })
    }

    fn asks_for(&self, row: &Value) -> bool {
        let conversation = row.get("conversation").and_then(plain);
        conversation.is_some_and(|id| id.eq_ignore_ascii_case(&self.conversation))
    }

    pub(super) fn uri(&self, table: &Uri) -> Result<Uri, FetchError> {
        // Later than the second before: the second asked from is only half over.
        let after = Timestamp::from_second(self.since.as_second().saturating_sub(1).max(0));
        let after = after.unwrap_or(Timestamp::UNIX_EPOCH).strftime(TIME_FORMAT);
        // An OR binds to the condition before it.
        let filter = format!(
            "conversation={}^direction=outbound^is_agent=true^ORq_data_message_type={SYSTEM_TEXT}\
             ^send_time>{after}^ORDERBYsend_time",
            self.conversation
        );
        let query = Serializer::new(String::new())
            .append_pair("sysparm_query", &filter)
            .append_pair("sysparm_fields", FIELDS)
            .append_pair("sysparm_limit", &MISSED_MAX.to_string())
            .finish();
        format!("{table}?{query}")
            .parse()
            .map_err(|_| unreadable("the query does not make an address"))
    }
}

/// Reads the Table API's answer to a query. Rows of another conversation make all of it unreadable:
/// an instance passes over a condition that it cannot use and answers with the rest of the table
/// (property `glide.invalid_query.returns_no_rows`), and nobody may read others' chats.
pub(super) fn read(answer: &Answer, query: &MissedQuery) -> Result<Vec<MissedMessage>, FetchError> {
    let rows = rows(answer)?;
    if !rows.iter().all(|row| query.asks_for(row)) {
        return Err(unreadable(
            "rows that do not say they are of the conversation asked for: see whether the \
             integration user may read the column conversation of sys_cs_message",
        ));
    }
    let messages: Vec<MissedMessage> = rows.iter().filter_map(message).collect();
    if messages.len() < rows.len() {
        tracing::warn!(rows = rows.len(), readable = messages.len(), "rows without id or payload");
    }
    if messages.is_empty() && !rows.is_empty() {
        return Err(unreadable("no row has a sys_id and a payload"));
    }
    Ok(messages)
}

/// The rows of a table, or why there are none to be had.
pub(super) fn rows(answer: &Answer) -> Result<Vec<Value>, FetchError> {
    if answer::is_hibernating(answer) {
        return Err(answer::hibernating().into());
    }
    match answer.status {
        status if status.is_success() => {}
        StatusCode::NOT_FOUND if says_no_record(answer) => return Ok(Vec::new()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
            return Err(FetchError::NotAllowed { status: answer.status.as_u16() });
        }
        _ => return Err(answer::refusal(answer, b"").into()),
    }
    if !says_json(&answer.headers) {
        let detail = "the instance answered a success that is not JSON".to_owned();
        return Err(FetchError::Retry { not_before: None, reason: "not_success_json", detail });
    }
    let mut said: Value =
        serde_json::from_slice(&answer.body).map_err(|_| unreadable("the JSON cannot be read"))?;
    let Some(Value::Array(rows)) = said.get_mut("result").map(Value::take) else {
        return Err(unreadable("no list of rows"));
    };
    if rows.is_empty() && rows_kept_back(&answer.headers) {
        return Err(FetchError::NotAllowed { status: answer.status.as_u16() });
    }
    Ok(rows)
}

/// Old versions of the Table API answer 404 when a query finds nothing.
fn says_no_record(answer: &Answer) -> bool {
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    said["error"]["message"].as_str().is_some_and(|message| message.starts_with("No Record found"))
}

/// The count is made before the access rules take rows away.
fn rows_kept_back(headers: &HeaderMap) -> bool {
    let count = headers.get("x-total-count").and_then(|count| count.to_str().ok());
    count.and_then(|count| count.trim().parse::<u64>().ok()).is_some_and(|count| count > 0)
}

fn message(row: &Value) -> Option<MissedMessage> {
    let id = plain(row.get("sys_id")?)?.to_owned();
    let text = words(row.get("payload")?, PAYLOAD_DEPTH_MAX);
    let sent_at_ms = row.get("send_time").and_then(plain).and_then(moment);
    Some(MissedMessage { id, from: from(row), text, sent_at_ms })
}

/// A system text may count as an agent's too; what it is goes before whose it is.
fn from(row: &Value) -> MissedFrom {
    let says = |column: &str, expected: &str| {
        row.get(column).and_then(plain).is_some_and(|value| value.eq_ignore_ascii_case(expected))
    };
    if says("q_data_message_type", SYSTEM_TEXT) {
        MissedFrom::System
    } else if says("is_agent", "true") {
        MissedFrom::Agent
    } else {
        MissedFrom::Unclear
    }
}

/// A column's value, also where the instance answers display values beside the values.
fn plain(column: &Value) -> Option<&str> {
    let value = column.get("value").unwrap_or(column);
    value.as_str().filter(|text| !text.trim().is_empty())
}

/// The words of a payload: text, or a control as an object or as the JSON text of one. What is
/// none of these is kept as it is: better odd than lost.
fn words(payload: &Value, depth: u8) -> String {
    let found = match payload {
        Value::String(text) if text.trim_start().starts_with('{') => {
            serde_json::from_str(text).ok().and_then(|object| words_of(&object, depth))
        }
        Value::Object(object) => words_of(object, depth),
        _ => None,
    };
    found.unwrap_or_else(|| match payload {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

/// A control's words, from the same members as in a callback (reference 5.2).
fn words_of(control: &Map<String, Value>, depth: u8) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    let mut members = ["value", "text", "message", "label"].iter();
    members.find_map(|name| match control.get(*name)? {
        Value::String(text) if text.trim().is_empty() => None,
        member @ Value::String(_) => Some(words(member, depth)),
        Value::Object(inner) => words_of(inner, depth),
        _ => None,
    })
}

fn moment(text: &str) -> Option<i64> {
    let moment: DateTime = text.trim().parse().ok()?;
    Some(Offset::UTC.to_timestamp(moment).ok()?.as_millisecond())
}

pub(super) fn unreadable(detail: &str) -> FetchError {
    FetchError::Unreadable { detail: detail.to_owned() }
}
