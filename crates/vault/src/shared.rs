//! The ring as all see it: replaced as a whole, and read without waiting for whoever replaces it.

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicU32, Ordering},
};

use crate::ring::{Ring, RootId};

/// The ring as it is now.
pub(crate) struct Shared {
    /// The id of the current root key: whether a key at hand is of it costs no lock.
    current: AtomicU32,
    ring: RwLock<Arc<Ring>>,
}

impl Shared {
    pub(crate) fn new(ring: Ring) -> Self {
        let current = AtomicU32::new(u32::from_be_bytes(ring.current().id.0));
        Self { current, ring: RwLock::new(Arc::new(ring)) }
    }

    pub(crate) fn get(&self) -> Arc<Ring> {
        // A pointer is replaced or not; a poisoned lock is fine.
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn replace(&self, ring: Arc<Ring>) {
        let current = u32::from_be_bytes(ring.current().id.0);
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = ring;
        self.current.store(current, Ordering::Release);
    }

    pub(crate) fn is_current(&self, id: RootId) -> bool {
        self.current.load(Ordering::Acquire) == u32::from_be_bytes(id.0)
    }
}
