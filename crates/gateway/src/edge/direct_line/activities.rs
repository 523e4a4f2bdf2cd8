//! Posting and reading activities.

use std::{borrow::Cow, sync::Arc};

use axum::{
    Json,
    body::Body,
    extract::{Path, Query, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use bot_framework::{
    Activity,
    activity::kinds,
    direct_line::{ActivitySet, ErrorCode, Watermark, token::Claims},
};
use serde::Serialize;
use session::{
    Event, Payload, Said,
    id::{Number, SenderKey, SessionId},
};
use store::{ConversationId, StoreError, Target};
use uuid::Uuid;

use crate::{
    edge::{
        Edge,
        direct_line::{ACTIVITY_BYTES_MAX, Refused, conversations, visitor},
        webhook::read_body,
    },
    engine::Arrival,
    keeping::Keeping,
    render::{View, activity_id},
};

/// Activities in one set; clients ask again until a set is empty.
pub(super) const SET_MAX: usize = 200;

/// The answer to a post.
#[derive(Debug, Serialize)]
pub(super) struct Posted {
    id: String,
}

/// Takes an activity in. Answered as soon as it is stored, never after the bot.
pub(super) async fn post(
    State(edge): State<Arc<Edge>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Posted>, Refused> {
    let claims = edge.page(&headers, &id)?;
    let body = read_body(body, ACTIVITY_BYTES_MAX).await.map_err(|refusal| {
        let code = match refusal.status.as_u16() {
            413 => ErrorCode::TooLarge,
            _ => ErrorCode::BadArgument,
        };
        Refused::new(code, refusal.message)
    })?;
    let activity = Activity::parse(&body)
        .map_err(|error| Refused::new(ErrorCode::BadArgument, error.to_string()))?;
    let name = activity.from().and_then(|from| from.name);
    let visitor = visitor(&claims, name)?;
    let event = match &*activity.kind() {
        kinds::MESSAGE => Event::UserSaid {
            visitor,
            said: said(&activity)?,
            key: sender_key(&activity)?,
            fresh: fresh_session(),
        },
        kinds::END_OF_CONVERSATION => Event::UserEnds,
        // Typing has no place in the log; events are for a bot of one's own.
        _ => return Ok(Json(Posted { id: Uuid::now_v7().simple().to_string() })),
    };
    let arrival = Arrival::event(Target::Key(edge.key_of(&claims)?), event);
    let outcome = edge.engine.submit(arrival).await?;
    Ok(Json(Posted { id: activity_id(&id, outcome.number) }))
}

/// What was said since a watermark.
pub(super) async fn read(
    State(edge): State<Arc<Edge>>,
    Path(id): Path<String>,
    Query(reading): Query<conversations::Reading>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let claims = edge.page(&headers, &id)?;
    let after = conversations::watermark(reading.watermark.as_deref())?;
    let after = after.unwrap_or(Watermark::START);
    let log = edge.log_of(&claims).await?;
    let set = match log {
        Some(log) => edge.set_after(&log, after).await?.0,
        // A token was generated and nothing was said yet.
        None => ActivitySet { activities: Vec::new(), watermark: Some(after) },
    };
    Ok(([(header::CONTENT_TYPE, "application/json")], set.to_json()).into_response())
}

/// A conversation's log, as a page reads it.
pub(super) struct Log {
    pub(super) id: ConversationId,
    keeping: Keeping,
    pub(super) conversation: String,
    pub(super) user: String,
}

impl Log {
    pub(super) fn view(&self) -> View<'_> {
        View { conversation: &self.conversation, user: &self.user }
    }
}

impl Edge {
    pub(super) async fn log_of(&self, claims: &Claims) -> Result<Option<Log>, Refused> {
        let key = self.key_of(claims)?;
        let keeping = Keeping::new(&self.vault, &key).map_err(|error| unreadable(&error))?;
        let row = crate::blocking(&self.store, move |store| store.conversation(&key)).await;
        let row = row.map_err(|error| unreadable(&error))?;
        Ok(row.map(|row| Log {
            id: row.id,
            keeping,
            conversation: claims.conversation.clone(),
            user: claims.user.clone().unwrap_or_default(),
        }))
    }

    /// The next activities after a watermark, and whether there may be more.
    pub(super) async fn set_after(
        &self,
        log: &Log,
        after: Watermark,
    ) -> Result<(ActivitySet<String>, bool), Refused> {
        let (id, number) = (log.id, Number(after.number()));
        let rows =
            crate::blocking(&self.store, move |store| store.entries_after(id, number, SET_MAX))
                .await
                .map_err(|error| unreadable(&error))?;
        let more = rows.len() == SET_MAX;
        let watermark = rows.last().map_or(after, |row| Watermark::new(row.number.0));
        let entries =
            log.keeping.read_entries(&self.vault, &rows).map_err(|error| unreadable(&error))?;
        let view = log.view();
        let activities = entries.iter().filter_map(|entry| view.activity(entry)).collect();
        Ok((ActivitySet { activities, watermark: Some(watermark) }, more))
    }
}

/// The store or the keys fail; the client comes back by itself on a 503 (reference 4.4).
pub(super) fn unreadable(error: &(dyn std::error::Error + 'static)) -> Refused {
    tracing::error!(error, "a conversation cannot be read");
    Refused::new(ErrorCode::ServiceUnavailable, "the conversation cannot be read at the moment")
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        unreadable(&error)
    }
}

/// What the activity says, readable for everybody, and the original for those who can show more.
fn said(activity: &Activity) -> Result<Said, Refused> {
    let mut text = activity.text().map(Cow::into_owned).unwrap_or_default();
    if text.trim().is_empty()
        && let Some(value) = activity.value()
    {
        // A card was submitted: its fields are all there is to say.
        value.get().clone_into(&mut text);
    }
    for attachment in activity.attachments() {
        let name = attachment.name().or_else(|| attachment.content_type()).unwrap_or_default();
        if !text.is_empty() {
            text.push('\n');
        }
        text.extend(["[attachment: ", &name, "]"]);
    }
    if text.trim().is_empty() {
        return Err(Refused::new(
            ErrorCode::MissingProperty,
            "the message has neither text nor value nor attachments",
        ));
    }
    Ok(Said { payload: Some(Payload(activity.to_json())), ..Said::words(text) })
}

/// By which a repeat of the same HTTP request is recognised.
fn sender_key(activity: &Activity) -> Result<Option<SenderKey>, Refused> {
    activity
        .client_activity_id()
        .filter(|id| !id.is_empty())
        .map(|id| SenderKey::new(&format!("dl:{id}")))
        .transpose()
        .map_err(|error| Refused::new(ErrorCode::BadArgument, format!("clientActivityID: {error}")))
}

fn fresh_session() -> SessionId {
    let id = format!("ses_{}", Uuid::now_v7().simple());
    SessionId::new(&id).expect("a prefix and 32 hexadecimal digits are an id")
}
