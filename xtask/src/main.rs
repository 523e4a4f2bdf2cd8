//! The project's own commands: `cargo xtask demo | test | check | docs | sbom | bench`.
//!
//! Each is a list of steps that call cargo and npm as a person would, and say what to do when one of
//! them fails. Knows nothing of what Warmline does.

mod arguments;
mod browser;
mod clients;
mod debian;
mod docs;
mod pages;
mod promtool;
mod sbom;
mod step;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::{
    arguments::{BENCH_HELP, Command, HELP},
    step::{Steps, cargo},
};

fn main() -> ExitCode {
    match Command::parse(std::env::args().skip(1)).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\ncargo xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Help => {
            print!("{HELP}");
            Ok(())
        }
        // Without building what it is about.
        Command::BenchHelp => {
            print!("{BENCH_HELP}");
            Ok(())
        }
        Command::Demo { release, rest } => demo(release, &rest),
        Command::Test => test(),
        Command::Check => check(),
        Command::Docs => docs::build(),
        Command::Sbom => sbom::write(),
        Command::Bench { rest } => bench(&rest),
    }
}

/// Builds what the demo needs and turns into it, so that Ctrl-C reaches the demo and nothing else.
fn demo(release: bool, rest: &[String]) -> Result<()> {
    let mut steps = Steps::of(3);
    steps.begin("building the pages");
    match pages::node() {
        Ok(()) => pages::build()?,
        // The gateway and the simulator work without pages, and say so where one is missing.
        Err(why) => eprintln!("      left out: {why}"),
    }
    let profile: &[&str] = if release { &["--release"] } else { &[] };
    steps.begin("building Warmline");
    let mut build = cargo(["build", "--package", "warmline", "--bin", "warmline"]);
    step::succeed(build.args(profile), "the compiler's messages above say why")?;
    steps.begin("starting the demo; Ctrl-C ends it");
    let mut demo = cargo(["run", "--quiet", "--package", "warmline", "--bin", "warmline"]);
    step::become_program(demo.args(profile).args(["--", "demo"]).args(rest))
}

/// Everything that must pass: the pages' types and build, every test and example, the alert rules and
/// the form of the metrics, the pages in a browser, and real clients and bots around the binary.
fn test() -> Result<()> {
    let mut steps = Steps::of(5);
    steps.begin("building the pages, which checks their types");
    pages::node()?;
    pages::build()?;
    steps.begin("running the tests of the workspace");
    debian::clamd()?;
    step::succeed(&mut cargo(["test", "--workspace"]), "the failures are listed above")?;
    steps.begin("asking promtool about alert rules and metrics");
    promtool::check()?;
    steps.begin("running the browser tests");
    browser::test()?;
    steps.begin("playing real clients and real bots");
    clients::test()
}

/// What a change must pass besides the tests. All checks run, also after one has failed.
fn check() -> Result<()> {
    let mut documentation = cargo(["doc", "--workspace", "--no-deps"]);
    documentation.env("RUSTDOCFLAGS", "-D warnings");
    let clippy = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    let checks = [
        ("format", cargo(["fmt", "--all", "--check"]), "`cargo fmt --all` puts it right"),
        ("lints", cargo(clippy), "the lints are explained above"),
        ("documentation", documentation, "rustdoc's warnings are above"),
        (
            "dependencies",
            cargo(["deny", "check", "licenses", "bans", "sources"]),
            "see above; if cargo-deny is missing, `cargo install cargo-deny --locked` installs it",
        ),
    ];
    let mut steps = Steps::of(checks.len());
    let mut failed = Vec::new();
    for (name, mut command, advice) in checks {
        steps.begin(&format!("checking the {name}"));
        if let Err(error) = step::succeed(&mut command, advice) {
            eprintln!("{error:#}");
            failed.push(name);
        }
    }
    if !failed.is_empty() {
        bail!("{} of {} checks failed: {}", failed.len(), steps.total(), failed.join(", "));
    }
    eprintln!("\nall checks passed");
    Ok(())
}

/// The benchmarks; they print tables and write a file.
fn bench(rest: &[String]) -> Result<()> {
    let mut steps = Steps::of(1);
    steps.begin("building what ships, and measuring it");
    let mut bench = cargo(["bench", "--package", "warmline", "--bench", "suite", "--"]);
    let rest = arguments::with_file_from(&std::env::current_dir()?, rest);
    step::succeed(bench.args(rest), "the messages above say why")
}
