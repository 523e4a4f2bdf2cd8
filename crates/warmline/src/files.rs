//! `warmline files`: how much room files take, and whose; dropping them; and accepting another place for them.
//!
//! The gateway that runs is asked over its control socket: it counts them, wherever they lie. While none
//! runs nothing comes in, and files in the data directory can be removed by hand.

mod text;

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use gateway::control::{
    AcceptFilesPlace, DropFiles, ListFiles, Order, Outcome, SOCKET, answer_line,
};

use crate::{
    config::{Environment, Kept},
    control::{Asked, NOTHING_CHANGED},
    typed,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    order: Command,
    /// Print the answer as JSON.
    #[arg(long, global = true)]
    json: bool,
    /// The configuration file, instead of the one that `WARMLINE_CONFIG` names.
    #[arg(long, global = true, value_name = "PATH")]
    config: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List how much room files take, by tenant, and what of it strangers brought.
    List,
    /// Drop files of a tenant. Whoever opens one afterwards finds nothing.
    Drop {
        /// Whose: the tenant's name in the configuration.
        #[arg(long)]
        tenant: String,
        /// Only what strangers brought: users whom no site's server named.
        #[arg(long)]
        strangers: bool,
        /// Only what came before this moment, as in 2026-11-30T08:00:00Z.
        #[arg(long, value_name = "TIME")]
        before: Option<String>,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Take the folder or bucket that is set for the one of the files, though it is not the one that is
    /// known: where files begin anew. What lies elsewhere is given up.
    AcceptPlace {
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

impl Command {
    /// What is to be confirmed: what was not done otherwise, what it means, and the word to type.
    fn to_confirm(&self) -> Option<(&'static str, String, &'static str)> {
        match self {
            Self::List | Self::AcceptPlace { yes: true } => None,
            Self::Drop { .. } => self.removes().map(|what| ("dropped", what, "drop")),
            Self::AcceptPlace { yes: false } => {
                let what = "Files begin anew in the folder or bucket that is set. Those that lie elsewhere are \
                            given up: once an old root key is retired, they open never again.";
                Some(("changed", what.to_owned(), "accept"))
            }
        }
    }

    /// What it removes for ever, if it does.
    fn removes(&self) -> Option<String> {
        let Self::Drop { tenant, strangers, before, yes: false } = self else { return None };
        let whose = if *strangers { "the files that strangers brought" } else { "all files" };
        let when = before.as_deref().map(|before| format!(" before {before}"));
        let when = when.unwrap_or_default();
        Some(format!("This drops {whose} of tenant {tenant}{when}, for ever."))
    }
}

/// What to do when the answer to what changes something does not come.
const LOOK: &str =
    "whether it was done is not known: look with `warmline files list`, or do the same again";

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let environment = Environment::of_process().with_file(options.config);
    let socket = Kept::data_dir(&environment)?.join(SOCKET);
    if let Some((done, what, word)) = options.order.to_confirm()
        && !typed::confirmed(done, &what, word)?
    {
        bail!("nothing was {done}");
    }
    let json = options.json;
    match options.order {
        Command::List => {
            let taken = ask(&socket, &Asked::new(&ListFiles {}, NOTHING_CHANGED)).await??;
            let text = text::list(&taken);
            print(&if json { answer_line(&Ok(taken)) } else { text.into_bytes() });
        }
        Command::Drop { tenant, strangers, before, yes: _ } => {
            let order = DropFiles { tenant, strangers, before };
            let dropped = ask(&socket, &Asked::new(&order, LOOK)).await??;
            let text = text::dropped(dropped);
            print(&if json { answer_line(&Ok(dropped)) } else { text.into_bytes() });
            if dropped.left > 0 {
                bail!("{} files could not be dropped; see the gateway's log", dropped.left);
            }
        }
        Command::AcceptPlace { yes: _ } => {
            let accepted = ask(&socket, &Asked::new(&AcceptFilesPlace {}, LOOK)).await??;
            let text = text::accepted(accepted);
            print(&if json { answer_line(&Ok(accepted)) } else { text.into_bytes() });
        }
    }
    Ok(())
}

async fn ask<O: Order>(socket: &Path, asked: &Asked<'_, O>) -> anyhow::Result<Outcome<O::Done>> {
    asked.of(socket).await?.context(
        "no gateway answers on the control socket in the data directory (none runs, or it is starting or \
         stopping); it counts the files, so nothing can be done without it (while it is stopped, those in the \
         folder `files` can be removed by hand)",
    )
}

fn print(said: &[u8]) {
    // A reader that goes away does not need the rest.
    std::io::stdout().lock().write_all(said).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drop_asks_and_says_of_what_unless_told_yes() {
        let drop = |strangers, before: Option<&str>, yes| Command::Drop {
            tenant: "acme".into(),
            strangers,
            before: before.map(str::to_owned),
            yes,
        };
        let asked = drop(false, None, false).removes().unwrap();
        assert_eq!(asked, "This drops all files of tenant acme, for ever.");
        let asked = drop(true, Some("2026-11-30T08:00:00Z"), false).removes().unwrap();
        assert_eq!(
            asked,
            "This drops the files that strangers brought of tenant acme before 2026-11-30T08:00:00Z, for ever."
        );
        assert_eq!(drop(false, None, true).removes(), None);
        assert_eq!(Command::List.removes(), None);
        let accept = |yes| Command::AcceptPlace { yes }.to_confirm();
        assert!(accept(false).unwrap().1.contains("never again") && accept(true).is_none());
    }
}
