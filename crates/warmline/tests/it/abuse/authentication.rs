//! Who says that they are somebody and is not.

use reqwest::Method;
use serde_json::json;

use super::fort::{Case, Fort, METRICS, OTHER_SITE, PASSWORD, case};
use crate::house::{DIRECT_LINE_SECRET, WEBHOOK_SECRET};

#[expect(clippy::too_many_lines, reason = "one table: a case in a row or a few")]
pub(super) fn cases(fort: &Fort) -> Vec<Case> {
    let hook = |value: &str| {
        let post = fort.post("/api/v1/snowBot/receiveMessage").json(&fort.callback);
        if value.is_empty() { post } else { post.header("authorization", value) }
    };
    let generate =
        |value: &str| fort.post("/v3/directline/tokens/generate").header("authorization", value);
    let scrape = |value: &str| fort.get("/metrics").header("authorization", value);
    let login = |body: serde_json::Value| fort.post("/console/api/login").json(&body);
    let mut cases = vec![
        case("no credential at the webhook", hook(""), 401, "unauthorized"),
        case("a credential that is blank", hook("Bearer  "), 401, "unauthorized"),
        case("a scheme without a credential", hook("Bearer"), 401, "unauthorized"),
        case("the secret without a scheme", hook(WEBHOOK_SECRET), 401, "unauthorized"),
        case(
            "the secret in capitals",
            hook(&format!("Bearer {}", WEBHOOK_SECRET.to_uppercase())),
            401,
            "unauthorized",
        ),
        case(
            "all but the last letter",
            hook(&format!("Bearer {}", &WEBHOOK_SECRET[..24])),
            401,
            "unauthorized",
        ),
        case("one letter more", hook(&format!("Bearer {WEBHOOK_SECRET}x")), 401, "unauthorized"),
        case(
            "the secret in quotation marks",
            hook(&format!("Bearer \"{WEBHOOK_SECRET}\"")),
            401,
            "unauthorized",
        ),
        case(
            "two secrets with a comma",
            hook(&format!("Bearer x, Bearer {WEBHOOK_SECRET}")),
            401,
            "unauthorized",
        ),
        case(
            "the site's secret at the webhook",
            hook(&format!("Bearer {DIRECT_LINE_SECRET}")),
            401,
            "unauthorized",
        ),
        case(
            "the metrics' token at the webhook",
            hook(&format!("Bearer {METRICS}")),
            401,
            "unauthorized",
        ),
        case(
            "a page's token at the webhook",
            hook(&format!("Bearer {}", fort.page.token)),
            401,
            "unauthorized",
        ),
        case(
            "an unknown scheme",
            hook(&format!("Negotiate {WEBHOOK_SECRET}")),
            401,
            "unauthorized",
        ),
        case(
            "the webhook's secret at Direct Line",
            generate(&format!("Bearer {WEBHOOK_SECRET}")),
            403,
            "Forbidden",
        ),
        case("an empty secret at Direct Line", generate("Bearer "), 401, "NotAuthorized"),
        case("SQL for a secret", generate("Bearer ' OR '1'='1"), 403, "Forbidden"),
        case("a null byte's spelling for a secret", generate("Bearer %00"), 403, "Forbidden"),
        case(
            "a guess near another tenant's secret",
            generate(&format!("Bearer {}", &OTHER_SITE[..OTHER_SITE.len() - 1])),
            403,
            "Forbidden",
        ),
        case("metrics without a token", fort.get("/metrics"), 401, "unauthorized"),
        case(
            "metrics with the webhook's secret",
            scrape(&format!("Bearer {WEBHOOK_SECRET}")),
            401,
            "unauthorized",
        ),
        case(
            "metrics with the token in the query",
            fort.get(&format!("/metrics?token={METRICS}")),
            401,
            "unauthorized",
        ),
        case(
            "metrics with a console's cookie",
            fort.get("/metrics").header("cookie", &fort.admin),
            401,
            "unauthorized",
        ),
        case(
            "the right password of nobody",
            login(json!({"name": "root", "password": PASSWORD})),
            401,
            "wrong_password",
        ),
        case(
            "a wrong password of somebody",
            login(json!({"name": "vera", "password": "x"})),
            401,
            "wrong_password",
        ),
        case(
            "a name in other letters",
            login(json!({"name": "VERA", "password": PASSWORD})),
            401,
            "wrong_password",
        ),
        case(
            "an endless name",
            login(json!({"name": "v".repeat(2_000), "password": PASSWORD})),
            401,
            "wrong_password",
        ),
        case(
            "the hash in the password's place",
            login(json!({"password": crate::console::HASH})),
            401,
            "wrong_password",
        ),
        case(
            "a password that is a list",
            login(json!({"password": [PASSWORD]})),
            400,
            "bad_request",
        ),
        case(
            "a password that is an object",
            login(json!({"password": {"$ne": null}})),
            400,
            "bad_request",
        ),
        case(
            "a role of one's own choice",
            login(json!({"password": "x", "role": "admin"})),
            400,
            "bad_request",
        ),
        case("no password", login(json!({"name": "vera"})), 400, "bad_request"),
        case("a password that is null", login(json!({"password": null})), 400, "bad_request"),
        case(
            "a password as a form",
            fort.post("/console/api/login").form(&[("password", PASSWORD)]),
            415,
            "not_json",
        ),
    ];
    for scheme in ["Digest", "Basic", "NTLM"] {
        let request = fort
            .console(Method::GET, "overview", "")
            .header("authorization", format!("{scheme} {PASSWORD}"));
        cases.push(case(format!("{scheme} at the console"), request, 401, "signed_out"));
    }
    cases
}
