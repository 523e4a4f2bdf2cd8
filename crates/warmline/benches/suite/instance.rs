//! A stand-in ServiceNow: gives a token, accepts every request at once, notes who asked for an agent
//! and which of the users' messages arrived. It can also fall silent.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use anyhow::Context;
use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::post,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        watch,
    },
};

use crate::{feed::messages, flights::Flights};

/// What is in every request for an agent and in no other.
const ASKS: &str = "\"AGENT\"";

/// The request for an agent, as far as callbacks need it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Asked {
    pub(crate) request_id: String,
    pub(crate) client_session_id: String,
    pub(crate) client_variables: Value,
    pub(crate) user_id: String,
}

/// A running stand-in.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) address: SocketAddr,
    /// Every request for an agent.
    pub(crate) asked: UnboundedReceiver<Asked>,
    desk: Arc<Desk>,
}

#[derive(Debug)]
struct Desk {
    asked: UnboundedSender<Asked>,
    flights: OnceLock<Arc<Flights>>,
    silent: watch::Sender<bool>,
}

impl Instance {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        // As many as there are chats.
        let (sender, asked) = unbounded_channel();
        let silent = watch::Sender::new(false);
        let desk = Arc::new(Desk { asked: sender, flights: OnceLock::new(), silent });
        let router = Router::new()
            .route("/oauth_token.do", post(token))
            .fallback(post(accept))
            .with_state(Arc::clone(&desk));
        tokio::spawn(async { axum::serve(listener, router).await });
        Ok(Self { address, asked, desk })
    }

    /// From now on arrivals are noted here. Once in its life.
    pub(crate) fn note_in(&self, flights: &Arc<Flights>) -> anyhow::Result<()> {
        self.desk.flights.set(Arc::clone(flights)).ok().context("arrivals are noted already")
    }

    /// Whether requests are left without an answer.
    pub(crate) fn fall_silent(&self, silent: bool) {
        self.desk.silent.send_replace(silent);
    }
}

async fn token() -> Json<Value> {
    Json(json!({ "access_token": "anything", "expires_in": 1_800 }))
}

async fn accept(
    State(desk): State<Arc<Desk>>,
    request: String,
) -> Result<impl IntoResponse, StatusCode> {
    // Ends when the sender gives up, too.
    let speaks = desk.silent.subscribe().wait_for(|silent| !silent).await.is_ok();
    if !speaks {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    if let Some(flights) = desk.flights.get() {
        for (chat, number) in messages(&request) {
            flights.lands(chat, number);
        }
    }
    if request.contains(ASKS)
        && let Ok(request) = serde_json::from_str(&request)
    {
        // Nobody listens any more once every chat is prepared.
        desk.asked.send(request).ok();
    }
    Ok(([(header::CONTENT_TYPE, "application/json")], r#"{"status":"success"}"#))
}
