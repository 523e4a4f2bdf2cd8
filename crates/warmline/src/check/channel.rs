//! Azure Bot Service: whether the login gives us a token for its channels, whether what proves its
//! calls can be had, and ([`way_in`]) whether its calls find the way to Warmline.
//!
//! Nothing is sent to a channel.

pub(super) mod way_in;

use std::time::{Duration, Instant};

use gateway::{
    BotSetup, Certificate, ChannelSetup, ChannelVerifier, ChannelVerifyConfig, Clock, Connector,
    Secret,
};
use http::{HeaderMap, Method, header};
use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};
use serde_json::Value;
use url::Url;

use super::{
    clock,
    finding::{Finding, Subject},
    instance::EXPIRY_SEEN_DAYS,
    report::Report,
    wire::{self, Answer, Trouble},
};
use crate::config::Called;

/// For a token.
const TOKEN_WITHIN: Duration = Duration::from_secs(10);

/// Seconds in a day.
const DAY_S: i64 = 24 * 3_600;

/// The channel that most installations are for.
const TEAMS: &str = "msteams";

/// Looks at what Warmline needs of Azure, and at its clock.
pub(super) async fn check(bot: &BotSetup, called: Called<'_>, now_s: i64, report: &mut Report) {
    let Some(setup) = &bot.channel else { return };
    let subject = Subject::of_bot(bot);
    let mut say = |finding: Finding| report.say(finding.about(&subject));
    if let Secret::Certificate(certificate) = &setup.connector.registration.secret {
        say(ends(certificate, called, now_s));
    }
    say(token(setup).await);
    let asked_ms = Clock::System.now().0;
    let began = Instant::now();
    let metadata = metadata(&setup.verify, now_s).await;
    say(their_clock(metadata.as_ref().ok(), asked_ms, began.elapsed()));
    say(issuer(metadata.as_ref(), &setup.verify, called));
    say(keys(metadata.as_ref().ok(), &setup.verify, called, now_s).await);
}

/// Whether the certificate still is one.
fn ends(certificate: &Certificate, called: Called<'_>, now_s: i64) -> Finding {
    const CHECK: &str = "channel.certificate";
    let ends_s = i64::try_from(certificate.ends_at()).unwrap_or(i64::MAX);
    let days = (ends_s - now_s).div_euclid(DAY_S);
    let fix = format!(
        "make another, upload it to the registration in Entra, and set {} and {} to it",
        called.setting("bot.app_certificate_file"),
        called.setting("bot.app_certificate_key")
    );
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
    DateTimeParser::new().parse_timestamp(date).ok().map(Timestamp::as_millisecond)
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
fn issuer(
    metadata: Result<&Metadata, &String>,
    verify: &ChannelVerifyConfig,
    called: Called<'_>,
) -> Finding {
    const CHECK: &str = "channel.issuer";
    let cloud = called.setting("bot.cloud");
    let fix = format!(
        "let {cloud} be the Azure Bot's cloud, and take {} and {} away unless they are a pair",
        called.setting("bot.channel_token_issuer"),
        called.setting("bot.channel_metadata_url")
    );
    match metadata.map(|metadata| metadata.issuer.as_deref()) {
        Err(reason) => {
            let host = verify.metadata.host().unwrap_or_default();
            let words = format!("the channels' metadata cannot be fetched from {host}: {reason}");
            Finding::fail(CHECK, "unavailable", words).fix(format!(
                "let this machine reach that host on port 443, or set {cloud} to the Azure Bot's cloud"
            ))
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
async fn keys(
    metadata: Option<&Metadata>,
    verify: &ChannelVerifyConfig,
    called: Called<'_>,
    now_s: i64,
) -> Finding {
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
        Finding::warn(CHECK, "not_for_teams", words).fix(format!(
            "for users in Teams let {} be the Azure Bot's cloud",
            called.setting("bot.cloud")
        ))
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

#[cfg(test)]
mod tests;
