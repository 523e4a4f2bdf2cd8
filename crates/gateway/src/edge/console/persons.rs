//! One person's data, given out or erased: the same orders as `warmline person`, carried out by the same
//! code. For admins, and of the tenants that are theirs.
//!
//! The person stands in the body and never in an address: addresses are kept by proxies and browsers.

use std::{io, sync::Arc};

use axum::{
    Json,
    body::Body,
    extract::{Extension, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, DuplexStream},
    sync::OwnedSemaphorePermit,
    task::JoinHandle,
};

use super::{
    Console,
    access::{ORDER_BYTES_MAX, denied, is_json, log},
    closed,
    members::not_yours,
    seats::Operator,
};
use crate::{
    edge::{Edge, answer::Refusal, body::read_body},
    person,
};

/// Persons whose data is given out or erased for operators at a time: each reads whole logs and files.
pub(super) const PERSON_ORDERS_MAX: usize = 2;

/// What is on its way between reading and sending an export, in bytes.
const PIPE_BYTES: usize = 64 * 1_024;

/// What is sent of it in one piece, in bytes.
const PIECE_BYTES: usize = 16 * 1_024;

/// Headers of an export: lines of JSON, to be kept as a file and shown by nobody.
const EXPORT_HEADERS: [(HeaderName, HeaderValue); 2] = [
    (header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson")),
    (
        header::CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment; filename=\"person.ndjson\""),
    ),
];

/// Whose data it is about.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    tenant: String,
    user: String,
}

/// `POST /console/api/persons/export`: line by line, as it is read. The last line says how much it was, or
/// why it broke off.
pub(super) async fn export(
    State(edge): State<Arc<Edge>>,
    Extension(operator): Extension<Operator>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let console = edge.console.as_ref().ok_or_else(closed)?;
    let asked = asked(&edge, &operator, "persons/export", &headers, body).await;
    let begun = asked.and_then(|asked| Ok((asked, place(console)?)));
    let outcome = begun.as_ref().map_or_else(|refusal| refusal.code, |_| "begun");
    log(&operator, "export_person", None, outcome);
    let (Asked { tenant, user }, place) = begun?;
    let (persons, who) = (Arc::clone(&console.persons), operator.who());
    let (mut into, from) = tokio::io::duplex(PIPE_BYTES);
    let stopping = edge.stopping.clone();
    let giving = console.under_way.begun(async move {
        let _place = place;
        tokio::select! {
            () = stopping.cancelled() => false,
            given = persons.export((&tenant, &user), who, &mut into) => given.is_ok(),
        }
    });
    let mut response = lines(from, giving).into_response();
    response.headers_mut().extend(EXPORT_HEADERS);
    Ok(response)
}

/// What is given out. One that is not whole ends as a broken connection does, so that nobody takes it for
/// whole.
fn lines(from: DuplexStream, giving: JoinHandle<bool>) -> Body {
    Body::from_stream(stream::unfold(Some((from, giving)), |given| async move {
        let (mut from, giving) = given?;
        let mut piece = BytesMut::with_capacity(PIECE_BYTES);
        match from.read_buf(&mut piece).await {
            Ok(0) => {
                let whole = giving.await.unwrap_or(false);
                let broken = || io::Error::other("the export broke off");
                (!whole).then(|| (Err(broken()), None))
            }
            Ok(_) => Some((Ok::<Bytes, _>(piece.freeze()), Some((from, giving)))),
            Err(error) => Some((Err(error), None)),
        }
    }))
}

/// `POST /console/api/persons/erase`: what was erased. Begun, it goes on whether or not anybody waits.
pub(super) async fn erase(
    State(edge): State<Arc<Edge>>,
    Extension(operator): Extension<Operator>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Refusal> {
    let console = edge.console.as_ref().ok_or_else(closed)?;
    let asked = asked(&edge, &operator, "persons/erase", &headers, body).await;
    let erased = match asked.and_then(|asked| Ok((asked, place(console)?))) {
        Ok((asked, place)) => erases(console, &operator, asked, place).await,
        Err(refusal) => Err(refusal),
    };
    let outcome = erased.as_ref().map_or_else(|refusal| refusal.code, |_| "done");
    log(&operator, "erase_person", None, outcome);
    erased
}

async fn erases(
    console: &Console,
    operator: &Operator,
    Asked { tenant, user }: Asked,
    place: OwnedSemaphorePermit,
) -> Result<Json<Value>, Refusal> {
    let (persons, who) = (Arc::clone(&console.persons), operator.who());
    let erasing = async move {
        let _place = place;
        persons.erase((&tenant, &user), who).await
    };
    let erased = console.under_way.carried_out(erasing).await;
    erased.map(|erased| Json(json!({ "erased": erased }))).map_err(|refused| refusal(&refused))
}

/// Who is asked for, by somebody who may.
async fn asked(
    edge: &Edge,
    operator: &Operator,
    route: &'static str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Asked, Refusal> {
    is_json(headers)?;
    let body = read_body(body, ORDER_BYTES_MAX).await?;
    let asked: Asked = serde_json::from_slice(&body).map_err(|_| {
        Refusal::new(
            StatusCode::BAD_REQUEST,
            "bad_request",
            "a person is asked for with JSON as in {\"tenant\":\"…\",\"user\":\"…\"} and nothing else",
        )
    })?;
    let whose = person::whose(&asked.tenant, &asked.user);
    let whose = whose.map_err(|error| refusal(&error.refusal()))?;
    if !operator.sight.of(&asked.tenant) {
        // What is no tenant's name may be anything, and is not written down.
        let known = edge.console.as_ref().filter(|it| it.destinations.knows(&whose.tenant));
        denied(edge, operator, known.map(|_| whose.tenant), route, "other_tenants");
        return Err(not_yours());
    }
    Ok(asked)
}

fn place(console: &Console) -> Result<OwnedSemaphorePermit, Refusal> {
    Arc::clone(&console.person_orders).try_acquire_owned().map_err(|_| {
        let told = format!(
            "the data of {PERSON_ORDERS_MAX} persons is given out or erased already; nothing was done, \
             try again when that is over"
        );
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy", told)
    })
}

/// The control socket's refusal as an answer over HTTP.
fn refusal(refused: &crate::control::Refusal) -> Refusal {
    let (status, code) = match refused.code.as_str() {
        "bad_person" => (StatusCode::BAD_REQUEST, "bad_person"),
        "live_chat" => (StatusCode::CONFLICT, "live_chat"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "failed"),
    };
    Refusal::new(status, code, refused.message.clone())
}
