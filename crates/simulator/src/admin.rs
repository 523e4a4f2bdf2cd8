//! The door for tests and for people who build a client: everything about the instance can be set,
//! broken, watched, wound on, recorded and played over HTTP, from any language.
//!
//! ```text
//! GET, POST         /admin/api/settings    see [`settings`]
//! GET, POST, DELETE /admin/api/faults      as /desk/api/faults
//! GET, PUT          /admin/api/users       the table of users, and who is linked
//! GET               /admin/api/requests    what came in and its fate, see [`ledger`]
//! GET               /admin/api/callbacks   what went out and its outcome
//! GET, POST         /admin/api/clock       see [`clock`]
//! GET               /admin/api/settled     waits until nothing is on its way
//! GET, POST, DELETE /admin/api/recording   see [`playback`]
//! GET, POST, DELETE /admin/api/replay
//! POST              /admin/api/reset       forgets all but settings and users
//! POST              /admin/api/tokens/revoke
//! POST              /admin/api/callbacks/hold {"held":true}
//! POST              /admin/api/chats/{id}/file?name=…   an agent sends the body as a file
//! POST              /admin/api/chats/{id}/accept_late   an agent takes what the user has left
//! GET               /admin/api/media/{key} a file, for the desk's page
//! ```
//!
//! It has no login, and is for this machine only, as the desk's API is.

mod clock;
mod ledger;
mod playback;
mod settings;

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State, rejection::BytesRejection},
    http::StatusCode,
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    api,
    desk::{Desk, Refusal, fault_orders, guard, read, shows},
    instance::{ChatView, DeskError, FileForm, User},
    media::File,
    shared::Shared,
    traffic::RECORDING_BYTES_MAX,
};

/// The largest body of an order, in bytes: what holds a long table of users.
const BODY_MAX: usize = 1024 * 1024;

/// How many users the table has at most: far above what a test needs, and a screenful of megabytes.
const USERS_MAX: usize = 10_000;

/// The routes of this door.
pub(crate) fn routes(shared: &Arc<Shared>) -> Router {
    let faults = get(fault_orders::list).post(fault_orders::inject).delete(fault_orders::clear);
    let faults =
        Router::new().route("/admin/api/faults", faults).with_state(Desk::new(shared.clone()));
    let file = shows::routes("/admin/api", Desk::new(shared.clone()));
    let replay = get(playback::state).post(playback::play).delete(playback::stop);
    let replay = replay.layer(DefaultBodyLimit::max(RECORDING_BYTES_MAX));
    let recording = get(playback::recording).post(playback::record).delete(playback::forget);
    Router::new()
        .route("/admin/api/settings", get(settings::show).post(settings::change))
        .route("/admin/api/users", get(users).put(set_users))
        .route("/admin/api/requests", get(ledger::requests))
        .route("/admin/api/callbacks", get(ledger::callbacks))
        .route("/admin/api/callbacks/hold", post(hold))
        .route("/admin/api/clock", get(clock::show).post(clock::set))
        .route("/admin/api/settled", get(clock::settled))
        .route("/admin/api/recording", recording)
        .route("/admin/api/replay", replay)
        .route("/admin/api/reset", post(reset))
        .route("/admin/api/tokens/revoke", post(revoke))
        .route("/admin/api/chats/{id}/accept_late", post(accept_late))
        .route("/admin/api/media/{key}", get(media))
        .with_state(shared.clone())
        .merge(faults)
        .merge(file)
        .layer(middleware::from_fn(guard::only_local))
        .layer(DefaultBodyLimit::max(BODY_MAX))
}

/// What an order that cannot be carried out is answered with.
fn refused(status: StatusCode, code: &'static str, message: impl Into<String>) -> Refusal {
    Refusal { status, code, message: message.into() }
}

/// The body of an order, if it is not too large.
fn arrived(body: Result<Bytes, BytesRejection>) -> Result<Bytes, Refusal> {
    body.map_err(|rejection| refused(rejection.status(), "bad_body", rejection.body_text()))
}

async fn users(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let world = shared.lock();
    let linked = world
        .instance
        .linked()
        .map(|(user, name)| json!({"userId": user, "linkedTo": name, "blocked": name.is_none()}));
    let linked: Vec<_> = linked.collect();
    Json(json!({"users": world.instance.users, "linked": linked}))
}

async fn set_users(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<StatusCode, Refusal> {
    let users: Vec<User> = read(&body)?;
    if users.len() > USERS_MAX {
        let message = "the table has room for 10,000 users";
        return Err(refused(StatusCode::BAD_REQUEST, "too_many_users", message));
    }
    shared.act(|world, _| {
        world.instance.users = users;
        ((), Vec::new())
    });
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hold {
    held: bool,
}

async fn hold(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<StatusCode, Refusal> {
    shared.hold(read::<Hold>(&body)?.held);
    Ok(StatusCode::NO_CONTENT)
}

async fn reset(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.reset();
    shared.clock.freeze(false);
    StatusCode::NO_CONTENT
}

async fn revoke(State(shared): State<Arc<Shared>>) -> StatusCode {
    Desk::new(shared).revoke_tokens();
    StatusCode::NO_CONTENT
}

async fn accept_late(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    Desk::new(shared).accept_late(&id)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn media(State(shared): State<Arc<Shared>>, Path(key): Path<String>) -> Response {
    let file = shared.lock().media.get(&key).cloned();
    match file {
        Some(file) => api::media::serve(file),
        None => refused(
            StatusCode::NOT_FOUND,
            "unknown_file",
            "there is no such file; perhaps it made room",
        )
        .into_response(),
    }
}

impl Shared {
    /// What stands before addresses on the instance: nothing where they are relative.
    pub(crate) fn media_host(&self) -> String {
        let relative = self.lock().instance.setup.profile.relative_media;
        let address = self.address.get().filter(|_| !relative);
        address.map(|address| format!("http://{address}")).unwrap_or_default()
    }

    /// An agent sends a file in a chat.
    pub(crate) fn send_file(
        self: &Arc<Self>,
        chat: &str,
        file: File,
        form: FileForm,
    ) -> Result<(), DeskError> {
        let number = ChatView::number_of(chat).ok_or(DeskError::UnknownChat)?;
        let host = self.media_host();
        self.act(|world, now| {
            let view = world.keep_file(file);
            let url = format!("{host}{}", form.place.path(&view.key));
            match world.instance.send_file(number, view, (&url, form.shape), now) {
                Ok(told) => (Ok(()), told),
                Err(error) => (Err(error), Vec::new()),
            }
        })
    }
}
