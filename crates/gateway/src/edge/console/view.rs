//! What several answers have in common: how a session is shown, and what went wrong with a read.

use axum::{
    extract::{Path, rejection::PathRejection},
    http::StatusCode,
};
use serde::Serialize;
use session::{
    Phase, Session, Stage,
    id::{SessionId, Timestamp},
};
use store::{SessionRow, Store, StoreError};
use vault::Vault;

use crate::{
    clock::rfc3339,
    control::shortened,
    edge::answer::Refusal,
    keeping::{Keeping, Kept},
    plain::plain,
};

/// The most characters shown of what the desk says in its own words, such as an estimate.
const ESTIMATE_CHARS_MAX: usize = 60;

/// A live chat as an operator sees it. No words of anybody; the user's id is cut short.
#[derive(Debug, Serialize)]
pub(super) struct SessionView {
    id: String,
    conversation: i64,
    tenant: String,
    desk: String,
    /// Of the conversation; absent if it is gone.
    channel: Option<String>,
    bot: Option<String>,
    user: String,
    status: String,
    /// Why it ended.
    reason: Option<String>,
    opened_at: String,
    ended_at: Option<String>,
    /// How long it lasts, or lasted.
    age_ms: i64,
    /// What is known while it is open.
    live: Option<LiveView>,
}

/// What is known of a chat while it is open.
#[derive(Debug, Serialize)]
struct LiveView {
    /// While it waits: `requested`, `accepted` or `queued`.
    phase: Option<&'static str>,
    /// The agent's name where the desk tells it.
    agent: Option<String>,
    transferring: bool,
    /// How long the user has waited, or had, for an agent; absent when that is not known any more.
    waited_ms: Option<i64>,
    /// The desk's own words.
    estimate: Option<String>,
    /// Words of the user that wait for an agent.
    held: usize,
    /// The user was told that the desk is away.
    desk_away: bool,
    /// Since when nobody reads at the user's side.
    user_away_since: Option<String>,
}

impl SessionView {
    /// A session with its conversation's state, where that can be read.
    pub(super) fn read(
        store: &dyn Store,
        vault: &Vault,
        row: &SessionRow,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let found = store.conversation_by_id(row.conversation)?;
        let key = found.as_ref().map(|found| &found.key);
        let kept = found.as_ref().and_then(|found| kept(vault, found));
        let live = kept.as_ref().and_then(|kept| kept.conversation.live());
        let live = live.filter(|live| live.id == row.id && row.ended_at.is_none());
        Ok(Self {
            id: row.id.to_string(),
            conversation: row.conversation.0,
            tenant: row.person.tenant.to_string(),
            desk: row.person.desk.to_string(),
            channel: key.map(|key| key.channel.to_string()),
            bot: key.map(|key| key.bot.to_string()),
            user: shortened(row.person.user.as_str()),
            status: row.status.to_string(),
            reason: Some(row.reason.to_string()).filter(|reason| !reason.is_empty()),
            opened_at: rfc3339(row.opened_at),
            ended_at: row.ended_at.map(rfc3339),
            age_ms: between(row.opened_at, row.ended_at.unwrap_or(now)),
            live: live.map(|live| LiveView::of(live, now)),
        })
    }
}

/// A conversation's state; one that does not open is none, and the session is shown without it.
fn kept(vault: &Vault, found: &store::ConversationRow) -> Option<Kept> {
    Keeping::new(vault, &found.key).ok()?.read_state(found.state.as_deref()?).ok()
}

impl LiveView {
    fn of(session: &Session, now: Timestamp) -> Self {
        let desk_away = session.away;
        let user_away_since = session.user_away_since.map(rfc3339);
        match &session.stage {
            Stage::Waiting(waiting) => Self {
                phase: Some(match waiting.phase {
                    Phase::Requested => "requested",
                    Phase::Accepted { .. } => "accepted",
                    Phase::Queued => "queued",
                }),
                agent: None,
                transferring: false,
                waited_ms: Some(between(session.asked_at, now)),
                estimate: waiting.estimate.as_deref().map(cut),
                held: waiting.held.len(),
                desk_away,
                user_away_since,
            },
            Stage::Connected(talk) | Stage::Active(talk) => Self {
                phase: None,
                agent: talk.agent.name.as_deref().map(cut),
                transferring: talk.transferring,
                // After a transfer only the newest agent's arrival is known.
                waited_ms: (talk.before.is_none() && talk.since >= session.asked_at)
                    .then(|| between(session.asked_at, talk.since)),
                estimate: None,
                held: 0,
                desk_away,
                user_away_since,
            },
        }
    }
}

fn cut(text: &str) -> String {
    // Kept by an earlier version, it may be as it came.
    plain(text, ESTIMATE_CHARS_MAX)
}

/// Never negative: a clock may be set back.
pub(super) fn between(from: Timestamp, to: Timestamp) -> i64 {
    to.0.saturating_sub(from.0).max(0)
}

/// What a path has in an id's place; what is no text is no id of anything.
pub(super) fn id_in(path: Result<Path<String>, PathRejection>) -> String {
    path.map(|Path(id)| id).unwrap_or_default()
}

/// A session's id in a path.
pub(super) fn session_id(text: &str) -> Result<SessionId, Refusal> {
    SessionId::new(text).map_err(|_| no_such_session())
}

pub(super) fn no_such_session() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "no_such_session",
        "there is no session with this id, and there never was",
    )
}

/// For a read that failed; what exactly is in the log.
pub(super) fn unreadable(error: &(dyn std::error::Error + 'static)) -> Refusal {
    tracing::error!(error, "the console cannot read the store");
    store_unavailable()
}

/// The same for one that is in the log already.
pub(super) fn store_unavailable() -> Refusal {
    Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "store_unavailable",
        "the store cannot be read at the moment; see the gateway's log",
    )
}

/// For a query that is not what it should be.
pub(super) fn bad_query(message: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "bad_query", message)
}
