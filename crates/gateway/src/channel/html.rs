//! As much of HTML as Teams puts beside and into a message's text: entities, quotes, paragraphs.
//!
//! The result is plain text and nothing else. Nothing is fetched or run, and broken HTML loses its tags
//! like any other.

/// The longest entity that is known, `&#x10FFFF;`, without its two ends.
const ENTITY_BYTES_MAX: usize = 8;

/// Entities as the characters that they stand for: the five of XML, the space, and numbers. Others stay
/// as they are.
pub(super) fn decoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(ENTITY_BYTES_MAX + 2).position(|byte| byte == b';');
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
            let c = char::from_u32(code).filter(|c| !c.is_control() || c.is_whitespace())?;
            Some(if c == '\u{a0}' { ' ' } else { c })
        }
    }
}

/// The text of a piece of HTML: a line for each paragraph, none of them blank.
pub(crate) fn text(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((words, tag, behind)) = next_tag(rest) {
        push_words(&mut out, words);
        match name_of(tag) {
            "br" | "p" | "/p" | "div" | "/div" | "li" | "/li" | "tr" | "/tr" | "blockquote"
            | "/blockquote" => new_line(&mut out),
            _ => {}
        }
        rest = behind;
    }
    push_words(&mut out, rest);
    out.truncate(out.trim_end().len());
    out
}

fn push_words(out: &mut String, words: &str) {
    for c in decoded(words).chars() {
        match c {
            c if !c.is_whitespace() => out.push(c),
            _ if out.is_empty() || out.ends_with([' ', '\n']) => {}
            _ => out.push(' '),
        }
    }
}

fn new_line(out: &mut String) {
    out.truncate(out.trim_end().len());
    if !out.is_empty() {
        out.push('\n');
    }
}

/// What stands before the next tag, the tag without its brackets, and what stands behind it.
pub(super) fn next_tag(html: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let open = from + html[from..].find('<')?;
        // A bare `<`, as in "a < b", is none.
        if html[open + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || "/!".contains(c)) {
            let close = open + html[open..].find('>')?;
            return Some((&html[..open], &html[open + 1..close], &html[close + 1..]));
        }
        from = open + 1;
    }
}

/// A tag's name, with its slash if it closes.
pub(super) fn name_of(tag: &str) -> &str {
    let end =
        tag.char_indices().find(|(at, c)| !(c.is_ascii_alphanumeric() || (*at == 0 && *c == '/')));
    &tag[..end.map_or(tag.len(), |(at, _)| at)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_become_what_they_stand_for() {
        for (given, expected) in [
            ("a&nbsp;b", "a b"),
            ("&lt;b&gt; &amp; &quot;x&quot; &apos;", "<b> & \"x\" '"),
            ("&#228;&#xE4;&#160;&#128512;", "ää 😀"),
            ("&amp;lt;", "&lt;"),
            ("R&D; &unknown; &", "R&D; &unknown; &"),
            ("&#0;&#xD800;&#x110000;", "&#0;&#xD800;&#x110000;"),
            ("&ü;", "&ü;"),
        ] {
            assert_eq!(decoded(given), expected);
        }
    }

    #[test]
    fn html_becomes_lines() {
        for (given, expected) in [
            ("<div><p>one</p>\n<p>two <b>three</b></p></div>", "one\ntwo three"),
            ("a<br>b<br/>c", "a\nb\nc"),
            ("a < b", "a < b"),
            ("a <b", "a <b"),
            ("", ""),
            ("<p>&nbsp;</p>", ""),
        ] {
            assert_eq!(text(given), expected);
        }
    }
}
