//! The parts of a `multipart/form-data` body that has arrived whole.
//!
//! Owns this much of the format: a boundary, parts with a name, perhaps a file name and a type.

use axum::body::Bytes;

/// More parts than the media API has use for.
const PARTS_MAX: usize = 16;

/// One field of the form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) file_name: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) bytes: Bytes,
}

/// Reads a body; `None` when it is not such a form.
pub(super) fn read(content_type: &str, body: &Bytes) -> Option<Vec<Part>> {
    let (kind, rest) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = rest.split(';').find_map(|field| field.trim().strip_prefix("boundary="))?;
    let boundary = boundary.trim_matches('"');
    if boundary.is_empty() {
        return None;
    }
    let delimiter = format!("\r\n--{boundary}");
    let mut at = find(body, &delimiter.as_bytes()[2..], 0)? + delimiter.len() - 2;
    let mut parts = Vec::new();
    while parts.len() < PARTS_MAX {
        let rest = body.get(at..)?;
        if rest.starts_with(b"--") {
            return Some(parts);
        }
        let head_at = at + rest.starts_with(b"\r\n").then_some(2)?;
        let head_end = find(body, b"\r\n\r\n", head_at)?;
        let end = find(body, delimiter.as_bytes(), head_end + 4)?;
        let head = std::str::from_utf8(body.get(head_at..head_end)?).ok()?;
        parts.push(part(head, body.slice(head_end + 4..end))?);
        at = end + delimiter.len();
    }
    None
}

fn part(head: &str, bytes: Bytes) -> Option<Part> {
    let field = |wanted: &str| {
        head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim())
        })
    };
    let disposition = field("content-disposition")?;
    let quoted = |name: &str| {
        let (_, value) = disposition.split_once(&format!("; {name}=\""))?;
        Some(value.split_once('"')?.0.to_owned())
    };
    let (name, file_name) = (quoted("name")?, quoted("filename"));
    Some(Part { name, file_name, content_type: field("content-type").map(str::to_owned), bytes })
}

fn find(body: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let found = body.get(from..)?.windows(wanted.len()).position(|window| window == wanted)?;
    Some(from + found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=x1";

    #[test]
    fn fields_and_files_come_out_as_they_went_in() {
        let body = "--x1\r\nContent-Disposition: form-data; name=\"user_id\"\r\n\r\nu-1\r\n--x1\r\n\
                    Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\
                    Content-Type: text/plain\r\n\r\nline\r\n--x\r\n--x1--\r\n";
        let parts = read(TYPE, &Bytes::from_static(body.as_bytes())).unwrap();
        let field = Part {
            name: "user_id".to_owned(),
            file_name: None,
            content_type: None,
            bytes: "u-1".into(),
        };
        let file = Part {
            name: "file".to_owned(),
            file_name: Some("a.txt".to_owned()),
            content_type: Some("text/plain".to_owned()),
            bytes: "line\r\n--x".into(),
        };
        assert_eq!(parts, [field, file]);
    }

    #[test]
    fn what_is_cut_off_or_something_else_is_no_form() {
        let whole = "--x1\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--x1--";
        assert!(read(TYPE, &Bytes::from_static(whole.as_bytes())).is_some());
        for end in 0..whole.len() - 1 {
            assert_eq!(read(TYPE, &Bytes::from_static(&whole.as_bytes()[..end])), None, "{end}");
        }
        for kind in ["multipart/form-data", "multipart/form-data; boundary=", "text/plain; a=b"] {
            assert_eq!(read(kind, &Bytes::from_static(whole.as_bytes())), None, "{kind}");
        }
        let many = "--x1\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n".repeat(17);
        assert_eq!(read(TYPE, &(many + "--x1--").into()), None);
    }
}
