//! The demo page's server: the page, what it needs to open a conversation, what happens as it
//! happens, and the one order that it takes. For this machine's own pages only, like the desk.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    middleware,
    response::{
        Html, IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::{get, post},
};
use futures_util::{Stream, stream};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::{
    feed::{Feed, Mark},
    gateway::Kill,
};

/// What the page's server knows.
pub(super) struct Page {
    pub(super) gateway: SocketAddr,
    pub(super) direct_line_secret: SecretString,
    pub(super) client: reqwest::Client,
    pub(super) feed: Arc<Feed>,
    pub(super) kill: mpsc::Sender<Kill>,
}

pub(super) fn routes(page: Arc<Page>) -> Router {
    Router::new()
        .route("/", get(document))
        .route("/demo/config.json", get(config))
        .route("/demo/api/feed", get(feed))
        .route("/demo/api/kill", post(kill))
        .layer(middleware::from_fn(simulator::only_local))
        .with_state(page)
}

async fn document() -> Response {
    match simulator::page("demo.html") {
        Some((mime, bytes)) => ([(header::CONTENT_TYPE, mime)], bytes.into_owned()).into_response(),
        None => Html(
            "<!doctype html><html lang=\"en\"><title>Warmline</title><p>The pages are not built. \
             Run <code>cargo xtask demo</code>; it builds them and needs Node.</p></html>",
        )
        .into_response(),
    }
}

/// A fresh token for the page: a user of its own, known to the gateway by it.
async fn config(State(page): State<Arc<Page>>) -> Response {
    let user = format!("dl_demo-{:08x}", fastrand::u32(..));
    match page.token(&user).await {
        Ok(token) => Json(json!({
            "directLine": format!("http://{}/v3/directline", page.gateway),
            "token": token["token"],
            "conversationId": token["conversationId"],
            // By it the page finds its own chat at the desk.
            "deskUserId": user,
        }))
        .into_response(),
        Err(error) => {
            let message = format!("the gateway does not answer: {error}");
            refusal(StatusCode::SERVICE_UNAVAILABLE, "gateway_away", &message)
        }
    }
}

/// From where a page wants to be told.
#[derive(Deserialize)]
struct Wanted {
    /// The mark of an event.
    after: Option<String>,
}

/// What happens, as server-sent events: `passage`, `gateway`, `link`, `missed`. With `after`, or what a
/// browser sends that has lost its connection, what happened since then comes first.
async fn feed(
    State(page): State<Arc<Page>>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<>> {
    let last = headers.get("last-event-id").and_then(|mark| mark.to_str().ok());
    let after = last.or(wanted.after.as_deref()).and_then(Mark::read);
    let told = stream::unfold(page.feed.listen(after), |mut listener| async {
        let told = listener.next().await?;
        Some((Ok(told.event()), listener))
    });
    Sse::new(told).keep_alive(KeepAlive::default())
}

/// `kill -9` of the demo's own gateway.
async fn kill(State(page): State<Arc<Page>>) -> Response {
    let (asked, killed) = oneshot::channel();
    // A full queue is a kill under way; the dropped order says so below.
    page.kill.try_send(asked).ok();
    match killed.await {
        Ok(process) => (StatusCode::ACCEPTED, Json(json!({ "process": process }))).into_response(),
        Err(_) => refusal(
            StatusCode::CONFLICT,
            "gateway_not_running",
            "the gateway is not running at this moment; it is being started",
        ),
    }
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({ "error": { "code": code, "message": message } }))).into_response()
}

impl Page {
    async fn token(&self, user: &str) -> Result<Value, reqwest::Error> {
        self.client
            .post(format!("http://{}/v3/directline/tokens/generate", self.gateway))
            .bearer_auth(self.direct_line_secret.expose_secret())
            .json(&json!({ "user": { "id": user, "name": "Kim" } }))
            .send()
            .await?
            .error_for_status()?
            .json()
            .await
    }
}
