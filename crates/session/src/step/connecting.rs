//! How a live chat begins: a person is asked for, and one comes.

use crate::{
    conversation::{Answer, AskedBy, Phase, Route, Session, Stage, Talk, Waiting},
    effect::{BotNews, Hold, Reached, What},
    id::{Number, SessionId},
    notice::{EndReason, Notice},
    said::Agent,
    step::Turn,
};

impl Turn<'_> {
    pub(super) fn escalate(&mut self, context: Option<Number>, fresh: SessionId) {
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
            changing: Vec::new(),
            stage: Stage::Waiting(Waiting {
                phase: Phase::Requested,
                held: Vec::new(),
                estimate: None,
                asked: None,
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
            timezone: visitor.timezone,
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
    pub(super) fn connect(&mut self, agent: Agent) {
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
            estimate: None,
        });
        self.record();
        self.reached(Reached::Connected { waited });
        self.tell(Notice::Connected { agent: name.clone(), avatar });
        // One of several parts stands there once for each. One that stands there once goes whole: an
        // earlier version held long ones so.
        for words in held.chunk_by(|one, next| one == next) {
            match words {
                [number] => self.order_say(*number, None, None),
                _ => (0..).zip(words).for_each(|(part, number)| {
                    self.order_say(*number, Some(part), None);
                }),
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
}

/// The entry before what the bot handed over: so that, when the chat is over, this comes back to it
/// with what was said meanwhile.
fn before(context: Option<Number>) -> Option<Number> {
    context.map(|entry| Number(entry.0.saturating_sub(1)))
}
