//! Whose registration a call is for, and that it comes from its channel.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode};
use bot_framework::{
    Activity,
    verify::{ChannelClaims, VerifyError},
};

use crate::{
    channel::{ChannelLink, Channels},
    clock::unix_seconds,
    edge::{Edge, answer::Refusal, callers::bearer},
};

/// The token that is presented; a refusal where nobody may come, or none is presented.
pub(super) fn token<'h>(channels: &Channels, headers: &'h HeaderMap) -> Result<&'h str, Refusal> {
    if channels.links().next().is_none() {
        return Err(Refusal::new(
            StatusCode::NOT_FOUND,
            "messages_closed",
            "no Azure Bot registration is configured; set MicrosoftAppId, MicrosoftAppPassword and \
             MicrosoftAppTenantId",
        ));
    }
    bearer(headers).ok_or_else(|| {
        Refusal::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "only Azure Bot Service calls here, with «Authorization: Bearer» and its token",
        )
    })
}

/// The registration that the token was made out for. Of several refusals the one that says most.
pub(super) async fn of(
    edge: &Edge,
    channels: &Channels,
    token: &str,
    activity: &Activity,
) -> Result<Arc<ChannelLink>, Refusal> {
    let now = u64::try_from(unix_seconds(edge.clock.now())).unwrap_or(0);
    let (service_url, channel_id) = (activity.service_url(), activity.channel_id());
    let about = ChannelClaims {
        service_url: service_url.as_deref(),
        channel_id: channel_id.as_deref().and_then(|id| id.split(':').next()),
    };
    let mut worst: Option<VerifyError> = None;
    for link in channels.links() {
        match link.verifier.verify(token, about, now).await {
            Ok(_) => {
                let link = Arc::clone(link);
                reachable(&link, about.service_url)?;
                return Ok(link);
            }
            Err(error) => {
                let says_more = |before: &VerifyError| weight(&error) > weight(before);
                if worst.as_ref().is_none_or(says_more) {
                    worst = Some(error);
                }
            }
        }
    }
    Err(worst.map_or_else(|| refusal(&VerifyError::WrongAudience), |error| refusal(&error)))
}

/// «Come back» before «not you», and both before «not for us».
fn weight(error: &VerifyError) -> u8 {
    match error {
        VerifyError::WrongAudience | VerifyError::ForAnotherBot => 0,
        error if error.is_passing() => 2,
        _ => 1,
    }
}

/// Tokens of ours go where an activity says it is from: only to hosts that are known.
fn reachable(link: &ChannelLink, service_url: Option<&str>) -> Result<(), Refusal> {
    let told = link.connector.may_call(service_url.unwrap_or_default());
    told.map(drop)
        .map_err(|error| Refusal::new(StatusCode::FORBIDDEN, error.code(), error.to_string()))
}

fn refusal(error: &VerifyError) -> Refusal {
    if error.is_passing() {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            "a channel's token cannot be verified now"
        );
        return Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            error.code(),
            "the keys for this token cannot be had at the moment; send it again",
        );
    }
    if matches!(error, VerifyError::NotEndorsed) {
        return Refusal::new(StatusCode::FORBIDDEN, error.code(), error.to_string());
    }
    Refusal::new(StatusCode::UNAUTHORIZED, error.code(), error.to_string()).of_wrong_credential()
}
