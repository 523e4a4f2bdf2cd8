//! Why the store could not do it.

use std::{io::ErrorKind, path::Path};

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has these files open.
    #[error("another Warmline process is using the data directory {path}; stop it first")]
    InUse {
        /// The directory.
        path: String,
    },
    /// The linked SQLite can lose acknowledged writes (bug fixed in 3.51.3).
    #[error("the linked SQLite is {found}; at least {needed} is needed")]
    UnsafeSqlite {
        /// What is linked.
        found: String,
        /// What is needed.
        needed: &'static str,
    },
    /// The database was written by a newer Warmline.
    #[error(
        "the database has schema version {found}, this Warmline knows up to {known}; start the newer version"
    )]
    FromTheFuture {
        /// The version in the file.
        found: i64,
        /// The newest version this program can read.
        known: i64,
    },
    /// A row that the schema should have made impossible.
    #[error("row {key} of {table} is not what it should be: {what}")]
    Damaged {
        /// The table.
        table: &'static str,
        /// Which row.
        key: String,
        /// What was found.
        what: String,
    },
    /// The file with the keys of segments is none.
    #[error(
        "{path} cannot be used as the file of keys; put back the newest copy of it, or move it away with its -wal \
         and -shm: a new one is made then, and what was said before is gaps"
    )]
    Keys {
        /// The file.
        path: String,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The files could not be opened or locked.
    #[error("cannot use the data directory")]
    Files(#[source] std::io::Error),
    /// The engine underneath refused.
    #[error("the database refused")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There is no room on the disk. It goes on by itself when there is.
    #[error(
        "the disk of {} is full, and nothing is taken in before there is room",
        folder.as_deref().unwrap_or("the data directory")
    )]
    Full {
        /// The data directory, where it is known.
        folder: Option<String>,
        /// In whose words.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// Whether there is no room on the disk.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }

    /// The same for somebody who has to make room: with the folder whose disk it is.
    pub(crate) fn of_folder(self, folder: &Path) -> Self {
        let named = || Some(folder.display().to_string());
        match self {
            Self::Full { folder: None, source } => Self::Full { folder: named(), source },
            Self::Files(error) if error.kind() == ErrorKind::StorageFull => {
                Self::Full { folder: named(), source: Box::new(error) }
            }
            other => other,
        }
    }
}
