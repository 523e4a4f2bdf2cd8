//! What desks are to be told besides, until it is told: who types, and the receipts of each chat.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use session::id::{ConversationKey, SessionId};

use crate::desk::signal::Receipt;

/// How long a user who types on is told of once. Pages say it every few seconds.
const TOLD_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// How soon it is tried again to tell that a user types, where nobody heard it: an agent who comes
/// meanwhile is not to wait for it.
const UNTOLD_AGAIN_AFTER: Duration = Duration::from_secs(2);

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

/// How many receipts of one chat wait. More are not given: an agent who says more than that in half a
/// minute looks for no tick.
const RECEIPTS_WAITING_MAX: usize = 200;

/// How long a receipt is tried (design 7): nobody looks for a tick later. Nor for that somebody stopped.
const TRIED_FOR: Duration = Duration::from_secs(30);

/// How long until what was not taken is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(3);

/// How many messages of which a part failed are remembered.
const FAILED_MAX: usize = 1_000;

/// How long such a message is remembered: its other parts have come by then.
const FAILED_FOR: Duration = Duration::from_mins(20);

/// Something that is to be told now, and until when it is tried.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A user types, or stopped.
    Typing { key: ConversationKey, on: bool, until: Instant },
    /// Receipts of one chat.
    Receipts(Vec<Waiting>),
}

/// A receipt, and until when it is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) receipt: Receipt,
    pub(super) until: Instant,
}

struct Typist {
    seen: Instant,
    /// From when on the desk is told again.
    again: Instant,
    /// An agent was there to be told.
    talking: bool,
}

struct Batch {
    waiting: Vec<Waiting>,
    due: Instant,
}

/// All that waits.
#[derive(Default)]
pub(super) struct Gathered {
    typists: HashMap<ConversationKey, Typist>,
    /// Who stopped and it could not be told: when it is tried again, and until when.
    stopped: HashMap<ConversationKey, (Instant, Instant)>,
    batches: HashMap<SessionId, Batch>,
    /// Messages of which a part will never be shown. That another one was makes none of them whole.
    failed: HashMap<(SessionId, String), Instant>,
}

impl Gathered {
    /// The user of this conversation types.
    pub(super) fn types(&mut self, key: ConversationKey, now: Instant) -> Option<Due> {
        self.stopped.remove(&key);
        if let Some(typist) = self.typists.get_mut(&key) {
            typist.seen = now;
            if now < typist.again {
                return None;
            }
            (typist.again, typist.talking) = (now + TOLD_AGAIN_AFTER, true);
        } else if self.typists.len() < TYPISTS_MAX {
            let typist = Typist { seen: now, again: now + TOLD_AGAIN_AFTER, talking: true };
            self.typists.insert(key.clone(), typist);
        } else {
            return None;
        }
        Some(Due::Typing { key, on: true, until: now })
    }

    /// They said what they typed.
    pub(super) fn spoke(&mut self, key: ConversationKey, now: Instant) -> Option<Due> {
        let typist = self.typists.remove(&key)?;
        typist.talking.then_some(Due::Typing { key, on: false, until: now + TRIED_FOR })
    }

    /// Nobody is there to be told that they type. That is not found out anew with each key they press.
    pub(super) fn not_talking(&mut self, key: &ConversationKey, now: Instant) {
        self.untold(key, now);
        if let Some(typist) = self.typists.get_mut(key) {
            typist.talking = false;
        }
    }

    /// That they type was not told.
    pub(super) fn untold(&mut self, key: &ConversationKey, now: Instant) {
        if let Some(typist) = self.typists.get_mut(key) {
            typist.again = typist.again.min(now + UNTOLD_AGAIN_AFTER);
        }
    }

    /// That they stopped could not be told. An agent who never hears it waits for words that do not come.
    pub(super) fn stopped_untold(&mut self, key: ConversationKey, until: Instant, now: Instant) {
        let again = now + AGAIN_AFTER;
        if again < until && self.stopped.len() < TYPISTS_MAX && !self.typists.contains_key(&key) {
            self.stopped.insert(key, (again, until));
        }
    }

    /// A receipt waits for others of its chat.
    pub(super) fn receipt(&mut self, receipt: Receipt, now: Instant) {
        let of = (receipt.chat.session.clone(), receipt.message.clone());
        if receipt.got && self.failed.contains_key(&of) {
            return;
        }
        if !receipt.got {
            if self.failed.len() >= FAILED_MAX {
                self.failed.retain(|_, at| now < *at + FAILED_FOR);
            }
            if self.failed.len() < FAILED_MAX {
                self.failed.insert(of, now);
            }
            if let Some(batch) = self.batches.get_mut(&receipt.chat.session) {
                batch.waiting.retain(|waiting| waiting.receipt.message != receipt.message);
            }
        }
        self.gather(vec![Waiting { receipt, until: now + TRIED_FOR }], now + GATHER_FOR);
    }

    /// Receipts that were not taken are tried again, those for which there is time.
    pub(super) fn again(&mut self, mut waiting: Vec<Waiting>, now: Instant) {
        waiting.retain(|waiting| now + AGAIN_AFTER < waiting.until);
        self.gather(waiting, now + AGAIN_AFTER);
    }

    fn gather(&mut self, waiting: Vec<Waiting>, due: Instant) {
        let Some(session) = waiting.first().map(|waiting| waiting.receipt.chat.session.clone())
        else {
            return;
        };
        if self.batches.len() >= CHATS_MAX && !self.batches.contains_key(&session) {
            return;
        }
        let batch = self.batches.entry(session).or_insert(Batch { waiting: Vec::new(), due });
        let room = RECEIPTS_WAITING_MAX.saturating_sub(batch.waiting.len());
        batch.waiting.extend(waiting.into_iter().take(room));
    }

    /// What is to be told now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Due> {
        let stop = |key, until| Due::Typing { key, on: false, until };
        let ended = self.typists.extract_if(|_, typist| now >= typist.seen + STOPPED_AFTER);
        let ended = ended.filter(|(_, typist)| typist.talking);
        let mut due: Vec<_> = ended.map(|(key, _)| stop(key, now + TRIED_FOR)).collect();
        let again = self.stopped.extract_if(|_, (again, _)| now >= *again);
        due.extend(again.map(|(key, (_, until))| stop(key, until)));
        for (_, batch) in self.batches.extract_if(|_, batch| now >= batch.due) {
            let chunks = batch.waiting.chunks(RECEIPTS_AT_ONCE_MAX);
            due.extend(chunks.map(|waiting| Due::Receipts(waiting.to_vec())));
        }
        due
    }

    /// Whether anything waits.
    pub(super) fn is_empty(&self) -> bool {
        self.typists.is_empty() && self.stopped.is_empty() && self.batches.is_empty()
    }
}

#[cfg(test)]
mod tests;
