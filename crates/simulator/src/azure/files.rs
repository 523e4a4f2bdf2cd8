//! Files in Teams, both ways (reference 6): what people attach, pictures among their words, and what a
//! bot may bring after its user has agreed.
//!
//! ```text
//! GET /files/{key}                                     with nothing but the address, as SharePoint has it
//! GET /amer/v3/attachments/{key}/views/original        with the bot's token
//! PUT /uploads/{key}                                   pieces with `Content-Range`, as OneDrive takes them
//! ```
//!
//! Owns where the bytes are and the activities that name them. Of a large file only size and digest are
//! kept.

use std::{collections::BTreeMap, convert::Infallible, sync::Arc};

use axum::{
    Json, Router,
    body::Body,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, put},
};
use futures_util::{StreamExt, stream};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Azure, Chat, Person, Shared, token::bearer_at_connector};
use crate::media::contents::{Blocks, Contents, Filled, Filling, made};

/// The largest file that a bot may bring, in bytes: what `OneDrive` takes is more than any test has.
const UPLOAD_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// How many files are remembered; one more than that is not taken.
const FILES_MAX: usize = 1_000;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/files/{key}", get(download))
        .route("/amer/v3/attachments/{key}/views/original", get(view))
        .route("/uploads/{key}", put(upload))
        .layer(DefaultBodyLimit::disable())
}

/// What a bot brought to where its user had it put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Upload {
    /// The last part of the address.
    pub key: String,
    /// The name that the consent gave.
    pub name: String,
    /// How many bytes have come.
    pub size: u64,
    /// SHA-256 of all of them, as soon as they are all there.
    pub sha256: Option<String>,
}

/// An upload that is under way.
pub(super) struct Arriving {
    view: Upload,
    filling: Option<Filling>,
}

/// The files of a stand-in.
#[derive(Default)]
pub(super) struct Files {
    kept: BTreeMap<String, (String, Contents)>,
    uploads: Vec<Arriving>,
}

impl Azure {
    /// A message to which a person attached a file, in a personal chat.
    pub fn file(&self, chat: &Chat, from: &Person, name: &str, bytes: Vec<u8>) -> Value {
        self.attached(chat, from, name, Contents::Whole(bytes.into()))
    }

    /// The same with a file of this many bytes, which are made as they are read; and its SHA-256.
    pub fn made_file(&self, chat: &Chat, from: &Person, name: &str, size: u64) -> (Value, String) {
        let (contents, digest) = made(size);
        (self.attached(chat, from, name, contents), digest)
    }

    fn attached(&self, chat: &Chat, from: &Person, name: &str, contents: Contents) -> Value {
        let key = self.keep("application/octet-stream", contents);
        let mut activity = self.message(chat, from, "");
        let origin = self.shared.origin();
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        let file = json!({
            "contentType": "application/vnd.microsoft.teams.file.download.info",
            "contentUrl": format!("{origin}/personal/documents/{name}"),
            "name": name,
            "content": {
                "downloadUrl": format!("{origin}/files/{key}"),
                "uniqueId": key,
                "fileType": ending,
            },
        });
        activity["attachments"] = json!([file, activity["attachments"][0]]);
        activity
    }

    /// A message with a picture among its words, which lies at the Connector.
    pub fn picture(&self, chat: &Chat, from: &Person, kind: &str, bytes: Vec<u8>) -> Value {
        let key = self.keep(kind, Contents::Whole(bytes.into()));
        let address = format!("{}v3/attachments/{key}/views/original", self.service_url());
        let mut activity = self.message(chat, from, "");
        let html = format!("<div><img src=\"{address}\" width=\"64\" height=\"64\"></div>");
        activity["attachments"] = json!([
            {"contentType": "image/*", "contentUrl": address},
            {"contentType": "text/html", "content": html},
        ]);
        activity
    }

    fn keep(&self, kind: &str, contents: Contents) -> String {
        let now = self.shared.clock.now();
        self.shared.act(|world| {
            let key = format!("f{}", world.fresh_id(now));
            if world.files.kept.len() < FILES_MAX {
                world.files.kept.insert(key.clone(), (kind.to_owned(), contents));
            }
            key
        })
    }

    /// The person answers the card by which a bot asks whether it may bring a file. `card` is the
    /// message's id, `context` the card's `acceptContext` or `declineContext`.
    pub fn consent(
        &self,
        chat: &Chat,
        from: &Person,
        (card, name): (&str, &str),
        context: &Value,
        accepts: bool,
    ) -> Value {
        let mut value = json!({
            "type": "fileUpload",
            "action": if accepts { "accept" } else { "decline" },
            "context": context,
        });
        if accepts {
            let now = self.shared.clock.now();
            let key = self.shared.act(|world| {
                let key = format!("u{}", world.fresh_id(now));
                let view =
                    Upload { key: key.clone(), name: name.to_owned(), size: 0, sha256: None };
                let filling = Some(Filling::new(UPLOAD_BYTES_MAX));
                world.files.uploads.push(Arriving { view, filling });
                key
            });
            let origin = self.shared.origin();
            value["uploadInfo"] = json!({
                "contentUrl": format!("{origin}/personal/documents/{name}"),
                "name": name,
                "uploadUrl": format!("{origin}/uploads/{key}"),
                "uniqueId": key,
                "fileType": name.rsplit_once('.').map_or("", |(_, ending)| ending),
            });
        }
        let mut invoke = self.invoke(chat, from, "fileConsent/invoke", value);
        invoke["replyToId"] = card.into();
        invoke
    }

    /// What bots have brought so far.
    pub fn uploads(&self) -> Vec<Upload> {
        self.shared.lock().files.uploads.iter().map(|upload| upload.view.clone()).collect()
    }
}

async fn download(State(shared): State<Arc<Shared>>, Path(key): Path<String>) -> Response {
    let kept = shared.lock().files.kept.get(&key).cloned();
    match kept {
        Some((kind, contents)) => serve(&kind, contents),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Only with the token of a bot: it is the Connector's own address.
async fn view(
    State(shared): State<Arc<Shared>>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Response {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
    let known = {
        let (now, world) = (shared.now(), shared.lock());
        bearer.is_some_and(|token| bearer_at_connector(token, &world.entra, now).is_some())
    };
    if known {
        download(State(shared), Path(key)).await
    } else {
        StatusCode::UNAUTHORIZED.into_response()
    }
}

fn serve(kind: &str, contents: Contents) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_LENGTH, contents.size().to_string()),
    ];
    let body = match contents {
        Contents::Whole(bytes) => Body::from(bytes),
        Contents::Made(size) => {
            Body::from_stream(stream::iter(Blocks::new(size).map(Ok::<_, Infallible>)))
        }
        Contents::Counted(_) => return StatusCode::NOT_FOUND.into_response(),
    };
    (headers, body).into_response()
}

/// The first byte, the last one, and how many there are, of `bytes 0-9/100`.
fn range(headers: &HeaderMap) -> Option<(u64, u64, u64)> {
    let given = headers.get(header::CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    let (range, total) = given.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?, total.parse().ok()?))
}

/// A piece of an upload, which must begin where the last one ended.
async fn upload(
    State(shared): State<Arc<Shared>>,
    Path(key): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some((first, last, total)) = range(&headers) else {
        return (StatusCode::BAD_REQUEST, "Content-Range is missing or wrong").into_response();
    };
    let taken = shared.act(|world| {
        let upload = world.files.uploads.iter_mut().find(|upload| upload.view.key == key)?;
        if upload.view.size == first { Some(upload.filling.take()) } else { Some(None) }
    });
    let Some(taken) = taken else { return StatusCode::NOT_FOUND.into_response() };
    let Some(mut filling) = taken else {
        return StatusCode::RANGE_NOT_SATISFIABLE.into_response();
    };
    let (mut body, mut size) = (body.into_data_stream(), 0);
    while let Some(Ok(chunk)) = body.next().await {
        size += chunk.len() as u64;
        if filling.push(&chunk).is_err() {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        }
    }
    let is_last = last + 1 == total;
    let whole = size == last + 1 - first;
    shared.act(|world| {
        let upload = world.files.uploads.iter_mut().find(|upload| upload.view.key == key);
        let Some(upload) = upload.filter(|_| whole) else { return };
        upload.view.size += size;
        if is_last {
            let (_, digest): Filled = filling.finish();
            upload.view.sha256 = Some(digest);
        } else {
            upload.filling = Some(filling);
        }
    });
    match (whole, is_last) {
        (false, _) => StatusCode::BAD_REQUEST.into_response(),
        (true, true) => (StatusCode::CREATED, Json(json!({ "id": key }))).into_response(),
        (true, false) => {
            let next = json!({"nextExpectedRanges": [format!("{}-", last + 1)]});
            (StatusCode::ACCEPTED, Json(next)).into_response()
        }
    }
}
