//! The trail on the disk: sealed records, each bound to the one before.
//!
//! A record's place, which it opens with only, is its number, its time, its tenant, its deed and the
//! end of the record before it (the tag that proves that one). So whoever has the files but not the
//! master key can neither make a record nor move one, and one that is gone leaves a record that does
//! not open. The two marks (where the trail was cut, and its head) are proven in the same way, so that
//! taking away the newest records is found too. What cannot be found is a whole older copy of the
//! database: for that, keep the head elsewhere ([`digest`]).

use std::sync::{Arc, Mutex, PoisonError};

use session::id::{TenantId, Timestamp};
use store::{AuditMark, AuditRow, AuditSource, Store, StoreError};
use vault::{DataKey, SealError, Vault};

use super::{Deed, DeedName, Entry, Record, deed::Inner};
use crate::{clock::rfc3339, keys::KeysError};

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
const RECORDS_PER_READ: usize = 500;

/// Records cut off in one transaction: a few milliseconds.
const CUT_RECORDS_MAX: usize = 1_000;

/// The most records that one question is answered with.
const RECORDS_PER_ANSWER_MAX: usize = 1_000_000;

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
struct End {
    number: u64,
    link: Vec<u8>,
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

    fn of(head: Option<AuditMark>) -> Self {
        head.map_or_else(Self::start, |head| Self { number: head.number, link: head.link })
    }
}

fn link_of(sealed: &[u8]) -> Vec<u8> {
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

fn mark_place(kind: &[u8], end: &End) -> Vec<u8> {
    [b"audit mark ", kind, &end.number.to_be_bytes(), &end.link].concat()
}

fn mark(key: &DataKey, kind: &[u8], end: &End) -> Result<AuditMark, SealError> {
    let sealed = key.seal(&mark_place(kind, end), &[])?;
    Ok(AuditMark { number: end.number, link: end.link.clone(), sealed })
}

/// Whether there ever was a trail: its key is there, or the ring notes it.
fn was_begun(vault: &Vault, wrapped_key: Option<&[u8]>) -> bool {
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
fn key_of(vault: &Vault, wrapped: Option<&[u8]>) -> Result<DataKey, AuditError> {
    Ok(vault.open_data_key(KEY_PLACE, wrapped.ok_or(AuditError::KeyGone)?)?)
}

/// Which records are wanted.
#[derive(Debug, Default, Clone)]
pub struct Query {
    /// Of this moment or later.
    pub since: Option<Timestamp>,
    /// Of one of these tenants.
    pub tenants: Option<Vec<TenantId>>,
    /// With this deed.
    pub deed: Option<DeedName>,
    /// The newest so many; zero for all.
    pub newest: usize,
}

impl Query {
    /// Whether every record fits.
    fn is_of_all(&self) -> bool {
        self.since.is_none() && self.tenants.is_none() && self.deed.is_none()
    }

    fn fits(&self, row: &AuditRow) -> bool {
        self.since.is_none_or(|since| row.at >= since)
            && self
                .tenants
                .as_ref()
                .is_none_or(|own| row.tenant.as_ref().is_some_and(|tenant| own.contains(tenant)))
            && self.deed.is_none_or(|deed| &*row.deed == deed.as_str())
    }
}

/// The records that fit, oldest first. Blocks.
pub fn find(
    source: &dyn AuditSource,
    vault: &Vault,
    wrapped_key: Option<&[u8]>,
    query: &Query,
) -> Result<Vec<Record>, AuditError> {
    if first(source)?.is_none() {
        return Ok(Vec::new());
    }
    found(source, &key_of(vault, wrapped_key)?, query)
}

/// From the newest back, so that whoever wants the newest few reads few. A record opens only with the
/// end of the one before it, so what is shown is what was written, in its place.
fn found(
    source: &dyn AuditSource,
    key: &DataKey,
    query: &Query,
) -> Result<Vec<Record>, AuditError> {
    let most = match query.newest {
        0 => RECORDS_PER_ANSWER_MAX,
        newest => newest.min(RECORDS_PER_ANSWER_MAX),
    };
    let page = if query.is_of_all() { most.min(RECORDS_PER_READ) } else { RECORDS_PER_READ };
    let (mut found, mut upto) = (Vec::new(), u64::MAX);
    loop {
        // With one more, for its end.
        let rows = source.audit_upto(upto, page + 1)?;
        for (row, at) in rows.iter().zip(1..=page) {
            if !query.fits(row) {
                continue;
            }
            let link = match rows.get(at) {
                Some(before) => link_of(&before.sealed),
                None => match source.audit_cut()? {
                    // It was cut off meanwhile.
                    Some(cut) if cut.number >= row.number => continue,
                    cut => End::of(cut).link,
                },
            };
            let inner = opened(key, row, &link);
            found.push(shown(row, inner));
            if found.len() == most {
                break;
            }
        }
        match rows.get(page) {
            Some(next) if found.len() < most => upto = next.number,
            Some(_) | None => break,
        }
    }
    found.reverse();
    Ok(found)
}

/// Where the records begin; `None` if there are none.
fn first(source: &dyn AuditSource) -> Result<Option<End>, StoreError> {
    if source.audit_head()?.is_none() && source.audit_after(0, 1)?.is_empty() {
        return Ok(None);
    }
    let cut = source.audit_cut()?;
    Ok(Some(cut.map_or_else(End::start, |cut| End { number: cut.number, link: cut.link })))
}

fn opened(key: &DataKey, row: &AuditRow, link: &[u8]) -> Option<Inner> {
    let place = place(row.number, row.at, row.tenant.as_ref(), &row.deed, link);
    serde_json::from_slice(&key.open(&place, &row.sealed).ok()?).ok()
}

/// A record that does not open does not hide the others.
fn shown(row: &AuditRow, inner: Option<Inner>) -> Record {
    Record {
        number: row.number,
        at: rfc3339(row.at),
        tenant: row.tenant.as_ref().map(TenantId::to_string),
        deed: row.deed.to_string(),
        damaged: inner.is_none(),
        inner: inner.unwrap_or_else(Inner::damaged),
    }
}

/// A trail that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The oldest record that is there; zero if there is none.
    pub oldest: u64,
    /// How many there are.
    pub records: u64,
    /// The number of the newest, and its digest: kept elsewhere, they show later that no older copy
    /// was put in the place of the trail.
    pub head: (u64, String),
    /// The newest record that says that the trail before it was found gone.
    pub anew: Option<u64>,
}

/// Where a trail is not whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// There was a trail, and nothing of it is there.
    #[error(
        "there was one, and all of it is gone: put back a copy of the database, or find out who emptied it"
    )]
    Gone,
    /// The mark where it was cut is not ours.
    #[error("the mark of where the trail was cut off was changed")]
    Cut,
    /// A record is missing.
    #[error("record {number} is missing")]
    Missing {
        /// Which.
        number: u64,
    },
    /// A record was changed, or it does not follow the one before it.
    #[error("record {number} was changed, or the one before it was")]
    Changed {
        /// Which.
        number: u64,
    },
    /// The head is not the newest record.
    #[error("the head of the trail says record {head}, the newest that is there is {newest}")]
    Head {
        /// What the head says.
        head: u64,
        /// What is there.
        newest: u64,
    },
    /// What was kept elsewhere is not in it.
    #[error(
        "record {number} is not the one that was kept elsewhere: an older or another trail was put here"
    )]
    Elsewhere {
        /// Which.
        number: u64,
    },
}

/// What a record is known by elsewhere: the digits of its end.
pub fn digest(link: &[u8]) -> String {
    use std::fmt::Write;
    link.iter().fold(String::with_capacity(link.len() * 2), |mut text, byte| {
        // Writing to a text cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

/// Goes through the whole trail. `elsewhere` is a head that was kept elsewhere before. Blocks.
pub fn verify(
    source: &dyn AuditSource,
    vault: &Vault,
    wrapped_key: Option<&[u8]>,
    elsewhere: Option<&(u64, String)>,
) -> Result<Result<Verified, Break>, AuditError> {
    // Read first: what is appended meanwhile is beyond it.
    let head = source.audit_head()?;
    let Some(start) = first(source)? else {
        if was_begun(vault, wrapped_key) {
            return Ok(Err(Break::Gone));
        }
        let head = (0, String::new());
        let missing = elsewhere.map(|(number, _)| Break::Elsewhere { number: *number });
        return Ok(missing.map_or(Ok(Verified { oldest: 0, records: 0, head, anew: None }), Err));
    };
    let key = key_of(vault, wrapped_key)?;
    let proven = |kind: &[u8], mark: &AuditMark| {
        let end = End { number: mark.number, link: mark.link.clone() };
        key.open(&mark_place(kind, &end), &mark.sealed).is_ok()
    };
    if source.audit_cut()?.is_some_and(|cut| !proven(b"cut", &cut)) {
        return Ok(Err(Break::Cut));
    }
    let Some(head) = head.filter(|head| proven(b"head", head)) else {
        return Ok(Err(Break::Head { head: 0, newest: start.number }));
    };
    let from = start.number;
    let mut walk = Walk { key, head, end: start, elsewhere, met: elsewhere.is_none(), anew: None };
    if let Err(broken) = walk.go(source)? {
        return Ok(Err(broken));
    }
    let Walk { end, head, met, anew, .. } = walk;
    if end.number < head.number {
        return Ok(Err(Break::Head { head: head.number, newest: end.number }));
    }
    match elsewhere {
        // One that was cut off in due time is not missed.
        Some((number, _)) if !met && *number > from => {
            Ok(Err(Break::Elsewhere { number: *number }))
        }
        Some(_) | None => Ok(Ok(Verified {
            oldest: if end.number > from { from + 1 } else { 0 },
            records: end.number - from,
            head: (end.number, digest(&end.link)),
            anew,
        })),
    }
}

/// A walk through the records.
struct Walk<'a> {
    key: DataKey,
    head: AuditMark,
    end: End,
    elsewhere: Option<&'a (u64, String)>,
    met: bool,
    anew: Option<u64>,
}

impl Walk<'_> {
    fn go(&mut self, source: &dyn AuditSource) -> Result<Result<(), Break>, StoreError> {
        loop {
            let rows = source.audit_after(self.end.number, RECORDS_PER_READ)?;
            for row in &rows {
                if let Err(broken) = self.step(row) {
                    return Ok(Err(broken));
                }
            }
            if rows.len() < RECORDS_PER_READ {
                return Ok(Ok(()));
            }
        }
    }

    fn step(&mut self, row: &AuditRow) -> Result<(), Break> {
        let number = self.end.number + 1;
        if row.number != number {
            return Err(Break::Missing { number });
        }
        if opened(&self.key, row, &self.end.link).is_none() {
            return Err(Break::Changed { number });
        }
        self.end = End { number, link: link_of(&row.sealed) };
        if &*row.deed == DeedName::BegunAnew.as_str() {
            self.anew = Some(number);
        }
        if number == self.head.number && self.end.link != self.head.link {
            return Err(Break::Changed { number });
        }
        if let Some((known, text)) = self.elsewhere
            && *known == number
        {
            if *text != digest(&self.end.link) {
                return Err(Break::Elsewhere { number });
            }
            self.met = true;
        }
        Ok(())
    }
}

/// The trail of a data directory that a gateway may be using.
pub struct AuditBeside {
    source: store::sqlite::AuditBeside,
    wrapped_key: Option<Vec<u8>>,
}

impl AuditBeside {
    /// Opens it; `None` if there is none yet. Blocks.
    pub fn open(data_dir: &std::path::Path) -> Result<Option<Self>, AuditError> {
        let Some(source) = store::sqlite::AuditBeside::open(data_dir)? else { return Ok(None) };
        let kept = store::sqlite::settings_beside(data_dir, KEY_SETTING)?;
        let key = kept.into_iter().find(|(name, _)| name == KEY_SETTING);
        Ok(Some(Self { source, wrapped_key: key.map(|(_, wrapped)| wrapped) }))
    }

    /// The records that fit, oldest first. Blocks.
    pub fn find(&self, vault: &Vault, query: &Query) -> Result<Vec<Record>, AuditError> {
        find(&self.source, vault, self.wrapped_key.as_deref(), query)
    }

    /// Goes through the whole trail; see [`verify`]. Blocks.
    pub fn verify(
        &self,
        vault: &Vault,
        elsewhere: Option<&(u64, String)>,
    ) -> Result<Result<Verified, Break>, AuditError> {
        verify(&self.source, vault, self.wrapped_key.as_deref(), elsewhere)
    }
}

/// A moment as people say it: RFC 3339, or so long ago (`90min`, `24h`, `7d`).
pub fn moment(text: &str) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp(at.as_millisecond()));
    }
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let unit_ms = match unit {
        "min" | "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let ago = number.parse::<i64>().ok()?.checked_mul(unit_ms)?;
    Some(Timestamp(crate::clock::Clock::System.now().0.saturating_sub(ago)))
}
