//! The parts of a `multipart/form-data` body, as they arrive.
//!
//! Owns this much of the format: a boundary, parts with a name, perhaps a file name and a type. No
//! more than a block of the body is in memory.

use axum::body::{Body, BodyDataStream, Bytes};
use futures_util::StreamExt;

/// More parts than the media API has use for.
const PARTS_MAX: usize = 16;

/// The longest head of a part, in bytes.
const HEAD_BYTES_MAX: usize = 8 * 1024;

/// One field of the form, before its bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) file_name: Option<String>,
    pub(super) content_type: Option<String>,
}

/// The body is no such form, or was cut off.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoForm;

/// A form that is being read.
pub(super) struct Form {
    body: BodyDataStream,
    /// What has arrived and was not read.
    held: Vec<u8>,
    /// What ends a part: a line break, two dashes, the boundary.
    delimiter: Vec<u8>,
    parts: usize,
}

impl Form {
    /// Begins to read a body of this type.
    pub(super) fn read(content_type: &str, body: Body) -> Result<Self, NoForm> {
        let (kind, rest) = content_type.split_once(';').ok_or(NoForm)?;
        if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
            return Err(NoForm);
        }
        let boundary = rest.split(';').find_map(|field| field.trim().strip_prefix("boundary="));
        let boundary = boundary.ok_or(NoForm)?.trim_matches('"');
        if boundary.is_empty() {
            return Err(NoForm);
        }
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        // So that the first boundary, which has no line before it, is found as the others are.
        Ok(Self { body: body.into_data_stream(), held: b"\r\n".to_vec(), delimiter, parts: 0 })
    }

    /// The next part; `None` when the form is over. What is left of the part before is passed over.
    pub(super) async fn part(&mut self) -> Result<Option<Part>, NoForm> {
        while self.chunk().await?.is_some() {}
        self.held.drain(..self.delimiter.len());
        self.fill(2).await?;
        if self.held.starts_with(b"--") {
            return Ok(None);
        }
        self.parts += 1;
        if !self.held.starts_with(b"\r\n") || self.parts > PARTS_MAX {
            return Err(NoForm);
        }
        let end = loop {
            if let Some(end) = find(&self.held, b"\r\n\r\n") {
                break end;
            }
            if self.held.len() > HEAD_BYTES_MAX {
                return Err(NoForm);
            }
            self.fill(self.held.len() + 1).await?;
        };
        let head: Vec<u8> = self.held.drain(..end + 4).collect();
        let head = std::str::from_utf8(&head).map_err(|_| NoForm)?;
        Part::of(head).map(Some).ok_or(NoForm)
    }

    /// More of the bytes of the part; `None` at its end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, NoForm> {
        loop {
            let at = find(&self.held, &self.delimiter);
            // What could be the beginning of the boundary stays.
            let sure = at.unwrap_or(self.held.len().saturating_sub(self.delimiter.len() - 1));
            if sure > 0 {
                return Ok(Some(self.held.drain(..sure).collect::<Vec<_>>().into()));
            }
            if at == Some(0) {
                return Ok(None);
            }
            self.fill(self.held.len() + 1).await?;
        }
    }

    /// Waits until so many bytes are held.
    async fn fill(&mut self, bytes: usize) -> Result<(), NoForm> {
        while self.held.len() < bytes {
            let more = self.body.next().await.ok_or(NoForm)?;
            self.held.extend_from_slice(&more.map_err(|_| NoForm)?);
        }
        Ok(())
    }
}

impl Part {
    fn of(head: &str) -> Option<Self> {
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
        Some(Self { name, file_name, content_type: field("content-type").map(str::to_owned) })
    }
}

fn find(body: &[u8], wanted: &[u8]) -> Option<usize> {
    // Most bytes are not the first one wanted, and are passed over quickly.
    let mut from = 0;
    while let Some(at) = body[from..].iter().position(|byte| *byte == wanted[0]) {
        let at = from + at;
        if body[at..].starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=x1";

    /// All parts with their bytes, of a body that comes in pieces of this size.
    async fn parts(kind: &str, body: &str, size: usize) -> Result<Vec<(Part, String)>, NoForm> {
        let pieces = body.as_bytes().chunks(size).map(|piece| Ok::<_, NoError>(piece.to_vec()));
        let body = Body::from_stream(stream::iter(pieces.collect::<Vec<_>>()));
        let mut form = Form::read(kind, body)?;
        let mut parts = Vec::new();
        while let Some(part) = form.part().await? {
            let mut bytes = Vec::new();
            while let Some(chunk) = form.chunk().await? {
                bytes.extend_from_slice(&chunk);
            }
            parts.push((part, String::from_utf8(bytes).unwrap()));
        }
        Ok(parts)
    }

    type NoError = std::convert::Infallible;

    #[tokio::test]
    async fn fields_and_files_come_out_as_they_went_in() {
        let body = "--x1\r\nContent-Disposition: form-data; name=\"user_id\"\r\n\r\nu-1\r\n--x1\r\n\
                    Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\
                    Content-Type: text/plain\r\n\r\nline\r\n--x\r\n--x1--\r\n";
        let field = Part { name: "user_id".to_owned(), file_name: None, content_type: None };
        let file = Part {
            name: "file".to_owned(),
            file_name: Some("a.txt".to_owned()),
            content_type: Some("text/plain".to_owned()),
        };
        let expected = [(field, "u-1".to_owned()), (file, "line\r\n--x".to_owned())];
        for size in 1..body.len() {
            assert_eq!(parts(TYPE, body, size).await.unwrap(), expected, "{size}");
        }
    }

    #[tokio::test]
    async fn what_is_cut_off_or_something_else_is_no_form() {
        let whole = "--x1\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--x1--";
        assert!(parts(TYPE, whole, 9).await.is_ok());
        for end in 0..whole.len() - 1 {
            assert_eq!(parts(TYPE, &whole[..end], 9).await, Err(NoForm), "{end}");
        }
        for kind in ["multipart/form-data", "multipart/form-data; boundary=", "text/plain; a=b"] {
            assert_eq!(parts(kind, whole, 9).await, Err(NoForm), "{kind}");
        }
        let many = "--x1\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n".repeat(17);
        assert_eq!(parts(TYPE, &(many + "--x1--"), 9).await, Err(NoForm));
    }
}
