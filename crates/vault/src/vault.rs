//! The vault: a key ring that is used by many and changed by one.

use std::{fmt, sync::Arc};

use crate::{
    master::{KEY_BYTES, MasterKey},
    record::{RecordKey, VERSION_OF_RECORDS},
    ring::{ID_BYTES, Opener, Ring, Root, RootId, head},
    sealed::{DataKey, DerivedKey, MacKey, Opened, SealError, VERSION, expand},
    shared::Shared,
    signing::Signing,
};

/// Derives, wraps and unwraps keys.
///
/// It begins as an earlier version would with this master key; [`Vault::open_ring`] or
/// [`Vault::take`] gives it the ring that belongs to the data. Who derives keys before that works with
/// those of the earlier version, which is right for data of that version only.
pub struct Vault {
    opener: Opener,
    shared: Arc<Shared>,
}

/// A change of the ring that is to be kept first and then taken over.
pub struct RingChange {
    ring: Arc<Ring>,
    sealed: Vec<u8>,
}

impl RingChange {
    fn new(ring: Ring) -> Result<Self, SealError> {
        let sealed = ring.sealed()?;
        Ok(Self { ring: Arc::new(ring), sealed })
    }

    /// The ring as it is to be kept.
    pub fn sealed(&self) -> &[u8] {
        &self.sealed
    }
}

/// What may be told of a root key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RootSeen {
    /// Its name.
    pub id: RootId,
    /// When it was made, in milliseconds since 1970; 0 for the one of an earlier version.
    pub made_at: i64,
    /// Since when another one is current, in milliseconds since 1970; `None` for the current one.
    pub retiring_since: Option<i64>,
}

impl Vault {
    /// A vault over this master key, with the ring that an earlier version derived from it.
    pub fn new(master: &MasterKey) -> Result<Self, SealError> {
        let shared = Arc::new(Shared::new(Ring::before(master)?));
        Ok(Self { opener: Opener::of(master)?, shared })
    }

    /// A value by which an earlier version told whether its data belong to a master key. It tells
    /// nothing about the key, and is only right before a ring was opened.
    pub fn check_value(&self) -> Result<[u8; 16], SealError> {
        expand::<16>(&self.shared.get().current().prk, &[b"check value"]).map(|value| *value)
    }

    /// Opens the ring that was kept with the data, and works with it from now on.
    /// [`SealError::OtherMasterKey`] if it is not for this master key.
    pub fn open_ring(&self, kept: &[u8]) -> Result<(), SealError> {
        self.shared.replace(Arc::new(Ring::open(&self.opener, kept)?));
        Ok(())
    }

    /// Whether this master key opens a ring; changes nothing.
    pub fn opens(&self, kept: &[u8]) -> Result<bool, SealError> {
        match Ring::open(&self.opener, kept) {
            Ok(_) => Ok(true),
            Err(SealError::OtherMasterKey) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A ring for new data.
    pub fn fresh_ring(&self, now: i64) -> Result<RingChange, SealError> {
        RingChange::new(self.shared.get().fresh(now)?)
    }

    /// A ring for data that an earlier version kept under this master key.
    pub fn adopted_ring(&self) -> Result<RingChange, SealError> {
        RingChange::new(self.shared.get().adopted()?)
    }

    /// The ring with a new current root key; `None` if it holds as many as it may.
    pub fn with_new_root(&self, now: i64) -> Result<Option<RingChange>, SealError> {
        self.shared.get().with_new_root(now)?.map(RingChange::new).transpose()
    }

    /// The ring without a root key that retires; what is still under it cannot be opened any more.
    pub fn without_root(&self, root: RootId) -> Result<RingChange, SealError> {
        RingChange::new(self.shared.get().without(root))
    }

    /// The ring for two master keys: one that opens it now, and this one. Any other that opens it does
    /// not any more. [`SealError::OtherMasterKey`] if the first opens it not.
    ///
    /// A root key that comes from a master key gives way to a fresh one at once: whoever knew that master
    /// key could make it again without the ring.
    pub fn with_master(
        &self,
        in_use: &MasterKey,
        next: &MasterKey,
        now: i64,
    ) -> Result<RingChange, SealError> {
        let (ring, in_use) = (self.shared.get(), Opener::of(in_use)?.id);
        if !ring.masters.iter().any(|opener| opener.id == in_use) {
            return Err(SealError::OtherMasterKey);
        }
        let ring = ring.with_master(in_use, Opener::of(next)?);
        let fresh = if ring.current().opens_version_1 { ring.with_new_root(now)? } else { None };
        RingChange::new(fresh.unwrap_or(ring))
    }

    /// Whether this is the newest of the master keys that open the ring.
    pub fn is_newest_master(&self, master: &MasterKey) -> Result<bool, SealError> {
        let id = Opener::of(master)?.id;
        Ok(self.shared.get().masters.last().is_some_and(|newest| newest.id == id))
    }

    /// The ring for the newest master key only.
    pub fn newest_master_only(&self) -> Result<RingChange, SealError> {
        RingChange::new(self.shared.get().newest_master_only())
    }

    /// The ring with a note in it, which nobody takes out without the master key; `None` if it has it.
    /// A note is no purpose of a key ([`Vault::mac_key`]).
    pub fn with_note(&self, note: &str) -> Result<Option<RingChange>, SealError> {
        let ring = self.shared.get();
        if ring.has_note(note) {
            return Ok(None);
        }
        ring.with_note(note).and_then(RingChange::new).map(Some)
    }

    /// Whether the ring has this note.
    pub fn has_note(&self, note: &str) -> bool {
        self.shared.get().has_note(note)
    }

    /// Works with a changed ring from now on, which was kept before.
    pub fn take(&self, change: RingChange) {
        self.shared.replace(change.ring);
    }

    /// Whether two master keys open the ring, because its change is not finished.
    pub fn master_changes(&self) -> bool {
        self.shared.get().masters.len() > 1
    }

    /// Whether this vault was opened with the newest of the master keys that open the ring.
    pub fn has_newest_master(&self) -> bool {
        self.shared.get().masters.last().is_some_and(|newest| newest.id == self.opener.id)
    }

    /// The root keys, the oldest first; the last one is current.
    pub fn roots(&self) -> Vec<RootSeen> {
        let seen = |root: &Arc<Root>| RootSeen {
            id: root.id,
            made_at: root.made_at,
            retiring_since: root.retiring_since,
        };
        self.shared.get().roots().map(seen).collect()
    }

    /// The current root key's name.
    pub fn current(&self) -> RootId {
        self.shared.get().current().id
    }

    /// What blobs of records begin with that are sealed under the current root key.
    pub fn record_head(&self) -> [u8; 1 + ID_BYTES] {
        head(VERSION_OF_RECORDS, self.shared.get().current().id)
    }

    /// What data keys begin with that are wrapped under the current root key.
    pub fn data_key_head(&self) -> [u8; 1 + ID_BYTES] {
        head(VERSION, self.shared.get().current().id)
    }

    /// The key that recognises texts for a named purpose; the same whatever keys are rotated.
    pub fn mac_key(&self, purpose: &str) -> Result<MacKey, SealError> {
        Ok(MacKey::new(self.shared.get().recognising(purpose)?.as_slice()))
    }

    /// The keys that sign for a named purpose, as `make` makes them of a root key's.
    pub fn signing<T>(
        &self,
        purpose: &str,
        make: fn(&DerivedKey) -> T,
    ) -> Result<Signing<T>, SealError> {
        Signing::new(Arc::clone(&self.shared), purpose, make)
    }

    /// The keys that sign texts for a named purpose.
    pub fn signing_texts(&self, purpose: &str) -> Result<Signing<MacKey>, SealError> {
        self.signing(purpose, |key| MacKey::new(key.expose()))
    }

    /// The key that seals what belongs to one record (a conversation's state and effects).
    pub fn record_key(&self, record: &[u8]) -> Result<RecordKey, SealError> {
        RecordKey::new(Arc::clone(&self.shared), record)
    }

    /// A fresh data key, and the same wrapped for keeping. Bound to `place`.
    pub fn new_data_key(&self, place: &[u8]) -> Result<(DataKey, Vec<u8>), SealError> {
        let raw = crate::ring::random::<KEY_BYTES>()?;
        let wrapped = wrap(self.shared.get().current(), place, raw.as_slice())?;
        Ok((DataKey::new(raw.as_slice())?, wrapped))
    }

    /// A kept data key, unwrapped for the same `place`.
    pub fn open_data_key(&self, place: &[u8], wrapped: &[u8]) -> Result<DataKey, SealError> {
        DataKey::new(&unwrap(&self.shared.get(), place, wrapped)?)
    }

    /// A kept data key, wrapped anew under the current root key for the same `place`.
    pub fn rewrapped(&self, place: &[u8], wrapped: &[u8]) -> Result<Vec<u8>, SealError> {
        let ring = self.shared.get();
        wrap(ring.current(), place, &unwrap(&ring, place, wrapped)?)
    }
}

fn wrap(root: &Root, place: &[u8], raw: &[u8]) -> Result<Vec<u8>, SealError> {
    root.wrapping.seal_behind(&head(VERSION, root.id), place, raw)
}

fn unwrap(ring: &Ring, place: &[u8], wrapped: &[u8]) -> Result<Opened, SealError> {
    let (head, body) = wrapped.split_first_chunk().ok_or(SealError::Malformed)?;
    let [version, id @ ..]: &[u8; 1 + ID_BYTES] = head;
    if *version != VERSION {
        return Err(SealError::Malformed);
    }
    let root = ring.root(RootId(*id)).ok_or(SealError::UnknownRoot)?;
    root.wrapping.open_body(place, body)
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(…)")
    }
}

impl fmt::Debug for RingChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RingChange(…)")
    }
}

#[cfg(test)]
mod tests;
