//! What goes into the store and what comes out: plain values, no behaviour.

mod outbox;

use std::sync::Arc;

pub use outbox::{
    Claim, DeadLetter, LaneReady, NewEffect, Reschedule, Resend, Strike, Waiting, Work,
};

use session::id::{ConversationKey, DeskId, Number, SessionId, TenantId, Timestamp, UserId};

macro_rules! row_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);
    )*};
}

row_ids! {
    /// A conversation's row. Integers inside, texts outside.
    ConversationId;
    /// A log entry's row: rising over all conversations.
    LogId;
    /// An effect's row in the outbox: rising, so it is also the order within a lane.
    OutboxId;
    /// A stretch of a conversation's log that is sealed under one data key.
    SegmentId;
    /// One run of one process. Leases carry it.
    BootId;
    /// A sender's key for one message, hashed (keyed) by the engine; unique within a conversation.
    RepeatKey;
}

/// The name of a lane: a FIFO of effects, one in flight at a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneKey(pub Box<str>);

/// One person at one desk: at most one live chat each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Person {
    /// The organisation.
    pub tenant: TenantId,
    /// The instance.
    pub desk: DeskId,
    /// The person as the instance knows them.
    pub user: UserId,
}

/// How an event says which conversation it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// By its key; made if it does not exist.
    Key(ConversationKey),
    /// By its key; not made.
    Existing(ConversationKey),
    /// By its row.
    Conversation(ConversationId),
    /// The conversation of a session, open or ended, of this tenant and desk only.
    Session {
        /// The tenant the caller proved to be.
        tenant: TenantId,
        /// The desk the caller proved to be.
        desk: DeskId,
        /// The session named.
        session: SessionId,
    },
    /// The conversation of the session that holds this person.
    Person(Person),
}

/// A conversation found for a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The conversation.
    pub conversation: ConversationRow,
    /// The session the target named or led to.
    pub session: Option<Arc<SessionRow>>,
}

/// A conversation as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationRow {
    /// Its row.
    pub id: ConversationId,
    /// What it is found by.
    pub key: Arc<ConversationKey>,
    /// The sealed state; `None` until the first save.
    pub state: Option<Arc<[u8]>>,
    /// The segment that new entries go to, if one is open and not shredded.
    pub segment: Option<Segment>,
}

/// A segment and its wrapped data key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its row.
    pub id: SegmentId,
    /// The data key, wrapped under the master key.
    pub wrapped_key: Arc<[u8]>,
}

/// A log entry as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRow {
    /// Its place in the conversation.
    pub number: Number,
    /// When it was taken in.
    pub at: Timestamp,
    /// The sealed content.
    pub sealed: Vec<u8>,
    /// Its segment; `None` when the key was shredded, then the entry is a gap.
    pub segment: Option<Segment>,
}

/// A session's row: what is needed for look-up and late news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// The conversation it belongs to.
    pub conversation: ConversationId,
    /// Who it is about, and where.
    pub person: Person,
    /// One of the six statuses.
    pub status: Box<str>,
    /// The reason code of its end; empty while open.
    pub reason: Box<str>,
    /// When the user was handed over.
    pub opened_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// Everything one batch changes. Saved in the order of the fields; repeats together with the
/// conversations they belong to.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// States, segments and log entries.
    pub conversations: Vec<ConversationChange>,
    /// Session rows to insert or replace.
    pub sessions: Vec<SessionRow>,
    /// Answers to remember for repeats.
    pub repeats: Vec<NewRepeat>,
    /// New effects.
    pub effects: Vec<NewEffect>,
    /// Persons taken and freed, in order.
    pub holds: Vec<Hold>,
    /// Effects that must no longer be sent.
    pub strikes: Vec<Strike>,
    /// Effects that are settled and leave the outbox.
    pub settled: Vec<OutboxId>,
    /// Settled effects whose failure is kept for a person to see; they leave the outbox too.
    pub dead: Vec<DeadLetter>,
    /// Dead letters that a person has dealt with. Nothing happens where there is none.
    pub buried: Vec<OutboxId>,
    /// Dead letters that are sent again. Nothing happens where there is none.
    pub resent: Vec<Resend>,
    /// Leased effects that come again.
    pub reschedules: Vec<Reschedule>,
    /// What a channel shows under ids of its own.
    pub placed: Vec<Placed>,
    /// Conversations whose deadline must not fire again until the next save or the next start: their
    /// state cannot be stepped.
    pub set_aside: Vec<ConversationId>,
}

/// What changed in one conversation.
#[derive(Debug, Clone)]
pub struct ConversationChange {
    /// Which.
    pub id: ConversationId,
    /// The new sealed state; `None` leaves it (and the deadline) as it was.
    pub state: Option<Arc<[u8]>>,
    /// The next deadline; only looked at when `state` is given.
    pub deadline: Option<Timestamp>,
    /// A segment to open before the entries are written.
    pub new_segment: Option<NewSegment>,
    /// Entries to append, in order, into the open segment.
    pub entries: Vec<NewEntry>,
}

/// A segment to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSegment {
    /// Its data key, wrapped under the master key.
    pub wrapped_key: Vec<u8>,
    /// When its first entry was taken in.
    pub since: Timestamp,
    /// The live chat it holds; `None` for bot talk.
    pub session: Option<SessionId>,
}

/// A log entry to append.
#[derive(Debug, Clone)]
pub struct NewEntry {
    /// Its number.
    pub number: Number,
    /// When it was taken in.
    pub at: Timestamp,
    /// The sealed content.
    pub sealed: Vec<u8>,
}

/// A person taken or freed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// This session now holds the person. Somebody else's hold is an error (the engine asked),
    /// unless it is void: see [`Transaction::holder`](crate::Transaction::holder).
    Take(Person, SessionId),
    /// This session lets go; nothing happens if it does not hold.
    Free(Person, SessionId),
}

/// A repeat to recognise from now on.
#[derive(Debug, Clone)]
pub struct NewRepeat {
    /// In this conversation,
    pub conversation: ConversationId,
    /// this key
    pub key: RepeatKey,
    /// gets this answer again.
    pub answer: Answer,
    /// When it was first seen; the sweeper forgets old ones.
    pub at: Timestamp,
}

/// What the first of several equal requests was told: the number of its log entry, or zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer(pub Number);

/// An entry that a channel shows, and under which id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// In which conversation.
    pub conversation: ConversationId,
    /// Which entry.
    pub number: Number,
    /// The channel's id for it.
    pub placed_as: Box<str>,
    /// When it was placed; the sweeper forgets old ones.
    pub at: Timestamp,
}

/// How many sessions of one desk have one status and have not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCount {
    /// The organisation.
    pub tenant: TenantId,
    /// The desk.
    pub desk: DeskId,
    /// One of the statuses.
    pub status: Box<str>,
    /// How many.
    pub sessions: u64,
    /// When the oldest of them was opened.
    pub oldest: Timestamp,
}

/// How much there is of what waits, for whoever watches over it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Open sessions, counted by where they are and how far; what would be zero is left out.
    pub sessions: Vec<OpenCount>,
    /// Effects in the outbox, those being attempted among them.
    pub waiting: usize,
    /// Lanes that have some.
    pub lanes: usize,
    /// When the one that came into the outbox first was decided.
    pub oldest: Option<Timestamp>,
    /// Dead letters.
    pub dead_letters: usize,
    /// What the store takes on disk, in bytes.
    pub bytes: u64,
}
