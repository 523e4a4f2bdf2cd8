//! What the user is told by Warmline itself: keys with their arguments. The wording, in every
//! language, is the gateway's catalogue.

use serde::{Deserialize, Serialize};

/// One notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "key")]
pub enum Notice {
    /// A person was asked for.
    Asked,
    /// The request waits in the desk's queue; the estimate is the desk's own words.
    Waiting {
        /// For instance `8 Seconds`.
        estimate: String,
    },
    /// A person is there.
    Connected {
        /// The agent's name where the desk tells it.
        agent: Option<String>,
        /// Where their picture is at the instance.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        avatar: Option<String>,
    },
    /// The chat waits for another person.
    Transferring {
        /// The desk's estimate.
        estimate: String,
    },
    /// Another person took over.
    Transferred {
        /// The new agent's name where the desk tells it.
        agent: Option<String>,
        /// Where their picture is at the instance.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        avatar: Option<String>,
    },
    /// The desk cannot be reached; the words wait.
    Held,
    /// What waited went through.
    WentThrough,
    /// The desk will end the chat soon if the user stays silent.
    IdleWarning,
    /// The chat is over.
    Ended {
        /// Who ended it.
        by: EndedBy,
    },
    /// There is nobody to talk to now.
    NobodyThere,
    /// The request was withdrawn.
    Cancelled,
    /// The chat could not be had or held.
    Failed {
        /// Why.
        reason: EndReason,
    },
    /// The same person already has a live chat in another conversation.
    BusyElsewhere,
    /// Something the user said did not reach the desk.
    Undelivered,
    /// The conversation is the bot's again.
    BackWithBot,
    /// The bot does not answer; a person can be asked for.
    BotAway,
    /// The agent has not answered for a while.
    AgentIdle {
        /// The agent's name where the desk tells it.
        agent: Option<String>,
    },
    /// The user was away for so long that the request was withdrawn or the chat ended; for when
    /// they come back.
    UserLeft,
    /// As many words as can be kept for the agent are kept; more are refused until one is there.
    NoMoreHeld,
    /// A person is to be had in a conversation between two only.
    PersonalOnly,
    /// A secret came in answer to a question that is not open any more; nobody gets it.
    AnsweredTooLate,
    /// Something in what the user said may not be passed on, and a mask stands in its place.
    Masked,
    /// For the agent: what they said could not be shown to the user, or nobody knows.
    AgentUnheard,
    /// A file of the user's goes no further.
    FileNotTaken {
        /// Its name, as the user knows it; `None` if it has none.
        name: Option<String>,
        /// Why.
        why: FileRefusal,
    },
    /// A file that was sent from the desk does not come; an agent who sent it reads the same.
    FileNotPassedOn {
        /// What it is called where it is shown; `None` if it has no name there.
        name: Option<String>,
        /// Why.
        why: FileRefusal,
    },
    /// A file of the desk's that could not be put where the user wanted it opens at an address.
    FileLinked {
        /// Its name.
        name: String,
        /// Where it opens.
        address: String,
    },
}

impl Notice {
    /// The key in the message catalogue; stable.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Waiting { .. } => "waiting",
            Self::Connected { .. } => "connected",
            Self::Transferring { .. } => "transferring",
            Self::Transferred { .. } => "transferred",
            Self::Held => "held",
            Self::WentThrough => "went_through",
            Self::IdleWarning => "idle_warning",
            Self::Ended { .. } => "ended",
            Self::NobodyThere => "nobody_there",
            Self::Cancelled => "cancelled",
            Self::Failed { .. } => "failed",
            Self::BusyElsewhere => "busy_elsewhere",
            Self::Undelivered => "undelivered",
            Self::BackWithBot => "back_with_bot",
            Self::BotAway => "bot_away",
            Self::AgentIdle { .. } => "agent_idle",
            Self::UserLeft => "user_left",
            Self::NoMoreHeld => "no_more_held",
            Self::PersonalOnly => "personal_only",
            Self::AnsweredTooLate => "answered_too_late",
            Self::Masked => "masked",
            Self::AgentUnheard => "agent_unheard",
            Self::FileNotTaken { .. } => "file_not_taken",
            Self::FileNotPassedOn { .. } => "file_not_passed_on",
            Self::FileLinked { .. } => "file_linked",
        }
    }
}

/// Why files were not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileRefusal {
    /// A virus scanner found something.
    Infected,
    /// Files of this kind are not taken.
    NotAllowed,
    /// There is nothing in one.
    Empty,
    /// One is larger than a file may be.
    TooLarge,
    /// There is no room for more.
    NoRoom,
    /// Something that they need is not there at the moment; later they may be taken.
    NotNow,
    /// Whoever has one does not give it out, or has it no more.
    NotGiven,
}

/// Who ended a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The user.
    User,
    /// The agent, by name where known; also the desk itself, which does not say who.
    Agent(Option<String>),
    /// Whoever operates Warmline.
    Operator,
    /// The bot that had asked for it.
    Bot,
}

/// Why a session ended: a stable machine code for rows, logs, the bot and the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// completed: the agent or the desk ended it.
    AgentEnded,
    /// completed: the user ended it.
    UserEnded,
    /// cancelled: the user withdrew before an agent was there.
    UserCancelled,
    /// cancelled: the desk withdrew the request.
    DeskCancelled,
    /// fail: no agent is available.
    NoAgent,
    /// fail: the virtual agent answered instead of a queue; no queue matches.
    NotRouted,
    /// fail: the desk let the conversation go, or ended it, before an agent was there.
    Refused,
    /// fail: the desk's API refused the request, or a word, for good.
    Rejected,
    /// fail: the desk could not be reached within the budget.
    Unreachable,
    /// fail: the desk took the request and then said nothing.
    Silence,
    /// fail: nobody took it within the longest wait.
    WaitedTooLong,
    /// fail: the desk lost the chat while people talked.
    Lost,
    /// cancelled or completed: the user went away and did not come back in time.
    UserLeft,
    /// cancelled or completed: an operator ended it.
    OperatorEnded,
    /// cancelled or completed: the bot that asked for it ended it.
    BotEnded,
    /// cancelled or completed: the user's channel brings them nothing any more, because they blocked
    /// or removed the bot.
    UserUnreachable,
    /// fail: people are to be had in conversations between two only.
    NotPersonal,
}

impl EndReason {
    /// The code as text, the same as its serialised form.
    pub fn code(self) -> &'static str {
        match self {
            Self::AgentEnded => "agent_ended",
            Self::UserEnded => "user_ended",
            Self::UserCancelled => "user_cancelled",
            Self::DeskCancelled => "desk_cancelled",
            Self::NoAgent => "no_agent",
            Self::NotRouted => "not_routed",
            Self::Refused => "refused",
            Self::Rejected => "rejected",
            Self::Unreachable => "unreachable",
            Self::Silence => "silence",
            Self::WaitedTooLong => "waited_too_long",
            Self::Lost => "lost",
            Self::UserLeft => "user_left",
            Self::OperatorEnded => "operator_ended",
            Self::BotEnded => "bot_ended",
            Self::UserUnreachable => "user_unreachable",
            Self::NotPersonal => "not_personal",
        }
    }
}
