//! How files go: when they were kept long enough, with their conversation, or by order.
//!
//! One is removed at a time, so that no room is given back twice. Whoever removes what somebody was told of sees
//! first that the place is the known one ([`mark`](super::mark)).

use std::collections::HashSet;

use futures_util::TryStreamExt;
use session::id::{TenantId, Timestamp};
use store::ConversationId;

use super::{FileError, FileId, Files, Keep, ledger};
use crate::control::FilesDropped;

/// Which files an operator drops.
#[derive(Debug)]
pub(crate) struct Which {
    /// Whose.
    pub(crate) tenant: TenantId,
    /// Only what strangers brought.
    pub(crate) strangers: bool,
    /// Only what came before this.
    pub(crate) before: Option<Timestamp>,
}

impl Files {
    /// Removes a file that nobody was told of.
    pub(crate) async fn discard(&self, id: FileId) {
        let _alone = self.removing.lock().await;
        let name = id.to_string();
        let size = self.place.first(&name, 1).await.map(|(_, size)| size);
        let removed = self.place.remove(&name).await;
        match (size, removed) {
            (Ok(size), Ok(())) => self.was_removed(id, size),
            (Err(FileError::Gone), _) => {}
            (Err(error), _) | (_, Err(error)) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a file that nobody was told of cannot be removed; it goes with the others"
            ),
        }
    }

    /// Removes one, if it is there. That it is not is said only where it was just seen that its place is the known
    /// one: a key may go after that.
    pub(crate) async fn remove(&self, id: FileId) -> Result<bool, FileError> {
        let _alone = self.removing.lock().await;
        self.in_place().await?;
        let name = id.to_string();
        let size = match self.place.first(&name, 1).await {
            Ok((_, size)) => size,
            Err(FileError::Gone) => return self.look().await.map(|()| false),
            Err(error) => return Err(error),
        };
        self.place.remove(&name).await?;
        self.was_removed(id, size);
        Ok(true)
    }

    /// Removes all of these conversations, and tells how many.
    pub(crate) async fn forget(
        &self,
        conversations: &HashSet<ConversationId>,
    ) -> Result<u64, FileError> {
        let _alone = self.removing.lock().await;
        self.look().await?;
        let (mut all, mut removed) = (self.place.all().await?, 0);
        while let Some(there) = all.try_next().await? {
            let Ok(id) = there.name.parse::<FileId>() else { continue };
            if conversations.contains(&id.conversation) {
                self.place.remove(&there.name).await?;
                self.was_removed(id, there.size);
                removed += 1;
            }
        }
        self.told();
        Ok(removed)
    }

    /// Removes what was kept long enough, and tells how many.
    pub(crate) async fn sweep(&self) -> Result<u64, FileError> {
        self.remove_what_came_back().await;
        let now = self.clock.now();
        Ok(self.remove_those(|id| self.kept_until(id) <= now).await?.files)
    }

    /// Removes what an operator does not want to keep.
    pub(crate) async fn drop_those(&self, which: &Which) -> Result<FilesDropped, FileError> {
        let is_theirs = |id: FileId| {
            let ledger = ledger::locked(&self.ledger);
            ledger.tenant_of(id.conversation) == Some(&which.tenant)
        };
        self.remove_those(|id| {
            (!which.strangers || id.keep == Keep::Stranger)
                && which.before.is_none_or(|before| id.since() < before)
                && is_theirs(id)
        })
        .await
    }

    async fn remove_those(&self, goes: impl Fn(FileId) -> bool) -> Result<FilesDropped, FileError> {
        let _alone = self.removing.lock().await;
        self.look().await?;
        let (mut all, mut removed) = (self.place.all().await?, FilesDropped::default());
        while let Some(there) = all.try_next().await? {
            let Ok(id) = there.name.parse::<FileId>() else { continue };
            if !goes(id) {
                continue;
            }
            // One that cannot be removed must not keep the others.
            if let Err(error) = self.place.remove(&there.name).await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    file = there.name,
                    "a file cannot be removed"
                );
                removed.left += 1;
                continue;
            }
            self.was_removed(id, there.size);
            removed.files += 1;
            removed.bytes = removed.bytes.saturating_add(there.size);
        }
        self.told();
        Ok(removed)
    }

    fn was_removed(&self, id: FileId, size: u64) {
        ledger::locked(&self.ledger).was_removed(id, size);
        self.known().was_removed(id);
    }
}
