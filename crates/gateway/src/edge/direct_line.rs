//! Direct Line 3.0 for web pages.
//!
//! The secret opens the door for a site's own server; a token opens one conversation for one page.
//! The server behaves as the shipped clients need it, which is not always what the documents say
//! (reference 4): posts are answered as soon as they are stored, a stream is a read of the log from
//! a watermark, and a conversation that may be served again is never answered 404 or 403.
//!
//! | module | what |
//! | --- | --- |
//! | [`proof`] | who calls: secrets, tokens, their grace |
//! | [`origins`] | from which pages, and what browsers are told of it |
//! | [`tokens`] | giving tokens out |
//! | [`conversations`] | starting, and coming back |
//! | [`activities`] | what a page says |
//! | [`log`], [`stream`] | what it is shown |
//! | [`upload`] | files |
//! | [`private`] | messages that are sealed between the browser and here |
//! | [`changes`] | what a user changes of it |
//! | [`browser`] | which browser it is, for sign-in cards |
//! | [`admission`] | the widget's frame, and the page around it |

pub(crate) mod activities;
pub(crate) mod admission;
mod browser;
mod changes;
mod conversations;
mod log;
mod origins;
mod places;
pub(crate) mod private;
mod proof;
mod refused;
mod relay;
mod stream;
mod tokens;
mod upload;

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderMap, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bot_framework::{
    Activity,
    direct_line::{
        ErrorCode, TOKEN_LIFETIME_S,
        token::{Claims, TokenKey},
    },
};
use session::{
    Visitor,
    id::{Timestamp, UserId},
};
use vault::{MacKey, SealError, Signing, Vault};

pub(crate) use crate::edge::direct_line::refused::Refused;
use crate::{
    behind::hex,
    channel::timezone,
    edge::{Edge, direct_line::places::Places},
};

/// The channel's name in activities and in conversation keys.
pub(crate) const CHANNEL: &str = "directline";

/// The largest body of a token or start request, in bytes.
const PARAMETERS_BYTES_MAX: usize = 16 * 1024;

/// The longest name of a user that is kept, in characters.
const NAME_CHARS_MAX: usize = 100;

/// How long a stream's ticket can be used to open it, in seconds (reference 4.3).
const TICKET_LIFETIME_S: u64 = 60;

/// The lifetime of tokens, in seconds; what clients assume.
const LIFETIME_S: u64 = TOKEN_LIFETIME_S as u64;

/// Direct Line's own things.
pub(crate) struct DirectLine {
    keys: Signing<TokenKey>,
    /// Makes the digests of origins that tokens are bound to.
    origins: MacKey,
    /// Proves cookies, and makes session ids of them.
    browsers: Signing<MacKey>,
    /// How fast strangers get tokens by a site's public key.
    strangers: admission::Pace,
    /// Messages that are sealed on the way.
    private: private::Private,
    /// Which files' refusals users were told of lately.
    told: upload::Told,
    /// Streams open now.
    streams: Arc<Places>,
}

impl DirectLine {
    pub(crate) fn new(
        vault: &Vault,
        messages: Arc<private::ring::Ring>,
        now: Timestamp,
    ) -> Result<Self, SealError> {
        Ok(Self {
            keys: vault.signing("direct line tokens", |key| TokenKey::new(key.expose()))?,
            origins: vault.mac_key("direct line origins")?,
            browsers: vault.signing_texts("direct line browsers")?,
            strangers: admission::Pace::default(),
            private: private::Private::new(messages, now),
            told: upload::Told::default(),
            streams: Arc::default(),
        })
    }
}

pub(crate) fn routes(edge: &Arc<Edge>) -> Router<Arc<Edge>> {
    Router::new()
        .route("/session/getsessionid", get(browser::session_id).fallback(no_method))
        .route("/tokens/generate", post(tokens::generate).fallback(no_method))
        .route("/tokens/refresh", post(tokens::refresh).fallback(no_method))
        .route("/conversations", post(conversations::start).fallback(no_method))
        .route("/conversations/{id}", get(conversations::reconnect).fallback(no_method))
        .route("/conversations/{id}/tokens", post(tokens::again).fallback(no_method))
        .route(
            "/conversations/{id}/activities",
            get(log::read).post(activities::post).fallback(no_method),
        )
        .route("/conversations/{id}/reader", post(private::present).fallback(no_method))
        .route("/conversations/{id}/upload", post(upload::post).fallback(no_method))
        .route("/conversations/{id}/stream", get(stream::open).fallback(no_method))
        .fallback(no_route)
        .layer(middleware::from_fn_with_state(Arc::clone(edge), origins::observed))
}

/// Whether a request is of a web page.
pub(crate) fn is_of_pages(path: &str) -> bool {
    path.strip_prefix("/v3/directline").is_some_and(|rest| rest.starts_with('/'))
}

/// Whether it is one that brings files: the only ones with a body that is not read at once.
pub(crate) fn is_upload(path: &str) -> bool {
    is_of_pages(path) && path.ends_with("/upload")
}

/// Tells a page to come back, before there is anybody who knows from which pages one may call.
///
/// Nothing is said of origins, so that in a browser this is a failure of the network: for clients
/// that is something to try again, while a start that is visibly refused is given up for good
/// (reference 4.4).
pub(crate) fn come_back(message: &str) -> Response {
    Refused::new(ErrorCode::ServiceUnavailable, message).into_response()
}

async fn no_method() -> Refused {
    Refused::new(ErrorCode::MethodNotAllowed, "this path does not take this method")
}

async fn no_route() -> Refused {
    Refused::new(ErrorCode::NotFound, "Direct Line has no such route here")
}

impl Edge {
    /// The base of addresses that are given out, as clients reach this service.
    pub(in crate::edge) fn base(&self, headers: &HeaderMap) -> Result<String, Refused> {
        if let Some(url) = &self.doors.get().public_url {
            return Ok(url.trim_end_matches('/').to_owned());
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        host.map(|host| format!("http://{host}")).ok_or_else(|| {
            Refused::new(ErrorCode::BadArgument, "the request carries no Host header")
        })
    }
}

impl Edge {
    /// The user as the desk will know them: the id that the token binds, else the conversation's own.
    /// Never an id that a page merely claims. The name is for display only: what the site bound, else
    /// what the page says.
    fn visitor(&self, claims: &Claims, told: Option<&Activity>) -> Result<Visitor, Refused> {
        // A name inside an activity was looked through with it.
        let name = told.and_then(Activity::from).and_then(|from| from.name);
        let name = name.map(|name| shortened(&name)).filter(|name| !name.trim().is_empty());
        let bound = claims.name.as_ref().map(|name| self.kept_name(&claims.site, name));
        let bound = bound.filter(|name| !name.trim().is_empty());
        let timezone = told.and_then(timezone::of);
        let user = UserId::new(claims.user.as_deref().unwrap_or(&claims.conversation));
        let user = user.map_err(bad_id)?;
        let name = bound.or(name);
        Ok(Visitor { user, email: None, name, timezone, in_group: false, reference: None })
    }

    /// A name as it is kept in tokens of a site and in the state, and shown to the agent: without what its
    /// tenant has taken out, of which the end of a long name would leave a part.
    fn kept_name(&self, site: &str, name: &str) -> String {
        let name: String = name.chars().filter(|c| !c.is_control()).collect();
        let doors = self.doors.get();
        let masks = doors.site(site).and_then(|site| doors.masks(&site.tenant));
        let masked = masks.and_then(|masks| masks.masked(&name, self.language));
        shortened(&masked.unwrap_or(name))
    }
}

fn shortened(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect()
}

fn bad_id(error: session::id::IdError) -> Refused {
    Refused::new(ErrorCode::BadArgument, error.to_string())
}
