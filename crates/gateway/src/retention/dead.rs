//! Conversations of which nothing is left, or in which nothing ever was.

use std::time::Duration;

use session::id::Timestamp;
use store::{Began, ConversationId, Silent, Store, StoreError};

use super::{BREATH, Done, ROWS_AT_ONCE_MAX, RetentionError, Shredder, before};

/// How long a conversation is known in which nobody says anything and of which nothing is left: who comes
/// back sooner goes on in it, and its messages' numbers with them. One in which nothing was ever said is known
/// as long: until then a bot may speak first to whoever opened it.
const CONVERSATION_FOR: Duration = Duration::from_hours(90 * 24);

/// Conversations forgotten in one transaction, in which nobody else can write.
const FORGOTTEN_AT_ONCE_MAX: usize = 20;

impl Shredder {
    /// Forgets conversations of which nothing is left.
    pub(super) async fn dead(&self, done: &mut Done) -> Result<(), RetentionError> {
        let mut after = Began::FIRST;
        loop {
            let before = before(self.clock.now(), CONVERSATION_FOR);
            let look =
                move |store: &dyn Store| store.dead_conversations(before, after, ROWS_AT_ONCE_MAX);
            let (dead, last) = crate::blocking(&self.store, look).await?;
            self.forget(&dead, before, done).await?;
            let Some(last) = last else { return Ok(()) };
            after = last;
            tokio::time::sleep(BREATH).await;
        }
    }

    /// Forgets conversations in which nothing was ever said: like all others, or later where their tenant keeps bot
    /// talk for longer; never where it is kept for ever.
    pub(super) async fn silent(&self, done: &mut Done) -> Result<(), RetentionError> {
        for (tenant, retention) in self.rules.get().tenants() {
            let Some(kept) = retention.keep_bot_talk else { continue };
            let mut after = Silent::FIRST;
            loop {
                let before = before(self.clock.now(), kept.max(CONVERSATION_FOR));
                let of = tenant.clone();
                let look = move |store: &dyn Store| {
                    store.silent_conversations(&of, before, after, ROWS_AT_ONCE_MAX)
                };
                let silent = crate::blocking(&self.store, look).await?;
                let Some(last) = silent.last() else { break };
                after = *last;
                let ids: Vec<_> = silent.iter().map(|it| it.conversation).collect();
                self.forget(&ids, before, done).await?;
            }
        }
        Ok(())
    }

    /// Forgets those of these that still are dead. Pages that are open all the same come back, and begin another.
    async fn forget(
        &self,
        dead: &[ConversationId],
        before: Timestamp,
        done: &mut Done,
    ) -> Result<(), StoreError> {
        for some in dead.chunks(FORGOTTEN_AT_ONCE_MAX) {
            let ids = some.to_vec();
            let forget = move |store: &dyn Store| {
                let forgotten = store.forget(&ids, Some(before))?;
                let mut gone = Vec::with_capacity(ids.len());
                for id in ids {
                    // One that came back to life meanwhile was spared.
                    if store.conversation_by_id(id)?.is_none() {
                        gone.push(id);
                    }
                }
                Ok((forgotten, gone))
            };
            let (forgotten, gone) = crate::blocking(&self.store, forget).await?;
            self.wakes.end(&gone);
            self.observer.forgotten(forgotten.conversations);
            done.conversations += forgotten.conversations;
            tokio::time::sleep(BREATH).await;
        }
        Ok(())
    }
}
