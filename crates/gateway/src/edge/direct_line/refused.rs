//! How pages are refused: Azure's codes, and when to come back.

use axum::{
    Json,
    extract::rejection::{PathRejection, QueryRejection},
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use bot_framework::direct_line::{ErrorBody, ErrorCode};
use session::id::TenantId;
use store::StoreError;

use crate::{
    edge::{
        answer::{RefusalCode, RefusedBy},
        body::BodyError,
        direct_line::origins::Untrusted,
    },
    engine::EngineError,
    masking::NotMasked,
};

/// A refusal in Direct Line's form.
#[derive(Debug)]
pub(crate) struct Refused {
    code: ErrorCode,
    message: String,
    /// The page is of an origin that is not trusted, so it must not read this either.
    untrusted: bool,
    /// Whose page it is, if that was proven.
    tenant: Option<Box<TenantId>>,
}

impl Refused {
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), untrusted: false, tenant: None }
    }

    /// The page proved to be one of this tenant's, and is refused all the same.
    pub(super) fn of(self, tenant: &TenantId) -> Self {
        Self { tenant: Some(Box::new(tenant.clone())), ..self }
    }

    /// A page that may not call.
    pub(super) fn untrusted(message: String) -> Self {
        Self { untrusted: true, ..Self::new(ErrorCode::Forbidden, message) }
    }

    /// The same where it matters that another credential may open what this one does not.
    pub(super) fn of_credential(self) -> Self {
        match self.code {
            ErrorCode::Forbidden | ErrorCode::TokenExpired => {
                Self { code: ErrorCode::NotAuthorized, ..self }
            }
            _ => self,
        }
    }

    /// Whether it passes by itself.
    pub(super) fn passes(&self) -> bool {
        matches!(self.code, ErrorCode::ServiceUnavailable)
    }

    /// Whether it passes as soon as whoever calls goes slower.
    pub(super) fn is_too_fast(&self) -> bool {
        matches!(self.code, ErrorCode::TooManyRequests)
    }

    pub(super) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = self.status();
        let body = Json(ErrorBody::new(self.code, self.message));
        let mut response = (status, body).into_response();
        response.extensions_mut().insert(RefusalCode(self.code.as_str()));
        if let Some(tenant) = self.tenant {
            response.extensions_mut().insert(RefusedBy(*tenant));
        }
        if self.untrusted {
            response.extensions_mut().insert(Untrusted);
        }
        if matches!(self.code, ErrorCode::ServiceUnavailable | ErrorCode::TooManyRequests) {
            let soon = header::HeaderValue::from_static("1");
            response.headers_mut().insert(HeaderName::from_static("retry-after"), soon);
        }
        if status == StatusCode::UNAUTHORIZED {
            // No browser has a dialog for it, and a program learns what is asked for (RFC 9110).
            let asked = header::HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, asked);
        }
        response
    }
}

impl From<EngineError> for Refused {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Rejected(
                full @ (session::Rejected::TooManyHeld | session::Rejected::TooManyWaiting),
            ) => Self::new(ErrorCode::TooManyRequests, full.to_string()),
            EngineError::Rejected(rejected) => {
                Self::new(ErrorCode::BadArgument, rejected.to_string())
            }
            EngineError::Busy | EngineError::Stopping => Self::new(
                ErrorCode::ServiceUnavailable,
                "the gateway cannot take this now; nothing was taken, send it again",
            ),
            EngineError::Failed(error) if error.is_full() => Self::new(
                ErrorCode::ServiceUnavailable,
                "the gateway's disk is full; nothing was taken, send it again when there is room",
            ),
            EngineError::Failed(error) if !error.is_lasting() => Self::new(
                ErrorCode::ServiceUnavailable,
                "the gateway cannot write at the moment; nothing was taken, send it again",
            ),
            EngineError::NotFound | EngineError::Failed(_) => Self::new(
                ErrorCode::ServiceError,
                "the gateway could not process this; nothing was changed",
            ),
        }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        unreadable(&error)
    }
}

impl From<NotMasked> for Refused {
    fn from(error: NotMasked) -> Self {
        Self::new(ErrorCode::ServiceUnavailable, error.to_string())
    }
}

impl From<BodyError> for Refused {
    fn from(error: BodyError) -> Self {
        let code = match error {
            BodyError::TooLarge { .. } => ErrorCode::TooLarge,
            BodyError::Slow => ErrorCode::TooSlow,
            BodyError::BrokeOff => ErrorCode::BadArgument,
        };
        Self::new(code, error.to_string())
    }
}

impl From<PathRejection> for Refused {
    fn from(_: PathRejection) -> Self {
        Self::new(ErrorCode::BadArgument, "the conversation id in the path is not UTF-8")
    }
}

impl From<QueryRejection> for Refused {
    fn from(_: QueryRejection) -> Self {
        Self::new(ErrorCode::BadArgument, "the query cannot be read; name each parameter once")
    }
}

/// The store or the keys fail; the client comes back by itself on a 503 (reference 4.4).
pub(super) fn unreadable(error: &(dyn std::error::Error + 'static)) -> Refused {
    tracing::error!(error, "a conversation cannot be read");
    Refused::new(ErrorCode::ServiceUnavailable, "the conversation cannot be read at the moment")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::{
        extract::{FromRequestParts, Path, Query, Request},
        http::Uri,
    };

    use super::*;
    use crate::edge::direct_line::conversations;

    #[test]
    fn words_for_which_there_is_no_room_are_answered_429_and_when_to_come_back() {
        for full in [session::Rejected::TooManyHeld, session::Rejected::TooManyWaiting] {
            let response = Refused::from(EngineError::Rejected(full)).into_response();
            assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS, "{full:?}");
            assert_eq!(response.headers()[header::RETRY_AFTER], "1", "{full:?}");
        }
    }

    #[test]
    fn a_query_that_cannot_be_read_is_refused_in_direct_lines_form() {
        let uri =
            Uri::from_static("/v3/directline/conversations/c/activities?watermark=1&watermark=2");
        let rejection = Query::<conversations::Reading>::try_from_uri(&uri).unwrap_err();
        assert_eq!(Refused::from(rejection).code, ErrorCode::BadArgument);
    }

    #[tokio::test]
    async fn a_path_that_cannot_be_read_is_refused_in_direct_lines_form() {
        let (mut parts, ()) = Request::new(()).into_parts();
        let rejection = Path::<String>::from_request_parts(&mut parts, &()).await.unwrap_err();
        assert_eq!(Refused::from(rejection).code, ErrorCode::BadArgument);
    }

    #[tokio::test]
    async fn every_trouble_of_the_engine_is_told_to_pages() {
        let store = crate::engine::BatchError::Store(StoreError::Database("disk full".into()));
        let away = (503, "ServiceUnavailable", true);
        let full = (429, "TooManyRequests", true);
        for (error, (status, code, comes_back)) in [
            (EngineError::Busy, away),
            (EngineError::Stopping, away),
            (EngineError::Failed(Arc::new(store)), away),
            (EngineError::Rejected(session::Rejected::TooManyHeld), full),
            (EngineError::Rejected(session::Rejected::TooManyWaiting), full),
            // Never 404 or 403: pages would give the conversation up.
            (EngineError::NotFound, (500, "ServiceError", false)),
        ] {
            let response = Refused::from(error).into_response();
            assert_eq!(response.status().as_u16(), status);
            let retry = response.headers().get(header::RETRY_AFTER);
            assert_eq!(retry.map(|value| value.to_str().unwrap()), comes_back.then_some("1"));
            let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["error"]["code"], code);
            assert!(body["error"]["message"].as_str().unwrap().len() > 20, "a sentence: {body}");
        }
    }

    #[test]
    fn a_body_is_refused_by_what_is_wrong_with_it() {
        for (error, status) in [
            (BodyError::TooLarge { limit: 1 }, 413),
            (BodyError::Slow, 408),
            (BodyError::BrokeOff, 400),
        ] {
            assert_eq!(Refused::from(error).into_response().status().as_u16(), status);
        }
    }
}
