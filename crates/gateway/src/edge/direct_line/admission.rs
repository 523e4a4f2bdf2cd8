//! Who may open the widget's frame: the page around it, by a token that its server gave it, or by the
//! site's public key.
//!
//! The frame is a page of our own and tells truthfully which page is around it: browsers see to it
//! that no page can claim to be another in a message to a frame. That page is then held against the
//! same lists as a page that calls by itself.

mod pace;

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bot_framework::direct_line::{ErrorCode, TokenParameters};
use serde::Deserialize;
use tokio::time::Instant;

pub(super) use pace::Pace;

use crate::edge::{
    Edge,
    body::read_body,
    console::is_our_origin,
    direct_line::{PARAMETERS_BYTES_MAX, Refused, proof::Caller},
    doors::site_name,
};

/// What the frame says of the page around it.
#[derive(Debug, Deserialize)]
struct Asked {
    /// Its origin, as browsers say it.
    origin: String,
    /// The site's public key, of whoever has no token.
    #[serde(default)]
    key: Option<String>,
}

/// A token for a stranger, for a new conversation that is theirs alone. Nothing is stored yet.
pub(crate) async fn give(
    State(edge): State<Arc<Edge>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    edge.frame(&headers)?;
    let Asked { origin, key } = asked(body).await?;
    let key = key.ok_or_else(|| {
        Refused::new(ErrorCode::MissingProperty, "`key` is missing: the site's public key")
    })?;
    let doors = edge.doors.get();
    let site = doors.site_of_key(&key).ok_or_else(|| {
        Refused::new(
            ErrorCode::Forbidden,
            "no site has this key; whoever runs this gateway sets it as the bot's `widget_key` \
             (WARMLINE_WIDGET_KEY)",
        )
    })?;
    edge.direct_line.may_embed(site, &[], &origin)?;
    let name = site_name(&site.tenant, &site.bot);
    if !edge.direct_line.strangers.take(&name, Instant::now()) {
        return Err(Refused::new(
            ErrorCode::TooManyRequests,
            "too many strangers ask for a chat at once; try again in a moment",
        ));
    }
    let claims = edge.binding(site, edge.fresh_conversation(), TokenParameters::default())?;
    Ok(private(Json(edge.described(&claims, None))))
}

/// Whether the page around the frame may use the token that it gave. A token that opens nothing is
/// 401: the frame then asks the page for another.
pub(crate) async fn admit(
    State(edge): State<Arc<Edge>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    edge.frame(&headers)?;
    let Asked { origin, key: _ } = asked(body).await?;
    let caller = edge.caller(&headers).map_err(Refused::of_credential)?;
    let Caller::Page(claims) = caller else {
        return Err(Refused::new(
            ErrorCode::Forbidden,
            "this is the Direct Line secret, which no page may know; give the page a token",
        ));
    };
    let doors = edge.doors.get();
    let site = doors.site(&claims.site).ok_or_else(|| {
        Refused::new(
            ErrorCode::Forbidden,
            "the token belongs to a site that is no longer configured",
        )
    })?;
    edge.direct_line.may_embed(site, &claims.origins, &origin)?;
    Ok(private(StatusCode::NO_CONTENT))
}

impl Edge {
    /// Refuses what another page than our frame sent. Without this, any page could name any origin.
    fn frame(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        let foreign = site.is_some_and(|site| site != b"same-origin");
        if !foreign && is_our_origin(headers, self.doors.get().public_url.as_deref()) {
            return Ok(());
        }
        Err(Refused::untrusted(
            "only the widget's own frame asks here, under the address in WARMLINE_PUBLIC_URL; load \
             widget.js from that address"
                .to_owned(),
        ))
    }
}

async fn asked(body: Body) -> Result<Asked, Refused> {
    let body = read_body(body, PARAMETERS_BYTES_MAX).await?;
    serde_json::from_slice(&body).map_err(|_| {
        Refused::new(
            ErrorCode::BadArgument,
            "the body is no JSON object with `origin`, and `key` where there is no token",
        )
    })
}

/// Tokens are nobody else's to keep.
fn private(answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
