//! The bearer token: fetched once for everybody, renewed before it expires, replaced when it is
//! refused.
//!
//! Owns which way of asking comes first. The wire is `endpoint`'s; when a token is renewed, and by
//! whom, is [`outbound::token`]'s.
//!
//! ```text
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
//! while that grows with every refusal, also while a refresh token still works; and so
//! is a refused refresh token.

use std::fmt;
use std::sync::PoisonError;

use http::Uri;
use outbound::token::{Cause, Granted, Source};
use outbound::{HttpClient, Refusals};
use secrecy::{ExposeSecret, SecretString};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use crate::client::{ClientConfig, Keeper, SendError, Watch};
pub use fault::CredentialFault;

pub(crate) use endpoint::CREDENTIALS_REFUSED;
pub(crate) use endpoint::Examined;
use endpoint::{Endpoint, Got, Way};

mod endpoint;
mod fault;

/// Where tokens come from, below the instance's origin.
pub(crate) const PATH: &str = "/oauth_token.do";

/// The token of one instance.
pub(crate) type Tokens = outbound::token::Tokens<Grants>;

/// How another token is got.
pub(crate) struct Grants {
    endpoint: Endpoint,
    keeper: Option<Keeper>,
    watch: Option<Watch>,
    /// Never held over an await.
    refusals: std::sync::Mutex<Refused>,
}

/// What was refused lately.
#[derive(Default)]
struct Refused {
    /// Since the credentials last brought a token, whatever the refresh token brought.
    credentials: Refusals,
    /// Since any way last brought a token: then the refresh token is good, replaced or forgotten.
    refresh: Refusals,
}

/// What only the caller whose turn it is needs.
#[derive(Default)]
pub(crate) struct Refresh {
    loaded: bool,
    token: Option<SecretString>,
    /// Whether the keeper has another than this.
    changed: bool,
}

impl fmt::Debug for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grants").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// The token of an instance.
pub(crate) fn tokens(http: HttpClient, endpoint: Uri, config: &ClientConfig) -> Tokens {
    let endpoint = Endpoint::new(http, endpoint, config);
    let keeper = config.keeper.clone().filter(|_| endpoint.refreshes());
    let watch = config.watch.clone();
    Tokens::new(Grants { endpoint, keeper, watch, refusals: std::sync::Mutex::default() })
}

/// Asks with the credentials, once and whatever is known, for whoever examines the instance. What
/// it brings is the token from then on.
pub(crate) async fn examine(tokens: &Tokens, deadline: Instant) -> Examined {
    let examined = tokens.source().endpoint.examine(deadline).await;
    if let Ok(got) = &examined.asked {
        tokens.source().refusals().refresh = Refusals::default();
        tokens.take(&got.token);
    }
    examined
}

impl Source for Grants {
    type Error = SendError;
    type Turn = Refresh;

    async fn renew(
        &self,
        refresh: &mut Refresh,
        cause: Cause,
        deadline: Instant,
    ) -> Result<Granted, SendError> {
        self.load(refresh, deadline).await?;
        let asked = self.ask(refresh.token.as_ref(), cause, deadline).await;
        if let Some(Watch(watch)) = &self.watch {
            asked.as_ref().map_or_else(|error| watch.failed(error.code()), |_| watch.granted());
        }
        let (got, refresh_died) = asked?;
        self.refusals().refresh = Refusals::default();
        let next = got.refresh_token.or(refresh.token.clone().filter(|_| !refresh_died));
        if text(next.as_ref()) != text(refresh.token.as_ref()) {
            refresh.token = next;
            refresh.changed = true;
        }
        Ok(got.token)
    }

    async fn settle(&self, refresh: &mut Refresh, deadline: Instant) {
        if std::mem::take(&mut refresh.changed) {
            self.keep(refresh.token.clone(), deadline).await;
        }
    }

    fn too_late(&self) -> SendError {
        too_late()
    }

    fn is_own(&self, error: &SendError) -> bool {
        error.code() == "timeout"
    }

    fn code(&self, error: &SendError) -> &'static str {
        error.code()
    }
}

impl Grants {
    /// Asks one way, and the other way when the first was refused. Says as well whether the refresh
    /// token is dead: it is when it was refused and the credentials were not, since the instance
    /// has one answer for every fault.
    async fn ask(
        &self,
        refresh: Option<&SecretString>,
        cause: Cause,
        deadline: Instant,
    ) -> Result<(Got, bool), SendError> {
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

    /// Where name and password go with every request, the instance has just refused them; they are left
    /// alone for a while from now on. Fine where there are tokens.
    pub(crate) fn refused_without_a_token(&self) -> Result<(), SendError> {
        if !self.endpoint.is_without_tokens() {
            return Ok(());
        }
        let pause = self.refusals().credentials.another(Instant::now());
        tracing::warn!(pause_s = pause.as_secs(), "the credentials were refused");
        if let Some(Watch(watch)) = &self.watch {
            watch.failed(CREDENTIALS_REFUSED);
        }
        Err(self.endpoint.refused(Some(pause)))
    }

    /// Whether name and password go with every request.
    pub(crate) fn is_without_tokens(&self) -> bool {
        self.endpoint.is_without_tokens()
    }

    /// Whether they are to be left alone.
    pub(crate) fn may_be_tried(&self) -> Result<(), SendError> {
        match self.refusals().credentials.pause_left(Instant::now()) {
            Some(pause) => Err(self.endpoint.refused(Some(pause))),
            None => Ok(()),
        }
    }

    /// They were taken.
    pub(crate) fn were_taken(&self) {
        self.refusals().credentials = Refusals::default();
    }

    /// Asks with the credentials, unless they were refused a moment ago.
    async fn by_credentials(&self, deadline: Instant) -> Result<Got, SendError> {
        if let Some(header) = self.endpoint.basic() {
            return Ok(header);
        }
        self.may_be_tried()?;
        let asked = self.endpoint.ask(Way::Credentials, deadline).await;
        let mut refusals = self.refusals();
        match &asked {
            Ok(_) => refusals.credentials = Refusals::default(),
            Err(error) if error.code() == CREDENTIALS_REFUSED => {
                let pause = refusals.credentials.another(Instant::now());
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
    ) -> Result<Got, SendError> {
        let pause = self.refusals().refresh.pause_left(Instant::now());
        if pause.is_some() {
            return Err(self.endpoint.refused(pause));
        }
        let asked = self.endpoint.ask(Way::Refresh(refresh), deadline).await;
        if asked.as_ref().is_err_and(|error| !is_passing(error)) {
            self.refusals().refresh.another(Instant::now());
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

    fn refusals(&self) -> std::sync::MutexGuard<'_, Refused> {
        // Every change is complete when it can panic.
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
