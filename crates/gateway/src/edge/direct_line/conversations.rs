//! Tokens and conversations: generate, refresh, start, reconnect.

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
    Conversation, ErrorCode, TOKEN_LIFETIME_S, TokenParameters, Watermark,
    token::{Claims, Purpose},
};
use serde::Deserialize;
use session::Event;
use store::Target;

use crate::{
    edge::{
        Edge,
        body::read_body,
        direct_line::{
            Caller, LIFETIME_S, PARAMETERS_BYTES_MAX, Refused, TICKET_LIFETIME_S, visitor,
        },
    },
    engine::Arrival,
    trace::OpenSpan,
};

#[derive(Debug, Deserialize)]
pub(super) struct Reading {
    pub(super) watermark: Option<String>,
}

/// A token for a new conversation; nothing is stored yet.
pub(super) async fn generate(
    State(edge): State<Arc<Edge>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Conversation>, Refused> {
    let Caller::Site(tenant, bot) = edge.caller(&headers)? else {
        return Err(Refused::new(
            ErrorCode::Forbidden,
            "only the Direct Line secret can generate tokens",
        ));
    };
    let parameters = parameters(body).await?;
    let claims = edge.binding(&tenant, &bot, parameters.user.map(|user| user.id));
    Ok(Json(edge.described(&claims, None)))
}

/// A new token for the same conversation. The old one stays good until its own end: other tabs may
/// hold it.
pub(super) async fn refresh(
    State(edge): State<Arc<Edge>>,
    headers: HeaderMap,
) -> Result<Json<Conversation>, Refused> {
    match edge.caller(&headers)? {
        Caller::Page(claims) => Ok(Json(edge.described(&claims, None))),
        Caller::Site(..) => {
            Err(Refused::new(ErrorCode::Forbidden, "a secret needs no refresh; send the token"))
        }
    }
}

/// Starts the conversation: 201 the first time, 200 after that.
pub(super) async fn start(
    State(edge): State<Arc<Edge>>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Conversation>), Refused> {
    let caller = edge.caller(&headers)?;
    let parameters = parameters(body).await?;
    let name = parameters.user.as_ref().and_then(|user| user.name.clone());
    let claims = match caller {
        Caller::Page(claims) => claims,
        Caller::Site(tenant, bot) => {
            edge.binding(&tenant, &bot, parameters.user.map(|user| user.id))
        }
    };
    let key = edge.key_of(&claims)?;
    let known = {
        let key = key.clone();
        crate::blocking(&edge.store, move |store| store.conversation(&key)).await
    };
    let status = match known {
        Ok(Some(_)) => StatusCode::OK,
        Ok(None) => StatusCode::CREATED,
        Err(error) => return Err(error.into()),
    };
    let visitor = visitor(&claims, name)?;
    let trace = edge.tracing.request("POST", "/v3/directline/conversations", &headers);
    let opened = Arrival::event(Target::Key(key), Event::Opened { visitor })
        .traced(trace.as_ref().map(OpenSpan::context));
    edge.presence.called(edge.engine.submit(opened).await?.conversation);
    let stream = edge.stream_url(&claims, Some(Watermark::START), &headers)?;
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
    let watermark = watermark(reading.watermark.as_deref())?;
    let stream = edge.stream_url(&claims, watermark, &headers)?;
    Ok(Json(edge.described(&claims, Some(stream))))
}

pub(super) fn watermark(given: Option<&str>) -> Result<Option<Watermark>, Refused> {
    Watermark::parse(given).map_err(|error| Refused::new(ErrorCode::BadArgument, error.to_string()))
}

async fn parameters(body: Body) -> Result<TokenParameters, Refused> {
    let body = read_body(body, PARAMETERS_BYTES_MAX).await?;
    TokenParameters::parse(&body)
        .map_err(|error| Refused::new(ErrorCode::BadArgument, error.to_string()))
}

impl Edge {
    fn described(&self, claims: &Claims, stream_url: Option<String>) -> Conversation {
        Conversation {
            conversation_id: claims.conversation.clone(),
            token: self.mint(claims, Purpose::Token, LIFETIME_S),
            expires_in: TOKEN_LIFETIME_S,
            stream_url,
            reference_grammar_id: None,
        }
    }

    /// The address of a stream, with a ticket in it: clients open it verbatim, without headers.
    fn stream_url(
        &self,
        claims: &Claims,
        watermark: Option<Watermark>,
        headers: &HeaderMap,
    ) -> Result<String, Refused> {
        let base = self.base(headers)?;
        let base = base
            .strip_prefix("http")
            .map(|rest| format!("ws{rest}"))
            .ok_or_else(|| Refused::new(ErrorCode::ServiceError, "the public URL is not http"))?;
        let ticket = self.mint(claims, Purpose::Stream, TICKET_LIFETIME_S);
        let watermark = watermark.unwrap_or(Watermark::START);
        let conversation = &claims.conversation;
        Ok(format!(
            "{base}/v3/directline/conversations/{conversation}/stream?watermark={watermark}&t={ticket}"
        ))
    }
}
