//! Files whose data keys are wrapped under old root keys, and have them wrapped anew.
//!
//! A file begins with its wrapped data key. So it is written once more, part by part, with another
//! beginning that is as long and every other byte as it was, and takes the place of the one of before in
//! one step. Whoever reads in a folder goes on in the one or the other and sees no difference. From a bucket
//! it is the same, unless the answer breaks off: it is taken up again only where the tag is the same, so a
//! download that breaks off after that step has to be asked for once more. Whoever is killed leaves the one
//! of before, and an unfinished upload as any other.
//!
//! Which are done is kept in the files and nowhere else; what this process looked at, it remembers.

mod known;

use std::{
    collections::HashSet,
    io,
    sync::{Arc, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use futures_util::TryStreamExt;
use store::Store;
use vault::{RootId, SealError};

pub(super) use self::known::{Coming, Known};
use super::{
    FileError, FileId, Files,
    out::Out,
    sealed::{KEY_BYTES, begun_anew, wrapped_key},
};
use crate::keeping::{Keeping, KeepingError};

/// What is copied between two pauses, in bytes.
const COPIED_AT_ONCE_BYTES: usize = 1024 * 1024;

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

/// What came of looking at one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Nothing is to be done.
    Right,
    /// It was wrapped anew.
    Wrapped,
    /// It could not be, for now.
    Missed,
    /// It opens under no key, and never will.
    Unreadable,
}

/// A file that is written once more, but for its last step.
struct Copy {
    id: FileId,
    out: Out,
    /// How it begins.
    begin: Vec<u8>,
    /// How the one of before begins, and how long it is.
    before: (Bytes, u64),
}

impl Files {
    /// How many files may be under other root keys than the current one. Fails where that cannot be seen: in
    /// another place than theirs there is none of them.
    pub(crate) async fn under_old_keys(&self) -> Result<u64, FileError> {
        self.look().await?;
        let root = self.vault.current();
        let (settled, coming) = {
            let mut known = self.known();
            (known.of(root).settled, known.coming_under_others(root))
        };
        let left = if settled { 0 } else { self.left(root).await?.len() };
        Ok((left + coming) as u64)
    }

    /// Those that are there and were not looked at. Fails where it is not sure that these are all: a volume that
    /// goes away while they are listed shows fewer of them, or none.
    async fn left(&self, root: RootId) -> Result<Vec<FileId>, FileError> {
        let (mut all, mut left) = (self.place.all().await?, Vec::new());
        while let Some(there) = all.try_next().await? {
            let Ok(id) = there.name.parse::<FileId>() else { continue };
            if !self.known().of(root).looked_at.contains(&id) {
                left.push(id);
            }
        }
        self.look().await?;
        Ok(left)
    }

    /// How many of them were looked at and could not be wrapped anew so far.
    pub(crate) fn stuck(&self) -> u64 {
        let root = self.vault.current();
        self.known().of(root).later.len() as u64
    }

    /// Looks at every file that it did not look at, one after another, and wraps anew what is under an old
    /// root key; `pause` says how long the store has its rest each time.
    pub(crate) async fn wrap_anew(
        self: &Arc<Self>,
        store: &Arc<dyn Store>,
        pause: &(dyn Fn() -> Duration + Send + Sync),
    ) -> Result<Looked, FileError> {
        self.remove_what_came_back().await;
        let (root, mut looked) = (self.vault.current(), Looked::default());
        let coming = {
            let mut known = self.known();
            if known.of(root).settled {
                return Ok(looked);
            }
            known.coming_under_others(root)
        };
        self.look().await?;
        let left = self.left(root).await?;
        self.known().only(&left);
        for id in left {
            if self.known().rests(id) {
                looked.missed += 1;
                continue;
            }
            tokio::time::sleep(pause()).await;
            let outcome = self.judged(id, self.look_at(store, id, pause).await);
            looked.count(outcome);
            if outcome == Outcome::Missed {
                continue;
            }
            let Some(mut known) = self.known_for(root) else {
                // Another one became current: all are looked at again.
                looked.missed += 1;
                return Ok(looked);
            };
            known.looked_at.insert(id);
            known.later.remove(&id);
        }
        if looked.missed > 0 || coming > 0 {
            return Ok(looked);
        }
        // Nobody lists them again after this.
        self.look().await?;
        if let Some(mut known) = self.known_for(root) {
            known.settled = true;
            known.looked_at = HashSet::new();
        }
        Ok(looked)
    }

    /// What is known, if this root key is still current.
    fn known_for(&self, root: RootId) -> Option<MutexGuard<'_, Known>> {
        let known = self.known();
        (self.vault.current() == root && known.root == Some(root)).then_some(known)
    }

    /// What looking at a file came to. Only what cannot become otherwise is given up: an old root key may
    /// go after that.
    fn judged(&self, id: FileId, looked: Result<Outcome, FileError>) -> Outcome {
        let error = match looked {
            Ok(outcome) => return outcome,
            // Removed meanwhile, or gone away with all others: whoever looks again sees which.
            Err(FileError::Gone) => return Outcome::Missed,
            Err(error) => error,
        };
        let told = &error as &dyn std::error::Error;
        if error.is_for_ever() {
            self.is_damaged(id, None, &error);
            return Outcome::Unreadable;
        }
        let rest = self.known().failed(id);
        if !is_full(&error) {
            let again_in = rest.as_secs();
            tracing::warn!(
                error = told,
                file = %id,
                again_in,
                "a file cannot be wrapped anew; it is tried again"
            );
        }
        Outcome::Missed
    }

    /// Looks at one.
    async fn look_at(
        self: &Arc<Self>,
        store: &Arc<dyn Store>,
        id: FileId,
        pause: &(dyn Fn() -> Duration + Send + Sync),
    ) -> Result<Outcome, FileError> {
        let copy = match self.copy(store, id, pause).await {
            // It may have been changed on its way only.
            Err(FileError::Sealed(SealError::Refused)) => self.copy(store, id, pause).await,
            copy => copy,
        };
        match copy? {
            Some(copy) => self.put(copy).await,
            None => Ok(Outcome::Right),
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
        let Some(bound) = self.bound(store, id).await? else { return Ok(None) };
        let begin = begun_anew(&self.vault, &bound, &first)?;
        self.has_room(id, whole).await?;
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
        Ok(Some(Copy { id, out, begin, before: (first, whole) }))
    }

    /// Whether a file of this size can be written once more without filling the disk; told once if not.
    async fn has_room(&self, id: FileId, size: u64) -> Result<(), FileError> {
        let Some(free) = self.place.free().await else { return Ok(()) };
        let needed = size.saturating_add(self.place.reserve_bytes);
        if free >= needed {
            return Ok(());
        }
        if !std::mem::replace(&mut self.known().told_full, true) {
            tracing::warn!(
                file = %id,
                free,
                needed,
                "there is no room to wrap a file anew, which copies it: make room in the file system of the \
                 data directory (bytes are told); old root keys stay until then, and it goes on by itself"
            );
        }
        Err(FileError::Disk(io::ErrorKind::StorageFull.into()))
    }

    /// Puts it in the place of the one of before, if that is still there. Whoever removes files waits, and
    /// so finds it there before or after.
    async fn put(self: &Arc<Self>, mut copy: Copy) -> Result<Outcome, FileError> {
        // Before anybody has to wait for it.
        copy.out.arrive().await?;
        let alone = Arc::clone(&self.removing).lock_owned().await;
        let files = Arc::clone(self);
        // The last step goes on whoever waits for it, as on a thread that waits for the disk. So it is a task's
        // own, which holds the lock until it is over: a file that is removed after it does not come back.
        let last = tokio::spawn(async move {
            let put = files.put_alone(copy).await;
            drop(alone);
            put
        });
        last.await.map_err(|error| FileError::Disk(io::Error::other(error)))?
    }

    async fn put_alone(&self, copy: Copy) -> Result<Outcome, FileError> {
        let Copy { id, mut out, begin, before } = copy;
        let Some(_replaced) = self.replaces(id) else { return Ok(Outcome::Missed) };
        let name = id.to_string();
        // Another one under the same name begins with another data key.
        if self.place.first(&name, KEY_BYTES).await? != before {
            return Ok(Outcome::Missed);
        }
        let Err(error) = out.complete().await else { return Ok(Outcome::Wrapped) };
        // It may have come to its end all the same, or may yet.
        let is_over = out.give_up().await;
        match self.place.first(&name, begin.len() as u64).await {
            Ok((there, _)) if there == begin => return Ok(Outcome::Wrapped),
            _ if !is_over => self.known().is_in_doubt(id, begin),
            _ => {}
        }
        Err(error)
    }

    /// What a file is bound to; `None` for one whose conversation is gone, which is nobody's and which nobody
    /// opens.
    async fn bound(
        &self,
        store: &Arc<dyn Store>,
        id: FileId,
    ) -> Result<Option<Vec<u8>>, FileError> {
        let read = move |store: &dyn Store| store.conversation_by_id(id.conversation);
        let row = crate::blocking(store, read).await;
        let row = row.map_err(|error| FileError::Disk(io::Error::other(error)))?;
        let Some(row) = row else { return Ok(None) };
        let keeping = Keeping::new(&self.vault, &row.key);
        let keeping = keeping.map_err(|error| match error {
            KeepingError::Seal { source, .. } => FileError::Sealed(source),
            error => FileError::Disk(io::Error::other(error)),
        });
        Ok(Some(keeping?.file_place(id.number.as_u128())))
    }
}

impl Looked {
    fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Right => {}
            Outcome::Wrapped => self.done += 1,
            Outcome::Missed => self.missed += 1,
            Outcome::Unreadable => self.unreadable += 1,
        }
    }
}

fn is_full(error: &FileError) -> bool {
    matches!(error, FileError::Disk(error) if error.kind() == io::ErrorKind::StorageFull)
}

#[cfg(test)]
mod tests;
