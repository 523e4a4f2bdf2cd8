//! What a desk is told besides and is written down nowhere: that a user types, and whether they got what
//! an agent said.
//!
//! It goes beside the lane, once or twice, and its loss costs an agent a sign on the screen. So it is
//! told at most for as long as anybody would look for it, and a gateway that is killed forgets it.

use servicenow::{Action, MessageStatus, MessageUpdate, Request};
use session::{
    Conversation, Session,
    id::{ConversationKey, DeskId, EffectNumber, SessionId, UserId},
};

use crate::desk::request::{Dress, base};

/// Something a desk is told besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ToDesk {
    /// The user of this conversation types.
    Types(ConversationKey),
    /// They said what they typed.
    Spoke(ConversationKey),
    /// What became of something that an agent said.
    Receipt(Receipt),
}

/// The chat that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chat {
    pub(crate) key: ConversationKey,
    pub(crate) desk: DeskId,
    pub(crate) session: SessionId,
    user: UserId,
    /// The newest effect. A request that is no effect carries the id of one, so that a callback that
    /// repeats it is recognised.
    number: EffectNumber,
}

/// What became of something that an agent said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) chat: Chat,
    /// The desk's id of the message.
    pub(crate) message: String,
    /// The user got it; else they never will.
    pub(crate) got: bool,
}

impl Chat {
    /// That session of this conversation.
    pub(crate) fn of(key: &ConversationKey, state: &Conversation, session: &Session) -> Self {
        Self {
            key: key.clone(),
            desk: session.desk.clone(),
            session: session.id.clone(),
            user: session.user.clone(),
            number: state.effects,
        }
    }

    /// That the user types, or stopped.
    pub(crate) fn typing(&self, on: bool, dress: &Dress) -> Request {
        let action = if on { Action::Typing } else { Action::Viewing };
        Request { action: Some(action), ..self.request(dress) }
    }

    /// Receipts for messages of this chat.
    pub(crate) fn receipts<'a>(
        &self,
        receipts: impl IntoIterator<Item = &'a Receipt>,
        dress: &Dress,
    ) -> Request {
        let update = |receipt: &Receipt| MessageUpdate {
            id: receipt.message.clone(),
            status: if receipt.got {
                MessageStatus::SentToUser
            } else {
                MessageStatus::ExternalError
            },
        };
        let updates = receipts.into_iter().map(update).collect();
        Request { action: Some(Action::UpdateMessages), updates, ..self.request(dress) }
    }

    #[cfg(test)]
    pub(crate) fn some(key: ConversationKey, session: SessionId) -> Self {
        let (desk, user) = (DeskId::new("d").unwrap(), UserId::new("u").unwrap());
        Self { key, desk, session, user, number: EffectNumber(1) }
    }

    fn request(&self, dress: &Dress) -> Request {
        base(self.number, &self.session, self.user.as_str(), &self.key, dress)
    }
}
