//! Who may use the desk's HTTP API: pages of this machine that the desk itself served.
//!
//! The API has no login, because it exists for demos and tests on one machine. So it must not be
//! reachable through a name that a stranger made to point here (DNS rebinding), nor from a page of
//! another site.

use std::net::IpAddr;

use axum::{
    extract::Request,
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::edge::Refusal;

/// Middleware that refuses what does not come from this machine's own pages, for whoever serves more
/// beside the desk.
pub async fn only_local(request: Request, next: Next) -> Response {
    // HTTP/1.1 has a Host; an absolute request target overrides it.
    let host = request.uri().authority().map(|authority| authority.as_str().to_owned());
    let host = host.or_else(|| text(request.headers(), header::HOST.as_str()).map(str::to_owned));
    let Some(host) = host.filter(|host| is_loopback(host)) else {
        return Refusal {
            status: StatusCode::FORBIDDEN,
            code: "not_loopback",
            message: "this answers on localhost and loopback addresses only".to_owned(),
        }
        .into_response();
    };
    let orders = !matches!(*request.method(), Method::GET | Method::HEAD);
    if orders && is_cross_site(request.headers(), &host) {
        return Refusal {
            status: StatusCode::FORBIDDEN,
            code: "cross_site",
            message: "orders are taken from this address's own pages only".to_owned(),
        }
        .into_response();
    }
    next.run(request).await
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let name = name.to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_cross_site(headers: &HeaderMap, host: &str) -> bool {
    // A program such as curl sends neither header.
    let foreign_origin = text(headers, header::ORIGIN.as_str()).is_some_and(|origin| {
        origin.split_once("://").is_none_or(|(_, named)| !named.eq_ignore_ascii_case(host))
    });
    foreign_origin || text(headers, "sec-fetch-site").is_some_and(|site| site == "cross-site")
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for (host, loopback) in [
            ("localhost", true),
            ("LOCALHOST:8080", true),
            ("desk.localhost:1", true),
            ("127.0.0.1:9000", true),
            ("127.9.9.9", true),
            ("[::1]:9000", true),
            ("10.0.0.1", false),
            ("evil.example", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("", false),
        ] {
            assert_eq!(is_loopback(host), loopback, "{host}");
        }
    }

    #[test]
    fn an_origin_must_be_the_host_itself() {
        for (name, value, cross) in [
            ("origin", "http://localhost:1", false),
            ("origin", "http://localhost:2", true),
            ("origin", "https://evil.example", true),
            ("origin", "null", true),
            ("sec-fetch-site", "same-origin", false),
            ("sec-fetch-site", "cross-site", true),
        ] {
            let headers = HeaderMap::from_iter([(
                name.parse::<header::HeaderName>().unwrap(),
                value.parse().unwrap(),
            )]);
            assert_eq!(is_cross_site(&headers, "localhost:1"), cross, "{name}: {value}");
        }
        assert!(!is_cross_site(&HeaderMap::new(), "localhost:1"));
    }
}
