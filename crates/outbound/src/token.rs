//! A bearer token: fetched once for everybody, renewed before it expires, replaced when it is
//! refused.
//!
//! Owns when a token is renewed and by whom. How one is got is its [`Source`]'s. There is no task
//! behind this: whoever needs a token and finds it due renews it.
//!
//! ```text
//! fresh ────────────────► used
//! in its last stretch ──► used, and one caller renews it meanwhile
//! expired, refused ─────► everybody waits for one renewal and shares what it brings
//! ```
//!
//! Nothing is retried here, and a failure is shared by those who waited and by nobody else.

use std::fmt;
use std::sync::{Mutex as StdMutex, MutexGuard as StdMutexGuard, PoisonError};
use std::time::Duration;

use ::http::HeaderValue;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, timeout_at};

/// Renew this long before the end, or when a tenth of the life is left, whichever is shorter: a
/// request on its way must not meet a token that has just expired.
const RENEWAL_MARGIN_MAX: Duration = Duration::from_secs(30);

/// How long a token that is due but still valid goes on when it cannot be renewed.
const RENEWAL_PAUSE: Duration = Duration::from_secs(5);

/// What to believe when no lifetime is named, or something that is none: `ServiceNow`'s default, and
/// half of Entra's. A token that dies earlier is replaced when it is refused.
const LIFETIME_DEFAULT: Duration = Duration::from_mins(30);

/// The longest lifetime believed; who says more means "for ever".
const LIFETIME_MAX: Duration = Duration::from_hours(24);

/// A bearer token.
#[derive(Clone)]
pub struct Token {
    header: HeaderValue,
    /// Tells this token from earlier ones even when the same text was granted again.
    generation: u64,
    asked_at: Instant,
    renew_at: Instant,
    expires_at: Instant,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("generation", &self.generation).finish_non_exhaustive()
    }
}

impl Token {
    /// The `Authorization` header, marked as sensitive.
    pub fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// How long ago it was asked for.
    pub fn age(&self) -> Duration {
        self.asked_at.elapsed()
    }
}

/// What a source gave.
pub struct Granted {
    /// The `Authorization` header, marked as sensitive.
    pub header: HeaderValue,
    /// When it was asked. The lifetime is counted from here: the way back is part of it.
    pub asked_at: Instant,
    /// As received. Zero is believed too: the token then serves those who waited for it.
    pub lifetime: Duration,
}

impl fmt::Debug for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Granted").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

/// Why a token is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// There is none, or the time of the last one is over or nearly so.
    Due,
    /// One was refused before its time.
    Refused,
}

/// Where tokens come from.
pub trait Source: Send + Sync {
    /// Why there is none.
    type Error: Clone + fmt::Debug + Send;
    /// What only the one who renews needs, kept from one renewal to the next.
    type Turn: Default + Send;

    /// Gets a token. Called by one caller at a time.
    fn renew(
        &self,
        turn: &mut Self::Turn,
        cause: Cause,
        deadline: Instant,
    ) -> impl Future<Output = Result<Granted, Self::Error>> + Send;

    /// What is left to do when everybody has the token already.
    fn settle(
        &self,
        _turn: &mut Self::Turn,
        _deadline: Instant,
    ) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// There was no token in the time of the caller's attempt.
    fn too_late(&self) -> Self::Error;

    /// Whether a failure concerns nobody but the one who renewed: that the time of one attempt was
    /// over says nothing to the others, who have their own.
    fn is_own(&self, error: &Self::Error) -> bool;

    /// The stable machine code of a failure, for the log.
    fn code(&self, error: &Self::Error) -> &'static str;
}

/// The token of one source, for everybody who needs it.
pub struct Tokens<S: Source> {
    source: S,
    /// Never held over an await.
    state: StdMutex<State<S::Error>>,
    /// Held by the one caller who renews.
    turn: Mutex<S::Turn>,
}

struct State<E> {
    token: Option<Token>,
    fetched: u64,
    /// How many renewals have ended with a token, or with a failure that concerns everybody.
    ended: u64,
    /// What the last of them failed with.
    failure: Option<E>,
}

impl<S: Source + fmt::Debug> fmt::Debug for Tokens<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("source", &self.source).finish_non_exhaustive()
    }
}

impl<S: Source> Tokens<S> {
    /// Nothing is fetched before the first [`get`](Self::get).
    pub fn new(source: S) -> Self {
        let state = State { token: None, fetched: 0, ended: 0, failure: None };
        Self { source, state: StdMutex::new(state), turn: Mutex::default() }
    }

    /// Where the tokens come from.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// A token that is good for now.
    pub async fn get(&self, deadline: Instant) -> Result<Token, S::Error> {
        let now = Instant::now();
        let (valid, seen) = {
            let state = self.state();
            (state.token.clone().filter(|token| now < token.expires_at), state.ended)
        };
        let Some(token) = valid else { return self.wait(seen, Cause::Due, deadline).await };
        if now < token.renew_at {
            return Ok(token);
        }
        // Somebody else renews it, or has just done so: this one is still good.
        let Ok(turn) = self.turn.try_lock() else { return Ok(token) };
        if self.state().ended != seen {
            return Ok(token);
        }
        self.renew_ahead(turn, token, deadline).await
    }

    /// Another token in place of one that was refused: the one that somebody else fetched meanwhile,
    /// or a new one.
    pub async fn replace(&self, refused: &Token, deadline: Instant) -> Result<Token, S::Error> {
        let seen = {
            let mut state = self.state();
            match &state.token {
                Some(newer) if newer.generation > refused.generation => return Ok(newer.clone()),
                _ => state.token = None,
            }
            state.ended
        };
        self.wait(seen, Cause::Refused, deadline).await
    }

    /// Takes a token that was got outside a renewal, as by an examination of the source.
    pub fn take(&self, granted: &Granted) {
        self.state().succeed(granted);
    }

    /// Waits for the turn, and renews only if nobody did while waiting. `seen` is how many renewals
    /// had ended before.
    async fn wait(&self, seen: u64, cause: Cause, deadline: Instant) -> Result<Token, S::Error> {
        let turn = timeout_at(deadline, self.turn.lock()).await;
        let turn = turn.map_err(|_| self.source.too_late())?;
        let shared = self.state().outcome_since(seen);
        match shared {
            Some(outcome) => outcome,
            None => self.renew(turn, cause, deadline).await,
        }
    }

    /// Renews a token that still has a while to live. May take half of the attempt, so that the
    /// other half is left for the request, with the old token if need be.
    async fn renew_ahead(
        &self,
        turn: MutexGuard<'_, S::Turn>,
        old: Token,
        deadline: Instant,
    ) -> Result<Token, S::Error> {
        let now = Instant::now();
        let halfway = now + deadline.saturating_duration_since(now) / 2;
        match self.renew(turn, Cause::Due, halfway).await {
            Err(error) if Instant::now() < old.expires_at => {
                let code = self.source.code(&error);
                tracing::warn!(code, "the token could not be renewed in advance");
                Ok(old)
            }
            renewed => renewed,
        }
    }

    async fn renew(
        &self,
        mut turn: MutexGuard<'_, S::Turn>,
        cause: Cause,
        deadline: Instant,
    ) -> Result<Token, S::Error> {
        let asked = self.source.renew(&mut turn, cause, deadline).await;
        let granted = asked.inspect_err(|error| {
            let own = self.source.is_own(error);
            self.state().fail(error, own, Instant::now());
        })?;
        let token = self.state().succeed(&granted);
        self.source.settle(&mut turn, deadline).await;
        Ok(token)
    }

    fn state(&self) -> StdMutexGuard<'_, State<S::Error>> {
        // Every change of the state is complete when it can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E: Clone> State<E> {
    /// What a renewal that ended since then brought, for those who waited for it.
    fn outcome_since(&self, seen: u64) -> Option<Result<Token, E>> {
        if self.ended == seen {
            return None;
        }
        match &self.failure {
            Some(failure) => Some(Err(failure.clone())),
            // Not asked whether it is still valid: it is newer than the wish for it, and a lifetime
            // of zero must not make everybody fetch one for himself.
            None => self.token.clone().map(Ok),
        }
    }

    fn succeed(&mut self, granted: &Granted) -> Token {
        self.fetched += 1;
        self.ended += 1;
        self.failure = None;
        let asked_at = granted.asked_at;
        let expires_at = asked_at + granted.lifetime;
        let renew_at = expires_at - renewal_margin(granted.lifetime);
        let header = granted.header.clone();
        let token = Token { header, generation: self.fetched, asked_at, renew_at, expires_at };
        self.token = Some(token.clone());
        tracing::debug!(lifetime_s = granted.lifetime.as_secs(), "a token was fetched");
        token
    }

    fn fail(&mut self, error: &E, own: bool, now: Instant) {
        if let Some(token) = &mut self.token {
            token.renew_at = now + RENEWAL_PAUSE;
        }
        if !own {
            self.ended += 1;
            self.failure = Some(error.clone());
        }
    }
}

fn renewal_margin(lifetime: Duration) -> Duration {
    RENEWAL_MARGIN_MAX.min(lifetime / 10)
}

/// The `Authorization` header of a token, marked as sensitive; nothing for a text that no header can
/// carry.
pub fn bearer(token: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// The lifetime that `expires_in` names, within reason.
pub fn lifetime(expires_in: Option<&str>) -> Duration {
    expires_in
        .and_then(|seconds| seconds.trim().parse::<f64>().ok())
        .filter(|seconds| seconds.is_finite())
        .map(|seconds| seconds.min(LIFETIME_MAX.as_secs_f64()))
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .unwrap_or(LIFETIME_DEFAULT)
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
        for (expires_in, expected) in [
            (Some("1799"), Duration::from_secs(1799)),
            (Some(" 2 "), Duration::from_secs(2)),
            (Some("1.5"), Duration::from_millis(1500)),
            (Some("0"), Duration::ZERO),
            (Some("99999999999"), LIFETIME_MAX),
            (Some("1e300"), LIFETIME_MAX),
            (Some("-1"), LIFETIME_DEFAULT),
            (Some("NaN"), LIFETIME_DEFAULT),
            (Some("soon"), LIFETIME_DEFAULT),
            (None, LIFETIME_DEFAULT),
        ] {
            assert_eq!(lifetime(expires_in), expected, "{expires_in:?}");
        }
    }

    #[test]
    fn a_token_shows_itself_to_nobody_and_goes_into_a_header_or_nowhere() {
        let header = bearer("s3cret").unwrap();
        assert!(header == "Bearer s3cret" && header.is_sensitive());
        assert!(bearer("s3\ncret").is_none());
        let asked_at = Instant::now();
        let granted = Granted { header, asked_at, lifetime: Duration::from_secs(1) };
        let mut state = State::<()> { token: None, fetched: 0, ended: 0, failure: None };
        let shown = format!("{granted:?} {:?}", state.succeed(&granted));
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
