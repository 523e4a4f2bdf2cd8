//! The smallest bot there is: it answers every question, and does nothing else.

use std::sync::Arc;

use anyhow::Context;
use axum::{Json, Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{feed, server::READY};

/// An activity, as far as a bot must look at it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Activity {
    r#type: String,
    id: String,
    service_url: String,
    conversation: Conversation,
    #[serde(default)]
    text: String,
    #[serde(default)]
    delivery_mode: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Conversation {
    id: String,
}

/// Serves until its standard input ends: it must not outlive the benchmark.
pub(crate) fn run() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let http = Arc::new(reqwest::Client::builder().no_proxy().build()?);
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port is free")?;
        println!("bot {READY}{}", listener.local_addr()?);
        let routes = Router::new().route("/api/messages", post(messages)).with_state(http);
        let (mut input, mut nowhere) = (tokio::io::stdin(), tokio::io::sink());
        tokio::select! {
            ended = axum::serve(listener, routes) => Ok(ended?),
            _ = tokio::io::copy(&mut input, &mut nowhere) => Ok(()),
        }
    })
}

async fn messages(
    State(http): State<Arc<reqwest::Client>>,
    body: Bytes,
) -> Result<Json<Value>, StatusCode> {
    let activity: Activity = serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    let answers = activity.r#type == "message";
    let reply = json!({
        "type": "message",
        "text": feed::answer(&activity.text),
        "replyToId": activity.id,
    });
    if activity.delivery_mode.as_deref() == Some("expectReplies") {
        let activities: Vec<_> = answers.then_some(reply).into_iter().collect();
        return Ok(Json(json!({ "activities": activities })));
    }
    if answers {
        let Activity { service_url, conversation, id, .. } = activity;
        let base = service_url.trim_end_matches('/');
        let address = format!("{base}/v3/conversations/{}/activities/{id}", conversation.id);
        let sent = http.post(address).json(&reply).send().await;
        let sent = sent.and_then(reqwest::Response::error_for_status);
        sent.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    }
    Ok(Json(json!({})))
}
