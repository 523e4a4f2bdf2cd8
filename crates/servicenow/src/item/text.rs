//! An item as plain text, one rule per control (reference 5.3).

use serde::Deserialize;
use serde_json::value::RawValue;

use super::control::Progress;
use super::raw::RawItem;
use super::{Choice, TEXT_BYTES_MAX, UiType, html};
use crate::loose::{Loose, Shape};

/// The item's text, capped; nothing for an item that has nothing to show.
pub(super) fn render(ui_type: &UiType, fields: &RawItem<'_>, options: &[Choice]) -> Option<String> {
    let text = body(ui_type, fields);
    let shown = match (text, options) {
        (Some(text), _) => with_options(text, options),
        (None, [_, ..]) => with_options(String::new(), options),
        // An empty text is nothing; every other control is at least there.
        (None, []) if *ui_type == UiType::OutputText && fields.value.is_none_or(is_blank) => {
            return None;
        }
        (None, []) if ui_type.as_str().is_empty() => return None,
        (None, []) => format!("[{}]", ui_type.as_str()),
    };
    Some(capped(shown))
}

fn body(ui_type: &UiType, fields: &RawItem<'_>) -> Option<String> {
    match ui_type {
        UiType::TopicPicker => owned(&fields.prompt_msg).or_else(|| prompt(fields)),
        UiType::Picker
        | UiType::Boolean
        | UiType::InputText
        | UiType::Date
        | UiType::Time
        | UiType::DateTime
        | UiType::FileUpload
        | UiType::Picture => prompt(fields),
        UiType::OutputLink => link(fields).or_else(|| plain(fields)),
        UiType::GroupedParts => links(fields).or_else(|| plain(fields)),
        UiType::OutputCard => card(fields).or_else(|| plain(fields)),
        UiType::OutputTable => table(fields).or_else(|| plain(fields)),
        UiType::OutputImage => image(fields),
        UiType::OutputHtml => page(fields),
        UiType::MultiPartOutput => part(fields).or_else(|| plain(fields)),
        UiType::CustomControl => plain(fields).or_else(|| owned(&fields.name)),
        UiType::OutputText | UiType::Progress | UiType::Other(_) => plain(fields),
    }
}

/// A line for what works, and one for each step.
pub(super) fn progress(progress: &Progress) -> Option<String> {
    let step = |(words, done): &(String, bool)| {
        let mark = if *done { '✓' } else { '…' };
        format!("{mark} {words}")
    };
    let lines: Vec<_> =
        progress.header.iter().cloned().chain(progress.steps.iter().map(step)).collect();
    joined(&lines).map(capped)
}

fn owned(value: &Loose<'_>) -> Option<String> {
    value.text().map(str::to_owned)
}

fn is_blank(value: &RawValue) -> bool {
    value.get().trim_matches(['"', ' ']).is_empty()
}

/// An output's words. `value` is ServiceNow's place for them, `message` the specification's, and in
/// some callbacks they stand in `label` (reference 5.2).
fn plain(fields: &RawItem<'_>) -> Option<String> {
    fields.value_text().or_else(|| owned(&fields.message)).or_else(|| owned(&fields.label))
}

/// A question's words: on input controls `label` is the prompt and `value` a default, if anything.
fn prompt(fields: &RawItem<'_>) -> Option<String> {
    owned(&fields.label)
        .or_else(|| owned(&fields.prompt_msg))
        .or_else(|| owned(&fields.message))
        .or_else(|| fields.value_text())
}

fn with_options(mut text: String, options: &[Choice]) -> String {
    for choice in options {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str("- ");
        text.push_str(&choice.label);
    }
    text
}

/// `Header: Label <address>`, with whatever of the three there is.
fn titled_link(header: Option<&str>, label: Option<&str>, address: Option<&str>) -> Option<String> {
    let mut text = String::new();
    if let Some(header) = header {
        text.push_str(header.trim_end_matches(':'));
        if label.is_some() || address.is_some() {
            text.push_str(": ");
        }
    }
    text.push_str(label.unwrap_or_default());
    match address {
        Some(address) if label.is_some_and(|label| label != address) => {
            text.push_str(" <");
            text.push_str(address);
            text.push('>');
        }
        Some(address) if label.is_none() => text.push_str(address),
        _ => {}
    }
    (!text.is_empty()).then_some(text)
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Target<'a> {
    #[serde(borrow)]
    action: Loose<'a>,
    #[serde(borrow)]
    label: Loose<'a>,
    #[serde(borrow)]
    description: Loose<'a>,
}

fn link(fields: &RawItem<'_>) -> Option<String> {
    let target = object::<Target<'_>>(fields.value);
    let address = match &target {
        Some(target) => owned(&target.action),
        None => fields.value_text(),
    };
    let label = fields.label.text().or_else(|| fields.message.text());
    titled_link(fields.header.text(), label, address.as_deref())
}

fn links(fields: &RawItem<'_>) -> Option<String> {
    let targets = serde_json::from_str::<Vec<Shape<Target<'_>>>>(fields.values?.get()).ok()?;
    let mut lines: Vec<String> = owned(&fields.header).into_iter().collect();
    for target in targets.iter().filter_map(Shape::object) {
        let mut label = owned(&target.label);
        if let (Some(label), Some(description)) = (&mut label, target.description.text()) {
            label.push_str(" – ");
            label.push_str(description);
        }
        if let Some(line) = titled_link(None, label.as_deref(), target.action.text()) {
            lines.push(format!("- {line}"));
        }
    }
    joined(&lines)
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Card<'a> {
    #[serde(borrow)]
    title: Loose<'a>,
    #[serde(borrow)]
    subtitle: Loose<'a>,
    #[serde(borrow)]
    description: Loose<'a>,
    #[serde(borrow)]
    fields: Option<&'a RawValue>,
    #[serde(borrow)]
    url: Loose<'a>,
    #[serde(borrow)]
    link: Loose<'a>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct CardField<'a> {
    #[serde(borrow)]
    field_label: Loose<'a>,
    #[serde(borrow)]
    field_value: Loose<'a>,
}

/// A card's content is JSON inside a string; an object in its place is understood as well.
fn card(fields: &RawItem<'_>) -> Option<String> {
    let data = fields.data?;
    let inner: Option<String> = serde_json::from_str(data.get()).ok();
    let json = inner.as_deref().unwrap_or(data.get());
    let shape = serde_json::from_str::<Shape<Card<'_>>>(json).ok()?;
    let card = shape.object()?;
    let mut lines: Vec<String> =
        [&card.title, &card.subtitle, &card.description].into_iter().filter_map(owned).collect();
    let rows = card
        .fields
        .and_then(|rows| serde_json::from_str::<Vec<Shape<CardField<'_>>>>(rows.get()).ok());
    for row in rows.iter().flatten().filter_map(Shape::object) {
        match (row.field_label.text(), row.field_value.text()) {
            (Some(label), Some(value)) => lines.push(format!("{label}: {value}")),
            (Some(alone), None) | (None, Some(alone)) => lines.push(alone.to_owned()),
            (None, None) => {}
        }
    }
    lines.extend(owned(&card.url).or_else(|| owned(&card.link)).map(|url| format!("<{url}>")));
    joined(&lines)
}

fn table(fields: &RawItem<'_>) -> Option<String> {
    let mut lines: Vec<String> = owned(&fields.label).into_iter().collect();
    let line = |cells: &[Loose<'_>]| {
        let cells: Vec<&str> = cells.iter().map(|cell| cell.text().unwrap_or_default()).collect();
        cells.join(" | ")
    };
    if let Some(headers) = fields.headers
        && let Ok(cells) = serde_json::from_str::<Vec<Loose<'_>>>(headers.get())
        && !cells.is_empty()
    {
        lines.push(line(&cells));
    }
    let rows =
        fields.data.and_then(|data| serde_json::from_str::<Vec<Vec<Loose<'_>>>>(data.get()).ok());
    lines.extend(rows.iter().flatten().map(|row| line(row)));
    joined(&lines)
}

fn image(fields: &RawItem<'_>) -> Option<String> {
    let label = fields.alt_text.text().or_else(|| fields.label.text());
    titled_link(None, label, fields.value_text().as_deref())
}

fn page(fields: &RawItem<'_>) -> Option<String> {
    let text = html::text(&plain(fields)?);
    if text.is_empty() { titled_link(None, None, fields.image_url.text()) } else { Some(text) }
}

/// The content of a part. A part inside a part is not opened again: nobody sends that, except to
/// see how deep we go.
fn part(fields: &RawItem<'_>) -> Option<String> {
    let content = object::<RawItem<'_>>(fields.content)?;
    match UiType::read(content.ui_type.text().unwrap_or_default()) {
        UiType::MultiPartOutput => plain(&content),
        inner => body(&inner, &content),
    }
}

fn object<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    match serde_json::from_str::<Shape<T>>(raw?.get()).ok()? {
        Shape::Object(object) => Some(object),
        Shape::Absent | Shape::Other => None,
    }
}

fn joined(lines: &[String]) -> Option<String> {
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn capped(mut text: String) -> String {
    const ELLIPSIS: &str = "…";
    if text.len() > TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX - ELLIPSIS.len()));
        text.push_str(ELLIPSIS);
    }
    text
}
