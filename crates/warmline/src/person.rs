//! `warmline person`: what is kept of one person, given out into a folder or erased.
//!
//! A gateway that runs is asked over its control socket, because it has the lock on the data. While none runs,
//! the command opens the data itself, with the same master key as `warmline serve`.

mod written;

use std::{
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use gateway::{
    Clock,
    control::{ErasePerson, ExportPerson, Outcome, SOCKET},
    erase_without_gateway, export_without_gateway,
    person::Erased,
};
use tokio::{
    io::AsyncWriteExt,
    signal::unix::{SignalKind, signal},
};
use vault::Vault;

use crate::{
    config::{ConfigFile, Environment, Kept},
    control::{Asked, Patience, connect},
};
use written::Written;

/// How long an erasure may take: a person's whole log goes in pieces, with breaths between them.
const ERASED_WITHIN: Duration = Duration::from_mins(30);

/// What is on its way between reading and writing an export, in bytes.
const PIPE_BYTES: usize = 64 * 1_024;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    order: Command,
    #[command(flatten)]
    file: ConfigFile,
}

#[derive(Debug, clap::Args)]
struct Who {
    /// Whose user they are, as the configuration calls it.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Their id, as their channel has it, or as the desk has it. Whoever has several is several orders.
    #[arg(long)]
    user: String,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Give out everything that is kept of them: what was said, and the files.
    Export {
        #[command(flatten)]
        who: Who,
        /// A folder that does not exist yet. It is made, for its owner only.
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
    },
    /// Erase everything that is kept of them. Cannot be undone.
    Erase {
        #[command(flatten)]
        who: Who,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let environment = options.file.environment();
    let (Command::Export { who, .. } | Command::Erase { who, .. }) = &options.order;
    let nothing = nothing_of(who, &Kept::tenants(&environment)?);
    let said = match options.order {
        Command::Export { who, out } => {
            let left_off = left_off()?;
            tokio::select! {
                exported = export(&environment, who, &out) => exported?.map_or(nothing, Ok)?,
                // The export is dropped, and its unfinished folder with it.
                () = left_off => bail!("stopped by a signal; nothing is left of the export"),
            }
        }
        Command::Erase { who, yes } => {
            if !yes && !confirmed(&who)? {
                bail!("nothing was erased");
            }
            told(&erase(&environment, who).await?).map_or(nothing, Ok)?
        }
    };
    // A reader that goes away does not need the rest.
    std::io::stdout().write_all(said.as_bytes()).ok();
    Ok(())
}

/// Ends when this process is told to stop.
fn left_off() -> anyhow::Result<impl Future<Output = ()>> {
    let listen = |kind| signal(kind).context("signals cannot be listened for");
    let (mut interrupt, mut terminate, mut hangup) = (
        listen(SignalKind::interrupt())?,
        listen(SignalKind::terminate())?,
        listen(SignalKind::hangup())?,
    );
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}

/// Asks on the terminal; without one, only `--yes` will do.
fn confirmed(who: &Who) -> anyhow::Result<bool> {
    let Who { tenant, user } = who;
    let what = format!(
        "This erases everything that is kept of the user {} of tenant {tenant}, for ever.",
        user.escape_debug()
    );
    crate::typed::confirmed("erased", &what, "erase")
}

/// What is said where nothing is kept: of a tenant whom nobody knows it would be no answer.
fn nothing_of(who: &Who, tenants: &[String]) -> anyhow::Result<String> {
    if tenants.contains(&who.tenant) {
        return Ok("Nothing is kept of them.\n".to_owned());
    }
    bail!(
        "there is no tenant {} in the settings, and nothing is kept of such a user under that name; the tenants \
         there are: {} (--tenant NAME)",
        who.tenant.escape_debug(),
        tenants.join(", ")
    )
}

/// What was erased; `None` if nothing was there.
fn told(erased: &Erased) -> Option<String> {
    let Erased { conversations, sessions, entries, effects, dead_letters, files, .. } = erased;
    if (*conversations, *entries, *files) == (0, 0, 0) {
        return None;
    }
    let mut said = format!(
        "Erased: {conversations} conversations with {sessions} live chats, {entries} entries, \
         {files} files, {effects} waiting effects and {dead_letters} dead letters.\n"
    );
    if !erased.scrubbed {
        said.push_str(
            "The database's free room could not be overwritten yet: do the same again.\n",
        );
    }
    Some(said)
}

/// Has it erased by the gateway or, where none listens, without.
async fn erase(environment: &Environment, who: Who) -> anyhow::Result<Erased> {
    let socket = Kept::data_dir(environment)?.join(SOCKET);
    let order = ErasePerson { tenant: who.tenant.clone(), user: who.user.clone() };
    let asked = Asked::new(&order, AGAIN).within(ERASED_WITHIN);
    let alone = async || erase_alone(environment, &who).await;
    let (erased, _) = asked.of_gateway_or(&socket, alone).await?;
    Ok(erased?)
}

/// What to do when the answer does not come.
const AGAIN: &str =
    "whether it was done to the end is not known: do the same again, which does the rest";

async fn erase_alone(environment: &Environment, who: &Who) -> anyhow::Result<Outcome<Erased>> {
    let kept = Kept::read(environment)?;
    let files = Kept::files(environment)?;
    let vault = Vault::new(&kept.master_key)?;
    let whose = (who.tenant.as_str(), who.user.as_str());
    let answer = erase_without_gateway(&kept.data_dir, vault, Clock::System, files, whose).await;
    answer.context(CANNOT_BE_OPENED)
}

const CANNOT_BE_OPENED: &str = "no gateway answers on the control socket in the data directory, and \
                                the data cannot be opened either";

/// What was exported; `None` if nothing was there.
async fn export(environment: &Environment, who: Who, out: &Path) -> anyhow::Result<Option<String>> {
    let socket = Kept::data_dir(environment)?.join(SOCKET);
    let mut written = Written::new(out)?;
    let patience = Patience::begins();
    loop {
        if let Some(mut stream) = connect(&socket).await? {
            let Who { tenant, user } = who;
            let line = ExportPerson { tenant, user }.to_line();
            // What became of it shows when it is read.
            stream.write_all(&line).await.ok();
            return written.take(stream).await;
        }
        match export_alone(environment, &who, &mut written).await {
            Err(error) => patience.waits(error).await?,
            done => return done,
        }
    }
}

async fn export_alone(
    environment: &Environment,
    who: &Who,
    written: &mut Written,
) -> anyhow::Result<Option<String>> {
    let kept = Kept::read(environment)?;
    let files = Kept::files(environment)?;
    let vault = Vault::new(&kept.master_key)?;
    let whose = (who.tenant.as_str(), who.user.as_str());
    let (mut into, from) = tokio::io::duplex(PIPE_BYTES);
    let given = async {
        let given =
            export_without_gateway(&kept.data_dir, vault, Clock::System, files, whose, &mut into);
        let given = given.await;
        drop(into);
        given
    };
    let (given, taken) = tokio::join!(given, written.take(from));
    given.context(CANNOT_BE_OPENED)?;
    taken
}
