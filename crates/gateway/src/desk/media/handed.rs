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
use futures_util::{StreamExt, TryStreamExt, future::join_all, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use outbound::Pieces;
use servicenow::{
    SendError,
    client::media::{MediaState, MediaUpload},
    request::Attachment,
};
use session::{
    FileRefusal,
    id::{SenderKey, Timestamp},
};
use store::ConversationId;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{DeskMedia, Handing};
use crate::{
    dispatcher::Reach,
    files::{FileError, FileId, Reader, Side},
    gaps::DeskKey,
    keeping::Keeping,
};

/// Too many files are read at the moment.
const BUSY: &str = "files_busy";

/// How long an address opens a file for an instance: in use elsewhere, and enough for one that is busy
/// (reference 9.8).
const LINK_FOR: Duration = Duration::from_mins(15);

/// How long bringing one may take: a gigabyte at two megabytes a second.
const UPLOAD_WITHIN: Duration = Duration::from_mins(10);

/// How long an attempt waits for all files of its message, below the time that an attempt may take (10 s).
const HANDED_WITHIN: Duration = Duration::from_secs(6);

/// Files that are on their way to one instance, or were brought lately, at a time: no desk takes the room of
/// another.
const UPLOADS_PER_DESK_MAX: usize = 200;

/// How long what was brought is remembered at the most: as long as a message is attempted, unless set
/// otherwise. Once the message was taken, it is forgotten.
const BROUGHT_FOR: Duration = Duration::from_mins(15);

/// Whose files they are.
pub(crate) struct Owned<'a> {
    pub(crate) conversation: ConversationId,
    pub(crate) keeping: Arc<Keeping>,
    pub(crate) desk: &'a DeskKey,
    /// The user as the desk knows them.
    pub(crate) user: &'a str,
}

/// A file that goes no further. The user is told once, however often the message is attempted: that is
/// what the key is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) name: String,
    pub(crate) why: FileRefusal,
    pub(crate) key: Option<SenderKey>,
}

/// What became of the files of a message.
#[derive(Debug)]
pub(crate) struct Handed {
    /// Those go no further, whatever becomes of the others.
    pub(crate) lost: Vec<Lost>,
    pub(crate) others: Others,
}

/// The files of a message that may still go.
#[derive(Debug)]
pub(crate) enum Others {
    /// These go with it.
    Ready(Vec<Attachment>),
    /// One is still on its way.
    UnderWay,
    /// The desk does not take one for now.
    Later(SendError),
    /// We cannot read one for now, which is no fault of the desk's.
    Ours(&'static str),
}

/// How an upload ended; nothing while it has not.
type End = Option<Result<String, Fault>>;

#[derive(Debug, Clone)]
enum Fault {
    /// The desk may take it later.
    Later(SendError),
    /// We may be able to read it later.
    Ours(&'static str),
    /// It will not go through.
    Lost(FileRefusal),
}

#[derive(Debug)]
struct Upload {
    end: watch::Receiver<End>,
    since: Timestamp,
}

/// What is on its way, and what was brought.
#[derive(Debug, Default)]
pub(crate) struct Uploads(Mutex<HashMap<DeskKey, HashMap<FileId, Upload>>>);

impl DeskMedia {
    /// Sees to the files of a message, to all at once.
    pub(crate) async fn handed(
        self: &Arc<Self>,
        reach: &Arc<Reach>,
        owned: &Owned<'_>,
        files: &[session::File],
    ) -> Handed {
        let deadline = Instant::now() + HANDED_WITHIN;
        let seen_to = files.iter().map(|file| self.one_handed(reach, owned, file, deadline));
        let (mut lost, mut ready, mut stays) = (Vec::new(), Vec::new(), None);
        for (file, handed) in files.iter().zip(join_all(seen_to).await) {
            match handed {
                Ok(Some(url)) => ready.push(Attachment {
                    url,
                    content_type: file.kind.clone(),
                    file_name: file.name.clone(),
                    client_attachment_id: Some(file.id.clone()),
                }),
                Ok(None) => stays = stays.or(Some(Others::UnderWay)),
                // What the desk says outweighs the rest: it is what its breaker hears of.
                Err(Fault::Later(error)) => stays = Some(Others::Later(error)),
                Err(Fault::Ours(code)) => stays = stays.or(Some(Others::Ours(code))),
                Err(Fault::Lost(why)) => {
                    let key = SenderKey::new(&format!("lost:{}", file.id)).ok();
                    lost.push(Lost { name: file.name.clone(), why, key });
                }
            }
        }
        Handed { lost, others: stays.unwrap_or(Others::Ready(ready)) }
    }

    /// A message was taken with these files, or never will be: what was brought need not be remembered.
    pub(crate) fn done_with(&self, desk: &DeskKey, files: &[session::File]) {
        for id in files.iter().filter_map(|file| file.id.parse().ok()) {
            self.uploads.forget(desk, id);
        }
    }

    /// The address of a file for the instance; nothing while it is on its way.
    async fn one_handed(
        self: &Arc<Self>,
        reach: &Arc<Reach>,
        owned: &Owned<'_>,
        file: &session::File,
        deadline: Instant,
    ) -> Result<Option<String>, Fault> {
        let gone = Fault::Lost(FileRefusal::NotNow);
        let Ok(id) = file.id.parse::<FileId>() else { return Err(gone) };
        // A conversation hands over its own files only.
        if id.conversation != owned.conversation {
            return Err(gone);
        }
        match &reach.handing {
            Handing::Link { base } => {
                let read = timeout_at(deadline, self.files.read(&owned.keeping, id)).await;
                read.map_err(|_| Fault::Ours(BUSY))?.map_err(|error| unreadable(&error))?;
                let until = link_until(self.clock.now());
                let pass = self.files.pass_until(id, Side::Original, until);
                Ok(Some(format!("{base}/files/{pass}")))
            }
            Handing::Upload => self.brought(reach, owned, (file, id), deadline).await,
        }
    }

    async fn brought(
        self: &Arc<Self>,
        reach: &Arc<Reach>,
        owned: &Owned<'_>,
        (file, id): (&session::File, FileId),
        deadline: Instant,
    ) -> Result<Option<String>, Fault> {
        let now = self.clock.now();
        let begin = |ended| {
            let (this, reach, file) = (Arc::clone(self), Arc::clone(reach), file.clone());
            let (keeping, user) = (Arc::clone(&owned.keeping), owned.user.to_owned());
            tokio::spawn(async move {
                this.bring(&reach, &keeping, (user.as_str(), &file, id), ended).await;
            });
        };
        let Some(mut end) = self.uploads.join(owned.desk, id, now, begin) else { return Ok(None) };
        let waited = timeout_at(deadline, end.wait_for(Option::is_some)).await;
        let ended = match waited {
            Err(_) => return Ok(None),
            Ok(Ok(ended)) => ended.clone(),
            // It panicked, or its runtime ended.
            Ok(Err(_)) => None,
        };
        match ended {
            Some(Ok(url)) => Ok(Some(url)),
            Some(Err(Fault::Lost(why))) => Err(Fault::Lost(why)),
            Some(Err(passing)) => {
                self.uploads.forget(owned.desk, id);
                Err(passing)
            }
            None => {
                self.uploads.forget(owned.desk, id);
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
        let troubles = Troubles::default();
        let content = || self.content(keeping, id, &troubles);
        let end = match self.files.read(keeping, id).await {
            Err(error) => Err(unreadable(&error)),
            Ok(_) => match reach.client.upload(&upload, content, UPLOAD_WITHIN).await {
                Ok(brought) if brought.state == MediaState::NotAvailable => {
                    Err(Fault::Lost(FileRefusal::NotAllowed))
                }
                Ok(brought) => Ok(brought.media_url),
                Err(error) => Err(troubles.ours().unwrap_or_else(|| {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the desk did not take a file"
                    );
                    fault_of(error)
                })),
            },
        };
        ended.send_replace(Some(end));
    }

    /// The bytes of a file, from its start.
    fn content(&self, keeping: &Arc<Keeping>, id: FileId, troubles: &Troubles) -> Pieces {
        let (files, keeping) = (Arc::clone(&self.files), Arc::clone(keeping));
        let (at_start, on_the_way) = (troubles.clone(), troubles.clone());
        let begin = async move {
            let begun = match files.read(&keeping, id).await {
                Ok(reading) => reading.side(Side::Original, Reader::Desk).await,
                Err(error) => Err(error),
            };
            begun.map_err(|error| at_start.met(error))
        };
        let chunks = stream::once(begin).map_ok(move |chunks| {
            let troubles = on_the_way.clone();
            stream::try_unfold((chunks, troubles), |(mut chunks, troubles)| async move {
                let next = chunks.next().await.map_err(|error| troubles.met(error))?;
                Ok::<Option<(Bytes, _)>, io::Error>(next.map(|bytes| (bytes, (chunks, troubles))))
            })
        });
        let frames = chunks.try_flatten().map_ok(Frame::data);
        StreamBody::new(frames.boxed()).boxed_unsync()
    }
}

/// What went wrong with reading a file while it was brought: the desk sees an upload that breaks off,
/// which is not its fault.
#[derive(Debug, Clone, Default)]
struct Troubles(Arc<Mutex<Option<Fault>>>);

impl Troubles {
    fn met(&self, error: FileError) -> io::Error {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(unreadable(&error));
        io::Error::other(error)
    }

    fn ours(&self) -> Option<Fault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Until when an address opens: the same for a quarter of an hour, so that a repeat of the message is
/// the same to the letter.
fn link_until(now: Timestamp) -> Timestamp {
    let step = i64::try_from(LINK_FOR.as_millis()).unwrap_or(i64::MAX);
    Timestamp((now.0.div_euclid(step) + 2).saturating_mul(step))
}

/// What it means for a message that we cannot read its file. One that never opens again must not hold up
/// what was said with it.
fn unreadable(error: &FileError) -> Fault {
    let fault = match error {
        FileError::Gone => return Fault::Lost(FileRefusal::NotNow),
        FileError::Busy => return Fault::Ours(BUSY),
        // Told of when it was found.
        _ if error.is_for_ever() => return Fault::Lost(FileRefusal::NotNow),
        FileError::Elsewhere(_) => return Fault::Ours("file_unreadable"),
        FileError::Disk(_)
        | FileError::Sealed(_)
        | FileError::Malformed
        | FileError::ConversationFull
        | FileError::TenantFull
        | FileError::Full
        | FileError::TooLarge { .. }
        | FileError::Empty
        | FileError::NotAllowed
        | FileError::Infected
        | FileError::NotScanned
        | FileError::TooLargeToScan => Fault::Ours("file_unreadable"),
    };
    tracing::error!(error = error as &dyn std::error::Error, "a user's file cannot be read");
    fault
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
        desk: &DeskKey,
        file: FileId,
        now: Timestamp,
        begin: impl FnOnce(watch::Sender<End>),
    ) -> Option<watch::Receiver<End>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let uploads = all.entry(desk.clone()).or_default();
        if let Some(upload) = uploads.get(&file) {
            return Some(upload.end.clone());
        }
        uploads.retain(|_, upload| {
            upload.end.borrow().is_none() || now.since(upload.since) < BROUGHT_FOR
        });
        if uploads.len() >= UPLOADS_PER_DESK_MAX {
            return None;
        }
        let (ended, end) = watch::channel(None);
        uploads.insert(file, Upload { end: end.clone(), since: now });
        begin(ended);
        Some(end)
    }

    fn forget(&self, desk: &DeskKey, file: FileId) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(uploads) = all.get_mut(desk) {
            uploads.remove(&file);
        }
    }

    #[cfg(test)]
    pub(super) fn count(&self, desk: &DeskKey) -> usize {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(desk).map_or(0, HashMap::len)
    }
}
