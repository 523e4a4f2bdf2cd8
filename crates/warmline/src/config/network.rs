//! Where the gateway listens and how others reach it.

use std::net::SocketAddr;

use url::{Host, Url};

use super::{
    ConfigError,
    draft::{Draft, Owner},
};

/// The address to listen on.
pub(super) fn listen(draft: &Draft, public_url: Option<&str>) -> Result<SocketAddr, ConfigError> {
    let text = draft.text(&Owner::House, "listen").unwrap_or_default();
    let wrong = |problem: &str| ConfigError::Wrong {
        name: draft.name(&Owner::House, "listen"),
        problem: problem.to_owned(),
    };
    let listen: SocketAddr = text
        .parse()
        .map_err(|_| wrong("must be an address and a port, for instance 127.0.0.1:8080"))?;
    let proxied = public_url.is_some_and(|url| url.starts_with("https:"));
    if !listen.ip().is_loopback() && !proxied {
        return Err(wrong(
            "opens plain http to the network; put a proxy that ends TLS in front and set \
             WARMLINE_PUBLIC_URL (public_url) to its https address, or listen on 127.0.0.1",
        ));
    }
    Ok(listen)
}

/// How ServiceNow and browsers reach the gateway, without a slash at the end.
pub(super) fn public_url(draft: &Draft) -> Result<Option<String>, ConfigError> {
    let Some(text) = draft.text(&Owner::House, "public_url") else { return Ok(None) };
    checked_public_url(&text).map(Some).map_err(|problem| ConfigError::Wrong {
        name: draft.name(&Owner::House, "public_url"),
        problem: problem.to_owned(),
    })
}

/// The same for any text.
pub(crate) fn checked_public_url(text: &str) -> Result<String, &'static str> {
    let url =
        Url::parse(text).map_err(|_| "must be a URL, for instance https://chat.example.org")?;
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let secure = url.scheme() == "https" || (url.scheme() == "http" && loopback);
    if !secure {
        return Err("must be https; http is for this machine only");
    }
    if url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return Err("must end after the host and path");
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}
