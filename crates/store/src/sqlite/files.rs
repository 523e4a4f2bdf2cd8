//! The data directory: making it, keeping others out of it.
//!
//! What is inside is sealed, but whom somebody talks to and when is not; so nobody but the owner
//! may read it.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::StoreError;

const DATABASE: &str = "warmline.db";

/// What the keys of segments are in; backups of the database leave it out.
const KEYS: &str = "keys.db";

/// A file of its own: SQLite's own locks on the database must stay free for the readers.
const LOCK: &str = "warmline.lock";

/// Keeps the directory ours. The kernel releases it with the process, also after kill -9.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// The two files of a store.
#[derive(Debug, Clone)]
pub(super) struct Both {
    pub(super) database: PathBuf,
    pub(super) keys: PathBuf,
}

/// Makes the directory and the files if they are not there, and locks them. Returns their paths.
pub(super) fn claim(dir: &Path) -> Result<(Both, Lock), StoreError> {
    make_directory(dir).map_err(StoreError::Files)?;
    let lock = open_private(&dir.join(LOCK)).map_err(StoreError::Files)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreError::InUse { path: dir.display().to_string() });
        }
        Err(TryLockError::Error(error)) => return Err(StoreError::Files(error)),
    }
    let both = Both { database: dir.join(DATABASE), keys: dir.join(KEYS) };
    // SQLite gives the write-ahead log the mode of its file.
    open_private(&both.database).map_err(|error| named(&both.database, &error))?;
    open_private(&both.keys).map_err(|error| match error.kind() {
        io::ErrorKind::IsADirectory => {
            StoreError::Keys { path: both.keys.display().to_string(), source: Box::new(error) }
        }
        _ => named(&both.keys, &error),
    })?;
    sync_directory(dir).map_err(StoreError::Files)?;
    Ok((both, Lock { _file: lock }))
}

/// The database file, if it is there and holds something. Makes nothing.
pub(super) fn database_in(dir: &Path) -> Option<PathBuf> {
    let database = dir.join(DATABASE);
    let holds = database.metadata().is_ok_and(|file| file.len() > 0);
    holds.then_some(database)
}

/// The keys file beside it.
pub(super) fn keys_in(dir: &Path) -> PathBuf {
    dir.join(KEYS)
}

fn named(file: &Path, error: &io::Error) -> StoreError {
    let words = format!("{}: {error}", file.display());
    StoreError::Files(io::Error::new(error.kind(), words))
}

/// The files of the store in `dir` that are there.
fn all_in(dir: &Path) -> impl Iterator<Item = PathBuf> {
    [DATABASE, KEYS]
        .into_iter()
        .flat_map(|file| ["", "-wal", "-shm"].map(|beside| format!("{file}{beside}")))
        .map(|name| dir.join(name))
}

/// The files of the store in `dir` that others than their owner may read or write. A backup that was put
/// back has the mode that whoever made it gave it. Blocks.
#[cfg(unix)]
pub fn open_to_others(dir: &Path) -> Vec<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let open =
        |file: &PathBuf| file.metadata().is_ok_and(|file| file.permissions().mode() & 0o077 != 0);
    all_in(dir).filter(open).collect()
}

/// Leaves the store's files in `dir` to their owner alone; says which cannot be. Blocks.
#[cfg(unix)]
pub fn close_to_others(dir: &Path) -> Vec<(PathBuf, io::Error)> {
    use std::os::unix::fs::PermissionsExt;
    let closed = |file: PathBuf| {
        let closed = std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600));
        closed.err().map(|error| (file, error))
    };
    open_to_others(dir).into_iter().filter_map(closed).collect()
}

fn make_directory(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

fn open_private(file: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}

/// What the store takes on disk, with the logs and the indexes that SQLite keeps beside its files.
pub(super) fn bytes(files: &Both) -> io::Result<u64> {
    let mut bytes = 0;
    for (file, beside) in [&files.database, &files.keys]
        .into_iter()
        .flat_map(|file| ["", "-wal", "-shm"].map(|beside| (file, beside)))
    {
        let mut file = file.as_os_str().to_owned();
        file.push(beside);
        match std::fs::metadata(PathBuf::from(file)) {
            Ok(found) => bytes += found.len(),
            // Beside the files they come and go.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !beside.is_empty() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

/// The least room in which commits go on, in bytes: a few pages of both files' logs.
const ROOM_BYTES_MIN: u64 = 64 * 1_024;

/// Whether there is room for a commit. What the system does not tell is no reason to doubt: then the next write
/// shows it.
pub(super) fn room(files: &Both) -> io::Result<()> {
    let Some(disk) = files.database.parent().and_then(|dir| rustix::fs::statvfs(dir).ok()) else {
        return Ok(());
    };
    // What is set aside for root is no room for anybody else.
    let root = rustix::process::geteuid().is_root();
    let blocks = if root { disk.f_bfree } else { disk.f_bavail };
    if blocks.saturating_mul(disk.f_frsize) < ROOM_BYTES_MIN {
        return Err(io::ErrorKind::StorageFull.into());
    }
    Ok(())
}

/// A new file is only durable once its directory is; SQLite sees to that for the files it makes
/// itself. Elsewhere than on Unix a directory cannot be synced and needs not be.
fn sync_directory(dir: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}
