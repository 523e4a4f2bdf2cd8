//! What guidance for webhooks warns of: replays for others, claims in the payload, other dresses.

use serde_json::json;

use super::fort::{Case, Fort, OTHER_WEBHOOK, case};

#[expect(clippy::too_many_lines, reason = "one table: a case in a row or a few")]
pub(super) fn cases(fort: &Fort) -> Vec<Case> {
    let by_other = |changes: serde_json::Value| {
        let post = fort.post("/api/v1/snowBot/receiveMessage").bearer_auth(OTHER_WEBHOOK);
        post.json(&fort.told(&changes))
    };
    let hook = |body: String| fort.webhook().body(body);
    let good = fort.callback.to_string();
    let items = vec![json!({"uiType": "OutputText", "value": "x"}); 300];
    vec![
        case(
            "a true callback with another desk's secret",
            by_other(json!({})),
            400,
            "unknown_request",
        ),
        case(
            "the same that claims our tenant",
            by_other(json!({"clientVariables": {"tenantId": "default"}})),
            400,
            "unknown_request",
        ),
        case(
            "the same by the session's id",
            by_other(json!({"requestId": null})),
            400,
            "unknown_session",
        ),
        case(
            "the same by the user's id",
            by_other(json!({"requestId": null, "clientSessionId": null})),
            400,
            "unknown_session",
        ),
        case(
            "an end of the chat with another desk's secret",
            by_other(json!({"completed": true})),
            400,
            "unknown_request",
        ),
        case(
            "a payload that claims another tenant",
            fort.webhook().json(&fort.told(&json!({"clientVariables": {"tenantId": "other"}}))),
            400,
            "foreign_variables",
        ),
        case("no body", fort.webhook(), 400, "not_json"),
        case("half a callback", hook(good[..good.len() / 2].to_owned()), 400, "not_json"),
        case("two callbacks in one", hook(format!("{good}{good}")), 400, "not_json"),
        case("a list of callbacks", hook(format!("[{good},{good}]")), 400, "not_an_object"),
        case("a text", hook("\"completed\"".to_owned()), 400, "not_an_object"),
        case(
            "too many items",
            fort.webhook().json(&fort.told(&json!({"body": items}))),
            400,
            "too_many_items",
        ),
        case(
            "the secret in the body",
            fort.post("/api/v1/snowBot/receiveMessage")
                .json(&json!({"token": crate::house::WEBHOOK_SECRET})),
            401,
            "unauthorized",
        ),
        case(
            "the secret in the query",
            fort.post(&format!(
                "/api/v1/snowBot/receiveMessage?token={}",
                crate::house::WEBHOOK_SECRET
            ))
            .json(&fort.callback),
            401,
            "unauthorized",
        ),
        case(
            "the secret in a cookie",
            fort.post("/api/v1/snowBot/receiveMessage")
                .header("cookie", format!("token={}", crate::house::WEBHOOK_SECRET))
                .json(&fort.callback),
            401,
            "unauthorized",
        ),
        case(
            "a slash behind the path",
            fort.post("/api/v1/snowBot/receiveMessage/")
                .bearer_auth(crate::house::WEBHOOK_SECRET)
                .json(&fort.callback),
            404,
            "no_such_route",
        ),
        case(
            "the path in other letters",
            fort.post("/API/V1/SNOWBOT/RECEIVEMESSAGE")
                .bearer_auth(crate::house::WEBHOOK_SECRET)
                .json(&fort.callback),
            404,
            "no_such_route",
        ),
        case(
            "Teams' door while it is closed",
            fort.post("/api/messages").json(&json!({"type": "message", "text": "x"})),
            404,
            "messages_closed",
        ),
    ]
}
