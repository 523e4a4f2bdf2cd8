//! What one registration sends into one tenant, and who waits for room there.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use store::ConversationId;

use super::JITTER;

/// How many messages a registration may send into a tenant in [`SPAN`]. Teams documents 50 requests;
/// the rest is for what is not counted here, such as looking people up.
const TENANT_MAX: usize = 45;

/// In which span: a second, and what messages may gain on each other on their way.
const SPAN: Duration = Duration::from_secs(1).saturating_add(JITTER);

/// How many of them are kept for messages, and not given to what nobody would miss: a third.
const KEPT_FREE: usize = 15;

/// How long the place of one who was to ask again is kept: whoever comes later has given up, or stands
/// behind a dispatcher that is busier than Teams.
const PLACE_KEPT_FOR: Duration = Duration::from_secs(5);

/// How many wait with a place of their own; more are told to come back when these are through.
const PLACES_MAX: usize = 2_000;

#[derive(Default)]
pub(super) struct Tenant {
    /// When the last [`TENANT_MAX`] messages left, the newest at the end.
    left: VecDeque<Instant>,
    /// Who waits, whoever has for longest first.
    waiting: VecDeque<Place>,
}

struct Place {
    whose: ConversationId,
    /// When they were told to ask again.
    due: Instant,
}

impl Tenant {
    /// Whether one more may leave now, which then counts; else after which time to ask again.
    pub(super) fn ask(&mut self, whose: ConversationId, now: Instant) -> Result<(), Duration> {
        self.forget(now);
        self.waiting.retain(|place| place.whose == whose || place.due + PLACE_KEPT_FOR > now);
        let place = self.waiting.iter().position(|place| place.whose == whose);
        let ahead = place.unwrap_or(self.waiting.len());
        let room = TENANT_MAX - self.left.len();
        if ahead < room {
            if let Some(place) = place {
                self.waiting.remove(place);
            }
            self.left.push_back(now);
            return Ok(());
        }
        let due = self.room_for(ahead - room, now);
        match place {
            Some(place) => self.waiting[place].due = due,
            None if self.waiting.len() < PLACES_MAX => self.waiting.push_back(Place { whose, due }),
            None => {}
        }
        Err(due.saturating_duration_since(now))
    }

    /// Whether something may leave that nobody would miss, which then counts: nobody waits, and there is
    /// room to spare.
    pub(super) fn spare(&mut self, now: Instant) -> bool {
        self.forget(now);
        let may_leave = self.waiting.is_empty() && self.left.len() + KEPT_FREE < TENANT_MAX;
        if may_leave {
            self.left.push_back(now);
        }
        may_leave
    }

    /// What left before the span counts no more.
    fn forget(&mut self, now: Instant) {
        while self.left.front().is_some_and(|at| *at + SPAN <= now) {
            self.left.pop_front();
        }
    }

    /// When there is room again for one behind whom that many are served before: each message that left
    /// makes room for one, and each of those that are served then for another.
    fn room_for(&self, before: usize, now: Instant) -> Instant {
        let rounds = u32::try_from(before / TENANT_MAX).unwrap_or(u32::MAX);
        let freed = self.left.get(before % TENANT_MAX).copied().unwrap_or(now);
        freed + SPAN + SPAN * rounds
    }
}
