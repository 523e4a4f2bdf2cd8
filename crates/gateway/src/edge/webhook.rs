//! `POST /api/v1/snowBot/receiveMessage`: what ServiceNow calls.
//!
//! The answer matters more than usual: an instance may abandon the chat when it gets a 5xx, and it
//! never repeats a callback (reference 6). So 200 means "durable", also for late news of a session
//! that is over; 400 is only for what is no event or was never ours; 401 for a wrong secret.

use std::{net::IpAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderName, Method, Request, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use hyper::body::Incoming;
use servicenow::Callback;
use session::{
    Claims, News,
    id::{DeskId, EffectNumber, SessionId, TenantId, UserId},
};
use store::{Person, Target};
use tokio::time::Instant;

use crate::{
    desk::{
        news::{self, Wording},
        request::parse_request_id,
    },
    edge::{
        Edge,
        answer::{Refusal, no_such_method},
        body::read_body,
        callers::{Callers, Instance},
        was_answered,
    },
    engine::{Arrival, EngineError, Outcome},
    gaps::Passed,
    trace::{Context, OpenSpan},
    wakes::Hint,
};

/// The path ServiceNow is configured with; the specification's.
pub const PATH: &str = "/api/v1/snowBot/receiveMessage";

/// The largest callback, in bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;

pub(crate) fn routes() -> Router<Arc<Edge>> {
    Router::new().route(PATH, post(receive).fallback(no_such_method))
}

async fn receive(State(edge): State<Arc<Edge>>, headers: HeaderMap, body: Body) -> Response {
    // Past the front nobody knows where it comes from.
    answered(&edge, None, &headers, body).await
}

/// Whether a request may go past the router, to [`answer`]. It is the busiest route by far, and a
/// router's clones and boxes for each request cost as much as reading the callback.
pub(crate) fn is_callback<B>(request: &Request<B>) -> bool {
    request.uri().path() == PATH && request.method() == Method::POST
}

/// Answers a request for which [`is_callback`] holds.
pub(crate) async fn answer(
    edge: Arc<Edge>,
    peer: Option<IpAddr>,
    request: Request<Incoming>,
) -> Response {
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let mut response = answered(&edge, peer, &parts.headers, Body::new(body)).await;
    was_answered(&edge, &Method::POST, Some(PATH), began, &mut response);
    response
}

async fn answered(edge: &Edge, peer: Option<IpAddr>, headers: &HeaderMap, body: Body) -> Response {
    let mut trace = edge.tracing.callback(PATH);
    let taken = async {
        let caller = proven(edge, peer, headers)?;
        taken(edge, &caller, body, trace.as_mut()).await
    };
    let response = taken.await.into_response();
    if let Some(trace) = trace {
        trace.answered(response.status());
    }
    response
}

/// What every callback is answered.
const SUCCESS: &str = r#"{"status":"success"}"#;

async fn taken(
    edge: &Edge,
    caller: &Caller,
    body: Body,
    mut trace: Option<&mut OpenSpan>,
) -> Result<([(HeaderName, &'static str); 1], &'static str), Refusal> {
    let Caller { instance: Instance { tenant, desk, .. }, wording } = caller;
    let body = read_body(body, BODY_BYTES_MAX).await?;
    let callback = servicenow::read(&body)
        .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.code(), error.to_string()))?;
    let targets = targets(&callback, tenant, desk)?;
    if let Some(trace) = &mut trace {
        trace.joins(brought(&callback), session_of(&targets));
    }
    let claims = news::claims_of(&callback);
    let request = callback.request_id.as_deref().and_then(parse_request_id);
    let request = request.map(|(_, number)| number);
    edge.observer.unnamed(news::unnamed(&callback));
    let (news, typing) = news::read(callback, wording);
    // What was missed is shown before what came after it.
    let session = session_of(&targets).cloned();
    let Passed { news, behind_gap, let_go } = match &session {
        Some(session) => edge.gaps.pass((tenant, desk), session, news).await,
        None => Passed::at_once(news),
    };
    let trace = trace.map(|trace| trace.context());
    let told = Told { request, claims, news, behind_gap, trace };
    let outcome = deliver(edge, targets, told).await;
    // Committed or refused.
    drop(let_go);
    let outcome = outcome?;
    if let Some(session) = session.filter(|_| behind_gap && outcome.open) {
        edge.gaps.stands_behind((tenant, desk), &session, outcome.conversation);
    }
    if outcome.open {
        for news::Typing { who, on } in typing {
            edge.wakes.wake(outcome.conversation, Hint::Typing { who, on });
        }
    }
    Ok(([(header::CONTENT_TYPE, "application/json")], SUCCESS))
}

/// Whose callback it is, proven.
struct Caller {
    instance: Instance,
    wording: Arc<Wording>,
}

/// Proves who calls: by the secret, and by the address where that is limited.
fn proven(edge: &Edge, peer: Option<IpAddr>, headers: &HeaderMap) -> Result<Caller, Refusal> {
    let doors = edge.doors.get();
    let instance = doors.callers.webhook(headers);
    let known = instance.and_then(|found| {
        Some((found.clone(), doors.wording(&found.tenant, &found.desk)?.clone()))
    });
    let Some((instance, wording)) = known else {
        return Err(unauthorized(&doors.callers, headers));
    };
    let source = peer.and_then(|peer| doors.proxies.source(peer, headers));
    if !instance.may_call_from(source) {
        edge.observer.called_from_elsewhere(&instance.tenant, &instance.desk, source);
        return Err(from_elsewhere(source).of(&instance.tenant));
    }
    edge.observer.presented(&instance.tenant, &instance.desk, instance.age);
    Ok(Caller { instance, wording })
}

/// Whoever has the secret may know where they were seen to call from: it tells what a proxy says.
fn from_elsewhere(source: Option<IpAddr>) -> Refusal {
    let from = match source {
        Some(source) => format!("this one came from {source}"),
        None => "where this one came from, nobody can tell".to_owned(),
    };
    Refusal::new(
        StatusCode::FORBIDDEN,
        "address_not_allowed",
        format!(
            "the webhook secret is right, but this desk takes callbacks from the addresses in \
             `webhook_from` only; add the instance's, and name the proxies before Warmline in \
             WARMLINE_TRUSTED_PROXIES; {from}"
        ),
    )
}

fn unauthorized(callers: &Callers, headers: &HeaderMap) -> Refusal {
    let refusal = |message| Refusal::new(StatusCode::UNAUTHORIZED, "unauthorized", message);
    if callers.presents_any(headers) {
        let wrong = refusal(
            "the webhook secret is wrong; the header that ServiceNow sends must be «Authorization: \
             Bearer» and the value of WEBHOOK_SECRET, or one of the other ways that are set for \
             the desk",
        );
        wrong.of_wrong_credential()
    } else {
        refusal(
            "the webhook needs the header «Authorization: Bearer» and the value of WEBHOOK_SECRET",
        )
    }
}

/// Where a callback may belong, best first. A `requestId` decides alone; without one it is the
/// session of `clientSessionId`, else the open session of `userId`.
fn targets(callback: &Callback, tenant: &TenantId, desk: &DeskId) -> Result<Vec<Target>, Refusal> {
    let of = |session: SessionId| Target::Session {
        tenant: tenant.clone(),
        desk: desk.clone(),
        session,
    };
    if let Some(request) = &callback.request_id {
        let (session, _) = parse_request_id(request).ok_or_else(unknown_request)?;
        return Ok(vec![of(session)]);
    }
    let mut targets = Vec::with_capacity(2);
    let session = callback.client_session_id.as_deref().and_then(|id| SessionId::new(id).ok());
    targets.extend(session.map(of));
    if let Some(user) = callback.user_id.as_deref().and_then(|id| UserId::new(id).ok()) {
        let (tenant, desk) = (tenant.clone(), desk.clone());
        targets.push(Target::Person(Person { tenant, desk, user }));
    }
    Ok(targets)
}

/// The chat that a callback names. One that names only the person need not wait for anything.
fn session_of(targets: &[Target]) -> Option<&SessionId> {
    targets.iter().find_map(|target| match target {
        Target::Session { session, .. } => Some(session),
        Target::Key(_) | Target::Existing(_) | Target::Conversation(_) | Target::Person(_) => None,
    })
}

/// The context that a request of ours carried and a callback brings back.
fn brought(callback: &Callback) -> Option<&str> {
    callback.client_variables.as_ref()?.traceparent.as_deref()
}

/// What a callback says, wherever it belongs.
struct Told {
    request: Option<EffectNumber>,
    claims: Claims,
    news: Vec<News>,
    behind_gap: bool,
    trace: Option<Context>,
}

async fn deliver(edge: &Edge, targets: Vec<Target>, told: Told) -> Result<Outcome, Refusal> {
    let Told { request, claims, news, behind_gap, trace } = told;
    let mut targets = targets.into_iter();
    let mut told = (claims, news);
    while let Some(target) = targets.next() {
        // Nearly always the first is the last, and then nothing is copied.
        let (claims, news) =
            if targets.len() == 0 { std::mem::take(&mut told) } else { told.clone() };
        let arrival = Arrival::callback(target, request, claims, news);
        let arrival = arrival.behind_gap(behind_gap).traced(trace);
        match edge.engine.submit(arrival).await {
            Err(EngineError::NotFound) => {}
            answer => return Ok(answer?),
        }
    }
    Err(if request.is_some() {
        unknown_request()
    } else {
        Refusal::new(
            StatusCode::BAD_REQUEST,
            "unknown_session",
            "neither clientSessionId nor userId belongs to a chat of this desk; send back what the \
             request carried",
        )
    })
}

fn unknown_request() -> Refusal {
    EngineError::Rejected(session::Rejected::UnknownRequest).into()
}
