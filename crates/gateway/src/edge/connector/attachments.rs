//! Files that a bot brings, and looks at again.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use store::ConversationRow;

use super::{
    Router,
    activities::{Place, Sent},
    caller::{Caller, Theirs},
    refused::{Refused, no_method},
};
use crate::{
    edge::{Edge, body::read_body, files::served},
    files::{Bringer, FileError, FileId, NewFile, Reader, Side},
    keeping::Keeping,
};

/// The largest file, in bytes: as large as Direct Line's own uploads, by what people say of them.
const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The largest thumbnail, in bytes.
const THUMBNAIL_BYTES_MAX: usize = 256 * 1024;

/// The largest body that brings a file, in bytes: both of them in base64, with room for a name.
const BODY_BYTES_MAX: usize = 6 * 1024 * 1024;

/// The longest name of a file, in characters.
const NAME_CHARS_MAX: usize = 200;

/// The longest media type, in characters.
const KIND_CHARS_MAX: usize = 200;

/// What a file is whose media type is not told.
const UNKNOWN_KIND: &str = "application/octet-stream";

/// The routes that name a file and no conversation.
pub(super) fn routes() -> Router<Arc<Edge>> {
    Router::new()
        .route("/{attachment}", get(known).fallback(no_method))
        .route("/{attachment}/views/{view}", get(view).fallback(no_method))
        .fallback(super::no_route)
}

/// The protocol's `AttachmentData`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Brought {
    r#type: Option<String>,
    name: Option<String>,
    original_base64: Option<String>,
    thumbnail_base64: Option<String>,
}

/// The protocol's `AttachmentInfo`.
#[derive(Serialize)]
pub(super) struct Known {
    name: String,
    r#type: String,
    views: Vec<KnownView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KnownView {
    view_id: &'static str,
    size: u64,
}

#[derive(Deserialize)]
pub(super) struct OfFile {
    attachment: String,
    #[serde(default)]
    view: String,
}

/// Takes a file in. Answered when it is on the disk.
pub(super) async fn bring(
    State(edge): State<Arc<Edge>>,
    caller: Caller,
    place: Result<Path<Place>, PathRejection>,
    body: Body,
) -> Result<(StatusCode, Json<Sent>), Refused> {
    let Path(place) = place?;
    let theirs = caller.conversation(&edge, &place.conversation)?;
    let row = row_of(&edge, theirs.id).await?;
    let (new, original) = new_file(&read_body(body, BODY_BYTES_MAX).await?)?;
    let keeping = Keeping::new(&edge.vault, &row.key);
    let keeping = keeping.map_err(|error| FileError::Disk(std::io::Error::other(error)))?;
    let mut intake = edge.files.intake(theirs.id, &keeping, new).await?;
    intake.write(original).await?;
    let file = intake.finish().await?.id;
    let Theirs { link, .. } = theirs;
    let id = edge.handles.attachment(&link.tenant, &link.bot, file);
    Ok((StatusCode::CREATED, Json(Sent { id })))
}

fn new_file(body: &[u8]) -> Result<(NewFile, Bytes), Refused> {
    let bad = |message: &str| Refused::new(StatusCode::BAD_REQUEST, "BadArgument", message);
    let brought: Brought = serde_json::from_slice(body).map_err(|_| {
        bad("the body must be an object with `type`, `name` and `originalBase64`, each a text")
    })?;
    let decoded = |text: &str, what: &str, most: usize| match STANDARD.decode(text.trim()) {
        Ok(bytes) if bytes.len() > most => Err(Refused::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "MessageSizeTooBig",
            format!("`{what}` may have {most} bytes at most"),
        )),
        Ok(bytes) => Ok(bytes),
        Err(_) => Err(bad(&format!("`{what}` is not in base64"))),
    };
    let original = brought.original_base64.as_deref().unwrap_or_default();
    let original = decoded(original, "originalBase64", FILE_BYTES_MAX)?;
    if original.is_empty() {
        return Err(bad("`originalBase64` is empty; it holds the file's bytes"));
    }
    let thumbnail = brought.thumbnail_base64.as_deref().filter(|text| !text.is_empty());
    let thumbnail =
        thumbnail.map(|text| decoded(text, "thumbnailBase64", THUMBNAIL_BYTES_MAX)).transpose()?;
    let kind = brought.r#type.filter(|kind| !kind.trim().is_empty());
    let kind = kind.unwrap_or_else(|| UNKNOWN_KIND.to_owned());
    let name = brought.name.unwrap_or_default();
    if kind.chars().count() > KIND_CHARS_MAX || name.chars().count() > NAME_CHARS_MAX {
        return Err(bad("`type` and `name` may have 200 characters each"));
    }
    let thumbnail = thumbnail.map(Bytes::from);
    Ok((NewFile { by: Bringer::Bot, name, kind, thumbnail }, original.into()))
}

/// What a file is.
async fn known(
    State(edge): State<Arc<Edge>>,
    caller: Caller,
    place: Result<Path<OfFile>, PathRejection>,
) -> Result<Json<Known>, Refused> {
    let Path(OfFile { attachment, .. }) = place?;
    let reading = edge.file(caller.file(&edge, &attachment)?).await?;
    let head = reading.head();
    let sides = [Side::Original, Side::Thumbnail].into_iter();
    let views = sides
        .filter_map(|side| Some(KnownView { view_id: side.word(), size: head.size(side)? }))
        .collect();
    Ok(Json(Known { name: head.name.clone(), r#type: head.kind.clone(), views }))
}

/// One side of it.
async fn view(
    State(edge): State<Arc<Edge>>,
    caller: Caller,
    place: Result<Path<OfFile>, PathRejection>,
    asked: HeaderMap,
) -> Result<Response, Refused> {
    let Path(OfFile { attachment, view }) = place?;
    let file = caller.file(&edge, &attachment)?;
    let side = Side::of_word(&view).ok_or_else(Refused::no_attachment)?;
    let reading = edge.file(file).await?;
    Ok(served(reading, side, &asked, None, Reader::Page).await?)
}

impl Caller {
    /// The file that the bot calls so.
    fn file(&self, edge: &Edge, given: &str) -> Result<FileId, Refused> {
        let files = &edge.handles;
        let mut theirs = self.bots().iter();
        let file = theirs.find_map(|link| files.read_attachment(given, &link.tenant, &link.bot));
        file.ok_or_else(Refused::no_attachment)
    }
}

async fn row_of(edge: &Edge, id: store::ConversationId) -> Result<ConversationRow, Refused> {
    let row = crate::blocking(&edge.store, move |store| store.conversation_by_id(id)).await?;
    row.ok_or_else(Refused::no_conversation)
}
