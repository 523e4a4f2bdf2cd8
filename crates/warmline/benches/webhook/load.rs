//! The generator: connections that post, wait for the answer, and post again.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use crate::{
    arguments::Plan,
    chats::Feed,
    cost::{instructions_for, processor_time},
    server::Server,
};

/// Room for an answer: some two hundred bytes are expected.
const ANSWER_BYTES_MAX: usize = 4_096;

const WARMING: u8 = 0;
const MEASURING: u8 = 1;
const OVER: u8 = 2;

/// What one round of one server showed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    pub(crate) requests_per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    /// The server's processor time for one request.
    pub(crate) processor_time: Option<Duration>,
    /// The server's instructions for one request.
    pub(crate) instructions: Option<f64>,
    /// The generator's share of one processor; near its threads' number it was the limit.
    pub(crate) generator_busy: Option<f64>,
}

/// Warms up, measures, and gives the feeds back as far as they got.
pub(crate) async fn run(
    plan: &Plan,
    server: &Server,
    feeds: Vec<Feed>,
    count_instructions: bool,
) -> anyhow::Result<(Round, Vec<Feed>)> {
    let phase = Arc::new(AtomicU8::new(WARMING));
    let mut workers = JoinSet::new();
    for share in dealt(feeds, plan.connections) {
        workers.spawn(work(server.address, share, Arc::clone(&phase)));
    }
    tokio::time::sleep(plan.warm_up).await;
    let own = std::process::id();
    let before = (processor_time(server.pid), processor_time(own));
    let began = Instant::now();
    phase.store(MEASURING, Ordering::Relaxed);
    let instructions = if count_instructions {
        instructions_for(server.pid, plan.measured).await
    } else {
        tokio::time::sleep(plan.measured).await;
        None
    };
    phase.store(OVER, Ordering::Relaxed);
    let lasted = began.elapsed();
    let after = (processor_time(server.pid), processor_time(own));
    let (mut feeds, mut latencies) = (Vec::new(), Vec::new());
    while let Some(worked) = workers.join_next().await {
        let (share, measured) = worked??;
        feeds.extend(share);
        latencies.extend(measured);
    }
    feeds.sort_by_key(|feed| feed.chat);
    ensure!(!latencies.is_empty(), "nothing was answered");
    latencies.sort_unstable();
    let requests = as_f64(latencies.len());
    let spent = |before: Option<Duration>, after: Option<Duration>| after?.checked_sub(before?);
    let round = Round {
        requests_per_second: requests / lasted.as_secs_f64(),
        p50: latencies[latencies.len() / 2],
        p99: latencies[latencies.len() * 99 / 100],
        processor_time: spent(before.0, after.0).map(|time| time.div_f64(requests)),
        instructions: instructions.map(|count| as_f64(count) / requests),
        generator_busy: spent(before.1, after.1).map(|time| time.div_duration_f64(lasted)),
    };
    Ok((round, feeds))
}

/// A count as a float: exact up to 2^53, which no count here comes near.
fn as_f64(count: impl TryInto<u64>) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
    count.try_into().map_or(f64::NAN, |count: u64| count as f64)
}

/// Deals the feeds out, so that each belongs to one connection.
fn dealt(feeds: Vec<Feed>, connections: usize) -> Vec<Vec<Feed>> {
    let mut shares: Vec<Vec<Feed>> = Vec::new();
    shares.resize_with(connections.min(feeds.len()), Vec::new);
    for (at, feed) in feeds.into_iter().enumerate() {
        let share = at % shares.len();
        shares[share].push(feed);
    }
    shares
}

async fn work(
    address: SocketAddr,
    mut feeds: Vec<Feed>,
    phase: Arc<AtomicU8>,
) -> anyhow::Result<(Vec<Feed>, Vec<Duration>)> {
    let mut connection = Connection::open(address).await?;
    let mut latencies = Vec::new();
    loop {
        for feed in &mut feeds {
            if phase.load(Ordering::Relaxed) == OVER {
                return Ok((feeds, latencies));
            }
            let began = Instant::now();
            connection.post(feed.next()).await?;
            if phase.load(Ordering::Relaxed) == MEASURING {
                latencies.push(began.elapsed());
            }
        }
    }
}

/// One connection, one request at a time. As little HTTP as the two servers need.
struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("no connection")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::with_capacity(ANSWER_BYTES_MAX) })
    }

    /// Posts a whole request and reads the whole answer, which must be a 200.
    async fn post(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(request).await?;
        self.answer.clear();
        while !is_whole(&self.answer)? {
            ensure!(self.answer.len() < ANSWER_BYTES_MAX, "the answer is too long");
            let read = self.stream.read_buf(&mut self.answer).await?;
            ensure!(read > 0, "the server closed the connection");
        }
        if !self.answer.starts_with(b"HTTP/1.1 200 ") {
            bail!("not a 200: {}", String::from_utf8_lossy(&self.answer));
        }
        Ok(())
    }
}

/// Whether an answer is there to the end of its body.
fn is_whole(answer: &[u8]) -> anyhow::Result<bool> {
    const END: &[u8] = b"\r\n\r\n";
    let Some(head) = answer.windows(END.len()).position(|bytes| bytes == END) else {
        return Ok(false);
    };
    let length = std::str::from_utf8(&answer[..head])?
        .split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .context("the answer has no Content-Length")?
        .1
        .trim()
        .parse::<usize>()?;
    let body = answer.len() - head - END.len();
    ensure!(body <= length, "the answer is longer than it says");
    Ok(body == length)
}
