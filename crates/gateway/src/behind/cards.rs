//! What a card or an attachment says, in words: for those who see words only.

use bot_framework::activity::Attachment;
use serde_json::Value;

/// The most lines taken out of one card.
const LINES_MAX: usize = 10;

/// The longest line, in characters.
const LINE_CHARS_MAX: usize = 500;

/// How deep a card is looked into; deeper than any that people draw.
const DEPTH_MAX: usize = 12;

/// The attachment in words; never empty.
pub(crate) fn words(attachment: &Attachment) -> String {
    let kind = attachment.content_type().unwrap_or_default();
    let content = attachment.content().and_then(|raw| serde_json::from_str(raw.get()).ok());
    let mut lines = Vec::new();
    if let Some(content) = content.filter(|_| kind.starts_with("application/vnd.microsoft.card.")) {
        match string(&content, "fallbackText").or_else(|| string(&content, "speak")) {
            Some(text) => lines.push(shortened(text)),
            None => collect(&content, &mut lines, DEPTH_MAX),
        }
    }
    if !lines.is_empty() {
        return lines.join("\n");
    }
    let name = attachment.name().filter(|name| !name.trim().is_empty()).unwrap_or(kind);
    if name.is_empty() { "[attachment]".to_owned() } else { format!("[attachment: {name}]") }
}

/// Titles and texts in the order in which a reader meets them.
fn collect(value: &Value, lines: &mut Vec<String>, depth: usize) {
    if lines.len() >= LINES_MAX || depth == 0 {
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, lines, depth - 1)),
        Value::Object(_) => {
            for name in ["title", "subtitle", "text"] {
                if let Some(text) = string(value, name)
                    && lines.len() < LINES_MAX
                {
                    lines.push(shortened(text));
                }
            }
            for name in ["body", "items", "columns", "facts", "inlines"] {
                if let Some(inner) = value.get(name) {
                    collect(inner, lines, depth - 1);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn string<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LINE_CHARS_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use bot_framework::Activity;

    use super::*;

    fn said(attachment: &str) -> String {
        let text = format!(r#"{{"type":"message","attachments":[{attachment}]}}"#);
        words(&Activity::parse(text.as_bytes()).unwrap().attachments()[0])
    }

    #[test]
    fn a_card_says_its_titles_and_texts_in_order() {
        let hero = r#"{"contentType":"application/vnd.microsoft.card.hero","content":{"title":"Pay","subtitle":"May","text":"due","buttons":[{"type":"imBack","title":"b","value":"v"}]}}"#;
        assert_eq!(said(hero), "Pay\nMay\ndue");
        let adaptive = r#"{"contentType":"application/vnd.microsoft.card.adaptive","content":{"type":"AdaptiveCard","body":[{"type":"TextBlock","text":"Which?"},{"type":"Container","items":[{"type":"FactSet","facts":[{"title":"A","value":"1"}]}]}]}}"#;
        assert_eq!(said(adaptive), "Which?\nA");
        let fallback = r#"{"contentType":"application/vnd.microsoft.card.adaptive","content":{"fallbackText":"an order form","body":[{"text":"x"}]}}"#;
        assert_eq!(said(fallback), "an order form");
    }

    #[test]
    fn what_has_no_words_says_what_it_is() {
        assert_eq!(
            said(r#"{"contentType":"image/png","name":"a.png","contentUrl":"https://x"}"#),
            "[attachment: a.png]"
        );
        assert_eq!(said(r#"{"contentType":"image/png"}"#), "[attachment: image/png]");
        assert_eq!(
            said(r#"{"contentType":"application/vnd.microsoft.card.adaptive","content":[]}"#),
            "[attachment: application/vnd.microsoft.card.adaptive]"
        );
        assert_eq!(said("{}"), "[attachment]");
    }

    #[test]
    fn a_card_as_long_as_a_book_is_cut() {
        let block = format!(r#"{{"type":"TextBlock","text":"{}"}}"#, "ä".repeat(10_000));
        let card = format!(
            r#"{{"contentType":"application/vnd.microsoft.card.adaptive","content":{{"body":[{}]}}}}"#,
            vec![block; 5].join(",")
        );
        assert_eq!(said(&card).lines().count(), 5);
        assert!(said(&card).chars().count() < 5 * (LINE_CHARS_MAX + 3));
    }
}
