//! The bearer token: fetched once for everybody, renewed before it expires, replaced when it is
//! refused.
//!
//! Uses the password grant at `/oauth_token.do` (reference 7.1). While a token is valid the instance
//! answers the same one with a new expiry, and replicas with the same user share it, so a token may
//! die before its time; that is what [`Tokens::replace`] is for. Nothing is retried here, but a
//! refusal of the credentials is remembered for a moment: every wrong attempt counts towards the
//! lock-out of the integration user.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use form_urlencoded::Serializer;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use crate::client::{AGENT_NAME, Credentials, SendError, answer};
use crate::http::{Answer, HttpClient};
use crate::loose::{Loose, Shape};

/// Where tokens come from, below the instance's origin.
pub(crate) const PATH: &str = "/oauth_token.do";

/// Renew this long before the end, or when a tenth of the life is left, whichever is shorter: a
/// request on its way must not meet a token that has just expired.
const RENEWAL_MARGIN_MAX: Duration = Duration::from_secs(30);

/// What to believe when the instance names no lifetime: its default (reference 7.1).
const LIFETIME_DEFAULT: Duration = Duration::from_mins(30);

/// The longest lifetime believed; an instance that says more means "for ever".
const LIFETIME_MAX: Duration = Duration::from_hours(24);

/// How long refused credentials are not tried again. Every lane of the desk wants a token, and
/// without a pause each would spend one of the few attempts before the user is locked out.
const REFUSAL_PAUSE: Duration = Duration::from_secs(2);

/// How long a token that is due but still valid goes on when it cannot be renewed.
const RENEWAL_PAUSE: Duration = Duration::from_secs(5);

/// A bearer token.
#[derive(Clone)]
pub(crate) struct Token {
    header: HeaderValue,
    /// Tells this token from earlier ones even when the instance answers the same text again.
    generation: u64,
    renew_at: Instant,
    expires_at: Instant,
}

impl Token {
    /// The `Authorization` header, marked as sensitive.
    pub(crate) fn header(&self) -> HeaderValue {
        self.header.clone()
    }
}

/// The token of one instance, and how to get another.
pub(crate) struct Tokens {
    http: HttpClient,
    endpoint: Uri,
    form: SecretString,
    /// Held while a token is fetched, so that everybody else waits for that one.
    state: Mutex<State>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    fetched: u64,
    refused_until: Option<Instant>,
}

impl Tokens {
    pub(crate) fn new(http: HttpClient, endpoint: Uri, credentials: &Credentials) -> Self {
        let form = Serializer::new(String::new())
            .append_pair("grant_type", "password")
            .append_pair("client_id", &credentials.client_id)
            .append_pair("client_secret", credentials.client_secret.expose_secret())
            .append_pair("username", &credentials.username)
            .append_pair("password", credentials.password.expose_secret())
            .finish();
        Self { http, endpoint, form: form.into(), state: Mutex::default() }
    }

    /// A token that is good for now.
    pub(crate) async fn get(&self, deadline: Instant) -> Result<Token, SendError> {
        let waited = timeout_at(deadline, self.state.lock()).await;
        let mut state = waited.map_err(|_| waited_too_long())?;
        let now = Instant::now();
        let valid = state.token.clone().filter(|token| now < token.expires_at);
        if let Some(token) = valid.clone().filter(|token| now < token.renew_at) {
            return Ok(token);
        }
        match (self.fetch(&mut state, deadline).await, valid) {
            // The endpoint is in trouble but the old token is still good.
            (Err(error), Some(mut old)) => {
                tracing::warn!(code = error.code(), "the token could not be renewed in advance");
                old.renew_at = Instant::now() + RENEWAL_PAUSE;
                state.token = Some(old.clone());
                Ok(old)
            }
            (fetched, _) => fetched,
        }
    }

    /// Another token in place of one that the instance refused: the one that somebody else fetched
    /// meanwhile, or a new one.
    pub(crate) async fn replace(
        &self,
        refused: &Token,
        deadline: Instant,
    ) -> Result<Token, SendError> {
        let waited = timeout_at(deadline, self.state.lock()).await;
        let mut state = waited.map_err(|_| waited_too_long())?;
        if let Some(newer) = &state.token
            && newer.generation > refused.generation
        {
            return Ok(newer.clone());
        }
        state.token = None;
        self.fetch(&mut state, deadline).await
    }

    async fn fetch(&self, state: &mut State, deadline: Instant) -> Result<Token, SendError> {
        let asked_at = Instant::now();
        if let Some(until) = state.refused_until.filter(|until| asked_at < *until) {
            return Err(credentials_refused(Some(until - asked_at)));
        }
        let answer = self.http.request(self.request(), deadline).await;
        let answer = answer.map_err(|error| answer::no_answer(&error))?;
        let (header, lifetime) = read(&answer).inspect_err(|error| {
            if error.code() == CREDENTIALS_REFUSED {
                state.refused_until = Some(asked_at + REFUSAL_PAUSE);
            }
        })?;
        state.fetched += 1;
        state.refused_until = None;
        let expires_at = asked_at + lifetime;
        let renew_at = expires_at - renewal_margin(lifetime);
        let token = Token { header, generation: state.fetched, renew_at, expires_at };
        state.token = Some(token.clone());
        tracing::debug!(lifetime_s = lifetime.as_secs(), "a token was fetched");
        Ok(token)
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let form = Bytes::copy_from_slice(self.form.expose_secret().as_bytes());
        let mut request = Request::new(Full::new(form));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.endpoint.clone();
        let headers = request.headers_mut();
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form_type);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT_NAME));
        request
    }
}

fn renewal_margin(lifetime: Duration) -> Duration {
    RENEWAL_MARGIN_MAX.min(lifetime / 10)
}

/// The endpoint's answer (reference 7.1).
#[derive(Deserialize, Default)]
#[serde(default)]
struct Grant<'a> {
    #[serde(borrow)]
    access_token: Loose<'a>,
    #[serde(borrow)]
    expires_in: Loose<'a>,
    #[serde(borrow)]
    error: Loose<'a>,
}

const CREDENTIALS_REFUSED: &str = "credentials_refused";

fn read(answer: &Answer) -> Result<(HeaderValue, Duration), SendError> {
    match answer.status {
        status if status.is_success() => {}
        // The real endpoint answers 401 for every fault of the credentials, RFC 6749 also 400.
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            return Err(credentials_refused(answer::retry_after(&answer.headers)));
        }
        _ => return Err(answer::refusal(answer, b"")),
    }
    if answer::is_hibernating(answer) {
        return Err(answer::hibernating());
    }
    let grant = serde_json::from_slice::<Shape<Grant<'_>>>(&answer.body).unwrap_or_default();
    let Some(grant) = grant.object() else {
        return Err(no_grant("the token endpoint did not answer in JSON"));
    };
    if grant.error.is_present() {
        return Err(credentials_refused(None));
    }
    let header = grant.access_token.text().and_then(|token| {
        let mut header = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
        header.set_sensitive(true);
        Some(header)
    });
    let header = header.ok_or_else(|| no_grant("the token endpoint answered without a token"))?;
    let seconds = grant.expires_in.text().and_then(|seconds| seconds.trim().parse().ok());
    let lifetime = seconds.map_or(LIFETIME_DEFAULT, Duration::from_secs);
    Ok((header, lifetime.min(LIFETIME_MAX)))
}

/// An admin may mend this within the budget of what waits, so it is no final refusal.
fn credentials_refused(not_before: Option<Duration>) -> SendError {
    let detail = "the instance gave no token: check SERVICENOW_CLIENT_ID, SERVICENOW_CLIENT_SECRET, \
        SERVICENOW_USERNAME and SERVICENOW_PASSWORD, that the user is active and not locked out, and \
        that the OAuth entry (Application Registry) is active";
    SendError::Retry { not_before, reason: CREDENTIALS_REFUSED, detail: detail.to_owned() }
}

fn no_grant(detail: &str) -> SendError {
    SendError::Retry { not_before: None, reason: "not_success_json", detail: detail.to_owned() }
}

fn waited_too_long() -> SendError {
    let detail = "no token in time".to_owned();
    SendError::Retry { not_before: None, reason: "timeout", detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_margin_is_a_tenth_of_the_life_and_thirty_seconds_at_most() {
        for (lifetime_ms, margin_ms) in
            [(1_799_000, 30_000), (300_000, 30_000), (100_000, 10_000), (2_000, 200), (0, 0)]
        {
            let margin = renewal_margin(Duration::from_millis(lifetime_ms));
            assert_eq!(margin, Duration::from_millis(margin_ms), "{lifetime_ms}");
        }
    }

    #[test]
    fn the_lifetime_received_is_believed_within_reason() {
        let granted = |expires_in: &str| {
            let body = format!(r#"{{"access_token":"t"{expires_in}}}"#);
            let answer = Answer {
                status: StatusCode::OK,
                headers: http::HeaderMap::default(),
                body: Bytes::from(body),
            };
            read(&answer).unwrap().1
        };
        assert_eq!(granted(r#","expires_in":2"#), Duration::from_secs(2));
        assert_eq!(granted(r#","expires_in":"1799""#), Duration::from_secs(1799));
        assert_eq!(granted(r#","expires_in":99999999999"#), LIFETIME_MAX);
        assert_eq!(granted(r#","expires_in":"soon""#), LIFETIME_DEFAULT);
        assert_eq!(granted(""), LIFETIME_DEFAULT);
    }
}
