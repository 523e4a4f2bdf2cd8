//! Adaptive Cards, as far as they are needed here, and what their buttons answer.
//!
//! Version 1.5 is what both Teams and Web Chat draw. Texts are Markdown there, so words that are none
//! are escaped.

use serde_json::{Value, json};
use session::id::Number;

use super::markdown;

/// The ids of the inputs, by which what was put in is found in an answer.
pub(super) const VALUE_ID: &str = "warmlineValue";
pub(super) const DATE_ID: &str = "warmlineDate";
pub(super) const TIME_ID: &str = "warmlineTime";

/// What a button's data says: which entry it answers, and with what.
#[derive(Clone, Copy)]
pub(super) enum Answer<'a> {
    /// This value.
    Value(&'a str),
    /// What was put in; the word says what that is.
    Inputs(&'static str),
    /// The same, and it is the desk's alone.
    Secret,
}

/// A button that answers.
pub(super) fn submit(title: &str, entry: Number, answer: Answer<'_>) -> Value {
    let data = match answer {
        // The label is what people read if the question is not open any more.
        Answer::Value(value) => json!({ "answers": entry.0, "value": value, "label": title }),
        Answer::Secret => json!({ "answers": entry.0, "asks": "text", "secret": true }),
        Answer::Inputs(asks) => json!({ "answers": entry.0, "asks": asks }),
    };
    let mut action =
        json!({ "type": "Action.Submit", "title": title, "data": { "warmline": data } });
    if let Answer::Value(_) = answer {
        // What is not filled in must not stand in the way of a fixed answer.
        action["associatedInputs"] = "none".into();
    }
    action
}

/// A button that leads somewhere.
pub(super) fn open(title: &str, address: &str) -> Value {
    json!({ "type": "Action.OpenUrl", "title": title, "url": address })
}

/// Words.
pub(super) fn text(words: &str) -> Value {
    json!({ "type": "TextBlock", "text": markdown::escaped(words), "wrap": true })
}

/// Words that stand out.
pub(super) fn bold(words: &str) -> Value {
    with(text(words), "weight", "Bolder")
}

/// Words that stand back.
pub(super) fn subtle(words: &str) -> Value {
    with(text(words), "isSubtle", true)
}

/// A picture. `size` is `Small`, `Medium` or `Stretch`.
pub(super) fn picture(address: &str, alt: &str, size: &str) -> Value {
    json!({ "type": "Image", "url": address, "altText": alt, "size": size })
}

/// The same with a member more.
pub(super) fn with(mut element: Value, name: &str, value: impl Into<Value>) -> Value {
    element[name] = value.into();
    element
}

/// The card as an attachment.
#[expect(clippy::needless_pass_by_value, reason = "what it is made of is used up")]
pub(super) fn attachment(body: Vec<Value>, actions: Vec<Value>) -> Value {
    let mut content = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.5",
        "body": body,
    });
    if !actions.is_empty() {
        content["actions"] = actions.into();
    }
    json!({ "contentType": "application/vnd.microsoft.card.adaptive", "content": content })
}

/// Adds a button to the last card, or on one of its own where the last attachment is none.
pub(super) fn add_action(attachments: &mut Vec<Value>, action: Value) {
    match attachments.last_mut().and_then(|last| last.get_mut("content")) {
        Some(content) => match content["actions"].as_array_mut() {
            Some(actions) => actions.push(action),
            None => content["actions"] = vec![action].into(),
        },
        None => attachments.push(attachment(Vec::new(), vec![action])),
    }
}
