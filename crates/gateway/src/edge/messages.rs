//! `POST /api/messages`: what Azure Bot Service brings from its channels (reference 2.1, 2.2).
//!
//! ```text
//!   proof (whose token) ─► activity ─┬─ what is said or done ─► engine ─► 200 when it is stored
//!                                    ├─ invoke ─► the bot behind, at once ─► its answer
//!                                    └─ typing and such ─► 200
//! ```
//!
//! A channel repeats what was not answered within some fifteen seconds; a repeat is recognised and
//! gets the first answer. What the activity claims about people is believed only because its channel
//! signed for it.

mod besides;
mod brought;
mod complaints;
mod consent;
pub(super) mod meaning;
mod proof;

use std::{sync::Arc, time::Instant};

use axum::{
    Json, Router,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use bot_framework::{Activity, activity::kinds};
use serde_json::json;
use session::{
    Author, Event,
    id::{ConversationKey, Number},
};
use store::{ConversationId, Store, StoreError, Target};

use crate::{
    behind::Outgoing,
    channel::{ChannelLink, is_teams, words},
    desk::signal::ToDesk,
    edge::{
        Edge,
        answer::{Refusal, no_such_method},
        body::{BodyError, read_body},
        relay::{self, NoAnswer},
    },
    engine::{Arrival, EngineError},
    keeping::{Keeping, KeepingError},
    notices,
    trace::OpenSpan,
};
pub(crate) use besides::Besides;
pub(crate) use complaints::Complaints;
use meaning::{Meaning, Whose};

/// The route.
pub(crate) const PATH: &str = "/api/messages";

/// The largest activity, in bytes. Teams' own have 100 KB at most, in two bytes each.
const ACTIVITY_BYTES_MAX: usize = 256 * 1024;

pub(crate) fn routes() -> Router<Arc<Edge>> {
    Router::new().route(PATH, post(take).fallback(no_such_method))
}

async fn take(State(edge): State<Arc<Edge>>, headers: HeaderMap, body: Body) -> Response {
    let mut trace = edge.tracing.request("POST", PATH, &headers);
    let taken = taken(&edge, &headers, body, trace.as_mut()).await;
    let response = taken.unwrap_or_else(|refusal| {
        // Without a credential it is anybody; what is wrong with Azure's, its owner wants to know.
        let of_azure = matches!(refusal.status.as_u16(), 401 | 403 | 413 | 415);
        if of_azure && refusal.code != "unauthorized" {
            edge.complaints.say(refusal.code, &refusal.message);
        }
        refusal.into_response()
    });
    if let Some(trace) = trace {
        trace.answered(response.status());
    }
    response
}

async fn taken(
    edge: &Arc<Edge>,
    headers: &HeaderMap,
    body: Body,
    trace: Option<&mut OpenSpan>,
) -> Result<Response, Refusal> {
    let channels = edge.channels.get();
    let token = proof::token(&channels, headers)?;
    is_json(headers)?;
    let body = read_body(body, ACTIVITY_BYTES_MAX).await?;
    let activity = Activity::parse(&body)
        .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.code(), error.to_string()))?;
    let link = proof::of(edge, &channels, token, &activity).await?;
    let Some(activity) = meaning::with_its_user(activity) else {
        return Ok(StatusCode::OK.into_response());
    };
    let (activity, masked) = edge.mask(&link.tenant, activity).await?;
    still_fits(masked, &activity)?;
    let whose = Whose::read(&link, &activity)?;
    if let Some(tenant) = whose.reference.tenant.as_deref().filter(|_| is_teams(&whose.key.channel))
    {
        link.homes.heard(tenant, &whose.reference.service_url, Instant::now());
    }
    may_come_so_fast(edge, &whose)?;
    let context = trace.map(|trace| trace.context());
    if activity.kind() == kinds::INVOKE {
        return invoked(edge, &link, whose, (activity, masked)).await;
    }
    if activity.kind() == kinds::TYPING {
        edge.wakes.tell_desk(ToDesk::Types(whose.key));
        return Ok(StatusCode::OK.into_response());
    }
    let (fresh, placed_as) = (edge.clock.fresh_session(), meaning::id_of_words(&activity));
    let about = earlier(edge, &whose.key, &activity).await?;
    let is_change = activity.kind() != kinds::MESSAGE_REACTION;
    if is_change && about.as_ref().is_some_and(|earlier| !earlier.by_user) {
        // Nobody changes what others said.
        return Ok(StatusCode::OK.into_response());
    }
    // A secret that is typed anew is one, too.
    let activity = match about.as_ref().filter(|earlier| is_change && earlier.masked) {
        Some(earlier) => meaning::masked(activity, &earlier.text),
        None => activity,
    };
    let about = about.as_ref().map(|earlier| earlier.text.as_str());
    if activity.kind() == kinds::MESSAGE
        && let Some(message) = brought::Message::read(edge, &link, &whose, &activity)
    {
        return message.take((activity, masked), context).await;
    }
    let (target, event) = match meaning::of(&whose, activity, about, (edge.language, fresh)) {
        Meaning::Nothing => return Ok(StatusCode::OK.into_response()),
        Meaning::Event(event) => (Target::Key(whose.key), *event),
        // Nobody begins a conversation by leaving.
        Meaning::Leaves => (Target::Existing(whose.key), Event::UserGone),
    };
    let arrival = Arrival::event(target, event).placed(placed_as).masked(masked).traced(context);
    match edge.engine.submit(arrival).await {
        Ok(_) | Err(EngineError::NotFound) => Ok(StatusCode::OK.into_response()),
        Err(error) => Err(error.into()),
    }
}

/// Masks may be longer than what they stand for.
fn still_fits(masked: bool, activity: &Activity) -> Result<(), Refusal> {
    if masked && activity.to_json().len() > ACTIVITY_BYTES_MAX {
        return Err(BodyError::TooLarge { limit: ACTIVITY_BYTES_MAX }.into());
    }
    Ok(())
}

/// Refuses an activity of a conversation, a user or a tenant of which too many come. The channel sends it
/// again.
fn may_come_so_fast(edge: &Edge, whose: &Whose) -> Result<(), Refusal> {
    let rates = edge.doors.get().rates(&whose.key.tenant);
    let of = (&*whose.key.conversation, Some(whose.visitor.user.as_str()));
    let now = tokio::time::Instant::now();
    edge.measures.take(&rates, &whose.key.tenant, of, now).map_err(|_| {
        Refusal::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_requests",
            "these are more activities than a conversation, a user or a tenant may have in a second; \
             nothing was taken, send it again",
        )
        .of(&whose.key.tenant)
    })
}

/// A message that something is about.
struct Earlier {
    text: String,
    by_user: bool,
    /// What it said was for the desk alone; `text` is the mask.
    masked: bool,
}

/// What the message said that this changes, takes back or reacts to, if it is known: an agent is to know
/// which is meant.
async fn earlier(
    edge: &Edge,
    key: &ConversationKey,
    activity: &Activity,
) -> Result<Option<Earlier>, Refusal> {
    let Some(of) = meaning::is_about(activity) else { return Ok(None) };
    let key = key.clone();
    let read = move |store: &dyn Store| {
        let Some(row) = store.conversation(&key)? else { return Ok(None) };
        let Some(number) = store.placed_entry(row.id, &of)? else { return Ok(None) };
        Ok(Some((row.key, store.entries_upto(row.id, number, 1)?, number)))
    };
    let read = crate::blocking(&edge.store, read).await.map_err(|error| unreadable(&error))?;
    let Some((key, rows, number)) = read else { return Ok(None) };
    let entries = Keeping::new(&edge.vault, &key)
        .and_then(|keeping| keeping.read_entries(&edge.vault, &rows))
        .map_err(|error| unopened(&error))?;
    let entry = entries.into_iter().find(|entry| entry.number == number);
    Ok(entry.and_then(|entry| {
        let said = entry.content.said()?;
        let (text, masked) = (said.text.clone(), said.masked.is_some());
        Some(Earlier { text, by_user: entry.author == Author::User, masked })
    }))
}

/// A call to the bot, whose answer is the answer.
async fn invoked(
    edge: &Arc<Edge>,
    link: &Arc<ChannelLink>,
    whose: Whose,
    (activity, masked): (Activity, bool),
) -> Result<Response, Refusal> {
    if let Some(answer) = consent::answered(edge, link, &whose, &activity).await {
        return answer;
    }
    if words::is_answered_here(&activity) {
        let seen = meaning::seen(&whose, &activity, edge.language);
        let arrival = Arrival::event(Target::Key(whose.key), seen).masked(masked);
        edge.engine.submit(arrival).await?;
        let told = json!({
            "statusCode": 200,
            "type": "application/vnd.microsoft.activity.message",
            "value": notices::taken(edge.language),
        });
        return Ok(Json(told).into_response());
    }
    let bots = edge.bots.get();
    let bot = bots.behind(&link.tenant, &link.bot).map(Arc::clone).ok_or_else(|| {
        Refusal::new(
            StatusCode::NOT_IMPLEMENTED,
            "no_invokes",
            "the built-in bot takes no invokes; set BOT_ENDPOINT for a bot that does",
        )
    })?;
    let seen = meaning::seen(&whose, &activity, edge.language);
    let arrival = Arrival::event(Target::Key(whose.key.clone()), seen).masked(masked);
    let id = edge.engine.submit(arrival).await?.conversation;
    let conversation = edge.handles.conversation(&bot.tenant, &bot.bot, id);
    let outgoing = Outgoing {
        link: &bot,
        key: &whose.key,
        conversation: &conversation,
        reference: Some(&whose.reference),
        name: None,
    };
    let activity_id = format!("{conversation}-i{}", edge.clock.fresh_id().simple());
    let answers = match activity.reply_to_id() {
        Some(shown) => shown_as(edge, id, shown.into_owned()).await?,
        None => None,
    };
    let told = relay::invoke(edge, &outgoing, (activity, &activity_id), answers).await;
    let answer = told.map_err(|none| match none {
        NoAnswer::NotAsked => Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "bot_away",
            "the bot does not take anything at the moment; send the invoke again later",
        ),
        NoAnswer::NotAnswered => Refusal::new(
            StatusCode::BAD_GATEWAY,
            "bot_error",
            "the bot did not answer the invoke: see its log",
        ),
    })?;
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    Ok(match answer.body {
        Some(body) => {
            let json = HeaderValue::from_static("application/json");
            (status, [(header::CONTENT_TYPE, json)], body).into_response()
        }
        None => status.into_response(),
    })
}

/// The entry that the channel shows under this id.
async fn shown_as(
    edge: &Edge,
    conversation: ConversationId,
    shown: String,
) -> Result<Option<Number>, Refusal> {
    let read = move |store: &dyn Store| store.placed_entry(conversation, &shown);
    crate::blocking(&edge.store, read).await.map_err(|error| unreadable(&error))
}

fn unreadable(error: &StoreError) -> Refusal {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "the conversation of an activity cannot be read"
    );
    Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "store_unavailable",
        "the gateway cannot read at the moment; send it again",
    )
}

fn unopened(error: &KeepingError) -> Refusal {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "what was said in the conversation of an activity cannot be read"
    );
    Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "store_unavailable",
        "the gateway cannot read at the moment; send it again",
    )
}

/// Whoever names another type means another thing. Some proxies leave the name out.
fn is_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    if kind == "application/json" || kind.ends_with("+json") {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "not_json",
        "an activity is sent as «Content-Type: application/json»",
    ))
}
