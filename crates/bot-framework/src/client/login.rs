//! Entra's token endpoint (reference 2.3): how it is asked for a token that is made out for the bot,
//! and what it answers.
//!
//! When a token is renewed, and by whom, is [`outbound::token`]'s. A login that refuses us is left
//! alone for a while that grows with every refusal: it will not heal by asking, only when somebody
//! changes a setting, here or there.

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
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::time::Instant;

use super::{AGENT_NAME, BotConfigError, PostError, Registration};

/// The machine code of a login that refuses us.
const REFUSED: &str = "login_refused";

/// The machine code of a login that did not answer in time.
const TIMEOUT: &str = "login_timeout";

/// Digits of an AADSTS code. They have five to seven today; what is longer is none.
const FAULT_DIGITS_MAX: usize = 10;

/// One bot's tokens at one login.
pub(super) struct Login {
    http: HttpClient,
    uri: Uri,
    /// With the secret in it.
    form: SecretString,
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

impl Login {
    pub(super) fn new(
        http: HttpClient,
        registration: &Registration,
        bot_app_id: &str,
    ) -> Result<Self, BotConfigError> {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &registration.app_id)
            .append_pair("client_secret", registration.secret.expose_secret())
            .append_pair("scope", &format!("{bot_app_id}/.default"));
        let form = form.finish().into();
        let uri = registration.token_address()?;
        Ok(Self { http, uri, form, refused: Mutex::default() })
    }

    async fn ask(&self, deadline: Instant) -> Result<Granted, PostError> {
        let form = Bytes::from(self.form.expose_secret().to_owned());
        let mut request = Request::new(Full::new(form));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form_type);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT_NAME));
        let asked_at = Instant::now();
        let answer = self.http.request(request, deadline).await;
        read(&answer.map_err(|error| no_answer(&error))?, asked_at)
    }

    fn refused(&self) -> MutexGuard<'_, Refused> {
        // Every change is complete when it can panic.
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for Login {
    type Error = PostError;
    type Turn = ();

    async fn renew(
        &self,
        (): &mut (),
        _cause: Cause,
        deadline: Instant,
    ) -> Result<Granted, PostError> {
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
            Err(PostError::Retry { code: REFUSED, not_before, sentence }) => {
                let pause = refused.refusals.another(Instant::now());
                refused.sentence.clone_from(&sentence);
                tracing::warn!(pause_s = pause.as_secs(), "{sentence}");
                Err(refusal(sentence, Some(pause).max(not_before)))
            }
            Err(passing) => Err(passing),
        }
    }

    fn too_late(&self) -> PostError {
        PostError::retry(TIMEOUT, "the login gave no token in time")
    }

    fn is_own(&self, error: &PostError) -> bool {
        error.code() == TIMEOUT
    }

    fn code(&self, error: &PostError) -> &'static str {
        error.code()
    }
}

/// An admin may mend this within the budget of what waits, and nothing was handed over, so it is no
/// final refusal.
fn refusal(sentence: String, not_before: Option<Duration>) -> PostError {
    PostError::Retry { code: REFUSED, not_before, sentence }
}

fn no_answer(error: &HttpError) -> PostError {
    match error {
        HttpError::TimedOut { .. } => PostError::retry(TIMEOUT, "the login gave no token in time"),
        HttpError::TooLarge { .. } => odd(),
        HttpError::Unreachable(_) | HttpError::Interrupted { .. } | HttpError::BrokeOff => {
            let sentence = format!(
                "the login cannot be reached ({}): check the way out to it, and \
                 MicrosoftAppTenantId",
                error.cause()
            );
            PostError::retry("login_unreachable", sentence)
        }
    }
}

fn odd() -> PostError {
    PostError::retry("login_odd", "the login answered with neither a token nor an error")
}

fn read(answer: &Answer, asked_at: Instant) -> Result<Granted, PostError> {
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let passes = matches!(said["error"].as_str(), Some("temporarily_unavailable" | "server_error"));
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
            Err(PostError::Retry {
                code: "login_busy",
                not_before: retry_after(&answer.headers),
                sentence: format!("the login has no token for us now ({})", status.as_u16()),
            })
        }
        status if said["error"].is_string() => {
            Err(refusal(refusal_sentence(&said, status), retry_after(&answer.headers)))
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

/// What to look at. Of the login's own words only the number is repeated: it is what documentation
/// and search engines know, and it gives nothing away.
fn refusal_sentence(said: &Value, status: StatusCode) -> String {
    let fault = fault(said);
    let look = match (fault, said["error"].as_str().unwrap_or_default()) {
        (Some(7_000_222), _) => "MicrosoftAppPassword has expired; make a new client secret",
        (Some(7_000_215), _) => {
            "MicrosoftAppPassword is wrong; it must be the secret's value, not its id"
        }
        (Some(700_016), _) => "MicrosoftAppId is not known in MicrosoftAppTenantId",
        (Some(7_000_112), _) => "the registration of MicrosoftAppId is disabled",
        (Some(7_000_229), _) => {
            "the registration of MicrosoftAppId has no service principal (enterprise application) \
             in MicrosoftAppTenantId"
        }
        (Some(90_002 | 900_023), _) => "there is no tenant MicrosoftAppTenantId",
        (Some(500_011), _) | (_, "invalid_resource") => {
            "BOT_APP_ID is not known in MicrosoftAppTenantId"
        }
        (_, "invalid_scope") => "BOT_APP_ID is not an app id",
        (_, "invalid_client") => "check MicrosoftAppId and MicrosoftAppPassword",
        (_, "unauthorized_client") => "check MicrosoftAppId and MicrosoftAppTenantId",
        _ => "check MicrosoftAppId, MicrosoftAppPassword, MicrosoftAppTenantId and BOT_APP_ID",
    };
    match fault {
        Some(fault) => format!("the login refused us (AADSTS{fault}): {look}"),
        None => format!("the login refused us ({}): {look}", status.as_u16()),
    }
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
