//! Callbacks that were let go and whose news is not committed yet.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use session::id::SessionId;
use tokio_util::sync::CancellationToken;

/// How many callbacks with words that no id tells from others are under way, by their chat. Each is a
/// request that the edge holds, so there are no more than those.
#[derive(Debug, Default)]
pub(super) struct UnderWay(Mutex<HashMap<SessionId, Chat>>);

#[derive(Debug, Default)]
struct Chat {
    /// Never zero.
    callbacks: usize,
    /// There is none any more.
    none: CancellationToken,
}

/// One that is under way until this is dropped.
#[derive(Debug)]
pub(crate) struct LetGo {
    of: Arc<UnderWay>,
    session: SessionId,
}

impl UnderWay {
    /// Counts one in.
    pub(super) fn goes(self: &Arc<Self>, session: &SessionId) -> LetGo {
        self.lock().entry(session.clone()).or_default().callbacks += 1;
        LetGo { of: Arc::clone(self), session: session.clone() }
    }

    /// Waits until none of this chat is under way.
    pub(super) async fn none_of(&self, session: &SessionId) {
        let none = self.lock().get(session).map(|chat| chat.none.clone());
        if let Some(none) = none {
            none.cancelled().await;
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Chat>> {
        // Every change is made whole by code that does not panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LetGo {
    fn drop(&mut self) {
        let mut chats = self.of.lock();
        if let Entry::Occupied(mut chat) = chats.entry(self.session.clone()) {
            let callbacks = &mut chat.get_mut().callbacks;
            *callbacks = callbacks.saturating_sub(1);
            if *callbacks == 0 {
                chat.remove().none.cancel();
            }
        }
    }
}
