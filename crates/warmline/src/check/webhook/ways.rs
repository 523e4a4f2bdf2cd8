//! The ways in which a desk's instance may present its secret, and what is wrong with one of them.

use std::net::IpAddr;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gateway::WebhookRules;
use http::{HeaderName, HeaderValue, header};
use outbound::addresses::is_public;
use secrecy::{ExposeSecret, SecretString};

use super::{Finding, Reading, wire::Trouble};
use crate::config::Called;

/// A way to present a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// `Authorization: Bearer`.
    Bearer,
    /// As the password of this user.
    Basic { user: String },
    /// Alone in this header.
    Header { name: HeaderName },
}

/// What a gateway takes that does not take what is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instead {
    /// The same secret as a bearer credential.
    Bearer,
    /// The secret of before.
    Previous,
}

/// How a secret was presented that is set here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Presented<'a> {
    /// The way that is set.
    pub(super) way: &'a Way,
    /// What is taken instead, if that was tried and found.
    pub(super) instead: Option<Instead>,
    /// What the desk's settings are called.
    pub(super) called: Called<'a>,
}

impl Way {
    /// The way that the instance is taken to come, which is one that was set, else the usual one; and
    /// the others that were set.
    pub(super) fn of(rules: &WebhookRules) -> (Self, Option<Self>) {
        let header = rules.header.clone().map(|name| Self::Header { name });
        let basic = rules.user.clone().map(|user| Self::Basic { user });
        match (header, basic) {
            // Whoever set one has `Authorization` taken away on the way.
            (Some(header), basic) => (header, basic),
            (None, Some(basic)) => (basic, None),
            (None, None) => (Self::Bearer, None),
        }
    }

    /// What it puts into a request; nothing for a secret that no header can carry.
    pub(super) fn carries(&self, secret: &SecretString) -> Option<(HeaderName, HeaderValue)> {
        let secret = secret.expose_secret();
        let (name, value) = match self {
            Self::Bearer => (header::AUTHORIZATION, format!("Bearer {secret}")),
            Self::Basic { user } => {
                let value = format!("Basic {}", STANDARD.encode(format!("{user}:{secret}")));
                (header::AUTHORIZATION, value)
            }
            Self::Header { name } => (name.clone(), secret.to_owned()),
        };
        let mut value = HeaderValue::from_str(&value).ok()?;
        value.set_sensitive(true);
        Some((name, value))
    }

    pub(super) fn called(&self, called: Called<'_>) -> String {
        match self {
            Self::Bearer => "as a bearer credential".to_owned(),
            Self::Basic { .. } => {
                format!("with the user name of {} (Basic)", called.setting("desk.webhook_user"))
            }
            Self::Header { name } => format!("in the header {name}"),
        }
    }

    /// The header that has to come through.
    fn name(&self) -> &str {
        match self {
            Self::Bearer | Self::Basic { .. } => "Authorization",
            Self::Header { name } => name.as_str(),
        }
    }

    /// The setting without which the secret would be presented in another way.
    fn setting(&self, called: Called<'_>) -> String {
        called.setting(match self {
            Self::Bearer => "desk.webhook_secret",
            Self::Basic { .. } => "desk.webhook_user",
            Self::Header { .. } => "desk.webhook_header",
        })
    }
}

/// Warmline does not take the secret in the way that is set.
pub(super) fn refused(presented: &Presented<'_>, unseen: bool) -> Finding {
    let Presented { way, instead, called: names } = *presented;
    let fail =
        |code, words: String, fix: String| Finding::fail("webhook.answers", code, words).fix(fix);
    let (called, setting, name) = (way.called(names), way.setting(names), way.name());
    let secret = names.setting("desk.webhook_secret");
    match instead {
        Some(Instead::Bearer) => fail(
            "other_way",
            format!(
                "the gateway that answers takes the secret as a bearer credential, not {called}"
            ),
            format!(
                "start or reload the gateway (kill -HUP) with the {setting} that is set here; if it \
                 has it, let the proxy before it pass {name} on as it comes"
            ),
        ),
        Some(Instead::Previous) => fail(
            "secret_of_before",
            format!(
                "the gateway that answers takes {} and not {secret}",
                names.setting("desk.webhook_secret_previous")
            ),
            "reload the gateway (kill -HUP), so that it takes both secrets that are set here"
                .to_owned(),
        ),
        None if unseen => fail(
            "secret_stripped",
            format!("Warmline is reached, but the header {name} is lost on the way"),
            match way {
                Way::Header { .. } => format!(
                    "set the proxy before Warmline to pass the header {name} on; if it does, reload \
                     the gateway (kill -HUP) with the {setting} that is set here"
                ),
                Way::Bearer | Way::Basic { .. } => format!(
                    "set the proxy before Warmline to pass the header {name} on, or have ServiceNow \
                     present the secret in a header of its own: {}",
                    names.setting("desk.webhook_header")
                ),
            },
        ),
        None => fail(
            "other_secret",
            format!("the gateway that answers has another webhook secret, presented {called}"),
            match way {
                Way::Bearer => String::new(),
                Way::Basic { .. } | Way::Header { .. } => {
                    format!("see that {setting} is its own; ")
                }
            } + &format!(
                "start the gateway with the {secret} that is set here, or look whether another Warmline \
                 answers at {}",
                names.setting("public_url")
            ),
        ),
    }
}

/// The answer to the secret in another way that is set.
pub(super) fn another(
    way: &Way,
    names: Called<'_>,
    reading: Result<&Reading, &&Trouble>,
) -> Finding {
    const CHECK: &str = "webhook.basic";
    let called = way.called(names);
    match reading {
        Ok(reading) if reading.is_let_in() => {
            Finding::ok(CHECK, "taken", format!("the secret is taken {called} as well"))
        }
        Err(trouble) => Finding::warn(CHECK, trouble.code(), trouble.to_string()),
        Ok(_) => Finding::warn(CHECK, "refused", format!("the secret is not taken {called}")).fix(
            format!(
                "reload the gateway (kill -HUP) with the {} that is set here; a proxy that keeps {} \
                 for itself is no trouble if ServiceNow uses the header",
                way.setting(names),
                way.name()
            ),
        ),
    }
}

/// The answer to the secret of before.
pub(super) fn previous(called: Called<'_>, reading: Result<&Reading, &&Trouble>) -> Finding {
    const CHECK: &str = "webhook.previous";
    match reading {
        Ok(reading) if reading.is_let_in() => {
            let words =
                "the secret of before is taken as well, while ServiceNow is given the new one";
            Finding::ok(CHECK, "taken", words)
        }
        Err(trouble) => Finding::warn(CHECK, trouble.code(), trouble.to_string()),
        Ok(_) => {
            let words = format!(
                "the secret of before ({}) is not taken: callbacks fail until ServiceNow presents the \
                 new one",
                called.setting("desk.webhook_secret_previous")
            );
            Finding::fail(CHECK, "refused", words)
                .fix("reload the gateway (kill -HUP), so that it takes both secrets")
        }
    }
}

/// Where Warmline saw a request come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// From where callbacks are taken.
    Listed,
    /// From elsewhere.
    Elsewhere(IpAddr),
    /// It cannot tell.
    Unknown,
}

/// What there is to say of where callbacks may come from.
pub(super) fn from(seen: Seen, called: Called<'_>, by_stand_in: bool) -> Finding {
    const CHECK: &str = "webhook.from";
    let list = called.setting("desk.webhook_from");
    let proxies = format!(
        "name the networks of the proxies before Warmline in {}, and in {} the header that they write; \
         ServiceNow's calls come the same way",
        called.setting("trusted_proxies"),
        called.setting("proxy_header")
    );
    match seen {
        _ if by_stand_in => {
            let words = "no gateway runs, and a stand-in does not see where calls come from";
            Finding::skip(CHECK, "not_asked", words)
        }
        Seen::Unknown => {
            let words = format!(
                "callbacks are taken from {list} only, and Warmline cannot tell where this one came from"
            );
            Finding::fail(CHECK, "unknown_address", words).fix(proxies)
        }
        Seen::Elsewhere(from) if !is_public(from) => {
            let words = format!(
                "callbacks are taken from {list} only, and Warmline saw this one come from \
                 {from}, which is of a private network: a proxy's?"
            );
            Finding::warn(CHECK, "looks_like_a_proxy", words).fix(proxies)
        }
        Seen::Elsewhere(from) => {
            let words = format!(
                "callbacks are taken from {list} only, and not from here ({from}); whether the \
                 instance's addresses are among them, only a callback shows"
            );
            Finding::ok(CHECK, "not_from_here", words)
        }
        Seen::Listed => {
            let words = format!(
                "callbacks are taken from {list} only, and this machine is among them; whether the \
                 instance is, only a callback shows"
            );
            Finding::ok(CHECK, "from_here", words)
        }
    }
}
