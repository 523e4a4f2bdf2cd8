//! Controls that show and do not ask.

use serde_json::{Value, json};
use servicenow::{
    Choice, MORE,
    control::{Card, Control, Image, Link, Table, Template},
};
use session::Said;

use super::{
    Look, Shown, Surface, Words,
    card::{self, Answer},
    html,
    markdown::{escaped, link},
    picture,
    words::words,
};
use crate::plain;

/// The most columns of a table that is drawn: more are too narrow to read.
pub(super) const COLUMNS_MAX: usize = 6;

/// The most rows of a table that is drawn: more than anybody reads in a chat.
pub(super) const TABLE_ROWS_MAX: usize = 200;

/// The most buttons of one card that lead somewhere: Teams' limit.
const LINK_BUTTONS_MAX: usize = 6;

/// A file of a kind that nobody tells.
const UNKNOWN: &str = "application/octet-stream";

/// A picture of a kind that nobody tells.
const SOME_PICTURE: &str = "image/*";

impl Look<'_> {
    /// Words with where they are from; nothing for bare words.
    pub(super) fn text(
        &self,
        own: Option<&str>,
        markdown: bool,
        masked: bool,
        sources: &[Link],
    ) -> Option<Shown> {
        let own = own.unwrap_or_default();
        if !masked && sources.is_empty() {
            return None;
        }
        let words = words(self.language);
        let lock = if masked { format!("🔒 {}: ", words.confidential) } else { String::new() };
        if sources.is_empty() {
            return Some(Shown { markdown, ..Shown::words(format!("{lock}{own}")) });
        }
        let text = if markdown { own.to_owned() } else { escaped(own) };
        let sources = self.listed(sources);
        Some(Shown::markdown(format!("{lock}{text}\n\n**{}**\n\n{sources}", words.sources)))
    }

    /// A picture of the HTML where the instance made one, else what the sanitiser leaves of it.
    pub(super) fn html(
        &self,
        said: &Said,
        html: &str,
        image: Option<&Image>,
        links: &[Link],
    ) -> Option<Shown> {
        let picture = image.and_then(|image| Some(((self.open)(&image.address)?, image)));
        let Some((address, image)) = picture else {
            let text = html::markdown(html, self.open);
            return (!text.is_empty()).then(|| Shown::markdown(text));
        };
        let told = Words::of(said, self.language, self.open);
        let alt = image.alt.as_deref().unwrap_or(told.prompt());
        let buttons = links.iter().take(LINK_BUTTONS_MAX);
        let buttons = buttons.filter_map(|link| {
            Some(card::open(&link.label, &(self.open)(link.address.as_deref()?)?))
        });
        let picture = card::picture(&address, alt, "Stretch");
        Some(Shown::card(card::attachment(vec![picture], buttons.collect())))
    }

    pub(super) fn links(&self, header: Option<&str>, links: &[Link]) -> Shown {
        // A file comes under its name and with its name; once is enough.
        let is_said = |header: &str| matches!(links, [only] if only.label.trim() == header.trim());
        let header = header.filter(|header| !is_said(header));
        let header = header.map(|header| format!("**{}**\n\n", escaped(header)));
        let text = match links {
            [only] if only.description.is_none() => self.one(only),
            _ => self.listed(links),
        };
        Shown::markdown(format!("{}{text}", header.unwrap_or_default()))
    }

    fn listed(&self, links: &[Link]) -> String {
        let line = |one: &Link| {
            let description = one.description.as_ref();
            let description = description.map(|text| format!(" – {}", escaped(text)));
            format!("- {}{}", self.one(one), description.unwrap_or_default().replace('\n', " "))
        };
        links.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// A link; its words alone where the user may not open it.
    fn one(&self, one: &Link) -> String {
        let label = escaped(&one.label);
        match one.address.as_deref().and_then(self.open) {
            Some(address) if one.name().is_none() => link(&escaped(&address), &address),
            Some(address) => link(&label, &address),
            None => label.replace('\n', " "),
        }
    }

    /// In Teams as a picture only where Teams draws it, and always as a link, too: what it does not draw
    /// it does not show at all.
    pub(super) fn image(&self, image: &Image) -> Option<Shown> {
        let address = (self.open)(&image.address)?;
        let name = image.alt.as_deref().unwrap_or(words(self.language).picture);
        let known = self.pictures.get(&image.address);
        let by_end = || kind_of(&image.address).or_else(|| kind_of(name));
        let kind = known.map(|picture| picture.kind.as_str()).or_else(by_end);
        let kind = kind.filter(|kind| kind.starts_with("image/"));
        // Of ours it is served as something to save, because it can run.
        let is_saved = kind == Some("image/svg+xml") && address != image.address;
        let kind_there = if is_saved { UNKNOWN } else { kind.unwrap_or(SOME_PICTURE) };
        let picture = json!({ "contentType": kind_there, "contentUrl": address, "name": name });
        if self.surface == Surface::Page {
            return Some(Shown::card(picture));
        }
        let is_drawn = match known {
            Some(picture) => picture.fits_teams(),
            None => kind.is_some_and(picture::is_drawn_in_teams),
        };
        let mut shown = Shown::markdown(link(&escaped(name), &address));
        shown.attachments.extend(is_drawn.then_some(picture));
        Some(shown)
    }

    /// Teams takes files from nobody but people; there a link is all.
    pub(super) fn file(&self, file: &Link) -> Option<Shown> {
        let address = (self.open)(file.address.as_deref()?)?;
        let name = file.name().unwrap_or(words(self.language).file);
        Some(match self.surface {
            Surface::Page => Shown::card(json!({
                "contentType": kind_of(name).unwrap_or(UNKNOWN),
                "contentUrl": address,
                "name": name,
            })),
            Surface::Teams => Shown::markdown(format!("📎 {}", link(&escaped(name), &address))),
        })
    }

    pub(super) fn card(&self, shown: &Card) -> Shown {
        let words = words(self.language);
        let mut texts: Vec<Value> = Vec::new();
        texts.extend(shown.title.as_deref().map(card::bold));
        texts.extend(shown.subtitle.as_deref().map(card::subtle));
        texts.extend(shown.description.as_deref().map(card::text));
        let picture = shown.image.as_ref().and_then(|image| {
            let size = if shown.template == Template::SmallImage { "Medium" } else { "Stretch" };
            let alt = image.alt.as_ref().or(shown.title.as_ref());
            let alt = alt.map_or(words.picture, String::as_str);
            Some(card::picture(&(self.open)(&image.address)?, alt, size))
        });
        let mut body = match picture {
            Some(picture) if shown.template == Template::SmallImage => {
                vec![beside(picture, texts)]
            }
            Some(picture) => [vec![picture], texts].concat(),
            None => texts,
        };
        if !shown.fields.is_empty() {
            let facts = shown.fields.iter().map(|(title, value)| {
                json!({ "title": escaped(title), "value": escaped(&plain::words(value)) })
            });
            body.push(json!({ "type": "FactSet", "facts": facts.collect::<Vec<_>>() }));
        }
        let title = if shown.template == Template::Video { words.watch } else { words.open };
        let address = shown.address.as_deref().and_then(self.open);
        let actions = address.map(|address| card::open(title, &address));
        Shown::card(card::attachment(body, actions.into_iter().collect()))
    }

    pub(super) fn table(&self, table: &Table) -> Option<Shown> {
        let columns = table.columns();
        if !(1..=COLUMNS_MAX).contains(&columns) || table.rows.len() > TABLE_ROWS_MAX {
            return None;
        }
        let row = |cells: &[String]| {
            let cell = |index: usize| {
                let words = cells.get(index).map(String::as_str).unwrap_or_default();
                json!({ "type": "TableCell", "items": [card::text(words)] })
            };
            json!({ "type": "TableRow", "cells": (0..columns).map(cell).collect::<Vec<_>>() })
        };
        let headers = (!table.headers.is_empty()).then(|| row(&table.headers));
        let rows: Vec<Value> =
            headers.into_iter().chain(table.rows.iter().map(|cells| row(cells))).collect();
        let mut body: Vec<Value> = table.label.iter().map(|label| card::bold(label)).collect();
        body.push(json!({
            "type": "Table",
            "firstRowAsHeader": !table.headers.is_empty(),
            "columns": vec![json!({ "width": 1 }); columns],
            "rows": rows,
        }));
        let shown = table.rows.len();
        let more = table.total.filter(|total| usize::try_from(*total).is_ok_and(|n| n > shown));
        let of = words(self.language).of;
        body.extend(more.map(|total| card::subtle(&format!("{shown} {of} {total}"))));
        let actions = table.more.iter().map(|more| self.submit(more)).collect();
        Some(Shown::card(card::attachment(body, actions)))
    }

    /// A part with what asks for the next: a button below words, one on a card where there are cards,
    /// beside which Teams shows no others.
    pub(super) fn part(&self, content: &Control, more: Option<&Choice>, said: &Said) -> Shown {
        let mut shown = if let Some(shown) = self.of(content, said) {
            shown
        } else {
            let words = Words::of(said, self.language, self.open);
            let only_more = said.options.len() <= 1;
            let text = if only_more { words.prompt().to_owned() } else { words.all() };
            Shown { markdown: said.markdown, ..Shown::words(text) }
        };
        let Some(more) = more else { return shown };
        let more = &self.named(more);
        if shown.buttons.contains(more) {
            return shown;
        }
        let has_room = shown.buttons.len() < self.surface.buttons_max();
        if shown.attachments.is_empty() && has_room {
            shown.buttons.push(more.clone());
        } else {
            card::add_action(&mut shown.attachments, self.submit(more));
        }
        shown
    }

    /// A button without a name has one in the user's language.
    fn named(&self, more: &Choice) -> Choice {
        let label = if more.label == MORE { words(self.language).more } else { &more.label };
        Choice { label: label.to_owned(), value: more.value.clone() }
    }

    pub(super) fn submit(&self, choice: &Choice) -> Value {
        card::submit(&choice.label, self.entry, Answer::Value(&choice.value))
    }
}

/// A small picture with words beside it.
#[expect(clippy::needless_pass_by_value, reason = "what it is made of is used up")]
pub(super) fn beside(picture: Value, words: Vec<Value>) -> Value {
    json!({ "type": "ColumnSet", "columns": [
        { "type": "Column", "width": "auto", "items": [picture] },
        { "type": "Column", "width": "stretch", "items": words },
    ] })
}

/// A media type by the end of a name or an address, for those that pages show in place.
fn kind_of(name: &str) -> Option<&'static str> {
    let path = name.split(['?', '#']).next()?;
    let (_, end) = path.rsplit_once('.')?;
    Some(match end.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "svg" => "image/svg+xml",
        "pdf" => "application/pdf",
        "txt" | "log" => "text/plain",
        _ => return None,
    })
}
