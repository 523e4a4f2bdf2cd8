//! The key ring in the store: opened at the start, rotated while the gateway runs.
//!
//! Rotating the master key seals the ring for the old and the new one in one write, lets whoever keeps
//! the key replace it, and forgets the old one; killed in between, both open it (`opening`). Rotating the
//! root key makes another one current at once; what is sealed under the old ones is then sealed anew in the
//! background (`resealing`), and when nothing is left and nothing that they signed can still be good,
//! they leave the ring.
//!
//! Nothing is kept of how far that is: each round looks at everything that does not begin as it
//! should, so whoever is killed goes on with the rest. What an operator is shown of it is in `seen`.

mod error;
mod opening;
pub(crate) mod resealing;
mod seen;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use store::{Leftovers, SealedKind, Store};
use vault::{MasterKey, RingChange, RootId, RootSeen, SealError, Vault};

pub use error::KeysError;
pub(crate) use error::{IN_FILES, IN_FILES_CODE};
pub use opening::{fits, open_beside};
pub(crate) use opening::{open, tell_of_half_a_change};
pub(crate) use seen::line_of;
pub use seen::{KeysSeen, Left, MessageKeyLine, RootLine};

use crate::{audit, clock::Clock, edge::direct_line::private::ring as message_keys};

/// Where the ring is kept.
const RING: &str = "key ring";

/// What the settings begin with that are sealed as records of their own names.
pub(crate) const SEALED_SETTINGS: [&str; 2] = ["secret\u{1f}", "refresh token\u{1f}"];

/// What the blobs of a kind begin with that are sealed under the current root key.
pub(crate) fn head_of(vault: &Vault, kind: SealedKind) -> [u8; 5] {
    match kind {
        SealedKind::State | SealedKind::Effect | SealedKind::DeadLetter => vault.record_head(),
        SealedKind::SegmentKey => vault.data_key_head(),
    }
}

/// What the audit trail calls the master key that a change of it leads to.
pub(crate) const NEW_MASTER: &str = "new";

const MASTER_CHANGED: &str = "the master key is changed; the one of before opens nothing any more";

/// Puts a note into the ring that nobody takes out without the master key. Where there is no ring, nothing is
/// noted. Blocks.
pub(crate) fn note(store: &dyn Store, vault: &Vault, note: &str) -> Result<(), KeysError> {
    if store.setting(RING)?.is_none() {
        return Ok(());
    }
    if let Some(change) = vault.with_note(note)? {
        store.keep_setting(RING, change.sealed())?;
        vault.take(change);
    }
    Ok(())
}

/// Has what was replaced or removed leave the files, and says whether it has. That it was replaced is so by then,
/// whatever becomes of this: it is noted, and tried again. Blocks.
pub(crate) fn scrubbed(store: &dyn Store, what: Leftovers) -> bool {
    store.scrub(what).unwrap_or_else(|error| {
        let error: &dyn std::error::Error = &error;
        tracing::error!(error, "what was replaced or removed cannot be overwritten in the files");
        false
    })
}

/// The ring of the data that this process has open, and who changes it.
pub(crate) struct Ring {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) vault: Arc<Vault>,
    clock: Clock,
    /// One change at a time: each is made of the ring as it was before.
    changing: Mutex<()>,
}

impl Ring {
    pub(crate) fn new(store: Arc<dyn Store>, vault: Arc<Vault>, clock: Clock) -> Self {
        Self { store, vault, clock, changing: Mutex::new(()) }
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        // What a panic left undone was not kept.
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kept first: what is sealed under a key that was not kept would be lost.
    fn keep(&self, change: RingChange) -> Result<(), KeysError> {
        self.store.keep_setting(RING, change.sealed())?;
        self.vault.take(change);
        Ok(())
    }

    /// The same where nobody may open the ring of before any more; [`Ring::scrub`] sees to it.
    fn supersede(&self, change: RingChange) -> Result<(), KeysError> {
        self.store.supersede(RING, change.sealed(), Leftovers::All)?;
        self.vault.take(change);
        Ok(())
    }

    /// What was sealed before is in the files no more when this returns. Blocks, for seconds where much is free
    /// in the files.
    pub(crate) fn scrub(&self) -> Result<(), KeysError> {
        if scrubbed(&*self.store, Leftovers::All) { Ok(()) } else { Err(KeysError::InFiles) }
    }

    /// Makes another root key current, and tells its id. Blocks.
    pub(crate) fn rotate(&self) -> Result<RootId, KeysError> {
        let _changing = self.changing();
        let change = self.vault.with_new_root(self.clock.now().0)?.ok_or(KeysError::TooMany)?;
        self.keep(change)?;
        let id = self.current();
        tracing::info!(root = %id, "a new root key is current; what is under the old one is sealed anew");
        Ok(id)
    }

    pub(crate) fn current(&self) -> RootId {
        self.vault.current()
    }

    /// Takes a root key off the ring, and what was under it out of the files. Blocks.
    pub(crate) fn retire(&self, root: RootId) -> Result<(), KeysError> {
        {
            let _changing = self.changing();
            self.supersede(self.vault.without_root(root)?)?;
            tracing::info!(root = %root, "an old root key is retired: what it signed is void");
        }
        self.scrub()
    }

    /// Seals the ring for a second master key as well; makes another root key current if the one that is
    /// came from a master key, and says which. Blocks.
    pub(crate) fn begin_master(
        &self,
        in_use: &MasterKey,
        next: &MasterKey,
    ) -> Result<Option<RootId>, KeysError> {
        let _changing = self.changing();
        let (before, now) = (self.current(), self.clock.now().0);
        let change = self.vault.with_master(in_use, next, now).map_err(|error| match error {
            SealError::OtherMasterKey => KeysError::WrongMasterKey,
            error => error.into(),
        })?;
        self.keep(change)?;
        tracing::info!("the data open with a second master key, the one to come");
        let new = Some(self.current()).filter(|id| *id != before);
        if let Some(id) = new {
            tracing::info!(root = %id, "a new root key is current; the one of before came from the master key");
        }
        Ok(new)
    }

    /// Forgets every master key but this one, which must be the newest: what another one opens is in the files no
    /// more. Blocks.
    pub(crate) fn finish_master(&self, newest: &MasterKey) -> Result<(), KeysError> {
        {
            let _changing = self.changing();
            if !self.vault.is_newest_master(newest)? {
                return Err(KeysError::WrongMasterKey);
            }
            self.supersede(self.vault.newest_master_only()?)?;
        }
        self.scrub()?;
        tracing::info!("{MASTER_CHANGED}");
        Ok(())
    }

    /// The root keys, the oldest first.
    pub(crate) fn roots(&self) -> Vec<RootSeen> {
        self.vault.roots()
    }

    /// How much of each kind is sealed under old root keys. Blocks.
    pub(crate) fn left(&self) -> Result<Left, KeysError> {
        let count = |kind| self.store.count_unlike(kind, &head_of(&self.vault, kind));
        Ok(Left {
            states: count(SealedKind::State)?,
            effects: count(SealedKind::Effect)?,
            dead_letters: count(SealedKind::DeadLetter)?,
            segment_keys: count(SealedKind::SegmentKey)?,
            settings: self.old_settings()?.len() as u64
                + u64::from(self.old_audit_key()?.is_some())
                + u64::from(message_keys::is_under_old_key(&*self.store, &self.vault)?),
        })
    }

    /// The keys that pages seal to, the newest first. Blocks.
    pub(crate) fn messages(&self) -> Result<Vec<MessageKeyLine>, KeysError> {
        message_keys::seen(&*self.store, &self.vault)
    }

    /// The audit trail's key, if it is wrapped under an old root key.
    fn old_audit_key(&self) -> Result<Option<Vec<u8>>, KeysError> {
        let head = self.vault.data_key_head();
        let kept = self.store.setting(audit::KEY_SETTING)?;
        Ok(kept.filter(|wrapped| !wrapped.starts_with(&head)))
    }

    /// The sealed settings that are under old root keys.
    fn old_settings(&self) -> Result<Vec<(String, Vec<u8>)>, KeysError> {
        let head = self.vault.record_head();
        let mut old = Vec::new();
        for prefix in SEALED_SETTINGS {
            let found = self.store.settings(prefix)?;
            // An empty one was forgotten.
            old.extend(
                found
                    .into_iter()
                    .filter(|(_, sealed)| !sealed.is_empty() && !sealed.starts_with(&head)),
            );
        }
        Ok(old)
    }
}
