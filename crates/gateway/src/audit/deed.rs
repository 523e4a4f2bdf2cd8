//! What can be in the trail: a closed list, and nothing in it has room for what somebody wrote.

use std::net::IpAddr;

use session::id::{SessionId, Timestamp};

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// The gateway itself.
    Gateway,
    /// A command on the gateway's own machine, by the number of its user in the system.
    Command {
        /// The user's number, where the system tells it.
        uid: Option<u32>,
    },
    /// Somebody signed in at the console, or trying to.
    Operator {
        /// As the configuration calls them; `None` for a name that it does not know, which may be
        /// anything, a password too.
        name: Option<Box<str>>,
        /// Their session, by a name that opens nothing.
        session: Option<Box<str>>,
        /// From where.
        address: Option<IpAddr>,
    },
    /// Callers at a door, nobody in particular.
    Callers,
}

/// Which kind of key was rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// The master key.
    Master,
    /// The keys of the log's segments.
    Data,
    /// The keys of message encryption between browser and gateway.
    Message,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Deed {
    /// The gateway started.
    Started,
    /// The gateway stopped in order.
    Stopped,
    /// The configuration was read again.
    SettingsRead,
    /// Somebody signed in at the console, or could not.
    SignIn,
    /// Somebody signed out.
    SignOut,
    /// Somebody signed in wanted something that their role or tenants do not have.
    Denied {
        /// The route's pattern.
        route: &'static str,
    },
    /// A secret of the configuration was kept.
    SecretKept {
        /// Its name.
        name: Box<str>,
    },
    /// A secret was kept in the place of an earlier one.
    SecretRotated {
        /// Its name.
        name: Box<str>,
    },
    /// A secret was forgotten.
    SecretForgotten {
        /// Its name.
        name: Box<str>,
    },
    /// A dead letter was put back to be sent again.
    LetterResent {
        /// Its number.
        id: i64,
    },
    /// A dead letter was forgotten.
    LetterDropped {
        /// Its number.
        id: i64,
    },
    /// A live chat was ended by an operator.
    SessionEnded {
        /// Which; `None` if what was asked for is no id of ours.
        id: Option<SessionId>,
    },
    /// One person's data was exported.
    Exported {
        /// The person, by a keyed digest of their id.
        person: [u8; 16],
    },
    /// One person's data was erased.
    Erased {
        /// The person, by a keyed digest of their id.
        person: [u8; 16],
    },
    /// Files of a tenant were dropped.
    FilesDropped,
    /// A key was rotated, or a second master key was let in (outcome `begun`).
    KeyRotated {
        /// Which kind.
        kind: KeyKind,
        /// Its id, as `warmline keys` shows it.
        id: Box<str>,
    },
    /// An old root key was taken off the ring, or a key for messages had its time and was forgotten.
    KeyRetired {
        /// Its id, as `warmline keys` shows it.
        id: Box<str>,
    },
    /// Callers were refused at a door.
    Refused {
        /// The door.
        door: &'static str,
        /// How many.
        count: u64,
        /// Since when; the record's own time is the newest.
        since: Timestamp,
    },
    /// There was no room for some records.
    Lost {
        /// How many.
        records: u64,
    },
    /// There was a trail before, and it was found gone: this is a new one's first record.
    BegunAnew,
    /// Old records were cut off.
    Cut {
        /// The newest of them.
        upto: u64,
    },
}

/// The names of deeds.
macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)+) => {
        /// The name of a deed, as the trail and `warmline audit --deed` have it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum DeedName { $($(#[$doc])* $name,)+ }

        impl DeedName {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The word.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// The one with this word.
            pub fn read(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|name| name.as_str() == word)
            }
        }
    };
}

names! {
    /// See [`Deed::Started`].
    Started = "started",
    /// See [`Deed::Stopped`].
    Stopped = "stopped",
    /// See [`Deed::SettingsRead`].
    SettingsRead = "settings_read",
    /// See [`Deed::SignIn`].
    SignIn = "sign_in",
    /// See [`Deed::SignOut`].
    SignOut = "sign_out",
    /// See [`Deed::Denied`].
    Denied = "denied",
    /// See [`Deed::SecretKept`].
    SecretKept = "secret_kept",
    /// See [`Deed::SecretRotated`].
    SecretRotated = "secret_rotated",
    /// See [`Deed::SecretForgotten`].
    SecretForgotten = "secret_forgotten",
    /// See [`Deed::LetterResent`].
    LetterResent = "letter_resent",
    /// See [`Deed::LetterDropped`].
    LetterDropped = "letter_dropped",
    /// See [`Deed::SessionEnded`].
    SessionEnded = "session_ended",
    /// See [`Deed::Exported`].
    Exported = "exported",
    /// See [`Deed::Erased`].
    Erased = "erased",
    /// See [`Deed::FilesDropped`].
    FilesDropped = "files_dropped",
    /// See [`Deed::KeyRotated`].
    KeyRotated = "key_rotated",
    /// See [`Deed::KeyRetired`].
    KeyRetired = "key_retired",
    /// See [`Deed::Refused`].
    Refused = "refused",
    /// See [`Deed::Lost`].
    Lost = "records_lost",
    /// See [`Deed::BegunAnew`].
    BegunAnew = "trail_begun_anew",
    /// See [`Deed::Cut`].
    Cut = "trail_cut",
}

impl Deed {
    /// Its name.
    pub fn name(&self) -> DeedName {
        match self {
            Self::Started => DeedName::Started,
            Self::Stopped => DeedName::Stopped,
            Self::SettingsRead => DeedName::SettingsRead,
            Self::SignIn => DeedName::SignIn,
            Self::SignOut => DeedName::SignOut,
            Self::Denied { .. } => DeedName::Denied,
            Self::SecretKept { .. } => DeedName::SecretKept,
            Self::SecretRotated { .. } => DeedName::SecretRotated,
            Self::SecretForgotten { .. } => DeedName::SecretForgotten,
            Self::LetterResent { .. } => DeedName::LetterResent,
            Self::LetterDropped { .. } => DeedName::LetterDropped,
            Self::SessionEnded { .. } => DeedName::SessionEnded,
            Self::Exported { .. } => DeedName::Exported,
            Self::Erased { .. } => DeedName::Erased,
            Self::FilesDropped => DeedName::FilesDropped,
            Self::KeyRotated { .. } => DeedName::KeyRotated,
            Self::KeyRetired { .. } => DeedName::KeyRetired,
            Self::Refused { .. } => DeedName::Refused,
            Self::Lost { .. } => DeedName::Lost,
            Self::BegunAnew => DeedName::BegunAnew,
            Self::Cut { .. } => DeedName::Cut,
        }
    }

    /// What it was done to.
    pub(super) fn about(&self) -> Option<String> {
        match self {
            Self::Started
            | Self::Stopped
            | Self::SettingsRead
            | Self::SignIn
            | Self::SignOut
            | Self::FilesDropped
            | Self::BegunAnew
            | Self::Lost { .. } => None,
            Self::Denied { route } => Some((*route).to_owned()),
            Self::SecretKept { name }
            | Self::SecretRotated { name }
            | Self::SecretForgotten { name } => Some(name.to_string()),
            Self::LetterResent { id } | Self::LetterDropped { id } => Some(id.to_string()),
            Self::SessionEnded { id } => id.as_ref().map(SessionId::to_string),
            Self::Exported { person } | Self::Erased { person } => {
                Some(u128::from_be_bytes(*person)).map(|digits| format!("{digits:032x}"))
            }
            Self::KeyRotated { kind, id } => {
                let kind = match kind {
                    KeyKind::Master => "master",
                    KeyKind::Data => "data",
                    KeyKind::Message => "message",
                };
                Some(format!("{kind} {id}"))
            }
            Self::KeyRetired { id } => Some(id.to_string()),
            Self::Refused { door, .. } => Some((*door).to_owned()),
            Self::Cut { upto } => Some(upto.to_string()),
        }
    }
}
