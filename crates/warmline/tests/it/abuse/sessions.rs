//! Sessions of operators and of pages: stolen, made up, mixed up, kept for too long.

use reqwest::Method;

use super::fort::{Case, Fort, case};

#[expect(clippy::too_many_lines, reason = "one table: a case in a row or a few")]
pub(super) fn cases(fort: &Fort) -> Vec<Case> {
    let with = |cookie: &str| fort.console(Method::GET, "overview", cookie);
    let order = |change: fn(reqwest::RequestBuilder) -> reqwest::RequestBuilder| {
        let path = format!("/console/api/sessions/{}/end", fort.session);
        change(fort.post(&path).header("cookie", &fort.admin))
    };
    let secret = fort.admin.split(';').next().unwrap().split_once('=').unwrap().1.to_owned();
    let browser = fort.admin.split("; ").nth(1).unwrap_or_default().to_owned();
    let read = |token: &str| fort.get(&fort.own("/activities")).bearer_auth(token);
    let stream = |query: String| fort.get(&fort.own(&format!("/stream{query}")));
    let mut flipped = fort.page.token.clone();
    let last = if flipped.pop() == Some('A') { 'B' } else { 'A' };
    flipped.push(last);
    vec![
        case("no cookie", with(""), 401, "signed_out"),
        case(
            "a cookie that is made up",
            with("warmline_console=0123456789abcdef"),
            401,
            "signed_out",
        ),
        case("a cookie without a value", with("warmline_console="), 401, "signed_out"),
        case("all zeros", with(&format!("warmline_console={}", "0".repeat(64))), 401, "signed_out"),
        case(
            "half of a good one",
            with(&format!("warmline_console={}", &secret[..secret.len() / 2])),
            401,
            "signed_out",
        ),
        case(
            "a good one with a letter more",
            with(&format!("warmline_console={secret}0")),
            401,
            "signed_out",
        ),
        case(
            "a good one in capitals",
            with(&format!("warmline_console={}", secret.to_uppercase())),
            401,
            "signed_out",
        ),
        case(
            "a good one under another name",
            with(&format!("session={secret}")),
            401,
            "signed_out",
        ),
        case(
            "the session in the query",
            fort.get(&format!("/console/api/overview?warmline_console={secret}")),
            401,
            "signed_out",
        ),
        case(
            "the session as a bearer",
            fort.get("/console/api/overview").bearer_auth(&secret),
            401,
            "signed_out",
        ),
        case(
            "the browser's mark for a session",
            with(&browser.replace("warmline_browser", "warmline_console")),
            401,
            "signed_out",
        ),
        case("the mark alone", with(&browser), 401, "signed_out"),
        case(
            "the name that logs have of a session",
            with("warmline_console=0a1b2c3d"),
            401,
            "signed_out",
        ),
        case(
            "an endless cookie",
            with(&format!("warmline_console={}", "a".repeat(4_000))),
            401,
            "signed_out",
        ),
        case("an order without the header of our page", order(|r| r), 403, "no_order_header"),
        case(
            "an order from a page elsewhere",
            order(|r| r.header("x-warmline-console", "1").header("origin", "https://evil.example")),
            403,
            "wrong_origin",
        ),
        case(
            "an order from a page without an origin",
            order(|r| r.header("x-warmline-console", "1").header("origin", "null")),
            403,
            "wrong_origin",
        ),
        case(
            "an order across sites",
            order(|r| r.header("x-warmline-console", "1").header("sec-fetch-site", "cross-site")),
            403,
            "wrong_origin",
        ),
        case(
            "an order from a neighbour's port",
            order(|r| r.header("x-warmline-console", "1").header("origin", "http://127.0.0.1:1")),
            403,
            "wrong_origin",
        ),
        case(
            "an order from a name that ends as ours",
            order(|r| r.header("x-warmline-console", "1").header("origin", "http://evil127.0.0.1")),
            403,
            "wrong_origin",
        ),
        case(
            "a sign-in from a page elsewhere",
            fort.post("/console/api/login")
                .header("origin", "https://evil.example")
                .json(&serde_json::json!({"password": "x"})),
            403,
            "wrong_origin",
        ),
        case(
            "a sign-out from a page elsewhere",
            fort.post("/console/api/logout")
                .header("cookie", &fort.admin)
                .header("x-warmline-console", "1")
                .header("origin", "https://evil.example"),
            403,
            "wrong_origin",
        ),
        case("a page's token with its last letter changed", read(&flipped), 403, "Forbidden"),
        case("a ticket for a token", read(fort.ticket()), 403, "Forbidden"),
        case("a token for a ticket", stream(format!("?t={}", fort.page.token)), 403, "Forbidden"),
        case(
            "another conversation's ticket",
            stream(format!("?t={}", fort.other.ticket)),
            403,
            "Forbidden",
        ),
        case(
            "a stream with the token as a bearer only",
            stream(String::new()).bearer_auth(&fort.page.token),
            401,
            "NotAuthorized",
        ),
        case("a token of three empty parts", read(".."), 403, "Forbidden"),
        case(
            "a renewal with somebody's ticket",
            fort.post("/v3/directline/tokens/refresh").bearer_auth(&fort.other.ticket),
            403,
            "Forbidden",
        ),
    ]
}
