//! `/files/{capability}`: one file, for whoever was shown its address.
//!
//! The address is all the proof there is, as a picture in a page can bring no other. Whatever a file
//! claims to be, a browser never runs it: pictures are shown, text is text, and everything else is
//! something to save.

mod page;
mod range;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use futures_util::stream;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use crate::{
    clock::unix_seconds,
    desk::media::{DeskMedia, FAILED_FOR, FetchError},
    edge::{
        Edge,
        answer::{Refusal, no_such_method},
    },
    files::{Chunks, FileError, FileId, Head, PassError, Reader, Reading, Side, Taking, essence},
    keeping::Keeping,
};
use page::Unopened;
use range::Asked;

/// What is served as what it claims to be. Nothing in these can run in a page; an SVG can.
const SHOWN: [(&str, &str); 6] = [
    ("image/png", "image/png"),
    ("image/jpeg", "image/jpeg"),
    ("image/gif", "image/gif"),
    ("image/webp", "image/webp"),
    ("application/pdf", "application/pdf"),
    ("text/plain", "text/plain; charset=utf-8"),
];

/// What everything else is served as.
const UNKNOWN: &str = "application/octet-stream";

/// How long whoever fetches a file may take for a piece of it, sixty-four kilobytes: who takes less holds
/// a place that others need.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);

/// How often it is looked at whether somebody waits for whoever takes none.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(1);

/// When to come back where the place of the files is not the known one: somebody has to see to it.
const AWAY_FOR: Duration = Duration::from_mins(1);

/// For a file that is opened as a page of its own.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";

pub(crate) fn routes() -> Router<Arc<Edge>> {
    Router::new().route("/files/{capability}", get(file).fallback(no_such_method))
}

async fn file(
    State(edge): State<Arc<Edge>>,
    capability: Result<Path<String>, PathRejection>,
    asked: HeaderMap,
) -> Response {
    let opened = opened(&edge, capability, &asked).await;
    opened.unwrap_or_else(|unopened| unopened.told(&asked, edge.language))
}

async fn opened(
    edge: &Edge,
    capability: Result<Path<String>, PathRejection>,
    asked: &HeaderMap,
) -> Result<Response, Unopened> {
    let Path(capability) = capability.map_err(|_| PassError::Unknown)?;
    let now = edge.clock.now();
    // A file of a desk's comes here when it is first asked for, and then is one as any.
    let pass = if DeskMedia::is_pass(&capability) {
        edge.media.opened(&capability).await?
    } else {
        edge.files.read_pass(&capability, now)?
    };
    let left = pass.until.saturating_sub(unix_seconds(now));
    let reading = edge.file(pass.file).await?;
    // A desk's pass is good for a while only, a page's as long as the file is kept.
    let until = unix_seconds(edge.files.kept_until(pass.file));
    let by = if pass.until < until { Reader::Desk } else { Reader::Page };
    Ok(served(reading, pass.side, asked, Some(left), by).await?)
}

impl Edge {
    /// Opens a file.
    pub(crate) async fn file(&self, id: FileId) -> Result<Reading, FileError> {
        let of = id.conversation;
        let row = crate::blocking(&self.store, move |store| store.conversation_by_id(of)).await;
        let row = row.map_err(|error| FileError::Disk(std::io::Error::other(error)))?;
        let row = row.ok_or(FileError::Gone)?;
        let keeping = Keeping::new(&self.vault, &row.key);
        let keeping = keeping.map_err(|error| FileError::Disk(std::io::Error::other(error)))?;
        self.files.read(&keeping, id).await
    }
}

/// One side of a file. Caches keep it for `seconds`, or not at all.
pub(crate) async fn served(
    reading: Reading,
    side: Side,
    asked: &HeaderMap,
    seconds: Option<i64>,
    by: Reader,
) -> Result<Response, FileError> {
    let head = reading.head().clone();
    let length = head.size(side).ok_or(FileError::Gone)?;
    let tag = format!("\"{}-{}\"", reading.id().number.simple(), side.word());
    let mut response = match range::asked(asked, &tag, length) {
        Asked::Unchanged => StatusCode::NOT_MODIFIED.into_response(),
        Asked::Beyond => {
            let mut response = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
            set(&mut response, header::CONTENT_RANGE, &format!("bytes */{length}"));
            response
        }
        Asked::Part(range) => {
            let told = format!("bytes {}-{}/{length}", range.start, range.end.saturating_sub(1));
            let mut response = streamed(reading.range(side, range, by).await?).await?;
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            set(&mut response, header::CONTENT_RANGE, &told);
            response
        }
        Asked::Whole => streamed(reading.side(side, by).await?).await?,
    };
    set(&mut response, header::ETAG, &tag);
    let headers = response.headers_mut();
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // A thumbnail is a picture of some kind; browsers know pictures by what is in them.
    let kind = essence(&head.kind).unwrap_or_default();
    let kind = if side == Side::Thumbnail && kind != "image/jpeg" { "image/png" } else { &kind };
    let shown = SHOWN.iter().find(|(known, _)| *known == kind).map(|(_, shown)| *shown);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(shown.unwrap_or(UNKNOWN)));
    headers.insert(header::CONTENT_DISPOSITION, disposition(&head, shown));
    let caching = match seconds {
        Some(seconds) => format!("private, max-age={seconds}, immutable"),
        None => "no-store".to_owned(),
    };
    if let Ok(caching) = HeaderValue::from_str(&caching) {
        headers.insert(header::CACHE_CONTROL, caching);
    }
    let fixed: [(HeaderName, &'static str); 4] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        // Pages of other sites show it; that is what it is for.
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ];
    headers.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
    Ok(response)
}

/// Bytes as they are taken. Whoever takes none for a while loses their place to others. The answer begins
/// when the first of them are there: what is wrong with them can still be said.
async fn streamed(mut chunks: Chunks) -> Result<Response, FileError> {
    let length = chunks.left();
    let first = chunks.next().await?;
    let (give, taken) = mpsc::channel(1);
    tokio::spawn(given(first, chunks, give));
    let taken = stream::unfold(taken, |mut taken: mpsc::Receiver<_>| async move {
        Some((taken.recv().await?, taken))
    });
    let mut response = Body::from_stream(taken).into_response();
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    Ok(response)
}

/// A header of digits and signs.
fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Gives a file out. The answer has begun: what goes wrong now can only cut it.
async fn given(
    first: Option<Bytes>,
    mut chunks: Chunks,
    give: mpsc::Sender<Result<Bytes, FileError>>,
) {
    let mut next = first.map(Ok);
    while let Some(piece) = next {
        let Some(place) = taken(chunks.taking(), &give).await else { return };
        place.send(piece);
        next = chunks.next().await.transpose();
        match &next {
            // What is damaged was told of.
            Some(Err(error)) if !error.is_for_ever() => {
                tracing::error!(
                    error = error as &dyn std::error::Error,
                    "a file cannot be read on"
                );
            }
            _ => {}
        }
    }
}

/// Waits until the piece before is taken; `None` if nobody wants more, or not quickly enough.
async fn taken<'a, T>(taking: &Taking, give: &'a mpsc::Sender<T>) -> Option<mpsc::Permit<'a, T>> {
    let until = Instant::now() + TAKEN_WITHIN;
    loop {
        let next = Instant::now() + LOOKED_AT_EVERY;
        match timeout_at(next.min(until), give.reserve()).await {
            Ok(place) => return place.ok(),
            Err(_) if Instant::now() >= until || taking.holds_up() => return None,
            Err(_) => {}
        }
    }
}

/// Whether it is to be shown or saved, and under what name. A PDF is saved: a browser's reader for it
/// does not work in a sandbox.
fn disposition(head: &Head, shown: Option<&str>) -> HeaderValue {
    let how = match shown {
        Some(shown) if shown != "application/pdf" => "inline",
        Some(_) | None => "attachment",
    };
    let name = file_name(&head.name);
    let value =
        if name.is_empty() { how.to_owned() } else { format!("{how}; filename*=UTF-8''{name}") };
    // All of it is ASCII.
    HeaderValue::from_str(&value).unwrap_or_else(|_| HeaderValue::from_static("attachment"))
}

/// A name without a path, as a header holds one (RFC 8187).
fn file_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut out = String::new();
    for c in last.chars().filter(|c| !c.is_control()) {
        if c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_') {
            out.push(c);
        } else {
            let mut bytes = [0; 4];
            out.extend(c.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")));
        }
    }
    out
}

impl From<PassError> for Refusal {
    fn from(error: PassError) -> Self {
        let (status, code) = match error {
            PassError::Unknown => (StatusCode::NOT_FOUND, "no_such_file"),
            PassError::Expired => (StatusCode::GONE, "expired"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<FetchError> for Refusal {
    fn from(error: FetchError) -> Self {
        let (status, code) = match &error {
            FetchError::Unknown => return PassError::Unknown.into(),
            FetchError::Expired => return PassError::Expired.into(),
            FetchError::Refused { code: "not_found" } => {
                (StatusCode::GONE, "desk_has_no_such_file")
            }
            FetchError::Refused { .. } => (StatusCode::BAD_GATEWAY, "desk_refused_file"),
            FetchError::Away { .. } => (StatusCode::SERVICE_UNAVAILABLE, "desk_away"),
            FetchError::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            FetchError::NotKept(kept) if kept.is_for_ever() => return damaged(),
            FetchError::NotKept(kept) => match &**kept {
                FileError::Elsewhere(_) => (StatusCode::SERVICE_UNAVAILABLE, "files_away"),
                FileError::Disk(_) | FileError::Sealed(_) | FileError::Malformed => {
                    (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable")
                }
                FileError::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
                FileError::NotScanned => (StatusCode::SERVICE_UNAVAILABLE, "not_scanned"),
                FileError::ConversationFull | FileError::TenantFull | FileError::Full => {
                    (StatusCode::TOO_MANY_REQUESTS, "no_room")
                }
                FileError::Gone => (StatusCode::GONE, "desk_has_no_such_file"),
                // Not the caller's fault, and not to be had by asking again.
                FileError::TooLarge { .. }
                | FileError::TooLargeToScan
                | FileError::Empty
                | FileError::NotAllowed
                | FileError::Infected => (StatusCode::FORBIDDEN, "file_not_taken"),
            },
        };
        let refusal = Self::new(status, code, error.to_string());
        // What failed is not tried again before.
        let is_busy = matches!(error, FetchError::Busy);
        if is_busy { refusal } else { refusal.not_before(FAILED_FOR) }
    }
}

/// Not to be had by asking again: it does not say when to come back.
fn damaged() -> Refusal {
    Refusal::new(
        StatusCode::GONE,
        "file_damaged",
        "the file was damaged where it is kept and cannot be had any more; have it sent again",
    )
}

impl From<FileError> for Refusal {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Gone => return PassError::Unknown.into(),
            // It was told of when it was found.
            _ if error.is_for_ever() => return damaged(),
            FileError::Elsewhere(_) => {
                return Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "files_away",
                    "files cannot be had at the moment; ask for it again later",
                )
                .not_before(AWAY_FOR);
            }
            FileError::Busy => {
                let busy = StatusCode::SERVICE_UNAVAILABLE;
                return Self::new(busy, "busy", error.to_string());
            }
            FileError::ConversationFull
            | FileError::TenantFull
            | FileError::Full
            | FileError::TooLarge { .. }
            | FileError::Empty
            | FileError::NotAllowed
            | FileError::Infected
            | FileError::NotScanned
            | FileError::TooLargeToScan
            | FileError::Disk(_)
            | FileError::Sealed(_)
            | FileError::Malformed => {}
        }
        tracing::error!(error = &error as &dyn std::error::Error, "a file cannot be served");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "store_unavailable",
            "the file cannot be read at the moment; ask for it again",
        )
    }
}

#[cfg(test)]
mod tests;
