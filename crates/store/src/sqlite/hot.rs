//! What the store remembers of the conversations that talk.
//!
//! The rows of `conversation` lag behind: where a conversation stands is in the journal first. So
//! whoever asks, asks here before the tables. What is here was committed; a transaction keeps its
//! own changes to itself (`transaction`) and hands them over after its commit.
//!
//! ```text
//!   transaction ──► journal row n (sequential)  ──► … ──► oldest row leaves: what it is the only
//!        └────────► memory (after the commit)             record of is written to its row
//! ```
//!
//! One process owns the files, so this memory is never wrong; and it can always be made anew, by
//! reading the tables and folding in the journal, as every open does.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use session::id::{SessionId, TenantId};

use super::standing::Standing;
use crate::{ConversationId, SessionRow};

/// Records that the journal holds. Of a thousand conversations that talk in turn a row, with all its
/// answers to repeats, is then written once for 16 messages, and its page is no part of what a commit
/// must sync. A start after a crash has at most as many records to fold in: below half a second.
pub(super) const JOURNAL_RECORDS_MAX: usize = 16_384;

/// Conversations remembered, beyond those whose rows lag behind: one or two kilobytes each, ten and
/// more where hundreds of answers are kept.
const ROWS_MAX: usize = 8_192;

/// Sessions remembered: half a kilobyte each.
const SESSIONS_MAX: usize = 16_384;

/// The memory; see the module's page.
#[derive(Debug)]
pub(super) struct Hot {
    /// Records that the journal may hold; [`JOURNAL_RECORDS_MAX`] but for tests.
    records_max: usize,
    rows: HashMap<ConversationId, HotRow>,
    sessions: HashMap<SessionId, Arc<SessionRow>>,
    /// The rows of the journal, oldest first.
    journal: VecDeque<JournalRow>,
    /// How many records they hold.
    records: usize,
    /// What the tables do not know yet of conversations whose rows lag behind.
    times: Times,
}

/// Times of conversations whose rows lag behind, earliest first.
#[derive(Debug, Default)]
struct Times {
    /// Their deadlines, as far as the clock may see them.
    deadlines: BTreeSet<(i64, ConversationId)>,
    /// Since when nothing was ever said in them.
    silent: BTreeSet<(i64, ConversationId)>,
}

impl Times {
    fn add(&mut self, standing: &Standing) {
        self.deadlines.extend(standing.clock.visible().map(|deadline| (deadline, standing.id)));
        self.silent.extend(standing.silent.map(|since| (since, standing.id)));
    }

    fn forget(&mut self, standing: &Standing) {
        if let Some(deadline) = standing.clock.visible() {
            self.deadlines.remove(&(deadline, standing.id));
        }
        if let Some(since) = standing.silent {
            self.silent.remove(&(since, standing.id));
        }
    }

    fn clear(&mut self) {
        self.deadlines.clear();
        self.silent.clear();
    }
}

#[derive(Debug)]
struct HotRow {
    standing: Standing,
    /// The stored row lags behind.
    lags: bool,
}

#[derive(Debug)]
struct JournalRow {
    id: i64,
    records: usize,
    /// The conversations whose stored rows lack this record and none before it.
    oldest_of: Vec<ConversationId>,
}

/// What leaves the journal with a transaction.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    /// How many rows, from the oldest on.
    rows: usize,
    /// The conversations that must be written to their rows first.
    pub(super) conversations: Vec<ConversationId>,
    /// The first row that stays.
    pub(super) before: i64,
}

/// What a transaction hands over when it was committed.
#[derive(Debug)]
pub(super) struct Handover {
    /// The row it added to the journal, if it changed where a conversation stands.
    pub(super) journal: Option<i64>,
    pub(super) changed: Vec<Standing>,
    /// Looked up, unchanged.
    pub(super) seen: Vec<Standing>,
    pub(super) sessions: Vec<Arc<SessionRow>>,
    pub(super) leaving: Leaving,
}

impl Hot {
    /// Nothing is remembered yet, and the journal holds nothing that is not in the rows.
    pub(super) fn new(records_max: usize) -> Self {
        Self {
            records_max,
            rows: HashMap::new(),
            sessions: HashMap::new(),
            journal: VecDeque::new(),
            records: 0,
            times: Times::default(),
        }
    }

    pub(super) fn standing(&self, id: ConversationId) -> Option<&Standing> {
        self.rows.get(&id).map(|row| &row.standing)
    }

    /// Whether the stored row must not be believed.
    pub(super) fn lags(&self, id: ConversationId) -> bool {
        self.rows.get(&id).is_some_and(|row| row.lags)
    }

    pub(super) fn session(&self, id: &SessionId) -> Option<&Arc<SessionRow>> {
        self.sessions.get(id)
    }

    /// Deadlines that the table does not know yet, earliest first.
    pub(super) fn deadlines(&self) -> impl Iterator<Item = (i64, ConversationId)> {
        self.times.deadlines.iter().copied()
    }

    /// Conversations of a tenant in which nothing was ever said, as far as the table does not know it yet: those
    /// longest silent first.
    pub(super) fn silent<'h>(
        &'h self,
        tenant: &'h TenantId,
        after: (i64, ConversationId),
        before: i64,
    ) -> impl Iterator<Item = (i64, ConversationId)> + 'h {
        let theirs = |id| self.standing(id).is_some_and(|standing| standing.key.tenant == *tenant);
        let due = self.times.silent.range((Bound::Excluded(after), Bound::Unbounded)).copied();
        due.take_while(move |(since, _)| *since < before).filter(move |(_, id)| theirs(*id))
    }

    /// What leaves the journal if a row of this many records is added now.
    pub(super) fn leaving(&self, added: usize) -> Leaving {
        let mut leaving = Leaving::default();
        let mut records = self.records + added;
        for row in &self.journal {
            leaving.before = row.id;
            if records <= self.records_max {
                return leaving;
            }
            records -= row.records;
            leaving.rows += 1;
            leaving.conversations.extend(&row.oldest_of);
        }
        leaving.before = i64::MAX;
        leaving
    }

    /// Everything leaves, whatever the journal holds.
    pub(super) fn lagging(&self) -> impl Iterator<Item = &Standing> {
        self.rows.values().filter(|row| row.lags).map(|row| &row.standing)
    }

    /// Takes over what was committed.
    pub(super) fn take(&mut self, handover: Handover) {
        let Handover { journal, changed, seen, sessions, leaving } = handover;
        for row in self.journal.drain(..leaving.rows) {
            self.records -= row.records;
        }
        for id in leaving.conversations {
            if let Some(row) = self.rows.get_mut(&id) {
                row.lags = false;
                self.times.forget(&row.standing);
            }
        }
        if let Some(id) = journal {
            let mut added = JournalRow { id, records: changed.len(), oldest_of: Vec::new() };
            for standing in changed {
                self.change(standing, &mut added.oldest_of);
            }
            self.records += added.records;
            self.journal.push_back(added);
        }
        for standing in seen {
            self.rows.entry(standing.id).or_insert(HotRow { standing, lags: false });
        }
        for session in sessions {
            self.sessions.insert(session.id.clone(), session);
        }
        self.shrink();
    }

    fn change(&mut self, standing: Standing, oldest_of: &mut Vec<ConversationId>) {
        let id = standing.id;
        let before = self.rows.remove(&id);
        match before {
            Some(HotRow { standing: before, lags: true }) => {
                self.times.forget(&before);
            }
            Some(HotRow { lags: false, .. }) | None => oldest_of.push(id),
        }
        self.times.add(&standing);
        self.rows.insert(id, HotRow { standing, lags: true });
    }

    /// Everything was written to the rows.
    pub(super) fn folded(&mut self, newest: i64) {
        self.journal.clear();
        self.journal.extend((newest > 0).then(|| JournalRow {
            id: newest,
            records: 0,
            oldest_of: Vec::new(),
        }));
        self.records = 0;
        self.times.clear();
        self.rows.clear();
    }

    /// These segments are not written to any more.
    pub(super) fn shredded(&mut self, segments: &[crate::SegmentId]) {
        for row in self.rows.values_mut() {
            let standing = &mut row.standing;
            if standing.segment.as_ref().is_some_and(|open| segments.contains(&open.id)) {
                standing.segment = None;
            }
        }
    }

    /// These conversations are forgotten, and their sessions with them. Their records were folded in, or the
    /// next open passes over them.
    pub(super) fn forget(&mut self, conversations: &[ConversationId]) {
        for id in conversations {
            if let Some(row) = self.rows.remove(id) {
                self.times.forget(&row.standing);
            }
        }
        for row in &mut self.journal {
            row.oldest_of.retain(|id| !conversations.contains(id));
        }
        self.sessions.retain(|_, session| !conversations.contains(&session.conversation));
    }

    /// The rows of these sessions are gone.
    pub(super) fn forget_sessions(&mut self, sessions: &[SessionId]) {
        for session in sessions {
            self.sessions.remove(session);
        }
    }

    /// The key of an open segment is wrapped otherwise.
    pub(super) fn rewrapped(
        &mut self,
        conversation: ConversationId,
        segment: crate::SegmentId,
        wrapped_key: &[u8],
    ) {
        let row = self.rows.get_mut(&conversation);
        let open = row.and_then(|row| row.standing.segment.as_mut());
        if let Some(open) = open.filter(|open| open.id == segment) {
            open.wrapped_key = Arc::from(wrapped_key);
        }
    }

    /// Forgets what the tables know as well, when there is too much of it.
    fn shrink(&mut self) {
        if self.rows.len() > ROWS_MAX + self.records_max {
            self.rows.retain(|_, row| row.lags);
        }
        if self.sessions.len() > SESSIONS_MAX {
            self.sessions.clear();
        }
    }
}
