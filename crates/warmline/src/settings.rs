//! `warmline config`: what the configuration could say, and what it says.

use std::io::Write;

use anyhow::bail;

use crate::config::{Config, ConfigFile, Environment, Look, document};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    order: Command,
    #[command(flatten)]
    file: ConfigFile,
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
    let environment = || options.file.environment();
    let text = match options.order {
        Command::Default => document::default_file(),
        Command::Show => document::in_force(&environment())?,
        Command::Check => checked(&environment())?,
        Command::Reference => document::reference(),
    };
    // A reader that goes away does not need the rest.
    std::io::stdout().write_all(text.as_bytes()).ok();
    Ok(())
}

/// Says that all is right, or all that is wrong. Makes nothing and connects to nothing.
fn checked(environment: &Environment) -> anyhow::Result<String> {
    let Look { listen, settings, master_key, remarks, .. } = match Config::look(environment) {
        Ok(look) => look,
        Err(problems) => {
            let told = problems.into_iter().map(|problem| {
                let code = problem.code();
                format!("{:#} ({code})", anyhow::Error::from(problem))
            });
            bail!("{}", told.collect::<Vec<_>>().join("\n"));
        }
    };
    let key = if master_key?.is_some() { "is there" } else { "is made at the first start" };
    let (desks, bots) = (settings.desks.len(), settings.bots.len());
    let mut text = format!(
        "The configuration can be used: listens on {listen}, desks: {desks}, bots: {bots}, the \
         master key {key}.\n"
    );
    for remark in remarks {
        text.extend(["Note: ", &remark.text, ".\n"]);
    }
    Ok(text)
}
