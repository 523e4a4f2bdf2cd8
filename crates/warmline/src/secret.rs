//! `warmline secret`: secrets of the configuration, sealed in the store under the master key. The
//! file refers to them as `vault:NAME`.
//!
//! A gateway that runs is told over its control socket, because it has the lock on the data. While
//! none runs, the command opens the data itself; before the first start it makes them, as the start
//! would.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use gateway::{
    control::{Refusal, SOCKET, SecretName, SecretOrder},
    secrets,
};
use secrecy::SecretString;
use vault::Vault;

use crate::{
    config::{Environment, Kept, may_be_kept},
    control::{Asked, By},
    typed,
};

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
    /// Keep a secret: asks for it, or reads one line from standard input.
    Set {
        /// How the file refers to it: `vault:NAME`.
        name: String,
    },
    /// Replace one that is there by a new value: typed, read from standard input, or made.
    Rotate {
        /// Its name.
        name: String,
        /// Make a random value (64 hexadecimal digits) and print it once, for whoever else needs it.
        #[arg(long)]
        generate: bool,
    },
    /// List their names.
    List,
    /// Forget one.
    Remove {
        /// Its name.
        name: String,
    },
}

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let environment = Environment::of_process().with_file(options.config);
    let (said, left) = match &options.order {
        Command::List => {
            let names = names(&environment)?;
            (names.into_iter().map(|name| name + "\n").collect(), None)
        }
        Command::Set { name } => {
            secrets::check_name(name)?;
            let value = typed::secret(&format!("{name}: "), secrets::SECRET_BYTES_MAX)?;
            secrets::check_value(&value)?;
            may_be_kept(&environment, name, &value)?;
            let (after, left) = keep(&environment, name, Some(&value)).await?;
            let said = format!(
                "The secret {name} is kept; the file refers to it as vault:{name}.{after}\n"
            );
            (said, left)
        }
        Command::Rotate { name, generate } => {
            secrets::check_name(name)?;
            if !names(&environment)?.contains(name) {
                bail!("there is no secret {name}; keep it with: warmline secret set {name}");
            }
            let (value, made) = if *generate {
                let made = vault::MasterKey::fresh_secret()?;
                (SecretString::from(made.clone()), made + "\n")
            } else {
                let value = typed::secret(&format!("{name}: "), secrets::SECRET_BYTES_MAX)?;
                (value, String::new())
            };
            secrets::check_value(&value)?;
            may_be_kept(&environment, name, &value)?;
            let (after, left) = keep(&environment, name, Some(&value)).await?;
            (format!("{made}The secret {name} is replaced.{after}\n"), left)
        }
        Command::Remove { name } => {
            secrets::check_name(name)?;
            let (_, left) = keep(&environment, name, None).await?;
            (format!("The secret {name} is forgotten.\n"), left)
        }
    };
    // A reader that goes away does not need the rest.
    std::io::stdout().write_all(said.as_bytes()).ok();
    left.map_or(Ok(()), |left| Err(left.into()))
}

/// The names there are; none where there is no store yet.
fn names(environment: &Environment) -> anyhow::Result<Vec<String>> {
    let data_dir = Kept::data_dir(environment)?;
    if !Kept::has_data(&data_dir)? {
        return Ok(Vec::new());
    }
    secrets::names(&data_dir).with_context(|| {
        format!("the secrets in {} cannot be listed by this user", data_dir.display())
    })
}

/// Tells the gateway or, where none listens, does without. Gives back what is to be done next, and what is left of
/// the secret of before.
async fn keep(
    environment: &Environment,
    name: &str,
    value: Option<&SecretString>,
) -> anyhow::Result<(&'static str, Option<Refusal>)> {
    let data_dir = Kept::data_dir(environment)?;
    let named = name.to_owned();
    let order = match value {
        Some(value) => SecretOrder::KeepSecret { name: named, value: value.clone() },
        None => SecretOrder::ForgetSecret { name: named },
    };
    let alone = async || {
        let in_files = alone(environment, &data_dir, name, value)?;
        let done = Ok(SecretName(name.to_owned()));
        Ok(if in_files { Err(secrets::still_in_files()) } else { done })
    };
    let socket = data_dir.join(SOCKET);
    let (done, by) = Asked::new(&order, AGAIN).of_gateway_or(&socket, alone).await?;
    let left = match done {
        Ok(_) => None,
        // It is done: a value that was made is still to be printed.
        Err(refusal) if refusal.code == secrets::still_in_files().code => Some(refusal),
        Err(refusal) => return Err(refusal.into()),
    };
    let after = match by {
        By::Gateway => " The running gateway takes it over at SIGHUP (kill -HUP).",
        By::Command => "",
    };
    Ok((after, left))
}

/// What to do when the answer does not come.
const AGAIN: &str = "whether it was done is not known: do the same again (which names there are shows \
                     `warmline secret list`)";

fn alone(
    environment: &Environment,
    data_dir: &Path,
    name: &str,
    value: Option<&SecretString>,
) -> anyhow::Result<bool> {
    let kept = match value {
        Some(_) => Kept::read_or_make(environment)?,
        None => Kept::read(environment)?,
    };
    let vault = Vault::new(&kept.master_key)?;
    let kept = secrets::keep_alone(data_dir, &vault, name, value)?;
    if value.is_none() && !kept.was_there {
        bail!("there is no secret {name}; `warmline secret list` shows what there is");
    }
    Ok(kept.in_files)
}
