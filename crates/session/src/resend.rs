//! Whether an effect that finally failed may still be sent, when a person asks for it.

use crate::{
    conversation::{Conversation, Phase, Session, Stage, Waiting},
    effect::What,
    id::SessionId,
};

/// Why an effect that finally failed is not sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooLate {
    /// Its live chat is over. The desk finds a chat by the person, so a late word would open a new
    /// conversation there (reference 1.2).
    #[error(
        "its live chat is over, and sent now it would open a new one at the desk; the user was told \
         that it did not arrive, so drop it"
    )]
    SessionOver,
    /// The desk has spoken since: it has the request.
    #[error("the desk has this request already; drop it")]
    AlreadyThere,
    /// The person has another live chat at the desk by now, and the end of the old one would end
    /// the new one: the desk tells them apart by the person only.
    #[error(
        "the same person has another live chat by now, which this would end; try again when that is \
         over, or drop it"
    )]
    OtherChat,
}

impl TooLate {
    /// The machine code; stable.
    pub fn code(self) -> &'static str {
        match self {
            Self::SessionOver => "session_over",
            Self::AlreadyThere => "already_there",
            Self::OtherChat => "other_chat",
        }
    }
}

/// Whether `what`, an effect of this conversation that finally failed, may be sent after all.
///
/// What is said at the desk may be while its live chat is open, the end of a chat while `holder`, the
/// session that has its person at the desk now, is no other one; what goes to the bot or to the user's
/// channel always.
pub fn resendable(
    conversation: &Conversation,
    what: &What,
    holder: Option<&SessionId>,
) -> Result<(), TooLate> {
    let open = |session: &SessionId| conversation.live().filter(|live| live.id == *session);
    match what {
        What::Ask { session, .. } => match open(session) {
            None => Err(TooLate::SessionOver),
            Some(Session {
                stage: Stage::Waiting(Waiting { phase: Phase::Requested, .. }),
                ..
            }) => Ok(()),
            Some(_) => Err(TooLate::AlreadyThere),
        },
        What::Say { session, .. } => open(session).map(|_| ()).ok_or(TooLate::SessionOver),
        What::End { session, .. } => match holder {
            Some(other) if other != session => Err(TooLate::OtherChat),
            Some(_) | None => Ok(()),
        },
        What::Greet | What::ToBot { .. } | What::TellBot { .. } | What::Show { .. } => Ok(()),
    }
}
