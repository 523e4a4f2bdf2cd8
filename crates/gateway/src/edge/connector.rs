//! The Connector's routes as a bot behind Warmline calls them (`/v3/conversations/…` and
//! `/v3/attachments/…`, reference 2.4 and 3.2): to the bot Warmline is the channel.
//!
//! A bot with an app id in Entra proves itself by a token; one without calls below an address that
//! only it was told, `/bot/{capability}`. Either names conversations by ids that were made for it, so
//! that nothing else can be reached. What it sends is answered when it is stored; the user's page and
//! the desk come after.

mod activities;
mod attachments;
mod caller;
mod conversations;
mod people;
mod refused;
mod roster;
mod teams;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post, put},
};

use crate::edge::Edge;
use refused::{no_method, no_route};

/// The largest activity of a bot, in bytes: as large as a page's.
const ACTIVITY_BYTES_MAX: usize = 768 * 1024;

/// The largest transcript that a bot may bring, in bytes.
const HISTORY_BYTES_MAX: usize = 1024 * 1024;

/// The most activities of such a transcript.
const HISTORY_ACTIVITIES_MAX: usize = 500;

pub(crate) fn routes() -> Router<Arc<Edge>> {
    Router::new()
        .nest("/v3/conversations", conversations_routes())
        .nest("/v3/attachments", attachments::routes())
        .nest("/bot/{capability}/v3/conversations", conversations_routes())
        .nest("/bot/{capability}/v3/attachments", attachments::routes())
}

/// Whether metrics count this route under the Connector.
pub(crate) fn is_route(route: &str) -> bool {
    ["/v3/conversations", "/v3/attachments", "/bot/"].iter().any(|ours| route.starts_with(ours))
}

fn conversations_routes() -> Router<Arc<Edge>> {
    Router::new()
        .route("/", post(conversations::create).fallback(no_method))
        .route("/{conversation}/activities", post(activities::send).fallback(no_method))
        .route("/{conversation}/activities/history", post(activities::history).fallback(no_method))
        .route(
            "/{conversation}/activities/{activity}",
            put(activities::update)
                .post(activities::reply)
                .delete(activities::withdraw)
                .fallback(no_method),
        )
        .route(
            "/{conversation}/activities/{activity}/members",
            get(people::who_saw).fallback(no_method),
        )
        .route("/{conversation}/attachments", post(attachments::bring).fallback(no_method))
        .route("/{conversation}/members", get(people::members).fallback(no_method))
        .route("/{conversation}/pagedmembers", get(people::paged).fallback(no_method))
        .route("/{conversation}/members/{member}", get(people::member).fallback(no_method))
        .fallback(no_route)
}
