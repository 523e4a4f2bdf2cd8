//! When the next message to a channel may leave, so that Teams never has to refuse one (reference 2.5).
//!
//! Teams counts twice: what one conversation gets in each of four spans, and what one registration sends
//! into one tenant in a second. Here both are counted as they leave, in windows that slide, so that no
//! span of that length anywhere holds more. Who may not send is told when to ask again; of those who
//! wait for room in a tenant, whoever has waited longest is let through first, so that a busy
//! conversation never keeps a quiet one waiting for ever.
//!
//! It knows no clock: the time comes in with the question. It waits for nobody and never fails.

mod recent;
mod tenant;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use store::ConversationId;

pub(crate) use recent::Recent;
use tenant::Tenant;

/// How many messages a conversation may get in each span; the hour is counted otherwise. The ends of a
/// span do not both count.
const SPANS: [(usize, Duration); 3] =
    [(7, Duration::from_secs(1)), (8, Duration::from_secs(2)), (60, Duration::from_secs(30))];

/// By how much each span counts as longer: messages do not travel equally fast, so that two may arrive
/// closer to each other than they left.
const JITTER: Duration = Duration::from_millis(200);

/// The most of [`SPANS`]: older messages than so many no longer matter to them.
const REMEMBERED_MAX: usize = 60;

/// How many messages a conversation may get in an hour.
const HOURLY_MAX: u32 = 1_800;

/// The hour is counted by the minute, which costs it one minute's share and a conversation that talks
/// without end 60 numbers instead of 1,800 times.
const SLOT: Duration = Duration::from_mins(1);

/// Over so many slots a count goes: an hour, and the begun minute at its other end.
const SLOTS: u64 = 61;

/// How many places of each span are kept for messages, and not given to what nobody would miss: a turn
/// of a bot's and an agent's line.
const KEPT_FREE: usize = 4;

/// How long whoever is silent is remembered at least: the longest span, and the begun minute.
const REMEMBERED_FOR: Duration = Duration::from_mins(61);

/// How many conversations are remembered, in each of two halves. So many within an hour are beyond one
/// gateway; if it comes to that, those that were silent for longest begin to count anew.
const CONVERSATIONS_MAX: usize = 50_000;

/// How many pairs of a registration and a tenant are remembered, in each of two halves.
const TENANTS_MAX: usize = 10_000;

/// By what Teams counts besides the conversation: whose token it is, and whose people are written to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Account {
    /// The app id of the registration.
    pub(crate) registration: Box<str>,
    /// The tenant in Entra; empty where the channel tells none.
    pub(crate) tenant: Box<str>,
}

/// The counts of everything that left.
pub(crate) struct Pace {
    /// What slots are counted from.
    began: Instant,
    conversations: Recent<ConversationId, Conversation>,
    tenants: Recent<Account, Tenant>,
}

impl Pace {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            began: now,
            conversations: Recent::new(CONVERSATIONS_MAX, REMEMBERED_FOR, now),
            tenants: Recent::new(TENANTS_MAX, REMEMBERED_FOR, now),
        }
    }

    /// Whether a message may leave now, which then counts as sent; else after which time to ask again,
    /// never zero. A conversation asks for one message at a time.
    pub(crate) fn ask(
        &mut self,
        conversation: ConversationId,
        account: &Account,
        now: Instant,
    ) -> Result<(), Duration> {
        let slot = now.saturating_duration_since(self.began).as_secs() / SLOT.as_secs();
        let sent = self.conversations.entry(&conversation, now);
        if let Some(at) = sent.full_until(0, (now, slot), self.began) {
            return Err(at.saturating_duration_since(now).max(A_MOMENT));
        }
        self.tenants
            .entry(account, now)
            .ask(conversation, now)
            .map_err(|wait| wait.max(A_MOMENT))?;
        sent.count(now, slot);
        Ok(())
    }

    /// Whether something may leave now that nobody would miss, which then counts as sent: only where so
    /// much room is left that no message has to wait for it.
    pub(crate) fn spare(
        &mut self,
        conversation: ConversationId,
        account: &Account,
        now: Instant,
    ) -> bool {
        let slot = now.saturating_duration_since(self.began).as_secs() / SLOT.as_secs();
        let sent = self.conversations.entry(&conversation, now);
        let may_leave = sent.full_until(KEPT_FREE, (now, slot), self.began).is_none()
            && self.tenants.entry(account, now).spare(now);
        if may_leave {
            sent.count(now, slot);
        }
        may_leave
    }
}

/// The shortest wait, so that nobody asks in circles.
const A_MOMENT: Duration = Duration::from_millis(1);

/// What one conversation got.
#[derive(Default)]
struct Conversation {
    /// When the last [`REMEMBERED_MAX`] messages left, the newest at the end.
    left: VecDeque<Instant>,
    /// How many left in each slot of the last hour, the newest at the end.
    slots: VecDeque<(u64, u32)>,
}

impl Conversation {
    /// Until when it may get nothing more, if so many places are kept; `None` if it may now.
    fn full_until(
        &mut self,
        kept: usize,
        (now, slot): (Instant, u64),
        began: Instant,
    ) -> Option<Instant> {
        while self.slots.front().is_some_and(|(old, _)| old + SLOTS <= slot) {
            self.slots.pop_front();
        }
        let hourly: u32 = self.slots.iter().map(|(_, count)| count).sum();
        let is_full = hourly.saturating_add(u32::try_from(kept).unwrap_or(u32::MAX)) >= HOURLY_MAX;
        let hour = self.slots.front().filter(|_| is_full).map(|(oldest, _)| {
            // As soon as the oldest slot counts no more.
            began + SLOT * u32::try_from(oldest + SLOTS).unwrap_or(u32::MAX)
        });
        let spans = SPANS.iter().filter_map(|(most, span)| {
            let first = self.left.len().checked_sub(most.saturating_sub(kept))?;
            Some(*self.left.get(first)? + *span + JITTER).filter(|free| *free > now)
        });
        spans.chain(hour).max()
    }

    fn count(&mut self, now: Instant, slot: u64) {
        if self.left.len() == REMEMBERED_MAX {
            self.left.pop_front();
        }
        self.left.push_back(now);
        match self.slots.back_mut() {
            Some((newest, count)) if *newest == slot => *count += 1,
            Some(_) | None => self.slots.push_back((slot, 1)),
        }
    }
}

#[cfg(test)]
mod tests;
