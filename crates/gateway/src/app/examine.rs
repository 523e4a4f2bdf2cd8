//! A look at the data of an installation, for `warmline check`: does not open the store, so that it
//! disturbs nobody who has.

use std::path::{Path, PathBuf};

use store::sqlite;
use vault::Vault;

use crate::{app::StartError, keys, keys::KeysError};

/// What a look at the data shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataExamined {
    /// The version of the tables.
    pub schema: i64,
    /// The version that this program works with; it brings older ones up to date.
    pub known: i64,
    /// Whether the key is the one that the data was sealed with.
    pub key: KeyFit,
    /// How many of the newest stretches of talk are not shredded and have no key.
    pub without_key: u64,
    /// The files that others than their owner may read.
    pub open_to_others: Vec<PathBuf>,
}

/// Whether a master key belongs to data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFit {
    /// It does.
    Fits,
    /// Another one does; a gateway would not start with this one.
    Wrong,
    /// Nothing was sealed yet.
    Free,
}

/// Looks at the data in `data_dir`; `None` if there is none yet. Blocks.
pub fn examine_data(data_dir: &Path, vault: &Vault) -> Result<Option<DataExamined>, StartError> {
    let Some(seen) = sqlite::peek(data_dir, "")? else { return Ok(None) };
    let fits = keys::fits(data_dir, vault).map_err(|error| match error {
        KeysError::Store(error) => error.into(),
        KeysError::Seal(error) => StartError::Keys(error),
        _ => StartError::WrongMasterKey,
    })?;
    let key = match fits {
        None => KeyFit::Free,
        Some(true) => KeyFit::Fits,
        Some(false) => KeyFit::Wrong,
    };
    Ok(Some(DataExamined {
        schema: seen.schema,
        known: seen.known,
        key,
        without_key: seen.without_key,
        open_to_others: sqlite::open_to_others(data_dir),
    }))
}
