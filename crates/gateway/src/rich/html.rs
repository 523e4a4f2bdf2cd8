//! HTML as Markdown, which pages and Teams both draw, and HTML they do not.
//!
//! A sanitiser parses it first, as a browser would, and leaves a few tags and attributes of it; what
//! comes out of it is well formed. Words are escaped, addresses are those that the user may open,
//! pictures without such an address leave their words.

mod page;
mod signs;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, sync::LazyLock};

use ammonia::Builder;
use page::Page;

use super::Open;

/// The longest HTML that is parsed, in bytes: more than fits into a message.
const HTML_BYTES_MAX: usize = 64 * 1_024;

/// The most tags of it: where each is within the one before, a parser that does as browsers do takes a
/// time that grows with their square.
const TAGS_MAX: usize = 2_000;

/// What formats words. A parser that does as browsers do opens each anew in every block that follows,
/// if it was not closed: a page of some kilobytes becomes one of a million elements. Under a name with
/// [`PLAIN`] before it, each is an element like any other.
const FORMATS: [&str; 14] = [
    "a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u",
];

/// What makes a name that no parser knows.
const PLAIN: &str = "x-";

static SANITISER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::empty();
    builder
        .add_tags(TAGS)
        .add_tags(["x-a", "x-b", "x-strong", "x-i", "x-em", "x-code"])
        .add_clean_content_tags(["script", "style", "template", "noscript", "title"])
        .add_tag_attributes("x-a", ["href"])
        .add_tag_attributes("img", ["src", "alt"])
        .add_url_schemes(["http", "https", "mailto", "tel"])
        .link_rel(None);
    builder
});

/// What is left of a page: what Markdown has a form for.
const TAGS: [&str; 23] = [
    "pre",
    "br",
    "p",
    "div",
    "ul",
    "ol",
    "li",
    "blockquote",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "img",
    "table",
    "tr",
    "td",
    "th",
    "thead",
    "tbody",
    "caption",
];

/// The HTML as Markdown; empty if there is nothing to see, or too much.
pub(super) fn markdown(html: &str, opened: &Open<'_>) -> String {
    if html.len() > HTML_BYTES_MAX || html.bytes().filter(|byte| *byte == b'<').count() > TAGS_MAX {
        return String::new();
    }
    let clean = SANITISER.clean(&formats_renamed(html)).to_string();
    let mut page = Page::new(opened);
    let mut rest = clean.as_str();
    while let Some(at) = rest.find('<') {
        page.words(&decoded(&rest[..at]));
        // Well formed: a bare `<` is an entity, and so is a `>` within an attribute's value or not.
        let (tag, behind) = split_tag(&rest[at + 1..]);
        page.tag(&Tag(tag));
        rest = behind;
    }
    page.words(&decoded(rest));
    page.finish()
}

/// The page with other names for what formats words; also where these are no tags at all, which costs
/// nothing.
fn formats_renamed(html: &str) -> Cow<'_, str> {
    let mut renamed = String::new();
    let mut kept = 0;
    for (at, _) in html.match_indices('<') {
        let slash = usize::from(html[at + 1..].starts_with('/'));
        let name_at = at + 1 + slash;
        let end = html[name_at..].find(|c: char| c.is_ascii_whitespace() || "/><".contains(c));
        let name = &html[name_at..end.map_or(html.len(), |end| name_at + end)];
        if FORMATS.iter().any(|format| format.eq_ignore_ascii_case(name)) {
            renamed.push_str(&html[kept..name_at]);
            renamed.push_str(PLAIN);
            kept = name_at;
        }
    }
    if kept == 0 {
        return html.into();
    }
    renamed.push_str(&html[kept..]);
    renamed.into()
}

/// Splits behind the `>` that ends a tag; one within quotes does not.
fn split_tag(text: &str) -> (&str, &str) {
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '>' if !quoted => return (&text[..at], &text[at + 1..]),
            _ => {}
        }
    }
    (text, "")
}

/// What stands between `<` and `>`.
struct Tag<'a>(&'a str);

impl Tag<'_> {
    fn name(&self) -> &str {
        let name = self.0.split([' ', '/']).find(|part| !part.is_empty()).unwrap_or_default();
        name.strip_prefix(PLAIN).unwrap_or(name)
    }

    fn closes(&self) -> bool {
        self.0.starts_with('/')
    }

    /// An attribute's value. The sanitiser writes each in double quotes.
    fn attribute(&self, name: &str) -> Option<String> {
        let value = self.0.split_once(&format!(" {name}=\""))?.1.split('"').next()?;
        Some(decoded(value)).filter(|value| !value.is_empty())
    }
}

/// The entities that the sanitiser writes; it has made characters of all others.
fn decoded(html: &str) -> String {
    html.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&nbsp;", "\u{a0}")
        .replace("&amp;", "&")
}
