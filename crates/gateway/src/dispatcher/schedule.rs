//! Which lanes are drained now, and which come up later.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use session::id::Timestamp;
use store::{AHEAD_MAX, LaneKey, LaneReady};
use tokio::task::{Id, JoinError, JoinSet};

use crate::dispatcher::{Away, LANES_PER_LOOK_MAX, LaneEnd, PAUSE};

/// The lanes with work, each at most once.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    workers: JoinSet<LaneEnd>,
    lane_of: HashMap<Id, LaneKey>,
    /// Lanes that a worker drains now; `true` when a hint came meanwhile.
    active: HashMap<LaneKey, bool>,
    /// Lanes whose head may be attempted later, soonest first.
    later: BTreeSet<(Timestamp, LaneKey)>,
}

/// A lane that a worker gave back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Back {
    /// To be drained again at once.
    Again(LaneKey),
    /// To wait until its desk is there.
    Away(LaneKey, Away),
}

impl Schedule {
    /// Whether the lane is being drained; then it is looked at once more afterwards.
    pub(super) fn is_active(&mut self, lane: &LaneKey) -> bool {
        let again = self.active.get_mut(lane);
        again.map(|again| *again = true).is_some()
    }

    /// Drains a lane, unless that is being done: then it is looked at once more afterwards.
    pub(super) fn start<F>(&mut self, lane: LaneKey, work: impl FnOnce(LaneKey) -> F)
    where
        F: Future<Output = LaneEnd> + Send + 'static,
    {
        if self.is_active(&lane) {
            return;
        }
        self.active.insert(lane.clone(), false);
        let worker = self.workers.spawn(work(lane.clone()));
        self.lane_of.insert(worker.id(), lane);
    }

    /// Waits for a worker to end; for ever while there is none.
    pub(super) async fn ended(&mut self) -> Result<(Id, LaneEnd), JoinError> {
        match self.workers.join_next_with_id().await {
            Some(ended) => ended,
            None => std::future::pending().await,
        }
    }

    /// Takes a worker's end in; gives the lane back if something is to be done with it at once. A worker
    /// that panicked comes back with its lane, too: one that stays active is never drained again.
    pub(super) fn take_back(
        &mut self,
        ended: Result<(Id, LaneEnd), JoinError>,
        now: Timestamp,
    ) -> Option<Back> {
        let (id, end) = ended.unwrap_or_else(|error| {
            // Its lease ends by itself, and its budget too.
            tracing::error!(error = &error as &dyn std::error::Error, "an attempt panicked");
            (error.id(), LaneEnd::At(now.after(PAUSE)))
        });
        let lane = self.lane_of.remove(&id)?;
        match (self.active.remove(&lane), end) {
            // Whatever came meanwhile waits behind what waits.
            (_, LaneEnd::Away(away)) => return Some(Back::Away(lane, away)),
            (Some(true), _) => return Some(Back::Again(lane)),
            (_, LaneEnd::At(at)) => drop(self.later.insert((at, lane))),
            (_, LaneEnd::Idle) => {}
        }
        None
    }

    /// How long until the next lane comes up.
    pub(super) fn next_in(&self, now: Timestamp) -> Option<Duration> {
        self.later.first().map(|(at, _)| at.since(now))
    }

    /// Lanes whose time has come.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<LaneKey> {
        let mut due = Vec::new();
        while self.later.first().is_some_and(|(at, _)| is_due(*at, now)) {
            due.extend(self.later.pop_first().map(|(_, lane)| lane));
        }
        due
    }

    /// Takes over what the store says; gives the lanes that are ready.
    pub(super) fn look(&mut self, lanes: Vec<LaneReady>, now: Timestamp) -> Vec<LaneReady> {
        let listed = lanes.len();
        let (ready, waiting): (Vec<_>, Vec<_>) =
            lanes.into_iter().partition(|LaneReady { at, .. }| is_due(*at, now));
        // The store is the truth: what it does not list needs no timer, unless there is more than it
        // lists.
        if listed < LANES_PER_LOOK_MAX {
            self.later.clear();
        }
        self.later.extend(waiting.into_iter().map(|LaneReady { lane, at, .. }| (at, lane)));
        ready
    }

    /// Waits until every worker has ended.
    pub(super) async fn finish(&mut self) {
        while self.workers.join_next().await.is_some() {}
    }
}

/// The store claims by the same rule; if they differed, a lane would be asked for without a pause.
fn is_due(at: Timestamp, now: Timestamp) -> bool {
    at <= now || at > now.after(AHEAD_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000);

    fn lane(name: &str) -> LaneKey {
        LaneKey(name.into())
    }

    #[tokio::test]
    async fn a_worker_that_panics_gives_its_lane_back() {
        let mut schedule = Schedule::default();
        schedule.start(lane("a"), |_| async { panic!("on purpose") });
        let ended = schedule.ended().await;
        assert_eq!(schedule.take_back(ended, NOW), None);
        assert_eq!(schedule.next_in(NOW), Some(PAUSE));
        assert_eq!(schedule.due(NOW.after(PAUSE)), [lane("a")]);
        schedule.start(lane("a"), |_| async { LaneEnd::Idle });
        let ended = schedule.ended().await;
        assert!(ended.is_ok(), "it is drained again");
        assert_eq!(schedule.take_back(ended, NOW), None);
        assert_eq!(schedule.next_in(NOW), None);
    }

    #[tokio::test]
    async fn a_hint_for_a_lane_at_work_drains_it_once_more() {
        let mut schedule = Schedule::default();
        schedule.start(lane("a"), |_| async { LaneEnd::Idle });
        schedule.start(lane("a"), |_| async { panic!("one worker in a lane") });
        let ended = schedule.ended().await;
        assert_eq!(schedule.take_back(ended, NOW), Some(Back::Again(lane("a"))));
    }

    #[test]
    fn a_clock_that_was_set_back_holds_nothing_up() {
        let mut schedule = Schedule::default();
        let ready = |name, ahead| LaneReady {
            lane: lane(name),
            at: NOW.after(ahead),
            head: store::OutboxId(1),
            decided_at: NOW,
            expires_at: NOW.after(AHEAD_MAX),
            struck: false,
        };
        let lanes = vec![
            ready("now", Duration::ZERO),
            ready("soon", Duration::from_secs(10)),
            ready("jumped", AHEAD_MAX + Duration::from_secs(1)),
        ];
        let ready: Vec<_> = schedule.look(lanes, NOW).into_iter().map(|ready| ready.lane).collect();
        assert_eq!(ready, [lane("now"), lane("jumped")]);
        assert_eq!(schedule.next_in(NOW), Some(Duration::from_secs(10)));
    }
}
