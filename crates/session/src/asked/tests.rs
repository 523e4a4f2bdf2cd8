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
    let answer = Some(Given { to: Number(to), value: value.to_owned() });
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
        (asked(Wants::Choice, &FRUIT), "2", "typed"),
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
    let given = Given { to: Number(7), value: "canary".to_owned() };
    assert!(!format!("{given:?}").contains("canary"));
}
