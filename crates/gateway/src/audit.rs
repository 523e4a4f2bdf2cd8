//! The audit trail: who did what to which tenant, for whoever has to answer for it later.
//!
//! What belongs in it is a closed list ([`Deed`]), and none of it has room for words, names of users or
//! secrets. Records are sealed under a key of the trail's own and each is bound to the one before it
//! (`trail`), so that a record which was changed, removed or put in between is found by [`verify`].
//! Deeds of people are one record each; refusals at the doors are counted and written once a minute
//! (`refusals`), so that a flood of strangers fills no disk.
//!
//! Nothing here is on the way of a message: a deed is put down in memory and written by a task of its
//! own. What an operator does is on the disk before the operator is answered.

mod beside;
mod deed;
mod finding;
mod record;
mod refusals;
#[cfg(test)]
mod tests;
mod trail;
mod verifying;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use session::id::{TenantId, Timestamp};
use store::Store;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use vault::{MacKey, Vault};

pub use beside::AuditBeside;
pub use deed::{Deed, DeedName, KeyKind, Who};
pub use finding::{Query, find, moment};
pub use record::{Entry, Record};
pub use trail::{AuditError, KEY_PLACE, KEY_SETTING};
pub use verifying::{Break, Verified, digest, verify};

use crate::{clock::Clock, observe::RouteName};
use refusals::Refusals;
use trail::Trail;

/// Deeds that may wait for the disk. Beyond it they are counted, and the count is a record as soon as
/// the disk is back: an operator gives a few orders a minute.
const WAITING_DEEDS_MAX: usize = 4_096;

/// Failed sign-ins that are a record of their own, in a minute: strangers make them.
const ATTEMPTS_PER_MINUTE_MAX: usize = 30;

/// The same of what one operator may not. Each has as many: neither a stranger nor another operator can
/// use them up.
const DENIALS_PER_MINUTE_MAX: usize = 30;

/// How often refusals are written, and old records looked for.
const WRITE_EVERY: Duration = Duration::from_mins(1);

/// How long records are kept unless the settings say otherwise: a year and a month, so that a yearly
/// review sees the whole year.
pub const KEEP_FOR: Duration = Duration::from_hours(400 * 24);

/// Stands for what was named and is nothing of ours: it may be anything, a secret too.
pub(crate) const UNKNOWN: &str = "?";

/// The audit trail of a running gateway. Cheap to clone.
#[derive(Clone)]
pub struct Audit(Arc<Shared>);

struct Shared {
    trail: Arc<Trail>,
    clock: Clock,
    waiting: Mutex<Waiting>,
    /// One writes at a time, so that records come in the order of their deeds.
    writing: tokio::sync::Mutex<()>,
    hint: Notify,
    keep_ms: AtomicU64,
    /// What persons are known by.
    persons: MacKey,
}

#[derive(Default)]
struct Waiting {
    entries: Vec<Entry>,
    /// Deeds for which there was no room.
    lost: u64,
    refusals: Refusals,
    /// Records of this minute that strangers made.
    attempts: usize,
    /// Those that operators made by wanting what they may not. There are as many operators as are
    /// configured.
    denials: HashMap<Box<str>, usize>,
}

impl Audit {
    /// Opens the trail where it ends. Blocks.
    pub(crate) fn open(
        store: Arc<dyn Store>,
        vault: &Vault,
        clock: Clock,
    ) -> Result<Self, AuditError> {
        let trail = Arc::new(Trail::open(store, vault)?);
        let mut waiting = Waiting::default();
        if trail.is_anew {
            waiting.put(begun_anew(clock.now()));
        }
        let keep_ms = AtomicU64::new(millis(KEEP_FOR));
        Ok(Self(Arc::new(Shared {
            trail,
            clock,
            waiting: Mutex::new(waiting),
            writing: tokio::sync::Mutex::default(),
            hint: Notify::new(),
            keep_ms,
            persons: vault.mac_key("audit persons").map_err(AuditError::from)?,
        })))
    }

    /// How long records are kept.
    pub(crate) fn keep_for(&self, span: Duration) {
        self.0.keep_ms.store(millis(span), Ordering::Relaxed);
    }

    /// Puts a deed down; it is written soon. For what the gateway does itself.
    pub fn record(&self, entry: Entry) {
        self.put(entry);
        self.0.hint.notify_one();
    }

    /// Puts a deed down and waits until it is on the disk. For what people order: they are answered
    /// after it. A disk that refuses is told in the log, and the record is written when it is back.
    pub async fn record_now(&self, entry: Entry) {
        self.put(entry);
        self.write().await;
    }

    /// What the trail knows a person by: the same for the same id, and nothing that the id can be read from.
    pub(crate) fn person(&self, tenant: &TenantId, user: &str) -> [u8; 16] {
        let tag = self.0.persons.tag(&[tenant.as_str().as_bytes(), user.as_bytes()]);
        let mut person = [0; 16];
        person.copy_from_slice(&tag[..16]);
        person
    }

    /// Counts a refusal at a door. `tenant` only if a credential said whose call it is.
    pub(crate) fn refused(&self, door: RouteName, code: &'static str, tenant: Option<&TenantId>) {
        let now = self.0.clock.now();
        self.waiting().refusals.count(door, code, tenant, now);
    }

    /// The same for a failed sign-in, which strangers can make happen again and again: so many are
    /// written in a minute, the others are in the count of refusals only.
    pub(crate) fn attempted(&self, entry: Entry) {
        if spent(&mut self.waiting().attempts, ATTEMPTS_PER_MINUTE_MAX) {
            self.record(entry);
        }
    }

    /// The same for what the operator of this name wanted and may not.
    pub(crate) fn denied(&self, operator: &str, entry: Entry) {
        let mut waiting = self.waiting();
        let theirs = waiting.denials.entry(operator.into()).or_default();
        let is_put_down = spent(theirs, DENIALS_PER_MINUTE_MAX);
        drop(waiting);
        if is_put_down {
            self.record(entry);
        }
    }

    /// The records that fit.
    pub(crate) async fn find(&self, query: Query) -> Result<Vec<Record>, AuditError> {
        let trail = Arc::clone(&self.0.trail);
        let found = tokio::task::spawn_blocking(move || trail.find(&query)).await;
        found.map_err(|error| store::StoreError::Database(Box::new(error)))?
    }

    /// Writes until told to stop.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(WRITE_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.0.hint.notified() => {}
                _ = tick.tick() => {
                    self.gather_refusals();
                    self.cut().await;
                }
            }
            self.write().await;
        }
    }

    /// Writes what is left; nothing is recorded after it.
    pub(crate) async fn close(&self) {
        self.gather_refusals();
        self.put(Entry::of_gateway(Deed::Stopped));
        self.write().await;
    }

    fn gather_refusals(&self) {
        let mut waiting = self.waiting();
        waiting.attempts = 0;
        waiting.denials.clear();
        let counted = waiting.refusals.take();
        for entry in counted {
            waiting.put(entry);
        }
    }

    fn put(&self, mut entry: Entry) {
        if entry.at == Timestamp::default() {
            entry.at = self.0.clock.now();
        }
        self.waiting().put(entry);
    }

    /// Writes what waits, in a task of its own: whoever waits for it may go away, and what was taken out
    /// is to come back if the disk refuses it.
    async fn write(&self) {
        let audit = self.clone();
        let written = tokio::spawn(async move { audit.write_what_waits().await });
        if let Err(error) = written.await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "writing the audit trail was cut short"
            );
        }
    }

    async fn write_what_waits(&self) {
        let _turn = self.0.writing.lock().await;
        let (entries, lost) = {
            let mut waiting = self.waiting();
            let lost = std::mem::take(&mut waiting.lost);
            (std::mem::take(&mut waiting.entries), lost)
        };
        if entries.is_empty() && lost == 0 {
            return;
        }
        let mut whole = entries;
        if lost > 0 {
            let mut entry = Entry::of_gateway(Deed::Lost { records: lost });
            entry.at = self.0.clock.now();
            whole.push(entry);
        }
        let (trail, records) = (Arc::clone(&self.0.trail), whole.clone());
        let appended = tokio::task::spawn_blocking(move || trail.append(&records)).await;
        let error = match appended {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(error) => AuditError::Store(store::StoreError::Database(Box::new(error))),
        };
        tracing::error!(
            error = &error as &dyn std::error::Error,
            records = whole.len(),
            "the audit trail cannot be written; its records wait in memory"
        );
        let mut waiting = self.waiting();
        // Those are older than what came meanwhile.
        let newer = std::mem::take(&mut waiting.entries);
        for entry in whole.into_iter().chain(newer) {
            waiting.put(entry);
        }
    }

    async fn cut(&self) {
        let keep = self.0.keep_ms.load(Ordering::Relaxed);
        let keep = i64::try_from(keep).unwrap_or(i64::MAX);
        let now = self.0.clock.now();
        let before = Timestamp(now.0.saturating_sub(keep));
        let _turn = self.0.writing.lock().await;
        let trail = Arc::clone(&self.0.trail);
        match tokio::task::spawn_blocking(move || trail.cut(before, now)).await {
            Ok(Ok(0)) | Err(_) => {}
            Ok(Ok(records)) => {
                tracing::info!(records, "old records of the audit trail were cut off");
            }
            Ok(Err(error)) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "old records of the audit trail cannot be cut off"
            ),
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        // Nothing in it can be left half done.
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Audit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Audit")
    }
}

impl Waiting {
    fn put(&mut self, entry: Entry) {
        if self.entries.len() < WAITING_DEEDS_MAX {
            self.entries.push(entry);
        } else {
            self.lost += 1;
        }
    }
}

/// Takes one of a budget, if any is left.
fn spent(budget: &mut usize, most: usize) -> bool {
    let is_left = *budget < most;
    *budget += usize::from(is_left);
    is_left
}

/// Tells that a trail that was there is gone; the record of it is the first of the new one.
fn begun_anew(now: Timestamp) -> Entry {
    tracing::error!(
        "the audit trail was emptied: there was one, and its records and marks are gone. It begins anew, with a \
         record that says so; look into a backup, and find out who had the database"
    );
    Entry::of_gateway(Deed::BegunAnew).at(now)
}

/// Records one deed in data that no gateway is using. Blocks.
pub(crate) fn record_alone(
    store: Arc<dyn Store>,
    vault: &Vault,
    clock: &Clock,
    mut entry: Entry,
) -> Result<(), AuditError> {
    entry.at = clock.now();
    let trail = Trail::open(store, vault)?;
    let anew = trail.is_anew.then(|| begun_anew(clock.now()));
    trail.append(&anew.into_iter().chain([entry]).collect::<Vec<_>>())
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
