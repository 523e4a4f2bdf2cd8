//! Deadlines: when a conversation wants to be woken, and why. A pure function of its state and the
//! rules, so that no deadline can be forgotten, and one that is overtaken is simply no more.

use crate::{
    conversation::{Answer, Conversation, Phase, Session, Stage, Talk, Waiting},
    gap::BEHIND_GAP_WITHIN,
    id::Timestamp,
    policy::Policy,
};

/// Why a conversation wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// The desk took the request and said nothing.
    Silence,
    /// Nobody took it.
    LongestWait,
    /// The user has been silent.
    IdleWarning,
    /// The agent has not answered.
    AgentIdle,
    /// The user went away and did not come back.
    UserLeft,
    /// Nobody was heard for very long.
    Quiet,
    /// News stood behind a gap for long enough.
    BehindGap,
    /// A file does not come any more.
    FileOverdue,
}

impl Conversation {
    /// The next moment this conversation wants to be woken, and why. Every open session has one.
    pub fn deadline(&self, policy: &Policy) -> Option<(Timestamp, Wake)> {
        let live = self.live().map(|session| session.deadline(policy));
        let overdue = self.under_way.iter().map(|one| (one.until, Wake::FileOverdue));
        let overdue = overdue.min_by_key(|(at, _)| *at);
        // Of both at once the chat's comes first, and the file's right after it.
        match (live, overdue) {
            (Some(live), Some(overdue)) if overdue.0 < live.0 => Some(overdue),
            (Some(live), _) => Some(live),
            (None, overdue) => overdue,
        }
    }
}

impl Session {
    /// The moment at which it ends by itself, and why, whatever the user is told before.
    pub(crate) fn ends_at(&self, policy: &Policy) -> (Timestamp, Wake) {
        let left = self.user_away_since.map(|at| (at.after(policy.away_grace), Wake::UserLeft));
        match &self.stage {
            Stage::Waiting(waiting) => {
                let longest = (self.asked_at.after(policy.longest_wait), Wake::LongestWait);
                earliest(longest, [left, waiting.silence(policy)])
            }
            Stage::Connected(talk) | Stage::Active(talk) => {
                let quiet = talk.user_spoke_at.max(talk.heard_at).after(policy.quiet);
                earliest((quiet, Wake::Quiet), [left])
            }
        }
    }

    fn deadline(&self, policy: &Policy) -> (Timestamp, Wake) {
        let end = self.ends_at(policy);
        let behind = self.behind_gap.as_ref();
        let behind = behind.map(|gap| (gap.since.after(BEHIND_GAP_WITHIN), Wake::BehindGap));
        match &self.stage {
            Stage::Waiting(_) => earliest(end, [behind]),
            Stage::Connected(talk) | Stage::Active(talk) => {
                earliest(end, [talk.idle_warning(policy), talk.agent_idle(policy), behind])
            }
        }
    }
}

/// What comes first. Of several at once the end goes before what only tells the user something.
fn earliest<const N: usize>(
    end: (Timestamp, Wake),
    others: [Option<(Timestamp, Wake)>; N],
) -> (Timestamp, Wake) {
    let sooner = |first: (Timestamp, Wake), next: (Timestamp, Wake)| {
        if next.0 < first.0 { next } else { first }
    };
    others.into_iter().flatten().fold(end, sooner)
}

impl Waiting {
    fn silence(&self, policy: &Policy) -> Option<(Timestamp, Wake)> {
        match self.phase {
            Phase::Requested | Phase::Queued => None,
            Phase::Accepted { at } => Some((at.after(policy.silence), Wake::Silence)),
        }
    }
}

impl Talk {
    fn idle_warning(&self, policy: &Policy) -> Option<(Timestamp, Wake)> {
        let at = self.user_spoke_at.after(policy.idle_warning);
        (!self.warned).then_some((at, Wake::IdleWarning))
    }

    /// Between two agents nobody is there to answer.
    fn agent_idle(&self, policy: &Policy) -> Option<(Timestamp, Wake)> {
        match (self.answer, policy.agent_idle) {
            (Answer::Owed { since }, Some(idle)) if !self.transferring => {
                Some((since.after(idle), Wake::AgentIdle))
            }
            (Answer::Given | Answer::Owed { .. } | Answer::Missed, _) => None,
        }
    }
}
