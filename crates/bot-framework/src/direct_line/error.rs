//! The body of every answer that is not a success.

use serde::{Serialize, Serializer, ser::SerializeStruct};

/// The stable codes of Direct Line's errors. The names that Azure uses are used for what Azure uses
/// them for (reference 4.1); the rest are ours, in the same style. What is said of sealed messages is
/// Warmline's own, and spelt as its codes are everywhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// 400: something in the request is malformed.
    BadArgument,
    /// 400: something required is not there.
    MissingProperty,
    /// 401: no `Authorization`, or not a bearer's.
    NotAuthorized,
    /// 403: a wrong secret or token, or one for another conversation.
    Forbidden,
    /// 403: a token past its end. Clients give up for good on this one (reference 4.4).
    TokenExpired,
    /// 404: no such conversation or route. Never for a conversation that may be served again.
    NotFound,
    /// 405: the route exists for another method.
    MethodNotAllowed,
    /// 409: already started.
    Conflict,
    /// 408: the body comes too slowly, or not at all.
    TooSlow,
    /// 413: the body is too large.
    TooLarge,
    /// 429: too many requests; send `Retry-After` with it.
    TooManyRequests,
    /// 500: a fault of ours.
    ServiceError,
    /// 502: the bot failed.
    BotError,
    /// 502: the bot refused the activity.
    BotRejectedActivity,
    /// 400: sealed to a key that is not there (any more): fetch the keys again.
    UnknownKey,
    /// 400: a suite, or a version of envelopes, that is not spoken here.
    UnknownSuite,
    /// 400: sealed to another key, for another place, or changed since.
    DoesNotOpen,
    /// 409: an envelope that was taken already, or is too old to know: seal anew.
    Replayed,
    /// 400: in the clear, where only sealed messages pass.
    EncryptionRequired,
    /// 503: starting, draining or full; clients come back on their own.
    ServiceUnavailable,
}

impl ErrorCode {
    /// The code on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorCode::BadArgument => "BadArgument",
            ErrorCode::MissingProperty => "MissingProperty",
            ErrorCode::NotAuthorized => "NotAuthorized",
            ErrorCode::Forbidden => "Forbidden",
            ErrorCode::TokenExpired => "TokenExpired",
            ErrorCode::NotFound => "NotFound",
            ErrorCode::MethodNotAllowed => "MethodNotAllowed",
            ErrorCode::Conflict => "Conflict",
            ErrorCode::TooSlow => "TooSlow",
            ErrorCode::TooLarge => "TooLarge",
            ErrorCode::TooManyRequests => "TooManyRequests",
            ErrorCode::ServiceError => "ServiceError",
            ErrorCode::BotError => "BotError",
            ErrorCode::BotRejectedActivity => "BotRejectedActivity",
            ErrorCode::UnknownKey => "unknown_key",
            ErrorCode::UnknownSuite => "unknown_suite",
            ErrorCode::DoesNotOpen => "does_not_open",
            ErrorCode::Replayed => "replayed",
            ErrorCode::EncryptionRequired => "encryption_required",
            ErrorCode::ServiceUnavailable => "ServiceUnavailable",
        }
    }

    /// The HTTP status that goes with the code.
    pub fn status(self) -> u16 {
        match self {
            ErrorCode::BadArgument
            | ErrorCode::MissingProperty
            | ErrorCode::UnknownKey
            | ErrorCode::UnknownSuite
            | ErrorCode::DoesNotOpen
            | ErrorCode::EncryptionRequired => 400,
            ErrorCode::NotAuthorized => 401,
            ErrorCode::Forbidden | ErrorCode::TokenExpired => 403,
            ErrorCode::NotFound => 404,
            ErrorCode::MethodNotAllowed => 405,
            ErrorCode::Conflict | ErrorCode::Replayed => 409,
            ErrorCode::TooSlow => 408,
            ErrorCode::TooLarge => 413,
            ErrorCode::TooManyRequests => 429,
            ErrorCode::ServiceError => 500,
            ErrorCode::BotError | ErrorCode::BotRejectedActivity => 502,
            ErrorCode::ServiceUnavailable => 503,
        }
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// `{"error":{"code","message"}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorBody {
    /// What a program branches on.
    pub code: ErrorCode,
    /// What a person reads; may change at any time.
    pub message: String,
}

impl ErrorBody {
    /// A body with a code and a sentence.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> ErrorBody {
        ErrorBody { code, message: message.into() }
    }
}

impl Serialize for ErrorBody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Inner<'a> {
            code: ErrorCode,
            message: &'a str,
        }
        let mut outer = serializer.serialize_struct("ErrorBody", 1)?;
        outer.serialize_field("error", &Inner { code: self.code, message: &self.message })?;
        outer.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_wrapped_and_its_code_is_spelt_as_azure_does() {
        let body = ErrorBody::new(ErrorCode::TokenExpired, "the token has expired");
        assert_eq!(
            serde_json::to_string(&body).expect("JSON"),
            r#"{"error":{"code":"TokenExpired","message":"the token has expired"}}"#
        );
        assert_eq!(body.code.status(), 403);
    }
}
