use super::*;
use crate::policy::Phrases;

fn choice((label, value): &(&str, &str)) -> Choice {
    Choice { label: (*label).to_owned(), value: (*value).to_owned() }
}

fn asked(wants: Wants, options: &[(&str, &str)]) -> Asked {
    let said = Said {
        asks: Some(Question { wants, required: false }),
        options: options.iter().map(choice).collect(),
        ..Said::words("which?")
    };
    Asked::of(&said, Number(7)).unwrap()
}

fn required(mut asked: Asked) -> Asked {
    asked.question.required = true;
    asked
}

fn phrases() -> Phrases {
    let mut phrases = Phrases::default();
    phrases.yes.push("ja".to_owned());
    phrases.no.push("nein".to_owned());
    phrases.skip.push("überspringen".to_owned());
    phrases
}

/// What the desk gets for typed words, with what that is; words like any other are `typed`.
fn typed(asked: &Asked, text: &str) -> String {
    told(asked.answered(&Said::words(text), &phrases()))
}

/// The same for what a card gives.
fn given(asked: &Asked, to: u64, value: &str) -> String {
    let answer = Some(Given { to: Number(to), value: value.to_owned(), secret: false });
    told(asked.answered(&Said { answer, ..Said::words(value) }, &phrases()))
}

fn told(answered: Option<Answered>) -> String {
    match answered {
        None => "typed".to_owned(),
        Some(Answered::Chosen { value, label }) => {
            format!("chose {value} ({})", label.unwrap_or_default())
        }
        Some(Answered::InForm(words)) => format!("in form {words}"),
        Some(Answered::InSecret) => "in secret".to_owned(),
    }
}

const FRUIT: [(&str, &str); 4] =
    [("Apple", "a1"), ("Pear, green", "b2"), ("Plum", "c3"), ("Green", "d4")];

#[test]
fn every_kind_of_question_knows_its_answers() {
    let (yes, no) = (("Oui", "oui"), ("Non", "non"));
    let text = Wants::Text { secret: false };
    let rows = [
        (asked(Wants::Choice, &FRUIT), "apple.", "chose a1 (Apple)"),
        (asked(Wants::Choice, &FRUIT), "c3", "chose c3 (Plum)"),
        (asked(Wants::Choice, &FRUIT), "2", "chose b2 (Pear, green)"),
        (asked(Wants::Choice, &FRUIT), "4.", "chose d4 (Green)"),
        (asked(Wants::Choice, &FRUIT), "0", "typed"),
        (asked(Wants::Choice, &FRUIT), "5", "typed"),
        (asked(Wants::Choice, &FRUIT), "+1", "typed"),
        (asked(Wants::Choice, &[("3", "x"), ("1", "y")]), "1", "chose y (1)"),
        (asked(Wants::YesNo, &[("Yes", "true"), ("No", "false")]), "1", "typed"),
        (asked(Wants::Choice, &FRUIT), "cherry", "typed"),
        (asked(Wants::Choices, &FRUIT), "plum, Apple", "chose c3,a1 (Plum, Apple)"),
        (asked(Wants::Choices, &FRUIT), "1;3", "chose a1,c3 (Apple, Plum)"),
        (asked(Wants::Choices, &FRUIT), "Pear, green, Green", "chose b2,d4 (Pear, green, Green)"),
        (asked(Wants::Choices, &FRUIT), "1, 1, apple", "chose a1 (Apple)"),
        (asked(Wants::Choices, &FRUIT), "1, cherry", "typed"),
        (asked(Wants::Choices, &FRUIT), "0", "typed"),
        (asked(Wants::Choices, &FRUIT), "5", "typed"),
        (asked(Wants::Choices, &FRUIT), "", "typed"),
        (asked(Wants::Choices, &FRUIT), ",", "typed"),
        (asked(Wants::YesNo, &[("Yes", "true"), ("No", "false")]), "ja", "chose true (Yes)"),
        (asked(Wants::YesNo, &[("No", "no"), ("Yes", "yes")]), "Nein!", "chose no (No)"),
        (asked(Wants::YesNo, &[yes, no]), "yes", "chose oui (Oui)"),
        (asked(Wants::YesNo, &[yes, no]), "non", "chose non (Non)"),
        (asked(Wants::YesNo, &[yes, no]), "perhaps", "typed"),
        (asked(Wants::YesNo, &[yes, no, ("Peut-être", "p")]), "yes", "typed"),
        (asked(Wants::YesNo, &[]), "nope", "chose no ()"),
        (asked(Wants::Date, &[]), "1.12.2026", "in form 2026-12-01"),
        (asked(Wants::Date, &[]), "tomorrow", "typed"),
        (asked(Wants::Time, &[]), "14:30", "in form 14:30:00"),
        (asked(Wants::DateTime, &[]), "2026-12-01 14:30", "in form 2026-12-01 14:30:00"),
        (asked(text, &[]), "4711", "typed"),
        (asked(Wants::Text { secret: true }, &[]), "4711", "in secret"),
        (asked(Wants::Text { secret: true }, &[]), " ", "typed"),
        (asked(Wants::Files, &[]), "I have none", "typed"),
        (
            asked(Wants::More, &[("Show more", "click_for_more")]),
            "show more",
            "chose click_for_more (Show more)",
        ),
        (asked(Wants::More, &[("Go on", "DONE")]), "done", "chose DONE (Go on)"),
    ];
    for (asked, text, expected) in rows {
        assert_eq!(typed(&asked, text), expected, "{text:?} to {:?}", asked.question.wants);
    }
}

#[test]
fn a_question_is_skipped_in_words_or_by_a_button_unless_it_needs_an_answer() {
    for wants in [Wants::Choice, Wants::Date, Wants::Text { secret: true }, Wants::Files] {
        let asked = asked(wants, &[]);
        for text in ["skip", "Überspringen.", "_skip_"] {
            assert_eq!(typed(&asked, text), "chose _skip_ (überspringen)", "{wants:?}");
        }
        assert_eq!(given(&asked, 7, "_skip_"), "chose _skip_ (überspringen)");
        let asked = required(asked);
        for told in [typed(&asked, "skip"), given(&asked, 7, "_skip_")] {
            assert!(!told.starts_with("chose"), "{told}");
        }
    }
    let own = asked(Wants::Choice, &[("Skip", "s1")]);
    assert_eq!(typed(&own, "skip"), "chose s1 (Skip)", "an option comes first");
}

#[test]
fn a_card_answers_its_own_question_and_no_other() {
    let fruit = asked(Wants::Choice, &FRUIT);
    assert_eq!(given(&fruit, 7, "a1"), "chose a1 (Apple)");
    assert_eq!(given(&fruit, 6, "a1"), "typed", "of a question before");
    assert_eq!(given(&fruit, 7, "Apple"), "typed", "no value of it");
    assert_eq!(given(&asked(Wants::Choices, &FRUIT), 7, "a1,d4"), "chose a1,d4 (Apple, Green)");
    assert_eq!(given(&asked(Wants::Date, &[]), 7, "2026-12-01"), "in form 2026-12-01");
    assert_eq!(given(&asked(Wants::Text { secret: true }, &[]), 7, "x"), "in secret");
    assert_eq!(given(&asked(Wants::Text { secret: true }, &[]), 3, "x"), "typed");
}

#[test]
fn what_people_see_goes_before_what_they_do_not() {
    let counted = [("0", "1"), ("1", "2"), ("2", "3")];
    for (label, value) in counted {
        let chose = format!("chose {value} ({label})");
        assert_eq!(typed(&asked(Wants::Choice, &counted), label), chose);
        assert_eq!(typed(&asked(Wants::Choices, &counted), label), chose);
    }
    assert_eq!(typed(&asked(Wants::Choice, &counted), "3"), "chose 3 (2)", "no label, a value");
    assert_eq!(typed(&asked(Wants::Choices, &counted), "2, 3"), "chose 3 (2)");
    assert_eq!(typed(&asked(Wants::Choices, &counted), "0,1"), "chose 1,2 (0, 1)");
    // A card gives values and nothing else.
    assert_eq!(given(&asked(Wants::Choices, &counted), 7, "1,3"), "chose 1,3 (0, 2)");
    assert_eq!(given(&asked(Wants::Choices, &counted), 7, "0,1"), "typed");
    assert_eq!(given(&asked(Wants::Choice, &counted), 7, "1"), "chose 1 (0)");
    let cased = [("apple", "a"), ("Apple", "b")];
    assert_eq!(typed(&asked(Wants::Choice, &cased), "Apple"), "chose b (Apple)");
    assert_eq!(typed(&asked(Wants::Choices, &cased), "Apple, apple"), "chose b,a (Apple, apple)");
}

#[test]
fn a_card_lists_values_with_commas_between_and_commas_in_them() {
    let odd = [("A", "a;b"), ("B", "a,b"), ("C", "a"), ("D", "1 2")];
    let odd = asked(Wants::Choices, &odd);
    assert_eq!(given(&odd, 7, "a;b,a"), "chose a;b,a (A, C)");
    assert_eq!(given(&odd, 7, "a,b,a"), "chose a,b,a (B, C)");
    assert_eq!(given(&odd, 7, "1 2, a"), "chose 1 2,a (D, C)");
    assert_eq!(given(&odd, 7, "A"), "typed");
    let options: Vec<_> = (0..60).map(|n| (format!("Option {n}"), format!("v{n}"))).collect();
    let options: Vec<_> = options.iter().map(|(l, v)| (l.as_str(), v.as_str())).collect();
    let many = asked(Wants::Choices, &options);
    assert_eq!(given(&many, 7, "v1,v59"), "chose v1,v59 (Option 1, v59)");
    assert_eq!(given(&asked(Wants::Choices, &options[..9]), 7, "v1,v59"), "typed");
}

#[test]
fn a_secret_card_is_taken_to_the_letter() {
    let secret = asked(Wants::Text { secret: true }, &[]);
    let by_card = |to, value: &str| {
        let answer = Some(Given { to: Number(to), value: value.to_owned(), secret: true });
        told(secret.answered(&Said { answer, ..Said::words(value) }, &phrases()))
    };
    assert_eq!(by_card(7, "_skip_"), "in secret", "a password");
    assert_eq!(by_card(7, " "), "in secret");
    assert_eq!(by_card(3, "4711"), "typed");
}

#[test]
fn the_names_of_files_are_no_part_of_an_answer() {
    let said = |own: &str| Said {
        own_words: Some(own.to_owned()),
        ..Said::words(format!("{own}\n[file: a.png]"))
    };
    let fruit = asked(Wants::Choice, &FRUIT);
    assert_eq!(told(fruit.answered(&said("plum"), &phrases())), "chose c3 (Plum)");
}

#[test]
fn what_is_too_much_to_keep_can_still_be_chosen_from_its_card() {
    let options: Vec<_> = (0..60).map(|n| (format!("Option {n}"), format!("v{n}"))).collect();
    let options: Vec<_> = options.iter().map(|(l, v)| (l.as_str(), v.as_str())).collect();
    let many = asked(Wants::Choice, &options);
    assert!(many.cut && many.options.len() == OPTIONS_KEPT_MAX);
    assert_eq!(given(&many, 7, "v59"), "chose v59 ()");
    assert_eq!(given(&many, 7, ""), "typed");
    assert_eq!(typed(&many, "Option 59"), "typed");
    assert_eq!(given(&asked(Wants::Choice, &options[..9]), 7, "v59"), "typed", "never offered");
}

#[test]
fn long_texts_are_no_answers_and_cost_little() {
    let many = asked(Wants::Choices, &FRUIT);
    assert_eq!(typed(&many, &"1,".repeat(100_000)), "typed");
    assert_eq!(given(&many, 7, &"a1,".repeat(100_000)), "typed");
    let options: Vec<_> = (0..50).map(|n| format!("{n},,,,,,,,,,,,,,,,")).collect();
    let commas: Vec<_> = options.iter().map(|one| (one.as_str(), one.as_str())).collect();
    let worst = asked(Wants::Choices, &commas);
    assert_eq!(typed(&worst, &format!("{}x", "0,".repeat(90))), "typed");
    assert_eq!(typed(&many, &"apple ".repeat(100_000)), "typed");
}

#[test]
fn a_question_is_what_says_so_or_has_options() {
    assert!(Asked::of(&Said::words("hello"), Number(1)).is_none());
    let options = FRUIT.iter().map(choice).collect();
    let bare = Asked::of(&Said { options, ..Said::words("which?") }, Number(1)).unwrap();
    assert_eq!(bare.question, Question { wants: Wants::Choice, required: true });
}

#[test]
fn no_debug_form_prints_what_was_given() {
    let given = Given { to: Number(7), value: "canary".to_owned(), secret: true };
    assert!(!format!("{given:?}").contains("canary"));
}
