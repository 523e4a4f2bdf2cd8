//! Rosters that a channel keeps: who is there is read where it is known, for the bot and at once.

use std::time::Duration;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bot_framework::connector::{ConnectorError, Relayed, RelayedPath};
use store::ConversationId;

use super::refused::Refused;
use crate::{
    channel::{self, Reference},
    edge::Edge,
    keeping::Keeping,
};

/// How long such a read may take: SDK bots wait for it within their turn.
const READ_WITHIN: Duration = Duration::from_secs(8);

/// What a bot asks of a roster.
#[derive(Debug)]
pub(super) enum Asked {
    Members,
    Paged { page_size: Option<u32>, continuation_token: Option<String> },
    Member(String),
}

/// The channel's answer; `None` where the conversation's channel keeps no roster and Warmline itself
/// knows who is there.
pub(super) async fn read(
    edge: &Edge,
    id: ConversationId,
    asked: &Asked,
) -> Result<Option<Response>, Refused> {
    let row = crate::blocking(&edge.store, move |store| store.conversation_by_id(id)).await?;
    let row = row.ok_or_else(Refused::no_conversation)?;
    if !channel::is_carried(&row.key.channel) {
        return Ok(None);
    }
    let kept = Keeping::new(&edge.vault, &row.key)
        .and_then(|keeping| row.state.as_ref().map(|state| keeping.read_state(state)).transpose())
        .map_err(|error| Refused::unreadable(&error))?;
    let visitor = kept.and_then(|kept| kept.conversation.visitor);
    let reference = visitor.and_then(|visitor| visitor.reference);
    let reference = reference.and_then(|kept| Reference::from_json(&kept.0).ok());
    let (channels, unknown) = (edge.channels.get(), Refused::no_conversation);
    let link = channels.of(&row.key.tenant, &row.key.bot).ok_or_else(unknown)?;
    let reference = reference.ok_or_else(unknown)?;
    let to = link
        .connector
        .may_call(&reference.service_url)
        .map_err(|error| Refused::new(StatusCode::FORBIDDEN, "Forbidden", error.to_string()))?;
    let conversation = &*reference.conversation_id();
    let path = match asked {
        Asked::Members => RelayedPath::Members { conversation },
        Asked::Member(member) => RelayedPath::Member { conversation, member },
        Asked::Paged { page_size, continuation_token } => RelayedPath::PagedMembers {
            conversation,
            page_size: *page_size,
            continuation_token: continuation_token.as_deref(),
        },
    };
    match link.connector.get(&to, path, READ_WITHIN).await {
        Ok(relayed) => Ok(Some(answer(relayed))),
        Err(error) => Err(refusal(&error)),
    }
}

fn answer(relayed: Relayed) -> Response {
    let status = StatusCode::from_u16(relayed.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let kind = relayed.content_type.and_then(|kind| HeaderValue::from_str(&kind).ok());
    let kind = kind.unwrap_or(HeaderValue::from_static("application/json"));
    (status, [(header::CONTENT_TYPE, kind)], relayed.body).into_response()
}

pub(super) fn refusal(error: &ConnectorError) -> Refused {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        code = error.code(),
        "the channel did not answer what a bot asks of it"
    );
    let (status, code) = match error {
        ConnectorError::NotTaken { code: "throttled", .. } => {
            (StatusCode::TOO_MANY_REQUESTS, "Throttled")
        }
        ConnectorError::NotTaken { .. } | ConnectorError::Ambiguous { .. } => {
            (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable")
        }
        ConnectorError::Gone { .. } => (StatusCode::FORBIDDEN, "BotNotInConversationRoster"),
        ConnectorError::TooLarge { .. } | ConnectorError::Refused { .. } => {
            (StatusCode::BAD_GATEWAY, "ServiceError")
        }
    };
    Refused::new(status, code, error.to_string())
}
