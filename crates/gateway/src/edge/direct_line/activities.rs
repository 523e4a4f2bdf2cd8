//! Posting activities.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode},
};
use bot_framework::{Activity, activity::kinds, direct_line::ErrorCode};
use serde::Serialize;
use session::{Event, Payload, Said, id::SenderKey};
use store::Target;

use crate::{
    channel::words,
    desk::signal::ToDesk,
    edge::{
        Edge,
        body::read_body,
        direct_line::{
            Refused, changes,
            private::{self, Reading, Sealed},
            relay,
        },
    },
    engine::Arrival,
    notices::Language,
    render::activity_id,
    trace::{Context, OpenSpan},
};

/// The largest activity, in characters as Azure counts them: UTF-16 code units (reference 4.7).
const ACTIVITY_CHARS_MAX: usize = 256 * 1024;

/// The same in bytes: a code unit has three at most, so that who writes in Japanese may say as much
/// as who writes in English.
pub(super) const ACTIVITY_BYTES_MAX: usize = 3 * ACTIVITY_CHARS_MAX;

/// How the keys of what pages post begin.
pub(crate) const KEY_PREFIX: &str = "dl:";

/// The answer to a post.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Posted {
    pub(super) id: String,
    /// What the bot answered an invoke; other channels give it back as the answer itself, for which
    /// Direct Line has no room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) invoke_response: Option<relay::InvokeResponse>,
    /// The same, for a page that reads with a key of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sealed: Option<Sealed>,
}

impl Posted {
    /// An activity that was taken, and nothing else to say.
    pub(super) fn as_id(id: String) -> Self {
        Self { id, invoke_response: None, sealed: None }
    }

    /// As whoever posted reads it.
    fn shown_to(self, reading: &mut Reading) -> Result<Self, Refused> {
        let Some(response) = &self.invoke_response else { return Ok(self) };
        let json = serde_json::to_string(response).map_err(|_| {
            Refused::new(ErrorCode::ServiceError, "the bot's answer cannot be written down")
        })?;
        Ok(match reading.json(json)? {
            Some(sealed) => Self { invoke_response: None, sealed: Some(sealed), ..self },
            None => self,
        })
    }
}

/// The route that activities are posted to, as traces call it.
const ROUTE: &str = "/v3/directline/conversations/{id}/activities";

/// Takes an activity in. Answered as soon as it is stored, never after the bot.
pub(super) async fn post(
    State(edge): State<Arc<Edge>>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Posted>, Refused> {
    let trace = edge.tracing.request("POST", ROUTE, &headers);
    let told = taken(&edge, id, &headers, body, trace.as_ref().map(OpenSpan::context)).await;
    if let Some(trace) = trace {
        trace.answered(told.as_ref().map_or_else(Refused::status, |_| StatusCode::OK));
    }
    told
}

async fn taken(
    edge: &Edge,
    id: Result<Path<String>, PathRejection>,
    headers: &HeaderMap,
    body: Body,
    trace: Option<Context>,
) -> Result<Json<Posted>, Refused> {
    let Path(id) = id?;
    let claims = edge.page(headers, &id)?;
    let body = read_body(body, private::BODY_BYTES_MAX).await?;
    let activity = edge.posted(&claims, &body).await?;
    let key = edge.key_of(&claims)?;
    let (activity, masked) = edge.mask(&key.tenant, activity).await?;
    still_fits(masked, &activity)?;
    let visitor = edge.visitor(&claims, Some(&activity))?;
    let event = match &*activity.kind() {
        kinds::MESSAGE => Event::UserSaid {
            visitor,
            said: said(&activity, edge.language)?,
            key: sender_key(&activity)?,
            fresh: edge.clock.fresh_session(),
        },
        kinds::END_OF_CONVERSATION => Event::UserEnds,
        kinds::INVOKE => {
            let mut reading = edge.reading(&claims).await?;
            let posted = relay::invoke(edge, &claims, headers, activity).await?;
            return posted.shown_to(&mut reading).map(Json);
        }
        // Who joined and what was installed is the channel's to tell,
        // and developers' traces are not a page's.
        kinds::TYPING => {
            edge.wakes.tell_desk(ToDesk::Types(key));
            let id = edge.clock.fresh_id().simple().to_string();
            return Ok(Json(Posted::as_id(id)));
        }
        kinds::CONVERSATION_UPDATE | kinds::INSTALLATION_UPDATE | kinds::TRACE => {
            let id = edge.clock.fresh_id().simple().to_string();
            return Ok(Json(Posted::as_id(id)));
        }
        kinds::EVENT if is_handoffs_own(&activity) => {
            return Err(Refused::new(
                ErrorCode::BadArgument,
                "only a bot asks for a person by an event, and only the gateway tells what became of it",
            ));
        }
        kind => {
            let (told, masked) = changes::told(edge, &claims, &activity).await?;
            Event::UserDid {
                visitor,
                told,
                words: !matches!(kind, kinds::EVENT | kinds::MESSAGE_REACTION),
                key: sender_key(&activity)?,
                payload: Payload(masked.as_ref().unwrap_or(&activity).to_json()),
            }
        }
    };
    let arrival = Arrival::event(Target::Key(key), event).masked(masked).traced(trace);
    let outcome = edge.engine.submit(arrival).await?;
    edge.presence.called(outcome.conversation);
    Ok(Json(Posted::as_id(activity_id(&id, outcome.number))))
}

/// Whether a page speaks the protocol between bot and gateway, which the bot would believe.
fn is_handoffs_own(activity: &Activity) -> bool {
    activity.name().is_some_and(|name| name.starts_with("handoff."))
}

pub(super) fn too_long() -> Refused {
    let message = format!("an activity may have {ACTIVITY_CHARS_MAX} characters at most");
    Refused::new(ErrorCode::TooLarge, message)
}

/// Masks may be longer than what they stand for.
pub(super) fn still_fits(masked: bool, activity: &Activity) -> Result<(), Refused> {
    let fits = !masked || !is_too_long(activity.to_json().as_bytes());
    fits.then_some(()).ok_or_else(too_long)
}

pub(super) fn is_too_long(body: &[u8]) -> bool {
    // There are never more code units than bytes. What is not UTF-8 is refused as no JSON; that it is not
    // kept without end is for whoever collects it to see to.
    body.len() > ACTIVITY_CHARS_MAX
        && std::str::from_utf8(body)
            .is_ok_and(|text| text.chars().map(char::len_utf16).sum::<usize>() > ACTIVITY_CHARS_MAX)
}

/// What the activity says, readable for everybody, and the original for those who can show more.
pub(super) fn said(activity: &Activity, language: Language) -> Result<Said, Refused> {
    words::heard(activity, language).ok_or_else(|| {
        Refused::new(
            ErrorCode::MissingProperty,
            "the message has neither text nor value nor attachments",
        )
    })
}

/// By which a repeat of the same HTTP request is recognised.
pub(super) fn sender_key(activity: &Activity) -> Result<Option<SenderKey>, Refused> {
    activity
        .client_activity_id()
        .filter(|id| !id.is_empty())
        .map(|id| SenderKey::new(&format!("{KEY_PREFIX}{id}")))
        .transpose()
        .map_err(|error| Refused::new(ErrorCode::BadArgument, format!("clientActivityID: {error}")))
}
