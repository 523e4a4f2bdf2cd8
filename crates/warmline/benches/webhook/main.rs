//! What a webhook call costs: taken in, sealed and durable, as a ratio to a bare handler.
//!
//! ```text
//! cargo xtask bench            five rounds of three seconds for each server
//! cargo xtask bench --quick    a smoke run: shows that it works, not how fast it is
//! ```
//!
//! Two servers run as processes of their own, on loopback:
//!
//! - **gateway**: `warmline serve` as it ships, with its SQLite file on the disk of the target folder (a
//!   memory disk would make durability free), behind it a stub instance that accepts everything;
//! - **bare**: an axum handler on the same runtime and allocator that parses the same JSON into
//!   borrowed types and answers the same 200. It proves nobody, keeps nothing and logs nothing.
//!
//! The live chats are made as in life: a Direct Line conversation, "agent", the instance's request, a
//! callback that an agent is there. Then connections that are kept alive each post one agent's message
//! after the other, the next when the last was answered; a chat belongs to one connection, so that
//! its order is known. The generator writes into prepared bytes, because it shares the machine.
//!
//! Machines drift, so rounds alternate (gateway, bare, gateway, bare …), each with a warm-up that is not
//! counted, and only ratios of one run mean something. Latencies are those of saturation. Besides
//! requests per second each round gives the server's own cost of a request: processor time
//! from `/proc`, and instructions from `perf stat` where this machine counts them (the counting begins
//! some milliseconds into the round). Instructions hardly depend on what else runs, processor time
//! does somewhat. Where the generator was the one that was busy, the bare server could do more and the
//! ratio flatters the gateway.
//!
//! It fails if any answer is not 200, or if the pages of some chats do not show exactly what was sent to
//! them, in order. It never talks to another machine and ends by itself. Without cargo's `--bench`, as
//! under `cargo test --benches`, it is a smoke run.

mod arguments;
mod bare;
mod chats;
mod cost;
mod instance;
mod load;
mod report;
mod server;

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use clap::Parser;

use crate::{
    arguments::{Arguments, Plan},
    chats::Feed,
    load::Round,
    report::Report,
    server::{Server, Side},
};

// The gateway's allocator, for the bare server too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The whole run, whatever happens in it.
const RUN_WITHIN: Duration = Duration::from_mins(5);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = if arguments.bare { bare::run() } else { measure(&arguments) };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("webhook benchmark: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> anyhow::Result<()> {
    let plan = Plan::of(arguments)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(plan.threads)
        .enable_all()
        .build()?;
    let run = async { tokio::time::timeout(RUN_WITHIN, run(&plan)).await };
    runtime.block_on(run).context("the run did not end in time")?
}

async fn run(plan: &Plan) -> anyhow::Result<()> {
    let (instance, asked) = instance::start().await?;
    let data = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let gateway = Server::gateway(instance, data.path()).await?;
    let bare = Server::bare().await?;
    eprintln!("preparing {} live chats …", plan.chats);
    let chats = chats::open(&gateway, plan.chats, asked).await?;
    let mut feeds: [Vec<Feed>; 2] = [&gateway, &bare]
        .map(|server| chats.iter().map(|chat| Feed::new(chat, server.address)).collect());
    let mut report = Report::new(plan, feeds[0][0].body_bytes, cost::counted().await);
    report.print_heading();
    for round in 0..plan.rounds {
        for (server, feeds) in [&gateway, &bare].into_iter().zip(&mut feeds) {
            let measured = measure_round(plan, server, feeds, report.counts_instructions())
                .await
                .with_context(|| {
                format!("round {} of the {}", round + 1, server.side.name())
            })?;
            report.add(server.side, measured);
        }
    }
    let checked = chats::check(&gateway, &chats, &feeds[0]).await?;
    report.finish(checked)
}

async fn measure_round(
    plan: &Plan,
    server: &Server,
    feeds: &mut Vec<Feed>,
    count_instructions: bool,
) -> anyhow::Result<Round> {
    let (round, back) = load::run(plan, server, std::mem::take(feeds), count_instructions).await?;
    *feeds = back;
    Ok(round)
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Bare => "bare handler",
        }
    }
}
