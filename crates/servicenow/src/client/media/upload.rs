//! Bringing a file to an instance that cannot come for it: `POST /api/now/cccif/media/upload`.

use std::fmt::Write as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame};
use outbound::token::Token;
use outbound::{Answer, Pieces};
use serde::Deserialize;
use tokio::time::Instant;

use super::super::{AGENT_NAME, Client, SendError, answer};
use super::{is_json, refused};
use crate::loose::Loose;

/// The path (also there as `/api/now/v1/cccif/media/upload`).
pub(in crate::client) const PATH: &str = "/api/now/cccif/media/upload";

/// The answer is a few hundred bytes; a longer one is none of this API's.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A file for an instance.
#[derive(Clone, PartialEq, Eq)]
pub struct MediaUpload<'a> {
    /// The end user in our words, as in requests.
    pub user_id: &'a str,
    /// Which provider application, where an instance has several.
    pub provider_application_id: Option<&'a str>,
    /// Its name.
    pub file_name: &'a str,
    /// Its media type.
    pub content_type: &'a str,
    /// How many bytes there are.
    pub bytes: u64,
}

/// Whether the instance lets an agent have a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaState {
    /// It does.
    Available,
    /// It is being looked at (a virus scan), or it may be had at one's own risk.
    NotYet,
    /// It does not: it was found to be dangerous, or is of a type that is not wanted.
    NotAvailable,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// What `message.attachment.url` is to say.
    pub media_url: String,
    /// Whether it can be had.
    pub state: MediaState,
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    result: Brought<'a>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Brought<'a> {
    #[serde(borrow)]
    media_url: Loose<'a>,
    #[serde(borrow)]
    state: Loose<'a>,
}

impl Client {
    /// Brings a file there, piece by piece. `content` begins it anew each time it is called: a token that
    /// is refused is renewed and the file sent once more. `within` is for all of it.
    pub async fn upload(
        &self,
        upload: &MediaUpload<'_>,
        content: impl Fn() -> Pieces,
        within: Duration,
    ) -> Result<Uploaded, SendError> {
        let deadline = Instant::now() + within;
        let token = self.token(deadline).await?;
        let mut answer = self.upload_once(upload, content(), &token, deadline).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            let token = self.another(&token, deadline).await?;
            answer = self.upload_once(upload, content(), &token, deadline).await?;
        }
        read(&answer, upload)
    }

    async fn upload_once(
        &self,
        upload: &MediaUpload<'_>,
        content: Pieces,
        token: &Token,
        deadline: Instant,
    ) -> Result<Answer, SendError> {
        let boundary = boundary(upload);
        let (before, after) = around(upload, &boundary);
        let length = (before.len() + after.len()) as u64 + upload.bytes;
        let mut request = Request::new(Framed::new(before, content, after).boxed_unsync());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uploads.clone();
        let kind = HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}"));
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, token.header());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT_NAME));
        // Without a length a body is sent in chunks, which not every proxy before an instance takes.
        headers.insert(CONTENT_LENGTH, length.into());
        // A boundary is letters and digits.
        headers
            .insert(CONTENT_TYPE, kind.unwrap_or(HeaderValue::from_static("multipart/form-data")));
        let head = self.http.send_pieces(request, deadline).await;
        let head = head.map_err(|error| answer::no_answer(&error))?;
        let read = head.read_up_to(ANSWER_BYTES_MAX, deadline).await;
        read.map_err(|error| answer::no_answer(&error))
    }
}

fn read(answer: &Answer, upload: &MediaUpload<'_>) -> Result<Uploaded, SendError> {
    let status = Some(answer.status.as_u16());
    match answer.status {
        StatusCode::FORBIDDEN => Err(refused(
            "forbidden",
            status,
            "the integration user may bring no files: it lacks a role of the property glide.attachment.role",
        )),
        StatusCode::NOT_FOUND => Err(refused(
            "not_found",
            status,
            "the instance has no media upload: is the Conversational Integrations app (cccif) there?",
        )),
        StatusCode::BAD_REQUEST | StatusCode::UNSUPPORTED_MEDIA_TYPE => Err(refused(
            "refused",
            status,
            "the instance does not take the file: see the properties glide.attachment.extensions and com.glide.attachment.max_size",
        )),
        StatusCode::PAYLOAD_TOO_LARGE => {
            Err(refused("too_large", status, "the file is larger than the instance takes"))
        }
        status if !status.is_success() => Err(answer::refusal(answer, upload.file_name.as_bytes())),
        _ if answer::is_hibernating(answer) => Err(answer::hibernating()),
        _ => {
            let said = is_json(answer).then(|| serde_json::from_slice::<Said<'_>>(&answer.body));
            let Some(Ok(Said { result })) = said else {
                return Err(refused("refused", status, "the answer to an upload cannot be read"));
            };
            let url = result.media_url.text().filter(|url| !url.trim().is_empty());
            let Some(media_url) = url else {
                return Err(refused("refused", status, "the answer to an upload has no mediaUrl"));
            };
            let said = result.state.text().unwrap_or_default().trim().to_ascii_lowercase();
            let state = match said.as_str() {
                "available" | "" => MediaState::Available,
                "not available" | "not_available" => MediaState::NotAvailable,
                // `pending`, `conditionally available`, and what later releases add.
                _ => MediaState::NotYet,
            };
            Ok(Uploaded { media_url: media_url.to_owned(), state })
        }
    }
}

/// A line that parts of the form are told apart by. It may not stand in the file, and nobody can look
/// at all of that first; so it is long, and other for each file.
fn boundary(upload: &MediaUpload<'_>) -> String {
    use std::hash::{BuildHasher, RandomState};
    // Keyed anew each time: nobody can put it into a file on purpose.
    let numbers = [(); 2].map(|()| RandomState::new().hash_one(upload.file_name));
    format!("warmline-{:016x}{:016x}", numbers[0], numbers[1])
}

/// What stands before the file and after it. The other fields come first: the instance reads them as
/// they come (reference 9.8).
fn around(upload: &MediaUpload<'_>, boundary: &str) -> (Bytes, Bytes) {
    let mut before = String::new();
    let mut field = |name: &str, value: &str| {
        let value: String = value.chars().filter(|c| !c.is_control()).collect();
        // Writing to a string does not fail.
        let _ = write!(
            before,
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
    };
    field("user_id", upload.user_id);
    if let Some(id) = upload.provider_application_id {
        field("provider_application_id", id);
    }
    let name = escaped(upload.file_name);
    let kind: String = upload.content_type.chars().filter(char::is_ascii_graphic).collect();
    let kind = if kind.is_empty() { "application/octet-stream" } else { &kind };
    let _ = write!(
        before,
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: {kind}\r\n\r\n"
    );
    (before.into(), format!("\r\n--{boundary}--\r\n").into())
}

/// A name as forms write it (WHATWG, multipart/form-data): what would end the header is escaped.
fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '"' => out.push_str("%22"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    if out.trim().is_empty() { "file".to_owned() } else { out }
}

/// A body between two others.
struct Framed {
    before: Option<Bytes>,
    content: Option<Pieces>,
    after: Option<Bytes>,
}

impl Framed {
    fn new(before: Bytes, content: Pieces, after: Bytes) -> Self {
        Self { before: Some(before), content: Some(content), after: Some(after) }
    }
}

impl Body for Framed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(before) = self.before.take() {
            return Poll::Ready(Some(Ok(Frame::data(before))));
        }
        if let Some(content) = &mut self.content {
            match Pin::new(content).poll_frame(cx) {
                Poll::Ready(None) => self.content = None,
                other => return other,
            }
        }
        Poll::Ready(self.after.take().map(|after| Ok(Frame::data(after))))
    }
}
