//! A channel's `serviceUrl` taken apart, by rules that leave no room between what was looked at and
//! what is called (reference 2.2, 2.6).
//!
//! It comes in a body. Whoever can write one, and be believed, is sent our token.

/// The longest address taken. Teams' have 80 characters, with the tenant in their path.
const SERVICE_URL_BYTES_MAX: usize = 1_024;

/// A `serviceUrl` taken apart: two of them are the same if these are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parts<'a> {
    pub(crate) is_https: bool,
    /// In lower case.
    pub(crate) host: String,
    /// The scheme's own, where none is named.
    pub(crate) port: u16,
    /// Without a slash at its end.
    pub(crate) path: &'a str,
}

impl<'a> Parts<'a> {
    /// Takes an address apart by hand, and takes no more than channels use: readers of URLs differ
    /// about users, backslashes, odd ports and letters that look alike, so none of those passes.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        if text.len() > SERVICE_URL_BYTES_MAX {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        let is_https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match authority.strip_prefix('[') {
            // An address in brackets has colons in it.
            Some(_) => authority.split_at(authority.find(']')? + 1),
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => Some(if is_https { 443 } else { 80 }),
            None => None,
            Some(digits) if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) => {
                None
            }
            Some(digits) => digits.parse().ok().filter(|port| *port != 0),
        }?;
        let host = host.to_ascii_lowercase();
        (is_host(&host) && is_path(path)).then_some(())?;
        Some(Self { is_https, host, port, path: path.strip_suffix('/').unwrap_or(path) })
    }
}

/// A name of labels, or an address.
fn is_host(host: &str) -> bool {
    if let Some(bare) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return bare.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    !host.is_empty() && host.split('.').all(is_label)
}

/// Segments that mean themselves: no empty ones, no `.` and `..`, also none in disguise.
fn is_path(path: &str) -> bool {
    let Some(segments) = path.strip_prefix('/') else { return path.is_empty() };
    let segments = segments.strip_suffix('/').unwrap_or(segments);
    let is_plain = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':' | b'@' | b'=' | b';')
    };
    let is_segment = |segment: &str| {
        !segment.is_empty() && !matches!(segment, "." | "..") && segment.bytes().all(is_plain)
    };
    segments.is_empty() || segments.split('/').all(is_segment)
}

#[cfg(test)]
mod tests;
