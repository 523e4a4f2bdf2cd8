//! The gateway put together, started and stopped.
//!
//! The port is open all the time; `listener` says what those get who call before the start is over
//! and after the stop has begun.
//!
//! Stop order: readiness says no; open streams are told to come back and none is opened; requests
//! under way end; the dispatcher finishes the attempts in flight; the engine commits and answers
//! what is queued; the port is closed; the store is closed.

mod examine;
mod failure;
mod listener;
mod live;
mod offline;
mod parts;
mod settings;

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use store::{BootId, LaneKey, Store, StoreError, sqlite, sqlite::SqliteStore};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use vault::Vault;

pub use examine::{DataExamined, KeyFit, examine_data};
pub use failure::{StartError, StopError};
use listener::Entrance;
use live::Live;
pub use live::NeedsRestart;
pub(crate) use offline::this_command;
pub use offline::{
    erase_without_gateway, export_without_gateway, letter_without_gateway, list_without_gateway,
};
pub use settings::{
    BotSetup, COMMAND_WORDS, DeskSetup, MessageEncryption, PageRules, Replay, Settings,
    WebhookRules, WidgetKey,
};

use crate::{
    alarm::{Alarm, Wakeup},
    audit::{self, Audit, Deed, Entry, KeyKind, Who},
    clock::Clock,
    control::{ControlSocket, Letters, Orders, Sealed, Storeroom, UnderWay},
    current::Current,
    dispatcher::Dispatcher,
    edge::{
        console::{Console, Member},
        direct_line::private,
    },
    engine::{Engine, Tools},
    files::Files,
    gaps::Gaps,
    keys,
    observe::Observer,
    person::Persons,
    presence::Presence,
    retention::Shredder,
    sweeper::Sweeper,
    wakes::Wakes,
};

/// Hints to the dispatcher that may queue; a lost one is found by its next look at the store.
const LANE_HINTS_MAX: usize = 8_192;

/// A lease outlives one attempt (10 s) and its report with room to spare.
const LEASE: Duration = Duration::from_secs(30);

/// How long requests under way may take to end when the gateway stops.
const REQUESTS_END_WITHIN: Duration = Duration::from_secs(10);

/// How long the data may be in use by somebody else when we start: a gateway that is ending, or an
/// operator's command.
const IN_USE_FOR: Duration = Duration::from_secs(5);

/// Between two looks at that.
const IN_USE_PAUSE: Duration = Duration::from_millis(50);

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
                let audit = Audit::open(Arc::clone(&store), &vault, clock.clone())?;
                // Before anybody can call: what comes after a gap waits until it is filled.
                gaps.open_all(&*store, None)?;
                let files = Files::open(&dir, setup, &vault, &clock, &observer)
                    .map_err(|error| StartError::Files(Box::new(error)))?;
                Ok::<_, StartError>((store, audit, Arc::new(files)))
            };
            let opened = tokio::task::spawn_blocking(open).await;
            opened.map_err(std::io::Error::other)??
        };
        audit.keep_for(settings.audit_keep);
        audit.record(Entry::of_gateway(Deed::Started));
        if let Err(error) = files.count(&store).await {
            let error: &dyn std::error::Error = &error;
            tracing::error!(
                error,
                "the files cannot be counted; there may be more than there may be"
            );
        }
        let data_dir = settings.data_dir.clone();
        let members = parts::members(&settings)?;
        let wakes = Arc::new(Wakes::default());
        let hint = Arc::new(Wakeup::new());
        let (lanes, lane_hints) = mpsc::channel(LANE_HINTS_MAX);
        let policies = Current::new(parts::policies(&settings.bots));
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

/// The open port, and what goes with it.
struct Port {
    address: SocketAddr,
    entrance: Entrance,
    stopping: CancellationToken,
    failures: mpsc::Sender<&'static str>,
    failed: mpsc::Receiver<&'static str>,
}

/// What the running parts share.
struct Parts {
    store: Arc<dyn Store>,
    files: Arc<Files>,
    vault: Arc<Vault>,
    clock: Clock,
    engine: Engine,
    wakes: Arc<Wakes>,
    gaps: Arc<Gaps>,
    presence: Arc<Presence>,
    observer: Arc<Observer>,
    audit: Audit,
}

impl Parts {
    fn run(
        self,
        live: Live,
        data_dir: &Path,
        members: Vec<Member>,
        hint: Arc<Wakeup>,
        lane_hints: mpsc::Receiver<LaneKey>,
        port: Port,
    ) -> Result<Gateway, StartError> {
        let Port { address, entrance, stopping, failures, failed } = port;
        let delivering = CancellationToken::new();
        let tasks = TaskTracker::new();
        let dispatcher = self.dispatcher(&live, delivering.clone());
        let alarm = Alarm {
            store: Arc::clone(&self.store),
            engine: self.engine.clone(),
            clock: self.clock.clone(),
            hint,
        };
        let (sweeper, shredder) = (self.sweeper(), self.shredder(&live));
        let keys = self.keys(&live);
        let persons = self.persons(&shredder);
        let orders_under_way = UnderWay::default();
        let orders = self.orders(&keys, &persons, orders_under_way.clone());
        let (engine, presence) = (self.engine.clone(), Arc::clone(&self.presence));
        let (store, observer) = (Arc::clone(&self.store), Arc::clone(&self.observer));
        let audit = self.audit.clone();
        let control = open_control(data_dir);
        let console = self.console(members, &dispatcher, &persons, &orders_under_way)?;
        let recorder = console.as_ref().map(Console::recorder);
        let edge = Arc::new(self.edge(&live, console, stopping.clone())?);
        let open_streams = edge.open_streams.clone();
        let (media, shows) = (Arc::clone(&edge.media), edge.wakes.shows());
        let delivery = deliver(dispatcher, lane_hints, delivering.clone(), failures.clone())?;
        let watch = |part: &'static str, task: TaskFuture| {
            let (stop, failures) = (stopping.clone(), failures.clone());
            tasks.spawn(async move {
                task.await;
                report_end(part, &stop, &failures);
            });
        };
        watch("alarm", Box::pin(alarm.run(stopping.clone())));
        watch("keys", Box::pin(keys.run(stopping.clone())));
        watch("audit trail", Box::pin(audit.clone().run(stopping.clone())));
        watch("sweeper", Box::pin(sweeper.run(stopping.clone())));
        watch("shredder", Box::pin(shredder.run(stopping.clone())));
        watch("presence", Box::pin(presence.run(store, engine.clone(), stopping.clone())));
        watch("files of desks", Box::pin(media.run_ahead(shows, stopping.clone())));
        let message_keys = private::look_after(Arc::clone(&edge), stopping.clone());
        watch("keys for messages", Box::pin(message_keys));
        watch("engine", Box::pin(closed(engine.clone(), stopping.clone())));
        if let Some(control) = control {
            watch("control socket", Box::pin(control.serve(orders, stopping.clone())));
        }
        if let Some(recorder) = recorder {
            watch("console", Box::pin(recorder.run(stopping.clone())));
        }
        entrance.serve(crate::edge::Front::new(edge));
        Ok(Gateway {
            address,
            live,
            engine,
            observer,
            audit,
            tasks,
            open_streams,
            orders_under_way,
            entrance,
            stopping,
            delivering,
            failed,
            delivery: Some(delivery),
        })
    }
}

impl Parts {
    fn sweeper(&self) -> Sweeper {
        Sweeper {
            store: Arc::clone(&self.store),
            files: Arc::clone(&self.files),
            clock: self.clock.clone(),
            observer: Arc::clone(&self.observer),
        }
    }

    fn shredder(&self, live: &Live) -> Shredder {
        Shredder {
            store: Arc::clone(&self.store),
            files: Arc::clone(&self.files),
            vault: Arc::clone(&self.vault),
            clock: self.clock.clone(),
            observer: Arc::clone(&self.observer),
            rules: live.retention(),
            erasing: Arc::default(),
        }
    }

    /// What carries out the orders of the control socket.
    fn orders(
        &self,
        keys: &Arc<crate::keys::resealing::Keys>,
        persons: &Arc<Persons>,
        under_way: UnderWay,
    ) -> Orders {
        let audit = self.audit.clone();
        let (store, vault) = (Arc::clone(&self.store), Arc::clone(&self.vault));
        Orders {
            letters: Letters::new(self.engine.clone(), audit.clone()),
            sealed: Sealed { store, vault, audit: audit.clone() },
            keys: Arc::clone(keys),
            persons: Arc::clone(persons),
            files: Storeroom { files: Arc::clone(&self.files), audit: audit.clone() },
            audit,
            under_way,
        }
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

/// One of the long tasks.
type TaskFuture = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// The control socket, or a warning: users and desks do not need it.
fn open_control(data_dir: &Path) -> Option<ControlSocket> {
    ControlSocket::open(data_dir)
        .inspect_err(|error| {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "there is no control socket in the data directory: commands such as `warmline \
                 dead-letters` work only while the gateway is stopped"
            );
        })
        .ok()
}

/// Comes back when the engine takes nothing more in, or when the gateway stops.
async fn closed(engine: Engine, stop: CancellationToken) {
    tokio::select! {
        () = engine.closed() => {}
        () = stop.cancelled() => {}
    }
}

/// Threads on which the dispatcher waits for the disk: as many as there are connections that read.
const BLOCKING_THREADS_MAX: usize = 4;

/// Runs the dispatcher on a thread and runtime of its own: callers that storm in do not slow down
/// what goes out.
fn deliver(
    dispatcher: Dispatcher,
    hints: mpsc::Receiver<LaneKey>,
    stop: CancellationToken,
    failures: mpsc::Sender<&'static str>,
) -> Result<std::thread::JoinHandle<()>, StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build()?;
    Ok(std::thread::Builder::new().name("dispatcher".to_owned()).spawn(move || {
        runtime.block_on(dispatcher.run(hints));
        report_end("dispatcher", &stop, &failures);
    })?)
}

fn report_end(part: &'static str, stop: &CancellationToken, failures: &mpsc::Sender<&'static str>) {
    if !stop.is_cancelled() {
        // One report is enough; a full channel already holds one.
        failures.try_send(part).ok();
    }
}

/// Closes the store's files to others, and says what of them is not as it should be. Blocks.
fn tell_what_is_wrong_with(dir: &Path, store: &SqliteStore) -> Result<(), StoreError> {
    // With the logs beside them, which are there by now.
    for (file, error) in sqlite::close_to_others(dir) {
        let error: &dyn std::error::Error = &error;
        let file = file.display();
        tracing::warn!(error, %file, "others may read this file of the data, and its mode cannot be set");
    }
    let without_key = store.segments_without_key()?;
    if without_key > 0 {
        tracing::warn!(
            without_key,
            "KEYS ARE GONE: there are stretches of talk whose keys are not in keys.db, and nobody reads what was \
             said in them. If keys.db was lost, emptied or replaced, stop and put the newest copy of it back"
        );
    }
    Ok(())
}

/// Opens the data, if nobody else has it open by then. Blocks.
fn open_store(
    dir: &Path,
    vault: &Vault,
    boot: BootId,
    patience: Duration,
    who: Who,
) -> Result<Arc<dyn Store>, StartError> {
    let until = Instant::now() + patience;
    let mut told = false;
    let store = loop {
        match SqliteStore::open(dir) {
            Err(StoreError::InUse { .. }) if Instant::now() < until => {
                if !std::mem::replace(&mut told, true) {
                    tracing::info!(
                        limit_s = patience.as_secs(),
                        "the data is in use by another process; waiting for it"
                    );
                }
                std::thread::sleep(IN_USE_PAUSE);
            }
            opened => break opened?,
        }
    };
    tell_what_is_wrong_with(dir, &store)?;
    let store: Arc<dyn Store> = Arc::new(store);
    if keys::open(&*store, vault)? {
        let id = keys::NEW_MASTER.into();
        let entry = Entry::new(who, Deed::KeyRotated { kind: KeyKind::Master, id });
        audit::record_alone(Arc::clone(&store), vault, &Clock::System, entry)?;
    }
    store.take_over(boot)?;
    Ok(store)
}

/// Opens data that no gateway is using, for a moment. Blocks.
pub(crate) fn open_alone(dir: &Path, vault: &Vault) -> Result<Arc<dyn Store>, StartError> {
    open_store(dir, vault, BootId(fastrand::i64(..)), Duration::ZERO, this_command())
}
