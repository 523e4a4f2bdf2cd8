//! An app registration in Entra: how Warmline presents itself wherever a token is needed.

use std::fmt;

use http::Uri;
use secrecy::{ExposeSecret, SecretString};

use super::Certificate;
use crate::place::is_for_tokens;

/// An app registration in Entra.
#[derive(Clone)]
pub struct Registration {
    /// `MicrosoftAppId`.
    pub app_id: String,
    /// What proves that we are that app.
    pub secret: Secret,
    /// The login base with the tenant, such as `https://login.microsoftonline.com/<tenant>`; http on
    /// this machine only. [`Cloud::login_of`](crate::cloud::Cloud::login_of) makes it.
    pub login: Uri,
}

/// What proves to the login that we are the app.
#[derive(Clone)]
pub enum Secret {
    /// `MicrosoftAppPassword`: a client secret.
    Password(SecretString),
    /// A certificate whose public half is uploaded to the registration: with each login, an assertion
    /// is signed, and no secret leaves this machine.
    Certificate(Certificate),
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("app_id", &self.app_id)
            .field("secret", &self.secret)
            .field("login", &self.login)
            .finish()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password(_) => f.write_str("Password"),
            Self::Certificate(certificate) => certificate.fmt(f),
        }
    }
}

/// Tests and settings write passwords as texts.
impl From<&str> for Secret {
    fn from(password: &str) -> Self {
        Self::Password(password.into())
    }
}

impl From<SecretString> for Secret {
    fn from(password: SecretString) -> Self {
        Self::Password(password)
    }
}

impl From<Certificate> for Secret {
    fn from(certificate: Certificate) -> Self {
        Self::Certificate(certificate)
    }
}

/// Why a registration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationError {
    /// The registration lacks its id or secret.
    #[error("{0} must not be empty")]
    Empty(&'static str),
    /// Not an address that tokens can be fetched from.
    #[error(
        "the login must be an https URL that ends with the tenant, such as \
         https://login.microsoftonline.com/<MicrosoftAppTenantId>; http is for this machine only"
    )]
    NotALogin,
}

impl RegistrationError {
    /// The stable machine code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty(_) => "empty",
            Self::NotALogin => "not_a_login",
        }
    }
}

impl Registration {
    /// Whether it can be used at all. Connects to nothing.
    pub fn check(&self) -> Result<(), RegistrationError> {
        if self.app_id.trim().is_empty() {
            return Err(RegistrationError::Empty("MicrosoftAppId"));
        }
        if let Secret::Password(password) = &self.secret
            && password.expose_secret().trim().is_empty()
        {
            return Err(RegistrationError::Empty("MicrosoftAppPassword"));
        }
        let has_tenant = !self.login.path().trim_matches('/').is_empty();
        if is_for_tokens(&self.login) && has_tenant && self.login.query().is_none() {
            Ok(())
        } else {
            Err(RegistrationError::NotALogin)
        }
    }

    pub(crate) fn is_as(&self, other: &Self) -> bool {
        let secrets = match (&self.secret, &other.secret) {
            (Secret::Password(one), Secret::Password(two)) => {
                one.expose_secret() == two.expose_secret()
            }
            (Secret::Certificate(one), Secret::Certificate(two)) => one.is_as(two),
            (Secret::Password(_), Secret::Certificate(_))
            | (Secret::Certificate(_), Secret::Password(_)) => false,
        };
        secrets && self.app_id == other.app_id && self.login == other.login
    }

    /// Where tokens come from (reference 2.3).
    pub(super) fn token_address(&self) -> Result<Uri, RegistrationError> {
        let login = self.login.to_string();
        let address = format!("{}/oauth2/v2.0/token", login.trim_end_matches('/'));
        address.parse().map_err(|_| RegistrationError::NotALogin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_address_lies_below_the_tenant() {
        for login in ["https://login.example.org/t", "https://login.example.org/t/"] {
            let registration = Registration {
                app_id: "gateway".to_owned(),
                secret: "s".into(),
                login: login.parse().unwrap(),
            };
            let address = registration.token_address().unwrap();
            assert_eq!(address, "https://login.example.org/t/oauth2/v2.0/token");
        }
    }
}
