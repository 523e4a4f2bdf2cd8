//! `GET /api/now/table/sys_cs_provider`: how the administrator set up the provider of this API.
//!
//! Owns one row with what exists here. Queries are not understood: there is one provider, and
//! whoever asks for another gets it, too.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{Answer, access};
use crate::shared::Shared;

pub(super) const PATH: &str = "/api/now/table/sys_cs_provider";

pub(super) async fn read(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    if shared.is_away() {
        return Answer::down().into_response();
    }
    if !access::is_authenticated(&shared, &headers) {
        return Answer::unauthenticated().into_response();
    }
    if !shared.may_read_provider {
        return Answer::unauthorized().into_response();
    }
    let ordered = shared.lock().gates.maintain_ordering;
    // The Table API writes yes and no as text.
    let row = json!({
        "sys_id": "4c1f3a5e1b0d4110b2f0a6a8cc4bcb7e",
        "name": "VA Bot to Bot Provider",
        "maintain_message_ordering": ordered.to_string(),
    });
    Answer::json(StatusCode::OK, json!({"result": [row]})).into_response()
}
