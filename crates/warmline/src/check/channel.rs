//! Azure Bot Service: whether the login gives us a token for its channels, whether what proves its
//! calls can be had, and whether its calls find the way to Warmline.
//!
//! Nothing is sent to a channel, and no activity is taken: the way in is tried without a token, and
//! with one that nobody gave.

use std::time::{Duration, Instant};

use gateway::{
    BotSetup, Certificate, ChannelSetup, ChannelVerifier, ChannelVerifyConfig, Clock, Connector,
    Secret,
};
use http::{HeaderMap, Method, header};
use jiff::fmt::rfc2822::DateTimeParser;
use serde_json::Value;
use url::{Host, Url};

use super::{
    clock,
    finding::{Finding, Subject},
    instance::EXPIRY_SEEN_DAYS,
    report::Report,
    stand_in::Tag,
    webhook::{Reading, address, read},
    wire::{self, Answer, Trouble},
};

/// For a token.
const TOKEN_WITHIN: Duration = Duration::from_secs(10);

/// Seconds in a day.
const DAY_S: i64 = 24 * 3_600;

/// Where Azure Bot Service calls.
const MESSAGES_PATH: &str = "/api/messages";

/// What nobody keeps: should something take it without a token, nothing is begun by it.
const TYPING: &str = r#"{"type":"typing","id":"warmline-check","channelId":"warmline-check","serviceUrl":"https://warmline.invalid/","from":{"id":"warmline-check"},"recipient":{"id":"warmline-check"},"conversation":{"id":"warmline-check"}}"#;

/// A token that nobody gave.
const NO_TOKEN: &str = "Bearer warmline-check-presents-no-token";

/// The channel that most installations are for.
const TEAMS: &str = "msteams";

/// Looks at what Warmline needs of Azure, and at its clock.
pub(super) async fn check(bot: &BotSetup, now_s: i64, report: &mut Report) {
    let Some(setup) = &bot.channel else { return };
    let subject = Subject::of_bot(bot);
    let mut say = |finding: Finding| report.say(finding.about(&subject));
    if let Secret::Certificate(certificate) = &setup.connector.registration.secret {
        say(ends(certificate, now_s));
    }
    say(token(setup).await);
    let asked_ms = Clock::System.now().0;
    let began = Instant::now();
    let metadata = metadata(&setup.verify, now_s).await;
    say(their_clock(metadata.as_ref().ok(), asked_ms, began.elapsed()));
    say(issuer(metadata.as_ref(), &setup.verify));
    say(keys(metadata.as_ref().ok(), &setup.verify, now_s).await);
}

/// Whether the certificate still is one.
fn ends(certificate: &Certificate, now_s: i64) -> Finding {
    const CHECK: &str = "channel.certificate";
    let ends_s = i64::try_from(certificate.ends_at()).unwrap_or(i64::MAX);
    let days = (ends_s - now_s).div_euclid(DAY_S);
    let fix = "make another, upload it to the registration in Entra, and set \
               WARMLINE_APP_CERTIFICATE_FILE and WARMLINE_APP_CERTIFICATE_KEY to it";
    if days < 0 {
        let words = format!("the registration's certificate ended {} days ago", -days);
        Finding::fail(CHECK, "expired", words).fix(fix)
    } else if days < EXPIRY_SEEN_DAYS {
        let words = format!("the registration's certificate ends in {days} days");
        Finding::warn(CHECK, "ends_soon", words).fix(fix)
    } else {
        let words = format!(
            "the registration's certificate {} is good for {days} days",
            certificate.print()
        );
        Finding::ok(CHECK, "good", words)
    }
}

/// Whether Entra gives a token for the channels.
async fn token(setup: &ChannelSetup) -> Finding {
    const CHECK: &str = "channel.token";
    let connector = match Connector::new(setup.connector.clone()) {
        Ok(connector) => connector,
        Err(error) => return Finding::fail(CHECK, error.code(), error.to_string()),
    };
    match connector.examine_token(TOKEN_WITHIN).await {
        Ok(()) => Finding::ok(CHECK, "granted", "the login gives a token for the channels"),
        Err(error) => Finding::fail(CHECK, error.code(), error.to_string())
            .fix("see docs/teams.md for the number; the registration is in the Entra portal"),
    }
}

/// What the channels publish about their tokens.
struct Metadata {
    date_ms: Option<i64>,
    issuer: Option<String>,
    keys: Option<Url>,
}

async fn metadata(verify: &ChannelVerifyConfig, now_s: i64) -> Result<Metadata, String> {
    let url = Url::parse(&verify.metadata.to_string()).map_err(|error| error.to_string())?;
    let answer = get(&url, now_s).await.map_err(|trouble| trouble.to_string())?;
    if !answer.status.is_success() {
        return Err(format!("it answers {}", answer.status.as_u16()));
    }
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = |name: &str| said[name].as_str().map(str::to_owned);
    Ok(Metadata {
        date_ms: date_ms(&answer.headers),
        issuer: text("issuer"),
        keys: text("jwks_uri").and_then(|uri| Url::parse(&uri).ok()),
    })
}

async fn get(url: &Url, now_s: i64) -> Result<Answer, Trouble> {
    let request =
        http::Request::builder().method(Method::GET).header(header::ACCEPT, "application/json");
    wire::request(url, request, "", now_s).await
}

/// The sender's clock.
fn date_ms(headers: &HeaderMap) -> Option<i64> {
    let date = headers.get(header::DATE)?.to_str().ok()?;
    DateTimeParser::new().parse_timestamp(date).ok().map(|date| date.as_millisecond())
}

fn their_clock(metadata: Option<&Metadata>, asked_ms: i64, took: Duration) -> Finding {
    const CHECK: &str = "channel.clock";
    let Some(theirs) = metadata.and_then(|metadata| metadata.date_ms) else {
        let words = "the channels' metadata did not come, so their clock is not known";
        return Finding::skip(CHECK, "unknown", words);
    };
    let breaks = "tokens of the channels are taken with 5 minutes' grace, and so are ours";
    clock::Other { check: CHECK, whose: "Azure's", breaks }.judged(theirs, asked_ms, took)
}

/// Whether the tokens that come will be from whom they are expected.
fn issuer(metadata: Result<&Metadata, &String>, verify: &ChannelVerifyConfig) -> Finding {
    const CHECK: &str = "channel.issuer";
    let fix = "let WARMLINE_CLOUD be the Azure Bot's cloud, and take \
               ToBotFromChannelTokenIssuer and ToBotFromChannelOpenIdMetadataUrl away unless they \
               are a pair";
    match metadata.map(|metadata| metadata.issuer.as_deref()) {
        Err(reason) => {
            let host = verify.metadata.host().unwrap_or_default();
            let words = format!("the channels' metadata cannot be fetched from {host}: {reason}");
            Finding::fail(CHECK, "unavailable", words).fix(
                "let this machine reach that host on port 443, or set WARMLINE_CLOUD to the \
                 Azure Bot's cloud",
            )
        }
        Ok(Some(issuer)) if issuer == verify.issuer => {
            Finding::ok(CHECK, "same", format!("tokens of the channels are from {issuer}"))
        }
        Ok(Some(issuer)) => {
            let words = format!(
                "tokens of the channels will be from {issuer}, and {} is expected",
                verify.issuer
            );
            Finding::fail(CHECK, "another", words).fix(fix)
        }
        Ok(None) => {
            let words = "what answers as the channels' metadata names no issuer";
            Finding::fail(CHECK, "no_metadata", words).fix(fix)
        }
    }
}

/// Whether the keys can be had by which the channels' tokens are proven, as the gateway has them,
/// and for which channels they are good.
async fn keys(metadata: Option<&Metadata>, verify: &ChannelVerifyConfig, now_s: i64) -> Finding {
    const CHECK: &str = "channel.keys";
    let verifier = match ChannelVerifier::new(verify.clone()) {
        Ok(verifier) => verifier,
        Err(error) => return Finding::fail(CHECK, error.code(), error.to_string()),
    };
    let count = match verifier.examine_keys().await {
        Ok(count) => count,
        Err(reason) => {
            let words = format!("the channels' keys cannot be fetched: {reason}");
            return Finding::fail(CHECK, "unavailable", words)
                .fix("let this machine reach the hosts of Azure Bot Service on port 443");
        }
    };
    let words = format!("the channels publish {count} key(s) for tokens");
    let address = metadata.and_then(|metadata| metadata.keys.as_ref());
    let set: Value = match address {
        Some(address) => get(address, now_s)
            .await
            .map_or(Value::Null, |answer| serde_json::from_slice(&answer.body).unwrap_or_default()),
        None => Value::Null,
    };
    if is_for_teams(&set) {
        Finding::ok(CHECK, "fetched", words)
    } else {
        let words = format!("{words}, none of them for Teams");
        Finding::warn(CHECK, "not_for_teams", words)
            .fix("for users in Teams let WARMLINE_CLOUD be the Azure Bot's cloud")
    }
}

/// A key without endorsements is good for every channel; a set that cannot be read is no reason to
/// doubt.
fn is_for_teams(set: &Value) -> bool {
    let Some(keys) = set["keys"].as_array() else { return true };
    keys.is_empty()
        || keys.iter().any(|key| match key["endorsements"].as_array() {
            None => true,
            Some(channels) => {
                channels.is_empty() || channels.iter().any(|channel| channel == TEAMS)
            }
        })
}

/// There is no public URL.
pub(super) fn without_a_way_in(bot: &BotSetup, report: &mut Report) {
    if bot.channel.is_none() {
        return;
    }
    let words = "WARMLINE_PUBLIC_URL is not set, so Azure Bot Service cannot be told where to call";
    let fix = "set it to the https address that leads to this gateway, and the Azure Bot's messaging \
               endpoint to it with /api/messages behind it";
    let finding = Finding::fail("channel.address", "no_public_url", words).fix(fix);
    report.say(finding.about(&Subject::of_bot(bot)));
}

/// Looks at the way in, as Azure Bot Service comes.
pub(super) async fn way_in(
    bot: &BotSetup,
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
    report.say(reached(public).about(&subject));
    let Some(url) = address(public, MESSAGES_PATH, tag) else {
        let words = "WARMLINE_PUBLIC_URL makes no address";
        return report.say(Finding::fail(CHECK, "no_address", words).about(&subject));
    };
    let without = post(&url, None, now_s).await;
    let mut finding = judged(&without, &url);
    if finding.code == "ours" {
        let with = post(&url, Some(NO_TOKEN), now_s).await;
        if let Some(lost) = on_the_way(&with) {
            finding = lost;
        }
    }
    report.say(finding.about(&subject));
}

/// Whether somebody outside could call there at all.
fn reached(public: &Url) -> Finding {
    const CHECK: &str = "channel.address";
    let fix = "set WARMLINE_PUBLIC_URL to the https address that everybody reaches, or to a tunnel's \
               for a trial";
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

/// The answer to somebody without a token.
fn judged(asked: &Result<Answer, Trouble>, url: &Url) -> Finding {
    const CHECK: &str = "channel.answers";
    let fail = |code, words: String, fix: &str| Finding::fail(CHECK, code, words).fix(fix);
    let path = url.path();
    let answer = match asked {
        Ok(answer) => answer,
        Err(trouble) => {
            let fix = "let WARMLINE_PUBLIC_URL lead to Warmline from everywhere that Azure Bot \
                       Service calls from; its certificate must be one that everybody trusts";
            return fail(trouble.code(), trouble.to_string(), fix);
        }
    };
    match read(answer) {
        Reading::NoSecretSeen | Reading::Ours { status: 401, .. } => {
            let words = format!("Warmline answers at {}", &url[..url::Position::AfterPath]);
            Finding::ok(CHECK, "ours", words)
        }
        Reading::Ours { status: 404, code } if code == "no_such_route" => fail(
            "other_path",
            format!("Warmline is reached, but not under {path}"),
            "set the proxy before Warmline to pass paths on unchanged, or put the prefix that it \
             takes away into WARMLINE_PUBLIC_URL; start the gateway with the settings of here",
        ),
        Reading::Ours { status: 403, code } => fail(
            "closed",
            format!("the gateway that answers has {path} closed ({code})"),
            "start the gateway with the MicrosoftAppId and MicrosoftAppPassword that are set here",
        ),
        Reading::Ours { status, code } => fail(
            "not_ready",
            format!("what answers refuses with {status} {code}"),
            "see the gateway's log; if it is no Warmline, correct WARMLINE_PUBLIC_URL",
        ),
        Reading::Redirect { to } => fail(
            "redirected",
            format!("callers are sent on to {to}, and Azure Bot Service does not follow"),
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
            &format!("let the proxy pass {MESSAGES_PATH} to Warmline without a log-in"),
        ),
        Reading::Foreign { status: 200..=299 } => fail(
            "takes_anything",
            format!("what answers at {path} takes activities without a token, and is not Warmline"),
            "if that is the bot itself, let WARMLINE_PUBLIC_URL and the Azure Bot's messaging \
             endpoint lead to Warmline, which stands in front of it",
        ),
        Reading::Foreign { status } => fail(
            "another_service",
            format!("something answers {status} that is not Warmline"),
            "correct WARMLINE_PUBLIC_URL, or the proxy that stands there; a bot behind belongs into \
             BOT_ENDPOINT",
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
