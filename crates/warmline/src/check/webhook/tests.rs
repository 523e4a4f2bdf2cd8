//! Who answers at the webhook, and what that proves.

use bytes::Bytes;
use http::HeaderMap;

use super::*;

fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Answer {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, value.parse().unwrap());
    }
    Answer {
        status: StatusCode::from_u16(status).unwrap(),
        headers: map,
        body: Bytes::copy_from_slice(body.as_bytes()),
        took: Duration::ZERO,
    }
}

fn presented(way: &Way, instead: Option<Instead>) -> Presented<'_> {
    Presented { way, instead, called: Called::by_variables() }
}

fn refusal(code: &str) -> String {
    serde_json::json!({"error": {"code": code, "message": "words"}}).to_string()
}

#[test]
fn whoever_answers_at_the_webhook_is_told_from_warmline() {
    let url = Url::parse(&format!("https://chat.example.org{WEBHOOK_PATH}")).unwrap();
    let html = ("content-type", "text/html; charset=utf-8");
    let wrong = ("www-authenticate", "Bearer error=\"invalid_token\"");
    for (answer, code) in [
        (answer(400, &[], &refusal("not_json")), "ours"),
        (answer(401, &[wrong], &refusal("unauthorized")), "other_secret"),
        (
            answer(401, &[("www-authenticate", "Bearer")], &refusal("unauthorized")),
            "secret_stripped",
        ),
        (answer(404, &[], &refusal("no_such_route")), "other_path"),
        (answer(503, &[], &refusal("stopping")), "not_ready"),
        (answer(301, &[("location", "https://www.example.org/?k=v")], ""), "redirected"),
        (answer(502, &[html], "<h1>Bad Gateway</h1>"), "nobody_behind"),
        (answer(200, &[html], "<h1>Welcome</h1>"), "a_page"),
        (answer(401, &[html], "<h1>Sign in</h1>"), "a_page"),
        (answer(200, &[], "{}"), "another_service"),
        (answer(404, &[], r#"{"error":"not found"}"#), "another_service"),
    ] {
        let finding = judged(&read(&answer), &url, &presented(&Way::Bearer, None));
        assert_eq!(finding.code, code, "{answer:?}");
        assert_eq!(finding.fix.is_none(), code == "ours", "{finding:?}");
        assert!(!finding.found.contains("k=v"), "{finding:?}");
    }
}

#[test]
fn a_wrong_secret_must_be_refused_by_warmline_itself() {
    let ours = |status, code: &str| Reading::Ours { status, code: code.to_owned() };
    assert_eq!(with_a_wrong_one(Ok(&ours(401, "unauthorized"))).code, "asked_for");
    assert_eq!(with_a_wrong_one(Ok(&ours(400, "not_json"))).code, "not_asked_for");
}

#[test]
fn a_round_trip_is_measured_by_the_patience_of_servicenow() {
    for (seconds, code) in [(0, "quick"), (3, "slow"), (6, "too_slow")] {
        assert_eq!(time(Duration::from_secs(seconds)).code, code);
    }
}

#[test]
fn a_path_in_the_public_url_stays() {
    let public = Url::parse("https://example.org/chat/").unwrap();
    let url = address(&public, "/x", None).unwrap();
    assert_eq!(url.as_str(), "https://example.org/chat/x");
}

fn rules(user: Option<&str>, header: Option<&'static str>) -> gateway::WebhookRules {
    gateway::WebhookRules {
        user: user.map(str::to_owned),
        header: header.map(http::HeaderName::from_static),
        ..gateway::WebhookRules::default()
    }
}

#[test]
fn the_secret_is_presented_in_the_way_that_is_set() {
    for (user, header, carried, other) in [
        (None, None, "authorization: Bearer s3cret", None),
        (Some("now"), None, "authorization: Basic bm93OnMzY3JldA==", None),
        (None, Some("x-desk-secret"), "x-desk-secret: s3cret", None),
        (Some("now"), Some("x-desk-secret"), "x-desk-secret: s3cret", Some("now")),
    ] {
        let (way, also) = Way::of(&rules(user, header));
        let (name, value) = way.carries(&"s3cret".into()).unwrap();
        assert!(value.is_sensitive());
        assert_eq!(format!("{name}: {}", value.to_str().unwrap()), carried);
        assert_eq!(also, other.map(|user| Way::Basic { user: user.to_owned() }));
    }
}

#[test]
fn a_secret_that_is_refused_is_told_with_the_setting_that_does_not_fit() {
    let basic = Way::Basic { user: "now".to_owned() };
    let header = Way::Header { name: http::HeaderName::from_static("x-desk-secret") };
    for (way, instead, unseen, code, names) in [
        (&Way::Bearer, None, false, "other_secret", "WEBHOOK_SECRET"),
        (&Way::Bearer, None, true, "secret_stripped", "WEBHOOK_HEADER"),
        (&Way::Bearer, Some(Instead::Previous), false, "secret_of_before", "both secrets"),
        (&basic, None, false, "other_secret", "WEBHOOK_USERNAME"),
        (&basic, None, true, "secret_stripped", "Authorization"),
        (&basic, Some(Instead::Bearer), false, "other_way", "WEBHOOK_USERNAME"),
        (&header, None, true, "secret_stripped", "x-desk-secret"),
        (&header, Some(Instead::Bearer), true, "other_way", "WEBHOOK_HEADER"),
        (&header, None, false, "other_secret", "WEBHOOK_HEADER"),
    ] {
        let finding = ways::refused(&presented(way, instead), unseen);
        assert_eq!(finding.code, code, "{way:?}");
        let said = format!("{} {}", finding.found, finding.fix.unwrap());
        assert!(said.contains(names), "{said}");
        assert!(!said.contains("now:"), "{said}");
    }
}

#[test]
fn where_calls_are_seen_to_come_from_is_told() {
    let message = |end: &str| {
        let words = format!("the secret is right; {end}");
        let body = serde_json::json!({"error": {"code": ELSEWHERE_CODE, "message": words}});
        answer(403, &[], &body.to_string())
    };
    let let_in = answer(400, &[], &refusal("not_json"));
    for (answer, by_stand_in, code) in [
        (&let_in, false, "from_here"),
        (&let_in, true, "not_asked"),
        (&message("this one came from 93.184.216.34"), false, "not_from_here"),
        (&message("this one came from 2606:2800:220:1::1"), false, "not_from_here"),
        (&message("this one came from 10.0.0.3"), false, "looks_like_a_proxy"),
        (&message("this one came from 127.0.0.1"), false, "looks_like_a_proxy"),
        (&message("where this one came from, nobody can tell"), false, "unknown_address"),
    ] {
        let reading = read(answer);
        assert!(reading.is_let_in(), "{reading:?}");
        assert_eq!(
            ways::from(seen_from(answer), Called::by_variables(), by_stand_in).code,
            code,
            "{answer:?}"
        );
    }
}
