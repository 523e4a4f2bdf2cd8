//! Counting files while others come and go: what comes in keeps its room, and what was kept or removed since the
//! listing began is not forgotten.

use std::collections::{HashMap, HashSet};

use session::id::TenantId;

use super::{Fill, Ledger, Whose};
use crate::files::FileId;

/// What was listed of a conversation, with sizes in bytes, and whose it is.
pub(in crate::files) type Theirs = (Option<TenantId>, Vec<(FileId, u64)>);

/// What came and went since files began to be listed; nobody knows whether the listing has it.
#[derive(Debug, Default)]
pub(super) struct Meanwhile {
    is_counting: bool,
    kept: HashMap<FileId, (TenantId, u64)>,
    removed: HashSet<FileId>,
}

impl Ledger {
    /// Files are listed from now on, to be counted. What a count before it noted is forgotten.
    pub(in crate::files) fn begins_to_count(&mut self) {
        self.meanwhile = Meanwhile { is_counting: true, ..Meanwhile::default() };
    }

    /// Takes over what was listed, and whose it is.
    pub(in crate::files) fn counts(&mut self, listed: Vec<Theirs>) {
        let Meanwhile { mut kept, removed, .. } = std::mem::take(&mut self.meanwhile);
        self.all = Fill::default();
        self.of_tenant.clear();
        self.of.clear();
        for (tenant, theirs) in listed {
            for (id, size) in theirs {
                // One that is there already, and whose room is not its own yet, is counted with the room.
                if removed.contains(&id) || self.open.contains_key(&id) {
                    continue;
                }
                kept.remove(&id);
                self.count(id, tenant.as_ref(), size);
            }
        }
        let open = self.open.iter().map(|(id, room)| (*id, room.clone()));
        for (id, (tenant, size)) in open.chain(kept).collect::<Vec<_>>() {
            self.count(id, Some(&tenant), size);
        }
    }

    /// Room was taken by a file that comes in.
    pub(super) fn opens(&mut self, whose: &Whose, size: u64) {
        let new = || (whose.tenant.clone(), 0);
        let (_, open) = self.open.entry(whose.id).or_insert_with(new);
        *open = open.saturating_add(size);
    }

    /// So much room is no longer one's that comes in.
    pub(super) fn closes(&mut self, id: FileId, size: u64) {
        let Some((_, open)) = self.open.get_mut(&id) else { return };
        *open = open.saturating_sub(size);
        if *open == 0 {
            self.open.remove(&id);
        }
    }

    /// A file came in, and keeps its room.
    pub(super) fn keeps(&mut self, whose: &Whose, size: u64) {
        self.closes(whose.id, size);
        if self.meanwhile.is_counting {
            self.meanwhile.removed.remove(&whose.id);
            self.meanwhile.kept.insert(whose.id, (whose.tenant.clone(), size));
        }
    }

    /// A file was removed, and gives its room back.
    pub(in crate::files) fn was_removed(&mut self, id: FileId, size: u64) {
        self.give_back(id, size);
        if self.meanwhile.is_counting {
            self.meanwhile.kept.remove(&id);
            self.meanwhile.removed.insert(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use store::ConversationId;
    use uuid::Uuid;

    use super::{
        super::{Room, locked},
        *,
    };
    use crate::files::{Bringer, FileRules, Keep};

    fn whose(number: u128) -> Whose {
        let (conversation, number) = (ConversationId(1), Uuid::from_u128(number));
        let id = FileId { conversation, number, keep: Keep::Chat };
        Whose { id, tenant: TenantId::new("a").unwrap(), by: Bringer::Page }
    }

    #[test]
    fn what_comes_and_goes_while_files_are_counted_is_counted_once() {
        let ledger = Arc::new(Mutex::new(Ledger::new(&FileRules::default())));
        let room = |number, size| {
            let mut room = Room::new(Arc::clone(&ledger), whose(number));
            room.take(size).unwrap();
            room
        };
        let [stays, gone, listed, missed, under_way] = [1, 2, 3, 4, 5];
        for number in [stays, gone] {
            room(number, 100).keep();
        }
        let (mut one, mut other, still) = (room(listed, 10), room(missed, 20), room(under_way, 3));
        locked(&ledger).begins_to_count();
        one.keep();
        other.keep();
        locked(&ledger).was_removed(whose(gone).id, 100);
        let of = |number, size| (whose(number).id, size);
        let there = vec![of(stays, 100), of(gone, 100), of(listed, 10)];
        locked(&ledger).counts(vec![(Some(whose(1).tenant), there)]);
        assert_eq!(locked(&ledger).all().bytes, 100 + 10 + 20 + 3);
        drop(still);
        assert_eq!(locked(&ledger).all().bytes, 130, "it gives back its own room and no other");
    }
}
