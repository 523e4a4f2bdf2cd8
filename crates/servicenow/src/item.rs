//! Something to show to the user: one `body` item of a callback that is not an action message.
//!
//! Owns the kinds of controls (reference 5.3) and their plain-text rendering, which is what every
//! channel can show; the raw JSON stays beside it for whoever renders more. Resolving addresses
//! that are relative to the instance is left to others.

use std::fmt;

use serde_json::value::RawValue;

use crate::loose::Hidden;
use crate::signal::Agent;

pub use control::Control;
pub use options::MORE;
pub use question::{Asks, Question};

pub mod control;
mod custom;
mod html;
mod options;
mod question;
pub(crate) mod raw;
mod text;

/// The longest text of an item, in bytes. As much as the webhook takes in one body, so that nothing
/// an agent says in a callback is cut: fitting a text into a channel is the channel's matter. What
/// is longer is cut on a character and ends in `…`, and is whole in [`Item::raw`].
pub const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// The most choices that are read from one item. Web Chat becomes unusable far below it.
pub const CHOICES_MAX: usize = 200;

/// Something to show to the user.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the item")]
pub struct Item {
    /// The control it came as.
    pub ui_type: UiType,
    /// All that it shows and asks, for whoever can show more than words.
    pub control: Control,
    /// The item as plain text, complete enough to be understood on its own: a picker's text lists
    /// its options. Never empty, at most [`TEXT_BYTES_MAX`] bytes.
    pub text: String,
    /// What can be chosen. The answer is a message with `typed: false` and the choice's value.
    pub options: Vec<Choice>,
    /// What is asked, if the item asks anything.
    pub question: Option<Question>,
    /// The agent, if the item names one.
    pub agent: Option<Agent>,
    /// Whether an agent sent it, and not the virtual agent.
    pub from_agent: bool,
    /// `sys_cs_message` id: the key for recognising repeats and for receipts. From app 4.0.0.
    pub message_id: Option<String>,
    /// Whether `text` is Markdown: an `OutputText` of the virtual agent, on its own or as a
    /// part. What agents type is plain; where an instance does not say who its agents are, what comes
    /// during a live chat may be theirs all the same.
    pub markdown: bool,
    /// It ends a stream, and is all of it: only the virtual agent streams (reference 5.5).
    pub streamed: bool,
    /// The instance sends it again, under the same id, as it goes on.
    pub changes: bool,
    /// The item as it came.
    pub raw: Box<RawValue>,
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        // Everything else is read from the raw item.
        self.raw.get() == other.raw.get()
    }
}

/// Shows what is safe in a log.
impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item")
            .field("ui_type", &self.ui_type)
            .field("text", &Hidden(&self.text))
            .field("options", &self.options.len())
            .field("from_agent", &self.from_agent)
            .field("message_id", &self.message_id)
            .finish_non_exhaustive()
    }
}

/// One thing that can be chosen. `enabled: false` does not mean that it cannot be (reference 5.3).
#[derive(Clone, PartialEq, Eq)]
pub struct Choice {
    /// What the user sees.
    pub label: String,
    /// What the answer carries.
    pub value: String,
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Choice").field("label", &Hidden(&self.label)).finish_non_exhaustive()
    }
}

macro_rules! ui_types {
    ($($(#[$doc:meta])* $name:ident = $wire:literal $(| $alias:literal)*,)*) => {
        /// The controls of reference 5.3, without the streamed ones: `StreamStart` and
        /// `StreamChunk` are read as [`Signal::Typing`](crate::Signal::Typing), because the
        /// `OutputText` that ends a stream carries all of it again.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum UiType {
            $($(#[$doc])* $name,)*
            /// One this crate has no name for, as it came (at most 64 characters).
            Other(String),
        }

        impl UiType {
            /// The documented spelling.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $wire,)*
                    Self::Other(name) => name,
                }
            }

            /// Reads a `uiType`, in any case.
            pub(crate) fn read(name: &str) -> Self {
                let name = name.trim();
                $(if name.eq_ignore_ascii_case($wire) $(|| name.eq_ignore_ascii_case($alias))* {
                    return Self::$name;
                })*
                Self::Other(crate::callback::short(name))
            }
        }
    };
}

ui_types! {
    /// Words.
    OutputText = "OutputText",
    /// A prompt for typed text.
    InputText = "InputText",
    /// One of several options.
    Picker = "Picker" | "ItemPicker" | "DefaultPicker",
    /// One of several topics of the virtual agent.
    TopicPicker = "TopicPickerControl" | "TopicPicker",
    /// Yes or no.
    Boolean = "Boolean",
    /// A picture.
    OutputImage = "OutputImage",
    /// A link.
    OutputLink = "OutputLink",
    /// Several links.
    GroupedParts = "GroupedPartsOutputControl" | "GroupedParts",
    /// A record, video or notification as a card.
    OutputCard = "OutputCard",
    /// Rows and columns.
    OutputTable = "OutputTable",
    /// HTML.
    OutputHtml = "OutputHtml",
    /// One part of a longer output; `click_for_more` asks for the next.
    MultiPartOutput = "MultiPartOutput",
    /// A prompt for a date.
    Date = "Date",
    /// A prompt for a time of day.
    Time = "Time",
    /// A prompt for both.
    DateTime = "DateTime",
    /// A prompt for a file.
    FileUpload = "FileUpload",
    /// A prompt for a picture.
    Picture = "Picture",
    /// A control of the instance's own.
    CustomControl = "CustomControl",
    /// How far something is that works for the user; comes as an action message (reference 5.4).
    Progress = "DynamicLoader",
}
