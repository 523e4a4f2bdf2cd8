//! What the page can tell an agent to show: controls, items that a test has made up, and files.
//!
//! ```text
//! GET  /desk/api/controls          [{"name","by"}]
//! POST /desk/api/chats/{id}/show   {"control":"date"}, {"controls":["date","time"]} or
//!                                  {"item":{…}}; "by"?: "agent" or "topic"
//! POST /desk/api/chats/{id}/file   ?name=plan.pdf&shape=&place=, the bytes in the body;
//!                                  with &made=500000000 and no body, as many are made
//! ```
//!
//! Owns how these orders are spelled in JSON.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, Query, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header},
    routing::post,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Desk,
    edge::{Refusal, read},
};
use crate::{
    control::Control,
    instance::{FileForm, FilePlace, FileShape, ShowOrder},
    media::{File, WHOLE_BYTES_MAX, contents::made},
};

/// Who shows something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum By {
    Agent,
    Topic,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    control: Option<Control>,
    controls: Option<Vec<Control>>,
    item: Option<Value>,
    by: Option<By>,
}

/// One control as the page lists it.
#[derive(Serialize)]
pub(super) struct Listed {
    name: Control,
    by: By,
}

pub(super) async fn list() -> Json<Vec<Listed>> {
    let by = |control: Control| if control.is_agents() { By::Agent } else { By::Topic };
    Json(Control::ALL.into_iter().map(|name| Listed { name, by: by(name) }).collect())
}

pub(super) fn show(desk: &Desk, id: &str, body: &[u8]) -> Result<(), Refusal> {
    let Order { control, controls, item, by } = read(body)?;
    let by_agent = by.map(|by| by == By::Agent);
    let order = match (control, controls, item) {
        (Some(control), None, None) => ShowOrder::Controls(vec![control], by_agent),
        (None, Some(controls), None) if !controls.is_empty() => {
            ShowOrder::Controls(controls, by_agent)
        }
        (None, None, Some(item @ Value::Object(_))) => {
            ShowOrder::Item(item, by_agent.unwrap_or(false))
        }
        _ => {
            return Err(Refusal {
                status: StatusCode::BAD_REQUEST,
                code: "bad_body",
                message: "name one of \"control\", \"controls\" (not empty) and \"item\" (an \
                          object)"
                    .to_owned(),
            });
        }
    };
    Ok(desk.show_in(id, order)?)
}

/// The order to send a file, below a door's address.
pub(crate) fn routes(below: &str, desk: Desk) -> Router {
    let file = post(file).layer(DefaultBodyLimit::max(WHOLE_BYTES_MAX));
    Router::new().route(&format!("{below}/chats/{{id}}/file"), file).with_state(desk)
}

#[derive(Deserialize)]
struct Named {
    name: String,
    /// How many bytes it has, where the body has none: they are made.
    made: Option<u64>,
    #[serde(default)]
    shape: FileShape,
    #[serde(default)]
    place: FilePlace,
}

async fn file(
    State(desk): State<Desk>,
    Path(id): Path<String>,
    Query(named): Query<Named>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Refusal> {
    let bytes = body.map_err(|rejection| Refusal {
        status: rejection.status(),
        code: "bad_body",
        message: rejection.body_text(),
    })?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default();
    let Named { name, made, shape, place } = named;
    let form = FileForm { shape, place };
    match made {
        Some(size) => desk.send_made_file(&id, (&name, kind), size, form).await?,
        None => desk.shared.send_file(&id, File::new(&name, kind, bytes), form)?,
    }
    Ok(StatusCode::NO_CONTENT)
}

impl Desk {
    /// Sends a file of this many bytes, which are made as they are read.
    async fn send_made_file(
        &self,
        chat: &str,
        (name, kind): (&str, &str),
        size: u64,
        form: FileForm,
    ) -> Result<(), Refusal> {
        if size > self.shared.lock().instance.setup.profile.media_bytes_max {
            return Err(Refusal {
                status: StatusCode::BAD_REQUEST,
                code: "too_large",
                message: "an instance has no files of this size; see mediaBytesMax".to_owned(),
            });
        }
        let filled =
            tokio::task::spawn_blocking(move || made(size)).await.map_err(|_| Refusal {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                code: "stopped",
                message: "the file could not be made".to_owned(),
            })?;
        Ok(self.shared.send_file(chat, File::of(name, kind, filled), form)?)
    }
}
