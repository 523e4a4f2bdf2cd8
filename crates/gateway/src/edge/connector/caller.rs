//! Which bot calls, proven; and the conversation that it means.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::{StatusCode, request::Parts},
};
use store::ConversationId;

use super::refused::Refused;
use crate::{
    behind::{BotLink, Bots},
    clock::unix_seconds,
    edge::{Edge, callers::bearer},
};

/// Whoever calls: a bot, or several that share an app id. Which of them it is, the conversation tells.
pub(super) struct Caller(Vec<Arc<BotLink>>);

/// A conversation of the calling bot's.
pub(super) struct Theirs {
    pub(super) link: Arc<BotLink>,
    pub(super) id: ConversationId,
}

impl Caller {
    /// The conversation that the bot calls so.
    pub(super) fn conversation(&self, edge: &Edge, given: &str) -> Result<Theirs, Refused> {
        let theirs = self.0.iter().find_map(|link| {
            let id = edge.handles.read(given, &link.tenant, &link.bot)?;
            Some(Theirs { link: Arc::clone(link), id })
        });
        theirs.ok_or_else(Refused::no_conversation)
    }

    /// All that it may be.
    pub(super) fn bots(&self) -> &[Arc<BotLink>] {
        &self.0
    }

    /// The bot itself, for what is about no conversation yet.
    pub(super) fn bot(&self) -> Result<&Arc<BotLink>, Refused> {
        match &self.0[..] {
            [one] => Ok(one),
            _ => Err(Refused::new(
                StatusCode::BAD_REQUEST,
                "BadArgument",
                "several bots of this gateway share the app id; which one is meant cannot be told",
            )),
        }
    }
}

impl FromRequestParts<Arc<Edge>> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, edge: &Arc<Edge>) -> Result<Self, Refused> {
        let path = RawPathParams::from_request_parts(parts, edge).await.map_err(|_| {
            Refused::new(StatusCode::BAD_REQUEST, "BadArgument", "an id in the path is not UTF-8")
        })?;
        let capability = path.iter().find(|(name, _)| *name == "capability");
        let bots = edge.bots.get();
        match capability {
            Some((_, capability)) => without_token(edge, &bots, capability),
            None => with_token(edge, &bots, parts).await,
        }
    }
}

/// A bot without tokens, by the address that only it knows.
fn without_token(edge: &Edge, bots: &Bots, capability: &str) -> Result<Caller, Refused> {
    let theirs = bots.links().filter(|link| link.verifier.is_none());
    let mut theirs =
        theirs.filter(|link| edge.handles.is_capability(capability, &link.tenant, &link.bot));
    theirs.next().map(|link| Caller(vec![Arc::clone(link)])).ok_or_else(|| {
        Refused::new(
            StatusCode::UNAUTHORIZED,
            "Unauthorized",
            "no bot calls here; use the serviceUrl of an activity that the bot received",
        )
    })
}

/// A bot that proves itself with a token of Entra's.
async fn with_token(edge: &Edge, bots: &Bots, parts: &Parts) -> Result<Caller, Refused> {
    let token = bearer(&parts.headers).ok_or_else(|| {
        Refused::new(
            StatusCode::UNAUTHORIZED,
            "Unauthorized",
            "send «Authorization: Bearer» and a token for this gateway's app id",
        )
    })?;
    let now = u64::try_from(unix_seconds(edge.clock.now())).unwrap_or(0);
    let (mut theirs, mut refused): (Vec<_>, Option<Refused>) = (Vec::new(), None);
    // Of several answers the one that says most: «come back» before «another app's» before «no».
    let mut worst = |refusal: Refused| {
        let says_more = |before: &Refused| refusal.status() > before.status();
        if refused.as_ref().is_none_or(says_more) {
            refused = Some(refusal);
        }
    };
    for link in bots.links() {
        let Some(verifier) = &link.verifier else { continue };
        match verifier.verify(token, now).await {
            Ok(proven) if is_same(link.app_id(), &proven.app_id) => theirs.push(Arc::clone(link)),
            Ok(_) => worst(Refused::new(
                StatusCode::FORBIDDEN,
                "Forbidden",
                "the token is another app's than the bot's; compare BOT_APP_ID with the bot's own app id",
            )),
            Err(error) => worst(error.into()),
        }
    }
    match refused {
        _ if !theirs.is_empty() => Ok(Caller(theirs)),
        Some(refused) => Err(refused),
        None => Err(Refused::new(
            StatusCode::UNAUTHORIZED,
            "Unauthorized",
            "no bot with tokens is configured; set BOT_ENDPOINT, BOT_APP_ID and MicrosoftAppId",
        )),
    }
}

/// GUIDs are compared without regard to case (reference 2.2).
fn is_same(expected: Option<&str>, given: &str) -> bool {
    expected.is_some_and(|expected| expected.eq_ignore_ascii_case(given))
}
