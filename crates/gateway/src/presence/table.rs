//! The table of who is there. Times come in from outside; nothing here waits.

use std::collections::{BTreeSet, HashMap};

use store::ConversationId;
use tokio::time::Instant;

use crate::presence::{CALL_COUNTS_FOR, TRACKED_MAX};

/// What a session must be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tell {
    /// Nobody is there any more.
    Away,
    /// Somebody is there.
    Back,
}

/// Conversations with somebody there, or with somebody who may still come back. Who was told to be
/// away is not in it.
#[derive(Debug, Default)]
pub(super) struct Table {
    there: HashMap<ConversationId, Attendee>,
    /// When to look at whom: never later than there is something to tell.
    due: BTreeSet<(Instant, ConversationId)>,
}

/// One conversation's pages.
#[derive(Debug)]
struct Attendee {
    /// How many streams are open.
    streams: usize,
    /// Without a stream they count as there until this moment; it never moves back.
    until: Instant,
    back: Back,
    /// As in [`Table::due`].
    due: Option<Instant>,
}

/// Whether the session knows that somebody is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Back {
    /// There was no sign of anybody since the start.
    Unseen,
    /// It must be told, not before this moment.
    Owed(Instant),
    /// It was told, or is being told.
    Told,
}

impl Table {
    /// A stream was opened; says whether it is counted, so that its closing must be told.
    pub(super) fn opened(&mut self, id: ConversationId, now: Instant) -> bool {
        let seen = self.seen(id, now, now);
        if let Some(attendee) = self.there.get_mut(&id) {
            attendee.streams += 1;
        }
        seen
    }

    /// A counted stream was closed; if none comes, they are gone at `gone_at`.
    pub(super) fn closed(&mut self, id: ConversationId, gone_at: Instant) {
        if let Some(attendee) = self.there.get_mut(&id) {
            attendee.streams = attendee.streams.saturating_sub(1);
            attendee.until = attendee.until.max(gone_at);
            self.schedule(id);
        }
    }

    /// A page called.
    pub(super) fn called(&mut self, id: ConversationId, now: Instant) {
        self.seen(id, now, now + CALL_COUNTS_FOR);
    }

    /// Its session was open before the start; unless they are seen, they are gone at `gone_at`.
    pub(super) fn forgotten(&mut self, id: ConversationId, gone_at: Instant) {
        if self.there.len() < TRACKED_MAX && !self.there.contains_key(&id) {
            self.put(id, Attendee { streams: 0, until: gone_at, back: Back::Unseen, due: None });
        }
    }

    /// What must be told by now, at most `max` of it, no conversation twice.
    pub(super) fn take(&mut self, now: Instant, max: usize) -> Vec<(ConversationId, Tell)> {
        let mut taken = Vec::new();
        let mut later = Vec::new();
        while taken.len() < max
            && let Some(&(at, id)) = self.due.first()
            && at <= now
        {
            self.due.pop_first();
            let Some(attendee) = self.there.get_mut(&id) else { continue };
            attendee.due = None;
            match attendee.back {
                Back::Owed(at) if at > now => later.push(id),
                Back::Owed(_) => {
                    attendee.back = Back::Told;
                    taken.push((id, Tell::Back));
                    later.push(id);
                }
                Back::Unseen | Back::Told if attendee.streams > 0 => {}
                Back::Unseen | Back::Told if attendee.until > now => later.push(id),
                Back::Unseen | Back::Told => {
                    self.there.remove(&id);
                    taken.push((id, Tell::Away));
                }
            }
        }
        for id in later {
            self.schedule(id);
        }
        taken
    }

    /// What was taken could not be told; it is due again at `again`.
    pub(super) fn not_told(&mut self, id: ConversationId, tell: Tell, again: Instant) {
        match (tell, self.there.get_mut(&id)) {
            (Tell::Back, Some(attendee)) => attendee.back = Back::Owed(again),
            (Tell::Away, None) => {
                let back = Back::Told;
                self.put(id, Attendee { streams: 0, until: again, back, due: None });
            }
            // They came meanwhile, and that will be told. The other cannot be: who is told to be back
            // stays in the table until the next round.
            (Tell::Away, Some(_)) | (Tell::Back, None) => {}
        }
        self.schedule(id);
    }

    /// When there may be something to tell next.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|&(at, _)| at)
    }

    /// A sign of somebody; says whether they are kept track of.
    fn seen(&mut self, id: ConversationId, now: Instant, until: Instant) -> bool {
        let is_full = self.there.len() >= TRACKED_MAX;
        match self.there.get_mut(&id) {
            Some(attendee) => {
                attendee.until = attendee.until.max(until);
                if attendee.back == Back::Unseen {
                    attendee.back = Back::Owed(now);
                    self.schedule(id);
                }
                true
            }
            None if is_full => false,
            None => {
                self.put(id, Attendee { streams: 0, until, back: Back::Owed(now), due: None });
                true
            }
        }
    }

    fn put(&mut self, id: ConversationId, attendee: Attendee) {
        self.there.insert(id, attendee);
        self.schedule(id);
    }

    /// Sees to it that this one is looked at in time. A look that comes too early is made good by
    /// the next, so that a call costs no more than a look-up.
    fn schedule(&mut self, id: ConversationId) {
        let Some(attendee) = self.there.get_mut(&id) else { return };
        let wanted = match attendee.back {
            Back::Owed(at) => Some(at),
            Back::Unseen | Back::Told => (attendee.streams == 0).then_some(attendee.until),
        };
        let Some(wanted) = wanted else { return };
        if attendee.due.is_some_and(|due| due <= wanted) {
            return;
        }
        if let Some(due) = attendee.due.replace(wanted) {
            self.due.remove(&(due, id));
        }
        self.due.insert((wanted, id));
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        (self.there.len(), self.due.len())
    }
}
