//! Files of a page: as a body, or as parts of one beside the message that they go with (reference 4.5).
//!
//! They are kept as they arrive, and the message is taken in when all of them are: whoever reads it can
//! open them. If something is wrong, nothing is kept, and the user is told why in the conversation, since
//! pages only say that something could not be sent.

mod arriving;
mod merged;
mod parts;
mod told;
mod trouble;

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode},
};
use bot_framework::direct_line::{ErrorCode, token::Claims};
use session::{Event, FileRefusal, Visitor, id::ConversationKey};
use store::{ConversationId, Target};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout},
};

use super::{
    Refused,
    activities::{self, Posted},
    private,
    refused::unreadable,
};
use crate::{
    edge::Edge,
    engine::{Arrival, Engine, EngineError, Outcome},
    files::{Bringer, FileRules, Files, Kept, Side, clean_name},
    keeping::Keeping,
    render::activity_id,
    trace::{Context, OpenSpan},
};
use arriving::Arriving;
use merged::merge;
use parts::Upload;
pub(super) use told::Told;
use trouble::Trouble;

/// How long all of them may take: 500 MB at 2 Mbit/s.
const UPLOAD_WITHIN: Duration = Duration::from_mins(35);

/// What a body may have besides its files and its activity, in bytes: headers, and parts that nobody
/// asked for.
const OTHER_BYTES_MAX: u64 = 2 * 1024 * 1024;

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
        let message =
            "the files did not arrive in time; nothing was taken, send them again, or fewer";
        Err(Refused::new(ErrorCode::TooSlow, message))
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
    let known = edge.visitor(&claims, None)?;
    let conversation = edge.begun(&key, &known).await?;
    let taken = Taken { files: Arc::clone(&edge.files), kept: Vec::new() };
    let by = bringer(&claims);
    let mut upload = Upload::new(edge, by, (&key.tenant, &keeping), conversation, taken);
    let most = body_bytes_max(edge.files.rules());
    let mut body = Arriving::new(body, most, edge.files.pace(by));
    if let Err(trouble) = upload.read(headers, &mut body).await {
        body.drain().await;
        if let Some(why) = trouble.why {
            let name = (!upload.called.is_empty())
                .then(|| clean_name(&edge.mask_name(&key.tenant, upload.called.clone()).0));
            let refusal = (name, why);
            if edge.direct_line.told.is_news(conversation, &refusal, Instant::now()) {
                edge.tell_refused(&key, known, refusal).await;
            }
        }
        return Err(trouble.refused);
    }
    let Upload { activity, taken, masked: names_masked, .. } = upload;
    if taken.kept.is_empty() {
        return Err(Refused::new(ErrorCode::MissingProperty, "no file came with the request"));
    }
    let activity = activity.unwrap_or_else(|| br#"{"type":"message"}"#.to_vec());
    let mut activity = edge.posted(&claims, &activity).await?;
    if activity.kind() != "message" {
        let message = "files go with an activity of type `message`";
        return Err(Refused::new(ErrorCode::BadArgument, message));
    }
    let address =
        |kept: &Kept| format!("{base}/files/{}", edge.files.pass(kept.id, Side::Original));
    merge(&mut activity, &taken.kept, address)?;
    // After the files found their places by the names that they came with.
    let (activity, masked) = edge.mask(&key.tenant, activity).await?;
    let masked = masked || names_masked;
    activities::still_fits(masked, &activity)?;
    let visitor = edge.visitor(&claims, Some(&activity))?;
    let said = session::Said {
        files: taken.kept.iter().map(|brought| brought.kept.clone().into()).collect(),
        ..activities::said(&activity, edge.language)?
    };
    let sender_key = activities::sender_key(&activity)?;
    let event =
        Event::UserSaid { visitor, said, key: sender_key, fresh: edge.clock.fresh_session() };
    let arrival = Arrival::event(Target::Key(key), event).masked(masked).traced(trace);
    let outcome = taken_in(edge.engine.clone(), arrival, taken).await?;
    edge.presence.called(outcome.conversation);
    Ok(Json(Posted::as_id(activity_id(&id, outcome.number))))
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

    /// Tells the user in the conversation why their files were not taken.
    async fn tell_refused(
        &self,
        key: &ConversationKey,
        visitor: Visitor,
        (name, why): (Option<String>, FileRefusal),
    ) {
        let event = Event::FilesRefused { visitor, name, why };
        let arrival = Arrival::event(Target::Key(key.clone()), event);
        if let Err(error) = self.engine.submit(arrival).await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "a user could not be told why their files were not taken");
        }
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

/// Has the message taken in that these files go with: on its own, since whoever called may go away when
/// the engine has it already.
async fn taken_in(engine: Engine, arrival: Arrival, taken: Taken) -> Result<Outcome, EngineError> {
    let taking = tokio::spawn(committed(engine, arrival, taken));
    taking.await.unwrap_or(Err(EngineError::Stopping))
}

/// From here on the files are kept unless the engine says that it took nothing, or had it already.
async fn committed(
    engine: Engine,
    arrival: Arrival,
    mut taken: Taken,
) -> Result<Outcome, EngineError> {
    let mut handed = std::mem::take(&mut taken.kept);
    let told = engine.submit(arrival).await;
    let is_new = match &told {
        Ok(outcome) => !outcome.repeat,
        // It may have been taken: the engine went away without a word.
        Err(EngineError::Stopping) => true,
        Err(
            EngineError::Rejected(_)
            | EngineError::NotFound
            | EngineError::Busy
            | EngineError::Failed(_),
        ) => false,
    };
    if !is_new {
        // Dropped there, they are removed.
        taken.kept.append(&mut handed);
    }
    told
}

/// Who brings files with this token: a user whom the site's server named, or a stranger.
fn bringer(claims: &Claims) -> Bringer {
    if claims.user.is_some() { Bringer::Page } else { Bringer::Stranger }
}

/// The most that an upload may have, in bytes.
fn body_bytes_max(rules: &FileRules) -> u64 {
    let files = rules.file_bytes.saturating_mul(rules.in_message as u64);
    let activity = private::BODY_BYTES_MAX as u64;
    files.saturating_add(activity).saturating_add(OTHER_BYTES_MAX)
}

#[cfg(test)]
mod tests;
