//! The widget's script and its frame, inside the binary (`forms`).

use std::sync::Arc;

use axum::{
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use url::Url;

use crate::edge::{
    Edge,
    answer::{Refusal, no_such_route},
    doors::{Doors, Site},
    widget::forms::Found,
};

/// The script keeps its name, so browsers ask after five minutes whether it has changed.
const SCRIPT_KEPT: &str = "public, max-age=300, stale-while-revalidate=86400";

/// Names of assets carry a hash of what is in them, so they may be kept for ever.
const ASSET_KEPT: &str = "public, max-age=31536000, immutable";

/// `GET /widget.js`
pub(super) async fn script(headers: HeaderMap) -> Response {
    let Some(found) = Found::by_name("widget.js", &headers) else {
        return not_built().into_response();
    };
    let tag = found.tag();
    let mut response = if is_known(&headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        found.answer("text/javascript; charset=utf-8").await
    };
    let to = response.headers_mut();
    to.insert(header::CACHE_CONTROL, HeaderValue::from_static(SCRIPT_KEPT));
    to.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        to.insert(header::ETAG, tag);
    }
    // Any page may load it, also with `integrity`, and where everything embedded has to agree.
    to.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    for_any_page(to);
    response
}

/// Whose frame it is: what the widget knows of its site before it has the chat.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Named {
    /// The site's name, as its tokens say it.
    site: Option<String>,
    /// Its public key.
    key: Option<String>,
}

impl Named {
    fn of<'a>(&self, doors: &'a Doors) -> Option<&'a Site> {
        match (&self.site, &self.key) {
            (Some(name), None) => doors.site(name),
            (None, Some(key)) => doors.site_of_key(key),
            _ => None,
        }
    }
}

/// `GET /widget/frame`
pub(super) async fn frame(
    State(edge): State<Arc<Edge>>,
    named: Result<Query<Named>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let Some(found) = Found::by_name("frame.html", &headers) else {
        return not_built().into_response();
    };
    let mut response = found.answer("text/html; charset=utf-8").await;
    let to = response.headers_mut();
    let doors = edge.doors.get();
    let named = named.map_or_else(|_| Named::default(), |Query(named)| named);
    let policy = policy(named.of(&doors), edge.base(&headers).ok().as_deref());
    match HeaderValue::from_str(&policy) {
        Ok(policy) => to.insert(header::CONTENT_SECURITY_POLICY, policy),
        Err(_) => return not_built().into_response(),
    };
    // Who may frame it changes with the settings.
    to.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    to.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    for_any_page(to);
    response
}

/// `GET /widget/assets/…`
pub(super) async fn asset(
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let name = path.ok().map(|Path(path)| format!("assets/{path}"));
    let found = name.as_deref().and_then(|name| Some((name, Found::by_name(name, &headers)?)));
    let Some((name, found)) = found else { return no_such_route().await.into_response() };
    let mut response = found.answer(kind_of(name)).await;
    let to = response.headers_mut();
    to.insert(header::CACHE_CONTROL, HeaderValue::from_static(ASSET_KEPT));
    for_any_page(to);
    response
}

fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let lists = headers.get_all(header::IF_NONE_MATCH);
    let mut each = lists.iter().filter_map(|list| list.to_str().ok()).flat_map(|l| l.split(','));
    each.any(|one| one.trim().trim_start_matches("W/") == tag)
}

fn kind_of(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("txt") => "text/plain; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

fn for_any_page(headers: &mut HeaderMap) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let corp = HeaderName::from_static("cross-origin-resource-policy");
    headers.insert(corp, HeaderValue::from_static("cross-origin"));
}

/// What the frame's page may do: run its own scripts, talk to this service, show pictures and films
/// from where bots and agents have them. Web Chat makes its styles at run time, and a worker; files
/// that are attached it reads by `blob:` addresses.
fn policy(site: Option<&Site>, base: Option<&str>) -> String {
    let base = base.and_then(|base| Url::parse(base).ok());
    let stream = base.as_ref().and_then(|base| {
        let scheme = if base.scheme() == "https" { "wss" } else { "ws" };
        let port = base.port().map(|port| format!(":{port}")).unwrap_or_default();
        Some(format!(" {scheme}://{}{port}", base.host_str()?))
    });
    let stream = stream.unwrap_or_default();
    let around = around(site);
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
         connect-src 'self' blob:{stream}; img-src * data: blob:; media-src * data: blob:; \
         font-src 'self' data:; worker-src blob:; form-action 'none'; base-uri 'none'; \
         frame-ancestors {around}"
    )
}

/// Which pages may have this site's frame in them; of others nobody is told. This keeps strangers from
/// showing it at all; which token a page may use in it is looked at when it gives one.
fn around(site: Option<&Site>) -> String {
    match site.map(|site| &site.pages.trusted_origins[..]) {
        None => "'none'".to_owned(),
        Some([]) => "*".to_owned(),
        Some(origins) => {
            origins.iter().fold("'self'".to_owned(), |all, origin| format!("{all} {origin}"))
        }
    }
}

pub(super) fn not_built() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "widget_not_built",
        "the widget was not built into this binary; run `npm ci` and `npm run build` in web/, then \
         build Warmline again",
    )
}

#[cfg(test)]
mod tests {
    use bot_framework::direct_line::Origin;
    use session::id::{BotId, TenantId};

    use super::*;
    use crate::{
        app::{PageRules, WidgetKey},
        edge::callers::Callers,
    };

    const SHOP: &str = "https://shop.example.org";
    const SCHOOL: &str = "https://school.example.org:8443";

    fn site(tenant: &str, key: Option<&str>, origins: &[&str]) -> Site {
        Site {
            tenant: TenantId::new(tenant).unwrap(),
            bot: BotId::new("helper").unwrap(),
            pages: PageRules {
                trusted_origins: origins.iter().map(|one| Origin::parse(one).unwrap()).collect(),
                widget_key: key.map(|key| WidgetKey::new(key).unwrap()),
                ..PageRules::default()
            },
        }
    }

    fn doors(sites: Vec<Site>) -> Doors {
        let vault =
            vault::Vault::new(&vault::MasterKey::from_hex(&"5f".repeat(32)).unwrap()).unwrap();
        Doors {
            callers: Callers::new(vault.mac_key("callers").unwrap()),
            wordings: Vec::new(),
            sites,
            masks: std::collections::HashMap::new(),
            rates: std::collections::HashMap::new(),
            proxies: crate::network::Proxies::default(),
            public_url: None,
        }
    }

    #[test]
    fn each_frame_names_the_pages_of_its_own_site_only() {
        let doors = doors(vec![
            site("shop", Some("shop-2f9c41d07e"), &[SHOP]),
            site("school", None, &[SCHOOL, SHOP]),
            site("park", None, &[]),
        ]);
        let own = format!("'self' {SHOP}");
        for (name, key, expected) in [
            (Some("shop/helper"), None, own.as_str()),
            (None, Some("shop-2f9c41d07e"), &own),
            (Some("school/helper"), None, &format!("'self' {SCHOOL} {SHOP}")),
            // One that lets every page in opens nobody else's.
            (Some("park/helper"), None, "*"),
            (Some("nobody/helper"), None, "'none'"),
            (None, Some("shop-00000000"), "'none'"),
            (Some("park/helper"), Some("shop-2f9c41d07e"), "'none'"),
            (None, None, "'none'"),
        ] {
            let named =
                Named { site: name.map(ToOwned::to_owned), key: key.map(ToOwned::to_owned) };
            assert_eq!(around(named.of(&doors)), expected, "{named:?}");
        }
    }

    #[test]
    fn the_frame_may_talk_to_its_own_service_only() {
        for (base, expected) in [
            (Some("https://chat.example.org"), "connect-src 'self' blob: wss://chat.example.org;"),
            (Some("http://127.0.0.1:8080"), "connect-src 'self' blob: ws://127.0.0.1:8080;"),
            (Some("http://a;script-src *"), "connect-src 'self' blob:;"),
            (None, "connect-src 'self' blob:;"),
        ] {
            let policy = policy(None, base);
            assert!(policy.contains(expected), "{base:?}: {policy}");
            assert!(policy.contains("script-src 'self';"), "{policy}");
        }
    }

    #[test]
    fn a_script_that_has_not_changed_is_not_sent_again() {
        for (said, known) in
            [("\"a1\"", true), ("\"x\", W/\"a1\"", true), ("\"a2\"", false), ("a1", false)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static(said));
            assert_eq!(is_known(&headers, "\"a1\""), known, "{said}");
        }
    }
}
