//! The gateway's keys for messages: one that pages seal to, and the ones before it, which still open
//! for a while.
//!
//! They lie in the store's settings, sealed under the master key. The first is made when somebody first
//! asks; then each is followed by the next when it had its turn, or by order, and forgotten when it is past its
//! end, so that what was sealed to it opens nowhere any more.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use session::id::Timestamp;
use store::{Leftovers, Store, StoreError};
use tokio_util::sync::CancellationToken;
use vault::{MessageKey, RecordKey, Vault};

use crate::{
    audit::{Audit, Deed, Entry, KeyKind},
    behind::hex,
    clock::{Clock, rfc3339},
    keys::{KeysError, MessageKeyLine, scrubbed},
};

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

/// Whether a new key is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// When the newest had its turn.
    WhenDue,
    /// At once, and those before it open nothing any more.
    ByOrder,
}

/// The keys after they took turns.
struct Turned {
    keys: Vec<Kept>,
    /// The newest is new, and not the first there ever was.
    is_followed: bool,
    /// Those that open nothing any more.
    ended: Vec<String>,
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

/// The keys that are kept, the newest first, for an operator. Blocks.
pub(crate) fn seen(store: &dyn Store, vault: &Vault) -> Result<Vec<MessageKeyLine>, KeysError> {
    let sealing = vault.record_key(SETTING.as_bytes())?;
    let line = |kept: Kept| MessageKeyLine {
        made_at: rfc3339(kept.made_at),
        ends_at: rfc3339(kept.ends_at()),
        id: kept.id,
    };
    Ok(opened(&rows(store)?, &sealing).map(line).collect())
}

/// As they are kept.
fn rows(store: &dyn Store) -> Result<Vec<Row>, StoreError> {
    let kept = store.setting(SETTING)?.unwrap_or_default();
    Ok(serde_json::from_slice(&kept).unwrap_or_default())
}

/// Those that open.
fn opened<'r>(rows: &'r [Row], sealing: &'r RecordKey) -> impl Iterator<Item = Kept> + 'r {
    rows.iter().filter_map(|row| {
        let sealed = STANDARD.decode(&row.sealed).ok()?;
        let key = MessageKey::open(sealing, &place(row.made_at), &sealed);
        // A page whose key is gone asks for the new ones; there is nothing to save.
        let key =
            key.inspect_err(|error| tracing::warn!(%error, "a key for messages does not open"));
        Some(Kept::new(key.ok()?, Timestamp(row.made_at)))
    })
}

/// Takes what is kept, forgets what is over, adds what is due, and keeps that: those that were forgotten leave
/// the files. Blocks.
fn turned(
    store: &dyn Store,
    vault: &Vault,
    now: Timestamp,
    turn: Turn,
) -> Result<Turned, RingError> {
    let sealing = vault.record_key(SETTING.as_bytes())?;
    let before = rows(store)?;
    let opens = |key: &Kept| turn == Turn::WhenDue && now < key.ends_at();
    let (mut keys, ended): (Vec<_>, Vec<_>) = opened(&before, &sealing).partition(opens);
    let is_new = keys.first().is_none_or(|newest| newest.had_its_turn(now));
    if is_new {
        keys.insert(0, Kept::fresh(now));
        tracing::info!(key = keys[0].id, "a new key for messages between browsers and the gateway");
    }
    let row = |kept: &Kept| -> Result<Row, RingError> {
        let made_at = kept.made_at.0;
        let sealed = STANDARD.encode(kept.key.sealed(&sealing, &place(made_at))?);
        Ok(Row { made_at, sealed })
    };
    let kept = keys.iter().map(row).collect::<Result<Vec<_>, _>>()?;
    let kept = serde_json::to_vec(&kept)?;
    if ended.is_empty() {
        store.keep_setting(SETTING, &kept)?;
    } else {
        store.supersede(SETTING, &kept, Leftovers::Settings)?;
    }
    let ended = ended.into_iter().map(|kept| kept.id).collect();
    Ok(Turned { keys, is_followed: is_new && !before.is_empty(), ended })
}

/// Whether a key is kept under an old root key. Blocks.
pub(crate) fn is_under_old_key(store: &dyn Store, vault: &Vault) -> Result<bool, StoreError> {
    let head = vault.record_head();
    let is_old =
        |row: &Row| STANDARD.decode(&row.sealed).is_ok_and(|sealed| !sealed.starts_with(&head));
    Ok(rows(store)?.iter().any(is_old))
}

/// Seals the keys anew under the current root key; false if somebody else kept others meanwhile. One that
/// does not open is forgotten, as when they take turns. Blocks.
pub(crate) fn seal_anew(store: &dyn Store, vault: &Vault) -> Result<bool, KeysError> {
    let sealing = vault.record_key(SETTING.as_bytes())?;
    let kept = store.setting(SETTING)?.unwrap_or_default();
    let rows: Vec<Row> = serde_json::from_slice(&kept).unwrap_or_default();
    let mut anew = Vec::with_capacity(rows.len());
    for Row { made_at, sealed } in rows {
        let place = place(made_at);
        let opened =
            STANDARD.decode(&sealed).ok().and_then(|sealed| sealing.open(&place, &sealed).ok());
        let Some(plain) = opened else { continue };
        let sealed = STANDARD.encode(sealing.seal(&place, &plain)?);
        anew.push(Row { made_at, sealed });
    }
    // Numbers and texts under fixed names cannot fail to be written.
    let anew = serde_json::to_vec(&anew).unwrap_or_else(|_| kept.clone());
    Ok(store.replace_setting(SETTING, &kept, &anew)?)
}

fn place(made_at: i64) -> Vec<u8> {
    format!("{SETTING}\u{1f}{made_at}").into_bytes()
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    Timestamp(at.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
}

/// Keeps a first key, for tests of who seals it anew.
#[cfg(test)]
pub(crate) fn keep_one(store: &dyn Store, vault: &Vault) {
    turned(store, vault, Timestamp(1), Turn::WhenDue).unwrap();
}

/// How many of the keys that are kept open.
#[cfg(test)]
pub(crate) fn readable(store: &dyn Store, vault: &Vault) -> usize {
    let sealing = vault.record_key(SETTING.as_bytes()).unwrap();
    let kept = store.setting(SETTING).unwrap().unwrap();
    let rows: Vec<Row> = serde_json::from_slice(&kept).unwrap();
    let opens = |row: &&Row| {
        let sealed = STANDARD.decode(&row.sealed).unwrap();
        MessageKey::open(&sealing, &place(row.made_at), &sealed).is_ok()
    };
    rows.iter().filter(opens).count()
}

#[cfg(test)]
mod tests {
    use store::{Forgetting as _, sqlite::SqliteStore};
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
        let turn = |hours| turned(&store, &vault, Timestamp(hours * HOUR), Turn::WhenDue).unwrap();
        let at = |hours: i64| turn(hours).keys;
        let begun = turn(0);
        assert!(!begun.is_followed && begun.ended.is_empty(), "the first of all");
        let first = begun.keys;
        assert_eq!(first.len(), 1);
        assert_eq!(ids(&at(167)), ids(&first), "the same, read back");
        let followed = turn(168);
        assert!(followed.is_followed && followed.ended.is_empty());
        let both = followed.keys;
        assert_eq!(both.len(), 2);
        assert_eq!(both[1].id, first[0].id, "the new one stands in front");
        assert_eq!(both[1].key.public(), first[0].key.public());
        assert_eq!(ids(&at(191)), ids(&both));
        let over = turn(192);
        assert!(!over.is_followed);
        assert_eq!(over.ended, [&*both[1].id]);
        assert_eq!(store.scrub_due().unwrap(), Some(Leftovers::Settings));
        let second = over.keys;
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
        let first = turned(&store, &vault("ab"), now, Turn::WhenDue).unwrap().keys;
        let other = turned(&store, &vault("cd"), now, Turn::WhenDue).unwrap().keys;
        assert_eq!(other.len(), 1);
        assert_ne!(ids(&first), ids(&other));
    }

    #[test]
    fn by_order_a_new_key_is_the_only_one_and_nothing_of_those_before_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path()).unwrap();
        let vault = vault("ab");
        let at = |hours: i64| Timestamp(hours * HOUR);
        let both = turned(&store, &vault, at(0), Turn::WhenDue)
            .and_then(|_| turned(&store, &vault, at(168), Turn::WhenDue))
            .unwrap()
            .keys;
        let before = rows(&store).unwrap();
        let id = rotate_alone(&store, &vault, at(169)).unwrap();
        assert!(!ids(&both).contains(&id.as_str()));
        let seen = seen(&store, &vault).unwrap();
        assert_eq!(seen.iter().map(|line| &*line.id).collect::<Vec<_>>(), [&id]);
        assert_eq!(seen[0].ends_at, rfc3339(at(169 + 192)));
        for row in before {
            for name in ["warmline.db", "warmline.db-wal"] {
                let bytes = std::fs::read(folder.path().join(name)).unwrap();
                let sealed = row.sealed.as_bytes();
                assert!(!bytes.windows(sealed.len()).any(|window| window == sealed), "{name}");
            }
        }
        assert_eq!(store.scrub_due().unwrap(), None);
    }
}
