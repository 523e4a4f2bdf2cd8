//! Where a conversation stands: the one row that every message changes.
//!
//! It is changed in memory, recorded in the journal with the transaction that changed it, and
//! written to its row only when its oldest record is about to leave the journal.

use std::sync::Arc;

use rusqlite::{Connection, Row, params};
use session::id::{BotId, ChannelId, ConversationKey, TenantId, Timestamp};

use super::column::{Columns, damaged, signed};
use super::keys;
use super::log::End;
use super::repeats::Repeats;
use crate::{ConversationChange, ConversationId, ConversationRow, Segment, SegmentId, StoreError};

pub(super) const TABLE: &str = "conversation";

/// Where a conversation stands, and what it is found by.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    pub(super) id: ConversationId,
    pub(super) key: Arc<ConversationKey>,
    pub(super) end: End,
    /// The segment that is written to; none if it was shredded.
    pub(super) segment: Option<Segment>,
    pub(super) repeats: Repeats,
    pub(super) clock: Clock,
    pub(super) state: Option<Arc<[u8]>>,
    /// When it was made or last touched, as long as nothing was ever said in it.
    pub(super) silent: Option<i64>,
    /// The row of the journal up to which the stored row has been brought.
    pub(super) folded: i64,
}

/// What the clock looks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Clock {
    pub(super) deadline: Option<i64>,
    pub(super) set_aside: bool,
}

impl Clock {
    /// The deadline, unless the clock must not see it.
    pub(super) fn visible(self) -> Option<i64> {
        self.deadline.filter(|_| !self.set_aside)
    }
}

impl Standing {
    /// A conversation that was made just now.
    pub(super) fn new(id: ConversationId, key: ConversationKey) -> Self {
        Self {
            id,
            key: Arc::new(key),
            end: End::default(),
            segment: None,
            repeats: Repeats::new(id),
            clock: Clock::default(),
            state: None,
            silent: None,
            folded: 0,
        }
    }

    /// Something happened in it at that moment, if it is known when.
    pub(super) fn touch(&mut self, at: Option<Timestamp>) {
        self.silent = match self.end.head {
            None => at.map(|at| at.0).or(self.silent),
            Some(_) => None,
        };
    }

    /// As its row has it; the journal may know better.
    pub(super) fn load(
        connection: &Connection,
        keys: &Connection,
        id: ConversationId,
    ) -> Result<Option<Self>, StoreError> {
        let mut statement = connection.prepare_cached(
            "SELECT k.id, k.tenant, k.channel, k.bot, k.conversation, k.user, c.state, c.head,
                    c.head_number, c.anchor, c.deadline, c.set_aside, c.spilled, c.recent,
                    c.silent_since, c.folded, s.id AS segment
             FROM conversation_key k
             JOIN conversation c ON c.id = k.id
             LEFT JOIN segment s ON s.id = c.segment AND s.shredded = 0
             WHERE k.id = ?1",
        )?;
        let mut rows = statement.query([id.0])?;
        rows.next()?.map(|row| standing(row, keys)).transpose()
    }

    /// Where it stands, as the engine needs it.
    pub(super) fn row(&self) -> ConversationRow {
        ConversationRow {
            id: self.id,
            key: Arc::clone(&self.key),
            state: self.state.clone(),
            segment: self.segment.clone(),
        }
    }

    pub(super) fn take_state(&mut self, change: &ConversationChange) {
        let Some(state) = &change.state else { return };
        self.state = Some(Arc::clone(state));
        self.clock = Clock { deadline: change.deadline.map(|moment| moment.0), set_aside: false };
    }

    /// Brings the row to where the conversation stands, as of this row of the journal.
    pub(super) fn fold(&self, connection: &Connection, journal: i64) -> Result<(), StoreError> {
        let mut statement = connection.prepare_cached(
            "UPDATE conversation
             SET head = ?2, head_number = ?3, anchor = ?4, segment = ?5, spilled = ?6, recent = ?7,
                 state = ?8, folded = ?9
             WHERE id = ?1",
        )?;
        let folded = statement.execute(params![
            self.id.0,
            self.end.head.map(|head| head.row),
            signed(self.end.newest(), TABLE, self.id.0)?,
            self.end.anchor.map(|anchor| anchor.row),
            self.segment.as_ref().map(|segment| segment.id.0),
            self.repeats.spilled,
            self.repeats.column(),
            self.state,
            journal,
        ])?;
        if folded != 1 {
            return Err(absent(self.id));
        }
        // SQLite does not look whether a value that is set is a new one: to name a column of an
        // index is to write the index.
        let mut statement = connection.prepare_cached(
            "UPDATE conversation
             SET deadline = ?2, set_aside = ?3
             WHERE id = ?1 AND (deadline IS NOT ?2 OR set_aside <> ?3)",
        )?;
        statement.execute(params![self.id.0, self.clock.deadline, self.clock.set_aside])?;
        let mut statement = connection.prepare_cached(
            "UPDATE conversation
             SET silent_of = ?2, silent_since = ?3
             WHERE id = ?1 AND silent_since IS NOT ?3",
        )?;
        let of = self.silent.map(|_| self.key.tenant.as_str());
        statement.execute(params![self.id.0, of, self.silent])?;
        Ok(())
    }
}

fn standing(row: &Row<'_>, keys: &Connection) -> Result<Standing, StoreError> {
    let id: i64 = row.get("id")?;
    let columns = Columns { row, table: TABLE, key: &id };
    let id = ConversationId(id);
    let key = ConversationKey {
        tenant: columns.id("tenant", TenantId::new)?,
        channel: columns.id("channel", ChannelId::new)?,
        bot: columns.id("bot", BotId::new)?,
        conversation: columns.text("conversation")?,
        user: columns.text("user")?,
    };
    Ok(Standing {
        id,
        key: Arc::new(key),
        end: End::of(columns)?,
        segment: match columns.get::<Option<i64>>("segment")? {
            Some(open) => keys::find(keys, SegmentId(open))?,
            None => None,
        },
        repeats: Repeats::of(id, columns)?,
        clock: Clock { deadline: columns.get("deadline")?, set_aside: columns.get("set_aside")? },
        state: columns.get::<Option<Vec<u8>>>("state")?.map(Arc::from),
        silent: columns.get("silent_since")?,
        folded: columns.get("folded")?,
    })
}

/// A change names a conversation that was resolved, so it must be there.
pub(super) fn absent(id: ConversationId) -> StoreError {
    damaged(TABLE, id.0, "there is no such row")
}
