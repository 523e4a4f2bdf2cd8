//! Where an address leads: over https or not, and how far away.

use http::Uri;
use http::uri::Scheme;
use outbound::{Reach, reach};

/// Whether an address is https, and how far away its host is; nothing for what is no http address or
/// has a user in it, who would go into logs.
pub(crate) fn place(uri: &Uri) -> Option<(bool, Reach)> {
    let is_https = match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => true,
        Some(scheme) if *scheme == Scheme::HTTP => false,
        _ => return None,
    };
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
    Some((is_https, reach(authority.host())))
}

/// https, or http as far as this machine: where a token may go.
pub(crate) fn is_for_tokens(uri: &Uri) -> bool {
    place(uri).is_some_and(|(is_https, reach)| is_https || reach == Reach::ThisMachine)
}
