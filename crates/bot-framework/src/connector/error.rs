//! Why a channel did not take a call, sorted by whether the user may have it (reference 2.5).

use std::time::Duration;

use http::StatusCode;

use super::path::BadId;
use crate::login::{LoginError, RegistrationError};

/// Why a channel did not take a call, or why we do not know. Its sentence is for an operator and says
/// what to do; neither secrets nor words of users are in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectorError {
    /// Nobody has it; may be repeated as it is.
    #[error("{sentence}")]
    NotTaken {
        /// The machine code.
        code: &'static str,
        /// The channel asked to be left alone for this long (`Retry-After`), or the login refused us
        /// and is not asked again before, or the channel refused a new token as well and no other
        /// is tried before.
        not_before: Option<Duration>,
        /// What happened, and what to look at.
        sentence: String,
    },
    /// Handed over, perhaps: the user may have it, and a repeat may show it twice.
    #[error("{sentence}")]
    Ambiguous {
        /// The machine code.
        code: &'static str,
        /// The channel asked to be left alone for this long (`Retry-After`).
        not_before: Option<Duration>,
        /// What happened, and what to look at.
        sentence: String,
    },
    /// Nobody is there any more: not this message, and none after it until the user, or an
    /// administrator, does something.
    #[error("{sentence}")]
    Gone {
        /// The machine code.
        code: &'static str,
        /// What happened, and who can change it.
        sentence: String,
    },
    /// More than the channel takes in one message: in parts it may pass.
    #[error("{sentence}")]
    TooLarge {
        /// The machine code.
        code: &'static str,
        /// What happened.
        sentence: String,
    },
    /// This message never.
    #[error("{sentence}")]
    Refused {
        /// The machine code.
        code: &'static str,
        /// The HTTP status; 0 where nothing was asked.
        status: u16,
        /// What happened, and what to look at.
        sentence: String,
    },
}

impl ConnectorError {
    /// Every code there is, for those who count them.
    pub const CODES: &'static [&'static str] = &[
        "unreachable",
        "interrupted",
        "timeout",
        "throttled",
        "busy_conversation",
        "not_ready",
        "channel_timeout",
        "channel_failed",
        "blocked_by_user",
        "not_in_roster",
        "disabled_by_admin",
        "never_installed",
        "writes_blocked",
        "conversation_not_found",
        "message_too_large",
        "bad_argument",
        "unauthorized",
        "other_cloud",
        "not_permitted",
        "forbidden",
        "activity_not_found",
        "member_not_found",
        "not_found",
        "not_supported",
        "redirected",
        "not_a_connector",
        "bad_answer",
        "answer_too_large",
        "bad_id",
        "refused",
        "login_refused",
        "login_unreachable",
        "login_timeout",
        "login_busy",
        "login_odd",
        "login_unsigned",
    ];

    /// The stable machine code. Those that begin with `login` are about the token, which Entra gives.
    ///
    /// | kind | codes |
    /// | --- | --- |
    /// | not taken | `unreachable`, `interrupted`, `timeout`, `throttled`, `busy_conversation`, `not_ready`, `login_unreachable`, `login_timeout`, `login_busy`, `login_refused`, `login_odd`, `login_unsigned`, `unauthorized` while a new token was refused less than a minute ago; of a read also those of the next row |
    /// | ambiguous | `timeout`, `interrupted`, `channel_timeout`, `channel_failed` |
    /// | gone | `blocked_by_user`, `not_in_roster`, `disabled_by_admin`, `never_installed`, `writes_blocked`, `conversation_not_found` |
    /// | too large | `message_too_large` |
    /// | refused | `bad_argument`, `unauthorized`, `other_cloud`, `not_permitted`, `forbidden`, `activity_not_found`, `member_not_found`, `not_found`, `not_supported`, `redirected`, `not_a_connector`, `bad_answer`, `answer_too_large`, `bad_id`, `refused` |
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotTaken { code, .. }
            | Self::Ambiguous { code, .. }
            | Self::Gone { code, .. }
            | Self::TooLarge { code, .. }
            | Self::Refused { code, .. } => code,
        }
    }

    /// How long the other side asked to be left alone.
    pub fn not_before(&self) -> Option<Duration> {
        match self {
            Self::NotTaken { not_before, .. } | Self::Ambiguous { not_before, .. } => *not_before,
            Self::Gone { .. } | Self::TooLarge { .. } | Self::Refused { .. } => None,
        }
    }

    pub(super) fn not_taken(code: &'static str, sentence: impl Into<String>) -> Self {
        Self::NotTaken { code, not_before: None, sentence: sentence.into() }
    }

    pub(super) fn refused(
        code: &'static str,
        status: StatusCode,
        sentence: impl Into<String>,
    ) -> Self {
        Self::Refused { code, status: status.as_u16(), sentence: sentence.into() }
    }
}

/// Without a token nothing was sent.
impl From<LoginError> for ConnectorError {
    fn from(LoginError { code, not_before, sentence }: LoginError) -> Self {
        Self::NotTaken { code, not_before, sentence }
    }
}

impl From<BadId> for ConnectorError {
    fn from(_: BadId) -> Self {
        bad_id()
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorConfigError {
    /// The registration cannot be used.
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    /// No scope to ask the login for.
    #[error("the cloud's scope for channels must not be empty")]
    NoScope,
    /// Something that is no host is among the hosts that may have a token.
    #[error(
        "{host:?} is no host that may have a token: give its name, such as connector.example.org, \
         with a port if it is not 443, and without https:// or a path"
    )]
    NotAHost {
        /// What was configured.
        host: String,
    },
    /// TLS cannot work.
    #[error("this machine has no usable root certificates; install the ca-certificates package")]
    RootCertificates(#[source] std::io::Error),
}

impl ConnectorConfigError {
    /// The stable machine code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Registration(error) => error.code(),
            Self::NoScope => "no_scope",
            Self::NotAHost { .. } => "not_a_host",
            Self::RootCertificates(_) => "root_certificates",
        }
    }
}

pub(super) fn bad_id() -> ConnectorError {
    ConnectorError::Refused {
        code: "bad_id",
        status: 0,
        sentence: "an id of the channel's is empty or too long for a path; nothing was sent"
            .to_owned(),
    }
}
