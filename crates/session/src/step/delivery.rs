//! What became of effects, and what the clock says.

use crate::{
    conversation::{Answer, AskedBy, Phase, Session, Stage, Status, Waiting},
    deadline::Wake,
    effect::{Effect, Failure, Hold, What},
    id::{DeskId, EffectNumber, Number, SessionId, Timestamp, UserId},
    notice::{EndReason, Notice},
    said::{Author, Content, Said},
    step::Turn,
};

impl Turn<'_> {
    pub(super) fn sent(&mut self, effect: &Effect) {
        let now = self.now;
        match &effect.what {
            What::Ask { session, .. } => {
                if self.is_requested(session)
                    && let Some(Session { stage: Stage::Waiting(waiting), .. }) = self.live()
                {
                    waiting.phase = Phase::Accepted { at: now };
                }
                self.went_through(session);
            }
            What::Say { session, .. } => self.went_through(session),
            What::End { session, desk, user } => self.free(session, desk, user),
            What::ToBot { .. } | What::Greet => self.bot_took(),
            What::TellBot { .. } => self.conversation().bot_away = false,
            What::Show { .. } => {}
        }
    }

    fn bot_took(&mut self) {
        let conversation = self.conversation();
        conversation.bot_away = false;
        conversation.bot_took = conversation.numbered;
    }

    /// The destination is away. Of a desk the user is told once that their words wait; of a bot, that
    /// it does not answer.
    pub(super) fn delayed(&mut self, effect: &Effect) {
        match &effect.what {
            What::Ask { session, .. } | What::Say { session, .. } => self.desk_away(session),
            What::ToBot { message } => self.bot_away(*message),
            What::Greet => self.bot_away(Number::default().next()),
            What::TellBot { .. } => self.bot_gone(),
            // There is no other way to tell them.
            What::End { .. } | What::Show { .. } => {}
        }
    }

    fn desk_away(&mut self, session: &SessionId) {
        if let Some(live) = self.live()
            && live.id == *session
            && !live.away
        {
            live.away = true;
            self.tell(Notice::Held);
        }
    }

    /// The bot does not answer what the user said in this entry. They are told once for all that they
    /// said before; not if it answered after all, and not while they talk to a person.
    fn bot_away(&mut self, message: Number) {
        let conversation = self.conversation();
        // It takes one thing after the other, so what it said since it took the last answers this.
        let spoke =
            conversation.bot_spoke >= message && conversation.bot_spoke > conversation.bot_took;
        if spoke || conversation.bot_answered >= message {
            return;
        }
        self.bot_gone();
        let conversation = self.conversation();
        if conversation.bot_away_told < message && conversation.live().is_none() {
            self.tell_bot_away();
        }
    }

    /// The bot takes nothing; nobody was told yet.
    fn bot_gone(&mut self) {
        let conversation = self.conversation();
        if !std::mem::replace(&mut conversation.bot_away, true) {
            conversation.bot_away_told = Number::default();
        }
    }

    pub(super) fn tell_bot_away(&mut self) {
        self.tell(Notice::BotAway);
        self.conversation().bot_away_told = self.step.conversation.numbered;
    }

    /// The desk takes words again: the user is told, if they were told otherwise.
    fn went_through(&mut self, session: &SessionId) {
        if let Some(live) = self.live()
            && live.id == *session
            && live.away
        {
            live.away = false;
            self.tell(Notice::WentThrough);
        }
    }

    pub(super) fn not_sent(&mut self, effect: &Effect, failure: &Failure) {
        match &effect.what {
            What::Ask { session, .. } => {
                if self.is_requested(session) {
                    self.end(Status::Fail, reason_of(failure));
                }
            }
            What::Say { session, .. } => self.word_not_sent(session, failure),
            What::End { session, desk, user } => self.free(session, desk, user),
            What::ToBot { message } => self.bot_away(*message),
            What::Greet => self.bot_away(Number::default().next()),
            What::TellBot { .. } => match failure {
                Failure::Expired | Failure::Unanswered => self.bot_gone(),
                // It is there, and does not care for this.
                Failure::Refused | Failure::Gone | Failure::Struck => {}
            },
            What::Show { part, of_agent, .. } => {
                // Of words in parts it is told once: those behind one that is refused are struck.
                let is_told = *part == 0 || *failure == Failure::Refused;
                let of_agent = of_agent.as_ref().filter(|_| is_told);
                self.not_shown(effect.number, of_agent, failure);
            }
        }
    }

    /// The user does not see this, or perhaps not. The agent who said it must know; where the user is
    /// gone for good, the chat is over.
    fn not_shown(&mut self, number: EffectNumber, of_agent: Option<&SessionId>, failure: &Failure) {
        if *failure == Failure::Gone {
            if number > self.step.conversation.seen_at {
                self.user_gone();
            }
            return;
        }
        if of_agent.is_some_and(|session| self.is_live(session)) {
            let notice = Content::Notice(Notice::AgentUnheard);
            let number = self.log_only(Author::Gateway, notice);
            self.order_say(number, None, None);
        }
    }

    /// A word that never arrives ends the chat: the agent would answer to half a conversation.
    fn word_not_sent(&mut self, session: &SessionId, failure: &Failure) {
        if self.is_live(session) {
            self.tell(Notice::Undelivered);
            self.end(Status::Fail, reason_of(failure));
            if let Some(past) = &mut self.conversation().past {
                past.told_undelivered = true;
            }
            return;
        }
        // Struck behind an end; said once however many there are. Of an older session nothing is
        // known any more: better told twice than never.
        let told = match &mut self.conversation().past {
            Some(past) if past.id == *session => {
                std::mem::replace(&mut past.told_undelivered, true)
            }
            Some(_) | None => false,
        };
        if !told {
            self.tell(Notice::Undelivered);
        }
    }

    fn free(&mut self, session: &SessionId, desk: &DeskId, user: &UserId) {
        self.step.holds.push(Hold::Free {
            desk: desk.clone(),
            user: user.clone(),
            session: session.clone(),
        });
    }

    /// Whether nothing is known yet of what became of the request. Callbacks may overtake its answer,
    /// and an attempt that timed out may have arrived: where the desk has spoken, its word counts.
    fn is_requested(&self, session: &SessionId) -> bool {
        self.step.conversation.live().is_some_and(|live| {
            live.id == *session
                && live.behind_gap.is_none()
                && matches!(&live.stage, Stage::Waiting(Waiting { phase: Phase::Requested, .. }))
        })
    }

    fn is_live(&self, session: &SessionId) -> bool {
        self.step.conversation.live().is_some_and(|live| live.id == *session)
    }

    /// Nobody came back to read: no agent is to meet a ghost.
    fn user_left(&mut self) {
        match self.live().map(|session| &session.stage) {
            Some(Stage::Waiting(_)) => self.end(Status::Cancelled, EndReason::UserLeft),
            Some(Stage::Connected(_) | Stage::Active(_)) => {
                self.end(Status::Completed, EndReason::UserLeft);
            }
            None => {}
        }
    }

    /// An operator's word counts at once: what was not sent yet is not sent any more, the desk is told
    /// that it is over, and so are the user and the bot.
    pub(super) fn operator_ends(&mut self, session: &SessionId) {
        match self.live().filter(|live| live.id == *session).map(|live| &live.stage) {
            Some(Stage::Waiting(_)) => self.end(Status::Cancelled, EndReason::OperatorEnded),
            Some(Stage::Connected(_) | Stage::Active(_)) => {
                self.end(Status::Completed, EndReason::OperatorEnded);
            }
            None => {}
        }
    }

    /// The bot that asked for the live chat wants it no longer.
    pub(super) fn bot_ends(&mut self, said: Option<Said>) {
        if let Some(said) = said {
            self.bot_said(said, None, None);
        }
        match self.live().filter(|live| live.asked_by == AskedBy::Bot).map(|live| &live.stage) {
            Some(Stage::Waiting(_)) => self.end(Status::Cancelled, EndReason::BotEnded),
            Some(Stage::Connected(_) | Stage::Active(_)) => {
                self.end(Status::Completed, EndReason::BotEnded);
            }
            None => {}
        }
    }

    /// After hours of downtime several deadlines are over. Then the end alone is told: a warning right
    /// before it would only mock.
    pub(super) fn overdue_end(&self) -> Option<Wake> {
        let (at, why) = self.step.conversation.live()?.ends_at(self.facts.policy);
        (at <= self.now).then_some(why)
    }

    pub(super) fn deadline(&mut self, due: Timestamp) {
        let Some((at, why)) = self.step.conversation.deadline(self.facts.policy) else { return };
        if at != due || at > self.now {
            // Something happened since the clock looked; the newer deadline will come by itself.
            return;
        }
        if why == Wake::FileOverdue {
            return self.files_overdue();
        }
        if self.due_behind_gap(why) {
            return;
        }
        match self.overdue_end().unwrap_or(why) {
            Wake::BehindGap | Wake::FileOverdue => {}
            Wake::Silence => self.end(Status::Fail, EndReason::Silence),
            Wake::LongestWait => self.end(Status::Fail, EndReason::WaitedTooLong),
            Wake::UserLeft => self.user_left(),
            Wake::Quiet => self.end(Status::Fail, EndReason::Lost),
            Wake::IdleWarning => {
                if let Some(Session {
                    stage: Stage::Connected(talk) | Stage::Active(talk), ..
                }) = self.live()
                {
                    talk.warned = true;
                    self.tell(Notice::IdleWarning);
                }
            }
            Wake::AgentIdle => {
                if let Some(Session {
                    stage: Stage::Connected(talk) | Stage::Active(talk), ..
                }) = self.live()
                {
                    talk.answer = Answer::Missed;
                    let agent = talk.agent.name.clone();
                    self.tell(Notice::AgentIdle { agent });
                }
            }
        }
    }
}

/// Why a chat ends of which something could not be sent.
fn reason_of(failure: &Failure) -> EndReason {
    match failure {
        Failure::Refused | Failure::Gone => EndReason::Rejected,
        Failure::Expired | Failure::Struck | Failure::Unanswered => EndReason::Unreachable,
    }
}
