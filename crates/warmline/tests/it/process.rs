//! The gateway's process: started, killed, ended politely.

use std::{
    collections::BTreeMap,
    fs::File,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::{Child, ChildStdout, Command},
    time::timeout,
};

/// What a test waits for at most; everything it waits for comes within milliseconds.
pub(crate) const WITHIN: Duration = Duration::from_secs(20);

/// Ports of tests lie below those the system hands out (from 32768 on Linux). A port from there
/// could be taken by somebody's outgoing connection while the gateway is down, and a connection to
/// it could even be answered by itself.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// The process's settings.
pub(crate) type Environment = BTreeMap<String, String>;

/// A port that is free now, and that no other test of this run gets.
pub(crate) async fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let count = u32::from(PORTS.end - PORTS.start);
    // Runs beside each other begin at different places.
    let first = std::process::id().wrapping_mul(97) % count;
    for _ in 0..count {
        let step = u32::from(NEXT.fetch_add(1, Ordering::SeqCst));
        let offset = u16::try_from((first + step) % count).expect("the range has fewer ports");
        let port = PORTS.start + offset;
        if TcpListener::bind(("127.0.0.1", port)).await.is_ok() {
            return port;
        }
    }
    panic!("no port is free")
}

/// `warmline serve` with these settings and no others.
pub(crate) fn serve(environment: &Environment) -> Command {
    let mut command = command(environment);
    command.arg("serve");
    command
}

/// `warmline` with these settings and no others.
pub(crate) fn command(environment: &Environment) -> Command {
    configured(Command::new(env!("CARGO_BIN_EXE_warmline")), environment)
}

fn configured(mut command: Command, environment: &Environment) -> Command {
    command.env_clear().envs(environment).stdin(Stdio::null()).kill_on_drop(true);
    // Where the machine keeps its root certificates.
    for name in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command
}

/// A gateway that serves.
pub(crate) struct Process {
    child: Child,
    // Kept open: a closed one would be an error to whoever writes to it.
    _stdout: BufReader<ChildStdout>,
}

impl Process {
    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Starts it and waits until it says where it listens. What it logs is added to `log`.
    pub(crate) async fn start(environment: &Environment, log: &Path) -> Self {
        let log = File::options().create(true).append(true).open(log).unwrap();
        let mut child = serve(environment).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        timeout(WITHIN, stdout.read_line(&mut line)).await.expect("it starts in time").unwrap();
        let listens = format!("warmline listens on http://{}\n", environment["WARMLINE_LISTEN"]);
        assert_eq!(line, listens, "the first line says where it listens");
        Self { child, _stdout: stdout }
    }

    /// kill -9.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Sends a signal, by its name without SIG.
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status().await;
        assert!(sent.unwrap().success());
    }

    /// From now on no file may grow beyond this many bytes; `None` lifts the limit.
    pub(crate) async fn limit_files(&self, bytes: Option<u64>) {
        let id = self.child.id().expect("it runs").to_string();
        let limit = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
        let limit = format!("--fsize={limit}:unlimited");
        let set = Command::new("prlimit").args(["--pid", &id, &limit]).status().await;
        assert!(set.expect("prlimit is part of util-linux").success());
    }

    /// What it has in memory now, and what it had at most since its start, in bytes.
    pub(crate) fn memory(&self) -> (u64, u64) {
        let id = self.child.id().expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let bytes = |name: &str| {
            let line =
                status.lines().find_map(|line| line.strip_prefix(name)).expect("it is there");
            let kibibytes = line.split_ascii_whitespace().next().unwrap();
            kibibytes.parse::<u64>().unwrap() * 1024
        };
        (bytes("VmRSS:"), bytes("VmHWM:"))
    }

    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        timeout(WITHIN, self.child.wait()).await.expect("it stops in time").unwrap()
    }

    /// SIGTERM; gives back how it ended.
    pub(crate) async fn terminate(self) -> ExitStatus {
        self.signal("TERM").await;
        self.ended().await
    }
}
