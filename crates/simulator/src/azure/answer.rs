//! What the Connector answers with: the bodies of its errors in their three shapes (reference 2.4),
//! and connections that end without an answer.

use std::{io, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use futures_util::stream;
use serde_json::{Value, json};
use uuid::Uuid;

use super::trouble::Refusal;

/// An answer before it is sent.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Its code, where it has one.
    pub(super) code: Option<&'static str>,
    retry_after: Option<u64>,
    body: Option<String>,
    kind: &'static str,
}

impl Answer {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        let body = Some(body.to_string());
        Self { status, code: None, retry_after: None, body, kind: "application/json" }
    }

    pub(super) fn empty(status: u16) -> Self {
        Self { body: None, ..Self::json(status, &Value::Null) }
    }

    /// The usual shape: `{"error":{"code","message"}}`.
    pub(super) fn error(status: u16, code: &'static str, message: &str) -> Self {
        let body = json!({"error": {"code": code, "message": message}});
        Self { code: Some(code), ..Self::json(status, &body) }
    }

    pub(super) fn throttled(after: Option<Duration>, message: &str) -> Self {
        // Whole seconds, rounded up: who comes back earlier comes too early.
        let seconds = after.map(|after| after.as_secs() + u64::from(after.subsec_nanos() > 0));
        Self { retry_after: seconds, ..Self::error(429, "Throttled", message) }
    }

    pub(super) fn precondition() -> Self {
        let message = "Precondition failed, please try again.";
        Self::error(412, "PreconditionFailed", message)
    }

    /// A status of a proxy's or of the service's own.
    pub(super) fn failure(status: u16) -> Self {
        match status {
            502 => Self {
                code: Some("ServiceError"),
                ..Self::json(
                    502,
                    &json!({"error": {
                        "code": "ServiceError", "message": "Failed to send the request.",
                        "innerHttpError": {"statusCode": 504, "body": {}},
                    }}),
                )
            },
            503 | 504 => Self {
                body: Some(format!(
                    "<!doctype html><title>{status}</title><h1>The service is unavailable.</h1>"
                )),
                kind: "text/html",
                ..Self::json(status, &Value::Null)
            },
            _ => Self::error(status, "ServiceError", "Unknown error"),
        }
    }

    pub(super) fn refusal(refusal: Refusal) -> Self {
        let (status, code, message) = match refusal {
            Refusal::BadSyntax => (400, "BadSyntax", "Unknown activity type"),
            Refusal::BadArgument => (400, "BadArgument", "Missing required field"),
            Refusal::AuthorizationDenied => return Self::denied(),
            Refusal::BotNotRegistered => (401, "BotNotRegistered", "The bot is not registered"),
            Refusal::ConversationBlockedByUser => {
                (403, "ConversationBlockedByUser", "User blocked the conversation with the bot.")
            }
            Refusal::BotNotInConversationRoster => (
                403,
                "BotNotInConversationRoster",
                "The bot is not part of the conversation roster.",
            ),
            Refusal::BotDisabledByAdmin => {
                (403, "BotDisabledByAdmin", "The tenant admin disabled this bot")
            }
            Refusal::ForbiddenOperationException => (
                403,
                "ForbiddenOperationException",
                "User does not have the app installed or the operation is not allowed.",
            ),
            Refusal::InvalidBotApiHost => {
                (403, "InvalidBotApiHost", "Invalid bot api host for the tenant.")
            }
            Refusal::NotEnoughPermissions => {
                (403, "NotEnoughPermissions", "The bot cannot change this message.")
            }
            Refusal::MessageWritesBlocked => return Self::writes_blocked(),
            Refusal::ConversationNotFound => {
                (404, "ConversationNotFound", "Conversation not found.")
            }
            Refusal::ActivityNotFoundInConversation => {
                (404, "ActivityNotFoundInConversation", "The activity was not found.")
            }
            Refusal::MemberNotFoundInConversation => {
                (404, "MemberNotFoundInConversation", "The member was not found.")
            }
            Refusal::MethodNotAllowed => {
                (405, "MethodNotAllowed", "The requested resource does not support this method.")
            }
            Refusal::MessageSizeTooBig => (413, "MessageSizeTooBig", "Message size too large."),
        };
        Self::error(status, code, message)
    }

    /// The short form, of a layer before the service.
    fn denied() -> Self {
        let message = "Authorization has been denied for this request.";
        Self::json(401, &json!({ "message": message }))
    }

    /// The form of an older service: JSON in a string in JSON.
    fn writes_blocked() -> Self {
        let inner = "{\r\n  \"subCode\": \"MessageWritesBlocked\",\r\n  \"details\": \"Thread is not \
                     writable by the sender\",\r\n  \"errorCode\": null,\r\n  \"errorSubCode\": \
                     null\r\n}";
        let body = json!({"errorCode": 209, "message": inner});
        Self { code: Some("MessageWritesBlocked"), ..Self::json(403, &body) }
    }

    pub(super) fn response(self) -> Response {
        let status = StatusCode::from_u16(self.status).expect("statuses have three digits");
        let id = Uuid::from_u64_pair(0x5afe, u64::from(self.status)).to_string();
        let mut response = Response::builder()
            .status(status)
            .header("MS-CV", format!("{}.0", &id[..8]))
            .header("ContextId", format!("server={id}"))
            .header("X-Correlating-OperationId", id);
        if let Some(seconds) = self.retry_after {
            response = response.header(header::RETRY_AFTER, seconds);
        }
        if status == StatusCode::UNAUTHORIZED {
            response =
                response.header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        let body = match self.body {
            Some(body) => {
                response = response.header(header::CONTENT_TYPE, self.kind);
                Body::from(body)
            }
            None => Body::empty(),
        };
        response.body(body).expect("names and values are plain")
    }
}

/// The connection ends here.
pub(super) fn broken_off() -> Response {
    let failure: Result<Bytes, _> = Err(io::Error::from(io::ErrorKind::ConnectionReset));
    Response::new(Body::from_stream(stream::iter([failure])))
}
