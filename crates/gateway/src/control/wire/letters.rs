//! Dead letters: listed, shown, sent again, dropped.

use serde::{Deserialize, Serialize};

use super::{Done, Order, Refusal};

/// The newest dead letters are to be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename = "list")]
pub struct ListLetters {
    /// How many at most; never more than [`LETTERS_PER_LIST_MAX`](crate::control::LETTERS_PER_LIST_MAX)
    /// come.
    pub limit: usize,
}

impl Order for ListLetters {
    type Done = Vec<Letter>;
}

/// What an operator wants of one dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum OneLetter {
    /// It is to be shown.
    Show {
        /// Which.
        id: i64,
    },
    /// It is to be sent again.
    Resend {
        /// Which.
        id: i64,
    },
    /// It is to be forgotten.
    Drop {
        /// Which.
        id: i64,
    },
}

/// The letter, or what it was before it was resent or dropped.
impl Order for OneLetter {
    type Done = Letter;
}

impl OneLetter {
    /// Which it is about.
    pub(crate) fn id(self) -> i64 {
        match self {
            Self::Show { id } | Self::Resend { id } | Self::Drop { id } => id,
        }
    }
}

/// Newest first.
impl Done for Vec<Letter> {
    const NAME: &str = "letters";
}

impl Done for Letter {
    const NAME: &str = "letter";
}

/// A dead letter, redacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// By which the other commands know it.
    pub id: i64,
    /// When it was given up, RFC 3339.
    pub at: String,
    /// Whose; absent, as everything up to `user`, when its conversation is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The channel of its conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The bot of its conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot: Option<String>,
    /// The user's id, cut short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The desk it was for; absent for what goes to the bot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desk: Option<String>,
    /// The kind of effect (`ask`, `say`, `end`, `greet`, `to_bot`, `tell_bot`), or `unreadable`.
    pub effect: String,
    /// The live chat it belonged to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Its `requestId` at the desk, to look for in ServiceNow's logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// How often it was attempted.
    pub attempts: u32,
    /// Machine code of the failure.
    pub reason: String,
    /// What the code means and what to do, for a person.
    pub meaning: String,
    /// Why it cannot be sent again; absent if it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsendable: Option<Refusal>,
}
