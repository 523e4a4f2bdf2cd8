//! A site of somebody's that has the widget on its pages: what such a site has to do, and nothing
//! else. Its one script tag, the endpoint that gives tokens, and a content policy as strict as any.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware,
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

/// What the site's server knows.
pub(super) struct Site {
    pub(super) gateway: SocketAddr,
    pub(super) tokens: SecretString,
    pub(super) client: reqwest::Client,
}

/// Who the visitor is, for the site's own pages only; a real site has its session for this.
const COOKIE: &str = "site_visitor";

/// The longest name of a visitor that is believed, in bytes.
const VISITOR_BYTES_MAX: usize = 40;

/// Where the page has its script tag.
const PLACE: &str = "<!-- the widget -->";

pub(super) fn routes(site: Site) -> Router {
    Router::new()
        .route("/site", get(page))
        .route("/site/help", get(page))
        .route("/site/token", post(token))
        .layer(middleware::from_fn(simulator::only_local))
        .with_state(Arc::new(site))
}

async fn page(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let Some((_, bytes)) = simulator::page("site.html") else {
        return Html(
            "<!doctype html><p>The pages are not built; run <code>cargo xtask demo</code>.",
        )
        .into_response();
    };
    let gateway = format!("http://{}", site.gateway);
    let tag = format!(
        "<script src=\"{gateway}/widget.js\" data-token-url=\"/site/token\" async></script>"
    );
    let html = String::from_utf8_lossy(&bytes).replace(PLACE, &tag);
    let policy = format!(
        "default-src 'none'; script-src 'self' {gateway}; style-src 'self'; img-src 'self' data:; \
         connect-src 'self'; frame-src {gateway}; base-uri 'none'; form-action 'none'; \
         require-trusted-types-for 'script'"
    );
    let mut response = Html(html).into_response();
    let to = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        to.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if visitor(&headers).is_none() {
        let cookie =
            format!("{COOKIE}={:016x}; Path=/site; HttpOnly; SameSite=Strict", fastrand::u64(..));
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            to.insert(header::SET_COOKIE, cookie);
        }
    }
    response
}

/// The visitor of this browser.
fn visitor(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        cookies.flat_map(|list| list.split(';')).filter_map(|one| one.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == COOKIE)?;
    let plain = value.bytes().all(|byte| byte.is_ascii_hexdigit());
    (plain && !value.is_empty() && value.len() <= VISITOR_BYTES_MAX).then_some(value)
}

/// A token for whoever is signed in here, in exchange for the site's secret.
async fn token(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let Some(visitor) = visitor(&headers) else {
        return (StatusCode::UNAUTHORIZED, "no visitor").into_response();
    };
    let asked = site
        .client
        .post(format!("http://{}/v3/directline/tokens/generate", site.gateway))
        .bearer_auth(site.tokens.expose_secret())
        .json(&json!({ "user": { "id": format!("dl_site-{visitor}"), "name": "Kim" } }))
        .send()
        .await
        .and_then(reqwest::Response::error_for_status);
    let given = match asked {
        Ok(answer) => answer.json::<Value>().await,
        Err(error) => Err(error),
    };
    match given {
        Ok(given) => Json(json!({ "token": given["token"] })).into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the gateway does not answer").into_response(),
    }
}
