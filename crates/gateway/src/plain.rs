//! Short texts that others chose (a name, an estimate), made fit to stand in a sentence of ours.

/// At most so many characters of it, without what has no shape of its own: control characters, and
/// those that turn the direction of writing (Unicode's bidirectional controls), with which a name
/// could make the words around it read as something else.
pub(crate) fn plain(text: &str, chars_max: usize) -> String {
    text.chars().filter(|c| !c.is_control() && !turns(*c)).take(chars_max).collect()
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
