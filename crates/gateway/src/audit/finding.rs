//! Reading the trail: the records that somebody asks for.

use session::id::{TenantId, Timestamp};
use store::{AuditRow, AuditSource};
use vault::{DataKey, Vault};

use super::{
    AuditError, DeedName, Record,
    record::Inner,
    trail::{End, RECORDS_PER_READ, first, key_of, link_of, opened},
};
use crate::clock::rfc3339;

/// The most records that one question is answered with.
const RECORDS_PER_ANSWER_MAX: usize = 1_000_000;

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
pub(super) fn found(
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
