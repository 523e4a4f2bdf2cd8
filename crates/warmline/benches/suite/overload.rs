//! Ten times the load that can be carried: how much is still carried, in how much memory, and whether
//! all is well afterwards.
//!
//! First the best: 128 connections, each posts when the last was answered. Then ten times as many
//! messages are due each second as the best carried, spread evenly over thousands of connections:
//! more than the gateway's queue has places. A caller told to come back repeats at once; one that
//! waits too long hangs up and repeats on a new connection. The two loads take turns.
//!
//! The generator shares the processors with the server, and a connection carries one request at
//! a time, so most of what is due cannot even be sent: it is counted as *found no connection*, and what
//! was really written to connections is counted apart, repeats included.

mod impatient;

use anyhow::{Context, ensure};
use serde_json::json;

use self::impatient::{Due, Tally, crowd, recovery};
use crate::{
    arguments::Plan,
    chats, cost,
    feed::Feed,
    house::{House, Which},
    load::{Window, as_f64},
    report::{Column, Figure, Kind, Row, Section},
    webhook::{self, answered},
};

/// How many times the best is due.
const TIMES: f64 = 10.0;

/// Connections for the best.
const BEST_CONNECTIONS: usize = 128;

/// Connections for the ten times: the gateway's queue has 4,096 places and a batch 1,024.
const CONNECTIONS: usize = 6_144;

/// Open files that this process needs for itself.
const SPARE_FILES: usize = 500;

/// What must be left of the best.
const GOAL: f64 = 0.8;

/// What a round of ten times the load showed.
struct Round {
    tally: Tally,
    window: Window,
    due_per_second: f64,
    recovered_ms: f64,
    peak: Option<u64>,
}

const GOODPUT: Kind = Kind::new("goodput", "answered 200/s", "1/s", 0);
const P99: Kind = Kind::new("p99", "p99 of those, ms", "ms", 1);
const PROCESSOR: Kind = Kind::new("server_processor_us_per_request", "server CPU µs/200", "µs", 1);
const GENERATOR: Kind = Kind::new("generator_busy", "generator %", "%", 0);

const BEST: [Column<webhook::Round>; 4] = [
    (GOODPUT, |round| Some(round.requests_per_second())),
    (P99, webhook::Round::p99_ms),
    (PROCESSOR, webhook::Round::processor_us),
    (GENERATOR, webhook::Round::generator_percent),
];

const TEN_TIMES: [Column<Round>; 11] = [
    (GOODPUT, |round| Some(round.window.per_second(round.tally.accepted))),
    (P99, |round| round.tally.p99_ms()),
    (PROCESSOR, |round| round.window.processor_us(round.tally.accepted)),
    (Kind::new("due", "due/s", "1/s", 0), |round| Some(round.due_per_second)),
    (Kind::new("no_connection", "found no connection/s", "1/s", 0), |round| {
        // A caller knows only afterwards what it could not begin, so this is the rest.
        Some((round.due_per_second - round.window.per_second(round.tally.begun)).max(0.0))
    }),
    (Kind::new("written", "written/s", "1/s", 0), |round| {
        Some(round.window.per_second(round.tally.written))
    }),
    (Kind::new("refused", "answered 503/s", "1/s", 0), |round| {
        Some(round.window.per_second(round.tally.refused))
    }),
    (Kind::new("given_up", "given up or cut/s", "1/s", 0), |round| {
        Some(round.window.per_second(round.tally.given_up))
    }),
    (Kind::new("peak_memory", "peak MB", "MB", 0), |round| Some(as_f64(round.peak?) / 1e6)),
    (Kind::new("recovered", "a 200 afterwards, ms", "ms", 0), |round| Some(round.recovered_ms)),
    (GENERATOR, |round| round.window.generator_percent()),
];

pub(crate) async fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let wanted = plan.connections(512, CONNECTIONS);
    let room = cost::open_files_max().map_or(wanted, |files| files.saturating_sub(SPARE_FILES));
    let connections = wanted.min(room);
    ensure!(connections > BEST_CONNECTIONS, "too few open files are allowed (ulimit -n)");
    // A chat belongs to one connection, and one chat to the caller that comes afterwards.
    let house = House::with_chats(connections + 1, Which::Own).await?;
    let gateway = &house.gateway;
    let mut feeds: Vec<Feed> =
        house.chats.iter().map(|chat| Feed::agents(chat, gateway.address)).collect();
    let mut late = feeds.pop().context("there is a chat more")?;
    let (mut best, mut crowded): (Vec<webhook::Round>, Vec<Round>) = (Vec::new(), Vec::new());
    let mut peak_can_be_read = true;
    for round in 0..plan.rounds {
        let (seen, back) = answered(plan, gateway, feeds, BEST_CONNECTIONS, false).await?;
        Row::progress(round, "best", &BEST, &seen);
        let due_per_second = seen.requests_per_second() * TIMES;
        best.push(seen);
        peak_can_be_read &= cost::forget_peak(gateway.pid).is_ok();
        let crowd = crowd(gateway.address, back, Due::of(due_per_second, connections)?).await?;
        let window = Window::over(plan.timing, gateway, &crowd.stage, false).await;
        let recovered_ms = recovery(gateway.address, &mut late).await?.as_secs_f64() * 1e3;
        let (back, tally) = crowd.ended().await?;
        let peak = cost::memory(gateway.pid).map(|memory| memory.peak);
        let seen = Round {
            tally,
            window,
            due_per_second,
            recovered_ms,
            peak: peak.filter(|_| peak_can_be_read),
        };
        Row::progress(round, "ten times", &TEN_TIMES, &seen);
        crowded.push(seen);
        feeds = back;
    }
    feeds.push(late);
    let compared = chats::check(gateway, &house.chats, &feeds).await?;
    let best = Row::of("best", &BEST, &best);
    let crowded = Row::of("ten times that", &TEN_TIMES, &crowded);
    let both = |kind| best.figure(kind).zip(crowded.figure(kind));
    let share = both(GOODPUT).and_then(|(best, crowded)| Figure::ratio(crowded, best));
    let share = share.context("both loads were measured")?;
    // A cost is turned over. It hardly depends on what else the machine does.
    let cost = both(PROCESSOR).and_then(|(best, crowded)| Figure::ratio(best, crowded));
    let met = if share.median >= GOAL { "met" } else { "missed" };
    let notes = vec![
        format!("The goal, {GOAL} of the best, is {met}."),
        "A connection carries one request at a time, so what found none was due but never sent."
            .to_owned(),
        format!("{compared} messages were read back and compared."),
    ];
    let ratio = Row {
        case: "ten times / best".to_owned(),
        figures: [share].into_iter().chain(cost).collect(),
    };
    Ok(Section {
        subject: "overload",
        title: "Ten times the load",
        parameters: json!({
            "connections_of_the_best": BEST_CONNECTIONS,
            "connections": connections,
            "times": TIMES,
            "patience_seconds": impatient::PATIENCE.as_secs_f64(),
            "rounds": plan.rounds,
            "seconds_measured": plan.timing.measured.as_secs_f64(),
            "seconds_warm_up": plan.timing.warm_up.as_secs_f64(),
        }),
        rows: vec![best, crowded, ratio],
        notes,
    })
}
