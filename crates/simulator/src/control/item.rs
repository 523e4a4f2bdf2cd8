//! What each [`Control`] is on the wire, as an instance would send it.
//!
//! Owns examples of every field that reference 5.2 to 5.5 know. Addresses of files lie on the
//! instance and need the caller's bearer.

use serde_json::{Value, json};

use super::Control;
use crate::media::{PATH, SAMPLE_KEY};

/// A control in the steps in which it is shown; where one asks something, the next waits for the
/// answer.
pub(crate) type Steps = Vec<Step>;

/// What is shown at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// Which control it belongs to; absent for an item that a test has made up.
    pub(crate) control: Option<Control>,
    pub(crate) items: Vec<Value>,
    /// It comes in pieces; the one item is a text.
    pub(crate) streamed: bool,
    /// It comes with `agentInfo`.
    pub(crate) is_agents: bool,
}

/// The steps of a control. `host` stands before addresses on the instance, empty where they are
/// relative; `id` is for what comes twice under one id.
pub(crate) fn steps(control: Control, host: &str, id: &str) -> Steps {
    let picture = format!("{host}{PATH}/{SAMPLE_KEY}");
    let items = match control {
        Control::Table => vec![vec![table()], vec![says("These were all of your incidents.")]],
        Control::MultiPart => vec![vec![part(1)], vec![part(2)], vec![says("Part 3 of 3.")]],
        Control::DynamicLoader => vec![vec![loader(id, "in_progress"), loader(id, "completed")]],
        Control::Spinner => vec![vec![
            action("StartSpinner", json!({"spinnerType": "processing", "message": "One moment."})),
            action("EndSpinner", json!({"spinnerType": "processing"})),
        ]],
        _ => vec![vec![item(control, &picture)]],
    };
    let streamed = control == Control::Stream;
    let step =
        |items| Step { control: Some(control), items, streamed, is_agents: control.is_agents() };
    items.into_iter().map(step).collect()
}

fn item(control: Control, picture: &str) -> Value {
    match control {
        Control::Html
        | Control::HtmlImage
        | Control::Link
        | Control::Links
        | Control::Image
        | Control::Card
        | Control::CardLargeImage
        | Control::CardSmallImage
        | Control::CardVideo
        | Control::CardNotification => output(control, picture),
        Control::PickerList
        | Control::PickerLong
        | Control::PickerCarousel
        | Control::PickerButtons
        | Control::PickerMulti
        | Control::PickerOptional
        | Control::ItemPicker
        | Control::TopicPicker
        | Control::Boolean
        | Control::BooleanWithoutValues => choice(control, picture),
        Control::Date
        | Control::Time
        | Control::DateTime
        | Control::InputText
        | Control::InputTextOptional
        | Control::InputTextSecure
        | Control::InputTextSensitive
        | Control::FileUpload
        | Control::Picture
        | Control::CustomControl => input(control),
        Control::System
        | Control::ChatSubHeader
        | Control::Separator
        | Control::TopicFinished
        | Control::SwitchConversation
        | Control::UnknownAction => told(control),
        // The rest is words; what comes in several steps is not asked for here.
        _ => words(control),
    }
}

fn says(text: &str) -> Value {
    json!({"uiType": "OutputText", "group": "DefaultText", "value": text, "maskType": "NONE"})
}

fn masked(text: &str, mask: &str) -> Value {
    json!({"uiType": "OutputText", "group": "DefaultText", "value": text, "maskType": mask})
}

fn words(control: Control) -> Value {
    match control {
        Control::Markdown => says(
            "**Your laptop** is on its way:\n\n1. ordered\n2. packed\n\nSee [the order](https://example.org/order).",
        ),
        Control::SecureText => masked("Your one-time code is 4711.", "SECURE"),
        Control::SensitiveText => masked("Your staff number is 0815.", "SENSITIVE"),
        Control::CitedText | Control::Stream => cited(),
        Control::UnknownKind => json!({
            "uiType": "HologramControl",
            "group": "DefaultHologram",
            "label": "Something that only newer clients can show.",
            "value": {"depth": 3},
        }),
        _ => says(
            "Your order *is* in C:\\_orders_ & costs <b>10</b> \u{20ac} \u{1f469}\u{200d}\u{1f4bb}.",
        ),
    }
}

fn cited() -> Value {
    json!({
        "uiType": "OutputText",
        "group": "DefaultText",
        "value": "You can reset your **password** on the portal.",
        "maskType": "NONE",
        "citations": [{
            "title": "KB0010001: Reset a password",
            "label": "Reset a password",
            "url": "https://example.org/kb?id=KB0010001",
            "number": 1,
        }],
        "relatedList": [{"label": "Password rules", "url": "https://example.org/rules"}],
        "feedback": {"feedbackEnabled": true},
    })
}

fn output(control: Control, picture: &str) -> Value {
    match control {
        Control::Html => json!({
            "uiType": "OutputHtml",
            "group": "DefaultOutputHtml",
            "style": "inline",
            "height": 0,
            "width": 0,
            "value": "<h2>Your plan</h2><p>It is <b>active</b> since <i>March</i>.\
                      <script>window.hacked = true</script>\
                      <img src=x onerror=\"window.hacked = true\"></p>\
                      <ul><li>One</li><li><a href=\"https://example.org/plan\">Two</a></li></ul>\
                      <a href=\"javascript:window.hacked = true\">three</a>",
        }),
        Control::HtmlImage => json!({
            "uiType": "OutputHtml",
            "group": "DefaultOutputHtml",
            "style": "inline",
            "value": "<p>The plan as a picture</p>",
            "imageUrl": picture,
            "imageHeight": 64,
            "imageWidth": 64,
            "links": [{"link": "https://example.org/plan", "label": "The plan"}],
        }),
        Control::Link => json!({
            "uiType": "OutputLink",
            "group": "DefaultOutputLink",
            "header": "Read this first",
            "label": "Travel policy",
            "type": "link",
            "value": {"action": "https://example.org/policy", "target": "_blank"},
        }),
        Control::Links => json!({
            "uiType": "GroupedPartsOutputControl",
            "group": "DefaultGroupedPartsOutputControl",
            "groupPartType": "Link",
            "header": "I found these articles",
            "values": [
                {"label": "Set up a phone", "action": "https://example.org/phone",
                 "description": "For new staff", "context": "KB", "target": "_blank"},
                {"label": "Phone plans", "action": "https://example.org/plans",
                 "description": "", "context": "KB", "target": "_blank"},
            ],
        }),
        Control::Image => json!({
            "uiType": "OutputImage",
            "group": "DefaultOutputImage",
            "itemType": "image",
            "value": picture,
            "altText": "A plan of the building",
        }),
        _ => card(control, picture),
    }
}

fn card(control: Control, picture: &str) -> Value {
    let (template, data) = match control {
        Control::CardLargeImage => (
            "Large image with text",
            json!({"title": "Laptop 14", "description": "Light and quick.", "image": picture,
                   "url": "https://example.org/laptop", "target": "_blank"}),
        ),
        Control::CardSmallImage => (
            "Small image with text",
            json!({"title": "Mouse", "description": "With two buttons.", "image": picture,
                   "url": "https://example.org/mouse", "target": "_blank"}),
        ),
        Control::CardVideo => (
            "Youtube Video Card",
            json!({"title": "How to unpack", "description": "Two minutes.",
                   "video_id": "dQw4w9WgXcQ",
                   "link": "https://www.youtube.com/watch?v=dQw4w9WgXcQ"}),
        ),
        Control::CardNotification => (
            "Notification",
            json!({"title": "Approved", "description": "Your request was approved.",
                   "url": "https://example.org/request"}),
        ),
        _ => (
            "Card",
            json!({
                "title": "Incident",
                "subtitle": "INC0010023",
                "url": "https://example.org/incident",
                "fields": [
                    {"fieldLabel": "State", "fieldValue": "In progress"},
                    {"fieldLabel": "Short description", "fieldValue": "Pay slip is wrong"},
                ],
            }),
        ),
    };
    json!({
        "uiType": "OutputCard",
        "group": "DefaultOutputCard",
        "templateName": template,
        "data": data.to_string(),
    })
}

fn table() -> Value {
    json!({
        "uiType": "OutputTable",
        "group": "DefaultOutputTable",
        "label": "Your incidents",
        "headers": ["Number", "State", "Opened"],
        "data": [
            ["INC0010023", "In progress", "2026-03-04"],
            ["INC0010042", "New", "2026-03-05"],
        ],
        "paginationBreak": 2,
        "totalSearchResultsCount": 2,
        "navigationBtnLabel": "Go on",
    })
}

fn part(number: u8) -> Value {
    json!({
        "uiType": "MultiPartOutput",
        "group": "DefaultMultiPartOutput",
        "navigationBtnLabel": "Show more",
        "content": says(&format!("Part {number} of 3.")),
    })
}

fn option(label: &str, value: &str) -> Value {
    json!({"label": label, "value": value, "renderStyle": "data", "enabled": false})
}

fn choice(control: Control, picture: &str) -> Value {
    let phones =
        || vec![option("Phone", "phone"), option("Laptop", "laptop"), option("Tablet", "tablet")];
    let picker = |style: Option<&str>, multi: bool, required: bool, options: Vec<Value>| {
        json!({
            "uiType": "Picker",
            "group": "DefaultPicker",
            "nluTextEnabled": false,
            "label": "Which device is it?",
            "itemType": "List",
            "style": style,
            "multiSelect": multi,
            "required": required,
            "options": options,
        })
    };
    match control {
        Control::PickerLong => {
            let floor = |n: u8| option(&format!("Floor {n}"), &format!("floor-{n}"));
            picker(Some("list"), false, true, (1..=12).map(floor).collect())
        }
        Control::PickerCarousel => {
            let mut picker = picker(Some("carousel"), false, true, pictured(picture));
            picker["itemType"] = "Picture".into();
            picker
        }
        Control::PickerButtons => picker(Some("button"), false, true, phones()),
        Control::PickerMulti => picker(Some("list"), true, true, phones()),
        Control::PickerOptional => picker(Some("list"), false, false, phones()),
        Control::ItemPicker => {
            let mut picker = picker(None, false, true, phones());
            picker["uiType"] = "ItemPicker".into();
            picker
        }
        Control::TopicPicker => json!({
            "uiType": "TopicPickerControl",
            "group": "DefaultPicker",
            "nluTextEnabled": false,
            "promptMsg": "What can I do for you?",
            "label": "Show me everything",
            "options": [
                option("Order a device", "b1d2f7d553130010cf8cddeeff7b1201"),
                option("Report a problem", "b1d2f7d553130010cf8cddeeff7b1202"),
            ],
        }),
        Control::Boolean => json!({
            "uiType": "Boolean",
            "group": "DefaultPicker",
            "label": "Is it switched on?",
            "required": true,
            "options": [option("Yes", "yes"), option("No", "no")],
        }),
        Control::BooleanWithoutValues => json!({
            "uiType": "Boolean",
            "group": "DefaultPicker",
            "label": "Is it plugged in?",
            "required": true,
            "options": [{"label": "Yes"}, {"label": "No"}],
        }),
        _ => picker(Some("list"), false, true, phones()),
    }
}

/// Options with pictures and descriptions, in another order than they are to be shown in.
fn pictured(picture: &str) -> Vec<Value> {
    let of = |label: &str, value: &str, order: u8| {
        json!({
            "label": label,
            "value": value,
            "description": format!("The {label} of this year."),
            "attachment": picture,
            "renderStyle": "data",
            "enabled": false,
            "order": order,
        })
    };
    vec![of("Laptop 16", "l16", 2), of("Laptop 14", "l14", 1), of("Tablet", "t11", 3)]
}

fn input(control: Control) -> Value {
    let (kind, group, label) = match control {
        Control::Date => ("Date", "DefaultDate", "On which day did it begin?"),
        Control::Time => ("Time", "DefaultDate", "At what time may we call?"),
        Control::DateTime => ("DateTime", "DefaultDate", "When shall somebody come?"),
        Control::InputTextOptional => ("InputText", "DefaultText", "Anything to add?"),
        Control::InputTextSecure => ("InputText", "DefaultText", "What is your password?"),
        Control::InputTextSensitive => ("InputText", "DefaultText", "What is your staff number?"),
        Control::FileUpload => ("FileUpload", "DefaultText", "Please upload the pay slip."),
        Control::Picture => ("Picture", "DefaultText", "Please upload a picture of it."),
        Control::CustomControl => {
            ("CustomControl", "DefaultCustomControl", "Please rate the call.")
        }
        _ => ("InputText", "DefaultText", "What is your order number?"),
    };
    let mut item = json!({
        "uiType": kind,
        "group": group,
        "label": label,
        "required": control != Control::InputTextOptional,
        "maskType": match control {
            Control::InputTextSecure => "SECURE",
            Control::InputTextSensitive => "SENSITIVE",
            _ => "NONE",
        },
    });
    let more = match control {
        Control::FileUpload => json!({"itemType": "file", "maxCount": 2, "maxSize": 20}),
        Control::Picture => json!({"itemType": "image", "maxCount": 1, "maxSize": 5}),
        Control::CustomControl => json!({
            "name": "rating",
            "isInput": true,
            "uxComponentDefinitionSysId": "c0d2f7d553130010cf8cddeeff7b1203",
            "serializedControlData": "{\"stars\":5}",
        }),
        _ => json!({"itemType": "inputtext"}),
    };
    if let (Some(item), Value::Object(more)) = (item.as_object_mut(), more) {
        item.extend(more);
    }
    item
}

fn told(control: Control) -> Value {
    match control {
        Control::System => action("System", json!({"message": "The conversation is recorded."})),
        Control::ChatSubHeader => {
            action("ChatSubHeader", json!({"message": "Messages are being translated."}))
        }
        Control::Separator => action("Separator", json!({})),
        Control::TopicFinished => action("TopicFinished", json!({})),
        Control::SwitchConversation => action("SwitchConversation", json!({})),
        _ => action("HologramActionMsg", json!({"message": "Something new happened."})),
    }
}

fn action(name: &str, fields: Value) -> Value {
    let mut item = json!({"uiType": "ActionMsg", "actionType": name});
    if let (Some(item), Value::Object(fields)) = (item.as_object_mut(), fields) {
        item.extend(fields);
    }
    item
}

fn loader(id: &str, status: &str) -> Value {
    action(
        "DynamicLoader",
        json!({
            "header": "Looking for your order",
            "defaultHeader": "Working on it",
            "progressMessages": [
                {"message": "Searching the catalog", "status": "completed"},
                {"message": "Asking the warehouse", "status": status},
            ],
            "messageId": id,
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::answer::Question;

    #[test]
    fn each_control_is_of_its_kind_and_asks_when_it_should() {
        let asks = |control| {
            let steps = steps(control, "http://h", "id");
            let items = steps.iter().flat_map(|step| &step.items);
            items.filter_map(|item| Question::of(item.as_object().unwrap())).count()
        };
        for control in Control::ALL {
            let expected = match control {
                Control::MultiPart => 2,
                Control::Table => 1,
                _ if control.to_string().starts_with("picker")
                    || control.to_string().starts_with("input")
                    || control.to_string().starts_with("boolean") =>
                {
                    1
                }
                Control::ItemPicker
                | Control::TopicPicker
                | Control::Date
                | Control::Time
                | Control::DateTime
                | Control::FileUpload
                | Control::Picture => 1,
                _ => 0,
            };
            assert_eq!(asks(control), expected, "{control}");
        }
    }

    #[test]
    fn no_two_controls_are_the_same_on_the_wire() {
        let mut seen: Vec<String> = Vec::new();
        for control in Control::ALL {
            let steps = steps(control, "", "id");
            let wire: Vec<_> = steps.iter().map(|step| (&step.items, step.streamed)).collect();
            let wire = format!("{wire:?}");
            assert!(!seen.contains(&wire), "{control}");
            seen.push(wire);
        }
    }
}
