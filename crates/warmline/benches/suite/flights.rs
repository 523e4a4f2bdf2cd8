//! Messages between the two ends: when each left, when it arrived, and that none was lost,
//! shown twice or overtaken.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use tokio::sync::Notify;

use crate::load::Stage;

/// How long a message may take to the other end before it counts as lost.
const ARRIVES_WITHIN: Duration = Duration::from_secs(30);

/// The book of all chats.
#[derive(Debug)]
pub(crate) struct Flights {
    chats: Vec<Chat>,
}

#[derive(Debug, Default)]
struct Chat {
    state: Mutex<State>,
    landed: Notify,
}

#[derive(Debug, Default)]
struct State {
    stage: Arc<Stage>,
    under_way: VecDeque<Flight>,
    landed: u64,
    landings_measured: u64,
    latencies: Vec<Duration>,
    repeats: u64,
    fault: Option<String>,
}

#[derive(Debug)]
struct Flight {
    number: u64,
    began: Instant,
    measured: bool,
}

/// What a round saw at the far end.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Arrivals inside the measured time.
    pub(crate) landings: u64,
    /// From departure to arrival, of what departed inside the measured time.
    pub(crate) latencies: Vec<Duration>,
    /// Arrivals of what had arrived before.
    pub(crate) repeats: u64,
}

impl Flights {
    /// A book for this many chats.
    pub(crate) fn new(chats: usize) -> Arc<Self> {
        let mut all = Vec::new();
        all.resize_with(chats, Chat::default);
        Arc::new(Self { chats: all })
    }

    /// A new round begins; nothing is under way.
    pub(crate) fn begin(&self, stage: &Arc<Stage>) {
        for chat in &self.chats {
            chat.lock().stage = Arc::clone(stage);
        }
    }

    /// A message leaves.
    pub(crate) fn departs(&self, chat: usize, number: u64, began: Instant) {
        let mut state = self.chats[chat].lock();
        let measured = state.stage.is_measuring();
        state.under_way.push_back(Flight { number, began, measured });
    }

    /// A message arrives. Each chat's must arrive in the order in which they left.
    pub(crate) fn lands(&self, chat: usize, number: u64) {
        let now = Instant::now();
        let Some(chat) = self.chats.get(chat) else { return };
        let mut state = chat.lock();
        if number <= state.landed {
            state.repeats += 1;
            return;
        }
        match state.under_way.pop_front() {
            Some(flight) if flight.number == number => {
                state.landed = number;
                state.landings_measured += u64::from(state.stage.is_measuring());
                if flight.measured {
                    state.latencies.push(now.duration_since(flight.began));
                }
            }
            expected => {
                let expected = expected.map(|flight| flight.number);
                let fault = || format!("message {number} arrived, not {expected:?}");
                // The first is the one to look at.
                state.fault.get_or_insert_with(fault);
            }
        }
        drop(state);
        chat.landed.notify_one();
    }

    /// Something else is wrong with a chat.
    pub(crate) fn fails(&self, chat: usize, fault: String) {
        self.chats[chat].lock().fault.get_or_insert(fault);
        self.chats[chat].landed.notify_one();
    }

    /// Waits until a chat's message has arrived. One at a time may wait for a chat.
    pub(crate) async fn landed(&self, chat: usize, number: u64) -> anyhow::Result<()> {
        let flight = &self.chats[chat];
        let arrives = async {
            loop {
                {
                    let state = flight.lock();
                    if let Some(fault) = &state.fault {
                        bail!("chat {chat}: {fault}");
                    }
                    if state.landed >= number {
                        return Ok(());
                    }
                }
                flight.landed.notified().await;
            }
        };
        tokio::time::timeout(ARRIVES_WITHIN, arrives)
            .await
            .with_context(|| format!("chat {chat}: message {number} did not arrive"))?
    }

    /// What the round saw; empties the book for the next.
    pub(crate) fn take(&self) -> Seen {
        let mut seen = Seen::default();
        for chat in &self.chats {
            let mut state = chat.lock();
            seen.landings += std::mem::take(&mut state.landings_measured);
            seen.repeats += std::mem::take(&mut state.repeats);
            seen.latencies.append(&mut state.latencies);
        }
        seen
    }
}

impl Chat {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
