//! A file as it lies in the store.
//!
//! `version (1) ‖ length (2) ‖ wrapped data key ‖ sealed chunks ‖ sealed head ‖ length (4)`: the chunks
//! of the original, then those of the thumbnail. The head comes last, because how long a file is is
//! known only when all of it has come. Each blob is bound to tenant, conversation and file, and to its
//! side and its place in it; the head says how long each side is, so that nothing can be swapped, left
//! out or cut off without notice.
//!
//! The version before had the sealed head, behind its length, right after the data key.

use std::io;

use serde::{Deserialize, Serialize};
use vault::{DataKey, SEALED_MORE_BYTES, SealError, Vault};

use super::FileError;

const VERSION: u8 = 2;
const VERSION_BEFORE: u8 = 1;

/// Where the wrapped data key begins: behind version and length.
const KEY_AT: usize = 3;

/// What is read of a file to see under which root key it is, in bytes: a wrapped data key is shorter.
pub(super) const KEY_BYTES: u64 = 256;

/// What is sealed at once, in bytes: little enough to hold some for each transfer, enough to seal
/// at the speed of memory.
pub(super) const CHUNK_BYTES: usize = 64 * 1024;

/// The same as it lies in the store.
pub(super) const SEALED_CHUNK_BYTES: usize = CHUNK_BYTES + SEALED_MORE_BYTES;

/// The longest head that is read, in sealed bytes: a name and a type.
const HEAD_BYTES_MAX: u32 = 16 * 1024;

/// How the length of the head is written, in bytes.
const LENGTH_BYTES: u64 = 4;

/// What is read of a file to begin with, in bytes: data key and, in the version before, head.
pub(super) const FIRST_BYTES: u64 = 32 * 1024;

/// What is read of its end, in bytes: the head and its length.
pub(super) const LAST_BYTES: u64 = HEAD_BYTES_MAX as u64 + LENGTH_BYTES;

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
    /// Its media type.
    pub(crate) kind: String,
    pub(super) original: u64,
    pub(super) thumbnail: Option<u64>,
}

impl Head {
    /// How long a side is, in bytes; `None` if the file has none.
    pub(crate) fn size(&self, side: Side) -> Option<u64> {
        match side {
            Side::Original => Some(self.original),
            Side::Thumbnail => self.thumbnail,
        }
    }

    /// Where a side's chunks begin among all of them.
    fn before(&self, side: Side) -> u64 {
        match side {
            Side::Original => 0,
            Side::Thumbnail => sealed_length(self.original),
        }
    }
}

/// Seals and opens the parts of one file.
pub(super) struct Seal {
    key: DataKey,
    place: Vec<u8>,
}

impl Seal {
    /// For a new file; and how it begins.
    pub(super) fn fresh(vault: &Vault, place: Vec<u8>) -> Result<(Self, Vec<u8>), FileError> {
        let (key, wrapped) = vault.new_data_key(&place)?;
        let length = u16::try_from(wrapped.len()).map_err(|_| FileError::Malformed)?;
        let mut first = vec![VERSION];
        first.extend_from_slice(&length.to_be_bytes());
        first.extend_from_slice(&wrapped);
        Ok((Self { key, place }, first))
    }

    pub(super) fn chunk(
        &self,
        side: Side,
        number: u64,
        plain: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        self.key.seal(&self.bound(side.word().as_bytes(), number), plain)
    }

    pub(super) fn open_chunk(
        &self,
        side: Side,
        number: u64,
        sealed: &[u8],
    ) -> Result<vault::Opened, SealError> {
        self.key.open(&self.bound(side.word().as_bytes(), number), sealed)
    }

    /// How a file ends.
    pub(super) fn last(&self, head: &Head) -> Result<Vec<u8>, FileError> {
        let plain = serde_json::to_vec(head).map_err(|_| FileError::Malformed)?;
        let mut last = self.key.seal(&self.bound(b"head", 0), &plain)?;
        let length = u32::try_from(last.len()).ok().filter(|length| *length <= HEAD_BYTES_MAX);
        last.extend_from_slice(&length.ok_or(FileError::Malformed)?.to_be_bytes());
        Ok(last)
    }

    fn open_head(&self, sealed: &[u8]) -> Result<Head, FileError> {
        let plain = self.key.open(&self.bound(b"head", 0), sealed)?;
        serde_json::from_slice(&plain).map_err(|_| FileError::Malformed)
    }

    fn bound(&self, what: &[u8], number: u64) -> Vec<u8> {
        [&self.place, what, &number.to_be_bytes()].concat()
    }
}

/// How long a side of this length is in the store.
fn sealed_length(plain: u64) -> u64 {
    plain
        .saturating_add(plain.div_ceil(CHUNK_BYTES as u64).saturating_mul(SEALED_MORE_BYTES as u64))
}

/// The wrapped data key of a file, of which `first` are the first bytes.
pub(super) fn wrapped_key(first: &[u8]) -> Result<&[u8], FileError> {
    let [VERSION | VERSION_BEFORE, length @ .., _] =
        first.first_chunk::<{ KEY_AT + 1 }>().ok_or(FileError::Malformed)?
    else {
        return Err(FileError::Malformed);
    };
    let length = usize::from(u16::from_be_bytes(*length));
    first.get(KEY_AT..KEY_AT + length).ok_or(FileError::Malformed)
}

/// How the same file begins with its data key wrapped under the current root key: as many bytes, so that
/// all others stay where they are.
pub(super) fn begun_anew(vault: &Vault, place: &[u8], first: &[u8]) -> Result<Vec<u8>, FileError> {
    let wrapped = wrapped_key(first)?;
    let anew = vault.rewrapped(place, wrapped)?;
    if anew.len() != wrapped.len() {
        // It opens, so it is not given up.
        return Err(FileError::Disk(io::Error::other("its data key is wrapped in another length")));
    }
    Ok([&first[..KEY_AT], &anew].concat())
}

/// How a file begins, read.
pub(super) struct Begun {
    pub(super) seal: Seal,
    /// Where the chunks begin, and the head if it stands before them.
    at: u64,
    head: Option<Head>,
}

impl Begun {
    /// Reads how a file begins, of which `first` are the first bytes.
    pub(super) fn read(vault: &Vault, place: Vec<u8>, first: &[u8]) -> Result<Self, FileError> {
        let wrapped = wrapped_key(first)?;
        let seal = Seal { key: vault.open_data_key(&place, wrapped)?, place };
        let mut at = KEY_AT + wrapped.len();
        let rest = &first[at..];
        let head = if first[0] == VERSION_BEFORE {
            let (length, rest) = rest.split_first_chunk().ok_or(FileError::Malformed)?;
            let length = usize::try_from(u32::from_be_bytes(*length));
            let sealed = length.ok().and_then(|length| rest.get(..length));
            let sealed = sealed.ok_or(FileError::Malformed)?;
            at += length_bytes() + sealed.len();
            Some(seal.open_head(sealed)?)
        } else {
            None
        };
        Ok(Self { seal, at: at as u64, head })
    }

    /// Whether the head stands at the end.
    pub(super) fn needs_end(&self) -> bool {
        self.head.is_none()
    }

    /// What it is, and where its chunks begin; `last` are the last bytes of all `whole`.
    pub(super) fn whole(self, last: &[u8], whole: u64) -> Result<Laid, FileError> {
        let Self { seal, at, head } = self;
        let (head, after) = if let Some(head) = head {
            (head, 0)
        } else {
            let (rest, length) = last.split_last_chunk().ok_or(FileError::Malformed)?;
            let length = usize::try_from(u32::from_be_bytes(*length));
            let begins = length.ok().and_then(|length| rest.len().checked_sub(length));
            let sealed = &rest[begins.ok_or(FileError::Malformed)?..];
            (seal.open_head(sealed)?, sealed.len() as u64 + LENGTH_BYTES)
        };
        let sides =
            sealed_length(head.original).saturating_add(head.thumbnail.map_or(0, sealed_length));
        if at.saturating_add(sides).saturating_add(after) != whole {
            return Err(FileError::Malformed);
        }
        Ok(Laid { seal, head, at })
    }
}

fn length_bytes() -> usize {
    size_of::<u32>()
}

/// A file of which is known how it lies.
pub(super) struct Laid {
    pub(super) seal: Seal,
    pub(super) head: Head,
    at: u64,
}

impl Laid {
    /// Where the chunks of one side lie from this one on.
    pub(super) fn chunks(&self, side: Side, from: u64) -> std::ops::Range<u64> {
        let begin = self.at + self.head.before(side);
        let end = begin + sealed_length(self.head.size(side).unwrap_or(0));
        begin + from.saturating_mul(SEALED_CHUNK_BYTES as u64)..end
    }
}
