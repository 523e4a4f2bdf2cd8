//! What an instance takes for an answer to what it asked (reference 3.7 and 5.3).
//!
//! Owns the forms. It reads the question from the item that asked it, so it judges every item
//! alike, also one that a test has made up.

use jiff::civil::{Date, DateTime, Time};
use serde_json::{Map, Value};

use crate::request::Request;

/// What skips a question that need not be answered.
pub(crate) const SKIP: &str = "_skip_";
/// What asks for the next part of a `MultiPartOutput`.
pub(crate) const MORE: &str = "click_for_more";
/// What goes on after an `OutputTable`.
pub(crate) const DONE: &str = "DONE";

/// Something that stands until it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    asks: Asks,
    required: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Asks {
    /// One of these values.
    OneOf(Vec<String>),
    /// Some of these values, with commas between them.
    SomeOf(Vec<String>),
    Date,
    Time,
    DateTime,
    Text,
    Files {
        count_max: usize,
        pictures: bool,
    },
    /// This word and no other.
    Word(&'static str),
}

impl Question {
    /// What an item asks, if it asks anything.
    pub(crate) fn of(item: &Map<String, Value>) -> Option<Self> {
        let flag = |name: &str| item.get(name).and_then(Value::as_bool).unwrap_or_default();
        let asks = match item.get("uiType").and_then(Value::as_str)? {
            "Boolean" => Asks::OneOf(values(item)),
            "Picker" | "TopicPickerControl" | "ItemPicker" | "DefaultPicker" => {
                if flag("multiSelect") {
                    Asks::SomeOf(values(item))
                } else {
                    Asks::OneOf(values(item))
                }
            }
            "Date" => Asks::Date,
            "Time" => Asks::Time,
            "DateTime" => Asks::DateTime,
            "InputText" => Asks::Text,
            kind @ ("FileUpload" | "Picture") => {
                let count = item.get("maxCount").and_then(Value::as_u64).unwrap_or(1);
                Asks::Files {
                    count_max: usize::try_from(count).unwrap_or(usize::MAX),
                    pictures: kind == "Picture",
                }
            }
            "MultiPartOutput" => Asks::Word(MORE),
            "OutputTable" if item.contains_key("navigationBtnLabel") => Asks::Word(DONE),
            _ => return None,
        };
        Some(Self { asks, required: flag("required") })
    }

    /// Whether a message answers it; the sentence says why not.
    pub(crate) fn judge(&self, request: &Request) -> Result<(), &'static str> {
        let (text, typed) = (request.text(), request.typed());
        if text == SKIP {
            return match (self.required, typed) {
                (true, _) => Err("the question must be answered, and cannot be skipped"),
                (false, Some(false)) => Ok(()),
                (false, _) => Err("a question is skipped with typed:false"),
            };
        }
        let chosen = || match typed {
            Some(false) => Ok(()),
            _ => Err("a choice comes with typed:false"),
        };
        let is = |right: bool, else_: &'static str| if right { Ok(()) } else { Err(else_) };
        match &self.asks {
            Asks::OneOf(values) => {
                chosen()?;
                is(values.iter().any(|value| value == text), "no option has this value")
            }
            Asks::SomeOf(values) => {
                chosen()?;
                let known = |part: &str| values.iter().any(|value| value == part.trim());
                is(text.split(',').all(known), "one of these values is no option's")
            }
            Asks::Date => is(is_date(text), "a date is YYYY-MM-DD, with HH:MM:SS or without"),
            Asks::Time => is(is_time(text), "a time is HH:MM:SS, behind YYYY-MM-DD or alone"),
            Asks::DateTime => is(is_moment(text), "a moment is YYYY-MM-DD HH:MM:SS"),
            Asks::Text => {
                is(typed != Some(false), "words come with typed:true")?;
                is(!text.trim().is_empty(), "the question waits for words")
            }
            Asks::Files { count_max, pictures } => {
                let files = request.attachments();
                is(!files.is_empty(), "the question waits for a file")?;
                is(files.len() <= *count_max, "there are more files than were asked for")?;
                let is_picture = |kind: &str| kind.to_ascii_lowercase().starts_with("image/");
                is(
                    !pictures || files.iter().all(|file| is_picture(&file.content_type)),
                    "the question waits for a picture",
                )
            }
            Asks::Word(word) => is(text == *word, "only the word that goes on is taken here"),
        }
    }
}

/// The values of the options; an option without one is its label.
fn values(item: &Map<String, Value>) -> Vec<String> {
    let options = item.get("options").and_then(Value::as_array).into_iter().flatten();
    let value = |option: &Value| {
        let text = |name: &str| option.get(name).and_then(Value::as_str).map(str::to_owned);
        text("value").or_else(|| text("label"))
    };
    options.filter_map(value).collect()
}

/// Epoch milliseconds are another form that clients use (reference 5.3).
fn is_epoch(text: &str) -> bool {
    (12..=14).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_moment(text: &str) -> bool {
    DateTime::strptime("%Y-%m-%d %H:%M:%S", text).is_ok() || is_epoch(text)
}

fn is_date(text: &str) -> bool {
    Date::strptime("%Y-%m-%d", text).is_ok() || is_moment(text)
}

fn is_time(text: &str) -> bool {
    Time::strptime("%H:%M:%S", text).is_ok() || is_moment(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "tests say less")]
    fn judged(item: Value, text: &str, typed: bool) -> bool {
        let question = Question::of(item.as_object().unwrap()).unwrap();
        let body = json!({"userId": "u", "message": {"text": text, "typed": typed}});
        question.judge(&Request::read(&body, true).unwrap().0).is_ok()
    }

    #[test]
    fn a_choice_is_the_value_of_an_option_and_is_not_typed() {
        let options = json!([{"label": "A", "value": "a"}, {"label": "B", "value": "b"}]);
        let one = json!({"uiType": "Picker", "options": options});
        let some = json!({"uiType": "Picker", "multiSelect": true, "options": options});
        let labels = json!({"uiType": "Boolean", "options": [{"label": "Yes"}, {"label": "No"}]});
        for (item, text, typed, right) in [
            (&one, "a", false, true),
            (&one, "a", true, false),
            (&one, "A", false, false),
            (&one, "a,b", false, false),
            (&some, "a", false, true),
            (&some, "a,b", false, true),
            (&some, "a,c", false, false),
            (&some, "a,b", true, false),
            (&labels, "Yes", false, true),
            (&labels, "yes", false, false),
        ] {
            assert_eq!(judged(item.clone(), text, typed), right, "{item} {text} {typed}");
        }
    }

    #[test]
    fn times_have_the_forms_that_instances_are_known_to_take() {
        for (kind, text, right) in [
            ("Date", "2026-03-04", true),
            ("Date", "2026-03-04 00:00:00", true),
            ("Date", "1767225600000", true),
            ("Date", "2026-02-30", false),
            ("Date", "04.03.2026", false),
            ("Time", "09:30:00", true),
            ("Time", "2026-03-04 09:30:00", true),
            ("Time", "9:30 am", false),
            ("DateTime", "2026-03-04 09:30:00", true),
            ("DateTime", "2026-03-04T09:30:00Z", false),
            ("DateTime", "2026-03-04", false),
        ] {
            assert_eq!(judged(json!({"uiType": kind}), text, true), right, "{kind} {text}");
        }
    }

    #[test]
    fn only_what_is_not_required_can_be_skipped_and_only_untyped() {
        for (required, typed, right) in
            [(false, false, true), (false, true, false), (true, false, false)]
        {
            let item = json!({"uiType": "InputText", "required": required});
            assert_eq!(judged(item, SKIP, typed), right, "{required} {typed}");
        }
        assert!(judged(json!({"uiType": "InputText", "required": true}), "a word", true));
        assert!(!judged(json!({"uiType": "InputText", "required": true}), "a word", false));
    }

    #[test]
    fn an_upload_is_answered_with_as_many_files_as_it_takes() {
        let file = |kind: &str| json!({"url": "http://h/f", "contentType": kind, "fileName": "f"});
        let judged = |item: Value, files: Value| {
            let body = json!({"message": {"text": "", "typed": true, "attachment": files}});
            let request = Request::read(&body, true).unwrap().0;
            Question::of(item.as_object().unwrap()).unwrap().judge(&request).is_ok()
        };
        let upload = json!({"uiType": "FileUpload", "maxCount": 2});
        let (pdf, png) = (file("application/pdf"), file("image/png"));
        assert!(judged(upload.clone(), pdf.clone()));
        assert!(judged(upload.clone(), json!([pdf, png])));
        assert!(!judged(upload, json!([pdf, png, pdf])));
        assert!(judged(json!({"uiType": "Picture"}), png));
        assert!(!judged(json!({"uiType": "Picture"}), pdf));
    }

    #[test]
    fn what_is_only_shown_asks_nothing() {
        for item in [
            json!({"uiType": "OutputText", "value": "x"}),
            json!({"uiType": "OutputTable", "data": []}),
            json!({"uiType": "ActionMsg", "actionType": "System"}),
            json!({"value": "x"}),
        ] {
            assert_eq!(Question::of(item.as_object().unwrap()), None, "{item}");
        }
        let table = json!({"uiType": "OutputTable", "navigationBtnLabel": "More"});
        assert!(judged(table.clone(), DONE, false) && !judged(table, "more", true));
        assert!(judged(json!({"uiType": "MultiPartOutput"}), MORE, false));
    }
}
