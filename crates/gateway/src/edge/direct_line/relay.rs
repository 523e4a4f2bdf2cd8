//! Invokes of a page: a call to the bot that is answered at once or not at all. Sign-in cards use it.

use std::sync::Arc;

use axum::http::HeaderMap;
use bot_framework::{
    Activity,
    client::{Answer, Expects, Post, PostError},
    direct_line::{ErrorCode, token::Claims},
};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Refused, activities::Posted};
use crate::{behind::Outgoing, edge::Edge};

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
    let (now, fresh) = (edge.clock.now(), edge.clock.fresh_id().simple());
    let outgoing = Outgoing { link: &link, key: &key, conversation: &conversation };
    let activity = outgoing.relayed(activity, &format!("{conversation}-i{fresh}"), now);
    let post = Post {
        activity: activity.to_json(),
        conversation: &conversation,
        traceparent: None,
        within: link.setup.within,
        expects: Expects::InvokeResponse,
    };
    let busy = |message| Refused::new(ErrorCode::ServiceUnavailable, message);
    // The same room and the same breaker as for everything else that goes to this bot.
    let _place = Arc::clone(&link.gate.places)
        .try_acquire_owned()
        .map_err(|_| busy("the bot is busy; send the invoke again"))?;
    let permit = link.gate.breaker.admit(now).map_err(|_| {
        busy("the bot does not take anything at the moment; send the invoke again later")
    })?;
    let told = link.client.post(post).await;
    match &told {
        Ok(_) | Err(PostError::Refused { .. }) => permit.answered(),
        Err(PostError::Retry { .. } | PostError::Unanswered { .. }) => {
            permit.failed(edge.clock.now());
        }
    }
    let answer = told.map_err(|error| {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            bot = link.bot.as_str(),
            "the bot did not take an invoke"
        );
        Refused::new(ErrorCode::BotError, "the bot did not answer the invoke")
    })?;
    let (status, body) = match answer {
        Answer::Invoke { status, body } => (status, body),
        Answer::Accepted | Answer::Replies(_) => (200, None),
    };
    if !(200..300).contains(&status) {
        let message = format!("the bot answered the invoke with status {status}");
        return Err(Refused::new(ErrorCode::BotRejectedActivity, message));
    }
    let body = body.and_then(|body| RawValue::from_string(log.shown(&body).into_owned()).ok());
    Ok(Posted {
        id: format!("{}-i{fresh}", claims.conversation),
        invoke_response: Some(InvokeResponse { status, body }),
    })
}
