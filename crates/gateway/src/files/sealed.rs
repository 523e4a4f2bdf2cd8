//! A file as it lies on the disk.
//!
//! `version (1) ‖ length (2) ‖ wrapped data key ‖ length (4) ‖ sealed head ‖ sealed chunks`, first
//! those of the original, then those of the thumbnail. Each blob is bound to tenant, conversation and
//! file, and to its side and its place in it; the head says how long each side is, so that nothing can
//! be swapped, left out or cut off without notice. Only one chunk is in memory when a file is read.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
};

use serde::{Deserialize, Serialize};
use vault::{DataKey, SEALED_MORE_BYTES, Vault};

use super::FileError;

const VERSION: u8 = 1;

/// What is sealed at once, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// The longest head that is read, in bytes: a name and a type.
const HEAD_BYTES_MAX: u32 = 16 * 1024;

/// One of the two things that a file may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Original,
    Thumbnail,
}

impl Side {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Original => "original",
            Self::Thumbnail => "thumbnail",
        }
    }

    pub(crate) fn of_word(word: &str) -> Option<Self> {
        [Self::Original, Self::Thumbnail].into_iter().find(|side| side.word() == word)
    }
}

/// What is known of a file besides its bytes. It has no debug form: a name may say much.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) name: String,
    /// Its media type, as it was given.
    pub(crate) kind: String,
    original: u64,
    thumbnail: Option<u64>,
}

impl Head {
    /// How long a side is, in bytes; `None` if the file has none.
    pub(crate) fn size(&self, side: Side) -> Option<u64> {
        match side {
            Side::Original => Some(self.original),
            Side::Thumbnail => self.thumbnail,
        }
    }
}

/// A file that comes in.
pub(crate) struct NewFile {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) original: Vec<u8>,
    pub(crate) thumbnail: Option<Vec<u8>>,
}

/// The file as it is written.
pub(super) fn written(vault: &Vault, place: &[u8], new: &NewFile) -> Result<Vec<u8>, FileError> {
    let (key, wrapped) = vault.new_data_key(place)?;
    let head = Head {
        name: new.name.clone(),
        kind: new.kind.clone(),
        original: new.original.len() as u64,
        thumbnail: new.thumbnail.as_ref().map(|side| side.len() as u64),
    };
    let head = serde_json::to_vec(&head).map_err(|_| FileError::Malformed)?;
    let head = key.seal(&bound(place, b"head", 0), &head)?;
    let sides = new.original.len() + new.thumbnail.as_ref().map_or(0, Vec::len);
    let more = (sides / CHUNK_BYTES + 2) * SEALED_MORE_BYTES;
    let mut out = Vec::with_capacity(wrapped.len() + head.len() + sides + more + 8);
    out.push(VERSION);
    let length = u16::try_from(wrapped.len()).map_err(|_| FileError::Malformed)?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&wrapped);
    let length = u32::try_from(head.len()).ok().filter(|length| *length <= HEAD_BYTES_MAX);
    out.extend_from_slice(&length.ok_or(FileError::Malformed)?.to_be_bytes());
    out.extend_from_slice(&head);
    for (side, bytes) in
        [(Side::Original, Some(&new.original)), (Side::Thumbnail, new.thumbnail.as_ref())]
    {
        let chunks = bytes.into_iter().flat_map(|bytes| bytes.chunks(CHUNK_BYTES));
        for (number, chunk) in (0_u64..).zip(chunks) {
            let place = bound(place, side.word().as_bytes(), number);
            out.extend_from_slice(&key.seal(&place, chunk)?);
        }
    }
    Ok(out)
}

fn bound(place: &[u8], what: &[u8], number: u64) -> Vec<u8> {
    [place, what, &number.to_be_bytes()].concat()
}

/// How long a side of this length is on the disk.
fn sealed_length(plain: u64) -> u64 {
    plain
        .saturating_add(plain.div_ceil(CHUNK_BYTES as u64).saturating_mul(SEALED_MORE_BYTES as u64))
}

/// A file that is read; its head is.
pub(crate) struct Reading {
    file: File,
    key: DataKey,
    place: Vec<u8>,
    head: Head,
    /// Where the chunks begin.
    chunks_at: u64,
}

impl Reading {
    pub(super) fn begin(mut file: File, vault: &Vault, place: Vec<u8>) -> Result<Self, FileError> {
        let [version, high, low] = exactly(&mut file)?;
        if version != VERSION {
            return Err(FileError::Malformed);
        }
        let mut wrapped = vec![0; usize::from(u16::from_be_bytes([high, low]))];
        file.read_exact(&mut wrapped)?;
        let key = vault.open_data_key(&place, &wrapped)?;
        let length = u32::from_be_bytes(exactly(&mut file)?);
        if length > HEAD_BYTES_MAX {
            return Err(FileError::Malformed);
        }
        let mut head = Vec::new();
        (&mut file).take(u64::from(length)).read_to_end(&mut head)?;
        let head = key.open(&bound(&place, b"head", 0), &head)?;
        let head = serde_json::from_slice(&head).map_err(|_| FileError::Malformed)?;
        let chunks_at = file.stream_position()?;
        Ok(Self { file, key, place, head, chunks_at })
    }

    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    /// One side, chunk by chunk. Blocks.
    pub(crate) fn side(self, side: Side) -> Result<Chunks, FileError> {
        let Self { mut file, key, place, head, chunks_at } = self;
        let left = head.size(side).ok_or(FileError::Gone)?;
        let before = match side {
            Side::Original => 0,
            Side::Thumbnail => sealed_length(head.original),
        };
        file.seek(SeekFrom::Start(chunks_at.saturating_add(before)))?;
        Ok(Chunks { file, key, place, side, left, number: 0 })
    }
}

fn exactly<const N: usize>(file: &mut File) -> Result<[u8; N], FileError> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// What is left of one side.
pub(crate) struct Chunks {
    file: File,
    key: DataKey,
    place: Vec<u8>,
    side: Side,
    left: u64,
    number: u64,
}

impl Chunks {
    /// How much is left, in bytes.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// The next chunk; `None` at the end. Blocks.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<u8>>, FileError> {
        let length = self.left.min(CHUNK_BYTES as u64);
        if length == 0 {
            return Ok(None);
        }
        let plain = usize::try_from(length).map_err(|_| FileError::Malformed)?;
        let mut sealed = vec![0; plain + SEALED_MORE_BYTES];
        self.file.read_exact(&mut sealed)?;
        let place = bound(&self.place, self.side.word().as_bytes(), self.number);
        let chunk = self.key.open(&place, &sealed)?;
        self.left -= length;
        self.number += 1;
        Ok(Some(chunk.to_vec()))
    }
}
