//! `warmline dead-letters`: what could not be delivered, for an operator to see and deal with.
//!
//! A gateway that runs is asked over its control socket, because it has the lock on the data. While
//! none runs, the command opens the data itself, with the same master key as `warmline serve`.

mod text;

use std::{io::Write, path::Path};

use anyhow::{Context, bail};
use gateway::{
    Clock, StartError,
    control::{Answer, LETTERS_PER_LIST, LETTERS_PER_LIST_MAX, Order, Outcome, Request, SOCKET},
    without_gateway,
};
use tokio::time::{Instant, sleep};
use vault::Vault;

use crate::{
    config::{Environment, Kept},
    control::{IN_USE_FOR, IN_USE_PAUSE, ask},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    order: Command,
    /// Print the answer as JSON.
    #[arg(long, global = true)]
    json: bool,
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

impl From<&Command> for Order {
    fn from(command: &Command) -> Self {
        match *command {
            Command::List { limit } => Self::List { limit },
            Command::Show { id } => Self::Show { id },
            Command::Resend { id } => Self::Resend { id },
            Command::Drop { id } => Self::Drop { id },
        }
    }
}

fn limit(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(limit) if (1..=LETTERS_PER_LIST_MAX).contains(&limit) => Ok(limit),
        Ok(_) | Err(_) => Err(format!("give a number from 1 to {LETTERS_PER_LIST_MAX}")),
    }
}

/// Who carried an order out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// The gateway that runs on the data.
    Gateway,
    /// This command itself.
    Command,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let environment = Environment::of_process();
    let order = Order::from(&options.order);
    let data_dir = Kept::data_dir(&environment)?;
    let (answer, by) = carry_out(&environment, &data_dir.join(SOCKET), order).await?;
    let mut out = std::io::stdout().lock();
    if options.json {
        // A reader that goes away does not need the rest.
        out.write_all(&answer.to_line()).ok();
    }
    match answer.outcome {
        Outcome::Error(refusal) => bail!("{} ({})", refusal.message, refusal.code),
        // Nobody asked for these.
        Outcome::Secret(_)
        | Outcome::Files(_)
        | Outcome::FilesDropped(_)
        | Outcome::Erased(_)
        | Outcome::Keys(_)
        | Outcome::MasterKey => {}
        Outcome::Letters(_) | Outcome::Letter(_) if options.json => {}
        Outcome::Letters(letters) => drop(out.write_all(text::list(&letters).as_bytes())),
        Outcome::Letter(letter) => {
            let said = match options.order {
                Command::List { .. } | Command::Show { .. } => text::show(&letter),
                Command::Resend { .. } => text::resent(&letter, by == By::Gateway),
                Command::Drop { .. } => text::dropped(&letter),
            };
            out.write_all(said.as_bytes()).ok();
        }
    }
    Ok(())
}

/// Asks the gateway or, where none listens, does without. Who has the data open without listening
/// is a gateway that starts or ends, or another command: that is waited for.
async fn carry_out(
    environment: &Environment,
    socket: &Path,
    order: Order,
) -> anyhow::Result<(Answer, By)> {
    let until = Instant::now() + IN_USE_FOR;
    loop {
        if let Some(answer) = ask(socket, &Request::new(order).to_line()).await? {
            return Ok((answer, By::Gateway));
        }
        match alone(environment, order).await {
            Ok(answer) => return Ok((answer, By::Command)),
            Err(error) => {
                let start = error.downcast_ref::<StartError>();
                if Instant::now() >= until || !start.is_some_and(StartError::is_in_use) {
                    return Err(error);
                }
            }
        }
        sleep(IN_USE_PAUSE).await;
    }
}

/// Does without a gateway.
async fn alone(environment: &Environment, order: Order) -> anyhow::Result<Answer> {
    let kept = Kept::read(environment)?;
    let vault = Vault::new(&kept.master_key)?;
    let answer = without_gateway(&kept.data_dir, vault, Clock::System, &kept.bots, order).await;
    answer.context(
        "no gateway answers on the control socket in the data directory, and the data cannot be \
         opened either",
    )
}
