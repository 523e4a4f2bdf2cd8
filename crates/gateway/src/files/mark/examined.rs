//! A look at the place of the files of an installation, for `warmline check`: nothing is changed by it.

use std::{io, path::Path};

use vault::Vault;

use super::{Elsewhere, PlaceId, REMEMBERED, compared};
use crate::files::{FileError, FileSetup, place::Place};

/// What is seen of the place by whoever changes nothing.
#[derive(Debug)]
pub enum PlaceExamined {
    /// It is the known one.
    Known,
    /// The first start marks it, or remembers its mark.
    ToBeKnown,
    /// It is not the known one.
    Elsewhere(Elsewhere),
    /// It cannot be read.
    Unreadable(Box<dyn std::error::Error + Send + Sync>),
}

/// Looks at the place of the files of an installation and changes nothing; `vault` has its ring open.
pub async fn examine_files(data_dir: &Path, setup: &FileSetup, vault: &Vault) -> PlaceExamined {
    match examined(data_dir, setup, vault).await {
        Ok(true) => PlaceExamined::Known,
        Ok(false) => PlaceExamined::ToBeKnown,
        Err(FileError::Elsewhere(elsewhere)) => PlaceExamined::Elsewhere(elsewhere),
        Err(error) => PlaceExamined::Unreadable(Box::new(error)),
    }
}

/// Whether it is known; `false` if the first start makes it so.
async fn examined(data_dir: &Path, setup: &FileSetup, vault: &Vault) -> Result<bool, FileError> {
    let dir = data_dir.to_owned();
    let read = move || store::sqlite::settings_beside(&dir, REMEMBERED);
    let read = tokio::task::spawn_blocking(read).await.map_err(io::Error::other);
    let found = read.and_then(|read| read.map_err(io::Error::other)).map_err(FileError::Disk)?;
    let known = found.into_iter().find(|(name, known)| name == REMEMBERED && !known.is_empty());
    let found = Place::of(data_dir, setup)?.mark().await?.map(PlaceId::of_bytes);
    match (known, found) {
        (Some((_, known)), found) => {
            compared(&PlaceId::of_bytes(known), found.as_ref())?;
            Ok(true)
        }
        (None, Some(found)) if !found.is_ours(&vault.mac_key(REMEMBERED)?) => {
            Err(Elsewhere::Other.into())
        }
        (None, _) => Ok(false),
    }
}
