//! What the desk tells.

use serde::{Deserialize, Serialize};

use crate::{
    id::{EffectNumber, SenderKey, SessionId},
    said::{Agent, Said},
};

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
