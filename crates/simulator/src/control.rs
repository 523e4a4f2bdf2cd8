//! What an agent, or a topic that runs inside a live chat, can show besides plain words: one
//! [`Control`] for each kind, template and action of reference 5.3 to 5.5.
//!
//! Owns their names. [`item`] has what goes over the wire, [`answer`] what an instance takes for an
//! answer. When one is shown and what an answer leads to is the instance's business.

pub(crate) mod answer;
pub(crate) mod item;

use std::{fmt, str::FromStr};

use serde::{Serialize, de::IntoDeserializer};

/// One thing to show. What asks something waits for an answer in the form that an instance takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// `OutputText` of the agent with characters that are Markdown elsewhere.
    Text,
    /// `OutputText` of the virtual agent, in Markdown.
    Markdown,
    /// `OutputText` with `maskType` `SECURE`.
    SecureText,
    /// `OutputText` with `maskType` `SENSITIVE`.
    SensitiveText,
    /// `OutputText` with `citations`, `relatedList` and `feedback`.
    CitedText,
    /// `OutputHtml`, with a script among it that nobody may run.
    Html,
    /// `OutputHtml` that the instance has turned into a picture with links.
    HtmlImage,
    /// `OutputLink`.
    Link,
    /// `GroupedPartsOutputControl`.
    Links,
    /// `OutputImage` on the instance, which needs the caller's bearer.
    Image,
    /// `OutputCard`, template `Card`.
    Card,
    /// `OutputCard`, template `Large image with text`.
    CardLargeImage,
    /// `OutputCard`, template `Small image with text`.
    CardSmallImage,
    /// `OutputCard`, template `Youtube Video Card`.
    CardVideo,
    /// `OutputCard`, template `Notification`.
    CardNotification,
    /// `OutputTable`; `DONE` goes on.
    Table,
    /// `MultiPartOutput` in three parts; `click_for_more` goes on.
    MultiPart,
    /// `Picker` in style `list`.
    PickerList,
    /// `Picker` with more options than suggested actions have room for.
    PickerLong,
    /// `Picker` in style `carousel`, with pictures and descriptions.
    PickerCarousel,
    /// `Picker` in style `button`.
    PickerButtons,
    /// `Picker` with `multiSelect`.
    PickerMulti,
    /// `Picker` that may be skipped.
    PickerOptional,
    /// `ItemPicker`, another name for the same.
    ItemPicker,
    /// `TopicPickerControl`.
    TopicPicker,
    /// `Boolean`.
    Boolean,
    /// `Boolean` whose options have labels only.
    BooleanWithoutValues,
    /// `Date`.
    Date,
    /// `Time`.
    Time,
    /// `DateTime`.
    DateTime,
    /// `InputText` that is required.
    InputText,
    /// `InputText` that may be skipped.
    InputTextOptional,
    /// `InputText` with `maskType` `SECURE`.
    InputTextSecure,
    /// `InputText` with `maskType` `SENSITIVE`.
    InputTextSensitive,
    /// `FileUpload` of up to two files.
    FileUpload,
    /// `Picture`: an upload of one picture.
    Picture,
    /// `CustomControl`.
    CustomControl,
    /// An answer of the virtual agent in pieces, with citations at its end.
    Stream,
    /// `DynamicLoader`, twice with the same id.
    DynamicLoader,
    /// `ActionMsg` `StartSpinner` and `EndSpinner` of the kind `processing`.
    Spinner,
    /// `ActionMsg` `System`.
    System,
    /// `ActionMsg` `ChatSubHeader`.
    ChatSubHeader,
    /// `ActionMsg` `Separator`.
    Separator,
    /// `ActionMsg` `TopicFinished`.
    TopicFinished,
    /// `ActionMsg` `SwitchConversation`.
    SwitchConversation,
    /// A `uiType` that nobody knows.
    UnknownKind,
    /// An `actionType` that nobody knows.
    UnknownAction,
}

/// No control has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no such control; GET /desk/api/controls lists them")]
pub struct NoControl;

impl Control {
    /// All of them, in their order.
    pub const ALL: [Self; 47] = [
        Self::Text,
        Self::Markdown,
        Self::SecureText,
        Self::SensitiveText,
        Self::CitedText,
        Self::Html,
        Self::HtmlImage,
        Self::Link,
        Self::Links,
        Self::Image,
        Self::Card,
        Self::CardLargeImage,
        Self::CardSmallImage,
        Self::CardVideo,
        Self::CardNotification,
        Self::Table,
        Self::MultiPart,
        Self::PickerList,
        Self::PickerLong,
        Self::PickerCarousel,
        Self::PickerButtons,
        Self::PickerMulti,
        Self::PickerOptional,
        Self::ItemPicker,
        Self::TopicPicker,
        Self::Boolean,
        Self::BooleanWithoutValues,
        Self::Date,
        Self::Time,
        Self::DateTime,
        Self::InputText,
        Self::InputTextOptional,
        Self::InputTextSecure,
        Self::InputTextSensitive,
        Self::FileUpload,
        Self::Picture,
        Self::CustomControl,
        Self::Stream,
        Self::DynamicLoader,
        Self::Spinner,
        Self::System,
        Self::ChatSubHeader,
        Self::Separator,
        Self::TopicFinished,
        Self::SwitchConversation,
        Self::UnknownKind,
        Self::UnknownAction,
    ];

    /// Who shows it unless the order says otherwise: the agent, or a topic of the virtual agent
    /// that runs inside the chat (reference 9.4, autopilot).
    pub fn is_agents(self) -> bool {
        matches!(
            self,
            Self::Text
                | Self::SecureText
                | Self::SensitiveText
                | Self::Html
                | Self::HtmlImage
                | Self::Link
                | Self::Links
                | Self::Image
                | Self::Card
                | Self::CardLargeImage
                | Self::CardSmallImage
                | Self::CardVideo
                | Self::CardNotification
        )
    }
}

impl FromStr for Control {
    type Err = NoControl;

    fn from_str(name: &str) -> Result<Self, NoControl> {
        let name: serde::de::value::StrDeserializer<'_, serde::de::value::Error> =
            name.into_deserializer();
        serde::Deserialize::deserialize(name).map_err(|_| NoControl)
    }
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_control_has_a_name_of_its_own_that_leads_back_to_it() {
        let names: BTreeSet<_> = Control::ALL.iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), Control::ALL.len());
        for control in Control::ALL {
            assert_eq!(control.to_string().parse(), Ok(control));
        }
        assert_eq!("picker".parse::<Control>(), Err(NoControl));
    }
}
