//! The console's page, inside the binary.
//!
//! It is built by a configuration of its own (`web/vite.console.config.ts`) into a folder of its own,
//! so that a gateway carries its console and none of the demo's pages.

use axum::{
    extract::{Path, rejection::PathRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;

use crate::edge::answer::no_such_route;

/// What the console was built into. Without Node it does not exist, and then no page does.
#[derive(RustEmbed)]
#[folder = "../../web/dist-console"]
#[allow_missing = true]
struct Pages;

/// Shown where the page should be.
const NOT_BUILT: &str = "<!doctype html>
<html lang=\"en\">
<title>Warmline's console</title>
<h1>The console's page was not built into this binary.</h1>
<p>Run <code>npm ci</code> and <code>npm run build</code> in <code>web/</code>, then build Warmline again.
 The API below <code>/console/api/</code> works without it.</p>
</html>
";

/// `GET /console`
pub(super) async fn page() -> Response {
    let html = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    match Pages::get("console.html") {
        Some(file) => (html, file.data).into_response(),
        None => (StatusCode::NOT_FOUND, html, NOT_BUILT).into_response(),
    }
}

/// `GET /console/assets/…`: names carry a hash of what is in them, so they may be kept for ever.
pub(super) async fn asset(path: Result<Path<String>, PathRejection>) -> Response {
    let file = path.ok().and_then(|Path(path)| Pages::get(&format!("assets/{path}")));
    let Some(file) = file else { return no_such_route().await.into_response() };
    let kind = HeaderValue::from_str(file.metadata.mimetype());
    let kind = kind.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let kept = HeaderValue::from_static("public, max-age=31536000, immutable");
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, kept)], file.data).into_response()
}
