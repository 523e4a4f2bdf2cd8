//! A look at the files without opening the store: for whoever examines an installation, also while
//! its gateway runs.
//!
//! Takes no lock and writes nothing. What it sees is the last commit.

use std::path::Path;

use super::{connect, files, migrate, settings};
use crate::StoreError;

/// What a look at the files shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peek {
    /// The version of the tables.
    pub schema: i64,
    /// The version that this program reads and writes; it brings older ones up to date.
    pub known: i64,
    /// How many of the newest segments were not shredded and have no key.
    pub without_key: u64,
    /// The setting that was asked for.
    pub setting: Option<Vec<u8>>,
}

/// Looks at the store in `dir` and at one of its settings; `None` if there is no store yet.
pub fn peek(dir: &Path, setting: &str) -> Result<Option<Peek>, StoreError> {
    let Some(file) = files::database_in(dir) else { return Ok(None) };
    let reader = connect::reader(&file)?;
    migrate::refuse_the_future(&reader)?;
    let schema = migrate::version(&reader)?;
    let setting = if schema == 0 { None } else { settings::find(&reader, setting)? };
    let without_key = if schema < migrate::KEYS_LEAVE {
        0
    } else {
        super::keys::missing_beside(&reader, &files::keys_in(dir))?
    };
    Ok(Some(Peek { schema, known: migrate::KNOWN, without_key, setting }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Store, sqlite::SqliteStore};

    #[test]
    fn a_look_sees_what_is_kept_while_the_store_is_open_and_after() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("data");
        assert_eq!(peek(&dir, "s").unwrap(), None);
        assert!(!dir.exists(), "a look makes nothing");
        let store = SqliteStore::open(&dir).unwrap();
        store.keep_setting("s", b"kept").unwrap();
        for _ in 0..2 {
            let seen = peek(&dir, "s").unwrap().unwrap();
            assert_eq!((seen.schema, seen.setting.as_deref()), (seen.known, Some(&b"kept"[..])));
            assert_eq!(peek(&dir, "another").unwrap().unwrap().setting, None);
        }
        drop(store);
        assert!(peek(&dir, "s").unwrap().is_some());
        SqliteStore::open(&dir).unwrap();
    }

    #[test]
    fn what_a_newer_program_wrote_is_told_from_what_is_broken() {
        let folder = tempfile::tempdir().unwrap();
        drop(SqliteStore::open(folder.path()).unwrap());
        let database = rusqlite::Connection::open(folder.path().join("warmline.db")).unwrap();
        database.pragma_update(None, "user_version", migrate::KNOWN + 1).unwrap();
        drop(database);
        assert!(matches!(peek(folder.path(), "s"), Err(StoreError::FromTheFuture { .. })));
        std::fs::write(folder.path().join("warmline.db"), "no database".repeat(400)).unwrap();
        assert!(matches!(peek(folder.path(), "s"), Err(StoreError::Database(_))));
    }
}
