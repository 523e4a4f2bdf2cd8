//! What became of one live chat: its log entries by number and kind, what waits for it, what failed,
//! and what passed lately.
//!
//! Only who, when and what kind: the words of users, agents and bots are opened to find their kind
//! and go no further.

use std::sync::Arc;

use axum::{
    Json,
    extract::{
        Extension, Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use session::{Author, Content, EndedBy, LATE_WORDS_FOR, Notice, id::Number};
use store::{SessionRow, Store, StoreError, Waiting};
use vault::Vault;

use super::{
    closed,
    seats::Operator,
    view::{SessionView, bad_query, id_in, no_such_session, session_id, unreadable},
};
use crate::{
    clock::rfc3339,
    edge::{Edge, answer::Refusal},
    keeping::{Entry, Keeping},
};

/// Log entries on a page.
const ENTRIES_PER_PAGE: usize = 200;

/// Effects shown that still wait.
const EFFECTS_SHOWN_MAX: usize = 100;

/// How long after its end the entries of a step may be dated: each is a millisecond later than the
/// one before, and a step has a handful.
const SAME_STEP_MS: i64 = 1_000;

/// What may be asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Entries with greater numbers.
    after: Option<u64>,
}

/// An entry of the log without what it says.
#[derive(Debug, Serialize)]
struct EntryView {
    number: u64,
    at: String,
    /// Towards whom: `in` from the user, `out` to the user.
    direction: &'static str,
    author: &'static str,
    /// `said`, `notice`, `context` or `gap`.
    kind: &'static str,
    notice: Option<&'static str>,
    /// Who ended it, or why it failed, with such a notice.
    detail: Option<&'static str>,
    /// The status the session has from here on.
    status: Option<String>,
}

/// An effect that waits.
#[derive(Debug, Serialize)]
struct EffectView {
    request_id: String,
    kind: &'static str,
    attempts: u32,
    decided_at: String,
    not_before: Option<String>,
    expires_at: String,
    /// `waiting`, `sending` or `struck`.
    state: &'static str,
}

/// `GET /console/api/sessions/{id}`
pub(super) async fn timeline(
    State(edge): State<Arc<Edge>>,
    Extension(operator): Extension<Operator>,
    id: Result<Path<String>, PathRejection>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let Query(wanted) =
        wanted.map_err(|_| bad_query("the query may have after, the number of an entry"))?;
    let console = edge.console.as_ref().ok_or_else(closed)?;
    let id = session_id(&id_in(id))?;
    let passages = console.recorder.passages(&id);
    let (vault, now) = (Arc::clone(&edge.vault), edge.clock.now());
    let read = move |store: &dyn Store| {
        let Some(row) = store.session(&id, &operator.sight)? else { return Ok(None) };
        let session = SessionView::read(store, &vault, &row, now)?;
        let (entries, next) = entries(store, &vault, &row, wanted.after)?;
        let effects = effects(store, &vault, &row)?;
        Ok(Some((session, entries, next, effects)))
    };
    let found = crate::blocking(&edge.store, read).await.map_err(|error| unreadable(&error))?;
    let (session, entries, next, effects) = found.ok_or_else(no_such_session)?;
    Ok(Json(json!({
        "session": session,
        "entries": entries,
        "next": next,
        "effects": effects,
        "passages": passages,
    })))
}

/// A page of the session's entries, and after which number to go on if there may be more.
fn entries(
    store: &dyn Store,
    vault: &Vault,
    row: &SessionRow,
    after: Option<u64>,
) -> Result<(Vec<EntryView>, Option<u64>), StoreError> {
    let Some(found) = store.conversation_by_id(row.conversation)? else {
        return Ok((Vec::new(), None));
    };
    let before = session::id::Timestamp(row.opened_at.0.saturating_sub(1));
    let first = store.newest_at(row.conversation, before)?;
    let after = Number(after.unwrap_or(0)).max(first);
    let rows = store.entries_after(row.conversation, after, ENTRIES_PER_PAGE)?;
    let whole = rows.len() == ENTRIES_PER_PAGE;
    let last_at = row.ended_at.map(|ended| ended.after(LATE_WORDS_FOR));
    let within = |at| last_at.is_none_or(|last| at <= last);
    let next = rows.last().filter(|last| whole && within(last.at)).map(|last| last.number.0);
    let mut views = Vec::with_capacity(rows.len());
    let keeping = Keeping::new(vault, &found.key);
    for stored in rows.iter().filter(|stored| within(stored.at)) {
        // What does not open, or was shredded, is a gap here and an error where it matters.
        let opened = keeping.as_ref().ok().and_then(|keeping| {
            keeping.read_entries(vault, std::slice::from_ref(stored)).ok()?.pop()
        });
        match opened {
            Some(entry) if belongs(row, &entry) => views.push(EntryView::of(row, &entry)),
            Some(_) => {}
            None => views.push(EntryView::gap(stored.number, stored.at)),
        }
    }
    Ok((views, next))
}

/// Whether an entry is part of the chat: all of them until its end is told, then only the desk's late
/// words.
fn belongs(row: &SessionRow, entry: &Entry) -> bool {
    let Some(ended) = row.ended_at else { return true };
    match &entry.author {
        Author::Agent(_) | Author::Desk => true,
        Author::Gateway => entry.at.0 <= ended.0.saturating_add(SAME_STEP_MS),
        Author::User | Author::Bot => entry.at < ended,
    }
}

impl EntryView {
    fn of(row: &SessionRow, entry: &Entry) -> Self {
        let (direction, author) = match &entry.author {
            Author::User => ("in", "user"),
            Author::Bot => ("out", "bot"),
            Author::Agent(_) => ("out", "agent"),
            Author::Desk => ("out", "desk"),
            Author::Gateway => ("out", "gateway"),
        };
        let (kind, notice) = match &entry.content {
            Content::Said(_) => ("said", None),
            Content::Notice(notice) => ("notice", Some(notice)),
            Content::Context(_) => ("context", None),
            Content::Transcript(_) => ("transcript", None),
            Content::Done(_) => ("done", None),
            Content::Revised { .. } => ("revised", None),
            Content::Withdrawn { .. } => ("withdrawn", None),
        };
        Self {
            number: entry.number.0,
            at: rfc3339(entry.at),
            direction,
            author,
            kind,
            notice: notice.map(Notice::key),
            detail: notice.and_then(detail),
            status: notice.and_then(|notice| status(row, notice)),
        }
    }

    fn gap(number: Number, at: session::id::Timestamp) -> Self {
        Self {
            number: number.0,
            at: rfc3339(at),
            direction: "out",
            author: "gateway",
            kind: "gap",
            notice: None,
            detail: None,
            status: None,
        }
    }
}

/// What a notice says besides its key, as far as it is a code.
fn detail(notice: &Notice) -> Option<&'static str> {
    match notice {
        Notice::Ended { by } => Some(match by {
            EndedBy::User => "user",
            EndedBy::Agent(_) => "agent",
            EndedBy::Operator => "operator",
            EndedBy::Bot => "bot",
        }),
        Notice::Failed { reason } => Some(reason.code()),
        _ => None,
    }
}

/// The status that a notice tells of.
fn status(row: &SessionRow, notice: &Notice) -> Option<String> {
    match notice {
        Notice::Asked => Some("waiting".to_owned()),
        Notice::Connected { .. } => Some("connected".to_owned()),
        Notice::Ended { .. }
        | Notice::NobodyThere
        | Notice::Cancelled
        | Notice::Failed { .. }
        | Notice::UserLeft => row.ended_at.map(|_| row.status.to_string()),
        _ => None,
    }
}

fn effects(
    store: &dyn Store,
    vault: &Vault,
    row: &SessionRow,
) -> Result<Vec<EffectView>, StoreError> {
    let waiting = store.waiting_effects(row.conversation, &row.id, EFFECTS_SHOWN_MAX)?;
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    let found = store.conversation_by_id(row.conversation)?;
    let keeping = found.and_then(|found| Keeping::new(vault, &found.key).ok());
    let kind = |one: &Waiting| {
        let effect = keeping.as_ref()?.read_effect(one.number, &one.body).ok()?;
        Some(effect.what.kind())
    };
    let views = waiting.iter().map(|one| EffectView {
        request_id: format!("{}.{}", row.id, one.number),
        kind: kind(one).unwrap_or("unreadable"),
        attempts: one.attempts,
        decided_at: rfc3339(one.at),
        not_before: (one.not_before.0 > 0).then(|| rfc3339(one.not_before)),
        expires_at: rfc3339(one.expires_at),
        state: match (one.struck, one.leased) {
            (true, _) => "struck",
            (false, true) => "sending",
            (false, false) => "waiting",
        },
    });
    Ok(views.collect())
}
