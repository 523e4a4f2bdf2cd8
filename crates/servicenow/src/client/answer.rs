//! What an instance's immediate answer means (reference 4.1), for requests and token calls alike.

use bytes::Bytes;
use http::StatusCode;
use outbound::headers::{retry_after, says_json};
use outbound::{Answer, HttpError};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Accepted, SendError};
use crate::loose::{Loose, Shape};

/// The longest quotation of an instance's own error message, in characters.
const QUOTE_CHARS_MAX: usize = 120;

/// `UPDATE_MESSAGES` is always answered in plain text, and this is its success (reference 3.4).
const UPDATED: &str = "Message Processed Successfully";

/// A JSON answer, as far as it is looked at.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Said<'a> {
    #[serde(borrow)]
    status: Loose<'a>,
    #[serde(borrow)]
    error: Shape<Fault<'a>>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    /// Scripted REST wraps the answers of some handlers.
    #[serde(borrow)]
    result: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Fault<'a> {
    #[serde(borrow)]
    message: Loose<'a>,
}

/// Reads the answer to a request. `sent` is the request's body, which no error may quote.
pub(super) fn read(answer: &Answer, sent: &Bytes) -> Result<Accepted, SendError> {
    if answer.status.is_success() { success(answer, sent) } else { Err(refusal(answer, sent)) }
}

/// Why there was no answer at all.
pub(crate) fn no_answer(error: &HttpError) -> SendError {
    let reason = match error {
        HttpError::TimedOut { .. } => "timeout",
        HttpError::Unreachable(_) => "unreachable",
        HttpError::Interrupted { .. } | HttpError::BrokeOff => "interrupted",
        HttpError::TooLarge { .. } => "not_success_json",
    };
    let cause = error.cause();
    let detail = match error {
        HttpError::Unreachable(_) | HttpError::Interrupted { .. } => format!("{error}: {cause}"),
        HttpError::TimedOut { .. } | HttpError::BrokeOff | HttpError::TooLarge { .. } => cause,
    };
    SendError::Retry { not_before: None, reason, detail }
}

/// What an answer that is not 2xx means; 401 is the caller's matter where it can do something.
pub(crate) fn refusal(answer: &Answer, sent: &[u8]) -> SendError {
    let status = answer.status;
    if is_hibernating(answer) {
        return hibernating();
    }
    let not_before = retry_after(&answer.headers);
    let retry = |reason, detail| SendError::Retry { not_before, reason, detail };
    let refused = |code, sentence: &str| SendError::Refused {
        code,
        status: Some(status.as_u16()),
        detail: with_quote(sentence, answer, sent),
    };
    match status {
        StatusCode::UNAUTHORIZED => retry(
            "unauthorized",
            "401 with a fresh token: check the REST access policies and the integration user"
                .to_owned(),
        ),
        StatusCode::REQUEST_TIMEOUT => retry("timeout", "the instance answered 408".to_owned()),
        StatusCode::TOO_EARLY => retry("busy", "the instance answered 425".to_owned()),
        StatusCode::TOO_MANY_REQUESTS => {
            retry("rate_limited", "a rate-limit rule of the instance applies".to_owned())
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            retry("busy", "the instance answered 503: restart, upgrade or maintenance".to_owned())
        }
        _ if status.is_server_error() => retry(
            "server_error",
            with_quote(&format!("the instance answered {status}"), answer, sent),
        ),
        _ if status.is_redirection() => refused(
            "redirected",
            "the instance redirects: the API is not at the address that is set for it",
        ),
        StatusCode::FORBIDDEN => refused(
            "forbidden",
            "the integration user lacks the role sn_va_as_service.integration_user, or an ACL forbids it",
        ),
        StatusCode::NOT_FOUND => refused(
            "not_found",
            "no such address: is the Virtual Agent API app installed, and is this the right instance?",
        ),
        _ => refused("refused", &format!("the instance answered {status}")),
    }
}

/// A 2xx is a success only if it says so in JSON (reference 4.1).
fn success(answer: &Answer, sent: &[u8]) -> Result<Accepted, SendError> {
    if is_hibernating(answer) {
        return Err(hibernating());
    }
    if !says_json(&answer.headers) {
        return match std::str::from_utf8(&answer.body) {
            Ok(text) if text.trim().eq_ignore_ascii_case(UPDATED) => {
                Ok(Accepted { callback: None })
            }
            _ => Err(not_success("a success that is not JSON")),
        };
    }
    let Ok(Shape::Object(outer)) = serde_json::from_slice::<Shape<Said<'_>>>(&answer.body) else {
        return Err(not_success("a success whose JSON cannot be read"));
    };
    let wrapped = outer.result.and_then(|result| {
        Some((serde_json::from_str::<Shape<Said<'_>>>(result.get()).ok()?, result.get().as_bytes()))
    });
    match &wrapped {
        Some((Shape::Object(inner), bytes)) => judged(inner, bytes, answer, sent),
        _ => judged(&outer, &answer.body, answer, sent),
    }
}

fn judged(
    said: &Said<'_>,
    bytes: &[u8],
    answer: &Answer,
    sent: &[u8],
) -> Result<Accepted, SendError> {
    let status = said.status.text().unwrap_or_default().to_ascii_lowercase();
    let failed = status == "failure" || (status.is_empty() && said.error.object().is_some());
    if failed {
        return Err(SendError::Refused {
            code: "refused",
            status: Some(answer.status.as_u16()),
            detail: with_quote(
                "the instance answered with a failure inside a success",
                answer,
                sent,
            ),
        });
    }
    if said.body.is_some_and(|body| body.get().starts_with('[')) {
        return match crate::callback::read(bytes) {
            Ok(callback) => Ok(Accepted { callback: Some(callback) }),
            Err(error) => Err(not_success(&format!("a synchronous callback: {error}"))),
        };
    }
    if status == "success" {
        return Ok(Accepted { callback: None });
    }
    Err(not_success("JSON that says neither success nor failure"))
}

fn not_success(what: &str) -> SendError {
    let detail = format!("the instance answered {what}");
    SendError::Retry { not_before: None, reason: "not_success_json", detail }
}

/// A developer instance that sleeps answers every address with a page, as 200 or 503.
pub(crate) fn is_hibernating(answer: &Answer) -> bool {
    // The page's title is near its start.
    const LOOKED_AT: usize = 4096;
    if says_json(&answer.headers) {
        return false;
    }
    let start = &answer.body[..answer.body.len().min(LOOKED_AT)];
    String::from_utf8_lossy(start).to_ascii_lowercase().contains("hibernat")
}

pub(crate) fn hibernating() -> SendError {
    let detail = "the developer instance sleeps: wake it at developer.servicenow.com".to_owned();
    SendError::Retry { not_before: None, reason: "hibernating", detail }
}

/// Our sentence, with the instance's own error message behind it if that is safe to repeat. The
/// message is a class of errors ("User Not Authenticated"); the `detail` beside it may quote what
/// was sent and is never used.
fn with_quote(sentence: &str, answer: &Answer, sent: &[u8]) -> String {
    match quote(answer, sent) {
        Some(quote) => format!("{sentence} ({quote})"),
        None => sentence.to_owned(),
    }
}

fn quote(answer: &Answer, sent: &[u8]) -> Option<String> {
    if !says_json(&answer.headers) {
        return None;
    }
    let said: Shape<Said<'_>> = serde_json::from_slice(&answer.body).ok()?;
    let message = said.object()?.error.object()?.message.text()?;
    let words: String = message.chars().filter(|c| !c.is_control()).take(QUOTE_CHARS_MAX).collect();
    let sent: Value = serde_json::from_slice(sent).unwrap_or(Value::Null);
    (!repeats(&words, &sent)).then_some(words)
}

/// Whether an error message repeats something that was sent: words, names or the token.
fn repeats(message: &str, sent: &Value) -> bool {
    /// Shorter values would be found in any sentence by chance, and give nothing away.
    const TELLING_CHARS: usize = 3;
    match sent {
        Value::String(text) => text.len() >= TELLING_CHARS && message.contains(text.as_str()),
        Value::Array(values) => values.iter().any(|value| repeats(message, value)),
        Value::Object(members) => members.values().any(|value| repeats(message, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
