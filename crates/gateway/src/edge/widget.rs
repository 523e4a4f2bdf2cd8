//! The chat bubble that one script tag puts on any page.
//!
//! | route | what |
//! | --- | --- |
//! | `GET /widget.js` | the script of the site's page: the bubble, and the frame that it opens |
//! | `GET /widget/frame` | the page in that frame: the chat itself |
//! | `GET /widget/assets/…` | what the frame loads, Web Chat among it |
//! | `POST /widget/tokens` | a token for a stranger, by the site's public key |
//! | `POST /widget/admissions` | whether the page around the frame may use the token that it gave |
//!
//! The chat lives in a frame of our own origin, so that neither page can reach into the other: the
//! site's styles and scripts do not touch Web Chat, and the site's content policy need not allow what
//! Web Chat takes. Every call of the chat therefore comes from our own origin, and it is here that the
//! page *around* the frame is held against the origins that are trusted.

mod forms;
mod pages;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};

use crate::edge::{Edge, answer::no_such_method, direct_line::admission};

pub(crate) fn routes() -> Router<Arc<Edge>> {
    Router::new()
        .route("/widget.js", get(pages::script).fallback(no_such_method))
        .route("/widget/frame", get(pages::frame).fallback(no_such_method))
        .route("/widget/assets/{*path}", get(pages::asset).fallback(no_such_method))
        .route("/widget/tokens", post(admission::give).fallback(no_such_method))
        .route("/widget/admissions", post(admission::admit).fallback(no_such_method))
}
