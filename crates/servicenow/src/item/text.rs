//! An item as plain text, one rule per control (reference 5.3).

use serde_json::value::RawValue;

use super::control::{Card, Control, Image, Link, Progress, Table};
use super::raw::RawItem;
use super::{Choice, TEXT_BYTES_MAX, UiType, html};
use crate::loose::{Loose, Shape};

/// How an address becomes one that is written. `None`: it is left out.
type Open<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// The item's text, capped; nothing for an item that has nothing to show.
pub(super) fn render(
    ui_type: &UiType,
    fields: &RawItem<'_>,
    control: &Control,
    options: &[Choice],
) -> Option<String> {
    let text = of(control, &as_it_is).or_else(|| bare(ui_type, fields));
    let shown = match (text, options) {
        (Some(text), _) => with_options(text, options),
        (None, [_, ..]) => with_options(String::new(), options),
        // An empty text is nothing, and so is a page or a list of links of which nothing is left; every
        // other control is at least there.
        (None, []) if *ui_type == UiType::OutputText && fields.value.is_none_or(is_blank) => {
            return None;
        }
        (None, []) if *ui_type == UiType::GroupedParts => return None,
        (None, []) if *ui_type == UiType::OutputHtml && !has_more_than_words(fields) => {
            return None;
        }
        (None, []) if ui_type.as_str().is_empty() => return None,
        (None, []) => format!("[{}]", ui_type.as_str()),
    };
    Some(capped(shown))
}

/// Addresses as the instance gives them.
#[expect(clippy::unnecessary_wraps, reason = "one of the ways to open an address")]
pub(super) fn as_it_is(address: &str) -> Option<String> {
    Some(address.to_owned())
}

/// All of a control in words, but for options.
pub(super) fn of(control: &Control, open: &Open<'_>) -> Option<String> {
    match control {
        Control::Text { words, sources, .. } => {
            let sources = sources.iter().filter_map(|one| item_of(one, open));
            joined(words.iter().cloned().chain(sources))
        }
        Control::Html { html, image, .. } => {
            let text = html::text(html, open);
            if text.is_empty() { picture(image.as_ref()?, open) } else { Some(text) }
        }
        Control::Links { header, links } => of_links(header.as_deref(), links, open),
        Control::Image(image) => picture(image, open),
        Control::File(file) => line(None, file, open),
        Control::Card(card) => of_card(card, open),
        Control::Table(table) => of_table(table),
        Control::Part { content, .. } => of(content, open),
        Control::Input(input) => input.prompt.clone(),
        Control::Progress(progress) => of_progress(progress),
        Control::Other => None,
    }
}

/// What is left of fields of which no control can be made, or one without words.
fn bare(ui_type: &UiType, fields: &RawItem<'_>) -> Option<String> {
    match ui_type {
        UiType::OutputHtml => {
            Some(html::text(&plain(fields)?, &as_it_is)).filter(|text| !text.is_empty())
        }
        UiType::OutputImage => plain(fields).or_else(|| owned(&fields.alt_text)),
        UiType::CustomControl => plain(fields).or_else(|| owned(&fields.name)),
        UiType::GroupedParts | UiType::OutputLink => {
            plain(fields).or_else(|| owned(&fields.header))
        }
        UiType::MultiPartOutput => part(fields).or_else(|| plain(fields)),
        _ => plain(fields),
    }
}

/// The content of a part. A part inside a part is not opened again: nobody sends that, except to
/// see how deep we go.
fn part(fields: &RawItem<'_>) -> Option<String> {
    let content: Shape<RawItem<'_>> = serde_json::from_str(fields.content?.get()).ok()?;
    let content = content.object()?;
    match UiType::read(content.ui_type.text().unwrap_or_default()) {
        UiType::MultiPartOutput => plain(content),
        inner => bare(&inner, content),
    }
}

/// Whether a page without words may have a picture or a link.
fn has_more_than_words(fields: &RawItem<'_>) -> bool {
    let html = plain(fields).unwrap_or_default().to_ascii_lowercase();
    [("<img", "src="), ("<a", "href=")]
        .iter()
        .any(|(tag, address)| html.contains(tag) && html.contains(address))
}

fn owned(value: &Loose<'_>) -> Option<String> {
    value.text().map(str::to_owned)
}

fn is_blank(value: &RawValue) -> bool {
    value.get().trim_matches(['"', ' ']).is_empty()
}

/// An output's words. `value` is ServiceNow's place for them, `message` the specification's, and in
/// some callbacks they stand in `label` (reference 5.2).
pub(super) fn plain(fields: &RawItem<'_>) -> Option<String> {
    fields.value_text().or_else(|| owned(&fields.message)).or_else(|| owned(&fields.label))
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

/// `Header: Label <address>`, with whatever of the three there is, and the name of a file, which is both, once.
fn titled_link(header: Option<&str>, label: Option<&str>, address: Option<&str>) -> Option<String> {
    let mut text = String::new();
    let header = header.filter(|header| {
        let header = header.trim().trim_end_matches(':').trim_end();
        label.is_none_or(|label| label.trim() != header)
    });
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

/// A link in a line of its own.
fn line(header: Option<&str>, link: &Link, open: &Open<'_>) -> Option<String> {
    let address = link.address.as_deref().and_then(open);
    titled_link(header, link.name(), address.as_deref())
}

/// A link among others.
fn item_of(link: &Link, open: &Open<'_>) -> Option<String> {
    let label = match (link.name(), &link.description) {
        (Some(name), Some(description)) => format!("{name} – {description}"),
        (Some(text), None) => text.to_owned(),
        (None, Some(description)) => description.clone(),
        (None, None) => return Some(format!("- {}", line(None, link, open)?)),
    };
    line(None, &Link { label, ..link.clone() }, open).map(|line| format!("- {line}"))
}

fn of_links(header: Option<&str>, links: &[Link], open: &Open<'_>) -> Option<String> {
    if let [only] = links
        && only.description.is_none()
    {
        return line(header, only, open);
    }
    let links = links.iter().filter_map(|link| item_of(link, open));
    joined(header.map(str::to_owned).into_iter().chain(links))
}

fn picture(image: &Image, open: &Open<'_>) -> Option<String> {
    titled_link(None, image.alt.as_deref(), open(&image.address).as_deref())
}

fn of_card(card: &Card, open: &Open<'_>) -> Option<String> {
    let texts = [&card.title, &card.subtitle, &card.description].into_iter().flatten().cloned();
    let fields = card.fields.iter().map(|(name, value)| match (name.as_str(), value.as_str()) {
        ("", alone) | (alone, "") => alone.to_owned(),
        (name, value) => format!("{name}: {value}"),
    });
    let address = card.address.as_deref().and_then(open).map(|address| format!("<{address}>"));
    let lines = joined(texts.chain(fields).chain(address));
    lines.or_else(|| picture(card.image.as_ref()?, open))
}

fn of_table(table: &Table) -> Option<String> {
    let row = |cells: &Vec<String>| cells.join(" | ");
    let headers = (!table.headers.is_empty()).then(|| row(&table.headers));
    joined(table.label.iter().cloned().chain(headers).chain(table.rows.iter().map(row)))
}

/// A line for what works, and one for each step.
fn of_progress(progress: &Progress) -> Option<String> {
    let step = |(words, done): &(String, bool)| {
        let mark = if *done { '✓' } else { '…' };
        format!("{mark} {words}")
    };
    joined(progress.header.iter().cloned().chain(progress.steps.iter().map(step)))
}

fn joined(lines: impl Iterator<Item = String>) -> Option<String> {
    let lines: Vec<_> = lines.collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

pub(super) fn capped(mut text: String) -> String {
    const ELLIPSIS: &str = "…";
    if text.len() > TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX - ELLIPSIS.len()));
        text.push_str(ELLIPSIS);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::titled_link;

    #[test]
    fn a_name_that_is_title_and_label_is_said_once() {
        let at = Some("https://e.org/plan.pdf");
        for (header, label, address, told) in [
            (Some("plan.pdf"), Some("plan.pdf"), at, "plan.pdf <https://e.org/plan.pdf>"),
            (Some("plan.pdf: "), Some(" plan.pdf"), None, " plan.pdf"),
            (Some("Your plan:"), Some("plan.pdf"), None, "Your plan: plan.pdf"),
            (Some("plan.pdf"), None, at, "plan.pdf: https://e.org/plan.pdf"),
        ] {
            assert_eq!(titled_link(header, label, address).as_deref(), Some(told));
        }
    }
}
