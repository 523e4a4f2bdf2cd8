//! Files that are on their way beside the loop, and what becomes of them if nobody brings them.
//!
//! Whoever brings a file tells so again and again. If that stops, because the file's process was killed
//! with it, the conversation's own deadline tells the user: a file is never lost without a word.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::id::{SenderKey, Timestamp};

/// How long a file counts as on its way since that was last said.
pub const UNDER_WAY_FOR: Duration = Duration::from_secs(30);

/// The most files of one conversation that are on their way at a time: those of three messages. Of more
/// the user hears at once that they do not come.
pub const UNDER_WAY_MAX: usize = 32;

/// The longest name of one, in characters; the rest is cut off.
const NAME_CHARS_MAX: usize = 200;

/// A file that is on its way.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnderWay {
    /// By which it is recognised: that it came, or what was told of it, has the same key.
    pub key: SenderKey,
    /// Its name, as the user knows it.
    pub name: String,
    /// Where it goes.
    pub way: Way,
}

/// Where a file goes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// To the desk, from the user.
    ToDesk,
    /// To the desk, if the message that it belongs to leads to a person; otherwise it is not missed.
    ToDeskIfLive,
    /// To where the user wants it. If it does not get there, they get this address.
    ToUser {
        /// Where it opens.
        address: String,
    },
}

impl UnderWay {
    pub(crate) fn bounded(mut self) -> Self {
        if let Some((at, _)) = self.name.char_indices().nth(NAME_CHARS_MAX) {
            self.name.truncate(at);
        }
        self
    }
}

impl fmt::Debug for UnderWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name says as much as words do.
        f.debug_struct("UnderWay").field("way", &self.way).finish_non_exhaustive()
    }
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ToDesk => "ToDesk",
            Self::ToDeskIfLive => "ToDeskIfLive",
            // The address opens it.
            Self::ToUser { .. } => "ToUser",
        })
    }
}

/// The same in a conversation's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// What.
    pub file: UnderWay,
    /// Until when it counts as on its way.
    pub until: Timestamp,
}
