//! What the outside calls. Edges parse, authenticate and answer; they decide nothing.
//!
//! | module | routes |
//! | --- | --- |
//! | [`webhook`] | `POST /api/v1/snowBot/receiveMessage` |
//! | [`direct_line::private`] | `/.well-known/warmline-keys` |
//! | [`messages`] | `POST /api/messages` |
//! | [`direct_line`] | `/v3/directline/…` |
//! | [`connector`] | `/v3/conversations/…`, `/v3/attachments/…`, `/bot/{capability}/v3/…` |
//! | [`files`] | `/files/{capability}` |
//! | [`health`] | `/healthz`, `/readyz` |
//! | [`openapi`] | `/openapi.json` |
//! | [`console`] | `/console/…` |
//! | [`widget`] | `/widget.js`, `/widget/…` |
//! | [`metrics`] | `/metrics` |

pub(crate) mod answer;
pub(crate) mod body;
pub(crate) mod callers;
pub(crate) mod connector;
pub(crate) mod console;
pub(crate) mod direct_line;
pub(crate) mod doors;
pub(crate) mod files;
pub(crate) mod health;
pub(crate) mod messages;
pub(crate) mod metrics;
pub(crate) mod multipart;
pub(crate) mod openapi;
pub(crate) mod rates;
pub(crate) mod relay;
pub(crate) mod webhook;
pub(crate) mod widget;

use std::{convert::Infallible, net::IpAddr, pin::Pin, sync::Arc};

use axum::{
    Router,
    extract::{MatchedPath, State},
    http::{Method, Request, StatusCode, header},
    middleware::{self, Next},
    response::Response,
};
use bot_framework::Activity;
use futures_util::FutureExt;
use hyper::{
    body::{Body as _, Incoming},
    service::Service,
};
use hyper_util::service::TowerToHyperService;
use session::id::TenantId;
use store::Store;
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use vault::Vault;

pub(crate) use answer::DISK_FULL;

use crate::{
    audit::Audit,
    behind::{Bots, Handles},
    channel::Channels,
    clock::Clock,
    current::Current,
    desk::media::DeskMedia,
    edge::answer::{RefusalCode, RefusedBy},
    edge::direct_line::DirectLine,
    edge::doors::Doors,
    engine::Engine,
    files::Files,
    gaps::Gaps,
    masking::{self, NotMasked},
    notices::Language,
    observe::{Answered, Observer, RouteName},
    presence::Presence,
    trace::Tracing,
    wakes::Wakes,
};

/// What every edge works with.
pub(crate) struct Edge {
    pub(crate) engine: Engine,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) clock: Clock,
    pub(crate) wakes: Arc<Wakes>,
    pub(crate) gaps: Arc<Gaps>,
    pub(crate) doors: Arc<Current<Doors>>,
    /// What notices are in.
    pub(crate) language: Language,
    pub(crate) direct_line: DirectLine,
    pub(crate) bots: Arc<Current<Bots>>,
    pub(crate) channels: Arc<Current<Channels>>,
    pub(crate) handles: Handles,
    pub(crate) files: Arc<Files>,
    pub(crate) media: Arc<DeskMedia>,
    pub(crate) presence: Arc<Presence>,
    /// How fast callers are.
    pub(crate) measures: rates::Measures,
    /// What was said of activities that were refused.
    pub(crate) complaints: messages::Complaints,
    /// What goes on beside activities that were answered.
    pub(crate) besides: messages::Besides,
    /// `None` while it is closed.
    pub(crate) console: Option<console::Console>,
    pub(crate) audit: Audit,
    pub(crate) observer: Arc<Observer>,
    pub(crate) tracing: Tracing,
    pub(crate) stopping: CancellationToken,
    /// Holds a token for each open stream: the server forgets connections that were upgraded.
    pub(crate) open_streams: TaskTracker,
}

/// Answers every request there is.
#[derive(Clone)]
pub(crate) struct Front {
    edge: Arc<Edge>,
    router: TowerToHyperService<Router>,
    /// Where its connection comes from.
    peer: Option<IpAddr>,
}

impl Front {
    pub(crate) fn new(edge: Arc<Edge>) -> Self {
        Self { router: TowerToHyperService::new(router(Arc::clone(&edge))), edge, peer: None }
    }
    /// The same for one connection.
    pub(crate) fn of(&self, peer: IpAddr) -> Self {
        Self { peer: Some(peer), ..self.clone() }
    }
}

impl Service<Request<Incoming>> for Front {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let has_body = !request.body().is_end_stream();
        let is_upload = has_body && direct_line::is_upload(request.uri().path());
        if webhook::is_callback(&request) {
            let answer = webhook::answer(Arc::clone(&self.edge), self.peer, request);
            return Box::pin(answer.map(move |answer| Ok(said_when_last(answer, has_body, false))));
        }
        // Only there it matters; elsewhere the credential says who calls.
        if request.uri().path().starts_with(console::PREFIX)
            && let Some(peer) = self.peer
        {
            request.extensions_mut().insert(console::Peer(peer));
        }
        let answer = self.router.call(request);
        Box::pin(async move { Ok(said_when_last(answer.await?, has_body, is_upload)) })
    }
}

/// A request that is refused before its body is read ends its connection. Whoever sends the next one on
/// it must know, or that is lost. An upload may be refused at any point of its body, whatever the status.
fn said_when_last(mut response: Response, has_body: bool, is_upload: bool) -> Response {
    let unread = matches!(
        response.status(),
        StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::PAYLOAD_TOO_LARGE
    );
    if has_body && (unread || is_upload && !response.status().is_success()) {
        let close = header::HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

fn router(edge: Arc<Edge>) -> Router {
    Router::new()
        .merge(webhook::routes())
        .nest("/v3/directline", direct_line::routes(&edge))
        .merge(direct_line::private::routes())
        .merge(messages::routes())
        .merge(connector::routes())
        .merge(files::routes())
        .merge(health::routes())
        .merge(openapi::routes())
        .merge(console::routes(&edge))
        .merge(widget::routes())
        .merge(metrics::routes())
        .fallback(answer::no_such_route)
        .with_state(Arc::clone(&edge))
        .layer(middleware::from_fn_with_state(edge, observe_request))
}

impl Edge {
    /// Takes out what may not go on from what a user of this tenant says. Says whether there was anything.
    pub(crate) async fn mask(
        &self,
        tenant: &TenantId,
        activity: Activity,
    ) -> Result<(Activity, bool), NotMasked> {
        let masks = self.doors.get().masks(tenant).cloned();
        match masks {
            Some(masks) => masking::mask(masks, activity, self.language).await,
            None => Ok((activity, false)),
        }
    }

    /// The same for a name that goes alone.
    pub(crate) fn mask_name(&self, tenant: &TenantId, name: String) -> (String, bool) {
        let doors = self.doors.get();
        let masked = doors.masks(tenant).and_then(|masks| masks.masked(&name, self.language));
        let is_masked = masked.is_some();
        (masked.unwrap_or(name), is_masked)
    }
}

/// What every answer says to browsers unless it says something of its own: that it is what it says it
/// is, that nothing in it runs, that no page may put it into a frame, and that addresses are nobody's to
/// know.
const TO_BROWSERS: [(header::HeaderName, &str); 3] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
];

/// For how long a browser that came over https comes in no other way: a year.
const ONLY_HTTPS: &str = "max-age=31536000";

/// Puts them into an answer.
fn told_to_browsers(response: &mut Response, public_url: Option<&str>) {
    let headers = response.headers_mut();
    for (name, value) in TO_BROWSERS {
        headers.entry(name).or_insert(header::HeaderValue::from_static(value));
    }
    if public_url.is_some_and(|url| url.starts_with("https:")) {
        let value = header::HeaderValue::from_static(ONLY_HTTPS);
        headers.insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
}

async fn observe_request(
    State(edge): State<Arc<Edge>>,
    route: Option<MatchedPath>,
    request: axum::extract::Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = route.as_ref().map(MatchedPath::as_str);
    let mut response = next.run(request).await;
    was_answered(&edge, &method, route, began, &mut response);
    response
}

/// Tells the observer of a request once it was answered, the audit trail of one that was refused for what
/// it may not, and browsers what they may not do with the answer.
fn was_answered(
    edge: &Edge,
    method: &Method,
    route: Option<&str>,
    began: Instant,
    response: &mut Response,
) {
    let status = response.status().as_u16();
    let code = response.extensions().get::<RefusalCode>().map(|RefusalCode(code)| *code);
    if matches!(status, 401 | 403 | 429) {
        let tenant = response.extensions().get::<RefusedBy>().map(|RefusedBy(tenant)| tenant);
        edge.audit.refused(RouteName::of(method, route), code.unwrap_or("no_code"), tenant);
    }
    edge.observer.answered(&Answered { method, route, status, code, took: began.elapsed() });
    told_to_browsers(response, edge.doors.get().public_url.as_deref());
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;

    #[test]
    fn every_answer_tells_browsers_what_they_may_not_do() {
        let mut response = StatusCode::OK.into_response();
        let own = header::HeaderValue::from_static("default-src 'self'");
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, own);
        told_to_browsers(&mut response, Some("http://127.0.0.1:8080"));
        let said = |response: &Response, name| response.headers().get(name).cloned();
        assert_eq!(said(&response, header::STRICT_TRANSPORT_SECURITY), None);
        told_to_browsers(&mut response, Some("https://chat.example.org"));
        for (name, value) in [
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::CONTENT_SECURITY_POLICY, "default-src 'self'"),
            (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
        ] {
            assert_eq!(said(&response, name).unwrap(), value);
        }
    }

    #[test]
    fn an_upload_that_is_refused_in_its_middle_is_the_last_on_its_connection() {
        let closes = |status: u16, has_body, is_upload| {
            let response = StatusCode::from_u16(status).unwrap().into_response();
            let response = said_when_last(response, has_body, is_upload);
            response.headers().get(header::CONNECTION).is_some()
        };
        for status in [400, 401, 403, 404, 405, 408, 409, 410, 413, 429, 500, 503] {
            assert!(closes(status, true, true), "{status}");
            assert!(!closes(status, false, false), "{status} without a body");
        }
        assert!(!closes(200, true, true), "all of it was read");
        assert!(!closes(503, true, false), "the others were read");
        assert!(closes(413, true, false));
        for path in ["/v3/directline/conversations/c/upload", "/v3/directline/x/upload"] {
            assert!(direct_line::is_upload(path), "{path}");
        }
        for path in ["/v3/directline/conversations/c/activities", "/elsewhere/upload"] {
            assert!(!direct_line::is_upload(path), "{path}");
        }
    }
}
