//! Every id of the house. Each kind is a type of its own, so that two kinds cannot be mixed up.
//!
//! Ids that other systems chose are opaque here: never parsed, never compared with ours, and never
//! longer than [`FOREIGN_ID_BYTES_MAX`].

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest id taken from another system, in bytes. Teams' conversation ids are about 150 long;
/// anything beyond this is a mistake or an attack.
pub const FOREIGN_ID_BYTES_MAX: usize = 512;

/// Why a text cannot be an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing there.
    #[error("the id is empty")]
    Empty,
    /// Longer than [`FOREIGN_ID_BYTES_MAX`].
    #[error("the id is longer than {FOREIGN_ID_BYTES_MAX} bytes")]
    TooLong,
    /// Control characters would corrupt logs and headers.
    #[error("the id holds a control character")]
    ControlCharacter,
}

fn checked(text: &str) -> Result<Box<str>, IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > FOREIGN_ID_BYTES_MAX {
        return Err(IdError::TooLong);
    }
    if text.chars().any(char::is_control) {
        return Err(IdError::ControlCharacter);
    }
    Ok(text.into())
}

macro_rules! text_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        impl $name {
            /// Takes a text as an id.
            pub fn new(text: &str) -> Result<Self, IdError> {
                checked(text).map(Self)
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

text_ids! {
    /// An organisation. Nothing crosses from one tenant to another.
    TenantId;
    /// A ServiceNow instance of a tenant, as the configuration calls it.
    DeskId;
    /// A bot of a tenant: its app id, or `default`.
    BotId;
    /// The channel's name in the Bot Framework's words: `directline`, `msteams` …
    ChannelId;
    /// The end user as ServiceNow knows them: the `userId` of the Bot Integration API.
    UserId;
    /// A live chat, from escalation to its end. Ours, printed as `ses_…`; ServiceNow sees it as
    /// `clientSessionId`.
    SessionId;
    /// A webhook item's `messageId`, a client's `clientActivityID`, an activity's `id`: whatever its
    /// sender gave so that a repeat can be recognised.
    SenderKey;
}

/// What a conversation is found by: one user and one bot on one channel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConversationKey {
    /// The organisation the credential belongs to.
    pub tenant: TenantId,
    /// Where the user is.
    pub channel: ChannelId,
    /// The bot behind the channel.
    pub bot: BotId,
    /// The channel's own conversation id.
    pub conversation: Box<str>,
    /// The user as the channel proves them; empty where the channel binds nobody.
    pub user: Box<str>,
}

/// A message's place in its conversation's log, from 1. Zero means "before the first".
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Number(pub u64);

impl Number {
    /// Whether it is before the first.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
    pub(crate) fn is_none(&self) -> bool {
        self.0 == 0
    }

    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An effect's place among all effects of its conversation, from 1. With the session's id it makes
/// the `requestId` at ServiceNow, so a retry carries the same one.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct EffectNumber(pub u64);

impl EffectNumber {
    /// Whether it is before the first.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
    pub(crate) fn is_none(&self) -> bool {
        self.0 == 0
    }

    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for EffectNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A moment: milliseconds since 1970, UTC.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The moment `span` later; saturates at the end of time.
    #[must_use]
    pub fn after(self, span: std::time::Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long it is from `earlier` to this moment; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> std::time::Duration {
        std::time::Duration::from_millis(
            u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_never_empty_long_or_unprintable() {
        assert_eq!(UserId::new(""), Err(IdError::Empty));
        assert_eq!(UserId::new(&"x".repeat(513)), Err(IdError::TooLong));
        assert_eq!(UserId::new("a\nb"), Err(IdError::ControlCharacter));
        assert_eq!(UserId::new("Zoë@contoso.com").unwrap().as_str(), "Zoë@contoso.com");
    }

    #[test]
    fn time_neither_overflows_nor_runs_backwards() {
        let late = Timestamp(i64::MAX);
        assert_eq!(late.after(std::time::Duration::from_secs(1)), late);
        assert_eq!(Timestamp(i64::MIN).since(late), std::time::Duration::ZERO);
        assert!(late.since(Timestamp(i64::MIN)) > std::time::Duration::ZERO);
        assert_eq!(Timestamp(5).since(Timestamp(9)), std::time::Duration::ZERO);
    }
}
