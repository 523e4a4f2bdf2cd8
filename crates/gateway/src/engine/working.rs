//! One conversation while a batch works on it: opened, changed, sealed again.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use session::{
    Conversation, Message,
    id::{ConversationKey, Number, SenderKey, SessionId, Timestamp},
};
use store::{ConversationChange, ConversationId, ConversationRow, NewEntry, NewSegment, RepeatKey};
use vault::{DataKey, Vault};

use crate::{
    engine::{BatchError, Policies, memo::Memo},
    keeping::{Keeping, Kept, OpenSegment},
};

/// A data key seals entries for this long at most, so that shredding has a grain.
pub(crate) const SEGMENT_FOR: Duration = Duration::from_hours(24);

/// A conversation being worked on.
pub(super) struct Working {
    id: ConversationId,
    owner: Arc<ConversationKey>,
    pub(super) keeping: Keeping,
    kept: Kept,
    /// The stored state it was opened from.
    sealed: Option<Arc<[u8]>>,
    /// It is no longer what is stored.
    changed: bool,
    /// The key of the open segment, and what it is wrapped in.
    segment: Option<(Arc<[u8]>, DataKey)>,
    /// The repeats known, those of this batch among them.
    pub(super) seen: BTreeMap<SenderKey, Number>,
    /// The hashes of the keys that were asked for; hashing is dearer than looking here.
    pub(super) hashes: Vec<(SenderKey, RepeatKey)>,
    /// The stored deadline came; what is stored must be looked at again even if nothing else
    /// changed.
    pub(super) fired: bool,
    /// What was appended to the open segment.
    entries: Vec<NewEntry>,
    /// The open segment, if this batch opened it.
    new_segment: Option<NewSegment>,
    /// What was appended to segments that are closed again.
    pieces: Vec<ConversationChange>,
}

impl Working {
    /// Opens a conversation as stored. A memo spares the work if it is of the same bytes.
    pub(super) fn open(
        vault: &Vault,
        row: &ConversationRow,
        memo: Option<Memo>,
    ) -> Result<Self, BatchError> {
        // Of an old root key it would derive a key with each use.
        let memo = memo.filter(|memo| memo.owner == row.key && memo.keeping.is_current());
        let (keeping, remembered, unwrapped) = match memo {
            Some(Memo { keeping, state, segment, .. }) => (keeping, state, segment),
            None => (Keeping::new(vault, &row.key)?, None, None),
        };
        let remembered = remembered
            .filter(|(sealed, _)| row.state.as_ref().is_some_and(|row| same(row, sealed)));
        let mut kept = match (remembered, &row.state) {
            (Some((_, kept)), _) => kept,
            (None, Some(sealed)) => keeping.read_state(sealed)?,
            (None, None) => Kept::default(),
        };
        // The store goes on writing to its segment until it is given another; whether we closed it
        // is in the state. Closed, shredded, or none yet: the next entry opens a new one.
        let mut segment = None;
        if let (Some(_), Some(stored)) = (&kept.segment, &row.segment) {
            let wrapped = &stored.wrapped_key;
            let unwrapped = unwrapped.filter(|(of, _)| same(of, wrapped));
            segment = match unwrapped {
                Some(unwrapped) => Some(unwrapped),
                None => keeping
                    .open_segment_or_gap(vault, wrapped)?
                    .map(|key| (Arc::clone(wrapped), key)),
            };
        }
        if segment.is_none() {
            kept.segment = None;
        }
        Ok(Self {
            id: row.id,
            owner: Arc::clone(&row.key),
            keeping,
            kept,
            sealed: row.state.clone(),
            changed: row.state.is_none(),
            segment,
            seen: BTreeMap::new(),
            hashes: Vec::new(),
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
        if messages.is_empty() && *self.conversation() == stepped {
            return Ok(());
        }
        self.changed = true;
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
        let (_, key) = if let Some(open) = &self.segment {
            open
        } else {
            let (key, wrapped) = self.keeping.new_segment(vault)?;
            let of = session_of(&self.kept.conversation).cloned();
            self.kept.segment = Some(OpenSegment { since: at, of: of.clone() });
            let opened = (Arc::from(wrapped.as_slice()), key);
            let new = NewSegment { wrapped_key: wrapped, since: at, session: of };
            self.new_segment = Some(new);
            self.segment.insert(opened)
        };
        let (number, author, content) = (message.number, &message.author, &message.content);
        let sealed = self.keeping.write_entry(key, number, author, content)?;
        self.entries.push(NewEntry { number, at, sealed });
        self.kept.newest_at = at;
        Ok(())
    }

    /// What was appended so far belongs to the old segment; a piece of its own keeps it there.
    fn close_segment(&mut self) {
        self.segment = None;
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

    /// Seals what changed, in the order in which it must be saved; empty if nothing did. Gives a
    /// memo of the conversation as well, for when it is opened next.
    ///
    /// A deadline that came is written anew in any case: under rules that were changed meanwhile
    /// the conversation may have another one than the store, which would fire for ever.
    pub(super) fn finish(
        mut self,
        policies: &Policies,
    ) -> Result<(Vec<ConversationChange>, Memo), BatchError> {
        let mut sealed = self.sealed;
        if self.changed || self.fired {
            let state: Arc<[u8]> = self.keeping.write_state(&self.kept)?.into();
            let policy = policies.of(&self.owner.tenant, &self.owner.bot);
            let deadline = policy.and_then(|policy| self.kept.conversation.deadline(policy));
            self.pieces.push(ConversationChange {
                id: self.id,
                state: Some(Arc::clone(&state)),
                deadline: deadline.map(|(at, _)| at),
                new_segment: self.new_segment,
                entries: self.entries,
            });
            sealed = Some(state);
        }
        let state = sealed.map(|sealed| (sealed, self.kept));
        let (owner, keeping, segment) = (self.owner, self.keeping, self.segment);
        Ok((self.pieces, Memo { owner, keeping, state, segment }))
    }
}

fn same(one: &Arc<[u8]>, other: &Arc<[u8]>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

fn session_of(conversation: &Conversation) -> Option<&SessionId> {
    conversation.live().map(|session| &session.id)
}
