//! The gateway's keys for messages: one that pages seal to, and the ones before it, which still open
//! for a while.
//!
//! They lie in the store's settings, sealed under a root key. The first is made when somebody first
//! asks; then each is followed by the next when it had its turn, or by order, and forgotten when it is past its
//! end, so that what was sealed to it opens nowhere any more.

mod kept;
#[cfg(test)]
mod tests;
mod turn;

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use session::id::Timestamp;
use store::{Leftovers, Store, StoreError};
use tokio_util::sync::CancellationToken;
use vault::Vault;

pub(super) use kept::Kept;
#[cfg(test)]
pub(crate) use kept::readable;
pub(crate) use kept::{is_under_old_key, seal_anew, seen};
#[cfg(test)]
pub(crate) use turn::keep_one;

use crate::{
    audit::{Audit, Deed, Entry, KeyKind},
    clock::Clock,
    keys::{KeysError, scrubbed},
};
use kept::SETTING;
use turn::{Turn, Turned, turned};

/// How often the keys are looked at besides when somebody asks for them.
const LOOK_EVERY: Duration = Duration::from_hours(1);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(super) enum RingError {
    #[error("the store does not give or take the keys for messages")]
    Store(#[from] StoreError),
    #[error("a key for messages cannot be sealed")]
    Seal(#[from] vault::SealError),
    #[error("the keys for messages cannot be written down")]
    Json(#[from] serde_json::Error),
}

impl From<RingError> for KeysError {
    fn from(error: RingError) -> Self {
        match error {
            RingError::Store(error) => error.into(),
            RingError::Seal(error) => error.into(),
            RingError::Json(error) => StoreError::Database(Box::new(error)).into(),
        }
    }
}

/// The keys, newest first; none until somebody asks.
pub(crate) struct Ring {
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
    clock: Clock,
    audit: Audit,
    keys: RwLock<Arc<Vec<Kept>>>,
    /// Held by who makes a new one.
    turning: tokio::sync::Mutex<()>,
}

impl Ring {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        vault: Arc<Vault>,
        clock: Clock,
        audit: Audit,
    ) -> Self {
        let (keys, turning) = (RwLock::default(), tokio::sync::Mutex::default());
        Self { store, vault, clock, audit, keys, turning }
    }

    /// The keys that open now, newest first; there is one at least.
    pub(super) async fn keys(&self) -> Result<Arc<Vec<Kept>>, RingError> {
        let now = self.clock.now();
        if let Some(keys) = self.as_they_are(now) {
            return Ok(keys);
        }
        let _turning = self.turning.lock().await;
        if let Some(keys) = self.as_they_are(now) {
            return Ok(keys);
        }
        let (keys, is_followed, ended) = self.turn(Turn::WhenDue).await?;
        if is_followed && let Some(newest) = keys.first() {
            self.audit.record(Entry::of_gateway(rotated(&newest.id)).with("done"));
        }
        for id in ended {
            let entry = Entry::of_gateway(Deed::KeyRetired { id: id.into() });
            self.audit.record(entry.with("done"));
        }
        Ok(keys)
    }

    /// Makes another key the one to seal to and ends all before it, now; tells its id. Pages that sealed to one of
    /// those are refused with `unknown_key`, and seal anew.
    pub(crate) async fn rotate(&self) -> Result<String, KeysError> {
        let _turning = self.turning.lock().await;
        let (keys, ..) = self.turn(Turn::ByOrder).await?;
        let newest = keys.first().map(|kept| kept.id.clone()).unwrap_or_default();
        let scrub = |store: &dyn Store| Ok(scrubbed(store, Leftovers::Settings));
        if crate::blocking(&self.store, scrub).await? {
            Ok(newest)
        } else {
            Err(KeysError::InFiles)
        }
    }

    async fn turn(&self, turn: Turn) -> Result<(Arc<Vec<Kept>>, bool, Vec<String>), RingError> {
        let (store, vault, now) =
            (Arc::clone(&self.store), Arc::clone(&self.vault), self.clock.now());
        let turned = tokio::task::spawn_blocking(move || turned(&*store, &vault, now, turn)).await;
        let Turned { keys, is_followed, ended } =
            turned.map_err(|error| StoreError::Database(Box::new(error)))??;
        let keys = Arc::new(keys);
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&keys);
        Ok((keys, is_followed, ended))
    }

    /// The keys, if none of them is due to come or to go.
    fn as_they_are(&self, now: Timestamp) -> Option<Arc<Vec<Kept>>> {
        let keys = Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner));
        let newest = keys.first()?;
        let fine = !newest.had_its_turn(now) && keys.iter().all(|key| now < key.ends_at());
        fine.then_some(keys)
    }

    /// Has the keys take turns, also where nobody asks for them for long.
    pub(crate) async fn look_after(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let turned = match crate::blocking(&self.store, |store| store.setting(SETTING)).await {
                Ok(None) => continue,
                Ok(Some(_)) => self.keys().await.map(drop),
                Err(error) => Err(error.into()),
            };
            if let Err(error) = turned {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "old keys for messages cannot be forgotten");
            }
        }
    }
}

/// What the audit trail has of a new key.
pub(crate) fn rotated(id: &str) -> Deed {
    Deed::KeyRotated { kind: KeyKind::Message, id: id.into() }
}

/// The same order on data that no gateway is using. Blocks.
pub(crate) fn rotate_alone(
    store: &dyn Store,
    vault: &Vault,
    now: Timestamp,
) -> Result<String, KeysError> {
    let turned = turned(store, vault, now, Turn::ByOrder)?;
    let newest = turned.keys.first().map(|kept| kept.id.clone()).unwrap_or_default();
    if scrubbed(store, Leftovers::Settings) { Ok(newest) } else { Err(KeysError::InFiles) }
}
