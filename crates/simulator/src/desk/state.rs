//! What the page shows, as one JSON value and as a stream of it.
//!
//! ```text
//! GET  /desk/api/state     everything the page shows
//! GET  /desk/api/events    the same as server-sent events named `state`
//! ```
//!
//! With `?agent=dana` both are the desk of one agent: the name is hers, and the chats are those
//! offered to her and those she has or had.

use std::{convert::Infallible, time::Duration};

use axum::{
    Json,
    extract::{Query, State},
    http::header,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};

use super::{
    Desk,
    edge::{Mode, Refusal},
    fault_orders,
};
use crate::{
    config::{AgentMode, CannedReply, Dialect},
    instance::{AgentView, ChatState, ChatView, Conversation, DeskError, QueueView},
};

/// How many chats the page is shown: all that are open come first, then the newest ended ones.
const CHATS_SHOWN_MAX: usize = 200;

/// Changes that come closer together than this reach a page as one event.
const COALESCE: Duration = Duration::from_millis(50);

/// What the page shows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    agent: Agent,
    agents: Vec<AgentView>,
    queues: Vec<QueueView>,
    dialect: Dialect,
    down: bool,
    command_words: bool,
    canned_replies: Vec<CannedReply>,
    /// The faults that are armed.
    faults: Vec<fault_orders::Armed>,
    chats: Vec<ChatView>,
}

/// Whose desk it is, and who works there.
#[derive(Serialize)]
struct Agent {
    name: String,
    mode: Mode,
}

#[derive(Deserialize)]
pub(super) struct Seat {
    /// The agent whose desk is shown; absent for everybody's.
    agent: Option<String>,
}

impl Desk {
    /// The desk of one agent, or everybody's, which has the first agent's name.
    fn shown(&self, seat: &Seat) -> Result<Shown, DeskError> {
        let now = self.shared.clock.now();
        let world = self.shared.lock();
        let instance = &world.instance;
        let agents: Vec<_> = instance.agents().collect();
        let own = match &seat.agent {
            Some(who) => Some(agents.get(instance.agent(who)?).ok_or(DeskError::UnknownAgent)?),
            None => None,
        };
        let mode = match instance.setup.agent {
            AgentMode::Person => Mode::Person,
            AgentMode::Scripted(_) => Mode::Scripted,
            AgentMode::Nobody => Mode::Nobody,
        };
        let all = || {
            let seen = |c: &&Conversation| own.is_none_or(|own| c.concerns(&own.id));
            instance.conversations().filter(seen)
        };
        let ended = |c: &&Conversation| c.state() == Some(ChatState::Ended);
        let open = all().filter(|c| !ended(c)).filter_map(Conversation::view);
        let mut chats: Vec<_> = open.take(CHATS_SHOWN_MAX).collect();
        let room = CHATS_SHOWN_MAX - chats.len();
        chats.extend(all().rev().filter(ended).filter_map(Conversation::view).take(room));
        let name = own.or(agents.first()).map(|agent| agent.name.clone()).unwrap_or_default();
        Ok(Shown {
            agent: Agent { name, mode },
            queues: instance.queues(now),
            dialect: instance.setup.dialect,
            down: world.down,
            command_words: instance.setup.command_words,
            canned_replies: instance.setup.canned_replies.clone(),
            faults: world.faults.armed().map(fault_orders::Armed::from).collect(),
            chats,
            agents,
        })
    }
}

pub(super) async fn state(
    State(desk): State<Desk>,
    Query(seat): Query<Seat>,
) -> Result<Response, Refusal> {
    let shown = desk.shown(&seat)?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(shown)).into_response())
}

pub(super) async fn events(
    State(desk): State<Desk>,
    Query(seat): Query<Seat>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>> + use<>>, Refusal> {
    // An agent whom nobody knows is told so now; agents never go.
    desk.shown(&seat)?;
    let stop = desk.shared.stop.clone();
    let mut changes = desk.shared.changed.subscribe();
    // The first event comes at once.
    changes.mark_changed();
    let start = (desk, seat, changes, false);
    let states = stream::unfold(start, |(desk, seat, mut changes, waits)| async move {
        if waits {
            tokio::time::sleep(COALESCE).await;
        }
        changes.changed().await.ok()?;
        let event = Event::default().event("state").json_data(desk.shown(&seat).ok()?).ok()?;
        Some((Ok(event), (desk, seat, changes, true)))
    });
    Ok(Sse::new(states.take_until(stop.cancelled_owned())).keep_alive(KeepAlive::default()))
}
