//! What a bot sends, changes and takes back.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode},
};
use bot_framework::Activity;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use session::{
    Author, Content, Event,
    id::{Number, Timestamp},
};
use store::{Store, Target};

use super::{
    ACTIVITY_BYTES_MAX, HISTORY_ACTIVITIES_MAX, HISTORY_BYTES_MAX,
    caller::{Caller, Theirs},
    refused::Refused,
};
use crate::{
    behind::{self, Intake, Move, handles},
    edge::{Edge, body::read_body},
    engine::Arrival,
    keeping::Keeping,
    render::activity_id,
    trace::OpenSpan,
    wakes::Hint,
};

/// The answer to what was sent.
#[derive(Debug, Serialize)]
pub(super) struct Sent {
    pub(super) id: String,
}

/// The route as traces call it; what is done there, the method says.
const ROUTE: &str = "/v3/conversations/{id}/activities";

/// What the path names.
#[derive(Debug, Deserialize)]
pub(super) struct Place {
    pub(super) conversation: String,
    #[serde(default)]
    pub(super) activity: String,
}

pub(super) async fn send(
    State(edge): State<Arc<Edge>>,
    caller: Caller,
    place: Result<Path<Place>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Sent>, Refused> {
    let Path(place) = place?;
    let activity = read_body(body, ACTIVITY_BYTES_MAX).await?;
    let activity = Activity::parse(&activity)?;
    taken(&edge, &caller, &place, &headers, activity).await
}

/// A reply is a send that names what it answers; the path's word counts.
pub(super) async fn reply(
    State(edge): State<Arc<Edge>>,
    caller: Caller,
    place: Result<Path<Place>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Sent>, Refused> {
    let Path(place) = place?;
    let activity = read_body(body, ACTIVITY_BYTES_MAX).await?;
    let mut activity = Activity::parse(&activity)?;
    activity.set("replyToId", &place.activity);
    taken(&edge, &caller, &place, &headers, activity).await
}

async fn taken(
    edge: &Edge,
    caller: &Caller,
    place: &Place,
    headers: &HeaderMap,
    mut activity: Activity,
) -> Result<Json<Sent>, Refused> {
    let theirs = caller.conversation(edge, &place.conversation)?;
    // Given by the channel, never by the bot (reference 1.1).
    activity.remove("id");
    let fresh = edge.clock.fresh_session();
    let answers = activity.reply_to_id();
    let answers = answers.and_then(|id| handles::entry_of(&place.conversation, &id));
    let intake = Intake { setup: &theirs.link.setup, answers, key: None, fresh };
    match intake.read(activity) {
        Move::Event(event) => {
            let number = submitted(edge, &theirs, ("POST", headers), *event).await?;
            Ok(Json(Sent { id: activity_id(&place.conversation, number) }))
        }
        Move::Passing(mut activity) => {
            // What grows is known by the id of its first piece, so the page must see the one that
            // the bot was told.
            let id = format!("{}-t{}", place.conversation, edge.clock.fresh_id().simple());
            activity.set("id", &id);
            edge.wakes.wake(theirs.id, Hint::Passing(activity.to_json().into()));
            Ok(Json(Sent { id }))
        }
        Move::Nothing => {
            let id = edge.clock.fresh_id().simple();
            Ok(Json(Sent { id: format!("{}-t{id}", place.conversation) }))
        }
    }
}

async fn submitted(
    edge: &Edge,
    theirs: &Theirs,
    (method, headers): (&'static str, &HeaderMap),
    event: Event,
) -> Result<Number, Refused> {
    let trace = edge.tracing.request(method, ROUTE, headers);
    let arrival = Arrival::event(Target::Conversation(theirs.id), event)
        .traced(trace.as_ref().map(OpenSpan::context));
    let outcome = edge.engine.submit(arrival).await.map_err(Refused::from);
    if let Some(trace) = trace {
        trace.answered(outcome.as_ref().map_or_else(Refused::status, |_| StatusCode::OK));
    }
    Ok(outcome?.number)
}

pub(super) async fn update(
    State(edge): State<Arc<Edge>>,
    caller: Caller,
    place: Result<Path<Place>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Sent>, Refused> {
    let Path(place) = place?;
    let activity = read_body(body, ACTIVITY_BYTES_MAX).await?;
    let activity = Activity::parse(&activity)?;
    let theirs = caller.conversation(&edge, &place.conversation)?;
    let (of, at) = own(&edge, &theirs, &place).await?;
    let event = Event::BotRevised { of, at, said: behind::said(&activity) };
    submitted(&edge, &theirs, ("PUT", &headers), event).await?;
    Ok(Json(Sent { id: place.activity }))
}

pub(super) async fn withdraw(
    State(edge): State<Arc<Edge>>,
    caller: Caller,
    place: Result<Path<Place>, PathRejection>,
    headers: HeaderMap,
) -> Result<StatusCode, Refused> {
    let Path(place) = place?;
    let theirs = caller.conversation(&edge, &place.conversation)?;
    let (of, at) = own(&edge, &theirs, &place).await?;
    let event = Event::BotWithdrew { of, at };
    submitted(&edge, &theirs, ("DELETE", &headers), event).await?;
    Ok(StatusCode::OK)
}

/// The entry that the bot once sent under this id, and when: nothing else can be changed.
async fn own(edge: &Edge, theirs: &Theirs, place: &Place) -> Result<(Number, Timestamp), Refused> {
    let number =
        handles::entry_of(&place.conversation, &place.activity).ok_or_else(Refused::no_activity)?;
    let id = theirs.id;
    let read = move |store: &dyn Store| {
        let row = store.conversation_by_id(id)?;
        let entries = store.entries_upto(id, number, 1)?;
        Ok((row, entries))
    };
    let (row, entries) = crate::blocking(&edge.store, read).await?;
    let row = row.ok_or_else(Refused::no_conversation)?;
    let keeping =
        Keeping::new(&edge.vault, &row.key).map_err(|error| Refused::unreadable(&error))?;
    let entries =
        keeping.read_entries(&edge.vault, &entries).map_err(|error| Refused::unreadable(&error))?;
    let entry = entries.into_iter().find(|entry| entry.number == number);
    let entry = entry.filter(|entry| entry.author == Author::Bot);
    match entry.map(|entry| (entry.content, entry.at)) {
        Some((Content::Said(_), at)) => Ok((number, at)),
        Some(_) | None => Err(Refused::no_activity()),
    }
}

/// Lines of before, that the bot wants to be seen.
pub(super) async fn history(
    State(edge): State<Arc<Edge>>,
    caller: Caller,
    place: Result<Path<Place>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Sent>, Refused> {
    #[derive(Deserialize)]
    struct Transcript {
        activities: Vec<Box<RawValue>>,
    }
    let Path(place) = place?;
    let theirs = caller.conversation(&edge, &place.conversation)?;
    let body = read_body(body, HISTORY_BYTES_MAX).await?;
    let bad = |message: &str| Refused::new(StatusCode::BAD_REQUEST, "BadArgument", message);
    let transcript: Transcript = serde_json::from_slice(&body)
        .map_err(|_| bad("the body must be an object with `activities`, a list"))?;
    if transcript.activities.len() > HISTORY_ACTIVITIES_MAX {
        return Err(bad("a transcript may have 500 activities at most; send the newest"));
    }
    let mut lines = Vec::new();
    for raw in transcript.activities {
        lines.extend(behind::brought(&Activity::from_raw(&raw)?));
    }
    let number = {
        let event = Event::BotBrought { lines };
        submitted(&edge, &theirs, ("POST", &headers), event).await?
    };
    Ok(Json(Sent { id: activity_id(&place.conversation, number) }))
}
