//! How callbacks leave: in which order, with which time-out, and what a receiver's answer does
//! (reference 6).
//!
//! Owns the lanes and the one attempt each callback gets. It never retries, as no instance does,
//! and never looks into a callback.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use secrecy::ExposeSecret;

use crate::{
    config::Webhook,
    fault::callbacks::Parcel,
    instance::Callback,
    ledger::{Outcome, Sent},
    shared::Shared,
};

/// The instance's outbound time-out (reference 11).
const ATTEMPT: Duration = Duration::from_secs(5);

/// How many callbacks may wait for their turn. Past it they are lost; only a receiver that hangs
/// under heavy load, or a test that holds callbacks for long, fills it.
const WAITING_MAX: usize = 100_000;

/// How many attempts run at once: enough for many chats, few enough for one machine's sockets.
pub(crate) const SENDERS_MAX: usize = 256;

/// What waits in order behind what. With ordering on it is the conversation, else each callback
/// is alone. (On a real instance ordering spans the whole provider. Callbacks of two
/// conversations cannot be told apart by order, so the narrower lane costs no honesty.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum LaneKey {
    Conversation(u64),
    Single(u64),
}

/// The callbacks that have not been attempted.
#[derive(Default)]
pub(crate) struct Lanes {
    held: bool,
    queues: HashMap<LaneKey, Lane>,
    waiting: usize,
    singles: u64,
}

#[derive(Default)]
struct Lane {
    queue: VecDeque<Parcel>,
    running: bool,
}

impl Lanes {
    /// Adds a callback. Gives back the lane if it now needs a runner, or the callback if there is
    /// no room.
    pub(crate) fn push(
        &mut self,
        parcel: Parcel,
        ordered: bool,
    ) -> Result<Option<LaneKey>, Callback> {
        if self.waiting == WAITING_MAX {
            return Err(parcel.callback);
        }
        let key = if ordered {
            LaneKey::Conversation(parcel.callback.conversation)
        } else {
            self.singles += 1;
            LaneKey::Single(self.singles)
        };
        self.waiting += 1;
        let lane = self.queues.entry(key).or_default();
        lane.queue.push_back(parcel);
        Ok((!self.held && !std::mem::replace(&mut lane.running, true)).then_some(key))
    }

    /// Holds everything back, or lets it go; gives back the lanes that now need a runner.
    pub(crate) fn hold(&mut self, held: bool) -> Vec<LaneKey> {
        self.held = held;
        if held {
            return Vec::new();
        }
        let idle = self.queues.iter_mut().filter(|(_, lane)| !lane.running);
        idle.map(|(key, lane)| {
            lane.running = true;
            *key
        })
        .collect()
    }

    /// Forgets every callback that has not been attempted, and gives it back.
    pub(crate) fn drain(&mut self) -> Vec<Parcel> {
        self.waiting = 0;
        self.queues.values_mut().flat_map(|lane| std::mem::take(&mut lane.queue)).collect()
    }

    /// Whether an attempt may be under way.
    pub(crate) fn is_sending(&self) -> bool {
        self.queues.values().any(|lane| lane.running)
    }

    /// The next callback of a lane. `None` ends its runner.
    fn next(&mut self, key: LaneKey) -> Option<Parcel> {
        let lane = self.queues.get_mut(&key)?;
        let next = if self.held { None } else { lane.queue.pop_front() };
        if next.is_some() {
            self.waiting -= 1;
        } else {
            lane.running = false;
            if lane.queue.is_empty() {
                self.queues.remove(&key);
            }
        }
        next
    }
}

/// Sends one lane until it is empty, held, or the instance stops.
pub(crate) async fn run(shared: Arc<Shared>, key: LaneKey) {
    loop {
        let next = shared.lock().lanes.next(key);
        let Some(parcel) = next else {
            // Who waits for quiet must hear of it.
            return shared.changed.send_modify(|version| *version += 1);
        };
        if !parcel.wait.is_zero() {
            tokio::select! {
                () = shared.stop.cancelled() => return,
                () = shared.clock.sleep(parcel.wait) => {}
            }
        }
        let back_at = shared.lock().away_until;
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = shared.clock.sleep_until(back_at) => {}
        }
        let started_at = shared.clock.now();
        let (faulted, webhook) = {
            let world = shared.lock();
            (world.instance.is_faulted(parcel.callback.conversation), world.webhook.clone())
        };
        let outcome = if faulted {
            Outcome::Dropped
        } else {
            tokio::select! {
                () = shared.stop.cancelled() => return,
                outcome = attempt(&shared, &webhook, &parcel) => outcome,
            }
        };
        record(&shared, parcel, outcome, started_at);
    }
}

async fn attempt(shared: &Shared, webhook: &Webhook, parcel: &Parcel) -> Outcome {
    let Ok(_permit) = shared.senders.acquire().await else { return Outcome::Dropped };
    let mut post = shared
        .client
        .post(&webhook.url)
        .timeout(ATTEMPT)
        .header(CONTENT_TYPE, parcel.content_type)
        .body(parcel.callback.body.to_string());
    let authorization = webhook.authorization.expose_secret();
    if !authorization.is_empty() {
        let Ok(mut value) = HeaderValue::from_str(authorization) else {
            return Outcome::Unreachable;
        };
        value.set_sensitive(true);
        post = post.header(AUTHORIZATION, value);
    }
    match post.send().await {
        Ok(answer) => Outcome::Answered(answer.status().as_u16()),
        Err(error) if error.is_timeout() => Outcome::TimedOut,
        Err(_) => Outcome::Unreachable,
    }
}

/// Writes the attempt down, and faults the conversation where an instance does. Whether a refused
/// connection faults it too is unknown (reference 15.7); here the callback is lost and the chat
/// goes on, so that a gateway that restarts can still be talked to.
fn record(shared: &Arc<Shared>, parcel: Parcel, outcome: Outcome, started_at: u64) {
    let Callback { conversation, body, .. } = parcel.callback;
    shared.act(|world, now| {
        let faults = match outcome {
            Outcome::Answered(status) => {
                let refused = (400..500).contains(&status);
                status >= 500 || refused && world.instance.setup.profile.refusals_fault
            }
            Outcome::TimedOut => true,
            Outcome::Unreachable | Outcome::Dropped | Outcome::Lost => false,
        };
        world.recorder.went_out(started_at, &body, outcome);
        world.ledger.send(Sent { at: now, body, outcome });
        if faults {
            tracing::warn!(conversation, ?outcome, "the receiver of callbacks failed");
            world.instance.fault(conversation, now);
        }
        ((), Vec::new())
    });
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn callback(conversation: u64) -> Parcel {
        Callback { conversation, body: Value::Null, ends: false }.into()
    }

    #[test]
    fn an_ordered_lane_gets_one_runner_and_unordered_callbacks_one_each() {
        let mut lanes = Lanes::default();
        assert!(lanes.push(callback(1), true).unwrap().is_some());
        assert!(lanes.push(callback(1), true).unwrap().is_none());
        assert!(lanes.push(callback(2), true).unwrap().is_some());
        assert!(lanes.push(callback(1), false).unwrap().is_some());
        assert!(lanes.push(callback(1), false).unwrap().is_some());
    }

    #[test]
    fn held_callbacks_start_when_they_are_released() {
        let mut lanes = Lanes::default();
        lanes.hold(true);
        assert!(lanes.push(callback(1), true).unwrap().is_none());
        let started = lanes.hold(false);
        assert_eq!(started, [LaneKey::Conversation(1)]);
        assert!(lanes.push(callback(1), true).unwrap().is_none(), "it has a runner");
        assert!(lanes.next(started[0]).is_some());
        lanes.hold(true);
        assert!(lanes.next(started[0]).is_none(), "held in the middle");
        assert_eq!(lanes.hold(false), started);
        assert!(lanes.next(started[0]).is_some());
        assert!(lanes.next(started[0]).is_none());
        assert!(lanes.queues.is_empty());
        assert_eq!(lanes.waiting, 0);
    }

    #[test]
    fn a_full_queue_gives_the_callback_back() {
        let mut lanes = Lanes { waiting: WAITING_MAX, ..Lanes::default() };
        assert!(lanes.push(callback(1), true).is_err());
    }
}
