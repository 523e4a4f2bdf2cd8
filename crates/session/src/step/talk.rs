//! What the user and the bot say, and how a session begins.

use crate::{
    asked::Answered,
    conversation::{
        Answer, AskedBy, HELD_WORDS_MAX, Phase, Route, Session, Stage, Talk, Visitor, Waiting,
    },
    effect::{BotNews, Hold, Reached, What},
    event::Rejected,
    id::{Number, SenderKey, SessionId, Timestamp},
    notice::{EndReason, EndedBy, Notice},
    phrase::is_phrase,
    said::{Author, Content, Context, Line, Payload, Said, Unlogged},
    step::{
        Turn, asks_for_person,
        rephrase::{ForDesk, rephrase},
    },
};

/// Where the user's words go.
enum Way {
    Bot,
    Escalate,
    Hold,
    Cancel,
    Desk,
    EndByUser,
}

impl Turn<'_> {
    pub(super) fn user_said(
        &mut self,
        visitor: Visitor,
        mut said: Said,
        key: Option<SenderKey>,
        fresh: SessionId,
    ) -> Result<(), Rejected> {
        if let Some(first) = self.repeat_of(key.as_ref()) {
            self.step.answer = first;
            return Ok(());
        }
        let answered = self.answered(&said);
        let way = self.way_of(&said, answered.as_ref());
        if matches!(way, Way::Hold) && self.held() >= HELD_WORDS_MAX {
            return Err(Rejected::TooManyHeld);
        }
        let is_full = self.facts.waiting >= self.facts.policy.lane_max;
        if is_full && matches!(way, Way::Bot | Way::Desk) {
            return Err(Rejected::TooManyWaiting);
        }
        self.conversation().visitor = Some(visitor);
        self.user_back();
        self.greet_first();
        let for_desk = if matches!(way, Way::Desk) {
            rephrase(&mut said, answered, key.as_ref())
        } else {
            said.choice = None;
            ForDesk::of(&said)
        };
        let number = self.say(Author::User, said, key);
        self.step.answer = number;
        match way {
            Way::Bot => self.say_to_bot(number),
            Way::Escalate => self.escalate(None, fresh),
            Way::Hold => self.hold(number, &for_desk),
            Way::Desk => self.say_to_agent(number, for_desk),
            Way::Cancel | Way::EndByUser => self.user_ends(),
        }
        Ok(())
    }

    fn say_to_bot(&mut self, message: Number) {
        self.order(What::ToBot { message });
        // It is known to be away, and waits behind what found that out.
        if self.conversation().bot_away && self.conversation().bot_away_told.is_none() {
            self.tell_bot_away();
        }
    }

    /// What a user's own activities told of them says more than what a bot asks for.
    pub(super) fn bot_began(&mut self, visitor: Visitor) {
        self.conversation().visitor.get_or_insert(visitor);
        self.conversation().opened = true;
        self.user_back();
        self.bot_spoke(None);
    }

    pub(super) fn bot_said(&mut self, said: Said, answers: Option<Number>, key: Option<SenderKey>) {
        if let Some(first) = self.repeat_of(key.as_ref()) {
            self.step.answer = first;
            return;
        }
        // While a person is there, too: what the bot sends itself always reaches the user.
        self.step.answer = self.say(Author::Bot, said, key);
        self.bot_spoke(answers);
    }

    pub(super) fn bot_did(
        &mut self,
        payload: Payload,
        answers: Option<Number>,
        key: Option<SenderKey>,
    ) {
        if let Some(first) = self.repeat_of(key.as_ref()) {
            self.step.answer = first;
            return;
        }
        let number = self.log(Author::Bot, Content::Done(payload));
        self.step.remember.extend(key.map(|key| (key, number)));
        self.step.answer = number;
        self.bot_spoke(answers);
    }

    pub(super) fn bot_revised(&mut self, of: Number, at: Timestamp, said: Said) {
        if of <= self.step.conversation.numbered {
            self.step.answer = of;
            self.log(Author::Bot, Content::Revised { of, at, said });
            self.bot_spoke(None);
        }
    }

    pub(super) fn bot_withdrew(&mut self, of: Number, at: Timestamp) {
        if of <= self.step.conversation.numbered {
            self.step.answer = of;
            self.log(Author::Bot, Content::Withdrawn { of, at });
            self.bot_spoke(None);
        }
    }

    pub(super) fn bot_brought(&mut self, lines: Vec<(Author, Said)>) {
        for (author, said) in lines {
            self.step.answer = self.log_only(author, Content::Said(said));
        }
        self.bot_spoke(None);
    }

    /// The bot gave a sign of life, perhaps in answer to an entry.
    fn bot_spoke(&mut self, answers: Option<Number>) {
        let conversation = self.conversation();
        conversation.bot_away = false;
        match answers {
            Some(entry) => {
                conversation.bot_answered = conversation.bot_answered.max(entry);
            }
            None => conversation.bot_spoke = conversation.numbered,
        }
    }

    pub(super) fn bot_asked(
        &mut self,
        said: Option<Said>,
        (context, transcript): (Context, Vec<Line>),
        key: Option<SenderKey>,
        fresh: SessionId,
    ) {
        if let Some(first) = self.repeat_of(key.as_ref()) {
            self.step.answer = first;
            return;
        }
        self.conversation().bot_away = false;
        if let Some(said) = said {
            self.step.answer = self.say(Author::Bot, said, None);
            self.bot_spoke(None);
        }
        if self.live().is_some() {
            // An impatient user: one open session is enough. Remembered, or else a retry after the
            // end would open another.
            let answer = self.step.answer;
            self.step.remember.extend(key.map(|key| (key, answer)));
            return;
        }
        if !transcript.is_empty() {
            self.log(Author::Bot, Content::Transcript(transcript));
        }
        let entry = self.log(Author::Bot, Content::Context(context));
        self.bot_spoke(None);
        self.step.remember.extend(key.map(|key| (key, entry)));
        self.step.answer = entry;
        self.escalate(Some(entry), fresh);
    }

    /// How what the user says answers the desk's question, if one is pending.
    pub(super) fn answered(&self, said: &Said) -> Option<Answered> {
        let (Stage::Connected(talk) | Stage::Active(talk)) = &self.step.conversation.live()?.stage
        else {
            return None;
        };
        talk.asked.as_ref()?.answered(said, &self.facts.policy.phrases)
    }

    fn way_of(&self, said: &Said, answered: Option<&Answered>) -> Way {
        let phrases = &self.facts.policy.phrases;
        // Whoever types a secret may still want the chat to end.
        let answers = answered.is_some_and(|answered| *answered != Answered::InSecret);
        let is = |phrases| !answers && said.answer.is_none() && is_phrase(&said.text, phrases);
        match self.step.conversation.live().map(|session| &session.stage) {
            None if asks_for_person(&self.step.conversation, &said.text, self.facts.policy) => {
                Way::Escalate
            }
            None => Way::Bot,
            Some(Stage::Waiting(_)) if is(&phrases.cancel) || is(&phrases.end) => Way::Cancel,
            Some(Stage::Waiting(_)) => Way::Hold,
            Some(Stage::Connected(_) | Stage::Active(_)) if is(&phrases.end) => Way::EndByUser,
            Some(Stage::Connected(_) | Stage::Active(_)) => Way::Desk,
        }
    }

    pub(super) fn held(&self) -> usize {
        match self.step.conversation.live().map(|session| &session.stage) {
            Some(Stage::Waiting(waiting)) => waiting.held.len(),
            Some(Stage::Connected(_) | Stage::Active(_)) | None => 0,
        }
    }

    pub(super) fn hold(&mut self, number: Number, for_desk: &ForDesk) {
        if let Some(Session { stage: Stage::Waiting(waiting), .. }) = self.live() {
            waiting.held.extend((0..for_desk.parts()).map(|_| number));
            if waiting.held.len() >= HELD_WORDS_MAX {
                // Before it happens: a refusal reaches the page, hardly the person in front of it.
                self.tell(Notice::NoMoreHeld);
            }
        }
    }

    /// Sends the user's words to the agent.
    pub(super) fn say_to_agent(&mut self, number: Number, for_desk: ForDesk) {
        let now = self.now;
        if let Some(Session { stage: Stage::Connected(talk) | Stage::Active(talk), .. }) =
            self.live()
        {
            talk.user_spoke_at = now;
            talk.warned = false;
            talk.asked = None;
            talk.answer = match talk.answer {
                Answer::Given | Answer::Owed { .. } => Answer::Owed { since: now },
                Answer::Missed => Answer::Missed,
            };
        }
        self.spoken();
        match for_desk {
            ForDesk::Logged { parts } => {
                (0..parts).for_each(|part| self.order_say(number, part, None));
            }
            ForDesk::Unlogged(words) => {
                for (part, words) in (0..).zip(words) {
                    self.order_say(number, part, Some(words));
                }
            }
        }
    }

    pub(super) fn order_say(&mut self, message: Number, part: u16, words: Option<Unlogged>) {
        let email = self.email();
        if let Some(session) = self.step.conversation.live() {
            let what = What::Say {
                session: session.id.clone(),
                desk: session.desk.clone(),
                user: session.user.clone(),
                email,
                message,
                part,
                words,
            };
            self.order(what);
        }
    }

    /// The first word after an agent came makes the session active.
    pub(super) fn spoken(&mut self) {
        let Some(session) = self.live() else { return };
        if let Stage::Connected(talk) = &session.stage {
            session.stage = Stage::Active(talk.clone());
            self.record();
            self.reached(Reached::Active);
        }
    }

    fn escalate(&mut self, context: Option<Number>, fresh: SessionId) {
        let Some(visitor) = self.step.conversation.visitor.clone() else {
            return self.refuse_busy_or_unknown(&fresh, context, EndReason::Rejected);
        };
        if self.step.conversation.unreachable {
            return self.refuse_busy_or_unknown(&fresh, context, EndReason::UserUnreachable);
        }
        if visitor.in_group {
            self.tell(Notice::PersonalOnly);
            return self.refuse_busy_or_unknown(&fresh, context, EndReason::NotPersonal);
        }
        match self.facts.holder {
            // Its own chat of a moment ago, whose end is still on its way: the lane keeps them in
            // order, the hold passes on.
            Some(holder)
                if self.step.conversation.past.as_ref().is_some_and(|past| past.id == *holder) =>
            {
                self.free_past();
            }
            Some(_) => {
                self.tell(Notice::BusyElsewhere);
                return self.refuse_busy_or_unknown(&fresh, context, EndReason::Refused);
            }
            None => {}
        }
        let desk = self.facts.policy.desk.clone();
        let upto = self.step.conversation.numbered;
        self.step.holds.push(Hold::Take {
            desk: desk.clone(),
            user: visitor.user.clone(),
            session: fresh.clone(),
        });
        self.conversation().route = Route::Live(Box::new(Session {
            id: fresh.clone(),
            desk: desk.clone(),
            user: visitor.user.clone(),
            asked_at: self.now,
            asked_after: before(context).unwrap_or(upto),
            away: false,
            desk_conversation: None,
            without_ids: false,
            user_away_since: None,
            met_at: None,
            agent_spoke: false,
            asked_by: if context.is_some() { AskedBy::Bot } else { AskedBy::User },
            behind_gap: None,
            stage: Stage::Waiting(Waiting {
                phase: Phase::Requested,
                held: Vec::new(),
                estimate: None,
            }),
        }));
        self.record();
        self.reached(Reached::Waiting);
        self.tell(Notice::Asked);
        self.order(What::Ask {
            session: fresh,
            desk,
            user: visitor.user,
            email: visitor.email,
            name: visitor.name,
            upto,
            context,
        });
    }

    /// The session that ended last lets go of its person, if it still has it.
    pub(super) fn free_past(&mut self) {
        if let Some(past) = &self.step.conversation.past {
            self.step.holds.push(Hold::Free {
                desk: past.desk.clone(),
                user: past.user.clone(),
                session: past.id.clone(),
            });
        }
    }

    /// No session was opened; a bot of the team's own is told so.
    fn refuse_busy_or_unknown(
        &mut self,
        fresh: &SessionId,
        context: Option<Number>,
        reason: EndReason,
    ) {
        let upto = self.step.conversation.numbered;
        self.order(What::TellBot {
            session: fresh.clone(),
            news: BotNews::Failed { reason },
            after: before(context).unwrap_or(upto),
            upto,
        });
    }

    pub(super) fn email(&self) -> Option<String> {
        self.step.conversation.visitor.as_ref().and_then(|visitor| visitor.email.clone())
    }

    /// Begins the talk: an agent is there.
    pub(super) fn connect(&mut self, agent: crate::said::Agent) {
        let now = self.now;
        let Some(session) = self.live() else { return };
        let Stage::Waiting(waiting) = &session.stage else { return };
        let held = waiting.held.clone();
        let (id, after) = (session.id.clone(), session.asked_after);
        let (name, avatar) = (agent.name.clone(), agent.avatar.clone());
        let waited = now.since(session.asked_at);
        session.met_at = Some(now);
        session.stage = Stage::Connected(Talk {
            agent,
            user_spoke_at: now,
            heard_at: now,
            warned: false,
            transferring: false,
            since: now,
            before: None,
            answer: Answer::Owed { since: now },
            asked: None,
            changing: None,
        });
        self.record();
        self.reached(Reached::Connected { waited });
        self.tell(Notice::Connected { agent: name.clone(), avatar });
        // One of several parts stands there once for each.
        for words in held.chunk_by(|one, next| one == next) {
            for (part, number) in (0..).zip(words) {
                self.order_say(*number, part, None);
            }
        }
        let upto = self.step.conversation.numbered;
        self.order(What::TellBot {
            session: id,
            news: BotNews::Accepted { agent: name },
            after,
            upto,
        });
    }

    /// Who ended it, as the user is told.
    pub(super) fn ended_by(reason: EndReason, agent: Option<String>) -> EndedBy {
        match reason {
            EndReason::UserEnded | EndReason::UserLeft | EndReason::UserUnreachable => {
                EndedBy::User
            }
            EndReason::OperatorEnded => EndedBy::Operator,
            EndReason::BotEnded => EndedBy::Bot,
            EndReason::AgentEnded
            | EndReason::UserCancelled
            | EndReason::DeskCancelled
            | EndReason::NoAgent
            | EndReason::NotRouted
            | EndReason::Refused
            | EndReason::Rejected
            | EndReason::Unreachable
            | EndReason::Silence
            | EndReason::WaitedTooLong
            | EndReason::NotPersonal
            | EndReason::Lost => EndedBy::Agent(agent),
        }
    }
}

/// The entry before what the bot handed over: so that, when the chat is over, this comes back to it
/// with what was said meanwhile.
fn before(context: Option<Number>) -> Option<Number> {
    context.map(|entry| Number(entry.0.saturating_sub(1)))
}
