//! `warmline demo`: a gateway, a simulated ServiceNow and one page to try them.
//!
//! The gateway is a process of its own, so that it can be killed: the demo starts it again, and the
//! chat goes on where it was. Simulator and page live in this process and survive.
//!
//! ```text
//!  browser ──► page ──► kill ──► gateway (starts, watches and stops the process)
//!                 ▲                 │ how it stands
//!                 └──── feed ◄──────┤
//!                                   └─► console: signs in, reads what passes
//! ```

mod console;
mod events;
mod feed;
mod gateway;
mod page;
mod site;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use ::gateway::{Language, WEBHOOK_PATH};
use anyhow::Context;
use clap::Args;
use simulator::{AgentMode, AgentProfile, Config, QueueProfile, Script, Simulator, Webhook};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_util::sync::CancellationToken;
use vault::MasterKey;

use self::{console::Console, feed::Feed, gateway::Gateway, page::Page, site::Site};
use crate::{
    instance::{self, Sitting},
    language,
};

/// Orders to kill that wait for the supervisor: one, because one kill serves all who ask for it.
const KILLS_WAITING_MAX: usize = 1;

/// Chats that one agent has at once: enough to switch between two, few enough to fill up.
const AGENT_CAPACITY: u32 = 2;

/// Long enough for people to see a chat between two agents.
const TRANSFER_TAKES: Duration = Duration::from_secs(2);

/// What the gateway is asked for is answered from its own store; longer silence is a dead gateway.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

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
    #[arg(long, value_enum, default_value_t = instance::Language::Servicenow)]
    dialect: instance::Language,
    /// Who sits at the desk at first.
    #[arg(long, value_enum, default_value_t = Sitting::Person)]
    agent: Sitting,
    /// The language of the gateway's notices, and of the page that is printed; the page itself has
    /// a switch.
    #[arg(long, value_parser = language::parser())]
    language: Option<Language>,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let page = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))
        .await
        .context("the page's port cannot be used; choose another with --port")?;
    let address = page.local_addr()?;
    let gateway = gateway_address(options.gateway_port).await?;
    let webhook_secret = MasterKey::fresh_secret()?;
    let config = instance(&options, gateway, &webhook_secret);
    let credentials = config.credentials.clone();
    let simulator = Simulator::new(config);
    let console = Console::new(gateway)?;
    let feed = Arc::new(Feed::new());
    let (kill, kills) = mpsc::channel(KILLS_WAITING_MAX);
    let mut process = Gateway {
        address: gateway,
        page: page_address(address, options.language),
        site: format!("http://{address}/site"),
        instance: address,
        data_dir: options.data_dir,
        credentials,
        webhook_secret: webhook_secret.into(),
        direct_line_secret: MasterKey::fresh_secret()?.into(),
        console_hash: console.hash().await?,
        console_password: console.password().clone(),
        language: options.language.map(Language::code),
        feed: feed.clone(),
        kills,
    };
    let shown = Page {
        gateway,
        direct_line_secret: process.direct_line_secret.clone(),
        client: reqwest::Client::builder().timeout(ANSWER_WITHIN).build()?,
        feed: feed.clone(),
        kill,
    };
    let site =
        Site { gateway, tokens: process.direct_line_secret.clone(), client: shown.client.clone() };
    let site = site::routes(site);
    let router = page::routes(Arc::new(shown)).merge(site).merge(simulator.router());
    let stop = CancellationToken::new();
    let serving = axum::serve(page, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let server = tokio::spawn(async move { serving.await });
    let reading = tokio::spawn(console.follow(feed));
    let ended = process.supervise().await;
    stop.cancel();
    simulator.stop().await;
    // Their streams end with the process; nothing is left to wait for.
    reading.abort();
    server.abort();
    ended
}

/// The instance that the demo simulates.
fn instance(options: &Options, gateway: SocketAddr, webhook_secret: &str) -> Config {
    Config {
        dialect: options.dialect.into(),
        agent: match options.agent {
            Sitting::Scripted => AgentMode::Scripted(Script::default()),
            sitting => sitting.into(),
        },
        webhook: Webhook {
            url: format!("http://{gateway}{WEBHOOK_PATH}"),
            authorization: format!("Bearer {webhook_secret}").into(),
        },
        agents: team(),
        queues: vec![
            QueueProfile::new("it", "IT support"),
            // Nobody comes here by asking; chats are handed over to it.
            QueueProfile::new("hr", "HR services").when("department", "hr"),
        ],
        transfer_delay: TRANSFER_TAKES,
        // So that nothing is missed while the gateway is away.
        may_read_messages: true,
        ..Config::default()
    }
}

/// Two people for the help desk and one for another queue, so that there is somebody to hand over to.
fn team() -> Vec<AgentProfile> {
    let of = |id: &str, name: &str, queue: &str| AgentProfile {
        capacity: AGENT_CAPACITY,
        queues: vec![queue.to_owned()],
        ..AgentProfile::new(id, name)
    };
    vec![of("dana", "Dana", "it"), of("robin", "Robin", "it"), of("alex", "Alex", "hr")]
}

/// The address the gateway will have, the same after every restart.
async fn gateway_address(port: u16) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .context("the gateway's port cannot be used; choose another with --gateway-port")?;
    Ok(listener.local_addr()?)
}

fn page_address(address: SocketAddr, language: Option<Language>) -> String {
    let query = language.map(|language| format!("?lang={}", language.code()));
    format!("http://{address}/{}", query.unwrap_or_default())
}
