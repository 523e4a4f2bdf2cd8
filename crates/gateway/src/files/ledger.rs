//! How much room files take, so that nobody can fill the disk.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use store::ConversationId;

use super::{FileError, FileRules};

/// What is taken, in all and by each conversation that has files.
#[derive(Debug)]
pub(super) struct Ledger {
    of_conversation_most: u64,
    all_most: u64,
    all: u64,
    of: HashMap<ConversationId, u64>,
}

impl Ledger {
    pub(super) fn new(rules: &FileRules) -> Self {
        let FileRules { conversation_bytes, all_bytes, .. } = *rules;
        let (of_conversation_most, all_most) = (conversation_bytes, all_bytes);
        Self { of_conversation_most, all_most, all: 0, of: HashMap::new() }
    }

    /// Takes room, if there is some.
    pub(super) fn take(
        &mut self,
        conversation: ConversationId,
        size: u64,
    ) -> Result<(), FileError> {
        let theirs = self.of.get(&conversation).copied().unwrap_or(0);
        if theirs.saturating_add(size) > self.of_conversation_most {
            return Err(FileError::ConversationFull);
        }
        if self.all.saturating_add(size) > self.all_most {
            return Err(FileError::Full);
        }
        self.count(conversation, size);
        Ok(())
    }

    /// What all of them take, in bytes.
    pub(super) fn all(&self) -> u64 {
        self.all
    }

    /// What is there takes room, whether there is some or not.
    pub(super) fn count(&mut self, conversation: ConversationId, size: u64) {
        self.all = self.all.saturating_add(size);
        let theirs = self.of.entry(conversation).or_default();
        *theirs = theirs.saturating_add(size);
    }

    pub(super) fn give_back(&mut self, conversation: ConversationId, size: u64) {
        self.all = self.all.saturating_sub(size);
        let Some(theirs) = self.of.get_mut(&conversation) else { return };
        *theirs = theirs.saturating_sub(size);
        if *theirs == 0 {
            self.of.remove(&conversation);
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
    conversation: ConversationId,
    taken: u64,
}

impl Room {
    pub(super) fn new(ledger: Arc<Mutex<Ledger>>, conversation: ConversationId) -> Self {
        Self { ledger, conversation, taken: 0 }
    }

    pub(super) fn take(&mut self, size: u64) -> Result<(), FileError> {
        locked(&self.ledger).take(self.conversation, size)?;
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
            locked(&self.ledger).give_back(self.conversation, self.taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_and_all_of_them_have_so_much_room_and_get_it_back() {
        let rules =
            FileRules { conversation_bytes: 1_000, all_bytes: 10_000, ..FileRules::default() };
        let mut ledger = Ledger::new(&rules);
        let (one, half) = (ConversationId(1), 500);
        ledger.take(one, half).unwrap();
        ledger.take(one, half).unwrap();
        assert!(matches!(ledger.take(one, 1), Err(FileError::ConversationFull)));
        ledger.take(ConversationId(2), 1).expect("another has room of its own");
        ledger.give_back(one, half);
        ledger.take(one, half).unwrap();
        for id in 3.. {
            match ledger.take(ConversationId(id), 1_000) {
                Ok(()) => {}
                Err(error) => {
                    assert!(matches!(error, FileError::Full), "{error}");
                    break;
                }
            }
        }
        assert!(ledger.all <= 10_000);
        for (id, size) in ledger.of.clone() {
            ledger.give_back(id, size);
        }
        assert_eq!((ledger.all, ledger.of.len()), (0, 0), "nothing is left behind");
    }
}
