//! Segments that are old enough, and nobody needs: their files and their keys go.

use std::{sync::Arc, time::Duration};

use session::{
    Content,
    id::{Number, TenantId, Timestamp},
};
use store::{Began, OldSegment, Store, Words};

use super::{
    BREATH, Done, ENTRIES_AT_ONCE_MAX, Retention, RetentionError, Rules, Shredder, before,
};
use crate::{engine::SEGMENT_FOR, files::FileId, keeping::Keeping};

/// Segments looked at, and shredded, in one go: their keys go with one commit.
const SEGMENTS_AT_ONCE_MAX: usize = 200;

/// How long ago a batch may have looked at the clock that is not committed yet: longer than any takes.
const UNDER_WAY_FOR: Duration = Duration::from_mins(1);

/// So long after it began, the next entry may go into a segment.
const WRITTEN_TO_FOR: Duration = SEGMENT_FOR.saturating_add(UNDER_WAY_FOR);

impl Shredder {
    /// Shreds segments that are old enough, of each tenant by its own rules.
    pub(super) async fn segments(&self, done: &mut Done) -> Result<(), RetentionError> {
        let mut all = Ok(());
        for (tenant, _) in self.rules.get().tenants() {
            for words in Words::ALL {
                all = all.and(self.segments_of(tenant, words, done).await);
            }
        }
        all
    }

    async fn segments_of(
        &self,
        tenant: &TenantId,
        words: Words,
        done: &mut Done,
    ) -> Result<(), RetentionError> {
        let (mut after, mut all) = (Began::FIRST, Ok(()));
        loop {
            let (now, rules) = (self.clock.now(), self.rules.get());
            let Some(before) = rules.of(tenant).began_before(words, now) else { return all };
            let of = tenant.clone();
            let look = move |store: &dyn Store| {
                store.old_segments(&of, words, before, after, SEGMENTS_AT_ONCE_MAX)
            };
            let found = crate::blocking(&self.store, look).await?;
            let Some(last) = found.last().map(OldSegment::began) else { return all };
            let mut old = Vec::new();
            for segment in found.iter().filter(|segment| may_go(segment, &rules, now)) {
                match self.files_of(segment).await {
                    Ok(files) => {
                        done.files += files;
                        old.push(segment.id);
                    }
                    Err(error) => {
                        // Nobody knows its files without its key, so it stays; those after it need not.
                        tracing::error!(
                            error = &error as &dyn std::error::Error,
                            conversation.row = segment.conversation.0,
                            segment.row = segment.id.0,
                            "the files of a stretch of talk cannot be removed, so its words stay; it is tried again"
                        );
                        all = all.and(Err(error));
                    }
                }
            }
            if !old.is_empty() {
                let shred = move |store: &dyn Store| store.shred(&old);
                let shredded = crate::blocking(&self.store, shred).await?;
                self.observer.shredded(shredded);
                done.segments += shredded;
            }
            if found.len() < SEGMENTS_AT_ONCE_MAX {
                return all;
            }
            after = last;
            tokio::time::sleep(BREATH).await;
        }
    }

    /// Removes the files that entries of this segment name: before its key goes, because nobody knows them
    /// after it.
    async fn files_of(&self, segment: &OldSegment) -> Result<u64, RetentionError> {
        if !self.files.may_have_some(segment.conversation) {
            return Ok(0);
        }
        let mut removed = 0;
        let mut upto = segment.last;
        while upto.0 > 0 {
            let (named, next) = self.named_by(segment, upto).await?;
            for id in named {
                removed += u64::from(self.files.remove(id).await?);
            }
            upto = next;
        }
        Ok(removed)
    }

    /// The files that a page of the segment's entries names, and where the page before it ends.
    async fn named_by(
        &self,
        segment: &OldSegment,
        upto: Number,
    ) -> Result<(Vec<FileId>, Number), RetentionError> {
        let (conversation, id, vault) = (segment.conversation, segment.id, Arc::clone(&self.vault));
        let read = move |store: &dyn Store| {
            let owner = store.conversation_by_id(conversation)?.map(|row| row.key);
            Ok((owner, store.entries_upto(conversation, upto, ENTRIES_AT_ONCE_MAX)?))
        };
        let (owner, mut rows) = crate::blocking(&self.store, read).await?;
        let Some(owner) = owner else { return Ok((Vec::new(), Number(0))) };
        let whole = rows.len();
        rows.retain(|row| row.segment.as_ref().is_some_and(|of| of.id == id));
        let next = match rows.first() {
            // All of the page is of this segment, so the one before it may be.
            Some(first) if rows.len() == whole => Number(first.number.0.saturating_sub(1)),
            Some(_) | None => Number(0),
        };
        let entries = Keeping::new(&vault, &owner)?.read_entries(&vault, &rows)?;
        let files = entries.iter().flat_map(|entry| match &entry.content {
            Content::Said(said) | Content::Revised { said, .. } => said.files.as_slice(),
            _ => &[],
        });
        let mine = |id: &FileId| id.conversation == conversation;
        Ok((files.filter_map(|file| file.id.parse().ok()).filter(mine).collect(), next))
    }
}

/// Whether a segment is old enough, and nobody needs it.
fn may_go(segment: &OldSegment, rules: &Rules, now: Timestamp) -> bool {
    let retention = rules.of(&segment.tenant);
    let Some(kept) = retention.kept(segment.words()) else { return false };
    let closed = segment.since.after(WRITTEN_TO_FOR) <= now;
    let old = segment.newest.after(kept) <= now;
    // What an operator may still send again is read when it is sent.
    let letter = segment.letter.is_some_and(|at| match retention.keep_chats {
        Some(kept) => at.after(kept) > now,
        None => true,
    });
    closed && old && !segment.busy && !letter
}

impl Retention {
    fn kept(&self, words: Words) -> Option<Duration> {
        match words {
            Words::Chat => self.keep_chats,
            Words::BotTalk => self.keep_bot_talk,
        }
    }

    /// Segments that began later are kept, or may be written to; `None` if all are kept.
    fn began_before(&self, words: Words, now: Timestamp) -> Option<Timestamp> {
        self.kept(words).map(|kept| before(now, kept.max(WRITTEN_TO_FOR)))
    }
}
