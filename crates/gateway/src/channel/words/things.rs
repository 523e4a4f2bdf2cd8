//! What people send beside words and files: where they are, whom to call, a sticker. An agent reads
//! words only.
//!
//! Channels tell these in three ways: as entities of the protocol, as attachments, or in their own
//! form (`channelData`), which is read as far as Telegram, Messenger and LINE describe it.

use bot_framework::{Activity, activity::Attachment};
use serde_json::{Value, value::RawValue};

use super::shortened;
use crate::{
    notices::{Language, Told, told},
    plain::plain,
};

/// The most things of one message that are told.
const THINGS_MAX: usize = 10;

/// The longest name of a place or a person, in characters.
const NAME_CHARS_MAX: usize = 200;

/// The longest sign of a sticker, in characters: a family of four has eleven.
const SIGN_CHARS_MAX: usize = 12;

/// A line for each.
pub(super) fn things(activity: &Activity, language: Language) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut add = |line: Option<String>| {
        lines.extend(line.filter(|line| !lines.contains(line)));
    };
    for entity in activity.entities().into_iter().take(THINGS_MAX) {
        add(parsed(entity).and_then(|entity| of_entity(&entity, language)));
    }
    for attachment in activity.attachments().iter().take(THINGS_MAX) {
        add(of_attachment(attachment, language));
    }
    // What the protocol tells already, the channel's own form would tell twice.
    if lines.is_empty()
        && let Some(data) = activity.channel_data().and_then(parsed)
    {
        let message = data.get("message").unwrap_or(&data);
        lines = of_message(message, language);
    }
    lines.truncate(THINGS_MAX);
    lines
}

/// Whether an attachment is told as a thing, and is no file.
pub(super) fn is_thing(attachment: &Attachment) -> bool {
    is_card_of_a_person(attachment) || is_place(attachment)
}

fn parsed(raw: &RawValue) -> Option<Value> {
    serde_json::from_str(raw.get()).ok()
}

/// `GeoCoordinates`, or a `Place` that has some.
fn of_entity(entity: &Value, language: Language) -> Option<String> {
    let kind = entity.get("type")?.as_str()?;
    let kind = kind.rsplit('/').next().unwrap_or(kind);
    match kind {
        "GeoCoordinates" => located(entity, text_in(entity, &["name"]), language),
        "Place" => {
            let geo = entity.get("geo").filter(|geo| geo.is_object()).unwrap_or(entity);
            let name = text_in(entity, &["name"]).or_else(|| text_in(geo, &["name"]));
            let address = text_in(entity, &["address"]);
            let named = name.clone().or_else(|| address.clone());
            located(geo, named, language).or_else(|| {
                let named = name.or(address)?;
                Some(told(language, &Told::Located { place: &named, link: None }))
            })
        }
        _ => None,
    }
}

fn of_attachment(attachment: &Attachment, language: Language) -> Option<String> {
    let content = attachment.content().and_then(parsed)?;
    if is_card_of_a_person(attachment) {
        return contact(content.as_str()?, language);
    }
    is_place(attachment)
        .then(|| located(&content, text_in(&content, &["name", "title"]), language))?
}

fn is_card_of_a_person(attachment: &Attachment) -> bool {
    let kind = attachment.content_type().unwrap_or_default();
    let is_card = ["text/vcard", "text/x-vcard"].iter().any(|card| kind.starts_with(card));
    is_card && attachment.content().is_some_and(|content| content.get().starts_with('"'))
}

fn is_place(attachment: &Attachment) -> bool {
    let kind = attachment.content_type().unwrap_or_default();
    ["application/vnd.geo+json", "application/geo+json", "location"].contains(&&*kind)
}

/// A message in its channel's own form.
fn of_message(message: &Value, language: Language) -> Vec<String> {
    let mut lines = Vec::new();
    // Telegram.
    if let Some(venue) = message.get("venue") {
        let place = venue.get("location").unwrap_or(venue);
        lines.extend(located(place, text_in(venue, &["title", "address"]), language));
    } else if let Some(place) = message.get("location") {
        lines.extend(located(place, None, language));
    }
    if let Some(person) = message.get("contact") {
        lines.extend(person_of(person, language));
    }
    // Telegram names a sticker, LINE says that it is one, Messenger counts it.
    let kind = message.get("type").and_then(Value::as_str).unwrap_or_default();
    if let Some(sticker) = message.get("sticker") {
        lines.push(sticker_of(text_in(sticker, &["emoji"]), language));
    } else if kind == "sticker" || message.get("sticker_id").is_some() {
        lines.push(sticker_of(None, language));
    }
    if kind == "location" {
        lines.extend(located(message, text_in(message, &["title", "address"]), language));
    }
    // Messenger.
    let attachments = message.get("attachments").and_then(Value::as_array);
    for attachment in attachments.into_iter().flatten().take(THINGS_MAX) {
        if let Some(place) = attachment.pointer("/payload/coordinates") {
            lines.extend(located(place, text_in(attachment, &["title"]), language));
        }
    }
    lines
}

fn located(place: &Value, name: Option<String>, language: Language) -> Option<String> {
    let number = |names: [&str; 3]| {
        let found = names.iter().find_map(|name| place.get(name))?;
        found.as_f64().or_else(|| found.as_str()?.trim().parse().ok())
    };
    let latitude = number(["latitude", "lat", "Latitude"])?;
    let longitude = number(["longitude", "long", "lng"]).or_else(|| number(["lon"; 3]))?;
    if !(-90.0..=90.0).contains(&latitude) || !(-180.0..=180.0).contains(&longitude) {
        return None;
    }
    let link = format!("https://www.openstreetmap.org/?mlat={latitude}&mlon={longitude}");
    let place = match name {
        Some(name) => format!("{name} ({latitude}, {longitude})"),
        None => format!("{latitude}, {longitude}"),
    };
    Some(told(language, &Told::Located { place: &place, link: Some(&link) }))
}

/// A person as Telegram tells of one.
fn person_of(person: &Value, language: Language) -> Option<String> {
    let parts = ["first_name", "last_name"].map(|name| text_in(person, &[name]));
    let name = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let who: Vec<_> = [Some(name), text_in(person, &["phone_number"])]
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect();
    (!who.is_empty()).then(|| told(language, &Told::Contact { who: &who.join(", ") }))
}

/// A person by their card: the name, and how to reach them.
fn contact(card: &str, language: Language) -> Option<String> {
    let field = |line: &str| {
        let (name, value) = line.split_once(':')?;
        let name = name.split(';').next()?.trim().to_ascii_uppercase();
        let name = name.rsplit('.').next().unwrap_or_default().to_owned();
        let value = plain(value.trim(), NAME_CHARS_MAX);
        (["FN", "TEL", "EMAIL"].contains(&name.as_str()) && !value.is_empty()).then_some(value)
    };
    let who: Vec<_> = card.lines().filter_map(field).take(THINGS_MAX).collect();
    (!who.is_empty()).then(|| told(language, &Told::Contact { who: &who.join(", ") }))
}

fn sticker_of(sign: Option<String>, language: Language) -> String {
    let sign = sign.map(|sign| shortened(&sign, SIGN_CHARS_MAX));
    told(language, &Told::Sticker { sign: sign.as_deref() })
}

/// The first of these members that is a text.
fn text_in(value: &Value, names: &[&str]) -> Option<String> {
    let text = names.iter().find_map(|name| value.get(name)?.as_str())?;
    let text = plain(text.trim(), NAME_CHARS_MAX);
    (!text.is_empty()).then_some(text)
}
