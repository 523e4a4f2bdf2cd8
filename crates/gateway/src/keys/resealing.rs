//! Sealing anew what is under old root keys, in the background.
//!
//! Slice by slice, each a short transaction that replaces only what still is as it was read, with a
//! breath in between, longer while the engine has much to do. When a whole round finds nothing, and
//! nothing that an old root key signed can still be good, that key is retired.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use session::id::{EffectNumber, Timestamp};
use store::{Leftovers, Resealed, SealedKind, SealedRow};
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;
use vault::{RootId, RootSeen};

use super::{IN_FILES, KeysError, KeysSeen, Left, Ring, head_of, line_of, scrubbed};
use crate::{
    audit::{self, Audit, Deed, Entry},
    clock::Clock,
    edge::direct_line::private::ring as message_keys,
    engine::Engine,
    files::{FileError, Files, Looked},
    keeping::{Keeping, KeepingError},
    observe::Observer,
};

/// Blobs sealed anew in one transaction: a few milliseconds.
const SLICE_MAX: usize = 200;

/// Between two slices the engine has the store to itself.
const BREATH: Duration = Duration::from_millis(20);

/// The same while more than [`BUSY_JOBS`] jobs wait for the engine: users first.
const BUSY_BREATH: Duration = Duration::from_millis(250);

/// Jobs that wait for the engine when it has much to do: a batch that is worth its sync.
const BUSY_JOBS: usize = 64;

/// How often it is looked whether an old root key can go.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// How often the log tells how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// Rounds that an operator's order waits for; each finds what was written during the one before.
const ROUNDS_MAX: usize = 5;

/// How long what a root key signed can be good.
pub(crate) type Grace = Box<dyn Fn() -> Duration + Send + Sync>;

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

/// How far the sealing anew is.
#[derive(Default)]
struct Progress {
    /// How much there was to do when this process began with it.
    of: AtomicU64,
    unreadable: AtomicU64,
    /// Nothing is under an old key any more, since the last rotation.
    settled: AtomicBool,
    /// Something was sealed anew, and what it was may be in the files yet.
    stale: AtomicBool,
}

/// What a round came upon.
#[derive(Debug, Default, Clone, Copy)]
struct Round {
    /// Sealed anew.
    done: u64,
    /// Changed by somebody else meanwhile: looked at again in the next round.
    missed: u64,
    /// Opens under no key of the ring.
    unreadable: u64,
}

impl Round {
    /// Whether nothing is left that could be sealed anew.
    fn is_clean(self) -> bool {
        self.done == 0 && self.missed == 0
    }
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
        self.progress.of.store(0, Ordering::Relaxed);
        self.progress.settled.store(false, Ordering::SeqCst);
        self.wake.notify_one();
    }

    /// Changes the ring on a thread that may wait for the disk.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Ring) -> Result<T, KeysError> + Send + 'static,
    ) -> Result<T, KeysError> {
        blocking(&self.ring, change).await
    }

    /// Retires a root key before what it signed is void by itself; nothing may be sealed under it.
    pub(crate) async fn retire(&self, root: &str) -> Result<(), KeysError> {
        let named = |seen: &RootSeen| seen.retiring_since.is_some() && seen.id.to_string() == root;
        let seen = self.ring.roots().into_iter().find(named).ok_or(KeysError::NoSuchRoot)?;
        let mut rounds = 0;
        while !self.round().await?.is_clean() {
            rounds += 1;
            if rounds == ROUNDS_MAX {
                let left = self.change(Ring::left).await?.all();
                return Err(KeysError::StillUsed { left });
            }
        }
        let files = self.files_left().await?;
        if files > 0 {
            self.wake.notify_one();
            return Err(KeysError::FilesLeft { left: files });
        }
        let id = seen.id;
        // What was sealed anew so far leaves the files along with the key; what is from now on does not.
        let stale = self.progress.stale.swap(false, Ordering::SeqCst);
        let retired = self.change(move |ring| ring.retire(id)).await;
        if retired.is_err() {
            self.progress.stale.fetch_or(stale, Ordering::SeqCst);
        }
        retired
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
        let unreadable = self.progress.unreadable.load(Ordering::Relaxed);
        Ok(KeysSeen {
            roots: roots.iter().map(|root| line_of(root, Some(grace))).collect(),
            percent: percent(
                left,
                // What nobody sees is not done.
                files.unwrap_or(1),
                self.progress.of.load(Ordering::Relaxed),
                unreadable,
            ),
            left,
            unreadable,
            files,
            files_stuck: files.map(|files| self.files.stuck().min(files)),
            files_unseen,
            messages: self.change(Ring::messages).await?,
            in_files: self.progress.stale.load(Ordering::SeqCst)
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
        let busy = || self.engine.waiting() >= BUSY_JOBS;
        let pause = move || if busy() { BUSY_BREATH } else { BREATH };
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
        let unreadable = self.progress.unreadable.load(Ordering::Relaxed);
        self.observer.under_old_keys(unreadable.saturating_add(files));
    }

    /// Has what was replaced or removed leave the files, if that is due.
    async fn scrub(&self) -> Result<(), KeysError> {
        let due = self.change(|ring| Ok(ring.store.scrub_due()?)).await?;
        let what = match (self.progress.stale.swap(false, Ordering::SeqCst), due) {
            (true, _) => Leftovers::All,
            (false, Some(what)) => what,
            (false, None) => return Ok(()),
        };
        let is_done = self.change(move |ring| Ok(scrubbed(&*ring.store, what))).await;
        if let Ok(true) = is_done {
            tracing::info!("what was replaced or removed is in the files no more");
        } else {
            self.progress.stale.fetch_or(what == Leftovers::All, Ordering::SeqCst);
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
        while !self.progress.settled.load(Ordering::SeqCst) {
            let current = self.ring.current();
            let round = self.round().await?;
            if round.is_clean() {
                // In this order: whoever rotates changes the ring first and this after it.
                self.progress.settled.store(true, Ordering::SeqCst);
                if self.ring.current() != current {
                    self.progress.settled.store(false, Ordering::SeqCst);
                }
                break;
            }
        }
        self.files().await?;
        let (now, grace) = (self.clock.now(), (self.grace)());
        for root in self.ring.roots() {
            let Some(since) = root.retiring_since else { continue };
            if now.since(Timestamp(since)) >= grace && self.files_left().await? == 0 {
                let code = match self.change(move |ring| ring.retire(root.id)).await {
                    Ok(()) => "done",
                    // It is off the ring; the rest is tried again.
                    Err(error @ KeysError::InFiles) => error.code(),
                    Err(error) => return Err(error),
                };
                let id = root.id.to_string().into();
                let entry = Entry::of_gateway(Deed::KeyRetired { id }).with(code);
                self.audit.record_now(entry).await;
            }
        }
        Ok(())
    }

    /// Looks at everything once.
    async fn round(&self) -> Result<Round, KeysError> {
        let _one = self.round.lock().await;
        let current = self.ring.current();
        // What queued before the key was changed may still be sealed under the old one.
        let is_behind = self.engine.caught_up().await.is_err();
        // Files that cannot be seen hold up nothing else.
        let files = self.files_left().await.unwrap_or(0);
        let before = self.change(Ring::left).await?.all() + files;
        self.progress.of.fetch_max(before, Ordering::Relaxed);
        let mut round = Round { missed: u64::from(is_behind), ..Round::default() };
        let mut told = tokio::time::Instant::now();
        for kind in SealedKind::ALL {
            let mut after = Some(i64::MIN);
            while let Some(row) = after {
                let (slice, upto) = self.change(move |ring| slice(ring, kind, row)).await?;
                round.add(slice);
                after = upto;
                if slice.is_clean() {
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
                let left = before.saturating_sub(round.done);
                self.observer.under_old_keys(left);
                if told.elapsed() >= TOLD_EVERY {
                    told = tokio::time::Instant::now();
                    tracing::info!(left, "sealing anew what is under an old root key");
                }
                let busy = self.engine.waiting() >= BUSY_JOBS;
                tokio::time::sleep(if busy { BUSY_BREATH } else { BREATH }).await;
            }
        }
        round.add(self.change(settings).await?);
        self.progress.unreadable.store(round.unreadable, Ordering::Relaxed);
        if round.done > 0 {
            self.progress.stale.store(true, Ordering::SeqCst);
            let (done, unreadable) = (round.done, round.unreadable);
            tracing::info!(done, unreadable, "a round of sealing anew is over");
        }
        if self.ring.current() != current {
            // Another one became current meanwhile: what was found right is not, any more.
            round.missed += 1;
        }
        Ok(round)
    }
}

impl Round {
    fn add(&mut self, more: Self) {
        self.done += more.done;
        self.missed += more.missed;
        self.unreadable += more.unreadable;
    }
}

fn failed(error: FileError) -> KeysError {
    match error {
        FileError::Elsewhere(elsewhere) => KeysError::FilesElsewhere(elsewhere),
        error => KeysError::FilesUnseen(Box::new(error)),
    }
}

/// How much is done, of what was to be done and can be, files among it.
fn percent(left: Left, files: u64, of: u64, unreadable: u64) -> u64 {
    let left = left.all().saturating_sub(unreadable).saturating_add(files);
    match (of.max(left), left) {
        (_, 0) => 100,
        (of, left) => (of - left) * 100 / of,
    }
}

async fn blocking<T: Send + 'static>(
    ring: &Arc<Ring>,
    work: impl FnOnce(&Ring) -> Result<T, KeysError> + Send + 'static,
) -> Result<T, KeysError> {
    let ring = Arc::clone(ring);
    let done = tokio::task::spawn_blocking(move || work(&ring)).await;
    done.unwrap_or_else(|error| Err(store::StoreError::Database(Box::new(error)).into()))
}

/// Seals one slice of a kind anew; tells where the next one begins.
fn slice(ring: &Ring, kind: SealedKind, after: i64) -> Result<(Round, Option<i64>), KeysError> {
    let head = head_of(&ring.vault, kind);
    let page = ring.store.sealed_unlike(kind, &head, after, SLICE_MAX)?;
    let (mut round, mut resealed) = (Round::default(), Vec::with_capacity(page.rows.len()));
    for row in page.rows {
        match anew(ring, kind, &row) {
            Ok(after) => resealed.push(Resealed {
                row: row.row,
                conversation: row.conversation,
                before: row.sealed,
                after,
            }),
            Err(error) => {
                // It opens under no key, so no key is missed by it.
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    row = row.row,
                    kind = ?kind,
                    "a blob cannot be sealed anew"
                );
                round.unreadable += 1;
            }
        }
    }
    if !resealed.is_empty() {
        let done = ring.store.reseal(kind, &resealed)? as u64;
        round.done = done;
        round.missed = resealed.len() as u64 - done;
    }
    Ok((round, page.upto))
}

fn anew(ring: &Ring, kind: SealedKind, row: &SealedRow) -> Result<Vec<u8>, KeepingError> {
    let keeping = Keeping::new(&ring.vault, &row.key)?;
    match kind {
        SealedKind::State => keeping.state_anew(&row.sealed),
        SealedKind::Effect | SealedKind::DeadLetter => {
            keeping.effect_anew(EffectNumber(row.number), &row.sealed)
        }
        SealedKind::SegmentKey => keeping.segment_anew(&ring.vault, &row.sealed),
    }
}

/// Seals the settings anew, which are few.
fn settings(ring: &Ring) -> Result<Round, KeysError> {
    let mut round = Round::default();
    let (store, vault) = (&*ring.store, &ring.vault);
    if let Some(wrapped) = ring.old_audit_key()? {
        match vault.rewrapped(audit::KEY_PLACE, &wrapped) {
            Ok(anew) => {
                let replaced = store.replace_setting(audit::KEY_SETTING, &wrapped, &anew)?;
                *(if replaced { &mut round.done } else { &mut round.missed }) += 1;
            }
            Err(_) => round.unreadable += 1,
        }
    }
    if message_keys::is_under_old_key(store, vault)? {
        let replaced = message_keys::seal_anew(store, vault)?;
        *(if replaced { &mut round.done } else { &mut round.missed }) += 1;
    }
    for (name, sealed) in ring.old_settings()? {
        let (key, place) = (ring.vault.record_key(name.as_bytes())?, name.as_bytes());
        let Ok(plain) = key.open(place, &sealed) else {
            round.unreadable += 1;
            continue;
        };
        let anew = key.seal(place, &plain)?;
        let replaced = ring.store.replace_setting(&name, &sealed, &anew)?;
        let count = if replaced { &mut round.done } else { &mut round.missed };
        *count += 1;
    }
    Ok(round)
}
