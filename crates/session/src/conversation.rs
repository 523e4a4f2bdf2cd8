//! A conversation's state, and what can be read off it.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    asked::Asked,
    gap::BehindGap,
    id::{DeskId, EffectNumber, Number, SessionId, Timestamp, UserId},
    notice::EndReason,
    said::{Agent, Payload},
    under_way::Expected,
};

/// The most words held for an agent who is not there yet. With the last one the user is told
/// to wait, and more are refused.
pub const HELD_WORDS_MAX: usize = 100;

/// How long after the end an agent's words are still shown: callbacks are unordered, the last words
/// may come after the news of the end.
pub const LATE_WORDS_FOR: Duration = Duration::from_mins(2);

/// How long after an agent came their arrival may have overtaken older news: callbacks are unordered.
/// Within it an estimate tells of the wait before, and words of the agent before are their last. A
/// real transfer that quickly is told with its next estimate, which the desk repeats every minute
/// (reference 5.7), or with the next agent.
pub const OVERTAKEN_FOR: Duration = Duration::from_secs(15);

/// The most things shown in one live chat that are kept in mind because the desk goes on changing them:
/// more than it works on at a time. What is changed after that stays as it was.
const CHANGING_KEPT_MAX: usize = 4;

/// The whole state of one conversation: a few hundred bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, kept by name")]
pub struct Conversation {
    /// The newest log entry.
    pub numbered: Number,
    /// The newest effect.
    pub effects: EffectNumber,
    /// Who has the conversation.
    pub route: Route,
    /// The user as last proven; `None` until they were heard of.
    #[serde(default)]
    pub visitor: Option<Visitor>,
    /// The session that ended last, for late news.
    #[serde(default)]
    pub past: Option<Past>,
    /// Nobody can be brought anything there until the user gives a sign of life.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unreachable: bool,
    /// The newest effect when they last gave one: what was ordered before says nothing of now.
    #[serde(default, skip_serializing_if = "EffectNumber::is_none")]
    pub seen_at: EffectNumber,
    /// The bot was greeted into the conversation.
    #[serde(default)]
    pub opened: bool,
    /// The bot behind could not be reached; until it answers the phrases work.
    #[serde(default)]
    pub bot_away: bool,
    /// The newest entry in which the user was told so; zero if they were not since it went away.
    #[serde(default, skip_serializing_if = "Number::is_none")]
    pub bot_away_told: Number,
    /// The newest entry that the bot has answered, as far as its answers say what they answer.
    #[serde(default, skip_serializing_if = "Number::is_none")]
    pub bot_answered: Number,
    /// The newest entry when the bot last took something: what it says up to there answers that, or
    /// what was before.
    #[serde(default, skip_serializing_if = "Number::is_none")]
    pub bot_took: Number,
    /// The user was told that some things they say are not passed on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub masking_told: bool,
    /// The newest entry when the bot last said something without saying what it answers.
    #[serde(default, skip_serializing_if = "Number::is_none")]
    pub bot_spoke: Number,
    /// Files that are on their way; a few, and most of the time none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub under_way: Vec<Expected>,
}

/// The user as the channel proves them. The debug form leaves e-mail address and name out.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visitor {
    /// The `userId` at the desk. Never an id that a page merely claims.
    pub user: UserId,
    /// From a verified source only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// For display.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The time zone they live by, as their own device names it; the last that was heard of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// They speak among others. A person of the desk is to be had between two only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_group: bool,
    /// What is needed to bring them something at any later time, on channels that do not read the
    /// log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Payload>,
}

impl Visitor {
    /// The same, who tells no less than they did `before`. Whoever has another id has no name of before.
    pub(crate) fn knowing(mut self, before: Option<Self>) -> Self {
        let Some(before) = before else { return self };
        if self.user == before.user {
            self.name = self.name.or(before.name);
        }
        self.timezone = self.timezone.or(before.timezone);
        self
    }
}

impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visitor").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Who has the conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// The bot.
    #[default]
    Bot,
    /// The desk; waiting is live.
    Live(Box<Session>),
}

/// A live chat while it is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its id: the `clientSessionId`.
    pub id: SessionId,
    /// Where.
    pub desk: DeskId,
    /// Who.
    pub user: UserId,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// The newest log entry when it was asked for, or the one before what the bot handed over: what
    /// follows is the live chat's transcript, for the bot.
    pub asked_after: Number,
    /// The user was told that the desk is away and their words wait.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub away: bool,
    /// The conversation's id in the desk's own records, once it was told; by it missed words are
    /// asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desk_conversation: Option<String>,
    /// The desk told an agent's words without an id. What was missed is then known by comparing the
    /// words.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_ids: bool,
    /// Since when the user's channel knows of nobody who would read; `None` while they are there, or
    /// on a channel that cannot know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_away_since: Option<Timestamp>,
    /// When the first agent came. What began before this was written down has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub met_at: Option<Timestamp>,
    /// An agent has said something.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub agent_spoke: bool,
    /// Who asked for it.
    #[serde(default, skip_serializing_if = "AskedBy::is_user")]
    pub asked_by: AskedBy,
    /// News that waits until what was missed before it is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind_gap: Option<BehindGap>,
    /// What was shown that the desk goes on changing, the newest last; a few.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changing: Vec<Changing>,
    /// How far it has come.
    pub stage: Stage,
}

/// Who asked for a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskedBy {
    /// The user, by a phrase.
    #[default]
    User,
    /// The bot.
    Bot,
}

impl AskedBy {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
    fn is_user(&self) -> bool {
        matches!(self, Self::User)
    }
}

/// How far a session has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// No agent yet.
    Waiting(Waiting),
    /// An agent took it; nobody spoke since.
    Connected(Talk),
    /// People talk.
    Active(Talk),
}

/// What is true while waiting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// How far the request has come.
    pub phase: Phase,
    /// The user's words since, to be delivered when an agent is there. At most [`HELD_WORDS_MAX`].
    pub held: Vec<Number>,
    /// The estimate the user was last told.
    pub estimate: Option<String>,
    /// What the desk itself asks meanwhile, until the user answers: whether to go on waiting, or a few
    /// things before an agent comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
}

/// How far a request for an agent has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// In the outbox, or sent and not answered.
    Requested,
    /// ServiceNow answered 200, which means "taken" and nothing more (reference 4.1).
    Accepted {
        /// When.
        at: Timestamp,
    },
    /// In a queue.
    Queued,
}

/// What is true while an agent is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Talk {
    /// Who, as far as told.
    pub agent: Agent,
    /// The user's last word, or the agent's arrival.
    pub user_spoke_at: Timestamp,
    /// The desk's last news.
    pub heard_at: Timestamp,
    /// The user was warned since their last word.
    pub warned: bool,
    /// The chat waits for another agent.
    pub transferring: bool,
    /// When the agent who is there came; 1970 if that was not written down yet.
    #[serde(default)]
    pub since: Timestamp,
    /// The agent who handed over to them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Agent>,
    /// Whether the agent answered the user's last word.
    #[serde(default, skip_serializing_if = "Answer::is_given")]
    pub answer: Answer,
    /// The desk's last question, until the user answers.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "crate::asked::stored"
    )]
    pub asked: Option<Asked>,
    /// The estimate the user was last told, while the chat waits for another agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<String>,
}

/// Something shown that the desk goes on changing, as the progress of a search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changing {
    /// The desk's id of it, the same each time.
    pub id: String,
    /// Its entry.
    pub of: Number,
    /// When that was taken in.
    pub at: Timestamp,
}

/// Whether the agent answered the user's last word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The agent spoke last, or it is not known.
    #[default]
    Given,
    /// The user spoke, or the agent came, and the agent said nothing since.
    Owed {
        /// When.
        since: Timestamp,
    },
    /// It was owed for so long that the user was told; over with the agent's next word.
    Missed,
}

impl Answer {
    fn is_given(&self) -> bool {
        matches!(self, Self::Given)
    }
}

/// The specification's six statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Asked for, no agent yet.
    Waiting,
    /// An agent is there.
    Connected,
    /// People talk.
    Active,
    /// Over after an agent was there.
    Completed,
    /// Could not be had or held.
    Fail,
    /// Withdrawn before an agent was there.
    Cancelled,
}

impl Status {
    /// The word of the specification.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Connected => "connected",
            Self::Active => "active",
            Self::Completed => "completed",
            Self::Fail => "fail",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the specification's diagram allows this change (with its one addition: ServiceNow
    /// can lose a session while people talk).
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Waiting => matches!(next, Self::Connected | Self::Cancelled | Self::Fail),
            Self::Connected => matches!(next, Self::Active | Self::Completed | Self::Fail),
            Self::Active => matches!(next, Self::Completed | Self::Fail),
            Self::Completed | Self::Fail | Self::Cancelled => false,
        }
    }
}

/// A session that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// Its id.
    pub id: SessionId,
    /// Where.
    pub desk: DeskId,
    /// Who.
    pub user: UserId,
    /// How it ended: completed, fail or cancelled.
    pub status: Status,
    /// Why.
    pub reason: EndReason,
    /// When.
    pub at: Timestamp,
    /// The user was told that something did not arrive.
    pub told_undelivered: bool,
}

impl Session {
    /// Its status.
    pub fn status(&self) -> Status {
        match self.stage {
            Stage::Waiting(_) => Status::Waiting,
            Stage::Connected(_) => Status::Connected,
            Stage::Active(_) => Status::Active,
        }
    }

    /// The desk's last question that the user has not answered.
    pub fn asked(&self) -> Option<&Asked> {
        match &self.stage {
            Stage::Waiting(waiting) => waiting.asked.as_ref(),
            Stage::Connected(talk) | Stage::Active(talk) => talk.asked.as_ref(),
        }
    }

    /// From now on this is the question, or there is none.
    pub(crate) fn set_asked(&mut self, asked: Option<Asked>) {
        match &mut self.stage {
            Stage::Waiting(waiting) => waiting.asked = asked,
            Stage::Connected(talk) | Stage::Active(talk) => talk.asked = asked,
        }
    }

    /// The desk goes on changing this.
    pub(crate) fn keep_changing(&mut self, changing: Changing) {
        if self.changing.len() >= CHANGING_KEPT_MAX {
            self.changing.remove(0);
        }
        self.changing.push(changing);
    }
}

impl Conversation {
    /// The open session.
    pub fn live(&self) -> Option<&Session> {
        match &self.route {
            Route::Bot => None,
            Route::Live(session) => Some(session),
        }
    }

    /// The open session, if user and agent can talk in it now: only then the desk may be told that the
    /// user types. While a request waits, another one could be taken for an answer (reference 6).
    pub fn talk(&self) -> Option<&Session> {
        self.live().filter(|session| match &session.stage {
            Stage::Waiting(_) => false,
            Stage::Connected(talk) | Stage::Active(talk) => !talk.transferring,
        })
    }
}
