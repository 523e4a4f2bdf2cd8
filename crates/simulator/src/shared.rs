//! The one value that edges, worker, senders and the desk share, and the two standing tasks.
//!
//! Owns the lock and the wake-ups. Everything that happens goes through [`Shared::act`],
//! which hands what is to be told to the lanes. The lock is never held across an await.

mod playing;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use secrecy::SecretString;
use serde_json::Value;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    clock::Clock,
    config::{Config, Credentials, Webhook},
    fault::{
        Fault, Faults,
        callbacks::{self, Parcel, Parked, Witness},
    },
    fetch::{self, FETCHES_MAX},
    instance::{Callback, Fate, Instance, Setup},
    ledger::{FileFate, Ledger, Outcome, Sent},
    media::Media,
    oauth::Registry,
    outbound::{self, LaneKey, Lanes, SENDERS_MAX},
    profile::Gates,
    request::{ATTACHMENTS_MAX, Action, Request},
    traffic::{Recorder, Replay},
};

/// How many answered requests may wait for the worker. It only computes, so a few thousand are
/// worked off in milliseconds; past this the API answers 503.
const WORK_MAX: usize = 10_000;

/// How long a callback that was to be overtaken waits for the one that does it.
const PARKED_MAX: Duration = Duration::from_secs(5);

/// Everything that changes while the instance runs.
pub(crate) struct World {
    pub(crate) instance: Instance,
    pub(crate) registry: Registry,
    pub(crate) ledger: Ledger,
    pub(crate) lanes: Lanes,
    pub(crate) webhook: Webhook,
    pub(crate) gates: Gates,
    pub(crate) media: Media,
    pub(crate) recorder: Recorder,
    pub(crate) replay: Option<Replay>,
    /// How many replays there have been.
    pub(crate) replays: u64,
    /// How many files are being fetched.
    pub(crate) fetching: usize,
    /// The API and the token endpoint answer 503.
    pub(crate) down: bool,
    /// Who reads the table of messages waits.
    pub(crate) messages_held: bool,
    /// So they do until then: the instance restarts.
    pub(crate) away_until: u64,
    pub(crate) faults: Faults,
    pub(crate) parked: Parked,
    /// How often the instance has restarted.
    pub(crate) restarts: u64,
}

impl World {
    /// Whether the doors are closed.
    pub(crate) fn is_away(&self, now: u64) -> bool {
        self.down || now < self.away_until
    }

    /// Writes down the files of a request that had its effect, and gives those to be fetched.
    fn order_files(&mut self, entry: u64, request: &Request) -> Vec<fetch::Order> {
        let Some(conversation) = self.instance.conversation_of(request) else { return Vec::new() };
        let attachments = request.attachments();
        let too_many = FileFate::Dropped("a message has at most ten files");
        let fates = (0..attachments.len())
            .map(|index| if index < ATTACHMENTS_MAX { FileFate::Pending } else { too_many });
        self.ledger.name_files(entry, fates.collect());
        let orders = attachments.into_iter().enumerate().take(ATTACHMENTS_MAX);
        let orders: Vec<_> = orders
            .map(|(index, attachment)| fetch::Order { entry, index, conversation, attachment })
            .collect();
        self.fetching += orders.len();
        orders
    }
}

/// A request that has been answered and waits for the worker.
pub(crate) struct Work {
    /// Its entry in the ledger.
    pub(crate) entry: u64,
    pub(crate) request: Request,
    pub(crate) action: Action,
    /// Its message-auth credential is right, or none is asked for.
    pub(crate) trusted: bool,
    /// Where the envelope goes if this request is answered with it; the answer waits for this.
    pub(crate) reply: Option<oneshot::Sender<Option<Value>>>,
    /// Given to every callback that the request leads to.
    pub(crate) witness: Option<Witness>,
    /// How often the instance had restarted when it came; a restart loses it.
    pub(crate) restarts: u64,
}

/// What all parts of a running simulator hold on to.
pub(crate) struct Shared {
    world: Mutex<World>,
    pub(crate) credentials: Credentials,
    pub(crate) message_token: Option<SecretString>,
    pub(crate) message_hash: Option<SecretString>,
    /// Where it listens, once that is known.
    pub(crate) address: OnceLock<SocketAddr>,
    pub(crate) integration_role: bool,
    pub(crate) may_read_provider: bool,
    pub(crate) may_read_presence: bool,
    pub(crate) changed: watch::Sender<u64>,
    replan: Notify,
    pub(crate) work: mpsc::Sender<Work>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
    runtime: tokio::runtime::Handle,
    pub(crate) client: reqwest::Client,
    pub(crate) senders: Semaphore,
    pub(crate) fetches: Semaphore,
    pub(crate) clock: Clock,
}

impl Shared {
    /// Makes the value and starts its two tasks, the worker and the agenda. Must be called inside
    /// a Tokio runtime.
    pub(crate) fn start(config: Config) -> Arc<Self> {
        let clock = Clock::start();
        let setup = Setup::new(&config);
        let gates = Gates {
            access_token_seconds: config.access_token_seconds,
            refresh_token_seconds: config.refresh_token_seconds,
            client_credentials: config.client_credentials,
            may_read_messages: config.may_read_messages,
            maintain_ordering: config.maintain_ordering,
        };
        let (work, queue) = mpsc::channel(WORK_MAX);
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .expect("a client without TLS or proxies has nothing to fail on");
        let shared = Arc::new(Self {
            world: Mutex::new(World {
                instance: Instance::new(setup, config.users, seed()),
                registry: Registry::default(),
                ledger: Ledger::default(),
                lanes: Lanes::default(),
                webhook: config.webhook,
                gates,
                media: Media::default(),
                recorder: Recorder::default(),
                replay: None,
                replays: 0,
                fetching: 0,
                down: false,
                messages_held: false,
                away_until: 0,
                faults: Faults::default(),
                parked: Parked::default(),
                restarts: 0,
            }),
            credentials: config.credentials,
            message_token: config.message_token,
            message_hash: config.message_hash,
            address: OnceLock::new(),
            integration_role: config.integration_role,
            may_read_provider: config.may_read_provider,
            may_read_presence: config.may_read_presence,
            changed: watch::Sender::new(0),
            replan: Notify::new(),
            work,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            runtime: tokio::runtime::Handle::current(),
            client,
            senders: Semaphore::new(SENDERS_MAX),
            fetches: Semaphore::new(FETCHES_MAX),
            clock,
        });
        shared.tasks.spawn(run_worker(shared.clone(), queue));
        shared.tasks.spawn(run_agenda(shared.clone()));
        shared
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        // Every change is made whole or not at all by code that does not panic half-way.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the world, sends what is to be told, and wakes everybody who waits for a change.
    pub(crate) fn act<R>(
        self: &Arc<Self>,
        change: impl FnOnce(&mut World, u64) -> (R, Vec<Callback>),
    ) -> R {
        self.act_before(None, change)
    }

    /// The same, before a witness: all its clones are gone when everything told was attempted.
    fn act_before<R>(
        self: &Arc<Self>,
        witness: Option<&Witness>,
        change: impl FnOnce(&mut World, u64) -> (R, Vec<Callback>),
    ) -> R {
        let now = self.clock.now();
        let (result, idle) = {
            let mut world = self.lock();
            let (result, mut told) = change(&mut world, now);
            if let Some(replay) = &world.replay {
                told.retain(|callback| !replay.drives(callback.conversation));
            }
            (result, self.enqueue(&mut world, told, witness, now))
        };
        self.run_lanes(idle);
        self.replan.notify_one();
        self.changed.send_modify(|version| *version += 1);
        result
    }

    /// Whether the doors are closed.
    pub(crate) fn is_away(&self) -> bool {
        let now = self.clock.now();
        self.lock().is_away(now)
    }

    /// Nothing is on its way: no request in the worker, no attempt, no file, no step of a
    /// replay that is due.
    pub(crate) fn is_settled(&self) -> bool {
        let now = self.clock.now();
        let world = self.lock();
        let due = world.replay.as_ref().and_then(Replay::due).is_some_and(|due| due <= now);
        !world.ledger.is_pending() && !world.lanes.is_sending() && world.fetching == 0 && !due
    }

    /// Forgets everything but the settings and the users.
    pub(crate) fn reset(self: &Arc<Self>) {
        self.act(|world, _| {
            world.instance = world.instance.anew();
            world.registry = Registry::default();
            world.ledger.clear();
            world.lanes = Lanes::default();
            world.faults.clear();
            world.parked = Parked::default();
            world.media = Media::default();
            world.recorder = Recorder::default();
            world.replay = None;
            (world.down, world.away_until) = (false, 0);
            ((), Vec::new())
        });
    }

    /// Holds callbacks back, or lets them go.
    pub(crate) fn hold(self: &Arc<Self>, held: bool) {
        let idle = self.lock().lanes.hold(held);
        self.run_lanes(idle);
    }

    /// Disarms all faults, and lets go what they still hold back.
    pub(crate) fn clear_faults(self: &Arc<Self>) {
        self.lock().faults.clear();
        self.release_parked();
    }

    /// Restarts the instance: what waits for the worker and callbacks that wait for their turn are
    /// lost, and so are open chats if it says so. Tokens and agents stay.
    pub(crate) fn restart(self: &Arc<Self>, keeps_chats: bool) {
        self.act(|world, now| {
            world.restarts += 1;
            let mut lost = world.lanes.drain();
            lost.extend(world.parked.release());
            for parcel in lost {
                let body = parcel.callback.body;
                world.ledger.send(Sent { at: now, body, outcome: Outcome::Dropped });
            }
            world.instance.restart(keeps_chats, now);
            ((), Vec::new())
        });
    }

    fn release_parked(self: &Arc<Self>) {
        let now = self.clock.now();
        let idle = {
            let mut world = self.lock();
            let parcels = world.parked.release();
            Self::push(&mut world, parcels, now)
        };
        self.run_lanes(idle);
        self.changed.send_modify(|version| *version += 1);
    }

    fn enqueue(
        self: &Arc<Self>,
        world: &mut World,
        told: Vec<Callback>,
        witness: Option<&Witness>,
        now: u64,
    ) -> Vec<LaneKey> {
        let World { faults, parked, instance, .. } = world;
        let struck = callbacks::strike(faults, parked, instance, told, now);
        for callback in struck.lost {
            world.ledger.send(Sent { at: now, body: callback.body, outcome: Outcome::Lost });
        }
        if struck.parked {
            let shared = self.clone();
            let release = async move {
                tokio::select! {
                    () = shared.stop.cancelled() => {}
                    () = shared.clock.sleep(PARKED_MAX) => shared.release_parked(),
                }
            };
            self.tasks.spawn_on(release, &self.runtime);
        }
        let mut posted = struck.posted;
        for parcel in &mut posted {
            parcel.witness = witness.cloned();
        }
        Self::push(world, posted, now)
    }

    fn push(world: &mut World, parcels: Vec<Parcel>, now: u64) -> Vec<LaneKey> {
        let mut idle = Vec::new();
        for parcel in parcels {
            match world.lanes.push(parcel, world.gates.maintain_ordering) {
                Ok(lane) => idle.extend(lane),
                Err(callback) => world.ledger.send(Sent {
                    at: now,
                    body: callback.body,
                    outcome: Outcome::Dropped,
                }),
            }
        }
        idle
    }

    fn run_lanes(self: &Arc<Self>, lanes: Vec<LaneKey>) {
        for key in lanes {
            self.tasks.spawn_on(outbound::run(self.clone(), key), &self.runtime);
        }
    }

    fn work_off(self: &Arc<Self>, work: Work) {
        let Work { entry, request, action, trusted, reply, witness, restarts } = work;
        let (envelope, files, replay) = self.act_before(witness.as_ref(), |world, now| {
            let (fate, mut told) = if restarts != world.restarts {
                (Fate::Ignored("the instance restarted before it was worked off"), Vec::new())
            } else if trusted {
                world.receive(&request, action, now)
            } else {
                (Fate::Ignored("the message-auth token or signature is wrong"), Vec::new())
            };
            world.ledger.decide(entry, fate);
            let speaks = matches!(action, Action::Message | Action::Agent) && fate == Fate::Taken;
            let files = if speaks { world.order_files(entry, &request) } else { Vec::new() };
            let replay = world.attach_replay(&request, now);
            let synchronous = |fault| fault == Fault::Synchronous;
            let mut envelope = None;
            if reply.is_some()
                && !told.is_empty()
                && (world.instance.setup.profile.synchronous
                    || world.faults.take(synchronous).is_some())
            {
                envelope = callbacks::join(std::mem::take(&mut told)).map(|joined| joined.body);
            }
            if let Some(envelope) = &envelope {
                world.ledger.answer(entry, envelope.clone());
            }
            ((envelope, files, replay), told)
        });
        if !files.is_empty() {
            self.tasks.spawn_on(fetch::run(self.clone(), files), &self.runtime);
        }
        if let Some(number) = replay {
            self.tasks.spawn_on(playing::run_replay(self.clone(), number), &self.runtime);
        }
        // A caller who has gone misses its answer.
        let _gone = reply.map(|reply| reply.send(envelope));
    }
}

/// Works off requests one by one, in the order in which they were answered.
async fn run_worker(shared: Arc<Shared>, mut queue: mpsc::Receiver<Work>) {
    loop {
        let work = tokio::select! {
            () = shared.stop.cancelled() => None,
            work = queue.recv() => work,
        };
        let Some(work) = work else { return };
        shared.work_off(work);
    }
}

/// Does what was planned, when its moment comes.
async fn run_agenda(shared: Arc<Shared>) {
    loop {
        let due = shared.lock().instance.next_due();
        let moment = async {
            match due {
                Some(due) => shared.clock.sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        let stopped = tokio::select! {
            () = shared.stop.cancelled() => true,
            () = shared.replan.notified() => false,
            () = moment => false,
        };
        if stopped {
            return;
        }
        // Acting wakes this loop again, so it acts only when there is something to do.
        if due.is_some_and(|due| due <= shared.clock.now()) {
            shared.act(|world, now| ((), world.instance.tick(now)));
        }
    }
}

/// Keeps the ids of this run apart from those of others.
#[expect(clippy::disallowed_methods, reason = "an imitation instance makes its ids as it likes")]
fn seed() -> u64 {
    uuid::Uuid::now_v7().as_u64_pair().1
}
