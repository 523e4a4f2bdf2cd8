//! Short texts that others chose (a name, an estimate), made fit to stand in a sentence of ours.

use std::borrow::Cow;

/// At most so many characters of it, without what has no shape of its own: control characters, and
/// those that turn the direction of writing (Unicode's bidirectional controls), with which a name
/// could make the words around it read as something else.
pub(crate) fn plain(text: &str, chars_max: usize) -> String {
    // Nearly every name is so, and they come with every message.
    if text.len() <= chars_max && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    text.chars().filter(|c| !c.is_control() && !turns(*c)).take(chars_max).collect()
}

/// Words as they are shown: without control characters, but for those that part lines and columns, and
/// without those that turn the direction of writing by force. Marks that only tell it stay: words in
/// Arabic and Hebrew have them.
pub(crate) fn words(text: &str) -> Cow<'_, str> {
    let hidden = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.contains(hidden) { text.replace(hidden, "").into() } else { text.into() }
}

fn turns(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_their_lines_and_lose_what_nobody_sees() {
        for (text, shown) in [
            ("a\tb\nc", "a\tb\nc"),
            ("a\r\nb\0\u{7}\u{1b}[31m\u{7f}", "a\nb[31m"),
            ("\u{85}\u{9b}2J", "2J"),
            ("pay \u{202e}00,1\u{202c} now", "pay 00,1 now"),
            ("\u{2066}x\u{2069}", "x"),
            ("שלום\u{200f}!", "שלום\u{200f}!"),
            ("👩\u{200d}💻 é", "👩\u{200d}💻 é"),
        ] {
            assert_eq!(words(text), shown, "{text:?}");
        }
    }

    #[test]
    fn a_name_cannot_turn_the_words_around_it() {
        for (name, shown) in [
            ("Dana", "Dana"),
            ("José Ångström", "José Ångström"),
            ("דנה", "דנה"),
            ("Dana\u{202e}nimda", "Dananimda"),
            ("\u{2067}Dana\u{2069}\u{200f}\n", "Dana"),
            ("Dana\u{1b}[31m", "Dana[31m"),
        ] {
            assert_eq!(plain(name, 100), shown);
        }
        assert_eq!(plain("\u{202e}Dana", 2), "Da");
    }
}
