//! `warmline demo`: a gateway, a simulated ServiceNow and one page to try them.
//!
//! The gateway is a process of its own, so that it can be killed: the demo starts it again, and the
//! chat goes on where it was. Simulator and page live in this process and survive.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use clap::Args;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use simulator::{AgentMode, Config, Credentials, Script, Simulator, Webhook};
use tokio::{
    net::TcpListener,
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use vault::MasterKey;

use crate::instance::{Language, Sitting};

/// A gateway that ends is started again after this, so that one that cannot start does not spin.
const RESTART_AFTER: Duration = Duration::from_millis(500);

/// How often a gateway that never got ready is started before the demo gives up.
const FAILED_STARTS_MAX: u32 = 5;

/// How long a stopping gateway may take.
const STOP_WITHIN: Duration = Duration::from_secs(15);

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The page's port; free ones are taken where this is 0.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The gateway's port; a free one where this is 0.
    #[arg(long, default_value_t = 0)]
    gateway_port: u16,
    /// Where the gateway keeps its data.
    #[arg(long, default_value = "./data/demo")]
    data_dir: PathBuf,
    /// The language of the simulator's callbacks.
    #[arg(long, value_enum, default_value_t = Language::Servicenow)]
    dialect: Language,
    /// Who sits at the desk at first.
    #[arg(long, value_enum, default_value_t = Sitting::Person)]
    agent: Sitting,
}

/// What the page's server knows.
struct Demo {
    gateway: SocketAddr,
    direct_line_secret: String,
    client: reqwest::Client,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let page = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))
        .await
        .context("the page's port cannot be used; choose another with --port")?;
    let gateway = gateway_address(options.gateway_port).await?;
    let (webhook_secret, direct_line_secret) =
        (MasterKey::fresh_secret()?, MasterKey::fresh_secret()?);
    let config = Config {
        dialect: options.dialect.into(),
        agent: match options.agent {
            Sitting::Scripted => AgentMode::Scripted(Script::default()),
            sitting => sitting.into(),
        },
        webhook: Webhook {
            url: format!("http://{gateway}/api/v1/snowBot/receiveMessage"),
            authorization: format!("Bearer {webhook_secret}").into(),
        },
        // So that nothing is missed while the gateway is away.
        may_read_messages: true,
        ..Config::default()
    };
    let credentials = config.credentials.clone();
    let simulator = Simulator::new(config);
    let demo = Arc::new(Demo {
        gateway,
        direct_line_secret: direct_line_secret.clone(),
        client: reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?,
    });
    let address = page.local_addr()?;
    let router = routes(demo).merge(simulator.router());
    let stop = CancellationToken::new();
    let serving = axum::serve(page, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let server = tokio::spawn(async move { serving.await });
    let start = || {
        let command = gateway_command(&options.data_dir, gateway, address, &credentials)?;
        start_gateway(command, &webhook_secret, &direct_line_secret)
    };
    let ended = supervise(start, gateway, address).await;
    stop.cancel();
    simulator.stop().await;
    // Its event streams end with the simulator; nothing is left to wait for.
    server.abort();
    ended
}

/// The address the gateway will have, the same after every restart.
async fn gateway_address(port: u16) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .context("the gateway's port cannot be used; choose another with --gateway-port")?;
    Ok(listener.local_addr()?)
}

fn gateway_command(
    data_dir: &std::path::Path,
    gateway: SocketAddr,
    instance: SocketAddr,
    credentials: &Credentials,
) -> anyhow::Result<Command> {
    let mut command = Command::new(own_program()?);
    command
        .arg("serve")
        // Ctrl-C is the demo's to pass on; told twice, the gateway would cut its end short.
        .process_group(0)
        .env("SERVICENOW_INSTANCE", format!("http://{instance}"))
        .env("SERVICENOW_CLIENT_ID", &credentials.client_id)
        .env("SERVICENOW_CLIENT_SECRET", credentials.client_secret.expose_secret())
        .env("SERVICENOW_USERNAME", &credentials.username)
        .env("SERVICENOW_PASSWORD", credentials.password.expose_secret())
        .env("WARMLINE_LISTEN", gateway.to_string())
        .env("WARMLINE_PUBLIC_URL", format!("http://{gateway}"))
        .env("WARMLINE_DATA_DIR", data_dir);
    // What the developer's own environment may hold for a real gateway has no place here.
    for name in [
        "DATABASE_URL",
        "BOT_ENDPOINT",
        "MicrosoftAppId",
        "SERVICENOW_GRANT_TYPE",
        "SERVICENOW_TOKEN",
        "WARMLINE_MASTER_KEY",
        "WARMLINE_MASTER_KEY_FILE",
    ] {
        command.env_remove(name);
    }
    Ok(command)
}

/// This very program, also when a newer one was built in its place meanwhile.
fn own_program() -> std::io::Result<std::path::PathBuf> {
    let linux = std::path::PathBuf::from("/proc/self/exe");
    if linux.exists() { Ok(linux) } else { std::env::current_exe() }
}

fn start_gateway(
    mut command: Command,
    webhook_secret: &str,
    direct_line_secret: &str,
) -> anyhow::Result<Child> {
    command
        .env("WEBHOOK_SECRET", webhook_secret)
        .env("DIRECT_LINE_SECRET", direct_line_secret)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("the gateway's process cannot be started")
}

/// Keeps a gateway running until somebody stops the demo.
async fn supervise(
    start: impl Fn() -> anyhow::Result<Child>,
    gateway: SocketAddr,
    page: SocketAddr,
) -> anyhow::Result<()> {
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut failed_starts = 0;
    let mut welcomed = false;
    loop {
        let mut child = start()?;
        let id = child.id().unwrap_or_default();
        let ready = tokio::select! {
            ready = is_ready(gateway) => ready,
            _ = child.wait() => false,
            _ = terminate.recv() => return stop(child).await,
            _ = interrupt.recv() => return stop(child).await,
        };
        if ready && !welcomed {
            println!("\n  Open http://{page}/ and type “agent”.\n");
            println!("  The gateway is process {id}; kill it with: kill -9 {id}");
            println!("  Stop with Ctrl-C.\n");
            welcomed = true;
        } else if ready {
            println!("  The gateway runs again, as process {id}.");
        }
        failed_starts = if ready { 0 } else { failed_starts + 1 };
        anyhow::ensure!(
            failed_starts < FAILED_STARTS_MAX,
            "the gateway does not start; its log above says why"
        );
        tokio::select! {
            ended = child.wait() => println!("  The gateway ended ({}).", how(ended?)),
            _ = terminate.recv() => return stop(child).await,
            _ = interrupt.recv() => return stop(child).await,
        }
        tokio::time::sleep(RESTART_AFTER).await;
    }
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
        tokio::time::sleep(Duration::from_millis(20)).await;
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

fn routes(demo: Arc<Demo>) -> Router {
    Router::new().route("/", get(page)).route("/demo/config.json", get(config)).with_state(demo)
}

async fn page() -> Response {
    match simulator::page("demo.html") {
        Some((mime, bytes)) => ([(header::CONTENT_TYPE, mime)], bytes.into_owned()).into_response(),
        None => Html(
            "<!doctype html><html lang=\"en\"><title>Warmline</title><p>The pages are not built. \
             Run <code>cargo xtask demo</code>; it builds them and needs Node.</p></html>",
        )
        .into_response(),
    }
}

/// A fresh token for the page: a user of its own, known to the gateway by it.
async fn config(State(demo): State<Arc<Demo>>) -> Response {
    let token = demo.token().await;
    match token {
        Ok(token) => Json(json!({
            "directLine": format!("http://{}/v3/directline", demo.gateway),
            "token": token["token"],
            "conversationId": token["conversationId"],
        }))
        .into_response(),
        Err(error) => {
            let message = format!("the gateway does not answer: {error}");
            let body = json!({ "error": { "code": "gateway_away", "message": message } });
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    }
}

impl Demo {
    async fn token(&self) -> Result<Value, reqwest::Error> {
        let user = format!("dl_demo-{:08x}", fastrand::u32(..));
        self.client
            .post(format!("http://{}/v3/directline/tokens/generate", self.gateway))
            .bearer_auth(&self.direct_line_secret)
            .json(&json!({ "user": { "id": user, "name": "Kim" } }))
            .send()
            .await?
            .error_for_status()?
            .json()
            .await
    }
}
