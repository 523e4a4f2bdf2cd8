//! Entra's token endpoint (reference 2.3): how it is asked for a token of ours, and what it answers.
//!
//! Owns our registration and what proves that we are it. What a token is for is its scope: a bot
//! behind, or the channels. When a token is renewed, and by whom, is [`outbound::token`]'s. A login
//! that refuses us is left alone for a while that grows with every refusal: it will not heal by
//! asking, only when somebody changes a setting, here or there.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use form_urlencoded::Serializer;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use outbound::token::{Cause, Granted, Source};
use outbound::{HttpClient, Refusals};
use secrecy::ExposeSecret;
use tokio::time::Instant;

mod answer;
pub(crate) mod certificate;
mod registration;

use answer::{Asked, REFUSED, TIMEOUT, refusal};
pub use certificate::{Certificate, CertificateError};
pub use registration::{Registration, RegistrationError, Secret};

/// What we call ourselves; the logs of those whom we call show it.
pub(crate) const AGENT_NAME: &str = concat!("warmline/", env!("CARGO_PKG_VERSION"));

/// What kind of client assertion a certificate makes (RFC 7523).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a token is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// A bot behind, by its app id.
    Bot(String),
    /// The channels: the cloud's scope as it stands.
    #[cfg_attr(
        not(feature = "connector"),
        expect(dead_code, reason = "without the Connector nothing is asked for channels")
    )]
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
        let asked = Asked {
            by_certificate: matches!(self.registration.secret, Secret::Certificate(_)),
            for_channels: matches!(self.scope, Scope::Channels(_)),
        };
        answer::read(&answer.map_err(|error| answer::no_answer(&error))?, asked_at, asked)
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

/// Only an assertion says when it was made; by this machine's clock, as its reader expects.
#[expect(
    clippy::disallowed_methods,
    reason = "an assertion is made deep inside a renewal, which knows virtual time only"
)]
fn now_unix_s() -> u64 {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since_1970.map_or(0, |since_1970| since_1970.as_secs())
}
