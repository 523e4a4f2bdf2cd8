//! A file that is read: what it is, and as much of it as is asked for.

use std::{ops::Range, sync::Arc};

use bytes::{Bytes, BytesMut};
use session::id::TenantId;
use vault::SealError;

use super::{
    FileError, FileId, Files, Head, Side,
    pace::Taking,
    place::Source,
    sealed::{Begun, CHUNK_BYTES, FIRST_BYTES, LAST_BYTES, Laid, SEALED_CHUNK_BYTES},
    turns::{Reader, Turn},
};
use crate::keeping::Keeping;

/// A file whose head was read.
pub(crate) struct Reading {
    files: Arc<Files>,
    tenant: TenantId,
    id: FileId,
    laid: Laid,
}

impl Files {
    /// Opens a file, which must be of the conversation that `keeping` is for. One that is not there where its
    /// place is not the known one is away, not gone.
    pub(crate) async fn read(
        self: &Arc<Self>,
        keeping: &Keeping,
        id: FileId,
    ) -> Result<Reading, FileError> {
        let read = match self.read_once(keeping, id).await {
            // It may have been changed on its way only.
            Err(error) if error.is_for_ever() => self.read_once(keeping, id).await,
            read => read,
        };
        match &read {
            Ok(_) => self.is_whole(id),
            Err(FileError::Gone) => self.in_place().await?,
            Err(error) if error.is_for_ever() => {
                let chunk = self.damaged_chunk(id);
                self.is_damaged(id, chunk, error);
            }
            Err(_) => {}
        }
        read
    }

    async fn read_once(
        self: &Arc<Self>,
        keeping: &Keeping,
        id: FileId,
    ) -> Result<Reading, FileError> {
        let name = id.to_string();
        let (first, whole) = self.place.first(&name, FIRST_BYTES).await?;
        let begun = Begun::read(&self.vault, keeping.file_place(id.number.as_u128()), &first)?;
        let laid = if begun.needs_end() && whole > first.len() as u64 {
            let last = self.place.part(&name, whole.saturating_sub(LAST_BYTES)..whole).await?;
            begun.whole(&last, whole)?
        } else {
            begun.whole(&first, whole)?
        };
        if let Some(chunk) = self.damaged_chunk(id) {
            self.chunk_of(id, &laid, chunk).await?;
        }
        Ok(Reading { files: Arc::clone(self), tenant: keeping.tenant().clone(), id, laid })
    }
}

impl Reading {
    pub(crate) fn head(&self) -> &Head {
        &self.laid.head
    }

    pub(crate) fn id(&self) -> FileId {
        self.id
    }

    /// One side of it, whole.
    pub(crate) async fn side(self, side: Side, by: Reader) -> Result<Chunks, FileError> {
        let length = self.head().size(side).ok_or(FileError::Gone)?;
        self.range(side, 0..length, by).await
    }

    /// A part of one side; what is beyond its end is left out.
    pub(crate) async fn range(
        self,
        side: Side,
        range: Range<u64>,
        by: Reader,
    ) -> Result<Chunks, FileError> {
        let length = self.head().size(side).ok_or(FileError::Gone)?;
        let end = range.end.min(length);
        let left = end.saturating_sub(range.start);
        let number = range.start / CHUNK_BYTES as u64;
        let mut lies = self.laid.chunks(side, number);
        let chunks = end.div_ceil(CHUNK_BYTES as u64).saturating_sub(number);
        lies.end = lies.end.min(lies.start + chunks * SEALED_CHUNK_BYTES as u64);
        if left == 0 {
            lies.end = lies.start;
        }
        let turn = self.files.turns.to_read(by, &self.tenant, self.id.conversation).await?;
        let source = self.files.place.bytes(&self.id.to_string(), lies).await?;
        let skip = usize::try_from(range.start % CHUNK_BYTES as u64).unwrap_or(0);
        let Self { laid, files, .. } = self;
        let sealed = BytesMut::new();
        Ok(Chunks {
            id: self.id,
            laid,
            side,
            size: length,
            number,
            skip,
            left,
            source,
            sealed,
            taking: files.turns.taking(by),
            files,
            _turn: turn,
        })
    }
}

/// What is left of what was asked for.
pub(crate) struct Chunks {
    id: FileId,
    laid: Laid,
    side: Side,
    /// How long the side is.
    size: u64,
    /// The next chunk.
    number: u64,
    /// What of it was not asked for.
    skip: usize,
    left: u64,
    source: Source,
    sealed: BytesMut,
    files: Arc<Files>,
    taking: Taking,
    _turn: Turn,
}

impl Chunks {
    /// How quickly it is taken.
    pub(crate) fn taking(&self) -> &Taking {
        &self.taking
    }

    /// How much is left, in bytes.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// The next bytes; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, FileError> {
        if self.left == 0 {
            return Ok(None);
        }
        let before = self.number.saturating_mul(CHUNK_BYTES as u64);
        let plain = self.size.saturating_sub(before).min(CHUNK_BYTES as u64);
        let plain = usize::try_from(plain).map_err(|_| FileError::Malformed)?;
        let length = plain + (SEALED_CHUNK_BYTES - CHUNK_BYTES);
        while self.sealed.len() < length {
            let more = self.source.next().await?.ok_or(FileError::Malformed)?;
            if self.sealed.is_empty() {
                // Read for nobody else, it is not copied.
                self.sealed = more.into();
            } else {
                self.sealed.extend_from_slice(&more);
            }
        }
        let sealed = self.sealed.split_to(length);
        let opened = match self.laid.seal.open_chunk(self.side, self.number, &sealed) {
            Err(SealError::Refused) => self.once_more().await?,
            opened => opened?,
        };
        let opened = opened.get(self.skip..).ok_or(FileError::Malformed)?;
        let given = usize::try_from(self.left).unwrap_or(usize::MAX).min(opened.len());
        let bytes = Bytes::copy_from_slice(&opened[..given]);
        self.files.observer.files().gave_out(given);
        self.taking.took(given);
        self.left -= given as u64;
        self.number += 1;
        self.skip = 0;
        Ok(Some(bytes))
    }

    /// Reads the chunk once more that did not open: it may have been changed on its way only.
    async fn once_more(&mut self) -> Result<vault::Opened, FileError> {
        let chunk = (self.side, self.number);
        let opened = self.files.chunk_of(self.id, &self.laid, chunk).await;
        opened.inspect_err(|error| {
            if error.is_for_ever() {
                self.files.is_damaged(self.id, Some(chunk), error);
            }
        })
    }
}
