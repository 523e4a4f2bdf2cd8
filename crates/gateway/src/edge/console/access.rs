//! Signing in and out, and the door before everything else below `/console/api/`.

use std::{
    fmt::Write,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json,
    body::Body,
    extract::{Extension, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use session::id::TenantId;
use store::Sight;
use tokio::{sync::Semaphore, time::Instant};
use vault::{MacKey, MasterKey, SealError, Vault};

use super::{
    Console,
    guard::{self, Cookie, Peer},
    members::{self, Member, Members, NAME_BYTES_MAX},
    pace::{Pace, Source},
    seats::{Operator, Seats},
};
use crate::{
    audit::{Deed, Entry, Who},
    clock::rfc3339,
    console::{ADMIN, PasswordHashError},
    edge::{Edge, answer::Refusal, body::read_body},
};

/// The longest order, in bytes: a password, or nothing.
pub(super) const ORDER_BYTES_MAX: usize = 4 * 1_024;

/// Passwords checked at a time. Each takes tens of milliseconds of a core and 19 MiB.
const CHECKS_MAX: usize = 2;

/// What a 401 of the console asks for: a scheme that no browser has a dialog for.
const COOKIE: &str = "Cookie realm=\"console\"";

/// Characters of a browser's mark: its own name, in hexadecimal digits.
const MARK_DIGITS: usize = 32;

/// What signing in works with.
pub(super) struct Access {
    members: Members,
    seats: Seats,
    pace: Mutex<Pace>,
    checks: Arc<Semaphore>,
    marks: MacKey,
}

impl Access {
    /// With at least one member.
    pub(super) fn new(members: Members, vault: &Vault) -> Result<Self, SealError> {
        Ok(Self {
            members,
            seats: Seats::new(vault.mac_key("console sessions")?),
            pace: Mutex::new(Pace::new(Instant::now())),
            checks: Arc::new(Semaphore::new(CHECKS_MAX)),
            marks: vault.mac_key("console browsers")?,
        })
    }

    /// Who sent this, if they are signed in.
    pub(super) fn operator(
        &self,
        headers: &HeaderMap,
        acts: bool,
        edge: &Edge,
    ) -> Option<Operator> {
        let secret = Cookie::Session.of(headers)?;
        let acts = acts && !headers.contains_key(guard::BACKGROUND);
        self.seats.find(secret, acts, edge.clock.now())
    }

    /// Whether the session with this secret still lasts; asking does not make it last longer.
    pub(super) fn lasts(&self, headers: &HeaderMap, edge: &Edge) -> bool {
        let secret = Cookie::Session.of(headers);
        secret.is_some_and(|secret| self.seats.find(secret, false, edge.clock.now()).is_some())
    }

    /// Whether who has this name sees nothing beyond this.
    pub(super) fn is_within(&self, name: &str, sight: &Sight) -> bool {
        self.members
            .of(name)
            .is_some_and(|member| sight.covers(&Sight::of_tenants(member.tenants.clone())))
    }

    fn source(&self, headers: &HeaderMap, address: IpAddr) -> Source {
        let marked = Cookie::Browser.of(headers).and_then(|mark| self.browser(mark));
        marked.map_or_else(|| Source::of(address), Source::Browser)
    }

    /// The browser with this mark, if we made it.
    fn browser(&self, mark: &str) -> Option<[u8; 16]> {
        let (name, proof) = mark.split_at_checked(MARK_DIGITS)?;
        let tag = self.marks.tag(&[name.as_bytes()]);
        // Compared by tags of both, so that the time it takes tells nothing.
        let same = self.marks.tag(&[proof.as_bytes()]) == self.marks.tag(&[hex(&tag).as_bytes()]);
        let mut id = [0; 16];
        id.copy_from_slice(tag.get(..16)?);
        same.then_some(id)
    }

    /// A mark for a browser that signs in for the first time.
    fn new_mark(&self) -> Option<String> {
        let chance = MasterKey::fresh_secret().ok()?;
        let name = chance.get(..MARK_DIGITS)?;
        Some(format!("{name}{}", hex(&self.marks.tag(&[name.as_bytes()]))))
    }

    /// Whether this is the password of who has this name; `None` if the check itself failed. Off the
    /// async threads, few at a time. Nobody's name takes as long as the
    /// costliest of anybody's.
    async fn check(&self, member: Option<&Member>, password: SecretString) -> Option<bool> {
        let place = Arc::clone(&self.checks).acquire_owned().await.ok()?;
        let hash = self.members.hash(member);
        let check = move || {
            // Its place goes with the work: a caller who hangs up does not end it.
            let _place = place;
            hash.is_of(&password)
        };
        let checked = tokio::task::spawn_blocking(check).await.ok()?;
        let told = |error: &PasswordHashError| {
            tracing::error!(error = error as &dyn std::error::Error, "no password can be checked");
        };
        checked.inspect_err(told).ok().map(|right| right && member.is_some())
    }

    fn pace<T>(&self, work: impl FnOnce(&mut Pace) -> T) -> T {
        // Nothing in it can be left half done.
        work(&mut self.pace.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a text cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

/// The door: closed to who is not signed in, and changes come from our own page only.
pub(super) async fn door(
    State(edge): State<Arc<Edge>>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(console) = &edge.console else { return super::closed().into_response() };
    let (headers, doors) = (request.headers(), edge.doors.get());
    let public_url = doors.public_url.as_deref();
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let ours = guard::from_our_page(headers, public_url).and(guard::is_order(headers));
        if let Err(refusal) = ours {
            return refusal.into_response();
        }
    }
    // A page that follows the feed opens it anew by itself, and cannot say that nobody touched it.
    let acts = !request.uri().path().ends_with("/feed");
    let Some(operator) = console.access.operator(headers, acts, &edge) else {
        return signed_out().into_response();
    };
    let (takes, route) = members::takes(request.method(), request.uri().path());
    if operator.role < takes {
        denied(&edge, &operator, None, route, "role_forbids");
        return members::forbidden(operator.role, takes).into_response();
    }
    request.extensions_mut().insert(operator);
    next.run(request).await
}

fn signed_out() -> Refusal {
    Refusal::new(
        StatusCode::UNAUTHORIZED,
        "signed_out",
        "nobody is signed in, or the session is over; sign in with your name and password",
    )
    .asks_for(COOKIE)
}

/// What signing in takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    /// Without one it is the operator `admin`.
    #[serde(default)]
    name: Option<String>,
    password: String,
}

/// `POST /console/api/login`
pub(super) async fn login(
    State(edge): State<Arc<Edge>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(console) = &edge.console else { return super::closed().into_response() };
    let address = {
        let doors = edge.doors.get();
        guard::address(peer.map(|peer| peer.0), &headers, &doors.proxies)
    };
    match signs_in(console, &edge, &headers, address, body).await {
        Ok(response) => response,
        Err(response) => *response,
    }
}

async fn signs_in(
    console: &Console,
    edge: &Edge,
    headers: &HeaderMap,
    address: IpAddr,
    body: Body,
) -> Result<Response, Box<Response>> {
    let doors = edge.doors.get();
    let public_url = doors.public_url.as_deref();
    let refuse = |refusal: Refusal| Box::new(refusal.into_response());
    guard::from_our_page(headers, public_url).map_err(refuse)?;
    is_json(headers).map_err(refuse)?;
    let body = read_body(body, ORDER_BYTES_MAX).await.map_err(|error| refuse(error.into()))?;
    let Login { name, password } =
        serde_json::from_slice(&body).map_err(|_| refuse(bad_login()))?;
    let access = &console.access;
    let name = name.as_deref().map_or("", str::trim);
    let name = if name.is_empty() { ADMIN } else { name };
    let member = Some(name).filter(|name| name.len() <= NAME_BYTES_MAX);
    let member = member.and_then(|name| access.members.of(name));
    let source = access.source(headers, address);
    if let Err(wait) = access.pace(|pace| pace.attempt(source, Instant::now())) {
        tracing::warn!(
            client.address = %address,
            outcome = "too_many_attempts",
            "a sign-in to the console was not looked at"
        );
        return Err(Box::new(too_many(wait)));
    }
    let right = access.check(member, password.into()).await;
    if let Err(refusal) = judged(right) {
        if right.is_none() {
            access.pace(|pace| pace.undo(source));
        }
        // A name that is nobody's may be anything, a password too.
        let name = member.map(|member| member.name.clone());
        let who = Who::Operator { name, session: None, address: Some(address) };
        edge.audit.attempted(Entry::new(who, Deed::SignIn).with(refusal.code));
        tracing::warn!(
            client.address = %address,
            outcome = refusal.code,
            "a sign-in to the console failed"
        );
        return Err(refuse(refusal));
    }
    access.pace(|pace| pace.succeeded(source));
    // A right password is somebody's.
    let member = member.ok_or_else(|| refuse(not_checked()))?;
    let opened = access.seats.open(member, address, source, edge.clock.now());
    let (secret, operator) = opened.map_err(|_| refuse(not_checked()))?;
    log(&operator, "sign_in", None, "done");
    edge.audit.record_now(Entry::new(operator.who(), Deed::SignIn)).await;
    let secure = guard::is_secure(headers, public_url);
    let mark = match source {
        Source::Browser(_) => None,
        Source::Address(_) => access.new_mark(),
    };
    let mut response = Json(json!({ "until": rfc3339(operator.until) })).into_response();
    let cookies = [(Cookie::Session, Some(secret)), (Cookie::Browser, mark)];
    for (cookie, value) in cookies {
        let set = value.and_then(|value| cookie.set(&value, secure));
        set.map(|set| response.headers_mut().append(header::SET_COOKIE, set));
    }
    Ok(response)
}

/// A page elsewhere cannot send JSON without asking us first.
pub(super) fn is_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    if essence.trim().eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "not_json",
        "send it as JSON, with Content-Type: application/json",
    ))
}

fn bad_login() -> Refusal {
    Refusal::new(
        StatusCode::BAD_REQUEST,
        "bad_request",
        "signing in takes JSON as in {\"name\":\"…\",\"password\":\"…\"} and nothing else",
    )
}

/// Whether the password opens: it is right, or wrong, or nobody could say.
fn judged(right: Option<bool>) -> Result<(), Refusal> {
    match right {
        Some(true) => Ok(()),
        Some(false) => Err(Refusal::new(
            StatusCode::UNAUTHORIZED,
            "wrong_password",
            "this is not the console's password, or nobody has this name; a new password is made with \
             `warmline console-password`",
        )
        .asks_for(COOKIE)),
        None => Err(not_checked()),
    }
}

fn not_checked() -> Refusal {
    Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "busy",
        "nobody can sign in at the moment; what is wrong is in the gateway's log; try again",
    )
}

fn too_many(wait: Duration) -> Response {
    let seconds = wait.as_secs() + 1;
    let mut response = Refusal::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too_many_attempts",
        format!("too many passwords were tried; try again in {seconds} seconds"),
    )
    .into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// `POST /console/api/logout`
pub(super) async fn logout(
    State(edge): State<Arc<Edge>>,
    Extension(operator): Extension<Operator>,
    headers: HeaderMap,
) -> Response {
    let secret = Cookie::Session.of(&headers);
    if let (Some(console), Some(secret)) = (&edge.console, secret) {
        console.access.seats.close(secret);
    }
    log(&operator, "sign_out", None, "done");
    edge.audit.record_now(Entry::new(operator.who(), Deed::SignOut)).await;
    let secure = guard::is_secure(&headers, edge.doors.get().public_url.as_deref());
    let mut response = StatusCode::NO_CONTENT.into_response();
    let gone = Cookie::Session.set("", secure);
    gone.map(|gone| response.headers_mut().append(header::SET_COOKIE, gone));
    response
}

/// Puts down that somebody wanted what they may not. It stands under the tenant whose it is, so that
/// who answers for that tenant finds it; without one where it is nobody's, or nobody knows whose.
pub(super) fn denied(
    edge: &Edge,
    operator: &Operator,
    whose: Option<TenantId>,
    route: &'static str,
    code: &str,
) {
    let entry = Entry::new(operator.who(), Deed::Denied { route }).of(whose).with(code);
    edge.audit.denied(&operator.member, entry);
}

/// Puts it down if what somebody reached for is another tenant's.
pub(super) fn reached(
    edge: &Edge,
    operator: &Operator,
    whose: Option<&TenantId>,
    route: &'static str,
) {
    if let Some(whose) = whose.filter(|whose| !operator.sight.of(whose.as_str())) {
        denied(edge, operator, Some(whose.clone()), route, "other_tenant");
    }
}

/// One line for each order: who looks into it later sees what people did. `about` is a session's or a
/// letter's id.
pub(super) fn log(operator: &Operator, order: &str, about: Option<&str>, outcome: &str) {
    tracing::info!(
        operator.name = %operator.name,
        operator.member = %operator.member,
        client.address = %operator.address,
        operator.order = order,
        operator.about = about,
        outcome,
        "an operator gave an order"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_failure_is_not_told_as_a_wrong_password() {
        assert!(judged(Some(true)).is_ok());
        let told = |right| judged(right).unwrap_err().into_response();
        let (wrong, ours) = (told(Some(false)), told(None));
        assert_eq!((wrong.status().as_u16(), ours.status().as_u16()), (401, 503));
        assert!(ours.headers().contains_key(header::RETRY_AFTER));
        let asked = wrong.headers()[header::WWW_AUTHENTICATE].to_str().unwrap();
        assert!(asked.starts_with("Cookie "), "{asked}");
    }
}
