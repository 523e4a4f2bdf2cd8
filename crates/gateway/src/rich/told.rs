//! What the desk says, in words, for places that show no more.

use std::borrow::Cow;

use servicenow::{
    Asks, Control,
    control::{Input, Table},
};
use session::Said;

use super::{
    Open,
    output::{COLUMNS_MAX, TABLE_ROWS_MAX},
    words::words,
};
use crate::{notices::Language, render::prompt};

/// Something in words, with such addresses as the user may open.
pub(crate) struct Words<'a> {
    /// All but the list of options.
    prompt: Cow<'a, str>,
    /// The list, as the log has it behind the prompt.
    options: &'a str,
}

impl<'a> Words<'a> {
    pub(crate) fn of(said: &'a Said, language: Language, open: &Open<'_>) -> Self {
        let Some(payload) = &said.payload else { return Self::logged(said) };
        let control = Control::read(&payload.0);
        let mut told = Self::of_control(&control, said, language, open);
        if let Control::Input(input) = &control
            && let Some(asked) = with_form(input, &told.prompt, language)
        {
            told.prompt = asked.into();
        }
        told
    }

    pub(super) fn of_control(
        control: &Control,
        said: &'a Said,
        language: Language,
        open: &Open<'_>,
    ) -> Self {
        let mut told = Self::logged(said);
        if has_addresses(control) {
            let text = control.text(open);
            told.prompt = text.map_or_else(|| nameless(control, language).into(), Cow::Owned);
        }
        if let Control::Table(table) = control
            && let Some(size) = size_of(table, language)
        {
            told.prompt = format!("{}\n{size}", told.prompt).into();
        }
        told
    }

    /// As the log has it.
    fn logged(said: &'a Said) -> Self {
        let prompt = prompt(said);
        Self { prompt: prompt.into(), options: &said.text[prompt.len()..] }
    }

    pub(crate) fn prompt(&self) -> &str {
        &self.prompt
    }

    pub(crate) fn all(&self) -> String {
        format!("{}{}", self.prompt, self.options)
    }
}

/// Whether the log has addresses of it as the instance gives them.
fn has_addresses(control: &Control) -> bool {
    match control {
        Control::Html { .. }
        | Control::Links { .. }
        | Control::Image(_)
        | Control::File(_)
        | Control::Card(_) => true,
        Control::Text { sources, .. } => !sources.is_empty(),
        Control::Part { content, .. } => has_addresses(content),
        Control::Table(_) | Control::Input(_) | Control::Progress(_) | Control::Other => false,
    }
}

/// How large a table is, where not all of it is here or it is too large to be drawn.
fn size_of(table: &Table, language: Language) -> Option<String> {
    let words = words(language);
    let (rows, columns) = (table.rows.len(), table.columns());
    let total = table.total.filter(|total| usize::try_from(*total).is_ok_and(|n| n > rows));
    let is_drawn = columns <= COLUMNS_MAX && rows <= TABLE_ROWS_MAX;
    let rows = match total {
        Some(total) => format!("{rows} {} {total} {}", words.of, words.rows),
        None if is_drawn => return None,
        None => format!("{rows} {}", words.rows),
    };
    Some(format!("{rows}, {columns} {}", words.columns))
}

/// A question for a day or a time, with the form in which an answer is understood: in words there are no
/// fields that show it.
fn with_form(input: &Input, prompt: &str, language: Language) -> Option<String> {
    let words = words(language);
    let (name, form) = match input.asks {
        Asks::Date => (words.date.to_owned(), "2026-03-04"),
        Asks::Time => (words.time.to_owned(), "09:30"),
        Asks::DateTime => (format!("{}, {}", words.date, words.time), "2026-03-04 09:30"),
        _ => return None,
    };
    let prompt = if input.prompt.is_some() { prompt.trim_end() } else { &name };
    Some(format!("{prompt} ({} {form})", words.for_instance))
}

/// What has nothing to it but an address that the user cannot open.
fn nameless(control: &Control, language: Language) -> &'static str {
    let words = words(language);
    match control {
        Control::Image(_) | Control::Html { image: Some(_), .. } => words.picture,
        Control::Html { html, .. } if html.contains("<img") => words.picture,
        Control::Links { .. } | Control::Html { .. } | Control::Card(_) => words.link,
        Control::Part { content, .. } => nameless(content, language),
        _ => words.file,
    }
}
