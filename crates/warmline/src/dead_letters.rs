//! `warmline dead-letters`: what could not be delivered, for an operator to see and deal with.
//!
//! A gateway that runs is asked over its control socket, because it has the lock on the data. While
//! none runs, the command opens the data itself, with the same master key as `warmline serve`.

mod text;

use std::{io::Write, path::Path};

use anyhow::Context;
use gateway::{
    Clock, StartError,
    control::{
        Done, LETTERS_PER_LIST, LETTERS_PER_LIST_MAX, Letter, ListLetters, OneLetter, Outcome,
        SOCKET, answer_line,
    },
    letter_without_gateway, list_without_gateway,
};
use vault::Vault;

use crate::{
    config::{ConfigFile, Environment, Kept},
    control::{Asked, By, NOTHING_CHANGED},
};

/// What to do when the answer to an order that changes something does not come.
const LOOK: &str = "whether it was done is not known: look with `warmline dead-letters list`";

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    order: Command,
    /// Print the answer as JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    file: ConfigFile,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List what could not be delivered, newest first.
    List {
        /// How many at most.
        #[arg(long, default_value_t = LETTERS_PER_LIST, value_parser = limit)]
        limit: usize,
    },
    /// Show one: what it was, why it failed and what to do. Never what anybody said.
    Show {
        /// Its number in the list.
        id: i64,
    },
    /// Send one again.
    Resend {
        /// Its number in the list.
        id: i64,
    },
    /// Forget one.
    Drop {
        /// Its number in the list.
        id: i64,
    },
}

fn limit(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(limit) if (1..=LETTERS_PER_LIST_MAX).contains(&limit) => Ok(limit),
        Ok(_) | Err(_) => Err(format!("give a number from 1 to {LETTERS_PER_LIST_MAX}")),
    }
}

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let environment = options.file.environment();
    let socket = Kept::data_dir(&environment)?.join(SOCKET);
    let json = options.json;
    let said = match options.order {
        Command::List { limit } => {
            let letters = list(&environment, &socket, ListLetters { limit }).await?;
            said(json, letters, |letters| text::list(&letters))?
        }
        Command::Show { id } => {
            let (letter, _) = one(&environment, &socket, OneLetter::Show { id }).await?;
            said(json, letter, |letter| text::show(&letter))?
        }
        Command::Resend { id } => {
            let (letter, by) = one(&environment, &socket, OneLetter::Resend { id }).await?;
            said(json, letter, |letter| text::resent(&letter, by == By::Gateway))?
        }
        Command::Drop { id } => {
            let (letter, _) = one(&environment, &socket, OneLetter::Drop { id }).await?;
            said(json, letter, |letter| text::dropped(&letter))?
        }
    };
    print(said.as_bytes());
    Ok(())
}

/// What is printed of an answer. Asked for as JSON, a refusal is printed as well.
fn said<T: Done>(
    json: bool,
    outcome: Outcome<T>,
    text: impl FnOnce(T) -> String,
) -> anyhow::Result<String> {
    if json {
        print(&answer_line(&outcome));
        outcome?;
        return Ok(String::new());
    }
    Ok(text(outcome?))
}

fn print(said: &[u8]) {
    // A reader that goes away does not need the rest.
    std::io::stdout().lock().write_all(said).ok();
}

async fn list(
    environment: &Environment,
    socket: &Path,
    order: ListLetters,
) -> anyhow::Result<Outcome<Vec<Letter>>> {
    let alone = async || {
        let (kept, vault) = opened(environment)?;
        let listed =
            list_without_gateway(&kept.data_dir, vault, Clock::System, &kept.bots, order).await;
        alone(listed)
    };
    let (answer, _) = Asked::new(&order, NOTHING_CHANGED).of_gateway_or(socket, alone).await?;
    Ok(answer)
}

async fn one(
    environment: &Environment,
    socket: &Path,
    order: OneLetter,
) -> anyhow::Result<(Outcome<Letter>, By)> {
    let what_now = match order {
        OneLetter::Show { .. } => NOTHING_CHANGED,
        OneLetter::Resend { .. } | OneLetter::Drop { .. } => LOOK,
    };
    let alone = async || {
        let (kept, vault) = opened(environment)?;
        let done =
            letter_without_gateway(&kept.data_dir, vault, Clock::System, &kept.bots, order).await;
        alone(done)
    };
    Asked::new(&order, what_now).of_gateway_or(socket, alone).await
}

/// What is needed to do without a gateway.
fn opened(environment: &Environment) -> anyhow::Result<(Kept, Vault)> {
    let kept = Kept::read(environment)?;
    let vault = Vault::new(&kept.master_key)?;
    Ok((kept, vault))
}

fn alone<T>(done: Result<T, StartError>) -> anyhow::Result<T> {
    done.context(
        "no gateway answers on the control socket in the data directory, and the data cannot be \
         opened either",
    )
}
