//! Why a file is not there, and what its user is told of it.

use std::io;

use session::FileRefusal;
use vault::SealError;

use super::Elsewhere;

/// Why a file is not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// The conversation has as much as one may have.
    #[error("the conversation has as many files as it may have")]
    ConversationFull,
    /// The tenant's conversations together have, as far as whoever brings it may fill them.
    #[error("the tenant has as many files as it may have")]
    TenantFull,
    /// All conversations together have, as far as whoever brings it may fill them.
    #[error("the gateway keeps as many files as it may")]
    Full,
    /// Too many come in.
    #[error("too many files come and go at the moment; nothing was taken, try again")]
    Busy,
    /// It is larger than this many bytes.
    #[error("a file may have {limit} bytes at most")]
    TooLarge { limit: u64 },
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// Files of its kind may not be brought.
    #[error("files of this kind are not taken here")]
    NotAllowed,
    /// The scanner found something in it.
    #[error("a virus scanner found something in the file; it was not taken")]
    Infected,
    /// The scanner cannot say what is in it.
    #[error("the file cannot be scanned for viruses at the moment; nothing was taken, try again")]
    NotScanned,
    /// The scanner does not take files of its size.
    #[error("the file is too large to be scanned for viruses; it was not taken")]
    TooLargeToScan,
    /// There is none, or not any more.
    #[error("there is no such file, or not any more")]
    Gone,
    /// Where they lie is not the place that is known, so nothing is taken from it or put there.
    #[error(transparent)]
    Elsewhere(#[from] Elsewhere),
    /// The disk, or the bucket, does not take it or give it.
    #[error("a file cannot be written or read")]
    Disk(#[source] io::Error),
    /// It does not open.
    #[error("a file does not open")]
    Sealed(#[from] SealError),
    /// It opens, but is not what it should be.
    #[error("a file is not in a form this version knows")]
    Malformed,
}

impl FileError {
    /// What its user is told.
    pub(crate) fn fault(&self) -> FileRefusal {
        match self {
            Self::ConversationFull | Self::TenantFull | Self::Full => FileRefusal::NoRoom,
            Self::TooLarge { .. } | Self::TooLargeToScan => FileRefusal::TooLarge,
            Self::Empty => FileRefusal::Empty,
            Self::NotAllowed => FileRefusal::NotAllowed,
            Self::Infected => FileRefusal::Infected,
            Self::Busy
            | Self::NotScanned
            | Self::Gone
            | Self::Elsewhere(_)
            | Self::Disk(_)
            | Self::Sealed(_)
            | Self::Malformed => FileRefusal::NotNow,
        }
    }

    /// Whether it will be no other tomorrow, of a file that is read: it is of no form that is known, is under
    /// a root key that is gone, or was changed where it lies.
    pub(crate) fn is_for_ever(&self) -> bool {
        use SealError::{Malformed, Refused, UnknownRoot};
        matches!(self, Self::Malformed | Self::Sealed(UnknownRoot | Malformed | Refused))
    }
}

impl From<object_store::Error> for FileError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::Gone,
            error => Self::Disk(io::Error::other(error)),
        }
    }
}
