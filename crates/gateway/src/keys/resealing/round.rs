//! One round: everything is looked at once, and what is under an old root key is sealed anew.

use std::time::Duration;

use session::id::EffectNumber;
use store::{Resealed, SealedKind, SealedRow};
use tokio::time::Instant;

use super::{BREATH, Keys};
use crate::{
    audit,
    edge::direct_line::private::ring as message_keys,
    keeping::{Keeping, KeepingError},
    keys::{KeysError, Ring, head_of},
};

/// Blobs sealed anew in one transaction: a few milliseconds.
const SLICE_MAX: usize = 200;

/// How often the log tells how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// What a round came upon.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Round {
    /// Sealed anew.
    done: u64,
    /// Changed by somebody else meanwhile: looked at again in the next round.
    missed: u64,
    /// Opens under no key of the ring.
    unreadable: u64,
}

impl Round {
    /// Whether nothing is left that could be sealed anew.
    pub(super) fn is_clean(self) -> bool {
        self.done == 0 && self.missed == 0
    }

    fn add(&mut self, more: Self) {
        self.done += more.done;
        self.missed += more.missed;
        self.unreadable += more.unreadable;
    }

    /// Of one that was under an old key: whether it still was as it was read when it was replaced.
    fn counts(&mut self, replaced: bool) {
        *(if replaced { &mut self.done } else { &mut self.missed }) += 1;
    }
}

impl Keys {
    /// Looks at everything once.
    pub(super) async fn round(&self) -> Result<Round, KeysError> {
        let _one = self.round.lock().await;
        let current = self.ring.current();
        // What queued before the key was changed may still be sealed under the old one.
        let is_behind = self.engine.caught_up().await.is_err();
        // Files that cannot be seen hold up nothing else.
        let files = self.files_left().await.unwrap_or(0);
        let before = self.change(Ring::left).await?.all() + files;
        self.progress.finds(before);
        let mut round = Round { missed: u64::from(is_behind), ..Round::default() };
        let mut told = Instant::now();
        for kind in SealedKind::ALL {
            self.look_at(kind, before, &mut round, &mut told).await?;
        }
        round.add(self.change(settings).await?);
        self.progress.finds_unreadable(round.unreadable);
        if round.done > 0 {
            self.progress.goes_stale();
            let (done, unreadable) = (round.done, round.unreadable);
            tracing::info!(done, unreadable, "a round of sealing anew is over");
        }
        if self.ring.current() != current {
            // Another one became current meanwhile: what was found right is not, any more.
            round.missed += 1;
        }
        Ok(round)
    }

    /// All of one kind, slice by slice. `before` is how much there was of everything when the round began,
    /// `told` when the log was told of it.
    async fn look_at(
        &self,
        kind: SealedKind,
        before: u64,
        round: &mut Round,
        told: &mut Instant,
    ) -> Result<(), KeysError> {
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
                *told = Instant::now();
                tracing::info!(left, "sealing anew what is under an old root key");
            }
            tokio::time::sleep(self.breath()).await;
        }
        Ok(())
    }
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
                round.counts(replaced);
            }
            Err(_) => round.unreadable += 1,
        }
    }
    if message_keys::is_under_old_key(store, vault)? {
        let replaced = message_keys::seal_anew(store, vault)?;
        round.counts(replaced);
    }
    for (name, sealed) in ring.old_settings()? {
        let (key, place) = (ring.vault.record_key(name.as_bytes())?, name.as_bytes());
        let Ok(plain) = key.open(place, &sealed) else {
            round.unreadable += 1;
            continue;
        };
        let anew = key.seal(place, &plain)?;
        let replaced = ring.store.replace_setting(&name, &sealed, &anew)?;
        round.counts(replaced);
    }
    Ok(round)
}
