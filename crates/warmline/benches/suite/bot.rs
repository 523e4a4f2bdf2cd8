//! Past the gateway: a user's message to a bot of one's own, and its answer on the page's open stream;
//! against the same bot called directly, which answers with its answer.
//!
//! What the gateway adds is what it is there for: two commits, of the question and of the answer, and
//! a delivery that survives. The bot is the smallest there is, so that it is not what is measured.
//! Each connection asks its next question when the last was answered.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::ensure;
use serde_json::json;
use tempfile::TempDir;

use crate::{
    arguments::Plan,
    chats::{self, Chat},
    feed::Feed,
    flights::Flights,
    http::Connection,
    instance::Instance,
    load::{Stage, Window, Workers, dealt, join, percentile_ms, stage},
    report::{Column, Figure, Kind, Row, Section},
    server::Server,
    streams::Streams,
};

#[derive(Debug)]
struct Round {
    answered: u64,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    window: Window,
}

const RATE: Kind = Kind::new("answers_per_second", "answers/s", "1/s", 0);

const COLUMNS: [Column<Round>; 5] = [
    (RATE, |round| Some(round.window.per_second(round.answered))),
    (Kind::new("p50", "p50 ms", "ms", 2), |round| round.p50_ms),
    (Kind::new("p99", "p99 ms", "ms", 2), |round| round.p99_ms),
    (Kind::new("server_processor_us_per_answer", "server CPU µs/answer", "µs", 1), |round| {
        round.window.processor_us(round.answered)
    }),
    (Kind::new("generator_busy", "generator %", "%", 0), |round| round.window.generator_percent()),
];

/// Who is asked.
enum Asked {
    /// The bot itself; the answer is the answer.
    Directly,
    /// A gateway; the answer comes on the page's stream.
    Past(Box<Past>),
}

struct Past {
    gateway: Server,
    flights: Arc<Flights>,
    chats: Vec<Chat>,
    _streams: Streams,
    _data: TempDir,
    _instance: Instance,
}

struct Case {
    name: &'static str,
    asked: Asked,
    feeds: Vec<Feed>,
}

pub(crate) async fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let (count, most) = (plan.chats(32, 256), plan.connections(16, 64));
    let bot = Server::bot().await?;
    let answering = past("expectReplies", bot.address, count).await?;
    let calling = past("normal", bot.address, count).await?;
    let feeds = |past: &Past, to: SocketAddr| {
        past.chats.iter().map(|chat| Feed::questions(chat, to)).collect()
    };
    let direct = answering.chats.iter().map(|chat| Feed::to_bot(chat, bot.address)).collect();
    let mut cases = [
        Case { name: "bot, directly", feeds: direct, asked: Asked::Directly },
        Case {
            name: "gateway, the bot answers with its answer",
            feeds: feeds(&answering, answering.gateway.address),
            asked: Asked::Past(Box::new(answering)),
        },
        Case {
            name: "gateway, the bot calls back",
            feeds: feeds(&calling, calling.gateway.address),
            asked: Asked::Past(Box::new(calling)),
        },
    ];
    let loads = [1, most];
    let mut seen: Vec<Vec<Round>> = Vec::new();
    seen.resize_with(cases.len() * loads.len(), Vec::new);
    for round in 0..plan.rounds {
        let mut rounds = seen.iter_mut();
        for connections in loads {
            for case in &mut cases {
                let saw = case.round(plan, connections, &bot).await?;
                Row::progress(round, &named(case.name, connections), &COLUMNS, &saw);
                rounds.next().expect("one for each").push(saw);
            }
        }
    }
    let mut compared = 0;
    for case in &cases {
        if let Asked::Past(past) = &case.asked {
            compared += chats::check(&past.gateway, &past.chats, &case.feeds).await?;
        }
    }
    let mut rows = Vec::new();
    for (connections, seen) in loads.into_iter().zip(seen.chunks(cases.len())) {
        let measured: Vec<_> = cases
            .iter()
            .zip(seen)
            .map(|(case, rounds)| Row::of(&named(case.name, connections), &COLUMNS, rounds))
            .collect();
        let ratios: Vec<_> =
            measured[1..].iter().filter_map(|row| ratio(row, &measured[0])).collect();
        rows.extend(measured);
        rows.extend(ratios);
    }
    Ok(Section {
        subject: "bot",
        title: "User's message to a bot of one's own, and its answer",
        parameters: json!({
            "chats": count,
            "connections": loads,
            "rounds": plan.rounds,
            "seconds_measured": plan.timing.measured.as_secs_f64(),
            "seconds_warm_up": plan.timing.warm_up.as_secs_f64(),
        }),
        rows,
        notes: vec![format!("{compared} answers were read back and compared.")],
    })
}

fn named(case: &str, connections: usize) -> String {
    if connections == 1 {
        format!("{case}, one at a time")
    } else {
        format!("{case}, {connections} at a time")
    }
}

fn ratio(of: &Row, to: &Row) -> Option<Row> {
    let figure = Figure::ratio(of.figure(RATE)?, to.figure(RATE)?)?;
    Some(Row { case: format!("{} / {}", of.case, to.case), figures: vec![figure] })
}

async fn past(delivery: &str, bot: SocketAddr, count: usize) -> anyhow::Result<Past> {
    let instance = Instance::start().await?;
    let data = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let gateway = Server::gateway_before(bot, delivery, instance.address, data.path()).await?;
    let chats = chats::with_bot(gateway.address, count).await?;
    let flights = Flights::new(count);
    let streams = Streams::open(gateway.address, &chats, &flights).await?;
    Ok(Past { gateway, flights, chats, _streams: streams, _data: data, _instance: instance })
}

impl Case {
    async fn round(
        &mut self,
        plan: &Plan,
        connections: usize,
        bot: &Server,
    ) -> anyhow::Result<Round> {
        let stage = stage();
        let mut workers = Workers::new();
        let (server, flights) = match &self.asked {
            Asked::Directly => (bot, None),
            Asked::Past(past) => {
                past.flights.begin(&stage);
                (&past.gateway, Some(&past.flights))
            }
        };
        for feeds in dealt(std::mem::take(&mut self.feeds), connections) {
            let (address, stage) = (server.address, Arc::clone(&stage));
            let asks = Asks { address, feeds, stage, flights: flights.map(Arc::clone) };
            workers.spawn(asks.run());
        }
        let window = Window::over(plan.timing, server, &stage, false).await;
        let (feeds, saw) = join(workers).await?;
        self.feeds = feeds;
        let mut latencies: Vec<Duration> = saw.into_iter().flatten().collect();
        ensure!(!latencies.is_empty(), "nothing was answered");
        if let Some(flights) = flights {
            let repeats = flights.take().repeats;
            ensure!(repeats == 0, "{repeats} answers were shown twice");
        }
        latencies.sort_unstable();
        Ok(Round {
            answered: latencies.len() as u64,
            p50_ms: percentile_ms(&latencies, 50),
            p99_ms: percentile_ms(&latencies, 99),
            window,
        })
    }
}

/// One connection with its chats; gives back how long each question took that was both asked and
/// answered while the round was measured.
struct Asks {
    address: SocketAddr,
    feeds: Vec<Feed>,
    stage: Arc<Stage>,
    flights: Option<Arc<Flights>>,
}

impl Asks {
    async fn run(mut self) -> anyhow::Result<(Vec<Feed>, Vec<Duration>)> {
        let mut connection = Connection::open(self.address).await?;
        let mut took = Vec::new();
        loop {
            for at in 0..self.feeds.len() {
                if self.stage.is_over() {
                    return Ok((self.feeds, took));
                }
                let began = Instant::now();
                let measured = self.stage.is_measuring();
                let feed = &mut self.feeds[at];
                if let Some(flights) = &self.flights {
                    flights.departs(feed.chat, feed.sent + 1, began);
                }
                connection.must(feed.next()).await?;
                feed.acknowledge();
                if let Some(flights) = &self.flights {
                    flights.landed(feed.chat, feed.sent).await?;
                }
                if measured && self.stage.is_measuring() {
                    took.push(began.elapsed());
                }
            }
        }
    }
}
