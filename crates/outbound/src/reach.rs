//! How far away a host is, judged by its name alone: what may be said to it without TLS.
//!
//! Nothing is resolved: an answer of today's name server says nothing about tomorrow's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far away a host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Nothing leaves this machine.
    ThisMachine,
    /// An address, or a name, that means something inside one network only.
    PrivateNetwork,
    /// Anywhere.
    Public,
}

/// How far away a host is. Takes names, and addresses with or without the brackets that URLs put
/// around IPv6; what is no address in its plain form is a name.
pub fn reach(host: &str) -> Reach {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => of_v4(address),
        Ok(IpAddr::V6(address)) => address.to_ipv4_mapped().map_or_else(|| of_v6(address), of_v4),
        Err(_) => of_name(bare),
    }
}

fn of_v4(address: Ipv4Addr) -> Reach {
    if address.is_loopback() {
        Reach::ThisMachine
    } else if address.is_private() {
        Reach::PrivateNetwork
    } else {
        Reach::Public
    }
}

fn of_v6(address: Ipv6Addr) -> Reach {
    if address.is_loopback() {
        Reach::ThisMachine
    } else if address.is_unique_local() {
        Reach::PrivateNetwork
    } else {
        Reach::Public
    }
}

/// A container's or a service's name has one label; `.internal` and `.local` are reserved for
/// private use (RFC 6762; ICANN, 2024).
fn of_name(name: &str) -> Reach {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    if name == "localhost" {
        return Reach::ThisMachine;
    }
    // Resolvers take a bare number for an address.
    let is_label = name.starts_with(|first: char| first.is_ascii_alphabetic());
    let own = [".internal", ".local"].iter().any(|end| name.ends_with(end));
    if is_label && (own || !name.contains('.')) { Reach::PrivateNetwork } else { Reach::Public }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_as_far_away_as_its_name_says() {
        for (host, expected) in [
            ("localhost", Reach::ThisMachine),
            ("LOCALHOST.", Reach::ThisMachine),
            ("127.0.0.1", Reach::ThisMachine),
            ("127.9.9.9", Reach::ThisMachine),
            ("::1", Reach::ThisMachine),
            ("[::1]", Reach::ThisMachine),
            ("[::ffff:127.0.0.1]", Reach::ThisMachine),
            ("10.1.2.3", Reach::PrivateNetwork),
            ("172.31.0.1", Reach::PrivateNetwork),
            ("192.168.0.9", Reach::PrivateNetwork),
            ("169.254.169.254", Reach::Public),
            ("[fd00::1]", Reach::PrivateNetwork),
            ("[fe80::1]", Reach::Public),
            ("bot", Reach::PrivateNetwork),
            ("my-bot", Reach::PrivateNetwork),
            ("bot.default.svc.cluster.local", Reach::PrivateNetwork),
            ("bot.corp.internal", Reach::PrivateNetwork),
            ("bot.example.org", Reach::Public),
            ("localhost.example.org", Reach::Public),
            ("172.32.0.1", Reach::Public),
            ("8.8.8.8", Reach::Public),
            ("[2001:db8::1]", Reach::Public),
            ("[::ffff:8.8.8.8]", Reach::Public),
            ("134744072", Reach::Public),
            ("0x08080808", Reach::Public),
            ("127.1", Reach::Public),
            ("", Reach::Public),
            (".local", Reach::Public),
        ] {
            assert_eq!(reach(host), expected, "{host}");
        }
    }
}
