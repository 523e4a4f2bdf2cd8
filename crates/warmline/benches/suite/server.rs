//! The servers, each a process of its own that dies with its value.

use std::{
    net::SocketAddr,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::Context;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::house::Which;

/// What stands before the address in the line that a server prints once it listens.
pub(crate) const READY: &str = "listens on http://";

/// What the stand-in instance presents on the webhook.
pub(crate) const WEBHOOK_SECRET: &str = "the-webhook-secret-of-the-benchmark";

/// What opens Direct Line.
pub(crate) const DIRECT_LINE_SECRET: &str = "the-direct-line-secret-of-the-benchmark";

/// What the gateway presents at the instance.
pub(crate) const ANYTHING: &str = "anything";

/// Ten times what a start may take.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// Any port that is free.
const ANYWHERE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) pid: u32,
    /// From the process's start to its first line.
    pub(crate) listened_after: Duration,
    /// Killed when dropped; its standard input, where piped, stays open until then.
    child: Child,
}

impl Server {
    /// A gateway as it ships, with this instance behind it.
    pub(crate) async fn gateway(
        which: Which<'_>,
        instance: SocketAddr,
        data: &Path,
    ) -> anyhow::Result<Self> {
        let mut command = match which {
            Which::Own | Which::Slower(_) => gateway_at(ANYWHERE, instance, data),
            Which::Other(program) => configured(Command::new(program), ANYWHERE, instance, data),
        };
        if let Which::Slower(shim) = which {
            shim.load_into(&mut command)?;
        }
        Self::start(command).await.context("the gateway")
    }

    /// The same at an address that is known before it is there.
    pub(crate) async fn gateway_at(
        address: SocketAddr,
        instance: SocketAddr,
        data: &Path,
    ) -> anyhow::Result<Self> {
        Self::start(gateway_at(address, instance, data)).await.context("the gateway")
    }

    /// The same with settings in a file.
    pub(crate) async fn gateway_with(
        settings: &Path,
        address: SocketAddr,
        instance: SocketAddr,
        data: &Path,
    ) -> anyhow::Result<Self> {
        let mut command = gateway_at(address, instance, data);
        command.env("WARMLINE_CONFIG", settings);
        // Pages have to open what it shows them, wherever it listens.
        command.env_remove("WARMLINE_PUBLIC_URL");
        Self::start(command).await.context("the gateway")
    }

    /// The gateway as it ships with this bot behind it.
    pub(crate) async fn gateway_before(
        bot: SocketAddr,
        delivery: &str,
        instance: SocketAddr,
        data: &Path,
    ) -> anyhow::Result<Self> {
        let mut command = gateway_at(ANYWHERE, instance, data);
        command.env("BOT_ENDPOINT", format!("http://{bot}/api/messages"));
        command.env("WARMLINE_BOT_DELIVERY", delivery);
        // The bot has to reach it, wherever it listens.
        command.env_remove("WARMLINE_PUBLIC_URL");
        Self::start(command).await.context("the gateway")
    }

    /// This program once more, as the smallest bot there is.
    pub(crate) async fn bot() -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--bot").stdin(Stdio::piped());
        Self::start(command).await.context("the bot")
    }

    /// This program once more, as the bare handler.
    pub(crate) async fn bare() -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--bare").stdin(Stdio::piped());
        Self::start(command).await.context("the bare handler")
    }

    async fn start(mut command: Command) -> anyhow::Result<Self> {
        command.stdout(Stdio::piped()).kill_on_drop(true);
        let began = Instant::now();
        let mut child = command.spawn().context("it did not start")?;
        let pid = child.id().context("a child that just started has an id")?;
        let stdout = child.stdout.take().context("standard output was piped")?;
        let mut lines = BufReader::new(stdout).lines();
        let ready = async {
            while let Some(line) = lines.next_line().await? {
                if let Some((_, address)) = line.split_once(READY) {
                    return Ok(address.trim().parse()?);
                }
            }
            anyhow::bail!("it ended before it listened; its own words are above")
        };
        let address = tokio::time::timeout(READY_WITHIN, ready)
            .await
            .context("it did not listen in time")??;
        Ok(Self { address, pid, listened_after: began.elapsed(), child })
    }

    /// kill -9.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}

fn gateway_at(address: SocketAddr, instance: SocketAddr, data: &Path) -> Command {
    configured(Command::new(env!("CARGO_BIN_EXE_warmline")), address, instance, data)
}

fn configured(
    mut command: Command,
    address: SocketAddr,
    instance: SocketAddr,
    data: &Path,
) -> Command {
    // Nothing of the person's own environment may configure what is measured.
    command.arg("serve").env_clear().env("RUST_LOG", "error");
    command.env("WARMLINE_LISTEN", address.to_string()).env("WARMLINE_DATA_DIR", data);
    command.env("SERVICENOW_INSTANCE", format!("http://{instance}"));
    for name in ["CLIENT_ID", "CLIENT_SECRET", "USERNAME", "PASSWORD"] {
        command.env(format!("SERVICENOW_{name}"), ANYTHING);
    }
    command.env("SERVICENOW_TOKEN", ANYTHING).env("WEBHOOK_SECRET", WEBHOOK_SECRET);
    command.env("DIRECT_LINE_SECRET", DIRECT_LINE_SECRET);
    // Thousands of chats are begun before anything is measured.
    command.env("WARMLINE_START_RATE", "1000000");
    // Anything on loopback silences the remark that nobody can call back.
    command.env("WARMLINE_PUBLIC_URL", "http://127.0.0.1");
    command
}
