//! A user of Teams lets a file into their own store, or does not (reference 6): the answer to a card
//! that asked for it.
//!
//! Teams waits for an answer for a few seconds only, so the file goes beside it. Whatever goes wrong on
//! the way, the user gets an address that opens the file instead: nothing is lost by it.

use std::{sync::Arc, time::Duration};

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use bot_framework::{Activity, connector::FileAccessError};
use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde_json::json;

use super::Whose;
use crate::{
    channel::{CONSENT_MEMBER, ChannelLink, Reference},
    edge::Edge,
    files::{FileError, FileId, Reader, Side},
};

/// By what name Teams tells of it.
const NAME: &str = "fileConsent/invoke";

/// What is put at once, in bytes: OneDrive wants multiples of 320 KiB and advises five to ten megabytes.
const PART_BYTES: usize = 16 * 320 * 1024;

/// How long one part may take.
const PART_WITHIN: Duration = Duration::from_mins(1);

/// How long one message about it may take.
const TOLD_WITHIN: Duration = Duration::from_secs(10);

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
}

/// The answer to a card of ours; nothing if it is another's.
pub(super) fn answered(
    edge: &Arc<Edge>,
    link: &Arc<ChannelLink>,
    whose: &Whose,
    activity: &Activity,
) -> Option<Response> {
    if activity.name().as_deref() != Some(NAME) {
        return None;
    }
    let consent: Consent = serde_json::from_str(activity.value()?.get()).ok()?;
    let pass = consent.context.get(CONSENT_MEMBER)?.as_str()?.to_owned();
    if let Some(to) = consent.upload_info.filter(|_| consent.action == "accept") {
        let (edge, link, reference) = (Arc::clone(edge), Arc::clone(link), whose.reference.clone());
        let key = whose.key.clone();
        tokio::spawn(async move {
            let Ok(opened) = edge.media.opened(&pass).await else { return };
            let of = opened.file.conversation;
            let row = crate::blocking(&edge.store, move |store| store.conversation_by_id(of)).await;
            // Whoever has somebody else's card gets nothing by it.
            if !row.is_ok_and(|row| row.is_some_and(|row| *row.key == key)) {
                return;
            }
            let put = put(&edge, &link, opened.file, &to.upload_url).await;
            let told = match put {
                Ok(()) => there(&to),
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        bot = link.bot.as_str(),
                        "a file could not be put into a user's store; they get a link"
                    );
                    linked(&format!("{}/files/{pass}", link.base), &to.name)
                }
            };
            tell(&link, &reference, told).await;
        });
    }
    Some(StatusCode::OK.into_response())
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
            link.connector.put_part(address, some, at..at + length, total, PART_WITHIN).await?;
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

fn linked(address: &str, name: &str) -> Activity {
    let mut activity = Activity::message("");
    let card = json!([{
        "contentType": "application/vnd.microsoft.card.hero",
        "content": {
            "text": name,
            "buttons": [{ "type": "openUrl", "title": name, "value": address }],
        },
    }]);
    activity.set("attachments", card);
    activity
}

async fn tell(link: &ChannelLink, reference: &Reference, mut activity: Activity) {
    let Ok(to) = link.connector.may_call(&reference.service_url) else { return };
    let conversation = reference.conversation_id();
    activity.set("conversation", reference.conversation());
    let sent = link.connector.send(&to, &conversation, activity.to_json(), TOLD_WITHIN).await;
    if let Err(error) = sent {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            bot = link.bot.as_str(),
            "a user was not told where their file is"
        );
    }
}
