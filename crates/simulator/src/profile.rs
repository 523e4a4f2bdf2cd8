//! Which version of the app an instance runs, and the check boxes of its wire side.
//!
//! Owns these settings, their defaults and their spelling in JSON, and what a version can do. It
//! never acts on them.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize, de};

/// The version of the store app "Virtual Agent API" (reference 10.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AppVersion {
    major: u16,
    minor: u16,
    patch: u16,
}

impl AppVersion {
    /// The last of the 3.x line: no `messageId`, no `interactionId`, no actions of 4.0.
    pub const V3: Self = Self::new(3, 15, 0);
    /// Ids on messages and interactions, `UPDATE_MESSAGES`, `SEND_HISTORY` and others.
    pub const V4_0: Self = Self::new(4, 0, 0);
    /// The first that streams the virtual agent's answers.
    pub const V4_1: Self = Self::new(4, 1, 1);

    /// A version as the store names it.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { major, minor, patch }
    }

    /// Items carry `messageId`, envelopes `interactionId`, and the actions of 4.0 are known.
    pub fn has_ids(self) -> bool {
        self >= Self::V4_0
    }

    /// A mere `attachment` key hides the user's text from the agent (reference 12).
    pub fn hides_messages_with_attachments(self) -> bool {
        self < Self::new(3, 14, 2)
    }

    /// `agentInfo` has `agentId`.
    pub fn names_agents_by_id(self) -> bool {
        self >= Self::new(3, 14, 3)
    }

    /// Callbacks of an application other than the stock one name it.
    pub fn echoes_application(self) -> bool {
        self >= Self::new(4, 1, 2)
    }
}

/// Not a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a version is 3.x, 4.0, 4.1, or three numbers such as 3.14.1")]
pub struct NoVersion;

impl FromStr for AppVersion {
    type Err = NoVersion;

    fn from_str(text: &str) -> Result<Self, NoVersion> {
        match text {
            "3.x" => return Ok(Self::V3),
            "4.0" => return Ok(Self::V4_0),
            "4.1" => return Ok(Self::V4_1),
            _ => {}
        }
        let mut numbers = text.split('.').map(str::parse);
        match (numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch)), None) => {
                Ok(Self::new(major, minor, patch))
            }
            _ => Err(NoVersion),
        }
    }
}

impl fmt::Display for AppVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl Serialize for AppVersion {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AppVersion {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// What the media API says of an uploaded file (reference 9.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum MediaState {
    /// It can be sent.
    #[default]
    #[serde(rename = "available")]
    Available,
    /// The virus scan is not over.
    #[serde(rename = "pending")]
    Pending,
    /// It can be sent, with a warning at the desk.
    #[serde(rename = "conditionally available")]
    ConditionallyAvailable,
    /// The virus scan refused it.
    #[serde(rename = "not available")]
    NotAvailable,
}

/// The wire side of an instance: all may change while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a check box on a real instance")]
pub struct Profile {
    /// The version of the app.
    pub version: AppVersion,
    /// A teaching aid: what a real instance takes and drops in silence is refused with 400, namely
    /// an unknown `action` and `attachment: null`.
    pub strict: bool,
    /// The adapter property `third_party_chat`: `UPDATE_MESSAGES` does something.
    pub third_party_chat: bool,
    /// The channel is synchronous: what a request leads to is the answer. Agents still call back.
    pub synchronous: bool,
    /// The virtual agent's answers are streamed, from 4.1.1 on.
    pub streaming: bool,
    /// A replaced text comes back to the user (PRB1920178).
    pub echoes_updates: bool,
    /// A 4xx of the receiver faults the conversation too; by default it counts as delivered, as it
    /// did before Australia (PRB1913443).
    pub refusals_fault: bool,
    /// How long the virtual agent works on a request. Meanwhile the user's next one is ignored.
    #[serde(rename = "botTakesMs", with = "as_ms")]
    pub bot_takes: Duration,
    /// "Trusted media domains": names without scheme, sub-domains included. What lies elsewhere is
    /// dropped in silence.
    pub trusted_media_domains: Vec<String>,
    /// How long the virus scan of an upload takes; until then it is `pending`.
    #[serde(rename = "mediaScanMs", with = "as_ms")]
    pub media_scan: Duration,
    /// What the scan says.
    pub media_state: MediaState,
    /// The largest file that it takes, in bytes (`com.glide.attachment.max_size`).
    pub media_bytes_max: u64,
    /// Links to an agent's files are paths, without the instance's address.
    pub relative_media: bool,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            version: AppVersion::V4_0,
            strict: true,
            third_party_chat: true,
            synchronous: false,
            streaming: true,
            echoes_updates: false,
            refusals_fault: false,
            bot_takes: Duration::ZERO,
            // Its callers are on the same machine.
            trusted_media_domains: ["localhost", "127.0.0.1"].map(str::to_owned).to_vec(),
            media_scan: Duration::ZERO,
            media_state: MediaState::Available,
            media_bytes_max: 1024 * 1024 * 1024,
            relative_media: false,
        }
    }
}

impl Profile {
    /// The stock settings of a version.
    pub fn of(version: AppVersion) -> Self {
        Self { version, ..Self::default() }
    }

    /// `UPDATE_MESSAGES` is worked off.
    pub(crate) fn updates_messages(&self) -> bool {
        self.version.has_ids() && self.third_party_chat
    }

    pub(crate) fn streams(&self) -> bool {
        self.streaming && self.version >= AppVersion::V4_1
    }

    /// Whether files are fetched from this host.
    pub(crate) fn trusts(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        self.trusted_media_domains.iter().any(|domain| {
            let domain = domain.trim().to_ascii_lowercase();
            let below = host.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'));
            !domain.is_empty() && (host == domain || below)
        })
    }
}

/// Who may do what at the other doors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Gates {
    pub(crate) access_token_seconds: u64,
    pub(crate) refresh_token_seconds: u64,
    pub(crate) client_credentials: bool,
    pub(crate) may_read_messages: bool,
    pub(crate) maintain_ordering: bool,
}

/// Spans as whole milliseconds.
pub(crate) mod as_ms {
    use super::{Deserialize, Duration};

    pub(crate) fn serialize<S: serde::Serializer>(
        span: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(crate::script::millis(*span))
    }

    pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_people_write_them() {
        for (text, shown) in
            [("3.x", "3.15.0"), ("4.0", "4.0.0"), ("4.1", "4.1.1"), ("3.14.1", "3.14.1")]
        {
            assert_eq!(text.parse::<AppVersion>().unwrap().to_string(), shown);
        }
        for text in ["", "4", "4.0.0.0", "4.x", "-1.0.0"] {
            assert_eq!(text.parse::<AppVersion>(), Err(NoVersion), "{text}");
        }
    }

    #[test]
    fn a_trusted_domain_covers_what_is_below_it_and_nothing_beside_it() {
        let trusted_media_domains = vec!["example.org".to_owned(), String::new()];
        let profile = Profile { trusted_media_domains, ..Profile::default() };
        for (host, trusted) in [
            ("example.org", true),
            ("Files.Example.org", true),
            ("badexample.org", false),
            ("example.org.evil.test", false),
            ("", false),
        ] {
            assert_eq!(profile.trusts(host), trusted, "{host}");
        }
    }

    #[test]
    fn settings_survive_their_own_spelling() {
        let profile = Profile { bot_takes: Duration::from_millis(7), ..Profile::default() };
        let spelt = serde_json::to_value(&profile).unwrap();
        assert_eq!(spelt["botTakesMs"], 7);
        assert_eq!(serde_json::from_value::<Profile>(spelt).unwrap(), profile);
    }
}
