//! Liveness and readiness. Ready means that the store answers and the lanes were taken over; never
//! that ServiceNow is well: restarting the gateway would not cure it.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;
use store::Store;

use crate::{
    edge::{
        Edge,
        answer::{Refusal, no_such_method},
    },
    files::PlaceSeen,
};

pub(crate) fn routes() -> Router<Arc<Edge>> {
    Router::new()
        .route("/healthz", get(alive).fallback(no_such_method))
        .route("/readyz", get(ready).fallback(no_such_method))
}

async fn alive() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

async fn ready(State(edge): State<Arc<Edge>>) -> Response {
    if edge.stopping.is_cancelled() {
        return not_ready("stopping", "the gateway is stopping");
    }
    match crate::blocking(&edge.store, <dyn Store>::ping).await {
        Ok(()) => Json(ready_with(edge.files.place_seen())).into_response(),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the store does not answer");
            not_ready("store", "the store does not answer; see the log")
        }
    }
}

/// Files that are away are told, and take nobody out of service: chats go on without them.
fn ready_with(files: PlaceSeen) -> serde_json::Value {
    match files {
        PlaceSeen::Known => json!({ "status": "ready" }),
        PlaceSeen::Absent | PlaceSeen::Other | PlaceSeen::Unknown => {
            json!({ "status": "ready", "files": files.word() })
        }
    }
}

fn not_ready(code: &'static str, message: &'static str) -> Response {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, code, message).into_response()
}
