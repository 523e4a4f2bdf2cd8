//! What the desk says, in words, for places that show no more.

use std::borrow::Cow;

use servicenow::Control;
use session::Said;

use super::{Open, words::words};
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
        match &said.payload {
            Some(payload) => Self::of_control(&Control::read(&payload.0), said, language, open),
            None => Self::logged(said),
        }
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

/// What has nothing to it but an address that the user cannot open.
fn nameless(control: &Control, language: Language) -> &'static str {
    let words = words(language);
    match control {
        Control::Image(_) | Control::Html { .. } => words.picture,
        Control::Part { content, .. } => nameless(content, language),
        _ => words.file,
    }
}
