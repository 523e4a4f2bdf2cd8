//! What every load has in common: the stages of a round, the measured window, and how chats are
//! dealt to connections.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::{
    cost::{instructions_for, processor_time},
    feed::Feed,
    server::Server,
};

const WARMING: u8 = 0;
const MEASURING: u8 = 1;
const OVER: u8 = 2;

/// How far a round has come.
#[derive(Debug, Default)]
pub(crate) struct Stage(AtomicU8);

impl Stage {
    pub(crate) fn is_measuring(&self) -> bool {
        self.0.load(Ordering::Relaxed) == MEASURING
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed) == OVER
    }
}

/// How long a round lasts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
}

impl Timing {
    pub(crate) fn whole(self) -> Duration {
        self.warm_up + self.measured
    }
}

/// What was seen from outside while a round was measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) lasted: Duration,
    /// The server's processor time.
    pub(crate) processor: Option<Duration>,
    /// The server's instructions.
    pub(crate) instructions: Option<u64>,
    /// The generator's share of one processor; near its threads' number it was the limit.
    pub(crate) generator_busy: Option<f64>,
}

impl Window {
    /// Takes a round through its stages while its workers run.
    pub(crate) async fn over(
        timing: Timing,
        server: &Server,
        stage: &Stage,
        count_instructions: bool,
    ) -> Self {
        debug_assert_eq!(WARMING, u8::default(), "a new stage is warming up");
        tokio::time::sleep(timing.warm_up).await;
        let own = std::process::id();
        let before = (processor_time(server.pid), processor_time(own));
        let began = Instant::now();
        stage.0.store(MEASURING, Ordering::Relaxed);
        let instructions = if count_instructions {
            instructions_for(server.pid, timing.measured).await
        } else {
            tokio::time::sleep(timing.measured).await;
            None
        };
        stage.0.store(OVER, Ordering::Relaxed);
        let lasted = began.elapsed();
        let after = (processor_time(server.pid), processor_time(own));
        let spent = |before: Option<Duration>, after: Option<Duration>| after?.checked_sub(before?);
        Self {
            lasted,
            processor: spent(before.0, after.0),
            instructions,
            generator_busy: spent(before.1, after.1).map(|time| time.div_duration_f64(lasted)),
        }
    }

    pub(crate) fn per_second(&self, count: u64) -> f64 {
        as_f64(count) / self.lasted.as_secs_f64()
    }

    /// The server's processor time for one of these, in microseconds.
    pub(crate) fn processor_us(&self, count: u64) -> Option<f64> {
        self.processor.map(|time| time.as_secs_f64() * 1e6 / as_f64(count))
    }

    /// The server's instructions for one of these.
    pub(crate) fn instructions_each(&self, count: u64) -> Option<f64> {
        self.instructions.map(|all| as_f64(all) / as_f64(count))
    }

    pub(crate) fn generator_percent(&self) -> Option<f64> {
        self.generator_busy.map(|share| share * 100.0)
    }
}

/// A count as a float: exact up to 2^53, which no count here comes near.
pub(crate) fn as_f64(count: impl TryInto<u64>) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
    count.try_into().map_or(f64::NAN, |count: u64| count as f64)
}

/// A percentile of what is sorted, in milliseconds; nothing of nothing.
pub(crate) fn percentile_ms(sorted: &[Duration], percent: usize) -> Option<f64> {
    let at = (sorted.len() * percent / 100).min(sorted.len().checked_sub(1)?);
    Some(sorted[at].as_secs_f64() * 1e3)
}

/// Deals the feeds out, so that each belongs to one connection.
pub(crate) fn dealt(feeds: Vec<Feed>, connections: usize) -> Vec<Vec<Feed>> {
    let mut shares: Vec<Vec<Feed>> = Vec::new();
    shares.resize_with(connections.min(feeds.len()), Vec::new);
    for (at, feed) in feeds.into_iter().enumerate() {
        let share = at % shares.len();
        shares[share].push(feed);
    }
    shares
}

/// The workers of a round. Each gives its feeds back with what it saw.
pub(crate) type Workers<T> = JoinSet<anyhow::Result<(Vec<Feed>, T)>>;

/// Waits for the workers to end; the feeds come back in the order of their chats.
pub(crate) async fn join<T: 'static>(
    mut workers: Workers<T>,
) -> anyhow::Result<(Vec<Feed>, Vec<T>)> {
    let (mut feeds, mut seen) = (Vec::new(), Vec::new());
    while let Some(worked) = workers.join_next().await {
        let (share, saw) = worked??;
        feeds.extend(share);
        seen.push(saw);
    }
    feeds.sort_by_key(|feed| feed.chat);
    Ok((feeds, seen))
}

/// A stage for a new round.
pub(crate) fn stage() -> Arc<Stage> {
    Arc::new(Stage::default())
}
