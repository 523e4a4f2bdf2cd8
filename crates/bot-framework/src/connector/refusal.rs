//! What it means that a channel did not take a call (reference 2.5).

use std::time::Duration;

use http::StatusCode;
use outbound::headers::retry_after;
use outbound::{Answer, HttpError, Sent};

use super::call::Repeats;
use super::{ConnectorError, answer};

/// What a refused token comes from.
const UNAUTHORIZED: (&str, &str) = (
    "unauthorized",
    "the channel refused a fresh token of ours (401): the Azure Bot's Microsoft App ID must be \
     MicrosoftAppId, its app type and tenant MicrosoftAppType and MicrosoftAppTenantId, and the \
     channel must be enabled there",
);

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

/// The token was refused, and a new one would be no better for as long as is given.
pub(super) fn not_tried_again(wait: Duration) -> ConnectorError {
    let (code, sentence) = UNAUTHORIZED;
    ConnectorError::NotTaken { code, not_before: Some(wait), sentence: sentence.to_owned() }
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
        (StatusCode::UNAUTHORIZED, _) => UNAUTHORIZED,
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
