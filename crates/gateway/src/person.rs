//! One person's data, for whoever has a right to it: given out, or erased.
//!
//! A person is an id within a tenant: the one by which their channel knows them, or the one by which the desk
//! does. Whoever has several is asked for several times.
//!
//! It deliberately does not know: who may ask. The control socket's owner may; a console with roles would ask
//! here as well.

mod erase;
mod export;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use session::id::TenantId;
use store::{Store, Whose};
use tokio::sync::Mutex;
use vault::Vault;

pub use erase::Erased;
pub(crate) use erase::finish;
pub use export::Exported;

use crate::{
    audit::{Audit, Deed, Entry, Who},
    control::Refusal,
    engine::Engine,
    files::{FileError, Files},
    observe::Observer,
    retention::RetentionError,
    wakes::Wakes,
};

/// The longest id of a person that is asked for, in bytes: as long as any is.
pub const USER_BYTES_MAX: usize = 512;

/// Conversations looked at in one go.
const CONVERSATIONS_AT_ONCE_MAX: usize = 50;

/// What is needed to deal with persons' data.
pub(crate) struct Persons {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) files: Arc<Files>,
    pub(crate) observer: Arc<Observer>,
    pub(crate) audit: Audit,
    /// Held by an erasure, which goes on alone.
    pub(crate) erasing: Arc<Mutex<()>>,
    /// The parts of a running gateway that remember conversations; `None` while none runs.
    pub(crate) remembering: Option<Remembering>,
}

/// Who remembers conversations besides the store.
pub(crate) struct Remembering {
    pub(crate) engine: Engine,
    pub(crate) wakes: Arc<Wakes>,
}

/// Why a person's data cannot be given out or erased.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PersonError {
    /// It was not asked for in the right form.
    #[error("the id of a person has 1 to {USER_BYTES_MAX} bytes, and a tenant a name")]
    Whose,
    /// An erasure would cut a live chat.
    #[error(
        "a live chat of theirs is open ({session}): end it first (they type «end chat», or an agent ends it), \
         then erase; what is in it, and what was said in the same place, stays until then"
    )]
    Live {
        /// Which.
        session: session::id::SessionId,
    },
    /// What is stored cannot be read or removed.
    #[error("the store or the files failed")]
    Stored(#[from] RetentionError),
    /// Whoever asked is gone.
    #[error("nobody takes what is given out")]
    Gone(#[from] std::io::Error),
}

impl PersonError {
    /// What an operator is told.
    pub(crate) fn refusal(&self) -> Refusal {
        let sentence = match self {
            Self::Whose | Self::Live { .. } => self.to_string(),
            Self::Stored(RetentionError::Files(FileError::Elsewhere(elsewhere))) => {
                format!("it is not done to the end: {elsewhere}; then do the same again")
            }
            Self::Stored(_) | Self::Gone(_) => {
                tracing::error!(
                    error = self as &dyn std::error::Error,
                    "a person's data cannot be given out or erased"
                );
                let told = "the store or the files failed, and it is not done to the end; see the gateway's \
                            log, then do the same again";
                told.to_owned()
            }
        };
        Refusal::new(self.code(), sentence)
    }

    /// What a program is told.
    fn code(&self) -> &'static str {
        match self {
            Self::Whose => "bad_person",
            Self::Live { .. } => "live_chat",
            Self::Stored(RetentionError::Files(FileError::Elsewhere(_))) => "files_away",
            Self::Stored(_) => "failed",
            Self::Gone(_) => "gone",
        }
    }
}

impl From<store::StoreError> for PersonError {
    fn from(error: store::StoreError) -> Self {
        Self::Stored(error.into())
    }
}

impl From<FileError> for PersonError {
    fn from(error: FileError) -> Self {
        Self::Stored(error.into())
    }
}

impl From<crate::keeping::KeepingError> for PersonError {
    fn from(error: crate::keeping::KeepingError) -> Self {
        Self::Stored(error.into())
    }
}

/// A person, as somebody who asks names them.
pub(crate) fn whose(tenant: &str, user: &str) -> Result<Whose, PersonError> {
    if !(1..=USER_BYTES_MAX).contains(&user.len()) {
        return Err(PersonError::Whose);
    }
    let tenant = TenantId::new(tenant).map_err(|_| PersonError::Whose)?;
    Ok(Whose { tenant, user: user.into() })
}

impl Persons {
    /// Puts a deed into the audit trail; who the person is stands there as a keyed digest.
    async fn put_down(
        &self,
        whose: &Whose,
        deed: impl FnOnce([u8; 16]) -> Deed,
        outcome: &str,
        who: Who,
    ) {
        let deed = deed(self.audit.person(&whose.tenant, &whose.user));
        let tenant = Some(whose.tenant.clone());
        self.audit.record_now(Entry::new(who, deed).of(tenant).with(outcome)).await;
    }
}

/// What came of a deed, as the log and the audit trail have it.
fn code_of<T>(outcome: &Result<T, PersonError>) -> &'static str {
    outcome.as_ref().err().map_or("done", PersonError::code)
}

/// One line in the log for each deed; who the person is is not in it.
fn tell<T>(deed: &'static str, tenant: &str, outcome: &Result<T, PersonError>) {
    tracing::info!(
        person.deed = deed,
        tenant.name = tenant,
        person.outcome = code_of(outcome),
        "an operator dealt with a person's data"
    );
}
