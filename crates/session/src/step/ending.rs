//! How a session ends: status, reason, and who must still be told.

use crate::{
    conversation::{Past, Phase, Route, Session, Stage, Status, Waiting},
    effect::{BotNews, Hold, Reached, Record, Strike, What},
    notice::{EndReason, EndedBy, Notice},
    step::Turn,
};

/// Whether the desk still has to hear of the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Desk {
    /// It told us, or it never took the request.
    Knows,
    /// It may have an open chat: `END_CONVERSATION`, so that no agent meets a ghost.
    MustHear,
}

/// Whether the desk was only asked for an agent and has not answered.
fn is_requested(session: &Session) -> bool {
    matches!(&session.stage, Stage::Waiting(Waiting { phase: Phase::Requested, .. }))
}

impl Turn<'_> {
    /// Ends the open session.
    pub(super) fn end(&mut self, status: Status, reason: EndReason) {
        let (status, reason) = self.let_go_before(status, reason);
        let now = self.now;
        let handled = self.live().and_then(|session| session.met_at).map(|met| now.since(met));
        self.reached(Reached::Ended { status, reason, handled });
        let Route::Live(session) = std::mem::take(&mut self.conversation().route) else { return };
        let desk = match reason {
            EndReason::AgentEnded | EndReason::DeskCancelled => Desk::Knows,
            // The request itself; a word that is refused leaves an open chat behind.
            EndReason::Rejected if is_requested(&session) => Desk::Knows,
            EndReason::Rejected
            | EndReason::UserEnded
            | EndReason::UserCancelled
            | EndReason::NoAgent
            | EndReason::NotRouted
            | EndReason::Refused
            | EndReason::Unreachable
            | EndReason::Silence
            | EndReason::WaitedTooLong
            | EndReason::Lost
            | EndReason::UserLeft
            | EndReason::OperatorEnded
            | EndReason::BotEnded
            | EndReason::UserUnreachable
            | EndReason::NotPersonal => Desk::MustHear,
        };
        self.strike_unsent(&session, status, reason);
        self.settle_with_desk(&session, desk);
        self.step.records.push(Record {
            session: session.id.clone(),
            desk: session.desk.clone(),
            user: session.user.clone(),
            status,
            reason: Some(reason),
            opened_at: session.asked_at,
            ended_at: Some(self.now),
        });
        self.conversation().past = Some(Past {
            id: session.id.clone(),
            desk: session.desk.clone(),
            user: session.user.clone(),
            status,
            reason,
            at: self.now,
            told_undelivered: false,
        });
        self.tell_people(&session, status, reason);
    }

    /// What was not attempted yet is not sent any more: a late word would open a new conversation
    /// on the desk. Only where the user was the one who went do their last words still go first.
    fn strike_unsent(&mut self, session: &Session, status: Status, reason: EndReason) {
        let by_user = matches!(
            reason,
            EndReason::UserEnded | EndReason::UserLeft | EndReason::UserUnreachable
        );
        if status == Status::Completed && by_user {
            return;
        }
        let below = self.step.conversation.effects.next();
        self.step.strikes.push(Strike { session: session.id.clone(), below });
    }

    fn settle_with_desk(&mut self, session: &Session, desk: Desk) {
        match desk {
            Desk::Knows => self.step.holds.push(Hold::Free {
                desk: session.desk.clone(),
                user: session.user.clone(),
                session: session.id.clone(),
            }),
            // The hold is freed when this was delivered.
            Desk::MustHear => self.order(What::End {
                session: session.id.clone(),
                desk: session.desk.clone(),
                user: session.user.clone(),
            }),
        }
    }

    fn tell_people(&mut self, session: &Session, status: Status, reason: EndReason) {
        let agent = match &session.stage {
            Stage::Waiting(_) => None,
            Stage::Connected(talk) | Stage::Active(talk) => talk.agent.name.clone(),
        };
        let news = match status {
            Status::Completed => BotNews::Completed { agent: agent.clone(), reason },
            Status::Cancelled
            | Status::Fail
            | Status::Waiting
            | Status::Connected
            | Status::Active => BotNews::Failed { reason },
        };
        self.tell(notice_of(status, reason, agent));
        self.tell(Notice::BackWithBot);
        let upto = self.step.conversation.numbered;
        self.order(What::TellBot {
            session: session.id.clone(),
            news,
            after: session.asked_after,
            upto,
        });
    }
}

/// How the user is told of an end.
fn notice_of(status: Status, reason: EndReason, agent: Option<String>) -> Notice {
    if reason == EndReason::UserLeft {
        return Notice::UserLeft;
    }
    if reason == EndReason::OperatorEnded {
        return Notice::Ended { by: EndedBy::Operator };
    }
    if reason == EndReason::BotEnded {
        return Notice::Ended { by: EndedBy::Bot };
    }
    match status {
        Status::Completed => Notice::Ended { by: Turn::ended_by(reason, agent) },
        Status::Cancelled => Notice::Cancelled,
        Status::Fail | Status::Waiting | Status::Connected | Status::Active => match reason {
            EndReason::NoAgent | EndReason::NotRouted => Notice::NobodyThere,
            EndReason::AgentEnded
            | EndReason::UserEnded
            | EndReason::UserCancelled
            | EndReason::DeskCancelled
            | EndReason::Refused
            | EndReason::Rejected
            | EndReason::Unreachable
            | EndReason::Silence
            | EndReason::WaitedTooLong
            | EndReason::Lost
            | EndReason::UserLeft
            | EndReason::OperatorEnded
            | EndReason::BotEnded
            | EndReason::UserUnreachable
            | EndReason::NotPersonal => Notice::Failed { reason },
        },
    }
}
