//! One change of the master key at a time: two of them at once would take each other's new key for their own.

use std::{
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The lock's name in the data directory.
const LOCK: &str = "rotate-master.lock";

/// Why a change of the master key does not begin.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotAlone {
    /// Another command is at it.
    #[error(
        "the master key is being changed by another command (it holds {}), and nothing was done by this one; \
         when that one is over, see with `warmline keys status` whether another change is needed (rotating)",
        path.display()
    )]
    Rotating {
        /// What it holds.
        path: PathBuf,
    },
    /// The lock cannot be had.
    #[error("{} cannot be made, so nothing was done; run this as the user that runs the gateway", path.display())]
    Unusable {
        /// What.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Held for the whole command. The system takes it back from a command that is killed; the file stays.
pub(super) struct Alone {
    _lock: File,
}

impl Alone {
    /// Refused at once while another command has it.
    pub(super) fn new(data_dir: &Path) -> Result<Self, NotAlone> {
        let path = data_dir.join(LOCK);
        let opened =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let lock = match opened {
            Ok(lock) => lock,
            Err(source) => return Err(NotAlone::Unusable { path, source }),
        };
        match lock.try_lock() {
            Ok(()) => Ok(Self { _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(NotAlone::Rotating { path }),
            Err(TryLockError::Error(source)) => Err(NotAlone::Unusable { path, source }),
        }
    }
}
