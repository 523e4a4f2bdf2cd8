//! Erasing a person: first nobody finds or reads them any more, then what is left goes, and at last what was
//! deleted is overwritten. Done again, it does the rest; so does the shredder after a kill at any line.

use std::{collections::HashSet, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use store::{ConversationId, Forgotten, Leftovers, Store, StoreError, Whose};
use tokio::sync::Mutex;

use super::{CONVERSATIONS_AT_ONCE_MAX, PersonError, Persons, Remembering};
use crate::{
    audit::{Deed, Who},
    control::Outcome,
    engine::EngineError,
    retention::{self, RetentionError},
};

/// Where the number of erasures is kept: all that is remembered of them. A byte behind it says that the last
/// one is not over.
const COUNT: &str = "persons erased";

/// That byte.
const UNDER_WAY: u8 = 1;

/// How often the last step is tried while somebody reads; each waits for them for some seconds itself.
const SCRUBS_MAX: usize = 6;

/// And after how long again.
const SCRUB_AGAIN: Duration = Duration::from_millis(500);

/// How often an engine that is busy is asked to forget them; each time it is waited for a second.
const UNLEARN_TRIES_MAX: usize = 10;

/// What was erased.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// Conversations.
    pub conversations: u64,
    /// Live chats.
    pub sessions: u64,
    /// Segments whose keys were deleted.
    pub segments: u64,
    /// Entries of logs.
    pub entries: u64,
    /// Effects that waited.
    pub effects: u64,
    /// Dead letters.
    pub dead_letters: u64,
    /// Files.
    pub files: u64,
    /// Free room in the database was overwritten, and its write-ahead log emptied. If not, somebody read all
    /// the time: erase again.
    pub scrubbed: bool,
    /// Erasures on this data so far, this one among them if there was something.
    pub erasures: u64,
}

impl Persons {
    /// Erases everything that is kept of a person. Refused while a live chat of theirs is open.
    pub(crate) async fn erase(&self, (tenant, user): (&str, &str), who: Who) -> Outcome<Erased> {
        let whose = super::whose(tenant, user);
        let deed = |person| Deed::Erased { person };
        let erased = match &whose {
            Ok(whose) => self.remove(whose).await,
            Err(_) => Err(PersonError::Whose),
        };
        super::tell("erase", tenant, &erased);
        if let Ok(whose) = &whose {
            self.put_down(whose, deed, super::code_of(&erased), who).await;
        }
        erased.map_err(|error| error.refusal())
    }

    async fn remove(&self, whose: &Whose) -> Result<Erased, PersonError> {
        let _alone = self.erasing.lock().await;
        self.refuse_live(whose).await?;
        let (mut gone, mut files) = (Forgotten::default(), 0);
        let begun = self.begin_all(whose, &mut gone, &mut files).await;
        // Also what an earlier try, or the shredder, had begun.
        let (removed, rest) = retention::forget_rest(&self.store, &self.files).await;
        let scrubbed = self.scrub().await;
        self.observer.forgotten(gone.conversations);
        self.observer.shredded(usize::try_from(gone.segments).unwrap_or(usize::MAX));
        begun?;
        rest?;
        Ok(Erased {
            conversations: gone.conversations,
            sessions: gone.sessions,
            segments: gone.segments,
            entries: removed.entries,
            effects: gone.effects,
            dead_letters: gone.dead_letters,
            files: files + removed.files,
            scrubbed: scrubbed?,
            erasures: crate::blocking(&self.store, read).await?.0,
        })
    }

    /// Has nobody find or read their conversations any more, and removes their files. Trouble with one must not
    /// keep the others: says the first error at the end.
    async fn begin_all(
        &self,
        whose: &Whose,
        gone: &mut Forgotten,
        files: &mut u64,
    ) -> Result<(), PersonError> {
        let (mut after, mut all, mut is_counted) = (ConversationId(0), Ok(()), false);
        loop {
            let ids = self.conversations(whose, after).await?;
            if ids.is_empty() {
                return all;
            }
            if !std::mem::replace(&mut is_counted, true) {
                crate::blocking(&self.store, begin).await?;
            }
            let (more, stays) = self.forget(&ids).await;
            self.unlearn(ids.clone()).await;
            *gone += more;
            let theirs: HashSet<_> = ids.into_iter().collect();
            match stays {
                Some((last, error)) => {
                    after = last;
                    all = all.and(Err(error.into()));
                }
                // A chat began meanwhile; what could be forgotten is.
                None if more.conversations == 0 => self.refuse_live(whose).await?,
                None => {}
            }
            match self.files.forget(&theirs).await {
                Ok(removed) => *files += removed,
                Err(error) => all = all.and(Err(error.into())),
            }
        }
    }

    /// All of these at once, or else each by itself: how much went, the last of those that stay, and why the first
    /// of them does.
    async fn forget(
        &self,
        ids: &[ConversationId],
    ) -> (Forgotten, Option<(ConversationId, StoreError)>) {
        let forget = |ids: Vec<ConversationId>| async {
            let forget = move |store: &dyn Store| store.forget(&ids, None);
            crate::blocking(&self.store, forget).await
        };
        if let Ok(gone) = forget(ids.to_vec()).await {
            return (gone, None);
        }
        let (mut gone, mut stays) = (Forgotten::default(), None);
        for id in ids {
            match forget(vec![*id]).await {
                Ok(more) => gone += more,
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        conversation.row = id.0,
                        "a conversation cannot be forgotten"
                    );
                    stays = Some((*id, stays.map_or(error, |(_, first)| first)));
                }
            }
        }
        (gone, stays)
    }

    async fn conversations(
        &self,
        whose: &Whose,
        after: ConversationId,
    ) -> Result<Vec<ConversationId>, PersonError> {
        let asked = whose.clone();
        let look = move |store: &dyn Store| {
            store.conversations_of(&asked, after, CONVERSATIONS_AT_ONCE_MAX)
        };
        let found = crate::blocking(&self.store, look).await?;
        Ok(found.into_iter().map(|row| row.id).collect())
    }

    /// An agent would go on talking to nobody, so a chat is ended by those who are in it.
    async fn refuse_live(&self, whose: &Whose) -> Result<(), PersonError> {
        let mut after = ConversationId(0);
        loop {
            let ids = self.conversations(whose, after).await?;
            let Some(last) = ids.last() else { return Ok(()) };
            after = *last;
            for id in ids {
                let look = move |store: &dyn Store| store.open_session_of(id);
                if let Some(session) = crate::blocking(&self.store, look).await? {
                    return Err(PersonError::Live { session });
                }
            }
        }
    }

    /// Has them forgotten by whoever else remembers them. Pages that are open come back, to another one.
    async fn unlearn(&self, ids: Vec<ConversationId>) {
        let Some(Remembering { engine, wakes }) = &self.remembering else { return };
        wakes.end(&ids);
        // One that stops forgets everything; one that is busy forgets them when others take their place.
        for _ in 0..UNLEARN_TRIES_MAX {
            match engine.unlearn(ids.clone()).await {
                Err(EngineError::Busy) => {}
                Ok(()) | Err(_) => return,
            }
        }
    }

    async fn scrub(&self) -> Result<bool, PersonError> {
        for _ in 0..SCRUBS_MAX {
            if crate::blocking(&self.store, scrub).await? {
                return Ok(true);
            }
            tokio::time::sleep(SCRUB_AGAIN).await;
        }
        Ok(false)
    }
}

/// Brings an erasure to its end that was interrupted: what it had begun to forget is gone by now, but for what
/// cannot be removed yet, and what stood in the clear is overwritten. Nothing happens while one goes on.
pub(crate) async fn finish(
    store: &Arc<dyn Store>,
    erasing: &Mutex<()>,
) -> Result<(), RetentionError> {
    let Ok(_alone) = erasing.try_lock() else { return Ok(()) };
    let finish = |store: &dyn Store| {
        let (_, under_way) = read(store)?;
        if under_way && scrub(store)? {
            tracing::info!("an erasure that was interrupted is done");
        }
        Ok(())
    };
    Ok(crate::blocking(store, finish).await?)
}

/// Overwrites what was deleted, and remembers that it was. False while somebody reads.
fn scrub(store: &dyn Store) -> Result<bool, StoreError> {
    let scrubbed = store.scrub(Leftovers::All)?;
    let (count, under_way) = read(store)?;
    if scrubbed && under_way {
        store.keep_setting(COUNT, &count.to_be_bytes())?;
    }
    Ok(scrubbed)
}

/// Counts an erasure that begins.
fn begin(store: &dyn Store) -> Result<(), StoreError> {
    let (count, _) = read(store)?;
    let mut value = count.saturating_add(1).to_be_bytes().to_vec();
    value.push(UNDER_WAY);
    store.keep_setting(COUNT, &value)
}

/// How many erasures there were, and whether the last one is not over.
fn read(store: &dyn Store) -> Result<(u64, bool), StoreError> {
    let kept = store.setting(COUNT)?.unwrap_or_default();
    let (count, rest) = kept
        .split_first_chunk()
        .map_or((0, [].as_slice()), |(count, rest)| (u64::from_be_bytes(*count), rest));
    Ok((count, !rest.is_empty()))
}
