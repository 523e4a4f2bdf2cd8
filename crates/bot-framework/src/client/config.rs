//! Where a bot is and how Warmline presents itself to it.

use std::net::IpAddr;

use http::Uri;
use outbound::{Names, Reach};

use crate::login::{Registration, RegistrationError};
use crate::place::place;

/// How to reach the bot behind.
#[derive(Debug, Clone)]
pub struct BotConfig {
    /// Its messaging endpoint, by convention `https://…/api/messages`.
    pub endpoint: Uri,
    /// How Warmline presents itself.
    pub credential: Credential,
}

/// How Warmline presents itself to the bot (reference 3).
#[derive(Debug, Clone)]
pub enum Credential {
    /// Not at all: the bot runs without an app id. On this machine or a private network only.
    Anonymous,
    /// As the parent of a skill: with a token from Entra that was made out for the bot.
    Skill {
        /// Our own registration.
        registration: Registration,
        /// The bot's app id.
        bot_app_id: String,
    },
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BotConfigError {
    /// The endpoint is no address, or has a user in it.
    #[error("BOT_ENDPOINT must be an https URL such as https://bot.example.org/api/messages")]
    NotAnEndpoint,
    /// Plain http would show words, and perhaps a token, to the network.
    #[error(
        "BOT_ENDPOINT must be https; http is for a bot on this machine, or on a private network if \
         it runs without an app id"
    )]
    NotHttps,
    /// A bot that believes everybody, where everybody can reach it.
    #[error(
        "a bot without an app id believes whoever reaches it, so it must be on this machine or a \
         private network; set BOT_APP_ID and the MicrosoftApp variables for a bot elsewhere"
    )]
    AnonymousInPublic,
    /// The registration lacks its id or secret, or the bot's app id is missing.
    #[error("{0} must not be empty")]
    Empty(&'static str),
    /// The token would be made out by ourselves for ourselves.
    #[error(
        "BOT_APP_ID is the same as MicrosoftAppId; a bot takes a skill call only from another \
         registration, so Warmline needs one of its own"
    )]
    SameRegistration,
    /// Not an address that tokens can be fetched from.
    #[error(
        "the login must be an https URL that ends with the tenant, such as \
         https://login.microsoftonline.com/<MicrosoftAppTenantId>; http is for this machine only"
    )]
    NotALogin,
    /// TLS cannot work.
    #[error("this machine has no usable root certificates; install the ca-certificates package")]
    RootCertificates(#[source] std::io::Error),
}

impl BotConfigError {
    /// The stable machine code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAnEndpoint => "not_an_endpoint",
            Self::NotHttps => "not_https",
            Self::AnonymousInPublic => "anonymous_in_public",
            Self::Empty(_) => "empty",
            Self::SameRegistration => "same_registration",
            Self::NotALogin => "not_a_login",
            Self::RootCertificates(_) => "root_certificates",
        }
    }
}

impl BotConfig {
    /// Whether it can be used at all. Connects to nothing.
    pub fn check(&self) -> Result<(), BotConfigError> {
        let (is_https, reach) = place(&self.endpoint).ok_or(BotConfigError::NotAnEndpoint)?;
        match &self.credential {
            Credential::Anonymous if reach == Reach::Public && is_https => {
                Err(BotConfigError::AnonymousInPublic)
            }
            Credential::Anonymous if reach == Reach::Public => Err(BotConfigError::NotHttps),
            Credential::Anonymous => Ok(()),
            Credential::Skill { .. } if !is_https && reach != Reach::ThisMachine => {
                Err(BotConfigError::NotHttps)
            }
            Credential::Skill { registration, bot_app_id } => {
                registration.check()?;
                if bot_app_id.trim().is_empty() {
                    Err(BotConfigError::Empty("BOT_APP_ID"))
                } else if registration.app_id.eq_ignore_ascii_case(bot_app_id) {
                    Err(BotConfigError::SameRegistration)
                } else {
                    Ok(())
                }
            }
        }
    }

    /// Whether nothing of what the bot is sent leaves this machine, judged by the host's name.
    pub fn is_on_this_machine(&self) -> bool {
        place(&self.endpoint).is_some_and(|(_, reach)| reach == Reach::ThisMachine)
    }

    /// Whether the bot's name may lead to this address; to another nothing is sent. An operator wrote
    /// the name, so a private network is as good as any; an address is where it says.
    pub fn may_be_at(&self, address: IpAddr) -> bool {
        let host = self.endpoint.host().unwrap_or_default();
        let is_number = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        is_number || Names::Written.may_lead(host, address)
    }

    pub(super) fn is_as(&self, other: &Self) -> bool {
        let credentials = match (&self.credential, &other.credential) {
            (Credential::Anonymous, Credential::Anonymous) => true,
            (
                Credential::Skill { registration: one, bot_app_id: of_one },
                Credential::Skill { registration: other, bot_app_id: of_other },
            ) => one.is_as(other) && of_one == of_other,
            (Credential::Anonymous, Credential::Skill { .. })
            | (Credential::Skill { .. }, Credential::Anonymous) => false,
        };
        self.endpoint == other.endpoint && credentials
    }
}

impl From<RegistrationError> for BotConfigError {
    fn from(error: RegistrationError) -> Self {
        match error {
            RegistrationError::Empty(name) => Self::Empty(name),
            RegistrationError::NotALogin => Self::NotALogin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGIN: &str = "https://login.microsoftonline.com/tenant";

    fn anonymous(endpoint: &str) -> Result<(), BotConfigError> {
        let credential = Credential::Anonymous;
        BotConfig { endpoint: endpoint.parse().unwrap(), credential }.check()
    }

    fn skill(endpoint: &str, app_id: &str, secret: &str, login: &str, bot: &str) -> BotConfig {
        let registration = Registration {
            app_id: app_id.to_owned(),
            secret: secret.into(),
            login: login.parse().unwrap(),
        };
        let credential = Credential::Skill { registration, bot_app_id: bot.to_owned() };
        BotConfig { endpoint: endpoint.parse().unwrap(), credential }
    }

    fn code(checked: Result<(), BotConfigError>) -> &'static str {
        checked.map_or_else(|error| error.code(), |()| "")
    }

    #[test]
    fn a_bot_without_tokens_is_on_this_machine_or_a_private_network() {
        for (endpoint, expected) in [
            ("http://127.0.0.1:3978/api/messages", ""),
            ("http://localhost:3978/api/messages", ""),
            ("http://bot:3978/api/messages", ""),
            ("http://10.0.0.7/api/messages", ""),
            ("https://bot.corp.internal/api/messages", ""),
            ("http://bot.example.org/api/messages", "not_https"),
            ("https://bot.example.org/api/messages", "anonymous_in_public"),
            ("ftp://127.0.0.1/", "not_an_endpoint"),
            ("/api/messages", "not_an_endpoint"),
            ("http://user@127.0.0.1/api/messages", "not_an_endpoint"),
        ] {
            assert_eq!(code(anonymous(endpoint)), expected, "{endpoint}");
        }
    }

    #[test]
    fn a_token_goes_over_https_or_not_beyond_this_machine() {
        for (endpoint, expected) in [
            ("https://bot.example.org/api/messages?code=1", ""),
            ("http://127.0.0.1:3978/api/messages", ""),
            ("http://bot:3978/api/messages", "not_https"),
            ("http://bot.example.org/api/messages", "not_https"),
        ] {
            let config = skill(endpoint, "gateway", "s", LOGIN, "bot");
            assert_eq!(code(config.check()), expected, "{endpoint}");
        }
    }

    #[test]
    fn a_bot_is_wherever_it_was_written_that_it_is() {
        for (endpoint, address, may) in [
            ("http://10.0.0.5:3978/api/messages", "10.0.0.5", true),
            ("http://bot:3978/api/messages", "172.18.0.3", true),
            ("http://bot:3978/api/messages", "127.0.1.1", true),
            ("http://localhost:3978/api/messages", "127.0.0.1", true),
            ("https://bot.example.org/api/messages", "10.0.0.5", true),
            ("https://bot.example.org/api/messages", "93.184.216.34", true),
            ("https://bot.example.org/api/messages", "127.0.0.1", false),
            ("https://bot.example.org/api/messages", "169.254.169.254", false),
        ] {
            let endpoint = endpoint.parse().unwrap();
            let config = BotConfig { endpoint, credential: Credential::Anonymous };
            assert_eq!(config.may_be_at(address.parse().unwrap()), may, "{config:?} {address}");
        }
    }

    #[test]
    fn a_registration_is_whole_and_not_the_bots() {
        for (app_id, secret, login, bot, expected) in [
            ("gateway", "s", LOGIN, "bot", ""),
            ("gateway", "s", "http://127.0.0.1:1/tenant/", "bot", ""),
            ("", "s", LOGIN, "bot", "empty"),
            ("gateway", " ", LOGIN, "bot", "empty"),
            ("gateway", "s", LOGIN, "", "empty"),
            ("SAME", "s", LOGIN, "same", "same_registration"),
            ("gateway", "s", "https://login.microsoftonline.com", "bot", "not_a_login"),
            ("gateway", "s", "https://login.microsoftonline.com//", "bot", "not_a_login"),
            ("gateway", "s", "https://login.example.org/tenant?a=b", "bot", "not_a_login"),
            ("gateway", "s", "http://login.example.org/tenant", "bot", "not_a_login"),
            ("gateway", "s", "http://login/tenant", "bot", "not_a_login"),
            ("gateway", "s", "/tenant", "bot", "not_a_login"),
        ] {
            let config = skill("https://bot.example.org/", app_id, secret, login, bot);
            assert_eq!(code(config.check()), expected, "{app_id} {secret} {login} {bot}");
        }
    }

    #[test]
    fn a_configuration_is_the_same_if_nothing_in_it_changed() {
        let of = |endpoint, secret, bot| skill(endpoint, "gateway", secret, LOGIN, bot);
        let one = of("https://bot.example.org/", "s", "bot");
        let plain = BotConfig { credential: Credential::Anonymous, ..one.clone() };
        for (other, expected) in [
            (one.clone(), true),
            (of("https://bot.example.org/x", "s", "bot"), false),
            (of("https://bot.example.org/", "other", "bot"), false),
            (of("https://bot.example.org/", "s", "other"), false),
            (plain.clone(), false),
        ] {
            assert_eq!(one.is_as(&other), expected, "{other:?}");
        }
        assert!(plain.is_as(&plain.clone()));
    }

    #[test]
    fn debug_output_of_a_configuration_shows_no_secret() {
        let config = skill("https://bot.example.org/", "gateway", "s3cret", LOGIN, "bot");
        let shown = format!("{config:?}");
        assert!(shown.contains("gateway") && !shown.contains("s3cret"), "{shown}");
    }
}
