//! A recording that speaks for the instance.
//!
//! Owns when it takes a conversation, and the task that tells its callbacks one after the other.

use std::sync::Arc;

use super::{Shared, World};
use crate::{
    instance::{Callback, Fate},
    request::{Action, Request},
    traffic::Replay,
};

impl World {
    /// Gives a recording that waits for a conversation this request's, and its number if so.
    pub(super) fn attach_replay(&mut self, request: &Request, now: u64) -> Option<u64> {
        let conversation = self.instance.conversation_of(request)?;
        let replay = self.replay.as_mut().filter(|replay| replay.taken.is_none())?;
        if replay.user.is_some() && replay.user != request.user_id {
            return None;
        }
        replay.taken = Some((conversation, now));
        Some(replay.number)
    }

    /// What the instance makes of a request, unless a recording speaks for its conversation.
    pub(super) fn receive(
        &mut self,
        request: &Request,
        action: Action,
        now: u64,
    ) -> (Fate, Vec<Callback>) {
        let open = self.instance.conversation_of(request);
        let replayed = |number: &u64| self.replay.as_ref().is_some_and(|r| r.drives(*number));
        if let Some(number) = open.filter(replayed) {
            self.instance.hear(number, request, now);
            return (Fate::Taken, Vec::new());
        }
        self.instance.receive(request, action, now)
    }
}

impl Shared {
    /// Begins to play a recording, now or when its conversation is there.
    pub(crate) fn start_replay(self: &Arc<Self>, replay: Replay) {
        let number = replay.number;
        let taken = replay.taken.is_some();
        self.act(|world, _| {
            world.replay = Some(replay);
            ((), Vec::new())
        });
        if taken {
            self.tasks.spawn_on(run_replay(self.clone(), number), &self.runtime);
        }
    }

    /// Tells the next callback of a recording; false when there is none.
    fn play_next(self: &Arc<Self>, number: u64) -> bool {
        let now = self.clock.now();
        let (lanes, goes_on) = {
            let mut world = self.lock();
            let World { replay, instance, .. } = &mut *world;
            let Some(replay) = replay.as_mut().filter(|replay| replay.number == number) else {
                return false;
            };
            let (Some((conversation, _)), Some(step)) = (replay.taken, replay.steps.pop_front())
            else {
                return false;
            };
            replay.played += 1;
            let told = instance.replayed(conversation, step.body, &mut replay.ids);
            let goes_on = !replay.steps.is_empty();
            if !goes_on {
                instance.end_replay(conversation, now);
            }
            (self.enqueue(&mut world, Vec::from_iter(told), None, now), goes_on)
        };
        self.run_lanes(lanes);
        self.replan.notify_one();
        self.changed.send_modify(|version| *version += 1);
        goes_on
    }
}

/// Plays a recording to its end, or until another takes its place.
pub(super) async fn run_replay(shared: Arc<Shared>, number: u64) {
    loop {
        let due = {
            let world = shared.lock();
            let replay = world.replay.as_ref().filter(|replay| replay.number == number);
            replay.and_then(Replay::due)
        };
        let Some(due) = due else { return };
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = shared.clock.sleep_until(due) => {}
        }
        if !shared.play_next(number) {
            return;
        }
    }
}
