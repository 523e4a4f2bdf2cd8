//! The engine: one transaction for a whole batch of events.
//!
//! Edges, the dispatcher and the alarm put jobs into one bounded queue. A thread of its own takes
//! whatever queued while the last commit ran, steps each event inside one write transaction, commits,
//! and only then answers. What was answered is durable; what was not answered did not happen.
//!
//! If a batch fails, its halves run again, and their halves, until the culprit is alone: it is
//! refused, and a conversation that cannot be stepped is set aside so that its deadline does not
//! fire for ever. A panic counts as a failure.
//!
//! The engine knows nothing of HTTP or of what the effects do. What comes in: [`arrival`]; how a batch
//! runs: [`batch`]; its steps: [`stepping`]; one conversation of it: [`working`]; what is told
//! afterwards: [`answers`].

mod answers;
mod arrival;
mod batch;
mod error;
mod letters;
mod memo;
mod repeats;
mod stepping;
#[cfg(test)]
mod tests;
mod working;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use session::{
    Policy,
    id::{BotId, TenantId, Timestamp},
};
use store::{Claim, ConversationId, LaneKey, Reschedule, Store};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use vault::{MacKey, Vault};

pub(crate) use arrival::{Arrival, Happening, Outcome, Settled, settled_event};
pub(crate) use error::{BatchError, EngineError};
pub(crate) use letters::{Judged, LetterOrder, WantedLetter};
pub(crate) use working::SEGMENT_FOR;

use crate::{
    alarm::Wakeup, clock::Clock, current::Current, observe::Observer, trace::Tracing, wakes::Wakes,
};

/// Jobs that may wait for the engine. Filled by edges and dispatcher, drained in batches; when it is
/// full, callers wait up to [`ROOM_WITHIN`] and are then told to come back.
const QUEUE_MAX: usize = 4_096;

/// The most jobs of one transaction: beyond this a batch gains nothing and only delays its first.
const BATCH_MAX: usize = 1_024;

/// So many that wait are worth an fsync of their own.
const BATCH_WORTH: usize = 64;

/// How long a caller waits for room in the queue. Refusing at once costs most of the goodput,
/// because impatient callers repeat at once.
const ROOM_WITHIN: Duration = Duration::from_secs(1);

/// How long what comes only once is tried again while the engine cannot take it. A disk that was full
/// for longer costs a word that is sent twice, or one that is not shown.
const INSIST_FOR: Duration = Duration::from_mins(15);

/// And how often.
const INSIST_EVERY: Duration = Duration::from_secs(1);

type Reply<T> = oneshot::Sender<Result<T, EngineError>>;

enum Job {
    Event(Box<Arrival>, Reply<Outcome>),
    Claim(LaneKey, Reply<Claim>),
    Reschedule(Reschedule, Reply<()>),
    /// Out of the outbox without an event: what it was can no longer be read.
    Bury(Box<Settled>, Reply<()>),
}

/// What comes through the queue.
enum Call {
    Job(Job),
    /// A person's order about dead letters; rare, and not worth a place in a batch.
    Letters(LetterOrder, Reply<Vec<Judged>>),
    /// Answered once all that queued before was carried out.
    Mark(Reply<()>),
    /// Nothing of these conversations is to be remembered.
    Unlearn(Vec<ConversationId>, Reply<()>),
    /// Nothing more is taken in; what queued before is still done.
    Finish,
}

/// What the engine works with.
pub(crate) struct Tools {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) repeats: MacKey,
    pub(crate) clock: Clock,
    /// Since when this gateway runs.
    pub(crate) started: Timestamp,
    pub(crate) policies: Arc<Current<Policies>>,
    pub(crate) wakes: Arc<Wakes>,
    pub(crate) lanes: mpsc::Sender<LaneKey>,
    pub(crate) alarm: Arc<Wakeup>,
    pub(crate) observer: Arc<Observer>,
    pub(crate) boot: store::BootId,
    pub(crate) lease: Duration,
    pub(crate) tracing: Tracing,
}

/// The rules of every bot, looked up by who owns the conversation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Policies(Vec<(TenantId, BotId, Policy)>);

impl Policies {
    pub(crate) fn add(&mut self, tenant: TenantId, bot: BotId, policy: Policy) {
        self.0.push((tenant, bot, policy));
    }

    /// The rules of this bot. A bot that is no longer configured (renamed, as by `MicrosoftAppId`) has
    /// those of its tenant's first bot: its open chats must still end, and what waits for it must
    /// still be settled. `None` only for a tenant without any bot.
    pub(crate) fn of(&self, tenant: &TenantId, bot: &BotId) -> Option<&Policy> {
        let own = || self.0.iter().filter(|(owner, ..)| owner == tenant);
        let found = own().find(|(_, whose, _)| whose == bot).or_else(|| own().next());
        found.map(|(.., policy)| policy)
    }
}

/// The way into the engine; cheap to clone.
#[derive(Clone)]
pub(crate) struct Engine {
    calls: mpsc::Sender<Call>,
    thread: Arc<Mutex<Option<std::thread::JoinHandle<()>>>>,
    tracing: Tracing,
}

impl Engine {
    /// Starts the engine's thread. It stops at [`Engine::finish`], or when the last handle is gone.
    pub(crate) fn start(tools: Tools) -> std::io::Result<Self> {
        let (calls, queue) = mpsc::channel(QUEUE_MAX);
        // Whoever starts it from a runtime calls it from there.
        let callers = Handle::try_current().ok();
        let tracing = tools.tracing.clone();
        let thread = std::thread::Builder::new()
            .name("engine".to_owned())
            .spawn(move || run(&tools, callers.as_ref(), queue))?;
        Ok(Self { calls, thread: Arc::new(Mutex::new(Some(thread))), tracing })
    }

    /// Hands over what happened and waits until it is durable.
    // Boxed before anything waits: what waits is moved with all that it has taken in.
    pub(crate) fn submit(
        &self,
        arrival: Arrival,
    ) -> impl Future<Output = Result<Outcome, EngineError>> + Send {
        let (commit, arrival) = (self.tracing.commit(&arrival), Box::new(arrival));
        async move {
            let told = self.ask(|reply| Job::Event(arrival, reply)).await;
            if let Some(commit) = commit {
                commit.committed(&told);
            }
            told
        }
    }

    /// Hands over what comes only once: tried again while trouble passes, for [`INSIST_FOR`] at most.
    pub(crate) async fn submit_at_last(
        &self,
        arrival: Arrival,
        stop: &CancellationToken,
    ) -> Result<Outcome, EngineError> {
        let give_up_at = Instant::now() + INSIST_FOR;
        loop {
            match self.submit(arrival.clone()).await {
                Err(error)
                    if error.passes() && !stop.is_cancelled() && Instant::now() < give_up_at =>
                {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep(INSIST_EVERY) => {}
                    }
                }
                told => return told,
            }
        }
    }

    /// Leases the head of a lane for one attempt.
    pub(crate) async fn claim(&self, lane: LaneKey) -> Result<Claim, EngineError> {
        self.ask(|reply| Job::Claim(lane, reply)).await
    }

    /// Gives a leased effect back, to be attempted again later.
    pub(crate) async fn reschedule(&self, again: Reschedule) -> Result<(), EngineError> {
        self.ask(|reply| Job::Reschedule(again, reply)).await
    }

    /// Takes an effect out of the outbox that nobody can read any more.
    pub(crate) async fn bury(&self, settled: Settled) -> Result<(), EngineError> {
        self.ask(|reply| Job::Bury(Box::new(settled), reply)).await
    }

    /// Reports a delivery that was carried out, and leases what follows in its lane; both in one
    /// transaction as a rule.
    pub(crate) async fn report_and_claim(
        &self,
        arrival: Arrival,
        lane: LaneKey,
    ) -> (Result<Outcome, EngineError>, Result<Claim, EngineError>) {
        tokio::join!(biased; self.submit(arrival), self.claim(lane))
    }

    /// Carries out a person's order about dead letters and gives back those it is about; what it
    /// changes is durable then.
    pub(crate) async fn letters(&self, order: LetterOrder) -> Result<Vec<Judged>, EngineError> {
        self.call(|reply| Call::Letters(order, reply)).await
    }

    /// Comes back when all that queued before was committed or refused.
    pub(crate) async fn caught_up(&self) -> Result<(), EngineError> {
        self.call(Call::Mark).await
    }

    /// Forgets what it remembers of conversations that are no more. What queued before was carried out then.
    pub(crate) async fn unlearn(&self, ids: Vec<ConversationId>) -> Result<(), EngineError> {
        self.call(|reply| Call::Unlearn(ids, reply)).await
    }

    async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, EngineError> {
        self.call(|reply| Call::Job(job(reply))).await
    }

    async fn call<T>(&self, call: impl FnOnce(Reply<T>) -> Call) -> Result<T, EngineError> {
        let (reply, answer) = oneshot::channel();
        match self.calls.send_timeout(call(reply), ROOM_WITHIN).await {
            Ok(()) => {}
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => return Err(EngineError::Busy),
            Err(mpsc::error::SendTimeoutError::Closed(_)) => return Err(EngineError::Stopping),
        }
        answer.await.unwrap_or(Err(EngineError::Stopping))
    }

    /// How many jobs wait for it.
    pub(crate) fn waiting(&self) -> usize {
        self.calls.max_capacity().saturating_sub(self.calls.capacity())
    }

    /// Waits until the engine takes nothing more in: when it was finished, or when its thread died.
    pub(crate) async fn closed(&self) {
        self.calls.closed().await;
    }

    /// Takes nothing more in and waits until everything that queued is committed; its callers are
    /// answered then or right after.
    /// Whoever still has a handle is told [`EngineError::Stopping`] from now on. Blocks.
    pub(crate) fn finish(self) {
        // Fails only if the thread is gone already.
        drop(self.calls.blocking_send(Call::Finish));
        let handle = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(_)) = handle.map(std::thread::JoinHandle::join) {
            tracing::error!("the engine's thread panicked outside a batch");
        }
    }
}

/// How much is taken of so much that waits. Half: while it is carried out, those who were answered
/// before come again. With the whole of it, engine and callers would take turns in waiting for each
/// other, which cost an eighth of the throughput of 128 callers.
fn share(waiting: usize) -> usize {
    (waiting / 2).clamp(BATCH_WORTH, BATCH_MAX)
}

/// The engine's loop: take what queued, commit it, answer.
fn run(tools: &Tools, callers: Option<&Handle>, mut queue: mpsc::Receiver<Call>) {
    let mut calls = Vec::with_capacity(BATCH_MAX);
    let mut memos = memo::Memos::default();
    while queue.blocking_recv_many(&mut calls, share(queue.len())) > 0 {
        let mut jobs = Vec::with_capacity(calls.len());
        let (mut orders, mut marks, mut unlearned) = (Vec::new(), Vec::new(), Vec::new());
        for call in calls.drain(..) {
            match call {
                Call::Job(job) => jobs.push(job),
                Call::Letters(order, reply) => orders.push((order, reply)),
                Call::Mark(reply) => marks.push(reply),
                Call::Unlearn(ids, reply) => {
                    unlearned.extend(ids);
                    marks.push(reply);
                }
                Call::Finish => queue.close(),
            }
        }
        if !jobs.is_empty() {
            batch::run(tools, &mut memos, callers, jobs);
        }
        for (order, reply) in orders {
            let found = letters::carry_out(tools, &order);
            answers::answer_letters(tools, found, reply);
        }
        memos.forget(&unlearned);
        for reply in marks {
            drop(reply.send(Ok(())));
        }
    }
}
