//! The bearer token: fetched once for everybody, renewed before it expires, replaced when it is
//! refused.
//!
//! Owns when a token is renewed, by whom, and which way of asking comes first. The wire is
//! `endpoint`'s. There is no task behind this: whoever needs a token and finds it due renews it.
//!
//! ```text
//! fresh ────────────────► used
//! in its last stretch ──► used, and one caller renews it meanwhile
//! expired, refused ─────► everybody waits for one renewal and shares what it brings
//!
//! renewal in time         refresh token ─ refused ─► credentials
//! after a refusal (401)   credentials ─── refused ─► refresh token
//! ```
//!
//! The order after a refusal is the other way round because clients with the same user share one
//! token (reference 7.1): with the credentials the instance answers the token that is valid now, so
//! two gateways meet there, whereas a refresh makes a new token each time and they could go on
//! revoking each other's for ever. That a refresh token dies after a hundred days although it
//! looks renewed (reference 7.1) is healed by the way to the credentials.
//!
//! Nothing is retried here beyond that second way, but refused credentials are left alone for a
//! while that grows with every refusal (`refusals`), also while a refresh token still works; and so
//! is a refused refresh token.

use std::fmt;
use std::sync::PoisonError;
use std::time::Duration;

use http::{HeaderValue, Uri};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use crate::client::{ClientConfig, Keeper, SendError, Watch};
use crate::http::HttpClient;
pub use fault::CredentialFault;

pub(crate) use endpoint::Examined;
use endpoint::{CREDENTIALS_REFUSED, Endpoint, Granted, Way};
use refusals::Refusals;

mod endpoint;
mod fault;
mod refusals;

/// Where tokens come from, below the instance's origin.
pub(crate) const PATH: &str = "/oauth_token.do";

/// Renew this long before the end, or when a tenth of the life is left, whichever is shorter: a
/// request on its way must not meet a token that has just expired.
const RENEWAL_MARGIN_MAX: Duration = Duration::from_secs(30);

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
    endpoint: Endpoint,
    keeper: Option<Keeper>,
    watch: Option<Watch>,
    /// Never held over an await.
    state: std::sync::Mutex<State>,
    /// Held by the one caller who renews.
    turn: Mutex<Refresh>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    fetched: u64,
    /// How many renewals have ended with a token, or with a failure that concerns everybody.
    ended: u64,
    /// What the last of them failed with.
    failure: Option<SendError>,
    /// Since the credentials last brought a token, whatever the refresh token brought.
    credentials: Refusals,
    /// Since any way last brought a token: then the refresh token is good, replaced or forgotten.
    refresh: Refusals,
}

/// What only the caller whose turn it is needs.
#[derive(Default)]
struct Refresh {
    loaded: bool,
    token: Option<SecretString>,
}

/// Why a token is wanted.
#[derive(Clone, Copy)]
enum Cause {
    /// There is none, or the time of the last one is over or nearly so.
    Due,
    /// The instance refused one before its time.
    Refused,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Tokens {
    pub(crate) fn new(http: HttpClient, endpoint: Uri, config: &ClientConfig) -> Self {
        let endpoint = Endpoint::new(http, endpoint, config.grant, &config.credentials);
        let keeper = config.keeper.clone().filter(|_| endpoint.refreshes());
        let watch = config.watch.clone();
        let state = std::sync::Mutex::default();
        Self { endpoint, keeper, watch, state, turn: Mutex::default() }
    }

    /// A token that is good for now.
    pub(crate) async fn get(&self, deadline: Instant) -> Result<Token, SendError> {
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

    /// Asks with the credentials, once and whatever is known, for whoever examines the instance. What
    /// it brings is the token from then on.
    pub(crate) async fn examine(&self, deadline: Instant) -> Examined {
        let examined = self.endpoint.examine(deadline).await;
        if let Ok(granted) = &examined.asked {
            self.state().succeed(granted);
        }
        examined
    }

    /// Another token in place of one that the instance refused: the one that somebody else fetched
    /// meanwhile, or a new one.
    pub(crate) async fn replace(
        &self,
        refused: &Token,
        deadline: Instant,
    ) -> Result<Token, SendError> {
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

    /// Waits for the turn, and renews only if nobody did while waiting. `seen` is how many renewals
    /// had ended before.
    async fn wait(&self, seen: u64, cause: Cause, deadline: Instant) -> Result<Token, SendError> {
        let turn = timeout_at(deadline, self.turn.lock()).await.map_err(|_| too_late())?;
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
        turn: MutexGuard<'_, Refresh>,
        old: Token,
        deadline: Instant,
    ) -> Result<Token, SendError> {
        let now = Instant::now();
        let halfway = now + deadline.saturating_duration_since(now) / 2;
        match self.renew(turn, Cause::Due, halfway).await {
            Err(error) if Instant::now() < old.expires_at => {
                tracing::warn!(code = error.code(), "the token could not be renewed in advance");
                Ok(old)
            }
            renewed => renewed,
        }
    }

    async fn renew(
        &self,
        mut refresh: MutexGuard<'_, Refresh>,
        cause: Cause,
        deadline: Instant,
    ) -> Result<Token, SendError> {
        self.load(&mut refresh, deadline).await?;
        let asked = self.ask(refresh.token.as_ref(), cause, deadline).await;
        if let Some(Watch(watch)) = &self.watch {
            asked.as_ref().map_or_else(|error| watch.failed(error.code()), |_| watch.granted());
        }
        let (granted, refresh_died) =
            asked.inspect_err(|error| self.state().fail(error, Instant::now()))?;
        let token = self.state().succeed(&granted);
        let next = granted.refresh_token.or(refresh.token.clone().filter(|_| !refresh_died));
        if text(next.as_ref()) != text(refresh.token.as_ref()) {
            refresh.token.clone_from(&next);
            self.keep(next, deadline).await;
        }
        Ok(token)
    }

    /// Asks one way, and the other way when the first was refused. Says as well whether the refresh
    /// token is dead: it is when it was refused and the credentials were not, since the instance
    /// has one answer for every fault.
    async fn ask(
        &self,
        refresh: Option<&SecretString>,
        cause: Cause,
        deadline: Instant,
    ) -> Result<(Granted, bool), SendError> {
        let by_credentials = || self.by_credentials(deadline);
        let Some(refresh) = refresh else { return Ok((by_credentials().await?, false)) };
        let by_refresh = || self.by_refresh(refresh, deadline);
        match cause {
            Cause::Due => match by_refresh().await {
                Err(error) if !is_passing(&error) => Ok((by_credentials().await?, true)),
                asked => Ok((asked?, false)),
            },
            Cause::Refused => match by_credentials().await {
                Err(error) if error.code() == CREDENTIALS_REFUSED => {
                    let refreshed = by_refresh().await.map_err(|trouble| {
                        // The reason that an operator can mend, but the refresh token need not wait
                        // for as long as the credentials do.
                        if is_passing(&trouble) { self.endpoint.refused(None) } else { error }
                    });
                    Ok((refreshed?, false))
                }
                asked => Ok((asked?, false)),
            },
        }
    }

    /// Asks with the credentials, unless they were refused a moment ago.
    async fn by_credentials(&self, deadline: Instant) -> Result<Granted, SendError> {
        let pause = self.state().credentials.pause_left(Instant::now());
        if pause.is_some() {
            return Err(self.endpoint.refused(pause));
        }
        let asked = self.endpoint.ask(Way::Credentials, deadline).await;
        let mut state = self.state();
        match &asked {
            Ok(_) => state.credentials = Refusals::default(),
            Err(error) if error.code() == CREDENTIALS_REFUSED => {
                let pause = state.credentials.another(Instant::now());
                tracing::warn!(pause_s = pause.as_secs(), "the credentials were refused");
            }
            // It says nothing about the credentials.
            Err(_) => {}
        }
        asked
    }

    /// Asks with the refresh token, unless it was refused a moment ago.
    async fn by_refresh(
        &self,
        refresh: &SecretString,
        deadline: Instant,
    ) -> Result<Granted, SendError> {
        let pause = self.state().refresh.pause_left(Instant::now());
        if pause.is_some() {
            return Err(self.endpoint.refused(pause));
        }
        let asked = self.endpoint.ask(Way::Refresh(refresh), deadline).await;
        if asked.as_ref().is_err_and(|error| !is_passing(error)) {
            self.state().refresh.another(Instant::now());
        }
        asked
    }

    /// Asks the keeper, once. A keeper that panics has nothing.
    async fn load(&self, refresh: &mut Refresh, deadline: Instant) -> Result<(), SendError> {
        let Some(Keeper(keeper)) = self.keeper.clone().filter(|_| !refresh.loaded) else {
            return Ok(());
        };
        let loading = spawn_blocking(move || keeper.load());
        let loaded = timeout_at(deadline, loading).await.map_err(|_| too_late())?;
        refresh.loaded = true;
        if let Ok(token) = loaded {
            refresh.token = token.filter(|token| !token.expose_secret().is_empty());
        } else {
            tracing::warn!("the refresh token could not be loaded");
        }
        Ok(())
    }

    /// Has a refresh token kept, or forgotten. The access token is in use already, so whatever goes
    /// wrong here costs a password grant after the next start and nothing else.
    async fn keep(&self, token: Option<SecretString>, deadline: Instant) {
        let Some(Keeper(keeper)) = self.keeper.clone() else { return };
        let keeping = spawn_blocking(move || keeper.keep(token.as_ref()));
        if !matches!(timeout_at(deadline, keeping).await, Ok(Ok(()))) {
            tracing::warn!("the refresh token may not have been kept");
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // Every change of the state is complete when it can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What a renewal that ended since then brought, for those who waited for it.
    fn outcome_since(&self, seen: u64) -> Option<Result<Token, SendError>> {
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
        self.refresh = Refusals::default();
        let expires_at = granted.asked_at + granted.lifetime;
        let renew_at = expires_at - renewal_margin(granted.lifetime);
        let header = granted.header.clone();
        let token = Token { header, generation: self.fetched, renew_at, expires_at };
        self.token = Some(token.clone());
        tracing::debug!(lifetime_s = granted.lifetime.as_secs(), "a token was fetched");
        token
    }

    fn fail(&mut self, error: &SendError, now: Instant) {
        if let Some(token) = &mut self.token {
            token.renew_at = now + RENEWAL_PAUSE;
        }
        // That the time of one attempt was over says nothing to the others, who have their own.
        if error.code() != "timeout" {
            self.ended += 1;
            self.failure = Some(error.clone());
        }
    }
}

fn renewal_margin(lifetime: Duration) -> Duration {
    RENEWAL_MARGIN_MAX.min(lifetime / 10)
}

/// Whether a refresh failed for reasons that say nothing about the token: it may work again later,
/// and another way of asking would meet the same. Everything else sends us to the credentials, or
/// an odd answer to a dead token would keep us out for ever.
fn is_passing(error: &SendError) -> bool {
    matches!(
        error.code(),
        "timeout" | "unreachable" | "interrupted" | "rate_limited" | "busy" | "hibernating"
    )
}

fn text(token: Option<&SecretString>) -> Option<&str> {
    token.map(ExposeSecret::expose_secret)
}

fn too_late() -> SendError {
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
}
