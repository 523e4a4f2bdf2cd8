//! Networks, and from which address a request really comes.
//!
//! A header that names an address is a claim like any other. It is believed only of a proxy that the
//! operator named, and only as far as such proxies go: the right-most address that is none of theirs is
//! the caller's, whatever stands to its left.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use axum::http::{HeaderMap, header};

/// Addresses looked at in the headers of one request. No chain of proxies is longer.
const HOPS_MAX: usize = 16;

/// The longest such header looked at, in bytes: sixteen addresses of the newer kind and then some.
const HEADER_BYTES_MAX: usize = 2 * 1024;

/// A network: the addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// A text is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Neither an address nor one with a length.
    #[error("is no network: say 203.0.113.0/24, 2001:db8::/32, or one address")]
    Malformed,
    /// More bits than an address has.
    #[error("has more bits than an address: 32 at most, or 128 for IPv6")]
    TooLong,
    /// Bits after the length are set, so one of the two is a slip.
    #[error("has bits set after its length: say the network's first address")]
    NotItsFirst,
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let text = text.trim();
        let (address, bits) = match text.split_once('/') {
            None => (text, None),
            Some((address, bits)) => {
                let digits = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
                let bits = bits.parse::<u8>().ok().filter(|_| digits);
                (address, Some(bits.ok_or(NetworkError::Malformed)?))
            }
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Malformed)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        if bits > most {
            return Err(NetworkError::TooLong);
        }
        let network = Self { address, bits };
        if number(address) != number(address) & network.mask() {
            return Err(NetworkError::NotItsFirst);
        }
        Ok(network)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl Network {
    /// Whether the address is one of these. An IPv4 address inside an IPv6 one is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = plain(address);
        let same_kind = self.address.is_ipv4() == address.is_ipv4();
        same_kind && number(address) & self.mask() == number(self.address)
    }

    /// The bits that are compared, at the upper end of a number of 128 bits.
    fn mask(&self) -> u128 {
        u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0)
    }
}

/// An address as a number whose first bits are the address's.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
        IpAddr::V6(address) => u128::from(address),
    }
}

/// An address in its own kind.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// In which header the proxies before us say where a request comes from. One only: what a proxy does
/// not write itself it may pass on as a caller wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProxyHeader {
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// The proxies before us.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// Where they are; none if callers connect to us themselves.
    pub trusted: Vec<Network>,
    /// What they say callers' addresses in.
    pub header: ProxyHeader,
}

impl Proxies {
    /// Where a request comes from. `None` if proxies alone were on its way as far as can be read, or
    /// what the last of them says is no address: then nobody can tell.
    pub(crate) fn source(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let peer = plain(peer);
        if !self.is_trusted(peer) {
            return Some(peer);
        }
        let mut hops = Vec::new();
        let name = match self.header {
            ProxyHeader::XForwardedFor => "x-forwarded-for",
            ProxyHeader::Forwarded => header::FORWARDED.as_str(),
        };
        for value in headers.get_all(name) {
            if value.len() > HEADER_BYTES_MAX {
                return None;
            }
            let value = value.to_str().ok()?;
            match self.header {
                ProxyHeader::XForwardedFor => hops.extend(value.split(',')),
                ProxyHeader::Forwarded => hops.extend(outside_quotes(value, ',')?),
            }
        }
        // From the nearest on.
        for hop in hops.into_iter().rev().take(HOPS_MAX) {
            let address = match self.header {
                ProxyHeader::XForwardedFor => address(hop),
                ProxyHeader::Forwarded => forwarded_for(hop).and_then(address),
            };
            let address = address?;
            if !self.is_trusted(address) {
                return Some(address);
            }
        }
        None
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }
}

/// What stands between separators that are not in a quoted string (RFC 9110, 5.6.4). Nothing where a quoted
/// string begins inside a word, has a backslash in it, which no address and no name needs, or does not end:
/// another may read that otherwise.
fn outside_quotes(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut pieces, mut begin, mut quoted, mut before) = (Vec::new(), 0, false, None);
    for (at, c) in text.char_indices() {
        match c {
            '\\' => return None,
            '"' if !quoted && before != Some('=') => return None,
            '"' => quoted = !quoted,
            c if c == separator && !quoted => {
                pieces.push(&text[begin..at]);
                begin = at + c.len_utf8();
            }
            // Nothing stands behind a quoted string but the next of these.
            c if !quoted && before == Some('"') && !matches!(c, ',' | ';' | ' ' | '\t') => {
                return None;
            }
            _ => {}
        }
        before = Some(c);
    }
    pieces.push(&text[begin..]);
    (!quoted).then_some(pieces)
}

/// The `for` of one element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<&str> {
    let pairs = outside_quotes(element, ';')?.into_iter().filter_map(|pair| pair.split_once('='));
    let mut found = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
    let (_, value) = found.next()?;
    let value = value.trim();
    let bare = value.strip_prefix('"').map_or(Some(value), |rest| rest.strip_suffix('"'))?;
    found.next().is_none().then_some(bare)
}

/// An address, perhaps with a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if let Some(inner) = text.strip_prefix('[') {
        let (inner, port) = inner.split_once(']')?;
        let fine = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return inner.parse::<Ipv6Addr>().ok().filter(|_| fine).map(|found| plain(found.into()));
    }
    if let Ok(found) = text.parse::<IpAddr>() {
        return Some(plain(found));
    }
    let (host, port) = text.split_once(':')?;
    host.parse::<Ipv4Addr>().ok().filter(|_| is_port(port)).map(IpAddr::V4)
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_holds_the_addresses_that_begin_with_its_bits() {
        for (of, address, holds) in [
            ("203.0.113.0/24", "203.0.113.255", true),
            ("203.0.113.0/24", "203.0.114.0", false),
            ("203.0.113.7", "203.0.113.7", true),
            ("203.0.113.7", "203.0.113.8", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "8.8.8.8", false),
            ("203.0.113.0/24", "::ffff:203.0.113.9", true),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
        ] {
            assert_eq!(network(of).contains(address.parse().unwrap()), holds, "{of} {address}");
        }
    }

    #[test]
    fn a_text_that_is_no_network_is_refused_for_what_it_is() {
        use NetworkError::{Malformed, NotItsFirst, TooLong};
        for (text, error) in [
            ("", Malformed),
            ("example.org", Malformed),
            ("10.0.0.0/", Malformed),
            ("10.0.0.0/+8", Malformed),
            ("10.0.0.0/a", Malformed),
            ("10.0.0/8", Malformed),
            ("10.0.0.0/33", TooLong),
            ("::/129", TooLong),
            ("10.0.0.1/8", NotItsFirst),
            ("2001:db8::1/64", NotItsFirst),
        ] {
            assert_eq!(text.parse::<Network>(), Err(error), "{text}");
        }
    }

    fn source(header: ProxyHeader, peer: &str, lines: &[(&'static str, &str)]) -> Option<String> {
        let trusted = vec![network("10.0.0.0/8"), network("2001:db8:ff::/48")];
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let found = Proxies { trusted, header }.source(peer.parse().unwrap(), &headers);
        found.map(|address| address.to_string())
    }

    #[test]
    fn the_right_most_address_that_is_no_trusted_proxys_is_the_callers() {
        let of = |peer, lines: &[_]| source(ProxyHeader::XForwardedFor, peer, lines);
        let x = "x-forwarded-for";
        for (peer, lines, expected) in [
            // Nobody is believed who is no proxy of ours.
            ("203.0.113.9", vec![(x, "198.51.100.1")], Some("203.0.113.9")),
            ("10.0.0.1", vec![(x, "198.51.100.1")], Some("198.51.100.1")),
            // What a caller wrote stands to the left of what our proxy saw.
            ("10.0.0.1", vec![(x, "198.51.100.1, 203.0.113.9")], Some("203.0.113.9")),
            ("10.0.0.1", vec![(x, "198.51.100.1"), (x, "203.0.113.9")], Some("203.0.113.9")),
            ("10.0.0.1", vec![(x, "203.0.113.9, 10.0.0.2")], Some("203.0.113.9")),
            ("10.0.0.1", vec![(x, "203.0.113.9:4711")], Some("203.0.113.9")),
            ("10.0.0.1", vec![(x, "[2001:db8::1]:4711")], Some("2001:db8::1")),
            ("::ffff:10.0.0.1", vec![(x, "::ffff:203.0.113.9")], Some("203.0.113.9")),
            // Nobody can tell.
            ("10.0.0.1", vec![], None),
            ("10.0.0.1", vec![(x, "10.0.0.2")], None),
            ("10.0.0.1", vec![(x, "203.0.113.9, unknown")], None),
            ("10.0.0.1", vec![(x, "203.0.113.9,")], None),
            ("10.0.0.1", vec![(x, "")], None),
            // The header that is not said to be the proxies' is a caller's.
            ("10.0.0.1", vec![("forwarded", "for=198.51.100.1")], None),
        ] {
            assert_eq!(of(peer, &lines).as_deref(), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn forwarded_is_read_as_its_standard_says() {
        let of = |value| source(ProxyHeader::Forwarded, "10.0.0.1", &[("forwarded", value)]);
        for (value, expected) in [
            ("for=203.0.113.9", Some("203.0.113.9")),
            ("proto=https;For=\"203.0.113.9:1\";by=10.0.0.1", Some("203.0.113.9")),
            ("for=198.51.100.1, for=\"[2001:db8::1]:80\"", Some("2001:db8::1")),
            ("for=203.0.113.9, for=10.0.0.2", Some("203.0.113.9")),
            ("for=_hidden", None),
            ("for=203.0.113.9;for=198.51.100.1", None),
            ("for=\"203.0.113.9", None),
            // What a caller puts into quotes is one value, whatever it looks like.
            ("for=8.8.8.8;host=\"a,for=203.0.113.7;x=b\"", Some("8.8.8.8")),
            ("host=\"a,for=203.0.113.7;x=b\";for=8.8.8.8", Some("8.8.8.8")),
            ("for=8.8.8.8;host=\"a;for=203.0.113.7\"", Some("8.8.8.8")),
            ("for=\"203.0.113.9\"; proto=\"https\"", Some("203.0.113.9")),
            ("host=\"a, for=203.0.113.7", None),
            ("host=\"a\\\", for=203.0.113.7", None),
            ("for=8.8.8.8;host=a\", for=203.0.113.7", None),
            ("for=8.8.8.8;host=\"a\"b, for=203.0.113.7;x=\"", None),
            ("proto=https", None),
        ] {
            assert_eq!(of(value).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn a_chain_of_proxies_longer_than_any_is_read_to_its_limit() {
        let chain = vec!["10.0.0.2"; HOPS_MAX].join(", ");
        let line = format!("203.0.113.9, {chain}");
        let of = |line: &str| {
            source(ProxyHeader::XForwardedFor, "10.0.0.1", &[("x-forwarded-for", line)])
        };
        assert_eq!(of(&line), None);
        let (shorter, _) = line.rsplit_once(", ").unwrap();
        assert_eq!(of(shorter).as_deref(), Some("203.0.113.9"));
        assert_eq!(of(&"1".repeat(HEADER_BYTES_MAX + 1)), None);
    }
}
