//! Why an activity was not taken, sorted by whether the bot may have begun with it.

use std::time::Duration;

use http::StatusCode;
use http::header::HeaderMap;
use outbound::headers::retry_after;
use outbound::{HttpError, Sent};

use super::answer::Way;
use crate::login::LoginError;

/// Why a bot did not take an activity, or why we do not know. Its sentence is for an operator and
/// names the setting to look at; neither secrets nor words of users are in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// Not taken; may be posted again as it is.
    #[error("{sentence}")]
    Retry {
        /// The machine code.
        code: &'static str,
        /// The bot asked to be left alone for this long (`Retry-After`), or the login refused us and
        /// is not asked again before.
        not_before: Option<Duration>,
        /// What happened.
        sentence: String,
    },
    /// Handed over, perhaps, and no answer. Posting it again may have the bot say everything twice.
    #[error("{sentence}")]
    Unanswered {
        /// The machine code.
        code: &'static str,
        /// What happened.
        sentence: String,
    },
    /// For good: the bot refused, or it began and failed.
    #[error("{sentence}")]
    Refused {
        /// The machine code.
        code: &'static str,
        /// The HTTP status.
        status: u16,
        /// What happened, and what to look at.
        sentence: String,
    },
}

impl PostError {
    /// The stable machine code. Those that begin with `login` are about the token, which Entra gives.
    ///
    /// | not taken | unanswered | for good |
    /// | --- | --- | --- |
    /// | `unreachable`, `interrupted`, `timeout`, `rate_limited`, `bad_gateway`, `busy`, `login_unreachable`, `login_timeout`, `login_busy`, `login_refused`, `login_odd`, `login_unsigned` | `timeout`, `interrupted`, `gateway_timeout` | `bot_failed`, `bad_request`, `unauthorized`, `forbidden`, `not_found`, `method_not_allowed`, `too_large`, `not_json`, `redirected`, `not_a_bot`, `bad_answer`, `answer_too_large`, `refused` |
    pub fn code(&self) -> &'static str {
        match self {
            Self::Retry { code, .. }
            | Self::Unanswered { code, .. }
            | Self::Refused { code, .. } => code,
        }
    }

    pub(super) fn retry(code: &'static str, sentence: impl Into<String>) -> Self {
        Self::Retry { code, not_before: None, sentence: sentence.into() }
    }

    pub(super) fn refused(
        code: &'static str,
        status: StatusCode,
        sentence: impl Into<String>,
    ) -> Self {
        Self::Refused { code, status: status.as_u16(), sentence: sentence.into() }
    }
}

/// Without a token nothing was posted.
impl From<LoginError> for PostError {
    fn from(LoginError { code, not_before, sentence }: LoginError) -> Self {
        Self::Retry { code, not_before, sentence }
    }
}

/// Why there was no answer at all, or only a part of one.
pub(super) fn no_answer(error: &HttpError) -> PostError {
    match (error, error.sent()) {
        (HttpError::Unreachable(_), _) => {
            let sentence = format!(
                "the bot cannot be reached ({}): check BOT_ENDPOINT, and that the bot runs",
                error.cause()
            );
            PostError::retry("unreachable", sentence)
        }
        (HttpError::TimedOut { .. }, Sent::No) => {
            PostError::retry("timeout", "there was no connection to the bot in time")
        }
        (HttpError::TimedOut { .. }, Sent::Perhaps) => PostError::Unanswered {
            code: "timeout",
            sentence:
                "the bot has the activity and did not answer in time: see its log; a bot that \
                       needs longer should answer first and post its replies"
                    .to_owned(),
        },
        (_, Sent::No) => {
            let sentence = format!("the connection to the bot broke ({})", error.cause());
            PostError::retry("interrupted", sentence)
        }
        (_, Sent::Perhaps) => PostError::Unanswered {
            code: "interrupted",
            sentence: format!(
                "the connection to the bot broke before it had answered ({}): see its log",
                error.cause()
            ),
        },
    }
}

/// What a status that is no success means (reference 2.1, 2.5, 3.1).
pub(super) fn refusal(status: StatusCode, headers: &HeaderMap, way: Way) -> PostError {
    let later = |code, sentence: &str| PostError::Retry {
        code,
        not_before: retry_after(headers),
        sentence: sentence.to_owned(),
    };
    match status {
        StatusCode::REQUEST_TIMEOUT => {
            later("timeout", "the bot, or a proxy before it, did not get the whole activity (408)")
        }
        StatusCode::TOO_EARLY => later("busy", "the bot, or a proxy before it, is not ready (425)"),
        StatusCode::TOO_MANY_REQUESTS => later("rate_limited", "the bot is asked too often (429)"),
        StatusCode::BAD_GATEWAY => {
            later("bad_gateway", "the proxy before the bot cannot reach it (502): does it run?")
        }
        StatusCode::SERVICE_UNAVAILABLE => later("busy", "the bot is not available now (503)"),
        // The proxy handed it over and gave up waiting, as we do when our own time is over.
        StatusCode::GATEWAY_TIMEOUT => PostError::Unanswered {
            code: "gateway_timeout",
            sentence:
                "the proxy before the bot did not wait for its answer (504): a bot that needs \
                       longer should answer first and post its replies"
                    .to_owned(),
        },
        _ => for_good(status, way),
    }
}

fn for_good(status: StatusCode, way: Way) -> PostError {
    let (code, sentence) = match (status, way) {
        (StatusCode::UNAUTHORIZED, Way::Skill) => (
            "unauthorized",
            "the bot refused a fresh token of ours (401): BOT_APP_ID must be the app id that it runs \
             with, and it must accept tokens of MicrosoftAppTenantId and MicrosoftAppId among its \
             allowed callers",
        ),
        (StatusCode::FORBIDDEN, Way::Skill) => (
            "forbidden",
            "the bot does not let us in (403): MicrosoftAppId must be among its allowed callers",
        ),
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, Way::Anonymous) => {
            let is_unknown = status == StatusCode::UNAUTHORIZED;
            let code = if is_unknown { "unauthorized" } else { "forbidden" };
            let sentence = format!(
                "the bot wants a token ({}), so it runs with an app id: set BOT_APP_ID and the \
                 MicrosoftApp variables, or run it without one",
                status.as_u16()
            );
            return PostError::refused(code, status, sentence);
        }
        (StatusCode::BAD_REQUEST, _) => {
            ("bad_request", "the bot cannot read the activity (400): see its log")
        }
        (StatusCode::NOT_FOUND, _) => (
            "not_found",
            "nothing is at BOT_ENDPOINT (404); by convention it ends with /api/messages",
        ),
        (StatusCode::METHOD_NOT_ALLOWED, _) => (
            "method_not_allowed",
            "BOT_ENDPOINT takes no posts (405); by convention it ends with /api/messages",
        ),
        (StatusCode::PAYLOAD_TOO_LARGE, _) => (
            "too_large",
            "the activity is larger than the bot, or a proxy before it, takes (413): raise its limit",
        ),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, _) => {
            ("not_json", "BOT_ENDPOINT does not take JSON (415): is it a messaging endpoint?")
        }
        (StatusCode::INTERNAL_SERVER_ERROR, Way::Skill) => (
            "bot_failed",
            "the bot's code failed (500): see its log; botbuilder for JavaScript answers so as well \
             when MicrosoftAppId is not among its allowedCallers",
        ),
        (StatusCode::INTERNAL_SERVER_ERROR, Way::Anonymous) => {
            ("bot_failed", "the bot's code failed (500): see its log")
        }
        _ if status.is_redirection() => {
            let sentence = format!(
                "BOT_ENDPOINT leads elsewhere ({}), and posts do not follow: set it to the address \
                 where the bot is",
                status.as_u16()
            );
            return PostError::refused("redirected", status, sentence);
        }
        _ => {
            let code = if status.is_server_error() { "bot_failed" } else { "refused" };
            let sentence = format!("the bot answered {}: see its log", status.as_u16());
            return PostError::refused(code, status, sentence);
        }
    };
    PostError::refused(code, status, sentence)
}
