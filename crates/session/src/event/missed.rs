//! What the desk told while nobody listened.

use crate::{
    id::{Number, SenderKey},
    said::Said,
};

/// Something the desk told while nobody listened, as its own records have it.
#[expect(
    clippy::large_enum_variant,
    reason = "there are few at a time, and most of them are words"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missed {
    /// An agent said something. The records do not say which agent.
    AgentSaid {
        /// What.
        said: Said,
        /// By which the callback with the same words is recognised.
        key: SenderKey,
    },
    /// Here belong the words of agents that stand behind the gap, until so many of them are left.
    BehindGap {
        /// How many are left.
        left: usize,
    },
    /// The chat was closed.
    Ended,
}

/// What the missed words were compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// The newest log entry.
    pub numbered: Number,
    /// How many words of agents stood behind the gap.
    pub behind_gap: usize,
    /// Those of them that were shown already, by their places, counted from zero.
    pub shown: Vec<usize>,
}

impl Missed {
    /// By which a repeat of it is recognised.
    pub fn key(&self) -> Option<&SenderKey> {
        match self {
            Self::AgentSaid { key, .. } => Some(key),
            Self::BehindGap { .. } | Self::Ended => None,
        }
    }
}
