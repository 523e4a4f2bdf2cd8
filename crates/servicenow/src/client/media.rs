//! Files at an instance: which addresses are files of its own, how one is fetched with our token, and
//! how one is brought there (reference 9.8).
//!
//! What an instance names as a file is an address, often without a host, and needs our token. A token
//! opens much more than files, and what an agent writes is not ours: so an address is taken only if it
//! is at this very instance and of a kind that can be nothing but a file. Everything else is a page that
//! people open by themselves.
//!
//! Leaves to its caller: how large a file may be, where it is kept, whether it is looked at by a
//! scanner, who may see it.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use http_body_util::Full;
use outbound::headers::{says_html, says_json};
use outbound::token::Token;
use outbound::{Head, HttpError};
use tokio::time::Instant;
use url::Url;

use super::{AGENT_NAME, Client, SendError, answer};

mod upload;

pub(super) use upload::PATH as UPLOAD_PATH;
pub use upload::{MediaState, MediaUpload, Uploaded};

/// The longest address looked at, in bytes. Those of instances have some 150.
const ADDRESS_BYTES_MAX: usize = 2_048;

/// How much is read of an answer that is no file, in bytes: enough for its own words.
const REFUSAL_BYTES_MAX: usize = 64 * 1024;

/// The longest name of a file that is believed, in characters.
const NAME_CHARS_MAX: usize = 200;

/// Where files are: those of conversations, the attachments of records, and pictures of people.
const MEDIA_PATHS: [&str; 4] = [
    "/api/now/v1/cs/media/",
    "/api/now/cs/media/",
    "/api/now/v1/cccif/media/",
    "/api/now/cccif/media/",
];

/// The page that answers an attachment by its `sys_id`.
const ATTACHMENT_PAGE: &str = "/sys_attachment.do";

/// The same as an API: `/api/now/attachment/<sys_id>/file`.
const ATTACHMENT_API: [&str; 2] = ["/api/now/attachment/", "/api/now/v1/attachment/"];

/// How addresses of pictures in the database end.
const PICTURE_ENDS: [&str; 2] = [".iix", ".jpgx"];

/// The path and query of a file at an instance. Nothing else makes one but [`Media::read`], so that no
/// token goes anywhere else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Media(String);

/// What an address in an item leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leads {
    /// A file at the instance, which needs our token.
    File(Media),
    /// Something else at the instance: a page, for those who may sign in there.
    Page(String),
    /// Another host.
    Elsewhere(String),
}

impl Media {
    /// What an address leads to, for an instance at `base`; `None` if it is no address for the web.
    pub fn read(base: &Url, address: &str) -> Option<Leads> {
        let address = address.trim();
        if address.is_empty() || address.len() > ADDRESS_BYTES_MAX {
            return None;
        }
        // Relative ones are read as the instance's own pages would.
        let mut url = base.join(address).ok()?;
        if !matches!(url.scheme(), "https" | "http") || !url.username().is_empty() {
            return None;
        }
        if url.password().is_some() {
            return None;
        }
        if url.origin() != base.origin() {
            return Some(Leads::Elsewhere(url.into()));
        }
        url.set_fragment(None);
        if !is_file(&url) {
            return Some(Leads::Page(url.into()));
        }
        let path = &url[url::Position::BeforePath..];
        Some(Leads::File(Self(path.to_owned())))
    }

    /// The path and query.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_file(url: &Url) -> bool {
    let path = url.path();
    // What a server may decode once more than we do says one thing and means another.
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/');
    if !path.bytes().all(is_plain) || path.contains("//") {
        return false;
    }
    let one_more = |begin: &&str| path.strip_prefix(*begin).is_some_and(is_key);
    let of_api = |begin: &&str| {
        let rest = path.strip_prefix(*begin);
        rest.and_then(|rest| rest.strip_suffix("/file")).is_some_and(is_sys_id)
    };
    let of_page = || {
        path == ATTACHMENT_PAGE
            && url.query_pairs().filter(|(name, _)| name == "sys_id").count() == 1
            && url.query_pairs().all(|(name, value)| match &*name {
                "sys_id" => is_sys_id(&value),
                "view" | "sysparm_this_url" | "t" => true,
                _ => false,
            })
    };
    let of_picture = || {
        PICTURE_ENDS.iter().any(|end| {
            path.strip_prefix('/').is_some_and(|name| name.strip_suffix(end).is_some_and(is_key))
        })
    };
    MEDIA_PATHS.iter().any(one_more)
        || ATTACHMENT_API.iter().any(of_api)
        || of_page()
        || of_picture()
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && !text.contains('/')
}

fn is_sys_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A file on its way here.
#[derive(Debug)]
pub struct Fetching {
    /// Its name, if the instance tells one.
    pub name: Option<String>,
    /// Its media type, as the instance claims.
    pub kind: Option<String>,
    /// How long it is, if the instance tells.
    pub bytes: Option<u64>,
    head: Head,
    deadline: Instant,
}

impl Fetching {
    /// The next piece; `None` when all of it has come.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, SendError> {
        self.head.piece(self.deadline).await.map_err(|error| answer::no_answer(&error))
    }
}

impl Client {
    /// What an address in an item leads to.
    pub fn leads(&self, address: &str) -> Option<Leads> {
        Media::read(&self.base, address)
    }

    /// Begins to fetch a file. `within` is for all of it. A token that is refused is renewed and the file
    /// asked for once more; a redirect is refused, because our token belongs to this host.
    pub async fn fetch(&self, media: &Media, within: Duration) -> Result<Fetching, SendError> {
        let deadline = Instant::now() + within;
        let address = self.base.join(media.as_str()).map_err(|_| no_address())?;
        let uri: Uri = address.as_str().parse().map_err(|_| no_address())?;
        let once = async |token: &Token| {
            let mut request = Request::new(Full::<Bytes>::default());
            *request.uri_mut() = uri.clone();
            let headers = request.headers_mut();
            headers.insert(AUTHORIZATION, token.header());
            headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
            headers.insert(USER_AGENT, HeaderValue::from_static(AGENT_NAME));
            // Headers are due as soon as those of any other request.
            let first = (Instant::now() + self.attempt_timeout).min(deadline);
            let head = self.http.send(request, first).await;
            head.map_err(|error: HttpError| answer::no_answer(&error))
        };
        let token = self.token(deadline).await?;
        let mut head = once(&token).await?;
        if head.status == StatusCode::UNAUTHORIZED {
            let token = self.another(&token, deadline).await?;
            head = once(&token).await?;
        }
        if head.status != StatusCode::OK {
            let answer = head.read_start(REFUSAL_BYTES_MAX, deadline).await;
            return Err(no_file(&answer, media));
        }
        // A developer instance that sleeps, and a login page, answer for everything.
        if says_html(&head.headers) && named(&head.headers).is_none() {
            let answer = head.read_start(REFUSAL_BYTES_MAX, deadline).await;
            return Err(if answer::is_hibernating(&answer) {
                answer::hibernating()
            } else {
                refused("not_a_file", Some(200), "the instance answered a page instead of a file")
            });
        }
        Ok(Fetching {
            name: named(&head.headers),
            kind: said(&head.headers, CONTENT_TYPE.as_str()),
            bytes: said(&head.headers, "content-length").and_then(|text| text.parse().ok()),
            head,
            deadline,
        })
    }
}

fn no_address() -> SendError {
    refused("not_found", None, "the file's address is none")
}

fn refused(code: &'static str, status: Option<u16>, detail: &str) -> SendError {
    SendError::Refused { code, status, detail: detail.to_owned() }
}

/// What an answer means that brings no file.
fn no_file(answer: &outbound::Answer, media: &Media) -> SendError {
    let status = Some(answer.status.as_u16());
    match answer.status {
        StatusCode::FORBIDDEN => refused(
            "forbidden",
            status,
            "the integration user may not read the file: see its roles and the ACLs of sys_attachment",
        ),
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            refused("not_found", status, "the instance has no such file any more")
        }
        _ if answer.status.is_redirection() => refused(
            "redirected",
            status,
            "the instance redirects: the file wants a sign-in that the integration user does not have",
        ),
        // 206, 204 and the like were not asked for.
        _ if answer.status.is_success() => {
            refused("not_a_file", status, "the instance answered without a file")
        }
        _ => answer::refusal(answer, media.as_str().as_bytes()),
    }
}

fn said(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

/// The name in `Content-Disposition` (RFC 6266): the extended form before the plain one.
fn named(headers: &HeaderMap) -> Option<String> {
    // Instances write bytes of UTF-8 where only ASCII is due.
    let value = String::from_utf8_lossy(headers.get(CONTENT_DISPOSITION)?.as_bytes()).into_owned();
    let (mut plain, mut extended) = (None, None);
    for (name, value) in parameters(&value) {
        match name.to_ascii_lowercase().as_str() {
            "filename" => plain = Some(value),
            "filename*" => {
                let text = value.splitn(3, '\'').nth(2).map(percent_decoded);
                extended = text.filter(|_| value.to_ascii_lowercase().starts_with("utf-8'"));
            }
            _ => {}
        }
    }
    let name = extended.or(plain)?;
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = last.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
    (!name.trim().is_empty()).then_some(name)
}

/// The parameters of a header's value, quoted or not.
fn parameters(value: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = value.split_once(';').map_or("", |(_, rest)| rest);
    while let Some((name, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let (text, behind) = if let Some(quoted) = after.strip_prefix('"') {
            unquoted(quoted)
        } else {
            let (text, behind) = after.split_once(';').unwrap_or((after, ""));
            (text.trim().to_owned(), behind)
        };
        found.push((name.trim_matches([' ', ';', '\t']).to_owned(), text));
        rest = behind;
    }
    found
}

/// The text up to the closing quote, and what stands behind it.
fn unquoted(quoted: &str) -> (String, &str) {
    let mut text = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (text, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => text.extend(chars.next().map(|(_, c)| c)),
            c => text.push(c),
        }
    }
    (text, "")
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = (*byte == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        if let Some(decoded) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            out.push(decoded);
            at += 3;
        } else {
            out.push(*byte);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Whether an answer is JSON, for those who expect some.
fn is_json(answer: &outbound::Answer) -> bool {
    says_json(&answer.headers)
}

#[cfg(test)]
mod tests;
