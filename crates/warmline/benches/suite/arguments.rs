//! What the person asked for, and what follows from it.

use std::{path::PathBuf, time::Duration};

use anyhow::ensure;
use clap::{Parser, ValueEnum};

use crate::load::Timing;

/// The longest that one gateway is loaded. A user who says nothing for 150 s is warned, which would
/// be work of another kind; and nobody waits longer for a benchmark.
const LOADED_MAX: Duration = Duration::from_mins(2);

/// What is added to each flush of the disk unless the person says otherwise, in milliseconds.
const SLOWER_MS: u32 = 1;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Subject {
    /// Callbacks taken in, against a bare handler.
    Webhook,
    /// From a callback to an open stream.
    Stream,
    /// From a user's message to the instance.
    Desk,
    /// From a user's message to a bot of one's own and its answer back, against the bot alone.
    Bot,
    /// Sealed between browser and gateway, against in the clear.
    Sealed,
    /// Ten times the load that can be carried.
    Overload,
    /// Idle, with many chats, with many streams.
    Memory,
    /// From the start to ready, with much stored.
    Restart,
    /// Large files, from users to agents and back, against curl alone.
    Files,
    /// All of these; the first three also on a slower disk.
    All,
}

/// Measures the gateway. `cargo xtask bench --help` prints the same help without building this.
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
#[command(override_help = include_str!("help.txt"))]
pub(crate) struct Arguments {
    /// What to measure [default: all].
    #[arg(value_enum)]
    subjects: Vec<Subject>,
    /// A smoke run: short rounds, few chats. Shows that it works, not how fast it is.
    #[arg(long)]
    quick: bool,
    /// Where the results go [default: bench/results.json in the target folder].
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Measure webhook, stream and desk also with so many milliseconds added to each flush of the
    /// gateway's files; needs a C compiler [default: 1 for `all`, else none].
    #[arg(long, value_name = "N")]
    fsync_ms: Option<u32>,
    /// Rounds of each thing that is compared [default: 5, quick: 2].
    #[arg(long)]
    rounds: Option<usize>,
    /// The measured seconds of a round [default: 3, quick: 0.3].
    #[arg(long)]
    seconds: Option<f64>,
    /// The seconds before that [default: 1, quick: 0.1].
    #[arg(long)]
    warm_up: Option<f64>,
    /// Live chats [default: webhook 1000, stream and desk 512, memory 10000; quick: 100, 32, 200].
    #[arg(long)]
    chats: Option<usize>,
    /// Connections that are kept alive; a chat belongs to one of them [default: 128; overload: 6144
    /// for the ten times, quick: 512].
    #[arg(long)]
    connections: Option<usize>,
    /// Messages a second of the lighter load of stream and desk.
    #[arg(long, default_value_t = 1_000.0)]
    rate: f64,
    /// Stored conversations of restart [default: 100000, quick: 1000].
    #[arg(long)]
    stored: Option<usize>,
    /// Another build of the gateway, for `webhook` to take turns with: its program.
    #[arg(long, value_name = "PROGRAM")]
    against: Option<PathBuf>,
    /// Threads of the generator.
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: usize,
    /// Cargo says so under `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
    /// Be the bare server.
    #[arg(long, hide = true)]
    pub(crate) bare: bool,
    /// Be the smallest bot.
    #[arg(long, hide = true)]
    pub(crate) bot: bool,
}

/// The run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) quick: bool,
    pub(crate) subjects: Vec<Subject>,
    pub(crate) slower_ms: Option<u32>,
    pub(crate) rounds: usize,
    pub(crate) timing: Timing,
    pub(crate) rate: f64,
    pub(crate) stored: usize,
    pub(crate) against: Option<PathBuf>,
    chats: Option<usize>,
    connections: Option<usize>,
}

impl Plan {
    pub(crate) fn of(arguments: &Arguments) -> anyhow::Result<Self> {
        // Without cargo's word this is a test of the benchmark, and one round shows that it works.
        let quick = arguments.quick || !arguments.bench;
        let rounds = match (arguments.bench, quick) {
            (false, _) => 1,
            (true, true) => 2,
            (true, false) => 5,
        };
        let all = arguments.subjects.is_empty() || arguments.subjects.contains(&Subject::All);
        let of_all = Subject::value_variants().iter().copied().filter(|one| *one != Subject::All);
        let seconds = |given: Option<f64>, quickly, usually| {
            Duration::try_from_secs_f64(given.unwrap_or(if quick { quickly } else { usually }))
        };
        let plan = Self {
            quick,
            subjects: if all { of_all.collect() } else { arguments.subjects.clone() },
            slower_ms: arguments.fsync_ms.or(all.then_some(SLOWER_MS)).filter(|ms| *ms > 0),
            rounds: arguments.rounds.unwrap_or(rounds),
            timing: Timing {
                warm_up: seconds(arguments.warm_up, 0.1, 1.0)?,
                measured: seconds(arguments.seconds, 0.3, 3.0)?,
            },
            rate: arguments.rate,
            stored: arguments.stored.unwrap_or(if quick { 1_000 } else { 100_000 }),
            against: arguments.against.clone(),
            chats: arguments.chats,
            connections: arguments.connections,
        };
        ensure!(plan.rounds > 0 && plan.stored > 0, "there must be a round and a conversation");
        ensure!(plan.chats != Some(0) && plan.connections != Some(0), "there must be a chat");
        ensure!(arguments.threads > 0, "there must be a thread");
        ensure!(plan.rate.is_normal() && plan.rate > 0.0, "there must be a load");
        ensure!(!plan.timing.measured.is_zero(), "a round must last");
        // At most four rounds take turns: two loads on two disks.
        let turns = u32::try_from(plan.rounds)?.saturating_mul(4);
        let lasts = plan.timing.whole().saturating_mul(turns);
        ensure!(lasts <= LOADED_MAX, "this would take {lasts:?}; {LOADED_MAX:?} is the most");
        Ok(plan)
    }

    /// Chats, unless the person says otherwise.
    pub(crate) fn chats(&self, quickly: usize, usually: usize) -> usize {
        self.chats.unwrap_or(if self.quick { quickly } else { usually })
    }

    /// Connections, unless the person says otherwise.
    pub(crate) fn connections(&self, quickly: usize, usually: usize) -> usize {
        self.connections.unwrap_or(if self.quick { quickly } else { usually })
    }
}
