//! Whose turn it is: how many files come and go at a time, in all and of one conversation.
//!
//! Whoever is slow holds a turn for long. Those who may be slow on purpose have turns that nobody else
//! waits for, no conversation has more than a few, and no tenant has all of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use session::id::TenantId;
use store::ConversationId;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

use super::{
    FileError,
    intake::Bringer,
    pace::{Crowd, Pace, Taking},
};

/// Files of pages that are taken in at a time. Each needs two parts of memory meanwhile: two megabytes
/// for a folder, ten for a bucket.
const PAGES_AT_ONCE_MAX: usize = 12;

/// Files of other channels that are taken in at a time.
const CHANNELS_AT_ONCE_MAX: usize = 8;

/// Files of desks that are taken in at a time.
const DESKS_AT_ONCE_MAX: usize = 8;

/// Files of bots that are taken in at a time. They come whole, and are done at once.
const BOTS_AT_ONCE_MAX: usize = 4;

/// Files of one conversation that are taken in at a time.
const OF_ONE_AT_ONCE_MAX: usize = 2;

/// Files that are given out to pages at a time. Each that is taken slowly needs two thirds of a megabyte
/// of memory meanwhile (measured): what is read of it, opened, handed on, and buffered by its connection.
const GIVEN_AT_ONCE_MAX: usize = 256;

/// Files that are given out to desks at a time.
const HANDED_AT_ONCE_MAX: usize = 32;

/// Files of one conversation that are given out at a time: what a browser fetches at once, over some
/// connections.
const GIVEN_OF_ONE_MAX: usize = 16;

/// The share of all turns that those of one tenant have, in quarters.
const OF_TENANT_QUARTERS: usize = 3;

/// How long one waits for its turn.
pub(super) const TURN_WITHIN: Duration = Duration::from_secs(10);

/// Who is given a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Whoever has its address as the user has it.
    Page,
    /// A desk, or another system that is handed a user's file.
    Desk,
}

/// All turns there are.
pub(super) struct AllTurns {
    bots: Turns,
    users: Turns,
    channels: Turns,
    agents: Turns,
    pages: Turns,
    desks: Turns,
}

impl AllTurns {
    pub(super) fn new() -> Self {
        let coming = |at_once| Turns::new(at_once, OF_ONE_AT_ONCE_MAX);
        Self {
            bots: coming(BOTS_AT_ONCE_MAX),
            users: coming(PAGES_AT_ONCE_MAX),
            channels: coming(CHANNELS_AT_ONCE_MAX),
            agents: coming(DESKS_AT_ONCE_MAX),
            pages: Turns::new(GIVEN_AT_ONCE_MAX, GIVEN_OF_ONE_MAX),
            desks: Turns::new(HANDED_AT_ONCE_MAX, GIVEN_OF_ONE_MAX),
        }
    }

    /// A turn to bring a file.
    pub(super) async fn to_bring(
        &self,
        by: Bringer,
        tenant: &TenantId,
        of: ConversationId,
    ) -> Result<Turn, FileError> {
        self.coming(by).take(tenant, of).await
    }

    /// How quickly a file has to come that somebody brings.
    pub(super) fn pace(&self, by: Bringer) -> Pace {
        Pace::new(self.coming(by).crowd.clone())
    }

    fn coming(&self, by: Bringer) -> &Turns {
        match by {
            Bringer::Bot => &self.bots,
            Bringer::Page | Bringer::Stranger => &self.users,
            Bringer::Channel => &self.channels,
            Bringer::Desk => &self.agents,
        }
    }

    /// A turn to be given one.
    pub(super) async fn to_read(
        &self,
        by: Reader,
        tenant: &TenantId,
        of: ConversationId,
    ) -> Result<Turn, FileError> {
        self.going(by).take(tenant, of).await
    }

    /// How quickly a file has to be taken.
    pub(super) fn taking(&self, by: Reader) -> Taking {
        Taking::new(self.going(by).crowd.clone())
    }

    fn going(&self, by: Reader) -> &Turns {
        match by {
            Reader::Page => &self.pages,
            Reader::Desk => &self.desks,
        }
    }
}

/// Who has turns of their own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Owner {
    Conversation(ConversationId),
    Tenant(TenantId),
}

type Owns = Arc<Mutex<HashMap<Owner, Weak<Semaphore>>>>;

/// Turns of one kind.
struct Turns {
    all: Arc<Semaphore>,
    of_tenant: usize,
    of_one: usize,
    owns: Owns,
    crowd: Crowd,
}

/// A turn; over when it is dropped. Its conversation's comes first, so that one that waits for itself
/// keeps nobody else from theirs; then its tenant's.
pub(super) struct Turn {
    _all: OwnedSemaphorePermit,
    _tenants: Own,
    _own: Own,
}

/// A turn of an owner's own.
struct Own {
    _permit: OwnedSemaphorePermit,
    _forgets: Forgets,
}

/// Forgets an owner of whom nothing comes or goes any more.
struct Forgets {
    owns: Owns,
    of: Owner,
}

impl Turns {
    fn new(all: usize, of_one: usize) -> Self {
        let of_tenant = (all * OF_TENANT_QUARTERS / 4).max(1);
        let (all, owns) = (Arc::new(Semaphore::new(all)), Owns::default());
        Self { all, of_tenant, of_one, owns, crowd: Crowd::default() }
    }

    async fn take(&self, tenant: &TenantId, of: ConversationId) -> Result<Turn, FileError> {
        let deadline = Instant::now() + TURN_WITHIN;
        let own = self.own(Owner::Conversation(of), self.of_one, deadline).await?;
        // Who waits for a turn of its own conversation's waits for itself.
        let _waits = self.crowd.join();
        let tenants = self.own(Owner::Tenant(tenant.clone()), self.of_tenant, deadline).await?;
        let all = timeout_at(deadline, Arc::clone(&self.all).acquire_owned()).await;
        let all = all.map_err(|_| FileError::Busy)?.map_err(|_| FileError::Busy)?;
        Ok(Turn { _all: all, _tenants: tenants, _own: own })
    }

    async fn own(&self, of: Owner, most: usize, deadline: Instant) -> Result<Own, FileError> {
        let forgets = Forgets { owns: Arc::clone(&self.owns), of: of.clone() };
        let turns = self.turns_of(of, most);
        let permit = timeout_at(deadline, turns.acquire_owned()).await;
        let permit = permit.map_err(|_| FileError::Busy)?.map_err(|_| FileError::Busy)?;
        Ok(Own { _permit: permit, _forgets: forgets })
    }

    fn turns_of(&self, of: Owner, most: usize) -> Arc<Semaphore> {
        let mut owns = self.owns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = owns.get(&of).and_then(Weak::upgrade) {
            return own;
        }
        let own = Arc::new(Semaphore::new(most));
        owns.insert(of, Arc::downgrade(&own));
        own
    }
}

impl Drop for Forgets {
    fn drop(&mut self) {
        // Fields are dropped in their order: what held the owner's turns is gone by now.
        let mut owns = self.owns.lock().unwrap_or_else(PoisonError::into_inner);
        if owns.get(&self.of).is_some_and(|own| own.strong_count() == 0) {
            owns.remove(&self.of);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: ConversationId = ConversationId(1);

    fn tenant() -> TenantId {
        TenantId::new("t").unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_conversation_has_some_turns_and_leaves_the_others_to_others() {
        let turns = AllTurns::new();
        let (first, second) = (
            turns.to_bring(Bringer::Page, &tenant(), ONE).await.unwrap(),
            turns.to_bring(Bringer::Page, &tenant(), ONE).await.unwrap(),
        );
        let third = turns.to_bring(Bringer::Page, &tenant(), ONE).await;
        assert!(matches!(third, Err(FileError::Busy)), "after a while");
        turns
            .to_bring(Bringer::Page, &tenant(), ConversationId(2))
            .await
            .expect("another has its own");
        drop(first);
        let again = turns.to_bring(Bringer::Page, &tenant(), ONE).await.unwrap();
        drop((second, again, third));
        let left = Bringer::ALL.map(|by| turns.coming(by).owns.lock().unwrap().len());
        assert_eq!(left.iter().sum::<usize>(), 0, "nothing is remembered of those who are done");
    }

    #[tokio::test(start_paused = true)]
    async fn pages_that_hold_all_their_turns_hold_nobody_elses() {
        let turns = AllTurns::new();
        let mut held = Vec::new();
        for id in 0.. {
            match turns.to_bring(Bringer::Page, &tenant(), ConversationId(id)).await {
                Ok(turn) => held.push(turn),
                Err(_) => break,
            }
        }
        assert_eq!(held.len(), PAGES_AT_ONCE_MAX * 3 / 4);
        let other = TenantId::new("u").unwrap();
        turns.to_bring(Bringer::Page, &other, ONE).await.expect("another tenant has the rest");
        for by in [Bringer::Channel, Bringer::Desk, Bringer::Bot] {
            turns
                .to_bring(by, &tenant(), ONE)
                .await
                .unwrap_or_else(|error| panic!("{by:?}: {error}"));
        }
        held.clear();
        for id in 0.. {
            match turns.to_read(Reader::Page, &tenant(), ConversationId(id)).await {
                Ok(turn) => held.push(turn),
                Err(_) => break,
            }
        }
        assert_eq!(held.len(), GIVEN_AT_ONCE_MAX * 3 / 4);
        turns.to_read(Reader::Desk, &tenant(), ONE).await.expect("a desk has turns of its own");
    }
}
