//! What a bot's immediate answer means (reference 2.1, 3.1).

use std::collections::BTreeMap;
use std::fmt;

use http::StatusCode;
use outbound::headers::says_html;
use outbound::{Answer as Read, Head, HttpError};
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::PostError;
use super::error::{no_answer, refusal};
use crate::Activity;

/// The largest answer read where it carries something. Bots reply with a few cards, of which the
/// largest have 100 KB.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How much is read of an answer that carries nothing: enough to keep the connection.
const START_BYTES_MAX: usize = 64 * 1024;

/// The activities of one buffered answer. Bots say a few things in a turn; a thousand is a loop.
const REPLIES_MAX: usize = 1_000;

/// What the answer to a post is to carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expects {
    /// Nothing: replies are posted back.
    Nothing,
    /// The replies, for an activity with `deliveryMode` `expectReplies`.
    Replies,
    /// The result of an `invoke`.
    InvokeResponse,
}

/// The bot has taken the activity.
#[derive(Clone, PartialEq)]
pub enum Answer {
    /// Without more to say. Also what a bot that does not know `expectReplies` answers: it posts its
    /// replies.
    Accepted,
    /// Its replies, in order.
    Replies(Vec<Activity>),
    /// The result of an `invoke`, to be handed back as it is. The status may be any that is the bot's
    /// own: 501 says that it knows no such invoke.
    Invoke {
        /// The HTTP status.
        status: u16,
        /// The body as JSON. A text that is none, as some bots send it, is a JSON string here.
        body: Option<String>,
    },
}

/// What bots say must not reach a log by way of `{:?}`.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("Accepted"),
            Self::Replies(replies) => f.debug_tuple("Replies").field(replies).finish(),
            Self::Invoke { status, .. } => {
                f.debug_struct("Invoke").field("status", status).finish_non_exhaustive()
            }
        }
    }
}

/// How we presented ourselves, for the sentence of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Anonymous,
    Skill,
}

/// Reads an answer.
pub(super) async fn read(
    head: Head,
    expects: Expects,
    way: Way,
    deadline: Instant,
) -> Result<Answer, PostError> {
    let status = head.status;
    let carries = match expects {
        Expects::Nothing => false,
        Expects::Replies => status.is_success(),
        Expects::InvokeResponse => is_invoke_result(status),
    };
    if !carries {
        // The status says it all, even if the rest never comes.
        let answer = head.read_start(START_BYTES_MAX, deadline).await;
        return if !status.is_success() {
            Err(refusal(status, &answer.headers, way))
        } else if is_page(&answer) {
            Err(not_a_bot(status))
        } else {
            Ok(Answer::Accepted)
        };
    }
    let answer = head.read_up_to(ANSWER_BYTES_MAX, deadline).await;
    let answer = answer.map_err(|error| match error {
        HttpError::TooLarge { .. } => too_large(status),
        error => no_answer(&error),
    })?;
    if is_page(&answer) {
        let by_status = || refusal(status, &answer.headers, way);
        return Err(if status.is_success() { not_a_bot(status) } else { by_status() });
    }
    match expects {
        Expects::Nothing => Ok(Answer::Accepted),
        Expects::Replies => replies(&answer.body, status),
        Expects::InvokeResponse => invoke(&answer.body, status),
    }
}

/// Whether a status is the bot's own answer to an invoke, and not what stands between us or keeps us
/// out.
fn is_invoke_result(status: StatusCode) -> bool {
    let in_between = [
        StatusCode::UNAUTHORIZED,
        StatusCode::FORBIDDEN,
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::TOO_EARLY,
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    !status.is_redirection() && !status.is_informational() && !in_between.contains(&status)
}

/// A page says that something else than a bot answered: a web site, a proxy's notice. Looked at as
/// well, since a bot in JavaScript that answers "ok" calls that HTML.
fn is_page(answer: &Read) -> bool {
    let body = answer.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&answer.body);
    says_html(&answer.headers) && body.trim_ascii_start().starts_with(b"<")
}

fn not_a_bot(status: StatusCode) -> PostError {
    let sentence = "a page answered, and no bot: check BOT_ENDPOINT, and what is in between";
    PostError::refused("not_a_bot", status, sentence)
}

fn too_large(status: StatusCode) -> PostError {
    let sentence = format!(
        "the bot's answer has more than {ANSWER_BYTES_MAX} bytes or {REPLIES_MAX} activities; \
         nothing of it is used"
    );
    PostError::refused("answer_too_large", status, sentence)
}

/// Reads `{"activities":[…]}`. Without it, the bot posts its replies.
pub(super) fn replies(body: &[u8], status: StatusCode) -> Result<Answer, PostError> {
    let bad = |what: &str| {
        let sentence = format!("the bot answered with replies that cannot be read: {what}");
        PostError::refused("bad_answer", status, sentence)
    };
    if !body.trim_ascii_start().starts_with(b"{") {
        return Ok(Answer::Accepted);
    }
    let said: BTreeMap<String, &RawValue> =
        serde_json::from_slice(body).map_err(|_| bad("no JSON"))?;
    let Some(activities) = said.get("activities") else { return Ok(Answer::Accepted) };
    let activities: Option<Vec<&RawValue>> =
        serde_json::from_str(activities.get()).map_err(|_| bad("`activities` is no array"))?;
    let activities = activities.unwrap_or_default();
    if activities.len() > REPLIES_MAX {
        return Err(too_large(status));
    }
    let read = activities.iter().map(|activity| Activity::from_raw(activity));
    let replies: Vec<_> = read
        .filter_map(|activity| {
            let warn = |error: &crate::ActivityError| {
                tracing::warn!(code = error.code(), "a bot's reply is no activity and is left out");
            };
            activity.inspect_err(warn).ok()
        })
        .collect();
    Ok(Answer::Replies(replies))
}

fn invoke(body: &[u8], status: StatusCode) -> Result<Answer, PostError> {
    let body = std::str::from_utf8(body).map_err(|_| {
        PostError::refused("bad_answer", status, "the bot answered an invoke with no text")
    })?;
    let body = body.trim_ascii();
    let is_json = serde_json::from_str::<&RawValue>(body).is_ok();
    let body = match (body.is_empty(), is_json) {
        (true, _) => None,
        (false, true) => Some(body.to_owned()),
        (false, false) => Some(serde_json::Value::from(body).to_string()),
    };
    Ok(Answer::Invoke { status: status.as_u16(), body })
}

#[cfg(test)]
mod tests;
