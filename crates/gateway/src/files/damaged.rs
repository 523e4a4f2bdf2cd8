//! Files that were damaged where they lie: found once, told once, and gone for good for whoever asks.
//!
//! A file is damaged when what is read of it does not open, twice: what was changed on its way only opens the
//! second time. Where it is a chunk in the middle, whoever reads it has begun and can only be cut off; so it
//! is remembered which one it is, and looked at first when the file is asked for again. Nothing is kept of it:
//! a file that is put back as it was is read as any other.

use std::{
    collections::HashMap,
    sync::{MutexGuard, PoisonError},
};

use super::{
    FileError, FileId, Files, Side,
    sealed::{Laid, SEALED_CHUNK_BYTES},
};

/// How many damaged files are remembered. More are told of again, and read until they do not open.
const DAMAGED_MAX: usize = 1_000;

/// A chunk of a file: its side, and its number there.
pub(super) type Chunk = (Side, u64);

/// Those that were told of, and which chunk it is if it was not found at once.
#[derive(Debug, Default)]
pub(super) struct Damaged(HashMap<FileId, Option<Chunk>>);

impl Damaged {
    /// Remembers one; whether it was not known.
    fn insert(&mut self, id: FileId, chunk: Option<Chunk>) -> bool {
        if self.0.len() >= DAMAGED_MAX && !self.0.contains_key(&id) {
            self.0.clear();
        }
        self.0.insert(id, chunk).is_none()
    }
}

impl Files {
    fn damaged(&self) -> MutexGuard<'_, Damaged> {
        // Each change is whole by itself.
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file was found damaged, in this chunk if it was not in what is read first.
    pub(super) fn is_damaged(&self, id: FileId, chunk: Option<Chunk>, error: &FileError) {
        if !self.damaged().insert(id, chunk) {
            return;
        }
        self.observer.files().damaged();
        tracing::error!(
            code = "file_damaged",
            file = %id,
            error = error as &dyn std::error::Error,
            "a file is damaged where it lies, or sealed under a root key that is gone; it is left as it is, and \
             whoever asks for it is told that it cannot be had any more"
        );
    }

    /// A file opened after all.
    pub(super) fn is_whole(&self, id: FileId) {
        self.damaged().0.remove(&id);
    }

    /// The chunk of this file that did not open before.
    pub(super) fn damaged_chunk(&self, id: FileId) -> Option<Chunk> {
        self.damaged().0.get(&id).copied().flatten()
    }

    /// Reads one chunk by itself, of so many bytes, and opens it.
    pub(super) async fn chunk_of(
        &self,
        id: FileId,
        laid: &Laid,
        (side, number): Chunk,
    ) -> Result<vault::Opened, FileError> {
        let mut lies = laid.chunks(side, number);
        lies.end = lies.end.min(lies.start + SEALED_CHUNK_BYTES as u64);
        let sealed = self.place.part(&id.to_string(), lies).await?;
        Ok(laid.seal.open_chunk(side, number, &sealed)?)
    }
}
