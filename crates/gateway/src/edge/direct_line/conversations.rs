//! Starting a conversation, and coming back to one.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode},
};
use bot_framework::direct_line::{
    Conversation, ErrorCode, Watermark,
    token::{Claims, Purpose},
};
use serde::Deserialize;
use session::{Event, Visitor};
use store::Target;

use crate::{
    app::Replay,
    edge::{
        Edge,
        direct_line::{Refused, TICKET_LIFETIME_S, proof::Caller, tokens::parameters},
    },
    engine::Arrival,
    trace::{Context, OpenSpan},
};

#[derive(Debug, Deserialize)]
pub(super) struct Reading {
    pub(super) watermark: Option<String>,
}

/// Starts the conversation: 201 the first time, 200 after that.
pub(super) async fn start(
    State(edge): State<Arc<Edge>>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Conversation>), Refused> {
    let caller = edge.caller(&headers)?;
    let parameters = parameters(body).await?;
    let name = parameters.user.name.clone();
    let claims = match caller {
        // Who a page says its user is, is a name to show and nothing else.
        Caller::Page(claims) => {
            edge.may_call_so_fast(&claims)?;
            edge.lets_read(&claims)?;
            claims
        }
        Caller::Site(site) => {
            edge.may_begin_so_fast(&site)?;
            edge.binding(&site, edge.fresh_conversation(), parameters)?
        }
    };
    let mut visitor = edge.visitor(&claims, None)?;
    visitor.name = visitor.name.or_else(|| name.map(|name| edge.kept_name(&claims.site, &name)));
    let trace = edge.tracing.request("POST", "/v3/directline/conversations", &headers);
    let status = match edge.begin(&claims, visitor, trace.as_ref().map(OpenSpan::context)).await {
        Ok(status) => status,
        // Clients give up for good when a start is refused (reference 4.4). Nothing is kept that
        // could be lost: the first word, or the stream, makes the conversation as well.
        Err(refused) if refused.passes() => StatusCode::CREATED,
        Err(refused) => return Err(refused),
    };
    let stream = edge.stream_url(&claims, Watermark::START, &headers)?;
    if let Some(trace) = trace {
        trace.answered(status);
    }
    Ok((status, Json(edge.described(&claims, Some(stream)))))
}

/// A new stream for a page that lost its own, from where it had read to.
pub(super) async fn reconnect(
    State(edge): State<Arc<Edge>>,
    id: Result<Path<String>, PathRejection>,
    reading: Result<Query<Reading>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Json<Conversation>, Refused> {
    let (Path(id), Query(reading)) = (id?, reading?);
    let claims = edge.page(&headers, &id)?;
    edge.lets_read(&claims)?;
    let watermark = match watermark(reading.watermark.as_deref())? {
        Some(named) => named,
        None => edge.where_to_begin(&claims).await?,
    };
    let stream = edge.stream_url(&claims, watermark, &headers)?;
    Ok(Json(edge.described(&claims, Some(stream))))
}

pub(super) fn watermark(given: Option<&str>) -> Result<Option<Watermark>, Refused> {
    Watermark::parse(given).map_err(|error| Refused::new(ErrorCode::BadArgument, error.to_string()))
}

impl Edge {
    /// Makes the conversation, unless it was made before.
    async fn begin(
        &self,
        claims: &Claims,
        visitor: Visitor,
        trace: Option<Context>,
    ) -> Result<StatusCode, Refused> {
        let key = self.key_of(claims)?;
        let known = {
            let key = key.clone();
            crate::blocking(&self.store, move |store| store.conversation(&key)).await?
        };
        let opened = Arrival::event(Target::Key(key), Event::Opened { visitor }).traced(trace);
        self.presence.called(self.engine.submit(opened).await?.conversation);
        Ok(if known.is_some() { StatusCode::OK } else { StatusCode::CREATED })
    }

    /// Where a page begins to read that names no place: as the site has it.
    async fn where_to_begin(&self, claims: &Claims) -> Result<Watermark, Refused> {
        let replay = self.doors.get().site(&claims.site).map(|site| site.pages.replay);
        match replay {
            Some(Replay::New) => self.newest(claims).await,
            Some(Replay::All) | None => Ok(Watermark::START),
        }
    }

    /// The address of a stream, with a ticket in it: clients open it verbatim, without headers.
    fn stream_url(
        &self,
        claims: &Claims,
        watermark: Watermark,
        headers: &HeaderMap,
    ) -> Result<String, Refused> {
        let base = self.base(headers)?;
        let base = base
            .strip_prefix("http")
            .map(|rest| format!("ws{rest}"))
            .ok_or_else(|| Refused::new(ErrorCode::ServiceError, "the public URL is not http"))?;
        let ticket = self.mint(claims, Purpose::Stream, TICKET_LIFETIME_S);
        let conversation = &claims.conversation;
        Ok(format!(
            "{base}/v3/directline/conversations/{conversation}/stream?watermark={watermark}&t={ticket}"
        ))
    }
}
