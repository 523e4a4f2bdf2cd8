//! The origin of a page, as browsers say it in the header `Origin`.

use std::fmt;

/// The longest origin, in bytes: a host name of 253 with a scheme and a port.
const ORIGIN_BYTES_MAX: usize = 300;

/// A scheme, a host and perhaps a port, spelt as browsers spell it (RFC 6454): lower case, without
/// the scheme's usual port.
///
/// Schemes of apps that show pages (`capacitor://localhost`) are origins as well. `null`, which
/// stands for all pages that have none of their own, is not.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin(Box<str>);

/// Why a text is no origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "is no origin: a scheme, a host and perhaps a port, for instance https://shop.example.org \
     (names in other scripts as browsers send them, xn--…)"
)]
pub struct OriginError;

impl Origin {
    /// Reads an origin. One slash at its end is forgiven; a path, a wildcard and a user are not.
    pub fn parse(text: &str) -> Result<Origin, OriginError> {
        if text.len() > ORIGIN_BYTES_MAX {
            return Err(OriginError);
        }
        let text = text.to_ascii_lowercase();
        let (scheme, rest) = text.split_once("://").ok_or(OriginError)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = host_and_port(rest).ok_or(OriginError)?;
        if !is_scheme(scheme) || !is_host(host) {
            return Err(OriginError);
        }
        let usual = match scheme {
            "https" => Some(443),
            "http" => Some(80),
            _ => None,
        };
        let port = port.map(|port| port.parse::<u16>().map_err(|_| OriginError)).transpose()?;
        Ok(Origin(match port.filter(|port| Some(*port) != usual) {
            Some(port) => format!("{scheme}://{host}:{port}").into(),
            None => format!("{scheme}://{host}").into(),
        }))
    }

    /// As browsers send it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The host, and the digits after the colon that follows it.
fn host_and_port(text: &str) -> Option<(&str, Option<&str>)> {
    let host_ends = match text.strip_prefix('[') {
        Some(address) => address.find(']')? + 2,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, port) = text.split_at(host_ends);
    match port.strip_prefix(':') {
        Some(port) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            Some((host, Some(port)))
        }
        None if port.is_empty() => Some((host, None)),
        Some(_) | None => None,
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

fn is_host(text: &str) -> bool {
    if let Some(address) = text.strip_prefix('[') {
        let address = address.strip_suffix(']').unwrap_or_default();
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    !text.is_empty() && text.bytes().all(fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_spelt_as_browsers_spell_it() {
        for (text, expected) in [
            ("https://shop.example.org", "https://shop.example.org"),
            ("https://shop.example.org/", "https://shop.example.org"),
            ("HTTPS://Shop.Example.ORG:443", "https://shop.example.org"),
            ("http://intranet:80/", "http://intranet"),
            ("https://shop.example.org:8443", "https://shop.example.org:8443"),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("https://[2001:db8::1]", "https://[2001:db8::1]"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("chrome-extension://abcdef", "chrome-extension://abcdef"),
            ("https://xn--mnchen-3ya.example", "https://xn--mnchen-3ya.example"),
        ] {
            assert_eq!(Origin::parse(text).map(|it| it.to_string()), Ok(expected.to_owned()));
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        let long = format!("https://{}", "a".repeat(ORIGIN_BYTES_MAX));
        for text in [
            "",
            "*",
            "null",
            "shop.example.org",
            "https://",
            "https:///",
            "https://*.example.org",
            "https://shop.example.org/chat",
            "https://shop.example.org//",
            "https://kim@shop.example.org",
            "https://shop.example.org:",
            "https://shop.example.org:99999",
            "https://shop.example.org:+80",
            "https://münchen.example",
            "https://[::1",
            "https://[shop]",
            "https://a b",
            "https://a, https://b",
            "1https://a",
            "://a",
            "https://a\r\nX: y",
            &long,
        ] {
            assert_eq!(Origin::parse(text), Err(OriginError), "{text}");
        }
    }
}
