//! The table and the file.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Value, json};

use crate::{arguments::Plan, load::Round, server::Side};

/// Collects the rounds.
pub(crate) struct Report<'a> {
    plan: &'a Plan,
    body_bytes: usize,
    counts_instructions: bool,
    rounds: Vec<(Side, Round)>,
}

/// One measure of a round, as far as there is one.
type Measure = fn(&Round) -> Option<f64>;

const REQUESTS: Measure = |round| Some(round.requests_per_second);
const P50: Measure = |round| Some(round.p50.as_secs_f64() * 1_000.0);
const P99: Measure = |round| Some(round.p99.as_secs_f64() * 1_000.0);
const PROCESSOR: Measure =
    |round| round.processor_time.map(|time| time.as_secs_f64() * 1_000_000.0);
const INSTRUCTIONS: Measure = |round| round.instructions;
const GENERATOR: Measure = |round| round.generator_busy.map(|share| share * 100.0);

/// The columns: what stands above them, the name in the file, the digits after the point.
const COLUMNS: [(&str, &str, Measure, usize); 6] = [
    ("req/s", "requests_per_second", REQUESTS, 0),
    ("p50 ms", "p50_ms", P50, 2),
    ("p99 ms", "p99_ms", P99, 2),
    ("CPU µs/req", "server_processor_us_per_request", PROCESSOR, 1),
    ("instr/req", "server_instructions_per_request", INSTRUCTIONS, 0),
    ("generator %", "generator_busy_percent", GENERATOR, 0),
];

/// The ratios: above 0, and 1 would be the bare handler's pace. A cost is turned over, so that more
/// is always better.
const RATIOS: [(&str, &str, Measure, Better); 3] = [
    ("by requests per second", "requests_per_second", REQUESTS, Better::More),
    ("by the server's processor time", "server_processor_time", PROCESSOR, Better::Less),
    ("by the server's instructions", "server_instructions", INSTRUCTIONS, Better::Less),
];

#[derive(Clone, Copy)]
enum Better {
    More,
    Less,
}

impl<'a> Report<'a> {
    pub(crate) fn new(plan: &'a Plan, body_bytes: usize, counts_instructions: bool) -> Self {
        Self { plan, body_bytes, counts_instructions, rounds: Vec::new() }
    }

    pub(crate) fn counts_instructions(&self) -> bool {
        self.counts_instructions
    }

    pub(crate) fn print_heading(&self) {
        let Plan { rounds, measured, warm_up, chats, connections, threads, .. } = self.plan;
        println!(
            "webhook in, durable and sealed: {chats} live chats, {connections} connections, \
             {} bytes, generator threads {threads}, {rounds} rounds of {measured:?} after \
             {warm_up:?}",
            self.body_bytes
        );
        if !self.counts_instructions {
            println!("instructions: not counted on this machine");
        }
        print!("{:>6}  {:<8}", "round", "server");
        for (heading, ..) in COLUMNS {
            print!("{heading:>12}");
        }
        println!();
    }

    /// Takes a round in and shows it.
    pub(crate) fn add(&mut self, side: Side, round: Round) {
        self.rounds.push((side, round));
        print_row(&self.of(side).count().to_string(), side, |measure| measure(&round));
    }

    /// Shows the medians and the ratios, and writes the file.
    pub(crate) fn finish(&self, messages_checked: u64) -> anyhow::Result<()> {
        for side in [Side::Gateway, Side::Bare] {
            print_row("median", side, |measure| self.median(side, measure));
        }
        println!("gateway / bare handler (1 would be as good):");
        for (sentence, _, measure, better) in RATIOS {
            if let Some((ratio, low, high)) = self.ratio(measure, better) {
                println!("  {ratio:.3}  {sentence} ({low:.3} to {high:.3} round by round)");
            }
        }
        println!("{messages_checked} messages were read back and compared");
        if self.plan.quick {
            println!("a smoke run: these figures mean nothing");
        }
        let file = file();
        let folder = file.parent().context("the file is in a folder")?;
        std::fs::create_dir_all(folder)?;
        std::fs::write(&file, format!("{:#}\n", self.json(messages_checked)))?;
        println!("written to {}", file.display());
        Ok(())
    }

    fn of(&self, side: Side) -> impl Iterator<Item = &Round> {
        self.rounds.iter().filter(move |(whose, _)| *whose == side).map(|(_, round)| round)
    }

    fn median(&self, side: Side, measure: Measure) -> Option<f64> {
        median(self.of(side).map(measure).collect::<Option<_>>()?)
    }

    /// The ratio of the medians, and the least and the greatest of neighbouring rounds.
    fn ratio(&self, measure: Measure, better: Better) -> Option<(f64, f64, f64)> {
        let ratio = |gateway: f64, bare: f64| match better {
            Better::More => gateway / bare,
            Better::Less => bare / gateway,
        };
        let of_medians =
            ratio(self.median(Side::Gateway, measure)?, self.median(Side::Bare, measure)?);
        let pairs = self.of(Side::Gateway).zip(self.of(Side::Bare));
        let mut ratios = pairs
            .map(|(gateway, bare)| Some(ratio(measure(gateway)?, measure(bare)?)))
            .collect::<Option<Vec<_>>>()?;
        ratios.sort_by(f64::total_cmp);
        Some((of_medians, *ratios.first()?, *ratios.last()?))
    }

    fn json(&self, messages_checked: u64) -> Value {
        let columns = |of: &dyn Fn(Measure) -> Option<f64>| -> Value {
            COLUMNS
                .iter()
                .map(|&(_, name, measure, _)| (name.to_owned(), json!(of(measure))))
                .collect()
        };
        let side = |side| {
            let rounds = self.of(side).map(|round| columns(&|measure| measure(round)));
            json!({
                "rounds": rounds.collect::<Vec<_>>(),
                "median": columns(&|measure| self.median(side, measure)),
            })
        };
        let ratios: Value = RATIOS
            .iter()
            .map(|&(_, name, measure, better)| {
                let ratio = self.ratio(measure, better).map(|(ratio, low, high)| {
                    json!({ "of_medians": ratio, "lowest": low, "highest": high })
                });
                (name.to_owned(), json!(ratio))
            })
            .collect();
        json!({
            "benchmark": "webhook",
            "smoke_run": self.plan.quick,
            "chats": self.plan.chats,
            "connections": self.plan.connections,
            "generator_threads": self.plan.threads,
            "seconds_measured": self.plan.measured.as_secs_f64(),
            "seconds_warm_up": self.plan.warm_up.as_secs_f64(),
            "processors": std::thread::available_parallelism().ok(),
            "body_bytes": self.body_bytes,
            "messages_checked": messages_checked,
            "gateway": side(Side::Gateway),
            "bare": side(Side::Bare),
            "ratio": ratios,
        })
    }
}

fn print_row(label: &str, side: Side, value: impl Fn(Measure) -> Option<f64>) {
    let name = match side {
        Side::Gateway => "gateway",
        Side::Bare => "bare",
    };
    print!("{label:>6}  {name:<8}");
    for (_, _, measure, digits) in COLUMNS {
        match value(measure) {
            Some(value) => print!("{value:>12.digits$}"),
            None => print!("{:>12}", "-"),
        }
    }
    println!();
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    // Of an even number, the mean of the two in the middle.
    Some(if values.len().is_multiple_of(2) {
        f64::midpoint(values[middle - 1], upper)
    } else {
        upper
    })
}

/// In the target folder, beside cargo's own things.
fn file() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench").join("webhook.json")
}
