//! What people send beside words: answers by cards, places, persons, stickers.

use serde_json::{Value, json};

use super::{activity, said, text};
use crate::{
    channel::words::{for_agent, heard, is_answered_here},
    notices::Language,
};

#[test]
fn a_card_of_ours_answers_the_question_that_it_names() {
    for (value, given, words) in [
        (json!({ "warmline": { "answers": 12, "value": "inc-7" } }), "inc-7", "inc-7"),
        (
            json!({ "warmline": { "answers": 12, "value": "inc-7", "label": "Mail" } }),
            "inc-7",
            "Mail",
        ),
        (json!({ "warmline": { "answers": 12, "value": "_skip_" } }), "_skip_", "skip"),
        (
            json!({ "warmline": { "answers": 12, "asks": "choices" }, "warmlineValue": "a,b" }),
            "a,b",
            "a,b",
        ),
        (
            json!({ "warmline": { "answers": 12, "asks": "text" }, "warmlineValue": " pass word " }),
            " pass word ",
            " pass word ",
        ),
        (
            json!({ "warmline": { "answers": 12, "asks": "date" }, "warmlineDate": "2026-12-01" }),
            "2026-12-01",
            "2026-12-01",
        ),
        (
            json!({ "warmline": { "answers": 12, "asks": "time" }, "warmlineTime": "14:30" }),
            "14:30",
            "14:30",
        ),
        (
            json!({
                "warmline": { "answers": 12, "asks": "dateTime" },
                "warmlineDate": "2026-12-01",
                "warmlineTime": "14:30",
                "msteams": { "type": "x" },
            }),
            "2026-12-01 14:30",
            "2026-12-01 14:30",
        ),
        (
            json!({ "warmline": { "answers": 12, "asks": "dateTime" }, "warmlineDate": "2026-12-01" }),
            "2026-12-01",
            "2026-12-01",
        ),
    ] {
        let said = said(json!({ "value": value })).unwrap();
        let answer = said.answer.unwrap();
        assert_eq!((answer.to.0, answer.value.as_str()), (12, given), "{value}");
        assert_eq!((said.text.as_str(), said.choice), (words, None), "{value}");
    }
    for (secret, expected) in [(json!(true), true), (json!(false), false)] {
        let ours = json!({ "answers": 12, "asks": "text", "secret": secret });
        let value = json!({ "warmline": ours, "warmlineValue": "4711" });
        assert_eq!(said(json!({ "value": value })).unwrap().answer.unwrap().secret, expected);
    }
    // Nothing was filled in, or it is no card of ours.
    for value in [
        json!({ "warmline": { "answers": 12, "asks": "text" }, "warmlineValue": " " }),
        json!({ "warmline": { "answers": 12, "asks": "date" }, "warmlineValue": "x" }),
        json!({ "warmline": { "answers": "12", "value": "x" } }),
        json!({ "answers": 12, "value": "x" }),
        json!({ "warmline": 7 }),
    ] {
        assert_eq!(said(json!({ "value": value })).unwrap().answer, None, "{value}");
    }
}

#[test]
fn a_card_of_ours_may_wait_for_an_answer_and_no_bot_is_asked() {
    let execute = |data: Value| {
        activity(json!({
            "type": "invoke",
            "name": "adaptiveCard/action",
            "value": { "action": { "type": "Action.Execute", "data": data } },
        }))
    };
    let ours = execute(json!({ "warmline": { "answers": 12, "value": "inc-7" } }));
    assert!(is_answered_here(&ours));
    let told = for_agent(&ours, None, Language::English).unwrap();
    assert_eq!((told.text.as_str(), told.answer.unwrap().to.0), ("inc-7", 12));
    assert!(!is_answered_here(&execute(json!({ "size": "L" }))));
    let other = activity(json!({ "value": { "warmline": { "answers": 12, "value": "x" } } }));
    assert!(!is_answered_here(&other), "a message is no call");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn places_people_and_stickers_are_told_in_words() {
    let link = "https://www.openstreetmap.org/?mlat=52.5&mlon=13.25";
    let card = "BEGIN:VCARD\r\nFN:Kim Doe\r\nTEL;TYPE=CELL:+49 30 1\r\nitem1.EMAIL:kim@example.org\r\nEND:VCARD";
    let at = |name: &str| {
        format!("[Location: {name}52.5, 13.25{}] {link}", if name.is_empty() { "" } else { ")" })
    };
    for (members, expected) in [
        (
            json!({ "entities": [{ "type": "GeoCoordinates", "latitude": 52.5, "longitude": 13.25 }] }),
            at(""),
        ),
        (
            json!({ "entities": [{ "type": "https://schema.org/Place", "name": "Office",
                "geo": { "type": "GeoCoordinates", "latitude": "52.5", "longitude": 13.25 } }] }),
            at("Office ("),
        ),
        (
            json!({ "entities": [{ "type": "Place", "address": "Main St. 1" }] }),
            "[Location: Main St. 1]".to_owned(),
        ),
        (
            json!({ "channelData": { "message": { "location": { "latitude": 52.5, "longitude": 13.25 } } } }),
            at(""),
        ),
        (
            json!({ "channelData": { "message": { "venue": { "title": "Office",
                "location": { "latitude": 52.5, "longitude": 13.25 } } } } }),
            at("Office ("),
        ),
        (
            json!({ "channelData": { "message": { "attachments": [{ "type": "location", "title": "Here",
                "payload": { "coordinates": { "lat": 52.5, "long": 13.25 } } }] } } }),
            at("Here ("),
        ),
        (
            json!({ "channelData": { "message": { "type": "location", "address": "Main St. 1",
                "latitude": 52.5, "longitude": 13.25 } } }),
            at("Main St. 1 ("),
        ),
        (
            json!({ "attachments": [{ "contentType": "application/geo+json",
                "content": { "lat": 52.5, "lng": 13.25 } }] }),
            at(""),
        ),
        (
            json!({ "channelData": { "message": { "contact": { "first_name": "Kim",
                "phone_number": "+49 30 1" } } } }),
            "[Contact: Kim, +49 30 1]".to_owned(),
        ),
        (
            json!({ "attachments": [{ "contentType": "text/vcard", "content": card }] }),
            "[Contact: Kim Doe, +49 30 1, kim@example.org]".to_owned(),
        ),
        (
            json!({ "channelData": { "message": { "sticker": { "emoji": "👍" } } } }),
            "[Sticker 👍]".to_owned(),
        ),
        (
            json!({ "channelData": { "message": { "sticker_id": 7 } } }),
            "[Sent a sticker.]".to_owned(),
        ),
        (
            json!({ "channelData": { "message": { "type": "sticker" } } }),
            "[Sent a sticker.]".to_owned(),
        ),
    ] {
        let mut members = members;
        members["channelId"] = json!("telegram");
        assert_eq!(text(members.clone()), expected, "{members}");
    }
    let both = json!({
        "text": "I am here",
        "entities": [{ "type": "GeoCoordinates", "latitude": 52.5, "longitude": 13.25 }],
        "channelData": { "message": { "location": { "latitude": 1, "longitude": 1 } } },
    });
    assert_eq!(text(both), format!("I am here\n{}", at("")), "told once, below the words");
    // Nowhere on earth, and no thing at all.
    for entity in [
        json!({ "type": "GeoCoordinates", "latitude": 91, "longitude": 0 }),
        json!({ "type": "GeoCoordinates", "latitude": 1 }),
        json!({ "type": "Place" }),
        json!({ "type": 7 }),
        json!([]),
    ] {
        assert_eq!(text(json!({ "text": "hi", "entities": [entity] })), "hi");
    }
}

#[test]
fn what_nobody_can_read_is_told_of_all_the_same() {
    let unknown =
        activity(json!({ "channelId": "line", "channelData": { "message": { "type": "x" } } }));
    assert!(heard(&unknown, Language::English).is_none());
    let told = for_agent(&unknown, None, Language::English).unwrap();
    assert_eq!(told.text, "[Sent something that cannot be shown here.]");
}
