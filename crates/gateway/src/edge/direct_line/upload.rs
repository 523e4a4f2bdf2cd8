//! Files of a page: as a body, or as parts of one beside the message that they go with (reference 4.5).
//!
//! They are kept as they arrive, and the message is taken in when all of them are: whoever reads it can
//! open them. If something is wrong, nothing is kept, and the user is told why in the conversation, since
//! pages only say that something could not be sent.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::{Body, BodyDataStream},
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, HeaderName, StatusCode, header},
};
use bot_framework::{Activity, direct_line::ErrorCode};
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::{Map, Value, json, value::RawValue};
use session::{Content, Event, FileRefusal, Visitor, id::ConversationKey};
use store::{ConversationId, Target};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout},
};

use super::{
    Refused,
    activities::{self, Posted},
    refused::unreadable,
    visitor,
};
use crate::{
    edge::{
        Edge,
        multipart::{Multipart, MultipartError, PartHead, Piece},
    },
    engine::{Arrival, Outcome},
    files::{Bringer, FileError, Files, Intake, Kept, NewFile, Side},
    keeping::Keeping,
    render::activity_id,
    trace::{Context, OpenSpan},
};

/// How long the next bytes of a body may take to arrive.
const PIECE_WITHIN: Duration = Duration::from_secs(15);

/// The least that arrives in as long a time, in bytes: who sends less holds a place that others need.
const PIECE_BYTES_MIN: usize = 32 * 1024;

/// What is still let in of an upload that is not taken, in bytes.
const DRAINED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How long all of them may take: 500 MB at 2 Mbit/s.
const UPLOAD_WITHIN: Duration = Duration::from_mins(35);

/// The type of the part that is the message.
const ACTIVITY: &str = "application/vnd.microsoft.activity";

/// The route, as traces call it.
const ROUTE: &str = "/v3/directline/conversations/{id}/upload";

/// Takes files in, and the message that they go with.
pub(super) async fn post(
    State(edge): State<Arc<Edge>>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Posted>, Refused> {
    let trace = edge.tracing.request("POST", ROUTE, &headers);
    let taking = taken(&edge, id, &headers, body, trace.as_ref().map(OpenSpan::context));
    let told = timeout(UPLOAD_WITHIN, taking).await.unwrap_or_else(|_| {
        Err(Refused::new(ErrorCode::BadArgument, "the files did not arrive in time"))
    });
    if let Some(trace) = trace {
        trace.answered(told.as_ref().map_or_else(Refused::status, |_| StatusCode::OK));
    }
    told
}

async fn taken(
    edge: &Arc<Edge>,
    id: Result<Path<String>, PathRejection>,
    headers: &HeaderMap,
    body: Body,
    trace: Option<Context>,
) -> Result<Json<Posted>, Refused> {
    let Path(id) = id?;
    let claims = edge.page(headers, &id)?;
    let key = edge.key_of(&claims)?;
    let base = edge.base(headers)?;
    let keeping = Keeping::new(&edge.vault, &key).map_err(|error| unreadable(&error))?;
    let known = visitor(&claims, None)?;
    let conversation = edge.begun(&key, &known).await?;
    let mut upload = Upload {
        edge,
        keeping: &keeping,
        conversation,
        part: Part::Ignored,
        activity: None,
        taken: Taken { files: Arc::clone(&edge.files), kept: Vec::new() },
    };
    let body = body.into_data_stream();
    let mut body = Arriving { body, since: Instant::now(), came: 0 };
    if let Err(trouble) = upload.read(headers, &mut body).await {
        upload.part = Part::Ignored;
        body.drain().await;
        if let Some(why) = trouble.why {
            edge.tell_refused(&key, known, why).await;
        }
        return Err(trouble.refused);
    }
    let Upload { activity, mut taken, .. } = upload;
    if taken.kept.is_empty() {
        return Err(Refused::new(ErrorCode::MissingProperty, "no file came with the request"));
    }
    let activity = activity.unwrap_or_else(|| br#"{"type":"message"}"#.to_vec());
    let mut activity = Activity::parse(&activity)
        .map_err(|error| Refused::new(ErrorCode::BadArgument, error.to_string()))?;
    if activity.kind() != "message" {
        let message = "files go with an activity of type `message`";
        return Err(Refused::new(ErrorCode::BadArgument, message));
    }
    let address =
        |kept: &Kept| format!("{base}/files/{}", edge.files.pass(kept.id, Side::Original));
    merge(&mut activity, &taken.kept, address)?;
    let visitor = visitor(&claims, Some(&activity))?;
    let said = session::Said {
        files: taken.kept.iter().map(|brought| brought.kept.clone().into()).collect(),
        ..activities::said(&activity, edge.language)?
    };
    let sender_key = activities::sender_key(&activity)?;
    let event =
        Event::UserSaid { visitor, said, key: sender_key, fresh: edge.clock.fresh_session() };
    let arrival = Arrival::event(Target::Key(key), event).traced(trace);
    let outcome = edge.engine.submit(arrival).await?;
    if !edge.is_repeat(&keeping, &outcome, &taken).await {
        taken.keep();
    }
    edge.presence.called(outcome.conversation);
    Ok(Json(Posted { id: activity_id(&id, outcome.number), invoke_response: None }))
}

impl Edge {
    /// The conversation of this key, which begins with its first file if nothing was said yet.
    async fn begun(
        &self,
        key: &ConversationKey,
        visitor: &Visitor,
    ) -> Result<ConversationId, Refused> {
        let of = key.clone();
        let row = crate::blocking(&self.store, move |store| store.conversation(&of)).await?;
        if let Some(row) = row {
            return Ok(row.id);
        }
        let seen = Event::UserSeen { visitor: visitor.clone(), told: None };
        let arrival = Arrival::event(Target::Key(key.clone()), seen);
        Ok(self.engine.submit(arrival).await?.conversation)
    }

    /// Whether the message was taken before, with files of its own: then nobody is told of these.
    async fn is_repeat(&self, keeping: &Keeping, outcome: &Outcome, taken: &Taken) -> bool {
        let (of, number) = (outcome.conversation, outcome.number);
        let read =
            crate::blocking(&self.store, move |store| store.entries_upto(of, number, 1)).await;
        let read = read.ok().and_then(|rows| keeping.read_entries(&self.vault, &rows).ok());
        // If that cannot be read, they stay: one file too many is swept with its age.
        let Some(entry) = read.and_then(|entries| entries.into_iter().last()) else { return false };
        let Content::Said(said) = entry.content else { return false };
        let names = |brought: &Brought| {
            let id = brought.kept.id.to_string();
            said.files.iter().any(|file| file.id == id)
        };
        !taken.kept.iter().any(names)
    }

    /// Tells the user in the conversation why their files were not taken.
    async fn tell_refused(&self, key: &ConversationKey, visitor: Visitor, why: FileRefusal) {
        let event = Event::FilesRefused { visitor, why };
        let arrival = Arrival::event(Target::Key(key.clone()), event);
        if let Err(error) = self.engine.submit(arrival).await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "a user could not be told why their files were not taken");
        }
    }
}

/// Why an upload came to nothing.
struct Trouble {
    refused: Refused,
    /// What the user is told.
    why: Option<FileRefusal>,
}

impl From<Refused> for Trouble {
    fn from(refused: Refused) -> Self {
        Self { refused, why: None }
    }
}

impl From<MultipartError> for Trouble {
    fn from(error: MultipartError) -> Self {
        Refused::new(ErrorCode::BadArgument, error.to_string()).into()
    }
}

impl From<FileError> for Trouble {
    fn from(error: FileError) -> Self {
        let why = match error {
            FileError::Infected => Some(FileRefusal::Infected),
            FileError::NotAllowed => Some(FileRefusal::NotAllowed),
            FileError::TooLarge { .. } | FileError::TooLargeToScan => Some(FileRefusal::TooLarge),
            FileError::ConversationFull | FileError::Full => Some(FileRefusal::NoRoom),
            FileError::NotScanned
            | FileError::Busy
            | FileError::Disk(_)
            | FileError::Sealed(_)
            | FileError::Malformed
            | FileError::Gone => Some(FileRefusal::NotNow),
            FileError::Empty => None,
        };
        Self { refused: error.into(), why }
    }
}

impl From<FileError> for Refused {
    fn from(error: FileError) -> Self {
        let code = match &error {
            FileError::TooLarge { .. } | FileError::TooLargeToScan => ErrorCode::TooLarge,
            FileError::Empty | FileError::NotAllowed | FileError::Infected => {
                ErrorCode::BadArgument
            }
            FileError::ConversationFull | FileError::Full => ErrorCode::TooManyRequests,
            FileError::Busy | FileError::NotScanned => ErrorCode::ServiceUnavailable,
            FileError::Gone | FileError::Disk(_) | FileError::Sealed(_) | FileError::Malformed => {
                tracing::error!(error = &error as &dyn std::error::Error, "a file cannot be kept");
                return Self::new(
                    ErrorCode::ServiceUnavailable,
                    "the file cannot be kept at the moment; nothing was taken, send it again",
                );
            }
        };
        Self::new(code, error.to_string())
    }
}

/// A file that came, and what its bringer called it.
struct Brought {
    called: String,
    kept: Kept,
}

/// Files that nobody was told of yet. Dropped, they are removed.
struct Taken {
    files: Arc<Files>,
    kept: Vec<Brought>,
}

impl Taken {
    /// They are a message's from now on.
    fn keep(&mut self) {
        self.kept.clear();
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let kept = std::mem::take(&mut self.kept);
        // Without a runtime the process ends, and they go with the others.
        let Some(runtime) = Handle::try_current().ok().filter(|_| !kept.is_empty()) else { return };
        let files = Arc::clone(&self.files);
        runtime.spawn(async move {
            for brought in kept {
                files.discard(brought.kept.id).await;
            }
        });
    }
}

/// The part that arrives.
enum Part {
    /// One that nobody asked for, or none.
    Ignored,
    Activity(Vec<u8>),
    File(Box<Intake>, String),
}

/// An upload that arrives.
struct Upload<'a> {
    edge: &'a Edge,
    keeping: &'a Keeping,
    conversation: ConversationId,
    part: Part,
    activity: Option<Vec<u8>>,
    taken: Taken,
}

impl Upload<'_> {
    async fn read(&mut self, headers: &HeaderMap, body: &mut Arriving) -> Result<(), Trouble> {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let kind = text(header::CONTENT_TYPE).unwrap_or_default();
        if !kind.trim_start().to_ascii_lowercase().starts_with("multipart/") {
            let disposition = text(header::CONTENT_DISPOSITION).unwrap_or_default();
            let head =
                PartHead { kind: Some(kind.to_owned()), ..PartHead::of_disposition(disposition) };
            self.begin_file(head).await?;
            while let Some(bytes) = body.next().await? {
                self.data(bytes).await?;
            }
            return self.end_part().await;
        }
        let mut parts = Multipart::new(kind)?;
        while let Some(bytes) = body.next().await? {
            parts.take(&bytes);
            while let Some(piece) = parts.next()? {
                match piece {
                    Piece::Part(head) => {
                        self.end_part().await?;
                        self.begin_part(head).await?;
                    }
                    Piece::Data(data) => self.data(data).await?,
                    Piece::End => return self.end_part().await,
                }
            }
        }
        Err(MultipartError::BrokeOff.into())
    }

    async fn begin_part(&mut self, head: PartHead) -> Result<(), Trouble> {
        let kind = head.kind.as_deref().unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case(ACTIVITY) {
            if self.activity.is_some() {
                let message = "one part may be an activity";
                return Err(Refused::new(ErrorCode::BadArgument, message).into());
            }
            self.part = Part::Activity(Vec::new());
        } else if head.filename.is_some() || head.kind.is_some() {
            self.begin_file(head).await?;
        }
        Ok(())
    }

    async fn begin_file(&mut self, head: PartHead) -> Result<(), Trouble> {
        let most = self.edge.files.rules().in_message;
        if self.taken.kept.len() >= most {
            let message = format!("a message may have {most} files at most");
            return Err(Refused::new(ErrorCode::BadArgument, message).into());
        }
        let called = head.filename.unwrap_or_default();
        let (name, kind) = (called.clone(), head.kind.unwrap_or_default());
        let new = NewFile { by: Bringer::User, name, kind, thumbnail: None };
        let intake = self.edge.files.intake(self.conversation, self.keeping, new).await?;
        self.part = Part::File(Box::new(intake), called);
        Ok(())
    }

    async fn data(&mut self, data: Bytes) -> Result<(), Trouble> {
        match &mut self.part {
            Part::Ignored => {}
            Part::Activity(activity) => {
                activity.extend_from_slice(&data);
                if activities::is_too_long(activity) {
                    return Err(activities::too_long().into());
                }
            }
            Part::File(intake, _) => intake.write(data).await?,
        }
        Ok(())
    }

    async fn end_part(&mut self) -> Result<(), Trouble> {
        match std::mem::replace(&mut self.part, Part::Ignored) {
            Part::Ignored => {}
            Part::Activity(activity) => self.activity = Some(activity),
            Part::File(intake, called) => {
                let kept = intake.finish().await?;
                self.taken.kept.push(Brought { called, kept });
            }
        }
        Ok(())
    }
}

/// A body that arrives, and how quickly.
struct Arriving {
    body: BodyDataStream,
    since: Instant,
    came: usize,
}

impl Arriving {
    /// Lets the rest arrive, up to a limit: most clients hear an answer only when they have sent all.
    async fn drain(&mut self) {
        let mut left = DRAINED_BYTES_MAX;
        while let Ok(Some(bytes)) = self.next().await
            && left > bytes.len()
        {
            left -= bytes.len();
        }
    }

    /// The next bytes.
    async fn next(&mut self) -> Result<Option<Bytes>, Refused> {
        let bad = |message| Err(Refused::new(ErrorCode::BadArgument, message));
        let bytes = match timeout(PIECE_WITHIN, self.body.next()).await {
            Err(_) => return bad("the body stalled"),
            Ok(Some(Err(_))) => return bad("the body broke off"),
            Ok(Some(Ok(bytes))) => bytes,
            Ok(None) => return Ok(None),
        };
        self.came = self.came.saturating_add(bytes.len());
        if self.since.elapsed() >= PIECE_WITHIN {
            if self.came < PIECE_BYTES_MIN {
                return bad("the body arrives too slowly");
            }
            (self.since, self.came) = (Instant::now(), 0);
        }
        Ok(Some(bytes))
    }
}

/// Gives the message the addresses of its files: those that it lists by name in their places, the others
/// behind them.
fn merge(
    activity: &mut Activity,
    files: &[Brought],
    address: impl Fn(&Kept) -> String,
) -> Result<(), Refused> {
    let listed = activity.raw("attachments").map(RawValue::get);
    let listed: Vec<Box<RawValue>> =
        listed.and_then(|listed| serde_json::from_str(listed).ok()).unwrap_or_default();
    let mut left: Vec<&Brought> = files.iter().collect();
    let mut attachments = Vec::new();
    for raw in listed {
        let object: Result<Map<String, Value>, _> = serde_json::from_str(raw.get());
        let Some(mut object) = object.ok().filter(waits_for_file) else {
            attachments.push(raw);
            continue;
        };
        let name = object.get("name").and_then(Value::as_str).unwrap_or_default();
        let Some(at) = left.iter().position(|brought| brought.called == name) else {
            return Err(Refused::new(
                ErrorCode::MissingProperty,
                "the activity lists an attachment without `content`, and no file of its name came",
            ));
        };
        let kept = &left.remove(at).kept;
        object.insert("contentType".to_owned(), json!(kept.kind));
        object.insert("name".to_owned(), json!(kept.name));
        object.insert("contentUrl".to_owned(), json!(address(kept)));
        attachments.extend(serde_json::value::to_raw_value(&object).ok());
    }
    for Brought { kept, .. } in left {
        let object =
            json!({"contentType": kept.kind, "name": kept.name, "contentUrl": address(kept)});
        attachments.extend(serde_json::value::to_raw_value(&object).ok());
    }
    activity.set("attachments", attachments);
    Ok(())
}

/// Whether an attachment is there only by its name. The address of a browser's own memory is none.
fn waits_for_file(object: &Map<String, Value>) -> bool {
    let there = |name: &str| match object.get(name) {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.is_empty() && !text.starts_with("blob:"),
        Some(_) => true,
    };
    !there("content") && !there("contentUrl")
}

#[cfg(test)]
mod tests {
    use store::ConversationId;
    use uuid::Uuid;

    use super::*;
    use crate::files::{FileId, Keep};

    fn brought(called: &str, name: &str) -> Brought {
        let number = Uuid::from_u128(7);
        let id = FileId { conversation: ConversationId(1), number, keep: Keep::Chat };
        let kept = Kept { id, name: name.to_owned(), kind: "image/png".to_owned(), bytes: 1 };
        Brought { called: called.to_owned(), kept }
    }

    fn merged(activity: &str, files: &[Brought]) -> Result<Value, Refused> {
        let mut activity = Activity::parse(activity.as_bytes()).unwrap();
        merge(&mut activity, files, |kept| format!("at/{}", kept.name))?;
        Ok(serde_json::from_str(&activity.to_json()).unwrap())
    }

    #[test]
    fn files_take_the_places_in_which_they_are_listed() {
        let files = [brought("b.png", "b.png.jpg"), brought("a.png", "a.png"), brought("c", "c")];
        let activity = r#"{"type":"message","attachments":[
            {"contentType":"image/x","name":"a.png","x":1},
            {"contentType":"t","content":{"n":1.0}},
            {"name":"b.png","contentUrl":"blob:http://x"},
            {"name":"d","contentUrl":"https://elsewhere/d"}]}"#;
        let merged = merged(activity, &files).unwrap();
        assert_eq!(
            merged["attachments"],
            json!([
                {"contentType": "image/png", "name": "a.png", "x": 1, "contentUrl": "at/a.png"},
                {"contentType": "t", "content": {"n": 1.0}},
                {"contentType": "image/png", "name": "b.png.jpg", "contentUrl": "at/b.png.jpg"},
                {"name": "d", "contentUrl": "https://elsewhere/d"},
                {"contentType": "image/png", "name": "c", "contentUrl": "at/c"},
            ])
        );
    }

    #[test]
    fn two_files_of_one_name_are_two_attachments() {
        let files = [brought("a", "a1"), brought("a", "a2")];
        let activity = r#"{"type":"message","attachments":[{"name":"a"},{"name":"a"}]}"#;
        let merged = merged(activity, &files).unwrap();
        let address = |at: usize| merged["attachments"][at]["contentUrl"].clone();
        assert_eq!((address(0), address(1)), (json!("at/a1"), json!("at/a2")));
    }

    #[test]
    fn a_listed_file_that_did_not_come_is_missed() {
        let activity = r#"{"type":"message","attachments":[{"name":"other"}]}"#;
        let refused = merged(activity, &[brought("a", "a")]).unwrap_err();
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    }
}
