//! The doors that a real instance has: the token endpoint and the Bot Integration resource.
//!
//! Owns statuses, headers and bodies of the immediate answers (reference 4 and 7.1). What a request
//! leads to is the worker's business, and comes after the answer.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, RawQuery, State, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::{any, post},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::sync::mpsc::error::TrySendError;

use crate::{
    instance::Fate,
    ledger::Received,
    oauth::{self, TokenCall},
    request::{Action, Request},
    shared::{Shared, Work},
};

/// The largest body either endpoint reads, in bytes.
const BODY_MAX: usize = 1024 * 1024;

/// What `UPDATE_MESSAGES` is answered with, as plain text.
const PROCESSED: &str = "Message Processed Successfully";

/// What an instance shows while it is away, with 503.
const MAINTENANCE: &str = "<!doctype html><title>Instance unavailable</title><p>This instance is \
                           being restarted. Please try again later.</p>\n";

/// The routes of the instance itself.
pub(crate) fn routes(shared: Arc<Shared>) -> Router {
    let integration = servicenow::request::PATH;
    Router::new()
        .route("/oauth_token.do", post(token))
        .route(integration, post(receive).fallback(wrong_method))
        // There is no `…/disconnect` in any release, whatever a diagram says.
        .route(&format!("{integration}/{{*rest}}"), any(no_such_resource))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(shared)
}

async fn token(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let now = shared.clock.now();
    let mut world = shared.lock();
    if world.down {
        return (StatusCode::SERVICE_UNAVAILABLE, Html(MAINTENANCE)).into_response();
    }
    // Parameters belong into a form body, nowhere else, and a call that carries an API session's
    // cookie fails (PRB1927594).
    let proper = query.is_none()
        && has_type(&headers, "application/x-www-form-urlencoded")
        && !cookies(&headers).any(|cookie| cookie.trim_start().starts_with("JSESSIONID="));
    let granted = if proper {
        let form: Vec<_> = form_urlencoded::parse(&body).into_owned().collect();
        let fresh = [fresh_token(), fresh_token()];
        let call = TokenCall { form: &form, now, access_ms: shared.access_ms, fresh };
        world.registry.grant(&shared.credentials, call)
    } else {
        None
    };
    match granted {
        Some(token) => json_answer(StatusCode::OK, &token),
        None => json_answer(StatusCode::UNAUTHORIZED, &oauth::access_denied()),
    }
}

/// What the immediate answer will be.
struct Verdict {
    status: StatusCode,
    answer: Value,
    /// The request, if it goes to the worker.
    accepted: Option<(Request, Action)>,
}

impl Verdict {
    fn refused(status: StatusCode, message: &str, detail: &str) -> Self {
        let answer = json!({"error": {"message": message, "detail": detail}, "status": "failure"});
        Self { status, answer, accepted: None }
    }
}

async fn receive(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let parsed: Result<Value, _> = match &body {
        Ok(bytes) => serde_json::from_slice(bytes).map_err(|_| StatusCode::BAD_REQUEST),
        Err(rejection) => Err(rejection.status()),
    };
    let verdict = examine(&shared, &headers, parsed.as_ref().map_err(|status| *status));
    answer(&shared, &headers, parsed.unwrap_or_default(), verdict)
}

fn examine(shared: &Shared, headers: &HeaderMap, body: Result<&Value, StatusCode>) -> Verdict {
    if shared.lock().down {
        return Verdict {
            status: StatusCode::SERVICE_UNAVAILABLE,
            answer: Value::String(MAINTENANCE.to_owned()),
            accepted: None,
        };
    }
    if !is_authenticated(shared, headers) {
        return Verdict::refused(
            StatusCode::UNAUTHORIZED,
            "User Not Authenticated",
            "Required to provide Auth information",
        );
    }
    if !has_type(headers, "application/json") {
        return Verdict::refused(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Unsupported media type",
            "Only application/json is accepted",
        );
    }
    let body = match body {
        Ok(body) => body,
        Err(StatusCode::PAYLOAD_TOO_LARGE) => {
            return Verdict::refused(
                StatusCode::PAYLOAD_TOO_LARGE,
                "Request too large",
                "The body is larger than 1 MiB",
            );
        }
        Err(_) => {
            return Verdict::refused(
                StatusCode::BAD_REQUEST,
                "Bad Request",
                "The body is not JSON",
            );
        }
    };
    match Request::read(body) {
        Err(malformed) => {
            Verdict::refused(StatusCode::BAD_REQUEST, "Bad Request", &malformed.to_string())
        }
        Ok((_, Action::UpdateMessages)) => {
            Verdict { status: StatusCode::OK, answer: PROCESSED.into(), accepted: None }
        }
        Ok(accepted) => Verdict {
            status: StatusCode::OK,
            answer: json!({"status": "success"}),
            accepted: Some(accepted),
        },
    }
}

/// Writes the request down, hands it to the worker and answers, in this order, so that the worker
/// finds the entry and a full queue can still be told.
fn answer(
    shared: &Arc<Shared>,
    headers: &HeaderMap,
    mut body: Value,
    mut verdict: Verdict,
) -> Response {
    let permit = match (&verdict.accepted, shared.work.try_reserve()) {
        (None, _) => None,
        (Some(_), Ok(permit)) => Some(permit),
        (Some(_), Err(TrySendError::Full(()) | TrySendError::Closed(()))) => {
            verdict = Verdict::refused(
                StatusCode::SERVICE_UNAVAILABLE,
                "Service Unavailable",
                "The worker's queue is full",
            );
            None
        }
    };
    if let Some(token) = body.get_mut("token") {
        *token = "masked".into();
    }
    let fate = match (&verdict.accepted, verdict.status) {
        (Some(_), _) => Fate::Pending,
        (None, StatusCode::OK) => Fate::Taken,
        (None, _) => Fate::Refused,
    };
    let Verdict { status, answer, accepted } = verdict;
    let entry = shared.act(|world, at| {
        let status = status.as_u16();
        let entry = Received { at, body, status, answer: answer.clone(), fate };
        (world.ledger.receive(entry), Vec::new())
    });
    if let (Some(permit), Some((request, action))) = (permit, accepted) {
        let token = headers.get("token").and_then(|value| value.to_str().ok());
        permit.send(Work { entry, request, action, token: token.map(SecretString::from) });
    }
    let mut response = match &answer {
        Value::String(page) if status == StatusCode::SERVICE_UNAVAILABLE => {
            (status, Html(page.clone())).into_response()
        }
        Value::String(text) => (status, text.clone()).into_response(),
        body => json_answer(status, body),
    };
    set_cookies(&mut response, entry);
    response
}

async fn wrong_method() -> Response {
    let verdict = Verdict::refused(
        StatusCode::METHOD_NOT_ALLOWED,
        "Method not supported",
        "This resource takes POST",
    );
    json_answer(verdict.status, &verdict.answer)
}

async fn no_such_resource() -> Response {
    let detail = "Requested URI does not represent any resource";
    let verdict = Verdict::refused(StatusCode::NOT_FOUND, detail, detail);
    json_answer(verdict.status, &verdict.answer)
}

fn is_authenticated(shared: &Shared, headers: &HeaderMap) -> bool {
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some((scheme, value)) = header.and_then(|header| header.split_once(' ')) else {
        return false;
    };
    if scheme.eq_ignore_ascii_case("bearer") {
        shared.lock().registry.admits(value, shared.clock.now())
    } else {
        let credentials = &shared.credentials;
        let known = format!("{}:{}", credentials.username, credentials.password.expose_secret());
        scheme.eq_ignore_ascii_case("basic") && value == base64(known.as_bytes())
    }
}

fn has_type(headers: &HeaderMap, expected: &str) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = given.and_then(|given| given.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(expected)
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
}

/// The session cookies that a client must not replay (reference 3.1).
fn set_cookies(response: &mut Response, session: u64) {
    let cookies = [
        format!("JSESSIONID={session:032X}; Path=/; HttpOnly; SameSite=None"),
        format!("glide_user_route=glide.{session:032x}; Path=/; HttpOnly"),
    ];
    for cookie in cookies {
        let value = HeaderValue::try_from(cookie).expect("letters and digits make a header value");
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

fn json_answer(status: StatusCode, body: &Value) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json;charset=UTF-8")];
    (status, kind, body.to_string()).into_response()
}

/// Two UUIDs: about 150 random bits, in the shape of an opaque token.
fn fresh_token() -> String {
    format!("{}{}", uuid::Uuid::now_v7().simple(), uuid::Uuid::now_v7().simple())
}

/// Standard Base64 with padding, for comparing Basic credentials without decoding a stranger's.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let padded = [0, 1, 2].map(|i| u32::from(chunk.get(i).copied().unwrap_or(0)));
        let group = padded[0] << 16 | padded[1] << 8 | padded[2];
        for digit in 0..4 {
            let index = (group >> (18 - 6 * digit) & 63) as usize;
            text.push(if digit <= chunk.len() { char::from(ALPHABET[index]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_pads_as_the_standard_says() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ] {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }
}
