//! A stub instance: gives a token, accepts every request, and notes who asked for an agent.

use std::net::SocketAddr;

use axum::{Json, Router, extract::State, routing::post};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

/// The request for an agent, as far as callbacks need it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Asked {
    pub(crate) request_id: String,
    pub(crate) client_session_id: String,
    pub(crate) client_variables: Value,
    pub(crate) user_id: String,
}

/// Starts it; the receiver gets every request for an agent.
pub(crate) async fn start() -> anyhow::Result<(SocketAddr, UnboundedReceiver<Asked>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    // As many as there are chats.
    let (sender, asked) = unbounded_channel();
    let router = Router::new()
        .route("/oauth_token.do", post(token))
        .fallback(post(accept))
        .with_state(sender);
    tokio::spawn(async { axum::serve(listener, router).await });
    Ok((address, asked))
}

async fn token() -> Json<Value> {
    Json(json!({ "access_token": "anything", "expires_in": 1_800 }))
}

async fn accept(
    State(asked): State<UnboundedSender<Asked>>,
    Json(request): Json<Value>,
) -> Json<Value> {
    if request["action"] == "AGENT"
        && let Ok(request) = serde_json::from_value(request)
    {
        // Nobody listens any more once every chat is prepared.
        asked.send(request).ok();
    }
    Json(json!({ "status": "success" }))
}
