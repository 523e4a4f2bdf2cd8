//! One case for each control, template and look: what a page, Teams and everybody else is shown.

mod signals;

use std::borrow::Cow;

use serde_json::{Value, from_str};
use servicenow::{Item, Signal};
use session::{Agent, Author, Content, id::Timestamp};

use super::*;
use crate::{
    channel::{
        Place, Sending,
        outgoing::Addresses,
        reference::tests::{PERSONAL, reference},
    },
    desk::news::said_of,
    keeping::Entry,
};

/// Items and what they look like: what the activity carries that a channel of `text` alone is sent, and
/// for a `page` and for `teams` (`null`: the words alone).
const CASES: [&str; 3] = [
    include_str!("tests/outputs.json"),
    include_str!("tests/cards.json"),
    include_str!("tests/questions.json"),
];

/// What is kept may be opened, and what anybody may open; nothing else.
fn opened(address: &str) -> Option<String> {
    match address.strip_prefix("/kept/") {
        Some(file) => Some(format!("https://ours.example/files/{file}")),
        None => public(address),
    }
}

fn look(surface: Surface, prefix: &str) -> Look<'_> {
    let (language, entry, pictures) = (Language::English, Number(7), &*NO_PICTURES);
    Look { surface, language, entry, prefix, open: &opened, pictures }
}

fn item(json: &str) -> Item {
    let callback = servicenow::read(format!(r#"{{"body":[{json}]}}"#).as_bytes()).unwrap();
    let mut items = callback.signals.into_iter().filter_map(|signal| match signal {
        Signal::Item(item) => Some(item),
        _ => None,
    });
    items.next().unwrap_or_else(|| panic!("no item: {json}"))
}

/// What the activity carries, without its type.
fn carried(json: &str, surface: Surface) -> Value {
    let item = item(json);
    let name = item.agent.as_ref().and_then(|agent| agent.name.clone());
    let prefix = name.map(|name| format!("{name}: ")).unwrap_or_default();
    let Some(shown) = shown(&said_of(item, Language::English), &look(surface, &prefix)) else {
        return Value::Null;
    };
    let mut activity = Activity::of_kind("message");
    shown.put_into(&mut activity, &["kim"]);
    let mut carried: Value = from_str(&activity.to_json()).unwrap();
    carried.as_object_mut().unwrap().remove("type");
    carried
}

/// The members of an activity that say what it shows.
const SHOWING: [&str; 6] =
    ["type", "text", "textFormat", "suggestedActions", "attachments", "attachmentLayout"];

/// What is sent to a channel that shows words and buttons.
fn in_text(author: Author, content: Content) -> Value {
    let reference = reference(PERSONAL);
    let (language, pictures) = (Language::English, &*NO_PICTURES);
    let links: Option<&dyn Addresses> = Some(&Kept);
    let place = Place { reference: &reference, channel: "line", language, links, pictures };
    let entry = Entry { number: Number(7), at: Timestamp(0), author, content };
    let Sending::Send(activity) = place.sending(&entry, 0, |_| None) else { return Value::Null };
    let mut sent: Value = from_str(&activity).unwrap();
    let members = sent.as_object_mut().unwrap();
    members.retain(|name, _| SHOWING.contains(&name.as_str()) && name != "type");
    sent
}

/// Addresses as [`opened`] gives them out.
struct Kept;

impl Addresses for Kept {
    fn open(&self, _: Number, address: &str) -> Option<String> {
        opened(address)
    }

    fn shown<'j>(&self, json: &'j str) -> Cow<'j, str> {
        json.into()
    }
}

/// What an item is sent as to a channel that shows words and buttons.
fn text_of(json: &str) -> Value {
    let item = item(json);
    let agent = item.from_agent.then(|| item.agent.clone().unwrap_or_default());
    let author = match agent {
        Some(agent) => Author::Agent(Agent { name: agent.name, id: None, avatar: None }),
        None => Author::Desk,
    };
    in_text(author, Content::Said(said_of(item, Language::English)))
}

fn cases() -> Vec<Value> {
    CASES.iter().flat_map(|cases| from_str::<Vec<Value>>(cases).unwrap()).collect()
}

#[test]
fn every_control_looks_as_it_should_wherever_the_user_is() {
    let mut differing = Vec::new();
    for case in cases() {
        let json = case["item"].to_string();
        let (page, teams) = (carried(&json, Surface::Page), carried(&json, Surface::Teams));
        let teams = if teams == page { json!("as on a page") } else { teams };
        let text = text_of(&json);
        let actual = json!({ "item": case["item"], "text": text, "page": page, "teams": teams });
        if actual != case {
            differing.push(actual.to_string());
        }
    }
    assert!(differing.is_empty(), "these look otherwise now:\n{}", differing.join("\n"));
}

#[test]
fn every_control_and_template_of_the_reference_has_a_case() {
    let all = cases();
    let has = |member: &str, value: &str| all.iter().any(|case| case["item"][member] == value);
    for ui_type in [
        "OutputText",
        "OutputHtml",
        "OutputImage",
        "OutputLink",
        "GroupedPartsOutputControl",
        "OutputCard",
        "OutputTable",
        "MultiPartOutput",
        "InputText",
        "Boolean",
        "Picker",
        "TopicPickerControl",
        "Date",
        "Time",
        "DateTime",
        "FileUpload",
        "Picture",
        "CustomControl",
        "ItemPicker",
        "DefaultPicker",
    ] {
        assert!(has("uiType", ui_type), "{ui_type}");
    }
    for template in [
        "Large image with text",
        "Small image with text",
        "Youtube Video Card",
        "Card",
        "Notification",
    ] {
        assert!(has("templateName", template), "{template}");
    }
    for style in ["button", "carousel", "list"] {
        assert!(has("style", style), "{style}");
    }
}

#[test]
fn teams_is_sent_nothing_that_it_refuses() {
    for case in cases() {
        let shown = carried(&case["item"].to_string(), Surface::Teams);
        let buttons = shown["suggestedActions"]["actions"].as_array().map_or(0, Vec::len);
        let cards = shown["attachments"].as_array().map_or(0, Vec::len);
        assert!(buttons <= 6, "{shown}");
        assert!(buttons == 0 || cards == 0, "{shown}");
        assert!(cards <= CAROUSEL_CARDS_MAX, "{shown}");
    }
}

#[test]
fn an_address_that_the_user_cannot_open_is_not_shown() {
    for case in cases() {
        for surface in [Surface::Page, Surface::Teams] {
            let shown = carried(&case["item"].to_string(), surface).to_string();
            for theirs in ["/closed/", "service-now.com"] {
                assert!(!shown.contains(theirs), "{shown}");
            }
        }
    }
}

#[test]
fn a_card_that_is_too_large_for_the_place_is_told_in_words() {
    let table = |rows: usize| {
        let rows = vec![r#"["a row of a table that says a little and then a little more"]"#; rows]
            .join(",");
        format!(r#"{{"uiType":"OutputTable","data":[{rows}]}}"#)
    };
    for (rows, page, teams) in [(1, true, true), (100, true, true), (200, true, false)] {
        let json = table(rows);
        let is_shown = |surface| carried(&json, surface) != Value::Null;
        assert_eq!((is_shown(Surface::Page), is_shown(Surface::Teams)), (page, teams), "{rows}");
    }
    let wide = [r#""cell""#; 7].join(",");
    let json = format!(r#"{{"uiType":"OutputTable","data":[[{wide}]]}}"#);
    assert_eq!(carried(&json, Surface::Page), Value::Null);
}

#[test]
fn long_lists_are_picked_from_and_longer_ones_are_folded() {
    let picker = |count: usize| {
        let options: Vec<_> =
            (1..=count).map(|n| format!(r#"{{"label":"Option {n}","value":"v{n}"}}"#)).collect();
        format!(r#"{{"uiType":"Picker","label":"Which?","options":[{}]}}"#, options.join(","))
    };
    let style = |count, surface| {
        let shown = carried(&picker(count), surface);
        match shown["attachments"][0]["content"]["body"][0]["style"].as_str() {
            Some(style) => style.to_owned(),
            None => format!(
                "{} buttons",
                shown["suggestedActions"]["actions"].as_array().unwrap().len()
            ),
        }
    };
    for (count, page, teams) in [
        (6, "6 buttons", "6 buttons"),
        (7, "7 buttons", "expanded"),
        (8, "8 buttons", "expanded"),
        (9, "9 buttons", "compact"),
        (10, "10 buttons", "compact"),
        (11, "compact", "compact"),
        (150, "compact", "compact"),
    ] {
        assert_eq!(style(count, Surface::Page), page, "{count}");
        assert_eq!(style(count, Surface::Teams), teams, "{count}");
    }
}

#[test]
fn a_list_that_the_session_cuts_is_answered_by_a_card() {
    let long = "x".repeat(1_100);
    let options = [1, 2].map(|n| format!(r#"{{"label":"{n}{long}","value":"v{n}"}}"#)).join(",");
    let json = format!(r#"{{"uiType":"Picker","label":"Which?","options":[{options}]}}"#);
    for surface in [Surface::Page, Surface::Teams] {
        let shown = carried(&json, surface);
        assert_eq!(shown.get("suggestedActions"), None);
        let list = &shown["attachments"][0]["content"]["body"][0];
        assert_eq!(
            (&list["type"], &list["choices"][1]["value"]),
            (&json!("Input.ChoiceSet"), &json!("v2"))
        );
    }
}

#[test]
fn an_agents_name_stands_before_words_and_above_a_list() {
    for (html, text) in [
        ("Hello", "Dana: Hello"),
        ("<ul><li>x</li></ul>", "Dana:\n\n- x"),
        ("<ol><li>x</li></ol>", "Dana:\n\n1. x"),
        ("<h1>x</h1>", "Dana:\n\n### x"),
        ("<blockquote><p>x</p></blockquote>", "Dana:\n\n> x"),
        ("<pre>x</pre>", "Dana:\n\n```\nx\n```"),
        ("<b>x</b>", "Dana: **x**"),
        ("1. x", r"Dana: 1\. x"),
    ] {
        let json = json!({ "uiType": "OutputHtml", "value": html,
            "agentInfo": { "sentFromAgent": true, "agentName": "Dana" } });
        assert_eq!(carried(&json.to_string(), Surface::Page)["text"], text);
    }
}

#[test]
fn a_name_never_stands_alone_on_a_page_and_a_file_is_named_once() {
    let by_dana = |mut item: Value| {
        item["agentInfo"] = json!({ "sentFromAgent": true, "agentName": "Dana" });
        item.to_string()
    };
    let picture = by_dana(json!({ "uiType": "OutputImage", "value": "https://e.org/a.png" }));
    let shown = carried(&picture, Surface::Page);
    assert_eq!(
        (&shown["text"], shown["attachments"].as_array().map(Vec::len)),
        (&json!(""), Some(1))
    );
    let in_teams = carried(&picture, Surface::Teams);
    let linked = "Dana: [Picture](https://e.org/a.png)";
    assert_eq!(in_teams["text"], linked, "Teams shows no sender, and not every picture");
    let file = |header: &str| {
        by_dana(json!({ "uiType": "OutputLink", "header": header, "label": "plan.pdf",
            "value": { "action": "https://e.org/plan.pdf" } }))
    };
    let text = |header| carried(&file(header), Surface::Page)["text"].as_str().unwrap().to_owned();
    assert_eq!(text("plan.pdf").matches("plan.pdf").count(), 2, "the label and the address");
    assert!(text("Read this").contains("**Read this**"));
}

#[test]
fn a_part_of_the_virtual_agents_is_markdown_and_its_button_is_no_line_of_it() {
    for (content, text) in [
        (r#"{"uiType":"OutputText","value":"*One*"}"#, "*One*"),
        (
            r#"{"uiType":"OutputText","value":"*One*","citations":[{"title":"KB","url":"https://e.org/k"}]}"#,
            "*One*\n\n**Sources**\n\n- [KB](https://e.org/k)",
        ),
    ] {
        let json = format!(
            r#"{{"uiType":"MultiPartOutput","navigationBtnLabel":"More","content":{content}}}"#
        );
        let shown = carried(&json, Surface::Page);
        assert_eq!((&shown["text"], &shown["textFormat"]), (&json!(text), &json!("markdown")));
        assert_eq!(shown["suggestedActions"]["actions"][0]["title"], "More");
    }
}

#[test]
fn buttons_with_the_same_words_say_what_tells_them_apart() {
    let json = r#"{"uiType":"Picker","label":"Which?","options":[{"label":"Printer","value":"p1"},{"label":"Printer","value":"p2"},{"label":"Phone","value":"p3"}]}"#;
    let shown = carried(json, Surface::Page);
    let says = |n: usize| shown["suggestedActions"]["actions"][n]["value"].clone();
    assert_eq!((says(0), says(1), says(2)), (json!("p1"), json!("p2"), json!("Phone")));
}

#[test]
fn words_of_ours_are_in_the_users_language() {
    let json = r#"{"uiType":"Date","label":"Wann?","required":false}"#;
    let look = Look { language: Language::German, ..look(Surface::Page, "") };
    let shown = shown(&said_of(item(json), Language::German), &look).unwrap();
    let card = &shown.attachments[0]["content"];
    assert_eq!(card["body"][0]["label"], "Datum");
    assert_eq!(card["actions"][0]["title"], "Senden");
    assert_eq!(card["actions"][1]["title"], "Überspringen");
}

#[test]
fn a_part_without_a_named_button_has_one_in_the_users_language_that_the_session_knows() {
    let json = r#"{"uiType":"MultiPartOutput","content":{"uiType":"OutputText","value":"Teil 1"}}"#;
    let look = Look { language: Language::German, ..look(Surface::Page, "") };
    let said = said_of(item(json), Language::German);
    assert_eq!(said.text, "Teil 1\n- Mehr");
    assert_eq!(
        (said.options[0].label.as_str(), said.options[0].value.as_str()),
        ("Mehr", "click_for_more")
    );
    assert_eq!(shown(&said, &look).unwrap().buttons[0].label, "Mehr");
}

#[test]
fn bare_words_and_what_came_without_its_item_are_shown_as_they_are() {
    let words = r#"{"uiType":"OutputText","value":"*Hi*"}"#;
    assert_eq!(carried(words, Surface::Page), Value::Null);
    assert_eq!(shown(&Said::words("Hi"), &look(Surface::Page, "")), None);
}

#[test]
fn only_public_addresses_are_anybodys() {
    for (address, shown) in [
        ("https://e.org/p?q=1", Some("https://e.org/p?q=1")),
        ("http://intranet.example/p", Some("http://intranet.example/p")),
        ("mailto:help@e.org", Some("mailto:help@e.org")),
        ("https://dev1.service-now.com/x.png", None),
        ("https://dev1.SERVICE-NOW.com/x.png", None),
        ("https://kim:pw@e.org/", None),
        ("https://127.0.0.1/", None),
        ("https://[::1]/", None),
        ("https://2130706433/", None),
        ("http://localhost:8090/", None),
        ("http://router/", None),
        ("http://router./", None),
        ("http://localhost./", None),
        ("https://dev1.service-now.com./x.png", None),
        ("/sys_attachment.do?sys_id=1", None),
        ("va_link.do?x=1", None),
        ("//e.org/p", None),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("", None),
    ] {
        assert_eq!(public(address).as_deref(), shown, "{address}");
    }
}

#[test]
fn words_with_sources_keep_what_can_be_chosen() {
    let json = r#"{"uiType":"OutputText","value":"Did it help?","citations":[{"title":"KB","url":"https://e.org/k"}],"options":[{"label":"Yes","value":"y"}]}"#;
    let shown = carried(json, Surface::Page);
    assert_eq!(shown["suggestedActions"]["actions"][0]["value"], "Yes");
    assert_eq!(shown["text"], "Did it help?\n\n**Sources**\n\n- [KB](https://e.org/k)");
}

#[test]
fn what_nobody_can_see_is_not_shown_and_answers_are_the_desks_own_to_the_letter() {
    let hidden = ['\u{202e}', '\u{7}', '\u{9b}', '\u{2067}'];
    let escaped = r"\u202e\u0007\u009b\u2067";
    for json in [
        r#"{"uiType":"OutputText","value":"a@","maskType":"SECURE"}"#,
        r#"{"uiType":"OutputCard","templateName":"Card","data":{"title":"a@","description":"b@","fields":[{"fieldLabel":"c@","fieldValue":"d@"}],"image":"/kept/x.png","imageAlt":"e@"}}"#,
        r#"{"uiType":"OutputTable","label":"a@","headers":["b@"],"data":[["c@"]]}"#,
        r#"{"uiType":"OutputLink","label":"a@","value":{"action":"https://e.org/p"}}"#,
        r#"{"uiType":"InputText","label":"a@","maskType":"SECURE"}"#,
    ] {
        let shown = carried(&json.replace('@', escaped), Surface::Page);
        let words = serde_json::to_string(&shown).unwrap();
        assert!(!shown.is_null() && !words.contains(hidden), "{words:?}");
    }
    let picker = r#"{"uiType":"Picker","label":"a@","multiSelect":true,"options":[{"label":"b@","value":"c@"}]}"#;
    let shown = carried(&picker.replace('@', escaped), Surface::Page);
    let choice = &shown["attachments"][0]["content"]["body"][0]["choices"][0];
    assert_eq!(
        (&choice["title"], &choice["value"]),
        (&json!("b"), &json!(format!("c{}", String::from_iter(hidden))))
    );
}
