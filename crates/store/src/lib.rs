//! What is durable, behind one trait of use cases.
//!
//! A store keeps conversations (a sealed state and its next deadline), the numbered log, the outbox
//! with its lanes, sessions for look-up, who holds which person at which desk, and which repeats
//! were already answered. Everything that one batch of events changes is saved in one transaction.
//!
//! It deliberately does not know what any of it means: states, entries and effects arrive as
//! opaque bytes, sealed by others. Rules of integrity (unique, not null) live in SQL; rules about
//! what should happen live in the `session` crate.
//!
//! Whoever is outside sees their own tenant only, by how the reads are made: a conversation is found by its whole key,
//! which begins with the tenant; what is found by an id that somebody may name, or listed for somebody, takes a
//! [`Sight`]; and a row id ([`ConversationId`] among them) never comes from outside: it is in a row that was found so,
//! or in a capability that the gateway signed.
//!
//! All methods block. Call [`Store::transact`] from a thread of its own and the reads from threads
//! that may wait for a disk.

mod audit;
mod error;
mod forgetting;
mod resealing;
mod row;
mod sight;
pub mod sqlite;

#[cfg(test)]
mod contract;

pub use audit::{AuditMark, AuditRow, AuditSource};
pub use error::StoreError;
pub use forgetting::{Began, Forgetting, Forgotten, Leftovers, OldSegment, Whose, Words};
pub use resealing::{Resealed, Resealing, SealedKind, SealedPage, SealedRow};
pub use row::{
    Answer, BootId, Changes, Claim, ConversationChange, ConversationId, ConversationRow,
    DeadLetter, EntryRow, Hold, LaneKey, LaneReady, LogId, NewEffect, NewEntry, NewRepeat,
    NewSegment, Numbers, OpenCount, OutboxId, Person, Placed, RepeatKey, Reschedule, Resend,
    Resolved, Segment, SegmentId, SessionRow, Strike, Target, Waiting, Work,
};
pub use sight::Sight;

use session::id::{ConversationKey, Number, SessionId, Timestamp};

/// The most log entries one read returns; a page, not a limit of the log.
pub const ENTRIES_PER_READ_MAX: usize = 1_000;

/// No pause and no lease is longer than this. A moment further ahead was written before the clock was
/// set back; it counts as past, so that nothing waits for the size of the step.
pub const AHEAD_MAX: std::time::Duration = std::time::Duration::from_hours(1);

/// The durable side of the loop. Whoever shreds and erases, seals anew or reads the audit trail finds the rest
/// of it in traits of their own.
pub trait Store: AuditSource + Forgetting + Resealing + Send + Sync + 'static {
    /// Runs `work` in one write transaction and commits what it saved. On an error, from `work` or
    /// from the commit, nothing has changed.
    ///
    /// One caller at a time makes progress; the engine calls it from its own thread only.
    fn transact(
        &self,
        work: &mut dyn FnMut(&mut dyn Transaction) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;

    /// Takes over after a start: leases of earlier boots that can no longer be alive are void.
    /// (SQLite: all of them. PostgreSQL: none, they expire by themselves.) Conversations that were
    /// set aside get another try: what could not step them may have been mended.
    fn take_over(&self, boot: BootId) -> Result<(), StoreError>;

    /// A conversation as it stands, if there is one.
    fn conversation(&self, key: &ConversationKey) -> Result<Option<ConversationRow>, StoreError>;

    /// Whether there is a conversation of this key with any user, whoever the key names.
    fn is_taken(&self, key: &ConversationKey) -> Result<bool, StoreError>;

    /// A conversation by its row id.
    fn conversation_by_id(&self, id: ConversationId)
    -> Result<Option<ConversationRow>, StoreError>;

    /// Log entries with numbers greater than `after`, oldest first, at most `limit` and never more
    /// than [`ENTRIES_PER_READ_MAX`].
    fn entries_after(
        &self,
        conversation: ConversationId,
        after: Number,
        limit: usize,
    ) -> Result<Vec<EntryRow>, StoreError>;

    /// The newest `limit` log entries with numbers up to and including `upto`, oldest first.
    fn entries_upto(
        &self,
        conversation: ConversationId,
        upto: Number,
        limit: usize,
    ) -> Result<Vec<EntryRow>, StoreError>;

    /// The newest log entry that was taken in at or before `at`; zero if there is none. Times of
    /// entries rise with their numbers, so what is provided here searches by halves.
    fn newest_at(&self, conversation: ConversationId, at: Timestamp) -> Result<Number, StoreError> {
        let upto = |number: u64| -> Result<Option<EntryRow>, StoreError> {
            Ok(self.entries_upto(conversation, Number(number), 1)?.pop())
        };
        let Some(newest) = upto(u64::MAX)? else { return Ok(Number(0)) };
        // Entries up to `early` are early enough, those from `late` on are not.
        let (mut early, mut late) = (0, newest.number.0.saturating_add(1));
        if newest.at <= at {
            return Ok(newest.number);
        }
        while early + 1 < late {
            let middle = early + (late - early) / 2;
            match upto(middle)? {
                Some(entry) if entry.at <= at => early = middle,
                Some(_) | None => late = middle,
            }
        }
        Ok(Number(early))
    }

    /// A session's row, if it is there for whoever looks.
    fn session(&self, id: &SessionId, sight: &Sight) -> Result<Option<SessionRow>, StoreError>;

    /// Sessions that have not ended, as far as whoever looks may see them, in the order of their ids, at most
    /// `limit` of those after `after`.
    fn open_sessions(
        &self,
        sight: &Sight,
        after: Option<&SessionId>,
        limit: usize,
    ) -> Result<Vec<SessionRow>, StoreError>;

    /// Effects of a session that wait or are being attempted, in the order of their rows, at most
    /// `limit`. What was settled is not kept anywhere.
    fn waiting_effects(
        &self,
        conversation: ConversationId,
        session: &SessionId,
        limit: usize,
    ) -> Result<Vec<Waiting>, StoreError>;

    /// Lanes that have waiting effects, with the moment their head may be attempted; those ready
    /// soonest first, at most `limit`.
    fn lanes(&self, limit: usize) -> Result<Vec<LaneReady>, StoreError>;

    /// Conversations whose deadline is at or before `now`, earliest first, at most `limit`;
    /// conversations that were set aside are left out.
    fn due(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(ConversationId, Timestamp)>, StoreError>;

    /// The earliest deadline there is, due or not; conversations that were set aside are left out.
    fn next_deadline(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Dead letters, as far as whoever looks may see them, newest first, at most `limit`.
    fn dead_letters(&self, sight: &Sight, limit: usize) -> Result<Vec<DeadLetter>, StoreError>;

    /// How many dead letters whoever looks may see.
    fn count_dead_letters(&self, sight: &Sight) -> Result<usize, StoreError>;

    /// The dead letter of an effect, until it is buried or resent, if it is there for whoever looks.
    fn dead_letter(
        &self,
        effect: OutboxId,
        sight: &Sight,
    ) -> Result<Option<DeadLetter>, StoreError>;

    /// A small named value of the installation itself (key check value, sealed tokens).
    fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Keeps a small named value; replaces an earlier one.
    fn keep_setting(&self, name: &str, value: &[u8]) -> Result<(), StoreError>;

    /// Keeps a named value in the place of an earlier one that nobody may read any more: notes in the same
    /// transaction that what it was is to leave the files, which [`Forgetting::scrub`] sees to.
    fn supersede(&self, name: &str, value: &[u8], what: Leftovers) -> Result<(), StoreError>;

    /// The named values whose names begin with `prefix`, in the order of their names.
    fn settings(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError>;

    /// Replaces a named value that still is `before`; says whether it was.
    fn replace_setting(&self, name: &str, before: &[u8], value: &[u8]) -> Result<bool, StoreError>;

    /// Begins the audit trail: keeps its key, a small named value, and makes `head` its head; both or
    /// nothing.
    fn begin_audit(&self, key: (&str, &[u8]), head: &AuditMark) -> Result<(), StoreError>;

    /// Appends records to the audit trail and makes `head` its head. The numbers go on where the
    /// trail ends; anything else is refused and nothing is appended.
    fn append_audit(&self, rows: &[AuditRow], head: &AuditMark) -> Result<(), StoreError>;

    /// Removes the oldest records of the audit trail, up to and with the mark's, and keeps the mark.
    /// Says how many went.
    fn cut_audit(&self, mark: &AuditMark) -> Result<usize, StoreError>;

    /// Forgets repeats that were first seen before `repeats_before`, at most `limit` in one short
    /// transaction, and says how many. A store may keep the newest ones of a conversation longer,
    /// if their number is bounded. The sweeper goes round: fewer than `limit` means that the round
    /// has come to its end, and the next call begins a new one.
    fn sweep(&self, repeats_before: Timestamp, limit: usize) -> Result<usize, StoreError>;

    /// The id under which a channel shows this entry, if it was told and not forgotten.
    fn placed_as(
        &self,
        conversation: ConversationId,
        number: Number,
    ) -> Result<Option<Box<str>>, StoreError>;

    /// The entry that a channel shows under this id, the newest if there are several.
    fn placed_entry(
        &self,
        conversation: ConversationId,
        placed_as: &str,
    ) -> Result<Option<Number>, StoreError>;

    /// Forgets under which ids channels show what was placed before then, oldest first and at most
    /// `limit` in one short transaction, and says how many.
    fn forget_placed(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError>;

    /// How much there is of what waits. Reads indexes and what is open, never the whole log: some
    /// milliseconds with 100,000 conversations.
    fn numbers(&self) -> Result<Numbers, StoreError>;

    /// Proves that the store answers (for readiness).
    fn ping(&self) -> Result<(), StoreError>;
}

/// One write transaction. The engine calls the methods in this order: resolve, repeats, holder and
/// waiting (as often as needed), save, claim.
pub trait Transaction {
    /// Finds (for [`Target::Key`]: makes) the conversations of these targets and locks them in id
    /// order. The result is parallel to `targets`; `None` where there is nothing.
    fn resolve(&mut self, targets: &[&Target]) -> Result<Vec<Option<Resolved>>, StoreError>;

    /// The first answers to these keys, parallel to `keys`.
    fn repeats(
        &mut self,
        keys: &[(ConversationId, RepeatKey)],
    ) -> Result<Vec<Option<Answer>>, StoreError>;

    /// The session that holds this person at this desk. A hold is void, and not reported, once its
    /// session has ended and no effect of that session is left in the outbox.
    fn holder(&mut self, person: &Person) -> Result<Option<SessionId>, StoreError>;

    /// How many effects wait in this lane, the one being attempted among them; counting stops at
    /// `limit`.
    fn waiting(&mut self, lane: &LaneKey, limit: usize) -> Result<usize, StoreError>;

    /// Writes everything that a batch changed.
    fn save(&mut self, changes: &Changes) -> Result<(), StoreError>;

    /// Leases the heads of these lanes for one attempt each, until `until`. Parallel to `lanes`.
    fn claim(
        &mut self,
        lanes: &[LaneKey],
        boot: BootId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Claim>, StoreError>;
}
