//! What the log holds.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Author, Context, Line, Names, Payload, Said};
use crate::{
    id::{Number, Timestamp},
    notice::Notice,
};

/// What a log entry holds.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Something somebody said.
    Said(Said),
    /// Something somebody did without words, in its channel's own form: an event, a reaction. People
    /// and bots at both ends see it, no desk does.
    Done(Payload),
    /// What an earlier entry says from now on.
    Revised {
        /// Which entry.
        of: Number,
        /// When that was taken in: it keeps its place.
        at: Timestamp,
        /// What it says.
        said: Said,
    },
    /// An earlier entry was taken back.
    Withdrawn {
        /// Which entry.
        of: Number,
        /// When that was taken in.
        at: Timestamp,
    },
    /// Something Warmline tells the user.
    Notice(Notice),
    /// What the bot handed over. Never shown to the user.
    Context(Context),
    /// The conversation so far as the bot knows it, for a desk where our own log has nothing. Never
    /// shown to the user.
    Transcript(Vec<Line>),
}

impl Content {
    /// The original of what was said or done, if there is one.
    pub fn payload(&self) -> Option<&Payload> {
        match self {
            Self::Said(said) => said.payload.as_ref(),
            Self::Done(payload) => Some(payload),
            Self::Revised { .. }
            | Self::Withdrawn { .. }
            | Self::Notice(_)
            | Self::Context(_)
            | Self::Transcript(_) => None,
        }
    }

    /// The words in it, if it is something that was said.
    pub fn said(&self) -> Option<&Said> {
        match self {
            Self::Said(said) => Some(said),
            Self::Done(_)
            | Self::Revised { .. }
            | Self::Withdrawn { .. }
            | Self::Notice(_)
            | Self::Context(_)
            | Self::Transcript(_) => None,
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said(said) => f.debug_tuple("Said").field(said).finish(),
            Self::Done(payload) => f.debug_tuple("Done").field(payload).finish(),
            Self::Revised { of, at, said } => f
                .debug_struct("Revised")
                .field("of", of)
                .field("at", at)
                .field("said", said)
                .finish(),
            Self::Withdrawn { of, at } => {
                f.debug_struct("Withdrawn").field("of", of).field("at", at).finish()
            }
            Self::Notice(notice) => f.debug_tuple("Notice").field(&notice.key()).finish(),
            Self::Context(context) => f.debug_tuple("Context").field(&Names(context)).finish(),
            Self::Transcript(lines) => f.debug_tuple("Transcript").field(&lines.len()).finish(),
        }
    }
}

/// A log entry as the step decides it; numbered in the order of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its place in the conversation.
    pub number: Number,
    /// Who it is from.
    pub author: Author,
    /// What it holds.
    pub content: Content,
}
