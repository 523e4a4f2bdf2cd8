//! Changing texts and numbers inside a JSON text while all the rest stays as it was written.

use std::borrow::Cow;

use super::string;

/// The text with its texts and numbers changed; `None` if none was. `text` is known to be grammatical.
pub(super) fn scalars(
    text: &str,
    outermost: &str,
    change: &mut impl FnMut(&str, &str) -> Option<String>,
) -> Option<String> {
    let bytes = text.as_bytes();
    // The name of the member that each open container is the value of.
    let mut around: Vec<Cow<'_, str>> = Vec::new();
    let mut nearest = Cow::Borrowed(outermost);
    let mut out: Option<String> = None;
    let (mut at, mut copied) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        let end = match byte {
            b'{' | b'[' => {
                around.push(nearest.clone());
                at += 1;
                continue;
            }
            b'}' | b']' => {
                nearest = around.pop().unwrap_or_default();
                at += 1;
                continue;
            }
            b'"' => end_of_string(bytes, at),
            b'-' | b'0'..=b'9' => end_of_number(bytes, at),
            b',' => {
                // The next member of an object has a name of its own; the next item of an array has not.
                nearest = around.last().cloned().unwrap_or_default();
                at += 1;
                continue;
            }
            _ => {
                at += 1;
                continue;
            }
        };
        let token = &text[at..end];
        let said = if byte == b'"' { string(token) } else { Some(Cow::Borrowed(token)) };
        if byte == b'"' && is_name(bytes, end) {
            nearest = said.unwrap_or_default();
        } else if let Some(changed) = said.and_then(|said| change(&nearest, &said)) {
            let out = out.get_or_insert_with(|| String::with_capacity(text.len()));
            out.push_str(&text[copied..at]);
            out.push_str(&serde_json::to_string(&changed).expect("a string can always be JSON"));
            copied = end;
        }
        at = end;
    }
    let mut out = out?;
    out.push_str(&text[copied..]);
    Some(out)
}

fn end_of_string(bytes: &[u8], begin: usize) -> usize {
    let mut at = begin + 1;
    while let Some(&byte) = bytes.get(at) {
        at += match byte {
            b'\\' => 2,
            b'"' => return at + 1,
            _ => 1,
        };
    }
    bytes.len()
}

fn end_of_number(bytes: &[u8], begin: usize) -> usize {
    let of_number = |byte: &u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
    let rest = bytes.get(begin..).unwrap_or_default();
    begin + rest.iter().take_while(|byte| of_number(byte)).count()
}

/// Whether a string that ends here is the name of a member.
fn is_name(bytes: &[u8], end: usize) -> bool {
    let rest = bytes.get(end..).unwrap_or_default();
    rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &str, wanted: &str) -> Option<String> {
        let mut change = |name: &str, said: &str| (said == wanted).then(|| format!("{name}!"));
        scalars(text, "top", &mut change)
    }

    #[test]
    fn what_is_said_is_changed_and_the_rest_keeps_its_text() {
        for (text, wanted, expected) in [
            (r#""x""#, "x", Some(r#""top!""#)),
            (r#" "y" "#, "x", None),
            (r#"{"x":"y","z" : [ "x", 1.0 ]}"#, "x", Some(r#"{"x":"y","z" : [ "z!", 1.0 ]}"#)),
            (r#"{"a":{"b":"n"},"c":4}"#, "4", Some(r#"{"a":{"b":"n"},"c":"c!"}"#)),
            (r#"[{"a":1},"x"]"#, "x", Some(r#"[{"a":1},"top!"]"#)),
            (r#"[-1.50e+2,"x"]"#, "-1.50e+2", Some(r#"["top!","x"]"#)),
            (r#"{"a":"q\"u","b":"\u0078"}"#, "x", Some(r#"{"a":"q\"u","b":"b!"}"#)),
            (r#"{"a":"\\","b":"x"}"#, "x", Some(r#"{"a":"\\","b":"b!"}"#)),
            (r"[true,null,{}]", "x", None),
        ] {
            assert_eq!(rewritten(text, wanted).as_deref(), expected, "{text}");
        }
    }
}
