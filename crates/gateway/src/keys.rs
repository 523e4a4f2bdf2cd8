//! The key ring in the store: opened at the start, rotated while the gateway runs.
//!
//! Rotating the master key seals the ring for the old and the new one in one write, lets whoever keeps
//! the key replace it, and forgets the old one; killed in between, both open it. Rotating the root key
//! makes another one current at once; what is sealed under the old ones is then sealed anew in the
//! background (`resealing`), and when nothing is left and nothing that they signed can still be good,
//! they leave the ring.
//!
//! Nothing is kept of how far that is: each round looks at everything that does not begin as it
//! should, so whoever is killed goes on with the rest.

pub(crate) mod resealing;

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use store::{Leftovers, SealedKind, Store, StoreError, sqlite};
use vault::{MasterKey, RingChange, RootId, RootSeen, SealError, Vault};

use crate::{
    app::StartError,
    audit,
    clock::{Clock, rfc3339},
    edge::direct_line::private::ring as message_keys,
    files::Elsewhere,
};

/// Where the ring is kept.
const RING: &str = "key ring";

/// Where an earlier version kept its master key's check value.
const CHECK_VALUE: &str = "master key check value";

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

/// Opens the ring of this store, or makes one: before anything is sealed, so that a wrong master key
/// spoils nothing. Says whether that ended a change of the master key. Blocks.
pub(crate) fn open(store: &dyn Store, vault: &Vault) -> Result<bool, StartError> {
    if let Some(kept) = store.setting(RING)? {
        opened(vault.open_ring(&kept))?;
        return forget_old_master(store, vault);
    }
    let change = match store.setting(CHECK_VALUE)? {
        Some(kept) if kept == vault.check_value()? => vault.adopted_ring()?,
        Some(_) => return Err(StartError::WrongMasterKey),
        None => vault.fresh_ring(Clock::System.now().0)?,
    };
    store.keep_setting(RING, change.sealed())?;
    vault.take(change);
    Ok(false)
}

fn opened(opened: Result<(), SealError>) -> Result<(), StartError> {
    opened.map_err(|error| match error {
        SealError::OtherMasterKey => StartError::WrongMasterKey,
        error => error.into(),
    })
}

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

/// A change of the master key that was cut short ends with the first start under the new one.
fn forget_old_master(store: &dyn Store, vault: &Vault) -> Result<bool, StartError> {
    if !vault.master_changes() || !vault.has_newest_master() {
        return Ok(false);
    }
    let change = vault.newest_master_only()?;
    store.supersede(RING, change.sealed(), Leftovers::All)?;
    vault.take(change);
    if scrubbed(store, Leftovers::All) {
        tracing::info!("{MASTER_CHANGED}");
    } else {
        tracing::warn!(
            "the master key is changed, but somebody reads the files, so what the one of before opens is still \
             in them; it is tried again"
        );
    }
    Ok(true)
}

/// Says in the log that a change of the master key is left half done. For a gateway that starts: the command that
/// finishes the change needs no such advice.
pub(crate) fn tell_of_half_a_change(vault: &Vault) {
    if vault.master_changes() {
        tracing::warn!(
            "the change of the master key is not finished: this is the old key, and the new one opens \
             the data as well; start with the new one, or run warmline keys rotate-master again"
        );
    }
}

/// Opens the ring of the data beside whoever has them open; where there is none, the vault stays as an
/// earlier version had it. Blocks.
pub fn open_beside(data_dir: &Path, vault: &Vault) -> Result<(), KeysError> {
    if let Some(kept) = ring_beside(data_dir)? {
        vault.open_ring(&kept)?;
    }
    Ok(())
}

/// Whether this master key opens the data; `None` if nothing was sealed yet. Blocks.
pub fn fits(data_dir: &Path, vault: &Vault) -> Result<Option<bool>, KeysError> {
    if let Some(kept) = ring_beside(data_dir)? {
        return Ok(Some(vault.opens(&kept)?));
    }
    match named(data_dir, CHECK_VALUE)? {
        Some(kept) => Ok(Some(kept == vault.check_value()?)),
        None => Ok(None),
    }
}

fn ring_beside(data_dir: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    named(data_dir, RING)
}

fn named(data_dir: &Path, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let found = sqlite::settings_beside(data_dir, name)?;
    Ok(found.into_iter().find(|(found, _)| found == name).map(|(_, value)| value))
}

/// Why an order about keys was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The ring or a blob does not open.
    #[error("the key ring cannot be opened or sealed")]
    Seal(#[from] SealError),
    /// There are as many root keys as there may be.
    #[error(
        "there are {} root keys already; wait until the old ones are retired (warmline keys status shows \
         them), or retire one under which nothing is sealed any more (warmline keys retire)",
        vault::ROOTS_MAX
    )]
    TooMany,
    /// No such root key, or the current one.
    #[error("there is no root key of this id that retires; warmline keys status shows which do")]
    NoSuchRoot,
    /// The master key named is not one that opens the ring.
    #[error("the master key that this comes from does not open the data")]
    WrongMasterKey,
    /// Something is still sealed under it.
    #[error("{left} things are still sealed under old root keys; warmline keys status shows them")]
    StillUsed {
        /// How many.
        left: u64,
    },
    /// Files may still be under it.
    #[error(
        "{left} files may be under old root keys; they are wrapped anew one after another, and warmline keys \
         status shows how many are left: when none is, retire the key"
    )]
    FilesLeft {
        /// How many.
        left: u64,
    },
    /// Files may be under it that cannot be seen.
    #[error("no root key is retired while its files cannot be seen: {0}")]
    FilesElsewhere(Elsewhere),
    /// The same, for a while.
    #[error(
        "no root key is retired while its files cannot be seen, and their folder or bucket cannot be read at \
         the moment; the gateway's log says why"
    )]
    FilesUnseen(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It was done, and what was there before is still in the files.
    #[error("it is done, but {}", IN_FILES)]
    InFiles,
    /// Whether anything is still sealed under it is known to a running gateway only.
    #[error("a root key is retired by a gateway that runs; start it")]
    NeedsGateway,
}

/// What is said of something that was replaced or removed and may not be gone yet.
pub(crate) const IN_FILES: &str = "somebody reads the files of the data all the time (a backup?), so what was there before is still in them: a \
     running gateway overwrites it as soon as it can, and `warmline keys status` says when nothing is left";

/// The code of an order that was carried out so far.
pub(crate) const IN_FILES_CODE: &str = "still_in_files";

impl KeysError {
    /// Machine code; stable.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Store(_) | Self::Seal(_) => "failed",
            Self::TooMany => "too_many_keys",
            Self::NoSuchRoot => "no_such_key",
            Self::WrongMasterKey => "wrong_master_key",
            Self::StillUsed { .. } | Self::FilesLeft { .. } => "still_used",
            Self::FilesElsewhere(_) => "files_away",
            Self::FilesUnseen(_) => "files_unknown",
            Self::InFiles => IN_FILES_CODE,
            Self::NeedsGateway => "needs_gateway",
        }
    }
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

/// How much is sealed under old root keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Left {
    /// States of conversations.
    pub states: u64,
    /// Effects that wait.
    pub effects: u64,
    /// Dead letters.
    pub dead_letters: u64,
    /// Wrapped keys of segments.
    pub segment_keys: u64,
    /// Secrets of the configuration, refresh tokens, the audit trail's key and the keys that
    /// pages seal to.
    pub settings: u64,
}

impl Left {
    /// All of it.
    pub fn all(&self) -> u64 {
        let Self { states, effects, dead_letters, segment_keys, settings } = self;
        [states, effects, dead_letters, segment_keys, settings].into_iter().sum()
    }
}

/// A root key as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RootLine {
    /// Its name.
    pub id: String,
    /// When it was made, RFC 3339; absent for the one that an earlier version had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_at: Option<String>,
    /// Since when another one is current, RFC 3339; absent for the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retiring_since: Option<String>,
    /// When the last of what it signed is void by itself, RFC 3339: it is retired then, if nothing is
    /// sealed under it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retires_at: Option<String>,
}

/// A key for messages as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MessageKeyLine {
    /// Its name, as envelopes have it.
    pub id: String,
    /// When it was made, RFC 3339.
    pub made_at: String,
    /// After this it opens nothing, RFC 3339.
    pub ends_at: String,
}

/// The ring as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct KeysSeen {
    /// The oldest first; the last one is current.
    pub roots: Vec<RootLine>,
    /// What is sealed under old ones.
    pub left: Left,
    /// How much of the sealing anew is done, in percent.
    pub percent: u64,
    /// What cannot be opened under any key, and so not be sealed anew.
    pub unreadable: u64,
    /// Files that may lie under old root keys: those that were not looked at yet. They are wrapped anew one
    /// after another. Absent where no gateway runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// Those of them that were looked at and could not be wrapped anew so far; the log names them. They are
    /// tried again. Absent where no gateway runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files_stuck: Option<u64>,
    /// Why nobody knows how many they are: their place is another one, or cannot be read. No root key is
    /// retired meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files_unseen: Option<String>,
    /// The keys that pages seal to, the newest first.
    #[serde(default)]
    pub messages: Vec<MessageKeyLine>,
    /// Something that was replaced or removed may still be in the files, because somebody read them all the time;
    /// it is overwritten as soon as that can be.
    #[serde(default)]
    pub in_files: bool,
    /// Two master keys open the data, because the change of the master key is not finished.
    pub master_key_changes: bool,
}

pub(crate) fn line_of(root: &RootSeen, grace: Option<std::time::Duration>) -> RootLine {
    let text = |ms: i64| rfc3339(session::id::Timestamp(ms));
    let end = root.retiring_since.zip(grace).map(|(since, grace)| {
        since.saturating_add(i64::try_from(grace.as_millis()).unwrap_or(i64::MAX))
    });
    RootLine {
        id: root.id.to_string(),
        made_at: Some(root.made_at).filter(|at| *at != 0).map(text),
        retiring_since: root.retiring_since.map(text),
        retires_at: end.map(text),
    }
}

#[cfg(test)]
mod tests;
