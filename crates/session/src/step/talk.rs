//! What the user and the bot say.

use crate::{
    asked::{Answered, Asked},
    conversation::{Answer, HELD_WORDS_MAX, Session, Stage, Visitor},
    effect::{Reached, What},
    event::Rejected,
    id::{Number, SenderKey, SessionId, Timestamp},
    notice::{EndReason, EndedBy, Notice},
    phrase::is_phrase,
    said::{Author, Content, Context, Line, Payload, Said, Unlogged},
    step::{
        Turn, asks_for_person,
        rephrase::{ForDesk, mask, rephrase},
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
    /// It was for the desk alone, which does not ask for it any more.
    Nowhere,
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
        self.met(visitor);
        self.user_back();
        self.greet_first();
        self.file_settled(key.as_ref());
        for file in std::mem::take(&mut said.coming) {
            self.file_under_way(file);
        }
        let for_desk = match way {
            Way::Desk => rephrase(&mut said, answered, key.as_ref()),
            Way::Nowhere => {
                self.conceal(said, key);
                return Ok(());
            }
            Way::Bot | Way::Escalate | Way::Hold | Way::Cancel | Way::EndByUser => {
                ForDesk::of(&said)
            }
        };
        said.own_words = None;
        let number = self.say(Author::User, said, key);
        self.step.answer = number;
        match way {
            Way::Bot => self.say_to_bot(number),
            Way::Escalate => self.escalate(None, fresh),
            Way::Hold => self.hold(number, &for_desk),
            Way::Desk => self.answer_desk(number, for_desk),
            Way::Cancel | Way::EndByUser => self.user_ends(),
            Way::Nowhere => {}
        }
        Ok(())
    }

    /// A secret that nobody asks for any more: whoever has the conversation now is not to read it.
    pub(super) fn conceal(&mut self, mut said: Said, key: Option<SenderKey>) {
        mask(&mut said, key.as_ref());
        said.own_words = None;
        self.step.answer = self.say(Author::User, said, key);
        self.tell(Notice::AnsweredTooLate);
    }

    /// What activities of the user's own tell of them.
    pub(super) fn met(&mut self, visitor: Visitor) {
        let before = self.conversation().visitor.take();
        self.conversation().visitor = Some(visitor.knowing(before));
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
        self.asked()?.answered(said, &self.facts.policy.phrases)
    }

    fn asked(&self) -> Option<&Asked> {
        self.step.conversation.live()?.asked()
    }

    /// Whether the desk wants this before an agent is there: it asked for it. Until it is answered it
    /// minds nothing else, and what is no answer is better held than lost (reference 6).
    pub(super) fn is_waited_for(&self, said: &Said, answered: Option<&Answered>) -> bool {
        answered.is_some() || self.asked().is_some_and(|asked| asked.takes(said))
    }

    fn way_of(&self, said: &Said, answered: Option<&Answered>) -> Way {
        if is_too_late(said, answered) {
            return Way::Nowhere;
        }
        let phrases = &self.facts.policy.phrases;
        // Whoever types a secret may still want the chat to end.
        let answers = answered.is_some_and(|answered| *answered != Answered::InSecret);
        let is = |phrases| !answers && said.answer.is_none() && is_phrase(said.typed(), phrases);
        match self.step.conversation.live().map(|session| &session.stage) {
            None if asks_for_person(&self.step.conversation, said.typed(), self.facts.policy) => {
                Way::Escalate
            }
            None => Way::Bot,
            Some(Stage::Waiting(_)) if is(&phrases.cancel) || is(&phrases.end) => Way::Cancel,
            Some(Stage::Waiting(_)) if self.is_waited_for(said, answered) => Way::Desk,
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

    /// Sends what the user says to the desk: its question is answered with it, one way or another.
    pub(super) fn answer_desk(&mut self, number: Number, for_desk: ForDesk) {
        if let Some(session) = self.live() {
            session.set_asked(None);
        }
        self.say_to_desk(number, for_desk);
    }

    /// Sends the user's words to the desk.
    pub(super) fn say_to_desk(&mut self, number: Number, for_desk: ForDesk) {
        let now = self.now;
        if let Some(Session { stage: Stage::Connected(talk) | Stage::Active(talk), .. }) =
            self.live()
        {
            talk.user_spoke_at = now;
            talk.warned = false;
            talk.answer = match talk.answer {
                Answer::Given | Answer::Owed { .. } => Answer::Owed { since: now },
                Answer::Missed => Answer::Missed,
            };
        }
        self.spoken();
        match for_desk {
            ForDesk::Logged { parts: 1 } => self.order_say(number, None, None),
            ForDesk::Logged { parts } => {
                (0..parts).for_each(|part| self.order_say(number, Some(part), None));
            }
            ForDesk::Unlogged(words) => {
                for (part, words) in (0..).zip(words) {
                    self.order_say(number, Some(part), Some(words));
                }
            }
        }
    }

    pub(super) fn order_say(
        &mut self,
        message: Number,
        part: Option<u16>,
        words: Option<Unlogged>,
    ) {
        let email = self.email();
        let timezone =
            self.step.conversation.visitor.as_ref().and_then(|visitor| visitor.timezone.clone());
        if let Some(session) = self.step.conversation.live() {
            let what = What::Say {
                session: session.id.clone(),
                desk: session.desk.clone(),
                user: session.user.clone(),
                email,
                timezone,
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

/// Whether it is a secret that a card gave, and no question that is open.
pub(super) fn is_too_late(said: &Said, answered: Option<&Answered>) -> bool {
    answered.is_none() && said.answer.as_ref().is_some_and(|given| given.secret)
}
