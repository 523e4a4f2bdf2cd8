//! A user's file goes to the instance: by an address that opens it for a while, or brought there.
//!
//! Bringing one may take longer than an attempt at a message may, so it goes on beside it; the attempt
//! comes back until it is done. What was brought is remembered, so that a repeat of the message brings
//! nothing again.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use outbound::Pieces;
use servicenow::{
    SendError,
    client::media::{MediaState, MediaUpload},
    request::Attachment,
};
use session::{FileRefusal, id::Timestamp};
use store::ConversationId;
use tokio::{sync::watch, time::timeout};

use super::{DeskMedia, Handing};
use crate::{
    dispatcher::Reach,
    files::{FileError, FileId, Reader, Side},
    keeping::Keeping,
};

/// How long an address opens a file for an instance: in use elsewhere, and enough for one that is busy
/// (reference 9.8).
const LINK_FOR: Duration = Duration::from_mins(15);

/// How long bringing one may take: a gigabyte at two megabytes a second.
const UPLOAD_WITHIN: Duration = Duration::from_mins(10);

/// How long an attempt waits for it, below the time that an attempt may take (10 s).
const UPLOAD_WAIT: Duration = Duration::from_secs(6);

/// Files that are on their way to instances, or were brought lately, at a time.
const UPLOADS_MAX: usize = 1_000;

/// How long what was brought is remembered: as long as a message is attempted, unless set otherwise.
const BROUGHT_FOR: Duration = Duration::from_mins(15);

/// Whose files they are.
pub(crate) struct Owned<'a> {
    pub(crate) conversation: ConversationId,
    pub(crate) keeping: Arc<Keeping>,
    /// The user as the desk knows them.
    pub(crate) user: &'a str,
    /// Nothing of the message was attempted before.
    pub(crate) is_first: bool,
}

/// A file that goes no further.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) name: String,
    pub(crate) why: FileRefusal,
    /// Nobody was told of it yet.
    pub(crate) is_news: bool,
}

/// What became of the files of a message.
pub(crate) enum Handed {
    /// These go with it, and those do not.
    Ready { attachments: Vec<Attachment>, lost: Vec<Lost> },
    /// One is still on its way.
    UnderWay,
    /// The desk does not take one for now.
    Later(SendError),
}

/// How an upload ended; nothing while it has not.
type End = Option<Result<String, Fault>>;

#[derive(Debug, Clone)]
enum Fault {
    /// It may be tried again.
    Later(SendError),
    /// It will not go through.
    Lost(FileRefusal),
}

#[derive(Debug)]
struct Upload {
    end: watch::Receiver<End>,
    since: Timestamp,
    told: bool,
}

/// What is on its way, and what was brought.
#[derive(Debug, Default)]
pub(crate) struct Uploads(Mutex<HashMap<FileId, Upload>>);

impl DeskMedia {
    /// Sees to the files of a message.
    pub(crate) async fn handed(
        self: &Arc<Self>,
        reach: &Arc<Reach>,
        owned: &Owned<'_>,
        files: &[session::File],
    ) -> Handed {
        let (mut attachments, mut lost) = (Vec::new(), Vec::new());
        for file in files {
            let url = match self.one_handed(reach, owned, file).await {
                Ok(Some(url)) => url,
                Ok(None) => return Handed::UnderWay,
                Err((Fault::Later(error), _)) => return Handed::Later(error),
                Err((Fault::Lost(why), is_news)) => {
                    lost.push(Lost { name: file.name.clone(), why, is_news });
                    continue;
                }
            };
            attachments.push(Attachment {
                url,
                content_type: file.kind.clone(),
                file_name: file.name.clone(),
                client_attachment_id: Some(file.id.clone()),
            });
        }
        Handed::Ready { attachments, lost }
    }

    /// The address of a file for the instance; nothing while it is on its way.
    async fn one_handed(
        self: &Arc<Self>,
        reach: &Arc<Reach>,
        owned: &Owned<'_>,
        file: &session::File,
    ) -> Result<Option<String>, (Fault, bool)> {
        let gone = || (Fault::Lost(FileRefusal::NotNow), owned.is_first);
        let id: FileId = file.id.parse().map_err(|_| gone())?;
        // A conversation hands over its own files only.
        if id.conversation != owned.conversation {
            return Err(gone());
        }
        match &reach.handing {
            Handing::Link { base } => match self.files.read(&owned.keeping, id).await {
                Ok(_) => {
                    let until = link_until(self.clock.now());
                    let pass = self.files.pass_until(id, Side::Original, until);
                    Ok(Some(format!("{base}/files/{pass}")))
                }
                Err(FileError::Gone) => Err(gone()),
                Err(error) => Err((unreadable(&error), false)),
            },
            Handing::Upload => self.brought(reach, owned, file, id).await,
        }
    }

    async fn brought(
        self: &Arc<Self>,
        reach: &Arc<Reach>,
        owned: &Owned<'_>,
        file: &session::File,
        id: FileId,
    ) -> Result<Option<String>, (Fault, bool)> {
        let now = self.clock.now();
        let begin = |ended| {
            let (this, reach, file) = (Arc::clone(self), Arc::clone(reach), file.clone());
            let (keeping, user) = (Arc::clone(&owned.keeping), owned.user.to_owned());
            tokio::spawn(async move {
                this.bring(&reach, &keeping, (user.as_str(), &file, id), ended).await
            });
        };
        let Some(mut end) = self.uploads.join(id, now, begin) else { return Ok(None) };
        let waited = timeout(UPLOAD_WAIT, end.wait_for(Option::is_some)).await;
        let ended = match waited {
            Err(_) => return Ok(None),
            Ok(Ok(ended)) => ended.clone(),
            // It panicked, or its runtime ended.
            Ok(Err(_)) => None,
        };
        match ended {
            Some(Ok(url)) => Ok(Some(url)),
            Some(Err(Fault::Lost(why))) => Err((Fault::Lost(why), self.uploads.tell(id))),
            Some(Err(later @ Fault::Later(_))) => {
                self.uploads.forget(id);
                Err((later, false))
            }
            None => {
                self.uploads.forget(id);
                Ok(None)
            }
        }
    }

    async fn bring(
        &self,
        reach: &Reach,
        keeping: &Arc<Keeping>,
        (user, file, id): (&str, &session::File, FileId),
        ended: watch::Sender<End>,
    ) {
        let upload = MediaUpload {
            user_id: user,
            provider_application_id: None,
            file_name: &file.name,
            content_type: &file.kind,
            bytes: file.bytes,
        };
        let content = || self.content(keeping, id);
        let there = self.files.read(keeping, id).await;
        let end = match there {
            Err(FileError::Gone) => Err(Fault::Lost(FileRefusal::NotNow)),
            Err(error) => Err(unreadable(&error)),
            Ok(_) => match reach.client.upload(&upload, content, UPLOAD_WITHIN).await {
                Ok(brought) if brought.state == MediaState::NotAvailable => {
                    Err(Fault::Lost(FileRefusal::NotAllowed))
                }
                Ok(brought) => Ok(brought.media_url),
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the desk did not take a file"
                    );
                    Err(fault_of(error))
                }
            },
        };
        ended.send_replace(Some(end));
    }

    /// The bytes of a file, from its start.
    fn content(&self, keeping: &Arc<Keeping>, id: FileId) -> Pieces {
        let (files, keeping) = (Arc::clone(&self.files), Arc::clone(keeping));
        let begin = async move {
            let reading = files.read(&keeping, id).await.map_err(io::Error::other)?;
            reading.side(Side::Original, Reader::Desk).await.map_err(io::Error::other)
        };
        let chunks = stream::once(begin).map_ok(|chunks| {
            stream::try_unfold(chunks, |mut chunks| async move {
                let next = chunks.next().await.map_err(io::Error::other)?;
                Ok::<Option<(Bytes, _)>, io::Error>(next.map(|bytes| (bytes, chunks)))
            })
        });
        let frames = chunks.try_flatten().map_ok(Frame::data);
        StreamBody::new(frames.boxed()).boxed_unsync()
    }
}

/// Until when an address opens: the same for a quarter of an hour, so that a repeat of the message is
/// the same to the letter.
fn link_until(now: Timestamp) -> Timestamp {
    let step = i64::try_from(LINK_FOR.as_millis()).unwrap_or(i64::MAX);
    Timestamp((now.0.div_euclid(step) + 2).saturating_mul(step))
}

fn unreadable(error: &FileError) -> Fault {
    tracing::error!(error = error as &dyn std::error::Error, "a user's file cannot be read");
    let detail = "a file cannot be read".to_owned();
    Fault::Later(SendError::Retry { not_before: None, reason: "file_unreadable", detail })
}

/// What an upload that failed means for the message: what is the file's fault, or the instance's for good,
/// must not hold up what was said with it.
fn fault_of(error: SendError) -> Fault {
    match error {
        SendError::Retry { .. } => Fault::Later(error),
        SendError::Refused { code: "too_large", .. } => Fault::Lost(FileRefusal::TooLarge),
        SendError::Refused { code: "refused", .. } => Fault::Lost(FileRefusal::NotAllowed),
        SendError::Refused { .. } => Fault::Lost(FileRefusal::NotNow),
    }
}

impl Uploads {
    /// The upload of a file, begun by `begin` if there is none; nothing if there are too many.
    fn join(
        &self,
        file: FileId,
        now: Timestamp,
        begin: impl FnOnce(watch::Sender<End>),
    ) -> Option<watch::Receiver<End>> {
        let mut uploads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(upload) = uploads.get(&file) {
            return Some(upload.end.clone());
        }
        if uploads.len() >= UPLOADS_MAX {
            uploads.retain(|_, upload| {
                upload.end.borrow().is_none() || now.since(upload.since) < BROUGHT_FOR
            });
        }
        if uploads.len() >= UPLOADS_MAX {
            return None;
        }
        let (ended, end) = watch::channel(None);
        uploads.insert(file, Upload { end: end.clone(), since: now, told: false });
        begin(ended);
        Some(end)
    }

    /// Whether nobody was told yet; from now on they were.
    fn tell(&self, file: FileId) -> bool {
        let mut uploads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        uploads.get_mut(&file).is_some_and(|upload| !std::mem::replace(&mut upload.told, true))
    }

    fn forget(&self, file: FileId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&file);
    }
}
