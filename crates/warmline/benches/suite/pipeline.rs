//! From one end to the other: a callback to the frame on the page's open stream, or a user's message
//! to the request at the instance.
//!
//! Two loads take turns. The lighter one is open: messages are due at fixed times, whatever became of
//! the others, and one that had to wait for its connection counts from when it was due. The full one
//! is closed: each connection sends its next message when the last has arrived at the other end.
//! A latency is from the beginning of the POST to the arrival, both seen by this process.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::ensure;
use serde_json::json;

use crate::{
    arguments::Plan,
    chats, cost,
    feed::Feed,
    flights::Flights,
    house::{House, Which},
    http::Connection,
    load::{Stage, Window, Workers, dealt, join, percentile_ms, stage},
    report::{Column, Kind, Row, Section, number},
    slow_fsync::{LEFT_OUT, Shim},
    streams::Streams,
};

/// Which way the messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// From the instance to the page.
    In,
    /// From the page to the instance.
    Out,
}

/// How messages follow each other.
#[derive(Debug, Clone, Copy)]
enum Pace {
    /// So many in a second, at fixed times.
    Open(f64),
    /// The next when the last has arrived.
    Closed,
}

#[derive(Debug)]
struct Round {
    arrived: u64,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    window: Window,
}

const COLUMNS: [Column<Round>; 6] = [
    (Kind::new("messages_per_second", "messages/s", "1/s", 0), |round| {
        Some(round.window.per_second(round.arrived))
    }),
    (Kind::new("p50", "p50 ms", "ms", 2), |round| round.p50_ms),
    (Kind::new("p99", "p99 ms", "ms", 2), |round| round.p99_ms),
    (Kind::new("server_processor_us_per_message", "server CPU µs/message", "µs", 1), |round| {
        round.window.processor_us(round.arrived)
    }),
    (Kind::new("server_instructions_per_message", "instructions/message", "1", 0), |round| {
        round.window.instructions_each(round.arrived)
    }),
    (Kind::new("generator_busy", "generator %", "%", 0), |round| round.window.generator_percent()),
];

/// A gateway with its two ends.
struct Line {
    house: House,
    flights: Arc<Flights>,
    feeds: Vec<Feed>,
    repeats: u64,
    _streams: Option<Streams>,
}

pub(crate) async fn measure(plan: &Plan, shim: Option<&Shim>, way: Way) -> anyhow::Result<Section> {
    let (count, connections) = (plan.chats(32, 512), plan.connections(32, 128));
    let mut lines = vec![line(count, None, way).await?];
    if let Some(shim) = shim {
        lines.push(line(count, Some(shim), way).await?);
    }
    let body_bytes = lines[0].feeds[0].body_bytes;
    let counts = cost::counted().await;
    let paces = [Pace::Open(plan.rate), Pace::Closed];
    let mut cases: Vec<(String, Vec<Round>)> = Vec::new();
    for line in &lines {
        let case = |pace: &Pace| (format!("{}, {}", line.house.name, pace.name()), Vec::new());
        cases.extend(paces.iter().map(case));
    }
    for round in 0..plan.rounds {
        let mut cases = cases.iter_mut();
        for line in &mut lines {
            for (pace, (case, rounds)) in paces.iter().zip(&mut cases) {
                let seen = line.round(plan, *pace, connections, counts).await?;
                Row::progress(round, case, &COLUMNS, &seen);
                rounds.push(seen);
            }
        }
    }
    let (mut compared, mut repeats) = (0, 0);
    for line in &lines {
        compared += chats::check(&line.house.gateway, &line.house.chats, &line.feeds).await?;
        repeats += line.repeats;
    }
    // Requests to an instance are at least once; a page shows nothing twice.
    ensure!(way == Way::Out || repeats == 0, "{repeats} messages were shown twice");
    let mut notes = vec![format!("{compared} messages were read back and compared.")];
    if repeats > 0 {
        notes.push(format!("{repeats} requests reached the instance again."));
    }
    if !counts {
        notes.push("Instructions are not counted on this machine.".to_owned());
    }
    if plan.slower_ms.is_some() && shim.is_none() {
        notes.push(LEFT_OUT.to_owned());
    }
    Ok(Section {
        subject: way.subject(),
        title: way.title(),
        parameters: json!({
            "chats": count,
            "connections": connections,
            "body_bytes": body_bytes,
            "rate": plan.rate,
            "rounds": plan.rounds,
            "seconds_measured": plan.timing.measured.as_secs_f64(),
            "seconds_warm_up": plan.timing.warm_up.as_secs_f64(),
        }),
        rows: cases.iter().map(|(case, rounds)| Row::of(case, &COLUMNS, rounds)).collect(),
        notes,
    })
}

impl Way {
    fn subject(self) -> &'static str {
        match self {
            Self::In => "stream",
            Self::Out => "desk",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::In => "Webhook in to the page's stream",
            Self::Out => "User's message to the instance",
        }
    }
}

impl Pace {
    fn name(self) -> String {
        match self {
            Self::Open(rate) => format!("{}/s", number(rate, 0)),
            Self::Closed => "full load".to_owned(),
        }
    }
}

async fn line(count: usize, shim: Option<&Shim>, way: Way) -> anyhow::Result<Line> {
    let house = House::with_chats(count, shim.map_or(Which::Own, Which::Slower)).await?;
    let (gateway, flights) = (house.gateway.address, Flights::new(count));
    let streams = match way {
        Way::In => Some(Streams::open(gateway, &house.chats, &flights).await?),
        Way::Out => {
            house.instance.note_in(&flights)?;
            None
        }
    };
    let feed = |chat| match way {
        Way::In => Feed::agents(chat, gateway),
        Way::Out => Feed::users(chat, gateway),
    };
    let feeds = house.chats.iter().map(feed).collect();
    Ok(Line { house, flights, feeds, repeats: 0, _streams: streams })
}

impl Line {
    async fn round(
        &mut self,
        plan: &Plan,
        pace: Pace,
        connections: usize,
        count_instructions: bool,
    ) -> anyhow::Result<Round> {
        let stage = stage();
        self.flights.begin(&stage);
        let mut workers = Workers::new();
        let shares = dealt(std::mem::take(&mut self.feeds), connections);
        let (began, all) = (Instant::now(), shares.len());
        for (at, feeds) in shares.into_iter().enumerate() {
            let work = Work {
                address: self.house.gateway.address,
                feeds,
                stage: Arc::clone(&stage),
                flights: Arc::clone(&self.flights),
            };
            workers.spawn(match pace {
                Pace::Closed => futures_util::future::Either::Left(work.closed()),
                Pace::Open(rate) => {
                    let beat = Beat::of(began, rate, at, all)?;
                    futures_util::future::Either::Right(work.open(beat))
                }
            });
        }
        let server = &self.house.gateway;
        let window = Window::over(plan.timing, server, &stage, count_instructions).await;
        (self.feeds, _) = join(workers).await?;
        let mut seen = self.flights.take();
        self.repeats += seen.repeats;
        ensure!(seen.landings > 0, "nothing arrived");
        seen.latencies.sort_unstable();
        Ok(Round {
            arrived: seen.landings,
            p50_ms: percentile_ms(&seen.latencies, 50),
            p99_ms: percentile_ms(&seen.latencies, 99),
            window,
        })
    }
}

/// When the messages of one connection are due.
struct Beat {
    due: Instant,
    every: Duration,
}

impl Beat {
    /// The share of one connection of a common rate; they take turns.
    fn of(began: Instant, rate: f64, at: usize, all: usize) -> anyhow::Result<Self> {
        let between = Duration::try_from_secs_f64(1.0 / rate)?;
        let due = began + between.saturating_mul(u32::try_from(at)?);
        Ok(Self { due, every: between.saturating_mul(u32::try_from(all)?) })
    }

    /// Waits until the next message is due; gives back since when it counts. A timer that rings a
    /// little late is this program's fault, a connection that is still taken is the server's.
    async fn next(&mut self) -> Instant {
        let (due, now) = (self.due, Instant::now());
        self.due += self.every;
        if due <= now {
            return due;
        }
        tokio::time::sleep_until(due.into()).await;
        Instant::now()
    }
}

/// One connection with its chats.
struct Work {
    address: SocketAddr,
    feeds: Vec<Feed>,
    stage: Arc<Stage>,
    flights: Arc<Flights>,
}

impl Work {
    async fn closed(mut self) -> anyhow::Result<(Vec<Feed>, ())> {
        let mut connection = Connection::open(self.address).await?;
        loop {
            for at in 0..self.feeds.len() {
                if self.stage.is_over() {
                    return Ok((self.feeds, ()));
                }
                self.post(&mut connection, at, Instant::now()).await?;
                self.flights.landed(self.feeds[at].chat, self.feeds[at].sent).await?;
            }
        }
    }

    async fn open(mut self, mut beat: Beat) -> anyhow::Result<(Vec<Feed>, ())> {
        let mut connection = Connection::open(self.address).await?;
        let mut turn = 0;
        loop {
            let began = beat.next().await;
            if self.stage.is_over() {
                break;
            }
            self.post(&mut connection, turn, began).await?;
            turn = (turn + 1) % self.feeds.len();
        }
        for feed in &self.feeds {
            self.flights.landed(feed.chat, feed.sent).await?;
        }
        Ok((self.feeds, ()))
    }

    async fn post(
        &mut self,
        connection: &mut Connection,
        at: usize,
        began: Instant,
    ) -> anyhow::Result<()> {
        let feed = &mut self.feeds[at];
        self.flights.departs(feed.chat, feed.sent + 1, began);
        connection.must(feed.next()).await?;
        feed.acknowledge();
        Ok(())
    }
}
