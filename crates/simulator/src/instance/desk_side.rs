//! What an agent does at the desk, by hand or by script, and how chats end.
//!
//! Owns the rules about which action fits which state of a chat.

use super::{
    Callback, Due, Instance,
    conversation::{Chat, ChatState, Conversation, EndedBy, Phase, Speaker},
    team::Member,
};
use crate::{
    callback::{Moment, STAND_BY},
    config::{AgentMode, Schedule},
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
    /// So much waits behind a question already that there is no room for more.
    #[error("too much waits to be shown in this chat; answer or end it first")]
    TooMuch,
    /// An agent cannot write nothing.
    #[error("the text is empty")]
    EmptyText,
    /// No agent has this id or name.
    #[error("there is no such agent")]
    UnknownAgent,
    /// No queue has this id.
    #[error("there is no such queue")]
    UnknownQueue,
    /// The chat is offered to one agent, and another one asked for it.
    #[error("the chat is offered to another agent")]
    OfferedToOther,
    /// An agent who is away takes no chat.
    #[error("the agent is away")]
    AgentAway,
    /// A chat cannot be transferred to the agent who has it.
    #[error("the agent has this chat already")]
    AlreadyTheirs,
    /// The queue is closed, or nobody who could take the chat is there.
    #[error("nobody is there who could take the chat")]
    NobodyThere,
}

/// Why a user who left the queue is shown as ended.
pub(super) const LEFT: &str = "left before engagement";

type Done = Result<Vec<Callback>, DeskError>;

impl Instance {
    /// An agent takes a waiting chat; `None` stands for the one it is offered to.
    pub(crate) fn accept(&mut self, number: u64, who: Option<usize>, now: u64) -> Done {
        let member = self.taker(number, who)?;
        let chat = self.chat(number)?;
        let (waited, transferred) = (now.saturating_sub(chat.waiting_since), chat.transferring);
        if let Some((queue, _)) = chat.queue {
            self.team.waited(queue, waited);
        }
        Ok(if transferred {
            let told = self.arrive(number, member, now);
            self.greet(number, now);
            told
        } else {
            self.engage(number, member, now)
        })
    }

    /// An agent takes a chat just after its user left the queue: the ghost of reference 2. The
    /// user's next request opens a conversation of its own all the same.
    pub(crate) fn accept_late(&mut self, number: u64, now: u64) -> Done {
        self.chat(number)?;
        if !self.was_withdrawn(number) {
            return Err(DeskError::NotCancelled);
        }
        let available = |member: &Member| member.profile.available;
        let member = self.team.members.iter().position(available).ok_or(DeskError::NobodyThere)?;
        if let Some(chat) = self.chat_mut(number) {
            chat.ended_by = None;
            chat.end_reason = None;
        }
        Ok(self.engage(number, member, now))
    }

    /// Whether the user left the queue, and nobody has taken the chat since.
    pub(crate) fn was_withdrawn(&self, number: u64) -> bool {
        self.chat(number)
            .is_ok_and(|chat| chat.state == ChatState::Ended && chat.end_reason == Some(LEFT))
    }

    fn engage(&mut self, number: u64, member: usize, now: u64) -> Vec<Callback> {
        self.hand_to(number, member);
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
        self.greet(number, now);
        let told = self.tell(number, Moment::Accepted);
        self.keep_messages(&told, now);
        told
    }

    /// A scripted agent says hello.
    fn greet(&mut self, number: u64, now: u64) {
        let chat = self.conversations.get(&number).and_then(Conversation::chat);
        if let (AgentMode::Scripted(script), Some(agent)) =
            (&self.setup.agent, chat.and_then(|chat| chat.agent.as_ref()))
        {
            let moves = script.greet(&agent.name, now);
            self.follow(number, moves);
        }
    }

    /// An agent hands a live chat to another one, by id or name.
    pub(crate) fn transfer(&mut self, number: u64, to: &str, now: u64) -> Done {
        let from = self.attended(number)?.agent.as_ref().map(|agent| agent.member);
        let to = to.trim();
        if to.is_empty() {
            return Err(DeskError::EmptyText);
        }
        let member = self.agent(to)?;
        if from == Some(member) {
            return Err(DeskError::AlreadyTheirs);
        }
        if !self.team.members[member].profile.available {
            return Err(DeskError::AgentAway);
        }
        let mut told = self.hand_over(number, now)?;
        let estimate = self.estimate(number, now);
        told.extend(self.tell_waiting(number, Moment::Transferring, estimate.as_deref()));
        let delay = millis(self.setup.transfer_delay);
        if delay == 0 {
            told.extend(self.arrive(number, member, now));
        } else {
            self.plan(now.saturating_add(delay), number, Due::Transfer(member));
        }
        self.assign(now);
        Ok(told)
    }

    /// An agent puts a live chat into a queue. Another one has to accept it there.
    pub(crate) fn transfer_to_queue(&mut self, number: u64, queue: &str, now: u64) -> Done {
        let from = self.attended(number)?.agent.as_ref().map(|agent| agent.member);
        let index = self.team.queue(queue).ok_or(DeskError::UnknownQueue)?;
        let open = self.team.queues[index].profile.schedule.is_open(now);
        let context = self.conversations.get(&number).map(|c| &c.context);
        let could = |member: usize| {
            context.is_some_and(|context| self.team.is_eligible(member, index, context))
        };
        let somebody = (0..self.team.members.len()).any(|m| Some(m) != from && could(m));
        if !open || !somebody {
            return Err(DeskError::NobodyThere);
        }
        let mut told = self.hand_over(number, now)?;
        if let Some(chat) = self.chat_mut(number) {
            chat.state = ChatState::Offered;
            chat.queue = Some((index, queue.to_owned()));
            chat.waiting_since = now;
            // Who hands a chat over is not offered it again.
            chat.refused = from.into_iter().collect();
            chat.missed.clear();
        }
        self.wait_in(number, index, now);
        let estimate = self.estimate(number, now);
        told.extend(self.tell_waiting(number, Moment::Transferring, estimate.as_deref()));
        self.plan_estimate(number, now);
        self.assign(now);
        Ok(told)
    }

    /// The agent who has a chat lets go of it.
    fn hand_over(&mut self, number: u64, now: u64) -> Done {
        let told = self.typing(number, false)?;
        self.let_go(number);
        if let Some(chat) = self.chat_mut(number) {
            chat.transferring = true;
        }
        self.system_line(number, STAND_BY, now);
        Ok(told)
    }

    /// The next agent of a transferred chat comes, unless it has ended meanwhile.
    pub(super) fn arrive(&mut self, number: u64, member: usize, now: u64) -> Vec<Callback> {
        let Some(chat) = self.chat_mut(number).filter(|chat| chat.transferring) else {
            return Vec::new();
        };
        chat.transferring = false;
        if chat.state == ChatState::Offered {
            // As after any acceptance, the idle clock starts no sooner than now.
            chat.state = ChatState::Live;
            chat.heard(now);
            self.watch_idle(now);
        }
        self.hand_to(number, member);
        self.enter(number, now);
        let told = self.tell(number, Moment::Transferred);
        self.keep_system_texts(&told, now);
        told
    }

    /// The desk's own line about an agent who comes.
    fn enter(&mut self, number: u64, now: u64) {
        let name = self.agent_name(number);
        self.system_line(number, &format!("{name} has entered the chat."), now);
    }

    /// The name of who has or had the chat, as the desk knows it.
    fn agent_name(&self, number: u64) -> String {
        let chat = self.conversations.get(&number).and_then(Conversation::chat);
        let agent = chat.and_then(|chat| chat.agent.as_ref());
        agent.map_or_else(|| "The agent".to_owned(), |agent| agent.name.clone())
    }

    /// The agent begins or stops typing; saying the same twice tells it once.
    pub(crate) fn typing(&mut self, number: u64, on: bool) -> Done {
        let chat = self.attended(number)?;
        if chat.agent_typing == on {
            return Ok(Vec::new());
        }
        chat.agent_typing = on;
        Ok(if self.setup.typing_shown { self.tell(number, Moment::Typing(on)) } else { Vec::new() })
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
        self.live(number)?;
        let closed = format!("{} has closed the support session.", self.agent_name(number));
        let surveyed = !self.setup.survey.is_empty();
        let moment = if surveyed { Moment::AgentLeft } else { Moment::AgentEnded };
        let mut told = self.tell(number, moment);
        self.keep_closing(number, &told, &closed, now);
        self.system_line(number, &closed, now);
        if surveyed {
            self.end_chat(number, Some(EndedBy::Agent), "agent ended");
            told.extend(self.begin_survey(number, now));
            self.assign(now);
        } else {
            self.close(number, Some(EndedBy::Agent), "agent ended", now);
        }
        Ok(told)
    }

    /// Changes who sits at the desk. Scripted agents also take what is already waiting.
    pub(crate) fn set_agent(&mut self, mode: AgentMode, now: u64) {
        if let AgentMode::Scripted(script) = &mode {
            self.setup.script = script.clone();
        }
        self.setup.agent = mode;
        self.accept_all(now);
        self.assign(now);
    }

    /// Changes an agent's presence. Chats at hand stay; offers go on to the next agent.
    pub(crate) fn set_available(
        &mut self,
        who: &str,
        available: bool,
        now: u64,
    ) -> Result<(), DeskError> {
        let member = self.agent(who)?;
        self.make_available(member, available);
        self.assign(now);
        Ok(())
    }

    /// Changes how many chats an agent has at once. What is more than that stays.
    pub(crate) fn set_capacity(
        &mut self,
        who: &str,
        capacity: u32,
        now: u64,
    ) -> Result<(), DeskError> {
        let member = self.agent(who)?;
        self.team.members[member].profile.capacity = capacity;
        self.assign(now);
        Ok(())
    }

    /// Changes when a queue is open.
    pub(crate) fn set_schedule(
        &mut self,
        queue: &str,
        schedule: Schedule,
    ) -> Result<(), DeskError> {
        let queue = self.team.queue(queue).ok_or(DeskError::UnknownQueue)?;
        self.team.queues[queue].profile.schedule = schedule;
        Ok(())
    }

    /// Performs a planned move. What no longer fits, because the user left or a person has taken
    /// the desk over, is let go.
    pub(super) fn perform(&mut self, number: u64, step: Move, now: u64) -> Vec<Callback> {
        if !matches!(self.setup.agent, AgentMode::Scripted(_)) {
            return Vec::new();
        }
        let done = match step {
            Move::Typing(on) => self.typing(number, on),
            Move::Write(text) => self.write(number, &text, now),
            Move::End => self.end(number, now),
        };
        done.unwrap_or_default()
    }

    /// Plans the scripted agent's reaction to a line of the user.
    pub(super) fn script_answers(&mut self, number: u64, line: &str, now: u64) {
        let chat = self.conversations.get_mut(&number).and_then(|c| c.chat.as_mut());
        let Some(chat) = chat.filter(|chat| chat.state == ChatState::Live && !chat.transferring)
        else {
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

    /// Ends the conversation, and its chat if it has one; its agent has room for another then.
    pub(super) fn close(
        &mut self,
        number: u64,
        by: Option<EndedBy>,
        reason: &'static str,
        now: u64,
    ) {
        self.end_chat(number, by, reason);
        let Some(conversation) = self.conversations.get_mut(&number) else { return };
        conversation.phase = Phase::Closed;
        // The user may have opened another one since, when this is a chat accepted late.
        if self.open.get(&conversation.key) == Some(&number) {
            self.open.remove(&conversation.key);
        }
        self.closed.push_back(number);
        self.assign(now);
    }

    /// Ends the chat of a conversation that goes on, unless it has ended already.
    pub(super) fn end_chat(&mut self, number: u64, by: Option<EndedBy>, reason: &'static str) {
        self.let_go(number);
        let Some(chat) = self.chat_mut(number).filter(|chat| chat.state != ChatState::Ended) else {
            return;
        };
        chat.state = ChatState::Ended;
        chat.ended_by = by;
        chat.end_reason = Some(reason);
        chat.user_typing = false;
        chat.agent_typing = false;
        chat.transferring = false;
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
            let agent = conversation.chat().and_then(|chat| chat.agent.as_ref());
            let Some(name) = agent.map(|agent| agent.name.clone()) else { return };
            conversation.line(Speaker::Agent, &name, text, now);
        }
    }

    pub(super) fn chat(&self, number: u64) -> Result<&Chat, DeskError> {
        let conversation = self.conversations.get(&number);
        conversation.and_then(Conversation::chat).ok_or(DeskError::UnknownChat)
    }

    fn live(&mut self, number: u64) -> Result<&mut Chat, DeskError> {
        let chat = self.chat_mut(number).ok_or(DeskError::UnknownChat)?;
        if chat.state == ChatState::Live { Ok(chat) } else { Err(DeskError::NotLive) }
    }
    /// A live chat that somebody has at this moment.
    pub(super) fn attended(&mut self, number: u64) -> Result<&mut Chat, DeskError> {
        let chat = self.live(number)?;
        if chat.transferring { Err(DeskError::NotLive) } else { Ok(chat) }
    }
}
