//! A message with its files in their places.

use bot_framework::{Activity, direct_line::ErrorCode};
use serde_json::{Map, Value, json, value::RawValue};

use super::Brought;
use crate::{edge::direct_line::Refused, files::Kept};

/// Gives the message the addresses of its files: those that it lists by name in their places, the others
/// behind them.
pub(super) fn merge(
    activity: &mut Activity,
    files: &[Brought],
    address: impl Fn(&Kept) -> String,
) -> Result<(), Refused> {
    let listed = activity.raw("attachments").map(RawValue::get);
    let listed: Vec<Box<RawValue>> =
        listed.and_then(|listed| serde_json::from_str(listed).ok()).unwrap_or_default();
    let mut left: Vec<&Brought> = files.iter().collect();
    let mut attachments = Vec::new();
    for raw in listed {
        let object: Result<Map<String, Value>, _> = serde_json::from_str(raw.get());
        let Some(mut object) = object.ok().filter(waits_for_file) else {
            attachments.push(raw);
            continue;
        };
        let name = object.get("name").and_then(Value::as_str).unwrap_or_default();
        let Some(at) = left.iter().position(|brought| brought.called == name) else {
            return Err(Refused::new(
                ErrorCode::MissingProperty,
                "the activity lists an attachment without `content`, and no file of its name came",
            ));
        };
        let kept = &left.remove(at).kept;
        object.insert("contentType".to_owned(), json!(kept.kind));
        object.insert("name".to_owned(), json!(kept.name));
        object.insert("contentUrl".to_owned(), json!(address(kept)));
        attachments.extend(serde_json::value::to_raw_value(&object).ok());
    }
    for Brought { kept, .. } in left {
        let object =
            json!({"contentType": kept.kind, "name": kept.name, "contentUrl": address(kept)});
        attachments.extend(serde_json::value::to_raw_value(&object).ok());
    }
    activity.set("attachments", attachments);
    Ok(())
}

/// Whether an attachment is there only by its name. The address of a browser's own memory is none.
fn waits_for_file(object: &Map<String, Value>) -> bool {
    let there = |name: &str| match object.get(name) {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.is_empty() && !text.starts_with("blob:"),
        Some(_) => true,
    };
    !there("content") && !there("contentUrl")
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use store::ConversationId;
    use uuid::Uuid;

    use super::*;
    use crate::files::{FileId, Keep};

    fn brought(called: &str, name: &str) -> Brought {
        let number = Uuid::from_u128(7);
        let id = FileId { conversation: ConversationId(1), number, keep: Keep::Chat };
        let kept = Kept { id, name: name.to_owned(), kind: "image/png".to_owned(), bytes: 1 };
        Brought { called: called.to_owned(), kept }
    }

    fn merged(activity: &str, files: &[Brought]) -> Result<Value, Refused> {
        let mut activity = Activity::parse(activity.as_bytes()).unwrap();
        merge(&mut activity, files, |kept| format!("at/{}", kept.name))?;
        Ok(serde_json::from_str(&activity.to_json()).unwrap())
    }

    #[test]
    fn files_take_the_places_in_which_they_are_listed() {
        let files = [brought("b.png", "b.png.jpg"), brought("a.png", "a.png"), brought("c", "c")];
        let activity = r#"{"type":"message","attachments":[
            {"contentType":"image/x","name":"a.png","x":1},
            {"contentType":"t","content":{"n":1.0}},
            {"name":"b.png","contentUrl":"blob:http://x"},
            {"name":"d","contentUrl":"https://elsewhere/d"}]}"#;
        let merged = merged(activity, &files).unwrap();
        assert_eq!(
            merged["attachments"],
            json!([
                {"contentType": "image/png", "name": "a.png", "x": 1, "contentUrl": "at/a.png"},
                {"contentType": "t", "content": {"n": 1.0}},
                {"contentType": "image/png", "name": "b.png.jpg", "contentUrl": "at/b.png.jpg"},
                {"name": "d", "contentUrl": "https://elsewhere/d"},
                {"contentType": "image/png", "name": "c", "contentUrl": "at/c"},
            ])
        );
    }

    #[test]
    fn two_files_of_one_name_are_two_attachments() {
        let files = [brought("a", "a1"), brought("a", "a2")];
        let activity = r#"{"type":"message","attachments":[{"name":"a"},{"name":"a"}]}"#;
        let merged = merged(activity, &files).unwrap();
        let address = |at: usize| merged["attachments"][at]["contentUrl"].clone();
        assert_eq!((address(0), address(1)), (json!("at/a1"), json!("at/a2")));
    }

    #[test]
    fn a_listed_file_that_did_not_come_is_missed() {
        let activity = r#"{"type":"message","attachments":[{"name":"other"}]}"#;
        let refused = merged(activity, &[brought("a", "a")]).unwrap_err();
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    }
}
