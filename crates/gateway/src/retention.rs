//! How long words are kept, and the shredder that sees to it.
//!
//! Log entries are sealed under the key of their segment: a live chat, or the bot talk between two, cut at a
//! day. What is old enough by its tenant's rules is shredded: its files are removed, its key is deleted, and
//! nobody can read it any more, whoever has the master key and whatever copy of the database. Its bytes, the
//! rows of sessions that ended and conversations of which nothing is left go later.
//!
//! ```text
//!   old and needed by nobody ──► its files ──► its key ──► its bytes ──► its session ──► its conversation
//! ```
//!
//! Everything goes in pieces, each a short transaction with a breath after it, beside what users wait for.
//! Killed at any line, the next round goes on: what is gone is gone, what is marked is found again.

mod rules;
#[cfg(test)]
mod tests;

use std::{collections::HashSet, sync::Arc, time::Duration};

use session::{
    Content,
    id::{Number, TenantId, Timestamp},
};
use store::{Began, OldSegment, Store, StoreError, Words};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use vault::Vault;

pub(crate) use rules::Rules;
pub use rules::{KEPT_MIN, Retention};

use crate::{
    clock::Clock,
    current::Current,
    engine::SEGMENT_FOR,
    files::{FileError, FileId, Files},
    keeping::{Keeping, KeepingError},
    observe::Observer,
    person,
};

/// How often a round begins. Words are gone this much later than they may be, at most.
const SHRED_EVERY: Duration = Duration::from_mins(15);

/// Segments looked at, and shredded, in one go: their keys go with one commit.
const SEGMENTS_AT_ONCE_MAX: usize = 200;

/// Entries whose bytes are given back in one transaction: a few milliseconds.
const ENTRIES_AT_ONCE_MAX: usize = 500;

/// Rows of ended sessions, or of conversations looked at, in one transaction.
const ROWS_AT_ONCE_MAX: usize = 500;

/// Data keys looked at in one go: some milliseconds of reading.
const KEYS_AT_ONCE_MAX: usize = 1_000;

/// Data keys looked at in one round; the next one goes on. Only a kill at the wrong moment, or a copy of the
/// keys that was put back, leaves some that nobody needs.
const KEYS_PER_ROUND_MAX: usize = 50_000;

/// Between two pieces the engine has the store to itself.
const BREATH: Duration = Duration::from_millis(50);

/// How long a conversation is known in which nobody says anything and of which nothing is left: who comes
/// back sooner goes on in it, and its messages' numbers with them.
const CONVERSATION_FOR: Duration = Duration::from_hours(90 * 24);

/// Conversations forgotten in one transaction, in which nobody else can write.
const FORGOTTEN_AT_ONCE_MAX: usize = 20;

/// How long ago a batch may have looked at the clock that is not committed yet: longer than any takes.
const UNDER_WAY_FOR: Duration = Duration::from_mins(1);

/// So long after it began, the next entry may go into a segment.
const WRITTEN_TO_FOR: Duration = SEGMENT_FOR.saturating_add(UNDER_WAY_FOR);

/// Why a piece of a round failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RetentionError {
    /// The store did.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// An entry cannot be read, so what files it has is not known.
    #[error("what is to be shredded cannot be looked through")]
    Keeping(#[from] KeepingError),
    /// A file cannot be removed.
    #[error("a file cannot be removed")]
    Files(#[from] FileError),
}

/// What a round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) segments: usize,
    pub(crate) files: u64,
    pub(crate) entries: usize,
    pub(crate) rows: usize,
    pub(crate) conversations: u64,
    /// Keys that opened nothing.
    pub(crate) keys: usize,
}

/// Shreds what is old.
pub(crate) struct Shredder {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) files: Arc<Files>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) clock: Clock,
    pub(crate) observer: Arc<Observer>,
    pub(crate) rules: Arc<Current<Rules>>,
    /// Held while a person is erased.
    pub(crate) erasing: Arc<Mutex<()>>,
}

impl Shredder {
    /// Begins a round every quarter of an hour until told to stop; the first soon after the start, which may
    /// have been a long time coming.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut pause = SHRED_EVERY / 15;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            pause = SHRED_EVERY;
            // A piece is never cut; what comes after it may wait for the next start.
            tokio::select! {
                () = stop.cancelled() => return,
                done = self.round() => tell(done),
            }
        }
    }

    /// One round.
    pub(crate) async fn round(&self) -> (Done, Option<RetentionError>) {
        let mut done = Done::default();
        let error = self.pieces(&mut done).await.err();
        (done, error)
    }

    async fn pieces(&self, done: &mut Done) -> Result<(), RetentionError> {
        // Trouble with one part must not keep the others.
        let shredded = self.segments(done).await;
        let emptied = self.bytes(done).await;
        let ended = self.ended(done).await;
        let dead = self.dead(done).await;
        let rest = self.rest(done).await;
        let keys = self.keys(done).await;
        shredded.and(emptied).and(ended).and(dead).and(rest).and(keys)
    }

    /// Shreds segments that are old enough, of each tenant by its own rules.
    async fn segments(&self, done: &mut Done) -> Result<(), RetentionError> {
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
        let mut after = Began::FIRST;
        loop {
            let (now, rules) = (self.clock.now(), self.rules.get());
            let Some(before) = rules.of(tenant).began_before(words, now) else { return Ok(()) };
            let of = tenant.clone();
            let look = move |store: &dyn Store| {
                store.old_segments(&of, words, before, after, SEGMENTS_AT_ONCE_MAX)
            };
            let found = crate::blocking(&self.store, look).await?;
            let Some(last) = found.last().map(OldSegment::began) else { return Ok(()) };
            let old: Vec<_> = found.iter().filter(|segment| may_go(segment, &rules, now)).collect();
            for segment in &old {
                done.files += self.files_of(segment).await?;
            }
            let old: Vec<_> = old.into_iter().map(|segment| segment.id).collect();
            if !old.is_empty() {
                let shred = move |store: &dyn Store| store.shred(&old);
                let shredded = crate::blocking(&self.store, shred).await?;
                self.observer.shredded(shredded);
                done.segments += shredded;
            }
            if found.len() < SEGMENTS_AT_ONCE_MAX {
                return Ok(());
            }
            after = last;
            tokio::time::sleep(BREATH).await;
        }
    }

    /// Removes the files that entries of this segment name: before its key goes, because nobody knows them
    /// after it.
    async fn files_of(&self, segment: &OldSegment) -> Result<u64, RetentionError> {
        if !self.files.has_some(segment.conversation) {
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

    /// Gives back what shredded entries take.
    async fn bytes(&self, done: &mut Done) -> Result<(), RetentionError> {
        loop {
            let empty = |store: &dyn Store| store.empty_shredded(ENTRIES_AT_ONCE_MAX);
            let emptied = crate::blocking(&self.store, empty).await?;
            if emptied == 0 {
                return Ok(());
            }
            done.entries += emptied;
            tokio::time::sleep(BREATH).await;
        }
    }

    /// Forgets sessions and dead letters that are as old as live chats may be.
    async fn ended(&self, done: &mut Done) -> Result<(), RetentionError> {
        for (tenant, retention) in self.rules.get().tenants() {
            let Some(before) = retention.chats_before(self.clock.now()) else { continue };
            loop {
                let tenant = tenant.clone();
                let forget =
                    move |store: &dyn Store| store.forget_ended(&tenant, before, ROWS_AT_ONCE_MAX);
                let forgotten = crate::blocking(&self.store, forget).await?;
                done.rows += forgotten;
                if forgotten < ROWS_AT_ONCE_MAX {
                    break;
                }
                tokio::time::sleep(BREATH).await;
            }
        }
        Ok(())
    }

    /// Forgets conversations of which nothing is left.
    async fn dead(&self, done: &mut Done) -> Result<(), RetentionError> {
        let mut after = Began::FIRST;
        let span = i64::try_from(CONVERSATION_FOR.as_millis()).unwrap_or(i64::MAX);
        loop {
            let before = Timestamp(self.clock.now().0.saturating_sub(span));
            let look =
                move |store: &dyn Store| store.dead_conversations(before, after, ROWS_AT_ONCE_MAX);
            let (dead, last) = crate::blocking(&self.store, look).await?;
            if !dead.is_empty() {
                for some in dead.chunks(FORGOTTEN_AT_ONCE_MAX) {
                    let some = some.to_vec();
                    let forget = move |store: &dyn Store| store.forget(&some, Some(before));
                    let forgotten = crate::blocking(&self.store, forget).await?;
                    self.observer.forgotten(forgotten.conversations);
                    done.conversations += forgotten.conversations;
                    tokio::time::sleep(BREATH).await;
                }
            }
            let Some(last) = last else { return Ok(()) };
            after = last;
            tokio::time::sleep(BREATH).await;
        }
    }

    /// Forgets keys that nobody needs.
    async fn keys(&self, done: &mut Done) -> Result<(), RetentionError> {
        for _ in 0..KEYS_PER_ROUND_MAX / KEYS_AT_ONCE_MAX {
            let sweep = |store: &dyn Store| store.sweep_keys(KEYS_AT_ONCE_MAX);
            let (forgotten, over) = crate::blocking(&self.store, sweep).await?;
            done.keys += forgotten;
            if over {
                break;
            }
            tokio::time::sleep(BREATH).await;
        }
        Ok(())
    }

    /// Goes on with what was begun to be forgotten, here or by somebody who was killed.
    async fn rest(&self, done: &mut Done) -> Result<(), RetentionError> {
        let (entries, files) = forget_rest(&self.store, &self.files).await?;
        done.entries += usize::try_from(entries).unwrap_or(usize::MAX);
        done.files += files;
        person::finish(&self.store, &self.erasing).await
    }
}

/// Removes whatever is left of conversations that are being forgotten: how many entries and files.
pub(crate) async fn forget_rest(
    store: &Arc<dyn Store>,
    files: &Files,
) -> Result<(u64, u64), RetentionError> {
    let (mut entries, mut removed) = (0, 0);
    loop {
        let begun = |store: &dyn Store| store.forgetting(ROWS_AT_ONCE_MAX);
        let begun = crate::blocking(store, begun).await?;
        if begun.is_empty() {
            return Ok((entries, removed));
        }
        let all: HashSet<_> = begun.iter().copied().collect();
        removed += files.forget(&all).await?;
        for id in begun {
            loop {
                let piece = move |store: &dyn Store| store.forget_rest(id, ENTRIES_AT_ONCE_MAX);
                let (gone, over) = crate::blocking(store, piece).await?;
                entries += gone;
                if over {
                    break;
                }
                tokio::time::sleep(BREATH).await;
            }
        }
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

fn tell((done, error): (Done, Option<RetentionError>)) {
    if done != Done::default() {
        tracing::info!(
            retention.segments = done.segments,
            retention.entries = done.entries,
            retention.files = done.files,
            retention.rows = done.rows,
            retention.conversations = done.conversations,
            retention.keys = done.keys,
            "what was kept long enough is shredded"
        );
    }
    if let Some(error) = error {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "what was kept long enough cannot be shredded; it is tried again"
        );
    }
}

impl Retention {
    fn kept(&self, words: Words) -> Option<Duration> {
        match words {
            Words::Chat => self.keep_chats,
            Words::BotTalk => self.keep_bot_talk,
        }
    }

    fn chats_before(&self, now: Timestamp) -> Option<Timestamp> {
        self.keep_chats.map(|kept| before(now, kept))
    }

    /// Segments that began later are kept, or may be written to; `None` if all are kept.
    fn began_before(&self, words: Words, now: Timestamp) -> Option<Timestamp> {
        self.kept(words).map(|kept| before(now, kept.max(WRITTEN_TO_FOR)))
    }
}

fn before(now: Timestamp, span: Duration) -> Timestamp {
    Timestamp(now.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
}
