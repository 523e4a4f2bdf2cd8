//! Going through the whole trail: whether it is as it was written.

use store::{AuditMark, AuditRow, AuditSource, StoreError};
use vault::{DataKey, Vault};

use super::{
    AuditError, DeedName,
    trail::{End, RECORDS_PER_READ, first, key_of, link_of, mark_place, opened, was_begun},
};

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
