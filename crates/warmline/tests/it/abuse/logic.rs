//! Requests that are well made and make no sense: out of turn, for somebody else, once too often.

use reqwest::Method;
use serde_json::json;

use super::fort::{Case, Fort, case};

#[expect(clippy::too_many_lines, reason = "one table: a case in a row or a few")]
pub(super) fn cases(fort: &Fort) -> Vec<Case> {
    let hook = |changes: serde_json::Value| fort.webhook().json(&fort.told(&changes));
    let session = &fort.session;
    let tokens = |secret: &str, conversation: &str| {
        let path = format!("/v3/directline/conversations/{conversation}/tokens");
        fort.post(&path).bearer_auth(secret).json(&json!({"user": {"id": "dl_kim"}}))
    };
    let own = crate::house::DIRECT_LINE_SECRET;
    vec![
        case(
            "an answer to a request that was never sent",
            hook(json!({"requestId": format!("{session}.999")})),
            400,
            "unknown_request",
        ),
        case(
            "an answer to a request before the first",
            hook(json!({"requestId": format!("{session}.0")})),
            400,
            "unknown_request",
        ),
        case(
            "an answer to a request below zero",
            hook(json!({"requestId": format!("{session}.-1")})),
            400,
            "unknown_request",
        ),
        case(
            "a session that is one letter off",
            hook(json!({"requestId": format!("{}.1", super::near(session))})),
            400,
            "unknown_request",
        ),
        case(
            "no event at all",
            hook(json!({"body": null, "agentChat": null, "completed": null, "status": null})),
            400,
            "no_event",
        ),
        case(
            "somebody else's session by a user's id",
            hook(json!({"requestId": null, "clientSessionId": null, "userId": "dl_lee"})),
            400,
            "unknown_session",
        ),
        case(
            "another bot's variables",
            hook(json!({"clientVariables": {"botId": "help"}})),
            400,
            "foreign_variables",
        ),
        case(
            "another conversation's variables",
            hook(json!({"clientVariables": {"conversationId": fort.other.conversation}})),
            400,
            "foreign_variables",
        ),
        case(
            "a token for a conversation that is none",
            tokens(own, "0000000000000000"),
            404,
            "NotFound",
        ),
        case(
            "a token for another site's conversation",
            tokens(own, &fort.other.conversation),
            404,
            "NotFound",
        ),
        case(
            "a token for a conversation, by its page",
            tokens(&fort.page.token, &fort.page.conversation),
            403,
            "Forbidden",
        ),
        case(
            "the end of a chat that never was",
            fort.console(Method::POST, "sessions/ses_1/end", &fort.admin),
            404,
            "no_such_session",
        ),
        case(
            "a letter that never was",
            fort.console(Method::POST, "dead-letters/9223372036854775807/resend", &fort.admin),
            404,
            "no_such_letter",
        ),
        case(
            "a letter whose number overflows",
            fort.console(Method::POST, "dead-letters/9223372036854775808/drop", &fort.admin),
            404,
            "no_such_letter",
        ),
    ]
}
