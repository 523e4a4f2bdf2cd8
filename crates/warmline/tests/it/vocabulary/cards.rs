//! What a client draws of a message and what it sends when somebody uses it: suggested actions, hero
//! cards, Adaptive Cards (their own rules, which are the client's, not Warmline's).

use serde_json::{Map, Value, json};

use super::Does;

/// Everything that is legible in a message: its text as it is drawn, and all strings of its attachments.
pub(super) fn legible(activity: &Value) -> String {
    let mut words = vec![drawn(activity)];
    collect(&activity["attachments"], &mut words);
    words.join("\n")
}

/// The text of a message, in which Markdown's signs for bold words are not seen where it is Markdown.
fn drawn(activity: &Value) -> String {
    const KEPT: &str = "\u{0}";
    let words = text(&activity["text"]);
    if activity["textFormat"] != "markdown" {
        return words;
    }
    words.replace("\\*", KEPT).replace("**", "").replace(KEPT, "*")
}

fn collect(value: &Value, words: &mut Vec<String>) {
    match value {
        Value::String(word) => words.push(word.clone()),
        Value::Array(values) => values.iter().for_each(|value| collect(value, words)),
        Value::Object(members) => members.values().for_each(|value| collect(value, words)),
        _ => {}
    }
}

/// What the client posts when somebody does this; `None` where there is nothing to do it with.
pub(super) fn posted(activity: &Value, does: Does) -> Option<Value> {
    let button = match does {
        Does::Presses(label) => Some(label),
        Does::Skips => Some("Skip"),
        Does::Chooses(_) | Does::Fills(_) => None,
    };
    let pressed = button.and_then(|label| pressed(&activity["suggestedActions"]["actions"], label));
    let mut attachments = activity["attachments"].as_array().into_iter().flatten();
    let by_card = attachments.find_map(|attachment| card(attachment, does));
    let typed = || match does {
        // Where there is nothing to fill in, it is typed.
        Does::Fills(words) => Some(json!({"type": "message", "text": words})),
        _ => None,
    };
    pressed.or(by_card).or_else(typed)
}

/// A button of the Bot Framework's cards.
fn pressed(buttons: &Value, label: &str) -> Option<Value> {
    let wanted = |button: &&Value| button["title"] == label || button["text"] == label;
    let button = buttons.as_array()?.iter().find(wanted)?;
    Some(match text(&button["type"]).as_str() {
        "postBack" | "messageBack" if !button["value"].is_string() => {
            json!({"type": "message", "value": button["value"], "channelData": {"postBack": true}})
        }
        _ => json!({"type": "message", "text": button["value"]}),
    })
}

fn card(attachment: &Value, does: Does) -> Option<Value> {
    let content = &attachment["content"];
    if attachment["contentType"] != "application/vnd.microsoft.card.adaptive" {
        return match does {
            Does::Presses(label) => pressed(&content["buttons"], label),
            _ => None,
        };
    }
    let (mut inputs, mut submits) = (Vec::new(), Vec::new());
    walk(content, &mut inputs, &mut submits);
    let titled = |title: &str| submits.iter().find(|submit| submit["title"] == title).copied();
    let is_skip = |submit: &&Value| submit["data"].to_string().contains("_skip_");
    let (submit, values) = match does {
        // A button that is the answer, or a list in which it is an option.
        Does::Presses(label) => match titled(label) {
            Some(submit) => (submit, Map::new()),
            None => (submits.iter().copied().find(|s| !is_skip(s))?, chosen(&inputs, &[label])?),
        },
        Does::Chooses(labels) => {
            (submits.iter().copied().find(|s| !is_skip(s))?, chosen(&inputs, labels)?)
        }
        Does::Fills(words) => {
            (submits.iter().copied().find(|s| !is_skip(s))?, filled(&inputs, words)?)
        }
        Does::Skips => (submits.iter().copied().find(is_skip)?, Map::new()),
    };
    let mut value = submit["data"].as_object().cloned().unwrap_or_default();
    value.extend(values);
    Some(json!({"type": "message", "value": value, "channelData": {"postBack": true}}))
}

fn walk<'a>(value: &'a Value, inputs: &mut Vec<&'a Value>, submits: &mut Vec<&'a Value>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| walk(value, inputs, submits)),
        Value::Object(members) => {
            let kind = text(&value["type"]);
            if kind.starts_with("Input.") {
                inputs.push(value);
            } else if kind == "Action.Submit" || kind == "Action.Execute" {
                submits.push(value);
                return;
            }
            members.values().for_each(|value| walk(value, inputs, submits));
        }
        _ => {}
    }
}

/// What a list sends when these are chosen.
fn chosen(inputs: &[&Value], labels: &[&str]) -> Option<Map<String, Value>> {
    let list = inputs.iter().find(|input| input["type"] == "Input.ChoiceSet")?;
    let choices = list["choices"].as_array()?;
    let value = |label: &&str| {
        let choice = choices.iter().find(|choice| choice["title"] == *label)?;
        Some(text(&choice["value"]))
    };
    let values: Option<Vec<_>> = labels.iter().map(value).collect();
    Some(Map::from_iter([(text(&list["id"]), values?.join(",").into())]))
}

/// What fields send when this is filled in: the day, the time, or words.
fn filled(inputs: &[&Value], words: &str) -> Option<Map<String, Value>> {
    let (day, time) = words.split_once(' ').unwrap_or((words, words));
    let value = |input: &&Value| {
        let given = match text(&input["type"]).as_str() {
            "Input.Date" => day,
            "Input.Time" => time,
            "Input.Text" => words,
            _ => return None,
        };
        Some((text(&input["id"]), Value::from(given)))
    };
    let values: Map<_, _> = inputs.iter().filter_map(value).collect();
    (!values.is_empty()).then_some(values)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
