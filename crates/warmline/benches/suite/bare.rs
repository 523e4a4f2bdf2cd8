//! The measure of things: an axum handler that parses a callback and answers, and does nothing else.

use std::hint::black_box;

use anyhow::Context;
use axum::{Json, Router, body::Bytes, http::StatusCode, routing::post};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{chats::PATH, server::READY};

/// A callback, as far as any receiver must look at it. Borrowed: the benchmark's texts have no escapes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Callback<'a> {
    #[expect(dead_code, reason = "parsed because a receiver must, read by nobody here")]
    request_id: &'a str,
    #[expect(dead_code, reason = "parsed because a receiver must, read by nobody here")]
    client_session_id: &'a str,
    #[expect(dead_code, reason = "parsed because a receiver must, read by nobody here")]
    user_id: &'a str,
    #[serde(borrow)]
    body: Vec<Item<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    ui_type: &'a str,
    value: &'a str,
    message_id: &'a str,
}

/// Serves until its standard input ends: it must not outlive the benchmark.
pub(crate) fn run() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port is free")?;
        println!("bare handler {READY}{}", listener.local_addr()?);
        let (mut input, mut nowhere) = (tokio::io::stdin(), tokio::io::sink());
        tokio::select! {
            ended = axum::serve(listener, Router::new().route(PATH, post(receive))) => Ok(ended?),
            _ = tokio::io::copy(&mut input, &mut nowhere) => Ok(()),
        }
    })
}

async fn receive(body: Bytes) -> Result<Json<Value>, StatusCode> {
    let callback: Callback<'_> =
        serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    for item in &callback.body {
        black_box((item.ui_type, item.value, item.message_id));
    }
    Ok(Json(json!({ "status": "success" })))
}
