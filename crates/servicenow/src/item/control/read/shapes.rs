//! The objects inside a control, each read for what is known of it.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{list, owned};
use crate::item::control::{Card, Image, Link, Template};
use crate::loose::{Loose, Shape};

/// A link in any of its spellings: of `OutputLink`, of grouped parts, of HTML made an image, of
/// citations.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct RawLink<'a> {
    #[serde(borrow)]
    label: Loose<'a>,
    #[serde(borrow)]
    title: Loose<'a>,
    #[serde(borrow)]
    name: Loose<'a>,
    #[serde(borrow)]
    action: Loose<'a>,
    #[serde(borrow)]
    url: Loose<'a>,
    #[serde(borrow)]
    link: Loose<'a>,
    #[serde(borrow)]
    description: Loose<'a>,
    #[serde(borrow)]
    context: Loose<'a>,
}

impl RawLink<'_> {
    pub(super) fn read(&self) -> Option<Link> {
        let address = first(&[&self.action, &self.url, &self.link]);
        let label = first(&[&self.label, &self.title, &self.name]);
        Some(Link {
            label: label.or_else(|| address.clone())?,
            address,
            description: first(&[&self.description, &self.context]),
        })
    }
}

pub(super) fn links(raw: Option<&RawValue>) -> Vec<Link> {
    list::<Shape<RawLink<'_>>>(raw)
        .filter_map(|link| link.object().and_then(RawLink::read))
        .collect()
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawCard<'a> {
    #[serde(borrow)]
    title: Loose<'a>,
    #[serde(borrow)]
    subtitle: Loose<'a>,
    #[serde(borrow)]
    description: Loose<'a>,
    #[serde(borrow)]
    message: Loose<'a>,
    #[serde(borrow)]
    image: Loose<'a>,
    #[serde(borrow)]
    image_alt: Loose<'a>,
    #[serde(borrow)]
    fields: Option<&'a RawValue>,
    #[serde(borrow)]
    url: Loose<'a>,
    #[serde(borrow)]
    link: Loose<'a>,
}

impl RawCard<'_> {
    /// Nothing if there is nothing to see.
    pub(super) fn read(&self, template: Template) -> Option<Card> {
        let fields = list::<Shape<RawField<'_>>>(self.fields)
            .filter_map(|field| field.object().and_then(RawField::read))
            .collect();
        // A video's `url` may be a record's; its `link` is what plays.
        let address = match template {
            Template::Video => first(&[&self.link, &self.url]),
            _ => first(&[&self.url, &self.link]),
        };
        let image =
            owned(&self.image).map(|address| Image { address, alt: owned(&self.image_alt) });
        let card = Card {
            template,
            title: owned(&self.title),
            subtitle: owned(&self.subtitle),
            description: first(&[&self.description, &self.message]),
            image,
            fields,
            address,
        };
        let is_blank = card.title.is_none()
            && card.subtitle.is_none()
            && card.description.is_none()
            && card.image.is_none()
            && card.fields.is_empty()
            && card.address.is_none();
        (!is_blank).then_some(card)
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawField<'a> {
    #[serde(borrow)]
    field_label: Loose<'a>,
    #[serde(borrow)]
    field_value: Loose<'a>,
}

impl RawField<'_> {
    fn read(&self) -> Option<(String, String)> {
        let (label, value) = (owned(&self.field_label), owned(&self.field_value));
        (label.is_some() || value.is_some())
            .then(|| (label.unwrap_or_default(), value.unwrap_or_default()))
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct RawStep<'a> {
    #[serde(borrow)]
    message: Loose<'a>,
    #[serde(borrow)]
    status: Loose<'a>,
}

impl RawStep<'_> {
    /// The words for "done" are not documented.
    pub(super) fn read(&self) -> Option<(String, bool)> {
        const DONE: [&str; 5] = ["complete", "completed", "done", "success", "finished"];
        let status = self.status.text().unwrap_or_default().trim();
        let done = self.status.flag() || DONE.iter().any(|word| status.eq_ignore_ascii_case(word));
        Some((owned(&self.message)?, done))
    }
}

fn first(values: &[&Loose<'_>]) -> Option<String> {
    values.iter().find_map(|value| owned(value))
}
