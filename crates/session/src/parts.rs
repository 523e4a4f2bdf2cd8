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

/// Whether a reader's character ends here. The rules of Unicode's grapheme clusters, without those for
/// scripts that nobody writes any more.
fn is_border(text: &str, at: usize) -> bool {
    let (before, behind) = text.split_at(at);
    let (Some(last), Some(next)) = (before.chars().next_back(), behind.chars().next()) else {
        return true;
    };
    if continues(next) || last == '\u{200d}' || (last == '\r' && next == '\n') {
        return false;
    }
    if is_flag_letter(last) && is_flag_letter(next) {
        // A flag is two letters: between the second and a third is a border.
        return before.chars().rev().take_while(|c| is_flag_letter(*c)).count() % 2 == 0;
    }
    !(is_hangul_lead(last) && is_hangul(next))
}

/// Whether the character belongs to the one before it: accents, vowel signs, joiners, skin tones.
fn continues(c: char) -> bool {
    matches!(
        u32::from(c),
        0x0300..=0x036f
            | 0x0483..=0x0489
            | 0x0591..=0x05bd
            | 0x05bf | 0x05c1 | 0x05c2 | 0x05c4 | 0x05c5 | 0x05c7
            | 0x0610..=0x061a
            | 0x064b..=0x065f
            | 0x0670
            | 0x06d6..=0x06dc
            | 0x06df..=0x06e4
            | 0x06e7 | 0x06e8
            | 0x06ea..=0x06ed
            | 0x0711
            | 0x0730..=0x074a
            | 0x0900..=0x0903
            | 0x093a..=0x093c
            | 0x093e..=0x094f
            | 0x0951..=0x0957
            | 0x0962 | 0x0963
            | 0x0981..=0x0983
            | 0x09bc
            | 0x09be..=0x09cd
            | 0x0a01..=0x0a03
            | 0x0a3c..=0x0a4d
            | 0x0a81..=0x0a83
            | 0x0abc
            | 0x0abe..=0x0acd
            | 0x0b01..=0x0b03
            | 0x0b3c
            | 0x0b3e..=0x0b57
            | 0x0b82
            | 0x0bbe..=0x0bcd
            | 0x0c00..=0x0c04
            | 0x0c3e..=0x0c56
            | 0x0c81..=0x0c83
            | 0x0cbc
            | 0x0cbe..=0x0cd6
            | 0x0d00..=0x0d03
            | 0x0d3e..=0x0d4d
            | 0x0dca..=0x0ddf
            | 0x0e31
            | 0x0e33..=0x0e3a
            | 0x0e47..=0x0e4e
            | 0x0eb1
            | 0x0eb3..=0x0ebc
            | 0x0ec8..=0x0ece
            | 0x0f71..=0x0f84
            | 0x0f8d..=0x0fbc
            | 0x102b..=0x103e
            | 0x135d..=0x135f
            | 0x17b4..=0x17d3
            | 0x180b..=0x180d
            | 0x1160..=0x11ff
            | 0x1ab0..=0x1aff
            | 0x1b34..=0x1b44
            | 0x1dc0..=0x1dff
            | 0x200c | 0x200d
            | 0x20d0..=0x20f0
            | 0x302a..=0x302f
            | 0x3099 | 0x309a
            | 0xd7b0..=0xd7fb
            | 0xfe00..=0xfe0f
            | 0xfe20..=0xfe2f
            | 0xff9e | 0xff9f
            | 0x1f3fb..=0x1f3ff
            | 0xe0020..=0xe007f
            | 0xe0100..=0xe01ef
    )
}

fn is_flag_letter(c: char) -> bool {
    matches!(u32::from(c), 0x1f1e6..=0x1f1ff)
}

fn is_hangul_lead(c: char) -> bool {
    matches!(u32::from(c), 0x1100..=0x115f | 0xa960..=0xa97c)
}

fn is_hangul(c: char) -> bool {
    matches!(u32::from(c), 0x1100..=0x11ff | 0xac00..=0xd7a3)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        id::{Number, Timestamp},
        notice::Notice,
        said::{Agent, Choice, Payload},
    };

    fn units(text: &str) -> usize {
        text.encode_utf16().count()
    }

    #[test]
    fn what_fits_is_one_part_as_it_came_and_blanks_are_none() {
        let full = "x".repeat(PART_UNITS_MAX);
        for text in ["hi", " hi\n", "a\n\nb", &full] {
            assert_eq!(parts(text), [text]);
        }
        for text in ["", " \n\t "] {
            assert_eq!(parts(text), Vec::<&str>::new(), "{text:?}");
        }
        assert_eq!(parts(&" ".repeat(PART_UNITS_MAX + 1)), Vec::<&str>::new());
    }

    #[test]
    fn long_words_are_cut_where_a_reader_pauses() {
        let (half, third) = ("a".repeat(PART_UNITS_MAX / 2), "b".repeat(PART_UNITS_MAX / 3));
        for (gap, kept) in [("\n\n", ""), ("\n", ""), (" ", ""), ("\r\n", ""), ("\r\n\r\n", "")] {
            let text = format!("{half} c{gap}{third} d{gap}{third} e");
            let [one, two] = parts(&text)[..] else { panic!("{gap:?}") };
            match gap {
                // The last word that fits.
                " " => assert!(one.ends_with("b d"), "{gap:?}"),
                _ => assert!(one.ends_with('d') && two.ends_with("b e"), "{gap:?}{kept}"),
            }
        }
        // A paragraph's end wins over a later line's, and a line's over a later word's.
        let text = format!("{half}{third}\n\nc\nd e {half}");
        assert_eq!(parts(&text)[1], format!("c\nd e {half}"));
        let text = format!("{half}{third}\nd e {half}");
        assert_eq!(parts(&text)[1], format!("d e {half}"));
    }

    #[test]
    fn a_pause_near_the_beginning_makes_no_short_message() {
        let text = format!("Hi\n\n{} {}", "a".repeat(3_000), "b".repeat(3_000));
        assert_eq!(parts(&text)[0], format!("Hi\n\n{}", "a".repeat(3_000)));
    }

    #[test]
    fn a_word_that_just_fits_is_not_cut() {
        let word = "a".repeat(PART_UNITS_MAX);
        assert_eq!(parts(&format!("{word} {word}")), [&word, &word]);
        assert_eq!(parts(&format!("x {word}")), ["x", &word]);
    }

    #[test]
    fn what_a_reader_takes_for_one_character_stays_whole() {
        for one in [
            "e\u{301}",
            "👩‍👩‍👧",
            "👍🏽",
            "🇩🇪",
            "❤\u{fe0f}",
            "नि",
            "กำ",
            "한",
            "\u{1112}\u{1161}\u{11ab}",
            "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
            "1\u{fe0f}\u{20e3}",
            "\u{5e9}\u{5c1}",
        ] {
            for shift in 0..units(one) {
                let text = format!("{}{}", "x".repeat(shift), one.repeat(PART_UNITS_MAX + 1));
                let parts = parts(&text);
                for part in &parts[..parts.len() - 1] {
                    let bare = part.trim_start_matches('x');
                    assert_eq!(bare.replace(one, ""), "", "{one:?}");
                    assert!(units(part) > PART_UNITS_MAX - units(one) && fits(part), "{one:?}");
                }
            }
        }
        // One that never ends is cut all the same, between code points.
        let endless = format!("e{}", "\u{301}".repeat(2 * PART_UNITS_MAX));
        assert_eq!(parts(&endless).concat(), endless);
    }

    #[test]
    fn a_blank_that_ties_words_together_is_no_gap() {
        let text = format!("{} 10\u{a0}000 x", "a".repeat(PART_UNITS_MAX - 5));
        assert!(parts(&text)[1].starts_with("10\u{a0}000"));
    }

    #[test]
    fn every_entry_says_how_many_messages_show_it() {
        let long = "word ".repeat(PART_UNITS_MAX);
        let agent = || Author::Agent(Agent::default());
        let said = |text: &str| Content::Said(Said::words(text));
        let payload = || Payload("{}".to_owned());
        let with_payload =
            |text: &str| Content::Said(Said { payload: Some(payload()), ..Said::words(text) });
        let whole = with_payload(&"x".repeat(WHOLE_UNITS_MAX));
        let option = Choice { label: "Yes".to_owned(), value: "y".to_owned() };
        let asks = Content::Said(Said { options: vec![option], ..Said::words("") });
        let (of, at) = (Number(1), Timestamp(1));
        for (author, content, expected) in [
            (Author::User, said("hi"), 0),
            (Author::User, Content::Done(payload()), 0),
            (agent(), said("hi"), 1),
            (agent(), said(" "), 0),
            (agent(), said(&long), 5),
            (agent(), whole.clone(), 2),
            (Author::Bot, whole, 1),
            (Author::Bot, with_payload(""), 1),
            (agent(), with_payload(""), 0),
            (Author::Bot, with_payload(&long), 5),
            (Author::Bot, said(&long), 5),
            (Author::Bot, Content::Done(payload()), 1),
            (Author::Bot, Content::Revised { of, at, said: Said::words("x") }, 1),
            (Author::Bot, Content::Withdrawn { of, at }, 1),
            (Author::Bot, Content::Context(std::collections::BTreeMap::new()), 0),
            (Author::Bot, Content::Transcript(Vec::new()), 0),
            (Author::Desk, asks, 1),
            (Author::Desk, Content::Done(payload()), 0),
            (Author::Gateway, Content::Notice(Notice::Asked), 1),
        ] {
            assert_eq!(count(&author, &content), expected, "{author:?} {content:?}");
        }
    }

    /// Texts are long, and so is the way to the shortest that fails.
    fn config() -> ProptestConfig {
        ProptestConfig { cases: 64, max_shrink_iters: 200, ..ProptestConfig::default() }
    }

    /// What a reader takes for one character each.
    const CHARACTERS: [&str; 6] = ["😀", "e\u{301}", "🇩🇪", "👍🏽", "👩‍👩‍👧", "한"];

    fn long_piece() -> impl Strategy<Value = String> {
        let pieces = [" ", "\n", "\n\n", "\r\n", "\u{a0}", "x", "😀", "e\u{301}", "🇩🇪"];
        (prop::sample::select(pieces.to_vec()), prop::sample::select(vec![1, 3, 999, 3_999, 5_000]))
            .prop_map(|(piece, times)| piece.repeat(times))
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn parts_are_the_text_in_pieces_none_blank_and_none_too_long(
            pieces in prop::collection::vec(
                prop_oneof!["[a-z]{1,12}", "\\PC{1,8}", long_piece()],
                0..40,
            ),
        ) {
            let text = pieces.concat();
            let parts = parts(&text);
            let mut rest = text.as_str();
            for part in &parts {
                prop_assert!(!part.trim().is_empty());
                prop_assert!(units(part) <= PART_UNITS_MAX);
                let at = rest.find(part).expect("a part is a piece of what is left");
                prop_assert!(rest[..at].trim().is_empty(), "only blanks are left out");
                rest = &rest[at + part.len()..];
            }
            prop_assert!(rest.trim().is_empty());
            for (index, expected) in parts.iter().enumerate() {
                prop_assert_eq!(part(&text, u16::try_from(index).unwrap()), Some(*expected));
            }
            prop_assert_eq!(part(&text, u16::try_from(parts.len()).unwrap()), None);
        }

        #[test]
        fn a_cut_text_has_no_border_inside_a_character(
            run in prop::collection::vec(prop::sample::select(&CHARACTERS[..]), 800..1500),
        ) {
            let run = run.concat();
            let mut at = 0;
            for part in parts(&run) {
                at += part.len();
                prop_assert!(is_border(&run, at));
            }
            prop_assert_eq!(at, run.len());
        }
    }
}
