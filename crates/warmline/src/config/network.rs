//! Where the gateway listens and how others reach it.

use std::net::SocketAddr;

use gateway::{Network, PrivateHost, PrivateHosts, Proxies, ProxyHeader, WEBHOOK_PATH};
use url::{Host, Url};

use super::{
    ConfigError, Environment,
    desks::texts,
    draft::{Draft, Owner},
};

const LISTEN: &str = "listen";

/// What others call below the public URL. It is copied from the Azure Bot or from ServiceNow in
/// place of the URL itself, and then nothing is found below it.
const ROUTES: [(&str, &str); 2] = [
    (MESSAGES_PATH, "must be the address before /api/messages; take /api/messages away"),
    (
        WEBHOOK_PATH,
        "must be the address before /api/v1/snowBot/receiveMessage; take that path away",
    ),
];

/// Where Azure Bot Service calls.
const MESSAGES_PATH: &str = "/api/messages";

/// Where a gateway of this configuration listens, whatever else is wrong with it: for somebody who
/// only looks whether it is there.
pub(crate) fn listen_alone(environment: &Environment) -> Result<SocketAddr, ConfigError> {
    address(&Draft::of_one(environment, LISTEN)?)
}

/// The address to listen on.
pub(super) fn listen(draft: &Draft, public_url: Option<&str>) -> Result<SocketAddr, ConfigError> {
    let listen = address(draft)?;
    let proxied = public_url.is_some_and(|url| url.starts_with("https:"));
    if !listen.ip().is_loopback() && !proxied {
        return Err(wrong(
            draft,
            "opens plain http to the network; put a proxy that ends TLS in front and set \
             WARMLINE_PUBLIC_URL (public_url) to its https address, or listen on 127.0.0.1",
        ));
    }
    Ok(listen)
}

fn address(draft: &Draft) -> Result<SocketAddr, ConfigError> {
    let text = draft.text(&Owner::House, LISTEN).unwrap_or_default();
    text.parse()
        .map_err(|_| wrong(draft, "must be an address and a port, for instance 127.0.0.1:8080"))
}

fn wrong(draft: &Draft, problem: &str) -> ConfigError {
    let name = draft.name(&Owner::House, LISTEN);
    ConfigError::Wrong { name, problem: problem.to_owned() }
}

/// The networks of a setting.
pub(super) fn networks(
    draft: &Draft,
    owner: &Owner,
    id: &str,
) -> Result<Vec<Network>, ConfigError> {
    let read = |text: String| {
        text.parse().map_err(|error: gateway::NetworkError| ConfigError::Wrong {
            name: draft.name(owner, id),
            problem: format!("holds «{text}», which {error}"),
        })
    };
    texts(draft, owner, id).into_iter().map(read).collect()
}

/// The proxies before this service.
pub(super) fn proxies(draft: &Draft) -> Result<Proxies, ConfigError> {
    let trusted = networks(draft, &Owner::House, "trusted_proxies")?;
    let header = match draft.text(&Owner::House, "proxy_header").as_deref() {
        Some("forwarded") => ProxyHeader::Forwarded,
        Some(_) | None => ProxyHeader::XForwardedFor,
    };
    Ok(Proxies { trusted, header })
}

/// The hosts that may be in private networks.
pub(super) fn private_hosts(draft: &Draft) -> Result<PrivateHosts, ConfigError> {
    const ID: &str = "private_hosts";
    let read = |text: String| {
        text.parse::<PrivateHost>().map_err(|error| ConfigError::Wrong {
            name: draft.name(&Owner::House, ID),
            problem: format!("holds «{text}», which {error}"),
        })
    };
    texts(draft, &Owner::House, ID).into_iter().map(read).collect()
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
    let whole = url.as_str().trim_end_matches('/');
    match ROUTES.iter().find(|(route, _)| whole.ends_with(route)) {
        Some((_, problem)) => Err(problem),
        None => Ok(whole.to_owned()),
    }
}
