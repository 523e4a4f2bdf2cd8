//! The webhook, from outside: what ServiceNow meets when it calls.
//!
//! Two requests are made through the public URL, neither of which is an event: one with the secret,
//! which Warmline refuses for what it says (400), and one with a wrong secret, which it refuses for
//! who says it (401). Whatever else answers there is not Warmline.

use std::time::Duration;

use gateway::{DeskSetup, WEBHOOK_PATH};
use http::{Method, StatusCode, header};
use secrecy::ExposeSecret;
use serde_json::Value;
use url::Url;

use super::{
    finding::{Finding, Subject},
    report::Report,
    stand_in::Tag,
    wire::{self, Answer},
};

/// ServiceNow gives up after this long, and may abandon the chat (reference 6, 11).
const PATIENCE: Duration = Duration::from_secs(5);

/// A round trip that takes longer than this leaves too little of that patience for a busy moment.
const SLOW: Duration = Duration::from_secs(2);

/// A body that is no event.
const NO_EVENT: &str = "a word from warmline check";

/// What Warmline answers to that.
const NO_EVENT_CODE: &str = "not_json";

/// A secret that nobody has.
const WRONG_SECRET: &str = "Bearer warmline-check-presents-a-wrong-secret";

/// Who answered, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reading {
    /// Warmline, with this status and code.
    Ours { status: u16, code: String },
    /// Warmline, which saw no secret at all.
    NoSecretSeen,
    /// Somebody sends callers elsewhere.
    Redirect { to: String },
    /// A page for people.
    Page { status: u16 },
    /// A proxy that reaches nobody behind it.
    NobodyBehind { status: u16 },
    /// Something else.
    Foreign { status: u16 },
}

/// Who answered.
pub(super) fn read(answer: &Answer) -> Reading {
    let status = answer.status.as_u16();
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let (code, message) = (said["error"]["code"].as_str(), said["error"]["message"].as_str());
    if let (Some(code), Some(_)) = (code, message) {
        let challenge = answer.headers.get(header::WWW_AUTHENTICATE);
        let unseen = challenge.is_some_and(|challenge| challenge == "Bearer");
        if answer.status == StatusCode::UNAUTHORIZED && unseen {
            return Reading::NoSecretSeen;
        }
        return Reading::Ours { status, code: code.to_owned() };
    }
    if answer.status.is_redirection() {
        let to = answer.headers.get(header::LOCATION).and_then(|to| to.to_str().ok());
        // A query could hold anything.
        let to = to.unwrap_or("nowhere").split('?').next().unwrap_or_default().to_owned();
        return Reading::Redirect { to };
    }
    if matches!(status, 502..=504) {
        return Reading::NobodyBehind { status };
    }
    let kind = answer.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind.is_some_and(|kind| kind.contains("html")) {
        return Reading::Page { status };
    }
    Reading::Foreign { status }
}

/// Looks at one desk's webhook.
pub(super) async fn check(
    desk: &DeskSetup,
    public: &Url,
    tag: Option<&Tag>,
    now_s: i64,
    report: &mut Report,
) {
    let subject = Subject::of_desk(desk);
    report.looks_at("the webhook");
    let Some(url) = address(public, WEBHOOK_PATH, tag) else {
        let words = "WARMLINE_PUBLIC_URL makes no address";
        return report.say(Finding::fail("webhook.answers", "no_address", words).about(&subject));
    };
    let secret = format!("Bearer {}", desk.webhook_secret.expose_secret());
    let right = post(&url, &secret, now_s).await;
    for finding in with_the_secret(&right, &url) {
        report.say(finding.about(&subject));
    }
    if right.is_ok_and(|answer| matches!(read(&answer), Reading::Ours { status: 400, .. })) {
        let wrong = post(&url, WRONG_SECRET, now_s).await;
        report.say(with_a_wrong_one(wrong.as_ref().map(read).as_ref()).about(&subject));
    } else {
        let words = "the webhook does not answer as it should, so this proves nothing";
        report.say(Finding::skip("webhook.secret", "not_asked", words).about(&subject));
    }
}

/// An address below the public URL, with the mark that a stand-in knows its requests by.
pub(super) fn address(public: &Url, path: &str, tag: Option<&Tag>) -> Option<Url> {
    let mut url = Url::parse(&format!("{}{path}", public.as_str().trim_end_matches('/'))).ok()?;
    if let Some(tag) = tag {
        tag.put_on(&mut url);
    }
    Some(url)
}

async fn post(url: &Url, authorization: &str, now_s: i64) -> Result<Answer, wire::Trouble> {
    let mut request = http::Request::builder()
        .method(Method::POST)
        .header(header::CONTENT_TYPE, "application/json");
    if let Ok(mut value) = http::HeaderValue::from_str(authorization) {
        value.set_sensitive(true);
        request = request.header(header::AUTHORIZATION, value);
    }
    wire::request(url, request, NO_EVENT, now_s).await
}

fn with_the_secret(asked: &Result<Answer, wire::Trouble>, url: &Url) -> Vec<Finding> {
    const CHECK: &str = "webhook.answers";
    match asked {
        Err(trouble) => {
            let fix = trouble.fix_of_public_url(
                "let WARMLINE_PUBLIC_URL lead to Warmline from everywhere that ServiceNow calls \
                 from; its certificate must be one that everybody trusts",
            );
            vec![Finding::fail(CHECK, trouble.code(), trouble.to_string()).fix(fix)]
        }
        Ok(answer) => {
            vec![judged(&read(answer), url), time(answer.took)]
        }
    }
}

/// The answer to a body that is no event, with the right secret.
fn judged(reading: &Reading, url: &Url) -> Finding {
    const CHECK: &str = "webhook.answers";
    let fail = |code, words: String, fix: &str| Finding::fail(CHECK, code, words).fix(fix);
    let path = url.path();
    match reading {
        Reading::Ours { status: 400, code } if code == NO_EVENT_CODE => {
            let words = format!("Warmline answers at {}", &url[..url::Position::AfterPath]);
            Finding::ok(CHECK, "ours", words)
        }
        Reading::Ours { status: 401, .. } => fail(
            "other_secret",
            "the gateway that answers has another webhook secret".to_owned(),
            "start the gateway with the WEBHOOK_SECRET that is set here, or look whether another \
             Warmline answers at WARMLINE_PUBLIC_URL",
        ),
        Reading::NoSecretSeen => fail(
            "secret_stripped",
            "Warmline is reached, but the header Authorization is lost on the way".to_owned(),
            "set the proxy before Warmline to pass the header Authorization on",
        ),
        Reading::Ours { status: 404, code } if code == "no_such_route" => fail(
            "other_path",
            format!("Warmline is reached, but not under {path}"),
            "set the proxy before Warmline to pass paths on unchanged, or put the prefix that it \
             takes away into WARMLINE_PUBLIC_URL",
        ),
        Reading::Ours { status, code } => fail(
            "not_ready",
            format!("what answers refuses with {status} {code}"),
            "see the gateway's log; if it is no Warmline, correct WARMLINE_PUBLIC_URL",
        ),
        Reading::Redirect { to } => fail(
            "redirected",
            format!("callers are sent on to {to}, and ServiceNow does not follow"),
            "set WARMLINE_PUBLIC_URL to the address itself, with https",
        ),
        Reading::NobodyBehind { status } => fail(
            "nobody_behind",
            format!("a proxy answers {status}: it does not reach Warmline"),
            "point the proxy to WARMLINE_LISTEN and start the gateway",
        ),
        Reading::Page { status } => fail(
            "a_page",
            format!(
                "a page for people answers ({status}): a proxy's, a log-in's or another site's"
            ),
            &format!("let the proxy pass {WEBHOOK_PATH} to Warmline without a log-in"),
        ),
        Reading::Foreign { status } => fail(
            "another_service",
            format!("something answers {status} that is not Warmline"),
            "correct WARMLINE_PUBLIC_URL, or the proxy that stands there",
        ),
    }
}

fn time(took: Duration) -> Finding {
    const CHECK: &str = "webhook.time";
    let words = format!("a round trip takes {} ms; ServiceNow waits 5 s", took.as_millis());
    let fix = "look for what is slow on the way: proxy, name server, a scan of bodies";
    if took > PATIENCE {
        Finding::fail(CHECK, "too_slow", words).fix(fix)
    } else if took > SLOW {
        Finding::warn(CHECK, "slow", words).fix(fix)
    } else {
        Finding::ok(CHECK, "quick", words)
    }
}

fn with_a_wrong_one(reading: Result<&Reading, &&wire::Trouble>) -> Finding {
    const CHECK: &str = "webhook.secret";
    match reading {
        Ok(Reading::Ours { status: 401, .. } | Reading::NoSecretSeen) => {
            Finding::ok(CHECK, "asked_for", "a wrong secret is refused, the right one is known")
        }
        Ok(_) => Finding::fail(CHECK, "not_asked_for", "a wrong secret is not refused").fix(
            "look for a proxy that puts a secret of its own into the header Authorization: anybody \
             could call in ServiceNow's name",
        ),
        Err(trouble) => Finding::fail(CHECK, trouble.code(), trouble.to_string())
            .fix("run the check again; the address answered a moment ago"),
    }
}

#[cfg(test)]
mod tests {
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
            let finding = judged(&read(&answer), &url);
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
}
