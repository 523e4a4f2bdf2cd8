//! What arrives at the engine, and what its caller hears of it.

use session::{
    Callback, Claims, Effect, Event, Failure, News,
    id::{EffectNumber, Number, SessionId},
};
use store::{ConversationId, Target, Work};

use crate::trace::Context;

/// Something that happened, on its way to its conversation.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    /// Whose it is.
    pub(crate) target: Target,
    /// What it is.
    pub(crate) happening: Happening,
    /// The outbox row this settles, when it reports a delivery.
    pub(crate) settles: Option<Settled>,
    /// Its channel's id of what was said, by which the channel refers to it later.
    pub(crate) placed_as: Option<Box<str>>,
    /// Something was taken out of it that may not go on.
    pub(crate) masked: bool,
    /// Where its trace goes on, if it has one of its own.
    pub(crate) trace: Option<Context>,
}

impl Arrival {
    /// A callback of the desk.
    pub(crate) fn callback(
        target: Target,
        request: Option<EffectNumber>,
        claims: Claims,
        news: Vec<News>,
    ) -> Self {
        let happening = Happening::Callback { request, claims, news, behind_gap: false };
        Self { target, happening, settles: None, placed_as: None, masked: false, trace: None }
    }

    /// The same callback, whose news stands behind its chat's gap if it says so.
    pub(crate) fn behind_gap(mut self, behind: bool) -> Self {
        if let Happening::Callback { behind_gap, .. } = &mut self.happening {
            *behind_gap = behind;
        }
        self
    }

    /// An event for this target.
    pub(crate) fn event(target: Target, event: Event) -> Self {
        Self {
            target,
            happening: Happening::Event(event),
            settles: None,
            placed_as: None,
            masked: false,
            trace: None,
        }
    }

    /// The same, which its channel knows under this id.
    pub(crate) fn placed(self, placed_as: Option<Box<str>>) -> Self {
        Self { placed_as, ..self }
    }

    /// The same, of which something was taken out.
    pub(crate) fn masked(self, masked: bool) -> Self {
        Self { masked, ..self }
    }

    /// The same as part of a trace.
    pub(crate) fn traced(self, trace: Option<Context>) -> Self {
        Self { trace, ..self }
    }
}

/// What happened; a callback learns its session only when its target is resolved.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "an arrival is boxed as a whole when it queues")]
pub(crate) enum Happening {
    Event(Event),
    Callback { request: Option<EffectNumber>, claims: Claims, news: Vec<News>, behind_gap: bool },
}

/// An outbox row that is done with.
#[derive(Debug, Clone)]
pub(crate) struct Settled {
    pub(crate) work: Work,
    /// The reason code, if it became a dead letter.
    pub(crate) dead: Option<&'static str>,
    /// The entry that the channel shows now, and its id for it.
    pub(crate) placed: Option<(Number, Box<str>)>,
}

/// What an event led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The conversation.
    pub(crate) conversation: ConversationId,
    /// The entry of what the caller said; its first delivery's for a repeat.
    pub(crate) number: Number,
    /// All of it was taken before; nothing of it is kept again.
    pub(crate) repeat: bool,
    /// The session a callback was about is still open.
    pub(crate) open: bool,
    /// It was this event that ended a session.
    pub(crate) ended: bool,
}

/// The event that reports an effect as settled.
pub(crate) fn settled_event(effect: Effect, failure: Option<Failure>) -> Event {
    match failure {
        None => Event::Sent { effect },
        Some(failure) => Event::NotSent { effect, failure },
    }
}

/// Turns what happened into the event of a resolved target.
pub(super) fn event_of(happening: Happening, session: Option<SessionId>) -> Option<Event> {
    match happening {
        Happening::Event(event) => Some(event),
        Happening::Callback { request, claims, news, behind_gap } => {
            Some(Event::Desk(Callback { session: session?, request, claims, news, behind_gap }))
        }
    }
}
