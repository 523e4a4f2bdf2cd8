//! Direct Line 3.0: what web pages call (`/v3/directline/…`).
//!
//! A secret opens the door for a site's own server; a token opens one conversation for one page.
//! The server behaves as the shipped clients need it, which is not always what the documents say
//! (reference 4): posts are answered as soon as they are stored, a stream is a read of the log from
//! a watermark, and a conversation that may be served again is never answered 404 or 403.

mod activities;
mod conversations;
mod places;
mod relay;
mod stream;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::rejection::{PathRejection, QueryRejection},
    http::{HeaderMap, HeaderName, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bot_framework::direct_line::{
    ErrorBody, ErrorCode, TOKEN_LIFETIME_S,
    token::{Claims, Purpose, TokenError, TokenKey},
};
use session::{
    Visitor,
    id::{BotId, ChannelId, ConversationKey, TenantId, UserId},
};
use store::StoreError;
use tower_http::cors::{AllowHeaders, Any, CorsLayer};

use crate::{
    clock::unix_seconds,
    edge::{
        Edge, answer::RefusalCode, body::BodyError, callers::bearer, direct_line::places::Places,
        doors::site_name,
    },
    engine::EngineError,
};

/// The channel's name in activities and in conversation keys.
pub(crate) const CHANNEL: &str = "directline";

/// The largest activity, in bytes (reference 4.7).
const ACTIVITY_BYTES_MAX: usize = 256 * 1024;

/// The largest body of a token or start request, in bytes.
const PARAMETERS_BYTES_MAX: usize = 16 * 1024;

/// The longest name of a user that is kept, in characters.
const NAME_CHARS_MAX: usize = 100;

/// How long a stream's ticket can be used to open it, in seconds (reference 4.3).
const TICKET_LIFETIME_S: u64 = 60;

/// How long browsers may remember the answer to a preflight, in seconds.
const PREFLIGHT_FOR_S: u64 = 3_600;

/// Direct Line's own things.
pub(crate) struct DirectLine {
    pub(crate) key: TokenKey,
    /// Streams open now.
    pub(crate) streams: Arc<Places>,
}

pub(crate) fn routes() -> Router<Arc<Edge>> {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([header::RETRY_AFTER, header::ETAG])
        .max_age(std::time::Duration::from_secs(PREFLIGHT_FOR_S));
    Router::new()
        .route("/tokens/generate", post(conversations::generate).fallback(no_method))
        .route("/tokens/refresh", post(conversations::refresh).fallback(no_method))
        .route("/conversations", post(conversations::start).fallback(no_method))
        .route("/conversations/{id}", get(conversations::reconnect).fallback(no_method))
        .route(
            "/conversations/{id}/activities",
            get(activities::read).post(activities::post).fallback(no_method),
        )
        .route("/conversations/{id}/stream", get(stream::open).fallback(no_method))
        .fallback(no_route)
        .layer(cors)
}

/// A refusal in Direct Line's form.
#[derive(Debug)]
pub(super) struct Refused {
    code: ErrorCode,
    message: String,
}

impl Refused {
    fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = self.status();
        let body = Json(ErrorBody::new(self.code, self.message));
        let mut response = (status, body).into_response();
        response.extensions_mut().insert(RefusalCode(self.code.as_str()));
        if matches!(self.code, ErrorCode::ServiceUnavailable | ErrorCode::TooManyRequests) {
            let soon = header::HeaderValue::from_static("1");
            response.headers_mut().insert(HeaderName::from_static("retry-after"), soon);
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

impl From<BodyError> for Refused {
    fn from(error: BodyError) -> Self {
        let code = match error {
            BodyError::TooLarge { .. } => ErrorCode::TooLarge,
            // Direct Line has no code for a slow body.
            BodyError::Slow | BodyError::BrokeOff => ErrorCode::BadArgument,
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
fn unreadable(error: &(dyn std::error::Error + 'static)) -> Refused {
    tracing::error!(error, "a conversation cannot be read");
    Refused::new(ErrorCode::ServiceUnavailable, "the conversation cannot be read at the moment")
}

async fn no_method() -> Refused {
    Refused::new(ErrorCode::MethodNotAllowed, "this path does not take this method")
}

async fn no_route() -> Refused {
    Refused::new(ErrorCode::NotFound, "Direct Line has no such route here")
}

/// Whoever calls, proven.
enum Caller {
    /// A site's own server.
    Site(TenantId, BotId),
    /// A page, for one conversation.
    Page(Claims),
}

impl Edge {
    fn caller(&self, headers: &HeaderMap) -> Result<Caller, Refused> {
        let doors = self.doors.get();
        if doors.sites.is_empty() {
            return Err(Refused::new(
                ErrorCode::Forbidden,
                "Direct Line is closed on this gateway; its operator opens it with DIRECT_LINE_SECRET",
            ));
        }
        let credential = bearer(headers).ok_or_else(|| {
            Refused::new(
                ErrorCode::NotAuthorized,
                "send «Authorization: Bearer» and a Direct Line secret or token",
            )
        })?;
        if let Some((tenant, bot)) = doors.callers.site(credential) {
            return Ok(Caller::Site(tenant.clone(), bot.clone()));
        }
        self.token(credential, Purpose::Token).map(Caller::Page)
    }

    /// The page that calls about this conversation.
    fn page(&self, headers: &HeaderMap, conversation: &str) -> Result<Claims, Refused> {
        match self.caller(headers)? {
            Caller::Page(claims) if claims.conversation == conversation => Ok(claims),
            Caller::Page(_) => {
                Err(Refused::new(ErrorCode::Forbidden, "the token is for another conversation"))
            }
            Caller::Site(..) => Err(Refused::new(
                ErrorCode::Forbidden,
                "this needs a token of the conversation, not the secret",
            )),
        }
    }

    fn token(&self, token: &str, purpose: Purpose) -> Result<Claims, Refused> {
        let now = u64::try_from(unix_seconds(self.clock.now())).unwrap_or(0);
        let claims = self.direct_line.key.verify(token, purpose, now).map_err(|error| {
            let code = match error {
                TokenError::Expired { .. } => ErrorCode::TokenExpired,
                TokenError::Malformed | TokenError::BadSignature | TokenError::WrongPurpose => {
                    ErrorCode::Forbidden
                }
            };
            Refused::new(code, error.to_string())
        })?;
        if self.doors.get().site(&claims.site).is_none() {
            return Err(Refused::new(
                ErrorCode::Forbidden,
                "the token belongs to a site that is no longer configured",
            ));
        }
        Ok(claims)
    }

    /// A fresh token or ticket with the same binding.
    fn mint(&self, claims: &Claims, purpose: Purpose, lifetime_s: u64) -> String {
        let now = u64::try_from(unix_seconds(self.clock.now())).unwrap_or(0);
        self.direct_line.key.mint(&Claims {
            purpose,
            issued_at: now,
            expires_at: now + lifetime_s,
            id: self.clock.fresh_id().simple().to_string(),
            ..claims.clone()
        })
    }

    /// What a conversation's pages share, for a new conversation of this site.
    fn binding(&self, tenant: &TenantId, bot: &BotId, user: Option<String>) -> Claims {
        Claims {
            conversation: self.clock.fresh_id().simple().to_string(),
            user,
            site: site_name(tenant, bot),
            purpose: Purpose::Token,
            issued_at: 0,
            expires_at: 0,
            id: String::new(),
        }
    }

    /// What the conversation of a token is found by.
    fn key_of(&self, claims: &Claims) -> Result<ConversationKey, Refused> {
        let doors = self.doors.get();
        let (tenant, bot) = doors.site(&claims.site).ok_or_else(|| {
            Refused::new(ErrorCode::Forbidden, "the token belongs to no site of this gateway")
        })?;
        let channel = ChannelId::new(CHANNEL).map_err(bad_id)?;
        Ok(ConversationKey {
            tenant: tenant.clone(),
            channel,
            bot: bot.clone(),
            conversation: claims.conversation.as_str().into(),
            user: claims.user.as_deref().unwrap_or_default().into(),
        })
    }
}

impl Edge {
    /// The base of addresses that are given out, as clients reach this service.
    fn base(&self, headers: &HeaderMap) -> Result<String, Refused> {
        if let Some(url) = &self.doors.get().public_url {
            return Ok(url.trim_end_matches('/').to_owned());
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        host.map(|host| format!("http://{host}")).ok_or_else(|| {
            Refused::new(ErrorCode::BadArgument, "the request carries no Host header")
        })
    }
}

/// The user as the desk will know them: the id that the token binds, else the conversation's own.
/// Never an id that a page merely claims. The name is for display only.
fn visitor(claims: &Claims, name: Option<String>) -> Result<Visitor, Refused> {
    let user = UserId::new(claims.user.as_deref().unwrap_or(&claims.conversation));
    // A page says it; it is kept in the state and shown to the agent.
    let name =
        name.map(|name| name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect());
    Ok(Visitor { user: user.map_err(bad_id)?, email: None, name })
}

fn bad_id(error: session::id::IdError) -> Refused {
    Refused::new(ErrorCode::BadArgument, error.to_string())
}

/// The lifetime of tokens, in seconds; what clients assume.
const LIFETIME_S: u64 = TOKEN_LIFETIME_S as u64;

#[cfg(test)]
mod tests {
    use axum::{
        extract::{FromRequestParts, Path, Query, Request},
        http::Uri,
    };

    use super::*;

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
            (BodyError::Slow, 400),
            (BodyError::BrokeOff, 400),
        ] {
            assert_eq!(Refused::from(error).into_response().status().as_u16(), status);
        }
    }
}
