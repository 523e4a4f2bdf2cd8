//! One conversation while a batch works on it: opened, changed, sealed again.

use std::{collections::BTreeMap, time::Duration};

use session::{
    Conversation, Message,
    id::{ConversationKey, Number, SenderKey, SessionId, Timestamp},
};
use store::{ConversationChange, ConversationId, ConversationRow, NewEntry};
use vault::{DataKey, Vault};

use crate::{
    engine::{BatchError, Policies},
    keeping::{Keeping, Kept, OpenSegment},
};

/// A data key seals entries for this long at most, so that shredding has a grain.
const SEGMENT_FOR: Duration = Duration::from_hours(24);

/// A conversation being worked on.
pub(super) struct Working {
    id: ConversationId,
    owner: ConversationKey,
    pub(super) keeping: Keeping,
    kept: Kept,
    before: Option<Kept>,
    /// The key of the open segment.
    key: Option<DataKey>,
    /// The repeats known, those of this batch among them.
    pub(super) seen: BTreeMap<SenderKey, Number>,
    /// The stored deadline came; what is stored must be looked at again even if nothing else
    /// changed.
    pub(super) fired: bool,
    /// What was appended to the open segment.
    entries: Vec<NewEntry>,
    /// The wrapped key of the open segment, if this batch opened it.
    new_segment: Option<Vec<u8>>,
    /// What was appended to segments that are closed again.
    pieces: Vec<ConversationChange>,
}

impl Working {
    /// Opens a conversation as stored.
    pub(super) fn open(vault: &Vault, row: &ConversationRow) -> Result<Self, BatchError> {
        let keeping = Keeping::new(vault, &row.key)?;
        let before = row.state.as_deref().map(|state| keeping.read_state(state)).transpose()?;
        let mut kept = before.clone().unwrap_or_default();
        // The store goes on writing to its segment until it is given another; whether we closed it
        // is in the state. Closed, shredded, or none yet: the next entry opens a new one.
        let open = kept.segment.take().zip(row.segment.as_ref());
        let key = match open {
            Some((segment, stored)) => {
                kept.segment = Some(segment);
                Some(keeping.open_segment(vault, &stored.wrapped_key)?)
            }
            None => None,
        };
        Ok(Self {
            id: row.id,
            owner: row.key.clone(),
            keeping,
            kept,
            before,
            key,
            seen: BTreeMap::new(),
            fired: false,
            entries: Vec::new(),
            new_segment: None,
            pieces: Vec::new(),
        })
    }

    /// The conversation as it stands within the batch.
    pub(super) fn conversation(&self) -> &Conversation {
        &self.kept.conversation
    }

    /// Takes over what a step made of it. The messages belong to what the conversation was when
    /// they were decided: words that begin a live chat to the talk before, its last notices to it.
    pub(super) fn advance(
        &mut self,
        vault: &Vault,
        now: Timestamp,
        messages: &[Message],
        stepped: Conversation,
    ) -> Result<(), BatchError> {
        for message in messages {
            self.append(vault, now, message)?;
        }
        if session_of(self.conversation()) != session_of(&stepped) {
            // A live chat has segments of its own; the next entry opens one.
            self.close_segment();
        }
        self.kept.conversation = stepped;
        Ok(())
    }

    fn append(
        &mut self,
        vault: &Vault,
        now: Timestamp,
        message: &Message,
    ) -> Result<(), BatchError> {
        let at = now.max(Timestamp(self.kept.newest_at.0.saturating_add(1)));
        let too_old = |segment: &OpenSegment| at.since(segment.since) >= SEGMENT_FOR;
        if self.kept.segment.as_ref().is_some_and(too_old) {
            self.close_segment();
        }
        let key = if let Some(key) = &self.key {
            key
        } else {
            let (key, wrapped) = self.keeping.new_segment(vault)?;
            self.new_segment = Some(wrapped);
            let of = session_of(&self.kept.conversation).cloned();
            self.kept.segment = Some(OpenSegment { since: at, of });
            self.key.insert(key)
        };
        let (number, author, content) = (message.number, &message.author, &message.content);
        let sealed = self.keeping.write_entry(key, number, author, content)?;
        self.entries.push(NewEntry { number, at, sealed });
        self.kept.newest_at = at;
        Ok(())
    }

    /// What was appended so far belongs to the old segment; a piece of its own keeps it there.
    fn close_segment(&mut self) {
        self.key = None;
        self.kept.segment = None;
        if !self.entries.is_empty() {
            self.pieces.push(ConversationChange {
                id: self.id,
                state: None,
                deadline: None,
                new_segment: self.new_segment.take(),
                entries: std::mem::take(&mut self.entries),
            });
        }
    }

    /// Seals what changed, in the order in which it must be saved; empty if nothing did.
    ///
    /// A deadline that came is written anew in any case: under rules that were changed meanwhile
    /// the conversation may have another one than the store, which would fire for ever.
    pub(super) fn finish(
        mut self,
        policies: &Policies,
    ) -> Result<Vec<ConversationChange>, BatchError> {
        if self.before.as_ref() == Some(&self.kept) && !self.fired {
            return Ok(Vec::new());
        }
        let state = self.keeping.write_state(&self.kept)?;
        let policy = policies.of(&self.owner.tenant, &self.owner.bot);
        let deadline = policy.and_then(|policy| self.kept.conversation.deadline(policy));
        self.pieces.push(ConversationChange {
            id: self.id,
            state: Some(state),
            deadline: deadline.map(|(at, _)| at),
            new_segment: self.new_segment,
            entries: self.entries,
        });
        Ok(self.pieces)
    }
}

fn session_of(conversation: &Conversation) -> Option<&SessionId> {
    conversation.live().map(|session| &session.id)
}
