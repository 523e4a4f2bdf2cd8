//! The data directory, opened: by a gateway that starts, or by a command for a moment.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use store::{BootId, Store, StoreError, sqlite, sqlite::SqliteStore};
use vault::Vault;

use crate::{
    app::{StartError, this_command},
    audit::{self, Deed, Entry, KeyKind, Who},
    clock::Clock,
    keys,
};

/// How long the data may be in use by somebody else when we start: a gateway that is ending, or an
/// operator's command.
pub(super) const IN_USE_FOR: Duration = Duration::from_secs(5);

/// Between two looks at that.
const IN_USE_PAUSE: Duration = Duration::from_millis(50);

/// Closes the store's files to others, and says what of them is not as it should be. Blocks.
fn tell_what_is_wrong_with(dir: &Path, store: &SqliteStore) -> Result<(), StoreError> {
    // With the logs beside them, which are there by now.
    for (file, error) in sqlite::close_to_others(dir) {
        let error: &dyn std::error::Error = &error;
        let file = file.display();
        tracing::warn!(error, %file, "others may read this file of the data, and its mode cannot be set");
    }
    let without_key = store.segments_without_key()?;
    if without_key > 0 {
        tracing::warn!(
            without_key,
            "KEYS ARE GONE: there are stretches of talk whose keys are not in keys.db, and nobody reads what was \
             said in them. If keys.db was lost, emptied or replaced, stop and put the newest copy of it back"
        );
    }
    Ok(())
}

/// Opens the data, if nobody else has it open by then. Blocks.
pub(super) fn open_store(
    dir: &Path,
    vault: &Vault,
    boot: BootId,
    patience: Duration,
    who: Who,
) -> Result<Arc<dyn Store>, StartError> {
    let until = Instant::now() + patience;
    let mut told = false;
    let store = loop {
        match SqliteStore::open(dir) {
            Err(StoreError::InUse { .. }) if Instant::now() < until => {
                if !std::mem::replace(&mut told, true) {
                    tracing::info!(
                        limit_s = patience.as_secs(),
                        "the data is in use by another process; waiting for it"
                    );
                }
                std::thread::sleep(IN_USE_PAUSE);
            }
            opened => break opened?,
        }
    };
    tell_what_is_wrong_with(dir, &store)?;
    let store: Arc<dyn Store> = Arc::new(store);
    if keys::open(&*store, vault)? {
        let id = keys::NEW_MASTER.into();
        let entry = Entry::new(who, Deed::KeyRotated { kind: KeyKind::Master, id });
        audit::record_alone(Arc::clone(&store), vault, &Clock::System, entry)?;
    }
    store.take_over(boot)?;
    Ok(store)
}

/// Opens data that no gateway is using, for a moment. Blocks.
pub(crate) fn open_alone(dir: &Path, vault: &Vault) -> Result<Arc<dyn Store>, StartError> {
    open_store(dir, vault, BootId(fastrand::i64(..)), Duration::ZERO, this_command())
}
