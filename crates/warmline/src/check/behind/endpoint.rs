//! Whether a bot takes posts at the path that is set, asked without anything that a bot would act on.
//!
//! A body that is no JSON is refused by every SDK, but Express reads bodies before it looks at the
//! path, and then refuses it at any. So where something was refused, the server is asked which
//! methods the path has (OPTIONS, which reaches no bot), and only where it knows none is it sent JSON:
//! an empty list, which no SDK takes for an activity. `{}` would not do: `botbuilder` for JavaScript
//! throws at it outside of what it catches, and the bot's process ends; an empty `type` is a turn for
//! `BotFrameworkAdapter` in Python. Last, a path beside it that no bot has shows whether the server
//! tells paths apart at all.

use http::{HeaderMap, Method, StatusCode, header};
use url::Url;

use super::app_ids;
use crate::{
    check::{
        finding::Finding,
        wire::{self, Answer, Trouble},
    },
    config::Called,
};

const CHECK: &str = "bot.answers";

/// No activity, whatever reads it: it is refused before anybody acts on it.
const NO_ACTIVITY: &str = "no activity";

/// The same for what takes JSON only. It is sent where the server says that it has no such path.
const NOTHING: &str = "[]";

/// The last part of a path that no bot has.
const NO_PATH: &str = "warmline-check-no-such-path";

/// What is asked, and where.
struct Endpoint<'a> {
    url: &'a Url,
    /// The bot runs without an app id, so it wants no token.
    anonymous: bool,
    called: Called<'a>,
    now_s: i64,
}

/// Whether a bot that takes posts is at this path.
pub(super) async fn answers(url: &Url, anonymous: bool, called: Called<'_>, now_s: i64) -> Finding {
    let endpoint = Endpoint { url, anonymous, called, now_s };
    endpoint.looked_at().await.unwrap_or_else(|finding| *finding)
}

impl Endpoint<'_> {
    /// What is found; as an error what settles it before everything was asked.
    async fn looked_at(&self) -> Result<Finding, Box<Finding>> {
        let mut status = self.posted(self.url, NO_ACTIVITY).await?;
        let mut body = NO_ACTIVITY;
        let beside = beside(self.url);
        let options = self.ask(Method::OPTIONS, self.url, "").await;
        if options.as_ref().is_ok_and(takes_posts) {
            let elsewhere = self.ask(Method::OPTIONS, &beside, "").await;
            if elsewhere.is_ok_and(|elsewhere| !takes_posts(&elsewhere)) {
                return Ok(self.well(status, "the server names POST for it"));
            }
        } else if options.is_ok_and(|answer| answer.status == StatusCode::NOT_FOUND) {
            body = NOTHING;
            status = self.posted(self.url, body).await?;
        }
        let elsewhere = self.ask(Method::POST, &beside, body).await;
        Ok(match elsewhere.map(|answer| answer.status) {
            Ok(StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) => {
                self.well(status, "a path beside it is not there")
            }
            Ok(elsewhere) => self.unsettled(status, &format!("answered {elsewhere}")),
            Err(_) => self.unsettled(status, "not answered"),
        })
    }

    /// Posts a body that is no activity; gives back the status of a refusal that may be the bot's.
    async fn posted(&self, url: &Url, body: &str) -> Result<StatusCode, Box<Finding>> {
        let asked = self.ask(Method::POST, url, body).await;
        judged(asked, self.url.path(), self.called, self.anonymous)
    }

    async fn ask(&self, method: Method, url: &Url, body: &str) -> Result<Answer, Trouble> {
        let request = http::Request::builder()
            .method(method)
            .header(header::CONTENT_TYPE, "application/json");
        wire::request(url, request, body, self.now_s).await
    }

    fn well(&self, status: StatusCode, why: &str) -> Finding {
        let (path, status) = (self.url.path(), status.as_u16());
        let words = format!("{path} takes posts ({why}; what is no activity is answered {status})");
        Finding::ok(CHECK, "takes_posts", words)
    }

    fn unsettled(&self, status: StatusCode, elsewhere: &str) -> Finding {
        let (path, way) = (self.url.path(), self.called.setting("bot.endpoint"));
        let words = format!(
            "whether {path} is the bot's path cannot be told without a turn: what is no activity is \
             answered {} there, and a path that no bot has is {elsewhere}",
            status.as_u16()
        );
        Finding::warn(CHECK, "unsettled", words).fix(format!(
            "compare {way} with the bot's messaging endpoint, and say a word to the bot after the start"
        ))
    }
}

/// A path beside this one that no bot has; what follows the path stays, since it may be a key.
fn beside(url: &Url) -> Url {
    let mut beside = url.clone();
    let (folder, _) = url.path().rsplit_once('/').unwrap_or_default();
    beside.set_path(&format!("{folder}/{NO_PATH}"));
    beside
}

/// Whether a server names POST among the methods of a path.
fn takes_posts(answer: &Answer) -> bool {
    let named = answer.headers.get_all(header::ALLOW).iter();
    let named = named.filter_map(|value| value.to_str().ok());
    named.flat_map(|value| value.split(',')).any(|method| method.trim() == "POST")
}

fn is_page(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.contains("html"))
}

/// What an answer to a body that is no activity settles; otherwise its status, a refusal that may be
/// the bot's own.
fn judged(
    asked: Result<Answer, Trouble>,
    path: &str,
    called: Called<'_>,
    anonymous: bool,
) -> Result<StatusCode, Box<Finding>> {
    let fail =
        |code, words: String, fix: &str| Err(Box::new(Finding::fail(CHECK, code, words).fix(fix)));
    let way = called.setting("bot.endpoint");
    let by_convention = format!(
        "set {way} to the bot's messaging endpoint; by convention it ends with /api/messages"
    );
    let answer = match asked {
        Ok(answer) => answer,
        Err(trouble) => {
            let fix = "see the bot's log: it takes connections and does not answer";
            return fail(trouble.code(), trouble.to_string(), fix);
        }
    };
    let status = answer.status.as_u16();
    match answer.status {
        StatusCode::NOT_FOUND => {
            fail("not_found", format!("nothing is at {path} (404)"), &by_convention)
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            fail("method_not_allowed", format!("{path} takes no posts (405)"), &by_convention)
        }
        _ if answer.status.is_redirection() => fail(
            "redirected",
            format!("{path} leads elsewhere ({status}), and posts do not follow"),
            &format!("set {way} to the address where the bot is"),
        ),
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            fail(
                "nobody_behind",
                format!("a proxy answers {status}: it does not reach the bot"),
                "start the bot, or point the proxy before it to it",
            )
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if anonymous => fail(
            "wants_token",
            format!("the bot wants a token ({status}), so it runs with an app id"),
            &format!("{}, or run the bot without an app id", app_ids(called)),
        ),
        _ if answer.status.is_success() && is_page(&answer.headers) => fail(
            "a_page",
            format!("a page for people answers at {path} ({status})"),
            &format!("set {way} to the bot's messaging endpoint, past any log-in or notice"),
        ),
        _ if answer.status.is_success() => {
            let words = format!("{path} takes what is no activity ({status}): is it a bot?");
            let finding = Finding::warn(CHECK, "takes_anything", words);
            Err(Box::new(finding.fix(format!("compare {way} with the bot's messaging endpoint"))))
        }
        // 400, 401, 415, 422, also 500: what reads bodies refuses this one, and it may do so before
        // it looks at the path.
        _ => Ok(answer.status),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;

    #[test]
    fn what_is_at_the_endpoint_is_told_from_a_bot() {
        let page = "text/html; charset=utf-8";
        for (status, kind, anonymous, code) in [
            (400, "text/plain", true, None),
            (400, "application/json", false, None),
            (401, "application/json", false, None),
            (401, "application/json", true, Some("wants_token")),
            (415, "text/plain", false, None),
            (500, page, true, None),
            (404, page, true, Some("not_found")),
            (405, "text/plain", true, Some("method_not_allowed")),
            (301, "text/plain", true, Some("redirected")),
            (502, page, true, Some("nobody_behind")),
            (200, page, true, Some("a_page")),
            (202, "application/json", true, Some("takes_anything")),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
            let status = StatusCode::from_u16(status).unwrap();
            let answer = Answer { status, headers, body: Bytes::new(), took: Duration::ZERO };
            let found = judged(Ok(answer), "/api/messages", Called::by_variables(), anonymous);
            let found = found.map_err(|finding| (finding.code, finding.fix.is_some()));
            assert_eq!(found, code.map_or(Ok(status), |code| Err((code, true))), "{status} {kind}");
        }
    }

    #[test]
    fn the_path_beside_keeps_the_folder_and_what_follows_the_path() {
        for (url, expected) in [
            ("http://bot/api/messages", "http://bot/api/warmline-check-no-such-path"),
            ("http://bot/", "http://bot/warmline-check-no-such-path"),
            ("http://bot/api/messages?code=k", "http://bot/api/warmline-check-no-such-path?code=k"),
        ] {
            assert_eq!(beside(&Url::parse(url).unwrap()).as_str(), expected);
        }
    }
}
