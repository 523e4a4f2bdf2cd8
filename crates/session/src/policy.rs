//! What an installation may decide about the rules, with the defaults of design.md section 7.

use std::time::Duration;

use crate::{effect::What, id::DeskId};

/// The settings that one bot's conversations are stepped with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Where its users are handed over to.
    pub desk: DeskId,
    /// What stands behind the gateway.
    pub behind: Behind,
    /// What the user can type.
    pub phrases: Phrases,
    /// After the desk took the request and says nothing: how long until that counts as lost.
    pub silence: Duration,
    /// The longest a user waits for an agent.
    pub longest_wait: Duration,
    /// How long a user may be silent in a live chat before a warning; ServiceNow reminds at 180 s
    /// and cuts at 360 s (reference 11).
    pub idle_warning: Duration,
    /// How long an agent may leave the user's last word unanswered before the user is told; `None`
    /// tells them nothing.
    pub agent_idle: Option<Duration>,
    /// How long a user whose page is gone keeps their place and their agent, on channels that know.
    /// Not too short: phones cut the connection whenever they lock. Not for ever: no agent is to
    /// meet a ghost.
    pub away_grace: Duration,
    /// A live chat in which neither side was heard for this long is lost; longer than ServiceNow's
    /// own slowest clean-up (7,200 s, hourly: reference 11).
    pub quiet: Duration,
    /// How long the request for an agent is attempted.
    pub ask_within: Duration,
    /// How long a message is attempted.
    pub say_within: Duration,
    /// How long telling the desk the end is attempted.
    pub end_within: Duration,
    /// How long the user's words are attempted at the bot: an answer to what was asked long ago only
    /// confuses.
    pub bot_within: Duration,
    /// How many effects may wait in a lane before the user's words are refused. What ends or begins
    /// a live chat is never refused for it.
    pub lane_max: usize,
}

impl Policy {
    /// The defaults, for this desk.
    pub fn new(desk: DeskId) -> Self {
        Self {
            desk,
            behind: Behind::BuiltIn,
            phrases: Phrases::default(),
            silence: Duration::from_mins(1),
            longest_wait: Duration::from_mins(30),
            idle_warning: Duration::from_secs(150),
            agent_idle: None,
            away_grace: Duration::from_mins(10),
            quiet: Duration::from_hours(3),
            ask_within: Duration::from_mins(2),
            say_within: Duration::from_mins(15),
            end_within: Duration::from_hours(24),
            bot_within: Duration::from_mins(2),
            lane_max: 1_000,
        }
    }

    /// How long an effect is attempted before it is given up.
    pub fn within(&self, what: &What) -> Duration {
        match what {
            What::Ask { .. } => self.ask_within,
            What::End { .. } => self.end_within,
            What::Greet | What::ToBot { .. } => self.bot_within,
            What::Say { .. } | What::TellBot { .. } | What::Show { .. } => self.say_within,
        }
    }
}

/// What answers while nobody is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// The small built-in bot: escalation is by phrase.
    BuiltIn,
    /// A bot of the team's own: it decides about escalation, the phrases only while it is away.
    Bot,
}

/// Phrases, folded (lower case, single blanks, no final punctuation).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrases {
    /// Ask for a person.
    pub escalate: Vec<String>,
    /// Withdraw while waiting.
    pub cancel: Vec<String>,
    /// End while live (or waiting).
    pub end: Vec<String>,
    /// Say yes to a question of the desk.
    pub yes: Vec<String>,
    /// Say no to it.
    pub no: Vec<String>,
    /// Leave it unanswered, where that may be.
    pub skip: Vec<String>,
}

impl Default for Phrases {
    fn default() -> Self {
        let own = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        Self {
            escalate: own(&["agent", "live agent", "talk to a human"]),
            cancel: own(&["cancel"]),
            end: own(&["end chat"]),
            yes: own(&["yes", "y", "yep", "yeah"]),
            no: own(&["no", "n", "nope"]),
            skip: own(&["skip"]),
        }
    }
}
