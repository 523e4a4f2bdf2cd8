//! What is looked at when somebody asks for the numbers, rather than counted as it changes: what
//! the store holds, so that it is right after a restart too.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use store::{Numbers, Store};
use tokio::sync::Mutex;

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
pub(super) struct Newest(Arc<Mutex<Option<Look>>>);

/// A look at the store.
#[derive(Debug, Clone)]
struct Look {
    at: Instant,
    /// What it said, or had said before.
    numbers: Option<Arc<Numbers>>,
    /// Whether it said it this time.
    read: bool,
}

impl Newest {
    /// What the store says, not older than [`READ_EVERY`] unless it cannot be read. Whoever asks while
    /// it is being read gets that answer, too.
    pub(super) async fn of(&self, store: &Arc<dyn Store>) -> (Option<Arc<Numbers>>, bool) {
        let mut newest = Arc::clone(&self.0).lock_owned().await;
        if let Some(look) = newest.as_ref().filter(|look| look.at.elapsed() < READ_EVERY) {
            return (look.numbers.clone(), look.read);
        }
        let store = Arc::clone(store);
        // The lock goes with the work: a caller who hangs up does not end it.
        let reading = tokio::task::spawn_blocking(move || {
            let said = store.numbers();
            let before = newest.take().and_then(|look| look.numbers);
            let read = said.is_ok();
            let numbers = said.map(Arc::new).inspect_err(|error| {
                tracing::error!(
                    error = error as &dyn std::error::Error,
                    "what waits in the store cannot be counted"
                );
            });
            let numbers = numbers.ok().or(before);
            *newest = Some(Look { at: Instant::now(), numbers: numbers.clone(), read });
            (numbers, read)
        });
        reading.await.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;
    use crate::bed::{Fault, Watched};

    #[tokio::test]
    async fn however_many_ask_the_store_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let watched = Arc::new(Watched::open(&folder));
        let store: Arc<dyn Store> = watched.clone();
        let newest = Newest::default();
        let all = join_all((0..50).map(|_| newest.of(&store))).await;
        assert!(all.iter().all(|(numbers, read)| numbers.is_some() && *read));
        assert_eq!(watched.counts(), 1);
    }

    #[tokio::test]
    async fn a_store_that_cannot_be_read_is_not_asked_by_everybody_either() {
        let folder = tempfile::tempdir().unwrap();
        let watched = Arc::new(Watched::open(&folder));
        let store: Arc<dyn Store> = watched.clone();
        watched.set(Fault::Unreadable);
        let newest = Newest::default();
        let all = join_all((0..50).map(|_| newest.of(&store))).await;
        assert!(all.iter().all(|(numbers, read)| numbers.is_none() && !*read));
        assert_eq!(watched.counts(), 1);
    }
}
