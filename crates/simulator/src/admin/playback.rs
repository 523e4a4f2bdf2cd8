//! Record and replay over HTTP.
//!
//! ```text
//! POST   /admin/api/recording {"userId"?:"u-1"}   begins anew
//! POST   /admin/api/recording {"on":false}        stops
//! GET    /admin/api/recording                     the lines, see [`crate::traffic`]
//! DELETE /admin/api/recording
//! POST   /admin/api/replay?user=u-1&speed=2       plays the lines in the body
//! GET    /admin/api/replay                        {"state":"waiting"|"playing"|"done","played","left"}
//! DELETE /admin/api/replay
//! ```
//!
//! A replay takes the open conversation of its user, or the next one that begins. From then on the
//! webhook gets the recording's callbacks, with the labels and ids of the live conversation, and
//! nothing of what the instance itself would tell; requests are taken and have no effect.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json,
    body::Bytes,
    extract::{Query, State, rejection::BytesRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{arrived, read, refused};
use crate::{
    desk::Refusal,
    request::Request,
    shared::Shared,
    traffic::{self, Replay},
};

/// How many times faster than recorded a replay may be; zero leaves no pauses at all.
const SPEED_MAX: f64 = 10_000.0;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Record {
    on: Option<bool>,
    user_id: Option<String>,
}

pub(super) async fn record(
    State(shared): State<Arc<Shared>>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let order = if body.is_empty() { Record::default() } else { read(&body)? };
    let state = shared.act(|world, now| {
        if order.on.unwrap_or(true) {
            world.recorder.start(order.user_id, now);
        } else {
            world.recorder.stop();
        }
        (world.recorder.state(), Vec::new())
    });
    Ok(Json(state))
}

pub(super) async fn recording(State(shared): State<Arc<Shared>>) -> Response {
    let text = shared.lock().recorder.text();
    ([(header::CONTENT_TYPE, "application/jsonl")], text).into_response()
}

pub(super) async fn forget(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.lock().recorder = traffic::Recorder::default();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
pub(super) struct How {
    user: Option<String>,
    speed: Option<f64>,
}

pub(super) async fn play(
    State(shared): State<Arc<Shared>>,
    Query(how): Query<How>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let bad = |message: String| refused(StatusCode::BAD_REQUEST, "bad_recording", message);
    let body = arrived(body)?;
    let text = std::str::from_utf8(&body).map_err(|error| bad(error.to_string()))?;
    let steps = traffic::steps(text).map_err(|error| bad(error.to_string()))?;
    let speed = how.speed.unwrap_or(1.0);
    if !(0.0..=SPEED_MAX).contains(&speed) {
        return Err(bad("speed is between 0, no pauses at all, and 10000".to_owned()));
    }
    let now = shared.clock.now();
    let (number, taken) = {
        let mut world = shared.lock();
        world.replays += 1;
        let of_user = Request { user_id: how.user.clone(), ..Request::default() };
        (world.replays, world.instance.conversation_of(&of_user).map(|taken| (taken, now)))
    };
    let (user, ids) = (how.user, HashMap::new());
    let replay = Replay { number, user, speed, taken, steps, played: 0, ids };
    let state = replay.state();
    shared.start_replay(replay);
    Ok((StatusCode::ACCEPTED, Json(state)))
}

pub(super) async fn state(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let world = shared.lock();
    let none = json!({"state": "none", "played": 0, "left": 0});
    Json(world.replay.as_ref().map_or(none, Replay::state))
}

pub(super) async fn stop(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.act(|world, now| {
        if let Some((conversation, _)) = world.replay.take().and_then(|replay| replay.taken) {
            world.instance.end_replay(conversation, now);
        }
        ((), Vec::new())
    });
    StatusCode::NO_CONTENT
}
