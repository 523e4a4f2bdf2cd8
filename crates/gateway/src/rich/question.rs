//! Controls that ask.
//!
//! A short list is buttons, each of which says its label in the user's name. What has pictures, what is
//! long, takes several answers, a date or a secret is a form on a card; its words stand above the card,
//! so that they are there for those who see no cards.

use serde_json::{Value, json};
use servicenow::{
    Asks, Choice,
    control::{Input, Layout, Opt},
};
use session::{SKIP, Said};

use super::{
    CAROUSEL_CARDS_MAX, Look, Shown, Surface,
    card::{self, Answer, DATE_ID, TIME_ID, VALUE_ID},
    markdown,
    output::beside,
    words::words,
};
use crate::notices::Language;

/// The most options with a row of their own: more are a list to pick from.
const ROWS_MAX: usize = 12;

/// Up to how many options of a list are all in sight.
const IN_SIGHT_MAX: usize = 8;

impl Look<'_> {
    pub(super) fn question(&self, input: &Input, said: &Said) -> Shown {
        let words = words(self.language);
        let field = |kind: &str, id: &str, label: &str| {
            json!({
                "type": kind, "id": id, "label": label,
                // Whoever need not answer skips.
                "isRequired": true, "errorMessage": words.missing,
            })
        };
        let date = || field("Input.Date", DATE_ID, words.date);
        let time = || field("Input.Time", TIME_ID, words.time);
        match input.asks {
            Asks::Date => self.form(input, Answer::Inputs("date"), vec![date()]),
            Asks::Time => self.form(input, Answer::Inputs("time"), vec![time()]),
            Asks::DateTime => self.form(input, Answer::Inputs("dateTime"), vec![date(), time()]),
            Asks::Text { secret: true } => {
                let field = field("Input.Text", VALUE_ID, words.answer);
                self.form(input, Answer::Secret, vec![card::with(field, "style", "password")])
            }
            Asks::Text { secret: false } | Asks::More => self.buttons(input),
            Asks::Files { max_count, max_bytes } => {
                let mut shown = self.buttons(input);
                let limits = self.limits(max_count, max_bytes);
                if !limits.is_empty() {
                    shown.text = format!("{} ({limits})", shown.text);
                }
                shown
            }
            Asks::Choices => {
                let list = self.choice_set(&input.options, words.choices);
                self.form(
                    input,
                    Answer::Inputs("choices"),
                    vec![card::with(list, "isMultiSelect", true)],
                )
            }
            Asks::Choice | Asks::YesNo => self.choice(input, said),
        }
    }

    fn choice(&self, input: &Input, said: &Said) -> Shown {
        // A button says its label, by which the session must know the option; a card says its value.
        let is_known = session::keeps_all(&said.options);
        let is_plain = |one: &Opt| one.description.is_none() && one.picture.is_none();
        let skip = usize::from(!input.required);
        if is_known
            && input.options.iter().all(is_plain)
            && input.options.len() + skip <= self.surface.buttons_max()
        {
            return self.buttons(input);
        }
        if input.layout == Layout::Carousel && input.options.len() + skip <= CAROUSEL_CARDS_MAX {
            return self.carousel(input);
        }
        if input.options.iter().all(is_plain) || input.options.len() > ROWS_MAX {
            let list = self.choice_set(&input.options, words(self.language).choice);
            return self.form(input, Answer::Inputs("choice"), vec![list]);
        }
        let rows = input.options.iter().map(|one| self.row(one)).collect();
        Self::above(input, vec![card::attachment(rows, self.skip(input).into_iter().collect())])
    }

    /// The words and, below them, what can be pressed in place of typing.
    fn buttons(&self, input: &Input) -> Shown {
        let mut shown = Self::above(input, Vec::new());
        shown.buttons = input.options.iter().map(|one| one.choice.clone()).collect();
        if !input.required {
            shown.buttons.push(self.skipping());
        }
        shown
    }

    /// Fields to fill in.
    fn form(&self, input: &Input, answer: Answer<'_>, fields: Vec<Value>) -> Shown {
        let send = card::submit(words(self.language).send, self.entry, answer);
        let actions = [Some(send), self.skip(input)].into_iter().flatten().collect();
        Self::above(input, vec![card::attachment(fields, actions)])
    }

    fn choice_set(&self, options: &[Opt], label: &str) -> Value {
        let in_sight = options.len() <= IN_SIGHT_MAX;
        let title = |label: &str| match self.surface {
            // Pages read the labels beside round buttons as Markdown, those of a list as they are.
            Surface::Page if in_sight => markdown::escaped(label),
            _ => label.to_owned(),
        };
        let choices: Vec<_> = options
            .iter()
            .map(|one| json!({ "title": title(&one.choice.label), "value": one.choice.value }))
            .collect();
        json!({
            "type": "Input.ChoiceSet",
            "id": VALUE_ID,
            "label": label,
            "isRequired": true,
            "errorMessage": words(self.language).missing,
            "style": if in_sight { "expanded" } else { "compact" },
            "wrap": true,
            "choices": choices,
        })
    }

    /// A row that answers when it is pressed.
    fn row(&self, option: &Opt) -> Value {
        let texts = option_texts(option);
        let picture = self.picture(option, "Small");
        let items = match picture {
            Some(picture) => vec![beside(picture, texts)],
            None => texts,
        };
        json!({
            "type": "Container",
            "style": "emphasis",
            "items": items,
            "selectAction": self.submit(&option.choice),
        })
    }

    /// A card for each option.
    fn carousel(&self, input: &Input) -> Shown {
        let card = |option: &Opt| {
            let picture = self.picture(option, "Stretch");
            let body = picture.into_iter().chain(option_texts(option)).collect();
            card::attachment(body, vec![self.submit(&option.choice)])
        };
        let mut cards: Vec<_> = input.options.iter().map(card).collect();
        cards.extend(self.skip(input).map(|skip| card::attachment(Vec::new(), vec![skip])));
        Shown { carousel: true, ..Self::above(input, cards) }
    }

    fn picture(&self, option: &Opt, size: &str) -> Option<Value> {
        let address = (self.open)(option.picture.as_deref()?)?;
        Some(card::picture(&address, &option.choice.label, size))
    }

    fn above(input: &Input, attachments: Vec<Value>) -> Shown {
        Shown { attachments, ..Shown::words(input.prompt.clone().unwrap_or_default()) }
    }

    /// A card of the desk's own that may ask something, too, which is answered in words: whoever need not answer
    /// skips by a button of the card, beside which Teams shows no others.
    pub(super) fn asking(&self, mut shown: Shown, said: &Said) -> Shown {
        if said.asks.is_some_and(|asks| !asks.required) {
            card::add_action(&mut shown.attachments, self.submit(&self.skipping()));
        }
        shown
    }

    fn skip(&self, input: &Input) -> Option<Value> {
        (!input.required).then(|| self.submit(&self.skipping()))
    }

    fn skipping(&self) -> Choice {
        Choice { label: skip_word(self.language), value: SKIP.to_owned() }
    }

    /// How many files of which size are taken, in words.
    fn limits(&self, max_count: Option<u32>, max_bytes: Option<u64>) -> String {
        const MEGABYTE: u64 = 1024 * 1024;
        let words = words(self.language);
        let count = max_count.map(|count| {
            let files = if count == 1 { words.file_max } else { words.files_max };
            format!("{count} {files}")
        });
        let size = max_bytes.map(|bytes| format!("{} {}", bytes / MEGABYTE, words.megabytes_each));
        count.into_iter().chain(size).collect::<Vec<_>>().join(", ")
    }
}

/// The language's own word for it, which the session knows when it is typed: the last of them.
fn skip_word(language: Language) -> String {
    let word = language.phrases().skip.pop().unwrap_or_default();
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn option_texts(option: &Opt) -> Vec<Value> {
    let mut texts = vec![card::bold(&option.choice.label)];
    texts.extend(option.description.as_deref().map(card::subtle));
    texts
}
