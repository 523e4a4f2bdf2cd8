//! Liveness and readiness. Ready means that the store answers and has room, and the lanes were taken over; never
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
        answer::{DISK_FULL, Refusal, no_such_method},
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
    of_store(&edge.store, edge.files.place_seen()).await
}

async fn of_store(store: &Arc<dyn Store>, files: PlaceSeen) -> Response {
    match crate::blocking(store, <dyn Store>::ping).await {
        Ok(()) => Json(ready_with(files)).into_response(),
        // Which folder's is for its operators: in the log, and for `warmline health`.
        Err(error) if error.is_full() => {
            tracing::error!(error = &error as &dyn std::error::Error, "nothing can be taken in");
            not_ready(
                DISK_FULL,
                "the disk of the data directory is full, and nothing is taken in before there is room; \
                 the log names the directory",
            )
        }
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

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use serde_json::Value;

    use super::*;
    use crate::bed::{Bed, Fault};

    #[tokio::test]
    async fn a_gateway_without_room_is_alive_and_not_ready() {
        let bed = Bed::new();
        let store = Arc::clone(&bed.store) as Arc<dyn Store>;
        assert_eq!(of_store(&store, PlaceSeen::Known).await.status(), StatusCode::OK);
        bed.store.set(Fault::Full);
        let answer = of_store(&store, PlaceSeen::Known).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let body = to_bytes(answer.into_body(), 10_000).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"]["code"], DISK_FULL);
        assert!(!body.to_string().contains("/a/folder"), "nobody is told where it is: {body}");
        assert_eq!(alive().await.0["status"], "ok");
        bed.store.set(Fault::None);
        assert_eq!(of_store(&store, PlaceSeen::Known).await.status(), StatusCode::OK);
    }
}
