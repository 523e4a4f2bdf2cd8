//! The vault: a key ring that is used by many and changed by one.

use std::{
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU32, Ordering},
    },
};

use aws_lc_rs::hmac;

use crate::{
    master::{KEY_BYTES, MasterKey},
    ring::{ID_BYTES, Opener, Ring, Root, RootId},
    sealed::{DataKey, DerivedKey, MacKey, Opened, SealError, VERSION, expand},
};

/// What a sealed blob begins with that names its root key.
const VERSION_OF_RECORDS: u8 = 2;

/// Derives, wraps and unwraps keys.
///
/// It begins as an earlier version would with this master key; [`Vault::open_ring`] or
/// [`Vault::take`] gives it the ring that belongs to the data. Who derives keys before that works with
/// those of the earlier version, which is right for data of that version only.
pub struct Vault {
    opener: Opener,
    shared: Arc<Shared>,
}

/// The ring as it is now.
struct Shared {
    /// The id of the current root key: whether a key at hand is of it costs no lock.
    current: AtomicU32,
    ring: RwLock<Arc<Ring>>,
}

impl Shared {
    fn get(&self) -> Arc<Ring> {
        // A pointer is replaced or not; a poisoned lock is fine.
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, ring: Arc<Ring>) {
        let current = u32::from_be_bytes(ring.current().id.0);
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = ring;
        self.current.store(current, Ordering::Release);
    }

    fn is_current(&self, id: RootId) -> bool {
        self.current.load(Ordering::Acquire) == u32::from_be_bytes(id.0)
    }
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
        let ring = Ring::before(master)?;
        let current = AtomicU32::new(u32::from_be_bytes(ring.current().id.0));
        let shared = Arc::new(Shared { current, ring: RwLock::new(Arc::new(ring)) });
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
    pub fn with_master(
        &self,
        in_use: &MasterKey,
        next: &MasterKey,
    ) -> Result<RingChange, SealError> {
        let (ring, in_use) = (self.shared.get(), Opener::of(in_use)?.id);
        if !ring.masters.iter().any(|opener| opener.id == in_use) {
            return Err(SealError::OtherMasterKey);
        }
        RingChange::new(ring.with_master(in_use, Opener::of(next)?))
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
        let shared = Arc::clone(&self.shared);
        let keys = Made::of(shared.get(), purpose, make)?;
        Ok(Signing { shared, purpose: purpose.to_owned(), make, made: RwLock::new(Arc::new(keys)) })
    }

    /// The keys that sign texts for a named purpose.
    pub fn signing_texts(&self, purpose: &str) -> Result<Signing<MacKey>, SealError> {
        self.signing(purpose, |key| MacKey::new(key.expose()))
    }

    /// The key that seals what belongs to one record (a conversation's state and effects).
    pub fn record_key(&self, record: &[u8]) -> Result<RecordKey, SealError> {
        let ring = self.shared.get();
        let root = ring.current();
        let key = key_of_record(root, record)?;
        Ok(RecordKey {
            shared: Arc::clone(&self.shared),
            record: record.into(),
            root: root.id,
            key,
        })
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

fn head(version: u8, id: RootId) -> [u8; 1 + ID_BYTES] {
    let mut head = [version; 1 + ID_BYTES];
    head[1..].copy_from_slice(&id.0);
    head
}

fn key_of_record(root: &Root, record: &[u8]) -> Result<DataKey, SealError> {
    DataKey::new(expand::<KEY_BYTES>(&root.prk, &[b"record ", record])?.as_slice())
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

/// Seals what belongs to one record: under the current root key, whichever that is by then.
pub struct RecordKey {
    shared: Arc<Shared>,
    record: Box<[u8]>,
    /// Of which root key the derived one is.
    root: RootId,
    key: DataKey,
}

impl RecordKey {
    /// Whether its root key is still current. One that is not works, and derives a key each time.
    pub fn is_current(&self) -> bool {
        self.shared.is_current(self.root)
    }

    /// Seals `plain`, bound to `place`: it opens with the same place only.
    pub fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        if self.is_current() {
            return self.key.seal_behind(&head(VERSION_OF_RECORDS, self.root), place, plain);
        }
        let ring = self.shared.get();
        let root = ring.current();
        let key = key_of_record(root, &self.record)?;
        key.seal_behind(&head(VERSION_OF_RECORDS, root.id), place, plain)
    }

    /// Opens what was sealed for this `place`, under whichever root key of the ring.
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Opened, SealError> {
        let (version, rest) = sealed.split_first().ok_or(SealError::Malformed)?;
        match *version {
            VERSION => {
                let ring = self.shared.get();
                let root = ring.root_of_version_1().ok_or(SealError::UnknownRoot)?;
                self.open_under(root, place, rest)
            }
            VERSION_OF_RECORDS => {
                let (id, body) = rest.split_first_chunk().ok_or(SealError::Malformed)?;
                let id = RootId(*id);
                if id == self.root && self.is_current() {
                    return self.key.open_body(place, body);
                }
                let ring = self.shared.get();
                let root = ring.root(id).ok_or(SealError::UnknownRoot)?;
                self.open_under(root, place, body)
            }
            _ => Err(SealError::Malformed),
        }
    }

    fn open_under(&self, root: &Root, place: &[u8], body: &[u8]) -> Result<Opened, SealError> {
        if root.id == self.root {
            return self.key.open_body(place, body);
        }
        key_of_record(root, &self.record)?.open_body(place, body)
    }
}

/// Keys for one purpose, one of each root key: the newest signs, each of them proves, and what was
/// signed with a root key ends with it.
pub struct Signing<T> {
    shared: Arc<Shared>,
    purpose: String,
    make: fn(&DerivedKey) -> T,
    made: RwLock<Arc<Made<T>>>,
}

/// The keys of one state of the ring.
struct Made<T> {
    ring: Arc<Ring>,
    newest: T,
    /// The others, the newest of them first.
    older: Vec<T>,
}

impl<T> Made<T> {
    fn of(ring: Arc<Ring>, purpose: &str, make: fn(&DerivedKey) -> T) -> Result<Self, SealError> {
        let key = |root: &Arc<Root>| {
            let key = expand::<KEY_BYTES>(&root.prk, &[b"purpose ", purpose.as_bytes()])?;
            Ok(make(&DerivedKey::new(key)))
        };
        let newest = key(ring.current())?;
        let older = ring.roots().rev().skip(1).map(key);
        let older = older.collect::<Result<_, SealError>>()?;
        Ok(Self { ring, newest, older })
    }
}

impl<T> Signing<T> {
    /// The keys as the ring is now.
    fn now(&self) -> Arc<Made<T>> {
        let made = Arc::clone(&self.made.read().unwrap_or_else(PoisonError::into_inner));
        let ring = self.shared.get();
        if Arc::ptr_eq(&ring, &made.ring) {
            return made;
        }
        match Made::of(ring, &self.purpose, self.make) {
            Ok(now) => {
                let now = Arc::new(now);
                let mut made = self.made.write().unwrap_or_else(PoisonError::into_inner);
                *made = Arc::clone(&now);
                now
            }
            // The library refuses nothing that it did before; if it does, the keys at hand still sign.
            Err(_) => made,
        }
    }

    /// Signs with the newest key.
    pub fn newest<R>(&self, sign: impl FnOnce(&T) -> R) -> R {
        sign(&self.now().newest)
    }

    /// What the first key says that says something, the newest asked first.
    pub fn find<R>(&self, proves: impl FnMut(&T) -> Option<R>) -> Option<R> {
        let keys = self.now();
        std::iter::once(&keys.newest).chain(&keys.older).find_map(proves)
    }
}

impl Signing<MacKey> {
    /// The newest key's tag of these parts.
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.newest(|key| key.tag(parts))
    }
}

impl MacKey {
    fn new(raw: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, raw))
    }
}

macro_rules! hidden {
    ($($name:ident $(<$of:ident>)?),*) => {$(
        impl $(<$of>)? fmt::Debug for $name $(<$of>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )*};
}

hidden!(Vault, RingChange, RecordKey, Signing<T>);

#[cfg(test)]
mod tests;
