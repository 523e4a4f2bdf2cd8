//! Entra's token endpoint (reference 2.3): how it is asked for a token of ours, and what it answers.
//!
//! Owns our registration and what proves that we are it. What a token is for is its [`Scope`]: a bot
//! behind, or the channels. When a token is renewed, and by whom, is [`outbound::token`]'s. A login
//! that refuses us is left alone for a while that grows with every refusal: it will not heal by
//! asking, only when somebody changes a setting, here or there.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use form_urlencoded::Serializer;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use outbound::headers::retry_after;
use outbound::token::{Cause, Granted, Source, bearer, lifetime};
use outbound::{Answer, HttpClient, HttpError, Refusals};
use secrecy::ExposeSecret;
use serde_json::Value;
use tokio::time::Instant;

pub(crate) mod certificate;
mod registration;

pub use certificate::{Certificate, CertificateError};
pub use registration::{Registration, RegistrationError, Secret};

/// What we call ourselves; the logs of those whom we call show it.
pub(crate) const AGENT_NAME: &str = concat!("warmline/", env!("CARGO_PKG_VERSION"));

/// The machine code of a login that refuses us.
const REFUSED: &str = "login_refused";

/// The machine code of a login that did not answer in time.
const TIMEOUT: &str = "login_timeout";

/// Digits of an AADSTS code. They have five to seven today; what is longer is none.
const FAULT_DIGITS_MAX: usize = 10;

/// What kind of client assertion a certificate makes (RFC 7523).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a token is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// A bot behind, by its app id.
    Bot(String),
    /// The channels: the cloud's scope as it stands.
    Channels(String),
}

/// Why there is no token. Nothing was handed over to anybody, so whatever it was for may be tried
/// again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoginError {
    pub(crate) code: &'static str,
    /// The login is not asked before.
    pub(crate) not_before: Option<Duration>,
    /// What to look at.
    pub(crate) sentence: String,
}

/// The tokens of one registration for one scope.
pub(crate) struct Login {
    http: HttpClient,
    uri: Uri,
    registration: Registration,
    scope: Scope,
    /// Never held over an await.
    refused: Mutex<Refused>,
}

/// Since the login last gave a token.
#[derive(Default)]
struct Refused {
    refusals: Refusals,
    /// What the last refusal said.
    sentence: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("uri", &self.uri).finish_non_exhaustive()
    }
}

impl LoginError {
    fn new(code: &'static str, sentence: impl Into<String>) -> Self {
        Self { code, not_before: None, sentence: sentence.into() }
    }
}

impl Login {
    pub(crate) fn new(
        http: HttpClient,
        registration: Registration,
        scope: Scope,
    ) -> Result<Self, RegistrationError> {
        registration.check()?;
        let uri = registration.token_address()?;
        Ok(Self { http, uri, registration, scope, refused: Mutex::default() })
    }

    /// The form, with the secret or an assertion in it.
    fn form(&self) -> Result<Bytes, LoginError> {
        let Registration { app_id, secret, .. } = &self.registration;
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials").append_pair("client_id", app_id);
        match secret {
            Secret::Password(password) => {
                form.append_pair("client_secret", password.expose_secret());
            }
            Secret::Certificate(certificate) => {
                let address = self.uri.to_string();
                let assertion = certificate.assertion(app_id, &address, now_unix_s());
                let assertion = assertion.ok_or_else(|| {
                    LoginError::new(
                        "login_unsigned",
                        "this machine cannot sign now: is it healthy?",
                    )
                })?;
                form.append_pair("client_assertion_type", ASSERTION_TYPE)
                    .append_pair("client_assertion", &assertion);
            }
        }
        match &self.scope {
            Scope::Bot(app_id) => form.append_pair("scope", &format!("{app_id}/.default")),
            Scope::Channels(scope) => form.append_pair("scope", scope),
        };
        Ok(Bytes::from(form.finish()))
    }

    async fn ask(&self, deadline: Instant) -> Result<Granted, LoginError> {
        let mut request = Request::new(Full::new(self.form()?));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form_type);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT_NAME));
        let asked_at = Instant::now();
        let answer = self.http.request(request, deadline).await;
        self.read(&answer.map_err(|error| no_answer(&error))?, asked_at)
    }

    fn read(&self, answer: &Answer, asked_at: Instant) -> Result<Granted, LoginError> {
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let passes =
            matches!(said["error"].as_str(), Some("temporarily_unavailable" | "server_error"));
        match answer.status {
            status if status.is_success() => granted(&said, asked_at).ok_or_else(odd),
            status
                if passes
                    || status.is_server_error()
                    || matches!(
                        status,
                        StatusCode::REQUEST_TIMEOUT
                            | StatusCode::TOO_EARLY
                            | StatusCode::TOO_MANY_REQUESTS
                    ) =>
            {
                Err(LoginError {
                    code: "login_busy",
                    not_before: retry_after(&answer.headers),
                    sentence: format!("the login has no token for us now ({})", status.as_u16()),
                })
            }
            status if said["error"].is_string() => {
                Err(refusal(self.refusal_sentence(&said, status), retry_after(&answer.headers)))
            }
            status => {
                let sentence = format!(
                    "no login is at its address ({}): check MicrosoftAppTenantId",
                    status.as_u16()
                );
                Err(refusal(sentence, None))
            }
        }
    }

    /// What to look at. Of the login's own words only the number is repeated: it is what documentation
    /// and search engines know, and it gives nothing away.
    fn refusal_sentence(&self, said: &Value, status: StatusCode) -> String {
        let fault = fault(said);
        let error = said["error"].as_str().unwrap_or_default();
        let of_certificate = matches!(self.registration.secret, Secret::Certificate(_));
        let for_channels = matches!(self.scope, Scope::Channels(_));
        let look = match (fault, error) {
            (Some(7_000_222), _) => "MicrosoftAppPassword has expired; make a new client secret",
            (Some(7_000_215), _) => {
                "MicrosoftAppPassword is wrong; it must be the secret's value, not its id"
            }
            (Some(700_027), _) => {
                "the certificate is not among those of MicrosoftAppId, or has expired; upload it to the \
                 registration (Certificates & secrets)"
            }
            (Some(700_024), _) => {
                "the certificate's assertion has expired; set this machine's clock"
            }
            (Some(700_016), _) => "MicrosoftAppId is not known in MicrosoftAppTenantId",
            (Some(7_000_112), _) => "the registration of MicrosoftAppId is disabled",
            (Some(7_000_229), _) => {
                "the registration of MicrosoftAppId has no service principal (enterprise application) \
                 in MicrosoftAppTenantId"
            }
            (Some(90_002 | 900_023), _) => "there is no tenant MicrosoftAppTenantId",
            (Some(500_011), _) | (_, "invalid_resource" | "invalid_scope") if for_channels => {
                "the channels are not known there; check the cloud, and its scope if that is set"
            }
            (Some(500_011), _) | (_, "invalid_resource") => {
                "BOT_APP_ID is not known in MicrosoftAppTenantId"
            }
            (_, "invalid_scope") => "BOT_APP_ID is not an app id",
            (_, "invalid_client") if of_certificate => {
                "check MicrosoftAppId and the certificate, which must be uploaded to its registration"
            }
            (_, "invalid_client") => "check MicrosoftAppId and MicrosoftAppPassword",
            (_, "unauthorized_client") => "check MicrosoftAppId and MicrosoftAppTenantId",
            _ if of_certificate => "check MicrosoftAppId, its certificate and MicrosoftAppTenantId",
            _ if for_channels => {
                "check MicrosoftAppId, MicrosoftAppPassword and MicrosoftAppTenantId"
            }
            _ => "check MicrosoftAppId, MicrosoftAppPassword, MicrosoftAppTenantId and BOT_APP_ID",
        };
        match fault {
            Some(fault) => format!("the login refused us (AADSTS{fault}): {look}"),
            None => format!("the login refused us ({}): {look}", status.as_u16()),
        }
    }

    fn refused(&self) -> MutexGuard<'_, Refused> {
        // Every change is complete when it can panic.
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for Login {
    type Error = LoginError;
    type Turn = ();

    async fn renew(
        &self,
        (): &mut (),
        _cause: Cause,
        deadline: Instant,
    ) -> Result<Granted, LoginError> {
        {
            let refused = self.refused();
            if let Some(pause) = refused.refusals.pause_left(Instant::now()) {
                return Err(refusal(refused.sentence.clone(), Some(pause)));
            }
        }
        let asked = self.ask(deadline).await;
        let mut refused = self.refused();
        match asked {
            Ok(granted) => {
                *refused = Refused::default();
                Ok(granted)
            }
            Err(LoginError { code: REFUSED, not_before, sentence }) => {
                let pause = refused.refusals.another(Instant::now());
                refused.sentence.clone_from(&sentence);
                tracing::warn!(pause_s = pause.as_secs(), "{sentence}");
                Err(refusal(sentence, Some(pause).max(not_before)))
            }
            Err(passing) => Err(passing),
        }
    }

    fn too_late(&self) -> LoginError {
        LoginError::new(TIMEOUT, "the login gave no token in time")
    }

    fn is_own(&self, error: &LoginError) -> bool {
        error.code == TIMEOUT
    }

    fn code(&self, error: &LoginError) -> &'static str {
        error.code
    }
}

/// An admin may mend this within the budget of what waits, and nothing was handed over, so it is no
/// final refusal.
fn refusal(sentence: String, not_before: Option<Duration>) -> LoginError {
    LoginError { code: REFUSED, not_before, sentence }
}

fn no_answer(error: &HttpError) -> LoginError {
    match error {
        HttpError::TimedOut { .. } => LoginError::new(TIMEOUT, "the login gave no token in time"),
        HttpError::TooLarge { .. } => odd(),
        HttpError::Unreachable(_) | HttpError::Interrupted { .. } | HttpError::BrokeOff => {
            let sentence = format!(
                "the login cannot be reached ({}): check the way out to it, and \
                 MicrosoftAppTenantId",
                error.cause()
            );
            LoginError::new("login_unreachable", sentence)
        }
    }
}

fn odd() -> LoginError {
    LoginError::new("login_odd", "the login answered with neither a token nor an error")
}

fn granted(said: &Value, asked_at: Instant) -> Option<Granted> {
    let bears = said["token_type"].as_str().is_none_or(|is| is.eq_ignore_ascii_case("bearer"));
    let token = said["access_token"].as_str().filter(|token| bears && !token.is_empty())?;
    let expires_in = match &said["expires_in"] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let lifetime = lifetime(expires_in.as_deref());
    Some(Granted { header: bearer(token)?, asked_at, lifetime })
}

/// The number of the fault, from `error_codes` or the description's beginning.
fn fault(said: &Value) -> Option<u64> {
    let listed = said["error_codes"][0].as_u64();
    let told = || {
        let description = said["error_description"].as_str()?;
        let (_, rest) = description.split_once("AADSTS")?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..digits.min(FAULT_DIGITS_MAX)].parse().ok()
    };
    listed.or_else(told)
}

/// Only an assertion says when it was made; by this machine's clock, as its reader expects.
#[expect(
    clippy::disallowed_methods,
    reason = "an assertion is made deep inside a renewal, which knows virtual time only"
)]
fn now_unix_s() -> u64 {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since_1970.map_or(0, |since_1970| since_1970.as_secs())
}
