//! Warmline hands a conversation from a bot to a ServiceNow live agent and back, and never loses a
//! message on the way. This is the one binary: it reads the configuration, sets up the log and
//! starts what was asked for. It holds no rule of its own.

mod audit;
mod check;
mod config;
mod console_password;
mod control;
mod dead_letters;
mod demo;
mod files;
mod init;
mod instance;
mod keys;
mod language;
mod memory;
mod person;
mod secret;
mod serve;
mod settings;
mod teams;
mod telemetry;
mod typed;

use std::{io::Write, process::ExitCode};

use clap::{Parser, Subcommand};

// The allocator saves about 6 % of the instructions of a request.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
#[command(version, about = "Hands a conversation from a bot to a ServiceNow live agent and back")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway.
    Serve(serve::Options),
    /// Find what is wrong with the configuration, the data, the instance and the way in, and say what
    /// to set where. Exit code 0: all well, 1: something fails, 2: the configuration cannot be read.
    Check(check::Options),
    /// Ask whether the gateway is alive. Exit code 0: it is.
    Health(check::health::Options),
    /// Ask a few questions and write warmline.toml and the steps for the ServiceNow admin.
    Init(Box<init::Options>),
    /// Write the app package that a Teams admin uploads, from the configuration that is there.
    TeamsPackage(teams::command::Options),
    /// Look at the configuration.
    Config(settings::Options),
    /// Keep secrets of the configuration sealed in the store.
    Secret(secret::Options),
    /// See and rotate the keys that everything is sealed under.
    Keys(keys::Options),
    /// See and deal with what could not be delivered. Exit code 1: refused, or nothing there.
    DeadLetters(dead_letters::Options),
    /// See who did what to which tenant, and whether that record is whole.
    Audit(audit::Options),
    /// Give out or erase what is kept of one person.
    Person(person::Options),
    /// See how much room files take, and drop some. Exit code 1: refused, or no gateway runs.
    Files(files::Options),
    /// Make the password hash that opens the operator's console. Asks twice without showing what is
    /// typed, or reads one line from a pipe.
    ConsolePassword,
    /// Run a gateway, a simulated ServiceNow and a page to try them, all on this machine.
    Demo(demo::Options),
    /// Run a simulated ServiceNow instance.
    Simulator(instance::Options),
}

/// Threads that wait for the disk. There are fewer connections that read, so more would only wait
/// for each other.
const BLOCKING_THREADS_MAX: usize = 16;

fn main() -> ExitCode {
    // Before there is anything to see in it.
    if let Err(error) = memory::keep_private() {
        writeln!(std::io::stderr(), "warmline: core dumps cannot be switched off: {error}").ok();
        return ExitCode::FAILURE;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            writeln!(std::io::stderr(), "warmline: the system refuses threads: {error}").ok();
            return ExitCode::FAILURE;
        }
    };
    // Before anything else, and for the gateway alone: who reads its configuration again at this signal
    // may send it at any moment, and unhandled it is the end.
    let serves = std::env::args_os().nth(1).is_some_and(|command| command == "serve");
    let hangups = serves.then(|| runtime.block_on(async { serve::hangups() }));
    let arguments = Arguments::parse();
    telemetry::start(match arguments.command {
        Command::Serve(_) | Command::Demo(_) | Command::Simulator(_) => "info",
        // Its answer is what it prints.
        Command::DeadLetters(_)
        | Command::Keys(_)
        | Command::Audit(_)
        | Command::Files(_)
        | Command::ConsolePassword
        | Command::Init(_)
        | Command::TeamsPackage(_)
        | Command::Config(_)
        | Command::Person(_)
        | Command::Secret(_) => "warn",
        // What is wrong is a finding; the stand-in's own log would only get in between.
        Command::Check(_) | Command::Health(_) => "error",
    });
    let ended = runtime.block_on(async {
        match arguments.command {
            Command::Check(options) => return Ok(check::run(options).await),
            Command::Audit(options) => return audit::run(&options),
            Command::Health(options) => check::health::run(options).await,
            Command::Serve(options) => serve::run(options, hangups).await,
            Command::Init(options) => init::run(&options),
            Command::TeamsPackage(options) => teams::command::run(&options),
            Command::Config(options) => settings::run(&options),
            Command::Secret(options) => secret::run(options).await,
            Command::Keys(options) => keys::run(options).await,
            Command::DeadLetters(options) => dead_letters::run(options).await,
            Command::Person(options) => person::run(options).await,
            Command::Files(options) => files::run(options).await,
            Command::ConsolePassword => console_password::run(),
            Command::Demo(options) => demo::run(options).await,
            Command::Simulator(options) => instance::run(options).await,
        }
        .map(|()| ExitCode::SUCCESS)
    });
    match ended {
        Ok(code) => code,
        Err(error) => {
            // One sentence and what is behind it; never a secret: errors do not hold any.
            writeln!(std::io::stderr(), "warmline: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// What reads no configuration: it makes one, or none is needed.
    const WITHOUT: [&str; 4] = ["init", "console-password", "demo", "simulator"];

    #[test]
    fn whoever_reads_the_configuration_is_told_where_it_is_in_the_same_words() {
        let program = Arguments::command();
        let mut told = Vec::new();
        for command in program.get_subcommands() {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(!about.contains("configuration is"), "not of the option: {about}");
            let option = command.get_arguments().find(|it| it.get_long() == Some("config"));
            assert_eq!(option.is_none(), WITHOUT.contains(&command.get_name()), "{command}");
            let nested = command.get_subcommands().next().is_some();
            let option = option.filter(|option| option.is_global_set() || !nested);
            told.extend(option.map(|option| option.get_help().map(ToString::to_string)));
        }
        assert_eq!(told.len() + WITHOUT.len(), program.get_subcommands().count());
        told.dedup();
        let all = "The configuration file, instead of the one that `WARMLINE_CONFIG` names";
        assert_eq!(told, [Some(all.to_owned())]);
    }
}
