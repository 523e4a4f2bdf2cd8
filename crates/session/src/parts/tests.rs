//! Where texts are cut, and how many messages an entry becomes.

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
