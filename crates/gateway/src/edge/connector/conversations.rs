//! Conversations that a bot begins (proactive messages).

use std::sync::Arc;

use axum::{Json, body::Body, extract::State, http::StatusCode};
use bot_framework::Activity;
use serde::{Deserialize, Serialize};
use serde_json::{json, value::RawValue};
use session::{
    Event,
    id::{ChannelId, ConversationKey, UserId},
};
use store::Target;

use super::{ACTIVITY_BYTES_MAX, caller::Caller, refused::Refused, teams};
use crate::{
    behind::{Intake, Move},
    edge::{Edge, body::read_body, direct_line::CHANNEL},
    engine::Arrival,
    render::activity_id,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Parameters {
    #[serde(default)]
    pub(super) members: Vec<Member>,
    #[serde(default)]
    pub(super) is_group: Option<bool>,
    #[serde(default)]
    pub(super) activity: Option<Box<RawValue>>,
    #[serde(default)]
    pub(super) bot: Option<Member>,
    #[serde(default)]
    pub(super) tenant_id: Option<String>,
    #[serde(default)]
    pub(super) channel_data: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Member {
    #[serde(default)]
    pub(super) id: String,
}

/// A conversation that was begun.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Created {
    pub(super) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) activity_id: Option<String>,
    pub(super) service_url: String,
    /// By which the site's server gets a token for the user: the conversation's id on Direct Line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) channel_data: Option<serde_json::Value>,
}

/// Begins a conversation with one user: of the bot's web pages, who see it when their site gives them
/// a token for it (`POST /v3/directline/conversations/{id}/tokens`), or in Teams.
pub(super) async fn create(
    State(edge): State<Arc<Edge>>,
    caller: Caller,
    body: Body,
) -> Result<(StatusCode, Json<Created>), Refused> {
    let bad = |message: &str| Refused::new(StatusCode::BAD_REQUEST, "BadArgument", message);
    let link = Arc::clone(caller.bot()?);
    let body = read_body(body, ACTIVITY_BYTES_MAX).await?;
    let parameters: Parameters = serde_json::from_slice(&body)
        .map_err(|_| bad("the body must be an object with `members`, a list of one account"))?;
    let channels = edge.channels.get();
    if let Some(channel) = channels.of(&link.tenant, &link.bot)
        && teams::is_meant(&parameters)
    {
        return teams::create(&edge, &link, channel, parameters).await;
    }
    let [Member { id: user }] = &parameters.members[..] else {
        return Err(bad("a conversation is begun with one member, the user; name exactly one"));
    };
    if parameters.is_group == Some(true) {
        return Err(bad("this channel has no groups; leave `isGroup` out"));
    }
    UserId::new(user).map_err(|error| bad(&format!("the member cannot be used: {error}")))?;
    let first = parameters.activity.as_deref().map(Activity::from_raw).transpose()?;
    let channel = ChannelId::new(CHANNEL).map_err(|error| Refused::unreadable(&error))?;
    let page = edge.clock.fresh_id().simple().to_string();
    let key = ConversationKey {
        tenant: link.tenant.clone(),
        channel,
        bot: link.bot.clone(),
        conversation: page.as_str().into(),
        user: user.as_str().into(),
    };
    let fresh = edge.clock.fresh_session();
    let intake = Intake { setup: &link.setup, answers: None, key: None, fresh };
    let (event, says) = match first.map(|first| intake.read(first)) {
        Some(Move::Event(event)) => (*event, true),
        // It is there, and nothing has been said in it.
        Some(Move::Passing(_) | Move::Nothing) | None => {
            (Event::BotBrought { lines: Vec::new() }, false)
        }
    };
    let outcome = edge.engine.submit(Arrival::event(Target::Key(key), event)).await?;
    let id = edge.handles.conversation(&link.tenant, &link.bot, outcome.conversation);
    let created = Created {
        activity_id: says.then(|| activity_id(&id, outcome.number)),
        id,
        service_url: link.service_url(),
        channel_data: Some(json!({ "directLine": { "conversationId": page } })),
    };
    Ok((StatusCode::CREATED, Json(created)))
}
