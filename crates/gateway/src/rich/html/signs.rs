//! Words with the signs of Markdown around them or before their lines.

/// How far what belongs to an item of a list is set off.
pub(super) const INDENT: &str = "   ";

/// Each paragraph with the mark around its words; lists and the like keep their signs in front, and go
/// without.
pub(super) fn emphasised(words: &str, mark: &str) -> String {
    if words.contains("```") {
        return words.to_owned();
    }
    let paragraph = |words: &str| {
        let digits = words.bytes().take_while(u8::is_ascii_digit).count();
        let is_numbered = digits > 0 && words[digits..].starts_with(". ");
        let is_set_off = ["- ", "> ", "### ", "---", "```", INDENT];
        if words.is_empty() || is_numbered || is_set_off.iter().any(|sign| words.starts_with(sign))
        {
            words.to_owned()
        } else {
            format!("{mark}{}{mark}", words.trim_end())
        }
    };
    words.split("\n\n").map(paragraph).collect::<Vec<_>>().join("\n\n")
}

/// Words between such fences as none of theirs ends.
pub(super) fn code(words: &str) -> String {
    let fence = "`".repeat(longest_run(words) + 1);
    let gap = if words.starts_with('`') || words.ends_with('`') { " " } else { "" };
    let words: String = words.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    format!("{fence}{gap}{words}{gap}{fence}")
}

/// The same for lines.
pub(super) fn lines(words: &str) -> String {
    let words = words.trim_matches('\n').trim_end();
    if words.trim().is_empty() {
        return String::new();
    }
    let fence = "`".repeat((longest_run(words) + 1).max(3));
    format!("{fence}\n{words}\n{fence}")
}

fn longest_run(words: &str) -> usize {
    words.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

pub(super) fn quoted(words: &str) -> String {
    if words.is_empty() {
        String::new()
    } else {
        format!("> {}", with_lines_after(words, "> ", ">"))
    }
}

/// Each line but the first behind a sign; `blank` is what stands in blank ones.
pub(super) fn with_lines_after(words: &str, sign: &str, blank: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for (index, line) in words.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
            out.push_str(if line.trim().is_empty() { blank } else { sign });
        }
        out.push_str(line);
    }
    out
}

pub(super) fn in_one_line(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}
