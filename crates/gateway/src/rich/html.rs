//! HTML as Markdown, which pages and Teams both draw, and HTML they do not.
//!
//! A sanitiser parses it first, as a browser would, and leaves a few tags and attributes of it; what
//! comes out of it is well formed. Words are escaped, addresses are those that the user may open,
//! pictures without such an address leave their words.

use std::sync::LazyLock;

use ammonia::Builder;

use super::{
    Open,
    markdown::{destination, escaped, link},
};

/// The longest HTML that is parsed, in bytes: more than fits into a message.
const HTML_BYTES_MAX: usize = 64 * 1_024;

/// The most tags of it: where each is within the one before, a parser that does as browsers do takes a
/// time that grows with their square.
const TAGS_MAX: usize = 2_000;

/// The deepest list that is set off: deeper ones stand where it stands.
const DEPTH_MAX: usize = 6;

static SANITISER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::empty();
    builder
        .add_tags(TAGS)
        .add_clean_content_tags(["script", "style", "template", "noscript", "title"])
        .add_tag_attributes("a", ["href"])
        .add_tag_attributes("img", ["src", "alt"])
        .add_url_schemes(["http", "https", "mailto", "tel"])
        .link_rel(None);
    builder
});

/// What is left of a page: what Markdown has a form for.
const TAGS: [&str; 29] = [
    "a",
    "b",
    "strong",
    "i",
    "em",
    "code",
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
    let clean = SANITISER.clean(html).to_string();
    let mut page =
        Page { out: String::new(), lists: Vec::new(), links: Vec::new(), mark: None, opened };
    let mut rest = clean.as_str();
    while let Some(at) = rest.find('<') {
        page.words(&rest[..at]);
        // Well formed: a bare `<` is an entity, and so is a `>` within an attribute's value or not.
        let (tag, behind) = split_tag(&rest[at + 1..]);
        page.tag(tag);
        rest = behind;
    }
    page.words(rest);
    page.out.trim().to_owned()
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

/// What is open around the words.
struct Page<'a> {
    out: String,
    /// For each list, the number of its next item; none if its items have no numbers.
    lists: Vec<Option<usize>>,
    /// For each link, its address if it may be opened, and where its words begin.
    links: Vec<(Option<String>, usize)>,
    /// The mark that opened just now.
    mark: Option<&'static str>,
    opened: &'a Open<'a>,
}

impl Page<'_> {
    fn words(&mut self, html: &str) {
        let html = decoded(html);
        let html = match self.mark.take() {
            Some(mark) if html.starts_with(char::is_whitespace) => {
                // Between a mark that opens and its words stands no blank.
                self.out.truncate(self.out.len() - mark.len());
                if !self.out.is_empty() && !self.out.ends_with([' ', '\n']) {
                    self.out.push(' ');
                }
                self.out.push_str(mark);
                html.trim_start()
            }
            _ => &html,
        };
        // A run of blanks is one, and none at the beginning of a line.
        let mut after_blank = self.out.is_empty() || self.out.ends_with([' ', '\n']);
        let mut line = String::with_capacity(html.len());
        for c in html.chars() {
            let is_blank = c.is_whitespace();
            if !(is_blank && after_blank) {
                line.push(if is_blank { ' ' } else { c });
            }
            after_blank = is_blank;
        }
        self.out.push_str(&escaped(&line));
    }

    fn tag(&mut self, tag: &str) {
        let name = tag.split([' ', '/']).find(|part| !part.is_empty()).unwrap_or_default();
        let closes = tag.starts_with('/');
        match name {
            "b" | "strong" => self.mark("**", closes),
            "i" | "em" => self.mark("*", closes),
            "code" => self.mark("`", closes),
            "br" => self.out.push_str("  \n"),
            "hr" => self.block("---\n\n"),
            "ul" | "ol" if closes => {
                self.lists.pop();
                self.block("");
            }
            "ul" => self.list(None),
            "ol" => self.list(Some(1)),
            "li" if !closes => self.item(),
            "tr" => self.line(),
            "td" | "th" if !closes => self.cell(),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" if !closes => self.block("### "),
            "blockquote" if !closes => self.block("> "),
            "p" | "div" | "pre" | "table" | "caption" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6"
            | "blockquote"
                if self.lists.is_empty() =>
            {
                self.block("");
            }
            "a" if closes => self.close_link(),
            "a" => {
                let address = attribute(tag, "href").and_then(|address| (self.opened)(&address));
                self.links.push((address, self.out.len()));
            }
            "img" => self.picture(tag),
            _ => {}
        }
    }

    /// A mark opens before words and closes behind them, without a blank between.
    fn mark(&mut self, mark: &'static str, closes: bool) {
        if !closes {
            self.out.push_str(mark);
            self.mark = Some(mark);
        } else if let Some(words) = self.out.strip_suffix(mark) {
            // Nothing stands between.
            self.out.truncate(words.len());
        } else {
            let end = self.out.trim_end().len();
            let blank = self.out.split_off(end);
            self.out.push_str(mark);
            self.out.push_str(&blank);
        }
    }

    fn line(&mut self) {
        let end = self.out.trim_end().len();
        self.out.truncate(end);
        if end > 0 {
            self.out.push_str("  \n");
        }
    }

    fn cell(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with('\n') {
            self.out.push_str(" \\| ");
        }
    }

    fn block(&mut self, begin: &str) {
        let end = self.out.trim_end().len();
        self.out.truncate(end);
        if end > 0 {
            self.out.push_str("\n\n");
        }
        self.out.push_str(begin);
    }

    /// One within another begins where its first item does.
    fn list(&mut self, number: Option<usize>) {
        if self.lists.is_empty() {
            self.block("");
        }
        self.lists.push(number);
    }

    fn item(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.truncate(self.out.trim_end().len());
            self.out.push('\n');
        }
        let depth = self.lists.len().saturating_sub(1).min(DEPTH_MAX);
        self.out.push_str(&"   ".repeat(depth));
        if let Some(Some(next)) = self.lists.last_mut() {
            self.out.extend([&next.to_string(), ". "]);
            *next += 1;
        } else {
            self.out.push_str("- ");
        }
    }

    fn close_link(&mut self) {
        let Some((address, start)) = self.links.pop() else { return };
        let Some(address) = address else { return };
        let words = self.out.split_off(start.min(self.out.len()));
        let words = if words.trim().is_empty() { escaped(&address) } else { words };
        self.out.push_str(&link(words.trim(), &address));
    }

    fn picture(&mut self, tag: &str) {
        let alt = escaped(&attribute(tag, "alt").unwrap_or_default());
        match attribute(tag, "src").and_then(|address| (self.opened)(&address)) {
            Some(address) => self.out.extend(["![", &alt, "](", &destination(&address), ")"]),
            None => self.out.push_str(&alt),
        }
    }
}

/// An attribute's value. The sanitiser writes each in double quotes.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split_once(&format!(" {name}=\""))?.1.split('"').next()?;
    Some(decoded(value)).filter(|value| !value.is_empty())
}

/// The entities that the sanitiser writes; it has made characters of all others.
fn decoded(html: &str) -> String {
    html.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&nbsp;", "\u{a0}")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests;
