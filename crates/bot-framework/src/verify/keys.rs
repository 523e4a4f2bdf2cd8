//! Who signs: the keys that a login publishes, fetched when they are needed, kept, and renewed.
//!
//! ```text
//! known key ───────────────────────────► used
//! known key, keys a day old ───────────► used; one caller fetches them anew before
//! unknown key, asked a minute ago ─────► unknown
//! unknown key ─────────────────────────► everybody waits for one fetch
//! ```
//!
//! A fetch that fails leaves the keys as they are, however old, and is repeated after a pause that
//! grows. Owns no rule about what the keys may sign.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, USER_AGENT};
use http::uri::Scheme;
use http::{HeaderValue, Request, Uri};
use http_body_util::Full;
use jsonwebtoken::DecodingKey;
use outbound::addresses::is_public;
use outbound::{HttpClient, Names, PrivateHosts, Reach, Refusals, Said, reach};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::{Mutex, MutexGuard as Turn};
use tokio::time::{Instant, timeout_at};

use super::{VerifyConfigError, VerifyError};

/// How old keys may be before they are fetched anew (reference 2.2, rule 4).
const KEYS_FRESH_FOR: Duration = Duration::from_hours(24);

/// How long after a fetch an unknown key stays unknown. Shorter than the SDKs' hour, so that an
/// emergency rotation is noticed; long enough that strangers cannot have us hammer the login.
const ASKED_AGAIN_AFTER: Duration = Duration::from_mins(1);

/// How long metadata and keys together may take. Whoever is to be verified waits for it.
const FETCHED_WITHIN: Duration = Duration::from_secs(5);

/// The longest pause after fetches that failed: for so long may a login be back unnoticed, and bots
/// that need a key be told to come again.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The keys of one login. Entra publishes about ten.
const KEYS_MAX: usize = 200;

/// The channels of one key. Bot Framework names about thirty.
const ENDORSEMENTS_MAX: usize = 500;

/// The keys of one login.
#[derive(Debug)]
pub(super) struct Keys {
    http: HttpClient,
    metadata: Uri,
    /// Never held over an await.
    state: StdMutex<State>,
    /// Held by the one caller who fetches.
    turn: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    keys: Published,
    /// Counts the times that they changed.
    edition: u64,
    fetched_at: Option<Instant>,
    /// Fetches that failed since one succeeded.
    failures: Refusals,
    /// How many fetches have ended.
    ended: u64,
}

/// Keys by their names, with the text they came from.
type Published = HashMap<String, (String, Arc<Key>)>;

/// A key, and what it is good for.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) decoding: DecodingKey,
    /// The channels that it may speak for; none are named for Entra's keys.
    pub(super) endorsements: Vec<String>,
}

/// A key, and the edition of the keys that it is from.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) key: Arc<Key>,
    pub(super) edition: u64,
}

/// What a state of things asks for.
enum Next {
    Use(Found),
    Unknown,
    Unavailable,
    Fetch,
}

impl Keys {
    pub(super) fn new(metadata: Uri, private: &PrivateHosts) -> Result<Self, VerifyConfigError> {
        let host = metadata.host().unwrap_or_default();
        let names = Names::Said(Said {
            // The metadata says where the keys are.
            written: vec![host.to_owned()],
            private: private.clone(),
            this_machine: reach(host) == Reach::ThisMachine,
        });
        let http = HttpClient::to(names, &[]).map_err(VerifyConfigError::RootCertificates)?;
        Ok(Self { http, metadata, state: StdMutex::default(), turn: Mutex::default() })
    }

    /// Counts the times that the keys changed.
    pub(super) fn edition(&self) -> u64 {
        self.state().edition
    }

    /// A key that is there.
    pub(super) async fn find(&self, kid: &str) -> Option<Found> {
        let now = Instant::now();
        let (found, due) = {
            let state = self.state();
            let aged = state.fetched_at.is_some_and(|at| now >= at + KEYS_FRESH_FOR);
            (state.key(kid), aged && state.failures.pause_left(now).is_none())
        };
        let found = found?;
        if !due {
            return Some(found);
        }
        // Somebody else fetches them, or has just done so: this one is good enough.
        let Ok(turn) = self.turn.try_lock() else { return Some(found) };
        match self.fetch(turn, now + FETCHED_WITHIN).await {
            Ok(()) => self.state().key(kid),
            Err(_) => Some(found),
        }
    }

    /// A key that is not there: it is fetched, unless it cannot be new.
    pub(super) async fn find_new(&self, kid: &str) -> Result<Found, VerifyError> {
        let deadline = Instant::now() + FETCHED_WITHIN;
        let seen = self.state().ended;
        match self.state().next(kid, Instant::now()) {
            Next::Use(found) => return Ok(found),
            Next::Unknown => return Err(VerifyError::UnknownKey),
            Next::Unavailable => return Err(VerifyError::KeysUnavailable),
            Next::Fetch => {}
        }
        let turn = timeout_at(deadline, self.turn.lock()).await;
        let turn = turn.map_err(|_| VerifyError::KeysUnavailable)?;
        if self.state().ended == seen {
            self.fetch(turn, deadline).await?;
        }
        match self.state().next(kid, Instant::now()) {
            Next::Use(found) => Ok(found),
            Next::Unknown => Err(VerifyError::UnknownKey),
            Next::Unavailable | Next::Fetch => Err(VerifyError::KeysUnavailable),
        }
    }

    /// Fetches them for whoever only looks, and keeps none.
    pub(super) async fn examine(&self) -> Result<usize, String> {
        self.ask(Instant::now() + FETCHED_WITHIN).await.map(|keys| keys.len())
    }

    async fn fetch(&self, _turn: Turn<'_, ()>, deadline: Instant) -> Result<(), VerifyError> {
        let fetched = self.ask(deadline).await;
        let mut state = self.state();
        state.ended += 1;
        match fetched {
            Ok(keys) => {
                state.take(keys, Instant::now());
                Ok(())
            }
            Err(reason) => {
                let pause = state.failures.another_up_to(PAUSE_MAX, Instant::now());
                let has_keys = !state.keys.is_empty();
                tracing::warn!(
                    reason,
                    has_keys,
                    pause_s = pause.as_secs(),
                    "the login's keys cannot be fetched"
                );
                Err(VerifyError::KeysUnavailable)
            }
        }
    }

    async fn ask(&self, deadline: Instant) -> Result<Published, String> {
        let metadata = self.get(&self.metadata, deadline).await?;
        let metadata: Metadata =
            serde_json::from_slice(&metadata).map_err(|_| "the metadata names no jwks_uri")?;
        let address = metadata.jwks_uri.parse::<Uri>();
        let address = address.map_err(|_| "the metadata's jwks_uri is no address")?;
        let own = self.metadata.host().unwrap_or_default();
        // Keys over plain http, only where the metadata came that way.
        if !is_safe(&address, reach(own)) {
            return Err("the metadata's jwks_uri is not https".to_owned());
        }
        if !may_be_said(&address, own) {
            return Err("the metadata's jwks_uri leads into a private network".to_owned());
        }
        let keys = published(&self.get(&address, deadline).await?);
        if keys.is_empty() {
            Err("there is no RSA key among the keys".to_owned())
        } else {
            Ok(keys)
        }
    }

    async fn get(&self, uri: &Uri, deadline: Instant) -> Result<Bytes, String> {
        let mut request = Request::new(Full::default());
        *request.uri_mut() = uri.clone();
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let agent = concat!("warmline/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        let answer = self.http.request(request, deadline).await;
        let answer = answer.map_err(|error| error.cause())?;
        if answer.status.is_success() {
            Ok(answer.body)
        } else {
            Err(format!("it answered {}", answer.status.as_u16()))
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is complete when it can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn key(&self, kid: &str) -> Option<Found> {
        let (_, key) = self.keys.get(kid)?;
        Some(Found { key: Arc::clone(key), edition: self.edition })
    }

    fn next(&self, kid: &str, now: Instant) -> Next {
        let asked_lately = self.fetched_at.is_some_and(|at| now < at + ASKED_AGAIN_AFTER);
        match self.key(kid) {
            Some(found) => Next::Use(found),
            None if self.failures.pause_left(now).is_some() => Next::Unavailable,
            None if asked_lately => Next::Unknown,
            None => Next::Fetch,
        }
    }

    fn take(&mut self, keys: Published, now: Instant) {
        let same = keys.len() == self.keys.len()
            && keys
                .iter()
                .all(|(kid, (text, _))| self.keys.get(kid).is_some_and(|(own, _)| own == text));
        if !same {
            self.edition += 1;
        }
        self.keys = keys;
        self.fetched_at = Some(now);
        self.failures = Refusals::default();
    }
}

/// https, or http as far as that host.
pub(super) fn is_safe(uri: &Uri, http_as_far_as: Reach) -> bool {
    let Some(host) = uri.host() else { return false };
    match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => true,
        Some(scheme) if *scheme == Scheme::HTTP => {
            http_as_far_as == Reach::ThisMachine && reach(host) == Reach::ThisMachine
        }
        _ => false,
    }
}

/// Whether keys may be asked for at an address, if its host is a number: a name is judged when it is
/// looked up.
fn may_be_said(address: &Uri, own: &str) -> bool {
    let host = address.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let here = [host, own].iter().all(|host| reach(host) == Reach::ThisMachine);
    host == own || here || bare.parse().is_ok_and(is_public) || bare.parse::<IpAddr>().is_err()
}

#[derive(Deserialize)]
struct Metadata {
    jwks_uri: String,
}

/// One key as it is published (RFC 7517).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    n: String,
    e: String,
    /// Bot Framework's own; whatever else stands there is no list.
    #[serde(default)]
    endorsements: Value,
}

/// The keys that can have signed a token: RSA, for signatures, with a name. Others are passed over,
/// so that one odd entry does not take the rest with it.
fn published(body: &[u8]) -> Published {
    #[derive(Deserialize)]
    struct Said<'a> {
        #[serde(borrow)]
        keys: Vec<&'a RawValue>,
    }
    let Ok(said) = serde_json::from_slice::<Said<'_>>(body) else { return Published::new() };
    let keys = said.keys.into_iter().take(KEYS_MAX).filter_map(|raw| {
        let key: Jwk = serde_json::from_str(raw.get()).ok()?;
        let signs = key.usage.as_deref().is_none_or(|usage| usage == "sig");
        let decoding = DecodingKey::from_rsa_components(&key.n, &key.e).ok();
        let decoding = decoding.filter(|_| key.kty == "RSA" && signs)?;
        let endorsements = endorsements(&key.endorsements)?;
        let text = format!("{}.{}.{}", key.n, key.e, endorsements.join(" "));
        Some((key.kid, (text, Arc::new(Key { decoding, endorsements }))))
    });
    keys.collect()
}

/// The channels of a key. A list that cannot be read must not endorse more than it says, so its key
/// goes with it.
fn endorsements(said: &Value) -> Option<Vec<String>> {
    match said {
        Value::Null => Some(Vec::new()),
        Value::Array(channels) => {
            let channels = channels.iter().take(ENDORSEMENTS_MAX);
            channels.map(|channel| channel.as_str().map(str::to_owned)).collect()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
