//! What a request to the console must bring: that it comes from our own page, who sends it, from
//! where. No state; what the cookies mean is known to [`super::access`].

use std::net::{IpAddr, Ipv4Addr};

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use url::{Host, Url};

use crate::{edge::answer::Refusal, network::Proxies};

/// Every change carries this header: a page elsewhere cannot send it without asking us first, and we
/// never answer such questions.
pub(super) const ORDER: HeaderName = HeaderName::from_static("x-warmline-console");

/// What a page asks by itself carries this header: it keeps nobody signed in.
pub(super) const BACKGROUND: HeaderName = HeaderName::from_static("x-warmline-background");

/// The longest cookie looked at, in bytes.
const COOKIE_BYTES_MAX: usize = 256;

/// Where a connection comes from; put into a request by whoever accepted it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// A cookie of the console's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cookie {
    /// Proves who is signed in.
    Session,
    /// Marks a browser that has signed in before; it opens nothing.
    Browser,
}

/// 400 days, the longest that browsers keep a cookie.
const BROWSER_KEPT_S: u32 = 400 * 24 * 60 * 60;

impl Cookie {
    fn name(self) -> &'static str {
        match self {
            Self::Session => "warmline_console",
            Self::Browser => "warmline_browser",
        }
    }

    /// The cookie's value in a request. Over https its name has a prefix, with which browsers see to
    /// it that nobody but this very host has set it.
    pub(super) fn of(self, headers: &HeaderMap) -> Option<&str> {
        let pairs = headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        let ours = |name: &str| name == self.name() || name.strip_prefix(HOST) == Some(self.name());
        let found = pairs.filter(|(name, _)| ours(name)).max_by_key(|(name, _)| name.len());
        found.map(|(_, value)| value).filter(|value| value.len() <= COOKIE_BYTES_MAX)
    }

    /// The header that sets it; an empty value takes it away.
    pub(super) fn set(self, value: &str, secure: bool) -> Option<HeaderValue> {
        let (prefix, secure) = if secure { (HOST, "; Secure") } else { ("", "") };
        let age = match (self, value) {
            (_, "") => "; Max-Age=0".to_owned(),
            (Self::Session, _) => String::new(),
            (Self::Browser, _) => format!("; Max-Age={BROWSER_KEPT_S}"),
        };
        let name = self.name();
        let text =
            format!("{prefix}{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{age}");
        HeaderValue::from_str(&text).ok()
    }
}

/// The prefix that binds a cookie to its host; browsers take it over https only.
const HOST: &str = "__Host-";

/// Refuses what another site's page made a browser send. A program that is no browser sends neither
/// of the headers that are looked at.
pub(super) fn from_our_page(headers: &HeaderMap, public_url: Option<&str>) -> Result<(), Refusal> {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let foreign = site.is_some_and(|site| site != b"same-origin");
    if !foreign && is_our_origin(headers, public_url) {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::FORBIDDEN,
        "wrong_origin",
        "this came from another page than the console's own; open the console itself, under the \
         address in WARMLINE_PUBLIC_URL",
    ))
}

/// Whether a browser sends this from a page of ours, or it is no browser.
///
/// Where our address is known, no other counts: what `Host` says is only what the caller's name
/// server made of it, and whoever owns a name can let it point at us.
pub(crate) fn is_our_origin(headers: &HeaderMap, public_url: Option<&str>) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else { return true };
    let Some(origin) = origin.to_str().ok().filter(|_| origins.next().is_none()) else {
        return false;
    };
    if let Some(public) = public_url {
        return Url::parse(public).is_ok_and(|public| is_of(&public, origin));
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let of_host = |scheme: &str| host.is_some_and(|host| origin == format!("{scheme}://{host}"));
    of_host("http") || of_host("https")
}

/// Whether this is the origin of our address. This machine has several names for itself, and nobody
/// else can have one of them.
fn is_of(public: &Url, origin: &str) -> bool {
    if public.origin().ascii_serialization() == origin {
        return true;
    }
    let Ok(page) = Url::parse(origin) else { return false };
    let same = page.scheme() == public.scheme()
        && page.port_or_known_default() == public.port_or_known_default();
    same && is_loopback(public) && is_loopback(&page)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Refuses a change without the header that no other site's page can send.
pub(super) fn is_order(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.contains_key(ORDER) {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::FORBIDDEN,
        "no_order_header",
        "a change needs the header X-Warmline-Console: 1, which keeps other sites' pages from \
         sending one",
    ))
}

/// Whether the browser reaches us over https: what it says of its page, else how we are configured.
pub(super) fn is_secure(headers: &HeaderMap, public_url: Option<&str>) -> bool {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let seen = origin.or(public_url);
    seen.is_some_and(|seen| seen.starts_with("https:"))
}

/// From where a request comes: what the proxies that the operator named say, else the connection's own
/// address. Where nobody can tell, it is the proxy's.
pub(super) fn address(peer: Option<Peer>, headers: &HeaderMap, proxies: &Proxies) -> IpAddr {
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0);
    proxies.source(peer, headers).unwrap_or(peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: Option<&str> = Some("https://chat.example.org");

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        list.iter().map(pair).collect()
    }

    fn is_ours(sent: &[(&'static str, &str)], public_url: Option<&str>) -> bool {
        let mut all = HeaderMap::new();
        for (name, value) in sent {
            all.append(*name, HeaderValue::from_str(value).unwrap());
        }
        from_our_page(&all, public_url).is_ok()
    }

    #[test]
    fn only_our_own_page_may_give_orders() {
        let host = ("host", "127.0.0.1:8080");
        for (sent, ours) in [
            (vec![host], true),
            (vec![host, ("origin", "http://127.0.0.1:8080")], true),
            (vec![host, ("sec-fetch-site", "same-origin")], true),
            (vec![host, ("origin", "http://127.0.0.1:8081")], false),
            (vec![host, ("origin", "https://chat.example.org")], false),
            (vec![host, ("origin", "null")], false),
            (vec![host, ("origin", "http://127.0.0.1:8080"), ("origin", "http://evil")], false),
            (vec![host, ("sec-fetch-site", "same-site")], false),
            (vec![host, ("sec-fetch-site", "cross-site")], false),
            (vec![("origin", "http://127.0.0.1:8080")], false),
        ] {
            assert_eq!(is_ours(&sent, None), ours, "{sent:?}");
        }
    }

    #[test]
    fn a_known_address_is_the_only_one_whatever_host_says() {
        let ours = ("origin", "https://chat.example.org");
        for (sent, expected) in [
            (vec![("host", "chat.example.org"), ours], true),
            // Behind a proxy that has its own name for us.
            (vec![("host", "warmline.internal:8080"), ours], true),
            // A name of somebody's that was let point at us.
            (vec![("host", "evil.org"), ("origin", "https://evil.org")], false),
            (vec![("host", "evil.org"), ("origin", "http://evil.org")], false),
            // The same name without encryption, where anybody on the way can be the page.
            (vec![("host", "chat.example.org"), ("origin", "http://chat.example.org")], false),
            (vec![("host", "127.0.0.1:8080"), ("origin", "http://127.0.0.1:8080")], false),
            (vec![("origin", "https://chat.example.org.evil.org")], false),
            (vec![("origin", "https://chat.example.org:8443")], false),
        ] {
            assert_eq!(is_ours(&sent, PUBLIC), expected, "{sent:?}");
        }
    }

    #[test]
    fn this_machine_has_several_names_for_itself() {
        let public = Some("http://127.0.0.1:8080");
        for (origin, expected) in [
            ("http://localhost:8080", true),
            ("http://[::1]:8080", true),
            ("http://localhost:8081", false),
            ("https://localhost:8080", false),
            ("http://localhost.evil.org:8080", false),
            ("http://evil.org:8080", false),
        ] {
            let host = origin.split_once("//").unwrap().1;
            assert_eq!(
                is_ours(&[("host", host), ("origin", origin)], public),
                expected,
                "{origin}"
            );
        }
        assert!(!is_ours(&[("origin", "http://localhost")], PUBLIC));
    }

    #[test]
    fn a_cookie_is_found_among_others_and_the_bound_one_counts() {
        let of =
            |text: &str| Cookie::Session.of(&headers(&[("cookie", text)])).map(ToOwned::to_owned);
        assert_eq!(of("warmline_console=a"), Some("a".to_owned()));
        assert_eq!(of("x=1; warmline_console=a;y=2"), Some("a".to_owned()));
        let both = "warmline_console=planted; __Host-warmline_console=ours";
        assert_eq!(of(both), Some("ours".to_owned()));
        assert_eq!(of("warmline_browser=a; xwarmline_console=b"), None);
        assert_eq!(of(&format!("warmline_console={}", "a".repeat(257))), None);
    }

    #[test]
    fn a_cookie_is_for_our_pages_only_and_over_https_for_this_host_only() {
        let set = |secure| Cookie::Session.set("s", secure).unwrap();
        assert_eq!(set(false), "warmline_console=s; Path=/; HttpOnly; SameSite=Strict");
        let bound = "__Host-warmline_console=s; Path=/; HttpOnly; SameSite=Strict; Secure";
        assert_eq!(set(true), bound);
        let gone = Cookie::Browser.set("", false).unwrap();
        assert!(gone.to_str().unwrap().ends_with("; Max-Age=0"));
    }

    #[test]
    fn the_address_is_what_a_named_proxy_saw_and_nobody_else_makes_one_up() {
        let of = |peer: [u8; 4], list: &str| {
            let forwarded = headers(&[("x-forwarded-for", list)]);
            let trusted = vec!["127.0.0.1".parse().unwrap()];
            let proxies = Proxies { trusted, ..Proxies::default() };
            address(Some(Peer(peer.into())), &forwarded, &proxies).to_string()
        };
        let proxy = [127, 0, 0, 1];
        assert_eq!(of(proxy, "10.9.9.9, 192.0.2.7"), "192.0.2.7");
        assert_eq!(of([203, 0, 113, 9], "192.0.2.7"), "203.0.113.9", "no proxy of ours");
        assert_eq!(of(proxy, "who knows"), "127.0.0.1", "nobody can tell");
        let unnamed = address(None, &HeaderMap::new(), &Proxies::default());
        assert_eq!(unnamed, IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    }
}
