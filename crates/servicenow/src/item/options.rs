//! What can be chosen in answer to an item.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::control::Opt;
use super::custom::Custom;
use super::raw::RawItem;
use super::{CHOICES_MAX, Choice, UiType};
use crate::loose::{Loose, Shape};

/// Answers that ask the virtual agent to go on (reference 3.7).
const MORE_PARTS: &str = "click_for_more";
const MORE_ROWS: &str = "DONE";

/// What the button below a part is called that has no name.
pub const MORE: &str = "More";

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawChoice<'a> {
    #[serde(borrow)]
    label: Loose<'a>,
    #[serde(borrow)]
    value: Loose<'a>,
    #[serde(borrow)]
    description: Loose<'a>,
    #[serde(borrow)]
    attachment: Option<&'a RawValue>,
    #[serde(borrow)]
    order: Loose<'a>,
}

impl RawChoice<'_> {
    /// A label may stand for a missing value and the other way round: Boolean controls leave the
    /// value out on some releases (reference 5.3).
    fn read(&self) -> Option<Opt> {
        let flag = match self.value {
            Loose::Flag(true) => Some("true"),
            Loose::Flag(false) => Some("false"),
            _ => None,
        };
        let value = self.value.text().or(flag);
        let label = self.label.text().or(value)?;
        Some(Opt {
            choice: Choice { label: label.to_owned(), value: value.unwrap_or(label).to_owned() },
            description: self.description.text().map(str::to_owned),
            picture: self.attachment.and_then(picture),
        })
    }

    /// Its place among the others; those without one come last.
    fn place(&self) -> i64 {
        self.order.text().and_then(|order| order.trim().parse().ok()).unwrap_or(i64::MAX)
    }
}

/// An address, or an object that has one.
fn picture(attachment: &RawValue) -> Option<String> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Picture<'a> {
        #[serde(borrow)]
        url: Loose<'a>,
    }
    let json = attachment.get();
    let own = |value: &Loose<'_>| value.text().map(str::to_owned);
    match serde_json::from_str::<Shape<Picture<'_>>>(json).ok()? {
        Shape::Object(picture) => own(&picture.url),
        Shape::Absent | Shape::Other => own(&serde_json::from_str::<Loose<'_>>(json).ok()?),
    }
}

/// The choices of an item, at most [`CHOICES_MAX`].
pub(super) fn read(ui_type: &UiType, fields: &RawItem<'_>) -> Vec<Choice> {
    if *ui_type == UiType::CustomControl {
        return plain(Custom::read(fields).options);
    }
    let mut choices = plain(listed(fields.options));
    if *ui_type == UiType::MultiPartOutput {
        let inner = fields
            .content
            .and_then(|content| serde_json::from_str::<Shape<RawItem<'_>>>(content.get()).ok());
        if let Some(inner) = inner.as_ref().and_then(Shape::object) {
            choices.extend(plain(listed(inner.options)));
        }
    }
    choices.extend(more(ui_type, fields));
    choices.truncate(CHOICES_MAX);
    choices
}

/// What asks for more of an output, with the words of its button. A part is asked on from whether its
/// button has words or not; a table without a button is all there is.
pub(super) fn more(ui_type: &UiType, fields: &RawItem<'_>) -> Option<Choice> {
    let own = fields.navigation_btn_label.text();
    let (label, value) = match ui_type {
        UiType::MultiPartOutput => (own.unwrap_or(MORE), MORE_PARTS),
        UiType::OutputTable => (own?, MORE_ROWS),
        _ => return None,
    };
    Some(Choice { label: label.to_owned(), value: value.to_owned() })
}

/// Options as they are listed, in the order that the instance gives them.
pub(super) fn listed(options: Option<&RawValue>) -> Vec<Opt> {
    let Some(options) = options else { return Vec::new() };
    let Ok(options) = serde_json::from_str::<Vec<Shape<RawChoice<'_>>>>(options.get()) else {
        return Vec::new();
    };
    let mut options: Vec<_> = options.iter().filter_map(Shape::object).collect();
    options.sort_by_key(|option| option.place());
    options.into_iter().filter_map(RawChoice::read).take(CHOICES_MAX).collect()
}

fn plain(options: Vec<Opt>) -> Vec<Choice> {
    options.into_iter().map(|option| option.choice).collect()
}
