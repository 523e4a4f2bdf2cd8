//! `warmline serve`: the gateway, from its first setting to its last commit.

use std::io::Write;

use anyhow::Context;
use gateway::{Clock, Gateway};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use vault::Vault;

use crate::{
    config::{Config, Environment},
    telemetry::traces,
};

/// A write beyond the limit on the size of files. Its number is the same on all systems that
/// Warmline is built for.
const SIGXFSZ: i32 = 25;

pub(crate) async fn run() -> anyhow::Result<()> {
    // Unhandled, it would end the process; handled, the write fails as on a full disk, which the
    // store gets over. The handler stays when this is dropped.
    drop(signal(SignalKind::from_raw(SIGXFSZ))?);
    let environment = Environment::of_process();
    let mut config = Config::read(&environment)?;
    let traces = traces::start(|name| environment.get(name), &mut config.settings)?;
    let vault = Vault::new(&config.master_key)?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("WARMLINE_LISTEN {} cannot be used", config.listen))?;
    let mut gateway = Gateway::start(config.settings, vault, Clock::System, listener).await?;
    for remark in &config.remarks {
        tracing::warn!("{remark}");
    }
    // Before anybody learns that we are there: whoever does may stop us at once.
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    // For scripts that start us on port 0.
    // Whether anybody reads it is no concern of the gateway's.
    writeln!(std::io::stdout(), "warmline listens on http://{}", gateway.address()).ok();
    tracing::info!(address = %gateway.address(), "ready");
    let failure = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        failure = gateway.failure() => Some(failure),
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
