//! What pages elsewhere and proxies in between try.

use reqwest::Method;
use serde_json::json;

use super::fort::{Case, Fort, case};

#[expect(clippy::too_many_lines, reason = "one table: a case in a row or a few")]
pub(super) fn cases(fort: &Fort) -> Vec<Case> {
    let admission = |name: &'static str, value: &'static str| {
        let post =
            fort.post("/widget/admissions").bearer_auth(&fort.page.token).header(name, value);
        post.json(&json!({"origin": "https://shop.example.org"}))
    };
    let order = |name: &'static str, value: &'static str| {
        let path = format!("sessions/{}/end", fort.session);
        fort.console(Method::POST, &path, &fort.admin).header(name, value)
    };
    vec![
        case(
            "a frame of another site",
            admission("sec-fetch-site", "cross-site"),
            403,
            "Forbidden",
        ),
        case("a frame of a neighbour", admission("sec-fetch-site", "same-site"), 403, "Forbidden"),
        case(
            "a page that claims our origin wrongly",
            admission("origin", "https://evil.example"),
            403,
            "Forbidden",
        ),
        case(
            "a token for strangers with a key that is none",
            fort.post("/widget/tokens")
                .json(&json!({"origin": "https://a.example", "key": "guess-0000"})),
            403,
            "Forbidden",
        ),
        case(
            "a token for strangers without a key",
            fort.post("/widget/tokens").json(&json!({"origin": "https://a.example"})),
            400,
            "MissingProperty",
        ),
        case(
            "a token for strangers with nothing",
            fort.post("/widget/tokens").body(""),
            400,
            "BadArgument",
        ),
        case(
            "an order with a forwarded host",
            order("origin", "https://evil.example").header("x-forwarded-host", "evil.example"),
            403,
            "wrong_origin",
        ),
        case(
            "an order with a forwarded scheme",
            order("origin", "https://evil.example").header("x-forwarded-proto", "https"),
            403,
            "wrong_origin",
        ),
        case(
            "an order from a frame of another site",
            order("sec-fetch-site", "same-site"),
            403,
            "wrong_origin",
        ),
        case(
            "a callback that says it comes from this machine",
            fort.post("/api/v1/snowBot/receiveMessage")
                .header("x-forwarded-for", "127.0.0.1")
                .json(&fort.callback),
            401,
            "unauthorized",
        ),
        case(
            "metrics that say they come from this machine",
            fort.get("/metrics").header("x-real-ip", "127.0.0.1"),
            401,
            "unauthorized",
        ),
        case(
            "a rewritten address",
            fort.get("/nothing")
                .header("x-original-url", "/metrics")
                .header("x-rewrite-url", "/metrics"),
            404,
            "no_such_route",
        ),
    ]
}
