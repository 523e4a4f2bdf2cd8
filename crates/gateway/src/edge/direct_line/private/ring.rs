//! The gateway's keys for messages: one that pages seal to, and the ones before it, which still open
//! for a while.
//!
//! They lie in the store's settings, sealed under the master key. A new one is made when the first page
//! asks for keys after the newest had its turn; what is past its end is forgotten at every look, so that
//! what was sealed to it opens nowhere any more.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use session::id::Timestamp;
use store::{Store, StoreError};
use vault::{MessageKey, Vault};

use crate::{behind::hex, edge::Edge};

/// How long a key is the one that pages seal to.
pub(super) const SEALED_TO_FOR: Duration = Duration::from_hours(7 * 24);

/// How long it opens after that: pages ask for keys when they are loaded, and some stay for a day.
pub(super) const OPENS_AFTER: Duration = Duration::from_hours(24);

/// Where they are kept.
const SETTING: &str = "message keys";

/// Bytes of a public key that make its id.
const ID_BYTES: usize = 8;

/// One key of the gateway's.
pub(super) struct Kept {
    pub(super) id: String,
    pub(super) key: MessageKey,
    made_at: Timestamp,
}

/// A key as the setting has it.
#[derive(Serialize, Deserialize)]
struct Row {
    made_at: i64,
    sealed: String,
}

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

/// The keys, newest first; empty until somebody asks.
#[derive(Default)]
pub(super) struct Ring {
    keys: RwLock<Arc<Vec<Kept>>>,
    /// Held by who makes a new one.
    turning: tokio::sync::Mutex<()>,
}

impl Kept {
    /// The first moment at which it opens nothing any more.
    pub(super) fn ends_at(&self) -> Timestamp {
        later(self.made_at, SEALED_TO_FOR.saturating_add(OPENS_AFTER))
    }

    fn had_its_turn(&self, now: Timestamp) -> bool {
        // A clock that was set back makes no key older.
        now >= later(self.made_at, SEALED_TO_FOR)
    }

    fn fresh(now: Timestamp) -> Self {
        Self::new(MessageKey::fresh(), now)
    }

    fn new(key: MessageKey, made_at: Timestamp) -> Self {
        Self { id: hex(&key.public()[..ID_BYTES]), key, made_at }
    }
}

impl Ring {
    /// The keys that open now, newest first; there is one at least.
    pub(super) async fn keys(&self, edge: &Edge) -> Result<Arc<Vec<Kept>>, RingError> {
        let now = edge.clock.now();
        if let Some(keys) = self.as_they_are(now) {
            return Ok(keys);
        }
        let _turning = self.turning.lock().await;
        if let Some(keys) = self.as_they_are(now) {
            return Ok(keys);
        }
        let (store, vault) = (Arc::clone(&edge.store), Arc::clone(&edge.vault));
        let turned = tokio::task::spawn_blocking(move || turned(&*store, &vault, now)).await;
        let keys = Arc::new(turned.map_err(|error| StoreError::Database(Box::new(error)))??);
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&keys);
        Ok(keys)
    }

    /// The keys, if none of them is due to come or to go.
    fn as_they_are(&self, now: Timestamp) -> Option<Arc<Vec<Kept>>> {
        let keys = Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner));
        let newest = keys.first()?;
        let fine = !newest.had_its_turn(now) && keys.iter().all(|key| now < key.ends_at());
        fine.then_some(keys)
    }
}

/// Takes what is kept, forgets what is over, adds what is due, and keeps that. Blocks.
fn turned(store: &dyn Store, vault: &Vault, now: Timestamp) -> Result<Vec<Kept>, RingError> {
    let sealing = vault.record_key(SETTING.as_bytes())?;
    let kept = store.setting(SETTING)?.unwrap_or_default();
    let rows: Vec<Row> = serde_json::from_slice(&kept).unwrap_or_default();
    let opened = rows.iter().filter_map(|row| {
        let sealed = STANDARD.decode(&row.sealed).ok()?;
        let key = MessageKey::open(&sealing, &place(row.made_at), &sealed);
        // A page whose key is gone asks for the new ones; there is nothing to save.
        let key =
            key.inspect_err(|error| tracing::warn!(%error, "a key for messages is forgotten"));
        Some(Kept::new(key.ok()?, Timestamp(row.made_at)))
    });
    let mut keys: Vec<Kept> = opened.filter(|key| now < key.ends_at()).collect();
    if keys.first().is_none_or(|newest| newest.had_its_turn(now)) {
        keys.insert(0, Kept::fresh(now));
        tracing::info!(key = keys[0].id, "a new key for messages between browsers and the gateway");
    }
    let row = |kept: &Kept| -> Result<Row, RingError> {
        let made_at = kept.made_at.0;
        let sealed = STANDARD.encode(kept.key.sealed(&sealing, &place(made_at))?);
        Ok(Row { made_at, sealed })
    };
    let rows = keys.iter().map(row).collect::<Result<Vec<_>, _>>()?;
    store.keep_setting(SETTING, &serde_json::to_vec(&rows)?)?;
    Ok(keys)
}

fn place(made_at: i64) -> Vec<u8> {
    format!("{SETTING}\u{1f}{made_at}").into_bytes()
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    Timestamp(at.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
}
