//! What is looked at when somebody asks for the numbers, rather than counted as it changes: what
//! the store holds, so that it is right after a restart too.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use store::{Numbers, Store};

/// The store is read at most this often for it, however often it is asked: a few milliseconds of a
/// reading connection.
const READ_EVERY: Duration = Duration::from_secs(2);

/// How things stand now.
#[derive(Debug, Default)]
pub(super) struct Standing {
    pub(super) streams: usize,
    pub(super) queue: usize,
    /// As the store said last; `None` if it never could be read.
    pub(super) store: Option<Arc<Numbers>>,
    /// Whether that is new enough.
    pub(super) store_read: bool,
}

/// The newest of what the store said.
#[derive(Debug, Default)]
pub(super) struct Newest(Mutex<Option<(Instant, Arc<Numbers>)>>);

impl Newest {
    /// What the store says, not older than [`READ_EVERY`] unless it cannot be read.
    pub(super) async fn of(&self, store: &Arc<dyn Store>) -> (Option<Arc<Numbers>>, bool) {
        let newest = self.lock().clone();
        if let Some((at, numbers)) = &newest
            && at.elapsed() < READ_EVERY
        {
            return (Some(Arc::clone(numbers)), true);
        }
        match crate::blocking(store, <dyn Store>::numbers).await {
            Ok(numbers) => {
                let numbers = Arc::new(numbers);
                *self.lock() = Some((Instant::now(), Arc::clone(&numbers)));
                (Some(numbers), true)
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the store cannot be read for the metrics"
                );
                (newest.map(|(_, numbers)| numbers), false)
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(Instant, Arc<Numbers>)>> {
        // Nothing in here can be left half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
