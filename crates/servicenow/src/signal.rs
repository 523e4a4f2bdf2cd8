//! What a callback can say, whichever dialect said it.
//!
//! ServiceNow has no status field; waiting, connected and ended must be read from flags, action
//! messages and agent info. A customised instance sends the specification's `status` instead, or
//! both (reference 2). Everything is read into this closed list, so that the rest of the house
//! never sees a dialect. What follows from a signal is not decided here.

use std::fmt;

use crate::item::Item;
use crate::loose::Hidden;

/// One thing that a callback says.
#[derive(Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "most of what a callback says are items")]
pub enum Signal {
    /// A conversation record exists on the instance.
    ConversationStarted {
        /// Its id, needed to fetch missed messages (reference 6).
        conversation_id: Option<String>,
    },
    /// The user is in the queue, or (from a bare `agentChat`) at least with the live-agent side. Says
    /// nothing new while an agent is there; only [`Signal::WaitTime`] then means waiting again.
    Queued,
    /// The user is in the queue and this is the estimate, verbatim (free text like `8 Seconds`).
    WaitTime(String),
    /// Something began (`true`) or stopped (`false`) to work; a spinner would show it.
    Working(bool),
    /// An agent is there.
    AgentHere(Agent),
    /// People are talking; comes after the agent (reference 2, the state diagram).
    Active,
    /// Something to show to the user.
    Item(Item),
    /// What the instance says about the chat. Admins edit and translate these texts (reference
    /// 5.6), so this crate decides nothing by them. Some instances end a chat with such a text and
    /// nothing else: the gateway compares it with wording that can be configured, as the last
    /// resort for endings.
    System {
        /// The words.
        text: String,
    },
    /// The agent, or the virtual agent, began or stopped typing.
    Typing {
        /// Began.
        on: bool,
        /// Who, as far as it is told.
        agent: Agent,
        /// It is the virtual agent, whose words come while they are made: only it streams (reference
        /// 5.5).
        streams: bool,
    },
    /// The live chat ended and the instance's virtual agent has the conversation.
    BackToVirtualAgent,
    /// The instance gave the conversation back to us: `takeControl` without any sign of an agent.
    LetGo,
    /// The chat is over.
    Completed {
        /// The notice that came with the specification's `EndConversation`.
        text: Option<String>,
    },
    /// There will be no chat, or it broke.
    Failed {
        /// The envelope's `error_message`.
        message: Option<String>,
    },
    /// The request was withdrawn.
    Cancelled,
    /// Something this crate has no word for: to be counted, not shown.
    Unknown {
        /// What it was, short and free of control characters: `actionType Foo`, `status foo`.
        what: String,
    },
}

impl Signal {
    /// The signal's name, for metrics and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ConversationStarted { .. } => "conversation_started",
            Self::Queued => "queued",
            Self::WaitTime(_) => "wait_time",
            Self::Working(_) => "working",
            Self::AgentHere(_) => "agent_here",
            Self::Active => "active",
            Self::Item(_) => "item",
            Self::System { .. } => "system",
            Self::Typing { .. } => "typing",
            Self::BackToVirtualAgent => "back_to_virtual_agent",
            Self::LetGo => "let_go",
            Self::Completed { .. } => "completed",
            Self::Failed { .. } => "failed",
            Self::Cancelled => "cancelled",
            Self::Unknown { .. } => "unknown",
        }
    }
}

/// Shows what is safe in a log: no words of people or admins.
impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Item(item) => item.fmt(f),
            Self::AgentHere(agent) => f.debug_tuple("AgentHere").field(agent).finish(),
            Self::Typing { on, agent, streams } => f
                .debug_struct("Typing")
                .field("on", on)
                .field("agent", agent)
                .field("streams", streams)
                .finish(),
            Self::System { text } => f.debug_struct("System").field("text", &Hidden(text)).finish(),
            Self::Completed { text: Some(text) } | Self::Failed { message: Some(text) } => {
                f.debug_tuple(self.name()).field(&Hidden(text)).finish()
            }
            Self::Working(on) => f.debug_tuple("Working").field(on).finish(),
            Self::Unknown { what } => f.debug_tuple("Unknown").field(what).finish(),
            Self::ConversationStarted { .. }
            | Self::Queued
            | Self::WaitTime(_)
            | Self::Active
            | Self::BackToVirtualAgent
            | Self::LetGo
            | Self::Completed { text: None }
            | Self::Failed { message: None }
            | Self::Cancelled => f.write_str(self.name()),
        }
    }
}

/// A live agent, as far as the instance tells: names and avatars only when its admin shows them,
/// ids from app 3.14.3 (reference 5.2).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Agent {
    /// The name to show.
    pub name: Option<String>,
    /// `agentId`, the `live_profile` record.
    pub id: Option<String>,
    /// Address of a picture, often relative to the instance.
    pub avatar: Option<String>,
}

impl Agent {
    /// Whether anything at all is known.
    pub fn is_anonymous(&self) -> bool {
        self.name.is_none() && self.id.is_none()
    }

    /// Takes from `other` what is missing here, unless the two are different people; says whether
    /// they could be the same.
    pub(crate) fn absorb(&mut self, other: &Self) -> bool {
        let differ = |a: &Option<String>, b: &Option<String>| a.is_some() && b.is_some() && a != b;
        if differ(&self.id, &other.id)
            || (self.id.is_none() || other.id.is_none()) && differ(&self.name, &other.name)
        {
            return false;
        }
        let fill = |mine: &mut Option<String>, theirs: &Option<String>| {
            if mine.is_none() {
                mine.clone_from(theirs);
            }
        };
        fill(&mut self.name, &other.name);
        fill(&mut self.id, &other.id);
        fill(&mut self.avatar, &other.avatar);
        true
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent")
            .field("id", &self.id)
            .field("named", &self.name.is_some())
            .finish_non_exhaustive()
    }
}
