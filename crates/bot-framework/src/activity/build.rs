//! Making activities of our own: the few kinds that Warmline originates.
//!
//! Ids, times and addresses are not given here; whoever sends an activity knows them and
//! [`set`](Activity::set)s them.

use serde::Serialize;

use super::Activity;
use crate::json::Object;

/// The values of `type` that Warmline acts on (reference 1.2).
pub mod kinds {
    /// Something said.
    pub const MESSAGE: &str = "message";
    /// Somebody is typing.
    pub const TYPING: &str = "typing";
    /// Something named happened; `handoff.initiate` and `handoff.status` are such names.
    pub const EVENT: &str = "event";
    /// A call that expects an answer.
    pub const INVOKE: &str = "invoke";
    /// Somebody joined or left.
    pub const CONVERSATION_UPDATE: &str = "conversationUpdate";
    /// The sender considers the conversation over.
    pub const END_OF_CONVERSATION: &str = "endOfConversation";
    /// An earlier message was changed; it carries that message's id.
    pub const MESSAGE_UPDATE: &str = "messageUpdate";
    /// An earlier message was taken back; it carries that message's id.
    pub const MESSAGE_DELETE: &str = "messageDelete";
    /// Reactions to an earlier message.
    pub const MESSAGE_REACTION: &str = "messageReaction";
    /// The app was installed for somebody, or removed.
    pub const INSTALLATION_UPDATE: &str = "installationUpdate";
    /// For a developer's eyes; belongs to the emulator only.
    pub const TRACE: &str = "trace";
}

/// A button that says its value in the user's name.
#[derive(Serialize)]
struct CardAction<'a> {
    r#type: &'static str,
    title: &'a str,
    value: &'a str,
}

/// `to` is empty for "everybody". It must be there, both Agents SDKs refuse an object without it
/// (reference 1.3).
#[derive(Serialize)]
struct SuggestedActions<'a> {
    to: [&'static str; 0],
    actions: Vec<CardAction<'a>>,
}

impl Activity {
    /// A message that says `text`. How it is to be read (`textFormat`) is the caller's to set: what
    /// its absence means differs by channel.
    pub fn message(text: &str) -> Activity {
        let mut activity = Activity::of_kind(kinds::MESSAGE);
        activity.set("text", text);
        activity
    }

    /// A sign that somebody is typing.
    pub fn typing() -> Activity {
        Activity::of_kind(kinds::TYPING)
    }

    /// An event with its value.
    ///
    /// # Panics
    ///
    /// As [`set`](Activity::set) does.
    pub fn event(name: &str, value: impl Serialize) -> Activity {
        let mut activity = Activity::of_kind(kinds::EVENT);
        activity.set("name", name);
        activity.set("value", value);
        activity
    }

    /// The end of a conversation. For `code` see reference 1.1, for instance
    /// `completedSuccessfully`.
    pub fn end_of_conversation(code: &str) -> Activity {
        let mut activity = Activity::of_kind(kinds::END_OF_CONVERSATION);
        activity.set("code", code);
        activity
    }

    /// Adds buttons, each a title to show and the value that a press says. Teams shows at most six,
    /// and none beside attachments (reference 6). No choices, no change.
    #[must_use]
    pub fn with_suggested_actions(mut self, choices: &[(&str, &str)]) -> Activity {
        if !choices.is_empty() {
            let actions = choices
                .iter()
                .map(|&(title, value)| CardAction { r#type: "imBack", title, value })
                .collect();
            self.set("suggestedActions", SuggestedActions { to: [], actions });
        }
        self
    }

    /// An activity of this type and nothing else yet.
    pub fn of_kind(kind: &str) -> Activity {
        let mut object = Object::empty();
        object.set("type", kind);
        Activity(object)
    }
}
