//! What the login answers, and which setting to look at when it refuses us (reference 2.3).

use std::time::Duration;

use http::StatusCode;
use outbound::headers::retry_after;
use outbound::token::{Granted, bearer, lifetime};
use outbound::{Answer, HttpError};
use serde_json::Value;
use tokio::time::Instant;

use super::LoginError;

/// The machine code of a login that refuses us.
pub(super) const REFUSED: &str = "login_refused";

/// The machine code of a login that did not answer in time.
pub(super) const TIMEOUT: &str = "login_timeout";

/// Digits of an AADSTS code. They have five to seven today; what is longer is none.
const FAULT_DIGITS_MAX: usize = 10;

/// How we asked, for the sentence of a refusal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// With an assertion, and not with a client secret.
    pub(super) by_certificate: bool,
    /// For a token that channels take, and not a bot.
    pub(super) for_channels: bool,
}

/// Reads an answer.
pub(super) fn read(
    answer: &Answer,
    asked_at: Instant,
    asked: Asked,
) -> Result<Granted, LoginError> {
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
            Err(LoginError {
                code: "login_busy",
                not_before: retry_after(&answer.headers),
                sentence: format!("the login has no token for us now ({})", status.as_u16()),
            })
        }
        status if said["error"].is_string() => {
            Err(refusal(refusal_sentence(&said, status, asked), retry_after(&answer.headers)))
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
fn refusal_sentence(said: &Value, status: StatusCode, asked: Asked) -> String {
    let fault = fault(said);
    let error = said["error"].as_str().unwrap_or_default();
    let Asked { by_certificate, for_channels } = asked;
    let look = match (fault, error) {
        (Some(7_000_222), _) => "MicrosoftAppPassword has expired; make a new client secret",
        (Some(7_000_215), _) => {
            "MicrosoftAppPassword is wrong; it must be the secret's value, not its id"
        }
        (Some(700_027), _) => {
            "the certificate is not among those of MicrosoftAppId, or has expired; upload it to the \
             registration (Certificates & secrets)"
        }
        (Some(700_024), _) => "the certificate's assertion has expired; set this machine's clock",
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
        (_, "invalid_client") if by_certificate => {
            "check MicrosoftAppId and the certificate, which must be uploaded to its registration"
        }
        (_, "invalid_client") => "check MicrosoftAppId and MicrosoftAppPassword",
        (_, "unauthorized_client") => "check MicrosoftAppId and MicrosoftAppTenantId",
        _ if by_certificate => "check MicrosoftAppId, its certificate and MicrosoftAppTenantId",
        _ if for_channels => "check MicrosoftAppId, MicrosoftAppPassword and MicrosoftAppTenantId",
        _ => "check MicrosoftAppId, MicrosoftAppPassword, MicrosoftAppTenantId and BOT_APP_ID",
    };
    match fault {
        Some(fault) => format!("the login refused us (AADSTS{fault}): {look}"),
        None => format!("the login refused us ({}): {look}", status.as_u16()),
    }
}

/// An admin may mend this within the budget of what waits, and nothing was handed over, so it is no
/// final refusal.
pub(super) fn refusal(sentence: String, not_before: Option<Duration>) -> LoginError {
    LoginError { code: REFUSED, not_before, sentence }
}

pub(super) fn no_answer(error: &HttpError) -> LoginError {
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
