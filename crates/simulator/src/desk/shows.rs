//! What the page can tell an agent to show: controls, items that a test has made up, and files.
//!
//! ```text
//! GET  /desk/api/controls          [{"name","by"}]
//! POST /desk/api/chats/{id}/show   {"control":"date"}, {"controls":["date","time"]} or
//!                                  {"item":{…}}; "by"?: "agent" or "topic"
//! POST /desk/api/chats/{id}/file   ?name=plan.pdf&shape=&place=, the bytes in the body
//! ```
//!
//! Owns how these orders are spelled in JSON.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Desk,
    edge::{Refusal, read},
};
use crate::{
    control::Control,
    instance::{FileForm, ShowOrder},
    media::File,
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

#[derive(Deserialize)]
pub(super) struct Named {
    name: String,
    #[serde(flatten)]
    form: FileForm,
}

pub(super) async fn file(
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
    let file = File::new(&named.name, kind.unwrap_or_default(), bytes);
    desk.shared.send_file(&id, file, named.form)?;
    Ok(StatusCode::NO_CONTENT)
}
