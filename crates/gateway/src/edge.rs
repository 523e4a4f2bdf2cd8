//! What the outside calls. Edges parse, authenticate and answer; they decide nothing.
//!
//! | module | routes |
//! | --- | --- |
//! | [`webhook`] | `POST /api/v1/snowBot/receiveMessage` |
//! | [`direct_line`] | `/v3/directline/…` |
//! | [`health`] | `/healthz`, `/readyz` |

pub(crate) mod answer;
pub(crate) mod body;
pub(crate) mod callers;
pub(crate) mod direct_line;
pub(crate) mod health;
pub(crate) mod webhook;

use std::{convert::Infallible, pin::Pin, sync::Arc};

use axum::{
    Router,
    extract::MatchedPath,
    http::{Method, Request},
    middleware::{self, Next},
    response::Response,
};
use hyper::{body::Incoming, service::Service};
use hyper_util::service::TowerToHyperService;
use store::Store;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use vault::Vault;

use crate::{
    clock::Clock, desk::news::Wording, edge::callers::Callers, edge::direct_line::DirectLine,
    engine::Engine, gaps::Gaps, presence::Presence, trace::Tracing, wakes::Wakes,
};

/// What every edge works with.
pub(crate) struct Edge {
    pub(crate) engine: Engine,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) clock: Clock,
    pub(crate) wakes: Arc<Wakes>,
    pub(crate) gaps: Arc<Gaps>,
    pub(crate) callers: Callers,
    pub(crate) wording: Wording,
    pub(crate) direct_line: DirectLine,
    pub(crate) presence: Arc<Presence>,
    pub(crate) tracing: Tracing,
    pub(crate) stopping: CancellationToken,
    /// Holds a token for each open stream: the server forgets connections that were upgraded.
    pub(crate) open_streams: TaskTracker,
}

/// Answers every request there is.
#[derive(Clone)]
pub(crate) struct Front {
    edge: Arc<Edge>,
    router: TowerToHyperService<Router>,
}

impl Front {
    pub(crate) fn new(edge: Arc<Edge>) -> Self {
        Self { router: TowerToHyperService::new(router(Arc::clone(&edge))), edge }
    }
}

impl Service<Request<Incoming>> for Front {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        if webhook::is_callback(&request) {
            let answer = webhook::answer(Arc::clone(&self.edge), request);
            return Box::pin(async { Ok(answer.await) });
        }
        Box::pin(self.router.call(request))
    }
}

fn router(edge: Arc<Edge>) -> Router {
    Router::new()
        .merge(webhook::routes())
        .nest("/v3/directline", direct_line::routes())
        .merge(health::routes())
        .fallback(answer::no_such_route)
        .with_state(edge)
        .layer(middleware::from_fn(log_request))
}

async fn log_request(
    route: Option<MatchedPath>,
    request: axum::extract::Request,
    next: Next,
) -> Response {
    let method = request.method().clone();
    let route = route.as_ref().map_or("(no route)", MatchedPath::as_str);
    log_answer(&method, route, next.run(request)).await
}

/// One line for each finished request. The route, never the path or the query: they hold ids and
/// tickets, and whatever strangers make up.
async fn log_answer(
    method: &Method,
    route: &str,
    answer: impl Future<Output = Response>,
) -> Response {
    let began = tokio::time::Instant::now();
    let response = answer.await;
    tracing::info!(
        http.method = %method,
        http.route = route,
        http.status = response.status().as_u16(),
        duration_ms = began.elapsed().as_millis(),
        "a request was answered"
    );
    response
}
