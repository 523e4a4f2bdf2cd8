//! What can be made to go wrong, where, and how often.

use std::{collections::VecDeque, time::Duration};

use serde::Deserialize;

use crate::fault::Times;

/// A part of Azure that can be in trouble by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// Entra: its metadata, its keys, and tokens for apps.
    Login,
    /// The Bot Framework's metadata and keys.
    ChannelKeys,
    /// The Connector.
    Connector,
}

/// A refusal of the Connector's, with the status and the body that it has (reference 2.4, 2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// 400: something about the activity.
    BadSyntax,
    /// 400: something about the request.
    BadArgument,
    /// 401, in the short form without a code.
    AuthorizationDenied,
    /// 401: the app is no bot, or its channel is not enabled.
    BotNotRegistered,
    /// 403: the user blocked the bot.
    ConversationBlockedByUser,
    /// 403: the app is not installed there (any more).
    BotNotInConversationRoster,
    /// 403: by the tenant's policy.
    BotDisabledByAdmin,
    /// 403: the user never installed the app.
    ForbiddenOperationException,
    /// 403: the tenant is served from another host.
    InvalidBotApiHost,
    /// 403: what others said cannot be changed.
    NotEnoughPermissions,
    /// 403, in the form of JSON within JSON: blocked, muted or uninstalled.
    MessageWritesBlocked,
    /// 404: there is no such conversation.
    ConversationNotFound,
    /// 404: there is no such message in it.
    ActivityNotFoundInConversation,
    /// 404: there is no such person in it.
    MemberNotFoundInConversation,
    /// 405: the channel has no such call.
    MethodNotAllowed,
    /// 413: the message is too large.
    MessageSizeTooBig,
}

impl Refusal {
    /// Every one.
    pub const ALL: [Self; 16] = [
        Self::BadSyntax,
        Self::BadArgument,
        Self::AuthorizationDenied,
        Self::BotNotRegistered,
        Self::ConversationBlockedByUser,
        Self::BotNotInConversationRoster,
        Self::BotDisabledByAdmin,
        Self::ForbiddenOperationException,
        Self::InvalidBotApiHost,
        Self::NotEnoughPermissions,
        Self::MessageWritesBlocked,
        Self::ConversationNotFound,
        Self::ActivityNotFoundInConversation,
        Self::MemberNotFoundInConversation,
        Self::MethodNotAllowed,
        Self::MessageSizeTooBig,
    ];
}

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// 429, with `Retry-After` in whole seconds if there is a span. Nothing was taken.
    Throttled(Option<Duration>),
    /// 412: other operations are at work in the conversation. Nothing was taken.
    Precondition,
    /// This refusal. Nothing was taken.
    Refused(Refusal),
    /// This status, 408 or 5xx, in the body's form that goes with it.
    Status {
        /// The status.
        status: u16,
        /// Whether the user has the message all the same.
        taken: bool,
    },
    /// The connection is closed without an answer.
    Reset {
        /// Whether the user has the message all the same.
        taken: bool,
    },
    /// There is never an answer.
    Hang {
        /// Whether the user has the message all the same.
        taken: bool,
    },
    /// It is taken at once and answered after this time; until then the conversation is busy.
    Slow(Duration),
    /// It is taken and answered 202 without a body, as channels without ids do.
    NoId,
    /// The login says that the app's secret has expired.
    SecretExpired,
}

impl Trouble {
    /// Whether what was asked for happens all the same.
    pub(super) fn is_taken(self) -> bool {
        match self {
            Self::Status { taken, .. } | Self::Reset { taken } | Self::Hang { taken } => taken,
            Self::Slow(_) | Self::NoId => true,
            Self::Throttled(_) | Self::Precondition | Self::Refused(_) | Self::SecretExpired => {
                false
            }
        }
    }
}

/// A trouble, and which requests it strikes.
#[derive(Debug, Clone)]
pub struct Strike {
    door: Door,
    trouble: Trouble,
    times: Times,
    conversation: Option<String>,
    containing: Option<String>,
}

impl Strike {
    /// The next request at this door.
    pub fn at(door: Door, trouble: Trouble) -> Self {
        Self { door, trouble, times: Times::Once, conversation: None, containing: None }
    }

    /// This often.
    #[must_use]
    pub fn times(mut self, times: Times) -> Self {
        self.times = times;
        self
    }

    /// Only in this conversation.
    #[must_use]
    pub fn in_conversation(mut self, id: &str) -> Self {
        self.conversation = Some(id.to_owned());
        self
    }

    /// Only messages whose text has this in it.
    #[must_use]
    pub fn containing(mut self, text: &str) -> Self {
        self.containing = Some(text.to_owned());
        self
    }

    fn fits(&self, door: Door, conversation: Option<&str>, text: &str) -> bool {
        self.door == door
            && self.conversation.as_deref().is_none_or(|id| conversation == Some(id))
            && self.containing.as_deref().is_none_or(|part| text.contains(part))
    }
}

/// What is armed, oldest first.
#[derive(Debug, Default)]
pub(super) struct Troubles(VecDeque<Strike>);

impl Troubles {
    pub(super) fn arm(&mut self, strike: Strike) {
        if strike.times != Times::Next(0) {
            self.0.push_back(strike);
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn armed(&self) -> usize {
        self.0.len()
    }

    /// The oldest that fits; it is used up by one.
    pub(super) fn take(
        &mut self,
        door: Door,
        conversation: Option<&str>,
        text: &str,
    ) -> Option<Trouble> {
        let index = self.0.iter().position(|strike| strike.fits(door, conversation, text))?;
        let strike = &mut self.0[index];
        let trouble = strike.trouble;
        match &mut strike.times {
            Times::UntilCleared => {}
            Times::Next(left) if *left > 1 => *left -= 1,
            Times::Once | Times::Next(_) => {
                self.0.remove(index);
            }
        }
        Some(trouble)
    }
}
