//! Hosts that may be in a private network though their names, or whoever says them, do not tell so.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

/// Names of hosts, each with everything below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrivateHosts(Arc<[PrivateHost]>);

/// One of them, in lower case, without a dot at either end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateHost(String);

/// A text names no host that could be one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrivateHostError {
    /// Addresses are not looked up.
    #[error("is an address; only names are looked up, and an address goes where it says")]
    Address,
    /// All of `com` would be everybody, and a name of one label is private by itself.
    #[error("has one label; name hosts or domains, for instance corp.example.org")]
    OneLabel,
    /// Something else than a name.
    #[error(
        "is no name of a host: say it without scheme, port and path, for instance corp.example.org"
    )]
    NoName,
}

impl FromStr for PrivateHost {
    type Err = PrivateHostError;

    fn from_str(text: &str) -> Result<Self, PrivateHostError> {
        let text = text.trim();
        if text.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
            return Err(PrivateHostError::Address);
        }
        let name = text.strip_prefix("*.").or_else(|| text.strip_prefix('.')).unwrap_or(text);
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let is_label = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        if !name.split('.').all(is_label) {
            return Err(PrivateHostError::NoName);
        }
        if name.contains('.') { Ok(Self(name)) } else { Err(PrivateHostError::OneLabel) }
    }
}

impl FromIterator<PrivateHost> for PrivateHosts {
    fn from_iter<I: IntoIterator<Item = PrivateHost>>(hosts: I) -> Self {
        Self(hosts.into_iter().collect())
    }
}

impl PrivateHosts {
    /// Whether a name is one of them, or below one.
    pub fn has(&self, name: &str) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name);
        self.0.iter().any(|host| name.eq_ignore_ascii_case(&host.0) || is_below(name, &host.0))
    }
}

/// Whether a name is below another.
pub(crate) fn is_below(name: &str, other: &str) -> bool {
    let Some(above) = name.len().checked_sub(other.len() + 1) else { return false };
    let (name, other) = (name.as_bytes(), other.as_bytes());
    above > 0 && name[above] == b'.' && name[above + 1..].eq_ignore_ascii_case(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(texts: &[&str]) -> PrivateHosts {
        texts.iter().map(|text| text.parse::<PrivateHost>().unwrap()).collect()
    }

    #[test]
    fn a_private_host_is_named_with_everything_below_it() {
        let hosts = hosts(&["*.Corp.example.org", "one.example.com", ".zone.example.net."]);
        for (name, has) in [
            ("corp.example.org", true),
            ("files.corp.example.org", true),
            ("a.b.CORP.example.org.", true),
            ("one.example.com", true),
            ("zone.example.net", true),
            ("notcorp.example.org", false),
            (".corp.example.org", false),
            ("example.org", false),
            ("corp.example.org.evil.example", false),
            ("example.com", false),
            ("", false),
        ] {
            assert_eq!(hosts.has(name), has, "{name}");
        }
        assert!(!PrivateHosts::default().has("corp.example.org"));
    }

    #[test]
    fn what_is_no_name_or_everybodys_is_refused_for_what_it_is() {
        use PrivateHostError::{Address, NoName, OneLabel};
        for (text, error) in [
            ("10.0.0.5", Address),
            ("[fd00::1]", Address),
            ("fd00::1", Address),
            ("com", OneLabel),
            ("*.com", OneLabel),
            ("", NoName),
            ("*", NoName),
            ("*.*.example.org", NoName),
            ("https://corp.example.org", NoName),
            ("corp.example.org:8443", NoName),
            ("corp.example.org/x", NoName),
            ("corp..example.org", NoName),
            ("10.0.0.0/8", NoName),
        ] {
            assert_eq!(text.parse::<PrivateHost>(), Err(error), "{text}");
        }
    }
}
