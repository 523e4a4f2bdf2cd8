//! `POST /oauth_token.do` (reference 7.1).
//!
//! Owns how a call must look. Whether it gets a token is the registry's business.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};

use super::{Answer, HIBERNATING, access};
use crate::{
    fault::{Fault, Place},
    oauth::{self, TokenCall},
    script::millis,
    shared::{Shared, World},
};

pub(super) async fn grant(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    // Parameters belong into a form body, nowhere else, and a call that carries an API session's
    // cookie fails (PRB1927594).
    let proper = query.is_none()
        && access::has_type(&headers, "application/x-www-form-urlencoded")
        && !access::cookies(&headers).any(|cookie| cookie.trim_start().starts_with("JSESSIONID="));
    let form = proper.then(|| form_urlencoded::parse(&body).into_owned().collect::<Vec<_>>());
    // Acting tells those who wait for a token to be granted.
    let answer =
        shared.act(|world, now| (answer(&shared, world, form.as_deref(), now), Vec::new()));
    answer.into_response()
}

fn answer(
    shared: &Shared,
    world: &mut World,
    form: Option<&[(String, String)]>,
    now: u64,
) -> Answer {
    if world.is_away(now) {
        return Answer::down();
    }
    let denied = || Answer::json(StatusCode::UNAUTHORIZED, oauth::access_denied());
    let refresh = [("grant_type".to_owned(), "refresh_token".to_owned())];
    let refreshes = form.is_some_and(|form| form.contains(&refresh[0]));
    let fault = world.faults.take(|fault| {
        fault.place() == Place::Token && (fault != Fault::RefreshTokenDead || refreshes)
    });
    let gates = world.gates.clone();
    let mut access_ms = gates.access_token_seconds.saturating_mul(1_000);
    match fault {
        Some(Fault::TokenRefused) => return denied(),
        Some(Fault::RefreshTokenDead) => {
            world.registry.forget_refresh();
            return denied();
        }
        Some(Fault::TokenHtml) => return Answer::html(StatusCode::OK, HIBERNATING),
        Some(Fault::TokenShortLived(span)) => access_ms = millis(span),
        _ => {}
    }
    let granted = form.and_then(|form| {
        let call = TokenCall {
            form,
            now,
            access_ms,
            refresh_ms: gates.refresh_token_seconds.saturating_mul(1_000),
            client_credentials: gates.client_credentials,
            fresh: [fresh_token(), fresh_token()],
        };
        world.registry.grant(&shared.credentials, call)
    });
    granted.map_or_else(denied, |token| Answer::json(StatusCode::OK, token))
}

/// Two UUIDs: about 150 random bits, in the shape of an opaque token.
#[expect(clippy::disallowed_methods, reason = "an imitation instance makes its ids as it likes")]
fn fresh_token() -> String {
    format!("{}{}", uuid::Uuid::now_v7().simple(), uuid::Uuid::now_v7().simple())
}
