//! The words that are commands when they are a user's whole message (reference 3.7).
//!
//! Owns what each does wherever the conversation stands. Matching is exact: no trimming, no other
//! case (whether a real instance is as strict is unknown, reference 15.11).

use super::{
    Callback, Fate, Instance,
    conversation::{EndedBy, Key, Phase},
    inbound::Reception,
};
use crate::{
    callback::{BYE, Moment},
    request::{Action, Request},
};

/// What a user may say to the instance instead of to the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Bye,
    Hi,
    Restart,
    Logout,
    Agent,
}

impl Word {
    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "bye" => Self::Bye,
            "hi" => Self::Hi,
            "restart" => Self::Restart,
            "logout" => Self::Logout,
            "agent" => Self::Agent,
            _ => return None,
        })
    }
}

impl Instance {
    /// Obeys a command word. `None` when the request is none, or words are not commands here.
    pub(super) fn command(
        &mut self,
        key: &Key,
        request: &Request,
        action: Action,
        now: u64,
    ) -> Option<Reception> {
        if !self.setup.command_words || action != Action::Message {
            return None;
        }
        let open = match self.standing(key) {
            // There every word is an answer.
            (_, Some(Phase::Survey)) => return None,
            (Some(number), Some(phase)) if phase != Phase::Closed => Some((number, phase)),
            _ => None,
        };
        if let Some((number, Phase::Bot)) = open
            && let Some(told) = self.answers_bye(number, request, now)
        {
            return Some((Fate::Taken, told));
        }
        let word = Word::read(request.text())?;
        if let Some((number, _)) = open {
            self.note(number, request);
        }
        Some(match (word, open) {
            (Word::Logout, _) => {
                self.unlink(key);
                (Fate::Taken, Vec::new())
            }
            (Word::Agent, Some((_, Phase::Live | Phase::Queued))) => {
                (Fate::Ignored("the word is a command, and an agent was asked for already"), vec![])
            }
            (Word::Agent, None) => self.afresh(key.clone(), request, Action::Agent, now),
            (Word::Agent, Some((number, _))) => {
                (Fate::Taken, self.ask_for_agent(number, request, now))
            }
            (Word::Bye, None) => {
                (Fate::Ignored("the word is a command, and no conversation is open"), Vec::new())
            }
            (Word::Bye, Some((number, Phase::Bot))) => (Fate::Taken, self.ask_bye(number, now)),
            (Word::Bye, Some((number, phase))) => (Fate::Taken, self.finish(number, phase, now)),
            // It begins a conversation, or ends the one there is.
            (Word::Hi, Some((number, phase @ (Phase::Live | Phase::Queued)))) => {
                (Fate::Taken, self.finish(number, phase, now))
            }
            (Word::Hi, Some((number, _))) => self.with_bot(number, request, Action::Start, now),
            (Word::Hi | Word::Restart, None) => {
                self.afresh(key.clone(), request, Action::Start, now)
            }
            (Word::Restart, Some((number, phase))) => {
                let mut told = self.finish(number, phase, now);
                let (fate, more) = self.afresh(key.clone(), request, Action::Start, now);
                told.extend(more);
                (fate, told)
            }
        })
    }

    fn finish(&mut self, number: u64, phase: Phase, now: u64) -> Vec<Callback> {
        match phase {
            Phase::Live => self.leave(number, now),
            Phase::Queued => self.withdraw(number, now),
            Phase::Bot | Phase::Survey | Phase::Closed => {
                let told = self.tell(number, Moment::Closed);
                self.close(number, Some(EndedBy::User), "user ended", now);
                told
            }
        }
    }

    /// The virtual agent asks back before it lets its user go.
    fn ask_bye(&mut self, number: u64, now: u64) -> Vec<Callback> {
        self.bot_line(number, BYE, now);
        if let Some(conversation) = self.conversations.get_mut(&number) {
            conversation.bye_asked = true;
        }
        self.tell_as_bot(number, Moment::ByeAsked)
    }

    /// The answer to that: `1` ends the conversation and `0` does not. Anything else is no answer.
    fn answers_bye(&mut self, number: u64, request: &Request, now: u64) -> Option<Vec<Callback>> {
        let conversation = self.conversations.get_mut(&number)?;
        if !std::mem::take(&mut conversation.bye_asked) {
            return None;
        }
        let ends = match request.text() {
            "1" => true,
            "0" => false,
            _ => return None,
        };
        conversation.note(request);
        Some(if ends { self.finish(number, Phase::Bot, now) } else { Vec::new() })
    }
}
