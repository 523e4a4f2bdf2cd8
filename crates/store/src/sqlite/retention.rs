//! Shredding what is old, and forgetting conversations: what may go is judged by the gateway, which knows each
//! tenant's rules; here stands what it must know, and how it goes: in pieces, each a short transaction.
//!
//! Segments: `segments`; what is left when their words are gone: `ended`; a conversation that is forgotten
//! altogether: `sqlite::forgetting`.

pub(super) mod ended;
pub(super) mod segments;
pub(super) mod walk;

use std::sync::PoisonError;

use rusqlite::{Connection, TransactionBehavior};
use session::id::{SessionId, TenantId, Timestamp};

use super::{
    SqliteStore,
    forgetting::{self, Thorough},
    keys, scrubbing, sessions,
};
use crate::{
    Began, ConversationId, ConversationRow, Forgetting, Forgotten, Leftovers, OldSegment,
    SegmentId, SessionRow, StoreError, Whose, Words,
};

/// Segments whose entries are emptied in one go; each is found by its key.
const SEGMENTS_EMPTIED_AT_ONCE: usize = 64;

impl SqliteStore {
    /// Nobody writes to these segments any more; their keys are still there.
    pub(super) fn mark_shredded(&self, segments: &[SegmentId]) -> Result<usize, StoreError> {
        let mut writer = self.writer();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let marked = segments::mark(&transaction, segments)?;
        transaction.commit()?;
        self.hot_mut().shredded(segments);
        Ok(marked)
    }

    /// Nobody finds these conversations any more; the keys of their segments are still there.
    pub(super) fn begin_forgetting(
        &self,
        conversations: &[ConversationId],
        dead_before: Option<Timestamp>,
    ) -> Result<(Forgotten, Vec<SegmentId>), StoreError> {
        let mut writer = self.writer();
        // What the journal says of them is to go as well, so it is folded in first.
        self.fold(&mut writer)?;
        let thorough = Thorough::begin(&writer)?;
        let transaction = writer.unchecked_transaction()?;
        let (mut forgotten, mut segments) = (Forgotten::default(), Vec::new());
        let mut begun = Vec::new();
        for id in conversations {
            if let Some(before) = dead_before
                && !ended::is_dead(&transaction, &self.hot(), *id, before)?
            {
                continue;
            }
            let (more, theirs) = forgetting::begin(&transaction, &self.hot(), *id)?;
            begun.extend((more.conversations == 1).then_some(*id));
            forgotten += more;
            segments.extend(theirs);
        }
        forgetting::empty_journal(&transaction)?;
        transaction.commit()?;
        drop(thorough);
        self.hot_mut().forget(&begun);
        self.checkpointer.committed();
        Ok((forgotten, segments))
    }

    /// One short transaction of its own.
    pub(super) fn in_short<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut writer = self.writer();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        self.checkpointer.committed();
        Ok(done)
    }
}

impl Forgetting for SqliteStore {
    fn old_segments(
        &self,
        tenant: &TenantId,
        words: Words,
        before: Timestamp,
        after: Began,
        limit: usize,
    ) -> Result<Vec<OldSegment>, StoreError> {
        let of = (tenant, words);
        self.read(|reader| segments::old_segments(reader, &self.hot(), of, before, after, limit))
    }

    fn shred(&self, segments: &[SegmentId]) -> Result<usize, StoreError> {
        let marked = self.mark_shredded(segments)?;
        self.keys.forget(segments)?;
        Ok(marked)
    }

    fn empty_shredded(&self, limit: usize) -> Result<usize, StoreError> {
        let segments = self.read(|reader| segments::marked(reader, SEGMENTS_EMPTIED_AT_ONCE))?;
        if segments.is_empty() {
            return Ok(0);
        }
        // Whoever marked them may have been killed before their keys went.
        self.keys.forget(&segments)?;
        let mut writer = self.writer();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let emptied = segments::empty(&transaction, &self.hot(), &segments, limit)?;
        transaction.commit()?;
        self.checkpointer.committed();
        Ok(emptied.max(1))
    }

    fn forget_ended(
        &self,
        tenant: &TenantId,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let mut writer = self.writer();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (sessions, letters) = ended::forget_ended(&transaction, tenant, before, limit)?;
        transaction.commit()?;
        self.hot_mut().forget_sessions(&sessions);
        Ok(sessions.len() + letters)
    }

    fn dead_conversations(
        &self,
        before: Timestamp,
        after: Began,
        limit: usize,
    ) -> Result<(Vec<ConversationId>, Option<Began>), StoreError> {
        self.read(|reader| ended::dead_conversations(reader, &self.hot(), before, after, limit))
    }

    fn conversations_of(
        &self,
        whose: &Whose,
        after: ConversationId,
        limit: usize,
    ) -> Result<Vec<ConversationRow>, StoreError> {
        self.read(|reader| {
            let ids = forgetting::of_person(reader, whose, after, limit)?;
            let rows = ids.into_iter().map(|id| self.standing(reader, id));
            Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
        })
    }

    fn sessions_of(
        &self,
        id: ConversationId,
        after: Option<&SessionId>,
        limit: usize,
    ) -> Result<Vec<SessionRow>, StoreError> {
        self.read(|reader| sessions::of_conversation(reader, id, after, limit))
    }

    fn open_session_of(&self, id: ConversationId) -> Result<Option<SessionId>, StoreError> {
        self.read(|reader| forgetting::open_session(reader, id))
    }

    fn forget(
        &self,
        conversations: &[ConversationId],
        dead_before: Option<Timestamp>,
    ) -> Result<Forgotten, StoreError> {
        let (forgotten, segments) = self.begin_forgetting(conversations, dead_before)?;
        self.keys.forget(&segments)?;
        Ok(forgotten)
    }

    fn forgetting(
        &self,
        after: ConversationId,
        limit: usize,
    ) -> Result<Vec<ConversationId>, StoreError> {
        self.read(|reader| forgetting::begun(reader, after, limit))
    }

    fn forget_rest(&self, id: ConversationId, limit: usize) -> Result<(u64, bool), StoreError> {
        // Whoever began may have been killed before the keys went.
        self.keys.forget(&self.read(|reader| forgetting::segments_of(reader, id))?)?;
        let writer = self.writer();
        let thorough = Thorough::begin(&writer)?;
        let transaction = writer.unchecked_transaction()?;
        let piece = forgetting::piece(&transaction, &self.hot(), id, limit)?;
        transaction.commit()?;
        drop(thorough);
        self.checkpointer.committed();
        Ok(piece)
    }

    fn scrub(&self, what: Leftovers) -> Result<bool, StoreError> {
        self.scrub_files(what, scrubbing::EMPTY_TRIES_MAX)
    }

    fn scrub_due(&self) -> Result<Option<Leftovers>, StoreError> {
        self.read(|reader| scrubbing::due(reader))
    }

    fn sweep_keys(&self, limit: usize) -> Result<(usize, bool), StoreError> {
        let mut swept = self.keys_swept.lock().unwrap_or_else(PoisonError::into_inner);
        let (page, mut unused) = self.read(|reader| {
            let page = keys::page(&reader.keys, *swept, limit)?;
            let unused = segments::without_entries(reader, &page)?;
            Ok((page, unused))
        })?;
        if !unused.is_empty() {
            // A key is durable before its segment is; while we have the writer, nobody is in between. Ids are
            // never given twice, so what is not in use now never will be.
            unused = segments::without_entries(&self.writer(), &unused)?;
            self.keys.forget(&unused)?;
        }
        let over = page.len() < limit;
        *swept = page.last().copied().filter(|_| !over).unwrap_or(SegmentId(0));
        Ok((unused.len(), over))
    }
}
