//! What a webhook call costs: taken in, sealed and durable, as a ratio to a bare handler.
//!
//! The bare handler is axum on the same runtime and allocator that parses the same JSON into borrowed
//! types and answers the same 200. It proves nobody, keeps nothing and logs nothing. Connections
//! each post one agent's message after the other, the next when the last was answered, so the
//! latencies are those of saturation. Where the generator was the one that was busy, the bare server
//! could do more and the ratio flatters the gateway.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::ensure;
use serde_json::json;

use crate::{
    arguments::Plan,
    at_rest, chats, cost,
    feed::Feed,
    house::{House, Which},
    http::Connection,
    load::{Stage, Window, Workers, dealt, join, percentile_ms, stage},
    report::{Column, Figure, Kind, Row, Section},
    server::Server,
    slow_fsync::{LEFT_OUT, Shim},
};

/// What one round of one server showed.
#[derive(Debug)]
pub(crate) struct Round {
    requests: u64,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    window: Window,
}

const RATE: Kind = Kind::new("requests_per_second", "requests/s", "1/s", 0);
const PROCESSOR: Kind =
    Kind::new("server_processor_us_per_request", "server CPU µs/request", "µs", 1);
const INSTRUCTIONS: Kind =
    Kind::new("server_instructions_per_request", "instructions/request", "1", 0);

const COLUMNS: [Column<Round>; 6] = [
    (RATE, |round| Some(round.requests_per_second())),
    (Kind::new("p50", "p50 ms", "ms", 2), |round| round.p50_ms),
    (Kind::new("p99", "p99 ms", "ms", 2), |round| round.p99_ms),
    (PROCESSOR, Round::processor_us),
    (INSTRUCTIONS, |round| round.window.instructions_each(round.requests)),
    (Kind::new("generator_busy", "generator %", "%", 0), |round| round.window.generator_percent()),
];

/// A server and what is posted to it.
struct Side<'a> {
    name: &'a str,
    server: &'a Server,
    feeds: Vec<Feed>,
    rounds: Vec<Round>,
}

pub(crate) async fn measure(plan: &Plan, shim: Option<&Shim>) -> anyhow::Result<Section> {
    let (count, connections) = (plan.chats(100, 1_000), plan.connections(100, 128));
    let mut houses = vec![House::with_chats(count, Which::Own).await?];
    for which in
        shim.map(Which::Slower).into_iter().chain(plan.against.as_deref().map(Which::Other))
    {
        houses.push(House::with_chats(count, which).await?);
    }
    let bare = Server::bare().await?;
    let feeds = |house: &House, to: &Server| -> Vec<Feed> {
        house.chats.iter().map(|chat| Feed::agents(chat, to.address)).collect()
    };
    let side = |name, server, feeds| Side { name, server, feeds, rounds: Vec::new() };
    let mut sides: Vec<Side<'_>> = houses
        .iter()
        .map(|house| side(&house.name, &house.gateway, feeds(house, &house.gateway)))
        .collect();
    sides.push(side("bare handler", &bare, feeds(&houses[0], &bare)));
    let (body_bytes, counts) = (sides[0].feeds[0].body_bytes, cost::counted().await);
    for round in 0..plan.rounds {
        for side in &mut sides {
            let feeds = std::mem::take(&mut side.feeds);
            let (seen, feeds) = answered(plan, side.server, feeds, connections, counts).await?;
            Row::progress(round, side.name, &COLUMNS, &seen);
            side.rounds.push(seen);
            side.feeds = feeds;
        }
    }
    let mut compared = 0;
    for (house, side) in houses.iter().zip(&sides) {
        compared += chats::check(&house.gateway, &house.chats, &side.feeds).await?;
    }
    let mut rows: Vec<Row> =
        sides.iter().map(|side| Row::of(side.name, &COLUMNS, &side.rounds)).collect();
    let ratios: Vec<Row> = rows.iter().zip(&houses).map(|(row, _)| ratio(row, &rows)).collect();
    rows.extend(ratios);
    if plan.against.is_some() {
        rows.push(ratio(&rows[0], &rows[..houses.len()]));
    }
    if let Some(whole) = rows[0].figure(PROCESSOR) {
        let sealing = at_rest::measure(houses[0].data.path(), whole, plan.rounds)?;
        rows.extend(sealing);
    }
    let mut notes = vec![format!("{compared} messages were read back and compared.")];
    if !counts {
        notes.push("Instructions are not counted on this machine.".to_owned());
    }
    if plan.slower_ms.is_some() && shim.is_none() {
        notes.push(LEFT_OUT.to_owned());
    }
    Ok(Section {
        subject: "webhook",
        title: "Webhook in, durable and sealed",
        parameters: json!({
            "chats": count,
            "connections": connections,
            "body_bytes": body_bytes,
            "rounds": plan.rounds,
            "seconds_measured": plan.timing.measured.as_secs_f64(),
            "seconds_warm_up": plan.timing.warm_up.as_secs_f64(),
        }),
        rows,
        notes,
    })
}

/// A gateway as a share of what stands in the last row, the bare handler or another build: 1 would be
/// as good. A cost is turned over, so that more is always better.
fn ratio(row: &Row, rows: &[Row]) -> Row {
    let (name, other) = rows.last().map_or(("", &[][..]), |other| (&other.case, &other.figures));
    let figures = other.iter().filter_map(|other| {
        let gateway = row.figure(other.kind)?;
        match other.kind {
            RATE => Figure::ratio(gateway, other),
            PROCESSOR | INSTRUCTIONS => Figure::ratio(other, gateway),
            _ => None,
        }
    });
    Row { case: format!("{} / {name}", row.case), figures: figures.collect() }
}

impl Round {
    pub(crate) fn requests_per_second(&self) -> f64 {
        self.window.per_second(self.requests)
    }

    pub(crate) fn p99_ms(&self) -> Option<f64> {
        self.p99_ms
    }

    pub(crate) fn processor_us(&self) -> Option<f64> {
        self.window.processor_us(self.requests)
    }

    pub(crate) fn generator_percent(&self) -> Option<f64> {
        self.window.generator_percent()
    }
}

/// A round in which each connection posts its next message when the last was answered. Gives the
/// feeds back as far as they got.
pub(crate) async fn answered(
    plan: &Plan,
    server: &Server,
    feeds: Vec<Feed>,
    connections: usize,
    count_instructions: bool,
) -> anyhow::Result<(Round, Vec<Feed>)> {
    let stage = stage();
    let mut workers = Workers::new();
    for share in dealt(feeds, connections) {
        workers.spawn(work(server.address, share, Arc::clone(&stage)));
    }
    let window = Window::over(plan.timing, server, &stage, count_instructions).await;
    let (feeds, latencies) = join(workers).await?;
    let mut latencies = latencies.concat();
    ensure!(!latencies.is_empty(), "nothing was answered");
    latencies.sort_unstable();
    let round = Round {
        requests: u64::try_from(latencies.len())?,
        p50_ms: percentile_ms(&latencies, 50),
        p99_ms: percentile_ms(&latencies, 99),
        window,
    };
    Ok((round, feeds))
}

async fn work(
    address: SocketAddr,
    mut feeds: Vec<Feed>,
    stage: Arc<Stage>,
) -> anyhow::Result<(Vec<Feed>, Vec<Duration>)> {
    let mut connection = Connection::open(address).await?;
    let mut latencies = Vec::new();
    loop {
        for feed in &mut feeds {
            if stage.is_over() {
                return Ok((feeds, latencies));
            }
            let began = Instant::now();
            connection.must(feed.pending()).await?;
            if stage.is_measuring() {
                latencies.push(began.elapsed());
            }
            feed.acknowledge();
        }
    }
}
