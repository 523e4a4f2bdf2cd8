//! The servers, each a process of its own that dies with its value.

use std::{net::SocketAddr, path::Path, process::Stdio, time::Duration};

use anyhow::Context;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// What stands before the address in the line that a server prints once it listens.
pub(crate) const READY: &str = "listens on http://";

/// What the stub instance presents on the webhook.
pub(crate) const WEBHOOK_SECRET: &str = "the-webhook-secret-of-the-benchmark";

/// What opens Direct Line.
pub(crate) const DIRECT_LINE_SECRET: &str = "the-direct-line-secret-of-the-benchmark";

/// Ten times what a start takes here.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Gateway,
    Bare,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) side: Side,
    pub(crate) address: SocketAddr,
    pub(crate) pid: u32,
    /// Killed when dropped; its standard input, where piped, stays open until then.
    _child: Child,
}

impl Server {
    /// The gateway as it ships, with this instance behind it.
    pub(crate) async fn gateway(instance: SocketAddr, data: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_warmline"));
        // Nothing of the person's own environment may configure what is measured.
        command.arg("serve").env_clear().env("RUST_LOG", "warn");
        command.env("WARMLINE_LISTEN", "127.0.0.1:0").env("WARMLINE_DATA_DIR", data);
        command.env("SERVICENOW_INSTANCE", format!("http://{instance}"));
        for name in ["CLIENT_ID", "CLIENT_SECRET", "USERNAME", "PASSWORD"] {
            command.env(format!("SERVICENOW_{name}"), "anything");
        }
        command.env("SERVICENOW_TOKEN", "anything").env("WEBHOOK_SECRET", WEBHOOK_SECRET);
        command.env("DIRECT_LINE_SECRET", DIRECT_LINE_SECRET);
        // Anything on loopback silences the remark that nobody can call back.
        command.env("WARMLINE_PUBLIC_URL", "http://127.0.0.1");
        Self::start(Side::Gateway, command).await
    }

    /// This program once more, as the bare handler.
    pub(crate) async fn bare() -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--bare").stdin(Stdio::piped());
        Self::start(Side::Bare, command).await
    }

    async fn start(side: Side, mut command: Command) -> anyhow::Result<Self> {
        command.stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("{side:?} did not start"))?;
        let pid = child.id().context("a child that just started has an id")?;
        let stdout = child.stdout.take().context("standard output was piped")?;
        let mut lines = BufReader::new(stdout).lines();
        let ready = async {
            while let Some(line) = lines.next_line().await? {
                if let Some((_, address)) = line.split_once(READY) {
                    return Ok(address.trim().parse()?);
                }
            }
            anyhow::bail!("{side:?} ended before it listened; its own words are above")
        };
        let address = tokio::time::timeout(READY_WITHIN, ready)
            .await
            .with_context(|| format!("{side:?} did not listen in time"))??;
        Ok(Self { side, address, pid, _child: child })
    }
}
