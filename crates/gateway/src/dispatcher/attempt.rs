//! What came of one attempt, sorted by what must be done next.

use std::time::Duration;

use servicenow::SendError;
use session::{
    Failure,
    id::{Number, Timestamp},
};
use store::Work;

use crate::{dispatcher::backoff, observe::Outcome, trace::Came};

/// What came of one attempt.
#[derive(Debug)]
pub(super) enum Attempt {
    /// Carried out.
    Done,
    /// Carried out, and the channel said under which id it shows it.
    Placed { number: Number, placed_as: Box<str> },
    /// Was not taken, or not sent, and may be later; it does not count as made.
    NotYet { at: Timestamp, code: &'static str, paced: bool },
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
        /// Whether anything was sent. What was never sent can still be struck.
        made: bool,
    },
}

impl Attempt {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Done | Self::Placed { .. } => "done",
            Self::Failed { code, .. } | Self::Again { code, .. } | Self::NotYet { code, .. } => {
                code
            }
        }
    }

    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Done | Self::Placed { .. } => Outcome::Done,
            Self::Failed { failure: Failure::Struck, .. } => Outcome::Struck,
            Self::Failed { failure: Failure::Unanswered, .. } => Outcome::Unanswered,
            Self::Failed {
                failure: Failure::Refused | Failure::Expired | Failure::Gone, ..
            } => Outcome::Failed,
            Self::Again { made: true, .. } | Self::NotYet { paced: false, .. } => Outcome::Retry,
            Self::Again { made: false, .. } | Self::NotYet { paced: true, .. } => Outcome::Held,
        }
    }

    /// The same for whoever traces the delivery.
    pub(super) fn came(&self) -> Came {
        match self {
            Self::Done | Self::Placed { .. } => Came::Settled { failed: None },
            Self::Failed { code, .. } => Came::Settled { failed: Some(code) },
            Self::Again { made: true, .. } | Self::NotYet { paced: false, .. } => Came::Again,
            Self::Again { made: false, .. } | Self::NotYet { paced: true, .. } => Came::Held,
        }
    }

    /// To be made again: when the destination said so, else after the back-off.
    pub(super) fn again(
        work: &Work,
        now: Timestamp,
        asked: Option<Duration>,
        code: &'static str,
    ) -> Self {
        Self::Again { at: next(work, now, asked), code, made: true }
    }

    /// Not made at all: the destination's breaker gives no leave. When it may be is up to the breaker
    /// and not written down.
    pub(super) fn held_back(now: Timestamp, code: &'static str) -> Self {
        Self::Again { at: now, code, made: false }
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

/// The moment of the next attempt: when the destination said so, or after the back-off, whichever
/// is later.
pub(super) fn next(work: &Work, now: Timestamp, asked: Option<Duration>) -> Timestamp {
    let pause = backoff::pause(work.attempts, fastrand::f64());
    now.after(asked.map_or(pause, |asked| asked.max(pause)))
}

/// What comes of an effect that is not to be sent: struck, or attempted before and out of time. The
/// second also ends what never gets as far as a result, because the attempt panics or takes the
/// process with it. One that was never attempted gets its one attempt, however late.
pub(super) fn without_sending(work: &Work, now: Timestamp) -> Option<Attempt> {
    if work.struck {
        Some(Attempt::Failed { failure: Failure::Struck, code: "struck" })
    } else if work.attempts > 1 && now >= work.expires_at {
        Some(Attempt::Failed { failure: Failure::Expired, code: "expired" })
    } else {
        None
    }
}

/// An attempt that failed when the effect's budget was spent was the last one. One that would come
/// after the budget comes at its end: a desk that asks to be left alone for an hour does not fail at
/// once what may wait for minutes.
pub(super) fn within_budget(attempt: Attempt, work: &Work, now: Timestamp) -> Attempt {
    match attempt {
        Attempt::Again { code, .. } if now >= work.expires_at => {
            Attempt::Failed { failure: Failure::Expired, code }
        }
        Attempt::Again { at, code, made } => {
            Attempt::Again { at: at.min(work.expires_at), code, made }
        }
        Attempt::NotYet { paced: false, code, .. } if now >= work.expires_at => {
            Attempt::Failed { failure: Failure::Expired, code }
        }
        Attempt::NotYet { paced: false, at, code } => {
            Attempt::NotYet { at: at.min(work.expires_at), code, paced: false }
        }
        // What our own pace holds back was never sent: it gets its attempt, however late.
        Attempt::NotYet { paced: true, .. }
        | Attempt::Done
        | Attempt::Placed { .. }
        | Attempt::Failed { .. } => attempt,
    }
}
