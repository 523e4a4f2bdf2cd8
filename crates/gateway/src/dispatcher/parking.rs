//! Where the lanes of a destination wait until its breaker lets them go: in memory, in the order they came.
//!
//! Every lane of a desk or a bot comes through here. While the breaker is closed it leaves at once; while the
//! destination is away it stays, and costs neither a commit nor a place among the attempts, however many
//! wait with it. What must happen all the same (a budget that ends, a struck effect that must be
//! reported, a user who must hear that their words wait) is an errand, found at the regular look at
//! the store. Nothing in here is lost with the process: the store knows every lane.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use session::id::Timestamp;
use store::{LaneKey, LaneReady, OutboxId};

use crate::{
    dispatcher::{Away, drain::DELAY_TOLD_AFTER},
    lane::Destination,
};

/// Lanes parked at a time, a few hundred bytes each. One that finds no room is found again at a later
/// look at the store.
const PARKED_MAX: usize = 100_000;

/// The lanes that wait, by where they lead.
#[derive(Debug, Default)]
pub(super) struct Parking {
    lots: HashMap<Destination, Lot>,
    parked: HashMap<LaneKey, Parked>,
    /// Rising, so that lanes leave in the order in which they came.
    tickets: u64,
}

/// The lanes to one destination.
#[derive(Debug, Default)]
struct Lot {
    queue: BTreeMap<u64, LaneKey>,
    /// The moment before which it makes no sense to ask the breaker again.
    ask_at: Timestamp,
}

#[derive(Debug)]
struct Parked {
    to: Destination,
    ticket: u64,
    /// The head of which the user was told that it waits, or need not be.
    told: Option<OutboxId>,
}

impl Parking {
    /// Lets a lane wait, behind those that wait already. One that is parked stays where it is.
    pub(super) fn park(&mut self, to: Destination, lane: LaneKey, away: Away) {
        if let Some(parked) = self.parked.get_mut(&lane) {
            parked.told = away.told.or(parked.told);
            return;
        }
        if self.parked.len() >= PARKED_MAX {
            return;
        }
        self.tickets += 1;
        let ticket = self.tickets;
        self.lots.entry(to.clone()).or_default().queue.insert(ticket, lane.clone());
        self.parked.insert(lane, Parked { to, ticket, told: away.told });
    }

    /// Takes out every lane that may go: `ask` gives leave to one lane of a destination, or the moment
    /// before which it need not be asked again.
    pub(super) fn leave<P>(
        &mut self,
        mut ask: impl FnMut(&Destination) -> Result<P, Timestamp>,
    ) -> Vec<(LaneKey, P)> {
        let mut left = Vec::new();
        for (to, lot) in &mut self.lots {
            while !lot.queue.is_empty() {
                match ask(to) {
                    Ok(leave) => {
                        let lane = lot.queue.pop_first().map(|(_, lane)| lane);
                        left.extend(lane.map(|lane| (lane, leave)));
                    }
                    Err(until) => {
                        lot.ask_at = until;
                        break;
                    }
                }
            }
        }
        self.lots.retain(|_, lot| !lot.queue.is_empty());
        for (lane, _) in &left {
            self.parked.remove(lane);
        }
        left
    }

    /// Takes a lane out if it is parked and something must be done about its head although its
    /// destination is away.
    pub(super) fn take_for_errand(&mut self, ready: &LaneReady, now: Timestamp) -> bool {
        let Some(parked) = self.parked.get(&ready.lane) else { return false };
        let untold =
            parked.told != Some(ready.head) && now.since(ready.decided_at) >= DELAY_TOLD_AFTER;
        if !(ready.struck || ready.expires_at <= now || untold) {
            return false;
        }
        if let Some(Parked { to, ticket, .. }) = self.parked.remove(&ready.lane)
            && let Some(lot) = self.lots.get_mut(&to)
        {
            lot.queue.remove(&ticket);
        }
        true
    }

    /// How long until a breaker may be asked again; `None` while nothing waits.
    pub(super) fn next_in(&self, now: Timestamp) -> Option<Duration> {
        let lots = self.lots.values().filter(|lot| !lot.queue.is_empty());
        lots.map(|lot| lot.ask_at.since(now)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000);

    fn lane(name: &str) -> LaneKey {
        LaneKey(name.into())
    }

    fn desk(name: &str) -> Destination {
        let tenant = session::id::TenantId::new("t").unwrap();
        Destination::Desk(tenant, session::id::DeskId::new(name).unwrap())
    }

    fn park(parking: &mut Parking, at: &str, names: &[&str]) {
        for name in names {
            parking.park(desk(at), lane(name), Away { told: None });
        }
    }

    fn names(left: Vec<(LaneKey, ())>) -> Vec<String> {
        left.into_iter().map(|(lane, ())| lane.0.into()).collect()
    }

    #[test]
    fn lanes_leave_in_order_and_only_as_many_as_their_own_desk_lets_go() {
        let mut parking = Parking::default();
        park(&mut parking, "away", &["a", "b", "c", "a"]);
        park(&mut parking, "there", &["d", "e"]);
        let mut room = 2;
        let mut left = names(parking.leave(|to| {
            if *to == desk("there") {
                return Ok(());
            }
            room -= 1;
            if room >= 0 { Ok(()) } else { Err(NOW.after(Duration::from_secs(2))) }
        }));
        left.sort_unstable();
        assert_eq!(left, ["a", "b", "d", "e"]);
        assert_eq!(parking.next_in(NOW), Some(Duration::from_secs(2)));
        assert_eq!(names(parking.leave(|_| Ok(()))), ["c"]);
        assert_eq!(parking.next_in(NOW), None);
        assert!(parking.lots.is_empty() && parking.parked.is_empty(), "nothing is left behind");
    }

    #[test]
    fn what_finds_no_room_is_left_to_the_next_look() {
        let mut parking = Parking::default();
        for n in 0..=PARKED_MAX {
            parking.park(desk("away"), lane(&n.to_string()), Away::default());
        }
        assert_eq!(parking.leave(|_| Ok(())).len(), PARKED_MAX);
        park(&mut parking, "away", &["again"]);
        assert_eq!(names(parking.leave(|_| Ok(()))), ["again"]);
    }

    #[test]
    fn a_lane_is_fetched_for_what_must_be_done_while_its_desk_is_away_and_only_for_that() {
        let ready = |age, left| LaneReady {
            lane: lane("a"),
            at: NOW,
            head: OutboxId(7),
            decided_at: Timestamp(NOW.0 - age),
            expires_at: Timestamp(NOW.0 + left),
            struck: false,
        };
        let struck = LaneReady { struck: true, ..ready(0, 1) };
        for (told, ready, expected) in [
            (None, ready(2_999, 1), false),
            (None, ready(3_000, 1), true),
            (Some(OutboxId(7)), ready(60_000, 1), false),
            (Some(OutboxId(6)), ready(60_000, 1), true),
            (Some(OutboxId(7)), ready(60_000, 0), true),
            (Some(OutboxId(7)), struck, true),
        ] {
            let mut parking = Parking::default();
            assert!(!parking.take_for_errand(&ready, NOW), "it is not parked");
            parking.park(desk("away"), lane("a"), Away { told });
            assert_eq!(parking.take_for_errand(&ready, NOW), expected, "{told:?} {ready:?}");
            assert_eq!(parking.next_in(NOW).is_none(), expected, "it left, or it stayed");
        }
    }
}
