//! The trail on the disk: sealed records, each bound to the one before.
//!
//! A record's place, which it opens with only, is its number, its time, its tenant, its deed and the
//! end of the record before it (the tag that proves that one). So whoever has the files but not the
//! master key can neither make a record nor move one, and one that is gone leaves a record that does
//! not open. The two marks (where the trail was cut, and its head) are proven in the same way, so that
//! taking away the newest records is found too. What cannot be found is a whole older copy of the
//! database: for that, keep the head elsewhere ([`digest`](super::digest)).
//!
//! Who reads it: `finding` and `verifying`, with a gateway or `beside` one.

use std::sync::{Arc, Mutex, PoisonError};

use session::id::{TenantId, Timestamp};
use store::{AuditMark, AuditRow, AuditSource, Store, StoreError};
use vault::{DataKey, SealError, Vault};

use super::{
    Deed, Entry, Record,
    finding::{Query, found},
    record::Inner,
};
use crate::keys::KeysError;

/// Where the trail's wrapped key is kept among the store's settings.
pub const KEY_SETTING: &str = "audit key";

/// What it is bound to.
pub const KEY_PLACE: &[u8] = b"audit key";

/// What the key ring notes when a trail begins: who takes away the trail with its key, but has no master key,
/// cannot take away that there was one.
pub(super) const BEGUN_NOTE: &str = "audit trail begun";

/// Bytes of a record's end that the next one is bound to: the tag of the AEAD.
const LINK_BYTES: usize = 16;

/// Records read at a time.
pub(super) const RECORDS_PER_READ: usize = 500;

/// Records cut off in one transaction: a few milliseconds.
const CUT_RECORDS_MAX: usize = 1_000;

/// Why the trail cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The store failed.
    #[error("the store of the audit trail cannot be used")]
    Store(#[from] StoreError),
    /// The key does not open.
    #[error("the audit trail's key does not open: the master key is not the one it is kept under")]
    Key(#[from] SealError),
    /// There are records and no key.
    #[error("the audit trail has records but its key is gone; put back the database as it was")]
    KeyGone,
}

/// The end of the trail, and what writes there.
pub(super) struct Trail {
    store: Arc<dyn Store>,
    key: DataKey,
    /// `None` after an append of which nobody knows what became: the store is asked again.
    end: Mutex<Option<End>>,
    /// There was a trail before, and it is gone: this one begins anew.
    pub(super) is_anew: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    pub(super) number: u64,
    pub(super) link: Vec<u8>,
}

impl Trail {
    /// Opens the trail where it ends, and makes its key before the first record. Blocks.
    pub(super) fn open(store: Arc<dyn Store>, vault: &Vault) -> Result<Self, AuditError> {
        let head = store.audit_head()?;
        let wrapped = store.setting(KEY_SETTING)?;
        let is_anew = head.is_none() && was_begun(vault, wrapped.as_deref());
        // There is never a key without a head, also before the first record: whoever is killed here leaves
        // both or neither, and a trail whose head is gone is one that was emptied.
        let (key, end) = match (wrapped, head) {
            (Some(wrapped), Some(head)) => {
                (vault.open_data_key(KEY_PLACE, &wrapped)?, End::of(Some(head)))
            }
            (Some(wrapped), None) => {
                let (key, end) = (vault.open_data_key(KEY_PLACE, &wrapped)?, newest(&*store)?);
                store.append_audit(&[], &mark(&key, b"head", &end)?)?;
                (key, end)
            }
            (None, Some(_)) => return Err(AuditError::KeyGone),
            (None, None) => {
                let (key, wrapped) = vault.new_data_key(KEY_PLACE)?;
                let end = newest(&*store)?;
                store.begin_audit((KEY_SETTING, &wrapped), &mark(&key, b"head", &end)?)?;
                (key, end)
            }
        };
        crate::keys::note(&*store, vault, BEGUN_NOTE).map_err(|error| match error {
            KeysError::Seal(error) => AuditError::Key(error),
            KeysError::Store(error) => AuditError::Store(error),
            error => StoreError::Database(Box::new(error)).into(),
        })?;
        let end = Mutex::new(Some(end));
        Ok(Self { store, key, end, is_anew })
    }

    /// The records that fit. Blocks.
    pub(super) fn find(&self, query: &Query) -> Result<Vec<Record>, AuditError> {
        found(&*self.store, &self.key, query)
    }

    /// Appends records; all of them or none. Blocks.
    pub(super) fn append(&self, entries: &[Entry]) -> Result<(), AuditError> {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        // It stays unknown until it is known what became of this.
        let mut next = match end.take() {
            Some(end) => end,
            None => End::of(self.store.audit_head()?),
        };
        let rows = entries.iter().map(|entry| self.row(&mut next, entry));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let appended = self.store.append_audit(&rows, &mark(&self.key, b"head", &next)?);
        if let Err(error) = appended {
            // A commit that fails may be durable all the same: the store says where the trail ends.
            let Ok(head) = self.store.audit_head() else { return Err(error.into()) };
            let there = End::of(head);
            if there != next {
                *end = Some(there);
                return Err(error.into());
            }
        }
        *end = Some(next);
        Ok(())
    }

    fn row(&self, end: &mut End, entry: &Entry) -> Result<AuditRow, AuditError> {
        let number = end.number + 1;
        let name = entry.deed.name().as_str();
        let place = place(number, entry.at, entry.tenant.as_ref(), name, &end.link);
        // Closed types under fixed names can always be written.
        let plain = serde_json::to_vec(&entry.inner()).unwrap_or_default();
        let sealed = self.key.seal(&place, &plain)?;
        *end = End { number, link: link_of(&sealed) };
        let (at, tenant) = (entry.at, entry.tenant.clone());
        Ok(AuditRow { number, at, tenant, deed: name.into(), sealed })
    }

    /// Cuts off the oldest records that are older than `before`, one slice at most, after a record
    /// that says so. Says how many went. Blocks.
    pub(super) fn cut(&self, before: Timestamp, now: Timestamp) -> Result<usize, AuditError> {
        let from = self.store.audit_cut()?.map_or(0, |mark| mark.number);
        let rows = self.store.audit_after(from, CUT_RECORDS_MAX)?;
        let Some(last) = rows.iter().take_while(|row| row.at < before).last() else {
            return Ok(0);
        };
        self.append(&[Entry::of_gateway(Deed::Cut { upto: last.number }).at(now)])?;
        let end = End { number: last.number, link: link_of(&last.sealed) };
        Ok(self.store.cut_audit(&mark(&self.key, b"cut", &end)?)?)
    }
}

impl End {
    fn start() -> Self {
        Self { number: 0, link: Vec::new() }
    }

    pub(super) fn of(head: Option<AuditMark>) -> Self {
        head.map_or_else(Self::start, |head| Self { number: head.number, link: head.link })
    }
}

pub(super) fn link_of(sealed: &[u8]) -> Vec<u8> {
    sealed[sealed.len().saturating_sub(LINK_BYTES)..].to_vec()
}

fn place(
    number: u64,
    at: Timestamp,
    tenant: Option<&TenantId>,
    deed: &str,
    link: &[u8],
) -> Vec<u8> {
    let tenant = tenant.map_or(&[][..], |tenant| tenant.as_str().as_bytes());
    let mut place = b"audit record".to_vec();
    place.extend_from_slice(&number.to_be_bytes());
    place.extend_from_slice(&at.0.to_be_bytes());
    for part in [tenant, deed.as_bytes(), link] {
        place.extend_from_slice(&(part.len() as u64).to_be_bytes());
        place.extend_from_slice(part);
    }
    place
}

pub(super) fn mark_place(kind: &[u8], end: &End) -> Vec<u8> {
    [b"audit mark ", kind, &end.number.to_be_bytes(), &end.link].concat()
}

fn mark(key: &DataKey, kind: &[u8], end: &End) -> Result<AuditMark, SealError> {
    let sealed = key.seal(&mark_place(kind, end), &[])?;
    Ok(AuditMark { number: end.number, link: end.link.clone(), sealed })
}

/// Whether there ever was a trail: its key is there, or the ring notes it.
pub(super) fn was_begun(vault: &Vault, wrapped_key: Option<&[u8]>) -> bool {
    wrapped_key.is_some() || vault.has_note(BEGUN_NOTE)
}

/// The end of what records there are, for a trail whose head is gone.
fn newest(source: &dyn AuditSource) -> Result<End, StoreError> {
    let mut end = End::of(source.audit_cut()?);
    loop {
        let rows = source.audit_after(end.number, RECORDS_PER_READ)?;
        let Some(last) = rows.last() else { return Ok(end) };
        end = End { number: last.number, link: link_of(&last.sealed) };
    }
}

/// The key of a trail that was begun.
pub(super) fn key_of(vault: &Vault, wrapped: Option<&[u8]>) -> Result<DataKey, AuditError> {
    Ok(vault.open_data_key(KEY_PLACE, wrapped.ok_or(AuditError::KeyGone)?)?)
}

/// Where the records begin; `None` if there are none.
pub(super) fn first(source: &dyn AuditSource) -> Result<Option<End>, StoreError> {
    if source.audit_head()?.is_none() && source.audit_after(0, 1)?.is_empty() {
        return Ok(None);
    }
    let cut = source.audit_cut()?;
    Ok(Some(cut.map_or_else(End::start, |cut| End { number: cut.number, link: cut.link })))
}

pub(super) fn opened(key: &DataKey, row: &AuditRow, link: &[u8]) -> Option<Inner> {
    let place = place(row.number, row.at, row.tenant.as_ref(), &row.deed, link);
    serde_json::from_slice(&key.open(&place, &row.sealed).ok()?).ok()
}
