//! What the button of a card sends, in words.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::shortened;
use crate::plain::plain;

/// The most values of one card that are told.
const VALUES_MAX: usize = 20;

/// The longest name of a value, in characters.
const NAME_CHARS_MAX: usize = 60;

/// The longest value, in characters: people fill in sentences, not books.
const VALUE_CHARS_MAX: usize = 1_000;

/// Members by which a card speaks to Teams or to us, and no person says anything.
const NOT_SAID: [&str; 2] = ["msteams", "warmline"];

/// What a button sent.
pub(super) enum Values {
    /// Words and nothing else.
    Said(String),
    /// A line for each value, with its name.
    Named(String),
    /// Nothing that a person could read.
    None,
}

/// The value of the option behind a button of ours: `{"warmline":{"choice":…}}`.
pub(super) fn choice(value: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Submitted {
        warmline: Ours,
    }
    #[derive(Deserialize)]
    struct Ours {
        choice: String,
    }
    serde_json::from_str(value.get()).ok().map(|Submitted { warmline }| warmline.choice)
}

/// The simple members of what was sent.
pub(super) fn values(value: &RawValue) -> Values {
    match serde_json::from_str(value.get()) {
        Ok(Value::Object(members)) => {
            let members = members.iter().filter(|(name, _)| !NOT_SAID.contains(&name.as_str()));
            let lines = members.filter_map(|(name, value)| {
                let name = plain(name, NAME_CHARS_MAX);
                Some(format!("{name}: {}", shortened(&simple(value)?, VALUE_CHARS_MAX)))
            });
            let lines: Vec<_> = lines.take(VALUES_MAX).collect();
            if lines.is_empty() { Values::None } else { Values::Named(lines.join("\n")) }
        }
        Ok(other) => match simple(&other) {
            Some(text) => Values::Said(shortened(&text, VALUE_CHARS_MAX)),
            None => Values::None,
        },
        Err(_) => Values::None,
    }
}

/// A text, a number, yes or no, or a list of these.
fn simple(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().take(VALUES_MAX).filter_map(scalar).collect();
            (!items.is_empty()).then(|| items.join(", "))
        }
        Value::Null | Value::Object(_) => None,
    }
}

fn scalar(value: &Value) -> Option<String> {
    if value.is_array() { None } else { simple(value) }
}
