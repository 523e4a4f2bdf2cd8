//! Walks through the entries of one segment, newest first.

use rusqlite::{Connection, OptionalExtension, params};

use super::segments::head;
use crate::{
    ConversationId, SegmentId, StoreError,
    sqlite::{column::damaged, hot::Hot},
};

/// Where a walk begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sqlite) enum On {
    /// At the segment's newest entry.
    ItsEnd,
    /// Where the last one rested, if one did.
    WhereItRested,
}

/// A walk back through the entries of one segment, which goes on where it was left.
pub(in crate::sqlite) struct Walk {
    segment: SegmentId,
    at: Option<i64>,
}

impl Walk {
    pub(in crate::sqlite) fn through(
        writer: &Connection,
        hot: &Hot,
        segment: SegmentId,
        on: On,
    ) -> Result<Self, StoreError> {
        let mut select = writer.prepare_cached(
            "SELECT s.conversation, iif(?2, coalesce(s.rest, s.last), s.last), c.head
             FROM segment s
             JOIN conversation c ON c.id = s.conversation
             WHERE s.id = ?1",
        )?;
        let ends: Option<(i64, Option<i64>, Option<i64>)> = select
            .query_row(params![segment.0, on == On::WhereItRested], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        let Some((conversation, begin, stored)) = ends else {
            return Ok(Self { segment, at: None });
        };
        let at = match begin {
            Some(row) => Some(row),
            None => head(hot, ConversationId(conversation), stored),
        };
        Ok(Self { segment, at })
    }

    /// The next entry's row.
    pub(in crate::sqlite) fn next(
        &mut self,
        writer: &Connection,
    ) -> Result<Option<i64>, StoreError> {
        let Some(row) = self.at else { return Ok(None) };
        let mut select = writer.prepare_cached("SELECT segment, prev FROM log WHERE id = ?1")?;
        let found: Option<(i64, Option<i64>)> =
            select.query_row([row], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some((segment, prev)) = found else {
            return Err(damaged("log", row, "there is no such row, and a segment goes through it"));
        };
        if segment != self.segment.0 {
            self.at = None;
            return Ok(None);
        }
        self.at = prev;
        Ok(Some(row))
    }

    /// Whether there is nothing more.
    pub(in crate::sqlite) fn is_over(&self) -> bool {
        self.at.is_none()
    }

    /// Remembers where to go on; what was passed is still there.
    pub(super) fn rest(&self, writer: &Connection) -> Result<(), StoreError> {
        writer
            .prepare_cached("UPDATE segment SET rest = ?2 WHERE id = ?1")?
            .execute(params![self.segment.0, self.at])?;
        Ok(())
    }

    /// The segment ends here now; what was passed is gone, and where another walk rested may be, too.
    pub(in crate::sqlite) fn cut(&self, writer: &Connection) -> Result<(), StoreError> {
        writer
            .prepare_cached("UPDATE segment SET last = ?2, rest = NULL WHERE id = ?1")?
            .execute(params![self.segment.0, self.at])?;
        Ok(())
    }
}
