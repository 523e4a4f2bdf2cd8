//! An attempt at an effect: a line in the log, another where it was given up, a count, and a passage.

use std::time::Duration;

use session::{
    What,
    id::{BotId, SessionId, TenantId},
};
use store::Work;

use crate::observe::{
    EffectName, Observer, Outcome, Passage, PassageKind, metrics::Counted, millis,
};

/// An attempt at an effect that has ended, also one that was not made.
pub(crate) struct Attempted<'a> {
    pub(crate) work: &'a Work,
    pub(crate) what: &'a What,
    pub(crate) tenant: &'a TenantId,
    /// Whose conversation it is.
    pub(crate) bot: &'a BotId,
    pub(crate) outcome: Outcome,
    /// `done`, or the machine code of what went wrong.
    pub(crate) code: &'static str,
    pub(crate) took: Duration,
}

impl Attempted<'_> {
    fn log(&self, kind: EffectName) {
        let (work, code) = (self.work, self.code);
        let session = work.session.as_ref().map(SessionId::as_str);
        tracing::info!(
            delivery.kind = kind.as_str(),
            delivery.outcome = code,
            delivery.row = work.effect.0,
            conversation.row = work.conversation.0,
            session.id = session,
            attempt = work.attempts,
            duration_ms = self.took.as_millis(),
            "an effect was attempted"
        );
        if self.outcome == Outcome::Failed {
            tracing::warn!(
                delivery.row = work.effect.0,
                delivery.kind = kind.as_str(),
                delivery.outcome = code,
                session.id = session,
                "an effect was given up and is kept as a dead letter: see `warmline dead-letters`"
            );
        }
    }
}

impl Observer {
    /// The dispatcher made an attempt, or came to know that none is to be made.
    pub(crate) fn attempted(&self, attempt: &Attempted<'_>) {
        let Attempted { work, what, tenant, bot, outcome, code, took } = *attempt;
        let kind = EffectName::of(what);
        attempt.log(kind);
        let desk = what.desk_lane().map(|(desk, _)| desk);
        let waited = self.clock.now().since(work.at);
        let counted = Counted { kind, outcome, code, took, waited };
        self.metrics.attempted(tenant, desk, bot, counted);
        if self.speaker.is_heard() {
            self.pass([Passage {
                conversation: Some(work.conversation.0),
                session: work.session.clone(),
                tenant: Some(tenant.clone()),
                desk: desk.cloned(),
                bot: desk.is_none().then(|| bot.clone()),
                code: (outcome != Outcome::Done).then_some(code),
                attempt: Some(work.attempts),
                ms: Some(millis(took)),
                waited_ms: Some(millis(waited)),
                ..Passage::new(PassageKind::Effect, kind.as_str(), outcome)
            }]);
        }
    }
}
