//! The gateway's keys for messages: one that pages seal to, and the ones before it, which still open
//! for a while.
//!
//! They lie in the store's settings, sealed under the master key. The first is made when somebody first
//! asks; then each is followed by the next when it had its turn, and forgotten when it is past its end, so
//! that what was sealed to it opens nowhere any more.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use session::id::Timestamp;
use store::{Store, StoreError};
use tokio_util::sync::CancellationToken;
use vault::{MessageKey, Vault};

use crate::{behind::hex, edge::Edge};

/// How long a key is the one that pages seal to.
pub(super) const SEALED_TO_FOR: Duration = Duration::from_hours(7 * 24);

/// How long it opens after that: pages ask for keys when they are loaded, and some stay for a day.
pub(super) const OPENS_AFTER: Duration = Duration::from_hours(24);

/// How often the keys are looked at besides when somebody asks for them.
const LOOK_EVERY: Duration = Duration::from_hours(1);

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

/// Has the keys take turns, also where nobody asks for them for long.
pub(crate) async fn look_after(edge: Arc<Edge>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let turned = match crate::blocking(&edge.store, |store| store.setting(SETTING)).await {
            Ok(None) => continue,
            Ok(Some(_)) => edge.direct_line.private.ring.keys(&edge).await.map(drop),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = turned {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "old keys for messages cannot be forgotten");
        }
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

#[cfg(test)]
mod tests {
    use store::sqlite::SqliteStore;
    use vault::MasterKey;

    use super::*;

    const HOUR: i64 = 3_600_000;

    fn vault(digits: &str) -> Vault {
        Vault::new(&MasterKey::from_hex(&digits.repeat(32)).unwrap()).unwrap()
    }

    fn ids(keys: &[Kept]) -> Vec<&str> {
        keys.iter().map(|kept| kept.id.as_str()).collect()
    }

    #[test]
    fn keys_take_turns_after_a_week_and_the_old_one_opens_for_a_day_more() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path()).unwrap();
        let vault = vault("ab");
        let at = |hours: i64| turned(&store, &vault, Timestamp(hours * HOUR)).unwrap();
        let first = at(0);
        assert_eq!(first.len(), 1);
        assert_eq!(ids(&at(167)), ids(&first), "the same, read back");
        let both = at(168);
        assert_eq!(both.len(), 2);
        assert_eq!(both[1].id, first[0].id, "the new one stands in front");
        assert_eq!(both[1].key.public(), first[0].key.public());
        assert_eq!(ids(&at(191)), ids(&both));
        let second = at(192);
        assert_eq!(ids(&second), [&*both[0].id], "its day is over");
        let kept = store.setting(SETTING).unwrap().unwrap();
        assert!(!String::from_utf8(kept).unwrap().contains("\"made_at\":0"), "and it is forgotten");
        assert_eq!(at(24 * 365).len(), 1);
    }

    #[test]
    fn under_another_master_key_there_are_other_keys() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path()).unwrap();
        let now = Timestamp(HOUR);
        let first = turned(&store, &vault("ab"), now).unwrap();
        let other = turned(&store, &vault("cd"), now).unwrap();
        assert_eq!(other.len(), 1);
        assert_ne!(ids(&first), ids(&other));
    }
}
