//! The items of a callback's `body` (reference 5.2 to 5.4).
//!
//! Owns their fields; which are sent when, is the sequences' business.

use serde_json::{Map, Value, json};

use super::{BYE, Context, Envelope, FileLink};
use crate::{
    config::{QuestionKind, Topic},
    instance::FileShape,
};

/// A text of the virtual agent with the picker that follows everything it did not understand.
pub(super) fn bot_says(words: Value, context: &Context<'_>) -> Envelope {
    let items = objects(vec![words, topic_picker(context)]);
    Envelope { items, ..Envelope::default() }.scored()
}

/// The offer that follows what the virtual agent did not understand, and a wait that was too long.
pub(super) fn topic_picker(context: &Context<'_>) -> Value {
    let option = |topic: &Topic| choice(&topic.name, &topic.id);
    let options: Vec<_> = context.setup.topics.iter().map(option).collect();
    json!({
        "uiType": "TopicPickerControl",
        "group": "DefaultPicker",
        "nluTextEnabled": false,
        "promptMsg": "You can choose one of these topics, or tell me what you are looking for.",
        "label": "Show me everything",
        "options": options,
    })
}

/// One question of the survey.
pub(super) fn question(place: usize, context: &Context<'_>) -> Option<Value> {
    let question = context.setup.survey.get(place)?;
    let label = &question.label;
    Some(match &question.kind {
        QuestionKind::YesNo => json!({
            "uiType": "Boolean",
            "group": "DefaultPicker",
            "label": label,
            "options": [choice("Yes", "yes"), choice("No", "no")],
        }),
        QuestionKind::Choice(choices) => {
            let options = choices.iter().map(|(label, value)| choice(label, value));
            json!({
                "uiType": "Picker",
                "group": "DefaultPicker",
                "label": label,
                "itemType": "List",
                "style": "list",
                "multiSelect": false,
                "options": options.collect::<Vec<_>>(),
            })
        }
        QuestionKind::Text => json!({
            "uiType": "InputText",
            "group": "DefaultText",
            "required": false,
            "maskType": "NONE",
            "label": label,
        }),
    })
}

fn choice(label: &str, value: &str) -> Value {
    json!({"label": label, "value": value, "renderStyle": "data", "enabled": false})
}

/// What the virtual agent answers `bye` with.
pub(super) fn bye_picker() -> Value {
    json!({
        "uiType": "Picker",
        "group": "DefaultPicker",
        "label": BYE,
        "itemType": "List",
        "style": "list",
        "multiSelect": false,
        "options": [choice("End conversation", "1"), choice("Cancel", "0")],
    })
}

pub(super) fn action(name: &str, fields: Value) -> Value {
    let mut item = json!({"uiType": "ActionMsg", "actionType": name});
    if let (Value::Object(item), Value::Object(fields)) = (&mut item, fields) {
        item.extend(fields);
    }
    item
}

pub(super) fn text(words: &str) -> Value {
    json!({"uiType": "OutputText", "group": "DefaultText", "value": words, "maskType": "NONE"})
}

pub(super) fn message(words: &str) -> Value {
    json!({"uiType": "OutputText", "message": words})
}

/// A file of an agent's, in the shape that a receiver is told to expect (reference 9.8): a picture,
/// or a link.
pub(super) fn file(file: FileLink<'_>) -> Value {
    let FileLink { name, content_type, url, shape } = file;
    let is_picture = content_type.to_ascii_lowercase().starts_with("image/");
    match shape {
        FileShape::Text => json!({
            "uiType": "OutputText",
            "group": "DefaultText",
            "itemType": if is_picture { "image" } else { "file" },
            "label": name,
            "value": url,
            "maskType": "NONE",
        }),
        FileShape::Image => picture(name, url),
        FileShape::Fitting if is_picture => picture(name, url),
        FileShape::Fitting | FileShape::Link => json!({
            "uiType": "OutputLink",
            "group": "DefaultOutputLink",
            "itemType": "file",
            "header": name,
            "label": name,
            "type": "link",
            "value": {"action": url},
        }),
    }
}

fn picture(name: &str, url: &str) -> Value {
    json!({
        "uiType": "OutputImage",
        "group": "DefaultOutputImage",
        "itemType": "image",
        "value": url,
        "altText": name,
    })
}

/// Marks an item as an agent's. Name and id go out only with "Agent names and avatars" on.
pub(super) fn by_agent(mut item: Value, context: &Context<'_>) -> Value {
    item["agentInfo"] = match context.agent.filter(|_| context.setup.names_shown) {
        Some((name, id)) => {
            // On the instance, as documentation shows it (reference 5.2).
            let avatar = format!("/{id}.iix?t=small");
            let mut info = json!({"sentFromAgent": true, "agentName": name, "agentAvatar": avatar});
            if context.setup.profile.version.names_agents_by_id() {
                info["agentId"] = id.into();
            }
            info
        }
        None => json!({"sentFromAgent": true}),
    };
    item
}

/// The specification's `agentInfo`, which has a name and nothing else.
pub(super) fn named(mut item: Value, context: &Context<'_>) -> Value {
    if let Some((name, _)) = context.agent.filter(|_| context.setup.names_shown) {
        item["agentInfo"] = json!({"agentName": name});
    }
    item
}

pub(super) fn objects(items: Vec<Value>) -> Vec<Map<String, Value>> {
    items
        .into_iter()
        .filter_map(|item| match item {
            Value::Object(fields) => Some(fields),
            _ => None,
        })
        .collect()
}
