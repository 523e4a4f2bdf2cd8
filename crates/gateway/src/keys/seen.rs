//! The ring as an operator sees it: on the wire between command and gateway, in names and times, with nothing
//! of the keys themselves.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use session::id::Timestamp;
use vault::RootSeen;

use crate::clock::rfc3339;

/// How much is sealed under old root keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// States of conversations.
    pub states: u64,
    /// Effects that wait.
    pub effects: u64,
    /// Dead letters.
    pub dead_letters: u64,
    /// Wrapped keys of segments.
    pub segment_keys: u64,
    /// Secrets of the configuration, refresh tokens, the audit trail's key and the keys that
    /// pages seal to.
    pub settings: u64,
}

impl Left {
    /// All of it.
    pub fn all(&self) -> u64 {
        let Self { states, effects, dead_letters, segment_keys, settings } = self;
        [states, effects, dead_letters, segment_keys, settings].into_iter().sum()
    }
}

/// A root key as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootLine {
    /// Its name.
    pub id: String,
    /// When it was made, RFC 3339; absent for the one that an earlier version had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_at: Option<String>,
    /// Since when another one is current, RFC 3339; absent for the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retiring_since: Option<String>,
    /// When the last of what it signed is void by itself, RFC 3339: it is retired then, if nothing is
    /// sealed under it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retires_at: Option<String>,
}

/// A key for messages as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageKeyLine {
    /// Its name, as envelopes have it.
    pub id: String,
    /// When it was made, RFC 3339.
    pub made_at: String,
    /// After this it opens nothing, RFC 3339.
    pub ends_at: String,
}

/// The ring as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysSeen {
    /// The oldest first; the last one is current.
    pub roots: Vec<RootLine>,
    /// What is sealed under old ones.
    pub left: Left,
    /// How much of the sealing anew is done, in percent.
    pub percent: u64,
    /// What cannot be opened under any key, and so not be sealed anew.
    pub unreadable: u64,
    /// Files that may lie under old root keys: those that were not looked at yet. They are wrapped anew one
    /// after another. Absent where no gateway runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// Those of them that were looked at and could not be wrapped anew so far; the log names them. They are
    /// tried again. Absent where no gateway runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files_stuck: Option<u64>,
    /// Why nobody knows how many they are: their place is another one, or cannot be read. No root key is
    /// retired meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files_unseen: Option<String>,
    /// The keys that pages seal to, the newest first.
    #[serde(default)]
    pub messages: Vec<MessageKeyLine>,
    /// Something that was replaced or removed may still be in the files, because somebody read them all the time;
    /// it is overwritten as soon as that can be.
    #[serde(default)]
    pub in_files: bool,
    /// Two master keys open the data, because the change of the master key is not finished.
    pub master_key_changes: bool,
}

pub(crate) fn line_of(root: &RootSeen, grace: Option<Duration>) -> RootLine {
    let text = |ms: i64| rfc3339(Timestamp(ms));
    let end = root.retiring_since.zip(grace).map(|(since, grace)| {
        since.saturating_add(i64::try_from(grace.as_millis()).unwrap_or(i64::MAX))
    });
    RootLine {
        id: root.id.to_string(),
        made_at: Some(root.made_at).filter(|at| *at != 0).map(text),
        retiring_since: root.retiring_since.map(text),
        retires_at: end.map(text),
    }
}
