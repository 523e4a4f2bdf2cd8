//! What a request from the primary bot does (reference 3.4): the instance's worker, without its
//! queue.

use super::{
    CONVERSATIONS_MAX, Callback, Due, Fate, Instance,
    conversation::{EndedBy, Key, Phase, Speaker},
    desk_side::LEFT,
};
use crate::{
    callback::{GREETING, Moment, NOT_UNDERSTOOD},
    request::{Action, Request},
    script::millis,
};

/// How many inputs the virtual agent may fail to understand before it lets go
/// (`va.bot.to.bot.take.control_times`).
const MISUNDERSTOOD_MAX: u32 = 2;

/// Why a request is ignored that came too early (reference 4.2).
const IN_WORK: &str = "the user's previous request is still in work";

/// What a request led to.
pub(crate) type Reception = (Fate, Vec<Callback>);

impl Instance {
    /// Works off one request whose caller has already been answered.
    pub(crate) fn receive(&mut self, request: &Request, action: Action, now: u64) -> Reception {
        let Some(key) = Key::of(request) else {
            return (Fate::Ignored("userId is missing"), Vec::new());
        };
        if let Some(why) = self.passes_over(action) {
            return (Fate::Ignored(why), Vec::new());
        }
        self.link(&key, request.email_id.as_deref());
        self.show_account(&key);
        if action == Action::UpdateMessages {
            return self.update_messages(&key, request);
        }
        if self.is_at_work(&key, now) {
            return (Fate::Ignored(IN_WORK), Vec::new());
        }
        let reception = match self.command(&key, request, action, now) {
            Some(reception) => reception,
            None => self.work_off(&key, request, action, now),
        };
        self.take_time(reception, now)
    }

    fn work_off(&mut self, key: &Key, request: &Request, action: Action, now: u64) -> Reception {
        match self.standing(key) {
            (Some(number), Some(Phase::Live)) => self.while_live(number, request, action, now),
            (Some(number), Some(Phase::Queued)) => self.while_queued(number, request, action, now),
            (Some(number), Some(Phase::Bot)) => self.with_bot(number, request, action, now),
            (Some(number), Some(Phase::Survey)) => {
                self.while_surveyed((key, number), request, action, now)
            }
            (_, Some(Phase::Closed) | None) | (None, _) => self.afresh(key, request, action, now),
        }
    }

    /// Why an action has no effect on this version of the app, if so.
    fn passes_over(&self, action: Action) -> Option<&'static str> {
        let profile = &self.setup.profile;
        if action == Action::Unknown {
            Some("there is no such action")
        } else if action.is_new() && !profile.version.has_ids() {
            Some("the action came with app 4.0.0, and this one is older")
        } else if action == Action::UpdateMessages && !profile.third_party_chat {
            Some("the adapter property third_party_chat is off")
        } else {
            None
        }
    }

    /// Whether the virtual agent is still busy with the user's previous request.
    fn is_at_work(&self, key: &Key, now: u64) -> bool {
        let open = self.open.get(key).and_then(|number| self.conversations.get(number));
        open.is_some_and(|c| c.phase == Phase::Bot && c.busy_until > now)
    }

    /// What the virtual agent has to say comes when it is done; what is the queue's or the agent's,
    /// at once.
    fn take_time(&mut self, (fate, told): Reception, now: u64) -> Reception {
        let span = millis(self.setup.profile.bot_takes);
        let number = told.first().map(|callback| callback.conversation);
        let conversation = number.and_then(|number| self.conversations.get_mut(&number));
        match conversation {
            Some(conversation) if span > 0 && conversation.chat.is_none() => {
                let (number, due) = (conversation.number, now.saturating_add(span));
                conversation.busy_until = due;
                self.plan(due, number, Due::Answer(told));
                (fate, Vec::new())
            }
            _ => (fate, told),
        }
    }

    /// The user's open conversation, and where it stands.
    pub(super) fn standing(&self, key: &Key) -> (Option<u64>, Option<Phase>) {
        let known = self.open.get(key).copied();
        let conversation = known.and_then(|number| self.conversations.get(&number));
        (known, conversation.map(|conversation| conversation.phase))
    }

    pub(super) fn afresh(
        &mut self,
        key: &Key,
        request: &Request,
        action: Action,
        now: u64,
    ) -> Reception {
        match action {
            // Nothing is open that these could be about, and nothing is opened for them.
            Action::End
            | Action::Typing
            | Action::Viewing
            | Action::Fault
            | Action::Timezone
            | Action::StartCreated
            | Action::UpdateMessages
            | Action::Unknown => {
                return (Fate::Ignored("no conversation is open"), Vec::new());
            }
            Action::Message
            | Action::Agent
            | Action::Start
            | Action::Switch
            | Action::Create
            | Action::SendHistory => {}
        }
        let Some(number) = self.begin(key) else {
            tracing::warn!(limit = CONVERSATIONS_MAX, "no room for another conversation");
            return (Fate::Ignored("the instance is full"), Vec::new());
        };
        self.note(number, request);
        if action != Action::SendHistory {
            self.keep_history(number, request, now);
        }
        let mut told = match action {
            Action::Create => self.tell(number, Moment::Created),
            Action::SendHistory => Vec::new(),
            _ => self.tell(number, Moment::Started),
        };
        let (fate, more) = match action {
            // That one is open now, and that it has begun, are not the same before 4.0.0.
            Action::Start => (Fate::Taken, self.begin_talk(number, now)),
            _ => self.with_bot(number, request, action, now),
        };
        told.extend(more);
        (fate, told)
    }

    fn begin_talk(&mut self, number: u64, now: u64) -> Vec<Callback> {
        self.bot_line(number, GREETING, now);
        self.tell_as_bot(number, Moment::Greeted)
    }

    pub(super) fn with_bot(
        &mut self,
        number: u64,
        request: &Request,
        action: Action,
        now: u64,
    ) -> Reception {
        self.note(number, request);
        let told = match action {
            Action::Agent => self.ask_for_agent(number, request, now),
            Action::Message => {
                if request.is_empty() {
                    return (Fate::Ignored("the message is empty"), Vec::new());
                }
                if self.conversations.get_mut(&number).is_some_and(|c| c.repeats(request)) {
                    return (Fate::Ignored("the virtual agent has seen this message"), Vec::new());
                }
                match self.topic_chosen(request.text()) {
                    Some(topic) => self.run_topic(number, &topic, request, now),
                    None => self.fall_back(number, request, now),
                }
            }
            Action::Start if !self.setup.profile.version.has_ids() => {
                let why = "the conversation has begun, and starting twice fails before app 4.0.0";
                return (Fate::Ignored(why), Vec::new());
            }
            Action::Start | Action::StartCreated => self.begin_talk(number, now),
            Action::End => {
                let told = self.tell(number, Moment::Closed);
                self.close(number, Some(EndedBy::User), "user ended", now);
                told
            }
            Action::Switch => self.switch(number, request, now),
            Action::Fault => self.let_go_of(number, now),
            Action::SendHistory => {
                self.keep_history(number, request, now);
                Vec::new()
            }
            Action::Create
            | Action::Typing
            | Action::Viewing
            | Action::Timezone
            | Action::UpdateMessages
            | Action::Unknown => Vec::new(),
        };
        (Fate::Taken, told)
    }

    /// A second request of a user whose first is still in work is ignored (reference 4.2).
    fn while_queued(
        &mut self,
        number: u64,
        request: &Request,
        action: Action,
        now: u64,
    ) -> Reception {
        if action == Action::Message && self.chooses_topic(number, request) {
            self.note(number, request);
            return (Fate::Taken, self.switch_from_queue(number, request, now));
        }
        if action != Action::End {
            return (Fate::Ignored(IN_WORK), Vec::new());
        }
        self.note(number, request);
        (Fate::Taken, self.withdraw(number, now))
    }

    /// The user leaves the queue.
    pub(super) fn withdraw(&mut self, number: u64, now: u64) -> Vec<Callback> {
        self.system_line(number, "The user left before engagement.", now);
        let told = self.tell(number, Moment::Withdrawn);
        self.close(number, Some(EndedBy::User), LEFT, now);
        told
    }

    /// The user ends a live chat.
    pub(super) fn leave(&mut self, number: u64, now: u64) -> Vec<Callback> {
        let told = self.tell(number, Moment::UserEnded);
        self.system_line(number, "The user has closed the support session.", now);
        self.close(number, Some(EndedBy::User), "user ended", now);
        told
    }

    fn while_live(
        &mut self,
        number: u64,
        request: &Request,
        action: Action,
        now: u64,
    ) -> Reception {
        self.note(number, request);
        let told = match action {
            Action::Message | Action::Agent | Action::Start | Action::StartCreated => {
                if self.is_hidden(request) && request.attachments().is_empty() {
                    let why = "a mere attachment key hides the message before app 3.14.2";
                    return (Fate::Ignored(why), Vec::new());
                }
                if self.user_wrote(number, request, now) {
                    self.take_answer(number, request, now)
                } else {
                    Vec::new()
                }
            }
            Action::Typing | Action::Viewing => {
                if let Some(chat) = self.chat_mut(number) {
                    chat.user_typing = action == Action::Typing;
                }
                Vec::new()
            }
            Action::End => self.leave(number, now),
            Action::Fault => {
                let told = self.tell(number, Moment::LetGo);
                self.system_line(number, "The primary bot has failed.", now);
                self.close(number, None, "faulted", now);
                told
            }
            Action::SendHistory => {
                self.keep_history(number, request, now);
                Vec::new()
            }
            // A topic cannot be run beside an agent, and the rest has nothing to show.
            Action::Switch
            | Action::Create
            | Action::Timezone
            | Action::UpdateMessages
            | Action::Unknown => Vec::new(),
        };
        (Fate::Taken, told)
    }

    pub(super) fn fall_back(&mut self, number: u64, request: &Request, now: u64) -> Vec<Callback> {
        self.user_line(number, request, now);
        let Some(conversation) = self.conversations.get_mut(&number) else { return Vec::new() };
        conversation.misunderstood += 1;
        let gives_up = conversation.misunderstood >= MISUNDERSTOOD_MAX;
        if gives_up {
            conversation.misunderstood = 0;
        }
        self.bot_line(number, NOT_UNDERSTOOD, now);
        let mut told = self.tell_as_bot(number, Moment::NotUnderstood);
        if gives_up {
            told.extend(self.tell(number, Moment::LetGo));
        }
        told
    }

    /// What the virtual agent says, unless the caller has muted it with `silentMessage`.
    pub(super) fn tell_as_bot(&mut self, number: u64, moment: Moment<'_>) -> Vec<Callback> {
        match self.conversations.get(&number) {
            Some(conversation) if conversation.silent => Vec::new(),
            _ => self.tell(number, moment),
        }
    }

    /// Whether the agent does not see the words of a message, for the attachment beside them.
    fn is_hidden(&self, request: &Request) -> bool {
        let hides = self.setup.profile.version.hides_messages_with_attachments();
        hides && request.has_attachment_key()
    }

    /// The words of a message as the agent sees them. Files come later, when they were fetched.
    fn words<'a>(&self, request: &'a Request) -> &'a str {
        if self.is_hidden(request) { "" } else { request.text() }
    }

    /// Shows the agent what the user says; false when it says nothing, or said it before.
    fn user_wrote(&mut self, number: u64, request: &Request, now: u64) -> bool {
        if request.is_empty() {
            return false;
        }
        let words = self.words(request);
        let Some(conversation) = self.conversations.get_mut(&number) else { return false };
        // Whether a real instance shows a repeat twice is unknown (reference 15.6). The ledger has
        // both requests; the desk shows one line.
        if conversation.repeats(request) {
            return false;
        }
        conversation.talking = true;
        let name = conversation.user_name();
        let mut shown = words;
        if let Some(chat) = &mut conversation.chat {
            chat.user_typing = false;
            chat.heard(now);
            shown = chat.topic.as_shown(words);
        }
        if !words.is_empty() {
            conversation.line(Speaker::User, &name, shown, now);
            self.script_answers(number, words, now);
        }
        true
    }

    pub(super) fn user_line(&mut self, number: u64, request: &Request, now: u64) {
        let words = self.words(request);
        let Some(conversation) = self.conversations.get_mut(&number) else { return };
        conversation.repeats(request);
        let name = conversation.user_name();
        if !words.is_empty() {
            conversation.line(Speaker::User, &name, words, now);
        }
    }

    pub(super) fn bot_line(&mut self, number: u64, text: &str, now: u64) {
        if let Some(conversation) = self.conversations.get_mut(&number) {
            conversation.line(Speaker::Bot, "Virtual Agent", text, now);
        }
    }

    pub(super) fn note(&mut self, number: u64, request: &Request) {
        if let Some(conversation) = self.conversations.get_mut(&number) {
            conversation.note(request);
        }
    }

    /// The primary bot's transcript, for the agent to read. Only `text`, to the letter.
    fn keep_history(&mut self, number: u64, request: &Request, now: u64) {
        let Some(conversation) = self.conversations.get_mut(&number) else { return };
        for entry in request.history.iter().flatten().filter(|entry| entry.r#type == "text") {
            let from = if entry.is_bot_message { Speaker::Bot } else { Speaker::User };
            let at = entry.timestamp.parse().unwrap_or(now);
            conversation.line(from, &entry.display_name, &entry.value, at);
        }
    }
}
