//! How much room files take, so that nobody can fill the disk.

mod recount;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use session::id::TenantId;
use store::ConversationId;

use self::recount::Meanwhile;
use super::{Bringer, FileError, FileId, FileRules, Keep};

/// Which part of all room, and of a tenant's, pages leave to the others: an eighth. Whatever users of
/// pages bring, desks and bots can show something.
const PAGES_LEAVE_PART: u64 = 8;

/// Which part of all room strangers of all tenants may fill together: half of it. Anybody may open a
/// page with a public key; users whom somebody knows can send files all the same.
const STRANGERS_PART_OF_ALL: u64 = 2;

/// Whose a file is, and who brings it.
#[derive(Debug, Clone)]
pub(super) struct Whose {
    pub(super) id: FileId,
    pub(super) tenant: TenantId,
    pub(super) by: Bringer,
}

/// How much files take, in sealed bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Fill {
    pub(crate) bytes: u64,
    /// What those of strangers take of it.
    pub(crate) strangers: u64,
}

impl Fill {
    fn add(&mut self, file: FileId, size: u64) {
        self.bytes = self.bytes.saturating_add(size);
        if file.keep == Keep::Stranger {
            self.strangers = self.strangers.saturating_add(size);
        }
    }

    fn less(&mut self, file: FileId, size: u64) {
        self.bytes = self.bytes.saturating_sub(size);
        if file.keep == Keep::Stranger {
            self.strangers = self.strangers.saturating_sub(size);
        }
    }

    /// Whether so much more fits into so much room, as far as whoever brings it may fill it.
    fn fits(self, size: u64, by: Bringer, most: u64, strangers_most: u64) -> bool {
        let fits = |taken: u64, most: u64| taken.saturating_add(size) <= most;
        let pages_most = most - most / PAGES_LEAVE_PART;
        match by {
            Bringer::Bot | Bringer::Channel | Bringer::Desk => fits(self.bytes, most),
            Bringer::Page => fits(self.bytes, pages_most),
            Bringer::Stranger => {
                fits(self.bytes, pages_most) && fits(self.strangers, strangers_most)
            }
        }
    }
}

/// What is taken: in all, by each tenant, and by each conversation that has files.
#[derive(Debug)]
pub(super) struct Ledger {
    conversation_most: u64,
    tenant_most: u64,
    strangers_most: u64,
    all_most: u64,
    all: Fill,
    of_tenant: BTreeMap<TenantId, Fill>,
    /// And whose it is, unless its conversation is not known any more.
    of: HashMap<ConversationId, (Option<TenantId>, u64)>,
    /// What those take that come in, which is part of it.
    open: HashMap<FileId, (TenantId, u64)>,
    /// What came and went since files began to be counted.
    meanwhile: Meanwhile,
}

impl Ledger {
    pub(super) fn new(rules: &FileRules) -> Self {
        Self {
            conversation_most: rules.conversation_bytes,
            tenant_most: rules.tenant_bytes,
            strangers_most: rules.strangers_bytes,
            all_most: rules.all_bytes,
            all: Fill::default(),
            of_tenant: BTreeMap::new(),
            of: HashMap::new(),
            open: HashMap::new(),
            meanwhile: Meanwhile::default(),
        }
    }

    /// Takes room, if there is some.
    pub(super) fn take(&mut self, whose: &Whose, size: u64) -> Result<(), FileError> {
        let (by, of) = (whose.by, whose.id.conversation);
        let theirs = self.of.get(&of).map_or(0, |(_, bytes)| *bytes);
        if theirs.saturating_add(size) > self.conversation_most {
            return Err(FileError::ConversationFull);
        }
        let tenants = self.of_tenant.get(&whose.tenant).copied().unwrap_or_default();
        if !tenants.fits(size, by, self.tenant_most, self.strangers_most) {
            return Err(FileError::TenantFull);
        }
        if !self.all.fits(size, by, self.all_most, self.all_most / STRANGERS_PART_OF_ALL) {
            return Err(FileError::Full);
        }
        self.count(whose.id, Some(&whose.tenant), size);
        Ok(())
    }

    /// What all of them take.
    pub(super) fn all(&self) -> Fill {
        self.all
    }

    /// Whether something of this conversation is there.
    pub(super) fn has_some(&self, conversation: ConversationId) -> bool {
        self.of.contains_key(&conversation)
    }

    /// What those of each tenant take that has some.
    pub(super) fn tenants(&self) -> impl Iterator<Item = (&TenantId, Fill)> {
        self.of_tenant.iter().map(|(tenant, fill)| (tenant, *fill))
    }

    /// Whose the files of a conversation are.
    pub(super) fn tenant_of(&self, conversation: ConversationId) -> Option<&TenantId> {
        self.of.get(&conversation)?.0.as_ref()
    }

    /// What is there takes room, whether there is some or not.
    pub(super) fn count(&mut self, file: FileId, tenant: Option<&TenantId>, size: u64) {
        self.all.add(file, size);
        let new = || (tenant.cloned(), 0);
        let (_, theirs) = self.of.entry(file.conversation).or_insert_with(new);
        *theirs = theirs.saturating_add(size);
        let Some(tenant) = tenant else { return };
        self.of_tenant.entry(tenant.clone()).or_default().add(file, size);
    }

    /// Gives room back; nothing is remembered of those who have nothing.
    pub(super) fn give_back(&mut self, file: FileId, size: u64) {
        self.all.less(file, size);
        let Some((tenant, theirs)) = self.of.get_mut(&file.conversation) else { return };
        *theirs = theirs.saturating_sub(size);
        let (tenant, nothing) = (tenant.clone(), *theirs == 0);
        if nothing {
            self.of.remove(&file.conversation);
        }
        let Some(tenant) = tenant else { return };
        let Some(tenants) = self.of_tenant.get_mut(&tenant) else { return };
        tenants.less(file, size);
        if tenants.bytes == 0 {
            self.of_tenant.remove(&tenant);
        }
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
        let mut ledger = locked(&self.ledger);
        ledger.take(&self.whose, size)?;
        ledger.opens(&self.whose, size);
        drop(ledger);
        self.taken = self.taken.saturating_add(size);
        Ok(())
    }

    /// It is the file's from now on.
    pub(super) fn keep(&mut self) {
        locked(&self.ledger).keeps(&self.whose, self.taken);
        self.taken = 0;
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if self.taken > 0 {
            let mut ledger = locked(&self.ledger);
            ledger.closes(self.whose.id, self.taken);
            ledger.give_back(self.whose.id, self.taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn file(conversation: i64, by: Bringer) -> FileId {
        let keep = if by == Bringer::Stranger { Keep::Stranger } else { Keep::Chat };
        let conversation = ConversationId(conversation);
        FileId { conversation, number: Uuid::from_u128(7), keep }
    }

    /// What so much of this conversation and tenant leads to.
    fn whose(conversation: i64, tenant: &str, by: Bringer) -> Whose {
        Whose { id: file(conversation, by), tenant: TenantId::new(tenant).unwrap(), by }
    }

    fn ledger() -> Ledger {
        Ledger::new(&FileRules {
            conversation_bytes: 1_000,
            tenant_bytes: 4_000,
            strangers_bytes: 1_600,
            all_bytes: 6_400,
            ..FileRules::default()
        })
    }

    /// Fills what one tenant's callers can, conversation by conversation, and says what stops them.
    fn filled(ledger: &mut Ledger, tenant: &str, first: i64, by: Bringer) -> FileError {
        let mut ids = first * 10..;
        let mut fills = |id| ledger.take(&whose(id, tenant, by), 100).err();
        ids.find_map(|id| fills(id / 10)).expect("there is an end")
    }

    #[test]
    fn a_conversation_has_so_much_room_and_gets_it_back() {
        let mut ledger = ledger();
        let one = whose(1, "a", Bringer::Page);
        ledger.take(&one, 500).unwrap();
        ledger.take(&one, 500).unwrap();
        assert!(matches!(ledger.take(&one, 1), Err(FileError::ConversationFull)));
        let two = whose(2, "a", Bringer::Stranger);
        ledger.take(&two, 1).expect("another has room of its own");
        ledger.give_back(one.id, 500);
        ledger.take(&one, 500).unwrap();
        ledger.give_back(one.id, 1_000);
        ledger.give_back(two.id, 1);
        let left = (ledger.all, ledger.of.len(), ledger.of_tenant.len());
        assert_eq!(left, (Fill::default(), 0, 0), "nothing is left behind");
    }

    #[test]
    fn no_tenant_and_no_page_takes_what_others_need() {
        let (page, desk) = (Bringer::Page, Bringer::Desk);
        let mut ledger = ledger();
        assert!(matches!(filled(&mut ledger, "a", 1_000, page), FileError::TenantFull));
        assert_eq!(ledger.all.bytes, 3_500, "pages leave an eighth of their tenant's room");
        assert!(matches!(filled(&mut ledger, "b", 2_000, page), FileError::Full));
        assert_eq!(ledger.all.bytes, 5_600, "and an eighth of all");
        assert!(matches!(filled(&mut ledger, "a", 3_000, desk), FileError::TenantFull));
        assert_eq!(ledger.all.bytes, 6_100, "which desks and bots have");
        assert!(matches!(filled(&mut ledger, "b", 4_000, desk), FileError::Full));
        assert_eq!(ledger.all.bytes, 6_400);
    }

    #[test]
    fn strangers_fill_their_share_and_leave_the_rest_to_users_whom_somebody_knows() {
        let (page, stranger) = (Bringer::Page, Bringer::Stranger);
        let mut ledger = ledger();
        assert!(matches!(filled(&mut ledger, "a", 1_000, stranger), FileError::TenantFull));
        assert_eq!(ledger.all, Fill { bytes: 1_600, strangers: 1_600 });
        assert!(matches!(filled(&mut ledger, "b", 2_000, stranger), FileError::TenantFull));
        assert!(matches!(filled(&mut ledger, "c", 3_000, stranger), FileError::Full));
        assert_eq!(ledger.all.strangers, 3_200, "of all tenants together half of all");
        assert!(matches!(filled(&mut ledger, "a", 4_000, page), FileError::TenantFull));
        assert_eq!(ledger.all, Fill { bytes: 5_100, strangers: 3_200 });
        ledger.give_back(file(1_000, stranger), 1_000);
        ledger.take(&whose(1_000, "a", stranger), 1_000).expect("what they had is theirs again");
    }

    #[test]
    fn what_is_found_counts_for_its_tenant_if_there_is_one() {
        let mut ledger = ledger();
        let tenant = TenantId::new("a").unwrap();
        let (one, two) = (file(1, Bringer::Page), file(2, Bringer::Stranger));
        ledger.count(one, Some(&tenant), 4_000);
        ledger.count(two, None, 100);
        let more = ledger.take(&whose(3, "a", Bringer::Desk), 1);
        assert!(matches!(more, Err(FileError::TenantFull)), "{more:?}");
        ledger.give_back(one, 4_000);
        ledger.give_back(two, 100);
        assert_eq!((ledger.all, ledger.of_tenant.len()), (Fill::default(), 0));
    }
}
