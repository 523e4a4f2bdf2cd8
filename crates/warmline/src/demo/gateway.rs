//! The demo's gateway: a process that is started, watched, killed on demand, started again, and
//! stopped with the demo. Owns its environment and what is said about how it stands.

use std::{
    net::SocketAddr,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use simulator::Credentials;
use tokio::{
    process::{Child, Command},
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, oneshot},
};

use super::feed::Feed;
use crate::config::table::{self, Section};

/// A gateway that ends is started again after this, so that one that cannot start does not spin.
const RESTART_AFTER: Duration = Duration::from_millis(500);

/// How often a gateway that never got ready is started before the demo gives up.
const FAILED_STARTS_MAX: u32 = 5;

/// How long a stopping gateway may take.
const STOP_WITHIN: Duration = Duration::from_secs(15);

/// Between two looks whether a gateway that starts is ready.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// An order to kill the gateway; answered with the process that was killed, dropped when none runs.
pub(super) type Kill = oneshot::Sender<u32>;

/// How the gateway stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub(super) enum Standing {
    /// Its process runs and is not ready yet.
    Starting,
    /// It serves.
    Up {
        process: u32,
        /// From the end of the one before to this one's being ready.
        back_after_ms: Option<u64>,
    },
    /// Its process has ended; another follows.
    Down { killed: bool },
}

/// What a gateway needs, and who wants to know how it stands.
pub(super) struct Gateway {
    pub(super) address: SocketAddr,
    /// What is printed for people to open.
    pub(super) page: String,
    /// The page that the widget is on.
    pub(super) site: String,
    pub(super) instance: SocketAddr,
    pub(super) data_dir: PathBuf,
    pub(super) credentials: Credentials,
    pub(super) webhook_secret: SecretString,
    pub(super) direct_line_secret: SecretString,
    pub(super) console_hash: String,
    pub(super) console_password: SecretString,
    pub(super) language: Option<&'static str>,
    pub(super) feed: Arc<Feed>,
    pub(super) kills: mpsc::Receiver<Kill>,
}

/// Why a watch over a process is over.
enum Ended {
    Process(ExitStatus),
    Demo,
}

impl Gateway {
    /// Keeps a gateway running until somebody stops the demo.
    pub(super) async fn supervise(&mut self) -> anyhow::Result<()> {
        let mut stops = Stops::new()?;
        let (mut failed_starts, mut gone_since, mut welcomed) = (0, None, false);
        loop {
            self.feed.stands(Standing::Starting);
            let mut child = self.start()?;
            let process = child.id().unwrap_or_default();
            let ready = tokio::select! {
                ready = is_ready(self.address) => ready,
                _ = child.wait() => false,
                () = stops.asked() => return stop(child).await,
            };
            failed_starts = if ready { 0 } else { failed_starts + 1 };
            anyhow::ensure!(
                failed_starts < FAILED_STARTS_MAX,
                "the gateway does not start; its log above says why"
            );
            if ready {
                let back_after_ms = gone_since.map(elapsed_ms);
                self.feed.stands(Standing::Up { process, back_after_ms });
                self.greet(process, std::mem::replace(&mut welcomed, true));
            }
            match self.watch(&mut child, &mut stops).await? {
                Ended::Demo => return stop(child).await,
                Ended::Process(status) => {
                    gone_since = Some(Instant::now());
                    self.feed.stands(Standing::Down { killed: is_killed(status) });
                    println!("  The gateway ended ({}).", how(status));
                }
            }
            tokio::time::sleep(RESTART_AFTER).await;
        }
    }

    /// Waits for the end of the process, and brings it about when asked to.
    async fn watch(&mut self, child: &mut Child, stops: &mut Stops) -> anyhow::Result<Ended> {
        // Who asked while none ran has been told so; an order never outlives its process.
        while self.kills.try_recv().is_ok() {}
        loop {
            tokio::select! {
                ended = child.wait() => return Ok(Ended::Process(ended?)),
                () = stops.asked() => return Ok(Ended::Demo),
                Some(asked) = self.kills.recv() => {
                    if let Some(process) = child.id() {
                        child.start_kill()?;
                        // Who asked may have left.
                        asked.send(process).ok();
                    }
                }
            }
        }
    }

    fn greet(&self, process: u32, again: bool) {
        if again {
            println!("  The gateway runs again, as process {process}.");
            return;
        }
        println!("\n  Open {} and type “agent”.\n", self.page);
        println!("  The widget on a page of its own: {}", self.site);
        println!("  The gateway is process {process}; kill it with: kill -9 {process}");
        let password = self.console_password.expose_secret();
        println!("  The operator's console: http://{}/console", self.address);
        println!("  its password, for this run:  {password}");
        println!("  Stop with Ctrl-C.\n");
    }

    fn start(&self) -> anyhow::Result<Child> {
        self.command()?
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("the gateway's process cannot be started")
    }

    /// A configuration that says nothing, so that the developer's own beside it is not read.
    fn empty_file(&self) -> anyhow::Result<PathBuf> {
        let file = self.data_dir.join("warmline.toml");
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.data_dir)?;
        std::fs::write(&file, "# The demo's gateway takes everything from its environment.\n")?;
        Ok(file)
    }

    fn command(&self) -> anyhow::Result<Command> {
        let credentials = &self.credentials;
        let mut command = Command::new(own_program()?);
        command
            .arg("serve")
            // Ctrl-C is the demo's to pass on; told twice, the gateway would cut its end short.
            .process_group(0)
            .env("SERVICENOW_INSTANCE", format!("http://{}", self.instance))
            .env("SERVICENOW_CLIENT_ID", &credentials.client_id)
            .env("SERVICENOW_CLIENT_SECRET", credentials.client_secret.expose_secret())
            .env("SERVICENOW_USERNAME", &credentials.username)
            .env("SERVICENOW_PASSWORD", credentials.password.expose_secret())
            .env("WEBHOOK_SECRET", self.webhook_secret.expose_secret())
            .env("DIRECT_LINE_SECRET", self.direct_line_secret.expose_secret())
            .env("WARMLINE_CONSOLE_PASSWORD_HASH", &self.console_hash)
            .env("WARMLINE_LISTEN", self.address.to_string())
            .env("WARMLINE_PUBLIC_URL", format!("http://{}", self.address))
            .env("WARMLINE_DATA_DIR", &self.data_dir)
            .env("WARMLINE_CONFIG", self.empty_file()?);
        // What the developer's own environment may hold for a real gateway has no place here.
        let of_bots = table::of(Section::Bot).filter_map(|setting| setting.env);
        let of_bots = of_bots.filter(|name| *name != "DIRECT_LINE_SECRET");
        let others = [
            "DATABASE_URL",
            "SERVICENOW_GRANT_TYPE",
            "SERVICENOW_TOKEN",
            "WARMLINE_LANGUAGE",
            "WARMLINE_MASTER_KEY",
            "WARMLINE_MASTER_KEY_FILE",
        ];
        for name in of_bots.chain(others) {
            command.env_remove(name);
        }
        if let Some(language) = self.language {
            command.env("WARMLINE_LANGUAGE", language);
        }
        Ok(command)
    }
}

/// The signals that end the demo.
struct Stops {
    terminate: Signal,
    interrupt: Signal,
}

impl Stops {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// This very program, also when a newer one was built in its place meanwhile.
fn own_program() -> std::io::Result<PathBuf> {
    let linux = Path::new("/proc/self/exe");
    if linux.exists() { Ok(linux.to_owned()) } else { std::env::current_exe() }
}

fn is_killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status.signal() == Some(9)
}

fn how(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.signal(), status.code()) {
        (Some(9), _) => "killed".to_owned(),
        (Some(signal), _) => format!("signal {signal}"),
        (None, Some(code)) => format!("exit code {code}"),
        (None, None) => "unknown".to_owned(),
    }
}

/// Waits until the gateway serves; the caller gives up when its process ends.
async fn is_ready(gateway: SocketAddr) -> bool {
    let Ok(client) = reqwest::Client::builder().timeout(Duration::from_secs(1)).build() else {
        return false;
    };
    loop {
        let answer = client.get(format!("http://{gateway}/readyz")).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return true;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Asks the gateway to stop. A Ctrl-C reaches it by itself; a signal to the demo alone does not.
async fn stop(mut child: Child) -> anyhow::Result<()> {
    if let Some(id) = child.id() {
        let asked = Command::new("kill").arg("-TERM").arg(id.to_string()).status().await;
        if asked.is_ok() {
            tokio::time::timeout(STOP_WITHIN, child.wait()).await.ok();
        }
    }
    // Whatever is left of it ends with its handle.
    Ok(())
}
