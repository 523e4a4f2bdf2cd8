//! The webhook, from outside: what ServiceNow meets when it calls.
//!
//! Requests are made through the public URL, none of which is an event: with the secret, in each way
//! that is set for the desk ([`ways`]), which Warmline refuses for what they say (400), or for where they
//! come from (403); and with a wrong secret, which it refuses for who says it (401). Whatever else
//! answers there is not Warmline.

mod ways;

use std::time::Duration;

use gateway::{DeskSetup, WEBHOOK_PATH};
use http::{Method, StatusCode, header};
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use super::{
    finding::{Finding, Subject},
    report::Report,
    stand_in::Tag,
    wire::{self, Answer},
};
use crate::config::Called;
use ways::{Instead, Presented, Seen, Way};

/// ServiceNow gives up after this long, and may abandon the chat (reference 6, 11).
const PATIENCE: Duration = Duration::from_secs(5);

/// A round trip that takes longer than this leaves too little of that patience for a busy moment.
const SLOW: Duration = Duration::from_secs(2);

/// A body that is no event.
const NO_EVENT: &str = "a word from warmline check";

/// What Warmline answers to that.
const NO_EVENT_CODE: &str = "not_json";

/// What Warmline answers to whoever has the secret and calls from elsewhere than the desk's networks.
const ELSEWHERE_CODE: &str = "address_not_allowed";

/// A secret that nobody has.
const WRONG_SECRET: &str = "warmline-check-presents-a-wrong-secret";

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

impl Reading {
    /// Warmline took the secret: what it refuses is what was said, or from where.
    fn is_let_in(&self) -> bool {
        matches!(self, Self::Ours { status: 400, code } if code == NO_EVENT_CODE)
            || self.is_elsewhere()
    }

    /// Warmline takes the secret, but not from where it saw this come from.
    fn is_elsewhere(&self) -> bool {
        matches!(self, Self::Ours { status: 403, code } if code == ELSEWHERE_CODE)
    }
}

/// From where Warmline saw a request come: the last word of a refusal for that.
fn seen_from(answer: &Answer) -> Seen {
    if !read(answer).is_elsewhere() {
        return Seen::Listed;
    }
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let last = said["error"]["message"].as_str().and_then(|words| words.rsplit(' ').next());
    let address = last.and_then(|word| word.parse().ok());
    address.map_or(Seen::Unknown, Seen::Elsewhere)
}

/// Looks at one desk's webhook.
pub(super) async fn check(
    (desk, called): (&DeskSetup, Called<'_>),
    public: &Url,
    tag: Option<&Tag>,
    now_s: i64,
    report: &mut Report,
) {
    let subject = Subject::of_desk(desk);
    report.looks_at("the webhook");
    let Some(url) = address(public, WEBHOOK_PATH, tag) else {
        let words = format!("{} makes no address", called.setting("public_url"));
        return report.say(Finding::fail("webhook.answers", "no_address", words).about(&subject));
    };
    let asking = Asking { url: &url, now_s };
    let (way, other) = Way::of(&desk.webhook);
    let right = asking.post(&way, &desk.webhook_secret).await;
    let reading = right.as_ref().ok().map(read);
    let instead = match reading {
        Some(Reading::Ours { status: 401, .. } | Reading::NoSecretSeen) => {
            asking.instead(desk, &way).await
        }
        _ => None,
    };
    for finding in with_the_secret(&right, &url, &Presented { way: &way, instead, called }) {
        report.say(finding.about(&subject));
    }
    if reading.as_ref().is_none_or(|reading| !reading.is_let_in()) {
        let words = "the webhook does not answer as it should, so this proves nothing";
        return report.say(Finding::skip("webhook.secret", "not_asked", words).about(&subject));
    }
    let wrong = asking.post(&way, &WRONG_SECRET.into()).await;
    report.say(with_a_wrong_one(wrong.as_ref().map(read).as_ref()).about(&subject));
    if let Some(other) = other {
        let asked = asking.post(&other, &desk.webhook_secret).await;
        report
            .say(ways::another(&other, called, asked.as_ref().map(read).as_ref()).about(&subject));
    }
    if let Some(previous) = &desk.webhook.previous {
        let asked = asking.post(&way, previous).await;
        report.say(ways::previous(called, asked.as_ref().map(read).as_ref()).about(&subject));
    }
    if let (Ok(answer), false) = (&right, desk.webhook.from.is_empty()) {
        report.say(ways::from(seen_from(answer), called, tag.is_some()).about(&subject));
    }
}

/// Where is asked.
struct Asking<'a> {
    url: &'a Url,
    now_s: i64,
}

impl Asking<'_> {
    async fn post(&self, way: &Way, secret: &SecretString) -> Result<Answer, wire::Trouble> {
        let mut request = http::Request::builder()
            .method(Method::POST)
            .header(header::CONTENT_TYPE, "application/json");
        if let Some((name, value)) = way.carries(secret) {
            request = request.header(name, value);
        }
        wire::request(self.url, request, NO_EVENT, self.now_s).await
    }

    /// What the gateway that answers takes instead of what is set here.
    async fn instead(&self, desk: &DeskSetup, way: &Way) -> Option<Instead> {
        let is_taken = async |way: &Way, secret| {
            let asked = self.post(way, secret).await;
            asked.is_ok_and(|answer| read(&answer).is_let_in())
        };
        if *way != Way::Bearer && is_taken(&Way::Bearer, &desk.webhook_secret).await {
            return Some(Instead::Bearer);
        }
        match &desk.webhook.previous {
            Some(previous) if is_taken(way, previous).await => Some(Instead::Previous),
            Some(_) | None => None,
        }
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

fn with_the_secret(
    asked: &Result<Answer, wire::Trouble>,
    url: &Url,
    presented: &Presented<'_>,
) -> Vec<Finding> {
    const CHECK: &str = "webhook.answers";
    match asked {
        Err(trouble) => {
            let fix = trouble.fix_of_public_url(presented.called, |public_url| {
                format!(
                    "let {public_url} lead to Warmline from everywhere that ServiceNow calls from; its \
                     certificate must be one that everybody trusts"
                )
            });
            vec![Finding::fail(CHECK, trouble.code(), trouble.to_string()).fix(fix)]
        }
        Ok(answer) => {
            vec![judged(&read(answer), url, presented), time(answer.took)]
        }
    }
}

/// The answer to a body that is no event, with the right secret.
fn judged(reading: &Reading, url: &Url, presented: &Presented<'_>) -> Finding {
    const CHECK: &str = "webhook.answers";
    let fail = |code, words: String, fix: &str| Finding::fail(CHECK, code, words).fix(fix);
    let (path, called) = (url.path(), presented.called);
    let public_url = called.setting("public_url");
    match reading {
        _ if reading.is_let_in() => {
            let words = format!(
                "Warmline answers at {}, and takes the secret {}",
                &url[..url::Position::AfterPath],
                presented.way.called(called)
            );
            Finding::ok(CHECK, "ours", words)
        }
        Reading::Ours { status: 401, .. } | Reading::NoSecretSeen => {
            ways::refused(presented, *reading == Reading::NoSecretSeen)
        }
        Reading::Ours { status: 404, code } if code == "no_such_route" => fail(
            "other_path",
            format!("Warmline is reached, but not under {path}"),
            &format!(
                "set the proxy before Warmline to pass paths on unchanged, or put the prefix that it \
                 takes away into {public_url}"
            ),
        ),
        Reading::Ours { status, code } => fail(
            "not_ready",
            format!("what answers refuses with {status} {code}"),
            &format!("see the gateway's log; if it is no Warmline, correct {public_url}"),
        ),
        Reading::Redirect { to } => fail(
            "redirected",
            format!("callers are sent on to {to}, and ServiceNow does not follow"),
            &format!("set {public_url} to the address itself, with https"),
        ),
        Reading::NobodyBehind { status } => fail(
            "nobody_behind",
            format!("a proxy answers {status}: it does not reach Warmline"),
            &format!("point the proxy to {} and start the gateway", called.setting("listen")),
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
            &format!("correct {public_url}, or the proxy that stands there"),
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
mod tests;
