//! `multipart/form-data`, read as it arrives.
//!
//! A machine without I/O: bytes go in, parts come out, and no more than one piece and one part's headers
//! are ever held. The usual crate for it takes in as much as there is before it gives anything out, and
//! knows no limit for headers; a file of gigabytes goes through here.

use bytes::{Buf, Bytes, BytesMut};

/// The most bytes before the first part, and of one part's headers.
const HEADERS_BYTES_MAX: usize = 16 * 1024;

/// The most parts: an activity, files, and what clients may add.
const PARTS_MAX: usize = 64;

/// The longest boundary, in bytes (RFC 2046, 5.1.1).
const BOUNDARY_BYTES_MAX: usize = 70;

/// Why a body is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MultipartError {
    /// The header names no boundary that could be one.
    #[error("the Content-Type names no boundary")]
    NoBoundary,
    /// It does not follow the form.
    #[error("the body is not multipart/form-data with this boundary")]
    Malformed,
    /// A part's headers are too long.
    #[error("a part's headers may have {HEADERS_BYTES_MAX} bytes at most")]
    LongHeaders,
    /// Too many parts.
    #[error("the body may have {PARTS_MAX} parts at most")]
    ManyParts,
    /// It ended before its end.
    #[error("the body broke off before its last boundary")]
    BrokeOff,
}

/// What a part says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PartHead {
    pub(crate) name: Option<String>,
    pub(crate) filename: Option<String>,
    pub(crate) kind: Option<String>,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A part begins; one before it has ended.
    Part(PartHead),
    /// Bytes of it.
    Data(Bytes),
    /// That was the last.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Before the first boundary.
    Before,
    /// Right behind a boundary.
    Behind,
    /// In a part's headers.
    Headers,
    /// In its bytes.
    Data,
    /// After the last boundary.
    After,
}

/// A body that is read.
#[derive(Debug)]
pub(crate) struct Multipart {
    /// With the line's end and the dashes before it.
    boundary: Vec<u8>,
    held: BytesMut,
    stage: Stage,
    parts: usize,
}

impl Multipart {
    /// For a body of this `Content-Type`.
    pub(crate) fn new(content_type: &str) -> Result<Self, MultipartError> {
        let parameters = content_type.split_once(';').map_or("", |(_, parameters)| parameters);
        let boundary = parameter(parameters, "boundary").ok_or(MultipartError::NoBoundary)?;
        if boundary.is_empty() || boundary.len() > BOUNDARY_BYTES_MAX {
            return Err(MultipartError::NoBoundary);
        }
        // As if a line had ended before the first boundary, so that all are alike.
        let held = BytesMut::from(&b"\r\n"[..]);
        let boundary = [b"\r\n--", boundary.as_bytes()].concat();
        Ok(Self { boundary, held, stage: Stage::Before, parts: 0 })
    }

    /// Takes the next bytes. What they bring is to be asked for before more are taken.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        if self.stage != Stage::After {
            self.held.extend_from_slice(bytes);
        }
    }

    /// What comes next; `None` until more is taken.
    pub(crate) fn next(&mut self) -> Result<Option<Piece>, MultipartError> {
        loop {
            match self.stage {
                Stage::Before => {
                    let Some(at) = find(&self.held, &self.boundary) else {
                        return self.within_limit().map(|()| None);
                    };
                    self.held.advance(at + self.boundary.len());
                    self.stage = Stage::Behind;
                }
                Stage::Behind => {
                    let padding = self.held.iter().take_while(|byte| b" \t".contains(byte)).count();
                    let Some(ends) = self.held.get(padding..padding + 2) else {
                        return self.within_limit().map(|()| None);
                    };
                    self.stage = match ends {
                        b"--" => Stage::After,
                        b"\r\n" => Stage::Headers,
                        _ => return Err(MultipartError::Malformed),
                    };
                    // The line's end stays: headers may be none at all.
                    self.held.advance(padding);
                }
                Stage::Headers => {
                    let Some(end) = find(&self.held, b"\r\n\r\n") else {
                        return self.within_limit().map(|()| None);
                    };
                    let headers = self.held.split_to(end);
                    self.held.advance(4);
                    if headers.len() > HEADERS_BYTES_MAX {
                        return Err(MultipartError::LongHeaders);
                    }
                    self.parts += 1;
                    if self.parts > PARTS_MAX {
                        return Err(MultipartError::ManyParts);
                    }
                    self.stage = Stage::Data;
                    return Ok(Some(Piece::Part(PartHead::read(&headers))));
                }
                Stage::Data => {
                    let Some(at) = find(&self.held, &self.boundary) else { return Ok(self.some()) };
                    let data = self.held.split_to(at).freeze();
                    self.held.advance(self.boundary.len());
                    self.stage = Stage::Behind;
                    if !data.is_empty() {
                        return Ok(Some(Piece::Data(data)));
                    }
                }
                Stage::After => {
                    self.held.clear();
                    return Ok(Some(Piece::End));
                }
            }
        }
    }

    /// What is certainly no boundary.
    fn some(&mut self) -> Option<Piece> {
        let certain = self.held.len().saturating_sub(self.boundary.len() - 1);
        (certain > 0).then(|| Piece::Data(self.held.split_to(certain).freeze()))
    }

    fn within_limit(&self) -> Result<(), MultipartError> {
        if self.held.len() > HEADERS_BYTES_MAX { Err(MultipartError::LongHeaders) } else { Ok(()) }
    }
}

fn find(within: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(within, what)
}

impl PartHead {
    fn read(headers: &[u8]) -> Self {
        let mut head = Self::default();
        // Browsers write names in UTF-8.
        for line in String::from_utf8_lossy(headers).split("\r\n") {
            let Some((name, value)) = line.split_once(':') else { continue };
            match name.trim().to_ascii_lowercase().as_str() {
                "content-disposition" => head.dispose(value),
                "content-type" => head.kind = Some(value.trim().to_owned()),
                _ => {}
            }
        }
        head
    }

    fn dispose(&mut self, value: &str) {
        // Some clients leave out what kind of disposition it is.
        self.name = parameter(value, "name");
        let extended = parameter(value, "filename*").and_then(|text| decoded(&text));
        self.filename = extended.or_else(|| parameter(value, "filename"));
    }

    /// What a `Content-Disposition` says of a body that is a file itself.
    pub(crate) fn of_disposition(value: &str) -> Self {
        let mut head = Self::default();
        head.dispose(value);
        head
    }
}

/// The value of `name` among parameters that stand behind semicolons.
fn parameter(parameters: &str, name: &str) -> Option<String> {
    let mut rest = parameters;
    while !rest.is_empty() {
        let (one, after) = first_parameter(rest);
        rest = after;
        if let Some((own, value)) = one.split_once('=')
            && own.trim().eq_ignore_ascii_case(name)
        {
            return Some(unquoted(value.trim()));
        }
    }
    None
}

/// What stands before the first semicolon that is not in quotation marks.
fn first_parameter(text: &str) -> (&str, &str) {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b';' if !quoted => return (&text[..at], &text[at + 1..]),
            _ => {}
        }
    }
    (text, "")
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) else {
        return value.to_owned();
    };
    // Browsers write these two so, and a backslash as it is: a path's.
    inner.replace("\\\"", "\"").replace("%22", "\"").replace("%0D%0A", " ")
}

/// A value in the form of RFC 8187: `UTF-8''a%20b`.
fn decoded(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, '\'');
    let charset = parts.next()?;
    let (_, text) = (parts.next()?, parts.next()?);
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    // In a form's encoding a plus is a space; here it is itself.
    let text = text.replace('+', "%2B");
    form_urlencoded::parse(text.as_bytes()).next().map(|(name, _)| name.into_owned())
}

#[cfg(test)]
mod tests;
