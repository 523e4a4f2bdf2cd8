//! How a gateway knows the place of its files again: by a mark that lies there with them.
//!
//! A volume that is not mounted looks like an empty folder, and a mistake in a name leads to another bucket.
//! Whoever took that for all there is would take a root key off the ring under which files lie, and they
//! would never open again. So an object beside the files names the place by an id that was minted once, and
//! the store remembers it. Where the two are not the same, nothing is written, nothing is removed, and
//! nothing is concluded from what is not there; whatever is read is found or is said to be away.
//!
//! ```text
//! known    mark           the place is
//! –        –              new: marked now, and remembered
//! –        ours           known from now on
//! –        anything else  another one
//! an id    the same       known
//! an id    –              absent: a volume that is not mounted, a new bucket
//! an id    anything else  another one
//! any      cannot be read unknown; looked at again
//! ```
//!
//! The mark goes before the memory of it: killed in between, the next start finds its own mark. It carries a
//! tag that only this installation makes, so that a fresh one does not take over what is somebody else's.

mod examined;

use std::{
    io,
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use store::Store;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vault::MacKey;

pub use self::examined::{PlaceExamined, examine_files};
use super::{FileError, Files};
use crate::behind::hex;

/// The object's name. No file has such a one.
pub(super) const MARK: &str = "warmline-files-place";

/// What is read of it, in bytes: it has 66.
pub(super) const MARK_BYTES_MAX: u64 = 256;

/// The setting of the store that remembers the id.
pub(super) const REMEMBERED: &str = "place of files";

/// How much of a keyed hash goes into it, in bytes: more than anybody can guess.
const TAG_BYTES: usize = 16;

/// How long a place that was seen to be the known one is taken for it where a file comes: a volume that goes
/// away takes open files with it, and who writes beneath it is stopped within that time.
const TRUSTED_FOR: Duration = Duration::from_secs(5);

/// How often it is looked at while nobody comes with a file.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(30);

/// How long files are not counted again that could not be: a long listing is not begun with every look.
const COUNTED_AGAIN_AFTER: Duration = Duration::from_mins(1);

/// What stands at the place of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlaceSeen {
    /// The place that is known.
    Known,
    /// No mark, where there was one.
    Absent,
    /// The mark of another place.
    Other,
    /// It cannot be read.
    Unknown,
}

impl PlaceSeen {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Known, Self::Absent, Self::Other, Self::Unknown];

    /// As metrics and `/readyz` have it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Absent => "absent",
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }
}

/// The place of the files is not the one that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Elsewhere {
    /// There is no mark.
    #[error(
        "the folder or bucket of the files is not the one that is known: the object `{MARK}` is not there, as \
         where a volume is not mounted, a folder was emptied, or another bucket is set; mount it or set it \
         right, or, if files are to begin anew there, run `warmline files accept-place`"
    )]
    Absent,
    /// There is another one.
    #[error(
        "the folder or bucket of the files is not the one that is known: its object `{MARK}` names another one, \
         as where two were mixed up or a backup was put back; set it right, or, if it is meant to be this one, \
         run `warmline files accept-place`"
    )]
    Other,
}

/// An id of a place, as the mark has it: what was minted, and its tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlaceId(Bytes);

impl PlaceId {
    fn mint(files: &Files) -> Self {
        let id = files.clock.fresh_id().simple().to_string();
        let tag = tag_of(&files.marks, id.as_bytes());
        Self(format!("{id}-{tag}").into())
    }

    /// What is remembered, or was read at the place; nothing in it is believed.
    pub(super) fn of_bytes(bytes: impl Into<Bytes>) -> Self {
        Self(bytes.into().trim_ascii().to_vec().into())
    }

    /// Whether this installation minted it.
    pub(super) fn is_ours(&self, marks: &MacKey) -> bool {
        let Some((id, tag)) = std::str::from_utf8(&self.0).ok().and_then(|id| id.split_once('-'))
        else {
            return false;
        };
        tag_of(marks, id.as_bytes()) == tag
    }
}

fn tag_of(marks: &MacKey, id: &[u8]) -> String {
    hex(&marks.tag(&[b"place of files", id])[..TAG_BYTES])
}

/// What a look shows, where one is remembered.
pub(super) fn compared(known: &PlaceId, found: Option<&PlaceId>) -> Result<(), Elsewhere> {
    match found {
        Some(found) if found == known => Ok(()),
        Some(_) => Err(Elsewhere::Other),
        None => Err(Elsewhere::Absent),
    }
}

/// What the newest look showed, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Newest {
    seen: PlaceSeen,
    at: Instant,
}

/// What whoever looks has in hand: one at a time.
#[derive(Debug, Default)]
pub(super) struct Looking {
    known: Option<PlaceId>,
    /// What was told last.
    told: Option<PlaceSeen>,
    /// What was not written to its end is cleared away: nothing was under way before that.
    tidied: bool,
    /// When files may be counted again that could not be.
    count_again: Option<Instant>,
}

impl Looking {
    /// With what the store remembers. Blocks.
    pub(super) fn open(store: &dyn Store) -> Result<Self, store::StoreError> {
        // An empty one was forgotten.
        let known = store.setting(REMEMBERED)?.filter(|known| !known.is_empty());
        let known = known.map(PlaceId::of_bytes);
        Ok(Self { known, ..Self::default() })
    }
}

impl Files {
    fn newest(&self) -> MutexGuard<'_, Option<Newest>> {
        // It is replaced whole.
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the newest look showed.
    pub(crate) fn place_seen(&self) -> PlaceSeen {
        self.newest().map_or(PlaceSeen::Unknown, |newest| newest.seen)
    }

    /// Whether the place is the known one; looked at again if that was not seen a moment ago.
    pub(super) async fn in_place(&self) -> Result<(), FileError> {
        let mut looking = self.looking.lock().await;
        let newest = *self.newest();
        match newest.filter(|newest| newest.at.elapsed() < TRUSTED_FOR).map(|newest| newest.seen) {
            Some(PlaceSeen::Known) => Ok(()),
            // Whoever waited for a bucket that does not answer need not wait for it once more.
            Some(PlaceSeen::Unknown) => Err(FileError::Disk(io::ErrorKind::NotConnected.into())),
            Some(PlaceSeen::Absent | PlaceSeen::Other) | None => self.look_with(&mut looking).await,
        }
    }

    /// Looks whether the place is the known one. The first time that it is, what was left half written is
    /// cleared away, and what is there is counted.
    pub(crate) async fn look(&self) -> Result<(), FileError> {
        let mut looking = self.looking.lock().await;
        self.look_with(&mut looking).await
    }

    async fn look_with(&self, looking: &mut Looking) -> Result<(), FileError> {
        let looked = self.compare(looking).await;
        let seen = match &looked {
            Ok(()) => PlaceSeen::Known,
            Err(FileError::Elsewhere(Elsewhere::Absent)) => PlaceSeen::Absent,
            Err(FileError::Elsewhere(Elsewhere::Other)) => PlaceSeen::Other,
            Err(_) => PlaceSeen::Unknown,
        };
        *self.newest() = Some(Newest { seen, at: Instant::now() });
        self.observer.files().place(seen);
        let before = looking.told.replace(seen);
        match &looked {
            Ok(()) => {
                self.begin_there(looking).await;
                if before.is_some_and(|before| before != seen) {
                    tracing::info!("the place of the files is the known one again");
                }
            }
            Err(error) if before != Some(seen) => tell_away(seen, error),
            Err(_) => {}
        }
        looked
    }

    /// Compares the mark with what is remembered; marks and remembers where there was nothing to compare.
    async fn compare(&self, looking: &mut Looking) -> Result<(), FileError> {
        let found = self.place.mark().await?.map(PlaceId::of_bytes);
        if let Some(known) = &looking.known {
            return Ok(compared(known, found.as_ref())?);
        }
        match found {
            None => self.mark_anew(looking).await,
            Some(found) if found.is_ours(&self.marks) => self.remember(looking, found).await,
            Some(_) => Err(Elsewhere::Other.into()),
        }
    }

    async fn mark_anew(&self, looking: &mut Looking) -> Result<(), FileError> {
        let id = PlaceId::mint(self);
        self.place.make().await?;
        let line = [&id.0[..], b"\n"].concat();
        self.place.put(MARK, line.into()).await?;
        self.remember(looking, id).await
    }

    async fn remember(&self, looking: &mut Looking, id: PlaceId) -> Result<(), FileError> {
        let kept = id.clone();
        let keep = move |store: &dyn Store| store.keep_setting(REMEMBERED, &kept.0);
        let remembered = crate::blocking(&self.store, keep).await;
        remembered.map_err(|error| FileError::Disk(io::Error::other(error)))?;
        looking.known = Some(id);
        Ok(())
    }

    /// What is done once where files come and go from now on. Whoever brings or removes one, or asks for one that is
    /// not there, waits for it: before it is counted nobody knows what room there is. Where it fails they go on
    /// without, and it is tried again after a while only.
    async fn begin_there(&self, looking: &mut Looking) {
        if !std::mem::replace(&mut looking.tidied, true)
            && let Err(error) = self.place.tidy().await
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "what was not written to its end cannot be removed; the next start tries again"
            );
        }
        let rests = looking.count_again.is_some_and(|at| Instant::now() < at);
        if self.is_counted() || rests {
            return;
        }
        if let Err(error) = self.count().await {
            looking.count_again = Some(Instant::now() + COUNTED_AGAIN_AFTER);
            tracing::error!(
                error = &error as &dyn std::error::Error,
                again_in = COUNTED_AGAIN_AFTER.as_secs(),
                "the files cannot be counted; there may be more than there may be"
            );
        }
    }

    /// Takes the place as it is for the one of the files from now on, by an operator's order: it is marked
    /// anew, whatever is there. Whether it was another one before.
    pub(crate) async fn accept_place(&self) -> Result<bool, FileError> {
        let _alone = self.removing.lock().await;
        let mut looking = self.looking.lock().await;
        match self.compare(&mut looking).await {
            Ok(()) => return self.look_with(&mut looking).await.map(|()| false),
            Err(FileError::Elsewhere(_)) => {}
            Err(error) => return Err(error),
        }
        self.mark_anew(&mut looking).await?;
        // What is known of files is known of those of before.
        self.known().forget();
        self.is_not_counted();
        looking.count_again = None;
        tracing::warn!(
            "the place of the files was accepted by order: it is marked anew, and what lay elsewhere is given up"
        );
        self.look_with(&mut looking).await.map(|()| true)
    }

    /// Looks at it now and then until told to stop, so that somebody hears of it when it is away.
    pub(crate) async fn watch_place(self: Arc<Self>, stop: CancellationToken) {
        loop {
            // What comes of it is told.
            tokio::select! {
                () = stop.cancelled() => return,
                _ = self.look() => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOKED_AT_EVERY) => {}
            }
        }
    }
}

/// Tells it once, each time that it changes.
fn tell_away(seen: PlaceSeen, error: &FileError) {
    let (error, place) = (error as &dyn std::error::Error, seen.word());
    if seen == PlaceSeen::Unknown {
        tracing::warn!(
            code = "files_unknown",
            place,
            error,
            "the place of the files cannot be read: no file is taken or removed until it can be"
        );
    } else {
        tracing::error!(
            code = "files_away",
            place,
            error,
            "FILES ARE AWAY: no file is taken or removed, and no root key is retired, until their place is the \
             known one"
        );
    }
}

#[cfg(test)]
mod tests;
