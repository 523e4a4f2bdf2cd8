//! How a chat finds its agent (reference 9.1 and 9.2): the queue, the offers one after the other,
//! and who is asked next.
//!
//! Owns these rules. Offers are not told to the user, so nothing here makes callbacks except what
//! ends the wait.

use super::{
    Callback, Due, Instance,
    conversation::{Agent, Chat, ChatState, EndedBy, Offer, Phase},
    desk_side::DeskError,
    team::{Member, QueueView},
};
use crate::{
    callback::{ENDED, Moment, NOBODY},
    config::{AgentMode, Unrouted, WaitStatus, worded},
    request::Request,
    script::millis,
};

impl Instance {
    /// AGENT, the word `agent`, or the topic that stands for them: into a queue, if one takes it.
    pub(super) fn ask_for_agent(
        &mut self,
        number: u64,
        request: &Request,
        now: u64,
    ) -> Vec<Callback> {
        let Some(conversation) = self.conversations.get(&number) else { return Vec::new() };
        match self.team.queue_for(&conversation.context) {
            None if self.setup.unrouted == Unrouted::Fallback => {
                self.fall_back(number, request, now)
            }
            None => {
                self.user_line(number, request, now);
                self.close_unrouted(number, now)
            }
            Some(queue) => {
                self.user_line(number, request, now);
                let closed = !self.team.queues[queue].profile.schedule.is_open(now);
                if closed || self.setup.agent == AgentMode::Nobody || !self.team.is_attended(queue)
                {
                    let told = self.tell(number, Moment::Nobody);
                    self.bot_line(number, NOBODY, now);
                    self.close(number, None, "no agent available", now);
                    return told;
                }
                self.enqueue(number, queue, now)
            }
        }
    }

    /// No queue takes the chat: it is abandoned at once, and nobody is told why.
    fn close_unrouted(&mut self, number: u64, now: u64) -> Vec<Callback> {
        if let Some(conversation) = self.conversations.get_mut(&number) {
            conversation.chat = Some(Chat::waiting(None, now));
        }
        self.system_line(number, "Closed abandoned: no queue takes this chat.", now);
        self.bot_line(number, ENDED, now);
        let told = self.tell(number, Moment::Unrouted);
        self.close(number, None, "closed abandoned: no queue", now);
        told
    }

    fn enqueue(&mut self, number: u64, queue: usize, now: u64) -> Vec<Callback> {
        let id = self.team.queues[queue].profile.id.clone();
        if let Some(conversation) = self.conversations.get_mut(&number) {
            conversation.phase = Phase::Queued;
            conversation.chat = Some(Chat::waiting(Some((queue, id)), now));
        }
        self.wait_in(number, queue, now);
        self.plan_waiting(number, now);
        let estimate = self.estimate(number, now);
        let told = self.tell_waiting(number, Moment::Queued, estimate.as_deref());
        self.assign(now);
        told
    }

    /// Puts a chat that already knows its queue into it.
    pub(super) fn wait_in(&mut self, number: u64, queue: usize, now: u64) {
        self.team.queues[queue].chats.insert((now, number));
        self.unoffered.insert(number);
    }

    /// Offers what waits to whoever has room, the most urgent first.
    pub(super) fn assign(&mut self, now: u64) {
        if !self.team.members.iter().any(Member::has_room) {
            return;
        }
        let mut waiting: Vec<_> = self
            .unoffered
            .iter()
            .filter_map(|number| {
                let chat = self.conversations.get(number)?.chat()?;
                let (queue, _) = chat.queue.as_ref()?;
                let priority = self.team.queues[*queue].profile.priority;
                Some((priority, chat.waiting_since, *number, *queue))
            })
            .collect();
        waiting.sort_unstable();
        for (_, _, number, queue) in waiting {
            if let Some(member) = self.next_agent(number, queue) {
                self.offer(number, member, now);
            }
        }
    }

    /// The agent who is asked next: who let the chat pass once comes after all others, and who
    /// refused it is not asked again.
    fn next_agent(&self, number: u64, queue: usize) -> Option<usize> {
        let conversation = self.conversations.get(&number)?;
        let (chat, context) = (conversation.chat()?, &conversation.context);
        let fits = |missed: bool| {
            (0..self.team.members.len()).filter(move |member| {
                self.team.members[*member].has_room()
                    && chat.missed.contains(member) == missed
                    && !chat.refused.contains(member)
                    && self.team.is_eligible(*member, queue, context)
            })
        };
        let rule = self.setup.assignment;
        self.team
            .best(fits(false), context, rule)
            .or_else(|| self.team.best(fits(true), context, rule))
    }

    fn offer(&mut self, number: u64, member: usize, now: u64) {
        let serial = self.next_serial();
        let until = self.setup.offer_timeout.map(|span| now.saturating_add(millis(span)));
        let agent = self.team.members[member].profile.id.clone();
        let Some(chat) = self.chat_mut(number) else { return };
        chat.offer = Some(Offer { member, agent, ends_at: until, serial });
        self.unoffered.remove(&number);
        self.team.members[member].offered.insert(number);
        if let Some(until) = until {
            self.plan(until, number, Due::OfferOver(serial));
        }
        self.plan_acceptance(number, serial, now);
    }

    /// A scripted agent accepts what is offered, a little later.
    fn plan_acceptance(&mut self, number: u64, serial: u64, now: u64) {
        if matches!(self.setup.agent, AgentMode::Scripted(_)) {
            let due = now.saturating_add(millis(self.setup.accept_delay));
            self.plan(due, number, Due::Accept(serial));
        }
    }

    /// Lets scripted agents accept what is offered to them already.
    pub(super) fn accept_all(&mut self, now: u64) {
        let offers: Vec<_> = self
            .conversations
            .iter()
            .filter_map(|(number, c)| Some((*number, c.chat()?.offer.as_ref()?.serial)))
            .collect();
        for (number, serial) in offers {
            self.plan_acceptance(number, serial, now);
        }
    }

    /// The scripted agent's moment to accept has come, if the offer still stands.
    pub(super) fn accept_scripted(&mut self, number: u64, serial: u64, now: u64) -> Vec<Callback> {
        let scripted = matches!(self.setup.agent, AgentMode::Scripted(_));
        if !scripted || self.standing_offer(number) != Some(serial) {
            return Vec::new();
        }
        self.accept(number, None, now).unwrap_or_default()
    }

    fn standing_offer(&self, number: u64) -> Option<u64> {
        Some(self.conversations.get(&number)?.chat()?.offer.as_ref()?.serial)
    }

    /// Nobody answered an offer in time: the next agent is asked.
    pub(super) fn offer_over(&mut self, number: u64, serial: u64, now: u64) {
        if self.standing_offer(number) != Some(serial) {
            return;
        }
        let Some(member) = self.withdraw_offer(number) else { return };
        if let Some(chat) = self.chat_mut(number) {
            chat.missed.insert(member);
        }
        let name = self.team.members[member].profile.name.clone();
        self.system_line(number, &format!("{name} did not answer the offer in time."), now);
        if self.setup.away_after_missed_offer {
            self.make_available(member, false);
        }
        self.assign(now);
    }

    /// Takes an offer back; the chat waits for the next one.
    fn withdraw_offer(&mut self, number: u64) -> Option<usize> {
        let member = self.chat_mut(number)?.offer.take()?.member;
        self.team.members[member].offered.remove(&number);
        self.unoffered.insert(number);
        Some(member)
    }

    /// Changes an agent's presence, and takes back what was offered to somebody who goes.
    pub(super) fn make_available(&mut self, member: usize, available: bool) {
        self.team.members[member].profile.available = available;
        if !available {
            let offered = self.team.members[member].offered.clone();
            for number in offered {
                self.withdraw_offer(number);
            }
        }
    }

    /// An agent refuses a waiting chat. It goes on to the next one; when nobody is left who could
    /// take it, the user is told what is told when nobody is there.
    pub(crate) fn reject(
        &mut self,
        number: u64,
        who: Option<usize>,
        now: u64,
    ) -> Result<Vec<Callback>, DeskError> {
        let member = self.taker(number, who)?;
        self.withdraw_offer(number);
        let Some(conversation) = self.conversations.get_mut(&number) else {
            return Err(DeskError::UnknownChat);
        };
        let Some(chat) = &mut conversation.chat else { return Err(DeskError::UnknownChat) };
        chat.refused.insert(member);
        let Some((queue, _)) = chat.queue else { return Err(DeskError::NotOffered) };
        let refused = chat.refused.clone();
        let context = &conversation.context;
        let left = (0..self.team.members.len())
            .any(|next| !refused.contains(&next) && self.team.is_eligible(next, queue, context));
        if left {
            let name = self.team.members[member].profile.name.clone();
            self.system_line(number, &format!("{name} has rejected the chat."), now);
            self.assign(now);
            return Ok(Vec::new());
        }
        let told = self.tell(number, Moment::Nobody);
        self.system_line(number, NOBODY, now);
        self.close(number, Some(EndedBy::Agent), "rejected", now);
        Ok(told)
    }

    /// Who takes or refuses a waiting chat: the agent it is offered to, or, where it is offered to
    /// nobody, one who picks it from the queue, whatever the skills and the capacity.
    pub(super) fn taker(&self, number: u64, who: Option<usize>) -> Result<usize, DeskError> {
        let chat = self.chat(number)?;
        if chat.state != ChatState::Offered {
            return Err(DeskError::NotOffered);
        }
        match (&chat.offer, who) {
            (Some(offer), None) => Ok(offer.member),
            (Some(offer), Some(who)) if offer.member == who => Ok(who),
            (Some(_), Some(_)) => Err(DeskError::OfferedToOther),
            (None, Some(who)) if self.team.members[who].profile.available => Ok(who),
            (None, Some(_)) => Err(DeskError::AgentAway),
            (None, None) => {
                let available = |member: &Member| member.profile.available;
                self.team.members.iter().position(available).ok_or(DeskError::NobodyThere)
            }
        }
    }

    /// The agent has the chat from now on.
    pub(super) fn hand_to(&mut self, number: u64, member: usize) {
        self.let_go(number);
        let seat = &mut self.team.members[member];
        seat.active.insert(number);
        let agent = Agent {
            member,
            id: seat.profile.id.clone(),
            name: seat.profile.name.clone(),
            sys_id: seat.sys_id.clone(),
        };
        if let Some(chat) = self.chat_mut(number) {
            chat.agent = Some(agent);
        }
    }

    /// Takes a chat out of everybody's hands and out of its queue.
    pub(super) fn let_go(&mut self, number: u64) {
        self.team.release(number);
        self.unoffered.remove(&number);
        let Some(chat) = self.chat_mut(number) else { return };
        chat.offer = None;
        let since = chat.waiting_since;
        if let Some((queue, _)) = chat.queue {
            self.team.queues[queue].chats.remove(&(since, number));
        }
    }

    /// What a chat that waits is told about how long it will.
    pub(super) fn estimate(&self, number: u64, now: u64) -> Option<String> {
        let average = match &self.setup.wait_status {
            WaitStatus::Off => return None,
            WaitStatus::Text(text) => return Some(text.clone()),
            WaitStatus::Computed(average) => millis(*average),
        };
        let chat = self.conversations.get(&number)?.chat()?;
        let queue = chat.queue.as_ref().filter(|_| chat.state == ChatState::Offered);
        // One that waits in no queue is on its way to an agent by name.
        let Some(&(queue, _)) = queue else { return Some(worded(average)) };
        let waiting = &self.team.queues[queue].chats;
        let behind = waiting.range((chat.waiting_since, number)..).count();
        let ahead = u64::try_from(waiting.len() - behind).unwrap_or(u64::MAX);
        let whole = self.team.average(queue, average).saturating_mul(ahead.saturating_add(1));
        Some(worded(whole.saturating_sub(now.saturating_sub(chat.waiting_since))))
    }

    /// The queues as the desk shows them.
    pub(crate) fn queues(&self, now: u64) -> Vec<QueueView> {
        let views = self.team.queues.iter().enumerate().map(|(index, queue)| {
            let waiting = queue.chats.len();
            let wait_time = match &self.setup.wait_status {
                WaitStatus::Off => None,
                WaitStatus::Text(text) => Some(text.clone()),
                WaitStatus::Computed(average) => {
                    let ahead = u64::try_from(waiting).unwrap_or(u64::MAX).saturating_add(1);
                    let average = self.team.average(index, millis(*average));
                    Some(worded(average.saturating_mul(ahead)))
                }
            };
            QueueView {
                id: queue.profile.id.clone(),
                name: queue.profile.name.clone(),
                open: queue.profile.schedule.is_open(now),
                waiting,
                wait_time,
            }
        });
        views.collect()
    }
}
