//! When an old root key leaves the ring: nothing may be under it any more, and either all that it signed is void
//! by itself, or an operator orders it.

use std::time::Duration;

use session::id::Timestamp;
use vault::RootSeen;

use super::Keys;
use crate::{
    audit::{Deed, Entry},
    keys::{KeysError, Ring},
};

/// Rounds that an operator's order waits for; each finds what was written during the one before.
const ROUNDS_MAX: usize = 5;

/// How long what a root key signed can be good.
pub(crate) type Grace = Box<dyn Fn() -> Duration + Send + Sync>;

impl Keys {
    /// Retires a root key before what it signed is void by itself; nothing may be sealed under it.
    pub(crate) async fn retire(&self, root: &str) -> Result<(), KeysError> {
        let named = |seen: &RootSeen| seen.retiring_since.is_some() && seen.id.to_string() == root;
        let seen = self.ring.roots().into_iter().find(named).ok_or(KeysError::NoSuchRoot)?;
        let mut rounds = 0;
        while !self.round().await?.is_clean() {
            rounds += 1;
            if rounds == ROUNDS_MAX {
                let left = self.change(Ring::left).await?.all();
                return Err(KeysError::StillUsed { left });
            }
        }
        let files = self.files_left().await?;
        if files > 0 {
            self.wake.notify_one();
            return Err(KeysError::FilesLeft { left: files });
        }
        let id = seen.id;
        // What was sealed anew so far leaves the files along with the key; what is from now on does not.
        let stale = self.progress.take_stale();
        let retired = self.change(move |ring| ring.retire(id)).await;
        if retired.is_err() && stale {
            self.progress.goes_stale();
        }
        retired
    }

    /// Retires each whose time is over and under which no file is.
    pub(super) async fn retire_due(&self) -> Result<(), KeysError> {
        let (now, grace) = (self.clock.now(), (self.grace)());
        for root in self.ring.roots() {
            let Some(since) = root.retiring_since else { continue };
            if now.since(Timestamp(since)) >= grace && self.files_left().await? == 0 {
                let code = match self.change(move |ring| ring.retire(root.id)).await {
                    Ok(()) => "done",
                    // It is off the ring; the rest is tried again.
                    Err(error @ KeysError::InFiles) => error.code(),
                    Err(error) => return Err(error),
                };
                let id = root.id.to_string().into();
                let entry = Entry::of_gateway(Deed::KeyRetired { id }).with(code);
                self.audit.record_now(entry).await;
            }
        }
        Ok(())
    }
}
