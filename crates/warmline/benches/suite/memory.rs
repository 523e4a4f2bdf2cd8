//! What the gateway holds in memory: idle, with many live chats, and for each open stream.
//!
//! Resident memory as the system counts it, the pages of the program and SQLite's cache included. A
//! reading counts once it has stopped moving. The first streams are not counted: they wake threads
//! and fill caches that the others share.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::json;

use crate::{
    arguments::Plan,
    cost,
    flights::Flights,
    house::{House, Which},
    load::as_f64,
    report::{Column, Kind, Row, Section},
    streams::Streams,
};

/// Chats that are open at the same time.
const CHATS: usize = 10_000;

/// Streams that are open at the same time.
const STREAMS: usize = 2_000;

/// Streams that are open before those that are counted.
const STREAMS_BEFORE: usize = 200;

/// Gateways that are measured, one after the other: these figures hardly drift.
const ROUNDS_MAX: usize = 3;

/// How often memory is read while it settles, and how much it may move between two readings.
const EVERY: Duration = Duration::from_millis(250);
const STILL_BYTES: u64 = 256 * 1_024;

/// How long it may take to settle.
const SETTLES_WITHIN: Duration = Duration::from_secs(15);

struct Round {
    idle: u64,
    with_chats: u64,
    with_first_streams: u64,
    with_streams: u64,
    chats: usize,
    streams: usize,
}

const COLUMNS: [Column<Round>; 5] = [
    (Kind::new("idle", "idle, MB", "MB", 1), |round| Some(as_f64(round.idle) / 1e6)),
    (Kind::new("with_chats", "with all chats, MB", "MB", 1), |round| {
        Some(as_f64(round.with_chats) / 1e6)
    }),
    (Kind::new("per_chat", "for a chat, bytes", "bytes", 0), |round| {
        Some(each(round.with_chats, round.idle, round.chats))
    }),
    (Kind::new("with_streams", "with all streams too, MB", "MB", 1), |round| {
        Some(as_f64(round.with_streams) / 1e6)
    }),
    (Kind::new("per_stream", "for a stream, bytes", "bytes", 0), |round| {
        Some(each(round.with_streams, round.with_first_streams, round.streams))
    }),
];

fn each(after: u64, before: u64, count: usize) -> f64 {
    (as_f64(after) - as_f64(before)) / as_f64(count)
}

pub(crate) async fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let chats = plan.chats(200, CHATS);
    let (before, streams) = if plan.quick { (50, 50) } else { (STREAMS_BEFORE, STREAMS) };
    let (before, streams) = (before.min(chats / 2), streams.min(chats / 2));
    let files = cost::open_files_max().unwrap_or(usize::MAX);
    ensure!(before + streams < files, "{streams} streams need more open files (ulimit -n)");
    let mut rounds = Vec::new();
    for round in 0..plan.rounds.min(ROUNDS_MAX) {
        let seen = one(chats, before, streams).await?;
        Row::progress(round, "memory", &COLUMNS, &seen);
        rounds.push(seen);
    }
    Ok(Section {
        subject: "memory",
        title: "Memory",
        parameters: json!({ "chats": chats, "streams": streams, "streams_before": before, "rounds": rounds.len() }),
        rows: vec![Row::of(&format!("{chats} chats, {streams} streams"), &COLUMNS, &rounds)],
        notes: Vec::new(),
    })
}

async fn one(chats: usize, before: usize, streams: usize) -> anyhow::Result<Round> {
    let mut house = House::empty(Which::Own).await?;
    let pid = house.gateway.pid;
    let idle = settled(pid).await?;
    house.open_chats(chats).await?;
    let with_chats = settled(pid).await?;
    let (gateway, flights) = (house.gateway.address, Flights::new(chats));
    let (first, rest) = house.chats.split_at(before);
    let first = Streams::open(gateway, first, &flights).await?;
    let with_first_streams = settled(pid).await?;
    let rest = Streams::open(gateway, &rest[..streams], &flights).await?;
    let with_streams = settled(pid).await?;
    drop((first, rest));
    Ok(Round { idle, with_chats, with_first_streams, with_streams, chats, streams })
}

/// The resident memory of a process once it has stopped moving.
async fn settled(pid: u32) -> anyhow::Result<u64> {
    let read = || cost::memory(pid).map(|memory| memory.resident);
    let mut last = read().context("this machine does not tell a process's memory (/proc)")?;
    let began = Instant::now();
    while began.elapsed() < SETTLES_WITHIN {
        tokio::time::sleep(EVERY).await;
        let now = read().context("the gateway ended")?;
        if now.abs_diff(last) <= STILL_BYTES {
            return Ok(now);
        }
        last = now;
    }
    Ok(last)
}
