//! Sealing anew what is under old root keys, in the background.
//!
//! Slice by slice, each a short transaction that replaces only what still is as it was read, with a
//! breath in between, longer while the engine has much to do. When a whole round finds nothing, and
//! nothing that an old root key signed can still be good, that key is retired.

mod progress;
mod retirement;
mod round;

use std::{sync::Arc, time::Duration};

use store::{Leftovers, StoreError};
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;
use vault::RootId;

use self::{progress::Progress, retirement::Grace};
use super::{IN_FILES, KeysError, KeysSeen, Ring, line_of, scrubbed};
use crate::{
    audit::Audit,
    clock::Clock,
    engine::Engine,
    files::{FileError, Files, Looked},
    observe::Observer,
};

/// Between two slices the engine has the store to itself.
const BREATH: Duration = Duration::from_millis(20);

/// The same while more than [`BUSY_JOBS`] jobs wait for the engine: users first.
const BUSY_BREATH: Duration = Duration::from_millis(250);

/// Jobs that wait for the engine when it has much to do: a batch that is worth its sync.
const BUSY_JOBS: usize = 64;

/// How often it is looked whether an old root key can go.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// The ring of a running gateway.
pub(crate) struct Keys {
    pub(crate) ring: Arc<Ring>,
    files: Arc<Files>,
    engine: Engine,
    clock: Clock,
    observer: Arc<Observer>,
    audit: Audit,
    grace: Grace,
    wake: Notify,
    /// One round at a time.
    round: Mutex<()>,
    progress: Progress,
}

impl Keys {
    pub(crate) fn new(
        ring: Arc<Ring>,
        files: Arc<Files>,
        engine: Engine,
        clock: Clock,
        observer: Arc<Observer>,
        audit: Audit,
        grace: Grace,
    ) -> Self {
        let (wake, round, progress) = (Notify::new(), Mutex::new(()), Progress::default());
        Self { ring, files, engine, clock, observer, audit, grace, wake, round, progress }
    }

    /// Works until told to stop.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let work = async {
                if let Err(error) = self.work().await {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "what is under old root keys cannot be sealed anew; it is tried again"
                    );
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = work => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Makes another root key current and begins to seal anew.
    pub(crate) async fn rotate(&self) -> Result<RootId, KeysError> {
        let root = self.change(Ring::rotate).await?;
        self.begin();
        Ok(root)
    }

    /// Changes the master key; says which root key became current with that, if one did.
    pub(crate) async fn change_master(
        &self,
        change: impl FnOnce(&Ring) -> Result<Option<RootId>, KeysError> + Send + 'static,
    ) -> Result<Option<RootId>, KeysError> {
        let new = self.change(change).await?;
        if new.is_some() {
            self.begin();
        }
        Ok(new)
    }

    fn begin(&self) {
        self.progress.begins();
        self.wake.notify_one();
    }

    /// Changes the ring on a thread that may wait for the disk.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Ring) -> Result<T, KeysError> + Send + 'static,
    ) -> Result<T, KeysError> {
        let ring = Arc::clone(&self.ring);
        let done = tokio::task::spawn_blocking(move || change(&ring)).await;
        done.unwrap_or_else(|error| Err(StoreError::Database(Box::new(error)).into()))
    }

    /// The ring as an operator sees it.
    pub(crate) async fn seen(&self) -> Result<KeysSeen, KeysError> {
        let left = self.change(Ring::left).await?;
        let roots = self.ring.roots();
        let grace = (self.grace)();
        let files = if roots.len() > 1 { self.files_left().await } else { Ok(0) };
        let (files, files_unseen) = match files {
            Ok(files) => (Some(files), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Ok(KeysSeen {
            roots: roots.iter().map(|root| line_of(root, Some(grace))).collect(),
            // What nobody sees is not done.
            percent: self.progress.percent(left, files.unwrap_or(1)),
            left,
            unreadable: self.progress.unreadable(),
            files,
            files_stuck: files.map(|files| self.files.stuck().min(files)),
            files_unseen,
            messages: self.change(Ring::messages).await?,
            in_files: self.progress.is_stale()
                || self.change(|ring| Ok(ring.store.scrub_due()?)).await?.is_some(),
            master_key_changes: self.ring.vault.master_changes(),
        })
    }

    /// Files that may be under old root keys.
    async fn files_left(&self) -> Result<u64, KeysError> {
        self.files.under_old_keys().await.map_err(failed)
    }

    /// Wraps the data keys of files anew.
    async fn files(&self) -> Result<(), KeysError> {
        self.tell(self.files_left().await?);
        let pause = || self.breath();
        let looked = self.files.wrap_anew(&self.ring.store, &pause).await.map_err(failed)?;
        if looked != Looked::default() {
            let Looked { done, missed, unreadable } = looked;
            tracing::info!(
                done,
                missed,
                unreadable,
                "files were wrapped anew under the current root key"
            );
        }
        self.tell(self.files_left().await?);
        Ok(())
    }

    /// Tells the metrics how much is left when everything but files is sealed anew.
    fn tell(&self, files: u64) {
        let unreadable = self.progress.unreadable();
        self.observer.under_old_keys(unreadable.saturating_add(files));
    }

    /// Has what was replaced or removed leave the files, if that is due.
    async fn scrub(&self) -> Result<(), KeysError> {
        let due = self.change(|ring| Ok(ring.store.scrub_due()?)).await?;
        let what = match (self.progress.take_stale(), due) {
            (true, _) => Leftovers::All,
            (false, Some(what)) => what,
            (false, None) => return Ok(()),
        };
        let is_done = self.change(move |ring| Ok(scrubbed(&*ring.store, what))).await;
        if let Ok(true) = is_done {
            tracing::info!("what was replaced or removed is in the files no more");
        } else {
            if what == Leftovers::All {
                self.progress.goes_stale();
            }
            tracing::warn!("{IN_FILES}");
        }
        is_done.map(drop)
    }

    /// Rounds until one finds nothing, then looks which old root keys can go.
    pub(super) async fn work(&self) -> Result<(), KeysError> {
        let worked = self.work_on_roots().await;
        self.scrub().await.and(worked)
    }

    async fn work_on_roots(&self) -> Result<(), KeysError> {
        if self.ring.roots().len() < 2 {
            self.observer.under_old_keys(0);
            return Ok(());
        }
        self.seal_anew().await?;
        self.files().await?;
        self.retire_due().await
    }

    async fn seal_anew(&self) -> Result<(), KeysError> {
        while !self.progress.is_settled() {
            let current = self.ring.current();
            if self.round().await?.is_clean() {
                self.progress.settles(|| self.ring.current() == current);
                break;
            }
        }
        Ok(())
    }

    /// How long to wait before the next slice, or the next file.
    fn breath(&self) -> Duration {
        if self.engine.waiting() >= BUSY_JOBS { BUSY_BREATH } else { BREATH }
    }
}

fn failed(error: FileError) -> KeysError {
    match error {
        FileError::Elsewhere(elsewhere) => KeysError::FilesElsewhere(elsewhere),
        error => KeysError::FilesUnseen(Box::new(error)),
    }
}
