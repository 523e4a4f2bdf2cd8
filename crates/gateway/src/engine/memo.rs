//! What the engine remembers of the conversations it opened last.
//!
//! Deriving keys, unsealing and reading a state cost more than the step itself, and a chat that talks
//! is opened again within milliseconds. So what opening brought is kept beside the sealed state it
//! was read from, and used again if the store hands out the same bytes. That is all there is to
//! keeping it right: whatever the store says counts, and a memo of anything else is thrown away. A
//! batch that failed, or another process on the same database, needs no care.

use std::{collections::HashMap, sync::Arc};

use store::ConversationId;
use vault::DataKey;

use crate::keeping::{Keeping, Kept};

/// Conversations remembered at a time: some three kilobytes each.
const MEMOS_MAX: usize = 8_192;

/// What opening a conversation brought.
pub(super) struct Memo {
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

    pub(super) fn put(&mut self, id: ConversationId, memo: Memo) {
        if self.0.len() >= MEMOS_MAX {
            // Rare, and only where more chats talk than are remembered: then few are met again.
            self.0.clear();
        }
        self.0.insert(id, memo);
    }
}
