//! HTML as plain text: tags gone, line breaks kept, links written out.
//!
//! The result is plain text and nothing else: an entity such as `&lt;` becomes the character it
//! stands for, so whoever puts the text into a page must escape it like any other text. Nothing is
//! fetched or run, and broken HTML loses its tags like any other.

/// The text of a piece of HTML, without leading, trailing or repeated blank space. Links have their
/// addresses as `open` gives them out.
pub(super) fn text(html: &str, open: &dyn Fn(&str) -> Option<String>) -> String {
    let mut page = Page { out: String::new(), link: None, open };
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        page.words(&rest[..at]);
        rest = &rest[at..];
        rest = if let Some(comment) = rest.strip_prefix("<!--") {
            comment.split_once("-->").map_or("", |(_, after)| after)
        } else if rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c)) {
            let (tag, after) = split_tag(&rest[1..]);
            let name = page.tag(tag);
            if matches!(name.as_str(), "script" | "style") { skip(after, &name) } else { after }
        } else {
            // A bare `<`, as in "a < b".
            page.words("<");
            &rest[1..]
        };
    }
    page.words(rest);
    page.finish()
}

/// Splits after the `>` that closes a tag; one inside a quoted attribute does not.
fn split_tag(text: &str) -> (&str, &str) {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '>') => return (&text[..at], &text[at + 1..]),
            _ => {}
        }
    }
    (text, "")
}

/// What follows the closing tag of an element whose content is not text.
fn skip<'a>(text: &'a str, name: &str) -> &'a str {
    let mut rest = text;
    while let Some(at) = rest.find("</") {
        rest = &rest[at + 2..];
        // Compared as bytes: the name is ASCII, the text may have anything there.
        let found = rest.as_bytes().get(..name.len());
        if found.is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes())) {
            return split_tag(rest).1;
        }
    }
    ""
}

/// The text so far.
struct Page<'a> {
    out: String,
    /// The address and the start of the text of the link that is open.
    link: Option<(String, usize)>,
    open: &'a dyn Fn(&str) -> Option<String>,
}

impl Page<'_> {
    fn words(&mut self, html: &str) {
        for c in unescape(html).chars() {
            if c.is_whitespace() {
                if !self.out.is_empty() && !self.out.ends_with([' ', '\n']) {
                    self.out.push(' ');
                }
            } else {
                self.out.push(c);
            }
        }
    }

    fn new_line(&mut self) {
        self.out.truncate(self.out.trim_end_matches(' ').len());
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    /// Takes a tag and answers its name.
    fn tag(&mut self, tag: &str) -> String {
        let name_end =
            tag[1..].find(|c: char| !c.is_ascii_alphanumeric()).map_or(tag.len(), |at| at + 1);
        let name = tag[..name_end].to_ascii_lowercase();
        match name.as_str() {
            "br" => self.new_line(),
            "a" => {
                let address = href(tag).and_then(|href| (self.open)(&href));
                self.link = address.map(|address| (address, self.out.len()));
            }
            "/a" => self.close_link(),
            "li" => {
                self.block();
                self.out.push_str("- ");
            }
            "td" | "th" if !self.out.ends_with('\n') => self.words(" "),
            "p" | "/p" | "div" | "/div" | "tr" | "/tr" | "/li" | "ul" | "/ul" | "ol" | "/ol"
            | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "/h1" | "/h2" | "/h3" | "/h4" | "/h5"
            | "/h6" | "table" | "/table" | "hr" => self.block(),
            _ => {}
        }
        name
    }

    /// A block begins on a line of its own; several in a row need only one.
    fn block(&mut self) {
        if !self.out.trim_end_matches(' ').ends_with('\n') {
            self.new_line();
        }
    }

    /// Writes a link's address behind its text, unless the text is the address.
    fn close_link(&mut self) {
        if let Some((href, start)) = self.link.take() {
            let shown = self.out.get(start..).unwrap_or_default().trim();
            if shown != href {
                if !self.out.is_empty() && !self.out.ends_with([' ', '\n']) {
                    self.out.push(' ');
                }
                self.out.push('<');
                self.out.push_str(&href);
                self.out.push('>');
            }
        }
    }

    fn finish(mut self) -> String {
        self.out.truncate(self.out.trim_end().len());
        self.out
    }
}

/// The web address of a link; other schemes (`javascript:` above all) are not worth showing.
fn href(tag: &str) -> Option<String> {
    // ASCII lower case keeps every byte where it is.
    let at = tag.to_ascii_lowercase().find("href=")?;
    let value = &tag[at + "href=".len()..];
    let value = match value.chars().next()? {
        quote @ ('"' | '\'') => value[1..].split(quote).next()?,
        _ => value.split(|c: char| c.is_whitespace() || c == '>').next()?,
    };
    let value = unescape(value.trim());
    let lower = value.to_ascii_lowercase();
    let shown =
        lower.starts_with("https://") || lower.starts_with("http://") || lower.starts_with('/');
    shown.then_some(value)
}

/// Replaces the entities that matter: the five of XML, the space, and numbers. Others stay as typed.
fn unescape(text: &str) -> String {
    /// Longest first digits of a number that can still be a character, `#x10FFFF`.
    const ENTITY_BYTES_MAX: usize = 10;

    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.as_bytes().iter().take(ENTITY_BYTES_MAX + 1).position(|byte| *byte == b';');
        if let Some((c, end)) = end.and_then(|end| Some((entity(&rest[1..end])?, end))) {
            out.push(c);
            rest = &rest[end + 1..];
        } else {
            out.push('&');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => {
            let digits = name.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            char::from_u32(code).filter(|c| !c.is_control() || c.is_whitespace())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn html_becomes_readable_text() {
        for (html, expected) in [
            ("<b>Hi</b>", "Hi"),
            ("one<br/>two<BR>three", "one\ntwo\nthree"),
            ("<p>one</p><p>two</p>", "one\ntwo"),
            ("<ul><li>a</li><li>b</li></ul>after", "- a\n- b\nafter"),
            ("Tom &amp; Jerry &lt;3 &#228;&#xE4;&nbsp;!", "Tom & Jerry <3 ää !"),
            (
                "see <a href=\"https://e.org/a?b=1&amp;c=2\">this</a>.",
                "see this <https://e.org/a?b=1&c=2>.",
            ),
            ("<a href='https://e.org'>https://e.org</a>", "https://e.org"),
            ("<a href=javascript:alert(1)>x</a>", "x"),
            ("<script>alert('</b>')</SCRIPT>safe<style>p{}</style>", "safe"),
            ("<img title='a>b' src=x>seen", "seen"),
            ("a < b & c &unknown; &#xZZ;", "a < b & c &unknown; &#xZZ;"),
            ("a<!-- <b>no</b> -->b", "ab"),
            ("cut <b", "cut"),
            ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
            ("  lots \n of\tspace  ", "lots of space"),
            ("<", "<"),
            ("</", ""),
            ("<ü>&ü;", "<ü>&ü;"),
            ("<script>é</é</script>ok", "ok"),
            ("", ""),
        ] {
            let open = |address: &str| Some(address.to_owned());
            assert_eq!(text(html, &open), expected, "{html}");
        }
    }
}
