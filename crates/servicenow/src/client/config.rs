//! Where an instance is and how to prove who we are.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use outbound::{Names, PrivateHosts, Reach, Said, reach};
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::keeper::{Keeper, RefreshTokenKeeper, TokenWatch, Watch};
use super::names::SettingNames;

/// How long one attempt may take. The instance answers before it works, so ten seconds mean that it
/// is in trouble.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// What the names of instances end in that ServiceNow runs, for governments too.
const SERVICENOWS: [&str; 2] = [".service-now.com", ".servicenowservices.com"];

/// How to reach an instance.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    base: Url,
    /// The OAuth credentials.
    pub credentials: Credentials,
    /// What the credentials are proven by; [`Grant::Password`] unless changed.
    pub grant: Grant,
    /// The secret of hash message auth: every request then says by `x-b2b-signature` whose it is
    /// (reference 7.2).
    pub signature_secret: Option<SecretString>,
    /// Authorities besides the machine's that the instance's certificate may come from, as DER.
    pub authorities: Vec<Vec<u8>>,
    /// Hosts that may be in a private network; what ServiceNow runs is not, unless it is among these.
    pub private_hosts: PrivateHosts,
    /// What the operator calls these settings; the variables unless changed.
    pub names: SettingNames,
    /// The longest that one [`send`](crate::Client::send) may take; 10 s unless changed.
    pub attempt_timeout: Duration,
    pub(crate) keeper: Option<Keeper>,
    pub(crate) watch: Option<Watch>,
}

/// How the first token is asked for (reference 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Grant {
    /// `password`: works on every release. Renewed with the refresh token that comes with it.
    #[default]
    Password,
    /// `client_credentials`: from Washington DC, with the property
    /// `glide.oauth.inbound.client.credential.grant_type.enabled` set and an "OAuth Application
    /// User" on the registry entry. Needs no user name and no password, and no refresh token.
    ClientCredentials,
    /// None: the user's name and password go along with every request (Basic).
    Basic,
}

/// The OAuth credentials of the integration user (reference 7.1).
#[derive(Clone)]
pub struct Credentials {
    /// Of the instance's OAuth entry.
    pub client_id: String,
    /// What proves it.
    pub client_secret: SecretString,
    /// The integration user's; not looked at with [`Grant::ClientCredentials`].
    pub username: String,
    /// Theirs; not looked at with [`Grant::ClientCredentials`].
    pub password: SecretString,
}

impl Credentials {
    /// The credentials of a client without a user, for [`Grant::ClientCredentials`].
    pub fn of_client(client_id: String, client_secret: SecretString) -> Self {
        Self { client_id, client_secret, username: String::new(), password: "".into() }
    }

    /// The credentials of a user without a client, for [`Grant::Basic`].
    pub fn of_user(username: String, password: SecretString) -> Self {
        Self { client_id: String::new(), client_secret: "".into(), username, password }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Neither an instance name, nor a host, nor a URL.
    #[error("the instance is neither a name (dev12345), nor a host, nor an https URL")]
    NotAnInstance,
    /// Plain http to another machine would show the credentials to the network.
    #[error(
        "the instance's URL must be https; http is for this machine only (127.0.0.1, localhost)"
    )]
    NotHttps,
    /// The API's paths are fixed and credentials have variables of their own.
    #[error("the instance's URL must end after the host; remove its user, path or query")]
    NotAnOrigin,
    /// The password grant without a user.
    #[error("Basic and the password grant need a user name and a password")]
    NoUser,
    /// A name with a colon cannot be told from the password behind it (RFC 7617).
    #[error("the user name holds a colon, which Basic cannot carry")]
    ColonInName,
    /// TLS cannot work.
    #[error("this machine has no usable root certificates; install the ca-certificates package")]
    RootCertificates(#[source] std::io::Error),
}

impl ClientConfig {
    /// Takes an instance's URL: https, or http to this machine, and nothing behind the host.
    pub fn new(base: Url, credentials: Credentials) -> Result<Self, ConfigError> {
        let loopback = match base.host_str() {
            Some(host) => reach(host) == Reach::ThisMachine,
            None => return Err(ConfigError::NotAnInstance),
        };
        match base.scheme() {
            "https" => {}
            "http" if loopback => {}
            _ => return Err(ConfigError::NotHttps),
        }
        let anonymous = base.username().is_empty() && base.password().is_none();
        let origin_only = base.path() == "/" && base.query().is_none() && base.fragment().is_none();
        if !(anonymous && origin_only) {
            return Err(ConfigError::NotAnOrigin);
        }
        Ok(Self {
            base,
            credentials,
            grant: Grant::default(),
            signature_secret: None,
            authorities: Vec::new(),
            private_hosts: PrivateHosts::default(),
            names: SettingNames::default(),
            attempt_timeout: ATTEMPT_TIMEOUT,
            keeper: None,
            watch: None,
        })
    }

    /// Has the refresh token kept over a restart; without a keeper it lives as long as the client.
    /// Not used with [`Grant::ClientCredentials`].
    #[must_use]
    pub fn with_keeper(mut self, keeper: Arc<dyn RefreshTokenKeeper>) -> Self {
        self.keeper = Some(Keeper(keeper));
        self
    }

    /// Whom tokens are granted to, and where: what a kept token belongs to. Holds secrets.
    pub fn identity(&self) -> SecretString {
        let of = &self.credentials;
        let parts = [
            self.base.as_str(),
            &of.client_id,
            of.client_secret.expose_secret(),
            &of.username,
            of.password.expose_secret(),
        ];
        parts.join("\u{1f}").into()
    }

    /// Whether another configuration reaches the same instance in the same way.
    pub fn is_as(&self, other: &Self) -> bool {
        let [one, two] = [self, other].map(|config| {
            let of = &config.credentials;
            let signature = config.signature_secret.as_ref().map(ExposeSecret::expose_secret);
            let secrets = (of.client_secret.expose_secret(), of.password.expose_secret());
            let secrets = (secrets, signature, &config.authorities, &config.private_hosts);
            (
                &config.base,
                config.grant,
                config.attempt_timeout,
                &of.client_id,
                &of.username,
                secrets,
            )
        });
        one == two
    }

    /// Has somebody told of each token that is granted or asked for in vain.
    #[must_use]
    pub fn with_watch(mut self, watch: Arc<dyn TokenWatch>) -> Self {
        self.watch = Some(Watch(watch));
        self
    }

    /// The instance's origin.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Where the instance's name may lead. What ServiceNow runs is on the public internet: there a
    /// private address is a name server's lie. One that an organisation runs itself is where it is.
    pub(super) fn leads(&self) -> Names {
        if !self.is_at_servicenow() {
            return Names::Written;
        }
        Names::Said(Said { private: self.private_hosts.clone(), ..Said::default() })
    }

    fn is_at_servicenow(&self) -> bool {
        let host = self.base.host_str().unwrap_or_default();
        let host = host.strip_suffix('.').unwrap_or(host);
        SERVICENOWS.iter().any(|end| host.ends_with(end))
    }

    /// Whether the instance's name may lead to this address; to another nothing is sent.
    pub fn may_be_at(&self, address: IpAddr) -> bool {
        match self.base.host() {
            Some(Host::Domain(name)) => self.leads().may_lead(name, address),
            Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
            None => false,
        }
    }

    /// Whether the grant has what it needs.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let credentials = &self.credentials;
        let user =
            !credentials.username.is_empty() && !credentials.password.expose_secret().is_empty();
        match self.grant {
            Grant::Password | Grant::Basic if !user => Err(ConfigError::NoUser),
            Grant::Basic if credentials.username.contains(':') => Err(ConfigError::ColonInName),
            Grant::Password | Grant::ClientCredentials | Grant::Basic => Ok(()),
        }
    }

    /// The address of one of the API's paths.
    pub(super) fn endpoint(&self, path: &str) -> Result<http::Uri, ConfigError> {
        let url = self.base.join(path).map_err(|_| ConfigError::NotAnOrigin)?;
        url.as_str().parse().map_err(|_| ConfigError::NotAnOrigin)
    }
}

/// The URL that an operator means: an instance name (`dev12345`), a host, or a URL.
pub fn instance_url(instance: &str) -> Result<Url, ConfigError> {
    let instance = instance.trim();
    let url = if instance.contains("://") {
        Url::parse(instance)
    } else if !instance.is_empty()
        && instance.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && instance != "localhost"
    {
        Url::parse(&format!("https://{instance}.service-now.com"))
    } else {
        Url::parse(&format!("https://{instance}"))
    };
    url.map_err(|_| ConfigError::NotAnInstance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        Credentials {
            client_id: "id-4711".to_owned(),
            client_secret: "s3cret".into(),
            username: "integration.user".to_owned(),
            password: "passw0rd".into(),
        }
    }

    #[test]
    fn an_instance_is_a_name_a_host_or_a_url() {
        for (given, expected) in [
            ("dev12345", "https://dev12345.service-now.com/"),
            (" acme-test ", "https://acme-test.service-now.com/"),
            ("help.acme.example", "https://help.acme.example/"),
            ("https://help.acme.example", "https://help.acme.example/"),
            ("http://127.0.0.1:8090", "http://127.0.0.1:8090/"),
            ("localhost:8090", "https://localhost:8090/"),
        ] {
            assert_eq!(instance_url(given).unwrap().as_str(), expected, "{given}");
        }
        for wrong in ["", "https://", "a b.example"] {
            assert!(instance_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_servicenow_runs_is_public_unless_somebody_says_otherwise() {
        for (instance, private_hosts, address, may) in [
            ("dev12345", "", "93.184.216.34", true),
            ("dev12345", "", "10.0.0.5", false),
            ("dev12345", "", "127.0.0.1", false),
            ("dev12345.service-now.com.", "", "10.0.0.5", false),
            ("DEV12345.Service-Now.com", "", "fd12::1", false),
            ("gov.servicenowservices.com", "", "100.64.0.1", false),
            ("dev12345", "dev12345.service-now.com", "10.0.0.5", true),
            ("dev12345", "service-now.com", "10.0.0.5", true),
            ("dev12345", "service-now.com", "127.0.0.1", false),
            ("dev12345", "service-now.com", "169.254.169.254", false),
            ("dev12345", "dev1.service-now.com", "10.0.0.5", false),
            // What an organisation runs itself is where it wrote that it is.
            ("servicenow.corp.example", "", "10.0.0.5", true),
            ("servicenow.corp.example", "", "127.0.0.1", false),
            ("evil-service-now.com", "", "10.0.0.5", true),
            ("https://10.0.0.5", "", "10.0.0.5", true),
        ] {
            let mut config =
                ClientConfig::new(instance_url(instance).unwrap(), credentials()).unwrap();
            let hosts = private_hosts.split_whitespace().map(str::parse);
            config.private_hosts =
                hosts.collect::<Result<_, outbound::PrivateHostError>>().unwrap();
            let (found, said) = (config.may_be_at(address.parse().unwrap()), private_hosts);
            assert_eq!(found, may, "{instance} {said} {address}");
        }
    }

    #[test]
    fn credentials_never_go_over_plain_http_to_another_machine() {
        let check = |url: &str| ClientConfig::new(Url::parse(url).unwrap(), credentials());
        for fine in [
            "https://dev1.service-now.com",
            "http://127.0.0.1:1",
            "http://[::1]:1",
            "http://localhost/",
        ] {
            assert!(check(fine).is_ok(), "{fine}");
        }
        for url in [
            "http://dev1.service-now.com",
            "http://10.0.0.1",
            "ftp://127.0.0.1",
            "http://localhost.evil.example",
        ] {
            assert!(matches!(check(url), Err(ConfigError::NotHttps)), "{url}");
        }
        for url in
            ["https://e.org/path", "https://u:p@e.org", "https://e.org/?q=1", "https://e.org/#f"]
        {
            assert!(matches!(check(url), Err(ConfigError::NotAnOrigin)), "{url}");
        }
    }

    #[test]
    fn debug_output_of_a_configuration_shows_no_credentials() {
        let config =
            ClientConfig::new(Url::parse("https://e.org").unwrap(), credentials()).unwrap();
        let shown = format!("{config:?}");
        for secret in ["s3cret", "passw0rd", "id-4711", "integration.user"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
