//! From which pages a browser may call, and what browsers are told of it (CORS).
//!
//! A site's own list wins over the one that a token is bound to; without either, every page may.
//! Who sends no `Origin` is no browser and passes: a credential is needed either way, so this keeps
//! a token that got into another page from being used there, and nothing else.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bot_framework::direct_line::{ErrorCode, Origin};

use crate::edge::{
    Edge,
    console::is_our_origin,
    direct_line::{DirectLine, Refused, browser, hex},
    doors::{Doors, Site},
};

/// How long browsers may remember the answer to a preflight.
const PREFLIGHT_FOR: Duration = Duration::from_hours(1);

/// The longest list of headers that a preflight is granted, in bytes; clients ask for four.
const ASKED_BYTES_MAX: usize = 1_024;

/// The bytes of an origin's digest that a token carries. The digest is keyed, so that nobody can
/// look for another origin that has the same.
const DIGEST_BYTES: usize = 8;

/// Where a browser's request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum From {
    /// No browser, or its own page.
    Nowhere,
    Page(Origin),
    /// `null`, garbage, or several.
    Unclear,
}

fn from(headers: &HeaderMap) -> From {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(first) = origins.next() else { return From::Nowhere };
    let origin = first.to_str().ok().and_then(|text| Origin::parse(text).ok());
    match origin.filter(|_| origins.next().is_none()) {
        Some(origin) => From::Page(origin),
        None => From::Unclear,
    }
}

impl DirectLine {
    /// What a token keeps of the origins it is bound to.
    pub(super) fn digests(&self, origins: &[Origin]) -> Vec<String> {
        origins.iter().map(|origin| self.digest(origin)).collect()
    }

    fn digest(&self, origin: &Origin) -> String {
        hex(&self.origins.tag(&[origin.as_str().as_bytes()])[..DIGEST_BYTES])
    }

    /// Refuses a page that may not call this site, or not with this token. Our own pages may: the
    /// widget's frame, which was admitted for the page around it.
    pub(super) fn may_call(
        &self,
        site: &Site,
        bound: &[String],
        headers: &HeaderMap,
        public_url: Option<&str>,
    ) -> Result<(), Refused> {
        match from(headers) {
            From::Nowhere => Ok(()),
            From::Page(_) if is_our_origin(headers, public_url) => Ok(()),
            From::Page(origin) => self.is_trusted(site, bound, Some(origin)),
            From::Unclear => self.is_trusted(site, bound, None),
        }
    }

    /// The same for the page around the widget's frame.
    pub(super) fn may_embed(
        &self,
        site: &Site,
        bound: &[String],
        origin: &str,
    ) -> Result<(), Refused> {
        self.is_trusted(site, bound, Origin::parse(origin).ok())
    }

    fn is_trusted(
        &self,
        site: &Site,
        bound: &[String],
        origin: Option<Origin>,
    ) -> Result<(), Refused> {
        let own = &site.pages.trusted_origins;
        let trusted = match &origin {
            _ if own.is_empty() && bound.is_empty() => true,
            None => false,
            Some(origin) if own.is_empty() => bound.contains(&self.digest(origin)),
            Some(origin) => own.contains(origin),
        };
        if trusted {
            return Ok(());
        }
        // The page itself sees a failure of the network and no reason.
        let (tenant, bot) = (site.tenant.as_str(), site.bot.as_str());
        let seen = origin.as_ref().map_or("none of its own", Origin::as_str);
        tracing::info!(tenant, bot, origin = seen, "a page of an untrusted origin called");
        let pages = origin.map_or_else(
            || "pages without an origin of their own".to_owned(),
            |origin| format!("pages of {origin}"),
        );
        Err(Refused::untrusted(if own.is_empty() {
            format!(
                "{pages} may not use this token; it is bound to the `trustedOrigins` that \
                 tokens/generate was given"
            )
        } else {
            format!(
                "{pages} may not call here; whoever runs this gateway adds them to the bot's \
                 `trusted_origins` (WARMLINE_TRUSTED_ORIGINS)"
            )
        }))
    }
}

/// Whether some site lets this page call; which one it means is only known from its credential.
fn opens(doors: &Doors, from: &From) -> bool {
    doors.sites.is_empty()
        || doors.sites.iter().any(|site| {
            let trusted = &site.pages.trusted_origins;
            trusted.is_empty() || matches!(from, From::Page(origin) if trusted.contains(origin))
        })
}

/// Answers preflights, and tells browsers which pages may read an answer.
pub(super) async fn observed(
    State(edge): State<Arc<Edge>>,
    request: Request,
    next: Next,
) -> Response {
    let sender = Sender::of(&edge.doors.get(), &request);
    if request.method() == Method::OPTIONS {
        return preflight(&sender, request.headers());
    }
    let mut response = next.run(request).await;
    let untrusted = response.extensions().get::<Untrusted>().is_some();
    let headers = response.headers_mut();
    // Tokens and what people say are nobody else's to keep.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if sender.open && !untrusted {
        sender.let_in(headers);
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("retry-after,etag"),
        );
    }
    sender.vary(headers);
    response
}

/// Beside an answer that the page must not read: it is of an origin that is not trusted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Untrusted;

/// A request as far as its page matters.
struct Sender {
    origin: Option<HeaderValue>,
    /// Some site lets it in.
    open: bool,
    /// No site is choosy, so that all pages can be answered the same.
    anybody: bool,
    /// The request is sent with cookies, for which `*` is no answer.
    cookies: bool,
}

impl Sender {
    fn of(doors: &Doors, request: &Request) -> Self {
        let from = from(request.headers());
        Self {
            origin: request.headers().get(header::ORIGIN).cloned(),
            open: from != From::Nowhere && opens(doors, &from),
            anybody: doors.sites.iter().all(|site| site.pages.trusted_origins.is_empty()),
            cookies: request.uri().path().ends_with(browser::PATH),
        }
    }

    fn let_in(&self, headers: &mut HeaderMap) {
        let Some(origin) = &self.origin else { return };
        let all = self.anybody && !self.cookies;
        let value = if all { HeaderValue::from_static("*") } else { origin.clone() };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, value);
        if self.cookies {
            let allowed = HeaderValue::from_static("true");
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, allowed);
        }
    }

    fn vary(&self, headers: &mut HeaderMap) {
        if !self.anybody || self.cookies {
            headers.append(header::VARY, HeaderValue::from_static("origin"));
        }
    }
}

/// What a browser asks before it sends a request of another page. Somebody who merely asks for the
/// methods gets them.
fn preflight(sender: &Sender, asked: &HeaderMap) -> Response {
    const METHODS: HeaderValue = HeaderValue::from_static("GET,POST");
    if sender.origin.is_some() && !sender.open {
        let origin = sender.origin.as_ref().and_then(|origin| origin.to_str().ok());
        let origin = origin.and_then(|text| Origin::parse(text).ok());
        let pages = origin.map_or("these pages".to_owned(), |origin| format!("pages of {origin}"));
        let mut response = Refused::new(
            ErrorCode::Forbidden,
            format!(
                "{pages} may not call here; whoever runs this gateway adds them to the bot's \
                 `trusted_origins` (WARMLINE_TRUSTED_ORIGINS)"
            ),
        )
        .into_response();
        sender.vary(response.headers_mut());
        return response;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ALLOW, HeaderValue::from_static("GET,HEAD,POST,OPTIONS"));
    if sender.origin.is_some() {
        sender.let_in(headers);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        let named = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
        if let Some(named) = named.filter(|named| named.len() <= ASKED_BYTES_MAX) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, named.clone());
        }
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from(PREFLIGHT_FOR.as_secs()));
    }
    sender.vary(headers);
    let asks = [header::ACCESS_CONTROL_REQUEST_METHOD, header::ACCESS_CONTROL_REQUEST_HEADERS];
    for name in asks.iter().map(HeaderName::as_str) {
        if let Ok(name) = HeaderValue::from_str(name) {
            headers.append(header::VARY, name);
        }
    }
    response
}
