//! The gateway put together, started and stopped.
//!
//! From `settings`, `doors` makes those who may come in and `links` those who are spoken to; `data` opens what
//! is kept; `parts` is what runs, and `running` sets it to work; `live` is what a reload replaces.
//!
//! The port is open all the time; `listener` says what those get who call before the start is over
//! and after the stop has begun.
//!
//! Stop order: readiness says no; open streams are told to come back and none is opened; requests
//! under way end; the dispatcher finishes the attempts in flight; the engine commits and answers
//! what is queued; the port is closed; the store is closed.

mod data;
mod doors;
mod examine;
mod failure;
mod links;
mod listener;
mod live;
mod offline;
mod parts;
mod running;
mod settings;

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use store::BootId;
use tokio::{net::TcpListener, sync::mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use vault::Vault;

pub(crate) use data::open_alone;
use data::{IN_USE_FOR, open_store};
pub use examine::{DataExamined, KeyFit, examine_data};
pub use failure::{StartError, StopError};
use listener::Entrance;
use live::Live;
pub use live::NeedsRestart;
pub(crate) use offline::this_command;
pub use offline::{
    erase_without_gateway, export_without_gateway, letter_without_gateway, list_without_gateway,
};
use parts::Parts;
use running::Port;
pub use settings::{
    BotSetup, COMMAND_WORDS, DeskSetup, MessageEncryption, PageRules, Replay, Settings,
    WebhookRules, WidgetKey,
};

use crate::{
    alarm::Wakeup,
    audit::{Audit, Deed, Entry, Who},
    clock::Clock,
    control::UnderWay,
    current::Current,
    engine::{Engine, Tools},
    files::Files,
    gaps::Gaps,
    keys,
    observe::Observer,
    presence::Presence,
    wakes::Wakes,
};

/// Hints to the dispatcher that may queue; a lost one is found by its next look at the store.
const LANE_HINTS_MAX: usize = 8_192;

/// A lease outlives one attempt (10 s) and its report with room to spare.
const LEASE: Duration = Duration::from_secs(30);

/// How long a start waits for the place of the files to be looked at and counted: a bucket may be away.
const FILES_SEEN_WITHIN: Duration = Duration::from_secs(5);

/// How long requests under way may take to end when the gateway stops.
const REQUESTS_END_WITHIN: Duration = Duration::from_secs(10);

/// A running gateway.
pub struct Gateway {
    address: SocketAddr,
    live: Live,
    engine: Engine,
    observer: Arc<Observer>,
    audit: Audit,
    tasks: TaskTracker,
    open_streams: TaskTracker,
    orders_under_way: UnderWay,
    entrance: Entrance,
    stopping: CancellationToken,
    delivering: CancellationToken,
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
        let address = listener.local_addr()?;
        let (failures, failed) = mpsc::channel(4);
        let stopping = CancellationToken::new();
        let entrance = Entrance::open(listener, stopping.clone(), failures.clone());
        let port = Port { address, entrance, stopping, failures, failed };
        let vault = Arc::new(vault);
        let boot = BootId(fastrand::i64(..));
        let gaps = Arc::new(Gaps::new(
            settings.desks.iter().map(|desk| (desk.tenant.clone(), desk.desk.clone())),
        ));
        let desks = settings.desks.iter().map(|desk| (desk.tenant.clone(), desk.desk.clone()));
        let observer = Observer::new(clock.clone(), &desks.collect::<Vec<_>>());
        let (store, audit, files) = {
            let (dir, vault) = (settings.data_dir.clone(), Arc::clone(&vault));
            let (clock, setup) = (clock.clone(), settings.files.clone());
            let observer = Arc::clone(&observer);
            let gaps = Arc::clone(&gaps);
            // Opening may wait for a disk, and for tables to be brought up to date.
            let open = move || {
                let store = open_store(&dir, &vault, boot, IN_USE_FOR, Who::Gateway)?;
                keys::tell_of_half_a_change(&vault);
                let audit = Audit::open(Arc::clone(&store), &vault, clock.clone())?;
                // Before anybody can call: what comes after a gap waits until it is filled.
                gaps.open_all(&*store, None)?;
                let files = Files::open(&dir, setup, &store, &vault, &clock, &observer)
                    .map_err(|error| StartError::Files(Box::new(error)))?;
                Ok::<_, StartError>((store, audit, Arc::new(files)))
            };
            let opened = tokio::task::spawn_blocking(open).await;
            opened.map_err(std::io::Error::other)??
        };
        audit.keep_for(settings.audit_keep);
        audit.record(Entry::of_gateway(Deed::Started));
        // What is wrong with their place is told by who looks; the chats go on without files, and a bucket that
        // takes its time is looked at again.
        tokio::time::timeout(FILES_SEEN_WITHIN, files.look()).await.ok();
        let data_dir = settings.data_dir.clone();
        let members = doors::members(&settings)?;
        let wakes = Arc::new(Wakes::default());
        let hint = Arc::new(Wakeup::new());
        let (lanes, lane_hints) = mpsc::channel(LANE_HINTS_MAX);
        let policies = Current::new(links::policies(&settings.bots));
        let engine = Engine::start(Tools {
            store: Arc::clone(&store),
            vault: Arc::clone(&vault),
            repeats: vault.mac_key("repeats")?,
            started: clock.now(),
            clock: clock.clone(),
            policies: Arc::clone(&policies),
            wakes: Arc::clone(&wakes),
            lanes,
            alarm: Arc::clone(&hint),
            observer: Arc::clone(&observer),
            boot,
            lease: LEASE,
            tracing: settings.tracing.clone(),
        })?;
        let presence = Arc::new(Presence::default());
        let parts =
            Parts { store, files, vault, clock, engine, wakes, gaps, presence, observer, audit };
        let live = Live::new(&parts, policies, settings, own_address(port.address))?;
        parts.run(live, &data_dir, members, hint, lane_hints, port)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes over settings that were read anew, as far as they can change while the gateway runs, and
    /// names the rest. On an error nothing has changed.
    pub async fn reload(&self, settings: Settings) -> Result<Vec<NeedsRestart>, StartError> {
        let keep = settings.audit_keep;
        let reloaded = self.live.reload(settings, &self.stopping).await;
        let entry = Entry::of_gateway(Deed::SettingsRead);
        match &reloaded {
            Ok(_) => {
                self.audit.keep_for(keep);
                self.audit.record(entry);
            }
            Err(_) => self.audit.record(entry.with("refused")),
        }
        reloaded
    }

    /// What is seen of it.
    pub fn observer(&self) -> &Arc<Observer> {
        &self.observer
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
        self.tasks.close();
        self.open_streams.close();
        let ended = async {
            tokio::join!(
                self.tasks.wait(),
                self.open_streams.wait(),
                self.orders_under_way.ended(),
                self.entrance.answered()
            )
        };
        if tokio::time::timeout(REQUESTS_END_WITHIN, ended).await.is_err() {
            tracing::warn!("requests under way did not end in time; they are cut");
        }
        // What those requests left to do is attempted until here; the rest after the next start.
        self.delivering.cancel();
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
        self.audit.close().await;
        self.entrance.close().await;
    }
}

/// How this machine's own programs reach the listener.
fn own_address(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{address}")
}
