//! A user of Teams lets a file into their own store, or does not (reference 6): the answer to a card
//! that asked for it.
//!
//! Teams waits for an answer for some seconds. Within them the file is put there, or the user gets an
//! address that opens it instead, through the outbox: what was answered is not lost. An answer that comes
//! again meanwhile waits for the same. Before anything is put it is written down: should this process be
//! killed, the conversation's deadline gives the user the address.

use std::{sync::Arc, time::Duration};

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use bot_framework::{
    Activity,
    connector::{ConnectorError, FileAccessError},
};
use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde_json::json;
use session::{Event, UnderWay, Way, id::SenderKey};
use store::Target;
use tokio::{sync::watch, time::timeout};

use super::{Whose, besides::Done};
use crate::{
    channel::{CONSENT_MEMBER, ChannelLink},
    desk::media::FetchError,
    edge::{Edge, answer::Refusal},
    engine::Arrival,
    files::{FileError, FileId, Reader, Side},
};

/// By what name Teams tells of it.
const NAME: &str = "fileConsent/invoke";

/// What is put at once, in bytes: `OneDrive` wants multiples of 320 KiB and advises five to ten megabytes.
const PART_BYTES: usize = 16 * 320 * 1024;

/// How long the file may take to get there, before its user gets an address instead.
const PUT_WITHIN: Duration = Duration::from_secs(8);

/// How long the one message about it may take.
const TOLD_WITHIN: Duration = Duration::from_secs(3);

/// How long the answer waits for all of it; Teams gives up after some fifteen seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(13);

/// The longest name that is taken over from Teams, in characters.
const NAME_CHARS_MAX: usize = 200;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Consent {
    action: String,
    context: serde_json::Value,
    upload_info: Option<UploadInfo>,
}

/// Where Teams wants the file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UploadInfo {
    content_url: String,
    name: String,
    upload_url: String,
    unique_id: String,
    file_type: String,
}

/// Why a file is not there.
#[derive(Debug, thiserror::Error)]
enum NotPut {
    #[error(transparent)]
    Access(#[from] FileAccessError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("it did not get there in the time that Teams waits")]
    Late,
    #[error("it is there, but the user could not be shown it")]
    NotShown(#[from] ConnectorError),
}

/// A user who lets a file into their store.
struct Accepted {
    edge: Arc<Edge>,
    link: Arc<ChannelLink>,
    whose: Whose,
    /// What opens the file.
    pass: String,
    to: UploadInfo,
}

/// The answer to a card of ours; nothing if it is another's.
pub(super) async fn answered(
    edge: &Arc<Edge>,
    link: &Arc<ChannelLink>,
    whose: &Whose,
    activity: &Activity,
) -> Option<Result<Response, Refusal>> {
    if activity.name().as_deref() != Some(NAME) {
        return None;
    }
    let consent: Consent = serde_json::from_str(activity.value()?.get()).ok()?;
    let pass = consent.context.get(CONSENT_MEMBER)?.as_str()?.to_owned();
    if consent.action != "accept" {
        return Some(Ok(StatusCode::OK.into_response()));
    }
    Some(accepted(edge, link, whose, (pass, consent.upload_info)).await)
}

async fn accepted(
    edge: &Arc<Edge>,
    link: &Arc<ChannelLink>,
    whose: &Whose,
    (pass, to): (String, Option<UploadInfo>),
) -> Result<Response, Refusal> {
    let Some(to) = to else {
        let message = "`uploadInfo` must say where the file is wanted";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "bad_member", message));
    };
    let row = match edge.media.conversation_of(&pass) {
        Some(of) => crate::blocking(&edge.store, move |store| store.conversation_by_id(of)).await,
        None => Ok(None),
    };
    let row = row.map_err(|error| super::unreadable(&error))?;
    // Whoever has somebody else's card gets nothing by it.
    if row.is_none_or(|row| *row.key != whose.key) {
        let message = "the card is not of this conversation";
        return Err(Refusal::new(StatusCode::FORBIDDEN, "foreign_card", message));
    }
    let of = format!("{pass} {}", to.unique_id);
    let accepted =
        Accepted { edge: Arc::clone(edge), link: Arc::clone(link), whose: whose.clone(), pass, to };
    let begin = |tell: watch::Sender<Done>| {
        // On its own, so that it does not end with its caller.
        drop(edge.open_streams.spawn(async move {
            tell.send_replace(Some(accepted.done().await));
        }));
    };
    if let Some(mut done) = edge.besides.consent(&of, begin)
        && let Ok(Ok(done)) = timeout(ANSWER_WITHIN, done.wait_for(Option::is_some)).await
        && *done == Some(true)
    {
        return Ok(StatusCode::OK.into_response());
    }
    Err(Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "file_not_put",
        "the file could not be put into the user's store, and they could not be told; try again",
    ))
}

impl Accepted {
    /// Whether the user has the file, or the address that opens it.
    async fn done(self) -> bool {
        let key = SenderKey::new(&format!("consent:{}", self.to.unique_id)).ok();
        let name: String = self.to.name.chars().take(NAME_CHARS_MAX).collect();
        let address = format!("{}/files/{}", self.link.base, self.pass);
        if let Some(key) = key.clone() {
            let way = Way::ToUser { address: address.clone() };
            let file = UnderWay { key, name: name.clone(), way };
            if !self.submitted(Event::FileUnderWay { file }).await {
                return false;
            }
        }
        let put = timeout(PUT_WITHIN, self.put()).await.unwrap_or(Err(NotPut::Late));
        let told = match put {
            Ok(()) => self.tell().await,
            Err(error) => Err(error),
        };
        let Err(error) = told else {
            // If this is not written down, the user gets the address as well.
            if let Some(key) = key {
                self.submitted(Event::FileThere { key }).await;
            }
            return true;
        };
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            bot = self.link.bot.as_str(),
            "a file could not be put into a user's store; they get an address that opens it"
        );
        self.submitted(Event::FileLinked { name, address, key }).await
    }

    /// Whether an event is taken in.
    async fn submitted(&self, event: Event) -> bool {
        let arrival = Arrival::event(Target::Existing(self.whose.key.clone()), event);
        let submitted = self.edge.engine.submit(arrival).await;
        if let Err(error) = &submitted {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                bot = self.link.bot.as_str(),
                "it was not written down what becomes of a user's file"
            );
        }
        submitted.is_ok()
    }

    async fn put(&self) -> Result<(), NotPut> {
        let file = self.edge.media.opened(&self.pass).await?.file;
        put(&self.edge, &self.link, file, &self.to.upload_url).await
    }

    /// Shows the user the card by which Teams opens the file.
    async fn tell(&self) -> Result<(), NotPut> {
        let reference = &self.whose.reference;
        let at = self.link.connector.may_call(&reference.service_url);
        let at = at.map_err(|_| FileAccessError::NotAllowed)?;
        let mut activity = there(&self.to);
        activity.set("conversation", reference.conversation());
        let conversation = reference.conversation_id();
        let connector = &self.link.connector;
        connector.send(&at, &conversation, activity.to_json(), TOLD_WITHIN).await?;
        Ok(())
    }
}

/// Puts a file where Teams wants it, part by part.
async fn put(edge: &Edge, link: &ChannelLink, file: FileId, address: &str) -> Result<(), NotPut> {
    let reading = edge.file(file).await?;
    let mut chunks = reading.side(Side::Original, Reader::Desk).await?;
    let total = chunks.left();
    let (mut at, mut part) = (0, BytesMut::with_capacity(PART_BYTES));
    loop {
        let chunk = chunks.next().await?;
        let is_end = chunk.is_none();
        part.extend_from_slice(&chunk.unwrap_or_default());
        while part.len() >= PART_BYTES || (is_end && !part.is_empty()) {
            let some: Bytes = part.split_to(part.len().min(PART_BYTES)).freeze();
            let length = some.len() as u64;
            link.connector.put_part(address, some, at..at + length, total, PUT_WITHIN).await?;
            at += length;
        }
        if is_end {
            return Ok(());
        }
    }
}

/// The card by which Teams opens the file.
fn there(to: &UploadInfo) -> Activity {
    let mut activity = Activity::message("");
    let card = json!([{
        "contentType": "application/vnd.microsoft.teams.card.file.info",
        "contentUrl": to.content_url,
        "name": to.name,
        "content": { "uniqueId": to.unique_id, "fileType": to.file_type },
    }]);
    activity.set("attachments", card);
    activity
}
