//! How much room files take, so that no bot can fill the disk.

use std::collections::HashMap;

use store::ConversationId;

use super::FileError;

/// The most that one conversation's files may take, in bytes: more pictures than anybody looks at in a
/// day.
const OF_CONVERSATION_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The most that all files may take, in bytes. The messages are on the same disk.
const ALL_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;

/// What is taken, in all and by each conversation that has files.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    all: u64,
    of: HashMap<ConversationId, u64>,
}

impl Ledger {
    /// Takes room, if there is some.
    pub(super) fn take(
        &mut self,
        conversation: ConversationId,
        size: u64,
    ) -> Result<(), FileError> {
        let theirs = self.of.get(&conversation).copied().unwrap_or(0);
        if theirs.saturating_add(size) > OF_CONVERSATION_BYTES_MAX {
            return Err(FileError::ConversationFull);
        }
        if self.all.saturating_add(size) > ALL_BYTES_MAX {
            return Err(FileError::Full);
        }
        self.count(conversation, size);
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_and_all_of_them_have_so_much_room_and_get_it_back() {
        let mut ledger = Ledger::default();
        let (one, half) = (ConversationId(1), OF_CONVERSATION_BYTES_MAX / 2);
        ledger.take(one, half).unwrap();
        ledger.take(one, half).unwrap();
        assert!(matches!(ledger.take(one, 1), Err(FileError::ConversationFull)));
        ledger.take(ConversationId(2), 1).expect("another has room of its own");
        ledger.give_back(one, half);
        ledger.take(one, half).unwrap();
        for id in 3.. {
            match ledger.take(ConversationId(id), OF_CONVERSATION_BYTES_MAX) {
                Ok(()) => {}
                Err(error) => {
                    assert!(matches!(error, FileError::Full), "{error}");
                    break;
                }
            }
        }
        assert!(ledger.all <= ALL_BYTES_MAX);
        for (id, size) in ledger.of.clone() {
            ledger.give_back(id, size);
        }
        assert_eq!((ledger.all, ledger.of.len()), (0, 0), "nothing is left behind");
    }
}
