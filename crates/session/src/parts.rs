//! How long words are told in several messages, to channels that bound one and to the desk.
//!
//! The step needs to know how many messages an entry becomes, because each is an effect of its own;
//! whoever sends one needs its words. Both ask here, so that they cannot disagree. The same text is
//! always cut in the same places: at the end of a paragraph, else of a line, else of a word, and
//! only where there is none of these inside a word, yet not inside what a reader takes for one
//! character.
//!
//! Parts are pieces of the text in its order. What lies before, between and behind them is white space
//! only, and none of them is blank.

mod character;
#[cfg(test)]
mod tests;

use self::character::{continues, is_border};
use crate::said::{Author, Content, Said};

/// How long the words of one message may be, in UTF-16 code units.
///
/// The smallest limit that is told of Teams is 28 KB for a whole message, counted as UTF-16: 14,336
/// units (reference 2.5, 6). JSON may need two units for one of the words', and what stands around
/// the words (ids, accounts, buttons, an agent's name) less than 6,000. Most other channels take as
/// much. For the desk no limit is told (reference 3.3); its platform's own texts have 4,000 characters
/// unless somebody widened them, and an agent reads no more in one bubble.
pub const PART_UNITS_MAX: usize = 4_000;

/// Up to how many units of words a message that a bot made for its channel goes out whole: with what
/// stands around them, and half as much again for what JSON adds, less than the smallest limit.
pub const WHOLE_UNITS_MAX: usize = 8_000;

/// Whether something that was said goes out as the bot made it, in one message.
pub fn is_whole(said: &Said) -> bool {
    said.payload.is_some() && has_at_most(&said.text, WHOLE_UNITS_MAX)
}

/// How many messages show this entry to the user of such a channel: none, if nothing of it is the
/// user's to see.
pub fn count(author: &Author, content: &Content) -> u16 {
    match (author, content) {
        (Author::User, _)
        | (_, Content::Context(_) | Content::Transcript(_))
        | (Author::Agent(_) | Author::Desk | Author::Gateway, Content::Done(_)) => 0,
        (_, Content::Said(said)) => of(author, said),
        (Author::Bot, Content::Done(_))
        | (_, Content::Notice(_) | Content::Revised { .. } | Content::Withdrawn { .. }) => 1,
    }
}

/// How many messages say this.
pub fn of(author: &Author, said: &Said) -> u16 {
    let is_bots_own = *author == Author::Bot && said.payload.is_some();
    if is_bots_own && is_whole(said) {
        return 1;
    }
    let parts = parts(&said.text).len();
    // A bot's message may be all cards, and a question all options.
    let parts = if is_bots_own || !said.options.is_empty() { parts.max(1) } else { parts };
    u16::try_from(parts).unwrap_or(u16::MAX)
}

/// How many messages tell the desk what a user said: one, unless they are words that are too long.
pub fn to_desk(said: &Said) -> u16 {
    if said.choice.is_some() || said.in_form.is_some() {
        return 1;
    }
    u16::try_from(parts(&said.text).len()).unwrap_or(u16::MAX).max(1)
}

/// The parts of a text. One that fits is its own only part, blanks at its ends included; a blank one
/// has none.
pub fn parts(text: &str) -> Vec<&str> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Vec::new();
    }
    if fits(text) {
        return vec![text];
    }
    let mut parts = Vec::new();
    while !fits(rest) {
        let (part, behind) = rest.split_at(cut(rest));
        parts.push(part.trim_end());
        rest = behind.trim_start();
    }
    parts.push(rest);
    parts
}

/// One of them, from 0; `None` behind the last.
pub fn part(text: &str, index: u16) -> Option<&str> {
    parts(text).into_iter().nth(usize::from(index))
}

fn fits(text: &str) -> bool {
    has_at_most(text, PART_UNITS_MAX)
}

fn has_at_most(text: &str, units_max: usize) -> bool {
    // There are never more units than bytes.
    text.len() <= units_max
        || text
            .chars()
            .map(char::len_utf16)
            .try_fold(0, |units, more| Some(units + more).filter(|units| *units <= units_max))
            .is_some()
}

/// Where the first part of a text ends that is too long for one and begins with no blank. Never 0.
fn cut(text: &str) -> usize {
    let window = window(text);
    // Breaks in the first half would make many short messages of a text that has a few.
    let half = ceil_boundary(window, window.len() / 2);
    let later = |found: Option<usize>| found.filter(|at| *at >= half);
    later(window.rfind("\n\n"))
        .or_else(|| later(window.rfind("\r\n\r\n")))
        .or_else(|| later(window.rfind('\n')))
        .or_else(|| last_gap(text, window.len()))
        .unwrap_or_else(|| last_border(text, window.len()))
}

/// As much of the text as a part holds, and the blank that may follow it.
fn window(text: &str) -> &str {
    let mut units = 0;
    let end = text.char_indices().find(|(_, c)| {
        units += c.len_utf16();
        units > PART_UNITS_MAX
    });
    end.map_or(text, |(end, _)| &text[..end])
}

fn ceil_boundary(text: &str, at: usize) -> usize {
    (at..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

/// The last blank at or before `end` between two words.
fn last_gap(text: &str, end: usize) -> Option<usize> {
    let upto = text[end..].chars().next().map_or(end, |next| end + next.len_utf8());
    let mut gaps = text[..upto].char_indices().rev().filter(|(_, c)| separates(*c));
    gaps.find(|(at, c)| {
        let next = text[at + c.len_utf8()..].chars().next();
        next.is_none_or(|next| !continues(next))
    })
    .map(|(at, _)| at)
    .filter(|at| *at > 0)
}

/// White space at which a line may break.
fn separates(c: char) -> bool {
    c.is_whitespace() && !matches!(c, '\u{a0}' | '\u{2007}' | '\u{202f}')
}

/// The last place at or before `end` where one character of a reader's ends; `end` if one is so long
/// that it fills a message.
fn last_border(text: &str, end: usize) -> usize {
    let places = text[..end].char_indices().rev().map(|(at, c)| at + c.len_utf8());
    places.into_iter().find(|at| is_border(text, *at)).unwrap_or(end)
}
