//! The way in, as Azure Bot Service comes: whether it could reach the address, and who answers there.
//!
//! No activity is taken: it is tried without a token, and with one that nobody gave.

use gateway::BotSetup;
use http::{Method, header};
use url::{Host, Url};

use crate::check::{
    finding::{Finding, Subject},
    report::Report,
    stand_in::Tag,
    webhook::{Reading, address, read},
    wire::{self, Answer, Trouble},
};
use crate::config::Called;

/// Where Azure Bot Service calls.
const MESSAGES_PATH: &str = "/api/messages";

/// How Warmline refuses where no registration is set.
const CLOSED: &str = "messages_closed";

/// What nobody keeps: should something take it without a token, nothing is begun by it.
const TYPING: &str = r#"{"type":"typing","id":"warmline-check","channelId":"warmline-check","serviceUrl":"https://warmline.invalid/","from":{"id":"warmline-check"},"recipient":{"id":"warmline-check"},"conversation":{"id":"warmline-check"}}"#;

/// A token that nobody gave.
const NO_TOKEN: &str = "Bearer warmline-check-presents-no-token";

/// There is no public URL.
pub(in crate::check) fn none(bot: &BotSetup, called: Called<'_>, report: &mut Report) {
    if bot.channel.is_none() {
        return;
    }
    let words = format!(
        "{} is not set, so Azure Bot Service cannot be told where to call",
        called.setting("public_url")
    );
    let fix = "set it to the https address that leads to this gateway, and the Azure Bot's messaging \
               endpoint to it with /api/messages behind it";
    let finding = Finding::fail("channel.address", "no_public_url", words).fix(fix);
    report.say(finding.about(&Subject::of_bot(bot)));
}

/// Looks at the way in, as Azure Bot Service comes.
pub(in crate::check) async fn check(
    (bot, called): (&BotSetup, Called<'_>),
    public: &Url,
    tag: Option<&Tag>,
    now_s: i64,
    report: &mut Report,
) {
    const CHECK: &str = "channel.answers";
    if bot.channel.is_none() {
        return;
    }
    let subject = Subject::of_bot(bot);
    report.looks_at(MESSAGES_PATH);
    report.say(reached(public, called).about(&subject));
    let Some(url) = address(public, MESSAGES_PATH, tag) else {
        let words = format!("{} makes no address", called.setting("public_url"));
        return report.say(Finding::fail(CHECK, "no_address", words).about(&subject));
    };
    let without = post(&url, None, now_s).await;
    let mut finding = judged(&without, &url, called);
    if finding.code == "ours" {
        let with = post(&url, Some(NO_TOKEN), now_s).await;
        if let Some(lost) = on_the_way(&with) {
            finding = lost;
        }
    }
    report.say(finding.about(&subject));
}

/// Whether somebody outside could call there at all.
fn reached(public: &Url, called: Called<'_>) -> Finding {
    const CHECK: &str = "channel.address";
    let fix = format!(
        "set {} to the https address that everybody reaches, or to a tunnel's for a trial",
        called.setting("public_url")
    );
    let inside = match public.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Some(Host::Ipv6(ip)) => ip.is_loopback() || ip.is_unique_local(),
        Some(Host::Domain(name)) => {
            !name.contains('.') || [".internal", ".local"].iter().any(|end| name.ends_with(end))
        }
        None => true,
    };
    if public.scheme() != "https" {
        let words = format!("Azure Bot Service calls https addresses only, and not {public}");
        Finding::warn(CHECK, "not_https", words).fix(fix)
    } else if inside {
        let words = format!("Azure Bot Service cannot reach {public}, which is inside");
        Finding::warn(CHECK, "inside", words).fix(fix)
    } else {
        let words = format!(
            "the Azure Bot's messaging endpoint must be {}{MESSAGES_PATH}",
            public.as_str().trim_end_matches('/')
        );
        Finding::ok(CHECK, "public", words)
    }
}

async fn post(url: &Url, authorization: Option<&str>, now_s: i64) -> Result<Answer, Trouble> {
    let mut request = http::Request::builder()
        .method(Method::POST)
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(authorization) = authorization {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    wire::request(url, request, TYPING, now_s).await
}

/// Nobody answered.
fn unreached(trouble: &Trouble, called: Called<'_>) -> Finding {
    let fix = trouble.fix_of_public_url(called, |public_url| {
        format!(
            "let {public_url} lead to Warmline from everywhere that Azure Bot Service calls from; its \
             certificate must be one that everybody trusts"
        )
    });
    Finding::fail("channel.answers", trouble.code(), trouble.to_string()).fix(fix)
}

/// The answer to somebody without a token.
fn judged(asked: &Result<Answer, Trouble>, url: &Url, called: Called<'_>) -> Finding {
    const CHECK: &str = "channel.answers";
    let fail = |code, words: String, fix: &str| Finding::fail(CHECK, code, words).fix(fix);
    let (path, public_url) = (url.path(), called.setting("public_url"));
    let answer = match asked {
        Ok(answer) => answer,
        Err(trouble) => return unreached(trouble, called),
    };
    match read(answer) {
        Reading::NoSecretSeen | Reading::Ours { status: 401, .. } => {
            let words = format!("Warmline answers at {}", &url[..url::Position::AfterPath]);
            Finding::ok(CHECK, "ours", words)
        }
        Reading::Ours { status: 404, code } if code == "no_such_route" => fail(
            "other_path",
            format!("Warmline is reached, but not under {path}"),
            &format!(
                "set the proxy before Warmline to pass paths on unchanged, or put the prefix that it \
                 takes away into {public_url}; start the gateway with the settings of here"
            ),
        ),
        Reading::Ours { status: 404, code } if code == CLOSED => fail(
            "closed",
            format!("the gateway that answers has {path} closed"),
            &format!(
                "start the gateway with the {} and the {} that are set here",
                called.setting("bot.app_id"),
                called.setting("bot.app_password")
            ),
        ),
        Reading::Ours { status, code } => fail(
            "not_ready",
            format!("what answers refuses with {status} {code}"),
            &format!("see the gateway's log; if it is no Warmline, correct {public_url}"),
        ),
        Reading::Redirect { to } => fail(
            "redirected",
            format!("callers are sent on to {to}, and Azure Bot Service does not follow"),
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
            &format!("let the proxy pass {MESSAGES_PATH} to Warmline without a log-in"),
        ),
        Reading::Foreign { status: 200..=299 } => fail(
            "takes_anything",
            format!("what answers at {path} takes activities without a token, and is not Warmline"),
            &format!(
                "if that is the bot itself, let {public_url} and the Azure Bot's messaging endpoint lead \
                 to Warmline, which stands in front of it"
            ),
        ),
        Reading::Foreign { status } => fail(
            "another_service",
            format!("something answers {status} that is not Warmline"),
            &format!(
                "correct {public_url}, or the proxy that stands there; a bot behind belongs into {}",
                called.setting("bot.endpoint")
            ),
        ),
    }
}

/// What the way does to a token.
fn on_the_way(asked: &Result<Answer, Trouble>) -> Option<Finding> {
    const CHECK: &str = "channel.answers";
    match asked.as_ref().map(read) {
        Ok(Reading::Ours { status: 401, .. }) => None,
        Ok(Reading::NoSecretSeen) => {
            let words = "Warmline is reached, but the header Authorization is lost on the way";
            Some(
                Finding::fail(CHECK, "token_stripped", words)
                    .fix("set the proxy before Warmline to pass the header Authorization on"),
            )
        }
        Ok(_) => {
            let words = "a token that nobody gave is answered by somebody else than Warmline";
            Some(Finding::fail(CHECK, "token_looked_at", words).fix(
                "let the proxy before Warmline pass /api/messages on without looking at its token",
            ))
        }
        Err(trouble) => Some(
            Finding::fail(CHECK, trouble.code(), trouble.to_string())
                .fix("run the check again; the address answered a moment ago"),
        ),
    }
}

#[cfg(test)]
mod tests;
