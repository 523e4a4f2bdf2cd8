//! Words as Markdown that shows them as they are, and links.

/// Characters that may mean something to a reader of Markdown wherever they stand.
const ANYWHERE: &str = "\\`*_[]<>~|&";

/// Words such that a reader of Markdown shows each character.
pub(super) fn escaped(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for (index, line) in words.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let marker = marker(line);
        for (at, c) in line.char_indices() {
            if ANYWHERE.contains(c) || marker == Some(at) {
                out.push('\\');
            }
            out.push(c);
        }
    }
    out
}

/// Where a character stands that would make the line a heading, an item of a list or a rule.
fn marker(line: &str) -> Option<usize> {
    let start = line.len() - line.trim_start().len();
    let words = &line[start..];
    if words.starts_with(['#', '+', '-', '=']) {
        return Some(start);
    }
    let digits = words.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0 && words[digits..].starts_with(['.', ')'])).then_some(start + digits)
}

/// Whether Markdown begins with something that is only seen for what it is at the beginning of a line.
pub(super) fn begins_block(text: &str) -> bool {
    const SIGNS: [&str; 8] = ["- ", "* ", "+ ", "> ", "#", "---", "```", "|"];
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let is_numbered = digits > 0 && text[digits..].starts_with(['.', ')']);
    is_numbered || SIGNS.iter().any(|sign| text.starts_with(sign))
}

/// A link; `label` is escaped already.
pub(super) fn link(label: &str, address: &str) -> String {
    format!("[{}]({})", label.replace('\n', " "), destination(address))
}

/// An address such that nothing in it ends the link.
pub(super) fn destination(address: &str) -> String {
    let mut out = String::with_capacity(address.len());
    for c in address.chars() {
        match c {
            '(' => out.push_str("%28"),
            ')' => out.push_str("%29"),
            '<' => out.push_str("%3C"),
            '>' => out.push_str("%3E"),
            '\\' => out.push_str("%5C"),
            c if c.is_whitespace() || c.is_control() => out.push_str("%20"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_shown_as_they_are() {
        for (words, expected) in [
            ("use *this* _now_", r"use \*this\* \_now\_"),
            ("<b>&amp;</b>", r"\<b\>\&amp;\</b\>"),
            (
                "# no heading\n- no item\n 12. nor this",
                "\\# no heading\n\\- no item\n 12\\. nor this",
            ),
            ("a-b 1.5 C# +1", "a-b 1.5 C# +1"),
            ("[x](javascript:1)", r"\[x\](javascript:1)"),
            ("", ""),
        ] {
            assert_eq!(escaped(words), expected);
        }
    }

    #[test]
    fn an_address_cannot_end_its_link() {
        assert_eq!(
            link("a\nb", "https://e.org/a(b) c<d>"),
            "[a b](https://e.org/a%28b%29%20c%3Cd%3E)"
        );
    }
}
