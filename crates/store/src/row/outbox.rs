//! Effects: on their way into the outbox, in it, and out of it.

use session::id::{EffectNumber, SessionId, Timestamp};

use crate::{ConversationId, LaneKey, OutboxId};

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
