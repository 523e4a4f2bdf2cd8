//! `POST /api/sn_va_as_service/bot/integration` (reference 4).
//!
//! Owns what is answered at once, and what armed faults make of that. The order is: examine, write
//! down, hand to the worker, answer.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{self, Bytes},
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::{mpsc, mpsc::error::TrySendError, oneshot};

use super::{Answer, Body, HIBERNATING, access};
use crate::{
    fault::{Fault, Place},
    instance::Fate,
    ledger::Received,
    request::{Action, Request},
    script::millis,
    shared::{Shared, Work},
};

/// What `UPDATE_MESSAGES` is answered with, as plain text.
const PROCESSED: &str = "Message Processed Successfully";

/// How long an answer waits for callbacks that are to overtake it. A receiver that hangs takes
/// five seconds for the first one alone; a caller's patience is rarely longer than this.
const OVERTAKING_MAX: Duration = Duration::from_secs(10);

/// What the immediate answer will be.
struct Verdict {
    answer: Answer,
    /// The request, if it goes to the worker.
    accepted: Option<(Request, Action)>,
}

impl From<Answer> for Verdict {
    fn from(answer: Answer) -> Self {
        Self { answer, accepted: None }
    }
}

/// What an answer may have to wait for.
struct Handed {
    entry: u64,
    envelope: oneshot::Receiver<Option<Value>>,
    callbacks: mpsc::Receiver<std::convert::Infallible>,
}

pub(super) async fn receive(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let parsed: Result<Value, _> = match &body {
        Ok(bytes) => serde_json::from_slice(bytes).map_err(|_| StatusCode::BAD_REQUEST),
        Err(rejection) => Err(rejection.status()),
    };
    let mut verdict = examine(&shared, &headers, parsed.as_ref().map_err(|status| *status));
    let fault = fault_for(&shared, &verdict);
    if let Some(refusal) = fault.and_then(|fault| refusal(fault, &shared, &headers)) {
        verdict = refusal.into();
    }
    let restarts = shared.lock().restarts;
    // The request is in the worker's queue by then, which is lost.
    match fault {
        Some(Fault::Restart) => shared.restart(true),
        Some(Fault::RestartLosingChats) => shared.restart(false),
        _ => {}
    }
    let trusted = verdict.accepted.as_ref().is_some_and(|(request, _)| {
        let bytes = body.as_ref().map(AsRef::as_ref).unwrap_or_default();
        access::is_trusted(&shared, &headers, request, bytes)
    });
    let parsed = parsed.unwrap_or_default();
    let (mut answer, handed) = hand_over(&shared, trusted, parsed, verdict, restarts);
    let Handed { entry, envelope, mut callbacks } = handed;
    match fault {
        Some(Fault::SlowAnswer(span)) => pause(&shared, span).await,
        Some(Fault::ResetAfterAcceptance) => return broken_off(),
        Some(Fault::Overtaking) => {
            let attempted = async {
                // Nothing is ever received: it ends when all witnesses are gone.
                callbacks.recv().await;
            };
            tokio::select! {
                () = attempted => {}
                () = shared.stop.cancelled() => {}
                () = tokio::time::sleep(OVERTAKING_MAX) => {}
            }
        }
        _ => {}
    }
    if let Ok(Some(envelope)) = envelope.await {
        answer.body = Body::Json(envelope);
    }
    let mut response = answer.into_response();
    set_cookies(&mut response, entry);
    response
}

fn examine(shared: &Shared, headers: &HeaderMap, body: Result<&Value, StatusCode>) -> Verdict {
    if shared.is_away() {
        return Answer::down().into();
    }
    if !access::is_authenticated(shared, headers) {
        return Answer::unauthenticated().into();
    }
    if !shared.integration_role {
        return Answer::unauthorized().into();
    }
    let refused = |status, message, detail| Answer::refusal(status, message, detail).into();
    if !access::has_type(headers, "application/json") {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return refused(status, "Unsupported media type", "Only application/json is accepted");
    }
    let body = match body {
        Ok(body) => body,
        Err(status @ StatusCode::PAYLOAD_TOO_LARGE) => {
            return refused(status, "Request too large", "The body is larger than 1 MiB");
        }
        Err(_) => {
            return refused(StatusCode::BAD_REQUEST, "Bad Request", "The body is not JSON");
        }
    };
    let profile = shared.lock().instance.setup.profile.clone();
    match Request::read(body, profile.strict) {
        Err(malformed) => refused(StatusCode::BAD_REQUEST, "Bad Request", &malformed.to_string()),
        Ok(accepted) if accepted.1 == Action::UpdateMessages && profile.updates_messages() => {
            let (headers, body) = (Vec::new(), Body::Text(PROCESSED));
            let answer = Answer { status: StatusCode::OK, headers, body };
            Verdict { answer, accepted: Some(accepted) }
        }
        Ok(accepted) => Verdict {
            answer: Answer::json(StatusCode::OK, json!({"status": "success"})),
            accepted: Some(accepted),
        },
    }
}

/// The fault that strikes this request, if any. Requests that are refused for reasons of their own
/// use none up. (Whether the answer is an envelope is known to the worker only.)
fn fault_for(shared: &Shared, verdict: &Verdict) -> Option<Fault> {
    if verdict.answer.status != StatusCode::OK {
        return None;
    }
    let action = verdict.accepted.as_ref().map(|(_, action)| *action);
    let asks = action == Some(Action::Agent);
    // They come when they come; whoever counts slow answers counts what is said.
    let is_signal =
        matches!(action, Some(Action::Typing | Action::Viewing | Action::UpdateMessages));
    shared.lock().faults.take(|fault| match fault {
        Fault::Synchronous => false,
        Fault::Overtaking => asks,
        Fault::SlowAnswer(_) if is_signal => false,
        _ => fault.place() == Place::Resource,
    })
}

/// The answer of a fault that refuses.
fn refusal(fault: Fault, shared: &Shared, headers: &HeaderMap) -> Option<Answer> {
    let failure = "The request could not be processed";
    Some(match fault {
        Fault::Unauthorized => {
            if let Some(token) = access::bearer(headers) {
                shared.lock().registry.forget_access(token);
            }
            Answer::unauthenticated()
        }
        Fault::Forbidden => Answer::unauthorized(),
        Fault::RateLimited(span) => {
            let (message, seconds) = ("Rate limit exceeded", span.as_secs());
            let detail = "Rate limit of 500 requests per hour for bot integration exceeded";
            let reset = shared.clock.now() / 1_000 + seconds;
            let headers = vec![
                ("x-ratelimit-limit", "500".to_owned()),
                ("x-ratelimit-reset", reset.to_string()),
                ("x-ratelimit-rule", "bot integration".to_owned()),
                ("retry-after", seconds.to_string()),
            ];
            let status = StatusCode::TOO_MANY_REQUESTS;
            Answer { headers, ..Answer::refusal(status, message, detail) }
        }
        Fault::InternalError => {
            Answer::refusal(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error", failure)
        }
        Fault::Unavailable => {
            Answer::refusal(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable", failure)
        }
        Fault::HibernatingOk => Answer::html(StatusCode::OK, HIBERNATING),
        Fault::HibernatingUnavailable => Answer::html(StatusCode::SERVICE_UNAVAILABLE, HIBERNATING),
        Fault::StatusFailure => Answer::refusal(StatusCode::OK, "Request failed", failure),
        Fault::InstanceRestart(span) => {
            shared.lock().away_until = shared.clock.now().saturating_add(millis(span));
            Answer::down()
        }
        _ => return None,
    })
}

/// Writes the request down and hands it to the worker, in this order, so that the worker finds the
/// entry and a full queue can still be told.
fn hand_over(
    shared: &Arc<Shared>,
    trusted: bool,
    mut body: Value,
    mut verdict: Verdict,
    restarts: u64,
) -> (Answer, Handed) {
    // What is answered with text is worked off before that, and not by the worker.
    let inline = matches!(verdict.answer.body, Body::Text(_));
    let permit = match (&verdict.accepted, shared.work.try_reserve()) {
        (Some(_), _) if inline => None,
        (None, _) => None,
        (Some(_), Ok(permit)) => Some(permit),
        (Some(_), Err(TrySendError::Full(()) | TrySendError::Closed(()))) => {
            let detail = "The worker's queue is full";
            let status = StatusCode::SERVICE_UNAVAILABLE;
            verdict = Answer::refusal(status, "Service Unavailable", detail).into();
            None
        }
    };
    if let Some(token) = body.get_mut("token") {
        *token = "masked".into();
    }
    let Verdict { answer, accepted } = verdict;
    let (status, recorded) = (answer.status.as_u16(), answer.recorded());
    let (entry, synchronous) = shared.act(|world, at| {
        let (fate, told) = match &accepted {
            None => (Fate::Refused, Vec::new()),
            Some((request, action)) if inline && trusted => {
                world.instance.receive(request, *action, at)
            }
            Some(_) if inline => (Fate::Ignored("the message-auth credential is wrong"), vec![]),
            Some(_) => (Fate::Pending, Vec::new()),
        };
        world.recorder.came_in(at, &body, status, &recorded);
        let (answer, files) = (recorded, Vec::new());
        let entry = world.ledger.receive(Received { at, body, status, answer, fate, files });
        let synchronous =
            world.instance.setup.profile.synchronous || world.faults.has(Fault::Synchronous);
        ((entry, synchronous), told)
    });
    let (reply, envelope) = oneshot::channel();
    let (witness, callbacks) = mpsc::channel(1);
    if let (Some(permit), Some((request, action))) = (permit, accepted) {
        permit.send(Work {
            entry,
            request,
            action,
            trusted,
            reply: synchronous.then_some(reply),
            witness: Some(witness),
            restarts,
        });
    }
    (answer, Handed { entry, envelope, callbacks })
}

async fn pause(shared: &Shared, span: Duration) {
    tokio::select! {
        () = shared.stop.cancelled() => {}
        () = shared.clock.sleep(span) => {}
    }
}

/// A response that closes the connection before a byte of it is sent: the server gives a
/// connection up when the body fails, and at that moment the head has not been flushed.
fn broken_off() -> Response {
    let failure: Result<Bytes, _> = Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
    body::Body::from_stream(stream::iter([failure])).into_response()
}

/// The session cookies that a client must not replay (reference 3.1).
fn set_cookies(response: &mut Response, session: u64) {
    let cookies = [
        format!("JSESSIONID={session:032X}; Path=/; HttpOnly; SameSite=None"),
        format!("glide_user_route=glide.{session:032x}; Path=/; HttpOnly"),
    ];
    for cookie in cookies {
        let value = HeaderValue::try_from(cookie).expect("letters and digits make a header value");
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}
