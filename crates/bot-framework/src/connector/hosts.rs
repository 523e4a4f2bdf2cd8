//! Where a token may go: the hosts on the list, and the addresses below them.

use std::fmt;
use std::net::Ipv4Addr;

use http::Uri;
use outbound::{Reach, reach};

use crate::service_url::Parts;

/// An address that a channel is called at, below a host that is on the list. Nothing else makes one
/// but [`Connector::may_call`](super::Connector::may_call).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ServiceUrl(String);

impl ServiceUrl {
    /// The address, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host, with a port where it is not the scheme's own.
    pub(super) fn host(&self) -> &str {
        let below_scheme = self.0.split_once("://").map_or("", |(_, rest)| rest);
        below_scheme.split('/').next().unwrap_or_default()
    }

    /// An address below it, whose segments are encoded already.
    pub(super) fn at(&self, path: &str) -> Option<Uri> {
        format!("{}/{path}", self.0).parse().ok()
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Why nothing may be sent to an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceUrlError {
    /// Not an address of the form that channels give.
    #[error("the serviceUrl is no address that a channel gives")]
    NotAnAddress,
    /// Plain http would show the token to the network.
    #[error("the serviceUrl is not https; http is for this machine only")]
    NotHttps,
    /// A host that is on no list: sent there, the token would be somebody else's.
    #[error(
        "the serviceUrl leads to {host}, which is not among the hosts that may have a token; if it is \
         your channel's, add it to the Connector hosts in the settings"
    )]
    NotOnTheList {
        /// The host, as it was judged.
        host: String,
    },
}

impl ServiceUrlError {
    /// The stable machine code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAnAddress => "not_a_service_url",
            Self::NotHttps => "service_url_not_https",
            Self::NotOnTheList { .. } => "service_url_not_allowed",
        }
    }
}

/// The hosts that may have a token.
#[derive(Debug)]
pub(super) struct Hosts(Vec<Host>);

#[derive(Debug, PartialEq, Eq)]
struct Host {
    /// In lower case.
    name: String,
    /// Only this one, where it is named; else https's own, and on this machine any.
    port: Option<u16>,
}

impl Hosts {
    /// Reads what settings name; answers what is no host.
    pub(super) fn read<'a>(named: impl Iterator<Item = &'a String>) -> Result<Self, String> {
        let read = named.map(|text| Host::read(text).ok_or_else(|| text.clone()));
        read.collect::<Result<_, _>>().map(Self)
    }

    /// Their names, without ports.
    pub(super) fn names(&self) -> Vec<String> {
        self.0.iter().map(|host| host.name.clone()).collect()
    }

    /// Whether one of them is this machine.
    pub(super) fn on_this_machine(&self) -> bool {
        self.0.iter().any(|host| reach(&host.name) == Reach::ThisMachine)
    }

    /// Whether a host is on the list, or below one that is.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|host| {
            name.strip_suffix(&host.name).is_some_and(|above| {
                above.is_empty() || (above.ends_with('.') && !host.is_address())
            })
        })
    }

    pub(super) fn allow(&self, text: &str) -> Result<ServiceUrl, ServiceUrlError> {
        let parts = Parts::read(text).ok_or(ServiceUrlError::NotAnAddress)?;
        let on_this_machine = reach(&parts.host) == Reach::ThisMachine;
        if !parts.is_https && !on_this_machine {
            return Err(ServiceUrlError::NotHttps);
        }
        if !self.0.iter().any(|host| host.covers(&parts, on_this_machine)) {
            return Err(ServiceUrlError::NotOnTheList { host: parts.host });
        }
        let Parts { is_https, host, port, path } = parts;
        let (scheme, own_port) = if is_https { ("https", 443) } else { ("http", 80) };
        let port = if port == own_port { String::new() } else { format!(":{port}") };
        Ok(ServiceUrl(format!("{scheme}://{host}{port}{path}")))
    }
}

impl Host {
    fn read(text: &str) -> Option<Self> {
        let address = format!("https://{}", text.trim());
        let parts = Parts::read(&address).filter(|parts| parts.path.is_empty())?;
        let names_port = !text.trim().ends_with(']') && text.contains(':');
        (!text.contains('/')).then_some(())?;
        Some(Self { name: parts.host, port: names_port.then_some(parts.port) })
    }

    fn covers(&self, parts: &Parts<'_>, on_this_machine: bool) -> bool {
        let is_below = || {
            let above = parts.host.strip_suffix(&self.name);
            !self.is_address() && above.is_some_and(|above| above.ends_with('.'))
        };
        let port = match self.port {
            Some(port) => parts.port == port,
            None => on_this_machine || (parts.is_https && parts.port == 443),
        };
        port && (parts.host == self.name || is_below())
    }

    /// An address has nothing below it.
    fn is_address(&self) -> bool {
        self.name.starts_with('[') || self.name.parse::<Ipv4Addr>().is_ok()
    }
}

#[cfg(test)]
mod tests;
