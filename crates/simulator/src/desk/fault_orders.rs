//! Faults over HTTP.
//!
//! ```text
//! GET    /desk/api/faults   {"armed":[{"fault","times","ms"?}],"known":[{"fault","ms"?}]}
//! POST   /desk/api/faults   {"fault":"lost","times"?:1|n|"until_cleared","ms"?:2000}
//! DELETE /desk/api/faults   disarms all
//! ```
//!
//! Owns how faults are spelled in JSON. `ms` is the span of those that have one.

use std::time::Duration;

use axum::{Json, body::Bytes, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};

use super::{
    Desk,
    edge::{Refusal, read},
};
use crate::{
    fault::{Fault, Times},
    script::millis,
};

/// A fault and how often it will still strike.
#[derive(Serialize)]
pub(super) struct Armed {
    #[serde(flatten)]
    known: Known,
    times: Count,
}

impl From<(Fault, Times)> for Armed {
    fn from((fault, times): (Fault, Times)) -> Self {
        let times = match times {
            Times::Once => Count::Number(1),
            Times::Next(count) => Count::Number(count),
            Times::UntilCleared => Count::Word(Word::UntilCleared),
        };
        Self { known: fault.into(), times }
    }
}

#[derive(Serialize)]
struct Known {
    fault: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<u64>,
}

impl From<Fault> for Known {
    fn from(fault: Fault) -> Self {
        Self { fault: fault.name(), ms: fault.span().map(millis) }
    }
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(untagged)]
enum Count {
    Number(u32),
    Word(Word),
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    UntilCleared,
}

#[derive(Serialize)]
pub(crate) struct Listed {
    armed: Vec<Armed>,
    known: Vec<Known>,
}

pub(crate) async fn list(State(desk): State<Desk>) -> Json<Listed> {
    Json(Listed {
        armed: desk.faults().into_iter().map(Armed::from).collect(),
        known: Fault::ALL.into_iter().map(Known::from).collect(),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    fault: String,
    times: Option<Count>,
    ms: Option<u64>,
}

pub(crate) async fn inject(State(desk): State<Desk>, body: Bytes) -> Result<StatusCode, Refusal> {
    let order: Order = read(&body)?;
    let refused = |code, message: &str| Refusal {
        status: StatusCode::BAD_REQUEST,
        code,
        message: message.to_owned(),
    };
    let known = "there is no such fault; GET this address for the names";
    let mut fault = Fault::named(&order.fault).ok_or_else(|| refused("unknown_fault", known))?;
    if let Some(ms) = order.ms {
        let spanless = "this fault neither waits nor lasts, so it takes no ms";
        let with_span = fault.with_span(Duration::from_millis(ms));
        fault = with_span.ok_or_else(|| refused("bad_body", spanless))?;
    }
    desk.inject(
        fault,
        match order.times {
            None => Times::Once,
            Some(Count::Number(count)) => Times::Next(count),
            Some(Count::Word(Word::UntilCleared)) => Times::UntilCleared,
        },
    );
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn clear(State(desk): State<Desk>) -> StatusCode {
    desk.clear_faults();
    StatusCode::NO_CONTENT
}
