//! What the button of a card sends, in words.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use session::{Given, id::Number};

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

/// What a card of ours gave in answer to a question of the desk.
pub(super) struct Answer {
    pub(super) given: Given,
    /// How people read it, as far as the card says.
    pub(super) words: String,
}

/// The answer that a card of ours sends; `None` if it is another's, or if nothing was filled in.
///
/// `{"warmline":{"answers":12,"value":"…","label":"…"}}` is an option, or a word that stands for one;
/// without `value` it is what was filled in: `warmlineValue`, `warmlineDate`, `warmlineTime`. With
/// `"secret":true` that is the desk's alone.
pub(super) fn answer(value: &RawValue) -> Option<Answer> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Submitted {
        warmline: Ours,
        #[serde(default)]
        warmline_value: Value,
        #[serde(default)]
        warmline_date: Value,
        #[serde(default)]
        warmline_time: Value,
    }
    #[derive(Deserialize)]
    struct Ours {
        answers: u64,
        #[serde(default)]
        value: Value,
        #[serde(default)]
        label: Value,
        #[serde(default)]
        asks: String,
        #[serde(default)]
        secret: Value,
    }
    let read: Submitted = serde_json::from_str(value.get()).ok()?;
    let to = Number(read.warmline.answers);
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    let value = text(&read.warmline.value).or_else(|| {
        let (day, time) = (text(&read.warmline_date), text(&read.warmline_time));
        match read.warmline.asks.as_str() {
            "date" => day,
            "time" => time,
            "dateTime" => match (day, time) {
                (Some(day), Some(time)) => Some(format!("{day} {time}")),
                (day, time) => day.or(time),
            },
            _ => text(&read.warmline_value),
        }
    })?;
    let words = text(&read.warmline.label).unwrap_or_else(|| value.clone());
    // Whoever writes it in a way of their own means it, too.
    let secret = !matches!(read.warmline.secret, Value::Null | Value::Bool(false));
    Some(Answer { given: Given { to, value, secret }, words })
}

/// Whether a button of a card of ours was pressed, whatever it sent.
pub(super) fn is_ours(value: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Submitted {
        #[serde(rename = "warmline")]
        _warmline: serde::de::IgnoredAny,
    }
    serde_json::from_str::<Submitted>(value.get()).is_ok()
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
