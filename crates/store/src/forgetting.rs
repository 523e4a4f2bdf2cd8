//! What is old, or is to be forgotten because its person asks for it.

use session::id::{Number, SessionId, TenantId, Timestamp};

use crate::{ConversationId, ConversationRow, SegmentId, SessionRow, StoreError};

/// The store as shredder and erasure use it. Everything goes in pieces, and goes on after a kill.
pub trait Forgetting {
    /// Segments of a tenant that hold such words, were not shredded and began before then: oldest first, those
    /// after `after`, at most `limit`. Reads nothing that began later.
    fn old_segments(
        &self,
        tenant: &TenantId,
        words: Words,
        before: Timestamp,
        after: Began,
        limit: usize,
    ) -> Result<Vec<OldSegment>, StoreError>;

    /// Shreds segments: when this returns their data keys are gone from the disk, and their entries are gaps
    /// for whoever has the master key, too. Nothing happens to those that are not there or were shredded
    /// before. Says how many were not.
    fn shred(&self, segments: &[SegmentId]) -> Result<usize, StoreError>;

    /// Gives back what entries of shredded segments take, at most `limit` of them in one short transaction;
    /// zero when there is nothing left to do. Goes on with a shredding that was interrupted.
    fn empty_shredded(&self, limit: usize) -> Result<usize, StoreError>;

    /// Forgets a tenant's sessions that ended before then and whose segments are all shredded, unless
    /// something of theirs waits, and its dead letters that were given up before then; at most `limit` of
    /// each in one short transaction. Says how many there were of both.
    fn forget_ended(
        &self,
        tenant: &TenantId,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError>;

    /// Of the `limit` conversations after `after` whose newest segment is emptied and began before then, those
    /// in which nothing was said since and of which nothing is left that anybody needs; and where to go on,
    /// `None` at the end. Reads nothing of the others.
    fn dead_conversations(
        &self,
        before: Timestamp,
        after: Began,
        limit: usize,
    ) -> Result<(Vec<ConversationId>, Option<Began>), StoreError>;

    /// A person's conversations, in the order of their rows after `after`, at most `limit`.
    fn conversations_of(
        &self,
        whose: &Whose,
        after: ConversationId,
        limit: usize,
    ) -> Result<Vec<ConversationRow>, StoreError>;

    /// The sessions of a conversation, open and ended, in the order of their ids after `after`, at most
    /// `limit`.
    fn sessions_of(
        &self,
        id: ConversationId,
        after: Option<&SessionId>,
        limit: usize,
    ) -> Result<Vec<SessionRow>, StoreError>;

    /// The session of a conversation that has not ended.
    fn open_session_of(&self, id: ConversationId) -> Result<Option<SessionId>, StoreError>;

    /// Forgets conversations with all that is kept of them. When this returns nobody finds them, and their
    /// entries open for nobody; what is left of them goes with [`Forgetting::forget_rest`]. Nothing happens to
    /// those that are gone, or in which a session is open; nor, with `dead_before`, to those that are not dead
    /// any more (see [`Forgetting::dead_conversations`]): their user may have come back.
    fn forget(
        &self,
        conversations: &[ConversationId],
        dead_before: Option<Timestamp>,
    ) -> Result<Forgotten, StoreError>;

    /// Conversations that were forgotten and of which something is left, in the order of their rows after `after`,
    /// at most `limit`.
    fn forgetting(
        &self,
        after: ConversationId,
        limit: usize,
    ) -> Result<Vec<ConversationId>, StoreError>;

    /// Removes what is left of a forgotten conversation, at most `limit` entries in one short transaction. Says
    /// how many, and whether that was the rest.
    fn forget_rest(&self, id: ConversationId, limit: usize) -> Result<(u64, bool), StoreError>;

    /// Sees to it that nothing that was deleted or replaced is left in the store's files. Messages go on meanwhile.
    /// False if somebody read all the time (some seconds), and it is to be tried again.
    fn scrub(&self, what: Leftovers) -> Result<bool, StoreError>;

    /// What was noted with [`Store::supersede`](crate::Store::supersede) and not scrubbed since.
    fn scrub_due(&self) -> Result<Option<Leftovers>, StoreError>;

    /// Forgets data keys that nobody needs: of segments that were shredded, or whose entries were never
    /// committed. Looks at the next `limit` keys, and goes round. Says how many went, and whether the round has
    /// come to its end.
    fn sweep_keys(&self, limit: usize) -> Result<(usize, bool), StoreError>;
}

/// What may be left in the files of what was deleted or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leftovers {
    /// Of the small named values: milliseconds.
    Settings,
    /// Of everything: seconds where much was deleted.
    All,
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
