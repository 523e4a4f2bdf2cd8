//! The keys as the store's setting has them: a list, the newest first, each sealed by itself under a root key.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use session::id::Timestamp;
use store::{Store, StoreError};
use vault::{MessageKey, RecordKey, Vault};

use super::RingError;
use crate::{
    behind::hex,
    clock::rfc3339,
    keys::{KeysError, MessageKeyLine},
};

/// How long a key is the one that pages seal to.
const SEALED_TO_FOR: Duration = Duration::from_hours(7 * 24);

/// How long it opens after that: pages ask for keys when they are loaded, and some stay for a day.
const OPENS_AFTER: Duration = Duration::from_hours(24);

/// Where they are kept.
pub(super) const SETTING: &str = "message keys";

/// Bytes of a public key that make its id.
const ID_BYTES: usize = 8;

/// One key of the gateway's.
pub(in crate::edge::direct_line::private) struct Kept {
    pub(in crate::edge::direct_line::private) id: String,
    pub(in crate::edge::direct_line::private) key: MessageKey,
    made_at: Timestamp,
}

impl Kept {
    /// The first moment at which it opens nothing any more.
    pub(in crate::edge::direct_line::private) fn ends_at(&self) -> Timestamp {
        later(self.made_at, SEALED_TO_FOR.saturating_add(OPENS_AFTER))
    }

    pub(super) fn had_its_turn(&self, now: Timestamp) -> bool {
        // A clock that was set back makes no key older.
        now >= later(self.made_at, SEALED_TO_FOR)
    }

    pub(super) fn fresh(now: Timestamp) -> Self {
        Self::new(MessageKey::fresh(), now)
    }

    fn new(key: MessageKey, made_at: Timestamp) -> Self {
        Self { id: hex(&key.public()[..ID_BYTES]), key, made_at }
    }
}

/// A key as the setting has it.
#[derive(Serialize, Deserialize)]
pub(super) struct Row {
    made_at: i64,
    pub(super) sealed: String,
}

/// As they are kept.
pub(super) fn rows(store: &dyn Store) -> Result<Vec<Row>, StoreError> {
    let kept = store.setting(SETTING)?.unwrap_or_default();
    Ok(serde_json::from_slice(&kept).unwrap_or_default())
}

/// Those that open.
pub(super) fn opened<'r>(
    rows: &'r [Row],
    sealing: &'r RecordKey,
) -> impl Iterator<Item = Kept> + 'r {
    rows.iter().filter_map(|row| {
        let sealed = STANDARD.decode(&row.sealed).ok()?;
        let key = MessageKey::open(sealing, &place(row.made_at), &sealed);
        // A page whose key is gone asks for the new ones; there is nothing to save.
        let key =
            key.inspect_err(|error| tracing::warn!(%error, "a key for messages does not open"));
        Some(Kept::new(key.ok()?, Timestamp(row.made_at)))
    })
}

/// Keys as the setting has them.
pub(super) fn written(keys: &[Kept], sealing: &RecordKey) -> Result<Vec<u8>, RingError> {
    let row = |kept: &Kept| -> Result<Row, RingError> {
        let made_at = kept.made_at.0;
        let sealed = STANDARD.encode(kept.key.sealed(sealing, &place(made_at))?);
        Ok(Row { made_at, sealed })
    };
    let rows = keys.iter().map(row).collect::<Result<Vec<_>, _>>()?;
    Ok(serde_json::to_vec(&rows)?)
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
