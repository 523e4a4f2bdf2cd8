//! Mentions: which of them are the bot's own, and how others read.

use bot_framework::Activity;
use serde::Deserialize;

use crate::channel::html;

/// The most mentions of one message that are looked at. Teams allows twenty.
const MENTIONS_MAX: usize = 100;

/// An entity that says of a piece of the text whom it names.
struct Mention {
    text: String,
    is_own: bool,
}

fn mentions(activity: &Activity) -> Vec<Mention> {
    #[derive(Deserialize)]
    struct Entity {
        r#type: String,
        #[serde(default)]
        text: Option<String>,
        mentioned: Mentioned,
    }
    #[derive(Deserialize)]
    struct Mentioned {
        id: String,
    }
    let own = activity.recipient().and_then(|bot| bot.id);
    let entities = activity.entities().into_iter().take(MENTIONS_MAX);
    let entities = entities.filter_map(|raw| serde_json::from_str::<Entity>(raw.get()).ok());
    entities
        .filter(|entity| entity.r#type == "mention")
        .filter_map(|Entity { text, mentioned, .. }| {
            let text = text.filter(|text| !text.trim().is_empty())?;
            let is_own = own.as_ref() == Some(&mentioned.id);
            Some(Mention { text, is_own })
        })
        .collect()
}

/// The text without the bot's own mentions.
///
/// People can be called like the bot: the first occurrence of a mention's text belongs to the first
/// entity with that text, and so on.
pub(super) fn without_own(text: &str, activity: &Activity) -> String {
    let mentions = mentions(activity);
    let mut gone = Vec::new();
    for (at, mention) in mentions.iter().enumerate() {
        let same = |other: &&Mention| other.text == mention.text;
        if mentions[..at].iter().any(|other| same(&other)) {
            continue;
        }
        let whose: Vec<_> = mentions.iter().filter(same).map(|same| same.is_own).collect();
        // A marker beyond them is another mention of the same; bare words may be just words.
        let more_own = mention.text.starts_with("<at") && whose.iter().all(|own| *own);
        let found = text.match_indices(&mention.text).enumerate();
        let own = found.filter(|(index, _)| whose.get(*index).copied().unwrap_or(more_own));
        gone.extend(own.map(|(_, (at, piece))| at..at + piece.len()));
    }
    gone.sort_unstable_by_key(|piece| piece.start);
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for piece in gone {
        let Some(before) = text.get(done..piece.start) else { continue };
        push(&mut out, before, done > 0);
        done = piece.end;
    }
    push(&mut out, &text[done..], done > 0);
    out
}

/// Appends what stands behind something that was taken out, so that no two blanks meet there.
fn push<'a>(out: &mut String, words: &'a str, behind_a_gap: bool) {
    let mut words = words;
    if behind_a_gap && (out.is_empty() || out.ends_with(char::is_whitespace)) {
        let rest = |words: &'a str| {
            words.strip_prefix([' ', '\u{a0}']).or_else(|| words.strip_prefix("&nbsp;"))
        };
        while let Some(rest) = rest(words) {
            words = rest;
        }
    }
    out.push_str(words);
}

/// The text with the names themselves in place of Teams' markers around them.
pub(super) fn as_names(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, tag, behind)) = html::next_tag(rest) {
        out.push_str(before);
        if !matches!(html::name_of(tag), "at" | "/at") {
            out.extend(["<", tag, ">"]);
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}
