//! How the ring of a store is opened: at a start, which makes one where there is none and ends a change of the
//! master key that was cut short, or beside whoever has the data open.

use std::path::Path;

use store::{Leftovers, Store, StoreError, sqlite};
use vault::{SealError, Vault};

use super::{KeysError, MASTER_CHANGED, RING, scrubbed};
use crate::{app::StartError, clock::Clock};

/// Where an earlier version kept its master key's check value.
pub(super) const CHECK_VALUE: &str = "master key check value";

/// Opens the ring of this store, or makes one: before anything is sealed, so that a wrong master key
/// spoils nothing. Says whether that ended a change of the master key. Blocks.
pub(crate) fn open(store: &dyn Store, vault: &Vault) -> Result<bool, StartError> {
    if let Some(kept) = store.setting(RING)? {
        opened(vault.open_ring(&kept))?;
        return forget_old_master(store, vault);
    }
    let change = match store.setting(CHECK_VALUE)? {
        Some(kept) if kept == vault.check_value()? => vault.adopted_ring()?,
        Some(_) => return Err(StartError::WrongMasterKey),
        None => vault.fresh_ring(Clock::System.now().0)?,
    };
    store.keep_setting(RING, change.sealed())?;
    vault.take(change);
    Ok(false)
}

fn opened(opened: Result<(), SealError>) -> Result<(), StartError> {
    opened.map_err(|error| match error {
        SealError::OtherMasterKey => StartError::WrongMasterKey,
        error => error.into(),
    })
}

/// A change of the master key that was cut short ends with the first start under the new one.
fn forget_old_master(store: &dyn Store, vault: &Vault) -> Result<bool, StartError> {
    if !vault.master_changes() || !vault.has_newest_master() {
        return Ok(false);
    }
    let change = vault.newest_master_only()?;
    store.supersede(RING, change.sealed(), Leftovers::All)?;
    vault.take(change);
    if scrubbed(store, Leftovers::All) {
        tracing::info!("{MASTER_CHANGED}");
    } else {
        tracing::warn!(
            "the master key is changed, but somebody reads the files, so what the one of before opens is still \
             in them; it is tried again"
        );
    }
    Ok(true)
}

/// Says in the log that a change of the master key is left half done. For a gateway that starts: the command that
/// finishes the change needs no such advice.
pub(crate) fn tell_of_half_a_change(vault: &Vault) {
    if vault.master_changes() {
        tracing::warn!(
            "the change of the master key is not finished: this is the old key, and the new one opens \
             the data as well; start with the new one, or run warmline keys rotate-master again"
        );
    }
}

/// Opens the ring of the data beside whoever has them open; where there is none, the vault stays as an
/// earlier version had it. Blocks.
pub fn open_beside(data_dir: &Path, vault: &Vault) -> Result<(), KeysError> {
    if let Some(kept) = ring_beside(data_dir)? {
        vault.open_ring(&kept)?;
    }
    Ok(())
}

/// Whether this master key opens the data; `None` if nothing was sealed yet. Blocks.
pub fn fits(data_dir: &Path, vault: &Vault) -> Result<Option<bool>, KeysError> {
    if let Some(kept) = ring_beside(data_dir)? {
        return Ok(Some(vault.opens(&kept)?));
    }
    match named(data_dir, CHECK_VALUE)? {
        Some(kept) => Ok(Some(kept == vault.check_value()?)),
        None => Ok(None),
    }
}

fn ring_beside(data_dir: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    named(data_dir, RING)
}

fn named(data_dir: &Path, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let found = sqlite::settings_beside(data_dir, name)?;
    Ok(found.into_iter().find(|(found, _)| found == name).map(|(_, value)| value))
}
