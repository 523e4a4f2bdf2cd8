//! The one value that edges, worker, senders and the desk share, and the two standing tasks.
//!
//! Owns the lock, the clock and the wake-ups. Everything that happens goes through [`Shared::act`],
//! which hands what is to be told to the lanes. The lock is never held across an await.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::{
    sync::{Notify, Semaphore, mpsc, oneshot, watch},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    config::{Config, Credentials, Webhook},
    fault::{
        Fault, Faults,
        callbacks::{self, Parcel, Parked, Witness},
    },
    instance::{Callback, Fate, Instance, Setup},
    ledger::{Ledger, Outcome, Sent},
    oauth::Registry,
    outbound::{self, LaneKey, Lanes, SENDERS_MAX},
    request::{Action, Request},
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
    /// The API and the token endpoint answer 503.
    pub(crate) down: bool,
    pub(crate) faults: Faults,
    pub(crate) parked: Parked,
}

/// A request that has been answered and waits for the worker.
pub(crate) struct Work {
    /// Its entry in the ledger.
    pub(crate) entry: u64,
    pub(crate) request: Request,
    pub(crate) action: Action,
    /// The `token` header, which beats the body's `token`.
    pub(crate) token: Option<SecretString>,
    /// Where the envelope goes if this request is answered with it; the answer waits for this.
    pub(crate) reply: Option<oneshot::Sender<Option<Value>>>,
    /// Given to every callback that the request leads to.
    pub(crate) witness: Option<Witness>,
}

/// What all parts of a running simulator hold on to.
#[expect(clippy::struct_excessive_bools, reason = "each is a check box on a real instance")]
pub(crate) struct Shared {
    world: Mutex<World>,
    pub(crate) credentials: Credentials,
    message_token: Option<SecretString>,
    pub(crate) access_ms: u64,
    pub(crate) refresh_ms: u64,
    pub(crate) client_credentials: bool,
    pub(crate) integration_role: bool,
    pub(crate) may_read_provider: bool,
    pub(crate) may_read_messages: bool,
    pub(crate) maintain_ordering: bool,
    pub(crate) changed: watch::Sender<u64>,
    replan: Notify,
    pub(crate) work: mpsc::Sender<Work>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
    runtime: tokio::runtime::Handle,
    pub(crate) client: reqwest::Client,
    pub(crate) senders: Semaphore,
    pub(crate) clock: Clock,
}

impl Shared {
    /// Makes the value and starts its two tasks, the worker and the agenda. Must be called inside
    /// a Tokio runtime.
    pub(crate) fn start(config: Config) -> Arc<Self> {
        let clock = Clock::start();
        let setup = Setup::new(&config);
        let (work, queue) = mpsc::channel(WORK_MAX);
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .expect("a client without TLS or proxies has nothing to fail on");
        let shared = Arc::new(Self {
            world: Mutex::new(World {
                instance: Instance::new(setup, seed()),
                registry: Registry::default(),
                ledger: Ledger::default(),
                lanes: Lanes::default(),
                webhook: config.webhook,
                down: false,
                faults: Faults::default(),
                parked: Parked::default(),
            }),
            credentials: config.credentials,
            message_token: config.message_token,
            access_ms: config.access_token_seconds.saturating_mul(1_000),
            refresh_ms: config.refresh_token_seconds.saturating_mul(1_000),
            client_credentials: config.client_credentials,
            integration_role: config.integration_role,
            may_read_provider: config.may_read_provider,
            may_read_messages: config.may_read_messages,
            maintain_ordering: config.maintain_ordering,
            changed: watch::Sender::new(0),
            replan: Notify::new(),
            work,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            runtime: tokio::runtime::Handle::current(),
            client,
            senders: Semaphore::new(SENDERS_MAX),
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
            let (result, told) = change(&mut world, now);
            (result, self.enqueue(&mut world, told, witness, now))
        };
        self.run_lanes(idle);
        self.replan.notify_one();
        self.changed.send_modify(|version| *version += 1);
        result
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

    fn release_parked(self: &Arc<Self>) {
        let now = self.clock.now();
        let idle = {
            let mut world = self.lock();
            let parcels = world.parked.release();
            self.push(&mut world, parcels, now)
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
                    () = tokio::time::sleep(PARKED_MAX) => shared.release_parked(),
                }
            };
            self.tasks.spawn_on(release, &self.runtime);
        }
        let mut posted = struck.posted;
        for parcel in &mut posted {
            parcel.witness = witness.cloned();
        }
        self.push(world, posted, now)
    }

    fn push(&self, world: &mut World, parcels: Vec<Parcel>, now: u64) -> Vec<LaneKey> {
        let mut idle = Vec::new();
        for parcel in parcels {
            match world.lanes.push(parcel, self.maintain_ordering) {
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
        let Work { entry, request, action, token, reply, witness } = work;
        let presented =
            token.as_ref().map(ExposeSecret::expose_secret).or(request.token.as_deref());
        let trusted = match &self.message_token {
            Some(known) => presented == Some(known.expose_secret()),
            None => true,
        };
        let envelope = self.act_before(witness.as_ref(), |world, now| {
            let (fate, mut told) = if trusted {
                world.instance.receive(&request, action, now)
            } else {
                (Fate::Ignored("the message-auth token is wrong"), Vec::new())
            };
            world.ledger.decide(entry, fate);
            let synchronous = |fault| fault == Fault::Synchronous;
            let mut envelope = None;
            if reply.is_some() && !told.is_empty() && world.faults.take(synchronous).is_some() {
                envelope = callbacks::join(std::mem::take(&mut told)).map(|joined| joined.body);
            }
            if let Some(envelope) = &envelope {
                world.ledger.answer(entry, envelope.clone());
            }
            (envelope, told)
        });
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
                Some(due) => tokio::time::sleep_until(shared.clock.moment(due)).await,
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

/// Wall time that moves with Tokio's clock, so that tests can pause both.
pub(crate) struct Clock {
    started: Instant,
    started_ms: u64,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the simulator's one look at the system clock")]
    fn start() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let started_ms = since.map_or(0, crate::script::millis);
        Self { started: Instant::now(), started_ms }
    }

    /// Milliseconds since the epoch.
    pub(crate) fn now(&self) -> u64 {
        self.started_ms.saturating_add(crate::script::millis(self.started.elapsed()))
    }

    fn moment(&self, at: u64) -> Instant {
        self.started + Duration::from_millis(at.saturating_sub(self.started_ms))
    }
}

/// Keeps the ids of this run apart from those of others.
#[expect(clippy::disallowed_methods, reason = "an imitation instance makes its ids as it likes")]
fn seed() -> u64 {
    uuid::Uuid::now_v7().as_u64_pair().1
}
