//! What the engine remembers of the conversations it opened last.
//!
//! Deriving keys, unsealing and reading a state cost more than the step itself, and a chat that talks
//! is opened again within milliseconds. So what opening brought is kept beside what it was made from,
//! and each part is used again only if the store hands out the same: the keys for the same owner, the
//! state and the segment's key for the same bytes. Whatever the store says counts. A row id proves
//! nothing: one of a batch that was undone is given to another conversation.

use std::{collections::HashMap, sync::Arc};

use session::id::ConversationKey;
use store::ConversationId;
use vault::DataKey;

use crate::keeping::{Keeping, Kept};

/// Conversations remembered at a time: some three kilobytes each.
const MEMOS_MAX: usize = 8_192;

/// What opening a conversation brought.
pub(super) struct Memo {
    /// Whose keys these are.
    pub(super) owner: Arc<ConversationKey>,
    pub(super) keeping: Keeping,
    /// The state, and what it was read from.
    pub(super) state: Option<(Arc<[u8]>, Kept)>,
    /// The key of the open segment, and what it was unwrapped from.
    pub(super) segment: Option<(Arc<[u8]>, DataKey)>,
}

/// The newest memos.
#[derive(Default)]
pub(super) struct Memos(HashMap<ConversationId, Memo>);

impl Memos {
    /// Takes a memo out; it comes back when its conversation is sealed again.
    pub(super) fn take(&mut self, id: ConversationId) -> Option<Memo> {
        self.0.remove(&id)
    }

    /// Nothing of these is remembered any more.
    pub(super) fn forget(&mut self, ids: &[ConversationId]) {
        for id in ids {
            self.0.remove(id);
        }
    }

    pub(super) fn put(&mut self, id: ConversationId, memo: Memo) {
        if self.0.len() >= MEMOS_MAX {
            // Rare, and only where more chats talk than are remembered: then few are met again.
            self.0.clear();
        }
        self.0.insert(id, memo);
    }
}
