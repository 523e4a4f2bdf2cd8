//! Keys that sign, and follow the root keys.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use crate::{
    master::KEY_BYTES,
    ring::{Ring, Root},
    sealed::{DerivedKey, MacKey, SealError, expand},
    shared::Shared,
};

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
    pub(crate) fn new(
        shared: Arc<Shared>,
        purpose: &str,
        make: fn(&DerivedKey) -> T,
    ) -> Result<Self, SealError> {
        let keys = Made::of(shared.get(), purpose, make)?;
        Ok(Self { shared, purpose: purpose.to_owned(), make, made: RwLock::new(Arc::new(keys)) })
    }

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

    /// What each key says, the newest first.
    pub fn all<R>(&self, says: impl FnMut(&T) -> R) -> Vec<R> {
        let keys = self.now();
        std::iter::once(&keys.newest).chain(&keys.older).map(says).collect()
    }
}

impl Signing<MacKey> {
    /// The newest key's tag of these parts.
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.newest(|key| key.tag(parts))
    }
}

impl<T> fmt::Debug for Signing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signing(…)")
    }
}
