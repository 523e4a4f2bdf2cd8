//! The desk page and its HTTP API, for the same machine only.
//!
//! ```text
//! GET  /desk                          the page
//! GET  /desk/api/state                everything the page shows
//! GET  /desk/api/events               the same as server-sent events named `state`
//! POST /desk/api/chats/{id}/accept    also reject, end, typing {"on":true}, write {"text":"…"},
//!                                     transfer {"to":"…"}
//! POST /desk/api/settings             {"mode"?, "dialect"?, "down"?, "commandWords"?}
//! GET  /desk/api/faults               also POST and DELETE, see [`fault_orders`]
//! ```

use std::{convert::Infallible, time::Duration};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{StatusCode, header},
    middleware,
    response::{
        Html, IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::{get, post},
};
use futures_util::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;

use super::{Desk, fault_orders, guard};
use crate::{
    config::{AgentMode, Dialect},
    instance::{ChatState, ChatView, Conversation, DeskError},
    pages,
};

/// How many chats the page is shown: all that are open come first, then the newest ended ones.
const CHATS_SHOWN_MAX: usize = 200;

/// Changes that come closer together than this reach a page as one event.
const COALESCE: Duration = Duration::from_millis(50);

/// The largest body of an order, in bytes: far above what a person types.
const BODY_MAX: usize = 64 * 1024;

const NOT_BUILT: &str = "<!doctype html><meta charset=utf-8><title>Desk</title><p>The pages are \
                         not built. Run <code>cargo xtask demo</code>, which builds the pages \
                         (needs Node).</p>\n";

/// The page, the API and the files of all built pages.
pub(crate) fn routes(desk: Desk) -> Router {
    Router::new()
        .route("/desk", get(desk_page))
        .route("/desk/api/state", get(state))
        .route("/desk/api/events", get(events))
        .route("/desk/api/settings", post(settings))
        .route(
            "/desk/api/faults",
            get(fault_orders::list).post(fault_orders::inject).delete(fault_orders::clear),
        )
        .route("/desk/api/chats/{id}/{order}", post(order))
        .layer(middleware::from_fn(guard::only_local))
        .route("/assets/{*path}", get(asset))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(desk)
}

/// A refusal as the page gets it: `{"error":{"code","message"}}`.
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"error": {"code": self.code, "message": self.message}});
        (self.status, Json(body)).into_response()
    }
}

impl From<DeskError> for Refusal {
    fn from(error: DeskError) -> Self {
        let (status, code) = match error {
            DeskError::UnknownChat => (StatusCode::NOT_FOUND, "unknown_chat"),
            DeskError::NotOffered => (StatusCode::CONFLICT, "not_offered"),
            DeskError::NotLive => (StatusCode::CONFLICT, "not_live"),
            DeskError::NotCancelled => (StatusCode::CONFLICT, "not_cancelled"),
            DeskError::EmptyText => (StatusCode::BAD_REQUEST, "empty_text"),
        };
        Self { status, code, message: error.to_string() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Person,
    Scripted,
    Nobody,
}

/// What the page shows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    agent: Agent,
    dialect: Dialect,
    down: bool,
    command_words: bool,
    /// The faults that are armed.
    faults: Vec<fault_orders::Armed>,
    chats: Vec<ChatView>,
}

#[derive(Serialize)]
struct Agent {
    name: String,
    mode: Mode,
}

impl Desk {
    fn shown(&self) -> Shown {
        let world = self.shared.lock();
        let setup = &world.instance.setup;
        let mode = match setup.agent {
            AgentMode::Person => Mode::Person,
            AgentMode::Scripted(_) => Mode::Scripted,
            AgentMode::Nobody => Mode::Nobody,
        };
        let all = || world.instance.conversations();
        let ended = |c: &&Conversation| c.state() == Some(ChatState::Ended);
        let open = all().filter(|c| !ended(c)).filter_map(Conversation::view);
        let mut chats: Vec<_> = open.take(CHATS_SHOWN_MAX).collect();
        let room = CHATS_SHOWN_MAX - chats.len();
        chats.extend(all().rev().filter(ended).filter_map(Conversation::view).take(room));
        Shown {
            agent: Agent { name: setup.agent_name.clone(), mode },
            dialect: setup.dialect,
            down: world.down,
            command_words: setup.command_words,
            faults: world.faults.armed().map(fault_orders::Armed::from).collect(),
            chats,
        }
    }
}

async fn desk_page() -> Response {
    match pages::page("desk.html") {
        Some((_, bytes)) => Html(bytes.into_owned()).into_response(),
        None => Html(NOT_BUILT).into_response(),
    }
}

async fn asset(Path(path): Path<String>) -> Response {
    match pages::page(&format!("assets/{path}")) {
        Some((kind, bytes)) => ([(header::CONTENT_TYPE, kind)], bytes.into_owned()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn state(State(desk): State<Desk>) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(desk.shown())).into_response()
}

async fn events(
    State(desk): State<Desk>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<>> {
    let stop = desk.shared.stop.clone();
    let mut changes = desk.shared.changed.subscribe();
    // The first event comes at once.
    changes.mark_changed();
    let states = stream::unfold((desk, changes, false), |(desk, mut changes, waits)| async move {
        if waits {
            tokio::time::sleep(COALESCE).await;
        }
        changes.changed().await.ok()?;
        let event = Event::default().event("state").json_data(desk.shown()).ok()?;
        Some((Ok(event), (desk, changes, true)))
    });
    Sse::new(states.take_until(stop.cancelled_owned())).keep_alive(KeepAlive::default())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypingOrder {
    on: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WriteOrder {
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TransferOrder {
    to: String,
}

async fn order(
    State(desk): State<Desk>,
    Path((id, order)): Path<(String, String)>,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    match order.as_str() {
        "accept" => desk.accept(&id)?,
        "reject" => desk.reject(&id)?,
        "end" => desk.end(&id)?,
        "typing" => desk.typing(&id, read::<TypingOrder>(&body)?.on)?,
        "write" => desk.write(&id, &read::<WriteOrder>(&body)?.text)?,
        "transfer" => desk.transfer(&id, &read::<TransferOrder>(&body)?.to)?,
        _ => {
            return Err(Refusal {
                status: StatusCode::NOT_FOUND,
                code: "unknown_order",
                message: "a chat can be told to accept, reject, typing, write, transfer or end"
                    .to_owned(),
            });
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Settings {
    mode: Option<Mode>,
    dialect: Option<Dialect>,
    down: Option<bool>,
    command_words: Option<bool>,
}

async fn settings(State(desk): State<Desk>, body: Bytes) -> Result<StatusCode, Refusal> {
    let settings: Settings = read(&body)?;
    if let Some(mode) = settings.mode {
        let script = desk.shared.lock().instance.setup.script.clone();
        desk.set_agent_mode(match mode {
            Mode::Person => AgentMode::Person,
            Mode::Scripted => AgentMode::Scripted(script),
            Mode::Nobody => AgentMode::Nobody,
        });
    }
    if let Some(dialect) = settings.dialect {
        desk.set_dialect(dialect);
    }
    if let Some(down) = settings.down {
        desk.set_down(down);
    }
    if let Some(on) = settings.command_words {
        desk.set_command_words(on);
    }
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal {
        status: StatusCode::BAD_REQUEST,
        code: "bad_body",
        message: format!("the body is not what this order takes: {error}"),
    })
}
