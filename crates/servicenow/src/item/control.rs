//! A control with all that it shows and asks, for whoever can show more than words.
//!
//! Owns the closed list of what reference 5.3 can send, read from an item's fields as
//! forgivingly as everything of the instance's: what is missing or of another type is left out, and
//! a control that has nothing of its own left is [`Control::Other`]. Addresses are as they came,
//! often relative to the instance, and HTML is as it came too: neither is safe to show as it is.

use std::fmt;

use super::question::Asks;
use super::raw::RawItem;
use super::{Choice, text};

mod read;

/// What an item is, by what can be shown of it.
#[derive(Clone, PartialEq, Eq)]
pub enum Control {
    /// Words.
    Text {
        /// The words, without what they are taken from.
        words: Option<String>,
        /// They are not for every eye (`maskType`).
        masked: bool,
        /// What they are taken from, and what else there is about it.
        sources: Vec<Link>,
    },
    /// A piece of HTML.
    Html {
        /// As it came.
        html: String,
        /// A picture of it, where the instance makes one.
        image: Option<Image>,
        /// The links that the picture shows.
        links: Vec<Link>,
    },
    /// One or more links.
    Links {
        /// What stands above them.
        header: Option<String>,
        /// At least one.
        links: Vec<Link>,
    },
    /// A picture.
    Image(Image),
    /// A file.
    File(Link),
    /// A record, an advertisement, a video or a notification.
    Card(Card),
    /// Rows and columns.
    Table(Table),
    /// A part of something longer.
    Part {
        /// The part; never a part itself.
        content: Box<Control>,
        /// What asks for the next one.
        more: Option<Choice>,
    },
    /// A question.
    Input(Input),
    /// How far something is that works for the user. Sent again, under the same id, as it goes on.
    Progress(Progress),
    /// Whatever else: its text says all that is known of it.
    Other,
}

/// An address with what it is called.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    /// Its name; the address where it has none.
    pub label: String,
    /// Where it leads, if that is told.
    pub address: Option<String>,
    /// What is said of it.
    pub description: Option<String>,
}

/// A picture.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    /// Where it is.
    pub address: String,
    /// What it shows, in words.
    pub alt: Option<String>,
}

/// The templates of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    /// A record: `Card`, and whatever template has no name here.
    Record,
    /// `Large image with text`.
    LargeImage,
    /// `Small image with text`.
    SmallImage,
    /// `Youtube Video Card`.
    Video,
    /// `Notification`.
    Notification,
}

/// What a card shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Card {
    /// Its kind.
    pub template: Template,
    /// The first line.
    pub title: Option<String>,
    /// The second.
    pub subtitle: Option<String>,
    /// A text.
    pub description: Option<String>,
    /// A picture.
    pub image: Option<Image>,
    /// Names and values; either may be empty, never both.
    pub fields: Vec<(String, String)>,
    /// Where more is.
    pub address: Option<String>,
}

/// Rows and columns.
#[derive(Clone, PartialEq, Eq)]
pub struct Table {
    /// What stands above it.
    pub label: Option<String>,
    /// The names of the columns; may be none.
    pub headers: Vec<String>,
    /// The rows; at least one.
    pub rows: Vec<Vec<String>>,
    /// How many rows there are in all, where that is told.
    pub total: Option<u64>,
    /// What asks for the next ones.
    pub more: Option<Choice>,
}

/// A question with all that is shown of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Input {
    /// Its words.
    pub prompt: Option<String>,
    /// What answer it expects.
    pub asks: Asks,
    /// Whether the instance insists on one.
    pub required: bool,
    /// How the options are to lie.
    pub layout: Layout,
    /// What can be chosen, in the order of [`Item::options`](super::Item::options).
    pub options: Vec<Opt>,
}

/// How options are to lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One below the other: `list`, `button`, and whatever else.
    List,
    /// Cards beside each other.
    Carousel,
}

/// One thing that can be chosen, with all that is shown of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Opt {
    /// What is chosen.
    pub choice: Choice,
    /// More about it.
    pub description: Option<String>,
    /// The address of its picture.
    pub picture: Option<String>,
}

/// How far something is.
#[derive(Clone, PartialEq, Eq)]
pub struct Progress {
    /// What works.
    pub header: Option<String>,
    /// Its steps, each with whether it is done.
    pub steps: Vec<(String, bool)>,
}

impl Link {
    /// Its name, if it has one beside its address.
    pub fn name(&self) -> Option<&str> {
        (self.address.as_ref() != Some(&self.label)).then_some(self.label.as_str())
    }
}

impl Table {
    /// How many columns the widest row has.
    pub fn columns(&self) -> usize {
        self.rows.iter().map(Vec::len).max().unwrap_or_default().max(self.headers.len())
    }
}

impl Control {
    /// Reads an item's raw JSON ([`Item::raw`](super::Item::raw)).
    pub fn read(raw: &str) -> Self {
        read::control(raw)
    }

    /// The same of fields that are read already.
    pub(super) fn of(fields: &RawItem<'_>) -> Self {
        read::of(fields)
    }

    /// All of it in words, but for options, with addresses as `open` gives them out; those for which it
    /// gives none are left out. `None` if nothing is left, or nothing has words.
    pub fn text(&self, open: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        text::of(self, open)
    }

    /// Whether it is words of the desk's, which may be Markdown.
    pub(super) fn has_own_words(&self) -> bool {
        match self {
            Self::Text { .. } => true,
            Self::Part { content, .. } => matches!(**content, Self::Text { .. }),
            _ => false,
        }
    }

    /// Whether the item's text is all there is to it.
    pub fn is_words(&self) -> bool {
        match self {
            Self::Text { masked, sources, .. } => !masked && sources.is_empty(),
            _ => false,
        }
    }

    /// The control's name, for logs.
    fn name(&self) -> &'static str {
        match self {
            Self::Text { .. } => "Text",
            Self::Html { .. } => "Html",
            Self::Links { .. } => "Links",
            Self::Image(_) => "Image",
            Self::File(_) => "File",
            Self::Card(_) => "Card",
            Self::Table(_) => "Table",
            Self::Part { .. } => "Part",
            Self::Input(_) => "Input",
            Self::Progress(_) => "Progress",
            Self::Other => "Other",
        }
    }
}

/// Shows the kind and none of the words.
impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests;
