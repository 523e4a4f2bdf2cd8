//! Erasing a person: first nobody finds or reads them any more, then what is left goes, and at last what was
//! deleted is overwritten. Done again, or after a kill at any line, it does the rest.

use std::{collections::HashSet, time::Duration};

use serde::{Deserialize, Serialize};
use store::{ConversationId, Forgotten, Store, Whose};

use super::{CONVERSATIONS_AT_ONCE_MAX, PersonError, Persons};
use crate::{
    audit::{Deed, Who},
    control::Outcome,
    retention,
};

/// Where the number of erasures is kept: all that is remembered of them.
const COUNT: &str = "persons erased";

/// How often the last step is tried while somebody reads.
const SCRUBS_MAX: usize = 60;

/// And after how long again.
const SCRUB_AGAIN: Duration = Duration::from_millis(500);

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
    pub(crate) async fn erase(&self, (tenant, user): (&str, &str), who: Who) -> Outcome {
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
        match erased {
            Ok(erased) => Outcome::Erased(erased),
            Err(error) => Outcome::Error(error.refusal()),
        }
    }

    async fn remove(&self, whose: &Whose) -> Result<Erased, PersonError> {
        self.refuse_live(whose).await?;
        let (mut gone, mut files) = (Forgotten::default(), 0);
        loop {
            let ids = self.conversations(whose, ConversationId(0)).await?;
            if ids.is_empty() {
                break;
            }
            let all: HashSet<_> = ids.iter().copied().collect();
            let forget = move |store: &dyn Store| store.forget(&ids);
            let more = crate::blocking(&self.store, forget).await?;
            if more.conversations == 0 {
                // A chat began meanwhile; what could be forgotten is.
                self.refuse_live(whose).await?;
            }
            gone += more;
            files += self.files.forget(&all).await?;
        }
        // Also what an earlier try, or the shredder, had begun.
        let (entries, more_files) = retention::forget_rest(&self.store, &self.files).await?;
        let scrubbed = self.scrub().await?;
        self.observer.forgotten(gone.conversations);
        self.observer.shredded(usize::try_from(gone.segments).unwrap_or(usize::MAX));
        Ok(Erased {
            conversations: gone.conversations,
            sessions: gone.sessions,
            segments: gone.segments,
            entries,
            effects: gone.effects,
            dead_letters: gone.dead_letters,
            files: files + more_files,
            scrubbed,
            erasures: self.count(gone.conversations > 0).await?,
        })
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

    async fn scrub(&self) -> Result<bool, PersonError> {
        for _ in 0..SCRUBS_MAX {
            if crate::blocking(&self.store, Store::scrub).await? {
                return Ok(true);
            }
            tokio::time::sleep(SCRUB_AGAIN).await;
        }
        Ok(false)
    }

    /// How many erasures there were, one more if this was one.
    async fn count(&self, one_more: bool) -> Result<u64, PersonError> {
        let count = move |store: &dyn Store| {
            let kept = store.setting(COUNT)?;
            let kept = kept.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes);
            let count = kept.saturating_add(u64::from(one_more));
            if one_more {
                store.keep_setting(COUNT, &count.to_be_bytes())?;
            }
            Ok(count)
        };
        Ok(crate::blocking(&self.store, count).await?)
    }
}
