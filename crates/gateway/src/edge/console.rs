//! The operator's console: who is signed in sees what runs, and gives orders.
//!
//! | route | what |
//! | --- | --- |
//! | `GET /console`, `/console/assets/…` | the page |
//! | `POST …/api/login`, `…/api/logout` | signing in and out |
//! | `GET …/api/overview`, `series`, `destinations` | how the gateway does |
//! | `GET …/api/sessions`, `sessions/{id}`, `POST sessions/{id}/end` | live chats |
//! | `GET …/api/dead-letters`, `POST dead-letters/{id}/resend`, `/drop` | what could not be delivered |
//! | `POST …/api/persons/export`, `…/erase` | one person's data, for admins |
//! | `GET …/api/audit` | who did what, for who may see it |
//! | `GET …/api/feed` | what passes, as server-sent events |
//!
//! Who looks has a name, a role and perhaps tenants of their own (`members`): what their role may not
//! do is refused, and of other tenants they see nothing.
//!
//! Closed, every one of them is a 404 that says how to open it. Nothing that a user, an agent or a
//! bot wrote is shown: who wrote when, and what became of it, is what operating takes.

mod access;
mod audit;
mod dead_letters;
mod destinations;
mod feed;
mod guard;
mod members;
mod overview;
mod pace;
mod pages;
mod persons;
mod recorder;
mod seats;
mod series;
mod sessions;
mod timeline;
mod view;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use session::id::Timestamp;
use tokio::sync::Semaphore;
use vault::{SealError, Vault};

pub(crate) use destinations::{Destination, Destinations};
pub(crate) use guard::{Peer, is_our_origin};
pub(crate) use members::{Member, Members};
pub(crate) use recorder::Recorder;

use crate::{
    control::{Letters, UnderWay},
    edge::{
        Edge,
        answer::{Refusal, no_such_method, no_such_route},
    },
    person::Persons,
};

/// What the console works with.
pub(crate) struct Console {
    access: access::Access,
    letters: Letters,
    persons: Arc<Persons>,
    under_way: UnderWay,
    /// Places for those whose data is given out or erased.
    person_orders: Arc<Semaphore>,
    destinations: Destinations,
    recorder: Arc<Recorder>,
    readers: Arc<feed::Readers>,
    started_at: Timestamp,
}

impl Console {
    pub(crate) fn new(
        members: Members,
        vault: &Vault,
        (letters, persons, under_way): (Letters, Arc<Persons>, UnderWay),
        destinations: Destinations,
        recorder: Arc<Recorder>,
        now: Timestamp,
    ) -> Result<Self, SealError> {
        Ok(Self {
            access: access::Access::new(members, vault)?,
            letters,
            persons,
            under_way,
            person_orders: Arc::new(Semaphore::new(persons::PERSON_ORDERS_MAX)),
            destinations,
            recorder,
            readers: Arc::default(),
            started_at: now,
        })
    }

    /// What listens for it.
    pub(crate) fn recorder(&self) -> Arc<Recorder> {
        Arc::clone(&self.recorder)
    }
}

/// Where the console begins.
pub(crate) const PREFIX: &str = "/console";

pub(crate) fn routes(edge: &Arc<Edge>) -> Router<Arc<Edge>> {
    let door = middleware::from_fn_with_state(Arc::clone(edge), access::door);
    let behind = Router::new()
        .route("/logout", post(access::logout).fallback(no_such_method))
        .route("/overview", get(overview::overview).fallback(no_such_method))
        .route("/series", get(series::series).fallback(no_such_method))
        .route("/destinations", get(destinations::destinations).fallback(no_such_method))
        .route("/sessions", get(sessions::list).fallback(no_such_method))
        .route("/sessions/{id}", get(timeline::timeline).fallback(no_such_method))
        .route("/sessions/{id}/end", post(sessions::end).fallback(no_such_method))
        .route("/dead-letters", get(dead_letters::list).fallback(no_such_method))
        .route("/dead-letters/{id}/resend", post(dead_letters::resend).fallback(no_such_method))
        .route("/dead-letters/{id}/drop", post(dead_letters::drop).fallback(no_such_method))
        .route("/persons/export", post(persons::export).fallback(no_such_method))
        .route("/persons/erase", post(persons::erase).fallback(no_such_method))
        .route("/audit", get(audit::list).fallback(no_such_method))
        .route("/feed", get(feed::feed).fallback(no_such_method))
        .fallback(no_such_route)
        .layer(door);
    Router::new()
        .route("/console", get(pages::page).fallback(no_such_method))
        .route("/console/", get(pages::page).fallback(no_such_method))
        .route("/console/assets/{*path}", get(pages::asset).fallback(no_such_method))
        .route("/console/api/login", post(access::login).fallback(no_such_method))
        .nest("/console/api", behind)
        // What is no route of ours is still answered as by the console, closed or open.
        .route("/console/{*rest}", any(no_such_route))
        .layer(middleware::from_fn_with_state(Arc::clone(edge), outermost))
}

/// Whether there is a console at all, and the headers of every answer of it.
async fn outermost(State(edge): State<Arc<Edge>>, request: Request, next: Next) -> Response {
    let mut response = match &edge.console {
        Some(_) => next.run(request).await,
        None => closed().into_response(),
    };
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    for (name, value) in PROTECTION {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The page runs its own script and nothing else, talks to this service only, and is part of nobody
/// else's page. (Its icon is an empty `data:` URL.)
const PROTECTION: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
         img-src 'self' data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

fn closed() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "console_closed",
        "the console is closed; to open it, set WARMLINE_CONSOLE_PASSWORD_HASH to what `warmline \
         console-password` prints, and start again",
    )
}
