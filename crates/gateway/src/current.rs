//! A value that may be replaced while others work with it: settings that are read anew.
//!
//! Whoever begins something takes the value as it is then and keeps it until done, so nothing ever
//! sees half of one and half of another.

use std::sync::{Arc, PoisonError, RwLock};

/// The value as it is now.
#[derive(Debug)]
pub(crate) struct Current<T>(RwLock<Arc<T>>);

impl<T> Current<T> {
    pub(crate) fn new(value: T) -> Arc<Self> {
        Arc::new(Self(RwLock::new(Arc::new(value))))
    }

    /// The value, for as long as the caller needs it.
    pub(crate) fn get(&self) -> Arc<T> {
        // A pointer is replaced or not; a poisoned lock is fine.
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Who asks from now on gets this one.
    pub(crate) fn replace(&self, value: T) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
    }
}
