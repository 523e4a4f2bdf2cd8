//! What is at the way in.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::*;

type Asked = Result<Answer, Trouble>;

#[expect(clippy::unnecessary_wraps, reason = "as it comes from a request")]
fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Asked {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, value.parse().unwrap());
    }
    let (status, body) = (StatusCode::from_u16(status).unwrap(), Bytes::from(body.to_owned()));
    Ok(Answer { status, headers: map, body, took: Duration::ZERO })
}

fn ours(status: u16, code: &str, challenge: &'static str) -> Asked {
    let body = json!({"error": {"code": code, "message": "a sentence"}}).to_string();
    answer(status, &[("www-authenticate", challenge)], &body)
}

#[test]
fn what_answers_at_the_way_in_is_told_from_warmline() {
    let url = Url::parse("https://chat.example.org/api/messages").unwrap();
    let page = [("content-type", "text/html")];
    for (asked, code) in [
        (ours(401, "unauthorized", "Bearer"), "ours"),
        (ours(401, "Unauthorized", "Bearer error=\"invalid_token\""), "ours"),
        (ours(404, "messages_closed", "x"), "closed"),
        (ours(404, "no_such_route", "x"), "other_path"),
        (ours(503, "starting", "x"), "not_ready"),
        (answer(302, &[("location", "https://login.example.org/?a=b")], ""), "redirected"),
        (answer(502, &page, "bad gateway"), "nobody_behind"),
        (answer(200, &page, "welcome"), "a_page"),
        (answer(401, &page, "log in"), "a_page"),
        (answer(401, &[], ""), "another_service"),
        (answer(202, &[], ""), "takes_anything"),
        (Err(Trouble::NoAnswer), "no_answer"),
    ] {
        let finding = judged(&asked, &url, Called::by_variables());
        assert_eq!(finding.code, code, "{asked:?}");
        assert_eq!(finding.fix.is_none(), code == "ours", "{finding:?}");
    }
}

#[test]
fn a_certificate_is_spoken_of_only_where_something_listens() {
    let url = Url::parse("https://chat.example.org/api/messages").unwrap();
    let (host, cause) = ("chat.example.org".to_owned(), "a cause".to_owned());
    let unknown = Trouble::NoSuchName { host: host.clone(), cause: cause.clone() };
    let closed = Trouble::NoConnection { host: host.clone(), port: 8443, cause: cause.clone() };
    for (trouble, part) in [
        (unknown, "make a DNS entry"),
        (closed, "correct the port"),
        (Trouble::Tls { host, cause }, "certificate"),
    ] {
        let fix = judged(&Err(trouble), &url, Called::by_variables()).fix.unwrap();
        assert!(fix.contains(part) && fix.contains("WARMLINE_PUBLIC_URL"), "{part} in {fix}");
        assert_eq!(fix.contains("certificate"), part == "certificate", "{fix}");
    }
}

#[test]
fn a_token_that_is_lost_or_looked_at_on_the_way_is_found() {
    for (asked, code) in [
        (ours(401, "malformed_token", "Bearer error=\"invalid_token\""), None),
        (ours(401, "unauthorized", "Bearer"), Some("token_stripped")),
        (answer(403, &[("content-type", "text/html")], "a firewall's"), Some("token_looked_at")),
        (Err(Trouble::NoAnswer), Some("no_answer")),
    ] {
        assert_eq!(on_the_way(&asked).map(|finding| finding.code), code, "{asked:?}");
    }
}

#[test]
fn an_address_that_azure_cannot_reach_is_told() {
    for (url, code) in [
        ("https://chat.example.org/warmline", "public"),
        ("https://203.0.113.7", "public"),
        ("http://127.0.0.1:8080", "not_https"),
        ("https://127.0.0.1:8443", "inside"),
        ("https://10.1.2.3", "inside"),
        ("https://gateway", "inside"),
        ("https://chat.corp.internal", "inside"),
        ("https://[fd00::1]", "inside"),
    ] {
        assert_eq!(reached(&Url::parse(url).unwrap(), Called::by_variables()).code, code, "{url}");
    }
    let public = Url::parse("https://chat.example.org/warmline/").unwrap();
    let words = reached(&public, Called::by_variables()).found;
    assert!(words.ends_with(" https://chat.example.org/warmline/api/messages"), "{words}");
}
