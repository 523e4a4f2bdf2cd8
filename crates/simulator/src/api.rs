//! The doors that a real instance has: the token endpoint, the Bot Integration resource, the media
//! API, and the tables that missed messages, agents' presence and the way of callbacks are read from.
//!
//! Owns statuses, headers and bodies of the immediate answers (reference 4 and 7.1). What a request
//! leads to is the worker's business, and comes after the answer.

mod access;
mod integration;
pub(crate) mod media;
mod multipart;
mod provider;
mod signature;
mod table;
mod token;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::{any, get, post},
};
use serde_json::{Value, json};

use crate::shared::Shared;

/// The largest body either endpoint reads, in bytes.
const BODY_MAX: usize = 1024 * 1024;

/// What an instance shows while it is away, with 503.
const MAINTENANCE: &str = "<!doctype html><title>Instance unavailable</title><p>This instance is \
                           being restarted. Please try again later.</p>\n";

/// What a developer instance shows while it sleeps, with 200 or 503.
const HIBERNATING: &str = "<!doctype html><title>Instance Hibernating page</title><p>Your \
                           instance is hibernating. Sign in to the developer site to wake it.</p>\n";

/// The routes of the instance itself.
pub(crate) fn routes(shared: Arc<Shared>) -> Router {
    let resource = servicenow::request::PATH;
    Router::new()
        .route("/oauth_token.do", post(token::grant))
        .route(resource, post(integration::receive).fallback(wrong_method))
        // There is no `…/disconnect` in any release, whatever a diagram says.
        .route(&format!("{resource}/{{*rest}}"), any(no_such_resource))
        .route("/api/now/cccif/media/upload", upload().fallback(wrong_method))
        .route("/api/now/v1/cccif/media/upload", upload().fallback(wrong_method))
        .route(&format!("{}/{{key}}", crate::media::PATH), get(media::load).fallback(wrong_method))
        .route("/sys_attachment.do", get(media::attachment).fallback(wrong_method))
        .route("/{picture}", get(media::picture).fallback(wrong_method))
        .route(table::PATH, get(table::read).fallback(wrong_method))
        .route(provider::PATH, get(provider::read).fallback(wrong_method))
        .route(table::presence::PATH, get(table::presence::read).fallback(wrong_method))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(shared)
}

fn upload() -> axum::routing::MethodRouter<Arc<Shared>> {
    // The profile says how large a file may be.
    post(media::upload).layer(DefaultBodyLimit::disable())
}

/// An immediate answer.
struct Answer {
    status: StatusCode,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

enum Body {
    Json(Value),
    Html(&'static str),
    Text(&'static str),
}

impl Answer {
    fn json(status: StatusCode, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Body::Json(body) }
    }

    fn html(status: StatusCode, page: &'static str) -> Self {
        Self { status, headers: Vec::new(), body: Body::Html(page) }
    }

    /// What the platform says when it refuses.
    fn refusal(status: StatusCode, message: &str, detail: &str) -> Self {
        let body = json!({"error": {"message": message, "detail": detail}, "status": "failure"});
        Self::json(status, body)
    }

    fn unauthenticated() -> Self {
        let (message, detail) = ("User Not Authenticated", "Required to provide Auth information");
        Self::refusal(StatusCode::UNAUTHORIZED, message, detail)
    }

    /// The user is known and lacks a role, or an ACL forbids it.
    fn unauthorized() -> Self {
        let (message, detail) = ("User Not Authorized", "Failed API level ACL Validation");
        Self::refusal(StatusCode::FORBIDDEN, message, detail)
    }

    fn down() -> Self {
        Self::html(StatusCode::SERVICE_UNAVAILABLE, MAINTENANCE)
    }

    /// The body as the ledger keeps it.
    fn recorded(&self) -> Value {
        match &self.body {
            Body::Json(body) => body.clone(),
            Body::Html(text) | Body::Text(text) => (*text).into(),
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = match self.body {
            Body::Json(body) => {
                let kind = [(header::CONTENT_TYPE, "application/json;charset=UTF-8")];
                (self.status, kind, body.to_string()).into_response()
            }
            Body::Html(page) => (self.status, Html(page)).into_response(),
            Body::Text(text) => (self.status, text).into_response(),
        };
        for (name, value) in self.headers {
            let value = value.try_into().expect("letters, digits and spaces make a header value");
            response.headers_mut().append(name, value);
        }
        response
    }
}

async fn wrong_method() -> Response {
    let message = "Method not supported";
    let detail = "This resource does not take that method";
    Answer::refusal(StatusCode::METHOD_NOT_ALLOWED, message, detail).into_response()
}

async fn no_such_resource() -> Response {
    let detail = "Requested URI does not represent any resource";
    Answer::refusal(StatusCode::NOT_FOUND, detail, detail).into_response()
}
