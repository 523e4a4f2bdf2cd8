//! What the person asked for, and what follows from it.

use std::time::Duration;

use anyhow::ensure;
use clap::Parser;

/// The longest plan. A user who says nothing for 150 s is warned, which would be work of another
/// kind; and nobody waits longer for a benchmark.
const PLAN_MAX: Duration = Duration::from_mins(2);

/// Measures the webhook path of the gateway against a bare handler.
#[derive(Debug, Parser)]
pub(crate) struct Arguments {
    /// A smoke run: short rounds, few chats.
    #[arg(long)]
    quick: bool,
    /// Rounds for each server [default: 5, quick: 2].
    #[arg(long)]
    rounds: Option<usize>,
    /// The measured seconds of a round [default: 3, quick: 0.5].
    #[arg(long)]
    seconds: Option<f64>,
    /// The seconds before that [default: 1, quick: 0.2].
    #[arg(long)]
    warm_up: Option<f64>,
    /// Live chats [default: 1000, quick: 100].
    #[arg(long)]
    chats: Option<usize>,
    /// Connections that are kept alive; a chat belongs to one of them.
    #[arg(long, default_value_t = 128)]
    connections: usize,
    /// Threads of the generator.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Cargo says so under `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
    /// Be the bare server.
    #[arg(long, hide = true)]
    pub(crate) bare: bool,
}

/// The run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) quick: bool,
    pub(crate) rounds: usize,
    pub(crate) measured: Duration,
    pub(crate) warm_up: Duration,
    pub(crate) chats: usize,
    pub(crate) connections: usize,
    pub(crate) threads: usize,
}

impl Plan {
    pub(crate) fn of(arguments: &Arguments) -> anyhow::Result<Self> {
        let quick = arguments.quick || !arguments.bench;
        let seconds = |given: Option<f64>, quickly, usually| {
            Duration::try_from_secs_f64(given.unwrap_or(if quick { quickly } else { usually }))
        };
        let count = |given: Option<usize>, quickly, usually| {
            given.unwrap_or(if quick { quickly } else { usually })
        };
        let chats = count(arguments.chats, 100, 1_000);
        let plan = Self {
            quick,
            rounds: count(arguments.rounds, 2, 5),
            measured: seconds(arguments.seconds, 0.5, 3.0)?,
            warm_up: seconds(arguments.warm_up, 0.2, 1.0)?,
            chats,
            // More would have no chat to talk in.
            connections: arguments.connections.min(chats),
            threads: arguments.threads,
        };
        ensure!(plan.rounds > 0 && plan.chats > 0, "there must be a round and a chat");
        ensure!(
            plan.connections > 0 && plan.threads > 0,
            "there must be a connection and a thread"
        );
        ensure!(!plan.measured.is_zero(), "a round must last");
        let both = u32::try_from(plan.rounds)?.saturating_mul(2);
        let lasts = (plan.warm_up + plan.measured).saturating_mul(both);
        ensure!(lasts <= PLAN_MAX, "this would take {lasts:?}; {PLAN_MAX:?} is the most");
        Ok(plan)
    }
}
