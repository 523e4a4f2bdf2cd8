//! The media API: `POST /api/now/cccif/media/upload` and `GET /api/now/v1/cs/media/{key}`
//! (reference 9.8), and the other addresses under which files and agents' pictures are known.
//!
//! Owns how a file comes in and who may load one. The files are the store's.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde::Deserialize;
use serde_json::json;

use super::{Answer, access, multipart::Form};
use crate::{
    media::{
        FACE, File, PATH,
        contents::{Blocks, Contents, Filled, Filling},
    },
    script::millis,
    shared::Shared,
};

/// The longest field beside the file, in bytes: ids are 32 characters.
const FIELD_BYTES_MAX: u64 = 1024;

pub(super) async fn upload(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    take(&shared, &headers, body).await.unwrap_or_else(|refusal| refusal).into_response()
}

fn refused(detail: &str) -> Answer {
    Answer::refusal(StatusCode::BAD_REQUEST, "Bad Request", detail)
}

async fn take(shared: &Arc<Shared>, headers: &HeaderMap, body: Body) -> Result<Answer, Answer> {
    may_enter(shared, headers)?;
    let max = shared.lock().instance.setup.profile.media_bytes_max;
    let no_form = |_| refused("The body is not multipart/form-data");
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let kind = text(header::CONTENT_TYPE).unwrap_or_default();
    let mut form = Form::read(kind, body).map_err(no_form)?;
    let mut has_user = false;
    // What stands behind the file is not looked at.
    let part = loop {
        let part = form.part().await.map_err(no_form)?.ok_or_else(|| refused("file is missing"))?;
        if part.name == "file" {
            break part;
        }
        let (field, _) = filled(&mut form, FIELD_BYTES_MAX, "A field is too long").await?;
        has_user |= part.name == "user_id" && field.size() > 0;
    };
    if !has_user {
        return Err(refused("user_id is missing, or stands behind file"));
    }
    let filled = filled(&mut form, max, "The file is larger than the instance takes").await?;
    let name = part.file_name.unwrap_or_default();
    let kind = part.content_type.unwrap_or_default();
    let mut file = File::of(&name, &kind, filled);
    let host = text(header::HOST).unwrap_or("localhost").to_owned();
    Ok(shared.act(|world, now| {
        let profile = &world.instance.setup.profile;
        file.scan = (now.saturating_add(millis(profile.media_scan)), profile.media_state);
        let state = file.state(now);
        let (name, view) = (file.name.clone(), world.keep_file(file));
        let result = json!({
            "mediaUrl": format!("http://{host}{PATH}/{}", view.key),
            "name": name,
            "state": state,
            "attachmentId": view.key,
        });
        (Answer::json(StatusCode::CREATED, json!({"result": result})), Vec::new())
    }))
}

/// The bytes of the part that is being read.
async fn filled(form: &mut Form, max: u64, too_large: &str) -> Result<Filled, Answer> {
    let mut filling = Filling::new(max);
    loop {
        match form.chunk().await {
            Ok(Some(chunk)) => filling.push(&chunk).map_err(|_| refused(too_large))?,
            Ok(None) => return Ok(filling.finish()),
            Err(_) => return Err(refused("The body is not multipart/form-data")),
        }
    }
}

pub(super) async fn load(
    State(shared): State<Arc<Shared>>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Response {
    found(&shared, &headers, |shared| {
        let now = shared.clock.now();
        shared.lock().media.get(&key).filter(|file| file.is_available(now)).cloned()
    })
}

#[derive(Deserialize)]
pub(super) struct Record {
    sys_id: String,
}

/// `sys_attachment.do?sys_id=…`: another address of the same files.
pub(super) async fn attachment(
    shared: State<Arc<Shared>>,
    Query(record): Query<Record>,
    headers: HeaderMap,
) -> Response {
    load(shared, Path(record.sys_id), headers).await
}

/// `/….iix`: a file as a picture, or the picture of an agent.
pub(super) async fn picture(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some(key) = name.strip_suffix(".iix") else {
        return StatusCode::NOT_FOUND.into_response();
    };
    found(&shared, &headers, |shared| {
        let world = shared.lock();
        let is_agent = world.instance.agents().any(|agent| agent.sys_id == key);
        let face = || File::new("face.png", "image/png", Bytes::from_static(FACE));
        if is_agent { Some(face()) } else { world.media.get(key).cloned() }
    })
}

fn found(
    shared: &Arc<Shared>,
    headers: &HeaderMap,
    look: impl FnOnce(&Shared) -> Option<File>,
) -> Response {
    if let Err(refusal) = may_enter(shared, headers) {
        return refusal.into_response();
    }
    if let Some(file) = look(shared) {
        serve(file)
    } else {
        let detail = "There is no such file, or it is not available";
        Answer::refusal(StatusCode::NOT_FOUND, "No Record found", detail).into_response()
    }
}

/// A file to be saved, never to be run in the page of the instance.
pub(crate) fn serve(file: File) -> Response {
    let name: String = file
        .name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !"\"\\".contains(c) { c } else { '_' })
        .collect();
    let kind = header::HeaderValue::try_from(file.content_type);
    let plain = header::HeaderValue::from_static("application/octet-stream");
    let headers = [
        (header::CONTENT_TYPE, kind.unwrap_or(plain)),
        (header::CONTENT_LENGTH, file.contents.size().into()),
        (header::X_CONTENT_TYPE_OPTIONS, header::HeaderValue::from_static("nosniff")),
    ];
    let disposition = [(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""))];
    let body = match file.contents {
        Contents::Whole(bytes) => Body::from(bytes),
        Contents::Made(size) => {
            Body::from_stream(stream::iter(Blocks::new(size).map(Ok::<_, Infallible>)))
        }
        Contents::Counted(_) => {
            let detail = "Of a file this large the simulator keeps only size and digest";
            return Answer::refusal(StatusCode::NOT_FOUND, "No Record found", detail)
                .into_response();
        }
    };
    (headers, disposition, body).into_response()
}

fn may_enter(shared: &Shared, headers: &HeaderMap) -> Result<(), Answer> {
    if shared.is_away() {
        return Err(Answer::down());
    }
    if access::is_authenticated(shared, headers) { Ok(()) } else { Err(Answer::unauthenticated()) }
}
