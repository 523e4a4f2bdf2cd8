//! What the desk says, as richly as the place where the user reads can show it.
//!
//! Owns how each control of an item becomes cards, pictures, buttons or Markdown, for pages and for
//! Teams. Pure: the same item looks the same every time. What has nothing to it but words, what does
//! not fit, and what has no form here is [`None`]; it is then shown as the words that the log has,
//! as on every other channel.
//!
//! Answers come back by what the cards carry (see [`card::Answer`]). Addresses are shown only as
//! [`Look::open`] gives them out: what is at the instance, the user cannot open without its login.

mod card;
mod file;
mod html;
mod markdown;
mod output;
mod picture;
mod question;
mod told;
mod words;

use std::borrow::Cow;

use bot_framework::Activity;
use serde_json::{Value, json};
use servicenow::{Choice, Control};
use session::{Said, id::Number};
use url::{Host, Url};

pub(crate) use file::file_shown;
pub(crate) use picture::{NO_PICTURES, Picture, Pictures, START_BYTES};
pub(crate) use told::Words;
pub(crate) use words::more;

use crate::{notices::Language, plain};

/// The most buttons below a message on a page: more are a card, which has room.
const PAGE_BUTTONS_MAX: usize = 10;

/// The most buttons below a message that Teams shows.
const TEAMS_BUTTONS_MAX: usize = 6;

/// What a page's message may carry besides words, in bytes: Direct Line advises 150,000 characters.
const PAGE_CARDS_BYTES_MAX: usize = 128 * 1_024;

/// What a message in Teams may carry besides words, in bytes: 28 KB is the smallest limit that is
/// told of a card, and the activity around it needs a little.
const TEAMS_CARDS_BYTES_MAX: usize = 24 * 1_024;

/// The most cards beside each other: Teams' limit, and as many as anybody leafs through.
const CAROUSEL_CARDS_MAX: usize = 10;

/// The most of the words that stand behind cards, in characters: a notification shows a line.
const SUMMARY_CHARS_MAX: usize = 500;

/// How an address becomes one that the user may open. `None`: there is none.
pub(crate) type Open<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Where the user reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Surface {
    /// A page that speaks Direct Line.
    Page,
    /// Teams.
    Teams,
}

impl Surface {
    fn buttons_max(self) -> usize {
        match self {
            Self::Page => PAGE_BUTTONS_MAX,
            Self::Teams => TEAMS_BUTTONS_MAX,
        }
    }

    fn cards_bytes_max(self) -> usize {
        match self {
            Self::Page => PAGE_CARDS_BYTES_MAX,
            Self::Teams => TEAMS_CARDS_BYTES_MAX,
        }
    }
}

/// How something is shown.
#[derive(Clone, Copy)]
pub(crate) struct Look<'a> {
    pub(crate) surface: Surface,
    /// What the words of ours are in.
    pub(crate) language: Language,
    /// The entry that says it: an answer names it.
    pub(crate) entry: Number,
    /// What stands before the words: who says them.
    pub(crate) prefix: &'a str,
    /// How addresses become ones that the user may open.
    pub(crate) open: &'a Open<'a>,
    /// What is known of pictures.
    pub(crate) pictures: &'a Pictures,
}

/// What an activity carries.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shown {
    /// The words above the cards; may be empty.
    text: String,
    markdown: bool,
    attachments: Vec<Value>,
    /// They stand beside each other.
    carousel: bool,
    /// What can be answered with one press.
    buttons: Vec<Choice>,
    /// All of it in words, for notifications and for those who see no cards.
    summary: String,
}

impl Shown {
    fn words(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            markdown: false,
            attachments: Vec::new(),
            carousel: false,
            buttons: Vec::new(),
            summary: String::new(),
        }
    }

    fn markdown(text: impl Into<String>) -> Self {
        Self { markdown: true, ..Self::words(text) }
    }

    fn card(card: Value) -> Self {
        Self { attachments: vec![card], ..Self::words("") }
    }

    /// Puts who says it before the words, in a paragraph of its own where the sign of a list, a heading
    /// or the like would be lost behind it.
    fn after(mut self, prefix: &str) -> Self {
        let mut prefix = if self.markdown { markdown::escaped(prefix) } else { prefix.to_owned() };
        if self.markdown && !prefix.is_empty() && markdown::begins_block(&self.text) {
            prefix = format!("{}\n\n", prefix.trim_end());
        }
        self.text.insert_str(0, &prefix);
        self.text.truncate(self.text.trim_end().len());
        self
    }

    /// A page draws nothing for a text that is empty: a name alone would be a bubble of its own above
    /// each picture. Who sent it stands in `from`.
    fn has_words(&self) -> bool {
        !self.text.is_empty() || self.attachments.is_empty()
    }

    /// Whether the place takes it.
    fn fits(&self, surface: Surface) -> bool {
        let bytes: usize = self.attachments.iter().map(|card| card.to_string().len()).sum();
        let told_in_one = session::parts::parts(&self.text).len() <= 1;
        bytes <= surface.cards_bytes_max() && (told_in_one || surface == Surface::Page)
    }

    /// Puts it into an activity. `to` are the accounts that are shown buttons.
    pub(crate) fn put_into(mut self, activity: &mut Activity, to: &[&str]) {
        activity.set("text", plain::words(&self.text));
        activity.set("textFormat", if self.markdown { "markdown" } else { "plain" });
        if self.carousel {
            activity.set("attachmentLayout", "carousel");
        }
        if !self.attachments.is_empty() {
            self.attachments.iter_mut().for_each(clean);
            activity.set("attachments", &self.attachments);
            activity.set("summary", plain::words(&self.summary));
        }
        if !self.buttons.is_empty() {
            let actions: Vec<_> =
                self.buttons.iter().map(|one| said_by(one, &self.buttons)).collect();
            activity.set("suggestedActions", json!({ "to": to, "actions": actions }));
        }
    }
}

/// Cleans the words of a card. What its buttons and fields answer stays as the desk knows it.
fn clean(part: &mut Value) {
    match part {
        Value::Array(parts) => parts.iter_mut().for_each(clean),
        Value::Object(members) => {
            let answers = |name: &str| matches!(name, "value" | "data");
            members.iter_mut().filter(|(name, _)| !answers(name)).for_each(|(_, part)| clean(part));
        }
        Value::String(words) => {
            if let Cow::Owned(cleaned) = plain::words(words) {
                *words = cleaned;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A button says its label, so that the user reads what they said; the session knows labels. Where
/// two have the same, the value tells them apart.
fn said_by(choice: &Choice, all: &[Choice]) -> Value {
    let alone = all.iter().filter(|other| other.label == choice.label).count() == 1;
    let says = if alone { &choice.label } else { &choice.value };
    json!({ "type": "imBack", "title": plain::words(&choice.label), "value": says })
}

/// What an item of the desk's looks like; nothing where its words are all there is to show.
pub(crate) fn shown(said: &Said, look: &Look<'_>) -> Option<Shown> {
    let control = Control::read(&said.payload.as_ref()?.0);
    let mut shown = look.of(&control, said)?;
    if look.surface == Surface::Teams || shown.has_words() {
        shown = shown.after(look.prefix);
    }
    // In a line that a notification shows, an address is of no use.
    let words = Words::of_control(&control, said, look.language, &|_| None);
    shown.summary = words.all().chars().take(SUMMARY_CHARS_MAX).collect();
    shown.fits(look.surface).then_some(shown)
}

impl Look<'_> {
    fn of(&self, control: &Control, said: &Said) -> Option<Shown> {
        match control {
            Control::Text { words, masked, sources } => {
                let shown = self.text(words.as_deref(), said.markdown, *masked, sources)?;
                self.with_options(shown, said)
            }
            Control::Html { html, image, links } => self.html(said, html, image.as_ref(), links),
            Control::Links { header, links } => Some(self.links(header.as_deref(), links)),
            Control::Image(image) => self.image(image),
            Control::File(file) => self.file(file),
            Control::Card(card) => Some(self.asking(self.card(card), said)),
            Control::Table(table) => self.table(table),
            Control::Part { content, more } => Some(self.part(content, more.as_ref(), said)),
            Control::Input(input) => Some(self.question(input, said)),
            // Their text has a line for each step already, and nothing else has more to it.
            Control::Progress(_) | Control::Other => None,
        }
    }

    /// The same with buttons for what can be chosen; nothing where there are too many for buttons.
    fn with_options(&self, shown: Shown, said: &Said) -> Option<Shown> {
        let options = &said.options;
        let fit = fit_on_buttons(self.surface, options);
        let button =
            |one: &session::Choice| Choice { label: one.label.clone(), value: one.value.clone() };
        fit.then(|| Shown { buttons: options.iter().map(button).collect(), ..shown })
    }
}

/// Whether buttons can show these, all of them and whole.
pub(crate) fn fit_on_buttons(surface: Surface, options: &[session::Choice]) -> bool {
    options.len() <= surface.buttons_max() && session::keeps_all(options)
}

/// What anybody may open as it is: a public address. What is at an instance needs its login, and
/// what is relative is at the instance.
pub(crate) fn public(address: &str) -> Option<String> {
    const INSTANCES: &str = ".service-now.com";
    let url = Url::parse(address).ok()?;
    match url.scheme() {
        "mailto" | "tel" => return Some(url.into()),
        "http" | "https" => {}
        _ => return None,
    }
    match url.host()? {
        Host::Domain(host) => {
            // A name means the same with a dot at its end.
            let host = host.trim_end_matches('.');
            let is_theirs = host.ends_with(INSTANCES) || host == "localhost" || !host.contains('.');
            (!is_theirs && url.username().is_empty() && url.password().is_none())
                .then(|| url.into())
        }
        // Nobody sends people to an address without a name, except to see who goes there.
        Host::Ipv4(_) | Host::Ipv6(_) => None,
    }
}

#[cfg(test)]
mod tests;
