//! Refusals in the Connector's form: `{"error":{"code","message"}}` (reference 2.4).

use axum::{
    Json,
    extract::rejection::PathRejection,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bot_framework::{ActivityError, verify::VerifyError};
use serde_json::json;
use store::StoreError;

use crate::{
    edge::{answer::RefusalCode, body::BodyError},
    engine::EngineError,
    files::FileError,
};

/// Seconds after which there may be room for files again: those of before go after a day.
const ROOM_AFTER_S: &str = "600";

/// A bot is told no.
#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refused {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn no_conversation() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "ConversationNotFound",
            "this bot was never told of such a conversation; use conversation.id and serviceUrl of an activity that it received",
        )
    }

    pub(super) fn no_activity() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "ActivityNotFoundInConversation",
            "the bot sent no activity of this id in this conversation",
        )
    }

    pub(super) fn no_attachment() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "AttachmentNotFound",
            "the bot brought no such file, or more than a day ago; views are `original` and, if one was brought, `thumbnail`",
        )
    }

    /// The store or the keys fail; nothing was changed.
    pub(super) fn unreadable(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error, "what a bot asks for cannot be read");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "ServiceUnavailable",
            "the conversation cannot be read at the moment",
        )
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": { "code": self.code, "message": self.message } }));
        let mut response = (self.status, body).into_response();
        response.extensions_mut().insert(RefusalCode(self.code));
        let headers = response.headers_mut();
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                let soon = HeaderValue::from_static("1");
                headers.insert(header::RETRY_AFTER, soon);
            }
            StatusCode::TOO_MANY_REQUESTS => {
                let later = HeaderValue::from_static(ROOM_AFTER_S);
                headers.insert(header::RETRY_AFTER, later);
            }
            _ => {}
        }
        response
    }
}

impl From<EngineError> for Refused {
    fn from(error: EngineError) -> Self {
        let busy =
            |message| Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message);
        match error {
            EngineError::Rejected(
                rejected @ (session::Rejected::TooManyWaiting | session::Rejected::TooManyHeld),
            ) => Self::new(StatusCode::TOO_MANY_REQUESTS, "Throttled", rejected.to_string()),
            EngineError::Rejected(rejected) => {
                Self::new(StatusCode::BAD_REQUEST, "BadArgument", rejected.to_string())
            }
            EngineError::NotFound => Self::no_conversation(),
            EngineError::Busy | EngineError::Stopping => {
                busy("the gateway cannot take this now; nothing was taken, send it again")
            }
            EngineError::Failed(error) if !error.is_lasting() => {
                busy("the gateway cannot write at the moment; nothing was taken, send it again")
            }
            EngineError::Failed(_) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "ServiceError",
                "the gateway could not process this; nothing was changed",
            ),
        }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::unreadable(&error)
    }
}

impl From<FileError> for Refused {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Gone => Self::no_attachment(),
            // It was told of when it was found.
            _ if error.is_for_ever() => Self::new(
                StatusCode::GONE,
                "AttachmentDamaged",
                "the file was damaged where it is kept and cannot be had any more",
            ),
            FileError::Elsewhere(_) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "ServiceUnavailable",
                "files cannot be written or read at the moment; nothing was taken",
            ),
            FileError::ConversationFull | FileError::TenantFull | FileError::Full => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "Throttled", error.to_string())
            }
            FileError::Busy | FileError::NotScanned => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", error.to_string())
            }
            FileError::TooLarge { .. } | FileError::TooLargeToScan => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "MessageSizeTooBig", error.to_string())
            }
            FileError::Empty | FileError::NotAllowed | FileError::Infected => {
                Self::new(StatusCode::BAD_REQUEST, "BadArgument", error.to_string())
            }
            FileError::Disk(_) | FileError::Sealed(_) | FileError::Malformed => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a file of a bot's cannot be written or read"
                );
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "ServiceUnavailable",
                    "files cannot be written or read at the moment; nothing was taken",
                )
            }
        }
    }
}

impl From<BodyError> for Refused {
    fn from(error: BodyError) -> Self {
        let (status, code) = match error {
            BodyError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "MessageSizeTooBig"),
            BodyError::Slow => (StatusCode::REQUEST_TIMEOUT, "BadSyntax"),
            BodyError::BrokeOff => (StatusCode::BAD_REQUEST, "BadSyntax"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<ActivityError> for Refused {
    fn from(error: ActivityError) -> Self {
        let code = match error {
            ActivityError::NotJson
            | ActivityError::NotAnObject
            | ActivityError::DuplicateMember { .. }
            | ActivityError::TooDeep => "BadSyntax",
            ActivityError::MissingType => "MissingProperty",
            ActivityError::BadMember { .. } => "BadArgument",
        };
        Self::new(StatusCode::BAD_REQUEST, code, error.to_string())
    }
}

impl From<PathRejection> for Refused {
    fn from(_: PathRejection) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadArgument", "an id in the path is not UTF-8")
    }
}

impl From<VerifyError> for Refused {
    fn from(error: VerifyError) -> Self {
        if error.is_passing() {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a bot's token cannot be verified now"
            );
            return Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "ServiceUnavailable",
                "the keys for this token cannot be had at the moment; send it again",
            );
        }
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", error.to_string())
    }
}

pub(super) async fn no_method() -> Refused {
    Refused::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "MethodNotAllowed",
        "this channel does not have this operation",
    )
}

pub(super) async fn no_route() -> Refused {
    Refused::new(StatusCode::NOT_FOUND, "NotFound", "the Connector has no such route here")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bot_without_room_for_files_is_told_to_come_back_when_there_may_be_some() {
        for (error, status, after) in [
            (FileError::ConversationFull, 429, Some("600")),
            (FileError::Full, 429, Some("600")),
            (FileError::Malformed, 410, None),
            (FileError::Gone, 404, None),
        ] {
            let response = Refused::from(error).into_response();
            assert_eq!(response.status().as_u16(), status);
            let told = response.headers().get(header::RETRY_AFTER);
            assert_eq!(told.map(|value| value.to_str().unwrap()), after);
        }
    }
}
