//! What came of one attempt, sorted by what must be done next.

use std::time::Duration;

use servicenow::SendError;
use session::{Failure, id::Timestamp};
use store::Work;

use crate::dispatcher::backoff;

/// What came of one attempt.
#[derive(Debug)]
pub(super) enum Attempt {
    /// Carried out.
    Done,
    /// Never will be.
    Failed {
        failure: Failure,
        /// Machine code, for logs and the dead letter.
        code: &'static str,
    },
    /// May be, later.
    Again {
        at: Timestamp,
        code: &'static str,
    },
}

impl Attempt {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed { code, .. } | Self::Again { code, .. } => code,
        }
    }

    /// To be made again: when the destination said so, else after the back-off.
    pub(super) fn again(
        work: &Work,
        now: Timestamp,
        asked: Option<Duration>,
        code: &'static str,
    ) -> Self {
        let pause = backoff::pause(work.attempts, fastrand::f64());
        Self::Again { at: now.after(asked.map_or(pause, |asked| asked.max(pause))), code }
    }

    /// What a failed send means.
    pub(super) fn of_send(error: &SendError, work: &Work, now: Timestamp) -> Self {
        match error {
            SendError::Retry { not_before, .. } => {
                Self::again(work, now, *not_before, error.code())
            }
            SendError::Refused { .. } => {
                Self::Failed { failure: Failure::Refused, code: error.code() }
            }
        }
    }
}

/// An attempt that would come after the effect's budget is the last one's failure.
pub(super) fn within_budget(attempt: Attempt, work: &Work, now: Timestamp) -> Attempt {
    match attempt {
        Attempt::Again { at, code } if at > work.expires_at || now >= work.expires_at => {
            Attempt::Failed { failure: Failure::Expired, code }
        }
        Attempt::Done | Attempt::Failed { .. } | Attempt::Again { .. } => attempt,
    }
}
