//! What an agent does at the desk, by hand or by script, and how chats end.
//!
//! Owns the rules about which action fits which state of a chat.

use super::{
    Callback, Due, Instance,
    conversation::{Agent, Chat, ChatState, Conversation, EndedBy, Phase, Speaker},
};
use crate::{
    callback::{Moment, NOBODY, STAND_BY},
    config::AgentMode,
    script::{Move, millis},
};

/// Why an agent's action was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    /// There is no chat with this id; perhaps it was forgotten to make room.
    #[error("there is no such chat")]
    UnknownChat,
    /// Only a waiting chat can be accepted or rejected.
    #[error("the chat is not waiting for an agent")]
    NotOffered,
    /// Only a live chat can be written to, transferred or ended, and none can be written to or
    /// transferred while it is between two agents.
    #[error("the chat is not live")]
    NotLive,
    /// Only a chat whose user left while waiting can be accepted late.
    #[error("the user has not cancelled this chat")]
    NotCancelled,
    /// An agent cannot write nothing.
    #[error("the text is empty")]
    EmptyText,
}

/// Why a user who left the queue is shown as ended.
pub(super) const LEFT: &str = "left before engagement";

type Done = Result<Vec<Callback>, DeskError>;

impl Instance {
    /// An agent takes a waiting chat.
    pub(crate) fn accept(&mut self, number: u64, now: u64) -> Done {
        if self.chat(number)?.state != ChatState::Offered {
            return Err(DeskError::NotOffered);
        }
        Ok(self.engage(number, now))
    }

    /// An agent takes a chat just after its user left the queue: the ghost of reference 2. The
    /// user's next request opens a conversation of its own all the same.
    pub(crate) fn accept_late(&mut self, number: u64, now: u64) -> Done {
        let chat = self.chat(number)?;
        if chat.state != ChatState::Ended || chat.end_reason != Some(LEFT) {
            return Err(DeskError::NotCancelled);
        }
        if let Some(chat) = self.chat_mut(number) {
            chat.ended_by = None;
            chat.end_reason = None;
        }
        Ok(self.engage(number, now))
    }

    fn engage(&mut self, number: u64, now: u64) -> Vec<Callback> {
        self.enter(number, now);
        if let Some(conversation) = self.conversations.get_mut(&number) {
            conversation.phase = Phase::Live;
        }
        if let Some(chat) = self.chat_mut(number) {
            chat.state = ChatState::Live;
            chat.heard(now);
        }
        self.watch_idle(now);
        if let Some(response) = self.setup.initial_response.clone() {
            self.agent_line(number, &response, now);
        }
        if let AgentMode::Scripted(script) = &self.setup.agent {
            let moves = script.greet(&self.setup.agent_name, now);
            self.follow(number, moves);
        }
        let told = self.tell(number, Moment::Accepted);
        self.keep_messages(&told, now);
        told
    }

    /// An agent hands a live chat to another one, by name.
    pub(crate) fn transfer(&mut self, number: u64, to: &str, now: u64) -> Done {
        self.attended(number)?;
        let to = to.trim();
        if to.is_empty() {
            return Err(DeskError::EmptyText);
        }
        let mut told = self.typing(number, false)?;
        if let Some(chat) = self.chat_mut(number) {
            chat.transferring = true;
        }
        self.system_line(number, STAND_BY, now);
        told.extend(self.tell(number, Moment::Transferring));
        let delay = millis(self.setup.transfer_delay);
        if delay == 0 {
            told.extend(self.take_over(number, to, now));
        } else {
            self.plan(now.saturating_add(delay), number, Due::Transfer(to.to_owned()));
        }
        Ok(told)
    }

    /// The next agent of a transferred chat comes, unless it has ended meanwhile.
    pub(super) fn take_over(&mut self, number: u64, to: &str, now: u64) -> Vec<Callback> {
        let id = self.sys_id();
        let Ok(chat) = self.live(number) else { return Vec::new() };
        chat.transferring = false;
        chat.agent = Agent { name: to.to_owned(), id };
        self.enter(number, now);
        let told = self.tell(number, Moment::Transferred);
        self.keep_system_texts(&told, now);
        told
    }

    /// The desk's own line about an agent who comes.
    fn enter(&mut self, number: u64, now: u64) {
        if let Some(chat) = self.chat_mut(number) {
            let entered = format!("{} has entered the chat.", chat.agent.name);
            self.system_line(number, &entered, now);
        }
    }

    /// An agent refuses a waiting chat. With one agent at the desk nobody is left to offer it to,
    /// so the user is told what is told when nobody is there.
    pub(crate) fn reject(&mut self, number: u64, now: u64) -> Done {
        if self.chat(number)?.state != ChatState::Offered {
            return Err(DeskError::NotOffered);
        }
        let told = self.tell(number, Moment::Nobody);
        self.system_line(number, NOBODY, now);
        self.close(number, Some(EndedBy::Agent), "rejected");
        Ok(told)
    }

    /// The agent begins or stops typing; saying the same twice tells it once.
    pub(crate) fn typing(&mut self, number: u64, on: bool) -> Done {
        let chat = self.attended(number)?;
        if chat.agent_typing == on {
            return Ok(Vec::new());
        }
        chat.agent_typing = on;
        Ok(self.tell(number, Moment::Typing(on)))
    }

    /// The agent writes a line; typing that was still shown ends first.
    pub(crate) fn write(&mut self, number: u64, text: &str, now: u64) -> Done {
        self.attended(number)?;
        if text.trim().is_empty() {
            return Err(DeskError::EmptyText);
        }
        let mut told = self.typing(number, false)?;
        self.agent_line(number, text, now);
        if let Some(conversation) = self.conversations.get_mut(&number) {
            conversation.talking = true;
        }
        let written = self.tell(number, Moment::Wrote(text));
        self.keep_messages(&written, now);
        told.extend(written);
        Ok(told)
    }

    /// A word of the agent that comes when the conversation is over; an instance sends such when
    /// writing and ending cross.
    pub(crate) fn late_word(&mut self, number: u64, now: u64) -> Vec<Callback> {
        let written = self.tell(number, Moment::Wrote("One more thing."));
        self.keep_messages(&written, now);
        written
    }

    /// The agent ends a live chat.
    pub(crate) fn end(&mut self, number: u64, now: u64) -> Done {
        let closed = format!("{} has closed the support session.", self.live(number)?.agent.name);
        let told = self.tell(number, Moment::AgentEnded);
        self.keep_closing(number, &told, &closed, now);
        self.system_line(number, &closed, now);
        self.close(number, Some(EndedBy::Agent), "agent ended");
        Ok(told)
    }

    /// Changes who sits at the desk. A scripted agent also takes what is already waiting.
    pub(crate) fn set_agent(&mut self, mode: AgentMode, now: u64) {
        if let AgentMode::Scripted(script) = &mode {
            self.setup.script = script.clone();
            let due = now.saturating_add(millis(self.setup.accept_delay));
            let waiting: Vec<u64> = self
                .conversations
                .values()
                .filter(|conversation| conversation.phase == Phase::Queued)
                .map(|conversation| conversation.number)
                .collect();
            for number in waiting {
                self.plan(due, number, Due::Agent(Move::Accept));
            }
        }
        self.setup.agent = mode;
    }

    /// Performs a planned move. What no longer fits, because the user left or a person has taken
    /// the desk over, is let go.
    pub(super) fn perform(&mut self, number: u64, step: Move, now: u64) -> Vec<Callback> {
        if !matches!(self.setup.agent, AgentMode::Scripted(_)) {
            return Vec::new();
        }
        let done = match step {
            Move::Accept => self.accept(number, now),
            Move::Typing(on) => self.typing(number, on),
            Move::Write(text) => self.write(number, &text, now),
            Move::End => self.end(number, now),
        };
        done.unwrap_or_default()
    }

    /// Plans the scripted agent's reaction to a line of the user.
    pub(super) fn script_answers(&mut self, number: u64, line: &str, now: u64) {
        let Some(chat) = self.conversations.get_mut(&number).and_then(|c| c.chat.as_mut()) else {
            return;
        };
        if let AgentMode::Scripted(script) = &self.setup.agent {
            let moves = script.answer(line, chat.script_turns, now.max(chat.script_busy_until));
            chat.script_turns += 1;
            self.follow(number, moves);
        }
    }

    fn follow(&mut self, number: u64, moves: Vec<(u64, Move)>) {
        if let (Some((last, _)), Some(chat)) = (moves.last(), self.chat_mut(number)) {
            chat.script_busy_until = *last;
        }
        for (due, step) in moves {
            self.plan(due, number, Due::Agent(step));
        }
    }

    /// Ends the conversation, and its chat if it has one.
    pub(super) fn close(&mut self, number: u64, by: Option<EndedBy>, reason: &'static str) {
        let Some(conversation) = self.conversations.get_mut(&number) else { return };
        conversation.phase = Phase::Closed;
        if let Some(chat) = &mut conversation.chat {
            chat.state = ChatState::Ended;
            chat.ended_by = by;
            chat.end_reason = Some(reason);
            chat.user_typing = false;
            chat.agent_typing = false;
            chat.transferring = false;
        }
        // The user may have opened another one since, when this is a chat accepted late.
        if self.open.get(&conversation.key) == Some(&number) {
            self.open.remove(&conversation.key);
        }
        self.closed.push_back(number);
    }

    pub(super) fn chat_mut(&mut self, number: u64) -> Option<&mut Chat> {
        self.conversations.get_mut(&number)?.chat.as_mut()
    }

    pub(super) fn system_line(&mut self, number: u64, text: &str, now: u64) {
        if let Some(conversation) = self.conversations.get_mut(&number) {
            conversation.system(text, now);
        }
    }

    fn agent_line(&mut self, number: u64, text: &str, now: u64) {
        if let Some(conversation) = self.conversations.get_mut(&number) {
            let Some(name) = conversation.chat().map(|chat| chat.agent.name.clone()) else {
                return;
            };
            conversation.line(Speaker::Agent, &name, text, now);
        }
    }

    fn chat(&self, number: u64) -> Result<&Chat, DeskError> {
        let conversation = self.conversations.get(&number);
        conversation.and_then(Conversation::chat).ok_or(DeskError::UnknownChat)
    }

    fn live(&mut self, number: u64) -> Result<&mut Chat, DeskError> {
        let chat = self.chat_mut(number).ok_or(DeskError::UnknownChat)?;
        if chat.state == ChatState::Live { Ok(chat) } else { Err(DeskError::NotLive) }
    }
    /// A live chat that somebody has at this moment.
    fn attended(&mut self, number: u64) -> Result<&mut Chat, DeskError> {
        let chat = self.live(number)?;
        if chat.transferring { Err(DeskError::NotLive) } else { Ok(chat) }
    }
}
