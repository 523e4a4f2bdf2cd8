//! Giving back what entries of shredded segments take.

use store::{SegmentId, Store, StoreError};

use super::{BREATH, Done, ENTRIES_AT_ONCE_MAX, RetentionError, Shredder};

/// Segments whose entries are emptied in one go; each is found by its key.
const SEGMENTS_EMPTIED_AT_ONCE_MAX: usize = 64;

impl Shredder {
    /// Gives back what shredded entries take. A segment that is damaged keeps no other: it is named in the log and
    /// counted, and the next round tries again. Says the first error.
    pub(super) async fn room(&self, done: &mut Done) -> Result<(), RetentionError> {
        let (mut after, mut all) = (SegmentId(0), Ok(()));
        loop {
            let look = move |store: &dyn Store| {
                store.shredded_segments(after, SEGMENTS_EMPTIED_AT_ONCE_MAX)
            };
            let page = crate::blocking(&self.store, look).await?;
            let Some(last) = page.last() else { return all };
            after = *last;
            if self.empty(&page, done).await.is_ok() {
                continue;
            }
            let mut stuck = 0;
            for segment in &page {
                let Err(error) = self.empty(&[*segment], done).await else { continue };
                self.tell_stuck(*segment, &error);
                (stuck, done.stuck) = (stuck + 1, done.stuck + 1);
                let is_its_own = matches!(error, StoreError::Damaged { .. });
                all = all.and(Err(error.into()));
                // Where nothing goes at all (a full disk), the next segments would not go either.
                if stuck == page.len() && !is_its_own {
                    return all;
                }
            }
        }
    }

    /// Empties these, piece by piece.
    async fn empty(&self, segments: &[SegmentId], done: &mut Done) -> Result<(), StoreError> {
        loop {
            let some = segments.to_vec();
            let empty = move |store: &dyn Store| store.empty_shredded(&some, ENTRIES_AT_ONCE_MAX);
            let (emptied, over) = crate::blocking(&self.store, empty).await?;
            done.entries += emptied;
            tokio::time::sleep(BREATH).await;
            if over {
                return Ok(());
            }
        }
    }

    fn tell_stuck(&self, segment: SegmentId, error: &StoreError) {
        self.observer.stuck();
        tracing::error!(
            error = error as &dyn std::error::Error,
            code = "segment_stuck",
            segment.row = segment.0,
            "the room of a stretch that is shredded cannot be given back; the others go on, and it is tried again"
        );
    }
}
