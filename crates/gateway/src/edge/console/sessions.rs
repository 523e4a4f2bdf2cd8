//! Live chats: a page of those that are open, and the end of one.

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
use session::{
    Event,
    id::{SessionId, TenantId},
};
use store::{SessionRow, Sight, Store, StoreError, Target};

use super::{
    access::log,
    seats::Operator,
    view::{
        SessionView, bad_query, id_in, no_such_session, session_id, store_unavailable, unreadable,
    },
};
use crate::{
    audit::{Deed, Entry},
    edge::{Edge, answer::Refusal},
    engine::{Arrival, EngineError},
};

/// Sessions on a page unless asked otherwise.
const SESSIONS_PER_PAGE: usize = 50;

/// The most sessions on a page: each costs a state to be opened.
const SESSIONS_PER_PAGE_MAX: usize = 200;

/// The most rows looked through for one page; a page that is not full then says where to go on.
const ROWS_PER_PAGE_MAX: usize = 5_000;

/// Rows read at a time.
const ROWS_PER_READ: usize = 500;

/// What may be asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Those with greater ids; ids rise with time.
    after: Option<String>,
    limit: Option<usize>,
    status: Option<String>,
    tenant: Option<String>,
    desk: Option<String>,
}

impl Wanted {
    fn fits(&self, row: &SessionRow) -> bool {
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == found)
        };
        is(&self.status, &row.status)
            && is(&self.tenant, row.person.tenant.as_str())
            && is(&self.desk, row.person.desk.as_str())
    }
}

/// `GET /console/api/sessions`: those that are open, oldest first.
pub(super) async fn list(
    State(edge): State<Arc<Edge>>,
    Extension(operator): Extension<Operator>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let Query(wanted) = wanted.map_err(|_| {
        bad_query("the query may have after, limit, status, tenant and desk, each once")
    })?;
    if let Some(status) = &wanted.status
        && !["waiting", "connected", "active"].contains(&status.as_str())
    {
        return Err(bad_query("status is waiting, connected or active"));
    }
    let limit = wanted.limit.unwrap_or(SESSIONS_PER_PAGE);
    if limit == 0 || limit > SESSIONS_PER_PAGE_MAX {
        return Err(bad_query(format!("limit is between 1 and {SESSIONS_PER_PAGE_MAX}")));
    }
    let after = wanted.after.as_deref().map(SessionId::new).transpose();
    let after = after.map_err(|_| bad_query("after is the id of a session"))?;
    let (vault, now) = (Arc::clone(&edge.vault), edge.clock.now());
    let read = move |store: &dyn Store| {
        let (rows, next) = page(store, &wanted, &operator.sight, after, limit)?;
        let views = rows.iter().map(|row| SessionView::read(store, &vault, row, now));
        Ok((views.collect::<Result<Vec<_>, _>>()?, next))
    };
    let found = crate::blocking(&edge.store, read).await;
    let (sessions, next) = found.map_err(|error| unreadable(&error))?;
    Ok(Json(json!({ "sessions": sessions, "next": next.as_ref().map(SessionId::as_str) })))
}

/// Rows that fit, and after which to go on if there may be more.
fn page(
    store: &dyn Store,
    wanted: &Wanted,
    sight: &Sight,
    mut after: Option<SessionId>,
    limit: usize,
) -> Result<(Vec<SessionRow>, Option<SessionId>), StoreError> {
    let mut found = Vec::new();
    for _ in 0..ROWS_PER_PAGE_MAX / ROWS_PER_READ {
        let rows = store.open_sessions(sight, after.as_ref(), ROWS_PER_READ)?;
        let whole = rows.len() == ROWS_PER_READ;
        for row in rows {
            if found.len() == limit {
                return Ok((found, after));
            }
            after = Some(row.id.clone());
            if wanted.fits(&row) {
                found.push(row);
            }
        }
        if !whole {
            return Ok((found, None));
        }
    }
    Ok((found, after))
}

/// `POST /console/api/sessions/{id}/end`: ends a chat whatever stands in its way. Desk, user and bot
/// are told. It goes on when the browser hangs up: what is done is put down, too.
pub(super) async fn end(
    State(edge): State<Arc<Edge>>,
    Extension(operator): Extension<Operator>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, Refusal> {
    let id = id_in(id);
    let ending = tokio::spawn(async move { ends_and_tells(&edge, &operator, &id).await });
    ending.await.unwrap_or_else(|_| Err(store_unavailable()))
}

/// Puts down how it ended.
async fn ends_and_tells(
    edge: &Edge,
    operator: &Operator,
    id: &str,
) -> Result<Json<Value>, Refusal> {
    let ended = ends(edge, operator, id).await;
    let outcome = ended.as_ref().map_or_else(|refusal| refusal.code, |_| "done");
    // What is no id of ours may be anything, and is not written down.
    let about = SessionId::new(id).ok();
    log(operator, "end_session", about.as_ref().map(SessionId::as_str), outcome);
    let tenant = ended.as_ref().ok().and_then(|(tenant, _)| TenantId::new(tenant).ok());
    let entry = Entry::new(operator.who(), Deed::SessionEnded { id: about });
    edge.audit.record_now(entry.of(tenant).with(outcome)).await;
    ended.map(|(_, told)| told)
}

/// Gives back whose session it was, too.
async fn ends(
    edge: &Edge,
    operator: &Operator,
    id: &str,
) -> Result<(String, Json<Value>), Refusal> {
    let id = session_id(id)?;
    let row = row(edge, operator, &id).await?;
    if row.ended_at.is_some() {
        return Err(over());
    }
    let event = Event::OperatorEnds { session: id.clone() };
    let told = edge.engine.submit(Arrival::event(Target::Conversation(row.conversation), event));
    let told = told.await.map_err(|error| match error {
        EngineError::NotFound => no_such_session(),
        other => other.into(),
    })?;
    // Somebody else may have been quicker, another operator too.
    if !told.ended {
        return Err(over());
    }
    let row = self::row(edge, operator, &id).await?;
    let tenant = row.person.tenant.to_string();
    let (vault, now) = (Arc::clone(&edge.vault), edge.clock.now());
    let read = move |store: &dyn Store| SessionView::read(store, &vault, &row, now);
    let session = crate::blocking(&edge.store, read).await.map_err(|error| unreadable(&error))?;
    Ok((tenant, Json(json!({ "session": session }))))
}

/// The session, if there is one that this operator may see.
async fn row(edge: &Edge, operator: &Operator, id: &SessionId) -> Result<SessionRow, Refusal> {
    let (id, sight) = (id.clone(), operator.sight.clone());
    let read = crate::blocking(&edge.store, move |store| store.session(&id, &sight)).await;
    read.map_err(|error| unreadable(&error))?.ok_or_else(no_such_session)
}

fn over() -> Refusal {
    Refusal::new(StatusCode::CONFLICT, "session_over", "this session is over already")
}
