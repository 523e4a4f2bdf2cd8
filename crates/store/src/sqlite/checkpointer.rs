//! Folds the write-ahead log into the file, beside the writer.
//!
//! A checkpoint copies pages and syncs the file, which takes milliseconds in which the writer could
//! commit. So a thread with a connection of its own does it after every few commits, and the writer goes
//! on meanwhile. Only when the log has grown large all the same does the writer fold in the rest, which
//! by then is little, and begin the log anew (`connect`).
//!
//! Two connections that write and fold at once could lose commits before SQLite 3.51.3; a store
//! refuses to open with an earlier one.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::connect;
use crate::StoreError;

/// So many commits are folded in together: pages that several of them wrote are copied once, and a
/// busy writer's log stays below a few megabytes.
const COMMITS: usize = 64;

/// The thread, for as long as this lives.
pub(super) struct Checkpointer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Commits since the last checkpoint began.
    commits: usize,
    stop: bool,
}

impl Checkpointer {
    pub(super) fn start(file: &Path) -> Result<Self, StoreError> {
        let connection = connect::checkpointer(file)?;
        let shared = Arc::<Shared>::default();
        let waiting = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("checkpointer".to_owned())
            .spawn(move || waiting.run(&connection))
            .map_err(StoreError::Files)?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// The writer has committed.
    pub(super) fn committed(&self) {
        let mut state = self.shared.lock();
        state.commits += 1;
        if state.commits == COMMITS {
            self.shared.changed.notify_one();
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.changed.notify_one();
        // Whether it panicked changes nothing: the next checkpoint is the writer's, at the close.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

impl Shared {
    fn run(&self, connection: &Connection) {
        loop {
            let state = self.lock();
            let mut state = self
                .changed
                .wait_while(state, |state| !state.stop && state.commits < COMMITS)
                .unwrap_or_else(PoisonError::into_inner);
            if state.stop {
                return;
            }
            state.commits = 0;
            drop(state);
            // It waits for nobody. What it cannot fold in, or an error of the disk, is the writer's to
            // meet: its own checkpoint comes when the log has grown.
            drop(connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here can be left half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
