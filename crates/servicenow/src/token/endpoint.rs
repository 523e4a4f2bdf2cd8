//! The token endpoint, `/oauth_token.do` (reference 7.1): how it is asked and what it answers.
//!
//! Makes one call and reads one answer. Which way of asking comes first, what to do when it fails
//! and how long a token is used belong to the parent module.

use std::fmt;
use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use form_urlencoded::Serializer;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use outbound::headers::{date_ms, retry_after};
use outbound::token::{Granted, bearer, lifetime};
use outbound::{Answer, HttpClient};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::time::Instant;

use crate::client::{
    AGENT_NAME, ClientConfig, Credentials, Grant, SendError, SettingNames, answer,
};
use crate::loose::{Loose, Shape};
use crate::token::fault::CredentialFault;

/// The machine code of refused credentials.
pub(crate) const CREDENTIALS_REFUSED: &str = "credentials_refused";

/// How a token is asked for.
#[derive(Clone, Copy)]
pub(super) enum Way<'a> {
    /// With the credentials of the configuration, by the grant configured.
    Credentials,
    /// With a refresh token.
    Refresh(&'a SecretString),
}

/// What the endpoint gave.
pub(crate) struct Got {
    /// The access token.
    pub(crate) token: Granted,
    /// Absent when the endpoint named none, and with the client-credentials grant, whose
    /// credentials are all that is ever needed.
    pub(super) refresh_token: Option<SecretString>,
}

/// What one call showed, whether it brought a token or not.
pub(crate) struct Examined {
    /// From the call to the answer, or to giving up.
    pub(crate) took: Duration,
    /// The instance's clock by the answer's `Date`, in milliseconds since 1970.
    pub(crate) date_ms: Option<i64>,
    /// What is wrong with the credentials, where the instance refused them.
    pub(crate) fault: Option<CredentialFault>,
    /// What came of it.
    pub(crate) asked: Result<Got, SendError>,
}

/// The endpoint and what it wants to hear.
pub(super) struct Endpoint {
    http: HttpClient,
    uri: Uri,
    grant: Grant,
    /// For whoever has to mend it.
    names: SettingNames,
    /// The form of the configured grant.
    credentials_form: SecretString,
    /// The form of a refresh, up to the token.
    refresh_form: SecretString,
    /// What goes with every request where no token is asked for.
    basic: Option<HeaderValue>,
}

/// How long name and password are taken for good without another look; nothing is asked then either.
const BASIC_LIFETIME: Duration = Duration::from_hours(24);

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("uri", &self.uri)
            .field("grant", &self.grant)
            .finish_non_exhaustive()
    }
}

impl Endpoint {
    pub(super) fn new(http: HttpClient, uri: Uri, config: &ClientConfig) -> Self {
        let (grant, credentials) = (config.grant, &config.credentials);
        let form = |grant_type: &str| {
            let mut form = Serializer::new(String::new());
            form.append_pair("grant_type", grant_type)
                .append_pair("client_id", &credentials.client_id)
                .append_pair("client_secret", credentials.client_secret.expose_secret());
            form
        };
        let mut credentials_form = match grant {
            Grant::Password => form("password"),
            Grant::ClientCredentials => form("client_credentials"),
            // Never sent.
            Grant::Basic => Serializer::new(String::new()),
        };
        if grant == Grant::Password {
            credentials_form
                .append_pair("username", &credentials.username)
                .append_pair("password", credentials.password.expose_secret());
        }
        let basic = (grant == Grant::Basic).then(|| basic(credentials));
        Self {
            basic: basic.flatten(),
            http,
            uri,
            grant,
            names: config.names.clone(),
            credentials_form: credentials_form.finish().into(),
            refresh_form: form("refresh_token").finish().into(),
        }
    }

    /// Whether nothing is ever asked here.
    pub(super) fn is_without_tokens(&self) -> bool {
        self.grant == Grant::Basic
    }

    /// Name and password in place of a token.
    pub(super) fn basic(&self) -> Option<Got> {
        let header = self.basic.clone()?;
        let token = Granted { header, asked_at: Instant::now(), lifetime: BASIC_LIFETIME };
        Some(Got { token, refresh_token: None })
    }

    /// Whether this endpoint's tokens come with a refresh token worth keeping.
    pub(super) fn refreshes(&self) -> bool {
        self.grant == Grant::Password
    }

    /// Makes one call.
    pub(super) async fn ask(&self, way: Way<'_>, deadline: Instant) -> Result<Got, SendError> {
        let asked_at = Instant::now();
        let answer = self.http.request(self.request(way), deadline).await;
        let answer = answer.map_err(|error| answer::no_answer(&error))?;
        self.read(&answer, asked_at)
    }

    /// The same call, with what an examination of the instance wants to know besides.
    pub(super) async fn examine(&self, deadline: Instant) -> Examined {
        let asked_at = Instant::now();
        let answer = self.http.request(self.request(Way::Credentials), deadline).await;
        let took = asked_at.elapsed();
        match answer {
            Ok(answer) => Examined {
                took,
                date_ms: date_ms(&answer.headers),
                fault: is_refusal(&answer).then(|| CredentialFault::of(&answer)),
                asked: self.read(&answer, asked_at),
            },
            Err(error) => {
                Examined { took, date_ms: None, fault: None, asked: Err(answer::no_answer(&error)) }
            }
        }
    }

    /// For credentials, or a refresh token, that are not even tried.
    pub(super) fn refused(&self, not_before: Option<Duration>) -> SendError {
        self.refused_for(CredentialFault::Unnamed, not_before)
    }

    /// An admin may mend this within the budget of what waits, so it is no final refusal.
    fn refused_for(&self, fault: CredentialFault, not_before: Option<Duration>) -> SendError {
        let detail = fault.sentence(self.grant, &self.names);
        SendError::Retry { not_before, reason: CREDENTIALS_REFUSED, detail }
    }

    fn request(&self, way: Way<'_>) -> Request<Full<Bytes>> {
        let form = match way {
            Way::Credentials => self.credentials_form.expose_secret().to_owned(),
            Way::Refresh(token) => Serializer::new(self.refresh_form.expose_secret().to_owned())
                .append_pair("refresh_token", token.expose_secret())
                .finish(),
        };
        let mut request = Request::new(Full::new(Bytes::from(form)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form_type);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT_NAME));
        request
    }

    fn read(&self, answer: &Answer, asked_at: Instant) -> Result<Got, SendError> {
        if is_refusal(answer) {
            let fault = CredentialFault::of(answer);
            return Err(self.refused_for(fault, retry_after(&answer.headers)));
        }
        if !answer.status.is_success() {
            return Err(answer::refusal(answer, b""));
        }
        if answer::is_hibernating(answer) {
            return Err(answer::hibernating());
        }
        let said = serde_json::from_slice::<Shape<Said<'_>>>(&answer.body).unwrap_or_default();
        let Some(said) = said.object() else {
            return Err(no_grant("the token endpoint did not answer in JSON"));
        };
        let header = said.access_token.text().and_then(bearer);
        let header =
            header.ok_or_else(|| no_grant("the token endpoint answered without a token"))?;
        let refresh_token = said.refresh_token.text().filter(|_| self.refreshes());
        let lifetime = lifetime(said.expires_in.text());
        let token = Granted { header, asked_at, lifetime };
        Ok(Got { token, refresh_token: refresh_token.map(Into::into) })
    }
}

/// The endpoint's answer (reference 7.1).
#[derive(Deserialize, Default)]
#[serde(default)]
struct Said<'a> {
    #[serde(borrow)]
    access_token: Loose<'a>,
    #[serde(borrow)]
    refresh_token: Loose<'a>,
    #[serde(borrow)]
    expires_in: Loose<'a>,
    #[serde(borrow)]
    error: Loose<'a>,
}

fn no_grant(detail: &str) -> SendError {
    SendError::Retry { not_before: None, reason: "not_success_json", detail: detail.to_owned() }
}

/// Whether the answer refuses what was presented. The real endpoint answers 401 for every fault
/// of the credentials and for a dead refresh token, RFC 6749 also 400; some answer 200 and name
/// an error.
fn is_refusal(answer: &Answer) -> bool {
    match answer.status {
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => true,
        status if status.is_success() && !answer::is_hibernating(answer) => {
            let said = serde_json::from_slice::<Shape<Said<'_>>>(&answer.body);
            said.unwrap_or_default().object().is_some_and(|said| said.error.is_present())
        }
        _ => false,
    }
}

/// Name and password as RFC 7617 has them, marked as sensitive.
fn basic(credentials: &Credentials) -> Option<HeaderValue> {
    let pair = format!("{}:{}", credentials.username, credentials.password.expose_secret());
    let pair = SecretString::from(pair);
    let mut header =
        HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair.expose_secret()))).ok()?;
    header.set_sensitive(true);
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_may_be_a_number_or_text() {
        for (expires_in, expected_s) in [
            (r#","expires_in":1799"#, 1799),
            (r#","expires_in":"1799""#, 1799),
            (r#","expires_in":null"#, 1800),
            (r#","expires_in":{}"#, 1800),
            ("", 1800),
        ] {
            let json = format!(r#"{{"access_token":"t"{expires_in}}}"#);
            let said: Said<'_> = serde_json::from_str(&json).unwrap();
            let expected = Duration::from_secs(expected_s);
            assert_eq!(lifetime(said.expires_in.text()), expected, "{expires_in}");
        }
    }
}
