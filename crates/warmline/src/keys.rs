//! `warmline keys`: the keys that everything is sealed under, for an operator to see and rotate.
//!
//! A gateway that runs is asked over its control socket, because it has the lock on the data. While
//! none runs, the command opens the data itself; sealing anew is then done by the next gateway.

mod alone;
mod text;

use std::{
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use gateway::{
    Clock,
    control::{KeysOrder, MasterOrder, SOCKET, keys_without_gateway, master_without_gateway},
    keys::KeysSeen,
};
use secrecy::{ExposeSecret, SecretString};
use vault::{MasterKey, Vault};

use crate::{
    config::{Environment, Kept, MasterSource},
    control::{Asked, NOTHING_CHANGED},
};
use alone::Alone;

/// How long the gateway may take to carry an order out: free room in the files is overwritten with it.
const CHANGED_WITHIN: Duration = Duration::from_mins(10);

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
    /// Show the root keys and how much is still sealed under old ones.
    Status,
    /// Make a new root key; everything is sealed anew under it in the background.
    Rotate,
    /// Take an old root key off the ring before its time: what it signed (tokens of pages, addresses of
    /// files and of bots without tokens) is void at once. Refused while anything is sealed under it.
    Retire {
        /// Its id, as `status` shows it.
        root: String,
    },
    /// Make a new key for messages that are sealed in the browser, and end those before it at once. Pages that
    /// sealed to one of those are told so and seal anew by themselves.
    RotateMessages,
    /// Replace the master key. In its file it is replaced at once; where it comes from elsewhere, both
    /// open the data until the gateway starts with the new one.
    RotateMaster {
        /// The file with the new key; made, with a fresh key, if it is not there. Needed where the
        /// master key comes from a variable or a credential.
        #[arg(long, value_name = "PATH")]
        new_key: Option<PathBuf>,
    },
}

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let environment = Environment::of_process().with_file(options.config);
    let order = match options.order {
        Command::Status => KeysOrder::KeysStatus,
        Command::Rotate => KeysOrder::RotateKeys,
        Command::Retire { root } => KeysOrder::RetireKey { root },
        Command::RotateMessages => KeysOrder::RotateMessages,
        Command::RotateMaster { new_key } => {
            let said = rotate_master(&environment, new_key.as_deref()).await?;
            std::io::stdout().write_all(said.as_bytes()).ok();
            return Ok(());
        }
    };
    let seen = carry_out(&environment, &order).await?;
    let said =
        if options.json { serde_json::to_string(&seen)? + "\n" } else { text::status(&seen) };
    // A reader that goes away does not need the rest.
    std::io::stdout().write_all(said.as_bytes()).ok();
    Ok(())
}

/// Asks the gateway or, where none listens, does without.
async fn carry_out(environment: &Environment, order: &KeysOrder) -> anyhow::Result<KeysSeen> {
    let data_dir = Kept::data_dir(environment)?;
    let what_now = match order {
        KeysOrder::KeysStatus => NOTHING_CHANGED,
        KeysOrder::RotateKeys | KeysOrder::RetireKey { .. } | KeysOrder::RotateMessages => {
            "whether it was done is not known: look with `warmline keys status`"
        }
    };
    let alone = async || {
        let vault = Vault::new(&Kept::read(environment)?.master_key)?;
        keys_without_gateway(&data_dir, vault, &Clock::System, order).context(CANNOT_BE_OPENED)
    };
    let socket = data_dir.join(SOCKET);
    let (seen, _) =
        Asked::new(order, what_now).within(CHANGED_WITHIN).of_gateway_or(&socket, alone).await?;
    Ok(seen?)
}

/// The same of the master key.
async fn change_master(environment: &Environment, order: &MasterOrder) -> anyhow::Result<()> {
    let data_dir = Kept::data_dir(environment)?;
    let alone = async || {
        let vault = Vault::new(&Kept::read(environment)?.master_key)?;
        master_without_gateway(&data_dir, vault, &Clock::System, order).context(CANNOT_BE_OPENED)
    };
    let socket = data_dir.join(SOCKET);
    let (changed, _) =
        Asked::new(order, AGAIN).within(CHANGED_WITHIN).of_gateway_or(&socket, alone).await?;
    changed?;
    Ok(())
}

const CANNOT_BE_OPENED: &str = "no gateway answers on the control socket in the data directory, and \
                                the data cannot be opened either";

/// What to do when the answer does not come in the middle of a change of the master key.
const AGAIN: &str = "the master key that is in place opens the data either way: run the command again, which \
                     does the rest";

/// Both keys open the data before the file is replaced, and only the new one after it: whoever is
/// killed in between has a key that works, and does the rest with the next try.
async fn rotate_master(
    environment: &Environment,
    new_key: Option<&Path>,
) -> anyhow::Result<String> {
    let _alone = Alone::new(&Kept::read(environment)?.data_dir)?;
    // Read now that nobody else changes it.
    let kept = Kept::read(environment)?;
    let in_use = hex(&kept.master_key);
    match (kept.master_source, new_key) {
        (MasterSource::File(path), given) => {
            let next = beside(&path);
            if let Some(given) = given {
                let named = MasterKey::from_file(given)?;
                is_another(&hex(&named), &in_use, given)?;
                named.write_to(&next)?;
            }
            // One that is there already is of a try that was cut short; it may open the data by now.
            let newest = hex(&MasterKey::from_file_or_new(&next)?);
            is_another(&newest, &in_use, &next)?;
            begin(environment, in_use, newest.clone()).await?;
            MasterKey::put_in_place(&next, &path)?;
            let path = path.display();
            change_master(environment, &MasterOrder::FinishMaster { newest }).await.with_context(
                || {
                    format!(
                        "the master key in {path} is replaced (back the new one up apart from the data); that \
                         the one of before does not open this data any more cannot be said yet"
                    )
                },
            )?;
            Ok(format!(
                "The master key in {path} is replaced; the one of before does not open this data any more. \
                 Back the new one up apart from the data.\n"
            ))
        }
        (MasterSource::Elsewhere(setting), None) => bail!(
            "the master key comes from {setting}, which only whoever starts the gateway can change; \
             say where the new key is, or is to be made: warmline keys rotate-master --new-key PATH"
        ),
        (MasterSource::Elsewhere(setting), Some(path)) => {
            let newest = hex(&MasterKey::from_file_or_new(path)?);
            is_another(&newest, &in_use, path)?;
            begin(environment, in_use, newest).await?;
            let path = path.display();
            Ok(format!(
                "Both master keys open the data now. Put the one in {path} where {setting} takes it \
                 from and restart the gateway: it forgets the old one with that start.\n"
            ))
        }
    }
}

/// The key in use in another's place would be no rotation, and would be told as one; nor may it be one that
/// anybody may try.
fn is_another(newest: &SecretString, in_use: &SecretString, path: &Path) -> anyhow::Result<()> {
    if MasterKey::from_hex(newest.expose_secret())?.is_weak() {
        bail!(
            "the key in {} repeats a few bytes, so anybody may try it; remove \
             that file, or name a better one (openssl rand -hex 32)",
            path.display()
        );
    }
    if newest.expose_secret() == in_use.expose_secret() {
        bail!(
            "the key in {} is the key in use, so nothing would change; remove that file, or name \
             another one",
            path.display()
        );
    }
    Ok(())
}

fn hex(key: &MasterKey) -> SecretString {
    SecretString::from(key.to_hex().as_str())
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".next");
    name.into()
}

async fn begin(
    environment: &Environment,
    in_use: SecretString,
    next: SecretString,
) -> anyhow::Result<()> {
    change_master(environment, &MasterOrder::BeginMaster { in_use, next }).await
}
