//! What is left of conversations that are being forgotten: their files, then their logs, piece by piece.

use std::{collections::HashSet, error::Error, sync::Arc};

use store::{ConversationId, Store, StoreError};

use super::{BREATH, ENTRIES_AT_ONCE_MAX, ROWS_AT_ONCE_MAX, RetentionError};
use crate::files::Files;

/// How much of them went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Removed {
    pub(crate) entries: u64,
    pub(crate) files: u64,
}

/// Removes whatever is left of conversations that are being forgotten. Trouble with one must not keep the
/// others: says how much went, and the first error.
pub(crate) async fn forget_rest(
    store: &Arc<dyn Store>,
    files: &Files,
) -> (Removed, Result<(), RetentionError>) {
    let mut removed = Removed::default();
    let mut all = Ok(());
    let mut after = ConversationId(0);
    loop {
        let look = move |store: &dyn Store| store.forgetting(after, ROWS_AT_ONCE_MAX);
        let mut begun = match crate::blocking(store, look).await {
            Ok(begun) => begun,
            Err(error) => return (removed, all.and(Err(error.into()))),
        };
        let Some(last) = begun.last() else { return (removed, all) };
        after = *last;
        let theirs: HashSet<_> = begun.iter().copied().collect();
        match files.forget(&theirs).await {
            Ok(files) => removed.files += files,
            Err(error) => {
                all = all.and(Err(error.into()));
                // Nobody would look for a file any more whose conversation is gone.
                begun.retain(|id| !files.may_have_some(*id));
            }
        }
        for id in begun {
            if let Err(error) = log_of(store, id, &mut removed.entries).await {
                tracing::error!(
                    error = &error as &dyn Error,
                    conversation.row = id.0,
                    "what is left of a conversation cannot be removed; it is tried again"
                );
                all = all.and(Err(error.into()));
            }
        }
    }
}

async fn log_of(
    store: &Arc<dyn Store>,
    id: ConversationId,
    entries: &mut u64,
) -> Result<(), StoreError> {
    loop {
        let piece = move |store: &dyn Store| store.forget_rest(id, ENTRIES_AT_ONCE_MAX);
        let (gone, over) = crate::blocking(store, piece).await?;
        *entries += gone;
        if over {
            return Ok(());
        }
        tokio::time::sleep(BREATH).await;
    }
}
