//! The media API: `POST /api/now/cccif/media/upload` and `GET /api/now/v1/cs/media/{key}`
//! (reference 9.8), and the other addresses under which files and agents' pictures are known.
//!
//! Owns how a file comes in and who may load one. The files are the store's.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Path, Query, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

use super::{Answer, access, multipart};
use crate::{
    media::{FACE, FILE_BYTES_MAX, File, PATH},
    script::millis,
    shared::Shared,
};

/// The largest form, in bytes: the largest file and what surrounds it.
pub(super) const FORM_BYTES_MAX: usize = FILE_BYTES_MAX + 64 * 1024;

pub(super) async fn upload(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let answer = take(&shared, &headers, body);
    answer.unwrap_or_else(|refusal| refusal).into_response()
}

fn take(
    shared: &Arc<Shared>,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Answer, Answer> {
    may_enter(shared, headers)?;
    let refused = |detail| Answer::refusal(StatusCode::BAD_REQUEST, "Bad Request", detail);
    let too_large = "The file is larger than 10 MiB";
    let body = body.map_err(|_| refused(too_large))?;
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let form = multipart::read(text(header::CONTENT_TYPE).unwrap_or_default(), &body);
    let form = form.ok_or_else(|| refused("The body is not multipart/form-data"))?;
    // What stands behind the file is not looked at.
    let (fields, file) = match form.iter().position(|part| part.name == "file") {
        Some(index) => (&form[..index], &form[index]),
        None => return Err(refused("file is missing")),
    };
    if !fields.iter().any(|part| part.name == "user_id" && !part.bytes.is_empty()) {
        return Err(refused("user_id is missing, or stands behind file"));
    }
    if file.bytes.len() > FILE_BYTES_MAX {
        return Err(refused(too_large));
    }
    let name = file.file_name.clone().unwrap_or_default();
    let kind = file.content_type.clone().unwrap_or_default();
    let mut file = File::new(&name, &kind, file.bytes.clone());
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
    match look(shared) {
        Some(file) => serve(file),
        None => {
            let detail = "There is no such file, or it is not available";
            Answer::refusal(StatusCode::NOT_FOUND, "No Record found", detail).into_response()
        }
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
        (header::X_CONTENT_TYPE_OPTIONS, header::HeaderValue::from_static("nosniff")),
    ];
    let disposition = [(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""))];
    (headers, disposition, file.bytes).into_response()
}

fn may_enter(shared: &Shared, headers: &HeaderMap) -> Result<(), Answer> {
    if shared.is_away() {
        return Err(Answer::down());
    }
    if access::is_authenticated(shared, headers) { Ok(()) } else { Err(Answer::unauthenticated()) }
}
