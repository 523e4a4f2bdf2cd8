//! Why a channel did not take a call, sorted by whether the user may have it (reference 2.5).

use std::time::Duration;

use http::StatusCode;
use outbound::headers::retry_after;
use outbound::{Answer, HttpError, Sent};

use super::answer;
use super::call::Repeats;
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
        /// and is not asked again before.
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
    /// The stable machine code. Those that begin with `login` are about the token, which Entra gives.
    ///
    /// | kind | codes |
    /// | --- | --- |
    /// | not taken | `unreachable`, `interrupted`, `timeout`, `throttled`, `busy_conversation`, `not_ready`, `login_unreachable`, `login_timeout`, `login_busy`, `login_refused`, `login_odd`, `login_unsigned`; of a read also those of the next row |
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

    fn not_taken(code: &'static str, sentence: impl Into<String>) -> Self {
        Self::NotTaken { code, not_before: None, sentence: sentence.into() }
    }

    fn refused(code: &'static str, status: StatusCode, sentence: impl Into<String>) -> Self {
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

pub(super) fn not_a_connector(status: StatusCode) -> ConnectorError {
    let sentence = "a page answered, and no channel: check the way out, and what is in between";
    ConnectorError::refused("not_a_connector", status, sentence)
}

pub(super) fn bad_answer(status: StatusCode) -> ConnectorError {
    let sentence = "the channel answered something that cannot be read: there is no id in it";
    ConnectorError::refused("bad_answer", status, sentence)
}

pub(super) fn too_large() -> ConnectorError {
    let sentence = "the channel answered more than is read; ask for it in pages";
    ConnectorError::refused("answer_too_large", StatusCode::OK, sentence)
}

/// Why there was no answer at all, or only a part of one.
pub(super) fn no_answer(error: &HttpError, repeats: Repeats) -> ConnectorError {
    let perhaps = error.sent() == Sent::Perhaps && repeats == Repeats::Seen;
    let (code, sentence) = match (error, perhaps) {
        (HttpError::Unreachable(_), _) => {
            let sentence = format!(
                "the channel cannot be reached ({}): check the way out to its serviceUrl",
                error.cause()
            );
            ("unreachable", sentence)
        }
        (HttpError::TimedOut { .. }, true) => {
            let sentence = "the channel has the message and did not answer in time; the user may \
                            have it";
            ("timeout", sentence.to_owned())
        }
        (HttpError::TimedOut { .. }, false) => {
            ("timeout", "the channel did not answer in time".to_owned())
        }
        (_, true) => {
            let sentence = format!(
                "the connection to the channel broke before it had answered ({}); the user may have \
                 the message",
                error.cause()
            );
            ("interrupted", sentence)
        }
        (_, false) => {
            ("interrupted", format!("the connection to the channel broke ({})", error.cause()))
        }
    };
    if perhaps {
        ConnectorError::Ambiguous { code, not_before: None, sentence }
    } else {
        ConnectorError::not_taken(code, sentence)
    }
}

/// What a status that is no success means, with the code that came with it.
pub(super) fn refusal(answer: &Answer, repeats: Repeats) -> ConnectorError {
    let status = answer.status;
    let not_before = retry_after(&answer.headers);
    let later = |code, sentence: &str| ConnectorError::NotTaken {
        code,
        not_before,
        sentence: sentence.to_owned(),
    };
    let perhaps = |code, sentence: String| match repeats {
        Repeats::Seen => ConnectorError::Ambiguous { code, not_before, sentence },
        Repeats::Unseen => ConnectorError::NotTaken { code, not_before, sentence },
    };
    match status {
        StatusCode::TOO_MANY_REQUESTS => later(
            "throttled",
            "the channel is asked too often (429); it is left alone for as long as it says",
        ),
        StatusCode::PRECONDITION_FAILED => later(
            "busy_conversation",
            "the channel was at work in the same conversation (412); it is tried again",
        ),
        StatusCode::TOO_EARLY => {
            later("not_ready", "the channel is not ready (425); it is tried again")
        }
        StatusCode::REQUEST_TIMEOUT => perhaps(
            "channel_timeout",
            "the channel gave up waiting (408); the user may have the message".to_owned(),
        ),
        _ if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED => {
            let sentence = format!(
                "the channel failed ({}); the user may have the message. If it goes on, see the \
                 status of Azure Bot Service and of the channel",
                status.as_u16()
            );
            perhaps("channel_failed", sentence)
        }
        _ => for_good(status, &answer::said(answer).key()),
    }
}

/// Nobody is there any more, by the code that says so.
fn gone(key: &str) -> Option<ConnectorError> {
    let (code, sentence) = match key {
        "conversationblockedbyuser" => (
            "blocked_by_user",
            "the user has blocked the bot; nothing can be said until the user unblocks it or writes",
        ),
        "botnotinconversationroster" => (
            "not_in_roster",
            "the app is not installed in this conversation any more; the user, or a Teams \
             administrator, has to install it again",
        ),
        "botdisabledbyadmin" => (
            "disabled_by_admin",
            "an administrator has disabled the app; a Teams administrator has to allow it in the \
             Teams admin centre",
        ),
        "forbiddenoperationexception" => (
            "never_installed",
            "the user never installed the app, so nothing can be said to them first; install it for \
             them, or by a setup policy in the Teams admin centre",
        ),
        "messagewritesblocked" => (
            "writes_blocked",
            "the conversation takes no messages of the bot: it is blocked, muted or uninstalled \
             there; the user has to lift that",
        ),
        "conversationnotfound" => (
            "conversation_not_found",
            "the channel has no such conversation any more; a new one begins when the user writes",
        ),
        _ => return None,
    };
    Some(ConnectorError::Gone { code, sentence: sentence.to_owned() })
}

fn for_good(status: StatusCode, key: &str) -> ConnectorError {
    let is_addressed = matches!(
        status,
        StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE
    );
    if let Some(gone) = gone(key).filter(|_| is_addressed) {
        return gone;
    }
    if status == StatusCode::PAYLOAD_TOO_LARGE || key == "messagesizetoobig" {
        let sentence = "the message is larger than the channel takes (413); split it".to_owned();
        return ConnectorError::TooLarge { code: "message_too_large", sentence };
    }
    let (code, sentence) = match (status, key) {
        (StatusCode::UNAUTHORIZED, _) => (
            "unauthorized",
            "the channel refused a fresh token of ours (401): the Azure Bot's Microsoft App ID must \
             be MicrosoftAppId, its app type and tenant MicrosoftAppType and MicrosoftAppTenantId, \
             and the channel must be enabled there",
        ),
        (StatusCode::FORBIDDEN, "invalidbotapihost") => (
            "other_cloud",
            "the conversation is at home in another part of the cloud (403): check the cloud in the \
             settings",
        ),
        (StatusCode::FORBIDDEN, "notenoughpermissions") => {
            ("not_permitted", "the bot may not do that there (403): see the app's permissions")
        }
        (StatusCode::FORBIDDEN, _) => (
            "forbidden",
            "the channel does not let the bot do that (403): is the app installed there, and are \
             user and bot of the same tenant?",
        ),
        (StatusCode::NOT_FOUND, "activitynotfoundinconversation" | "activitynotfound") => {
            ("activity_not_found", "the channel has no such message any more (404)")
        }
        (StatusCode::NOT_FOUND, "membernotfoundinconversation" | "membernotfound") => {
            ("member_not_found", "the channel has no such member in this conversation (404)")
        }
        (StatusCode::NOT_FOUND | StatusCode::GONE, _) => (
            "not_found",
            "the channel has nothing there; its serviceUrl may be of another region, and is learned \
             anew when the user writes",
        ),
        (StatusCode::BAD_REQUEST, _) => {
            ("bad_argument", "the channel cannot read the message (400); it is not sent again")
        }
        (StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED, _) => {
            ("not_supported", "the channel cannot do that (405)")
        }
        _ if status.is_redirection() => {
            let sentence = format!(
                "the serviceUrl leads elsewhere ({}), and tokens do not follow; a new one is learned \
                 when the user writes",
                status.as_u16()
            );
            return ConnectorError::refused("redirected", status, sentence);
        }
        _ => {
            let sentence = format!("the channel answered {} to a message", status.as_u16());
            return ConnectorError::refused("refused", status, sentence);
        }
    };
    ConnectorError::refused(code, status, sentence)
}
