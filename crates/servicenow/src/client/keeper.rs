//! Where a refresh token outlives the process: a trait for whoever can seal and store it.
//!
//! This crate keeps the refresh token in memory only. It never writes one anywhere itself.

use std::fmt;
use std::sync::Arc;

use secrecy::SecretString;

/// Keeps the refresh token of one client over a restart, so that a new process can use the refresh
/// grant before it ever needs the password.
///
/// The calls block, on a thread for blocking work and never two at a time unless one overran the
/// attempt that it belongs to. They should be quick: the attempt that renews a token waits for
/// them, within its deadline. What goes wrong is the keeper's to report; a token that could not be
/// kept costs one password grant after the next start.
pub trait RefreshTokenKeeper: Send + Sync {
    /// The token that was kept last. Asked once, before the first call to the token endpoint.
    fn load(&self) -> Option<SecretString>;

    /// Keeps a token in place of the last one, or forgets that one because it is dead. Called only
    /// when something changed.
    fn keep(&self, token: Option<&SecretString>);
}

/// Whoever counts what becomes of the wish for a token.
pub trait TokenWatch: Send + Sync {
    /// The instance granted one.
    fn granted(&self);

    /// None was to be had, for this reason: a code of
    /// [`SendError::code`](crate::SendError::code).
    fn failed(&self, code: &'static str);
}

/// A watch inside a configuration, which says nothing about itself.
#[derive(Clone)]
pub(crate) struct Watch(pub(crate) Arc<dyn TokenWatch>);

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

/// A keeper inside a configuration, which says nothing about itself.
#[derive(Clone)]
pub(crate) struct Keeper(pub(crate) Arc<dyn RefreshTokenKeeper>);

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keeper")
    }
}
