//! Files whose data keys are wrapped under old root keys, and have them wrapped anew.
//!
//! A file begins with its wrapped data key. So it is written once more, part by part, with another
//! beginning that is as long and every other byte as it was, and takes the place of the one of before in
//! one step: whoever reads goes on in the one or the other and sees no difference. Whoever is killed
//! leaves the one of before, and an unfinished upload as any other.
//!
//! Which are done is kept in the files and nowhere else; what this process looked at, it remembers.

use std::{
    collections::HashSet,
    io,
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::TryStreamExt;
use store::Store;
use vault::RootId;

use super::{
    FileError, FileId, Files,
    out::Out,
    sealed::{KEY_BYTES, begun_anew, wrapped_key},
};
use crate::keeping::Keeping;

/// What is copied between two pauses, in bytes.
const COPIED_AT_ONCE_BYTES: usize = 1024 * 1024;

/// Which files are under the current root key, as far as it is known.
#[derive(Default)]
pub(super) struct Known {
    /// For which root key it holds.
    root: Option<RootId>,
    /// Those with which nothing is to be done: they are under it, or open under none.
    looked_at: HashSet<FileId>,
    /// That is so for all; what comes is under it.
    settled: bool,
    /// Those that come in, and which root key was current when they began.
    coming: Vec<(FileId, RootId)>,
    /// The one that is being put in place.
    replaced: Option<FileId>,
}

impl Known {
    /// What is known for this root key.
    fn of(&mut self, root: RootId) -> &mut Self {
        if self.root != Some(root) {
            self.root = Some(root);
            self.looked_at.clear();
            self.settled = false;
        }
        self
    }

    /// How many come in that may be under another.
    fn coming_under_others(&self, root: RootId) -> usize {
        self.coming.iter().filter(|(_, of)| *of != root).count()
    }
}

/// A file that comes in, until it is there or discarded. Nobody sees it before, but its data key is wrapped.
pub(super) struct Coming {
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
struct Replaced<'a>(&'a Files);

impl Drop for Replaced<'_> {
    fn drop(&mut self) {
        self.0.known().replaced = None;
    }
}

/// What came of looking at files.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Looked {
    /// Wrapped anew.
    pub(crate) done: u64,
    /// Could not be, for now: looked at again.
    pub(crate) missed: u64,
    /// Open under no key.
    pub(crate) unreadable: u64,
}

/// A file that is written once more, but for its last step.
struct Copy {
    id: FileId,
    out: Out,
    /// How the one of before begins, and how long it is.
    first: Bytes,
    whole: u64,
}

impl Files {
    fn known(&self) -> MutexGuard<'_, Known> {
        // Each change is whole by itself.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file comes in; its data key is wrapped after this.
    pub(super) fn comes(self: &Arc<Self>, id: FileId) -> Result<Coming, FileError> {
        let mut known = self.known();
        if known.replaced == Some(id) {
            return Err(FileError::Busy);
        }
        // Asked under the lock: who looks after a rotation sees it, or it is under the new one.
        let root = self.vault.current();
        known.coming.push((id, root));
        Ok(Coming { files: Arc::clone(self), id, root })
    }

    /// How many files may be under other root keys than the current one.
    pub(crate) async fn under_old_keys(&self) -> Result<u64, FileError> {
        let root = self.vault.current();
        let (settled, coming) = {
            let mut known = self.known();
            (known.of(root).settled, known.coming_under_others(root))
        };
        let left = if settled { 0 } else { self.left(root).await?.len() };
        Ok((left + coming) as u64)
    }

    /// Those that are there and were not looked at.
    async fn left(&self, root: RootId) -> Result<Vec<FileId>, FileError> {
        let (mut all, mut left) = (self.place.all(), Vec::new());
        while let Some(there) = all.try_next().await? {
            let Ok(id) = there.name.parse::<FileId>() else { continue };
            if !self.known().of(root).looked_at.contains(&id) {
                left.push(id);
            }
        }
        Ok(left)
    }

    /// Looks at every file that it did not look at, one after another, and wraps anew what is under an old
    /// root key; `pause` says how long the store has its rest each time.
    pub(crate) async fn wrap_anew(
        self: &Arc<Self>,
        store: &Arc<dyn Store>,
        pause: &(dyn Fn() -> Duration + Send + Sync),
    ) -> Result<Looked, FileError> {
        let (root, mut looked) = (self.vault.current(), Looked::default());
        let coming = {
            let mut known = self.known();
            if known.of(root).settled {
                return Ok(looked);
            }
            known.coming_under_others(root)
        };
        for id in self.left(root).await? {
            tokio::time::sleep(pause()).await;
            let error = match self.look(store, id, pause).await {
                Ok(Some(true)) => {
                    looked.done += 1;
                    None
                }
                Ok(None) | Err(FileError::Gone) => None,
                Ok(Some(false)) => {
                    looked.missed += 1;
                    continue;
                }
                Err(error @ (FileError::Sealed(_) | FileError::Malformed)) => {
                    looked.unreadable += 1;
                    Some(error)
                }
                Err(error) => {
                    let told = &error as &dyn std::error::Error;
                    tracing::warn!(
                        error = told,
                        "a file cannot be wrapped anew; it is tried again"
                    );
                    looked.missed += 1;
                    continue;
                }
            };
            if let Some(error) = error {
                let told = &error as &dyn std::error::Error;
                tracing::debug!(error = told, "a file opens under no key");
            }
            let mut known = self.known();
            if self.vault.current() != root || known.root != Some(root) {
                // Another one became current: all are looked at again.
                looked.missed += 1;
                return Ok(looked);
            }
            known.looked_at.insert(id);
        }
        let mut known = self.known();
        if looked.missed == 0 && coming == 0 && self.vault.current() == root {
            let known = known.of(root);
            known.settled = true;
            known.looked_at = HashSet::new();
        }
        Ok(looked)
    }

    /// Looks at one: `None` if nothing is to be done, else whether it was.
    async fn look(
        self: &Arc<Self>,
        store: &Arc<dyn Store>,
        id: FileId,
        pause: &(dyn Fn() -> Duration + Send + Sync),
    ) -> Result<Option<bool>, FileError> {
        match self.copy(store, id, pause).await? {
            Some(copy) => self.put(copy).await.map(Some),
            None => Ok(None),
        }
    }

    /// Writes a file once more, if its data key is under an old root key.
    async fn copy(
        self: &Arc<Self>,
        store: &Arc<dyn Store>,
        id: FileId,
        pause: &(dyn Fn() -> Duration + Send + Sync),
    ) -> Result<Option<Copy>, FileError> {
        let name = id.to_string();
        let (first, whole) = self.place.first(&name, KEY_BYTES).await?;
        if wrapped_key(&first)?.starts_with(&self.vault.data_key_head()) {
            return Ok(None);
        }
        let begin = begun_anew(&self.vault, &self.bound(store, id).await?, &first)?;
        let mut out = Out::new(Arc::clone(self), name.clone());
        out.write(&begin).await?;
        let (from, mut copied, mut at_once) = (begin.len() as u64, 0, 0);
        let mut source = self.place.bytes(&name, from..whole).await?;
        while let Some(bytes) = source.next().await? {
            copied += bytes.len() as u64;
            at_once += bytes.len();
            out.write(&bytes).await?;
            if at_once >= COPIED_AT_ONCE_BYTES {
                at_once = 0;
                tokio::time::sleep(pause()).await;
            }
        }
        if from + copied != whole {
            return Err(FileError::Disk(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(Some(Copy { id, out, first, whole }))
    }

    /// Puts it in the place of the one of before, if that is still there; says whether it did. Whoever
    /// removes files waits, and so finds it there before or after.
    async fn put(self: &Arc<Self>, copy: Copy) -> Result<bool, FileError> {
        let Copy { id, mut out, first, whole } = copy;
        let _alone = self.removing.lock().await;
        let _replaced = {
            let mut known = self.known();
            if known.coming.iter().any(|(coming, _)| *coming == id) {
                return Ok(false);
            }
            known.replaced = Some(id);
            Replaced(self)
        };
        let there = self.place.first(&id.to_string(), KEY_BYTES).await?;
        // Another one under the same name begins with another data key.
        if there != (first, whole) {
            return Ok(false);
        }
        out.end().await?;
        Ok(true)
    }

    /// What a file is bound to; one whose conversation is gone is nobody's, and nobody opens it.
    async fn bound(&self, store: &Arc<dyn Store>, id: FileId) -> Result<Vec<u8>, FileError> {
        let read = move |store: &dyn Store| store.conversation_by_id(id.conversation);
        let row = crate::blocking(store, read).await;
        let row = row.map_err(|error| FileError::Disk(io::Error::other(error)))?;
        let keeping = Keeping::new(&self.vault, &row.ok_or(FileError::Malformed)?.key);
        Ok(keeping.map_err(|_| FileError::Malformed)?.file_place(id.number.as_u128()))
    }
}

#[cfg(test)]
mod tests;
