//! A control that an instance's own developers made (`CustomControl`), as far as can be told what it
//! shows.
//!
//! What it carries (`serializedControlData`) is JSON of their own, which a component of theirs draws on
//! the instance's pages. Members with the names that cards and questions of ServiceNow's have are read
//! for what they are; what else is a word or a number is shown under its name; switches and ids are left
//! out. The words of a control that is not understood at all are its label, or its name.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::control::{Card, Image, Opt, Template};
use super::options;
use super::raw::RawItem;
use super::text::plain;
use crate::loose::{Loose, Shape};

/// The most members that are shown under their names.
const FIELDS_MAX: usize = 12;

/// The longest such value, in characters: what is longer is no value to read.
const VALUE_CHARS_MAX: usize = 300;

/// Members that are read for what they are, or only say how something is drawn.
const NO_FIELDS: [&str; 27] = [
    "title",
    "label",
    "header",
    "heading",
    "prompt",
    "subtitle",
    "description",
    "message",
    "text",
    "body",
    "image",
    "imageurl",
    "imagealt",
    "alttext",
    "url",
    "link",
    "fields",
    "options",
    "choices",
    "multiselect",
    "required",
    "type",
    "uitype",
    "style",
    "color",
    "width",
    "height",
];

/// What a custom control shows and asks.
pub(super) struct Custom {
    pub(super) card: Card,
    /// What can be chosen; only where it waits for an answer.
    pub(super) options: Vec<Opt>,
    /// It waits for an answer.
    pub(super) is_input: bool,
}

impl Custom {
    pub(super) fn read(fields: &RawItem<'_>) -> Self {
        let is_input = fields.is_input.flag();
        let given = fields.serialized_control_data.map(unwrapped).unwrap_or_default();
        let mut texts: Vec<String> = plain(fields).into_iter().collect();
        let mut card = Card {
            template: Template::Record,
            title: None,
            subtitle: None,
            description: None,
            image: None,
            fields: Vec::new(),
            address: None,
        };
        let mut chosen = options::listed(fields.options);
        if let Some(members) = members(&given) {
            texts.extend(members.texts());
            card.image = members.image();
            card.address = members.first(&["url", "link"]);
            card.fields = members.fields();
            chosen.extend(members.options());
        } else if let Ok(list) = serde_json::from_str::<&RawValue>(&given)
            && list.get().starts_with('[')
        {
            chosen.extend(options::listed(Some(list)));
        } else {
            // Words are words, whatever they are wrapped in.
            texts.extend((!given.trim().is_empty()).then(|| given.trim().to_owned()));
        }
        texts.dedup();
        let shows = !texts.is_empty() || card.image.is_some() || !card.fields.is_empty();
        let shows = shows || card.address.is_some();
        let mut texts = texts.into_iter();
        // A name alone says little, but more than nothing above something.
        let name = || fields.name.text().filter(|_| shows).map(str::to_owned);
        card.title = texts.next().or_else(name);
        card.subtitle = texts.next();
        card.description = texts.reduce(|all, one| format!("{all}\n{one}"));
        let options = if is_input || fields.options.is_some() { chosen } else { Vec::new() };
        Self { card, options, is_input }
    }

    /// Whether there is more to it than words.
    pub(super) fn is_rich(&self) -> bool {
        let Card { image, fields, address, .. } = &self.card;
        image.is_some() || !fields.is_empty() || address.is_some()
    }

    /// Its words, one below the other.
    pub(super) fn words(&self) -> Option<String> {
        let Card { title, subtitle, description, fields, .. } = &self.card;
        let texts = [title, subtitle, description].into_iter().flatten().cloned();
        let fields = fields.iter().map(|(name, value)| format!("{name}: {value}"));
        texts.chain(fields).reduce(|all, one| format!("{all}\n{one}"))
    }
}

/// JSON is often inside a string.
fn unwrapped(raw: &RawValue) -> Cow<'_, str> {
    let inner: Option<String> = serde_json::from_str(raw.get()).ok();
    let nothing = raw.get() == "null";
    inner.map_or_else(|| if nothing { "".into() } else { raw.get().into() }, Cow::Owned)
}

fn members(json: &str) -> Option<Members<'_>> {
    match serde_json::from_str::<Shape<Members<'_>>>(json).ok()? {
        Shape::Object(members) => Some(members),
        Shape::Absent | Shape::Other => None,
    }
}

/// The members of an object, in their order.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl Members<'_> {
    fn value(&self, name: &str) -> Option<&RawValue> {
        let same = |member: &str| member.replace('_', "").eq_ignore_ascii_case(name);
        self.0.iter().find(|(member, _)| same(member)).map(|(_, value)| *value)
    }

    fn text(&self, name: &str) -> Option<String> {
        loose(self.value(name)?).text().map(str::to_owned)
    }

    fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.text(name))
    }

    fn texts(&self) -> impl Iterator<Item = String> {
        let heads = self.first(&["title", "label", "header", "heading", "prompt"]);
        let bodies = self.first(&["description", "message", "text", "body"]);
        [heads, self.text("subtitle"), bodies].into_iter().flatten()
    }

    fn image(&self) -> Option<Image> {
        let address = self.first(&["image", "imageurl"])?;
        Some(Image { address, alt: self.first(&["imagealt", "alttext"]) })
    }

    fn options(&self) -> Vec<Opt> {
        options::listed(self.value("options").or_else(|| self.value("choices")))
    }

    /// What else can be read.
    fn fields(&self) -> Vec<(String, String)> {
        let field = |(name, value): &(Cow<'_, str>, &RawValue)| {
            let lower = name.replace('_', "").to_ascii_lowercase();
            if NO_FIELDS.contains(&lower.as_str()) || is_id(name) {
                return None;
            }
            let value = loose(value).text()?.trim().to_owned();
            let fits = value.chars().count() <= VALUE_CHARS_MAX && !is_sys_id(&value);
            fits.then(|| (readable(name), value))
        };
        self.0.iter().filter_map(field).take(FIELDS_MAX).collect()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    members.push((Cow::Owned(name), value));
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(InOrder).map(Self)
    }
}

fn loose(raw: &RawValue) -> Loose<'_> {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

/// Whether a member's name is that of an id.
fn is_id(name: &str) -> bool {
    let ends = ["Id", "_id", "ID"].iter().any(|end| name.ends_with(end));
    ends || name == "id" || name == "name" || name.starts_with("sys_") || name.starts_with('_')
}

/// Whether a value is a record's id on the instance.
fn is_sys_id(value: &str) -> bool {
    value.len() == 32 && value.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `orderNumber` and `order_number` as `Order number`.
fn readable(name: &str) -> String {
    let mut out = String::new();
    let mut before = ' ';
    for c in name.chars() {
        if matches!(c, '_' | '-' | ' ') {
            out.push(' ');
        } else if c.is_uppercase() && before.is_lowercase() {
            out.push(' ');
            out.extend(c.to_lowercase());
        } else if out.is_empty() {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
        before = c;
    }
    out.trim().to_owned()
}
