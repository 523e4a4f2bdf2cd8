//! Files that belong to conversations: pictures and documents, for a day.
//!
//! Each is one file in the data directory, sealed in chunks under a data key of its own ([`sealed`]),
//! written and synced before anybody is told of it. Its name says whose it is and since when, so that
//! nothing else has to be kept about it. How much there is in all is counted ([`ledger`]). Whoever is
//! shown a file gets an address that opens it and nothing else, for as long as it is kept ([`pass`]).
//!
//! It deliberately does not know: HTTP, activities, and who may bring a file.

mod ledger;
mod pass;
mod sealed;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use session::id::Timestamp;
use store::ConversationId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;
use vault::{MacKey, SealError, Vault};

pub(crate) use pass::PassError;
pub(crate) use sealed::{Chunks, Head, NewFile, Reading, Side};

use crate::keeping::Keeping;
use ledger::Ledger;

/// The folder in the data directory.
const FOLDER: &str = "files";

/// How a file ends that is not written to its end yet.
const UNFINISHED: &str = ".part";

/// How long a file is kept: as long as Azure keeps those of Direct Line.
const KEPT_FOR: Duration = Duration::from_hours(24);

/// Files that are taken in at a time. Each needs some 20 MB of memory meanwhile.
const TAKEN_AT_ONCE_MAX: usize = 4;

/// How long one waits for its turn.
const TURN_WITHIN: Duration = Duration::from_secs(10);

/// Which file: whose, and its own number, which carries the time from which it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId {
    pub(crate) conversation: ConversationId,
    pub(crate) number: Uuid,
}

impl FileId {
    fn name(self) -> String {
        format!("{}-{}", self.conversation.0, self.number.simple())
    }

    fn of_name(name: &str) -> Option<Self> {
        let (row, number) = name.split_once('-')?;
        let conversation = ConversationId(row.parse().ok()?);
        let id = Self { conversation, number: Uuid::try_parse(number).ok()? };
        (id.name() == name).then_some(id)
    }

    /// Until when it is kept.
    pub(crate) fn kept_until(self) -> Timestamp {
        let (seconds, nanos) = self.number.get_timestamp().map_or((0, 0), |at| at.to_unix());
        let ms = seconds.saturating_mul(1_000).saturating_add(u64::from(nanos / 1_000_000));
        let kept = u64::try_from(KEPT_FOR.as_millis()).unwrap_or(u64::MAX);
        Timestamp(i64::try_from(ms.saturating_add(kept)).unwrap_or(i64::MAX))
    }
}

/// Why a file is not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// The conversation has as much as one may have.
    #[error("the conversation has as many files as it may have; they are kept for a day")]
    ConversationFull,
    /// All conversations together have.
    #[error("the gateway keeps as many files as it may; they are kept for a day")]
    Full,
    /// There is none, or not any more.
    #[error("there is no such file, or not any more")]
    Gone,
    /// The disk does not take it or give it.
    #[error("a file cannot be written or read")]
    Disk(#[source] io::Error),
    /// It does not open.
    #[error("a file does not open")]
    Sealed(#[from] SealError),
    /// It opens, but is not what it should be.
    #[error("a file is not in a form this version knows")]
    Malformed,
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { Self::Gone } else { Self::Disk(error) }
    }
}

/// All files of a data directory, which nobody else has open.
pub(crate) struct Files {
    folder: PathBuf,
    passes: MacKey,
    ledger: Mutex<Ledger>,
    turns: Arc<Semaphore>,
}

impl Files {
    /// Looks at what is there; what was not written to its end is removed. Blocks.
    pub(crate) fn open(data_dir: &Path, vault: &Vault) -> Result<Self, FileError> {
        let files = Self {
            folder: data_dir.join(FOLDER),
            passes: vault.mac_key("file passes")?,
            ledger: Mutex::default(),
            turns: Arc::new(Semaphore::new(TAKEN_AT_ONCE_MAX)),
        };
        files.each(|name, entry| {
            if name.ends_with(UNFINISHED) {
                fs::remove_file(entry.path())?;
            } else if let Some(id) = FileId::of_name(name) {
                files.ledger().count(id.conversation, entry.metadata()?.len());
            }
            Ok(())
        })?;
        Ok(files)
    }

    /// A turn to take a file in; `None` if too many are at it.
    pub(crate) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        tokio::time::timeout(TURN_WITHIN, turn).await.ok()?.ok()
    }

    /// Keeps a file: when this returns, it is on the disk. Blocks.
    pub(crate) fn keep(
        &self,
        vault: &Vault,
        keeping: &Keeping,
        id: FileId,
        new: &NewFile,
    ) -> Result<(), FileError> {
        let bytes = sealed::written(vault, &keeping.file_place(id.number.as_u128()), new)?;
        let size = bytes.len() as u64;
        self.ledger().take(id.conversation, size)?;
        let written = self.write(id, &bytes);
        if written.is_err() {
            self.ledger().give_back(id.conversation, size);
        }
        Ok(written?)
    }

    fn write(&self, id: FileId, bytes: &[u8]) -> io::Result<()> {
        make_folder(&self.folder)?;
        let whole = self.folder.join(id.name());
        let unfinished = self.folder.join(format!("{}{UNFINISHED}", id.name()));
        let written = write_new(&unfinished, bytes)
            .and_then(|()| fs::rename(&unfinished, &whole))
            // The name is as durable as what it names.
            .and_then(|()| fs::File::open(&self.folder)?.sync_all());
        if written.is_err() {
            // Half a file is of no use, and on a full disk in the way. What cannot be removed now is at
            // the next start.
            fs::remove_file(&unfinished).ok();
            fs::remove_file(&whole).ok();
        }
        written
    }

    /// Opens a file. Blocks.
    pub(crate) fn read(
        &self,
        vault: &Vault,
        keeping: &Keeping,
        id: FileId,
    ) -> Result<Reading, FileError> {
        let file = fs::File::open(self.folder.join(id.name()))?;
        Reading::begin(file, vault, keeping.file_place(id.number.as_u128()))
    }

    /// Removes what was kept long enough, and tells how many. Blocks.
    pub(crate) fn sweep(&self, now: Timestamp) -> Result<usize, FileError> {
        let mut removed = 0;
        self.each(|name, entry| {
            if let Some(id) = FileId::of_name(name).filter(|id| id.kept_until() <= now) {
                let size = entry.metadata()?.len();
                fs::remove_file(entry.path())?;
                self.ledger().give_back(id.conversation, size);
                removed += 1;
            }
            Ok(())
        })?;
        Ok(removed)
    }

    /// Does something with everything in the folder. Nobody made the folder: nothing is there.
    fn each(
        &self,
        mut with: impl FnMut(&str, &fs::DirEntry) -> io::Result<()>,
    ) -> Result<(), FileError> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(FileError::Disk)?,
        };
        for entry in entries {
            let entry = entry.map_err(FileError::Disk)?;
            if let Some(name) = entry.file_name().to_str() {
                with(name, &entry).map_err(FileError::Disk)?;
            }
        }
        Ok(())
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // Numbers that are added and taken away cannot be left half done.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A folder for its owner only.
fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// A file for its owner only, on the disk when this returns.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    io::Write::write_all(&mut file, bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
