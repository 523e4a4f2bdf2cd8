//! Invokes of a page: a call to the bot that is answered at once or not at all. Sign-in cards use it.

use std::sync::Arc;

use axum::http::HeaderMap;
use bot_framework::{
    Activity,
    direct_line::{ErrorCode, token::Claims},
};
use serde::Serialize;
use serde_json::value::RawValue;
use store::ConversationId;

use super::{Refused, activities::Posted, refused::unreadable};
use crate::{
    behind::Outgoing,
    edge::{
        Edge,
        relay::{self, InvokeAnswer, NoAnswer},
    },
};

/// What a bot answered an invoke.
#[derive(Debug, Serialize)]
pub(super) struct InvokeResponse {
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Box<RawValue>>,
}

/// Hands an invoke to the bot and its answer back. Nothing of it is written down.
pub(super) async fn invoke(
    edge: &Edge,
    claims: &Claims,
    headers: &HeaderMap,
    activity: Activity,
) -> Result<Posted, Refused> {
    let key = edge.key_of(claims)?;
    let bots = edge.bots.get();
    let link = bots.behind(&key.tenant, &key.bot).map(Arc::clone).ok_or_else(|| {
        Refused::new(ErrorCode::BotRejectedActivity, "the built-in bot takes no invokes")
    })?;
    let log = edge.log_of(claims, headers).await?.ok_or_else(|| {
        Refused::new(ErrorCode::BadArgument, "start the conversation before you send an invoke")
    })?;
    let conversation = edge.handles.conversation(&link.tenant, &link.bot, log.id);
    let fresh = edge.clock.fresh_id().simple();
    let name = match edge.visitor(claims, Some(&activity))?.name {
        Some(name) => Some(name),
        None => edge.name_of(log.id).await?,
    };
    let outgoing = Outgoing {
        link: &link,
        key: &key,
        conversation: &conversation,
        reference: None,
        name: name.as_deref(),
    };
    let told = {
        let id = format!("{conversation}-i{fresh}");
        relay::invoke(edge, &outgoing, (activity, &id), None).await
    };
    let InvokeAnswer { status, body } = told.map_err(|none| match none {
        NoAnswer::NotAsked => Refused::new(
            ErrorCode::ServiceUnavailable,
            "the bot does not take anything at the moment; send the invoke again later",
        ),
        NoAnswer::NotAnswered => {
            Refused::new(ErrorCode::BotError, "the bot did not answer the invoke")
        }
    })?;
    if !(200..300).contains(&status) {
        let message = format!("the bot answered the invoke with status {status}");
        return Err(Refused::new(ErrorCode::BotRejectedActivity, message));
    }
    let body = body.and_then(|body| RawValue::from_string(log.shown(&body).into_owned()).ok());
    Ok(Posted {
        id: format!("{}-i{fresh}", claims.conversation),
        invoke_response: Some(InvokeResponse { status, body }),
        sealed: None,
    })
}

impl Edge {
    /// What the user was called before, if they were.
    async fn name_of(&self, id: ConversationId) -> Result<Option<String>, Refused> {
        let row = crate::blocking(&self.store, move |store| store.conversation_by_id(id)).await;
        let row = row.map_err(|error| unreadable(&error))?;
        let name = row.map_or(Ok(None), |row| self.name_kept(&row));
        name.map_err(|error| unreadable(&error))
    }
}
