//! What the desk asks for and the user has not answered yet, and what counts as an answer.
//!
//! Free of any wire: how an answer came (typed, by a button, from a card) is the edge's matter, and
//! how it is written for the desk is the request's.

mod date;
mod list;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    id::Number,
    phrase::{fold, is_phrase},
    policy::Phrases,
    said::{Choice, Said},
};

/// The most options of one question that are remembered to recognise the answer.
const OPTIONS_KEPT_MAX: usize = 50;

/// And the most text of theirs, in bytes: the state is written with every event. The answer to a
/// longer question goes out as it was typed, or as its card gave it.
const OPTIONS_BYTES_MAX: usize = 2_048;

/// The longest text, in bytes, that is compared with the options: all of them, with their commas and
/// blanks, and room for how people write.
const TYPED_BYTES_MAX: usize = 2 * OPTIONS_BYTES_MAX;

/// By which the desk is told that a question is left unanswered (reference 3.7).
pub const SKIP: &str = "_skip_";

/// What a question wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wants {
    /// One of the options.
    Choice,
    /// Any of the options.
    Choices,
    /// Yes or no.
    YesNo,
    /// A day.
    Date,
    /// A time of day.
    Time,
    /// Both.
    DateTime,
    /// Words.
    Text {
        /// They are nobody's to read but the desk's: a password, a number of an account.
        secret: bool,
    },
    /// Files.
    Files,
    /// To hear that the user has read so far, and wants the next part.
    More,
}

/// What is asked, beside the words and the options of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What it wants.
    pub wants: Wants,
    /// It cannot be skipped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
}

impl Question {
    /// What something that was said asks for; options alone are a question, too.
    pub fn of(said: &Said) -> Option<Self> {
        let by_options =
            || (!said.options.is_empty()).then_some(Self { wants: Wants::Choice, required: true });
        said.asks.or_else(by_options)
    }
}

/// An answer as a card gives it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// The entry that asked.
    pub to: Number,
    /// The value: of an option, of several with commas between, or what was filled in.
    pub value: String,
    /// It is the desk's alone, whatever is asked by now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given")
            .field("to", &self.to)
            .field("secret", &self.secret)
            .finish_non_exhaustive()
    }
}

/// The desk's last question, until the user answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The entry that asked; zero in what an earlier version stored.
    pub by: Number,
    /// What it wants.
    #[serde(flatten)]
    pub question: Question,
    /// Its options, as far as they are kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<Choice>,
    /// There were more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// How the user's words answer the question.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Answered {
    /// By options, or by a word that stands for one: the desk gets this value.
    Chosen {
        value: String,
        /// What people read in its place.
        label: Option<String>,
    },
    /// In words that the desk wants in this form.
    InForm(String),
    /// In words that nobody else is to read.
    InSecret,
}

/// The options that are kept.
fn kept(options: &[Choice]) -> impl Iterator<Item = &Choice> {
    let mut room = OPTIONS_BYTES_MAX;
    options.iter().take(OPTIONS_KEPT_MAX).take_while(move |Choice { label, value }| {
        let left = room.checked_sub(label.len() + value.len());
        room = left.unwrap_or(0);
        left.is_some()
    })
}

/// Whether each of these options is recognised by its label: none is left out of what is kept.
pub fn keeps_all(options: &[Choice]) -> bool {
    kept(options).count() == options.len()
}

impl Asked {
    /// What `said`, entry `by`, asks for.
    pub(crate) fn of(said: &Said, by: Number) -> Option<Self> {
        let question = Question::of(said)?;
        let options: Vec<_> = kept(&said.options).cloned().collect();
        let cut = options.len() < said.options.len();
        Some(Self { by, question, options, cut })
    }

    /// How this answers it; `None` if it does not, or if it is words like any other.
    pub(crate) fn answered(&self, said: &Said, phrases: &Phrases) -> Option<Answered> {
        match &said.answer {
            // A card of a question before: whatever it says is no answer to this one.
            Some(given) if given.to != self.by => None,
            // To the letter: a password may well be a word that means something here.
            Some(given) if given.secret => (!given.value.is_empty()).then_some(Answered::InSecret),
            Some(given) => self.by_value(given.value.trim(), phrases),
            None => self.typed(said, phrases),
        }
    }

    /// Whether this is its answer though nobody can tell by the words: whoever is asked for words
    /// answers with the next, and whoever is asked for files with those.
    pub(crate) fn takes(&self, said: &Said) -> bool {
        if said.answer.as_ref().is_some_and(|given| given.to != self.by) {
            return false;
        }
        match self.question.wants {
            Wants::Text { .. } => !said.text.trim().is_empty(),
            Wants::Files => !said.files.is_empty(),
            Wants::Choice
            | Wants::Choices
            | Wants::YesNo
            | Wants::Date
            | Wants::Time
            | Wants::DateTime
            | Wants::More => false,
        }
    }

    fn by_value(&self, value: &str, phrases: &Phrases) -> Option<Answered> {
        if value == SKIP {
            return self.skipped(phrases);
        }
        match self.question.wants {
            Wants::Choice | Wants::YesNo | Wants::More => {
                self.option_of(value).or_else(|| self.beyond(value))
            }
            Wants::Choices => list::by_values(&self.options, value, self.cut),
            Wants::Date | Wants::Time | Wants::DateTime | Wants::Text { .. } | Wants::Files => {
                self.in_words(value)
            }
        }
    }

    /// An option that was not kept: the card had it from the desk.
    fn beyond(&self, value: &str) -> Option<Answered> {
        let known = self.cut && !value.is_empty();
        known.then(|| Answered::Chosen { value: value.to_owned(), label: None })
    }

    fn typed(&self, said: &Said, phrases: &Phrases) -> Option<Answered> {
        let text = said.typed().trim();
        let of_option = match self.question.wants {
            Wants::Choices => list::typed(&self.options, text),
            Wants::YesNo => self.alike(text).or_else(|| self.yes_or_no(text, phrases)),
            Wants::Choice => self.alike(text).or_else(|| self.by_place(text)),
            Wants::More
            | Wants::Date
            | Wants::Time
            | Wants::DateTime
            | Wants::Text { .. }
            | Wants::Files => self.alike(text),
        };
        of_option
            .or_else(|| {
                let skips = text == SKIP || is_phrase(text, &phrases.skip);
                skips.then(|| self.skipped(phrases)).flatten()
            })
            .or_else(|| self.in_words(text))
    }

    fn skipped(&self, phrases: &Phrases) -> Option<Answered> {
        // The last is the language's own.
        let label = phrases.skip.last().cloned();
        (!self.question.required).then(|| Answered::Chosen { value: SKIP.to_owned(), label })
    }

    fn in_words(&self, text: &str) -> Option<Answered> {
        match self.question.wants {
            Wants::Date => date::date(text).map(Answered::InForm),
            Wants::Time => date::time(text).map(Answered::InForm),
            Wants::DateTime => date::date_time(text).map(Answered::InForm),
            Wants::Text { secret: true } if !text.is_empty() => Some(Answered::InSecret),
            Wants::Text { .. }
            | Wants::Files
            | Wants::Choice
            | Wants::Choices
            | Wants::YesNo
            | Wants::More => None,
        }
    }

    /// The option with exactly this value.
    fn option_of(&self, value: &str) -> Option<Answered> {
        self.options.iter().find(|option| option.value == value).map(chosen)
    }

    /// The option that was typed: its label or its value, in whatever case, as phrases are, so that a
    /// phrase never takes an answer away.
    fn alike(&self, text: &str) -> Option<Answered> {
        self.find(text).map(chosen)
    }

    /// The option in this place of the list, counted from one.
    fn by_place(&self, text: &str) -> Option<Answered> {
        let place = text.trim().trim_end_matches(['.', ')']);
        // A sign is none of a place.
        let digits = !place.is_empty() && place.bytes().all(|byte| byte.is_ascii_digit());
        let place = digits.then(|| place.parse::<usize>().ok())??.checked_sub(1)?;
        self.options.get(place).map(chosen)
    }

    fn find(&self, text: &str) -> Option<&Choice> {
        let typed = text.trim();
        // No option is that long, and comparing costs.
        if typed.is_empty() || typed.len() > TYPED_BYTES_MAX {
            return None;
        }
        let folded = fold(typed);
        let in_part = |part: fn(&Choice) -> &str| {
            let same = self.options.iter().find(|choice| part(choice).trim() == typed);
            same.or_else(|| {
                let alike = |choice: &&Choice| !folded.is_empty() && fold(part(choice)) == folded;
                self.options.iter().find(alike)
            })
        };
        // People see labels: what is one is never another's value.
        in_part(label).or_else(|| in_part(value))
    }

    /// Yes or no in the user's language, where the options are in the desk's.
    fn yes_or_no(&self, text: &str, phrases: &Phrases) -> Option<Answered> {
        let yes = is_phrase(text, &phrases.yes);
        if !yes && !is_phrase(text, &phrases.no) {
            return None;
        }
        let (own, sign) = if yes { (&phrases.yes, "true") } else { (&phrases.no, "false") };
        let means = |option: &str| is_phrase(option, own) || option.eq_ignore_ascii_case(sign);
        let by_name = self.options.iter().find(|c| means(&c.value) || means(&c.label));
        // Two in a language that nobody here speaks: yes comes first (reference 5.3).
        let by_place = || match &self.options[..] {
            [first, second] => Some(if yes { first } else { second }),
            _ => None,
        };
        let bare =
            || Answered::Chosen { value: if yes { "yes" } else { "no" }.to_owned(), label: None };
        let found = by_name.or_else(by_place).map(chosen);
        found.or_else(|| self.options.is_empty().then(bare))
    }
}

fn label(choice: &Choice) -> &str {
    &choice.label
}

fn value(choice: &Choice) -> &str {
    &choice.value
}

fn chosen(option: &Choice) -> Answered {
    Answered::Chosen { value: option.value.clone(), label: Some(option.label.clone()) }
}

/// Reads what this version stores, and what the one before did: the options alone.
pub(crate) fn stored<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Asked>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        Before(Vec<Choice>),
        Now(Asked),
    }
    Ok(match Stored::deserialize(from)? {
        Stored::Now(asked) => Some(asked),
        Stored::Before(options) if options.is_empty() => None,
        Stored::Before(options) => {
            let question = Question { wants: Wants::Choice, required: true };
            Some(Asked { by: Number::default(), question, options, cut: false })
        }
    })
}

#[cfg(test)]
mod tests;
