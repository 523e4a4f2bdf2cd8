//! What follows from an attempt that the Connector did not take.

use std::time::Duration;

use bot_framework::connector::ConnectorError;
use session::{Failure, id::Timestamp};
use store::Work;

use crate::{channel::ChannelLink, dispatcher::attempt::Attempt};

/// How often something is sent that may have arrived: once, and once more.
pub(super) const SENDS_MAX: u32 = 2;

/// How long until what may have arrived is sent once more: not into the same trouble. Later, if the
/// Connector asks for it.
const ONCE_MORE_AFTER: Duration = Duration::from_secs(10);

/// The shortest and the longest pause after an attempt that was not taken, unless the Connector says.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(20));

/// Why the Connector does not take something is said at the first attempt and then at every so many.
const SAID_EVERY: u32 = 10;

/// What follows from a failure.
pub(super) fn came_of(work: &Work, now: Timestamp, error: &ConnectorError) -> Attempt {
    let code = error.code();
    match error {
        ConnectorError::NotTaken { not_before, .. } => not_yet(work, now, *not_before, code),
        ConnectorError::Ambiguous { not_before, .. } if work.attempts < SENDS_MAX => {
            let after = not_before.unwrap_or_default().max(ONCE_MORE_AFTER);
            Attempt::Again { at: now.after(after), code, made: true }
        }
        ConnectorError::Ambiguous { .. } => Attempt::Failed { failure: Failure::Unanswered, code },
        ConnectorError::Gone { .. } => Attempt::Failed { failure: Failure::Gone, code },
        ConnectorError::TooLarge { .. } | ConnectorError::Refused { .. } => {
            Attempt::Failed { failure: Failure::Refused, code }
        }
    }
}

/// Attempts that do not count cannot tell how long to wait; the effect's age does: each pause is half
/// of it.
pub(super) fn not_yet(
    work: &Work,
    now: Timestamp,
    asked: Option<Duration>,
    code: &'static str,
) -> Attempt {
    let (shortest, longest) = PAUSES;
    let pause =
        (now.since(work.at) / 2).clamp(shortest, longest).mul_f64(0.75 + fastrand::f64() / 2.0);
    let at = now.after(asked.map_or(pause, |asked| asked.max(pause)));
    Attempt::NotYet { at, code, paced: false }
}

/// Whether the Connector itself said no, and not that nobody could ask it.
pub(super) fn is_sign_of_life(error: &ConnectorError) -> bool {
    match error {
        ConnectorError::NotTaken { code, .. } => matches!(*code, "throttled" | "busy_conversation"),
        ConnectorError::Ambiguous { .. } => false,
        ConnectorError::Gone { .. }
        | ConnectorError::TooLarge { .. }
        | ConnectorError::Refused { .. } => true,
    }
}

/// The sentence says what to look at. Not at every attempt: a Connector may be away for long.
pub(super) fn said_why(link: &ChannelLink, work: &Work, error: &ConnectorError) {
    if work.attempts % SAID_EVERY == 1 {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            bot = link.bot.as_str(),
            attempt = work.attempts,
            "the Connector did not take an activity"
        );
    }
}

#[cfg(test)]
mod tests {
    use session::id::EffectNumber;
    use store::{ConversationId, LaneKey, OutboxId};

    use super::*;
    use crate::dispatcher::attempt::within_budget;

    const NOW: Timestamp = Timestamp(1_000_000);

    /// Decided ten seconds ago, with a minute left.
    fn work(attempts: u32) -> Work {
        Work {
            effect: OutboxId(1),
            conversation: ConversationId(1),
            number: EffectNumber(1),
            lane: LaneKey("channel".into()),
            session: None,
            body: Vec::new(),
            attempts,
            at: Timestamp(NOW.0 - 10_000),
            expires_at: Timestamp(NOW.0 + 60_000),
            struck: false,
            trace: None,
        }
    }

    fn not_taken(not_before: Option<Duration>) -> ConnectorError {
        ConnectorError::NotTaken { code: "throttled", not_before, sentence: String::new() }
    }

    fn ambiguous() -> ConnectorError {
        let (code, not_before, sentence) = ("channel_failed", None, String::new());
        ConnectorError::Ambiguous { code, not_before, sentence }
    }

    #[test]
    fn what_may_have_arrived_is_sent_once_more_and_then_given_up() {
        let first = came_of(&work(1), NOW, &ambiguous());
        let Attempt::Again { at, made: true, .. } = first else { panic!("{first:?}") };
        assert_eq!(at, NOW.after(ONCE_MORE_AFTER));
        let second = came_of(&work(SENDS_MAX), NOW, &ambiguous());
        assert!(
            matches!(second, Attempt::Failed { failure: Failure::Unanswered, .. }),
            "{second:?}"
        );
    }

    #[test]
    fn what_was_not_taken_does_not_count_and_waits_as_long_as_it_is_asked_to() {
        for attempts in [1, SENDS_MAX] {
            let came = came_of(&work(attempts), NOW, &not_taken(None));
            let Attempt::NotYet { at, paced: false, .. } = came else { panic!("{came:?}") };
            // Half its age, give or take a quarter.
            let wait = at.since(NOW);
            assert!((3_750..=6_250).contains(&wait.as_millis()), "{wait:?}");
        }
        let came = came_of(&work(1), NOW, &not_taken(Some(Duration::from_secs(30))));
        let Attempt::NotYet { at, .. } = came else { panic!("{came:?}") };
        assert_eq!(at, NOW.after(Duration::from_secs(30)));
    }

    #[test]
    fn it_waits_to_the_end_of_its_budget_and_no_longer() {
        let came = came_of(&work(1), NOW, &not_taken(Some(Duration::from_secs(61))));
        let came = within_budget(came, &work(1), NOW);
        let Attempt::NotYet { at, .. } = came else { panic!("{came:?}") };
        assert_eq!(at, work(1).expires_at);
        let came = within_budget(came_of(&work(1), at, &not_taken(None)), &work(1), at);
        assert!(matches!(came, Attempt::Failed { failure: Failure::Expired, .. }), "{came:?}");
    }

    #[test]
    fn a_user_who_is_gone_is_told_apart_from_a_message_that_is_refused() {
        let sentence = String::new;
        let gone = ConnectorError::Gone { code: "blocked_by_user", sentence: sentence() };
        let large = ConnectorError::TooLarge { code: "message_too_large", sentence: sentence() };
        let refused =
            ConnectorError::Refused { code: "bad_argument", status: 400, sentence: sentence() };
        for (error, failure) in
            [(gone, Failure::Gone), (large, Failure::Refused), (refused, Failure::Refused)]
        {
            assert!(is_sign_of_life(&error), "the Connector is there");
            let came = came_of(&work(1), NOW, &error);
            let Attempt::Failed { failure: found, .. } = came else { panic!("{came:?}") };
            assert_eq!(found, failure);
        }
        assert!(is_sign_of_life(&not_taken(None)) && !is_sign_of_life(&ambiguous()));
    }
}
