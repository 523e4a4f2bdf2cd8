//! Refusals at the doors, counted: whoever knocks a thousand times is one record.

use session::id::{TenantId, Timestamp};

use super::{Deed, Entry, Who};
use crate::observe::RouteName;

/// Kinds of refusals told apart in a minute: doors, codes and tenants. Beyond it they count together,
/// under the code `others`.
const KINDS_MAX: usize = 256;

/// Those of the minute that runs.
#[derive(Debug, Default)]
pub(super) struct Refusals(Vec<Kind>);

#[derive(Debug)]
struct Kind {
    door: RouteName,
    code: &'static str,
    tenant: Option<TenantId>,
    count: u64,
    since: Timestamp,
    newest: Timestamp,
}

impl Refusals {
    pub(super) fn count(
        &mut self,
        door: RouteName,
        code: &'static str,
        tenant: Option<&TenantId>,
        now: Timestamp,
    ) {
        let is = |kind: &&mut Kind, door, code, tenant: Option<&TenantId>| {
            kind.door == door && kind.code == code && kind.tenant.as_ref() == tenant
        };
        if let Some(kind) = self.0.iter_mut().find(|kind| is(kind, door, code, tenant)) {
            kind.again(now);
            return;
        }
        let (door, code, tenant) = match self.0.len() {
            ..KINDS_MAX => (door, code, tenant.cloned()),
            _ => (RouteName::Other, "others", None),
        };
        match self.0.iter_mut().find(|kind| is(kind, door, code, tenant.as_ref())) {
            Some(kind) => kind.again(now),
            None => self.0.push(Kind { door, code, tenant, count: 1, since: now, newest: now }),
        }
    }

    pub(super) fn take(&mut self) -> Vec<Entry> {
        let entry = |kind: Kind| {
            let Kind { door, code, tenant, count, since, newest } = kind;
            let deed = Deed::Refused { door: door.as_str(), count, since };
            Entry::new(Who::Callers, deed).of(tenant).with(code).at(newest)
        };
        std::mem::take(&mut self.0).into_iter().map(entry).collect()
    }
}

impl Kind {
    fn again(&mut self, now: Timestamp) {
        self.count += 1;
        self.newest = now;
    }
}
