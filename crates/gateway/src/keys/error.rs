//! Why an order about keys was not carried out, in words and in codes.

use store::StoreError;
use vault::SealError;

use crate::files::Elsewhere;

/// Why an order about keys was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The ring or a blob does not open.
    #[error("the key ring cannot be opened or sealed")]
    Seal(#[from] SealError),
    /// There are as many root keys as there may be.
    #[error(
        "there are {} root keys already; wait until the old ones are retired (warmline keys status shows \
         them), or retire one under which nothing is sealed any more (warmline keys retire)",
        vault::ROOTS_MAX
    )]
    TooMany,
    /// No such root key, or the current one.
    #[error("there is no root key of this id that retires; warmline keys status shows which do")]
    NoSuchRoot,
    /// The master key named is not one that opens the ring.
    #[error("the master key that this comes from does not open the data")]
    WrongMasterKey,
    /// Something is still sealed under it.
    #[error("{left} things are still sealed under old root keys; warmline keys status shows them")]
    StillUsed {
        /// How many.
        left: u64,
    },
    /// Files may still be under it.
    #[error(
        "{left} files may be under old root keys; they are wrapped anew one after another, and warmline keys \
         status shows how many are left: when none is, retire the key"
    )]
    FilesLeft {
        /// How many.
        left: u64,
    },
    /// Files may be under it that cannot be seen.
    #[error("no root key is retired while its files cannot be seen: {0}")]
    FilesElsewhere(Elsewhere),
    /// The same, for a while.
    #[error(
        "no root key is retired while its files cannot be seen, and their folder or bucket cannot be read at \
         the moment; the gateway's log says why"
    )]
    FilesUnseen(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It was done, and what was there before is still in the files.
    #[error("it is done, but {}", IN_FILES)]
    InFiles,
    /// Whether anything is still sealed under it is known to a running gateway only.
    #[error("a root key is retired by a gateway that runs; start it")]
    NeedsGateway,
}

/// What is said of something that was replaced or removed and may not be gone yet.
pub(crate) const IN_FILES: &str = "somebody reads the files of the data all the time (a backup?), so what was there before is still in them: a \
     running gateway overwrites it as soon as it can, and `warmline keys status` says when nothing is left";

/// The code of an order that was carried out so far.
pub(crate) const IN_FILES_CODE: &str = "still_in_files";

impl KeysError {
    /// Machine code; stable.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Store(_) | Self::Seal(_) => "failed",
            Self::TooMany => "too_many_keys",
            Self::NoSuchRoot => "no_such_key",
            Self::WrongMasterKey => "wrong_master_key",
            Self::StillUsed { .. } | Self::FilesLeft { .. } => "still_used",
            Self::FilesElsewhere(_) => "files_away",
            Self::FilesUnseen(_) => "files_unknown",
            Self::InFiles => IN_FILES_CODE,
            Self::NeedsGateway => "needs_gateway",
        }
    }
}
