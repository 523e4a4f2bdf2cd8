//! A bot of the team's own: whether it is there, whether we may come to it, and whether its replies
//! find the way back.
//!
//! Nothing of it starts a turn: its endpoint is sent what no bot can read as an activity ([`endpoint`]),
//! and the way back is asked as somebody whom the gateway does not know.

mod endpoint;

use std::time::Duration;

use gateway::{Answers, BehindSetup, BotClient, BotSetup, Credential, Verifier};
use http::Method;
use url::{Host, Url};

use super::{
    certificate::Shown,
    finding::{Finding, Status, Subject},
    instance::EXPIRY_SEEN_DAYS,
    report::Report,
    stand_in::Tag,
    webhook::{Reading, address, read},
    wire::{self, Trouble},
};
use crate::config::Called;

/// For a token.
const TOKEN_WITHIN: Duration = Duration::from_secs(10);

/// Whom the way back is asked about: nobody's conversation.
const WAY_BACK: &str = "/v3/conversations/warmline-check/members";

/// The same for a bot without tokens, under an address that no bot has.
const WAY_BACK_WITHOUT_TOKENS: &str = "/bot/warmline-check/v3/conversations/warmline-check/members";

/// Whether a gateway serves meanwhile.
#[derive(Clone, Copy)]
pub(super) enum Served<'a> {
    /// One does, or stands in and knows our requests by a mark.
    Yes(Option<&'a Tag>),
    /// Nobody is there that could be asked.
    No,
}

/// Looks at the bot itself, and at what stands between.
pub(super) async fn check(bot: &BotSetup, called: Called<'_>, now_s: i64, report: &mut Report) {
    let Some(setup) = &bot.behind else { return };
    let subject = Subject::of_bot(bot);
    report.looks_at("the bot's messaging endpoint");
    if let Ok(endpoint) = Url::parse(&setup.reach.endpoint.to_string()) {
        let connected = connection(&endpoint, setup, called, now_s).await;
        let stands = connected.status != Status::Fail;
        report.say(connected.about(&subject));
        let answers = if stands {
            let anonymous = matches!(setup.reach.credential, Credential::Anonymous);
            endpoint::answers(&endpoint, anonymous, called, now_s).await
        } else {
            Finding::skip("bot.answers", "unreachable", "the bot cannot be reached")
        };
        report.say(answers.about(&subject));
    } else {
        let words = format!("{} makes no address", called.setting("bot.endpoint"));
        report.say(Finding::fail("bot.connection", "no_address", words).about(&subject));
    }
    report.looks_at("Entra, for the bot");
    for finding in [token(setup, called).await, keys(setup).await] {
        report.say(finding.about(&subject));
    }
}

async fn connection(
    endpoint: &Url,
    setup: &BehindSetup,
    called: Called<'_>,
    now_s: i64,
) -> Finding {
    const CHECK: &str = "bot.connection";
    let host = endpoint.host_str().unwrap_or_default();
    let steps = wire::steps(endpoint, now_s, &[], |address| setup.reach.may_be_at(address)).await;
    let connected = match (steps.addresses, steps.connection) {
        (Ok(_), Some(connected)) => connected,
        (Ok(_), None) => Err(Trouble::NoHost),
        (Err(trouble), _) => Err(trouble),
    };
    match connected {
        Err(trouble) => {
            let way = called.setting("bot.endpoint");
            Finding::fail(CHECK, trouble.code(), trouble.to_string()).fix(match trouble.step() {
                "dns" if matches!(trouble, Trouble::LeadsInside { .. }) => {
                    format!("say in {way} where the bot is: localhost or 127.0.0.1 for this machine")
                }
                "dns" => format!("set {way} to a host that this machine's name server knows"),
                "tls" => format!(
                    "give the bot a certificate for this host that this machine trusts, or correct the \
                     host in {way}"
                ),
                _ => format!(
                    "start the bot; see that {way} has its host and port, and that no firewall stands \
                     between"
                ),
            })
        }
        Ok(connection) => match connection.certificate {
            Some(Shown { issuer, days_left, .. }) if days_left < EXPIRY_SEEN_DAYS => {
                let words = format!("{host}: issued by {issuer}, ends in {days_left} days");
                Finding::warn(CHECK, "ends_soon", words).fix("renew the bot's certificate")
            }
            Some(Shown { issuer, days_left, .. }) => {
                let words = format!("{host}: issued by {issuer}, good for {days_left} days");
                Finding::ok(CHECK, "trusted", words)
            }
            None => {
                let words = format!("{host} takes connections, over plain http");
                Finding::ok(CHECK, "plain", words)
            }
        },
    }
}

/// What to set for a bot that has an app id.
fn app_ids(called: Called<'_>) -> String {
    let [bots, ours, secret] = ["bot.endpoint_app_id", "bot.app_id", "bot.app_password"]
        .map(|setting| called.setting(setting));
    format!("set {bots} to the bot's app id, and {ours} and {secret} to Warmline's own")
}

/// Whether Entra gives a token that is made out for the bot.
async fn token(setup: &BehindSetup, called: Called<'_>) -> Finding {
    const CHECK: &str = "bot.token";
    match &setup.reach.credential {
        Credential::Anonymous if setup.reach.is_on_this_machine() => {
            let words = "the bot runs without an app id, on this machine";
            return Finding::skip(CHECK, "without", words);
        }
        Credential::Anonymous => {
            let words = "the bot runs without an app id, so it believes whoever reaches it";
            return Finding::warn(CHECK, "without", words).fix(format!(
                "see that nobody else in that network reaches it; otherwise give it an app id, and {}",
                app_ids(called)
            ));
        }
        Credential::Skill { .. } => {}
    }
    let client = match BotClient::new(setup.reach.clone()) {
        Ok(client) => client,
        Err(error) => return Finding::fail(CHECK, error.code(), error.to_string()),
    };
    match client.examine_token(TOKEN_WITHIN).await {
        Ok(()) => {
            Finding::ok(CHECK, "granted", "the login gives a token that is made out for the bot")
        }
        Err(error) => Finding::fail(CHECK, error.code(), error.to_string())
            .fix("see docs/bot.md for the number; the registration is in the Entra portal"),
    }
}

/// Whether the keys can be had by which the bot's own tokens are proven.
async fn keys(setup: &BehindSetup) -> Finding {
    const CHECK: &str = "bot.keys";
    let Some(verify) = &setup.verify else {
        return Finding::skip(CHECK, "without", "the bot's calls carry no tokens");
    };
    let verifier = match Verifier::new(verify.clone()) {
        Ok(verifier) => verifier,
        Err(error) => return Finding::fail(CHECK, error.code(), error.to_string()),
    };
    match verifier.examine_keys().await {
        Ok(count) => {
            let words = format!("the login publishes {count} key(s) for tokens");
            Finding::ok(CHECK, "fetched", words)
        }
        Err(reason) => {
            let host = verify.metadata.host().unwrap_or_default();
            let words = format!("the keys of {host} cannot be fetched: {reason}");
            Finding::fail(CHECK, "unavailable", words).fix(
                "let this machine reach the login on port 443; for another cloud set \
                 entra_metadata_url and login_url",
            )
        }
    }
}

/// Looks at how the bot's replies come back.
pub(super) async fn way_back(
    (bot, called): (&BotSetup, Called<'_>),
    public: Option<&Url>,
    served: Served<'_>,
    now_s: i64,
    report: &mut Report,
) {
    const CHECK: &str = "bot.replies";
    let Some(setup) = &bot.behind else { return };
    report.looks_at("the way back from the bot");
    let (own_way, public_way) = (called.setting("bot.service_url"), called.setting("public_url"));
    let own = setup.service_url.as_deref().and_then(|url| Url::parse(url).ok());
    let finding = match (setup.answers, own.as_ref().or(public)) {
        (Answers::WithAnswer, _) => {
            Finding::ok(CHECK, "with_answer", "the bot's replies come with its answers")
        }
        (Answers::ByCall, None) if setup.reach.is_on_this_machine() => {
            Finding::ok(CHECK, "this_machine", "the bot is on this machine, and so are its replies")
        }
        (Answers::ByCall, None) => Finding::fail(
            CHECK,
            "no_public_url",
            "the bot is told an address of this machine for its replies, and is not on it",
        )
        .fix(format!("set {public_way}, or {own_way} to how the bot reaches Warmline")),
        (Answers::ByCall, Some(base)) if is_loopback(base) && !setup.reach.is_on_this_machine() => {
            let words =
                format!("the bot is told {base} for its replies, and is not on this machine");
            Finding::fail(CHECK, "loopback", words)
                .fix(format!("set {own_way} to how the bot reaches Warmline"))
        }
        (Answers::ByCall, Some(base)) => match served {
            Served::Yes(tag) => asked_back(setup, base, called, tag, now_s).await,
            Served::No => {
                Finding::skip(CHECK, "not_asked", "no gateway serves that could be asked")
            }
        },
    };
    report.say(finding.about(&Subject::of_bot(bot)));
}

/// Whether Warmline answers where the bot is told to call.
async fn asked_back(
    setup: &BehindSetup,
    base: &Url,
    called: Called<'_>,
    tag: Option<&Tag>,
    now_s: i64,
) -> Finding {
    const CHECK: &str = "bot.replies";
    let path = if setup.verify.is_some() { WAY_BACK } else { WAY_BACK_WITHOUT_TOKENS };
    let Some(url) = address(base, path, tag) else {
        return Finding::fail(CHECK, "no_address", "the address for replies makes none");
    };
    let asked = wire::request(&url, http::Request::builder().method(Method::GET), "", now_s).await;
    // How a bot in a network of its own reaches us, this machine need not know.
    let theirs = setup.service_url.is_some();
    match asked.as_ref().map(read) {
        Ok(Reading::NoSecretSeen) => {
            let words = format!("Warmline answers at {base}, where the bot is told to reply");
            Finding::ok(CHECK, "ours", words)
        }
        Err(trouble) if theirs => {
            Finding::warn(CHECK, trouble.code(), trouble.to_string()).fix(format!(
                "see from the bot's machine whether {} leads to Warmline",
                called.setting("bot.service_url")
            ))
        }
        Err(trouble) => Finding::fail(CHECK, trouble.code(), trouble.to_string()).fix(format!(
            "let {} lead to Warmline from where the bot is",
            called.setting("public_url")
        )),
        Ok(_) => {
            let words = format!("what answers at {base} is not what takes a bot's replies");
            Finding::fail(CHECK, "not_ours", words)
                .fix("let the proxy pass /v3 and /bot to Warmline unchanged, without a log-in")
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
