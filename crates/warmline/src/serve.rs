//! `warmline serve`: the gateway, from its first setting to its last commit.

use std::{
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
};

use anyhow::Context;
use gateway::{Clock, Gateway, Language, keys};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};
use vault::Vault;

use crate::{
    config::{Config, ConfigFile, Environment, Telemetry},
    telemetry::traces,
};

/// A write beyond the limit on the size of files. Its number is the same on all systems that
/// Warmline is built for.
const SIGXFSZ: i32 = 25;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    file: ConfigFile,
}

/// Signals to read the configuration again, kept from now on. Asked for within a runtime.
pub(crate) fn hangups() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// `kept` is what came of [`hangups`] before, if anybody asked.
pub(crate) async fn run(options: Options, kept: Option<io::Result<Signal>>) -> anyhow::Result<()> {
    // Unhandled, it would end the process; handled, the write fails as on a full disk, which the
    // store gets over. The handler stays when this is dropped.
    drop(signal(SignalKind::from_raw(SIGXFSZ))?);
    // One that came early is answered when the gateway runs.
    let mut hangup = kept.unwrap_or_else(hangups)?;
    let environment = Arc::new(options.file.environment());
    let mut config = Config::read(&environment)?;
    let fixed = Fixed::of(&config)?;
    let telemetry = &fixed.telemetry;
    let set = |name: &str| telemetry.get(name).or_else(|| environment.get(name));
    let traces = traces::start(set, &mut config.settings)?;
    let vault = Vault::new(&config.master_key)?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| {
            format!(
                "nobody can listen at {}; set `listen` (or WARMLINE_LISTEN) to a free address of this machine",
                config.listen
            )
        })?;
    let behind = behind(&config.settings.bots);
    let mut gateway = Gateway::start(config.settings, vault, Clock::System, listener).await?;
    for remark in &config.remarks {
        tracing::warn!("{remark}");
    }
    // Before anybody learns that we are there: whoever does may stop us at once.
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    // For scripts that start us on port 0.
    // Whether anybody reads it is no concern of the gateway's.
    writeln!(io::stdout(), "warmline listens on http://{}", gateway.address()).ok();
    for (bot, endpoint) in behind {
        tracing::info!(bot, endpoint, "a bot of one's own stands behind");
    }
    tracing::info!(address = %gateway.address(), "ready");
    let failure = loop {
        tokio::select! {
            _ = terminate.recv() => break None,
            _ = interrupt.recv() => break None,
            failure = gateway.failure() => break Some(failure),
            _ = hangup.recv() => {
                // A stop does not wait for it; what it had changed by then is whole.
                tokio::select! {
                    () = reload(&gateway, &environment, &fixed) => {}
                    _ = terminate.recv() => break None,
                    _ = interrupt.recv() => break None,
                }
            }
        }
    };
    tracing::info!("stopping");
    let stopped = gateway.stop();
    tokio::select! {
        () = stopped => {}
        // The second signal means it.
        _ = terminate.recv() => tracing::warn!("cut short"),
        _ = interrupt.recv() => tracing::warn!("cut short"),
    }
    if let Some(traces) = traces {
        // After everything that makes spans; bounded, and cut short like the rest.
        tokio::select! {
            () = traces.finish() => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
    tracing::info!("stopped");
    failure.map_or(Ok(()), |failure| Err(failure.into()))
}

/// The bots of one's own, each with its endpoint; without what follows its path, which may be a key.
fn behind(bots: &[gateway::BotSetup]) -> Vec<(String, String)> {
    let endpoint = |bot: &gateway::BotSetup| {
        let endpoint = &bot.behind.as_ref()?.reach.endpoint;
        let authority = endpoint.authority()?;
        Some((bot.bot.to_string(), format!("{authority}{}", endpoint.path())))
    };
    bots.iter().filter_map(endpoint).collect()
}

/// What only a start can change, beside what the gateway itself names.
struct Fixed {
    listen: SocketAddr,
    data_dir: PathBuf,
    master_key: [u8; 16],
    /// The master key opens the data.
    fits: bool,
    language: Language,
    telemetry: Telemetry,
}

impl Fixed {
    fn of(config: &Config) -> anyhow::Result<Self> {
        let data_dir = config.settings.data_dir.clone();
        let vault = Vault::new(&config.master_key)?;
        let fits = keys::fits(&data_dir, &vault)?.unwrap_or(false);
        let master_key = vault.check_value()?;
        let (listen, language) = (config.listen, config.settings.language);
        let telemetry = config.telemetry.clone();
        Ok(Self { listen, data_dir, master_key, fits, language, telemetry })
    }
}

/// Reads the configuration again. If anything is wrong, nothing changes.
async fn reload(gateway: &Gateway, environment: &Arc<Environment>, fixed: &Fixed) {
    match read_again(gateway, environment, fixed).await {
        Ok(Taken { rest, has_variables }) => {
            for name in rest {
                tracing::warn!("{name} needs a restart to change; it stays as it was");
            }
            // What a process was started with it cannot read again.
            let variables = if has_variables {
                "; variables are as at the start, restart to change them"
            } else {
                ""
            };
            tracing::info!("the configuration was read again and is in force{variables}");
        }
        // Not as an error: the gateway runs on as before, and whoever asked looks here.
        Err(error) => tracing::warn!(
            "the configuration was read again and is wrong, so nothing changes: {error:#}"
        ),
    }
}

/// What came of reading the configuration again.
struct Taken {
    /// The names of what only a restart changes.
    rest: Vec<String>,
    /// Something is set by variables.
    has_variables: bool,
}

/// Takes over what can change.
async fn read_again(
    gateway: &Gateway,
    environment: &Arc<Environment>,
    fixed: &Fixed,
) -> anyhow::Result<Taken> {
    let (environment, data_dir) = (Arc::clone(environment), fixed.data_dir.clone());
    let language = fixed.language;
    // It may wait for a disk.
    let read = move || Config::read_again(&environment, &data_dir, language);
    let read = tokio::task::spawn_blocking(read);
    let config = read.await.context("reading panicked")??;
    let now = Fixed::of(&config)?;
    let mut rest = Vec::new();
    if now.listen != fixed.listen {
        rest.push("listen".to_owned());
    }
    // One that was rotated opens the same data.
    if now.master_key != fixed.master_key && !now.fits {
        rest.push("the master key".to_owned());
    }
    if now.telemetry != fixed.telemetry {
        rest.push("where traces go".to_owned());
    }
    let more = gateway.reload(config.settings).await?;
    rest.extend(more.iter().map(ToString::to_string));
    for remark in &config.remarks {
        tracing::info!("{remark}");
    }
    Ok(Taken { rest, has_variables: config.has_variables })
}
