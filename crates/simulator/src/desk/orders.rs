//! What the page can tell the desk to do.
//!
//! ```text
//! POST /desk/api/chats/{id}/accept     {"agent"?}; so reject
//! POST /desk/api/chats/{id}/write      {"text":"…"}
//! POST /desk/api/chats/{id}/typing     {"on":true}
//! POST /desk/api/chats/{id}/show       {"control":"…"}, see [`super::shows`]
//! POST /desk/api/chats/{id}/transfer   {"to":"robin"} or {"queue":"it"}
//! POST /desk/api/chats/{id}/end
//! POST /desk/api/agents/{id}           {"available"?, "capacity"?}
//! POST /desk/api/queues/{id}           {"open"?}
//! POST /desk/api/settings              {"mode"?, "dialect"?, "down"?, "commandWords"?}
//! ```
//!
//! Owns how orders are spelled in JSON. Writing, typing and ending are done by whoever has the chat.

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Deserialize;

use super::{
    Desk,
    edge::{Mode, Refusal, read},
    shows,
};
use crate::config::{AgentMode, Dialect, Schedule};

/// Who does it; absent for the one the chat is offered to.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ByOrder {
    agent: Option<String>,
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
    to: Option<String>,
    queue: Option<String>,
}

pub(super) async fn to_chat(
    State(desk): State<Desk>,
    Path((id, order)): Path<(String, String)>,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    match order.as_str() {
        "accept" => match by(&body)?.agent {
            Some(agent) => desk.accept_as(&id, &agent)?,
            None => desk.accept(&id)?,
        },
        "reject" => match by(&body)?.agent {
            Some(agent) => desk.reject_as(&id, &agent)?,
            None => desk.reject(&id)?,
        },
        "end" => desk.end(&id)?,
        "typing" => desk.typing(&id, read::<TypingOrder>(&body)?.on)?,
        "write" => desk.write(&id, &read::<WriteOrder>(&body)?.text)?,
        "transfer" => transfer(&desk, &id, &body)?,
        "show" => shows::show(&desk, &id, &body)?,
        _ => {
            return Err(Refusal {
                status: StatusCode::NOT_FOUND,
                code: "unknown_order",
                message:
                    "a chat can be told to accept, reject, typing, write, show, transfer or end"
                        .to_owned(),
            });
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

/// These orders came without a body before there were several agents, and still may.
fn by(body: &[u8]) -> Result<ByOrder, Refusal> {
    if body.is_empty() { Ok(ByOrder::default()) } else { read(body) }
}

fn transfer(desk: &Desk, id: &str, body: &[u8]) -> Result<(), Refusal> {
    match read::<TransferOrder>(body)? {
        TransferOrder { to: Some(to), queue: None } => desk.transfer(id, &to)?,
        TransferOrder { to: None, queue: Some(queue) } => desk.transfer_to_queue(id, &queue)?,
        _ => {
            return Err(Refusal {
                status: StatusCode::BAD_REQUEST,
                code: "bad_body",
                message: "a chat is transferred either to an agent or to a queue: name one of \
                          \"to\" and \"queue\""
                    .to_owned(),
            });
        }
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentOrder {
    available: Option<bool>,
    capacity: Option<u32>,
}

pub(super) async fn to_agent(
    State(desk): State<Desk>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let order: AgentOrder = read(&body)?;
    desk.is_agent(&id)?;
    // In this order, so that somebody who comes with more room is offered all of it.
    if let Some(capacity) = order.capacity {
        desk.set_capacity(&id, capacity)?;
    }
    if let Some(available) = order.available {
        desk.set_available(&id, available)?;
    }
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QueueOrder {
    open: Option<bool>,
}

pub(super) async fn to_queue(
    State(desk): State<Desk>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let order: QueueOrder = read(&body)?;
    desk.is_queue(&id)?;
    if let Some(open) = order.open {
        desk.set_schedule(&id, if open { Schedule::Always } else { Schedule::Never })?;
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

pub(super) async fn settings(State(desk): State<Desk>, body: Bytes) -> Result<StatusCode, Refusal> {
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
