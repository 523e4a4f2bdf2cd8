//! From raw JSON to a [`Control`].

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Card, Control, Image, Input, Layout, Link, Progress, Table, Template};
use crate::item::custom::Custom;
use crate::item::raw::RawItem;
use crate::item::text::plain;
use crate::item::{UiType, options, question};
use crate::loose::{Loose, Shape};

mod shapes;

use shapes::{RawCard, RawLink, RawStep, links};

pub(super) fn control(raw: &str) -> Control {
    object::<RawItem<'_>>(raw).map_or(Control::Other, |fields| of(&fields))
}

pub(super) fn of(fields: &RawItem<'_>) -> Control {
    let source = Source { fields };
    match source.ui_type() {
        UiType::MultiPartOutput => source.part(),
        other => source.whole(&other),
    }
}

/// An item's fields.
struct Source<'r> {
    fields: &'r RawItem<'r>,
}

impl Source<'_> {
    fn ui_type(&self) -> UiType {
        UiType::read(self.fields.ui_type.text().unwrap_or_default())
    }

    /// Anything but a part: a part inside a part is not opened.
    fn whole(&self, ui_type: &UiType) -> Control {
        match ui_type {
            UiType::OutputText => self.text(),
            UiType::OutputHtml => self.html(),
            UiType::OutputImage => self.image().map_or(Control::Other, Control::Image),
            UiType::OutputLink => self.link(),
            UiType::GroupedParts => self.links(links(self.fields.values)),
            UiType::OutputCard => self.card().map_or(Control::Other, Control::Card),
            UiType::OutputTable => self.table().map_or(Control::Other, Control::Table),
            UiType::InputText
            | UiType::Picker
            | UiType::TopicPicker
            | UiType::Boolean
            | UiType::Date
            | UiType::Time
            | UiType::DateTime
            | UiType::FileUpload
            | UiType::Picture => self.input(ui_type).map_or(Control::Other, Control::Input),
            UiType::CustomControl => self.custom(),
            UiType::MultiPartOutput => Control::Other,
            UiType::Progress | UiType::Other(_) => {
                self.progress().map_or(Control::Other, Control::Progress)
            }
        }
    }

    /// What agents send as files comes as text with an `itemType` (reference 9.8).
    fn text(&self) -> Control {
        let kind = self.fields.item_type.text().unwrap_or_default().trim();
        let is_address = |text: &String| !text.contains(char::is_whitespace) && text.contains('/');
        if let Some(address) = self.fields.value_text().filter(is_address) {
            if kind.eq_ignore_ascii_case("image") || kind.eq_ignore_ascii_case("picture") {
                return Control::Image(Image { address, alt: owned(&self.fields.label) });
            }
            if kind.eq_ignore_ascii_case("file") {
                let label = owned(&self.fields.label).unwrap_or_else(|| address.clone());
                let address = Some(address);
                return Control::File(Link { label, address, description: None });
            }
        }
        let mut sources = links(self.fields.citations);
        sources.extend(links(self.fields.related_list));
        let words = plain(self.fields);
        Control::Text { words, masked: question::is_masked(self.fields), sources }
    }

    fn html(&self) -> Control {
        let fields = self.fields;
        let html = fields.value_text().or_else(|| owned(&fields.message)).unwrap_or_default();
        let image =
            owned(&fields.image_url).map(|address| Image { address, alt: owned(&fields.alt_text) });
        if html.is_empty() && image.is_none() {
            return Control::Other;
        }
        Control::Html { html, image, links: links(self.fields.links) }
    }

    fn image(&self) -> Option<Image> {
        let alt = owned(&self.fields.alt_text).or_else(|| owned(&self.fields.label));
        Some(Image { address: self.fields.value_text()?, alt })
    }

    fn link(&self) -> Control {
        let fields = self.fields;
        let value = fields.value.and_then(|value| object::<RawLink<'_>>(value.get()));
        let target = value.map(|target| target.read());
        let target = target.unwrap_or_else(|| fields.value_text().map(Link::bare));
        let label = owned(&fields.label).or_else(|| owned(&fields.message));
        let link = match (target, label) {
            (Some(target), Some(label)) => Some(Link { label, ..target }),
            (None, Some(label)) => Some(Link { label, address: None, description: None }),
            (target, None) => target,
        };
        self.links(link.into_iter().collect())
    }

    fn links(&self, links: Vec<Link>) -> Control {
        if links.is_empty() {
            return Control::Other;
        }
        Control::Links { header: owned(&self.fields.header), links }
    }

    fn card(&self) -> Option<Card> {
        let name = self.fields.template_name.text().unwrap_or_default().trim().to_ascii_lowercase();
        let template = match name.as_str() {
            "large image with text" => Template::LargeImage,
            "small image with text" => Template::SmallImage,
            "youtube video card" => Template::Video,
            "notification" => Template::Notification,
            _ => Template::Record,
        };
        // A card's content is JSON inside a string; an object in its place is understood as well.
        let data = self.fields.data?.get();
        let inner: Option<String> = serde_json::from_str(data).ok();
        object::<RawCard<'_>>(inner.as_deref().unwrap_or(data))?.read(template)
    }

    fn table(&self) -> Option<Table> {
        let cells = |cells: Vec<Loose<'_>>| -> Vec<String> {
            cells.iter().map(|cell| cell.text().unwrap_or_default().to_owned()).collect()
        };
        let rows: Vec<Vec<String>> = list::<Vec<Loose<'_>>>(self.fields.data).map(cells).collect();
        let headers = list::<Loose<'_>>(self.fields.headers).collect();
        let total = self.fields.total_search_results_count.text();
        (!rows.is_empty()).then(|| Table {
            label: owned(&self.fields.label),
            headers: cells(headers),
            rows,
            total: total.and_then(|total| total.trim().parse().ok()),
            more: options::more(&UiType::OutputTable, self.fields),
        })
    }

    fn part(&self) -> Control {
        let content = self.fields.content.and_then(|raw| object::<RawItem<'_>>(raw.get()));
        let content = content.map_or(Control::Other, |fields| {
            let part = Source { fields: &fields };
            part.whole(&part.ui_type())
        });
        let more = options::more(&UiType::MultiPartOutput, self.fields);
        Control::Part { content: Box::new(content), more }
    }

    fn input(&self, ui_type: &UiType) -> Option<Input> {
        let choices = options::read(ui_type, self.fields);
        let question = question::read(ui_type, self.fields, &choices)?;
        let is = |field: &Loose<'_>, word: &str| {
            field.text().is_some_and(|text| text.trim().eq_ignore_ascii_case(word))
        };
        let is_carousel = is(&self.fields.style, "carousel");
        let fields = self.fields;
        let (first, second) = match ui_type {
            UiType::TopicPicker => (&fields.prompt_msg, &fields.label),
            _ => (&fields.label, &fields.prompt_msg),
        };
        Some(Input {
            prompt: owned(first).or_else(|| owned(second)).or_else(|| owned(&fields.message)),
            asks: question.kind,
            required: question.required,
            layout: if is_carousel { Layout::Carousel } else { Layout::List },
            options: options::listed(fields.options),
        })
    }

    /// A question in words, with what can be chosen; else a card. One that says no more than its name is
    /// nothing.
    fn custom(&self) -> Control {
        let custom = Custom::read(self.fields);
        let asks = question::of_custom(self.fields, &custom);
        match asks {
            Some(question) if !custom.is_rich() || !custom.options.is_empty() => {
                Control::Input(Input {
                    prompt: custom.words(),
                    asks: question.kind,
                    required: question.required,
                    layout: Layout::List,
                    options: custom.options,
                })
            }
            _ if custom.words().is_none() && !custom.is_rich() => Control::Other,
            _ => Control::Card(custom.card),
        }
    }

    fn progress(&self) -> Option<Progress> {
        if !self.fields.action_type.text()?.trim().eq_ignore_ascii_case("DynamicLoader") {
            return None;
        }
        let steps = list::<Shape<RawStep<'_>>>(self.fields.progress_messages);
        let header = owned(&self.fields.header).or_else(|| owned(&self.fields.default_header));
        let steps = steps.filter_map(|step| step.object().and_then(RawStep::read)).collect();
        Some(Progress { header, steps })
    }
}

impl Link {
    /// An address without a name.
    fn bare(address: String) -> Self {
        Self { label: address.clone(), address: Some(address), description: None }
    }
}

fn owned(value: &Loose<'_>) -> Option<String> {
    value.text().map(str::to_owned)
}

fn object<'a, T: Deserialize<'a>>(raw: &'a str) -> Option<T> {
    match serde_json::from_str::<Shape<T>>(raw).ok()? {
        Shape::Object(object) => Some(object),
        Shape::Absent | Shape::Other => None,
    }
}

/// The values of a list; none if it is no list.
fn list<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> impl Iterator<Item = T> + use<'a, T> {
    let values = raw.and_then(|raw| serde_json::from_str::<Vec<T>>(raw.get()).ok());
    values.unwrap_or_default().into_iter()
}
