//! What happens because time goes by: wait estimates, the queue's maximum, and the idle clock
//! (reference 9.2, 9.6 and 11).
//!
//! Owns these rules. It has no clock: moments come in through the agenda.

use super::{
    Callback, Due, Instance,
    conversation::{ChatState, EndedBy, Phase},
    desk_side::LEFT,
};
use crate::{
    callback::{IDLE_END, IDLE_REMINDER, MAX_WAIT, Moment},
    config::TopicAction,
    request::Request,
    script::millis,
};

/// How often the wait estimate is told (reference 11).
const WAIT_ESTIMATE_MS: u64 = 60_000;

impl Instance {
    /// Plans what a user in the queue is told.
    pub(super) fn plan_waiting(&mut self, number: u64, now: u64) {
        self.plan_estimate(number, now);
        let queue = self.conversations.get(&number).and_then(|c| c.chat()?.queue.as_ref());
        let own = queue.and_then(|(queue, _)| self.team.queues[*queue].profile.max_wait);
        if let Some(span) = own.or(self.setup.max_wait) {
            self.plan(now.saturating_add(millis(span)), number, Due::MaxWait);
        }
    }

    /// Plans the next estimate. Each wait has a row of its own, which ends with it.
    pub(super) fn plan_estimate(&mut self, number: u64, now: u64) {
        let since = self.waits_since(number).unwrap_or(now);
        self.plan(now + WAIT_ESTIMATE_MS, number, Due::WaitEstimate(since));
    }

    /// Since when a chat has been waiting in a queue, if it is.
    fn waits_since(&self, number: u64) -> Option<u64> {
        let chat = self.conversations.get(&number)?.chat()?;
        (chat.state == ChatState::Offered).then_some(chat.waiting_since)
    }

    fn is_queued(&self, number: u64) -> bool {
        self.conversations.get(&number).is_some_and(|c| c.phase == Phase::Queued)
    }

    pub(super) fn tell_estimate(&mut self, number: u64, since: u64, due: u64) -> Vec<Callback> {
        if self.waits_since(number) != Some(since) {
            return Vec::new();
        }
        self.plan_estimate(number, due);
        let moment =
            if self.is_queued(number) { Moment::StillWaiting } else { Moment::WaitingAgain };
        let estimate = self.estimate(number, due);
        self.tell_waiting(number, moment, estimate.as_deref())
    }

    /// The queue's maximum has gone by. The user stays in the queue until choosing the topic.
    pub(super) fn offer_topic(&mut self, number: u64, now: u64) -> Vec<Callback> {
        if !self.is_queued(number) {
            return Vec::new();
        }
        self.bot_line(number, MAX_WAIT, now);
        if let Some(chat) = self.chat_mut(number) {
            chat.topic_offered = true;
        }
        self.tell(number, Moment::MaxWait)
    }

    /// Whether a message of a user in the queue picks the topic that was offered.
    pub(super) fn chooses_topic(&self, number: u64, request: &Request) -> bool {
        let chat = self.conversations.get(&number).and_then(|c| c.chat());
        chat.is_some_and(|chat| chat.topic_offered) && self.topic_chosen(request.text()).is_some()
    }

    /// The topic leaves the queue for good. One that says something does so, and the virtual agent
    /// has the conversation; the one that asks for an agent is what did not work, so the
    /// conversation is given back.
    pub(super) fn switch_from_queue(
        &mut self,
        number: u64,
        request: &Request,
        now: u64,
    ) -> Vec<Callback> {
        if let Some(topic) = self.topic_chosen(request.text())
            && topic.does != TopicAction::LiveAgent
        {
            self.end_chat(number, Some(EndedBy::User), LEFT);
            if let Some(conversation) = self.conversations.get_mut(&number) {
                conversation.phase = Phase::Bot;
            }
            let told = self.run_topic(number, &topic, request, now);
            self.assign(now);
            return told;
        }
        self.user_line(number, request, now);
        let told = self.tell(number, Moment::LetGo);
        self.close(number, Some(EndedBy::User), LEFT, now);
        told
    }

    /// Puts the idle job on the agenda, for its next turn.
    pub(super) fn watch_idle(&mut self, now: u64) {
        let Some(idle) = self.setup.idle.filter(|_| !self.idle_watched) else { return };
        let every = millis(idle.checked_every).max(1);
        self.idle_watched = true;
        self.plan((now / every + 1) * every, 0, Due::IdleCheck);
    }

    /// Reminds users who have been silent for a while, and gives up those who stay so.
    pub(super) fn check_idle(&mut self, now: u64) -> Vec<Callback> {
        self.idle_watched = false;
        let Some(idle) = self.setup.idle else { return Vec::new() };
        let (remind, cancel) = (millis(idle.reminder_after), millis(idle.cancel_after));
        let live: Vec<_> = self
            .conversations
            .values()
            .filter_map(|conversation| Some((conversation.number, conversation.chat()?)))
            .filter(|(_, chat)| chat.state == ChatState::Live)
            .map(|(number, chat)| (number, now.saturating_sub(chat.silent_since), chat.reminded))
            .collect();
        if !live.is_empty() {
            self.watch_idle(now);
        }
        let mut told = Vec::new();
        for (number, silent, reminded) in live {
            if silent >= cancel {
                let idled = self.tell(number, Moment::IdledOut);
                self.keep_closing(number, &idled, IDLE_END, now);
                told.extend(idled);
                self.system_line(number, IDLE_END, now);
                self.close(number, None, "no user response", now);
            } else if silent >= remind && !reminded {
                if let Some(chat) = self.chat_mut(number) {
                    chat.reminded = true;
                }
                self.system_line(number, IDLE_REMINDER, now);
                let reminded = self.tell(number, Moment::IdleReminder);
                self.keep_system_texts(&reminded, now);
                told.extend(reminded);
            }
        }
        told
    }
}
