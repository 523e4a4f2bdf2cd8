//! What could not be delivered: listed, sent again, dropped. The same orders as `warmline
//! dead-letters`, carried out by the same code.

use std::sync::Arc;

use axum::{
    Json,
    extract::{
        Extension, Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Console,
    access::log,
    closed,
    seats::Operator,
    view::{bad_query, id_in},
};
use crate::{
    control::{Letter, OneLetter, Outcome},
    edge::{Edge, answer::Refusal},
};

/// Letters on a page unless asked otherwise.
const LETTERS_PER_PAGE: usize = 20;

/// The most letters on a page: the engine looks at each of them between two batches, and pages ask
/// again and again.
const LETTERS_PER_PAGE_MAX: usize = 50;

/// What may be asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    limit: Option<usize>,
}

/// `GET /console/api/dead-letters`: the newest. What comes after them shows when they are dealt with.
pub(super) async fn list(
    State(edge): State<Arc<Edge>>,
    Extension(operator): Extension<Operator>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let Query(wanted) = wanted.map_err(|_| bad_query("the query may have limit, once"))?;
    let limit = wanted.limit.unwrap_or(LETTERS_PER_PAGE);
    if limit == 0 || limit > LETTERS_PER_PAGE_MAX {
        return Err(bad_query(format!("limit is between 1 and {LETTERS_PER_PAGE_MAX}")));
    }
    let console = edge.console.as_ref().ok_or_else(closed)?;
    let newest = console.letters.newest(&operator.sight, limit + 1).await;
    let mut letters = newest.map_err(|refused| refusal(&refused))?;
    let more = letters.len() > limit;
    letters.truncate(limit);
    Ok(Json(json!({ "letters": letters, "more": more })))
}

/// `POST /console/api/dead-letters/{id}/resend`
pub(super) async fn resend(
    State(edge): State<Arc<Edge>>,
    Extension(operator): Extension<Operator>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, Refusal> {
    let id = id_in(id);
    let console = edge.console.as_ref().ok_or_else(closed)?;
    ordered(console, &operator, "resend_letter", &id, |id| OneLetter::Resend { id }).await
}

/// `POST /console/api/dead-letters/{id}/drop`
pub(super) async fn drop(
    State(edge): State<Arc<Edge>>,
    Extension(operator): Extension<Operator>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, Refusal> {
    let id = id_in(id);
    let console = edge.console.as_ref().ok_or_else(closed)?;
    ordered(console, &operator, "drop_letter", &id, |id| OneLetter::Drop { id }).await
}

async fn ordered(
    console: &Console,
    operator: &Operator,
    name: &str,
    id: &str,
    order: impl FnOnce(i64) -> OneLetter,
) -> Result<Json<Value>, Refusal> {
    let number = id.parse::<i64>().ok();
    let answer = match number {
        Some(number) => match carried_out(console, operator, order(number)).await {
            Ok(letter) => Ok(Json(json!({ "letter": letter }))),
            Err(refused) => Err(refusal(&refused)),
        },
        None => Err(no_such_letter()),
    };
    let outcome = answer.as_ref().map_or_else(|refusal| refusal.code, |_| "done");
    log(operator, name, number.map(|_| id), outcome);
    answer
}

/// Does what was ordered, whether or not its giver is still there at the end.
async fn carried_out(console: &Console, operator: &Operator, order: OneLetter) -> Outcome<Letter> {
    let (letters, who, sight) = (console.letters.clone(), operator.who(), operator.sight.clone());
    console.under_way.carried_out(async move { letters.ask(order, who, sight).await }).await
}

fn no_such_letter() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "no_such_letter",
        "there is no such dead letter: there never was, or somebody has resent or dropped it",
    )
}

/// The control socket's refusal as an answer over HTTP.
fn refusal(refused: &crate::control::Refusal) -> Refusal {
    let (status, code) = match refused.code.as_str() {
        "no_such_letter" => return no_such_letter(),
        "busy" => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
        "stopping" => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
        "session_over" => (StatusCode::CONFLICT, "session_over"),
        "already_there" => (StatusCode::CONFLICT, "already_there"),
        "other_chat" => (StatusCode::CONFLICT, "other_chat"),
        "unreadable" => (StatusCode::CONFLICT, "unreadable"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable"),
    };
    Refusal::new(status, code, refused.message.clone())
}
