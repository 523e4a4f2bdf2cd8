//! Callers that do not wait: each has a time for its messages, repeats at once what was refused, and
//! hangs up on whoever is slow.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{
    feed::Feed,
    http::Connection,
    load::{Stage, Workers, join, percentile_ms, stage},
};

/// How long a caller waits for an answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// Connections that are opened at a time before the load begins.
const OPENED_AT_ONCE: usize = 64;

/// After a connection was refused or cut: opening one fails faster than anything else here.
const BREATH: Duration = Duration::from_millis(10);

/// How long the gateway may need after the load before it answers with success.
const RECOVERS_WITHIN: Duration = Duration::from_secs(30);

/// What callers saw in the measured time.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Messages that got a connection.
    pub(super) begun: u64,
    /// Requests written, repeats included.
    pub(super) written: u64,
    /// Answered 200.
    pub(super) accepted: u64,
    /// Answered 503.
    pub(super) refused: u64,
    /// Not answered in time, or cut off.
    pub(super) given_up: u64,
    /// From the first attempt to the 200.
    latencies: Vec<Duration>,
}

impl Tally {
    pub(super) fn p99_ms(&self) -> Option<f64> {
        percentile_ms(&self.latencies, 99)
    }
}

/// When messages are due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    /// Between two messages of one connection.
    every: Duration,
    /// Between the first messages of two connections.
    apart: Duration,
}

impl Due {
    /// So many a second over all connections.
    pub(super) fn of(per_second: f64, connections: usize) -> anyhow::Result<Self> {
        let apart = Duration::try_from_secs_f64(1.0 / per_second)?;
        Ok(Self { every: apart.saturating_mul(u32::try_from(connections)?), apart })
    }
}

/// Callers at work.
pub(super) struct Crowd {
    pub(super) stage: Arc<Stage>,
    workers: Workers<Tally>,
}

/// One caller for each feed; all are connected before the first speaks.
pub(super) async fn crowd(to: SocketAddr, feeds: Vec<Feed>, due: Due) -> anyhow::Result<Crowd> {
    let connections: Vec<Connection> = stream::iter(0..feeds.len())
        .map(|_| Connection::open(to))
        .buffer_unordered(OPENED_AT_ONCE)
        .try_collect()
        .await?;
    let (stage, mut workers) = (stage(), Workers::new());
    let mut first = Instant::now();
    for (feed, connection) in feeds.into_iter().zip(connections) {
        let caller = Caller {
            to,
            connection: Some(connection),
            feed,
            stage: Arc::clone(&stage),
            tally: Tally::default(),
        };
        workers.spawn(caller.run(first, due.every));
        first += due.apart;
    }
    Ok(Crowd { stage, workers })
}

impl Crowd {
    /// The sum of what all saw, once the last has hung up.
    pub(super) async fn ended(self) -> anyhow::Result<(Vec<Feed>, Tally)> {
        let (feeds, tallies) = join(self.workers).await?;
        let mut sum = Tally::default();
        for tally in tallies {
            sum.begun += tally.begun;
            sum.written += tally.written;
            sum.accepted += tally.accepted;
            sum.refused += tally.refused;
            sum.given_up += tally.given_up;
            sum.latencies.extend(tally.latencies);
        }
        sum.latencies.sort_unstable();
        Ok((feeds, sum))
    }
}

struct Caller {
    to: SocketAddr,
    connection: Option<Connection>,
    feed: Feed,
    stage: Arc<Stage>,
    tally: Tally,
}

impl Caller {
    async fn run(
        mut self,
        mut due: Instant,
        every: Duration,
    ) -> anyhow::Result<(Vec<Feed>, Tally)> {
        while !self.stage.is_over() {
            let now = Instant::now();
            if due > now {
                tokio::time::sleep(due - now).await;
                continue;
            }
            // What was due while the connection was taken found none and is never sent.
            while due <= now {
                due += every;
            }
            self.count(|tally| tally.begun += 1);
            self.deliver().await?;
        }
        Ok((vec![self.feed], self.tally))
    }

    /// One message, again and again, until it is taken or the round is over.
    async fn deliver(&mut self) -> anyhow::Result<()> {
        let began = Instant::now();
        while !self.stage.is_over() {
            match self.attempt().await? {
                Attempt::Accepted => {
                    self.feed.acknowledge();
                    self.count(|tally| {
                        tally.accepted += 1;
                        tally.latencies.push(began.elapsed());
                    });
                    return Ok(());
                }
                Attempt::Refused => self.count(|tally| tally.refused += 1),
                Attempt::GivenUp => {
                    self.connection = None;
                    self.count(|tally| tally.given_up += 1);
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
        Ok(())
    }

    async fn attempt(&mut self) -> anyhow::Result<Attempt> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => match tokio::time::timeout(PATIENCE, Connection::open(self.to)).await {
                Ok(Ok(connection)) => none.insert(connection),
                Ok(Err(_)) | Err(_) => return Ok(Attempt::GivenUp),
            },
        };
        if self.stage.is_measuring() {
            self.tally.written += 1;
        }
        match tokio::time::timeout(PATIENCE, connection.send(self.feed.pending())).await {
            Ok(Ok(200)) => Ok(Attempt::Accepted),
            Ok(Ok(503)) => Ok(Attempt::Refused),
            Ok(Ok(other)) => bail!("the gateway answers {other}"),
            Ok(Err(_)) | Err(_) => Ok(Attempt::GivenUp),
        }
    }

    fn count(&mut self, count: impl FnOnce(&mut Tally)) {
        if self.stage.is_measuring() {
            count(&mut self.tally);
        }
    }
}

enum Attempt {
    Accepted,
    Refused,
    GivenUp,
}

/// How long it takes, from now, until a new caller's message is taken.
pub(super) async fn recovery(to: SocketAddr, feed: &mut Feed) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let taken = async {
        let mut connection = Connection::open(to).await?;
        while connection.send(feed.pending()).await? != 200 {}
        feed.acknowledge();
        anyhow::Ok(began.elapsed())
    };
    tokio::time::timeout(RECOVERS_WITHIN, taken).await.context("the gateway did not recover")?
}
