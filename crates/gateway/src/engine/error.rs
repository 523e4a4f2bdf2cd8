//! Why an event was not taken.

use std::sync::Arc;

use session::{Rejected, id::TenantId};
use store::StoreError;

use crate::keeping::KeepingError;

/// Why the engine did not take an event.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    /// The request was wrong; nothing changed.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// Its target does not exist.
    #[error("there is no such conversation")]
    NotFound,
    /// The queue stayed full; the caller may try again.
    #[error("the gateway is busy")]
    Busy,
    /// The gateway is stopping; the caller may try again soon.
    #[error("the gateway is stopping")]
    Stopping,
    /// Something is broken; nothing changed.
    #[error("the event could not be carried out")]
    Failed(#[source] Arc<BatchError>),
}

impl EngineError {
    /// Whether the same may be taken a little later: there was no room, or the store was in trouble
    /// (a full disk) that may pass.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Self::Busy => true,
            Self::Failed(error) => !error.is_lasting(),
            Self::Rejected(_) | Self::NotFound | Self::Stopping => false,
        }
    }
}

/// Why a batch, or one event of it, failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BatchError {
    #[error("the store failed")]
    Store(#[from] StoreError),
    #[error("something stored cannot be read or written")]
    Keeping(#[from] KeepingError),
    #[error("no bot is configured for tenant {tenant}")]
    NoPolicy { tenant: TenantId },
    #[error("the step panicked")]
    Panicked,
}

impl BatchError {
    /// Whether there is no room on the disk.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_full())
    }

    /// Whether it would fail again however well the store is: then what caused it is set aside. A
    /// store that refuses (a full disk) is nobody's fault, and the event comes again.
    pub(crate) fn is_lasting(&self) -> bool {
        match self {
            Self::Keeping(_)
            | Self::NoPolicy { .. }
            | Self::Panicked
            | Self::Store(StoreError::Damaged { .. }) => true,
            Self::Store(
                StoreError::Full { .. }
                | StoreError::Database(_)
                | StoreError::Files(_)
                | StoreError::Keys { .. }
                | StoreError::InUse { .. }
                | StoreError::UnsafeSqlite { .. }
                | StoreError::FromTheFuture { .. },
            ) => false,
        }
    }
}
