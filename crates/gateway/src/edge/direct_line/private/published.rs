//! `/.well-known/warmline-keys`: the public keys that pages seal to.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;

use super::envelope::{SUITE, Suite, VERSION, encoded};
use crate::{
    clock::rfc3339,
    edge::{
        Edge,
        answer::{Refusal, no_such_method},
    },
};

/// Whoever passes it on asks each time: a key can be ended by order, and a page that is told so must get the new
/// one.
const CACHED: &str = "no-cache";

pub(crate) fn routes() -> Router<Arc<Edge>> {
    Router::new().route("/.well-known/warmline-keys", get(keys).fallback(no_such_method))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    v: u8,
    /// The gateway's clock, by which envelopes say when they were sealed.
    now: String,
    /// The first is the one to seal to.
    keys: Vec<Entry>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    kid: String,
    suite: Suite,
    public_key: String,
    /// After this it opens nothing.
    not_after: String,
}

async fn keys(State(edge): State<Arc<Edge>>) -> Response {
    let keys = match edge.direct_line.private.ring.keys().await {
        Ok(keys) => keys,
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "there are no keys for messages"
            );
            let message = "the keys cannot be had at the moment; ask again";
            return Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message).into_response();
        }
    };
    let keys = keys.iter().map(|kept| Entry {
        kid: kept.id.clone(),
        suite: SUITE,
        public_key: encoded(&kept.key.public()),
        not_after: rfc3339(kept.ends_at()),
    });
    let body = Document { v: VERSION, now: rfc3339(edge.clock.now()), keys: keys.collect() };
    let headers = [
        (header::CACHE_CONTROL, CACHED),
        // Pages of any site may look: there is nothing in it but what everybody may know.
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ];
    (headers, Json(body)).into_response()
}
