//! The step: one event, one conversation, everything that follows.

mod connecting;
mod delivery;
mod desk;
mod ending;
mod gap;
mod rephrase;
mod talk;
#[cfg(test)]
mod tests;
mod under_way;
mod user;

use crate::{
    conversation::{Conversation, Route, Session},
    effect::{Effect, Hold, Milestone, Reached, Record, Strike, What},
    event::{Event, Facts, Rejected},
    id::{Number, SenderKey, SessionId, Timestamp, UserId},
    notice::Notice,
    parts,
    phrase::is_phrase,
    policy::{Behind, Policy},
    said::{Author, Content, Message, Said},
    step::user::Deed,
};

/// Everything that follows from one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The conversation as it stands now.
    pub conversation: Conversation,
    /// What to append to the log, numbered.
    pub messages: Vec<Message>,
    /// What to do outside, numbered.
    pub effects: Vec<Effect>,
    /// What must no longer be done. Applies to earlier effects, never to those of this step with a
    /// higher number.
    pub strikes: Vec<Strike>,
    /// Persons taken and freed, in order.
    pub holds: Vec<Hold>,
    /// Session rows as they should stand, in order.
    pub records: Vec<Record>,
    /// How far the session came, in order: for whoever counts and measures.
    pub milestones: Vec<Milestone>,
    /// Keys to recognise repeats by, with the entry they led to.
    pub remember: Vec<(SenderKey, Number)>,
    /// The entry of what the caller said: the number its first delivery got.
    pub answer: Number,
}

/// Steps a conversation. A rejected event changes nothing; stale, late and repeated ones are no
/// errors and have no effects beyond their answer.
pub fn step(
    conversation: &Conversation,
    event: Event,
    facts: &Facts<'_>,
    now: Timestamp,
) -> Result<Step, Rejected> {
    let mut turn = Turn::new(conversation.clone(), facts, now);
    match event {
        Event::Opened { visitor } => turn.opened(visitor),
        Event::UserSaid { visitor, said, key, fresh } => {
            turn.user_said(visitor, said, key, fresh)?;
        }
        Event::UserEnds => turn.user_ends(),
        Event::UserGone => turn.user_gone(),
        Event::UserSeen { visitor, told } => turn.user_seen(visitor, told)?,
        Event::FilesRefused { visitor, name, why } => turn.files_refused(visitor, name, why),
        Event::UserDid { visitor, payload, words, told, key } => {
            turn.user_did(visitor, Deed { payload, words, told }, key)?;
        }
        Event::BotSaid { .. } | Event::BotDid { .. } | Event::BotRevised { .. }
            if turn.is_channel_full() =>
        {
            return Err(Rejected::TooManyWaiting);
        }
        Event::BotBegan { visitor } => turn.bot_began(visitor),
        Event::BotSaid { said, answers, key } => turn.bot_said(said, answers, key),
        Event::BotDid { payload, answers, key } => turn.bot_did(payload, answers, key),
        Event::BotRevised { of, at, said } => turn.bot_revised(of, at, said),
        Event::BotWithdrew { of, at } => turn.bot_withdrew(of, at),
        Event::BotBrought { lines } => turn.bot_brought(lines),
        Event::BotEnds { said } => turn.bot_ends(said),
        Event::BotAsked { said, context, transcript, key, fresh } => {
            turn.bot_asked(said, (context, transcript), key, fresh);
        }
        Event::Desk(callback) => turn.desk(callback)?,
        Event::Sent { effect } => turn.sent(&effect),
        Event::NotSent { effect, failure } => turn.not_sent(&effect, &failure),
        Event::FileLost { name, why, key } => turn.file_lost(name, why, key),
        Event::FileNotPassedOn { shown_in, by_agent, name, why, key } => {
            turn.file_not_passed_on(
                Notice::FileNotPassedOn { name, why },
                key,
                (shown_in, by_agent),
            );
        }
        Event::FileUnderWay { file } => turn.file_under_way(file),
        Event::FileThere { key } => turn.file_settled(Some(&key)),
        Event::FileLinked { name, address, key } => {
            turn.file_settled(key.as_ref());
            turn.tell_once(Notice::FileLinked { name, address }, key);
        }
        Event::Delayed { effect } => turn.delayed(&effect),
        Event::Deadline { due } => turn.deadline(due),
        Event::CaughtUp { session, as_of, missed } => turn.caught_up(&session, as_of, missed),
        Event::UserAway => turn.user_away(),
        Event::UserBack => turn.user_back(),
        Event::OperatorEnds { session } => turn.operator_ends(&session),
    }
    if facts.masked {
        turn.tell_of_masks();
    }
    check_invariants(conversation, &turn.step);
    Ok(turn.step)
}

/// The person whose holder the step needs to know, if it might begin a session.
pub fn wants_holder<'a>(
    conversation: &'a Conversation,
    event: &'a Event,
    policy: &Policy,
) -> Option<&'a UserId> {
    if conversation.live().is_some() {
        return None;
    }
    match event {
        Event::UserSaid { visitor, said, .. } => {
            asks_for_person(conversation, said.typed(), policy).then_some(&visitor.user)
        }
        Event::BotAsked { .. } => conversation.visitor.as_ref().map(|visitor| &visitor.user),
        Event::Opened { .. }
        | Event::UserDid { .. }
        | Event::UserEnds
        | Event::UserGone
        | Event::UserSeen { .. }
        | Event::FilesRefused { .. }
        | Event::BotBegan { .. }
        | Event::BotSaid { .. }
        | Event::BotDid { .. }
        | Event::BotRevised { .. }
        | Event::BotWithdrew { .. }
        | Event::BotBrought { .. }
        | Event::BotEnds { .. }
        | Event::Desk(_)
        | Event::Sent { .. }
        | Event::NotSent { .. }
        | Event::FileUnderWay { .. }
        | Event::FileThere { .. }
        | Event::FileLost { .. }
        | Event::FileNotPassedOn { .. }
        | Event::FileLinked { .. }
        | Event::Delayed { .. }
        | Event::Deadline { .. }
        | Event::CaughtUp { .. }
        | Event::UserAway
        | Event::UserBack
        | Event::OperatorEnds { .. } => None,
    }
}

fn asks_for_person(conversation: &Conversation, text: &str, policy: &Policy) -> bool {
    let phrases_work = match policy.behind {
        Behind::BuiltIn => true,
        Behind::Bot => conversation.bot_away,
    };
    phrases_work && is_phrase(text, &policy.phrases.escalate)
}

/// One step in the making.
struct Turn<'a> {
    facts: &'a Facts<'a>,
    now: Timestamp,
    step: Step,
}

impl<'a> Turn<'a> {
    fn new(conversation: Conversation, facts: &'a Facts<'a>, now: Timestamp) -> Self {
        let step = Step {
            conversation,
            messages: Vec::new(),
            effects: Vec::new(),
            strikes: Vec::new(),
            holds: Vec::new(),
            records: Vec::new(),
            milestones: Vec::new(),
            remember: Vec::new(),
            answer: Number::default(),
        };
        Self { facts, now, step }
    }

    fn conversation(&mut self) -> &mut Conversation {
        &mut self.step.conversation
    }

    fn live(&mut self) -> Option<&mut Session> {
        match &mut self.step.conversation.route {
            Route::Bot => None,
            Route::Live(session) => Some(session),
        }
    }

    /// Whether as much waits to be brought to the user as may.
    fn is_channel_full(&self) -> bool {
        self.facts.carried && self.facts.waiting >= self.facts.policy.lane_max
    }

    /// Writes into the log, and has it brought to a user whose channel does not read there.
    fn log(&mut self, author: Author, content: Content) -> Number {
        let of_agent = match author {
            Author::Agent(_) => self.step.conversation.live().map(|live| live.id.clone()),
            Author::User | Author::Bot | Author::Desk | Author::Gateway => None,
        };
        // The bot may try: a user who unblocked it again has told nobody.
        let tries = !self.step.conversation.unreachable || author == Author::Bot;
        let parts = if self.facts.carried { parts::count(&author, &content) } else { 0 };
        let number = self.log_only(author, content);
        if tries {
            for part in 0..parts {
                let of_agent = of_agent.clone();
                self.order(What::Show { message: number, part, of_agent });
            }
        }
        number
    }

    /// Writes into the log what nobody need be brought.
    fn log_only(&mut self, author: Author, content: Content) -> Number {
        let number = self.step.conversation.numbered.next();
        self.step.conversation.numbered = number;
        self.step.messages.push(Message { number, author, content });
        number
    }

    fn say(&mut self, author: Author, said: Said, key: Option<SenderKey>) -> Number {
        let number = self.log(author, Content::Said(said));
        self.step.remember.extend(key.map(|key| (key, number)));
        number
    }

    fn tell(&mut self, notice: Notice) {
        self.log(Author::Gateway, Content::Notice(notice));
    }

    /// The same, unless it was told before.
    fn tell_once(&mut self, notice: Notice, key: Option<SenderKey>) {
        if let Some(first) = self.repeat_of(key.as_ref()) {
            self.step.answer = first;
            return;
        }
        let number = self.log(Author::Gateway, Content::Notice(notice));
        self.step.remember.extend(key.map(|key| (key, number)));
        self.step.answer = number;
    }

    fn order(&mut self, what: What) {
        let within = self.facts.policy.within(&what);
        let number = self.step.conversation.effects.next();
        self.step.conversation.effects = number;
        self.step.effects.push(Effect { number, what, expires_at: self.now.after(within) });
    }

    /// The entry this key led to before, if it is a repeat: of an earlier event, or of an earlier
    /// item of this one.
    fn repeat_of(&self, key: Option<&SenderKey>) -> Option<Number> {
        let key = key?;
        self.facts.seen.get(key).copied().or_else(|| {
            self.step.remember.iter().find(|(seen, _)| seen == key).map(|&(_, number)| number)
        })
    }

    /// The open session came to this.
    fn reached(&mut self, reached: Reached) {
        if let Route::Live(session) = &self.step.conversation.route {
            let (session, desk) = (session.id.clone(), session.desk.clone());
            self.step.milestones.push(Milestone { session, desk, reached });
        }
    }

    /// Writes down how the open session stands.
    fn record(&mut self) {
        if let Route::Live(session) = &self.step.conversation.route {
            self.step.records.push(Record {
                session: session.id.clone(),
                desk: session.desk.clone(),
                user: session.user.clone(),
                status: session.status(),
                reason: None,
                opened_at: session.asked_at,
                ended_at: None,
            });
        }
    }
}

/// What must hold after every step.
fn check_invariants(before: &Conversation, after: &Step) {
    debug_assert!(after.conversation.numbered >= before.numbered, "the log only grows");
    debug_assert_eq!(
        after.messages.last().map(|message| message.number),
        (!after.messages.is_empty()).then_some(after.conversation.numbered),
        "messages are numbered up to the counter"
    );
    debug_assert_eq!(
        after.conversation.numbered.0 - before.numbered.0,
        after.messages.len() as u64,
        "every number is in the log"
    );
    debug_assert_eq!(
        after.conversation.effects.0 - before.effects.0,
        after.effects.len() as u64,
        "every effect is numbered once"
    );
    let same_session = |id: &SessionId| before.live().is_some_and(|live| live.id == *id);
    for record in after.records.iter().filter(|record| same_session(&record.session)) {
        let was = before.live().map_or(record.status, Session::status);
        debug_assert!(
            was == record.status || was.may_become(record.status) || after.records.len() > 1,
            "{was:?} never becomes {:?}",
            record.status
        );
    }
}
