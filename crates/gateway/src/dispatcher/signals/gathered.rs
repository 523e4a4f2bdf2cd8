//! What desks are to be told besides, until it is told: who types, and the receipts of each chat.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use session::id::{ConversationKey, SessionId};

use crate::desk::signal::Receipt;

/// How long a user who types on is told of once. Pages say it every few seconds.
const TOLD_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// A user of whom nothing is heard for so long types no more. Pages say every three seconds that one does
/// (reference 4.6), and one such word may be late.
const STOPPED_AFTER: Duration = Duration::from_secs(6);

/// How many users who type are known at a time. Of more a desk is not told.
const TYPISTS_MAX: usize = 10_000;

/// How long receipts of a chat are gathered before they go together.
const GATHER_FOR: Duration = Duration::from_millis(500);

/// How many receipts go together.
const RECEIPTS_AT_ONCE_MAX: usize = 50;

/// How many chats have receipts that wait. Receipts of more are not given.
const CHATS_MAX: usize = 10_000;

/// How long a receipt is tried (design 7): nobody looks for a tick later.
const RECEIPT_FOR: Duration = Duration::from_secs(30);

/// How long until receipts that were not taken are tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(3);

/// Something that is to be told now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A user types, or stopped.
    Typing { key: ConversationKey, on: bool },
    /// Receipts of one chat, and until when they are tried.
    Receipts { receipts: Vec<Receipt>, until: Instant },
}

struct Typist {
    seen: Instant,
    told: Instant,
}

struct Batch {
    receipts: Vec<Receipt>,
    due: Instant,
    until: Instant,
}

/// All that waits.
#[derive(Default)]
pub(super) struct Gathered {
    typists: HashMap<ConversationKey, Typist>,
    batches: HashMap<SessionId, Batch>,
}

impl Gathered {
    /// The user of this conversation types.
    pub(super) fn types(&mut self, key: ConversationKey, now: Instant) -> Option<Due> {
        if let Some(typist) = self.typists.get_mut(&key) {
            typist.seen = now;
            if now.saturating_duration_since(typist.told) < TOLD_AGAIN_AFTER {
                return None;
            }
            typist.told = now;
        } else if self.typists.len() < TYPISTS_MAX {
            self.typists.insert(key.clone(), Typist { seen: now, told: now });
        } else {
            return None;
        }
        Some(Due::Typing { key, on: true })
    }

    /// They said what they typed.
    pub(super) fn spoke(&mut self, key: ConversationKey) -> Option<Due> {
        self.typists.remove(&key).map(|_| Due::Typing { key, on: false })
    }

    /// Nobody there is to be told that they type.
    pub(super) fn forget(&mut self, key: &ConversationKey) {
        self.typists.remove(key);
    }

    /// A receipt waits for others of its chat.
    pub(super) fn receipt(&mut self, receipt: Receipt, now: Instant) {
        self.gather(vec![receipt], now + GATHER_FOR, now + RECEIPT_FOR);
    }

    /// Receipts that were not taken are tried again, if there is time.
    pub(super) fn again(&mut self, receipts: Vec<Receipt>, until: Instant, now: Instant) {
        if now + AGAIN_AFTER < until {
            self.gather(receipts, now + AGAIN_AFTER, until);
        }
    }

    fn gather(&mut self, receipts: Vec<Receipt>, due: Instant, until: Instant) {
        let Some(session) = receipts.first().map(|receipt| receipt.chat.session.clone()) else {
            return;
        };
        if self.batches.len() >= CHATS_MAX && !self.batches.contains_key(&session) {
            return;
        }
        let batch = self.batches.entry(session);
        let batch = batch.or_insert(Batch { receipts: Vec::new(), due, until });
        batch.receipts.extend(receipts);
        batch.until = batch.until.max(until);
    }

    /// What is to be told now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Due> {
        let stopped = self.typists.extract_if(|_, typist| now >= typist.seen + STOPPED_AFTER);
        let mut due: Vec<_> = stopped.map(|(key, _)| Due::Typing { key, on: false }).collect();
        for (_, batch) in self.batches.extract_if(|_, batch| now >= batch.due) {
            let until = batch.until;
            let chunks = batch.receipts.chunks(RECEIPTS_AT_ONCE_MAX);
            due.extend(chunks.map(|receipts| Due::Receipts { receipts: receipts.to_vec(), until }));
        }
        due
    }

    /// Whether anything waits.
    pub(super) fn is_empty(&self) -> bool {
        self.typists.is_empty() && self.batches.is_empty()
    }
}

#[cfg(test)]
mod tests;
