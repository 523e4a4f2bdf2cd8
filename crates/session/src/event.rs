//! Everything that can happen to a conversation, in one closed list.

mod callback;
mod missed;
mod shown;

use std::collections::BTreeMap;

pub use callback::{Callback, Claims, News};
pub use missed::{Compared, Missed};

use crate::{
    conversation::Visitor,
    effect::{Effect, Failure},
    id::{ConversationKey, Number, SenderKey, SessionId, Timestamp},
    notice::FileRefusal,
    policy::Policy,
    said::{Author, Context, Line, Payload, Said},
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
    /// A file that is shown from the desk does not come, for good. The user is told, and the agent who
    /// sent it if they are still there; once for each file.
    FileNotPassedOn {
        /// The entry that shows it.
        shown_in: Number,
        /// An agent sent it, not the desk itself.
        by_agent: bool,
        /// What it is called there, if it has a name.
        name: Option<String>,
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
