//! What an instance finds wrong with our credentials.
//!
//! Owns the reading of the token endpoint's errors (reference 7.1) and the sentence for each. Most
//! instances have one answer for everything; where one names the fault, whoever looks for it is
//! spared the other places.

use outbound::Answer;
use outbound::headers::says_json;
use serde_json::Value;

use crate::client::{Grant, SettingNames};

/// The header of an answer that asks for a second factor (reference 4.1).
const SECOND_FACTOR: &str = "x-mfa_token";

/// What is wrong with the credentials, as far as the instance says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialFault {
    /// The client id or its secret.
    Client,
    /// The user's name or password, or the user is inactive or locked out.
    User,
    /// The instance does not give tokens in this way.
    GrantType,
    /// The user has to present a second factor, which a program cannot.
    SecondFactor,
    /// The instance does not say what.
    Unnamed,
}

impl CredentialFault {
    /// What a refusal says.
    pub(super) fn of(answer: &Answer) -> Self {
        if answer.headers.contains_key(SECOND_FACTOR) {
            return Self::SecondFactor;
        }
        if !says_json(&answer.headers) {
            return Self::Unnamed;
        }
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match said["error"].as_str().unwrap_or_default() {
            "invalid_client" => Self::Client,
            "invalid_grant" => Self::User,
            "unsupported_grant_type" | "unauthorized_client" => Self::GrantType,
            _ => Self::Unnamed,
        }
    }

    /// The stable machine code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Client => "wrong_client",
            Self::User => "wrong_user",
            Self::GrantType => "wrong_grant_type",
            Self::SecondFactor => "second_factor",
            Self::Unnamed => "credentials_refused",
        }
    }

    /// What to look at, for an operator, who calls their settings so.
    pub(super) fn sentence(self, grant: Grant, names: &SettingNames) -> String {
        let SettingNames { instance: _, client_id, client_secret, username, password, grant_type } =
            names;
        match (self, grant) {
            (Self::Client, _) => format!(
                "the instance does not know the client: check {client_id} and {client_secret}, and \
                 that the OAuth entry (Application Registry) is active"
            ),
            (Self::User | Self::Unnamed, Grant::Basic) => format!(
                "the instance refused the user: check {username} and {password}, that the user is \
                 active and not locked out, and that the instance takes Basic authentication for its \
                 Scripted REST APIs"
            ),
            (Self::User, Grant::Password) => format!(
                "the instance refused the user: check {username} and {password}, and that the user is \
                 active and not locked out"
            ),
            (Self::User, Grant::ClientCredentials) => {
                "the instance refused the user of the OAuth entry (Application Registry): check its \
                 OAuth Application User"
                    .to_owned()
            }
            (Self::GrantType, Grant::Password | Grant::Basic) => format!(
                "the instance does not give tokens for a password: the OAuth entry (Application \
                 Registry) must be one for external clients that allows the password grant, or set \
                 {grant_type} to client_credentials"
            ),
            (Self::GrantType, Grant::ClientCredentials) => format!(
                "the instance does not give tokens for client credentials: the property \
                 glide.oauth.inbound.client.credential.grant_type.enabled must be true and the OAuth \
                 entry must name an OAuth Application User, or set {grant_type} to password"
            ),
            (Self::SecondFactor, _) => {
                "the instance asks the integration user for a second factor, which a program cannot \
                 give: take the user out of multi-factor authentication, or use client credentials"
                    .to_owned()
            }
            (Self::Unnamed, Grant::Password) => format!(
                "the instance gave no token: check {client_id}, {client_secret}, {username} and \
                 {password}, that the user is active and not locked out, and that the OAuth entry \
                 (Application Registry) is active"
            ),
            (Self::Unnamed, Grant::ClientCredentials) => format!(
                "the instance gave no token: check {client_id} and {client_secret}, that the OAuth \
                 entry (Application Registry) is active and names an OAuth Application User, and that \
                 the property glide.oauth.inbound.client.credential.grant_type.enabled is true"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_names_settings_as_the_operator_does() {
        let called = |key: &str| format!("`tenants.acme.desks.it.{key}`");
        let names = SettingNames {
            instance: called("instance"),
            client_id: called("client_id"),
            client_secret: called("client_secret"),
            username: called("username"),
            password: called("password"),
            grant_type: called("grant_type"),
        };
        let faults = [
            CredentialFault::Client,
            CredentialFault::User,
            CredentialFault::GrantType,
            CredentialFault::SecondFactor,
            CredentialFault::Unnamed,
        ];
        for fault in faults {
            for grant in [Grant::Password, Grant::ClientCredentials, Grant::Basic] {
                let sentence = fault.sentence(grant, &names);
                assert!(!sentence.contains("SERVICENOW_"), "{sentence}");
            }
        }
        let unnamed = CredentialFault::Unnamed.sentence(Grant::Password, &names);
        for key in ["client_id", "client_secret", "username", "password"] {
            assert!(unnamed.contains(&called(key)), "{unnamed}");
        }
        let variable =
            CredentialFault::GrantType.sentence(Grant::Password, &SettingNames::default());
        assert!(variable.contains("set SERVICENOW_GRANT_TYPE to"), "{variable}");
    }
}
