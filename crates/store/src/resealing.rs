//! What is sealed outside the log, and replaced by the same under another key.

use std::sync::Arc;

use session::id::ConversationKey;

use crate::{ConversationId, StoreError};

/// The store as whoever seals anew uses it.
pub trait Resealing {
    /// Blobs of one kind that do not begin with `head`, in the order of their rows, from those after
    /// `after` on; `limit` bounds what is read. While others write, one that was written meanwhile may
    /// be missing.
    fn sealed_unlike(
        &self,
        kind: SealedKind,
        head: &[u8],
        after: i64,
        limit: usize,
    ) -> Result<SealedPage, StoreError>;

    /// How many there are, of what was written before. Looks at all rows of the kind.
    fn count_unlike(&self, kind: SealedKind, head: &[u8]) -> Result<u64, StoreError>;

    /// Replaces blobs of one kind in one short transaction, each only if it still is what it was; says
    /// how many were. Nothing else of their rows changes.
    fn reseal(&self, kind: SealedKind, resealed: &[Resealed]) -> Result<usize, StoreError>;
}

/// What is kept sealed outside the log, one blob a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedKind {
    /// A conversation's state.
    State,
    /// The body of an effect that waits.
    Effect,
    /// The body of a dead letter.
    DeadLetter,
    /// The wrapped data key of a segment that was not shredded.
    SegmentKey,
}

impl SealedKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::State, Self::Effect, Self::DeadLetter, Self::SegmentKey];
}

/// A sealed blob and where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRow {
    /// Its row, of its kind.
    pub row: i64,
    /// Whose it is.
    pub conversation: ConversationId,
    /// What that conversation is found by.
    pub key: Arc<ConversationKey>,
    /// The effect's number; 0 for what is no effect.
    pub number: u64,
    /// It.
    pub sealed: Vec<u8>,
}

/// Some of the blobs of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedPage {
    /// In the order of their rows.
    pub rows: Vec<SealedRow>,
    /// The next page begins after this row; `None` if this was the last one.
    pub upto: Option<i64>,
}

/// A blob that is to be replaced by the same under another key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resealed {
    /// Its row, of its kind.
    pub row: i64,
    /// Whose it is.
    pub conversation: ConversationId,
    /// What it was when it was read.
    pub before: Vec<u8>,
    /// What it is to be.
    pub after: Vec<u8>,
}
