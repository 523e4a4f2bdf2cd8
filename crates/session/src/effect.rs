//! What must be done outside, and what else a step decides. Effects name log entries and never copy
//! their text.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    conversation::Status,
    id::{DeskId, EffectNumber, Number, SessionId, Timestamp, UserId},
    notice::EndReason,
    said::Unlogged,
};

/// Something to do outside. Durable once committed; one lane carries it in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// Its number in the conversation; `<session>.<number>` is the `requestId`.
    pub number: EffectNumber,
    /// What.
    pub what: What,
    /// Given up after this moment.
    pub expires_at: Timestamp,
}

/// The kinds of effects. The debug form leaves e-mail addresses and names out.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum What {
    /// Desk lane: ask for an agent (AGENT).
    Ask {
        /// The live chat.
        session: SessionId,
        /// Where.
        desk: DeskId,
        /// For whom.
        user: UserId,
        /// The user's e-mail address, if verified.
        email: Option<String>,
        /// The user's name, for the transcript.
        name: Option<String>,
        /// The user's time zone, if their device tells it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timezone: Option<String>,
        /// The transcript goes up to this entry.
        upto: Number,
        /// The entry with what the bot handed over.
        context: Option<Number>,
    },
    /// Desk lane: the user's words.
    Say {
        /// The live chat.
        session: SessionId,
        /// Where.
        desk: DeskId,
        /// Who speaks.
        user: UserId,
        /// The user's e-mail address, if verified.
        email: Option<String>,
        /// The user's time zone, if their device tells it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timezone: Option<String>,
        /// Which entry.
        message: Number,
        /// Which part of its words, from zero: [`parts`](crate::parts). `None` is all of them in one
        /// message, as they are told that fit into one, and as an earlier version told long ones.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        part: Option<u16>,
        /// The words of this part, where the log must not hold them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        words: Option<Unlogged>,
    },
    /// Desk lane: the chat is over for us (`END_CONVERSATION`).
    End {
        /// The live chat.
        session: SessionId,
        /// Where.
        desk: DeskId,
        /// Whose.
        user: UserId,
    },
    /// Bot lane: the user arrived; the bot may greet.
    Greet,
    /// Bot lane: the user's words.
    ToBot {
        /// Which entry.
        message: Number,
    },
    /// Bot lane: what became of the live chat.
    TellBot {
        /// The live chat.
        session: SessionId,
        /// What became of it.
        news: BotNews,
        /// The live chat's transcript: entries after this one
        after: Number,
        /// up to and including this one.
        upto: Number,
    },
    /// Channel lane: bring what is in the log to a user whose channel does not read it.
    Show {
        /// Which entry.
        message: Number,
        /// Which part of its words, from zero: [`parts`](crate::parts).
        #[serde(default, skip_serializing_if = "is_first")]
        part: u16,
        /// The live chat in which an agent said it: they must hear if it does not arrive.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of_agent: Option<SessionId>,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
fn is_first(part: &u16) -> bool {
    *part == 0
}

impl What {
    /// The live chat it carries on at the desk: what a [`Strike`] of that session may hit. Telling
    /// the bot is not part of it, the bot hears of every chat.
    pub fn session(&self) -> Option<&SessionId> {
        match self {
            Self::Ask { session, .. } | Self::Say { session, .. } | Self::End { session, .. } => {
                Some(session)
            }
            Self::Greet | Self::ToBot { .. } | Self::TellBot { .. } | Self::Show { .. } => None,
        }
    }

    /// The person whose desk lane carries it; `None` for the bot's lane and the channel's.
    pub fn desk_lane(&self) -> Option<(&DeskId, &UserId)> {
        match self {
            Self::Ask { desk, user, .. }
            | Self::Say { desk, user, .. }
            | Self::End { desk, user, .. } => Some((desk, user)),
            Self::Greet | Self::ToBot { .. } | Self::TellBot { .. } | Self::Show { .. } => None,
        }
    }

    /// The kind as a word, for logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Ask { .. } => "ask",
            Self::Say { .. } => "say",
            Self::End { .. } => "end",
            Self::Greet => "greet",
            Self::ToBot { .. } => "to_bot",
            Self::TellBot { .. } => "tell_bot",
            Self::Show { .. } => "show",
        }
    }
}

impl fmt::Debug for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut form = f.debug_struct(self.kind());
        if let Some((desk, user)) = self.desk_lane() {
            form.field("desk", desk).field("user", user);
        }
        match self {
            Self::Ask { session, upto, context, .. } => {
                form.field("session", session).field("upto", upto).field("context", context)
            }
            Self::Say { session, message, part, words, .. } => form
                .field("session", session)
                .field("message", message)
                .field("part", part)
                .field("words", words),
            Self::End { session, .. } => form.field("session", session),
            Self::Greet => &mut form,
            Self::ToBot { message } => form.field("message", message),
            Self::Show { message, part, .. } => form.field("message", message).field("part", part),
            Self::TellBot { session, after, upto, .. } => {
                form.field("session", session).field("after", after).field("upto", upto)
            }
        };
        form.finish_non_exhaustive()
    }
}

/// What the bot is told about a live chat (`handoff.status`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum BotNews {
    /// An agent is there.
    Accepted {
        /// By name where known.
        agent: Option<String>,
    },
    /// It is over.
    Completed {
        /// The agent's name where known.
        agent: Option<String>,
        /// Why.
        reason: EndReason,
    },
    /// It never came to it, or broke.
    Failed {
        /// Why.
        reason: EndReason,
    },
}

/// Why an effect was finally not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Struck before its first attempt.
    Struck,
    /// Its destination refused it for good.
    Refused,
    /// Its time ran out; it may or may not have arrived.
    Expired,
    /// Nobody is there any more to take it, or anything else.
    Gone,
    /// It was handed over and no answer came. It is not attempted again, because it may have arrived
    /// and a second time would show.
    Unanswered,
}

/// Effects of this session numbered below `below` that were never attempted are not to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strike {
    /// Of which session.
    pub session: SessionId,
    /// Only effects numbered below this one.
    pub below: EffectNumber,
}

/// The one live chat a person may have at a desk, taken or freed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// This session has it from now on.
    Take {
        /// Where.
        desk: DeskId,
        /// Who.
        user: UserId,
        /// The live chat.
        session: SessionId,
    },
    /// This session lets go, if it has it.
    Free {
        /// Where.
        desk: DeskId,
        /// Who.
        user: UserId,
        /// The live chat.
        session: SessionId,
    },
}

/// How far a session came by one step, with the times that people ask about. Says nothing about
/// what must be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Milestone {
    /// The live chat.
    pub session: SessionId,
    /// Where.
    pub desk: DeskId,
    /// What it came to.
    pub reached: Reached,
}

/// What a session came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// A person was asked for.
    Waiting,
    /// The first agent came.
    Connected {
        /// After the user had waited so long.
        waited: Duration,
    },
    /// The first word was exchanged.
    Active,
    /// An agent said something for the first time.
    AgentSpoke {
        /// So long after the user had asked.
        after: Duration,
    },
    /// It is over.
    Ended {
        /// completed, fail or cancelled.
        status: Status,
        /// Why.
        reason: EndReason,
        /// For how long an agent had it; `None` if none came, or if that was not written down.
        handled: Option<Duration>,
    },
}

/// A session's row as it should stand now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The live chat.
    pub session: SessionId,
    /// Where.
    pub desk: DeskId,
    /// Who.
    pub user: UserId,
    /// Its status.
    pub status: Status,
    /// Why it ended, if it did.
    pub reason: Option<EndReason>,
    /// When it was asked for.
    pub opened_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}
