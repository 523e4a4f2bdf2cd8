//! What an instance posts at each moment of a conversation, in each dialect (reference 2 and 5.7).
//!
//! Owns the moments and the shape of envelopes; [`product`] and [`specification`] have the
//! sequences, [`item`] the parts. It knows no conversation state: which moment it is, is decided by
//! [`crate::instance`].

mod item;
mod product;
mod specification;
mod stream;

use serde_json::{Map, Value};

pub(crate) use self::stream::{StreamState, streamed};
use crate::{
    config::Dialect,
    instance::{FileShape, Setup},
};

/// Said when a chat is put into the queue (reference 5.6).
pub(crate) const STAND_BY: &str = "Please stand by while I connect you to a live agent.";
/// Said when nobody can take a chat.
pub(crate) const NOBODY: &str = "No agents are available at the moment. Please try again later.";
/// Said when a conversation is over.
pub(crate) const ENDED: &str = "The conversation has ended.";
/// Said by the virtual agent to anything it has no topic for.
pub(crate) const NOT_UNDERSTOOD: &str = "I'm sorry, I didn't understand that.";
/// Said by the virtual agent to a conversation that was started.
pub(crate) const GREETING: &str = "Hi, I'm your virtual agent. How can I help you?";

/// Said to a user who waits longer than the queue's maximum.
pub(crate) const MAX_WAIT: &str = "All agents are still busy. You can keep waiting, or choose a \
                                   topic instead.";
/// Said to a user who has been silent for a while (reference 5.6).
pub(crate) const IDLE_REMINDER: &str = "The conversation is timing out, are you still there?";
/// Said when a silent user is given up.
pub(crate) const IDLE_END: &str = "It seems you have left the conversation";
/// Asked by the virtual agent when its user says `bye`.
pub(crate) const BYE: &str = "Do you want to end this conversation?";
/// Something that callbacks tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment<'a> {
    /// A conversation record was made.
    Started,
    /// The answer to `CREATE_CONVERSATION`.
    Created,
    /// The virtual agent's greeting topic.
    Greeted,
    /// The virtual agent found no topic.
    NotUnderstood,
    /// The virtual agent asks whether `bye` was meant.
    ByeAsked,
    /// A topic of the virtual agent said this.
    TopicSaid(&'a str),
    /// The virtual agent gave the conversation back to the primary bot.
    LetGo,
    /// The virtual agent's conversation was ended by the user.
    Closed,
    /// AGENT was routed to a queue.
    Queued,
    /// A minute of waiting has gone by.
    StillWaiting,
    /// A minute of waiting for the next agent of a transferred chat has gone by.
    WaitingAgain,
    /// The queue's maximum has gone by: the user is offered a topic.
    MaxWait,
    /// Nobody is there for AGENT, or everybody rejected it.
    Nobody,
    /// No queue takes the chat.
    Unrouted,
    /// An agent took the chat.
    Accepted,
    /// The agent began or stopped typing.
    Typing(bool),
    /// The agent wrote this.
    Wrote(&'a str),
    /// The agent sent this file.
    SentFile(FileLink<'a>),
    /// A control was shown.
    Showed(Shown<'a>),
    /// The chat is on its way to another agent.
    Transferring,
    /// Another agent took the chat.
    Transferred,
    /// The user has been silent for a while.
    IdleReminder,
    /// The user was silent for too long, and the chat was closed.
    IdledOut,
    /// The agent ended the chat.
    AgentEnded,
    /// The agent ended the chat, and a survey follows.
    AgentLeft,
    /// The virtual agent asks the question at this place of the survey.
    SurveyAsked(usize),
    /// The survey is over.
    SurveyOver,
    /// The user ended the chat while an agent was there.
    UserEnded,
    /// The user left before an agent was there.
    Withdrawn,
}

/// A file as a callback names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileLink<'a> {
    pub(crate) name: &'a str,
    pub(crate) content_type: &'a str,
    pub(crate) url: &'a str,
    pub(crate) shape: FileShape,
}

/// What is shown at once, an envelope for each item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown<'a> {
    pub(crate) items: &'a [Value],
    /// By the agent, not by a topic that runs inside the chat.
    pub(crate) is_agents: bool,
    /// In pieces.
    pub(crate) streamed: bool,
}

impl Moment<'_> {
    /// Whether it comes in pieces, whatever the channel's settings are.
    pub(crate) fn is_streamed(self) -> bool {
        matches!(self, Moment::Showed(shown) if shown.streamed)
    }

    /// Whether the virtual agent says something that it has worked out.
    pub(crate) fn is_answer(self) -> bool {
        matches!(self, Moment::Greeted | Moment::NotUnderstood)
    }

    /// Whether the end of a chat is told; a conversation that never left the virtual agent has
    /// none.
    pub(crate) fn is_end(self) -> bool {
        match self {
            Moment::IdledOut
            | Moment::AgentEnded
            | Moment::AgentLeft
            | Moment::SurveyOver
            | Moment::UserEnded
            | Moment::Withdrawn
            | Moment::Unrouted => true,
            Moment::Started
            | Moment::Created
            | Moment::Greeted
            | Moment::NotUnderstood
            | Moment::ByeAsked
            | Moment::TopicSaid(_)
            | Moment::SurveyAsked(_)
            | Moment::LetGo
            | Moment::Closed
            | Moment::Queued
            | Moment::StillWaiting
            | Moment::WaitingAgain
            | Moment::MaxWait
            | Moment::Nobody
            | Moment::Accepted
            | Moment::Typing(_)
            | Moment::Wrote(_)
            | Moment::SentFile(_)
            | Moment::Showed(_)
            | Moment::Transferring
            | Moment::Transferred
            | Moment::IdleReminder => false,
        }
    }
}

/// What the moment happens to.
pub(crate) struct Context<'a> {
    pub(crate) setup: &'a Setup,
    /// The name and the `sys_id` of who has the chat; absent before anybody had it.
    pub(crate) agent: Option<(&'a str, &'a str)>,
    /// The wait estimate at moments of waiting, where one is shown.
    pub(crate) wait_time: Option<&'a str>,
    pub(crate) conversation_id: &'a str,
    pub(crate) interaction_id: &'a str,
    /// The first word after acceptance was exchanged.
    pub(crate) talking: bool,
}

impl Context<'_> {
    /// What system texts call the agent.
    fn agent_shown(&self) -> &str {
        self.agent.filter(|_| self.setup.names_shown).map_or("The agent", |(name, _)| name)
    }
}

/// One POST, before the caller's own labels are echoed into it.
#[derive(Debug, Default)]
pub(crate) struct Envelope {
    pub(crate) items: Vec<Map<String, Value>>,
    pub(crate) agent_chat: bool,
    pub(crate) completed: bool,
    pub(crate) take_control: bool,
    pub(crate) score: Option<u8>,
    pub(crate) status: Option<&'static str>,
    pub(crate) error_message: Option<&'static str>,
    /// It is a piece of a stream.
    pub(crate) stream: Option<StreamState>,
}

impl Envelope {
    /// Not a mere piece of what comes whole later.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.stream, None | Some(StreamState::End))
    }

    fn of(item: Value) -> Self {
        Self { items: item::objects(vec![item]), ..Self::default() }
    }

    fn with_agent(self) -> Self {
        Self { agent_chat: true, ..self }
    }

    fn completed(self) -> Self {
        Self { completed: true, ..self }
    }

    fn understood(self) -> Self {
        Self { score: Some(1), ..self }
    }

    fn scored(self) -> Self {
        Self { score: Some(0), ..self }
    }

    fn status(self, status: &'static str) -> Self {
        Self { status: Some(status), ..self }
    }
}

/// The callbacks of a moment, in the order in which they are sent.
pub(crate) fn callbacks(moment: Moment<'_>, context: &Context<'_>) -> Vec<Envelope> {
    match context.setup.dialect {
        Dialect::ServiceNow => product::told(moment, context),
        Dialect::Spec => specification::told(moment, context),
        Dialect::Both => {
            let status = status(moment, context.talking);
            let error = (moment == Moment::Nobody).then_some(NOBODY);
            let mut envelopes = product::told(moment, context);
            for envelope in &mut envelopes {
                envelope.status = status;
                envelope.error_message = error;
            }
            envelopes
        }
    }
}

/// The specification's status at a moment; the virtual agent has none.
fn status(moment: Moment<'_>, talking: bool) -> Option<&'static str> {
    match moment {
        Moment::Started
        | Moment::Created
        | Moment::Greeted
        | Moment::NotUnderstood
        | Moment::ByeAsked
        | Moment::TopicSaid(_)
        | Moment::SurveyAsked(_)
        | Moment::LetGo
        | Moment::Closed => None,
        Moment::Queued | Moment::StillWaiting | Moment::MaxWait => Some("waiting"),
        Moment::Nobody | Moment::Unrouted => Some("fail"),
        Moment::Accepted => Some("connected"),
        // The specification's diagram has no way back to waiting, so a transfer is none.
        Moment::Typing(_)
        | Moment::Transferring
        | Moment::WaitingAgain
        | Moment::Transferred
        | Moment::IdleReminder => Some(if talking { "active" } else { "connected" }),
        Moment::Wrote(_) | Moment::SentFile(_) | Moment::Showed(_) => Some("active"),
        Moment::IdledOut
        | Moment::AgentEnded
        | Moment::AgentLeft
        | Moment::SurveyOver
        | Moment::UserEnded => Some("completed"),
        Moment::Withdrawn => Some("cancelled"),
    }
}
