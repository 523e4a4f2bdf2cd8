//! How keys take turns: the next one comes when the newest had its turn, or by order, and what is past its end is
//! forgotten.

use session::id::Timestamp;
use store::{Leftovers, Store};
use vault::Vault;

use super::{
    RingError,
    kept::{Kept, SETTING, opened, rows, written},
};

/// Whether a new key is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// When the newest had its turn.
    WhenDue,
    /// At once, and those before it open nothing any more.
    ByOrder,
}

/// The keys after they took turns.
pub(super) struct Turned {
    pub(super) keys: Vec<Kept>,
    /// The newest is new, and not the first there ever was.
    pub(super) is_followed: bool,
    /// Those that open nothing any more.
    pub(super) ended: Vec<String>,
}

/// Takes what is kept, forgets what is over, adds what is due, and keeps that: those that were forgotten leave
/// the files. Blocks.
pub(super) fn turned(
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
    let kept = written(&keys, &sealing)?;
    if ended.is_empty() {
        store.keep_setting(SETTING, &kept)?;
    } else {
        store.supersede(SETTING, &kept, Leftovers::Settings)?;
    }
    let ended = ended.into_iter().map(|kept| kept.id).collect();
    Ok(Turned { keys, is_followed: is_new && !before.is_empty(), ended })
}

/// Keeps a first key, for tests of who seals it anew.
#[cfg(test)]
pub(crate) fn keep_one(store: &dyn Store, vault: &Vault) {
    turned(store, vault, Timestamp(1), Turn::WhenDue).unwrap();
}
