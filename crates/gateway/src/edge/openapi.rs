//! `GET /openapi.json`: what this service serves, described for programs (`OpenAPI` 3.1).
//!
//! The description is a file beside this one, written by hand. The end-to-end tests compare it with
//! the routes in the code and with every refusal that they provoke.

use std::sync::Arc;

use axum::{Router, http::header, response::IntoResponse, routing::get};

use crate::edge::{Edge, answer::no_such_method};

/// The whole description.
const DESCRIPTION: &str = include_str!("openapi.json");

pub(crate) fn routes() -> Router<Arc<Edge>> {
    Router::new().route("/openapi.json", get(described).fallback(no_such_method))
}

async fn described() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DESCRIPTION)
}
