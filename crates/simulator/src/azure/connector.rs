//! The Connector below `/{region}/`: who calls, what is asked, what comes of it (reference 2.4, 2.5).
//!
//! A request is judged first. Only one that would have succeeded meets trouble that was ordered, then
//! the counts, then the conversation that is busy; so trouble strikes what it was meant for.

mod call;
mod judge;

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, to_bytes},
    extract::State,
    http::{Request, header, request},
    response::Response,
};
use serde_json::Value;

use self::{call::Asked, judge::Plan};
use super::{
    Shared,
    answer::{Answer, broken_off},
    limits::Kind,
    token::bearer_at_connector,
    trouble::{Door, Refusal, Trouble},
    world::{Call, Outcome, Received, World},
};

/// The largest body that is read at all, in bytes.
const BODY_MAX: usize = 4 * 1024 * 1024;

/// How a request ends.
enum End {
    Answer(Answer),
    Later(Answer, Duration, String),
    Reset,
    Never,
}

/// All that is no other route.
pub(super) async fn connector(
    State(shared): State<Arc<Shared>>,
    request: Request<Body>,
) -> Response {
    let (head, body) = request.into_parts();
    let Some(asked) = Asked::read(&head.method, &head.uri) else {
        return Answer::empty(404).response();
    };
    let Ok(bytes) = to_bytes(body, BODY_MAX).await else {
        return Answer::refusal(Refusal::MessageSizeTooBig).response();
    };
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let end = shared.act(|world| settle(&shared, world, &head, &asked, body));
    match end {
        End::Answer(answer) => answer.response(),
        End::Reset => broken_off(),
        End::Never => std::future::pending().await,
        End::Later(answer, span, conversation) => {
            // Kept by the caller's connection: one that goes away leaves the chat as busy as a
            // service that has not noticed, until the time is over.
            let shared = Arc::clone(&shared);
            let waited = tokio::spawn(async move {
                shared.clock.sleep(span).await;
                shared.act(|world| {
                    if let Some(room) = world.room(&conversation) {
                        room.is_busy = false;
                    }
                });
            });
            // It is only cancelled when the stand-in ends.
            drop(waited.await);
            answer.response()
        }
    }
}

/// Decides, does and writes down.
fn settle(
    shared: &Shared,
    world: &mut World,
    head: &request::Parts,
    asked: &Asked,
    body: Value,
) -> End {
    let now = shared.clock.now();
    let bearer = head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
    let app_id = bearer.and_then(|token| bearer_at_connector(token, &world.entra, now / 1_000));
    let is_json = head
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/json"));
    let judged = world.judge(app_id.as_deref(), asked, &body, is_json);
    let (end, taken) = match judged {
        _ if world.down.contains(&Door::Connector) => (End::Answer(Answer::failure(503)), None),
        Err(answer) => (End::Answer(answer), None),
        Ok(plan) => carry_out(shared, world, asked, &body, &plan),
    };
    let (outcome, code) = match &end {
        End::Answer(answer) | End::Later(answer, ..) => {
            (Outcome::Answered(answer.status), answer.code)
        }
        End::Reset => (Outcome::Reset, None),
        End::Never => (Outcome::Hung, None),
    };
    world.record(Received {
        at: now,
        call: asked.call,
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        conversation: asked.conversation.clone(),
        about: asked.about.clone(),
        app_id,
        body,
        outcome,
        code,
        taken,
    });
    end
}

/// What comes of a request that is right.
fn carry_out(
    shared: &Shared,
    world: &mut World,
    asked: &Asked,
    body: &Value,
    plan: &Plan,
) -> (End, Option<String>) {
    let now = shared.clock.now();
    let text = body["text"].as_str().unwrap_or_default();
    let conversation = asked.conversation.as_deref();
    let trouble = world.troubles.take(Door::Connector, conversation, text);
    if trouble.is_none()
        && let Err(refused) = hindered(world, asked, plan, now)
    {
        return (End::Answer(refused), None);
    }
    if trouble.is_some_and(|trouble| !trouble.is_taken()) {
        return (stopped(trouble), None);
    }
    let (answer, taken) = world.apply(plan, asked, body, now, &shared.service_url());
    let end = match trouble {
        None => End::Answer(answer),
        Some(Trouble::Slow(span)) => match conversation {
            Some(conversation) => {
                if let Some(room) = world.room(conversation) {
                    room.is_busy = true;
                }
                End::Later(answer, span, conversation.to_owned())
            }
            None => End::Later(answer, span, String::new()),
        },
        Some(Trouble::NoId) => End::Answer(Answer::empty(202)),
        trouble => stopped(trouble),
    };
    (end, taken)
}

/// The answer of trouble that does not let the right one through.
fn stopped(trouble: Option<Trouble>) -> End {
    match trouble {
        Some(Trouble::Throttled(after)) => {
            End::Answer(Answer::throttled(after, "API calls quota exceeded!"))
        }
        Some(Trouble::Precondition) => End::Answer(Answer::precondition()),
        Some(Trouble::Refused(refusal)) => End::Answer(Answer::refusal(refusal)),
        Some(Trouble::Status { status, .. }) => End::Answer(Answer::failure(status)),
        Some(Trouble::Reset { .. }) => End::Reset,
        Some(Trouble::Hang { .. }) => End::Never,
        Some(Trouble::Slow(_) | Trouble::NoId | Trouble::SecretExpired) | None => {
            End::Answer(Answer::failure(500))
        }
    }
}

/// Whether the counts are used up, or another operation is at work in the conversation.
fn hindered(world: &mut World, asked: &Asked, plan: &Plan, now: u64) -> Result<(), Answer> {
    let is_read = matches!(asked.call, Call::Members | Call::Member | Call::PagedMembers);
    let conversation = asked.conversation.as_deref().unwrap_or_default();
    let busy = world.room(conversation).is_some_and(|room| room.is_busy);
    if busy && !is_read {
        return Err(Answer::precondition());
    }
    let kind = if is_read { Kind::Read } else { Kind::Send };
    let Some(budgets) = world.budgets.as_mut() else { return Ok(()) };
    budgets
        .take(kind, conversation, &plan.app_id, &plan.tenant, now)
        .map_err(|after| Answer::throttled(Some(after), "API calls quota exceeded!"))
}
