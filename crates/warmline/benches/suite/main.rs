//! What the gateway costs and what it can carry.
//!
//! ```text
//! cargo xtask bench                   everything; about eight minutes
//! cargo xtask bench webhook desk      parts of it
//! cargo xtask bench --quick           a smoke run: shows that it works, not how fast it is
//! ```
//!
//! Each subject starts `warmline serve` as it ships, a process of its own on loopback with its SQLite
//! file on the disk of the target folder (a memory disk would make durability free), and behind it a
//! stand-in instance that accepts everything. The live chats are made as in life: a Direct Line
//! conversation, "agent", the instance's request, a callback that an agent is there. This process is
//! the generator and the far end of every message, so one clock measures both ends; it writes into
//! prepared bytes, because it shares the machine.
//!
//! Machines drift, so the rounds of things that are compared take turns, each with a warm-up that is
//! not counted, and only ratios of one run mean something. Besides rates and latencies the servers'
//! own cost is given: processor time from `/proc`, and instructions from `perf stat` where this
//! machine counts them (the counting begins some milliseconds into the round). Instructions hardly
//! depend on what else runs, processor time does somewhat.
//!
//! It fails if an answer is wrong, or if messages are lost, shown twice or overtaken. It never talks to
//! another machine and ends by itself. Without cargo's `--bench`, as under `cargo test --benches`,
//! it is a smoke run.

mod arguments;
mod at_rest;
mod bare;
mod bot;
mod bot_program;
mod chats;
mod cost;
mod feed;
mod files;
mod flights;
mod house;
mod http;
mod instance;
mod load;
mod machine;
mod memory;
mod overload;
mod pipeline;
mod report;
mod restart;
mod sealed;
mod server;
mod slow_fsync;
mod streams;
mod webhook;

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use clap::Parser;

use crate::{
    arguments::{Arguments, Plan, Subject},
    pipeline::Way,
    report::{Report, Section},
    slow_fsync::Shim,
};

// The gateway's allocator, for the bare server too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One subject, whatever happens in it.
const SUBJECT_WITHIN: Duration = Duration::from_mins(5);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = if arguments.bare {
        bare::run()
    } else if arguments.bot {
        bot_program::run()
    } else {
        measure(arguments)
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("benchmark: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: Arguments) -> anyhow::Result<()> {
    let plan = Plan::of(&arguments)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(arguments.threads)
        .enable_all()
        .build()?;
    let mut report = Report::new(plan.quick);
    runtime.block_on(run(&plan, &mut report))?;
    report.finish(arguments.json)
}

async fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let shim = match plan.slower_ms {
        None => None,
        Some(ms) => Shim::make(ms).await?,
    };
    if plan.slower_ms.is_some() && shim.is_none() {
        eprintln!("{}", slow_fsync::LEFT_OUT);
    }
    for &subject in &plan.subjects {
        eprintln!("== {subject:?}");
        let section = tokio::time::timeout(SUBJECT_WITHIN, section(plan, shim.as_ref(), subject))
            .await
            .context("it did not end in time")
            .and_then(|measured| measured)
            .with_context(|| format!("{subject:?}"))?;
        if let Some(section) = section {
            report.add(section);
        }
    }
    Ok(())
}

async fn section(
    plan: &Plan,
    shim: Option<&Shim>,
    subject: Subject,
) -> anyhow::Result<Option<Section>> {
    let section = match subject {
        Subject::Webhook => webhook::measure(plan, shim).await?,
        Subject::Stream => pipeline::measure(plan, shim, Way::In).await?,
        Subject::Desk => pipeline::measure(plan, shim, Way::Out).await?,
        Subject::Bot => bot::measure(plan).await?,
        Subject::Sealed => sealed::measure(plan).await?,
        Subject::Overload => overload::measure(plan).await?,
        Subject::Memory => memory::measure(plan).await?,
        Subject::Files => files::measure(plan).await?,
        Subject::Restart => restart::measure(plan).await?,
        // The plan names each of them.
        Subject::All => return Ok(None),
    };
    Ok(Some(section))
}
