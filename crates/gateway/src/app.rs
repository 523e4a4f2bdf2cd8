//! The gateway put together, started and stopped.
//!
//! Stop order: readiness says no; open streams are told to come back; no new requests are taken and
//! those under way end; the dispatcher finishes the attempts in flight; the engine commits and
//! answers what is queued; the store is closed.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use bot_framework::direct_line::token::TokenKey;
use secrecy::SecretString;
use servicenow::ClientConfig;
use session::{
    Policy,
    id::{BotId, DeskId, TenantId},
};
use store::{BootId, LaneKey, Store, StoreError, sqlite::SqliteStore};
use tokio::{
    net::TcpListener,
    sync::{Notify, mpsc},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use vault::{SealError, Vault};

use crate::{
    alarm::Alarm,
    bot::BuiltInBot,
    clock::Clock,
    desk::{news::Wording, request::Dress},
    dispatcher::{DeskLink, Dispatcher},
    edge::{Edge, callers::Callers, direct_line::DirectLine},
    engine::{Engine, Policies, Tools},
    wakes::Wakes,
};

/// Hints to the dispatcher that may queue; a lost one is found by its next look at the store.
const LANE_HINTS_MAX: usize = 8_192;

/// A lease outlives one attempt (10 s) and its report with room to spare.
const LEASE: Duration = Duration::from_secs(30);

/// How long requests under way may take to end when the gateway stops.
const REQUESTS_END_WITHIN: Duration = Duration::from_secs(10);

/// Where the master key's check value is kept.
const CHECK_VALUE: &str = "master key check value";

/// Words an instance obeys when they are the whole message (reference 3.7).
const COMMANDS: [&str; 9] = [
    "hi",
    "agent",
    "bye",
    "restart",
    "help",
    "logout",
    "notification",
    "notifications",
    "show notification",
];

/// Everything a gateway is started with.
pub struct Settings {
    /// Where the embedded store keeps its files.
    pub data_dir: PathBuf,
    /// The desks.
    pub desks: Vec<DeskSetup>,
    /// The bots.
    pub bots: Vec<BotSetup>,
    /// How clients reach this service, without a trailing slash; `None` takes each request's `Host`.
    pub public_url: Option<String>,
    /// The built-in bot.
    pub built_in_bot: BuiltInBot,
    /// How desks tell things in words.
    pub wording: Wording,
}

/// One ServiceNow instance of one tenant.
pub struct DeskSetup {
    /// Its owner.
    pub tenant: TenantId,
    /// Its name in the configuration.
    pub desk: DeskId,
    /// How it is reached.
    pub client: ClientConfig,
    /// What it presents on the webhook.
    pub webhook_secret: SecretString,
    /// The message-auth token; without it every user is a guest.
    pub message_token: Option<SecretString>,
}

/// One bot of one tenant.
pub struct BotSetup {
    /// Its owner.
    pub tenant: TenantId,
    /// Its id.
    pub bot: BotId,
    /// The rules of its conversations.
    pub policy: Policy,
    /// What opens Direct Line for it; `None` leaves it closed.
    pub direct_line_secret: Option<SecretString>,
}

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be used.
    #[error("the store cannot be used")]
    Store(#[from] StoreError),
    /// The master key is not the one the data was sealed with.
    #[error(
        "the master key is not the one this data was sealed with; put back the key that was used \
         before, or use another data directory"
    )]
    WrongMasterKey,
    /// The keys cannot be made.
    #[error("the keys cannot be derived")]
    Keys(#[from] SealError),
    /// Two owners share a secret.
    #[error(transparent)]
    SharedSecret(#[from] crate::edge::callers::SharedSecret),
    /// A desk's settings do not make a client.
    #[error("desk {desk} of tenant {tenant} cannot be reached with these settings")]
    Desk {
        /// Whose.
        tenant: TenantId,
        /// Which.
        desk: DeskId,
        /// Why.
        #[source]
        source: servicenow::ConfigError,
    },
    /// The system refused a thread or a socket.
    #[error("the system refused a thread or a socket")]
    System(#[from] std::io::Error),
}

/// Why a gateway did not stop cleanly.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// Something ended by itself.
    #[error("the {part} ended by itself")]
    Ended {
        /// What.
        part: &'static str,
    },
}

/// A running gateway.
pub struct Gateway {
    address: SocketAddr,
    engine: Engine,
    tasks: TaskTracker,
    stopping: CancellationToken,
    serving: CancellationToken,
    failed: mpsc::Receiver<&'static str>,
    delivery: Option<std::thread::JoinHandle<()>>,
}

impl Gateway {
    /// Starts everything: when this returns, requests are served and the lanes were taken over.
    pub async fn start(
        settings: Settings,
        vault: Vault,
        clock: Clock,
        listener: TcpListener,
    ) -> Result<Self, StartError> {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&settings.data_dir)?);
        let vault = Arc::new(vault);
        check_master_key(&*store, &vault)?;
        let boot = BootId(i64::from_ne_bytes(fastrand::u64(..).to_ne_bytes()));
        store.take_over(boot)?;
        let wakes = Arc::new(Wakes::default());
        let hint = Arc::new(Notify::new());
        let (lanes, lane_hints) = mpsc::channel(LANE_HINTS_MAX);
        let mut policies = Policies::default();
        for bot in &settings.bots {
            policies.add(bot.tenant.clone(), bot.bot.clone(), bot.policy.clone());
        }
        let engine = Engine::start(Tools {
            store: Arc::clone(&store),
            vault: Arc::clone(&vault),
            repeats: vault.mac_key("repeats")?,
            clock: clock.clone(),
            policies,
            wakes: Arc::clone(&wakes),
            lanes,
            alarm: Arc::clone(&hint),
            boot,
            lease: LEASE,
        })?;
        let parts = Parts { store, vault, clock, engine, wakes };
        parts.run(settings, hint, lane_hints, listener)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until a part ends by itself, which none should.
    pub async fn failure(&mut self) -> StopError {
        match self.failed.recv().await {
            Some(part) => StopError::Ended { part },
            None => std::future::pending().await,
        }
    }

    /// Stops in order; see the module's documentation.
    pub async fn stop(self) {
        self.stopping.cancel();
        self.serving.cancel();
        self.tasks.close();
        if tokio::time::timeout(REQUESTS_END_WITHIN, self.tasks.wait()).await.is_err() {
            tracing::warn!("requests under way did not end in time; they are cut");
        }
        let (delivery, engine) = (self.delivery, self.engine);
        let ended = tokio::task::spawn_blocking(move || {
            if let Some(Err(_)) = delivery.map(std::thread::JoinHandle::join) {
                tracing::error!("the dispatcher's thread panicked");
            }
            engine.finish();
        });
        if ended.await.is_err() {
            tracing::error!("the engine did not end cleanly");
        }
    }
}

/// What the running parts share.
struct Parts {
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
    clock: Clock,
    engine: Engine,
    wakes: Arc<Wakes>,
}

impl Parts {
    fn run(
        self,
        settings: Settings,
        hint: Arc<Notify>,
        lane_hints: mpsc::Receiver<LaneKey>,
        listener: TcpListener,
    ) -> Result<Gateway, StartError> {
        let (stopping, serving) = (CancellationToken::new(), CancellationToken::new());
        let (failures, failed) = mpsc::channel(4);
        let tasks = TaskTracker::new();
        let callers = self.callers(&settings)?;
        let dispatcher = self.dispatcher(&settings)?;
        let alarm = Alarm {
            store: Arc::clone(&self.store),
            engine: self.engine.clone(),
            clock: self.clock.clone(),
            hint,
        };
        let engine = self.engine.clone();
        let edge = Arc::new(self.edge(settings, callers, stopping.clone())?);
        let address = listener.local_addr()?;
        let delivery = deliver(dispatcher, lane_hints, stopping.clone(), failures.clone())?;
        let part = failures.clone();
        let stop = stopping.clone();
        tasks.spawn(async move {
            alarm.run(stop.clone()).await;
            report_end("alarm", &stop, &part);
        });
        let (router, stop) = (crate::edge::router(edge), serving.clone());
        tasks.spawn(async move {
            let served = axum::serve(listener, router)
                .with_graceful_shutdown(stop.clone().cancelled_owned())
                .await;
            if let Err(error) = served {
                tracing::error!(error = &error as &dyn std::error::Error, "the listener failed");
            }
            report_end("listener", &stop, &failures);
        });
        Ok(Gateway { address, engine, tasks, stopping, serving, failed, delivery: Some(delivery) })
    }

    fn callers(&self, settings: &Settings) -> Result<Callers, StartError> {
        let mut callers = Callers::new(self.vault.mac_key("callers")?);
        for desk in &settings.desks {
            callers.add_webhook(&desk.webhook_secret, desk.tenant.clone(), desk.desk.clone())?;
        }
        for bot in &settings.bots {
            if let Some(secret) = &bot.direct_line_secret {
                callers.add_site(secret, bot.tenant.clone(), bot.bot.clone())?;
            }
        }
        Ok(callers)
    }

    fn dispatcher(&self, settings: &Settings) -> Result<Dispatcher, StartError> {
        let mut desks = HashMap::new();
        for desk in &settings.desks {
            let client = servicenow::Client::new(desk.client.clone()).map_err(|source| {
                let (tenant, desk) = (desk.tenant.clone(), desk.desk.clone());
                StartError::Desk { tenant, desk, source }
            })?;
            let dress = Dress {
                token: desk.message_token.clone(),
                commands: COMMANDS.iter().map(|&word| word.to_owned()).collect(),
            };
            let link = DeskLink { client, dress, wording: settings.wording.clone() };
            desks.insert((desk.tenant.clone(), desk.desk.clone()), link);
        }
        Ok(Dispatcher {
            store: Arc::clone(&self.store),
            vault: Arc::clone(&self.vault),
            engine: self.engine.clone(),
            clock: self.clock.clone(),
            desks,
            bot: settings.built_in_bot.clone(),
        })
    }

    fn edge(
        self,
        settings: Settings,
        callers: Callers,
        stopping: CancellationToken,
    ) -> Result<Edge, StartError> {
        let direct_line = DirectLine {
            key: TokenKey::new(self.vault.derive("direct line tokens")?.expose()),
            sites: settings
                .bots
                .iter()
                .filter(|bot| bot.direct_line_secret.is_some())
                .map(|bot| (bot.tenant.clone(), bot.bot.clone()))
                .collect(),
            public_url: settings.public_url,
            streams: Arc::new(AtomicUsize::new(0)),
        };
        Ok(Edge {
            engine: self.engine,
            store: self.store,
            vault: self.vault,
            clock: self.clock,
            wakes: self.wakes,
            callers,
            wording: settings.wording,
            direct_line,
            stopping,
        })
    }
}

/// Runs the dispatcher on a thread and runtime of its own: callers that storm in do not slow down
/// what goes out.
fn deliver(
    dispatcher: Dispatcher,
    hints: mpsc::Receiver<LaneKey>,
    stop: CancellationToken,
    failures: mpsc::Sender<&'static str>,
) -> Result<std::thread::JoinHandle<()>, StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(std::thread::Builder::new().name("dispatcher".to_owned()).spawn(move || {
        runtime.block_on(dispatcher.run(hints, stop.clone()));
        report_end("dispatcher", &stop, &failures);
    })?)
}

fn report_end(part: &'static str, stop: &CancellationToken, failures: &mpsc::Sender<&'static str>) {
    if !stop.is_cancelled() {
        // One report is enough; a full channel already holds one.
        failures.try_send(part).ok();
    }
}

/// Refuses a key that would make everything stored unreadable, before anything is written with it.
fn check_master_key(store: &dyn Store, vault: &Vault) -> Result<(), StartError> {
    let value = vault.check_value()?;
    match store.setting(CHECK_VALUE)? {
        None => Ok(store.keep_setting(CHECK_VALUE, &value)?),
        Some(kept) if kept == value => Ok(()),
        Some(_) => Err(StartError::WrongMasterKey),
    }
}
