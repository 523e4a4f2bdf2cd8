//! What is known of files and root keys: which were looked at, which come in, which have to wait.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use vault::RootId;

use super::super::{FileError, FileId, Files};

/// How long a file rests that could not be wrapped anew, the first time; twice as long each time after.
const AGAIN_AFTER: Duration = Duration::from_mins(1);

/// How long it rests at most: a file is copied in vain once in that time.
const AGAIN_AFTER_AT_MOST: Duration = Duration::from_hours(1);

/// How long the last step of a copy may still come to its end of which nobody knows how it went. A bucket
/// that did not answer within a minute has forgotten it long before.
const IN_DOUBT_FOR: Duration = Duration::from_hours(1);

/// Which files are under the current root key, as far as it is known.
#[derive(Default)]
pub(in crate::files) struct Known {
    /// For which root key it holds.
    pub(super) root: Option<RootId>,
    /// Those with which nothing is to be done: they are under it, or open under none.
    pub(super) looked_at: HashSet<FileId>,
    /// That is so for all; what comes is under it.
    pub(super) settled: bool,
    /// Those that come in, and which root key was current when they began.
    pub(super) coming: Vec<(FileId, RootId)>,
    /// The one that is being put in place.
    pub(super) replaced: Option<FileId>,
    /// Those that could not be wrapped anew.
    pub(super) later: HashMap<FileId, Later>,
    /// Those of which a copy may still come.
    in_doubt: HashMap<FileId, InDoubt>,
    /// Somebody was told that there is no room for copies.
    pub(super) told_full: bool,
}

/// When it is tried again.
#[derive(Clone, Copy)]
pub(super) struct Later {
    tries: u32,
    at: Instant,
}

/// A copy of which nobody knows whether it comes.
struct InDoubt {
    since: Instant,
    /// How it begins, as no other does.
    begin: Vec<u8>,
    /// The file was removed meanwhile.
    removed: bool,
}

impl Known {
    /// What is known for this root key.
    pub(super) fn of(&mut self, root: RootId) -> &mut Self {
        if self.root != Some(root) {
            self.root = Some(root);
            self.looked_at.clear();
            self.later.clear();
            self.settled = false;
            self.told_full = false;
        }
        self
    }

    /// Nothing is known of those that are there, which are others; what comes still does.
    pub(in crate::files) fn forget(&mut self) {
        self.root = None;
    }

    /// How many come in that may be under another.
    pub(super) fn coming_under_others(&self, root: RootId) -> usize {
        self.coming.iter().filter(|(_, of)| *of != root).count()
    }

    /// Forgets when those are tried again that are not there any more.
    pub(super) fn only(&mut self, there: &[FileId]) {
        if !self.later.is_empty() {
            let there: HashSet<_> = there.iter().collect();
            self.later.retain(|id, _| there.contains(id));
        }
    }

    pub(super) fn rests(&self, id: FileId) -> bool {
        self.later.get(&id).is_some_and(|later| Instant::now() < later.at)
    }

    /// It could not be wrapped anew; tells how long it rests.
    pub(super) fn failed(&mut self, id: FileId) -> Duration {
        let tries = self.later.get(&id).map_or(0, |later| later.tries);
        let rest = AGAIN_AFTER.saturating_mul(2_u32.saturating_pow(tries)).min(AGAIN_AFTER_AT_MOST);
        let later = Later { tries: tries.saturating_add(1), at: Instant::now() + rest };
        self.later.insert(id, later);
        rest
    }

    /// A copy that begins so may still come.
    pub(super) fn is_in_doubt(&mut self, id: FileId, begin: Vec<u8>) {
        let since = Instant::now();
        self.in_doubt.insert(id, InDoubt { since, begin, removed: false });
    }

    pub(in crate::files) fn was_removed(&mut self, id: FileId) {
        if let Some(doubt) = self.in_doubt.get_mut(&id) {
            doubt.removed = true;
        }
    }

    /// Those that were removed and of which a copy may have come since, and how it begins.
    fn may_be_back(&mut self) -> Vec<(FileId, Vec<u8>)> {
        self.in_doubt.retain(|_, doubt| doubt.since.elapsed() < IN_DOUBT_FOR);
        let removed = self.in_doubt.iter().filter(|(_, doubt)| doubt.removed);
        removed.map(|(id, doubt)| (*id, doubt.begin.clone())).collect()
    }
}

/// A file that comes in, until it is there or discarded. Nobody sees it before, but its data key is wrapped.
pub(in crate::files) struct Coming {
    files: Arc<Files>,
    id: FileId,
    root: RootId,
}

impl Drop for Coming {
    fn drop(&mut self) {
        let mut known = self.files.known();
        let this = (self.id, self.root);
        if let Some(at) = known.coming.iter().position(|coming| *coming == this) {
            known.coming.swap_remove(at);
        }
    }
}

/// The one that is being put in place, until that is done.
pub(super) struct Replaced<'a>(&'a Files);

impl Drop for Replaced<'_> {
    fn drop(&mut self) {
        self.0.known().replaced = None;
    }
}

impl Files {
    pub(in crate::files) fn known(&self) -> MutexGuard<'_, Known> {
        // Each change is whole by itself.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file comes in; its data key is wrapped after this.
    pub(in crate::files) fn comes(self: &Arc<Self>, id: FileId) -> Result<Coming, FileError> {
        let mut known = self.known();
        if known.replaced == Some(id) {
            return Err(FileError::Busy);
        }
        // Asked under the lock: who looks after a rotation sees it, or it is under the new one.
        let root = self.vault.current();
        known.coming.push((id, root));
        Ok(Coming { files: Arc::clone(self), id, root })
    }

    /// A file is put in place anew, unless it comes in.
    pub(super) fn replaces(&self, id: FileId) -> Option<Replaced<'_>> {
        let mut known = self.known();
        if known.coming.iter().any(|(coming, _)| *coming == id) {
            return None;
        }
        known.replaced = Some(id);
        Some(Replaced(self))
    }

    /// Removes copies that came after the file was removed, because a bucket did not say how their last step
    /// went. They were given back with it.
    pub(in crate::files) async fn remove_what_came_back(&self) {
        let may_be_back = self.known().may_be_back();
        for (id, begin) in may_be_back {
            let _alone = self.removing.lock().await;
            let name = id.to_string();
            let removed = match self.place.first(&name, begin.len() as u64).await {
                // Another one of this name begins otherwise.
                Ok((there, _)) if there == begin => self.place.remove(&name).await,
                Ok(_) | Err(FileError::Gone) => continue,
                Err(error) => Err(error),
            };
            match removed {
                Ok(()) => {
                    tracing::warn!(file = name, "a file that was removed came back; it is removed");
                }
                Err(error) => tracing::error!(
                    error = &error as &dyn std::error::Error,
                    file = name,
                    "a file that was removed may have come back and cannot be removed; it is tried again"
                ),
            }
        }
    }
}
