//! What the watched store only passes on.

use session::id::{SessionId, TenantId, Timestamp};
use store::{
    AuditMark, AuditRow, AuditSource, Began, ConversationId, ConversationRow, Forgetting,
    Forgotten, Leftovers, OldSegment, Resealed, Resealing, SealedKind, SealedPage, SegmentId,
    SessionRow, StoreError, Whose, Words,
};

use super::Watched;

impl AuditSource for Watched {
    fn audit_after(&self, after: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError> {
        self.inner.audit_after(after, limit)
    }

    fn audit_upto(&self, upto: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError> {
        self.inner.audit_upto(upto, limit)
    }

    fn audit_head(&self) -> Result<Option<AuditMark>, StoreError> {
        self.inner.audit_head()
    }

    fn audit_cut(&self) -> Result<Option<AuditMark>, StoreError> {
        self.inner.audit_cut()
    }
}

impl Forgetting for Watched {
    fn old_segments(
        &self,
        tenant: &TenantId,
        words: Words,
        before: Timestamp,
        after: Began,
        limit: usize,
    ) -> Result<Vec<OldSegment>, StoreError> {
        self.inner.old_segments(tenant, words, before, after, limit)
    }

    fn shred(&self, segments: &[SegmentId]) -> Result<usize, StoreError> {
        self.inner.shred(segments)
    }

    fn empty_shredded(&self, limit: usize) -> Result<usize, StoreError> {
        self.inner.empty_shredded(limit)
    }

    fn forget_ended(
        &self,
        tenant: &TenantId,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        self.inner.forget_ended(tenant, before, limit)
    }

    fn dead_conversations(
        &self,
        before: Timestamp,
        after: Began,
        limit: usize,
    ) -> Result<(Vec<ConversationId>, Option<Began>), StoreError> {
        self.inner.dead_conversations(before, after, limit)
    }

    fn conversations_of(
        &self,
        whose: &Whose,
        after: ConversationId,
        limit: usize,
    ) -> Result<Vec<ConversationRow>, StoreError> {
        self.inner.conversations_of(whose, after, limit)
    }

    fn sessions_of(
        &self,
        id: ConversationId,
        after: Option<&SessionId>,
        limit: usize,
    ) -> Result<Vec<SessionRow>, StoreError> {
        self.inner.sessions_of(id, after, limit)
    }

    fn open_session_of(&self, id: ConversationId) -> Result<Option<SessionId>, StoreError> {
        self.inner.open_session_of(id)
    }

    fn forget(
        &self,
        conversations: &[ConversationId],
        dead_before: Option<Timestamp>,
    ) -> Result<Forgotten, StoreError> {
        self.inner.forget(conversations, dead_before)
    }

    fn forgetting(
        &self,
        after: ConversationId,
        limit: usize,
    ) -> Result<Vec<ConversationId>, StoreError> {
        self.inner.forgetting(after, limit)
    }

    fn forget_rest(&self, id: ConversationId, limit: usize) -> Result<(u64, bool), StoreError> {
        self.inner.forget_rest(id, limit)
    }

    fn scrub(&self, what: Leftovers) -> Result<bool, StoreError> {
        self.inner.scrub(what)
    }

    fn scrub_due(&self) -> Result<Option<Leftovers>, StoreError> {
        self.inner.scrub_due()
    }

    fn sweep_keys(&self, limit: usize) -> Result<(usize, bool), StoreError> {
        self.inner.sweep_keys(limit)
    }
}

impl Resealing for Watched {
    fn sealed_unlike(
        &self,
        kind: SealedKind,
        head: &[u8],
        after: i64,
        limit: usize,
    ) -> Result<SealedPage, StoreError> {
        self.inner.sealed_unlike(kind, head, after, limit)
    }

    fn count_unlike(&self, kind: SealedKind, head: &[u8]) -> Result<u64, StoreError> {
        self.inner.count_unlike(kind, head)
    }

    fn reseal(&self, kind: SealedKind, resealed: &[Resealed]) -> Result<usize, StoreError> {
        self.inner.reseal(kind, resealed)
    }
}
