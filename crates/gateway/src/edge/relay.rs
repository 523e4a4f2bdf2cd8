//! Invokes: calls to a bot that are answered at once or not at all. Nothing of them is written down.

use std::sync::Arc;

use bot_framework::{
    Activity,
    client::{Answer, Expects, Post, PostError},
};
use session::id::Number;

use crate::{behind::Outgoing, edge::Edge};

/// What a bot answered an invoke.
pub(crate) struct InvokeAnswer {
    pub(crate) status: u16,
    pub(crate) body: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// The bot has too much to do, or is away; it was not asked.
    NotAsked,
    /// It was asked, and did not answer.
    NotAnswered,
}

/// Hands an invoke to the bot, `answers` being the entry that it is about, with the same room and the
/// same breaker as for everything else that goes there.
pub(crate) async fn invoke(
    edge: &Edge,
    outgoing: &Outgoing<'_>,
    (activity, id): (Activity, &str),
    answers: Option<Number>,
) -> Result<InvokeAnswer, NoAnswer> {
    let (link, now) = (outgoing.link, edge.clock.now());
    let activity = outgoing.relayed(activity, answers, (id, now));
    let post = Post {
        activity: activity.to_json(),
        conversation: outgoing.conversation,
        traceparent: None,
        within: link.setup.within,
        expects: Expects::InvokeResponse,
    };
    let place = Arc::clone(&link.gate.places).try_acquire_owned();
    let _place = place.map_err(|_| NoAnswer::NotAsked)?;
    let permit = link.gate.breaker.admit(now).map_err(|_| NoAnswer::NotAsked)?;
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
        NoAnswer::NotAnswered
    })?;
    Ok(match answer {
        Answer::Invoke { status, body } => InvokeAnswer { status, body },
        Answer::Accepted | Answer::Replies(_) => InvokeAnswer { status: 200, body: None },
    })
}
