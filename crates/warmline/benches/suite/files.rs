//! Large files, both ways: from a user to an agent and from an agent to a user, against `curl` straight
//! to and from the instance, and what the gateway's memory grows by meanwhile.
//!
//! The instance is the simulator, in this process: it makes the agent's file as it is read, and of the
//! user's it keeps size and digest. The gateway seals what it gets and writes it to the disk before
//! anybody is told; `curl` alone writes nothing. What is slower than `curl` is the price of that.
//! All transfers are made by `curl`, a process of its own, and take turns.

mod people;

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::json;
use simulator::Speaker;

use self::people::House;
use crate::{
    arguments::Plan,
    cost,
    load::as_f64,
    report::{Column, Figure, Kind, Row, Section},
};

/// A large file, in bytes, and one of a smoke run.
const FILE_BYTES: u64 = 500_000_000;
const SMALL_BYTES: u64 = 8_000_000;

/// What is measured, in the order of a round.
const CASES: [&str; 6] = [
    "user to agent: curl to the instance",
    "user to agent: taken by the gateway",
    "user to agent: through the gateway",
    "agent to user: curl from the instance",
    "agent to user: through the gateway, the first time",
    "agent to user: through the gateway, again",
];

/// Which are compared.
const COMPARED: [(usize, usize); 4] = [(1, 0), (2, 0), (4, 3), (5, 3)];

/// One transfer.
#[derive(Debug)]
struct Passed {
    bytes: u64,
    seconds: f64,
    /// What the gateway took meanwhile; nothing where it had no part in it.
    gateway: Option<Took>,
}

#[derive(Debug, Clone, Copy)]
struct Took {
    peak: u64,
    /// By how much its resident memory was larger, at its highest, than before.
    grew: u64,
    processor_seconds: f64,
}

const RATE: Kind = Kind::new("megabytes_per_second", "MB/s", "MB/s", 0);

const COLUMNS: [Column<Passed>; 4] = [
    (RATE, |passed| Some(as_f64(passed.bytes) / 1e6 / passed.seconds)),
    (Kind::new("seconds", "s", "s", 2), |passed| Some(passed.seconds)),
    (Kind::new("grew", "memory grew by, MB", "MB", 1), |passed| {
        Some(as_f64(passed.gateway?.grew) / 1e6)
    }),
    (Kind::new("server_processor_ms_per_mb", "server CPU ms/MB", "ms", 2), |passed| {
        Some(passed.gateway?.processor_seconds * 1e9 / as_f64(passed.bytes))
    }),
];

pub(crate) async fn measure(plan: &Plan) -> anyhow::Result<Section> {
    let bytes = if plan.quick { SMALL_BYTES } else { FILE_BYTES };
    let house = House::start(bytes).await?;
    let idle = house.memory()?.resident;
    let mut highest = idle;
    let mut seen: [Vec<Passed>; CASES.len()] = std::array::from_fn(|_| Vec::new());
    for round in 0..plan.rounds {
        for (at, passed) in house.round(round).await?.into_iter().enumerate() {
            Row::progress(round, CASES[at], &COLUMNS, &passed);
            highest = highest.max(passed.gateway.map_or(0, |took| took.peak));
            seen[at].push(passed);
        }
    }
    let mut rows: Vec<_> =
        CASES.iter().zip(&seen).map(|(case, seen)| Row::of(case, &COLUMNS, seen)).collect();
    let ratios: Vec<_> =
        COMPARED.iter().filter_map(|&(of, to)| ratio(&rows[of], &rows[to])).collect();
    rows.extend(ratios);
    Ok(Section {
        subject: "files",
        title: "Large files",
        parameters: json!({ "bytes": bytes, "rounds": plan.rounds }),
        rows,
        notes: vec![format!(
            "The gateway had {:.1} MB before the first file and {:.1} MB at most: {:.1} MB more. All that \
             came was compared with what was sent.",
            as_f64(idle) / 1e6,
            as_f64(highest) / 1e6,
            as_f64(highest - idle) / 1e6,
        )],
    })
}

fn ratio(of: &Row, to: &Row) -> Option<Row> {
    let figure = Figure::ratio(of.figure(RATE)?, to.figure(RATE)?)?;
    Some(Row { case: format!("{} / curl", of.case), figures: vec![figure] })
}

/// What one transfer takes, from now on.
struct Watch {
    began: Instant,
    resident: u64,
    processor: Duration,
}

impl House {
    fn memory(&self) -> anyhow::Result<cost::Memory> {
        cost::memory(self.gateway.pid).context("/proc tells how much memory the gateway has")
    }

    fn watch(&self) -> anyhow::Result<Watch> {
        let processor = cost::processor_time(self.gateway.pid).context("/proc has its time")?;
        cost::forget_peak(self.gateway.pid)?;
        Ok(Watch { began: Instant::now(), resident: self.memory()?.resident, processor })
    }

    /// The file has passed. Its watch goes on.
    fn passed(&self, watch: &Watch) -> anyhow::Result<Passed> {
        let seconds = watch.began.elapsed().as_secs_f64();
        let processor = cost::processor_time(self.gateway.pid).context("/proc has its time")?;
        let peak = self.memory()?.peak;
        let gateway = Some(Took {
            peak,
            grew: peak.saturating_sub(watch.resident),
            processor_seconds: processor.saturating_sub(watch.processor).as_secs_f64(),
        });
        Ok(Passed { bytes: self.bytes, seconds, gateway })
    }

    /// What passed without the gateway.
    fn straight(&self, began: Instant) -> Passed {
        Passed { bytes: self.bytes, seconds: began.elapsed().as_secs_f64(), gateway: None }
    }

    async fn round(&self, round: usize) -> anyhow::Result<[Passed; CASES.len()]> {
        let began = Instant::now();
        self.brings_to_instance().await?;
        let up_straight = self.straight(began);
        let watch = self.watch()?;
        let name = format!("user-{round}.bin");
        self.user_sends(&name).await?;
        let taken = self.passed(&watch)?;
        let arrived = self.agent_has(Speaker::User, &name).await?;
        let up = self.passed(&watch)?;
        ensure!(arrived.sha256 == self.source.sha256, "the agent has another file");
        let name = format!("agent-{round}.bin");
        let shown = self.agent_sends(&name).await?;
        let watch = self.watch()?;
        self.user_opens(&shown).await?;
        let first = self.passed(&watch)?;
        let began = Instant::now();
        self.opens_at_instance().await?;
        let down_straight = self.straight(began);
        let watch = self.watch()?;
        self.user_opens(&shown).await?;
        let again = self.passed(&watch)?;
        self.user_compares(&shown).await?;
        Ok([up_straight, taken, up, down_straight, first, again])
    }
}
