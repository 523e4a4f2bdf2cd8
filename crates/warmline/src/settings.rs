//! `warmline config`: what the configuration could say, and what it says.

use std::{io::Write, path::PathBuf};

use crate::config::{Config, Environment, document};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    order: Command,
    /// The configuration file, instead of the one that `WARMLINE_CONFIG` names.
    #[arg(long, global = true, value_name = "PATH")]
    config: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print a file with every setting and its meaning, all of them switched off.
    Default,
    /// Print what is in force and where each value comes from. Secrets are not shown.
    Show,
    /// Say whether the configuration could be used for a start.
    Check,
    /// Print the reference of all settings, in Markdown.
    Reference,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let environment = || Environment::of_process().with_file(options.config.clone());
    let text = match options.order {
        Command::Default => document::default_file(),
        Command::Show => document::in_force(&environment())?,
        Command::Check => {
            Config::check(&environment())?;
            "The configuration can be used.\n".to_owned()
        }
        Command::Reference => document::reference(),
    };
    // A reader that goes away does not need the rest.
    std::io::stdout().write_all(text.as_bytes()).ok();
    Ok(())
}
