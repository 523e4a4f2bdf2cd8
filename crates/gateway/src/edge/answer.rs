//! How a request is refused: a status, a machine code, a sentence for a person.

use std::time::Duration;

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;
use session::id::TenantId;

use crate::engine::EngineError;

/// After how long a caller that was told to come back may do so.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The machine code of what is refused for want of room on the gateway's own disk.
pub(crate) const DISK_FULL: &str = "disk_full";

/// The machine code of a refusal, beside the answer it is in: for whoever observes answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RefusalCode(pub(crate) &'static str);

/// The tenant at whose door it was, where the caller proved to be one of theirs: for the audit trail.
#[derive(Debug, Clone)]
pub(crate) struct RefusedBy(pub(crate) TenantId);

/// A refusal.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// What a 401 asks for (RFC 6750).
    challenge: &'static str,
    /// After how long a caller that was told to come back may do so.
    retry_after: Duration,
    /// At whose door, if that was proven.
    tenant: Option<Box<TenantId>>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            challenge: "Bearer",
            retry_after: RETRY_AFTER,
            tenant: None,
        }
    }

    /// The caller proved to be one of this tenant's, and is refused all the same.
    pub(crate) fn of(mut self, tenant: &TenantId) -> Self {
        self.tenant = Some(Box::new(tenant.clone()));
        self
    }

    /// A 401 that asks for something else than a bearer credential.
    pub(crate) fn asks_for(mut self, challenge: &'static str) -> Self {
        self.challenge = challenge;
        self
    }

    /// A caller that is told to come back has no use of it before so long.
    pub(crate) fn not_before(mut self, retry_after: Duration) -> Self {
        self.retry_after = retry_after;
        self
    }

    /// A credential was presented, and it is wrong: whoever is refused can tell that from one that
    /// got lost on the way.
    pub(crate) fn of_wrong_credential(self) -> Self {
        self.asks_for("Bearer error=\"invalid_token\"")
    }
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Rejected(rejected) => {
                let status = match rejected {
                    session::Rejected::TooManyHeld | session::Rejected::TooManyWaiting => {
                        StatusCode::TOO_MANY_REQUESTS
                    }
                    session::Rejected::UnknownRequest | session::Rejected::ForeignVariables => {
                        StatusCode::BAD_REQUEST
                    }
                };
                Self::new(status, rejected.code(), rejected.to_string())
            }
            EngineError::NotFound => {
                Self::new(StatusCode::NOT_FOUND, "not_found", "there is no such conversation")
            }
            EngineError::Busy => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "the gateway has too much to do; nothing was taken, send it again",
            ),
            EngineError::Stopping => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "stopping",
                "the gateway is restarting; nothing was taken, send it again",
            ),
            EngineError::Failed(error) if error.is_full() => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                DISK_FULL,
                "the gateway's disk is full; nothing was taken, send it again when there is room",
            ),
            // What exactly failed was logged where it failed. A store in trouble may be well again soon.
            EngineError::Failed(error) if !error.is_lasting() => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "store_unavailable",
                "the gateway cannot write at the moment; nothing was taken, send it again",
            ),
            EngineError::Failed(_) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "the gateway could not process this; nothing was changed",
            ),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { status, code, message, challenge, retry_after, tenant } = self;
        let body = Json(json!({ "error": { "code": code, "message": message } }));
        let mut response = (status, body).into_response();
        response.extensions_mut().insert(RefusalCode(code));
        if let Some(tenant) = tenant {
            response.extensions_mut().insert(RefusedBy(*tenant));
        }
        let headers = response.headers_mut();
        if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            headers.insert(header::RETRY_AFTER, retry_after.as_secs().into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static(challenge));
        }
        response
    }
}

/// For paths nobody serves.
pub(crate) async fn no_such_route() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "no_such_route", "nothing is served under this path")
}

/// For methods a path does not have.
pub(crate) async fn no_such_method() -> Refusal {
    Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this path does not take this method",
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::to_bytes;
    use serde_json::Value;
    use session::Rejected;
    use store::StoreError;

    use super::*;
    use crate::engine::BatchError;

    #[tokio::test]
    async fn every_trouble_of_the_engine_says_what_to_do() {
        let store = || BatchError::Store(StoreError::Database("disk error".into()));
        let full = StoreError::Full { folder: None, source: "no room".into() };
        for (error, status, code, comes_back) in [
            (EngineError::Busy, 503, "busy", true),
            (EngineError::Stopping, 503, "stopping", true),
            (EngineError::Failed(Arc::new(store())), 503, "store_unavailable", true),
            (EngineError::Failed(Arc::new(BatchError::Store(full))), 503, "disk_full", true),
            (EngineError::Rejected(Rejected::TooManyHeld), 429, "too_many_held", true),
            (EngineError::Rejected(Rejected::TooManyWaiting), 429, "too_many_waiting", true),
            (EngineError::Failed(Arc::new(BatchError::Panicked)), 500, "internal", false),
            (EngineError::NotFound, 404, "not_found", false),
        ] {
            let response = Refusal::from(error).into_response();
            assert_eq!(response.status().as_u16(), status, "{code}");
            let retry = response.headers().get(header::RETRY_AFTER);
            assert_eq!(retry.map(|value| value.to_str().unwrap()), comes_back.then_some("1"));
            let body = to_bytes(response.into_body(), 10_000).await.unwrap();
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["error"]["code"], code);
            assert!(body["error"]["message"].as_str().unwrap().len() > 20, "a sentence: {body}");
        }
    }
}
