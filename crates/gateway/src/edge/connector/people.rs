//! Who is in a conversation: on a page its user, elsewhere whom the channel names. The bot itself is
//! not among them, as on every channel.

use std::sync::Arc;

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::StatusCode,
    response::{IntoResponse, Response},
};
use bot_framework::activity::{ChannelAccount, Role};
use serde::{Deserialize, Serialize};
use store::{ConversationId, ConversationRow};

use super::{
    activities::Place,
    caller::Caller,
    refused::Refused,
    roster::{self, Asked},
};
use crate::{
    behind::user_id,
    edge::Edge,
    keeping::{Keeping, KeepingError},
};

/// The roster, a page at a time; there is one page.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    members: [ChannelAccount; 1],
}

/// Which page.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Paging {
    page_size: Option<u32>,
    continuation_token: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct OfMember {
    conversation: String,
    member: String,
}

pub(super) async fn members(
    State(edge): State<Arc<Edge>>,
    caller: Caller,
    place: Result<Path<Place>, PathRejection>,
) -> Result<Response, Refused> {
    let Path(place) = place?;
    let theirs = caller.conversation(&edge, &place.conversation)?;
    if let Some(answer) = roster::read(&edge, theirs.id, &Asked::Members).await? {
        return Ok(answer);
    }
    Ok(Json([user(&edge, theirs.id).await?]).into_response())
}

pub(super) async fn paged(
    State(edge): State<Arc<Edge>>,
    caller: Caller,
    place: Result<Path<Place>, PathRejection>,
    paging: Result<Query<Paging>, QueryRejection>,
) -> Result<Response, Refused> {
    let Path(place) = place?;
    let Query(Paging { page_size, continuation_token }) = paging.map_err(|_| {
        Refused::new(StatusCode::BAD_REQUEST, "BadArgument", "`pageSize` must be a number")
    })?;
    let theirs = caller.conversation(&edge, &place.conversation)?;
    let asked = Asked::Paged { page_size, continuation_token };
    if let Some(answer) = roster::read(&edge, theirs.id, &asked).await? {
        return Ok(answer);
    }
    Ok(Json(Page { members: [user(&edge, theirs.id).await?] }).into_response())
}

pub(super) async fn who_saw(
    state: State<Arc<Edge>>,
    caller: Caller,
    place: Result<Path<Place>, PathRejection>,
) -> Result<Response, Refused> {
    members(state, caller, place).await
}

pub(super) async fn member(
    State(edge): State<Arc<Edge>>,
    caller: Caller,
    place: Result<Path<OfMember>, PathRejection>,
) -> Result<Response, Refused> {
    let Path(OfMember { conversation, member }) = place?;
    let theirs = caller.conversation(&edge, &conversation)?;
    if let Some(answer) = roster::read(&edge, theirs.id, &Asked::Member(member.clone())).await? {
        return Ok(answer);
    }
    let user = user(&edge, theirs.id).await?;
    if user.id.as_deref() != Some(&*member) {
        return Err(Refused::new(
            StatusCode::NOT_FOUND,
            "MemberNotFoundInConversation",
            "nobody of this id takes part in the conversation",
        ));
    }
    Ok(Json(user).into_response())
}

async fn user(edge: &Edge, id: ConversationId) -> Result<ChannelAccount, Refused> {
    let row = crate::blocking(&edge.store, move |store| store.conversation_by_id(id)).await?;
    let row = row.ok_or_else(Refused::no_conversation)?;
    let account = ChannelAccount::new(user_id(&row.key), Role::User);
    let name = edge.name_kept(&row).map_err(|error| Refused::unreadable(&error))?;
    Ok(match name {
        Some(name) => account.named(name),
        None => account,
    })
}

impl Edge {
    /// What the user of a conversation is called, as far as it is known.
    pub(in crate::edge) fn name_kept(
        &self,
        row: &ConversationRow,
    ) -> Result<Option<String>, KeepingError> {
        let Some(state) = &row.state else { return Ok(None) };
        let kept = Keeping::new(&self.vault, &row.key)?.read_state(state)?;
        let name = kept.conversation.visitor.and_then(|visitor| visitor.name);
        Ok(name.filter(|name| !name.is_empty()))
    }
}
