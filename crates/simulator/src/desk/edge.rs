//! The desk page and its HTTP API, for the same machine only.
//!
//! ```text
//! GET  /desk                          the page
//! GET  /desk/api/state, …/events      see [`state`]
//! POST /desk/api/chats/{id}/{order}   see [`orders`], and so for the next three
//! GET  /desk/api/controls             what can be shown in a chat, see [`shows`]
//! POST /desk/api/chats/{id}/file      an agent sends the body as a file
//! POST /desk/api/agents/{id}
//! POST /desk/api/queues/{id}
//! POST /desk/api/settings
//! GET  /desk/api/faults               also POST and DELETE, see [`fault_orders`]
//! ```
//!
//! Owns the routes, the page, and what a refusal looks like.

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path},
    http::{StatusCode, header},
    middleware,
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;

use super::{Desk, fault_orders, guard, orders, shows, state};
use crate::{instance::DeskError, pages};

/// The largest body of an order, in bytes: far above what a person types.
const BODY_MAX: usize = 64 * 1024;

const NOT_BUILT: &str = "<!doctype html><meta charset=utf-8><title>Desk</title><p>The pages are \
                         not built. Run <code>cargo xtask demo</code>, which builds the pages \
                         (needs Node).</p>\n";

/// The page, the API and the files of all built pages.
pub(crate) fn routes(desk: Desk) -> Router {
    Router::new()
        .route("/desk", get(desk_page))
        .route("/desk/api/state", get(state::state))
        .route("/desk/api/events", get(state::events))
        .route("/desk/api/settings", post(orders::settings))
        .route(
            "/desk/api/faults",
            get(fault_orders::list).post(fault_orders::inject).delete(fault_orders::clear),
        )
        .route("/desk/api/controls", get(shows::list))
        .route("/desk/api/chats/{id}/{order}", post(orders::to_chat))
        .route("/desk/api/agents/{id}", post(orders::to_agent))
        .route("/desk/api/queues/{id}", post(orders::to_queue))
        .layer(middleware::from_fn(guard::only_local))
        .route("/assets/{*path}", get(asset))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(desk.clone())
        // Merged behind the limit of orders: a file has a limit of its own.
        .merge(shows::routes("/desk/api", desk).layer(middleware::from_fn(guard::only_local)))
}

/// A refusal as the page gets it: `{"error":{"code","message"}}`.
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"error": {"code": self.code, "message": self.message}});
        (self.status, Json(body)).into_response()
    }
}

impl From<DeskError> for Refusal {
    fn from(error: DeskError) -> Self {
        let (status, code) = match error {
            DeskError::UnknownChat => (StatusCode::NOT_FOUND, "unknown_chat"),
            DeskError::NotOffered => (StatusCode::CONFLICT, "not_offered"),
            DeskError::NotLive => (StatusCode::CONFLICT, "not_live"),
            DeskError::NotCancelled => (StatusCode::CONFLICT, "not_cancelled"),
            DeskError::TooMuch => (StatusCode::CONFLICT, "too_much"),
            DeskError::EmptyText => (StatusCode::BAD_REQUEST, "empty_text"),
            DeskError::UnknownAgent => (StatusCode::NOT_FOUND, "unknown_agent"),
            DeskError::UnknownQueue => (StatusCode::NOT_FOUND, "unknown_queue"),
            DeskError::OfferedToOther => (StatusCode::CONFLICT, "offered_to_other"),
            DeskError::AgentAway => (StatusCode::CONFLICT, "agent_away"),
            DeskError::AlreadyTheirs => (StatusCode::CONFLICT, "already_theirs"),
            DeskError::NobodyThere => (StatusCode::CONFLICT, "nobody_there"),
        };
        Self { status, code, message: error.to_string() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mode {
    Person,
    Scripted,
    Nobody,
}

async fn desk_page() -> Response {
    match pages::page("desk.html") {
        Some((_, bytes)) => Html(bytes.into_owned()).into_response(),
        None => Html(NOT_BUILT).into_response(),
    }
}

async fn asset(Path(path): Path<String>) -> Response {
    match pages::page(&format!("assets/{path}")) {
        Some((kind, bytes)) => ([(header::CONTENT_TYPE, kind)], bytes.into_owned()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal {
        status: StatusCode::BAD_REQUEST,
        code: "bad_body",
        message: format!("the body is not what this order takes: {error}"),
    })
}
