//! `GET /metrics`: the numbers, for Prometheus. Closed until somebody sets a token: who talks to
//! whom and how much is nobody's business but the operator's.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;

use crate::edge::{
    Edge,
    answer::{Refusal, no_such_method},
    callers::bearer,
};

pub(crate) fn routes() -> Router<Arc<Edge>> {
    Router::new().route("/metrics", get(numbers).fallback(no_such_method))
}

async fn numbers(State(edge): State<Arc<Edge>>, headers: HeaderMap) -> Response {
    match edge.doors.get().callers.may_scrape(&headers) {
        Some(true) => {}
        Some(false) => {
            let message = "the metrics need the header «Authorization: Bearer» and the value of \
                           WARMLINE_METRICS_TOKEN";
            let refusal = Refusal::new(StatusCode::UNAUTHORIZED, "unauthorized", message);
            let wrong = bearer(&headers).is_some();
            return if wrong { refusal.of_wrong_credential() } else { refusal }.into_response();
        }
        // As if there were no such route, in words: a scraper's owner must find out why.
        None => {
            let message = "the metrics are closed; set WARMLINE_METRICS_TOKEN, restart, and \
                           present it as «Authorization: Bearer»";
            return Refusal::new(StatusCode::NOT_FOUND, "metrics_closed", message).into_response();
        }
    }
    let (streams, queue) = (edge.open_streams.len(), edge.engine.waiting());
    let text = edge.observer.metrics(&edge.store, streams, queue).await;
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response()
}
