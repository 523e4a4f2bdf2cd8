//! What goes into the store and what comes out: plain values, no behaviour.

use std::sync::Arc;

use session::id::{
    ConversationKey, DeskId, EffectNumber, Number, SessionId, TenantId, Timestamp, UserId,
};

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

/// An effect to put into the outbox.
#[derive(Debug, Clone)]
pub struct NewEffect {
    /// Whose effect.
    pub conversation: ConversationId,
    /// Its number in the conversation; with the conversation it is unique.
    pub number: EffectNumber,
    /// The lane it waits in.
    pub lane: LaneKey,
    /// The session it belongs to, if any; strikes go by it.
    pub session: Option<SessionId>,
    /// What to do, as the engine wrote it. Names log entries, holds no message text.
    pub body: Vec<u8>,
    /// When it was decided.
    pub at: Timestamp,
    /// After this moment it is not attempted again.
    pub expires_at: Timestamp,
    /// Where its trace goes on, as the engine wrote it; `None` when nobody keeps traces.
    pub trace: Option<Box<[u8]>>,
}

/// Effects of one session that must not be sent any more: those with a number below `below` that
/// were never attempted. They stay in their lane, marked, so that their owner hears of it in order.
/// One that is leased for its first attempt is hit when that attempt is given back.
#[derive(Debug, Clone)]
pub struct Strike {
    /// Whose effects.
    pub conversation: ConversationId,
    /// Of which session.
    pub session: SessionId,
    /// Only effects numbered below this one.
    pub below: EffectNumber,
}

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

/// A leased effect that comes again.
#[derive(Debug, Clone, Copy)]
pub struct Reschedule {
    /// Which effect.
    pub effect: OutboxId,
    /// Not before this moment. The lease ends.
    pub not_before: Timestamp,
    /// Whether an attempt was made; false gives the attempt back, so that a strike hits it, also one
    /// that came during the lease.
    pub made: bool,
}

/// A dead letter that goes back to the end of its lane as a new effect: a new row, no attempts, free
/// to be attempted at once. Its number, session and body stay.
#[derive(Debug, Clone, Copy)]
pub struct Resend {
    /// The outbox row it was.
    pub effect: OutboxId,
    /// After this moment it is not attempted again.
    pub expires_at: Timestamp,
}

/// An effect that finally failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The outbox row it was.
    pub effect: OutboxId,
    /// Whose effect.
    pub conversation: ConversationId,
    /// Its number.
    pub number: EffectNumber,
    /// The lane it waited in.
    pub lane: LaneKey,
    /// The session it belonged to.
    pub session: Option<SessionId>,
    /// What was to be done.
    pub body: Vec<u8>,
    /// How often it was attempted.
    pub attempts: u32,
    /// Machine code of the failure.
    pub reason: Box<str>,
    /// When it was given up.
    pub at: Timestamp,
}

/// A lane with waiting effects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneReady {
    /// Which.
    pub lane: LaneKey,
    /// When its head may be attempted.
    pub at: Timestamp,
    /// Its head.
    pub head: OutboxId,
    /// When its head was decided.
    pub decided_at: Timestamp,
    /// After this moment its head is not attempted again.
    pub expires_at: Timestamp,
    /// Its head was struck: it is to be reported, not sent.
    pub struck: bool,
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

/// An effect that waits or is being attempted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its row.
    pub effect: OutboxId,
    /// Its number in the conversation.
    pub number: EffectNumber,
    /// How many attempts there were, one under way among them.
    pub attempts: u32,
    /// When it was decided.
    pub at: Timestamp,
    /// The moment before which it is not attempted (again); 1970 if at once.
    pub not_before: Timestamp,
    /// After this moment it is not attempted again.
    pub expires_at: Timestamp,
    /// It is being attempted.
    pub leased: bool,
    /// It was struck: it is to be reported, not sent.
    pub struck: bool,
    /// What to do, as the engine wrote it.
    pub body: Vec<u8>,
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

/// What came of an attempt to lease a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Nothing waits there.
    Empty,
    /// The head may not be attempted before this moment.
    Later(Timestamp),
    /// Another boot has it, until then.
    Elsewhere(Timestamp),
    /// The head is leased for one attempt.
    Leased(Box<Work>),
}

/// The head of a lane, leased for one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Its row.
    pub effect: OutboxId,
    /// Whose effect.
    pub conversation: ConversationId,
    /// Its number in the conversation.
    pub number: EffectNumber,
    /// The lane.
    pub lane: LaneKey,
    /// The session it belongs to.
    pub session: Option<SessionId>,
    /// What to do, as the engine wrote it.
    pub body: Vec<u8>,
    /// How many attempts there were, this one included; zero when it was struck.
    pub attempts: u32,
    /// When it was decided.
    pub at: Timestamp,
    /// After this moment it is not attempted again.
    pub expires_at: Timestamp,
    /// It was struck before its first attempt: do not send, report it.
    pub struck: bool,
    /// Where its trace goes on; `None` when nobody kept traces, or a person sends it again.
    pub trace: Option<Box<[u8]>>,
}

/// A record of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// From 1, without gaps.
    pub number: u64,
    /// When it was written.
    pub at: Timestamp,
    /// Whose affair it is; `None` for the installation's own.
    pub tenant: Option<TenantId>,
    /// What was done, by its name.
    pub deed: Box<str>,
    /// The rest of it.
    pub sealed: Vec<u8>,
}

/// A mark in the audit trail: its newest record, or the newest of those that were cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditMark {
    /// The record's number.
    pub number: u64,
    /// What the record after it is bound to.
    pub link: Vec<u8>,
    /// Proof that whoever made the records made the mark.
    pub sealed: Vec<u8>,
}

/// A segment that was not shredded, and what a sweep must know before it may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldSegment {
    /// Its row.
    pub id: SegmentId,
    /// Whose log it is a stretch of.
    pub conversation: ConversationId,
    /// The organisation.
    pub tenant: TenantId,
    /// The live chat it holds; `None` for bot talk.
    pub session: Option<SessionId>,
    /// When its first entry was taken in.
    pub since: Timestamp,
    /// When its newest entry was.
    pub newest: Timestamp,
    /// The number of that entry.
    pub last: Number,
    /// A session of its conversation is open, or an effect waits.
    pub busy: bool,
    /// When the newest dead letter of its conversation was given up.
    pub letter: Option<Timestamp>,
}

impl OldSegment {
    /// Its place, after which a look goes on.
    pub fn began(&self) -> Began {
        Began { at: self.since, segment: self.id }
    }

    /// What its words were said in.
    pub fn words(&self) -> Words {
        match self.session {
            Some(_) => Words::Chat,
            None => Words::BotTalk,
        }
    }
}

/// What the words of a segment were said in. Each has a time of its own to be kept for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// A live chat.
    Chat,
    /// What was said with the bot, outside of live chats.
    BotTalk,
}

impl Words {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Chat, Self::BotTalk];
}

/// A place among segments in the order in which they began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Began {
    /// When the one at this place did.
    pub at: Timestamp,
    /// Which one it is.
    pub segment: SegmentId,
}

impl Began {
    /// Before all of them.
    pub const FIRST: Self = Self { at: Timestamp(i64::MIN), segment: SegmentId(0) };
}

/// A person whose data somebody asks for: by the id that their channel gives them, or by the one that the
/// desk knows them by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whose {
    /// The organisation.
    pub tenant: TenantId,
    /// The id.
    pub user: Box<str>,
}

/// How much was forgotten with conversations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Conversations.
    pub conversations: u64,
    /// Live chats.
    pub sessions: u64,
    /// Segments whose keys were there.
    pub segments: u64,
    /// Entries of their logs.
    pub entries: u64,
    /// Effects that waited.
    pub effects: u64,
    /// Dead letters.
    pub dead_letters: u64,
}

impl std::ops::AddAssign for Forgotten {
    fn add_assign(&mut self, more: Self) {
        self.conversations += more.conversations;
        self.sessions += more.sessions;
        self.segments += more.segments;
        self.entries += more.entries;
        self.effects += more.effects;
        self.dead_letters += more.dead_letters;
    }
}
