//! Everything that can happen to a conversation, in one closed list.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    conversation::Visitor,
    effect::{Effect, Failure},
    id::{ConversationKey, EffectNumber, Number, SenderKey, SessionId, Timestamp},
    notice::FileRefusal,
    policy::Policy,
    said::{Agent, Author, Context, Line, Names, Payload, Said},
    under_way::UnderWay,
};

/// Something that happened. The debug form names what the bot hands over and leaves the values out.
#[derive(Clone)]
pub enum Event {
    /// The user opened the conversation; the bot may greet.
    Opened {
        /// Who.
        visitor: Visitor,
    },
    /// The user said something.
    UserSaid {
        /// Who.
        visitor: Visitor,
        /// What.
        said: Said,
        /// By which a repeat is recognised.
        key: Option<SenderKey>,
        /// The id of the session, should this begin one.
        fresh: SessionId,
    },
    /// The user did something without words that a bot may care about: an event of their page, a
    /// reaction. It goes to a bot of the team's own also while a person is there, unless it holds
    /// words.
    UserDid {
        /// Who.
        visitor: Visitor,
        /// What, in its channel's own form.
        payload: Payload,
        /// It holds words of theirs (an edit): those are for whoever has the conversation.
        words: bool,
        /// What an agent is told of it, should one have the conversation; nothing of what concerns
        /// no person.
        told: Option<Said>,
        /// By which a repeat is recognised.
        key: Option<SenderKey>,
    },
    /// The user ended or withdrew the live chat without words (a button).
    UserEnds,
    /// The user gave a sign of life that is handled elsewhere (a call to the bot, answered at once).
    UserSeen {
        /// Who.
        visitor: Visitor,
        /// What an agent is told of it, should one have the conversation.
        told: Option<Said>,
    },
    /// What the user sent had files that were not taken, so it was not taken either.
    FilesRefused {
        /// Who.
        visitor: Visitor,
        /// What the file is called that was not taken, if it is called anything.
        name: Option<String>,
        /// Why.
        why: FileRefusal,
    },
    /// The user can be told nothing any more: they removed the bot from their channel. They may come
    /// back.
    UserGone,
    /// The bot had the channel begin this conversation. It need not be told that it is there.
    BotBegan {
        /// With whom.
        visitor: Visitor,
    },
    /// The bot said something.
    BotSaid {
        /// What.
        said: Said,
        /// The entry that it answers, if it says so.
        answers: Option<Number>,
        /// By which a repeat is recognised.
        key: Option<SenderKey>,
    },
    /// The bot did something without words that the user's page may care about.
    BotDid {
        /// What, in its channel's own form.
        payload: Payload,
        /// The entry that it answers, if it says so.
        answers: Option<Number>,
        /// By which a repeat is recognised.
        key: Option<SenderKey>,
    },
    /// The bot changed what it said.
    BotRevised {
        /// Which entry; one of the bot's own, that is its caller's to see to.
        of: Number,
        /// When that was taken in.
        at: Timestamp,
        /// What it says from now on.
        said: Said,
    },
    /// The bot took back what it said.
    BotWithdrew {
        /// Which entry; one of the bot's own, that is its caller's to see to.
        of: Number,
        /// When that was taken in.
        at: Timestamp,
    },
    /// The bot brought lines of before, that are to be seen and go nowhere.
    BotBrought {
        /// By whom (the user or the bot) and what, oldest first.
        lines: Vec<(Author, Said)>,
    },
    /// The bot ends the live chat that it asked for. One that the user asked for goes on.
    BotEnds {
        /// What it says to the user with it, if anything.
        said: Option<Said>,
    },
    /// The bot asks for an agent.
    BotAsked {
        /// What it says to the user with it, if anything.
        said: Option<Said>,
        /// What it hands over.
        context: Context,
        /// The conversation so far as the bot knows it; empty if it tells none.
        transcript: Vec<Line>,
        /// By which a repeat is recognised.
        key: Option<SenderKey>,
        /// The id of the session, should this begin one.
        fresh: SessionId,
    },
    /// The desk called back.
    Desk(Callback),
    /// An effect was carried out.
    Sent {
        /// Which.
        effect: Effect,
    },
    /// An effect was finally not carried out.
    NotSent {
        /// Which.
        effect: Effect,
        /// Why.
        failure: Failure,
    },
    /// A file is on its way to or from the user, or still is. Until it is there, or given up, this is to
    /// be told again within [`UNDER_WAY_FOR`](crate::UNDER_WAY_FOR).
    FileUnderWay {
        /// Which.
        file: UnderWay,
    },
    /// A file that was on its way is where its user wanted it.
    FileThere {
        /// Which.
        key: SenderKey,
    },
    /// A file that the user sent goes no further; they are told, once for each.
    FileLost {
        /// Its name.
        name: String,
        /// Why.
        why: FileRefusal,
        /// By which it is recognised when it is told again.
        key: Option<SenderKey>,
    },
    /// A file that the user wanted in a place of their own could not be brought there; they get an
    /// address that opens it, once.
    FileLinked {
        /// Its name.
        name: String,
        /// Where it opens.
        address: String,
        /// By which it is recognised when it is told again.
        key: Option<SenderKey>,
    },
    /// An effect has waited noticeably because its destination does not take it; it is attempted
    /// further.
    Delayed {
        /// Which.
        effect: Effect,
    },
    /// The clock reached a deadline that this conversation was seen to have. Stale ones have no
    /// effect.
    Deadline {
        /// The deadline that was seen.
        due: Timestamp,
    },
    /// What the desk told while nobody could listen was fetched afterwards.
    CaughtUp {
        /// Whose it is.
        session: SessionId,
        /// Where the desk gives its words no ids ([`Session::without_ids`](crate::Session)): what
        /// `missed` was compared with. If it was not, or there is more since, nothing happens and the
        /// answer is zero: compare again.
        as_of: Option<Compared>,
        /// What was said, oldest first. May hold what is known by its key. With nothing in it, and
        /// nothing compared, the gap is given up: what stands behind it goes on.
        missed: Vec<Missed>,
    },
    /// Nobody is there any more to read what the user is told: their last page closed. Only channels
    /// that know send it; telling it again changes nothing.
    UserAway,
    /// Somebody is there again to read.
    UserBack,
    /// An operator ends this live chat. Nothing happens if it is over.
    OperatorEnds {
        /// Which: the chat that was looked at, not one that began meanwhile.
        session: SessionId,
    },
}

impl fmt::Debug for Event {
    #[expect(clippy::too_many_lines, reason = "an arm for each event")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened { visitor } => f.debug_tuple("Opened").field(visitor).finish(),
            Self::UserSaid { visitor, said, key, fresh } => f
                .debug_struct("UserSaid")
                .field("visitor", visitor)
                .field("said", said)
                .field("key", key)
                .field("fresh", fresh)
                .finish(),
            Self::UserDid { visitor, payload, words, told, key } => f
                .debug_struct("UserDid")
                .field("visitor", visitor)
                .field("payload", payload)
                .field("words", words)
                .field("told", told)
                .field("key", key)
                .finish(),
            Self::UserEnds => f.write_str("UserEnds"),
            Self::UserGone => f.write_str("UserGone"),
            Self::UserSeen { visitor, .. } => f.debug_tuple("UserSeen").field(visitor).finish(),
            Self::FilesRefused { visitor, name: _, why } => {
                f.debug_tuple("FilesRefused").field(visitor).field(why).finish()
            }
            Self::BotBegan { visitor } => f.debug_tuple("BotBegan").field(visitor).finish(),
            Self::BotSaid { said, answers, key } => f
                .debug_struct("BotSaid")
                .field("said", said)
                .field("answers", answers)
                .field("key", key)
                .finish(),
            Self::BotDid { payload, answers, key } => f
                .debug_struct("BotDid")
                .field("payload", payload)
                .field("answers", answers)
                .field("key", key)
                .finish(),
            Self::BotRevised { of, at, said } => f
                .debug_struct("BotRevised")
                .field("of", of)
                .field("at", at)
                .field("said", said)
                .finish(),
            Self::BotWithdrew { of, at } => {
                f.debug_struct("BotWithdrew").field("of", of).field("at", at).finish()
            }
            Self::BotBrought { lines } => f.debug_tuple("BotBrought").field(&lines.len()).finish(),
            Self::BotEnds { said } => f.debug_struct("BotEnds").field("said", said).finish(),
            Self::BotAsked { said, context, transcript, key, fresh } => f
                .debug_struct("BotAsked")
                .field("said", said)
                .field("context", &Names(context))
                .field("transcript", &transcript.len())
                .field("key", key)
                .field("fresh", fresh)
                .finish(),
            Self::Desk(callback) => f.debug_tuple("Desk").field(callback).finish(),
            Self::Sent { effect } => f.debug_tuple("Sent").field(effect).finish(),
            Self::NotSent { effect, failure } => {
                f.debug_tuple("NotSent").field(effect).field(failure).finish()
            }
            Self::FileUnderWay { file } => f.debug_tuple("FileUnderWay").field(file).finish(),
            Self::FileThere { .. } => f.write_str("FileThere"),
            // A name says as much as words do.
            Self::FileLost { why, .. } => f.debug_tuple("FileLost").field(why).finish(),
            // The address opens it.
            Self::FileLinked { .. } => f.write_str("FileLinked"),
            Self::Delayed { effect } => f.debug_tuple("Delayed").field(effect).finish(),
            Self::Deadline { due } => f.debug_tuple("Deadline").field(due).finish(),
            Self::CaughtUp { session, as_of, missed } => f
                .debug_struct("CaughtUp")
                .field("session", session)
                .field("as_of", as_of)
                .field("missed", missed)
                .finish(),
            Self::UserAway => f.write_str("UserAway"),
            Self::UserBack => f.write_str("UserBack"),
            Self::OperatorEnds { session } => f.debug_tuple("OperatorEnds").field(session).finish(),
        }
    }
}

/// A callback of the desk, addressed to a session of this conversation.
#[derive(Debug, Clone)]
pub struct Callback {
    /// The session it was found to be about.
    pub session: SessionId,
    /// The number in its `requestId`, if it names one.
    pub request: Option<EffectNumber>,
    /// What its `clientVariables` claim.
    pub claims: Claims,
    /// What it says, in order.
    pub news: Vec<News>,
    /// What was missed before it is not told yet: it stands behind that.
    pub behind_gap: bool,
}

/// What a callback's `clientVariables` claim about whose it is. What is absent claims nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// `tenantId`
    pub tenant: Option<String>,
    /// `botId`
    pub bot: Option<String>,
    /// `conversationId`
    pub conversation: Option<String>,
}

/// One piece of news from the desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// The request waits in a queue, or the chat is with the live-agent side at all.
    Queued,
    /// The desk's estimate, verbatim.
    Estimate(String),
    /// An agent is there.
    AgentHere(Agent),
    /// People talk (the specification's `active`): somebody is there.
    Active,
    /// An agent said something.
    AgentSaid {
        /// Who.
        agent: Agent,
        /// What.
        said: Said,
        /// By which a repeat is recognised.
        key: Option<SenderKey>,
    },
    /// The desk itself, or its virtual agent, said something.
    DeskSaid {
        /// What.
        said: Said,
        /// By which a repeat is recognised.
        key: Option<SenderKey>,
        /// The same callback says that the chat is with the live-agent side.
        with_agents: bool,
    },
    /// The desk says in words that nobody is there.
    Nobody {
        /// Its words, for the user; absent when nothing fit to show came with it.
        said: Option<Said>,
    },
    /// The chat is over: `completed`, back with the virtual agent, or an ending text.
    Ended,
    /// The virtual agent gave the conversation back, without an agent.
    LetGo,
    /// The specification's `fail`.
    Failed,
    /// The specification's `cancelled`.
    Cancelled,
    /// The desk has a record of the conversation.
    Started {
        /// Its id at the desk, by which missed words can be asked for.
        conversation: String,
    },
}

impl News {
    /// By which a repeat of it is recognised; only what somebody said has one.
    pub fn key(&self) -> Option<&SenderKey> {
        match self {
            Self::AgentSaid { key, .. } | Self::DeskSaid { key, .. } => key.as_ref(),
            Self::Queued
            | Self::Estimate(_)
            | Self::AgentHere(_)
            | Self::Active
            | Self::Nobody { .. }
            | Self::Ended
            | Self::LetGo
            | Self::Failed
            | Self::Cancelled
            | Self::Started { .. } => None,
        }
    }
}

/// Something the desk told while nobody listened, as its own records have it.
#[expect(
    clippy::large_enum_variant,
    reason = "there are few at a time, and most of them are words"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missed {
    /// An agent said something. The records do not say which agent.
    AgentSaid {
        /// What.
        said: Said,
        /// By which the callback with the same words is recognised.
        key: SenderKey,
    },
    /// Here belong the words of agents that stand behind the gap, until so many of them are left.
    BehindGap {
        /// How many are left.
        left: usize,
    },
    /// The chat was closed.
    Ended,
}

/// What the missed words were compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// The newest log entry.
    pub numbered: Number,
    /// How many words of agents stood behind the gap.
    pub behind_gap: usize,
    /// Those of them that were shown already, by their places, counted from zero.
    pub shown: Vec<usize>,
}

impl Missed {
    /// By which a repeat of it is recognised.
    pub fn key(&self) -> Option<&SenderKey> {
        match self {
            Self::AgentSaid { key, .. } => Some(key),
            Self::BehindGap { .. } | Self::Ended => None,
        }
    }
}

/// What one conversation cannot know by itself.
#[derive(Debug)]
pub struct Facts<'a> {
    /// What the conversation is found by.
    pub key: &'a ConversationKey,
    /// The installation's rules.
    pub policy: &'a Policy,
    /// Keys among the event's that were seen before, with the entry they led to (zero if none).
    pub seen: &'a BTreeMap<SenderKey, Number>,
    /// The session that holds this conversation's person at the desk. Asked for only when
    /// [`wants_holder`](crate::wants_holder) says so.
    pub holder: Option<&'a SessionId>,
    /// The conversation's channel does not read the log: each entry for the user is brought to it.
    pub carried: bool,
    /// How many effects wait in the lane that the event's words would join: of a user's the person's
    /// at the desk while live, the bot's otherwise; of a bot's the user's, on channels that are
    /// brought things. Counting may stop at [`Policy::lane_max`].
    pub waiting: usize,
    /// Something was taken out of what the user said before it came here.
    pub masked: bool,
    /// Since when this gateway runs: what was not fetched before is fetched anew.
    pub started: Timestamp,
}

/// A request that was wrong. It changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// A `requestId` that was never sent.
    #[error(
        "requestId was never sent by this gateway; send back the requestId of the request this callback answers, or none"
    )]
    UnknownRequest,
    /// `clientVariables` of somebody else.
    #[error(
        "clientVariables do not belong to this session; send back exactly what the request carried, or none"
    )]
    ForeignVariables,
    /// More words while waiting than are held.
    #[error("too many messages are waiting for an agent; try again when one is there")]
    TooManyHeld,
    /// The lane these words would join is full.
    #[error("too many messages are waiting to be delivered; try again in a moment")]
    TooManyWaiting,
}

impl Rejected {
    /// The machine code of the answer; stable.
    pub fn code(self) -> &'static str {
        match self {
            Self::UnknownRequest => "unknown_request",
            Self::ForeignVariables => "foreign_variables",
            Self::TooManyHeld => "too_many_held",
            Self::TooManyWaiting => "too_many_waiting",
        }
    }
}
