//! What a batch has to tell: noted while it is stepped, told only once it is committed.

use std::time::Instant;

use session::{
    Milestone, Reached,
    id::{DeskId, SessionId, TenantId},
};
use store::ConversationId;

use crate::observe::{
    feed::Passage,
    metrics::{EventCounts, place_of},
    millis,
    words::{EventName, Outcome, PassageKind},
};

/// An event that was stepped, or refused.
pub(crate) struct Noted<'a> {
    pub(crate) name: EventName,
    pub(crate) outcome: Outcome,
    /// Why it was refused.
    pub(crate) code: Option<&'static str>,
    pub(crate) conversation: ConversationId,
    pub(crate) tenant: &'a TenantId,
    /// The live chat it was about. Looked at only if somebody listens.
    pub(crate) live: Option<(SessionId, DeskId)>,
    /// What its session came to.
    pub(crate) milestones: Vec<Milestone>,
}

/// The notes of one batch.
#[derive(Debug)]
pub(crate) struct Notes {
    events: EventCounts,
    milestones: Vec<(TenantId, Milestone)>,
    /// Nothing if nobody listens.
    passages: Option<Vec<Passage>>,
}

/// A batch that was committed.
pub(crate) struct Committed {
    pub(crate) notes: Notes,
    pub(crate) jobs: usize,
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
}

impl Notes {
    pub(super) fn new(heard: bool) -> Self {
        Self { events: [[0; _]; _], milestones: Vec::new(), passages: heard.then(Vec::new) }
    }

    /// Whether anybody listens.
    pub(crate) fn is_heard(&self) -> bool {
        self.passages.is_some()
    }

    /// An event of this batch.
    pub(crate) fn note(&mut self, noted: Noted<'_>) {
        let Noted { name, outcome, code, conversation, tenant, live, milestones } = noted;
        let place = self.events.get_mut(name as usize);
        if let Some(count) = place.and_then(|counts| counts.get_mut(place_of(outcome))) {
            *count = count.saturating_add(1);
        }
        self.milestones.extend(milestones.iter().map(|reached| (tenant.clone(), reached.clone())));
        let Some(passages) = &mut self.passages else { return };
        let (session, desk) = live.unzip();
        let (conversation, tenant) = (Some(conversation.0), Some(tenant.clone()));
        passages.push(Passage {
            conversation,
            session,
            desk,
            code,
            tenant: tenant.clone(),
            ..Passage::new(PassageKind::Event, name.as_str(), outcome)
        });
        passages.extend(milestones.into_iter().map(|milestone| Passage {
            conversation,
            tenant: tenant.clone(),
            ..passage_of(milestone)
        }));
    }

    pub(super) fn events(&self) -> &EventCounts {
        &self.events
    }

    pub(super) fn milestones(&self) -> impl Iterator<Item = (&TenantId, &Milestone)> {
        self.milestones.iter().map(|(tenant, milestone)| (tenant, milestone))
    }

    pub(super) fn into_passages(self, took_ms: f64) -> impl Iterator<Item = Passage> {
        self.passages.into_iter().flatten().map(move |passage| match passage.kind {
            PassageKind::Event => Passage { ms: Some(took_ms), ..passage },
            PassageKind::Request
            | PassageKind::Effect
            | PassageKind::Breaker
            | PassageKind::Session => passage,
        })
    }
}

fn passage_of(milestone: Milestone) -> Passage {
    let (name, code, waited) = match milestone.reached {
        Reached::Waiting => ("waiting", None, None),
        Reached::Connected { waited } => ("connected", None, Some(waited)),
        Reached::Active => ("active", None, None),
        Reached::AgentSpoke { after } => ("agent_spoke", None, Some(after)),
        Reached::Ended { status, reason, .. } => (status.as_str(), Some(reason.code()), None),
    };
    Passage {
        session: Some(milestone.session),
        desk: Some(milestone.desk),
        code,
        waited_ms: waited.map(millis),
        ..Passage::new(PassageKind::Session, name, Outcome::Ok)
    }
}
