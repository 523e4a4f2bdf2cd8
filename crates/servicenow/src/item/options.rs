//! What can be chosen in answer to an item.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::raw::RawItem;
use super::{CHOICES_MAX, Choice, UiType};
use crate::loose::{Loose, Shape};

/// Answers that ask the virtual agent to go on (reference 3.7).
const MORE_PARTS: &str = "click_for_more";
const MORE_ROWS: &str = "DONE";

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawChoice<'a> {
    #[serde(borrow)]
    label: Loose<'a>,
    #[serde(borrow)]
    value: Loose<'a>,
}

impl RawChoice<'_> {
    /// A label may stand for a missing value and the other way round: Boolean controls leave the
    /// value out on some releases (reference 5.3).
    fn read(&self) -> Option<Choice> {
        let flag = match self.value {
            Loose::Flag(true) => Some("true"),
            Loose::Flag(false) => Some("false"),
            _ => None,
        };
        let value = self.value.text().or(flag);
        let label = self.label.text().or(value)?;
        Some(Choice { label: label.to_owned(), value: value.unwrap_or(label).to_owned() })
    }
}

/// The choices of an item, at most [`CHOICES_MAX`].
pub(super) fn read(ui_type: &UiType, fields: &RawItem<'_>) -> Vec<Choice> {
    let mut choices = listed(fields.options);
    let more = match ui_type {
        UiType::MultiPartOutput => {
            let inner = fields
                .content
                .and_then(|content| serde_json::from_str::<Shape<RawItem<'_>>>(content.get()).ok());
            if let Some(inner) = inner.as_ref().and_then(Shape::object) {
                choices.extend(listed(inner.options));
            }
            Some(MORE_PARTS)
        }
        UiType::OutputTable => Some(MORE_ROWS),
        _ => None,
    };
    if let (Some(value), Some(label)) = (more, fields.navigation_btn_label.text()) {
        choices.push(Choice { label: label.to_owned(), value: value.to_owned() });
    }
    choices.truncate(CHOICES_MAX);
    choices
}

fn listed(options: Option<&RawValue>) -> Vec<Choice> {
    let Some(options) = options else { return Vec::new() };
    let Ok(options) = serde_json::from_str::<Vec<Shape<RawChoice<'_>>>>(options.get()) else {
        return Vec::new();
    };
    options.iter().filter_map(Shape::object).filter_map(RawChoice::read).collect()
}
