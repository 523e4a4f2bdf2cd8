//! Faults on demand (reference 14): which there are, which are armed, and when one is used up.
//!
//! Owns the list. What a fault does to an answer is the doors' business; what it does to callbacks
//! is in [`callbacks`].

pub(crate) mod callbacks;

use std::{collections::VecDeque, time::Duration};

/// Something that an instance, or the way to it, does wrong.
///
/// Faults of the resource strike a request that would otherwise have been answered with success,
/// one fault per request, in the order in which they were injected. Faults of the token endpoint
/// strike its next call. Faults of callbacks strike the next callback that they fit, and several
/// may strike the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The resource answers 401 and forgets the access token, as if it had expired that moment.
    Unauthorized,
    /// The resource answers 403.
    Forbidden,
    /// The resource answers 429 with its four headers; the span is `Retry-After`, in whole seconds.
    RateLimited(Duration),
    /// The resource answers 500.
    InternalError,
    /// The resource answers 503 in JSON.
    Unavailable,
    /// The resource answers 200 with the page of a hibernating instance.
    HibernatingOk,
    /// The resource answers 503 with that page.
    HibernatingUnavailable,
    /// The resource takes the request at once and answers after this time.
    SlowAnswer(Duration),
    /// The resource takes the request and closes the connection instead of answering.
    ResetAfterAcceptance,
    /// The resource answers 200 with `status: "failure"` and takes nothing.
    StatusFailure,
    /// The instance restarts: the request is answered 503 with a page of HTML, and so is everything
    /// at every door for this long. What was taken before stays, and callbacks wait until then.
    InstanceRestart(Duration),
    /// AGENT is answered when all callbacks that it led to have been attempted, ten seconds later
    /// at most.
    Overtaking,
    /// The answer is the callback envelope (reference 4.3); strikes requests that lead to
    /// callbacks. Until cleared, it is an instance in synchronous mode.
    Synchronous,
    /// The resource takes the request, and the instance restarts before it is worked off: what waits
    /// for the worker and callbacks that wait for their turn are lost, and open chats are kept.
    Restart,
    /// The same, and open chats are lost without a word.
    RestartLosingChats,
    /// The token endpoint refuses a call as if the credentials were wrong.
    TokenRefused,
    /// The token endpoint refuses a refresh and forgets the refresh token.
    RefreshTokenDead,
    /// The token endpoint grants access for this long only, in whole seconds.
    TokenShortLived(Duration),
    /// The token endpoint answers 200 with the page of a hibernating instance.
    TokenHtml,
    /// A callback is posted twice, equal to the byte.
    Duplicated,
    /// A callback comes after the next one of its conversation, or five seconds later at most if
    /// there is none. Without message ordering both are on their way at once.
    Reordered,
    /// A callback is posted this much later. With message ordering, so is what follows it.
    Delayed(Duration),
    /// A callback is never posted.
    Lost,
    /// Each item is a callback of its own; fits callbacks of several items. Flags that end or hand
    /// over are on the last.
    Split,
    /// All callbacks of one moment are one callback; fits moments of several callbacks.
    Joined,
    /// `body` is the item and not a list; fits callbacks of one item.
    BodyAsObject,
    /// The texts are in `label` and not in `value`.
    LabelForValue,
    /// `score` is a string.
    ScoreAsString,
    /// The `Content-Type` is `application/octet-stream`.
    WrongContentType,
    /// An item of an unknown `uiType` comes with the others.
    UnknownUiType,
    /// An `ActionMsg` of an unknown `actionType` comes with the others.
    UnknownActionType,
    /// `clientVariables` are not echoed.
    NoClientVariables,
    /// `clientSessionId` is empty.
    EmptyClientSessionId,
    /// An agent accepts a chat in the moment in which its user leaves the queue: the acceptance is
    /// told after the end, and the agent sits in a chat without a user.
    AcceptedAtCancellation,
    /// No callback tells that the chat is over.
    EndMissing,
    /// All that tells the end is told again, with new ids.
    EndTwice,
    /// The agent says something after the end was told.
    MessageAfterEnd,
}

/// Where a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Resource,
    Token,
    Callbacks,
}

impl Fault {
    /// Every fault, with the span it has when none is named.
    pub const ALL: [Self; 37] = [
        Self::Unauthorized,
        Self::Forbidden,
        Self::RateLimited(Duration::from_secs(30)),
        Self::InternalError,
        Self::Unavailable,
        Self::HibernatingOk,
        Self::HibernatingUnavailable,
        Self::SlowAnswer(Duration::from_secs(10)),
        Self::ResetAfterAcceptance,
        Self::StatusFailure,
        Self::InstanceRestart(Duration::from_secs(3)),
        Self::Overtaking,
        Self::Synchronous,
        Self::Restart,
        Self::RestartLosingChats,
        Self::TokenRefused,
        Self::RefreshTokenDead,
        Self::TokenShortLived(Duration::from_secs(5)),
        Self::TokenHtml,
        Self::Duplicated,
        Self::Reordered,
        Self::Delayed(Duration::from_secs(2)),
        Self::Lost,
        Self::Split,
        Self::Joined,
        Self::BodyAsObject,
        Self::LabelForValue,
        Self::ScoreAsString,
        Self::WrongContentType,
        Self::UnknownUiType,
        Self::UnknownActionType,
        Self::NoClientVariables,
        Self::EmptyClientSessionId,
        Self::AcceptedAtCancellation,
        Self::EndMissing,
        Self::EndTwice,
        Self::MessageAfterEnd,
    ];

    /// What the desk API calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::RateLimited(_) => "rate_limited",
            Self::InternalError => "internal_error",
            Self::Unavailable => "unavailable",
            Self::HibernatingOk => "hibernating_ok",
            Self::HibernatingUnavailable => "hibernating_unavailable",
            Self::SlowAnswer(_) => "slow_answer",
            Self::ResetAfterAcceptance => "reset_after_acceptance",
            Self::StatusFailure => "status_failure",
            Self::InstanceRestart(_) => "instance_restart",
            Self::Overtaking => "overtaking",
            Self::Synchronous => "synchronous",
            Self::Restart => "restart",
            Self::RestartLosingChats => "restart_losing_chats",
            Self::TokenRefused => "token_refused",
            Self::RefreshTokenDead => "refresh_token_dead",
            Self::TokenShortLived(_) => "token_short_lived",
            Self::TokenHtml => "token_html",
            Self::Duplicated => "duplicated",
            Self::Reordered => "reordered",
            Self::Delayed(_) => "delayed",
            Self::Lost => "lost",
            Self::Split => "split",
            Self::Joined => "joined",
            Self::BodyAsObject => "body_as_object",
            Self::LabelForValue => "label_for_value",
            Self::ScoreAsString => "score_as_string",
            Self::WrongContentType => "wrong_content_type",
            Self::UnknownUiType => "unknown_ui_type",
            Self::UnknownActionType => "unknown_action_type",
            Self::NoClientVariables => "no_client_variables",
            Self::EmptyClientSessionId => "empty_client_session_id",
            Self::AcceptedAtCancellation => "accepted_at_cancellation",
            Self::EndMissing => "end_missing",
            Self::EndTwice => "end_twice",
            Self::MessageAfterEnd => "message_after_end",
        }
    }

    /// The fault of this name, with its usual span.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.name() == name)
    }

    /// How long it waits or lasts, for those that do.
    pub fn span(self) -> Option<Duration> {
        match self {
            Self::RateLimited(span)
            | Self::SlowAnswer(span)
            | Self::InstanceRestart(span)
            | Self::TokenShortLived(span)
            | Self::Delayed(span) => Some(span),
            _ => None,
        }
    }

    /// The same fault with another span; `None` when it has no span.
    #[must_use]
    pub fn with_span(self, span: Duration) -> Option<Self> {
        match self {
            Self::RateLimited(_) => Some(Self::RateLimited(span)),
            Self::SlowAnswer(_) => Some(Self::SlowAnswer(span)),
            Self::InstanceRestart(_) => Some(Self::InstanceRestart(span)),
            Self::TokenShortLived(_) => Some(Self::TokenShortLived(span)),
            Self::Delayed(_) => Some(Self::Delayed(span)),
            _ => None,
        }
    }

    pub(crate) fn place(self) -> Place {
        match self {
            Self::Unauthorized
            | Self::Forbidden
            | Self::RateLimited(_)
            | Self::InternalError
            | Self::Unavailable
            | Self::HibernatingOk
            | Self::HibernatingUnavailable
            | Self::SlowAnswer(_)
            | Self::ResetAfterAcceptance
            | Self::StatusFailure
            | Self::InstanceRestart(_)
            | Self::Overtaking
            | Self::Synchronous
            | Self::Restart
            | Self::RestartLosingChats => Place::Resource,
            Self::TokenRefused
            | Self::RefreshTokenDead
            | Self::TokenShortLived(_)
            | Self::TokenHtml => Place::Token,
            Self::Duplicated
            | Self::Reordered
            | Self::Delayed(_)
            | Self::Lost
            | Self::Split
            | Self::Joined
            | Self::BodyAsObject
            | Self::LabelForValue
            | Self::ScoreAsString
            | Self::WrongContentType
            | Self::UnknownUiType
            | Self::UnknownActionType
            | Self::NoClientVariables
            | Self::EmptyClientSessionId
            | Self::AcceptedAtCancellation
            | Self::EndMissing
            | Self::EndTwice
            | Self::MessageAfterEnd => Place::Callbacks,
        }
    }
}

/// How often a fault strikes before it is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// Once.
    Once,
    /// This often. Zero takes the fault away.
    Next(u32),
    /// Every time, until [`crate::Desk::clear_faults`].
    UntilCleared,
}

/// The faults that are armed, oldest first; of each kind one at most.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    armed: VecDeque<(Fault, Times)>,
}

impl Faults {
    /// Arms a fault. It takes the place of what was left of one of its kind.
    pub(crate) fn inject(&mut self, fault: Fault, times: Times) {
        self.armed.retain(|(known, _)| known.name() != fault.name());
        if times != Times::Next(0) {
            self.armed.push_back((fault, times));
        }
    }

    pub(crate) fn clear(&mut self) {
        self.armed.clear();
    }

    pub(crate) fn armed(&self) -> impl Iterator<Item = (Fault, Times)> {
        self.armed.iter().copied()
    }

    /// Whether a fault of this kind is armed.
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.armed.iter().any(|(known, _)| known.name() == fault.name())
    }

    /// The oldest armed fault that fits; it is used up by one.
    pub(crate) fn take(&mut self, fits: impl Fn(Fault) -> bool) -> Option<Fault> {
        let index = self.armed.iter().position(|(fault, _)| fits(*fault))?;
        let (fault, times) = &mut self.armed[index];
        let fault = *fault;
        match times {
            Times::UntilCleared => {}
            Times::Next(left) if *left > 1 => *left -= 1,
            Times::Once | Times::Next(_) => {
                self.armed.remove(index);
            }
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_name_of_its_own_by_which_it_is_found() {
        for fault in Fault::ALL {
            assert_eq!(Fault::named(fault.name()), Some(fault));
        }
        assert_eq!(Fault::named("nonsense"), None);
    }

    #[test]
    fn only_faults_that_wait_or_last_have_a_span() {
        for fault in Fault::ALL {
            let other = fault.with_span(Duration::from_millis(7));
            assert_eq!(other.is_some(), fault.span().is_some(), "{}", fault.name());
            assert!(other.is_none_or(|other| other.span() == Some(Duration::from_millis(7))));
        }
    }

    #[test]
    fn a_fault_strikes_as_often_as_it_was_told_to() {
        for (times, strikes) in [
            (Times::Once, 1),
            (Times::Next(0), 0),
            (Times::Next(1), 1),
            (Times::Next(3), 3),
            (Times::UntilCleared, 9),
        ] {
            let mut faults = Faults::default();
            faults.inject(Fault::Lost, times);
            let struck = (0..9).filter(|_| faults.take(|_| true).is_some()).count();
            assert_eq!(struck, strikes, "{times:?}");
            faults.clear();
            assert_eq!(faults.armed().count(), 0);
        }
    }

    #[test]
    fn the_oldest_that_fits_comes_first_and_one_of_a_kind_replaces_the_other() {
        let mut faults = Faults::default();
        faults.inject(Fault::Forbidden, Times::Next(5));
        faults.inject(Fault::InternalError, Times::Once);
        faults.inject(Fault::Lost, Times::Once);
        faults.inject(Fault::Forbidden, Times::Once);
        let resource = |fault: Fault| fault.place() == Place::Resource;
        assert!(faults.has(Fault::Lost));
        assert_eq!(faults.take(resource), Some(Fault::InternalError));
        assert_eq!(faults.take(resource), Some(Fault::Forbidden));
        assert_eq!(faults.take(resource), None);
        assert!(faults.has(Fault::Lost));
    }
}
