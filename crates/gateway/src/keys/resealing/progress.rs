//! How far the sealing anew is, as this process knows it: nothing of it outlives a restart.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::keys::Left;

/// Told by whoever works, read by whoever asks.
#[derive(Default)]
pub(super) struct Progress {
    /// How much there was to do when this process began with it.
    of: AtomicU64,
    unreadable: AtomicU64,
    /// Nothing is under an old key any more, since the last rotation.
    settled: AtomicBool,
    /// Something was sealed anew, and what it was may be in the files yet.
    stale: AtomicBool,
}

impl Progress {
    /// Another root key became current: there is everything to do.
    pub(super) fn begins(&self) {
        self.of.store(0, Ordering::Relaxed);
        self.settled.store(false, Ordering::SeqCst);
    }

    /// So much is under old root keys.
    pub(super) fn finds(&self, left: u64) {
        self.of.fetch_max(left, Ordering::Relaxed);
    }

    /// So much of it opens under no key of the ring.
    pub(super) fn finds_unreadable(&self, unreadable: u64) {
        self.unreadable.store(unreadable, Ordering::Relaxed);
    }

    pub(super) fn unreadable(&self) -> u64 {
        self.unreadable.load(Ordering::Relaxed)
    }

    pub(super) fn is_settled(&self) -> bool {
        self.settled.load(Ordering::SeqCst)
    }

    /// Nothing is left under an old key, if the key for which this was found is current still.
    pub(super) fn settles(&self, is_current: impl FnOnce() -> bool) {
        // In this order: whoever rotates changes the ring first and this after it.
        self.settled.store(true, Ordering::SeqCst);
        if !is_current() {
            self.settled.store(false, Ordering::SeqCst);
        }
    }

    /// What was sealed before may be in the files yet.
    pub(super) fn is_stale(&self) -> bool {
        self.stale.load(Ordering::SeqCst)
    }

    pub(super) fn goes_stale(&self) {
        self.stale.store(true, Ordering::SeqCst);
    }

    /// Whoever takes it sees to it that what was sealed before leaves the files; [`Self::goes_stale`] where
    /// that did not come about. What is sealed anew from now on is not among it.
    pub(super) fn take_stale(&self) -> bool {
        self.stale.swap(false, Ordering::SeqCst)
    }

    /// How much is done, in percent, of what was to be done and can be, `files` among it.
    pub(super) fn percent(&self, left: Left, files: u64) -> u64 {
        let left = left.all().saturating_sub(self.unreadable()).saturating_add(files);
        match (self.of.load(Ordering::Relaxed).max(left), left) {
            (_, 0) => 100,
            (of, left) => (of - left) * 100 / of,
        }
    }
}
