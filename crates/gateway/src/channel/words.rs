//! What an activity of a channel's says, in the house's own form (reference 6).
//!
//! Teams writes names, entities and quotes as markup; here they become what a reader sees. Of the bot's
//! own name only, nothing stays: it is how the bot is called in a group, and no part of what is said.
//! Which mention is the bot's is told by an entity, never by the text, and nobody's identity is read
//! from words.

mod card;
mod happened;
mod mention;
mod things;

use bot_framework::{Activity, activity::Attachment};
use serde::Deserialize;
use serde_json::value::RawValue;
use session::{Given, Payload, SKIP, Said};

pub(crate) use happened::{for_agent, is_answered_here};

use super::{TEAMS, html, kept_as};
use crate::{
    behind::cards,
    notices::{Language, Told, told},
    plain::plain,
};

/// The most attachments of one message that are named; how many more there are is told.
const ATTACHMENTS_NAMED_MAX: usize = 20;

/// The longest name of a file in words, in characters.
const FILE_NAME_CHARS_MAX: usize = 200;

/// The longest quote, in characters: Teams itself shows two lines.
const QUOTE_CHARS_MAX: usize = 500;

/// The most quotes of one message that are looked at; Teams lets people quote one message at a time.
const QUOTES_MAX: usize = 5;

/// By which a quoted reply is told from a quote that somebody typed.
const REPLY: &str = "http://schema.skype.com/Reply";

/// What a message says; `None` if it has no words for anybody, as one that only calls the bot by its
/// name in a group, which is still the bot's to know. The original rides along for the bot, which knows
/// its channel.
pub(crate) fn heard(activity: &Activity, language: Language) -> Option<Said> {
    let mut text = text_of(activity);
    let mut answer = None;
    if let Some(value) = activity.value() {
        let words;
        (words, answer) = pressed(value, language);
        if text.trim().is_empty() {
            text = words;
        }
    }
    let typed = text.len();
    for line in things::things(activity, language).into_iter().chain(attached(activity)) {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&line);
    }
    let quoted = quoted(activity, &text);
    if text.trim().is_empty() && quoted.is_none() {
        return None;
    }
    let payload = Some(Payload(activity.to_json()));
    let own_words = (typed < text.len()).then(|| text[..typed].to_owned());
    Some(Said { answer, own_words, quoted, payload, ..Said::words(text) })
}

/// What a card's button sent: its words, and what it says to us.
fn pressed(value: &RawValue, language: Language) -> (String, Option<Given>) {
    match card::answer(value) {
        Some(card::Answer { given, words }) if words == SKIP => {
            // The last is the language's own.
            let words = language.phrases().skip.pop().unwrap_or(words);
            (words, Some(given))
        }
        Some(card::Answer { given, words }) => (words, Some(given)),
        None => (submitted(value, language), None),
    }
}

/// The words for what a card's button sent.
fn submitted(value: &RawValue, language: Language) -> String {
    match card::values(value) {
        card::Values::Said(text) => text,
        card::Values::Named(values) => told(language, &Told::Submitted { values: &values }),
        card::Values::None => told(language, &Told::Pressed),
    }
}

/// The words of a message or of what one was changed to.
fn text_of(activity: &Activity) -> String {
    let text = activity.text().unwrap_or_default();
    let text = mention::without_own(&text, activity);
    if activity.text_format().is_some_and(|format| format == "xml") {
        return html::text(&text);
    }
    if !is_teams(activity) {
        return text;
    }
    let text =
        html::decoded(&mention::as_names(&text)).replace("\r\n", "\n").replace('\u{a0}', " ");
    let text = text.trim();
    if !text.is_empty() {
        return text.to_owned();
    }
    // Some of what people paste is in the twin only.
    twin(activity)
        .map(|html| html::text(&mention::as_names(&without_quotes(&html))))
        .unwrap_or_default()
}

fn is_teams(activity: &Activity) -> bool {
    activity.channel_id().is_some_and(|channel| kept_as(&channel) == TEAMS)
}

/// The same message as HTML, which Teams attaches to it.
fn twin(activity: &Activity) -> Option<String> {
    if !is_teams(activity) {
        return None;
    }
    let twin = activity.attachments().into_iter().find(is_twin)?;
    serde_json::from_str(twin.content()?.get()).ok()
}

fn is_twin(attachment: &Attachment) -> bool {
    attachment.content_type().is_some_and(|kind| kind == "text/html")
        && attachment.content_url().is_none()
}

/// A line for each attachment, so that nothing is lost in silence.
fn attached(activity: &Activity) -> Vec<String> {
    let is_teams = is_teams(activity);
    let mut lines: Vec<_> = activity
        .attachments()
        .iter()
        .filter(|attachment| !(is_teams && (is_twin(attachment) || is_reference(attachment))))
        .filter(|attachment| !things::is_thing(attachment))
        .map(named)
        .collect();
    let more = lines.len().saturating_sub(ATTACHMENTS_NAMED_MAX);
    if more > 0 {
        lines.truncate(ATTACHMENTS_NAMED_MAX);
        lines.push(format!("[+ {more}]"));
    }
    lines
}

/// The words without the lines that name files; `None` where nothing else was said.
pub(crate) fn without_files(text: &str) -> Option<String> {
    let names = |line: &str| {
        let inner = line.strip_prefix('[').and_then(|line| line.strip_suffix(']'));
        inner.is_some_and(|inner| {
            matches!(inner, "file" | "image")
                || ["file: ", "image: ", "+ "].iter().any(|sign| inner.starts_with(sign))
        })
    };
    let (files, words): (Vec<_>, Vec<_>) = text.lines().partition(|line| names(line));
    let words = words.join("\n");
    (files.is_empty() || !words.trim().is_empty()).then_some(words)
}

fn named(attachment: &Attachment) -> String {
    let kind = attachment.content_type().unwrap_or_default();
    if kind.starts_with("application/vnd.microsoft.card.") {
        return cards::words(attachment);
    }
    let name = attachment.name().map(|name| plain(&name, FILE_NAME_CHARS_MAX));
    let name = name.filter(|name| !name.trim().is_empty());
    if kind.starts_with("image/") {
        return name.map_or_else(|| "[image]".to_owned(), |name| format!("[image: {name}]"));
    }
    match name.unwrap_or_else(|| plain(&kind, FILE_NAME_CHARS_MAX)) {
        name if name.is_empty() => "[file]".to_owned(),
        name => format!("[file: {name}]"),
    }
}

/// What the message answers, if it quotes that and its words do not.
fn quoted(activity: &Activity, text: &str) -> Option<String> {
    let mut quotes: Vec<_> = twin(activity).iter().flat_map(|html| quotes(html)).collect();
    if is_teams(activity) {
        quotes.extend(activity.attachments().iter().filter_map(reference).take(QUOTES_MAX));
    }
    let text = squeezed(text);
    quotes.retain(|quote| !text.contains(&squeezed(quote.words.trim_end_matches(['.', '…']))));
    let lines: Vec<_> = quotes.into_iter().map(Quote::line).collect();
    let joined = lines.join("\n");
    (!joined.is_empty()).then(|| shortened(&joined, QUOTE_CHARS_MAX))
}

struct Quote {
    by: String,
    words: String,
}

impl Quote {
    fn line(self) -> String {
        if self.by.is_empty() { self.words } else { format!("{}: {}", self.by, self.words) }
    }
}

/// The quoted replies of a message's HTML.
fn quotes(html: &str) -> Vec<Quote> {
    let mut quotes = Vec::new();
    let mut rest = html;
    while let Some((_, tag, behind)) = html::next_tag(rest)
        && quotes.len() < QUOTES_MAX
    {
        rest = behind;
        if html::name_of(tag) != "blockquote" || !tag.contains(REPLY) {
            continue;
        }
        let (inner, behind) = behind.split_once("</blockquote>").unwrap_or((behind, ""));
        rest = behind;
        let (by, words) = match inner.split_once("</strong>") {
            // Who said it stands first, in bold.
            Some((by, words)) if inner.trim_start().starts_with("<strong") => {
                (html::text(by), words)
            }
            Some(_) | None => (String::new(), inner),
        };
        let words = html::text(words);
        if !words.is_empty() {
            quotes.push(Quote { by: plain(&by, FILE_NAME_CHARS_MAX), words });
        }
    }
    quotes
}

/// The HTML without its quoted replies.
fn without_quotes(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, tag, behind)) = html::next_tag(rest) {
        out.push_str(before);
        if html::name_of(tag) == "blockquote" && tag.contains(REPLY) {
            rest = behind.split_once("</blockquote>").map_or("", |(_, behind)| behind);
        } else {
            out.extend(["<", tag, ">"]);
            rest = behind;
        }
    }
    out.push_str(rest);
    out
}

/// A quoted reply in its newer form, an attachment of its own.
fn is_reference(attachment: &Attachment) -> bool {
    attachment.content_type().is_some_and(|kind| kind == "messageReference")
}

fn reference(attachment: &Attachment) -> Option<Quote> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Reference {
        message_preview: String,
        #[serde(default)]
        message_sender: serde_json::Value,
    }
    let content = attachment.content().filter(|_| is_reference(attachment))?;
    // Either the object, or its JSON as a string.
    let inner = serde_json::from_str::<String>(content.get());
    let Reference { message_preview, message_sender } =
        serde_json::from_str(inner.as_deref().unwrap_or(content.get())).ok()?;
    let by = ["user", "application"]
        .into_iter()
        .find_map(|kind| message_sender.get(kind)?.get("displayName")?.as_str().map(str::to_owned));
    let words = html::decoded(message_preview.trim());
    let by = plain(&by.unwrap_or_default(), FILE_NAME_CHARS_MAX);
    (!words.is_empty()).then_some(Quote { by, words })
}

/// The text with every run of white space as one blank.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn shortened(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests;
