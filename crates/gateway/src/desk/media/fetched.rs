//! A file at an instance comes here when it is first asked for.
//!
//! It is kept under a number that is made of where it is and when it was shown, so no table has to
//! remember what was fetched; two who ask at a time wait for the same fetch; what failed is not tried
//! again at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use servicenow::{SendError, client::media::Leads};
use session::{
    FileRefusal,
    id::{DeskId, TenantId, Timestamp},
};
use store::StoreError;
use tokio::{sync::watch, time::timeout};
use uuid::Uuid;

use super::{DeskMedia, MediaPass};
use crate::{
    clock::unix_seconds,
    files::{Bringer, FileError, FileId, Keep, NewFile, PIECE_WITHIN, Pass, Side, TooSlow},
    keeping::{Keeping, KeepingError},
};

/// How long one file may take to come: a gigabyte at two megabytes a second.
const FETCH_WITHIN: Duration = Duration::from_mins(10);

/// How long a fetch that failed is not tried again: a page with twenty pictures asks for all of them.
pub(crate) const FAILED_FOR: Duration = Duration::from_secs(20);

/// Files that are fetched, or failed lately, at a time. Each that comes has a connection and a few
/// hundred kilobytes.
const FLIGHTS_MAX: usize = 256;

/// An instance that lets a file trickle holds a turn that others wait for.
const TOO_SLOW: FetchError = FetchError::Away { code: "too_slow" };

/// What a file is called whose instance does not tell.
const NAMELESS: &str = "file";

/// Why there is no file.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum FetchError {
    /// Nobody gave that address out.
    #[error("there is no such file")]
    Unknown,
    /// The message that showed it, or the time it is kept, is over.
    #[error("the file was kept for a while, which is over")]
    Expired,
    /// The instance does not give it.
    #[error("the service desk does not give the file out")]
    Refused {
        /// The machine code.
        code: &'static str,
    },
    /// The instance cannot be asked at the moment.
    #[error("the service desk cannot be asked for the file at the moment; try again later")]
    Away {
        /// The machine code.
        code: &'static str,
    },
    /// Too many files are fetched.
    #[error("too many files are fetched at the moment; try again later")]
    Busy,
    /// It may not be kept: too large, not allowed, dangerous, or there is no room.
    #[error(transparent)]
    NotKept(Arc<FileError>),
}

impl FetchError {
    /// Why a file never comes; `None` if it may come when it is asked for again, or was never ours to give.
    pub(crate) fn for_good(&self) -> Option<FileRefusal> {
        match self {
            Self::Refused { .. } => Some(FileRefusal::NotGiven),
            Self::NotKept(error) => Some(error.fault()).filter(|why| *why != FileRefusal::NotNow),
            Self::Unknown | Self::Expired | Self::Away { .. } | Self::Busy => None,
        }
    }
}

impl From<FileError> for FetchError {
    fn from(error: FileError) -> Self {
        Self::NotKept(Arc::new(error))
    }
}

impl From<SendError> for FetchError {
    fn from(error: SendError) -> Self {
        let code = error.code();
        match error {
            SendError::Retry { .. } => Self::Away { code },
            SendError::Refused { .. } => Self::Refused { code },
        }
    }
}

impl From<StoreError> for FetchError {
    fn from(error: StoreError) -> Self {
        FileError::Disk(std::io::Error::other(error)).into()
    }
}

impl From<KeepingError> for FetchError {
    fn from(error: KeepingError) -> Self {
        FileError::Disk(std::io::Error::other(error)).into()
    }
}

/// How a fetch ended, for everybody who waits; nothing while it has not.
type End = Option<Result<(), FetchError>>;

/// What is on its way.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<HashMap<FileId, watch::Receiver<End>>>);

impl Flights {
    /// The flight of a file, begun by `begin` if it is on none; nothing if there are too many.
    fn join(
        &self,
        file: FileId,
        begin: impl FnOnce(watch::Sender<End>),
    ) -> Option<watch::Receiver<End>> {
        // Nothing in it is left half done.
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(&file) {
            return Some(flight.clone());
        }
        if flights.len() >= FLIGHTS_MAX {
            return None;
        }
        let (ended, flight) = watch::channel(None);
        flights.insert(file, flight.clone());
        begin(ended);
        Some(flight)
    }

    fn forget(&self, file: FileId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&file);
    }
}

impl DeskMedia {
    /// What a pass opens, fetched if it is not here yet, for as long as it is kept.
    pub(crate) async fn opened(self: &Arc<Self>, given: &str) -> Result<Pass, FetchError> {
        let file = self.fetched(given).await?;
        let until = unix_seconds(self.files.kept_until(file));
        Ok(Pass { file, side: Side::Original, until })
    }

    /// The file that a pass opens, fetched if it is not here yet.
    pub(crate) async fn fetched(self: &Arc<Self>, given: &str) -> Result<FileId, FetchError> {
        let pass = self.read_pass(given).ok_or(FetchError::Unknown)?;
        let (of, entry) = (pass.conversation, pass.entry);
        let read = crate::blocking(&self.store, move |store| {
            let Some(row) = store.conversation_by_id(of)? else { return Ok(None) };
            Ok(Some((row.key, store.entries_upto(of, entry, 1)?)))
        });
        let (key, rows) = read.await?.ok_or(FetchError::Expired)?;
        let keeping = Keeping::new(&self.vault, &key)?;
        let entries = keeping.read_entries(&self.vault, &rows)?;
        let shown = entries.into_iter().find(|read| read.number == entry);
        // Shredded: the file goes with the words.
        let shown = shown.ok_or(FetchError::Expired)?;
        let file = self.id_of(&pass, shown.at);
        if self.files.kept_until(file) <= self.clock.now() {
            return Err(FetchError::Expired);
        }
        match self.files.read(&keeping, file).await {
            Ok(_) => return Ok(file),
            Err(FileError::Gone) => {}
            Err(error) => return Err(error.into()),
        }
        let flight = self.flights.join(file, |ended| {
            let this = Arc::clone(self);
            // On its own, so that whoever asked first may go away.
            tokio::spawn(async move {
                let why = this.fly((&key.tenant, &pass), keeping, file, ended).await;
                if let Some(why) = why {
                    this.not_taken((key, pass), shown, file, why).await;
                }
            });
        });
        let mut flight = flight.ok_or(FetchError::Busy)?;
        let ended = flight.wait_for(Option::is_some).await;
        match ended.map(|ended| ended.clone()) {
            Ok(Some(Ok(()))) => Ok(file),
            Ok(Some(Err(error))) => Err(error),
            // It panicked.
            Ok(None) | Err(_) => Err(FetchError::Away { code: "interrupted" }),
        }
    }

    /// Has a file come. Why not, where it never will.
    async fn fly(
        self: &Arc<Self>,
        (tenant, pass): (&TenantId, &MediaPass),
        keeping: Keeping,
        file: FileId,
        ended: watch::Sender<End>,
    ) -> Option<FileRefusal> {
        let landing = Landing { media: Arc::clone(self), file };
        let end = self.fetch(tenant, pass, &keeping, file).await;
        let Err(error) = &end else {
            ended.send_replace(Some(end));
            return None;
        };
        if matches!(error, FetchError::Refused { .. } | FetchError::Away { .. }) {
            self.files.observer().files().not_given(Bringer::Desk);
        }
        said_why(&pass.desk, error);
        let for_good = error.for_good();
        ended.send_replace(Some(end));
        tokio::spawn(async move {
            tokio::time::sleep(FAILED_FOR).await;
            drop(landing);
        });
        for_good
    }

    async fn fetch(
        &self,
        tenant: &TenantId,
        pass: &MediaPass,
        keeping: &Keeping,
        file: FileId,
    ) -> Result<(), FetchError> {
        // A flight may have landed since it was looked for.
        if self.files.read(keeping, file).await.is_ok() {
            return Ok(());
        }
        let desk = (tenant.clone(), pass.desk.clone());
        let reach = self.reaches.get(&desk).ok_or(FetchError::Expired)?.get();
        // Looked at again: what is a file of the instance's is decided in one place.
        let Some(Leads::File(media)) = reach.client.leads(&pass.address) else {
            return Err(FetchError::Unknown);
        };
        let mut fetching = reach.client.fetch(&media, FETCH_WITHIN).await?;
        let limit = Bringer::Desk.limit(&self.files);
        if fetching.bytes.is_some_and(|bytes| bytes > limit) {
            return Err(FileError::TooLarge { limit }.into());
        }
        let new = NewFile {
            by: Bringer::Desk,
            name: fetching.name.take().unwrap_or_else(|| NAMELESS.to_owned()),
            kind: fetching.kind.take().unwrap_or_default(),
            thumbnail: None,
        };
        let mut intake = self.files.intake_as(file, keeping, new).await?;
        let mut pace = self.files.pace(Bringer::Desk);
        loop {
            let piece = timeout(PIECE_WITHIN, fetching.piece()).await.map_err(|_| TOO_SLOW)??;
            let Some(piece) = piece else { break };
            pace.came(piece.len()).map_err(|TooSlow| TOO_SLOW)?;
            intake.write(piece).await?;
        }
        intake.finish().await?;
        Ok(())
    }

    /// The number under which it is kept: when it was shown, and a keyed hash of where it is.
    fn id_of(&self, pass: &MediaPass, shown_at: Timestamp) -> FileId {
        let MediaPass { conversation, entry, desk, address } = pass;
        let (row, entry) = (conversation.0.to_be_bytes(), entry.0.to_be_bytes());
        let (desk, address) = (desk.as_str().as_bytes(), address.as_bytes());
        let tag = self.places.tag(&[b"file", &row, &entry, desk, b"\n", address]);
        let mut random = [0; 10];
        random.copy_from_slice(&tag[..10]);
        let ms = u64::try_from(shown_at.0).unwrap_or(0);
        let number: Uuid = uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid();
        FileId { conversation: *conversation, number, keep: Keep::Chat }
    }
}

/// A flight that is over once this is dropped, also one that panicked.
struct Landing {
    media: Arc<DeskMedia>,
    file: FileId,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.media.flights.forget(self.file);
    }
}

fn said_why(desk: &DeskId, error: &FetchError) {
    let code = match error {
        FetchError::Refused { code } | FetchError::Away { code } => code,
        FetchError::NotKept(_) => "not_kept",
        FetchError::Busy => "busy",
        FetchError::Unknown | FetchError::Expired => "unknown",
    };
    tracing::warn!(
        error = error as &dyn std::error::Error,
        code,
        desk = desk.as_str(),
        "a file of the desk's cannot be shown"
    );
}
