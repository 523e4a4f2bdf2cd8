//! How much room files take, so that nobody can fill the disk.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use session::id::TenantId;
use store::ConversationId;

use super::{FileError, FileRules};

/// Which part of all room pages leave to the others: an eighth. Anybody may open a page; whatever they
/// bring, desks and bots can show something.
const PAGES_LEAVE_PART: u64 = 8;

/// Whose a file is, and who brings it.
#[derive(Debug, Clone)]
pub(super) struct Whose {
    pub(super) conversation: ConversationId,
    pub(super) tenant: TenantId,
    pub(super) by_page: bool,
}

/// What is taken: in all, by each tenant, and by each conversation that has files.
#[derive(Debug)]
pub(super) struct Ledger {
    conversation_most: u64,
    tenant_most: u64,
    all_most: u64,
    all: u64,
    of_tenant: HashMap<TenantId, u64>,
    /// And whose it is, unless its conversation is not known any more.
    of: HashMap<ConversationId, (Option<TenantId>, u64)>,
}

impl Ledger {
    pub(super) fn new(rules: &FileRules) -> Self {
        let FileRules { conversation_bytes, tenant_bytes, all_bytes, .. } = *rules;
        Self {
            conversation_most: conversation_bytes,
            tenant_most: tenant_bytes,
            all_most: all_bytes,
            all: 0,
            of_tenant: HashMap::new(),
            of: HashMap::new(),
        }
    }

    /// Takes room, if there is some.
    pub(super) fn take(&mut self, whose: &Whose, size: u64) -> Result<(), FileError> {
        let fits = |taken: u64, most: u64| taken.saturating_add(size) <= most;
        let share = |most: u64| if whose.by_page { most - most / PAGES_LEAVE_PART } else { most };
        let theirs = self.of.get(&whose.conversation).map_or(0, |(_, bytes)| *bytes);
        if !fits(theirs, self.conversation_most) {
            return Err(FileError::ConversationFull);
        }
        let tenants = self.of_tenant.get(&whose.tenant).copied().unwrap_or(0);
        if !fits(tenants, share(self.tenant_most)) {
            return Err(FileError::TenantFull);
        }
        if !fits(self.all, share(self.all_most)) {
            return Err(FileError::Full);
        }
        self.count(whose.conversation, Some(&whose.tenant), size);
        Ok(())
    }

    /// What all of them take, in bytes.
    pub(super) fn all(&self) -> u64 {
        self.all
    }

    /// Whether something of this conversation is there.
    pub(super) fn has_some(&self, conversation: ConversationId) -> bool {
        self.of.contains_key(&conversation)
    }

    /// What is there takes room, whether there is some or not.
    pub(super) fn count(
        &mut self,
        conversation: ConversationId,
        tenant: Option<&TenantId>,
        size: u64,
    ) {
        self.all = self.all.saturating_add(size);
        let (_, theirs) = self.of.entry(conversation).or_insert_with(|| (tenant.cloned(), 0));
        *theirs = theirs.saturating_add(size);
        let Some(tenant) = tenant else { return };
        let tenants = self.of_tenant.entry(tenant.clone()).or_default();
        *tenants = tenants.saturating_add(size);
    }

    pub(super) fn give_back(&mut self, conversation: ConversationId, size: u64) {
        self.all = self.all.saturating_sub(size);
        let Some((tenant, theirs)) = self.of.get_mut(&conversation) else { return };
        *theirs = theirs.saturating_sub(size);
        let (tenant, nothing) = (tenant.clone(), *theirs == 0);
        if nothing {
            self.of.remove(&conversation);
        }
        if let Some(tenant) = tenant {
            less(&mut self.of_tenant, &tenant, size);
        }
    }
}

/// Takes so much off what is counted for one; nothing is remembered of those who have nothing.
fn less<K: Eq + Hash>(counts: &mut HashMap<K, u64>, of: &K, size: u64) {
    let Some(count) = counts.get_mut(of) else { return };
    *count = count.saturating_sub(size);
    if *count == 0 {
        counts.remove(of);
    }
}

/// The ledger, for a moment.
pub(super) fn locked(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    // Numbers that are added and taken away cannot be left half done.
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Room that a file takes while it comes in; given back unless it is kept.
pub(super) struct Room {
    ledger: Arc<Mutex<Ledger>>,
    whose: Whose,
    taken: u64,
}

impl Room {
    pub(super) fn new(ledger: Arc<Mutex<Ledger>>, whose: Whose) -> Self {
        Self { ledger, whose, taken: 0 }
    }

    pub(super) fn take(&mut self, size: u64) -> Result<(), FileError> {
        locked(&self.ledger).take(&self.whose, size)?;
        self.taken = self.taken.saturating_add(size);
        Ok(())
    }

    /// It is the file's from now on.
    pub(super) fn keep(&mut self) {
        self.taken = 0;
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if self.taken > 0 {
            locked(&self.ledger).give_back(self.whose.conversation, self.taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What so much of this conversation and tenant leads to, brought by a page or by somebody else.
    fn whose(conversation: i64, tenant: &str, by_page: bool) -> Whose {
        let tenant = TenantId::new(tenant).unwrap();
        Whose { conversation: ConversationId(conversation), tenant, by_page }
    }

    fn ledger() -> Ledger {
        Ledger::new(&FileRules {
            conversation_bytes: 1_000,
            tenant_bytes: 4_000,
            all_bytes: 6_400,
            ..FileRules::default()
        })
    }

    /// Fills what one tenant's callers can, conversation by conversation, and says what stops them.
    fn filled(ledger: &mut Ledger, tenant: &str, first: i64, by_page: bool) -> FileError {
        let mut ids = first * 10..;
        let mut fills = |id| ledger.take(&whose(id, tenant, by_page), 100).err();
        ids.find_map(|id| fills(id / 10)).expect("there is an end")
    }

    #[test]
    fn a_conversation_has_so_much_room_and_gets_it_back() {
        let mut ledger = ledger();
        let one = whose(1, "a", true);
        ledger.take(&one, 500).unwrap();
        ledger.take(&one, 500).unwrap();
        assert!(matches!(ledger.take(&one, 1), Err(FileError::ConversationFull)));
        ledger.take(&whose(2, "a", true), 1).expect("another has room of its own");
        ledger.give_back(one.conversation, 500);
        ledger.take(&one, 500).unwrap();
        ledger.give_back(one.conversation, 1_000);
        ledger.give_back(ConversationId(2), 1);
        let left = (ledger.all, ledger.of.len(), ledger.of_tenant.len());
        assert_eq!(left, (0, 0, 0), "nothing is left behind");
    }

    #[test]
    fn no_tenant_and_no_page_takes_what_others_need() {
        let mut ledger = ledger();
        assert!(matches!(filled(&mut ledger, "a", 1_000, true), FileError::TenantFull));
        assert_eq!(ledger.all, 3_500, "pages leave an eighth of their tenant's room");
        assert!(matches!(filled(&mut ledger, "b", 2_000, true), FileError::Full));
        assert_eq!(ledger.all, 5_600, "and an eighth of all");
        assert!(matches!(filled(&mut ledger, "a", 3_000, false), FileError::TenantFull));
        assert_eq!(ledger.all, 6_100, "which desks and bots have");
        assert!(matches!(filled(&mut ledger, "b", 4_000, false), FileError::Full));
        assert_eq!(ledger.all, 6_400);
    }

    #[test]
    fn what_is_found_counts_for_its_tenant_if_there_is_one() {
        let mut ledger = ledger();
        let tenant = TenantId::new("a").unwrap();
        ledger.count(ConversationId(1), Some(&tenant), 4_000);
        ledger.count(ConversationId(2), None, 100);
        let more = ledger.take(&whose(3, "a", false), 1);
        assert!(matches!(more, Err(FileError::TenantFull)), "{more:?}");
        ledger.give_back(ConversationId(1), 4_000);
        ledger.give_back(ConversationId(2), 100);
        assert_eq!((ledger.all, ledger.of_tenant.len()), (0, 0));
    }
}
